"""The thread that writes what calls leave behind, so that no call and no clock waits for a disk.

Knows jobs in their order, and files that are appended to.  Must not know what is in them.

One thread serves all calls: what one call hands over is written in the order it was handed over, so
a call's record, handed over last, is written when the rest is there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Final, Self

import structlog

log = structlog.get_logger()

JOBS: Final = 4000
"""Several seconds of 200 recorded calls; their sound is the most of it, 32 kB a job, 130 MB in all."""
LAST_JOBS_S: Final = 5.0
"""How long the end of the program waits for a disk."""


class Writer:
    """Does jobs in a thread of its own, one after the other.  A context manager: its end does the rest."""

    def __init__(self, jobs: int = JOBS) -> None:
        self._most = jobs
        # Not Queue: this one hands over in 0.1 us, and a bound that is off by a few jobs is one, too.
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.put(None)
        self._thread.join(LAST_JOBS_S)

    def do(self, job: Callable[[], None]) -> bool:
        """Have something written, without waiting.

        Returns:
            Whether it will be: False when the disk is so far behind that the queue is full.
        """
        if self._jobs.qsize() >= self._most:
            return False
        self._jobs.put(job)
        return True

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                # A fault of ours in one call's record; the others are still written.
                log.exception("records.fault")


class LateFile:
    """A file that is made when there is something to write.  Its methods are jobs: they wait for the disk.

    After the first error nothing more is written, and it is told once.
    """

    def __init__(self, path: Path, flags: int) -> None:
        """Prepare to write there; folders and file are made by the first `attempt`.

        Args:
            flags: of open(2), beside those for writing.  With O_EXCL a new file is made: where the
                name is taken (two calls may carry one identifier) under "NAME-2" and so on.
        """
        self.path = path
        self.broken = False
        self._flags = flags | os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        self._fd = -1

    def attempt(self, write: Callable[[int], None]) -> None:
        """Have something written to the file's descriptor; an OSError breaks the file."""
        if self.broken:
            return
        try:
            if self._fd < 0:
                self._open()
            write(self._fd)
        except OSError as error:
            self.broken = True
            not_written(self.path, error)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._flags & os.O_EXCL:
            self.path = untaken(self.path)
        # What callers said is nobody's business but the operator's.
        self._fd = os.open(self.path, self._flags, 0o640)


class Appended:
    """A file that grows.  Its methods are jobs: they wait for the disk.

    Each `write` is one write(2), so that a crash of this process tears nothing but maybe the last line.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        """Prepare to write there; `shared` adds to the file that is there, otherwise a new one is made."""
        self._file = LateFile(path, os.O_APPEND | (0 if shared else os.O_EXCL))

    @property
    def path(self) -> Path:
        return self._file.path

    def write(self, data: bytes) -> None:
        def all_of_it(fd: int) -> None:
            rest = data
            while rest:
                rest = rest[os.write(fd, rest) :]

        self._file.attempt(all_of_it)

    def close(self) -> None:
        self._file.close()


def untaken(path: Path) -> Path:
    """This name, or the next of "NAME-2", "NAME-3" … that no file has."""
    stem, dot, suffixes = path.name.partition(".")
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"{stem}-{number}{dot}{suffixes}")
    return path


def not_written(path: Path, error: OSError) -> None:
    """Tell that a record of a call is lost, and what to do."""
    log.warning(
        "records.not_written",
        path=str(path),
        reason=error.strerror or str(error),
        remedy="make room or correct records.folder",
    )
