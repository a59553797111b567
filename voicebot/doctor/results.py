"""What an examination finds, one thing at a time.

Knows how a result is told in one line and as data.  Must not know what is examined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Verdict(StrEnum):
    """What a result means for the person who reads it."""

    OK = "ok"
    WARN = "warn"
    """It works, but not as well as it could, or not for every call."""
    FAIL = "fail"
    """Calls will not come, or will be bad."""
    SKIP = "skip"
    """It could not be looked at; the text says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    verdict: Verdict
    what: str
    """What was looked at, in a word or two that stay: `ports`."""
    text: str
    """What was found and, unless all is well, what to do; one line."""
    figures: Mapping[str, float | str] = field(default_factory=dict)
    """What was measured, by a name that ends in its unit."""

    def data(self) -> dict[str, Any]:
        """The result for machines."""
        told: dict[str, Any] = {"verdict": self.verdict.value, "what": self.what, "text": self.text}
        return told | ({"figures": dict(self.figures)} if self.figures else {})


def ok(what: str, text: str, figures: Mapping[str, float | str] | None = None) -> Result:
    """All is well."""
    return Result(Verdict.OK, what, text, figures or {})


def warn(what: str, text: str, figures: Mapping[str, float | str] | None = None) -> Result:
    """Something to think of."""
    return Result(Verdict.WARN, what, text, figures or {})


def fail(what: str, text: str, figures: Mapping[str, float | str] | None = None) -> Result:
    """Something to put right."""
    return Result(Verdict.FAIL, what, text, figures or {})


def skip(what: str, text: str) -> Result:
    """Something that could not be looked at."""
    return Result(Verdict.SKIP, what, text)


class Report(Protocol):
    """Where results go, as they come."""

    def section(self, title: str) -> None:
        """What follows belongs to this."""

    def add(self, *results: Result) -> None:
        """Take results in."""

    def busy(self, doing: str) -> None:
        """This is being done now, and may take seconds."""
