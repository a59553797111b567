"""What is played on the bench, and what came of it.

Frozen records without behaviour, but for what can be said of one alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicebot.bench.corpus import Item
    from voicebot.rehearsal.impairments import Sound


class Outcome(StrEnum):
    """What the bot made of the caller."""

    UNDERSTOOD = "understood"
    MISSED = "missed"
    """It heard something and took it for no answer."""
    NOTHING = "nothing"
    """It did not notice, or took it for a noise."""


@dataclass(frozen=True, slots=True)
class Play:
    """One item on one line."""

    section: str
    """Of the bench, that it is counted in."""
    item: Item
    question: str
    condition: str
    """The name of the line."""
    sound: Sound
    end_silence_s: float | None = None
    """A plain endpointer's; None: ours."""
    interrupts: bool = False
    """He speaks into a long prompt."""
    key: str | None = None
    """He presses it and says nothing."""

    @property
    def name(self) -> str:
        """Another one has other noise and other pauses, except where only the endpointer differs."""
        return f"{self.item.name} {self.question} {self.condition} {self.interrupts}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a play.  Times are in seconds."""

    section: str
    item: str
    question: str
    kind: str
    feature: str
    said: str
    expected: object
    voice: str
    pause_s: float
    """The longest pause in what he says."""
    sayable: bool
    """It would be right if every word was heard as it was said: it is in the question's grammar."""
    condition: str
    end_silence_s: float | None
    interrupts: bool
    outcome: Outcome
    value: object = None
    """What was understood."""
    heard: tuple[str, ...] = ()
    settled_s: float | None = None
    """When it was decided on, counted from his last voiced 10 ms; negative: he was cut off."""
    response_s: float | None = None
    """From his last voiced 10 ms to the bot's first loud frame."""
    early: bool = False
    """It was decided before he had begun to speak."""
    stopped_s: float | None = None
    """From his first voiced 10 ms to the last loud frame of the prompt; None: it was not stopped."""
    hushed_s: float | None = None
    """From his first voiced 10 ms until the prompt paused for the first time."""
    paused_s: float = 0.0
    """How long the prompt was held back."""
    went_on: bool = False
    """The prompt was going on, or had come to its end, when the caller had long been silent."""
    first_frame_s: float | None = None
    """The first loud frame of the call."""
    waterfall: Mapping[str, object] = field(default_factory=dict)

    @property
    def cut_off(self) -> bool:
        """Whether it was decided while he went on."""
        return not self.early and self.settled_s is not None and self.settled_s < 0
