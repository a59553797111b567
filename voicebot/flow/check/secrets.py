"""Where a secret would become known.

Knows how a secret gets from one variable into another, also into a flow that is called and back.
Must not know how secrets are kept out of logs and recordings in a call (dialog.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voicebot.flow import model, walk
from voicebot.flow.check.told import error
from voicebot.flow.expressions import Template
from voicebot.flow.walk import Survey, Use
from voicebot.flow.yamlfile import Finding

_TOLD = {
    Use.SAID: "said",
    Use.LOGGED: "logged",
    Use.URL: "put into a URL: put it into `json` or `headers`",
    Use.TAG: "made a tag",
    Use.DIALLED: "dialled",
}


@dataclass(frozen=True, slots=True)
class _Move:
    """What is made of variables of one flow becomes one of another (or the same)."""

    read: frozenset[str]
    of_flow: int
    becomes: str
    in_flow: int


def told(surveys: Sequence[Survey]) -> Iterator[Finding]:
    """Secrets that are said, logged, sent in a URL, made a tag or dialled.

    Args:
        surveys: a flow, and those that it calls.
    """
    secret = tainted(surveys)
    if not secret:
        return
    for found in surveys:
        for text in found.texts:
            what = _TOLD.get(text.use)
            for name in sorted(text.source.names) if what is not None else ():
                if (id(found.flow), name) in secret:
                    message = f'"{name}" is secret and may not be {what}'
                    yield error("secret-told", text.mark, message)


def tainted(surveys: Sequence[Survey]) -> set[tuple[int, str]]:
    """The secret variables: each by the id() of its flow and its name."""
    found = {(id(s.flow), name) for s in surveys for name in _asked(s)}
    if not found:
        return found
    moves = [move for one in surveys for move in _moves(one, surveys)]
    grown = True
    while grown:
        grown = False
        for move in moves:
            becomes = (move.in_flow, move.becomes)
            if becomes not in found and any((move.of_flow, n) in found for n in move.read):
                found.add(becomes)
                grown = True
    return found


def _asked(found: Survey) -> Iterator[str]:
    yield from found.flow.secrets
    for step in found.steps:
        if isinstance(step, model.Question | model.Record) and step.secret and step.to:
            yield step.to


def _moves(found: Survey, surveys: Sequence[Survey]) -> Iterator[_Move]:
    here = id(found.flow)
    for step in found.steps:
        if isinstance(step, model.Set):
            for name, value, _ in step.values:
                if isinstance(value, Template):
                    yield _Move(value.names, here, name, here)
        elif isinstance(step, model.Call):
            called = found.flow if step.flow is None else step.flow
            other = next(s for s in surveys if s.flow is called)
            yield from _moves_of_call(step, here, other)


def _moves_of_call(call: model.Call, here: int, other: Survey) -> Iterator[_Move]:
    there = id(other.flow)
    for name, data, _ in call.arguments:
        yield _Move(_names(data), here, name, there)
    if call.to is not None:
        for result in _returned(other):
            yield _Move(result, there, call.to, here)


def _returned(found: Survey) -> Iterator[frozenset[str]]:
    return (_names(step.value) for step in found.steps if isinstance(step, model.Return))


def _names(data: model.Data) -> frozenset[str]:
    return frozenset().union(*(template.names for template in walk.templates_in(data)))
