"""A trace as it is read: the other end of trace.py.

Knows the lines of the file, and that it may be torn, damaged, of a newer version or none at all.
Must not know flows or what to make of a trace (replay.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicebot import __version__
from voicebot.flow import events as ev
from voicebot.records.codec import Json, TraceError, as_dict, decode_event
from voicebot.records.trace import FORMAT, Answer


@dataclass(frozen=True, slots=True)
class Header:
    """What a replay needs beside the events."""

    voicebot: str
    flow: str
    path: str
    seed: int
    id: str
    started: datetime
    caller: str
    called: str
    caller_name: str
    channel: str
    channel_language: str
    args: Mapping[str, str]
    """Nothing of these four is in a trace of format 2."""
    calendars: tuple[str, ...]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """One event with what it led to then."""

    event: ev.Event
    actions: tuple[Json, ...]
    verdicts: tuple[object, ...]
    hours: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class ReadTrace:
    header: Header
    told: tuple[Told, ...]
    turns: Mapping[int, Mapping[str, Json]]
    """The waterfalls, by the number of the event that the turn begins with, from 0."""
    facts: tuple[Mapping[str, Json], ...]
    end: str | None
    """Why the call ended; None: the trace does not come so far."""
    torn: bool
    """The last line was not whole, or lines could not be written in time."""


def read_trace(path: Path) -> ReadTrace:
    """Read a trace.

    Raises:
        TraceError: it is none, it is of a newer voicebot, or a line in its middle cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from None
    lines = data.decode("utf-8", "replace").split("\n")
    # What stands behind the last line's end is nothing, or a line that was being written.
    torn = bool(lines.pop().strip())
    header = _header(lines[0] if lines else "", path)
    told: list[Told] = []
    turns: dict[int, Mapping[str, Json]] = {}
    facts: list[Mapping[str, Json]] = []
    end: str | None = None
    for number, written in _lines(lines[1:], path):
        match written:
            case {"event": str()}:
                told.append(_told(written, f"{path}:{number}"))
            # The second is how format 1 has it.
            case {"turn": dict(stages)} | ({"fact": "turn"} as stages):
                turns[_begin(told)] = stages
            case {"fact": str()}:
                facts.append(written)
            case {"end": str() as end}:
                pass
            case {"lost": int() as lost}:
                raise TraceError(
                    f"{path}:{number}: the disk was too slow for {lost} lines here, so what came "
                    "after them cannot be replayed"
                )
            case _:
                raise TraceError(f"{path}:{number}: this voicebot knows no such line")
    return ReadTrace(header, tuple(told), turns, tuple(facts), end, torn or end is None)


def _begin(told: Sequence[Told]) -> int:
    """The event that begins the turn that was answered now: what the caller did last."""
    numbers = range(len(told) - 1, -1, -1)
    caller = (ev.SpeechHeard, ev.KeyPressed)
    return next((number for number in numbers if isinstance(told[number].event, caller)), 0)


def _lines(lines: Sequence[str], path: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    for number, text in enumerate(lines, start=2):
        try:
            written = json.loads(text)
        except ValueError:
            raise TraceError(f"{path}:{number}: this line is damaged") from None
        yield number, written if isinstance(written, dict) else {}


def _header(text: str, path: Path) -> Header:
    none = f"{path}: this is no trace of a call: its first line would say so"
    try:
        written = json.loads(text)
    except ValueError:
        raise TraceError(none) from None
    if not isinstance(written, dict) or not isinstance(written.get("trace"), int):
        raise TraceError(none)
    if written["trace"] > FORMAT:
        raise TraceError(
            f"{path}: written by voicebot {written.get('voicebot')}, which is newer than this one "
            f"({__version__}): replay it there"
        )
    try:
        return _header_of(written)
    except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError) as error:
        raise TraceError(f"{path}: the header is damaged: {error!r}") from None


def _header_of(written: dict[str, Json]) -> Header:
    call = as_dict(written["call"])
    started = datetime.fromisoformat(str(call["started"]))
    if call.get("zone"):
        started = started.astimezone(ZoneInfo(str(call["zone"])))
    calendars = call["calendars"]
    return Header(
        voicebot=str(written["voicebot"]),
        flow=str(written["flow"]),
        path=str(written["path"]),
        seed=int(str(written["seed"])),
        id=str(call["id"]),
        started=started,
        caller=str(call["caller"]),
        called=str(call["called"]),
        caller_name=str(call.get("caller_name", "")),
        channel=str(call.get("channel", "")),
        channel_language=str(call.get("channel_language", "")),
        args={name: str(value) for name, value in as_dict(call.get("args", {})).items()},
        calendars=tuple(map(str, calendars if isinstance(calendars, list) else ())),
        files={name: str(text) for name, text in as_dict(written["files"]).items()},
    )


def _told(written: dict[str, Json], place: str) -> Told:
    beside = {"actions", "verdicts", "hours"}
    try:
        event = decode_event({key: value for key, value in written.items() if key not in beside})
    except TraceError as error:
        raise TraceError(f"{place}: {error}") from None
    actions, verdicts, hours = (written.get(key) or [] for key in ("actions", "verdicts", "hours"))
    if not (isinstance(actions, list) and isinstance(verdicts, list) and isinstance(hours, list)):
        raise TraceError(f"{place}: this line is damaged")
    return Told(event, tuple(actions), tuple(verdicts), tuple(map(_answer, hours)))


def _answer(written: Json) -> Answer:
    match written:
        case [str(name), str(moment), bool(is_open)]:
            return name, moment, is_open
        case _:
            raise TraceError(f"{written!r} is not what a calendar answers")
