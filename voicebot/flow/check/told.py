"""What the proofs share: how they put a finding, and what is known of where the flow will run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from voicebot.flow.yamlfile import Finding, Mark, Severity


@dataclass(frozen=True, slots=True)
class Known:
    """None: unknown, so not checked."""

    vocabulary: Collection[str] | None = None
    """The words the recogniser knows."""
    calendars: Collection[str] | None = None
    languages: Collection[str] | None = None


def error(rule: str, mark: Mark, message: str) -> Finding:
    return Finding(mark, Severity.ERROR, message, rule)


def warning(rule: str, mark: Mark, message: str) -> Finding:
    return Finding(mark, Severity.WARNING, message, rule)
