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


class Appended:
    """A file that grows.  Its methods are jobs: they wait for the disk.

    Each `write` is one write(2), so that a crash of this process tears nothing but maybe the last
    line.  After the first error nothing more is written, and it is told once.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        """Prepare to write there; folders and file are made by the first `write`.

        Args:
            shared: add to the file that is there.  Otherwise a new one is made: where the name is
                taken (two calls may carry one identifier) under "NAME-2" and so on.
        """
        self.path = path
        self._shared = shared
        self._fd = -1
        self._broken = False

    def write(self, data: bytes) -> None:
        if self._broken:
            return
        try:
            if self._fd < 0:
                self._open()
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            self._broken = True
            not_written(self.path, error)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        if not self._shared:
            self.path = untaken(self.path)
            flags |= os.O_EXCL
        # What callers said is nobody's business but the operator's.
        self._fd = os.open(self.path, flags, 0o640)


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
