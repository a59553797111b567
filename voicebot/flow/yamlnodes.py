"""What a YAML file is once it has been read: nodes with their places, and findings about them.

Knows: the records that everything that reads a file shares, and how findings are sorted and worded.
Must not know: YAML's own syntax, PyYAML, or what the keys mean.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Mark(NamedTuple):
    """A place in a file; `line` and `column` count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """An error keeps the file from being used, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell the author of a file; `str()` gives the line that is printed."""

    mark: Mark
    severity: Severity
    message: str
    rule: str = field(default="", compare=False)
    """What was proved, in a word that stays (findings.py has them all); "": the shape of the file."""

    def __str__(self) -> str:
        return f"{self.mark}: {self.severity}: {self.message}"


class Scalar(NamedTuple):
    """A single value. `text` is as written (without quotes); `plain` is true when it was written without quotes.

    Keys of a mapping are always text: their `value` equals their `text`.
    """

    value: str | int | float | bool | None
    text: str
    mark: Mark
    plain: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Node", ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with their values, in the order of the file, no key twice."""

    entries: tuple[tuple[Scalar, "Node"], ...]
    mark: Mark


Node = Scalar | Sequence | Mapping


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the order of their places, without repetitions."""
    return sorted(dict.fromkeys(findings), key=lambda finding: (finding.mark, finding.message))


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """`; did you mean "x"?` for the option nearest to `word`, or nothing when none is near."""
    near = nearest(word, options)
    return f'; did you mean "{near}"?' if near is not None else ""


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option that is spelled like `word`, or nearly so."""
    by_spelling = {_spelling(option): option for option in options}
    near = difflib.get_close_matches(_spelling(word), by_spelling, n=1)
    return by_spelling[near[0]] if near else None


def plain(node: Node) -> Any:  # noqa: ANN401 - YAML data has no narrower type
    """The node as Python data: str, int, float, bool, None, list and dict with text keys."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node.entries}


def _spelling(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")
