"""What an utterance or pressed keys turn out to mean: frozen records, no behaviour.

Knows choices, universals and values.  Must not know words, keys or how the one becomes the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from voicebot.flow.model import Choice, Universal


@dataclass(frozen=True, slots=True)
class Value:
    """A typed value: what a variable holds of it."""

    value: str | int | float | bool
    confidence: float = 1.0
    """The lowest of its words', 0 to 1; keys are sure."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Values of a form's slots, by the variable of the slot."""

    values: Mapping[str, Value]
    answer: Choice | None = None
    """The yes or no that was said beside them at the confirmation."""


Meaning: TypeAlias = "Choice | Universal | Value | Filled"


@dataclass(frozen=True, slots=True)
class Settled:
    """Keys that settle the question; `rest` was typed ahead for the next one.

    `meaning` None: the keys are no answer.
    """

    meaning: Meaning | None
    rest: str = ""


@dataclass(frozen=True, slots=True)
class More:
    """More keys may come.  At the end of the wait `meaning` holds (None: no answer).

    `rest`: keys behind those of the meaning, for the next question ("2" of "12" where there are
    "1" and "123").
    """

    meaning: Meaning | None
    rest: str = ""
