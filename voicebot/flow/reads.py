"""Which variables may have a value wherever a flow reads them.

Knows how a call can go through the steps, and which steps set a variable.  Must not know what is
wrong with reading too early (check/variables.py).  What may happen counts: a variable that is set on
one of the ways to a step is taken as set there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from voicebot.flow import model, walk
from voicebot.flow.expressions import Expression, Template
from voicebot.flow.walk import Survey

Text = Template | Expression


def set_before(found: Survey) -> Mapping[int, frozenset[str]]:
    """By the id() of each text and expression of the flow: the variables that may be set there.

    What no call can come to is not in it.
    """
    return _Walk(found).result()


class _Walk:
    """Goes all ways again and again, until nothing more is found to be set anywhere.

    Sets of variables are the bits of an int, one bit each: there are very many of them.
    """

    def __init__(self, found: Survey) -> None:
        self._flow = found.flow
        names = (*found.flow.variables, *sorted(found.assigned()))
        self._bits = {name: 1 << n for n, name in enumerate(dict.fromkeys(names))}
        self._before: dict[int, int] = {}
        start = self._of(found.flow.variables)
        self._at_node: dict[str, int] = {found.flow.start: start}
        self._at_question: dict[model.Question, int] = {}
        self._asked = 0
        """At any question."""
        self._anywhere = start
        self._events = True
        """Whether what events do has to be looked at (again)."""
        self._todo: dict[str, None] = {found.flow.start: None}
        """The nodes to look at, in this order."""
        self._entries = _entries(found)
        self._returned: dict[str, int] = {}
        """By called node: what may be set when it comes back."""
        self._node = ""
        self._reading = {id(text.source) for text in found.texts}

    def result(self) -> dict[int, frozenset[str]]:
        while self._todo or self._events:
            if self._todo:
                self._node = next(iter(self._todo))
                del self._todo[self._node]
                if self._node in self._flow.nodes:
                    block = self._flow.nodes[self._node].steps
                    self._block(block, self._at_node[self._node], None)
            else:
                self._do_events()
        named: dict[int, frozenset[str]] = {}
        for bits in set(self._before.values()):
            named[bits] = frozenset(name for name, bit in self._bits.items() if bits & bit)
        return {text: named[bits] for text, bits in self._before.items()}

    def _do_events(self) -> None:
        self._events = False
        self._node = ""
        for universal in self._flow.universals:
            self._block(universal.way, self._asked, None)
        for handler in (self._flow.error, self._flow.hangup):
            if handler is not None:
                self._block(handler.way, self._anywhere, None)

    def _of(self, names: Mapping[str, object] | tuple[str, ...]) -> int:
        bits = 0
        for name in names:
            bits |= self._bits[name]
        return bits

    # Steps ---------------------------------------------------------------------------------

    def _block(self, block: model.Block, known: int, asked: model.Question | None) -> int | None:
        """What may be set at the end of the block; None when no way comes there."""
        left: int | None = known
        for step in block:
            if left is None:
                return None
            left = self._step(step, left, asked)
            if left is not None and left | self._anywhere != self._anywhere:
                self._anywhere |= left
                self._events = True
        return left

    def _step(  # noqa: C901, PLR0912 - a row for each verb that does more than read and fill
        self, step: model.Step, known: int, asked: model.Question | None
    ) -> int | None:
        match step:
            case model.Say():
                self._read_prompts(step.prompts, known)
            case model.Question():
                return self._question(step, known)
            case model.Goto():
                self._come_to(step.node, known)
                return None
            case model.Set():
                for name, value, _ in step.values:
                    if isinstance(value, Template):
                        self._read(value, known)
                    known |= self._bits[name]
            case model.If():
                self._read(step.condition, known)
                then = self._block(step.then, known, asked)
                return _either(then, self._block(step.otherwise, known, asked))
            case model.Repeat():
                self._repeat(asked, known)
                return None
            case model.Call():
                return self._call(step, known)
            case model.Return():
                self._read_data(step.value, known)
                for entry in self._entries.get(self._node, ()):
                    self._come_back(entry, known)
                return None
            case model.Form():
                return self._form(step, known)
            case model.Http():
                return self._http(step, known, asked)
            case model.Transfer():
                return self._transfer(step, known, asked)
            case model.HangUp():
                return None
            case _:
                self._read_all(step, known)
        return known | self._of(walk.fills(step))

    def _question(self, question: model.Question, known: int) -> int | None:
        known = self._come_to_question(question, known)
        for prompts in (question.say, *question.no_match, *question.no_input, *question.retry):
            self._read_prompts(prompts, known)
        filled = known | self._bits[question.to] if question.to else known
        if question.check is not None:
            self._read(question.check, filled)
        end = self._failed(question, known)
        if question.to is None and isinstance(question.wants, model.Choices):
            for choice in question.wants.choices:
                end = _either(end, self._block(choice.way, known, question))
            return end
        return _either(end, filled)

    def _failed(self, question: model.Question, known: int) -> int | None:
        failed = question.failed if question.failed is not None else self._flow.failed
        return None if failed is None else self._block(failed.way, known, question)

    def _form(self, form: model.Form, known: int) -> int | None:
        """Its slots are filled in any order; one that is asked again knows all the others."""
        end: int | None = None
        filled = known | self._of(tuple(slot.to for slot in form.slots if slot.to))
        self._read_prompts(form.say, known)
        for slot in form.slots:
            end = _either(end, self._question(slot, filled))
        if form.confirm is not None:
            end = _either(end, self._question(form.confirm, filled))
        return _either(end, filled)

    def _call(self, call: model.Call, known: int) -> int | None:
        for _, data, _ in call.arguments:
            self._read_data(data, known)
        result = self._bits[call.to] if call.to else 0
        if call.flow is not None:
            return known | result
        self._come_to(call.target, known | self._of(tuple(name for name, _, _ in call.arguments)))
        back = self._returned.get(call.target)
        return None if back is None else known | back | result

    def _http(self, step: model.Http, known: int, asked: model.Question | None) -> int | None:
        self._read_all(step, known)
        self._read_prompts(step.hold, known)
        end: int | None = known | (self._bits[step.to] if step.to else 0)
        if step.failed is not None:
            end = _either(end, self._block(step.failed.way, known, asked))
        return end

    def _transfer(
        self, step: model.Transfer, known: int, asked: model.Question | None
    ) -> int | None:
        self._read_all(step, known)
        return None if step.failed is None else self._block(step.failed.way, known, asked)

    # Places where ways meet ----------------------------------------------------------------

    def _come_to(self, node: str, known: int) -> None:
        before = self._at_node.get(node)
        after = known if before is None else before | known
        if after != before:
            self._at_node[node] = after
            self._look_again(node)

    def _come_back(self, entry: str, known: int) -> None:
        before = self._returned.get(entry)
        after = known if before is None else before | known
        if after != before:
            self._returned[entry] = after
            # Whoever calls it goes on from there: rare enough to look at all of them.
            for node in list(self._at_node):
                self._look_again(node)
            self._events = True

    def _come_to_question(self, question: model.Question, known: int) -> int:
        after = self._at_question.get(question, 0) | known
        self._at_question[question] = after
        if after | self._asked != self._asked:
            self._asked |= after
            self._events = True
        return after

    def _repeat(self, asked: model.Question | None, known: int) -> None:
        """The question is asked again: this one, or at the end of an event any."""
        for question in [asked] if asked else list(self._at_question):
            if self._at_question[question] | known != self._at_question[question]:
                self._at_question[question] |= known
                for node in [self._node] if asked and self._node else list(self._at_node):
                    self._look_again(node)

    def _look_again(self, node: str) -> None:
        self._todo[node] = None

    # Texts ---------------------------------------------------------------------------------

    def _read_prompts(self, prompts: model.Prompts, known: int) -> None:
        for prompt in prompts:
            if isinstance(prompt, model.TextPrompt):
                if id(prompt.text) in self._reading:  # most read nothing
                    self._read(prompt.text, known)
            else:
                for text in self._texts(prompt):
                    self._read(text, known)

    def _texts(self, prompt: model.Prompt) -> Iterator[Template]:
        """What it says that reads variables, in all languages and variations."""
        named = (self._flow.prompts.get(ref.name, ()) for ref in walk.refs_of([prompt]))
        for words in walk.words_of([prompt, *itertools.chain(*named)]):
            yield words.text

    def _read_all(self, step: model.Step, known: int) -> None:
        self._read_prompts(tuple(walk.prompts_in(step)), known)
        for text in walk.texts_in(step):
            self._read(text.source, known)

    def _read_data(self, data: model.Data, known: int) -> None:
        for template in walk.templates_in(data):
            self._read(template, known)

    def _read(self, text: Text, known: int) -> None:
        key = id(text)
        self._before[key] = self._before.get(key, 0) | known


def _either(one: int | None, other: int | None) -> int | None:
    """What may be set where two ways meet."""
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _entries(found: Survey) -> dict[str, tuple[str, ...]]:
    """By node: the called nodes from which `goto` leads there, so that its `return` ends their call."""
    called = {s.target for s in found.steps if isinstance(s, model.Call) and s.flow is None}
    entries: dict[str, tuple[str, ...]] = {}
    for entry in sorted(called):
        for node in _reached_from(entry, found.flow):
            entries[node] = (*entries.get(node, ()), entry)
    return entries


def _reached_from(start: str, flow: model.Flow) -> Iterator[str]:
    todo, seen = [start], {start}
    while todo:
        name = todo.pop()
        yield name
        block = flow.nodes[name].steps if name in flow.nodes else ()
        for step in walk.steps_in([block]):
            if isinstance(step, model.Goto) and step.node not in seen:
                seen.add(step.node)
                todo.append(step.node)
