"""What stands behind a key of a flow file: texts, numbers, durations, prompts, answers, keys.

Knows how each kind of value is written, and keeps what is wrong, each at its place.  Must not know
which keys a step, a question or an event has (loader.py, questions.py).
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from voicebot.flow import model, yamlfile
from voicebot.flow.answers import AnswerError, Phrase, phrases
from voicebot.flow.expressions import (
    Expression,
    ExpressionError,
    Template,
    literal,
    parse_expression,
    parse_template,
)
from voicebot.flow.spoken import Language, language_of
from voicebot.flow.yamlfile import Finding, Mark, Node, Severity, did_you_mean

_Parsed = TypeVar("_Parsed")

PROMPT: Final = ("prompt", "file", "text", "barge_in")
KEYS: Final = "0123456789*#ABCD"
RESERVED: Final = ("call", "true", "false", "null")
TAG: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?-([A-Z]{2}|[0-9]{3})")
"""A language tag with its region, which tells a translation from other keys ("no")."""
DEFAULT_LANGUAGE: Final = "en-US"
_AUTHORS: Final = ("vars", "set", "with", "tag", "return", "json", "query", "headers", "tests")
"""Keys below which the names are the author's own."""
_HABITS: Final = {
    ("a step `if`", "elif"): ": write `else: [{if: …, then: […]}]`",
    ("http", "url"): ": the method is the key, such as `get: http://…`",
    ("http", "method"): ": the method is the key, such as `get: http://…`",
}
"""Keys of other languages, and what is written here."""
DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m)")


