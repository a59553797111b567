"""Does everything that is named exist: nodes, flows, prompts, arguments, calendars, languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from voicebot.flow import model, walk
from voicebot.flow.check.told import Known, error, warning
from voicebot.flow.walk import Survey
from voicebot.flow.yamlfile import Finding, Mark, did_you_mean

_UNREAD = "…"
"""What the loader puts where there was no name: told there."""


def nodes(found: Survey, _known: Known) -> Iterator[Finding]:
    flow = found.flow
    named = [(s.mark, s.node) for s in found.steps if isinstance(s, model.Goto)]
    for mark, name in [(flow.start_mark, flow.start), *named]:
        if name not in flow.nodes and name != _UNREAD:
            near = did_you_mean(name, flow.nodes)
            yield error("unknown-node", mark, f'there is no node "{name}"{near}')


def flows(found: Survey, _known: Known) -> Iterator[Finding]:
    """What is called is a node of this flow, or another flow."""
    flow = found.flow
    for step in found.steps:
        if isinstance(step, model.Call) and step.flow is None and step.target not in flow.nodes:
            others = sorted(path.stem for path in flow.path.parent.glob("*.yaml"))
            near = did_you_mean(step.target, [*flow.nodes, *others])
            yield error(
                "unknown-flow",
                step.mark,
                f'there is no node "{step.target}", and no flow of that name beside this file{near}',
            )


def prompts(found: Survey, _known: Known) -> Iterator[Finding]:
    library = found.flow.prompts
    for ref in walk.refs_of(found.prompts):
        if ref.name not in library and ref.name != _UNREAD:
            yield error(
                "unknown-prompt",
                ref.mark,
                f'there is no prompt "{ref.name}" in `prompts:`{did_you_mean(ref.name, library)}',
            )
    for name, variations in library.items():
        for ref in walk.refs_of(variations):
            yield error(
                "unknown-prompt", ref.mark, f'the prompt "{name}" is another prompt: give its text'
            )


def arguments(found: Survey, _known: Known) -> Iterator[Finding]:
    """`with` sets variables that the called flow has; each has a first value there."""
    for step in found.steps:
        if not isinstance(step, model.Call) or step.flow is None:
            continue
        for name, _, mark in step.arguments:
            if name not in step.flow.variables:
                near = did_you_mean(name, step.flow.variables)
                yield error(
                    "unknown-argument",
                    mark,
                    f'the flow "{step.flow.name}" has no variable "{name}"{near}; add it to its `vars:`'
                    if not near
                    else f'the flow "{step.flow.name}" has no variable "{name}"{near}',
                )


def calendars(found: Survey, known: Known) -> Iterator[Finding]:
    if known.calendars is None:
        return
    for text in found.texts:
        for expression in text.expressions():
            if "hours" not in expression.source:
                continue
            for name in _hours(expression.tree):
                if name not in known.calendars:
                    there = ", ".join(sorted(known.calendars)) or "none"
                    near = did_you_mean(name, known.calendars) or f"; there is {there}"
                    yield error(
                        "unknown-calendar",
                        text.mark,
                        f'no calendar is called "{name}" in the settings{near}',
                    )


def _hours(tree: ast.expr) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            first = node.args[0]
            if node.func.id == "hours" and isinstance(first, ast.Constant):
                yield str(first.value)


def languages(found: Survey, known: Known) -> Iterator[Finding]:
    """Is there a voice and a model for each language, and something to say in it."""
    flow = found.flow
    translated = [p for p in found.prompts if isinstance(p, model.Translated)]
    said = {tag for prompt in translated for tag in prompt.by_language}
    places: dict[str, Mark] = {flow.language: flow.language_mark}
    for step in found.steps:
        if isinstance(step, model.Language):
            places.setdefault(step.tag, step.mark)
            if step.tag not in said and step.tag != flow.language:
                yield warning("not-translated", step.mark, f"no prompt is translated to {step.tag}")
    for prompt in translated:
        for tag in prompt.by_language:
            places.setdefault(tag, prompt.mark)
    for tag, mark in places.items():
        if known.languages is not None and tag not in known.languages:
            there = ", ".join(sorted(known.languages)) or "none"
            yield error(
                "unknown-language",
                mark,
                f"the settings have no voice and model for {tag}, only for {there}: add them under "
                "asr.models and tts.voices",
            )
