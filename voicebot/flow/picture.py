"""A flow as vertices and arrows: what a drawing of it shows.

Knows which steps lead where, and what to call each way.  Must not know how it is drawn (graph.py).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from voicebot.flow import dialled, model, walk
from voicebot.flow.expressions import Expression, Template, as_text
from voicebot.flow.spoken import markup
from voicebot.flow.yamlfile import Mark

_WIDTH = 30
_LINES = 2
_LABEL = 24


class Kind(Enum):
    START = auto()
    NODE = auto()
    EVENTS = auto()
    """What is heard and done anywhere."""
    HANGUP = auto()
    TRANSFER = auto()
    RETURN = auto()
    MISSING = auto()
    """A node that is named but is not there."""


@dataclass(frozen=True, slots=True)
class Vertex:
    key: str
    """Letters, digits and _ only; unique within the picture."""
    kind: Kind
    title: str
    lines: tuple[str, ...]
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Arrow:
    source: str
    target: str
    label: str
    mark: Mark | None
    """Of the choice or event that takes this way; None: it is the only one, or an `if` decides."""
    is_call: bool


@dataclass(frozen=True, slots=True)
class Picture:
    key: str
    title: str
    vertices: tuple[Vertex, ...]
    arrows: tuple[Arrow, ...]
    parts: tuple[Picture, ...]
    """The flows that it calls."""


def picture(flow: model.Flow) -> Picture:
    """What a drawing of the flow shows."""
    return _Draft(flow, "f", _Numbers()).picture()


class _Numbers:
    """Keys of flows that are called: each flow file is drawn once."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}

    def key(self, flow: model.Flow) -> tuple[str, bool]:
        """Its key, and whether it is drawn already."""
        known = self.keys.get(str(flow.path))
        if known is not None:
            return known, True
        self.keys[str(flow.path)] = key = f"f{len(self.keys) + 1}"
        return key, False


class _Draft:
    """The vertices and arrows of one flow, as they are found."""

    def __init__(self, flow: model.Flow, key: str, numbers: _Numbers) -> None:
        self._flow = flow
        self._key = key
        self._numbers = numbers
        self._keys = {name: f"{key}_n{at}" for at, name in enumerate(flow.nodes)}
        self._vertices: dict[str, Vertex] = {}
        self._arrows: dict[Arrow, None] = {}
        self._parts: list[Picture] = []
        self._source = ""

    def picture(self) -> Picture:
        for node in self._flow.nodes.values():
            kind = Kind.START if node.name == self._flow.start else Kind.NODE
            self._source = self._keys[node.name]
            lines = tuple(_first_words(node.steps, self._flow))
            self._vertices[self._source] = Vertex(self._source, kind, node.name, lines, node.mark)
        for node in self._flow.nodes.values():
            self._source = self._keys[node.name]
            self._block(node.steps, "", None)
        self._events()
        return Picture(
            self._key, self._flow.name, tuple(self._vertices.values()), tuple(self._arrows),
            tuple(self._parts),
        )  # fmt: skip

    def _events(self) -> None:
        key = f"{self._key}_on"
        self._source = key
        lines = []
        for universal in self._flow.universals:
            label = f"{universal.name} {_keys(universal.keys)}".strip()
            before = len(self._arrows)
            self._block(universal.way[:-1], label, universal.mark)
            if len(self._arrows) == before:
                lines.append(label)  # it does something and comes back
        for name, handler in (("failed", self._flow.failed), ("error", self._flow.error)):
            if handler is not None:
                self._block(handler.way, name, handler.mark)
        if self._flow.hangup is not None:
            lines.append("hangup")
        if lines or any(arrow.source == key for arrow in self._arrows):
            self._vertices[key] = Vertex(key, Kind.EVENTS, "anywhere", tuple(lines), None)

    # Steps ---------------------------------------------------------------------------------

    def _block(self, block: model.Block, label: str, mark: Mark | None) -> None:
        for step in block:
            self._step(step, label, mark)
            if isinstance(step, model.Call) and label:
                label = _join(label, "then")

    def _step(self, step: model.Step, label: str, mark: Mark | None) -> None:  # noqa: C901 - a row for each verb
        match step:
            case model.Goto():
                self._arrow(self._node(step.node), label, mark)
            case model.Call():
                self._call(step, label, mark)
            case model.If():
                condition = _short(step.condition.source)
                self._block(step.then, _join(label, f"if {condition}"), mark)
                otherwise = "else" if step.then else f"if not {condition}"
                self._block(step.otherwise, _join(label, otherwise), mark)
            case model.Question():
                self._question(step, label)
            case model.Form():
                for question in (*step.slots, *([step.confirm] if step.confirm else ())):
                    self._failed(question.failed, _join(label, "failed"))
            case model.Http():
                self._failed(step.failed, _join(label, "no answer"))
            case model.Transfer():
                self._end(
                    Kind.TRANSFER,
                    f"transfer to {dialled.named(step.kind, _shown(step.to))}",
                    label,
                    mark,
                )
                self._failed(step.failed, _join(label, "not taken"))
            case model.HangUp():
                self._end(Kind.HANGUP, "hang up", label, mark)
            case model.Return():
                self._end(Kind.RETURN, "return", label, mark)
            case model.Repeat() if self._source in self._vertices:  # events only come back
                self._arrow(self._source, label, mark)
            case _:
                pass

    def _question(self, question: model.Question, label: str) -> None:
        if isinstance(question.wants, model.Choices):
            for choice in question.wants.choices:
                self._block(choice.way, _join(label, _said(choice)), choice.mark)
        self._failed(question.failed, _join(label, "failed"))

    def _failed(self, handler: model.Handler | None, label: str) -> None:
        if handler is not None:
            self._block(handler.way, label, handler.mark)

    def _call(self, call: model.Call, label: str, mark: Mark | None) -> None:
        if call.flow is None:
            self._arrow(self._node(call.target), _join(label, "call"), mark, is_call=True)
            return
        key, drawn = self._numbers.key(call.flow)
        if not drawn:
            self._parts.append(_Draft(call.flow, key, self._numbers).picture())
        start = list(call.flow.nodes).index(call.flow.start)
        self._arrow(f"{key}_n{start}", _join(label, "call"), mark, is_call=True)

    # Vertices and arrows -------------------------------------------------------------------

    def _node(self, name: str) -> str:
        if name not in self._keys:
            key = self._keys[name] = f"{self._key}_n{len(self._keys)}"
            self._vertices[key] = Vertex(key, Kind.MISSING, name, ("there is no such node",), None)
        return self._keys[name]

    def _end(self, kind: Kind, title: str, label: str, mark: Mark | None) -> None:
        """Each node has ends of its own: arrows to a common one would cross the whole drawing."""
        key = f"{self._source}_{kind.name.lower()}"
        while key in self._vertices and self._vertices[key].title != title:
            key += "x"
        self._vertices[key] = Vertex(key, kind, title, (), None)
        self._arrow(key, label, mark)

    def _arrow(self, target: str, label: str, mark: Mark | None, *, is_call: bool = False) -> None:
        self._arrows[Arrow(self._source, target, label, mark, is_call)] = None


