"""What stands behind a key of a flow file: texts, numbers, durations, prompts, answers, keys.

Knows how each kind of value is written, and keeps what is wrong, each at its place.  Must not know
which keys a step, a question or an event has (loader.py, questions.py).
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from voicebot.flow import entities, model, yamlfile
from voicebot.flow.answers import AnswerError, Phrase, phrases
from voicebot.flow.expressions import (
    Expression,
    ExpressionError,
    Template,
    literal,
    parse_expression,
    parse_template,
)
from voicebot.flow.yamlfile import Finding, Mark, Node, Severity, did_you_mean

_Parsed = TypeVar("_Parsed")

KEYS: Final = "0123456789*#ABCD"
RESERVED: Final = ("call", "true", "false", "null")
DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m)")


class Fields:
    """Reads the values of one file and gathers what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.library: dict[str, tuple[str, ...]] = {}
        """The flow's `answers:`."""
        self.lexicon = entities.ENGLISH
        self._unclear: set[Mark] = set()
        """Mappings with an unknown key: what they seem to lack is likely to be that."""

    # What is wrong -------------------------------------------------------------------------

    def error(self, mark: Mark, message: str) -> None:
        self.findings.append(Finding(mark, Severity.ERROR, message))

    def missing(self, node: Node, message: str) -> None:
        """A key is not there; told only where no misspelled key tells it already."""
        if isinstance(node, yamlfile.Mapping) and node.mark not in self._unclear:
            self.error(node.mark, message)

    def later(self, name: str, mark: Mark) -> None:
        self.error(
            mark, f'"{name}" belongs to the flow language, but this version does not run it yet'
        )

    # Keys with values ----------------------------------------------------------------------

    def fields(
        self, node: Node, what: str, allowed: tuple[str, ...], later: tuple[str, ...] = ()
    ) -> dict[str, Node]:
        """The keys of a mapping; those that are not allowed are findings.

        Args:
            what: names the mapping in a message ("a menu").
            later: keys of the language that this version does not know yet.
        """
        if not isinstance(node, yamlfile.Mapping):
            self.error(node.mark, f"{what} is written as keys with values: {', '.join(allowed)}")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.entries:
            if key.text in allowed:
                found[key.text] = value
                continue
            self._unclear.add(node.mark)
            if key.text in later:
                self.later(key.text, key.mark)
            else:
                near = did_you_mean(key.text, allowed) or "; there is " + ", ".join(allowed)
                self.error(key.mark, f'{what} has no "{key.text}"{near}')
        return found

    def entries(self, node: Node | None, what: str) -> list[tuple[yamlfile.Scalar, Node]]:
        """The entries of a mapping whose keys are names of the author's."""
        if isinstance(node, yamlfile.Mapping):
            return list(node.entries)
        if node is not None and not _is_null(node):
            self.error(node.mark, f"{what} is written as names with values")
        return []

    def items(self, node: Node, what: str) -> tuple[Node, ...]:
        if not isinstance(node, yamlfile.Sequence):
            self.error(node.mark, f"{what} is a list: begin each with `-`")
            return ()
        if not node.items:
            self.error(node.mark, f"{what} is empty: add at least one")
        return node.items

    # Prompts -------------------------------------------------------------------------------

    def prompts(self, node: Node | None) -> model.Prompts:
        """A prompt or a list of them, said one after the other."""
        if node is None:
            return ()
        items = node.items if isinstance(node, yamlfile.Sequence) else (node,)
        if not items:
            self.error(node.mark, "there is nothing to say: write a text")
        return tuple(prompt for prompt in map(self._prompt, items) if prompt is not None)

    def by_attempt(self, node: Node | None) -> tuple[model.Prompts, ...]:
        """Prompts of which the n-th is for the n-th miss."""
        if isinstance(node, yamlfile.Sequence):
            return tuple(self.prompts(item) for item in node.items)
        return () if node is None else (self.prompts(node),)

    def _prompt(self, node: Node) -> model.Prompt | None:
        if isinstance(node, yamlfile.Scalar):
            if not node.text.strip():
                self.error(node.mark, "there is nothing to say: write a text")
            return model.TextPrompt(self.template(node), node.mark)
        keys = self.fields(node, "a prompt", ("prompt", "file", "text"))
        if "prompt" in keys:
            return model.PromptRef(self.text(keys["prompt"], "prompt"), keys["prompt"].mark)
        if "file" in keys:
            if "text" not in keys:
                self.missing(node, "a sound file needs `text:`, the words that are in it")
            path = self.path.parent / self.text(keys["file"], "file")
            words = self.template(keys["text"]) if "text" in keys else literal("")
            return model.FilePrompt(path, words, keys["file"].mark)
        self.missing(node, "a prompt is a text, {prompt: name} or {file: path, text: words}")
        return None

    # Answers and keys ----------------------------------------------------------------------

    def read_library(self, node: Node | None) -> None:
        """Take over the flow's `answers:`, which all templates may refer to."""
        written = {key.text: self.texts(value) for key, value in self.entries(node, "answers")}
        self.library = {name: tuple(t for t, _ in texts) for name, texts in written.items()}
        # What is wrong is told once, here, and not again wherever the name is used.
        self.library = {
            name: tuple(t for t, mark in texts if self.expanded(t, mark)) or (name,)
            for name, texts in written.items()
        }

    def phrases(self, node: Node | None) -> tuple[Phrase, ...]:
        found: dict[Phrase, None] = {}
        for template, mark in self.texts(node) if node else ():
            found.update(dict.fromkeys(self.expanded(template, mark)))
        return tuple(found)

    def expanded(self, template: str, mark: Mark) -> tuple[Phrase, ...]:
        try:
            return phrases(template, self.library)
        except AnswerError as error:
            near = re.search(r"<(.+)> is not one", str(error))
            hint = did_you_mean(near[1], self.library) if near else ""
            self.error(mark, f"{error}{hint}")
            return ()

    def keys(self, node: Node | None) -> tuple[str, ...]:
        found: list[str] = []
        for text, mark in self.texts(node) if node else ():
            if not text or any(char not in KEYS for char in text):
                self.error(mark, f'"{text}" is not a key: keys are 0-9, * and #, in quotes')
            else:
                found.append(text)
        return tuple(found)

    # Texts and expressions -----------------------------------------------------------------

    def texts(self, node: Node) -> list[tuple[str, Mark]]:
        """One text or a list of texts, each with its place."""
        if isinstance(node, yamlfile.Sequence):
            return [(self.text(item, "each of these"), item.mark) for item in node.items]
        return [(self.text(node, "this"), node.mark)]

    def text(self, node: Node, what: str) -> str:
        if isinstance(node, yamlfile.Scalar) and not _is_null(node):
            return node.text
        self.error(node.mark, f"{what} is a text")
        return "…"  # stands for what the author will write, so that it is told once

    def template(self, node: Node) -> Template:
        if not isinstance(node, yamlfile.Scalar):
            self.error(node.mark, "a text belongs here")
            return literal("")
        return self._parsed(node, parse_template) or literal("")

    def expression(self, node: Node) -> Expression:
        nothing = parse_expression("null")
        if not isinstance(node, yamlfile.Scalar):
            self.error(node.mark, "an expression belongs here, in quotes")
            return nothing
        source = node.text.strip()
        if source.startswith("${") and source.endswith("}"):
            self.error(
                node.mark, f'an expression stands here without ${{}}: write "{source[2:-1]}"'
            )
            return nothing
        return self._parsed(node, parse_expression) or nothing

    def _parsed(self, node: yamlfile.Scalar, parse: Callable[[str], _Parsed]) -> _Parsed | None:
        try:
            return parse(node.text)
        except ExpressionError as error:
            self.error(node.mark, str(error))
            return None

    def variable(self, name: str, mark: Mark) -> str:
        """The name of a variable."""
        if not name.isidentifier() or keyword.iskeyword(name) or name in RESERVED:
            self.error(
                mark,
                f'"{name}" cannot be a variable: use letters, digits and _, and no word of the '
                'expressions ("call", "if", "not", …)',
            )
        return name

    # Numbers -------------------------------------------------------------------------------

    def whole(self, node: Node, what: str, least: int) -> int:
        value = yamlfile.plain(node)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.error(node.mark, f"{what} is a whole number, {least} or more")
        return least

    def truth(self, node: Node, what: str) -> bool:
        value = yamlfile.plain(node)
        if not isinstance(value, bool):
            self.error(node.mark, f"{what} is true or false")
        return value is True

    def duration(self, node: Node) -> float:
        """A duration in seconds."""
        text = node.text if isinstance(node, yamlfile.Scalar) else ""
        found = DURATION.fullmatch(text)
        if found:
            return float(found[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0}[found[2]]
        self.error(node.mark, f'"{text}" is not a duration: write 5s, 300ms or 2m')
        return 1.0


def _is_null(node: Node) -> bool:
    return isinstance(node, yamlfile.Scalar) and node.value is None and node.plain
