"""The questions that the bench asks, as a flow.

Knows where they are written down, and how one patience for all of them is put in.  Must not know
what is answered, or how.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Final

from voicebot.bench.corpus import TODAY
from voicebot.flow import events as ev
from voicebot.flow.answers import Word, words
from voicebot.flow.check import checked_flow
from voicebot.flow.dialog import Dialog
from voicebot.flow.model import Flow
from voicebot.flow.values import CallInfo

QUESTIONS: Final = Path(__file__).with_name("questions.yaml")
LANGUAGE: Final = "en-US"
ALL: Final = (
    "yes_no", "menu", "choice", "digit", "digits4", "digits", "number", "amount", "date", "time",
    "phone", "spelling", "form", "text",
)  # fmt: skip
SLOTS: Final = ("day", "time", "party")
"""Of the form."""
LONG: Final = "long_"
"""Before a question's name: the node that makes a long announcement first."""
CAN_BE_INTERRUPTED: Final = ("yes_no", "menu", "choice", "digits4")
_DEFAULTS: Final = "defaults: {"


def flow_with(end_silence_s: float | None) -> Flow:
    """Read the questions.

    Args:
        end_silence_s: the silence that ends any answer; None: what voicebot makes of the question.
    """
    text = QUESTIONS.read_text("utf-8")
    if end_silence_s is not None:
        written = f"{_DEFAULTS}end_silence: {end_silence_s * 1000:.0f}ms, "
        text = text.replace(_DEFAULTS, written, 1)
    # A file of its own: several processes read theirs at once, and the cache may be read-only.
    with tempfile.TemporaryDirectory(prefix="voicebot-bench-") as folder:
        path = Path(folder) / QUESTIONS.name
        path.write_text(text, "utf-8")
        flow, findings = checked_flow(path)
    if flow is None:  # it comes with voicebot
        raise ValueError("\n".join(map(str, findings)))
    return flow


def call_about(question: str, *, long: bool) -> CallInfo:
    """A call in which this question is asked; it is always the same day."""
    node = LONG + question if long else question
    return CallInfo("bench", datetime.combine(TODAY, time(10), UTC), called=node)


def value_of(question: str, variables: Mapping[str, object]) -> object:
    """What was understood; None: nothing."""
    if question != "form":
        return variables.get(question)
    filled = {name: variables.get(name) for name in SLOTS}
    return {name: value for name, value in filled.items() if value is not None} or None


def meant(flow: Flow, question: str, said: str) -> object:
    """What is understood where every word is heard as it was said; None: nothing."""
    dialog = Dialog(flow, call_about(question, long=False), 1)
    dialog.handle(ev.Answered(0.0))
    dialog.handle(ev.PromptsFinished(1.0))
    dialog.handle(ev.SpeechStarted(2.0))
    actions = dialog.handle(ev.SpeechHeard(3.0, tuple(map(Word, words(said)))))
    kinds = {action.kind for action in actions if isinstance(action, ev.Note)}
    return value_of(question, dialog.shown_variables()) if "understood" in kinds else None


def same(wanted: object, found: object) -> bool:
    """Whether two values are the same; a one is no yes."""
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    return wanted == found
