"""What the dialplan would not be told as the flow means it: names that are taken, or meet.

Knows what of a flow the dialplan is told.  Must not know how it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voicebot.flow import model
from voicebot.flow.channelnames import OF_THE_CALL, channel_variable
from voicebot.flow.check.told import warning
from voicebot.flow.walk import Survey
from voicebot.flow.yamlfile import Finding, Mark

_TAKEN = tuple(map(channel_variable, OF_THE_CALL))


def names(surveys: Sequence[Survey]) -> Iterator[Finding]:
    """Tags and variables whose channel variable is the call's own, or that of another.

    Args:
        surveys: a flow, and those that it calls; all their tags are told, and its own variables.
    """
    first: dict[str, tuple[str, Mark]] = {}
    seen: set[str] = set()
    for name, mark, what in _told(surveys):
        variable = channel_variable(name)
        if name in seen:
            continue
        seen.add(name)
        other, place = first.setdefault(variable, (name, mark))
        if variable in _TAKEN and what == "tag":
            yield warning(
                "taken-name",
                mark,
                f'the dialplan is not told the tag "{name}": {variable} is the call\'s own; rename it',
            )
        elif other != name:
            yield warning(
                "same-name",
                mark,
                f'the {what} "{name}" and "{other}" at {place} are both {variable} in the dialplan: '
                "rename one",
            )


def _told(surveys: Sequence[Survey]) -> Iterator[tuple[str, Mark, str]]:
    """What the dialplan may be told: name, place and what it is; those of the flow itself first."""
    for survey in surveys:
        found = [one for step in survey.steps for one in _named(step)]
        secret, is_own = survey.flow.secrets, survey is surveys[0]
        told = (one for one in found if one[2] == "tag" or (is_own and one[0] not in secret))
        yield from sorted(told, key=lambda one: one[1])


def _named(step: model.Step) -> Iterator[tuple[str, Mark, str]]:
    match step:
        case model.Tag():
            yield from ((name, mark, "tag") for name, _, mark in step.values)
        case model.Set():
            yield from ((name, mark, "variable") for name, _, mark in step.values)
        case model.Question(to=str(to)):
            yield to, step.mark, "variable"
        case _:
            pass
