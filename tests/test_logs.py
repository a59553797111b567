"""Log lines as they arrive at the other end of standard error. A real pipe and a real thread: no virtual time."""

import json
import logging
import os
import re
import time
from collections.abc import Iterator

import pytest
import structlog

from voicebot.config import Log, LogFormat
from voicebot.logs import LineWriter, open_log

log = structlog.get_logger()


class Pipe:
    """A pipe in place of standard error."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def lines(self) -> list[str]:
        """What was written, once the log is closed. At most one buffer full."""
        os.set_blocking(self.reader, False)
        return os.read(self.reader, 1 << 20).decode().splitlines()

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_logfmt(pipe: Pipe) -> None:
    with open_log(Log(), pipe.writer), structlog.contextvars.bound_contextvars(call="c1"):
        log.info("call.started", caller="15551234", text="hello there", late=False, flow=None)
    (line,) = pipe.lines()
    time_, _, rest = line.partition(" ")
    assert re.fullmatch(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", time_)
    assert rest.startswith("level=info event=call.started ")
    assert set(re.findall(r'\w+=(?:"[^"]*"|\S*)', rest)[2:]) == {
        "call=c1",
        "caller=15551234",
        'text="hello there"',
        "late=false",
        "flow=",
    }


def test_json(pipe: Pipe) -> None:
    with open_log(Log(format=LogFormat.JSON), pipe.writer):
        log.warning("worker.died", code=-11, where=os, name="Müller")
    (line,) = pipe.lines()
    event = json.loads(line)
    assert list(event)[:3] == ["time", "level", "event"]
    assert (event["level"], event["event"], event["code"]) == ("warning", "worker.died", -11)
    assert "Müller" in line


@pytest.mark.parametrize("format_", list(LogFormat))
def test_one_line_for_each_event_whatever_is_in_it(pipe: Pipe, format_: LogFormat) -> None:
    with open_log(Log(format=format_), pipe.writer):
        try:
            int("one\ntwo")
        except ValueError:
            log.exception("call.failed", heard="a\r\nb\x1b[2J\u2028c\ud83d")
    (line,) = pipe.lines()
    assert "\x1b" not in line
    assert "Traceback" in line


def test_level(pipe: Pipe) -> None:
    with open_log(Log(level="warning"), pipe.writer):
        log.info("not.told")
        log.error("told")
    assert [line.partition("event=")[2] for line in pipe.lines()] == ["told"]


def test_libraries_warn_through_the_log(pipe: Pipe) -> None:
    with open_log(Log(), pipe.writer):
        logging.getLogger("some.library").warning("odd: %s", 1)
        logging.getLogger("some.library").info("chatter")
    (line,) = pipe.lines()
    assert 'event=library.logged logger=some.library message="odd: 1"' in line


def test_a_pipe_that_nobody_reads_costs_lines_but_no_time(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writer, lambda count: f"dropped {count}", size=10)
    begin = time.monotonic()
    for n in range(2000):
        writer.write(f"{n} " + "x" * 1000)
    assert time.monotonic() - begin < 0.5
    # The pipe holds some, ten wait; when somebody reads, the count of the others follows.
    writer.close(wait_s=0.01)
    text = ""
    while "dropped" not in text:
        text += os.read(pipe.reader, 65536).decode()
    written = text[: text.index("dropped")].count("\n")
    told = re.search(r"dropped (\d+)", text)
    assert told is not None
    assert written < 2000
    assert 0 < int(told[1]) <= 2000 - written


def test_a_reader_that_went_away_is_no_error() -> None:
    reader, writing = os.pipe()
    os.close(reader)
    writer = LineWriter(writing, str)
    writer.write("x")
    writer.close()
    os.close(writing)


def test_a_pipe_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    writer = LineWriter(pipe.writer, str)
    for _ in range(100):
        writer.write("x" * 1999)
    received = 0
    while received < 200_000:
        received += len(os.read(pipe.reader, 65536))
    writer.close()
    assert received == 200_000
