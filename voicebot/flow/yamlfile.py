"""YAML files as people write them, with a place for every value.

Knows: the YAML text of one file, its nodes with their marks, and findings about it. Values are resolved after YAML 1.2:
`yes`, `no` and `on` are text, `10:00` and `0800` too. Apart from `load`, nothing here touches a file.
Must not know: what the keys mean; flows, settings and tests all come through here.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml import events as ev

from voicebot.flow.yamlmistakes import explain, place_of
from voicebot.flow.yamlnodes import (
    Finding,
    Mapping,
    Mark,
    Node,
    Scalar,
    Sequence,
    Severity,
    did_you_mean,
    nearest,
    plain,
    sort_findings,
)

__all__ = [
    "Finding", "Mapping", "Mark", "Node", "Scalar", "Sequence", "Severity", "did_you_mean", "load", "nearest",
    "parse", "plain", "sort_findings",
]  # fmt: skip

CParser: type[Any] | None = getattr(yaml, "CSafeLoader", None)
"""libyaml's parser; None: a PyYAML that was built without it."""

# A file of this size is no longer written by a person; the limits stop aliases that multiply and brackets without end.
MAX_NODES = 200_000
MAX_DEPTH = 60

_NULL = re.compile(r"(?:null|Null|NULL|~)?")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,99})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,99})\.[0-9]{1,99}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_GLUED_KEY = re.compile(r"[\w-]+:(?!//)\S")
# What a plain scalar that is no text begins with.
_NO_TEXT = frozenset("0123456789-~nNtTfF")
# What libyaml reads all the same: tabs, a byte order mark, a comment right behind | or >.
_PYYAML_REFUSES = re.compile("[\t\ufeff]|[|>][-+0-9]*#")
_HIDDEN_BY_COMMENT = re.compile(r"\s+#(?:\s*|[\"',\]}].*)")


