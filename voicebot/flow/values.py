"""The values of expressions and texts at a moment of a call.

Knows what an expression may read (variables, `call.…`, `now()`, `hours()`) and in which language a
value is said.  Must not know steps, questions or actions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from voicebot.flow import model
from voicebot.flow.expressions import (
    Expression,
    ExpressionError,
    Surroundings,
    Template,
    as_text,
    evaluate,
    fill,
)
from voicebot.flow.masking import MASK
from voicebot.flow.spoken import Language, language_of
from voicebot.flow.spoken.say import say
from voicebot.flow.stack import Stack
from voicebot.flow.verdicts import Verdicts

_Value = TypeVar("_Value")


class Hours(Protocol):
    """A calendar of config.yaml, or a test's word in its place."""

    def open_at(self, moment: datetime) -> bool:
        """Whether somebody is there; `moment` knows its time zone."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What the flow may read as `call.…`.  `started` is in the flow's time zone."""

    id: str
    started: datetime
    caller: str = ""
    called: str = ""
    hours: Mapping[str, Hours] = field(default_factory=dict)
    """The calendars by name."""
    caller_name: str = ""
    channel: str = ""
    """The caller's, in Asterisk."""
    channel_language: str = ""
    """As Asterisk writes it: en, de."""
    args: Mapping[str, str] = field(default_factory=dict)
    """What the dialplan passes on, by name."""


class Values:
    """Evaluates for one call, in the scope of the step being run."""

    def __init__(self, call: CallInfo, stack: Stack, verdicts: Verdicts) -> None:
        self._call = call
        self._stack = stack
        self._verdicts = verdicts
        self.language = stack.outermost.flow.language
        """The tag of the language that the call is in."""
        self.now_s = 0.0
        self.left_at: str | None = None
        """The node in which the caller left."""
        self.mark: str | None = None
        """The last one that the caller had heard when he began to speak or to press keys."""
        self.mark_time: float | None = None
        """How many seconds before."""
        self.not_taken: str | None = None
        """Why the last transfer came back."""

    def copied(self, stack: Stack, verdicts: Verdicts) -> Values:
        """The same for a call that stands where this one does."""
        other = copy(self)
        other._stack, other._verdicts = stack, verdicts  # noqa: SLF001 - one of us
        return other

    @property
    def now(self) -> datetime:
        return self._call.started + timedelta(seconds=self.now_s)

    def language_in(self, flow: model.Flow) -> str:
        """A called flow may not know the language that its caller has changed to."""
        return self.language if self.language in flow.languages else flow.language

    def is_secret(self, names: Collection[str]) -> bool:
        """Whether one of these variables holds a secret."""
        return not self._stack.scope.secrets.isdisjoint(names)

    # Each of these raises ExpressionError ----------------------------------------------------

    def truth(self, condition: Expression) -> bool:
        def decide() -> bool:
            return bool(evaluate(condition, self._around()))

        if not self.is_secret(condition.names):
            return decide()
        return self._verdicts.judge(decide, bool, bool)

    def of(self, value: Template | model.Constant) -> object:
        """The value of what is written: a template's, or the constant itself."""
        if not isinstance(value, Template):
            return value

        def decide() -> object:
            return fill(value, self._around())

        if not self.is_secret(value.names):
            return decide()
        return self._verdicts.judge(decide, lambda _: True, lambda _: MASK)

    def text(self, value: Template | model.Constant) -> str:
        return as_text(self.of(value))

    def pieces(self, value: Template) -> tuple[str, ...]:
        """Its parts as text, in order: as written, and as filled in."""
        return tuple(
            part if isinstance(part, str) else self.text(Template((part,))) for part in value.parts
        )

    def data(self, value: model.Data) -> object:
        """JSON with its templates filled."""
        if isinstance(value, Mapping):
            return {name: self.data(part) for name, part in value.items()}
        if isinstance(value, tuple):
            return [self.data(part) for part in value]
        return self.of(value)

    def _around(self) -> Surroundings:
        flow = self._stack.scope.flow
        language = _spoken(self.language_in(flow))
        return Surroundings(
            variables=self._names(),
            functions={
                "now": lambda: self.now.isoformat(timespec="minutes")[:16],
                "today": lambda: self.now.date().isoformat(),
                "hours": self._hours,
            },
            say=partial(_say, language, flow.currency, self.now),
        )

    def _names(self) -> Mapping[str, object]:
        scope = self._stack.scope
        call = {
            "id": self._call.id,
            "caller": self._call.caller,
            "caller_name": self._call.caller_name,
            "called": self._call.called,
            "channel": self._call.channel,
            "channel_language": self._call.channel_language,
            "args": self._call.args,
            "started": self._call.started.isoformat(timespec="seconds"),
            "language": self.language,
            "node": self.left_at or scope.node,
            "mark": self.mark,
            "mark_time": self.mark_time,
            "transfer": self.not_taken,
        }
        return {**scope.variables, "call": call}

    def _hours(self, name: object) -> bool:
        calendar = self._call.hours.get(str(name))
        if calendar is None:
            raise LookupError(f'no calendar is called "{name}" in config.yaml')
        return calendar.open_at(self.now)


def reads(data: model.Data) -> frozenset[str]:
    """The variables that stand anywhere in it."""
    if isinstance(data, Template):
        return data.names
    if isinstance(data, Mapping):
        return frozenset[str]().union(*(reads(part) for part in data.values()))
    if isinstance(data, tuple):
        return frozenset[str]().union(*(reads(part) for part in data))
    return frozenset()


def _spoken(tag: str) -> Language:
    language = language_of(tag)
    if language is None:
        raise ExpressionError(f'the language "{tag}" is not known')
    return language


def _say(language: Language, currency: str, now: datetime, kind: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise TypeError(f"only a text or a number can be said as {kind}")
    return say(language, kind, value, currency, now)


__all__ = ["CallInfo", "Hours", "Values", "reads"]