# Words -----------------------------------------------------------------------------------------


def _said(option: model.Choice) -> str:
    """How a choice is made: its shortest answer and its keys."""
    phrases = next((found for found in option.phrases.values() if found), ())
    words = _short(min(map(" ".join, phrases), key=len)) if phrases else ""
    if not words and not option.keys:
        words = as_text(option.value)
    return f"{words} {_keys(option.keys)}".strip()


def _keys(keys: tuple[str, ...]) -> str:
    return f"[{' '.join(keys)}]" if keys else ""


def _first_words(block: model.Block, flow: model.Flow) -> Iterator[str]:
    """What the node says first, and what it asks for."""
    said, asked = "", []
    for step in walk.steps_in([block]):
        if not said:
            said = next(filter(None, (_text(p, flow) for p in walk.heard_by_caller(step))), "")
        if isinstance(step, model.Question | model.Record) and step.to:
            asked.append(step.to)
    if said:
        lines = textwrap.wrap(said, _WIDTH)
        yield from lines[: _LINES - 1]
        rest = " ".join(lines[_LINES - 1 :])
        if rest:
            yield textwrap.shorten(rest, _WIDTH, placeholder=" …")
    if asked:
        yield textwrap.shorten("? " + ", ".join(dict.fromkeys(asked)), _WIDTH, placeholder=" …")


def _text(prompt: model.Prompt, flow: model.Flow) -> str:
    match prompt:
        case model.Translated():
            own = prompt.by_language.get(flow.language)
            return _text(own, flow) if own is not None else ""
        case model.PromptRef():
            variations = flow.prompts.get(prompt.name, ())
            return _text(variations[0], flow) if variations else ""
        case _:
            return markup.plain(_shown(prompt.text))


def _shown(template: Template) -> str:
    """The text with {x} for ${x | filter}: filters stand last, and | is nothing else there."""
    return "".join(
        f"{{{part.source.partition('|')[0].strip()}}}" if isinstance(part, Expression) else part
        for part in template.parts
    )


def _short(text: str) -> str:
    return textwrap.shorten(text, _LABEL, placeholder=" …")


def _join(first: str, second: str) -> str:
    return f"{first}, {second}" if first and second else first or second
