"""A trace: one call as its events and what they led to, so that it can be gone through again.

Knows the lines of the file and how they are written in the call.  Must not know audio, nor how a
trace is read (reading.py) or what to make of it (replay.py).

JSON lines: a header with all that a replay needs, the flow files among it; then one line for each
event with its actions; between them the waterfall of each turn, behind the event that it begins
with, and facts that explain the call (what was heard, which server was slow); at last why the call
ended.  A line that is torn, the last one of a crash, is passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from voicebot import __version__
from voicebot.flow import events as ev
from voicebot.flow import model
from voicebot.flow.values import CallInfo, Hours
from voicebot.flow.walk import all_flows
from voicebot.records.codec import Json, as_dict, encode_action, encode_event
from voicebot.records.secrets import EventMask, masked_action, scrubbed
from voicebot.records.writer import Appended, Writer

FORMAT: Final = 3
"""Of the file.  To be raised when an older voicebot would replay a trace wrongly, or not at all."""
IN_EVENTS: Final = frozenset({"said", "key", "log"})
"""Facts that the events and actions have, word for word."""


# The flow --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FlowTexts:
    """The files that a flow was made of, word for word; the flow's own is the first."""

    files: Mapping[str, str]
    """By their path from the folder of the flow's own file."""

    @classmethod
    def of(cls, flow: model.Flow) -> FlowTexts:
        """Read them.  Right after the flow was loaded, or they may be others already.

        Raises:
            OSError, UnicodeDecodeError: a file that could be read a moment ago cannot any more.
        """
        folder = flow.path.parent
        paths = dict.fromkeys(one.path for one in all_flows(flow))
        return cls({_relative(path, folder): path.read_text("utf-8") for path in paths})

    @property
    def digest(self) -> str:
        """Changes with the files."""
        return _sha256(json.dumps(list(self.files.items())))


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def places_of(flow: model.Flow) -> Mapping[int, str]:
    """Where the question of each expectation stands, by the id of the expectation."""
    return {
        id(expectation): f"{question.mark.line}:{question.mark.column}"
        for one in all_flows(flow)
        for (question, _), expectation in one.expectations.items()
    }


# What is asked beside the events ---------------------------------------------------------------

Answer = tuple[str, str, bool]
"""A calendar, a moment and whether it was open then."""


class HoursKept:
    """A calendar that remembers what it was asked."""

    def __init__(self, name: str, hours: Hours, answers: list[Answer]) -> None:
        self._name, self._hours, self._answers = name, hours, answers

    def open_at(self, moment: datetime) -> bool:
        is_open = self._hours.open_at(moment)
        self._answers.append((self._name, moment.isoformat(), is_open))
        return is_open


# Writing ---------------------------------------------------------------------------------------


