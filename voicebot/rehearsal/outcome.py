"""What came of a rehearsal: the record that every way of testing gives and every report reads.

Knows the exchange of a call as it was heard, and where it went another way than the test says.
Must not know how a test is run, in text or in audio, or how a report looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voicebot.flow.conversations import Conversation
from voicebot.flow.yamlfile import Mark


class Mode(StrEnum):
    """What is between the caller and the dialogue."""

    TEXT = "text"
    """Nothing: words go in, words come out."""
    AUDIO = "audio"
    """A voice, a telephone line, endpointing and the recogniser."""


class Who(StrEnum):
    BOT = "bot"
    CALLER = "caller"
    CALL = "call"
    """What happens to the call besides: a request, a recording, its end."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing in the exchange, in the order of time."""

    who: Who
    text: str
    """For people: without markup.  What is secret in a call is not in a test, so it is shown."""
    at_s: float
    """Seconds since the call began."""
    node: str = ""
    """The dialogue's node at that time."""
    response_ms: int | None = None
    """Of the first thing that the bot says after the caller's part: how long that took."""
    steps: tuple[Mark, ...] = ()
    """The steps of the test that are this line."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Where the call went another way than the test says."""

    mark: Mark
    """The step that did not come true."""
    message: str
    """One line: what was expected, what was, what to do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test in one mode."""

    flow: str
    conversation: Conversation
    mode: Mode
    exchange: tuple[Line, ...]
    failure: Failure | None
    """None: it passed."""
    taken: frozenset[Mark]
    """What of the flow the call came through (Dialog.taken)."""
    call_s: float
    """How long the call was, in its own time."""
    seconds: float
    """How long it took to run."""

    @property
    def name(self) -> str:
        return self.conversation.name

    @property
    def passed(self) -> bool:
        return self.failure is None
