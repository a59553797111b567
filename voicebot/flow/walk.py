"""All that stands in a flow, gathered in one walk: steps, questions, prompts, texts.

Knows which records hold which others.  Must not know how a call goes through them, or what is wrong
with any of them (check/).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from voicebot.flow import model
from voicebot.flow.expressions import Expression, Template
from voicebot.flow.yamlfile import Mark

Words: TypeAlias = "model.TextPrompt | model.FilePrompt"


class Use(StrEnum):
    """What becomes of a text."""

    SAID = "said"
    LOGGED = "logged"
    TAG = "made a tag"
    URL = "put into a URL"
    DIALLED = "dialled"
    SENT = "sent"
    """In the headers or the body of a request."""
    KEPT = "kept"
    """In a variable, an argument or a result."""
    ASKED = "asked"
    """It decides something: `if` and `check`."""


@dataclass(frozen=True, slots=True)
class Text:
    """Something that reads variables."""

    source: Template | Expression
    mark: Mark
    use: Use

    def expressions(self) -> Iterable[Expression]:
        if isinstance(self.source, Expression):
            return (self.source,)
        return self.source.expressions()


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What one flow has in it; not what the flows have that it calls."""

    flow: model.Flow
    steps: tuple[model.Step, ...]
    """Every step at any depth; the slots and the confirmation of a form follow it."""
    prompts: tuple[model.Prompt, ...]
    """Those of the library, and what the steps say; not yet the translations of each."""
    texts: tuple[Text, ...]
    """All that reads variables and has an expression in it."""

    def questions(self) -> Iterator[model.Question]:
        return (step for step in self.steps if isinstance(step, model.Question))

    def assigned(self) -> frozenset[str]:
        """The variables that a step of the flow sets."""
        return frozenset(name for step in self.steps for name in fills(step))


def survey(flow: model.Flow) -> Survey:
    """Walk a flow once."""
    steps = tuple(steps_in(top_blocks(flow)))
    prompts = [prompt for variations in flow.prompts.values() for prompt in variations]
    texts: list[Text] = []
    for step in steps:
        prompts += prompts_in(step)
        texts += texts_in(step)
    texts += [Text(words.text, words.mark, Use.SAID) for words in words_of(prompts)]
    read = tuple(text for text in texts if any(text.expressions()))
    return Survey(flow, steps, tuple(prompts), read)


def surveys(flow: model.Flow) -> tuple[Survey, ...]:
    """Those of the flow and of all that it calls, at any depth, each once; its own first."""
    found: dict[int, Survey] = {}
    todo = [flow]
    while todo:
        one = todo.pop(0)
        if id(one) not in found:
            found[id(one)] = own = survey(one)
            todo += [s.flow for s in own.steps if isinstance(s, model.Call) and s.flow is not None]
    return tuple(found.values())


def all_flows(flow: model.Flow) -> tuple[model.Flow, ...]:
    """The flow and all that it calls, at any depth, each once; itself first."""
    return tuple(found.flow for found in surveys(flow))


# Blocks and steps ------------------------------------------------------------------------------


def top_blocks(flow: model.Flow) -> Iterator[model.Block]:
    """The nodes, and what the events do."""
    yield from (node.steps for node in flow.nodes.values())
    yield from event_blocks(flow)


def event_blocks(flow: model.Flow) -> Iterator[model.Block]:
    """What the events of `on:` do."""
    yield from (universal.way for universal in flow.universals)
    yield from (h.way for h in (flow.failed, flow.error, flow.hangup) if h is not None)


def blocks_in(step: model.Step) -> Iterator[model.Block]:
    """The blocks that stand right below a step."""
    match step:
        case model.If():
            yield step.then
            yield step.otherwise
        case model.Question():
            if isinstance(step.wants, model.Choices):
                yield from (choice.way for choice in step.wants.choices)
            yield from _way(step.failed)
        case model.Http() | model.Transfer():
            yield from _way(step.failed)
        case model.Form():
            yield step.slots
            yield (step.confirm,) if step.confirm is not None else ()
        case _:
            pass


def steps_in(blocks: Iterable[model.Block]) -> Iterator[model.Step]:
    """The steps of these blocks, at any depth, in the order of the file."""
    # A stack of its own: a generator within a generator is slow at every level.
    stack = [step for block in blocks for step in block]
    stack.reverse()
    while stack:
        step = stack.pop()
        yield step
        if not isinstance(step, _WITHOUT_BLOCKS):
            inner = [one for block in blocks_in(step) for one in block]
            inner.reverse()
            stack += inner


