"""What flows want of the dialplan: whom they transfer to, and which variables they set.

Knows the steps of a flow.  Must not know the dialplan's lines, nor a running Asterisk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voicebot.flow import model, walk
from voicebot.flow.channelnames import OF_THE_CALL, channel_variable
from voicebot.flow.events import TransferKind
from voicebot.flow.expressions import Template

WHISPER: Final = "voicebot-whisper"
"""The context of the dialplan in which the one who is called hears what he is told first."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a flow transfers to.  None: it is known only in the call, or not said."""

    kind: TransferKind
    to: str | None
    context: str | None


@dataclass(frozen=True, slots=True)
class Wants:
    """What a flow, with those that it calls, wants of the dialplan."""

    name: str
    results: tuple[str, ...] = ()
    """The channel variables that it may set, apart from VOICEBOT_RESULT."""
    goals: tuple[Goal, ...] = ()
    whispers: bool = False
    calls: frozenset[str] = frozenset()
    """The flows that it calls."""


def wants_of(flow: model.Flow) -> Wants:
    """Read a flow for what the dialplan has to have."""
    surveys = walk.surveys(flow)
    steps = [step for survey in surveys for step in survey.steps]
    transfers = [step for step in steps if isinstance(step, model.Transfer)]
    names = {name for step in steps if isinstance(step, model.Tag) for name, _, _ in step.values}
    # Of the flow's own variables those that a question or `set` fills; of called flows only tags.
    for step in surveys[0].steps:
        if isinstance(step, model.Question | model.Set):
            names.update(walk.fills(step))
    told = {channel_variable(name) for name in names - flow.secrets}
    return Wants(
        name=flow.name,
        results=tuple(sorted(told - {channel_variable(name) for name in OF_THE_CALL})),
        goals=tuple(dict.fromkeys(map(_goal, transfers))),
        whispers=any(transfer.whisper for transfer in transfers),
        calls=frozenset(survey.flow.name for survey in surveys[1:]),
    )


def _goal(transfer: model.Transfer) -> Goal:
    context = None if transfer.context is None else _known(transfer.context)
    return Goal(transfer.kind, _known(transfer.to), context)


def _known(template: Template) -> str | None:
    """A text that no variable changes."""
    if any(template.expressions()):
        return None
    return "".join(part for part in template.parts if isinstance(part, str))