class Fields:
    """Reads the values of one file and gathers what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.languages: dict[str, Language] = {DEFAULT_LANGUAGE: _known(DEFAULT_LANGUAGE)}
        """By tag: the languages of the flow, its own first."""
        self._library: dict[str, dict[str, tuple[str, ...]]] = {}
        """By language and name: the flow's `answers:`."""
        self._unclear: set[Mark] = set()
        """Mappings with an unknown key: what they seem to lack is likely to be that."""

    # What is wrong -------------------------------------------------------------------------

    def error(self, mark: Mark, message: str) -> None:
        self.findings.append(Finding(mark, Severity.ERROR, message))

    def missing(self, node: Node, message: str) -> None:
        """A key is not there; told only where no misspelled key tells it already."""
        if isinstance(node, yamlfile.Mapping) and node.mark not in self._unclear:
            self.error(node.mark, message)

    # Keys with values ----------------------------------------------------------------------

    def fields(self, node: Node, what: str, allowed: tuple[str, ...]) -> dict[str, Node]:
        """The keys of a mapping; those that are not allowed are findings.

        Args:
            what: names the mapping in a message ("a menu").
        """
        if not isinstance(node, yamlfile.Mapping):
            if isinstance(node, yamlfile.Scalar) and node.text and "goto" in allowed:
                written = f"a way on: write {as_way(node.text)}"
            else:
                written = f"written as keys with values: {', '.join(allowed)}"
            self.error(node.mark, f"{what} is {written}")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.entries:
            if key.text in allowed:
                found[key.text] = value
                continue
            self._unclear.add(node.mark)
            near = did_you_mean(key.text, allowed) or "; there is " + ", ".join(allowed)
            near = _HABITS.get((what, key.text), near)
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
        translations = self._translations(node)
        if translations is not None:
            said = {tag: self._prompt(text) for tag, text in translations}
            return model.Translated({t: p for t, p in said.items() if p is not None}, node.mark)
        keys = self.fields(node, "a prompt", PROMPT)
        barge_in = self.barge_in(keys["barge_in"]) if "barge_in" in keys else None
        if "prompt" in keys:
            name = self.text(keys["prompt"], "prompt")
            return model.PromptRef(name, keys["prompt"].mark, barge_in)
        if "file" in keys:
            if "text" not in keys:
                self.missing(node, "a sound file needs `text:`, the words that are in it")
            path = self.path.parent / self.text(keys["file"], "file")
            words = self.template(keys["text"]) if "text" in keys else literal("…")
            return model.FilePrompt(path, words, keys["file"].mark, barge_in)
        if "text" in keys:
            return model.TextPrompt(self.template(keys["text"]), keys["text"].mark, barge_in)
        self.missing(node, "a prompt is a text, {prompt: name} or {file: path, text: words}")
        return None

    def barge_in(self, node: Node) -> model.BargeIn:
        return model.BargeIn(self.one_of(node, "barge_in", tuple(model.BargeIn)))

    # Languages -----------------------------------------------------------------------------

    def read_languages(self, root: Node, own: Node | None) -> None:
        """Find every language that a call of this flow may be in."""
        tags = {self.text(own, "language"): own.mark} if own is not None else {}
        for tag, mark in _tags(root):
            tags.setdefault(tag, mark)
        known = {tag: language_of(tag) for tag in tags}
        for tag, mark in tags.items():
            if known[tag] is None and tag != "…":
                self.error(
                    mark,
                    f'the language "{tag}" is not known here: write one such as en-US, de-DE or '
                    "es-ES",
                )
        found = {tag: language for tag, language in known.items() if language is not None}
        if own is None:
            found = {DEFAULT_LANGUAGE: _known(DEFAULT_LANGUAGE)} | found
        if found:
            self.languages = found

    @property
    def language(self) -> str:
        """The tag of the flow's own language."""
        return next(iter(self.languages))

    def _translations(self, node: Node) -> list[tuple[str, Node]] | None:
        """The values by language tag, where that is what the keys are."""
        if not isinstance(node, yamlfile.Mapping) or not _is_translated(node):
            return None
        return [(key.text, value) for key, value in node.entries]

    def _in_language(self, node: Node, tag: str) -> Node | None:
        """What holds in that language."""
        translations = self._translations(node)
        return node if translations is None else dict(translations).get(tag)

    # Answers and keys ----------------------------------------------------------------------

    def read_library(self, node: Node | None) -> None:
        """Take over the flow's `answers:`, which all templates may refer to."""
        entries = self.entries(node, "answers")
        for tag in self.languages:
            written: dict[str, list[tuple[str, Mark]]] = {}
            for key, value in entries:
                here = self._in_language(value, tag)
                written[key.text] = self.texts(here) if here is not None else []
            self._library[tag] = {name: tuple(t for t, _ in t_m) for name, t_m in written.items()}
            # What is wrong is told once, here, and not again wherever the name is used.
            self._library[tag] = {
                name: tuple(t for t, mark in texts if self.expanded(t, mark, tag)) or (name,)
                for name, texts in written.items()
            }

    def library(self, name: str, tag: str) -> tuple[str, ...]:
        """The templates that the flow's `answers:` have under that name."""
        return self._library.get(tag, {}).get(name, ())

    def phrases(self, node: Node | None) -> model.Said:
        """What is said, in each language of the flow."""
        if node is None:
            return dict.fromkeys(self.languages, ())
        return {tag: self._phrases(self._in_language(node, tag), tag) for tag in self.languages}

    def _phrases(self, node: Node | None, tag: str) -> tuple[Phrase, ...]:
        found: dict[Phrase, None] = {}
        for template, mark in self.texts(node) if node is not None else ():
            found.update(dict.fromkeys(self.expanded(template, mark, tag)))
        return tuple(found)

    def written(self, node: Node | None) -> Iterator[str]:
        """The templates themselves, of all languages."""
        if node is not None:
            for tag in self.languages:
                here = self._in_language(node, tag)
                yield from (text for text, _ in self.texts(here)) if here is not None else ()

    def expanded(self, template: str, mark: Mark, tag: str) -> tuple[Phrase, ...]:
        library = self._library.get(tag, {})
        try:
            return phrases(template, library)
        except AnswerError as error:
            near = re.search(r"<(.+)> is not one", str(error))
            hint = did_you_mean(near[1], library) if near else ""
            self._once(mark, f"{error}{hint}")
            return ()

    def _once(self, mark: Mark, message: str) -> None:
        """One template may be read for several languages, and is wrong in the same way in each."""
        if Finding(mark, Severity.ERROR, message) not in self.findings:
            self.error(mark, message)

    def keys(self, node: Node | None) -> tuple[str, ...]:
        found: list[str] = []
        for text, mark in self.texts(node) if node else ():
            if not text or any(char not in KEYS for char in text):
                self.error(mark, f'"{text}" is not a key: keys are 0-9, * and #, in quotes')
            else:
                found.append(text)
        return tuple(found)

    def finish_key(self, node: Node | None) -> str | None:
        """The key that ends an entry: "#" where nothing is written, None where null is."""
        if node is None:
            return "#"
        return None if _is_null(node) else self.end_key(node, "finish")

    def end_key(self, node: Node, what: str) -> str:
        key = self.text(node, what)
        if key not in ("#", "*"):
            self.error(node.mark, f'`{what}` is the key "#" or "*", in quotes')
        return key

    # Texts and expressions -----------------------------------------------------------------

    def texts(self, node: Node) -> list[tuple[str, Mark]]:
        """One text or a list of texts, each with its place."""
        if isinstance(node, yamlfile.Sequence):
            return [(self.text(item, "each of these"), item.mark) for item in node.items]
        return [(self.text(node, "this"), node.mark)]

    def text(self, node: Node, what: str) -> str:
        if isinstance(node, yamlfile.Scalar) and not _is_null(node):
            return node.text
        self._once(node.mark, f"{what} is a text")
        return "…"  # stands for what the author will write, so that it is told once

    def template(self, node: Node) -> Template:
        if not isinstance(node, yamlfile.Scalar):
            self.error(node.mark, "a text belongs here")
            return literal("")
        return self._parsed(node, parse_template) or literal("")

    def value(self, node: Node) -> Template | model.Constant:
        """A scalar: itself, as text, number, true, false or null, or a template."""
        if isinstance(node, yamlfile.Scalar) and "${" not in node.text:
            return node.value
        return self.template(node)

    def data(self, node: Node) -> model.Data:
        """A value with templates in it at any depth."""
        if isinstance(node, yamlfile.Mapping):
            return {key.text: self.data(value) for key, value in node.entries}
        if isinstance(node, yamlfile.Sequence):
            return tuple(self.data(item) for item in node.items)
        return self.value(node)

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

    def target(self, node: Node) -> str:
        """The variable that a `to:` names."""
        name = self.text(node, "to")
        return name if name == "…" else self.variable(name, node.mark)

    # Numbers -------------------------------------------------------------------------------

    def whole(self, node: Node, what: str, least: int) -> int:
        value = yamlfile.plain(node)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.error(node.mark, f"{what} is a whole number, {least} or more")
        return least

    def number(self, node: Node, what: str) -> float:
        value = yamlfile.plain(node)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        self.error(node.mark, f"{what} is a number")
        return 0

    def one_of(self, node: Node, what: str, allowed: tuple[str, ...]) -> str:
        """One of a few words; the first stands for what is none of them."""
        text = self.text(node, what)
        if text in allowed or text == "…":
            return text if text in allowed else allowed[0]
        listed = " or ".join(filter(None, [", ".join(allowed[:-1]), allowed[-1]]))
        self.error(node.mark, f"{what} is {listed}{did_you_mean(text, allowed)}")
        return allowed[0]

    def currency(self, node: Node) -> str | None:
        """A currency that can be said in every language of the flow."""
        text = self.text(node, "currency")
        known = [language.money.currencies for language in self.languages.values()]
        if all(text in currencies for currencies in known):
            return text
        if text != "…":
            both = sorted(set(known[0]).intersection(*known))
            near = did_you_mean(text, both) or "; there is " + ", ".join(both)
            self.error(node.mark, f'"{text}" is not a currency that can be said here{near}')
        return None

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