_WITHOUT_BLOCKS = (model.Say, model.Goto, model.Set, model.HangUp, model.Log, model.Repeat)


def _way(handler: model.Handler | None) -> Iterator[model.Block]:
    if handler is not None:
        yield handler.way


def fills(step: model.Step) -> tuple[str, ...]:
    """The variables that a step sets."""
    match step:
        case model.Set():
            return tuple(name for name, _, _ in step.values)
        case model.Question() | model.Http() | model.Record():
            return (step.to,) if step.to else ()
        case model.Call():
            own = () if step.flow is not None else tuple(name for name, _, _ in step.arguments)
            return (*own, step.to) if step.to else own
        case _:
            return ()


# Prompts and texts -----------------------------------------------------------------------------


def prompts_in(step: model.Step) -> Iterator[model.Prompt]:
    """What a step says itself, to whomever."""
    yield from heard_by_caller(step)
    if isinstance(step, model.Transfer):
        yield from step.whisper


def heard_by_caller(step: model.Step) -> Iterator[model.Prompt]:
    """What a step says to the caller."""
    match step:
        case model.Say():
            yield from step.prompts
        case model.Question():
            yield from step.say
            for attempts in (step.no_match, step.no_input, step.retry):
                for prompts in attempts:
                    yield from prompts
        case model.Form() | model.Record():
            yield from step.say
        case model.Http():
            yield from step.hold
        case model.Transfer():
            yield from step.announce
        case _:
            pass


def spoken(flow: model.Flow) -> Iterator[tuple[Words, str]]:
    """Every prompt that a call of this flow may play, with each language it may play it in."""
    for prompt in survey(flow).prompts:
        yield from _in_languages(prompt, flow.languages)


def _in_languages(prompt: model.Prompt, tags: tuple[str, ...]) -> Iterator[tuple[Words, str]]:
    match prompt:
        case model.Translated():
            for tag, said in prompt.by_language.items():
                yield from _in_languages(said, (tag,))
        case model.PromptRef():
            pass  # what it names is in the library
        case _:
            yield from ((prompt, tag) for tag in tags)


def words_of(prompts: Iterable[model.Prompt]) -> Iterator[Words]:
    """The texts and sounds of prompts, with all their translations; references are left out."""
    for prompt in prompts:
        if isinstance(prompt, model.Translated):
            yield from words_of(prompt.by_language.values())
        elif not isinstance(prompt, model.PromptRef):
            yield prompt


def refs_of(prompts: Iterable[model.Prompt]) -> Iterator[model.PromptRef]:
    """The references to the library, within translations too."""
    for prompt in prompts:
        if isinstance(prompt, model.Translated):
            yield from refs_of(prompt.by_language.values())
        elif isinstance(prompt, model.PromptRef):
            yield prompt


def texts_in(step: model.Step) -> Iterator[Text]:  # noqa: C901, PLR0912 - a row for each verb
    """What a step reads besides its prompts."""
    match step:
        case model.Set() | model.Tag():
            use = Use.KEPT if isinstance(step, model.Set) else Use.TAG
            for _, value, mark in step.values:
                if isinstance(value, Template):
                    yield Text(value, mark, use)
        case model.If():
            yield Text(step.condition, step.mark, Use.ASKED)
        case model.Log():
            yield Text(step.text, step.mark, Use.LOGGED)
        case model.Question():
            if step.check is not None:
                yield Text(step.check, step.mark, Use.ASKED)
        case model.Call():
            for _, data, mark in step.arguments:
                yield from (Text(one, mark, Use.KEPT) for one in templates_in(data))
        case model.Return():
            yield from (Text(one, step.mark, Use.KEPT) for one in templates_in(step.value))
        case model.Http():
            yield from _texts_of_request(step)
        case model.Transfer():
            yield Text(step.to, step.mark, Use.DIALLED)
            if step.context is not None:
                yield Text(step.context, step.mark, Use.DIALLED)
        case _:
            pass


def _texts_of_request(step: model.Http) -> Iterator[Text]:
    yield Text(step.url, step.mark, Use.URL)
    yield from (Text(value, step.mark, Use.URL) for _, value in step.query)
    yield from (Text(value, step.mark, Use.SENT) for _, value in step.headers)
    yield from (Text(one, step.mark, Use.SENT) for one in templates_in(step.json))


def templates_in(data: model.Data) -> Iterator[Template]:
    """The templates of a value, at any depth."""
    if isinstance(data, Template):
        yield data
    elif isinstance(data, tuple):
        for item in data:
            yield from templates_in(item)
    elif isinstance(data, Mapping):
        for item in data.values():
            yield from templates_in(item)
