"""What a dialogue is told and what it wants done: all of it, on one screen.

Events are in the past tense and carry the time in seconds since the call began; actions are in the
imperative.  Frozen records without behaviour: a list of events is a call that can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    from voicebot.flow.answers import Alternative, Word
    from voicebot.flow.expectation import Expectation
    from voicebot.flow.model import BargeIn

# Events ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """The call began."""

    at_s: float


@dataclass(frozen=True, slots=True)
class PromptsFinished:
    """Everything there was to say has been played out."""

    at_s: float


@dataclass(frozen=True, slots=True)
class MarkPassed:
    """The caller has heard what stands before a `<mark>`."""

    at_s: float
    mark: str


@dataclass(frozen=True, slots=True)
class BargeInChanged:
    """What is said from now on may be interrupted by others than what was said before."""

    at_s: float
    barge_in: BargeIn | None
    """As the prompt says; None: as the question does."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak, and may."""

    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechHeard:
    """An utterance ended and was recognised."""

    at_s: float
    words: tuple[Word, ...]
    alternatives: tuple[Alternative, ...] = ()
    """All ways to hear it, the most probable first; none: the engine tells of no others."""


@dataclass(frozen=True, slots=True)
class SpeechLost:
    """What began as speech was none, or could not be recognised."""

    at_s: float


@dataclass(frozen=True, slots=True)
class KeyPressed:
    at_s: float
    key: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    at_s: float
    timer: Timer


@dataclass(frozen=True, slots=True)
class SpeakingFailed:
    """A prompt could not be synthesised; the others are played."""

    at_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class HttpAnswered:
    """The server answered, whatever the status."""

    at_s: float
    status: int
    json: object
    """The body where it is JSON, else None."""
    text: str


@dataclass(frozen=True, slots=True)
class HttpFailed:
    """There was no answer: no connection, or not in time."""

    at_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording is over.  `path` None: nothing was said."""

    at_s: float
    path: str | None
    duration_s: float
    caller_left: bool = False
    """The caller hung up, which ended it; CallerLeft follows."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """Nobody took the call: it is back."""

    at_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class CallerLeft:
    at_s: float


Event: TypeAlias = (
    Answered
    | PromptsFinished
    | MarkPassed
    | BargeInChanged
    | SpeechStarted
    | SpeechHeard
    | SpeechLost
    | KeyPressed
    | TimerFired
    | SpeakingFailed
    | HttpAnswered
    | HttpFailed
    | Recorded
    | TransferFailed
    | CallerLeft
)

# Actions ---------------------------------------------------------------------------------------


class Timer(StrEnum):
    NO_INPUT = "no_input"
    KEYS = "keys"
    WAIT = "wait"


class TransferKind(StrEnum):
    """What the target of a transfer is."""

    EXTENSION = "extension"
    """Of the dialplan."""
    CHANNEL = "channel"
    """Such as PJSIP/alice: it is rung as it stands."""
    QUEUE = "queue"
    VOICEMAIL = "voicemail"
    """A mailbox, such as 400@default."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is said: words with their markup, and the recording of them where there is one."""

    text: str
    language: str
    file: Path | None = None
    secret: bool = False
    barge_in: BargeIn | None = None
    """Who may interrupt it; None: as the question says."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Say these after what is being said already."""

    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True)
class StopSpeaking:
    """Be silent at once and forget what was still to be said."""


@dataclass(frozen=True, slots=True)
class Listen:
    """A question is open: from now on (or from the end of the prompts, by barge_in) speech counts."""

    node: str
    language: str
    expectation: Expectation
    barge_in: BargeIn
    end_silence_s: float | None
    max_speech_s: float
    secret: bool
    filled: tuple[str, ...] = ()
    """The slots of a form that have a value: what is said of them may only be a correction."""


@dataclass(frozen=True, slots=True)
class StopListening:
    """The question is closed; an utterance under way is forgotten."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Starts, or starts anew."""

    timer: Timer
    after_s: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    timer: Timer


@dataclass(frozen=True, slots=True)
class Request:
    """Ask a server; HttpAnswered or HttpFailed is to follow."""

    method: str
    url: str
    """With its query."""
    headers: dict[str, str]
    json: object
    """None: no body."""
    timeout_s: float
    secret: bool
    """Something in it is secret."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller from now on (all prompts have been played); Recorded is to follow."""

    beep: bool
    max_s: float
    silence_s: float
    secret: bool


@dataclass(frozen=True, slots=True)
class StopRecording:
    """The finish key was pressed."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect the caller with somebody else once all has been said.

    The call has left then; with `returns` TransferFailed brings it back.
    """

    to: str
    context: str | None
    """Of an extension; None: that of the settings."""
    wait_s: float
    returns: bool
    kind: TransferKind = TransferKind.EXTENSION
    whisper: tuple[Prompt, ...] = ()
    """What the one who is called hears before he is connected; the caller does not."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A value for the call record and the dialplan."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call once all has been said."""


@dataclass(frozen=True, slots=True)
class Log:
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something happened in the dialogue that a log or record wants to have.

    kind: "node", "flow", "understood", "missed", "failed", "recorded", "language", "error".
    """

    kind: str
    detail: dict[str, str | int]


Action: TypeAlias = (
    Speak | StopSpeaking | Listen | StopListening | StartTimer | StopTimer | Request | Record
    | StopRecording | Transfer | Tag | HangUp | Log | Note
)  # fmt: skip