def load(path: Path | str) -> tuple[Node | None, list[Finding]]:
    """Read a file. Never raises for what is wrong with the file: that is in the findings, and the node is None."""
    name = str(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return None, [_error(Mark(name, 1, 1), "there is no such file")]
    except IsADirectoryError:
        return None, [_error(Mark(name, 1, 1), "this is a folder, not a file")]
    except OSError as exc:
        return None, [_error(Mark(name, 1, 1), f"cannot be read: {exc.strerror}")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        good = data[: exc.start].decode("utf-8-sig")
        line, column = place_of(good, len(good))
        byte = data[exc.start]
        message = f"the byte 0x{byte:02X} is not UTF-8; save the file as UTF-8"
        return None, [_error(Mark(name, line + 1, column + 1), message)]
    return parse(text, name)


def parse(text: str, name: str) -> tuple[Node | None, list[Finding]]:
    """Turn the text of one file into nodes.

    Args:
        text: the whole file.
        name: what the marks call the file.

    Returns:
        The root node, or None when the text could not be read to its end; and the findings, sorted by place.
    """
    # libyaml is ten times as fast, but cannot say what is wrong.
    if CParser is not None and not _PYYAML_REFUSES.search(text):
        try:
            return _Builder(text, name).read(CParser)
        except (yaml.YAMLError, UnicodeEncodeError):
            pass  # PyYAML's own parser comes to the same place, with a message that can be explained
    builder = _Builder(text, name)
    try:
        return builder.read(yaml.SafeLoader)
    except yaml.YAMLError as exc:
        line, column, message = explain(exc, text)
        mark = Mark(name, line + 1, column + 1)
        # What was read behind the place was read wrongly.
        before = [finding for finding in builder.findings if finding.mark < mark]
        return None, sort_findings([*before, _error(mark, message)])


def _error(mark: Mark, message: str) -> Finding:
    return Finding(mark, Severity.ERROR, message, "yaml")


def _resolve(text: str) -> str | int | float | bool | None:
    """The value of a scalar that was written without quotes."""
    if text and text[0] not in _NO_TEXT:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


_record = tuple.__new__
"""Makes a named tuple in half the time that its own name takes: there are very many."""


class _TooMuch(Exception):
    """A limit was passed: reading on makes no sense."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


class _Builder:
    """Builds nodes from PyYAML's events; collects what is wrong but readable, lets PyYAML raise for the rest."""

    def __init__(self, text: str, name: str) -> None:
        self.findings: list[Finding] = []
        self._name = name
        self._text = text
        self._lines = text.splitlines()
        self._events: Iterator[ev.Event] = iter(())
        self._fast = False
        # Anchor -> node and the number of nodes below it; None while the node is being built.
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._count = 0
        self._depth = 0

    def read(self, parser: type[Any]) -> tuple[Node | None, list[Finding]]:
        """The root node and the findings.

        Args:
            parser: gives the events: PyYAML's loader, or libyaml's parser.

        Raises:
            yaml.YAMLError: the text could not be read to its end.
        """
        root: Node | None = None
        self._events = iter(parser(self._text).get_event, None)
        self._fast = parser is CParser
        try:
            root = self._document()
        except _TooMuch as exc:
            self.findings.append(_error(exc.mark, exc.message))
        return root, sort_findings(self.findings)

    def _document(self) -> Node | None:
        next(self._events)  # stream start
        if isinstance(next(self._events), ev.StreamEndEvent):
            self._tell(Mark(self._name, 1, 1), "the file is empty")
            return None
        root = self._node(next(self._events))
        if isinstance(root, Scalar) and root.plain and not root.text:
            self._tell(Mark(self._name, 1, 1), "the file is empty")
            return None
        next(self._events)  # document end
        after = next(self._events)
        if isinstance(after, ev.DocumentStartEvent):
            self._tell(
                self._mark(after),
                'a second document starts here; remove the "---", a file has one document',
            )
        if isinstance(root, Scalar) and root.plain and _GLUED_KEY.match(root.text):
            self._tell(root.mark, "a space is missing after the colon")
        return root

    def _node(self, event: ev.Event) -> Node:
        start = event.start_mark
        assert start is not None  # noqa: S101 - only hand-made events have no mark
        mark = _record(Mark, (self._name, start.line + 1, start.column + 1))
        if isinstance(event, ev.ScalarEvent) and event.anchor is None:
            self._count += 1  # the limit is looked at where a list or mapping ends
            return self._scalar(event, mark)
        if isinstance(event, ev.AliasEvent):
            return self._alias(event, mark)
        assert isinstance(event, ev.NodeEvent)  # noqa: S101 - PyYAML's grammar gives no other event here
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        before = self._count
        self._grow(1, mark)
        node = self._collection_or_scalar(event, mark)
        if anchor is not None:
            self._anchors[anchor] = (node, self._count - before)
        return node

    def _collection_or_scalar(self, event: ev.NodeEvent, mark: Mark) -> Node:
        if isinstance(event, ev.ScalarEvent):
            return self._scalar(event, mark)
        if isinstance(event, ev.CollectionStartEvent) and event.tag is not None:
            self._tell_tag(event.tag, mark)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooMuch(
                mark, f"more than {MAX_DEPTH} levels inside each other; is a bracket not closed?"
            )
        node = (
            self._mapping(mark) if isinstance(event, ev.MappingStartEvent) else self._sequence(mark)
        )
        self._depth -= 1
        self._grow(0, mark)
        return node

    def _scalar(self, event: ev.ScalarEvent, mark: Mark) -> Scalar:
        if event.tag is not None:
            self._tell_tag(event.tag, mark)
        text: str = event.value
        if event.style:
            if not text.isascii():
                text = self._whole_characters(text, mark)
            return _record(Scalar, (text, text, mark, False))
        start, end = event.start_mark, event.end_mark
        if start is not None and end is not None and start.line != end.line:
            self._check_continuation(start.line + 1, end.line + 1)
        if not text:
            bare = event.tag is None and event.anchor is None
            mark = self._after_colon(mark) if self._fast and bare else mark
            self._check_comment(mark)
        return _record(Scalar, (_resolve(text), text, mark, True))

    def _whole_characters(self, text: str, mark: Mark) -> str:
        r"""JSON writes characters above U+FFFF as two escapes; half of such a pair can be neither said nor printed."""
        if not _SURROGATE.search(text):
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._tell(mark, r"a \u escape here is half a character; write the character itself")
            return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)

    def _sequence(self, mark: Mark) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self._events), ev.SequenceEndEvent):
            items.append(self._node(event))
        return Sequence(tuple(items), mark)

    def _mapping(self, mark: Mark) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self._events), ev.MappingEndEvent):
            written = self._node(event)
            value = self._node(next(self._events))
            key = self._key(written, value)
            if key is None:
                continue
            if key.text in entries:
                first = entries[key.text][0].mark
                self._tell(
                    key.mark,
                    f'the key "{key.text}" is already there at {first}; remove or rename one',
                )
                continue
            entries[key.text] = (key, value)
        return Mapping(tuple(entries.values()), mark)

    def _key(self, node: Node, value: Node) -> Scalar | None:
        if not isinstance(node, Scalar):
            self._tell(node.mark, "a key must be a word or a quoted text, not a list or a mapping")
            return None
        if node.plain and node.text == "<<":
            self._tell(node.mark, 'merge keys ("<<") are not understood; write the keys out')
            return None
        unset = isinstance(value, Scalar) and value.plain and not value.text
        if node.plain and unset and _GLUED_KEY.match(node.text):
            self._tell(node.mark, f'a space is missing after the colon in "{node.text}"')
            return None
        return (
            node if node.value == node.text else Scalar(node.text, node.text, node.mark, node.plain)
        )

    def _alias(self, event: ev.AliasEvent, mark: Mark) -> Node:
        name = event.anchor or ""
        known = self._anchors.get(name)
        if known is None:
            if name in self._anchors:
                self._tell(
                    mark, f'"*{name}" stands inside the value that it names; write the value out'
                )
            else:
                self._tell(
                    mark,
                    f'there is no "&{name}" above; put a text that starts with * in quotes: "*{name}"',
                )
            return Scalar(f"*{name}", f"*{name}", mark, plain=False)
        node, size = known
        self._grow(size, mark)
        return node

    def _tell_tag(self, tag: str, mark: Mark) -> None:
        written = "!!" + tag.rpartition(":")[2] if tag.startswith("tag:yaml.org") else tag
        self._tell(
            mark,
            f'tags like "{written}" are not understood; remove it, and quote what is to be text',
        )

    def _check_continuation(self, first: int, last: int) -> None:
        """A list item that is indented too deep silently becomes part of the text above."""
        for number in range(first, min(last, len(self._lines))):
            line = self._lines[number]
            if line.lstrip(" ").startswith("- "):
                column = len(line) - len(line.lstrip(" ")) + 1
                message = "this item is indented deeper than the list above and would become part of its text; align it"
                self._tell(Mark(self._name, number + 1, column), message)
                return

    def _after_colon(self, mark: Mark) -> Mark:
        """Where an empty value begins; in braces libyaml has it at the next sign."""
        before = (
            self._lines[mark.line - 1][: mark.column - 1] if mark.line <= len(self._lines) else ""
        )
        bare = before.rstrip()
        if not bare.endswith((":", "-", "?")):
            raise yaml.YAMLError  # PyYAML knows the place
        return mark._replace(column=len(bare) + 1)

    def _check_comment(self, mark: Mark) -> None:
        """`finish: #` has no value: the # starts a comment."""
        line = self._lines[mark.line - 1] if mark.line <= len(self._lines) else ""
        if _HIDDEN_BY_COMMENT.fullmatch(line[mark.column - 1 :]):
            message = (
                'there is no value here, a # after a space starts a comment; for the key write "#"'
            )
            self.findings.append(Finding(mark, Severity.WARNING, message, "yaml"))

    def _grow(self, nodes: int, mark: Mark) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            raise _TooMuch(
                mark, f"more than {MAX_NODES} values in one file; do aliases repeat each other?"
            )

    def _tell(self, mark: Mark, message: str) -> None:
        self.findings.append(_error(mark, message))

    def _mark(self, event: ev.Event) -> Mark:
        start = event.start_mark
        assert start is not None  # noqa: S101 - only hand-made events have no mark
        return Mark(self._name, start.line + 1, start.column + 1)
