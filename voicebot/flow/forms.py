"""What a form still needs, and what an answer gives it.

Knows slots, their order and when a form is confirmed.  Must not know prompts, keys or the rest of
the dialogue: what it decides are pure functions of a form and the variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from voicebot.flow import model
from voicebot.flow.meaning import Filled, Meaning, Value
from voicebot.flow.stack import Asked, FormRun


def filled(asked: Asked, variables: Mapping[str, object]) -> tuple[str, ...]:
    """The slots that have a value already."""
    slots = asked.form.form.slots if asked.form is not None else ()
    return tuple(s.to for s in slots if s.to and variables.get(s.to) is not None)


def given(run: FormRun, variables: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The values that a form has."""
    names = (slot.to for slot in run.form.slots if slot.to)
    yield from ((name, variables[name]) for name in names if variables.get(name) is not None)


def chance_of_denied(run: FormRun, values: Sequence[tuple[model.Question, Value]]) -> float:
    """How probable these values still are: of n values that were together not right, each is the
    wrong one once in n times at least."""
    again = [slot for slot, value in values if run.denied.get(slot.to or "") == value.value]
    right = 1 - 1 / len(run.denied) if run.denied else 1.0
    return right ** len(again)


def next_question(run: FormRun, variables: Mapping[str, object]) -> model.Question | None:
    """The first slot without a value, then the confirmation where it is due, then None."""
    for slot in run.form.slots:
        if variables.get(slot.to or "") is None:
            return slot
    match run.form.mode:
        case model.ConfirmMode.ALWAYS:
            return run.form.confirm
        case model.ConfirmMode.BY_CONFIDENCE:
            return run.form.confirm if run.doubtful else None
        case model.ConfirmMode.NEVER:
            return None


def values(
    form: model.Form, asked: model.Question, meaning: Meaning
) -> Iterator[tuple[model.Question, Value]]:
    """The slots that an answer fills, in the order of the form."""
    match meaning:
        case Filled(values=given):
            yield from ((s, given[s.to]) for s in form.slots if s.to and s.to in given)
        case model.Choice(value=value):
            yield asked, Value(value, 1.0)
        case Value():
            yield asked, meaning
        case model.Universal():
            return


def others_read(form: model.Form, slot: model.Question) -> frozenset[str]:
    """The other slots of the form that the check of a slot reads."""
    names = frozenset[str]() if slot.check is None else slot.check.names
    return names & frozenset(other.to for other in form.slots if other.to and other is not slot)


def can_be_checked(form: model.Form, slot: model.Question, variables: Mapping[str, object]) -> bool:
    """Whether all that the check of a slot reads has been answered: slots come in any order."""
    return all(variables.get(name) is not None for name in others_read(form, slot))


def by_attempt(prompts: tuple[model.Prompts, ...], attempt: int) -> model.Prompts:
    """The prompts for the n-th miss; the last ones stay."""
    return prompts[min(attempt, len(prompts)) - 1] if prompts else ()
