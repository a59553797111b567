"""A traced call once more: the same events, through the flow of then or through another.

Knows how a dialogue is fed from a trace and where two runs differ.  Must not know how a trace is
written or what the difference looks like on a screen (commands/replaying.py).

Up to the first difference a replay proves something; behind it the caller of the trace answers
questions that were never asked, so it stops there.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, zip_longest
from pathlib import Path

from voicebot.flow.dialog import Dialog
from voicebot.flow.loader import load_flow
from voicebot.flow.masking import MASK
from voicebot.flow.model import Flow
from voicebot.flow.values import CallInfo
from voicebot.flow.yamlfile import Finding, Severity
from voicebot.records.codec import Json, TraceError, encode_action
from voicebot.records.reading import ReadTrace, Told
from voicebot.records.secrets import masked_action, scrubbed
from voicebot.records.trace import places_of


@dataclass(frozen=True, slots=True)
class Difference:
    """The first event after which the bot does something else."""

    number: int
    """Of the event, from 0."""
    then: tuple[Json, ...]
    now: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """How a replay went: identical where there is no difference."""

    trace: ReadTrace
    nodes: tuple[str, ...]
    """The node that the call was in before each event that was replayed."""
    difference: Difference | None


def traced_flow(trace: ReadTrace) -> Flow:
    """The flow as it was when the call came, from the texts in the trace.

    Its sound files need not be there; nothing is proved, since it took a call.

    Raises:
        TraceError: this version of voicebot cannot read it any more.
    """
    with tempfile.TemporaryDirectory(prefix="voicebot-replay-") as name:
        folder = Path(name)
        for file, text in trace.header.files.items():
            path = folder / file
            if not path.resolve().is_relative_to(folder.resolve()):
                raise TraceError(f"the trace names a flow file outside its folder: {file}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        first = next(iter(trace.header.files), None)
        if first is None:
            raise TraceError("the trace holds no flow: replay it with --flow FILE")
        flow, findings = load_flow(folder / first)
        if flow is None:
            raise TraceError(
                f"the flow of the trace was for voicebot {trace.header.voicebot}; this one cannot "
                f"read it: {_first(findings)}"
            )
        return flow


def changed_flow(path: Path, flow: Flow | None, findings: Sequence[Finding]) -> Flow:
    """A flow that was read from that file and proved as for a call.

    Raises:
        TraceError: it has errors.
    """
    if flow is None:
        raise TraceError(f"{_first(findings)} (see voicebot check {path})")
    return flow


def _first(findings: Sequence[Finding]) -> str:
    errors = [str(one) for one in findings if one.severity is Severity.ERROR]
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    return errors[0] + more


def replayed(trace: ReadTrace, flow: Flow, *, changed: bool = False) -> Replay:
    """Go through the call again.

    Args:
        changed: the flow is not that of the trace, so its questions may stand at other lines.
    """
    header = trace.header
    answers = {(name, at): is_open for told in trace.told for name, at, is_open in told.hours}
    info = CallInfo(
        header.id,
        header.started,
        caller=header.caller,
        called=header.called,
        hours={name: _HoursThen(name, answers) for name in header.calendars},
        caller_name=header.caller_name,
        channel=header.channel,
        channel_language=header.channel_language,
        args=header.args,
    )
    verdicts = list(chain.from_iterable(told.verdicts for told in trace.told))
    dialog = Dialog(flow, info, header.seed, verdicts=verdicts)
    places = {} if changed else places_of(flow)
    nodes: list[str] = []
    for number, told in enumerate(trace.told):
        nodes.append(dialog.node)
        now = _acted(dialog, told, places, flow.path.parent)
        then = told.actions
        if changed:
            then, now = _without_places(then), _without_places(now)
        if not same(then, now):
            return Replay(trace, tuple(nodes), Difference(number, tuple(then), tuple(now)))
    return Replay(trace, tuple(nodes), None)


def _acted(dialog: Dialog, told: Told, places: Mapping[int, str], folder: Path) -> tuple[Json, ...]:
    actions = dialog.handle(told.event)
    secrets = dialog.secret_texts() - {MASK}
    encoded = (
        masked_action(
            encode_action(one, folder, places.get(id(getattr(one, "expectation", None)), ""))
        )
        for one in actions
    )
    return tuple(scrubbed(one, secrets) for one in encoded)


def _without_places(actions: Sequence[Json]) -> tuple[Json, ...]:
    return tuple(
        {**one, "question": ""} if isinstance(one, dict) and "question" in one else one
        for one in actions
    )


def same(then: object, now: object) -> bool:
    """Whether two pieces of JSON are alike; a mask stands for whatever it hid."""
    match then, now:
        case str(), str():
            return then == now or _fits(then, now) or _fits(now, then)
        case dict(), dict():
            return then.keys() == now.keys() and all(same(then[key], now[key]) for key in then)
        case ((list() | tuple()), (list() | tuple())):
            pairs = zip_longest(then, now, fillvalue=_NOTHING)
            return all(same(one, other) for one, other in pairs)
        case _:
            return MASK in (then, now) or (type(then) is type(now) and then == now)


_NOTHING = object()


def _fits(pattern: str, text: str) -> bool:
    """Whether the text is the pattern, with anything in place of its masks."""
    if MASK not in pattern:
        return False
    return re.fullmatch(".*".join(map(re.escape, pattern.split(MASK))), text, re.DOTALL) is not None


class _HoursThen:
    """A calendar as it answered in the traced call."""

    def __init__(self, name: str, answers: Mapping[tuple[str, str], bool]) -> None:
        self._name, self._answers = name, answers

    def open_at(self, moment: datetime) -> bool:
        """What it said then; a moment that nobody asked about is closed."""
        return self._answers.get((self._name, moment.isoformat()), False)