def as_way(text: str) -> str:
    """The way on that is meant by a text in its place: the name of a node, or a step."""
    verb, _, target = text.partition(" ")
    if text in ("hangup", "repeat", "return"):
        return f"{{do: [{text}]}}"
    if verb.rstrip(":") in ("goto", "call") and target:
        return f"{{{verb.rstrip(':')}: {target.strip()}}}"
    return f"{{goto: {text}}}"


def _known(tag: str) -> Language:
    language = language_of(tag)
    assert language is not None, tag  # noqa: S101 - the language that is always there
    return language


def _is_translated(node: yamlfile.Mapping) -> bool:
    return bool(node.entries) and all(TAG.fullmatch(key.text) for key, _ in node.entries)


def _tags(node: Node) -> Iterator[tuple[str, Mark]]:
    """Every language tag in a file: those of translations and of `language` steps."""
    if isinstance(node, yamlfile.Sequence):
        for item in node.items:
            yield from _tags(item)
    elif isinstance(node, yamlfile.Mapping):
        translated = _is_translated(node)
        for key, value in node.entries:
            if translated:
                yield key.text, key.mark
            elif key.text == "language" and isinstance(value, yamlfile.Scalar) and value.text:
                yield value.text, value.mark
            if key.text not in _AUTHORS:
                yield from _tags(value)


def _is_null(node: Node) -> bool:
    return isinstance(node, yamlfile.Scalar) and node.value is None and node.plain
