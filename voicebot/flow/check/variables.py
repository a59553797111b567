"""Has every variable a value where it is read."""

from __future__ import annotations

from collections.abc import Iterator

from voicebot.flow import reads
from voicebot.flow.check.told import Known, error
from voicebot.flow.walk import Survey
from voicebot.flow.yamlfile import Finding, did_you_mean


def set_somewhere(found: Survey, _known: Known) -> Iterator[Finding]:
    there = {*found.flow.variables, *found.assigned()}
    for text in found.texts:
        for name in sorted(text.source.names - there - {"call"}):
            near = did_you_mean(name, there)
            yield error("unknown-variable", text.mark, f'nothing sets the variable "{name}"{near}')


def set_before(found: Survey, _known: Known) -> Iterator[Finding]:
    """On no way to this place has the variable been set."""
    there = {*found.flow.variables, *found.assigned()}
    before = reads.set_before(found)
    for text in found.texts:
        known = before.get(id(text.source))
        if known is None:
            continue  # no call comes here, which is told as such
        for name in sorted((text.source.names & there) - known):
            yield error(
                "read-before-set",
                text.mark,
                f'"{name}" is read before anything sets it: give it a value in `vars:`',
            )
