"""Proofs about a whole flow: what its author should know before it takes a call.

Knows which proofs there are.  Must not know YAML or how a call goes on.  Each proof is a function
that yields findings, in the file of its subject; what is wrong with the shape of the file is the
loader's.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from voicebot.flow import model, walk
from voicebot.flow.check import answers, names, results, secrets, sounds, values, variables, ways
from voicebot.flow.check.told import Known
from voicebot.flow.loader import read_flow
from voicebot.flow.yamlfile import Finding, Severity, sort_findings

_PROOFS: Final[tuple[Callable[[walk.Survey, Known], Iterator[Finding]], ...]] = (
    names.nodes, names.flows, names.prompts, names.arguments, names.calendars, names.languages,
    variables.set_somewhere, variables.set_before,
    ways.ends, ways.dead_steps, ways.events, ways.reachable, ways.circles,
    answers.same, answers.hidden, answers.prefixes, answers.vocabulary,
    sounds.files, sounds.translations, sounds.braces, sounds.markup, sounds.whispers,
    values.members, values.filters, values.comparisons, values.marks,
)  # fmt: skip
_LOCAL_PROOFS: Final = (
    names.nodes, names.prompts, names.calendars, answers.same, sounds.files, sounds.markup,
)  # fmt: skip
"""Those that a step that could not be read does not mislead."""


def checked_flow(
    path: Path,
    vocabulary: Collection[str] | None = None,
    *,
    calendars: Collection[str] | None = None,
    languages: Collection[str] | None = None,
) -> tuple[model.Flow | None, list[Finding]]:
    """Read and prove one flow file, and those that it calls.

    Args:
        vocabulary: the words the recogniser knows.
        calendars: the names that `hours()` may ask for.
        languages: the tags that there are a voice and a model for.
            None, of each of the three: unknown, so not checked.

    Returns:
        The flow, or None when an error keeps it from being served; and all findings, sorted.
    """
    with _no_collection():
        return _checked(path, Known(vocabulary, calendars, languages))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nearly all that is made here stays: looking for garbage in it takes longer than all proofs."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _checked(path: Path, known: Known) -> tuple[model.Flow | None, list[Finding]]:
    flow, findings = read_flow(path)
    findings = [f if f.rule else replace(f, rule="shape") for f in findings]
    if flow is None:
        return None, findings
    if any(finding.severity is Severity.ERROR for finding in findings):
        return None, sort_findings([*findings, *_of_broken(flow, findings, known)])
    surveys = walk.surveys(flow)
    for found in surveys:
        for proof in _PROOFS:
            findings.extend(proof(found, known))
    findings.extend(ways.given_up(surveys))
    findings.extend(secrets.told(surveys))
    findings.extend(results.names(surveys))
    broken = any(finding.severity is Severity.ERROR for finding in findings)
    return (None if broken else flow), sort_findings(findings)


def _of_broken(flow: model.Flow, findings: Sequence[Finding], known: Known) -> Iterator[Finding]:
    """What can be told of a flow of which a part could not be read."""
    if any(finding.rule == "yaml" for finding in findings) or not flow.nodes:
        return  # whole nodes are missing
    told = {finding.mark for finding in findings}
    found = walk.survey(flow)
    for proof in _LOCAL_PROOFS:
        if proof is names.prompts and not flow.prompts:
            continue  # a misspelled `prompts:`
        yield from (finding for finding in proof(found, known) if finding.mark not in told)


def constants(flow: model.Flow) -> dict[str, model.Constant]:
    """The variables that keep their first value: what is said with them can be rendered early."""
    changed = walk.survey(flow).assigned()
    return {name: value for name, value in flow.variables.items() if name not in changed}
