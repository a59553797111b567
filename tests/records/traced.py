"""Calls with a trace, without a daemon: a dialogue is told events, and the trace is written at once.

Knows how a trace is made of a call.  Must not know what is done with it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from voicebot.flow import events as ev
from voicebot.flow.answers import Word
from voicebot.flow.dialog import Dialog
from voicebot.flow.model import Flow
from voicebot.flow.values import CallInfo
from voicebot.records.trace import FlowTexts, HoursKept, ServedFlow, Trace
from voicebot.records.writer import Writer


class AtOnce:
    """A writer that does each job at once; `behind`: a disk that takes none."""

    def __init__(self) -> None:
        self.behind = False

    def do(self, job: Callable[[], None]) -> bool:
        if not self.behind:
            job()
        return not self.behind


CALL = CallInfo("a-call", datetime(2027, 3, 1, 10, tzinfo=UTC), "15551234", "7001")


def said(at_s: float, text: str) -> ev.SpeechHeard:
    return ev.SpeechHeard(at_s, tuple(Word(word, 0.9) for word in text.split()))


def keys(at_s: float, pressed: str) -> list[ev.Event]:
    return [ev.KeyPressed(at_s + n / 10, key) for n, key in enumerate(pressed)]


def trace_of(
    flow: Flow,
    events: Iterable[ev.Event],
    path: Path,
    *,
    call: CallInfo = CALL,
    end: str | None = "bot hung up",
) -> Dialog:
    """Take a call, and leave its trace in `path`.

    Returns:
        The dialogue as it was at the end.
    """
    path.unlink(missing_ok=True)
    served = ServedFlow.of(flow, FlowTexts.of(flow))
    trace = Trace(path, served, cast("Writer", AtOnce()))
    hours = {name: HoursKept(name, hours, trace.answers) for name, hours in call.hours.items()}
    dialog = Dialog(flow, replace(call, hours=hours), 7)
    trace.begin(call, 7)
    secrets: frozenset[str] = frozenset()
    for event in events:
        actions = dialog.handle(event)
        secrets |= dialog.secret_texts()
        trace.told(event, actions, tuple(dialog.verdicts), secrets)
    if end is not None:
        trace.end(end, 12.0)
    trace.file.close()
    return dialog
