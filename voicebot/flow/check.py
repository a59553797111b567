"""Proofs about a whole flow: what its author should know before it takes a call.

Knows how the parts of a flow hang together.  Must not know YAML or how a call goes on.  Each proof
is one function that yields findings; what is wrong with the shape of the file is the loader's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from voicebot.flow import entities, model
from voicebot.flow.answers import ANY, Phrase, phrases
from voicebot.flow.dialog import LONGER_KEYS_S
from voicebot.flow.expressions import Expression, Template, as_text
from voicebot.flow.loader import load_flow
from voicebot.flow.reads import set_before
from voicebot.flow.yamlfile import Finding, Mark, Severity, did_you_mean, sort_findings


def checked_flow(
    path: Path, vocabulary: Collection[str] | None = None
) -> tuple[model.Flow | None, list[Finding]]:
    """Read and prove one flow file.

    Args:
        vocabulary: the words the recogniser knows; None: unknown, so not checked.

    Returns:
        The flow, or None when an error keeps it from being served; and all findings, sorted.
    """
    flow, findings = load_flow(path)
    if flow is None:
        return None, findings
    proofs: list[Callable[[model.Flow], Iterator[Finding]]] = [
        _names, _variables, _ways_on, _reachable, _circles, _given_up, _collisions, _sounds, _secrets,
    ]  # fmt: skip
    for proof in proofs:
        findings.extend(proof(flow))
    if vocabulary is not None:
        findings.extend(_vocabulary(flow, vocabulary))
    broken = any(finding.severity is Severity.ERROR for finding in findings)
    return (None if broken else flow), sort_findings(findings)


def _error(mark: Mark, message: str) -> Finding:
    return Finding(mark, Severity.ERROR, message)


def _warning(mark: Mark, message: str) -> Finding:
    return Finding(mark, Severity.WARNING, message)


# Walking ---------------------------------------------------------------------------------------


def _blocks(flow: model.Flow) -> Iterator[model.Block]:
    """Every block that stands at the top: nodes, universals, endings."""
    yield from (node.steps for node in flow.nodes.values())
    yield from (universal.way for universal in flow.universals)
    yield from (block for block in (flow.failed, flow.error, flow.hangup) if block is not None)


def _inner(step: model.Step) -> Iterator[model.Block]:
    match step:
        case model.If():
            yield step.then
            yield step.otherwise
        case model.Question():
            yield from _ways(step)
        case _:
            pass


def _ways(question: model.Question) -> Iterator[model.Block]:
    if isinstance(question.wants, model.Choices):
        yield from (choice.way for choice in question.wants.choices)
    if question.failed is not None:
        yield question.failed


def _steps(blocks: Iterable[model.Block]) -> Iterator[model.Step]:
    for block in blocks:
        for step in block:
            yield step
            yield from _steps(_inner(step))


def _every_step(flow: model.Flow) -> Iterator[model.Step]:
    return _steps(_blocks(flow))


def _prompts(flow: model.Flow) -> Iterator[model.Prompt]:
    for variations in flow.prompts.values():
        yield from variations
    for step in _every_step(flow):
        if isinstance(step, model.Say):
            yield from step.prompts
        elif isinstance(step, model.Question):
            yield from step.say
            for attempts in (step.no_match, step.no_input, step.retry):
                for prompts in attempts:
                    yield from prompts


def prompts_of(flow: model.Flow) -> Iterator[model.TextPrompt | model.FilePrompt]:
    """Every prompt that a call may play, for rendering before the call."""
    return (prompt for prompt in _prompts(flow) if not isinstance(prompt, model.PromptRef))


def _texts(flow: model.Flow) -> Iterator[tuple[Template | Expression, Mark]]:
    """Everything that reads variables."""
    for prompt in prompts_of(flow):
        yield prompt.text, prompt.mark
    for step in _every_step(flow):
        match step:
            case model.Set():
                yield from ((v, mark) for _, v, mark in step.values if isinstance(v, Template))
            case model.If():
                yield step.condition, step.mark
            case model.Log():
                yield step.text, step.mark
            case model.Question() if step.check is not None:
                yield step.check, step.mark


# Names -----------------------------------------------------------------------------------------


def _names(flow: model.Flow) -> Iterator[Finding]:
    for mark, name in _node_names(flow):
        if name not in flow.nodes:
            yield _error(mark, f'there is no node "{name}"' + did_you_mean(name, flow.nodes))
    for prompt in _prompts(flow):
        if isinstance(prompt, model.PromptRef) and prompt.name not in flow.prompts:
            hint = did_you_mean(prompt.name, flow.prompts)
            yield _error(prompt.mark, f'there is no prompt "{prompt.name}" in `prompts:`{hint}')
    for name, variations in flow.prompts.items():
        for prompt in variations:
            if isinstance(prompt, model.PromptRef):
                yield _error(prompt.mark, f'the prompt "{name}" is another prompt: give its text')


def _variables(flow: model.Flow) -> Iterator[Finding]:
    known = set(flow.variables) | _assigned(flow)
    before = set_before(flow)
    for text, mark in _texts(flow):
        for name in sorted(text.names - known - {"call"}):
            hint = did_you_mean(name, known)
            yield _error(mark, f'nothing sets the variable "{name}"{hint}')
        for name in sorted((text.names & known) - before.get(id(text), known)):
            yield _error(
                mark, f'"{name}" is read before anything sets it: give it a value in `vars:`'
            )


def _node_names(flow: model.Flow) -> Iterator[tuple[Mark, str]]:
    yield flow.start_mark, flow.start
    for step in _every_step(flow):
        if isinstance(step, model.Goto):
            yield step.mark, step.node


def _assigned(flow: model.Flow) -> set[str]:
    """The variables that a step of the flow sets."""
    names: set[str] = set()
    for step in _every_step(flow):
        if isinstance(step, model.Set):
            names.update(name for name, _, _ in step.values)
        elif isinstance(step, model.Question) and step.to is not None:
            names.add(step.to)
    return names


def constants(flow: model.Flow) -> dict[str, model.Constant]:
    """The variables that keep their first value: what is said with them can be rendered early."""
    changed = _assigned(flow)
    return {name: value for name, value in flow.variables.items() if name not in changed}


# Ways ------------------------------------------------------------------------------------------


def _falls(block: model.Block) -> bool:
    """Whether a call can come to the end of the block."""
    return all(_goes_on(step) for step in block)


def _goes_on(step: model.Step) -> bool:
    match step:
        case model.Goto() | model.HangUp() | model.Repeat():
            return False
        case model.If():
            return _falls(step.then) or _falls(step.otherwise)
        case model.Question() if step.to is None:
            return any(_falls(way) for way in _ways(step))
        case _:
            return True


def _ways_on(flow: model.Flow) -> Iterator[Finding]:
    for node in flow.nodes.values():
        if node.steps and _falls(node.steps):
            yield _error(
                node.steps[-1].mark,
                f'the node "{node.name}" falls off its end: end it with goto, hangup, or a menu '
                "whose every choice leads on",
            )
        yield from _dead_steps(node.steps)
    for step in flow.hangup or ():
        if not isinstance(step, model.Set | model.Log | model.If):
            yield _warning(step.mark, "the caller has left: here only set, log and if are done")
    for name, block in (("failed", flow.failed), ("error", flow.error)):
        if block is not None and (not block or _falls(block)):
            mark = block[-1].mark if block else flow.start_mark
            yield _error(mark, f'the event "{name}" leads nowhere: give it a `goto`')


def _dead_steps(block: model.Block) -> Iterator[Finding]:
    for at, step in enumerate(block):
        if not _goes_on(step) and at + 1 < len(block):
            yield _warning(block[at + 1].mark, "this step is never reached")
            break
    for step in block:
        for inner in _inner(step):
            yield from _dead_steps(inner)


def _reachable(flow: model.Flow) -> Iterator[Finding]:
    events = [u.way for u in flow.universals]
    events += [block for block in (flow.failed, flow.error) if block is not None]
    todo = [flow.start, *(s.node for s in _steps(events) if isinstance(s, model.Goto))]
    reached: set[str] = set()
    while todo:
        name = todo.pop()
        if name in flow.nodes and name not in reached:
            reached.add(name)
            steps = _steps([flow.nodes[name].steps])
            todo += [step.node for step in steps if isinstance(step, model.Goto)]
    for node in flow.nodes.values():
        if node.name not in reached:
            yield _warning(node.mark, f'no way leads to the node "{node.name}"')


def _circles(flow: model.Flow) -> Iterator[Finding]:
    """Nodes that lead back to themselves without listening in between."""
    onward = {name: list(_unasked(node.steps)) for name, node in flow.nodes.items()}
    told: set[frozenset[str]] = set()
    for name in flow.nodes:
        circle = _circle_from(name, onward)
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            last = next(goto for goto in onward[circle[-1]] if goto.node == name)
            way = " → ".join([*circle, name])
            yield _error(
                last.mark, f"{way} goes round without a question: the bot would talk for ever"
            )


def _circle_from(start: str, onward: dict[str, list[model.Goto]]) -> list[str]:
    paths, seen = [[start]], {start}
    while paths:
        path = paths.pop(0)
        for goto in onward.get(path[-1], ()):
            if goto.node == start:
                return path
            if goto.node not in seen:
                seen.add(goto.node)
                paths.append([*path, goto.node])
    return []


def _unasked(block: model.Block) -> Iterator[model.Goto]:
    """The gotos that a call can come to before a question is asked."""
    for step in block:
        if isinstance(step, model.Goto):
            yield step
        elif isinstance(step, model.If):
            yield from _unasked(step.then)
            yield from _unasked(step.otherwise)
        if isinstance(step, model.Question) or not _goes_on(step):
            return


def _given_up(flow: model.Flow) -> Iterator[Finding]:
    if flow.failed is not None:
        return
    for question in flow.expectations:
        if question.failed is None:
            yield _error(
                question.mark,
                "where does this question lead after its attempts? add `failed: {goto: …}` here, "
                "or for all questions under `on:`",
            )


# Answers ---------------------------------------------------------------------------------------


def _collisions(flow: model.Flow) -> Iterator[Finding]:
    yield from _same([(u.phrases, u.mark, u.name) for u in flow.universals], "the answer")
    yield from _same([(u.keys, u.mark, u.name) for u in flow.universals], "the key")
    for question in flow.expectations:
        choices = question.wants.choices if isinstance(question.wants, model.Choices) else ()
        named = [(choice, as_text(choice.value)) for choice in choices]
        yield from _same([(c.phrases, c.mark, name) for c, name in named], "the answer")
        yield from _same([(c.keys, c.mark, name) for c, name in named], "the key")
        yield from _hidden(choices, flow.universals)
        heard = flow.universals if choices or question.wants == model.FreeText() else ()
        wait_s = question.inter_digit_s or LONGER_KEYS_S
        own = [(choice.keys, choice.mark) for choice in choices]
        yield from _prefixes([*own, *((u.keys, u.mark) for u in heard)], wait_s)


def _same(
    named: list[tuple[tuple[Phrase, ...] | tuple[str, ...], Mark, str]], what: str
) -> Iterator[Finding]:
    owners: dict[Phrase | str, tuple[Mark, str]] = {}
    for things, mark, name in named:
        for thing in things:
            owner, owner_name = owners.setdefault(thing, (mark, name))
            if (owner, owner_name) != (mark, name):
                shown = thing if isinstance(thing, str) else " ".join(thing)
                yield _error(
                    mark, f'{what} "{shown}" is also that of "{owner_name}" (line {owner.line})'
                )


def _hidden(
    choices: tuple[model.Choice, ...], universals: tuple[model.Universal, ...]
) -> Iterator[Finding]:
    for choice in choices:
        for universal in universals:
            both = [" ".join(p) for p in choice.phrases if p in universal.phrases]
            both += [f"key {key}" for key in choice.keys if key in universal.keys]
            if both:
                yield _warning(
                    choice.mark,
                    f'"{both[0]}" is also that of the event "{universal.name}", which is not heard '
                    "in this question",
                )


def _prefixes(options: list[tuple[tuple[str, ...], Mark]], wait_s: float) -> Iterator[Finding]:
    every = [key for keys, _ in options for key in keys]
    for keys, mark in options:
        for key in keys:
            longer = next((k for k in every if k != key and k.startswith(key)), None)
            if longer:
                yield _warning(
                    mark,
                    f'the key "{key}" is the beginning of "{longer}": '
                    f"who presses {key} waits {wait_s:g} s",
                )


def _vocabulary(flow: model.Flow, vocabulary: Collection[str]) -> Iterator[Finding]:
    lexicon = entities.lexicon(flow.language) or entities.ENGLISH
    built_in = {w for t in (*lexicon.yes, *lexicon.no) for phrase in phrases(t, {}) for w in phrase}
    options: list[tuple[tuple[Phrase, ...], Mark]] = [(u.phrases, u.mark) for u in flow.universals]
    for question in flow.expectations:
        if isinstance(question.wants, model.Choices):
            options += [(c.phrases, c.mark) for c in question.wants.choices]
    for found, mark in options:
        words = dict.fromkeys(word for phrase in found for word in phrase)
        unknown = [w for w in words if w not in vocabulary and w != ANY and w not in built_in]
        if unknown:
            listed = ", ".join(f'"{word}"' for word in unknown)
            yield _warning(mark, f"the recogniser does not know {listed}: it cannot be heard here")


# Sounds and secrets ----------------------------------------------------------------------------


def _sounds(flow: model.Flow) -> Iterator[Finding]:
    for prompt in prompts_of(flow):
        if isinstance(prompt, model.FilePrompt) and not prompt.path.is_file():
            yield _error(prompt.mark, f"there is no sound file {prompt.path}")


def _secrets(flow: model.Flow) -> Iterator[Finding]:
    spoken = [(prompt.text, prompt.mark, "said") for prompt in prompts_of(flow)]
    logged = [(s.text, s.mark, "logged") for s in _every_step(flow) if isinstance(s, model.Log)]
    for text, mark, what in (*spoken, *logged):
        for name in sorted(text.names & flow.secrets):
            yield _error(mark, f'"{name}" is secret and may not be {what}')