class Trace:
    """One call's trace on its way to its file.  Its methods cost the call some microseconds."""

    def __init__(self, path: Path, served: ServedFlow, writer: Writer) -> None:
        self.file = Appended(path)
        self._writer = writer
        self._mask = EventMask(served.flow)
        self._places = served.places
        self._folder = served.flow.path.parent
        self._served = served
        self.answers: list[Answer] = []
        """Of calendars, since the event before; also to what was only foreseen."""
        self._lost = 0

    def begin(self, info: CallInfo, seed: int) -> None:
        self._do(partial(self._write_header, info, seed))

    def told(
        self,
        event: ev.Event,
        actions: Sequence[ev.Action],
        verdicts: Sequence[object],
        secrets: frozenset[str],
    ) -> None:
        """An event has been dealt with."""
        answers, self.answers[:] = tuple(self.answers), ()
        self._do(partial(self._write_event, event, actions, verdicts, secrets, answers))

    def fact(
        self, name: str, at_s: float, fields: Mapping[str, object], secrets: frozenset[str]
    ) -> None:
        """Something that a reader of the trace wants to know, though a replay does not."""
        if name in IN_EVENTS:
            return
        self._do(partial(self._write_fact, name, at_s, fields, secrets))

    def turn(self, at_s: float, stages: Mapping[str, object], secrets: frozenset[str]) -> None:
        """The caller has been answered."""
        self._do(partial(self._write_turn, at_s, stages, secrets))

    def end(self, reason: str, seconds: float) -> None:
        self._do(partial(self._write, {"end": reason, "seconds": round(seconds, 3)}))
        self._writer.do(self.file.close)

    def _do(self, job: partial[None]) -> None:
        if self._lost and self._writer.do(partial(self._write, {"lost": self._lost})):
            self._lost = 0
        if not self._writer.do(job):
            self._lost += 1

    # Jobs: in the writer's thread, in the same order -----------------------------------------

    def _write_header(self, info: CallInfo, seed: int) -> None:
        flow = self._served.flow
        header: dict[str, Json] = {
            "trace": FORMAT,
            "voicebot": __version__,
            "flow": flow.name,
            "path": str(flow.path),
            "sha256": {name: _sha256(text) for name, text in self._served.texts.files.items()},
            "seed": str(seed),  # 128 bits: most readers of JSON would round the number
            "call": {
                "id": info.id,
                "started": info.started.isoformat(),
                "zone": _zone(info.started),
                "caller": info.caller,
                "called": info.called,
                "caller_name": info.caller_name,
                "channel": info.channel,
                "channel_language": info.channel_language,
                "args": dict(info.args),
                "calendars": list(info.hours),
            },
            "files": dict(self._served.texts.files),
        }
        self._write(header)

    def _write_event(
        self,
        event: ev.Event,
        actions: Sequence[ev.Action],
        verdicts: Sequence[object],
        secrets: frozenset[str],
        answers: Sequence[Answer],
    ) -> None:
        line: dict[str, Json] = dict(encode_event(self._mask.told(event, actions)))
        line["actions"] = [self._encoded(action) for action in actions]
        line = as_dict(scrubbed(line, secrets))
        if verdicts:
            line["verdicts"] = _as_json(list(verdicts))
        if answers:
            line["hours"] = [list(answer) for answer in answers]
        self._write(line)

    def _write_fact(
        self, name: str, at_s: float, fields: Mapping[str, object], secrets: frozenset[str]
    ) -> None:
        line = {"fact": name, "at_s": round(at_s, 4), **as_dict(_as_json(dict(fields)))}
        self._write(as_dict(scrubbed(line, secrets)))

    def _write_turn(
        self, at_s: float, stages: Mapping[str, object], secrets: frozenset[str]
    ) -> None:
        line: dict[str, Json] = {"turn": as_dict(_as_json(dict(stages))), "at_s": round(at_s, 4)}
        self._write(as_dict(scrubbed(line, secrets)))

    def _encoded(self, action: ev.Action) -> Json:
        place = ""
        if isinstance(action, ev.Listen):
            place = self._places.get(id(action.expectation), "")
        return masked_action(encode_action(action, self._folder, place))

    def _write(self, line: Mapping[str, Json]) -> None:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        # A lone surrogate is in no text that a person wrote, but a server may send anything.
        self.file.write(text.encode("utf-8", "surrogatepass") + b"\n")


@dataclass(frozen=True, slots=True)
class ServedFlow:
    """A flow that takes calls, with what the traces of its calls need."""

    flow: model.Flow
    texts: FlowTexts
    places: Mapping[int, str] = field(repr=False)

    @classmethod
    def of(cls, flow: model.Flow, texts: FlowTexts) -> ServedFlow:
        return cls(flow, texts, places_of(flow))


def _zone(moment: datetime) -> str | None:
    return moment.tzinfo.key if isinstance(moment.tzinfo, ZoneInfo) else None


def _as_json(value: object) -> Json:
    """What JSON will make of it: tuples are lists there."""
    written: Json = json.loads(json.dumps(value, default=str))
    return written
