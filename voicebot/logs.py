"""The log: one line for each event on standard error, key=value or JSON.

Knows: structlog's set-up and the thread that writes. Must not know: which events there are.

A log line may come from the media clock's thread, where nothing may block, and standard error may be a pipe that nobody
reads. So lines go through a bounded queue to one thread of their own; what does not fit is counted and told later.
"""

import logging
import os
import queue
import re
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import structlog

from voicebot.config import Log, LogFormat

STDERR = 2

# A few seconds of a busy machine's events; about 2 MB when full.
_QUEUE_LINES = 10_000
# How long the end of the program waits for a reader of the log.
_LAST_LINES_S = 2.0

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# What a peer sent may be in a value: it must neither begin a line nor steer a terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Event = dict[str, Any]
Render = Callable[[str, Event], str]


class LineWriter:
    """Writes lines to a file descriptor from a thread of its own. `write` never waits.

    Args:
        fd: where to write; stays open.
        told_of_drops: makes the line that tells how many lines were dropped.
        size: how many lines wait at most.
    """

    def __init__(
        self, fd: int, told_of_drops: Callable[[int], str], size: int = _QUEUE_LINES
    ) -> None:
        self._fd = fd
        self._told_of_drops = told_of_drops
        self._lines: queue.Queue[str | None] = queue.Queue(size)
        self._dropped = 0
        # A daemon thread, and os.write in place of sys.stderr: a pipe without a reader cannot hold up the exit.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Queue one line (without its end), or count it as dropped when the queue is full."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def close(self, wait_s: float = _LAST_LINES_S) -> None:
        """Write what is queued, for at most so long."""
        try:
            self._lines.put(None, timeout=wait_s)
        except queue.Full:
            return
        self._thread.join(wait_s)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            self._put(line)
            self._tell_dropped()
        self._tell_dropped()

    def _tell_dropped(self) -> None:
        # A drop that is counted between these two lines is lost from the count: that is cheaper than a lock.
        if self._dropped and self._lines.qsize() < self._lines.maxsize:
            count, self._dropped = self._dropped, 0
            self._put(self._told_of_drops(count))

    def _put(self, line: str) -> None:
        data = f"{line}\n".encode("utf-8", "backslashreplace")
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                select.select([], [self._fd], [])
            except OSError:
                return  # nobody reads the log any more; calls go on


@contextmanager
def open_log(settings: Log, fd: int = STDERR) -> Iterator[None]:
    """Send structlog's events and the warnings of the standard library's logging there while the context lasts.

    At its end the last lines are written; a reader that does not read them is waited for two seconds.
    """
    render = _RENDER[settings.format]
    level = _LEVELS[settings.level]
    writer = LineWriter(
        fd, lambda count: render("warning", {"event": "log.dropped", "lines": count})
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            _rendered(render),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Sink(writer),
        cache_logger_on_first_use=False,
    )
    bridge = _Bridge(level=max(level, logging.WARNING))
    logging.getLogger().addHandler(bridge)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(bridge)
        structlog.reset_defaults()
        writer.close()


class _Sink:
    """What structlog calls with a finished line: a method for each level, all the same."""

    def __init__(self, writer: LineWriter) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = writer.write


class _Bridge(logging.Handler):
    """Libraries log with the standard library; their warnings become events, too."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            "library.logged",
            logger=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )


def _rendered(render: Render) -> structlog.typing.Processor:
    def last(_logger: object, level: str, event: structlog.typing.EventDict) -> str:
        return render(level, dict(event))

    return last


def _in_order(level: str, event: Event) -> Event:
    """Time, level and name first, so that lines can be read from top to bottom."""
    time = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
    return {"time": time, "level": level, "event": event.pop("event", ""), **event}


_render_logfmt = structlog.processors.LogfmtRenderer(bool_as_flag=False)
_render_json = structlog.processors.JSONRenderer(ensure_ascii=False)


def _logfmt(level: str, event: Event) -> str:
    line = _render_logfmt(None, level, _in_order(level, event))
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", line)


def _json(level: str, event: Event) -> str:
    line = _render_json(None, level, _in_order(level, event))
    text = line if isinstance(line, str) else line.decode()
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


_RENDER: dict[LogFormat, Render] = {LogFormat.LOGFMT: _logfmt, LogFormat.JSON: _json}
