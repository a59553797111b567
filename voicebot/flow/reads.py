"""Which variables may have a value wherever a flow reads them.

Knows how a call can go through the steps, and which steps set a variable.  Must not know what is
wrong with reading too early (check.py).  What may happen counts: a variable that is set on one of
the ways to a step is taken as set there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from voicebot.flow import model
from voicebot.flow.expressions import Expression, Template

Text = Template | Expression


def set_before(flow: model.Flow) -> Mapping[int, frozenset[str]]:
    """By the id() of each text and expression of the flow: the variables that may be set there.

    What no call can come to is not in it.
    """
    walk = _Walk(flow)
    while walk.once():
        pass
    return walk.before


class _Walk:
    """Goes all ways again and again, until nothing more is found to be set anywhere."""

    def __init__(self, flow: model.Flow) -> None:
        self.before: dict[int, frozenset[str]] = {}
        self._flow = flow
        self._at_node: dict[str, frozenset[str]] = {flow.start: frozenset(flow.variables)}
        self._at_question: dict[model.Question, frozenset[str]] = {}
        self._anywhere: frozenset[str] = frozenset(flow.variables)
        self._changed = False

    def once(self) -> bool:
        """One round; False when it found nothing new."""
        self._changed = False
        for name in list(self._at_node):
            if name in self._flow.nodes:
                self._block(self._flow.nodes[name].steps, self._at_node[name], None)
        for universal in self._flow.universals:
            asked = frozenset[str]().union(*self._at_question.values())
            self._block(universal.way, asked, None)
        for block in (self._flow.error, self._flow.hangup):
            self._block(block or (), self._anywhere, None)
        return self._changed

    def _block(
        self, block: model.Block, known: frozenset[str], asked: model.Question | None
    ) -> frozenset[str] | None:
        """What may be set at the end of the block; None when no way comes there."""
        left: frozenset[str] | None = known
        for step in block:
            if left is None:
                return None
            left = self._step(step, left, asked)
            self._anywhere |= left or known
        return left

    def _step(  # noqa: C901 - a row for each verb
        self, step: model.Step, known: frozenset[str], asked: model.Question | None
    ) -> frozenset[str] | None:
        match step:
            case model.Say():
                self._read(self._texts(step.prompts), known)
            case model.Log():
                self._read([step.text], known)
            case model.Set():
                for name, value, _ in step.values:
                    self._read([value] if isinstance(value, Template) else [], known)
                    known |= {name}
            case model.If():
                self._read([step.condition], known)
                ends = [self._block(b, known, asked) for b in (step.then, step.otherwise)]
                return _either(ends)
            case model.Question():
                return self._question(step, known)
            case model.Goto():
                self._at_node[step.node] = self._grown(self._at_node.get(step.node), known)
                return None
            case model.Repeat():
                for question in [asked] if asked else list(self._at_question):
                    self._at_question[question] |= self._grown(self._at_question[question], known)
                return None
            case model.HangUp():
                return None
            case model.Wait():
                pass
        return known

    def _question(self, question: model.Question, known: frozenset[str]) -> frozenset[str] | None:
        known = self._grown(self._at_question.get(question), known)
        self._at_question[question] = known
        for prompts in (question.say, *question.no_match, *question.no_input, *question.retry):
            self._read(self._texts(prompts), known)
        filled = known | {question.to} if question.to else known
        self._read([question.check] if question.check else [], filled)
        failed = question.failed if question.failed is not None else self._flow.failed
        ends = [self._block(failed or (model.HangUp(question.mark),), known, question)]
        if question.to is None and isinstance(question.wants, model.Choices):
            ends += [self._block(c.way, known, question) for c in question.wants.choices]
        else:
            ends.append(filled)
        return _either(ends)

    def _texts(self, prompts: model.Prompts) -> Iterator[Text]:
        for prompt in prompts:
            if isinstance(prompt, model.PromptRef):
                variations = self._flow.prompts.get(prompt.name, ())
                yield from (p.text for p in variations if not isinstance(p, model.PromptRef))
            else:
                yield prompt.text

    def _read(self, texts: Iterator[Text] | list[Text], known: frozenset[str]) -> None:
        for text in texts:
            self.before[id(text)] = self.before.get(id(text), frozenset()) | known

    def _grown(self, before: frozenset[str] | None, known: frozenset[str]) -> frozenset[str]:
        after = known if before is None else before | known
        self._changed = self._changed or after != before
        return after


def _either(ends: list[frozenset[str] | None]) -> frozenset[str] | None:
    """What may be set where several ways meet."""
    coming = [end for end in ends if end is not None]
    return frozenset().union(*coming) if coming else None
