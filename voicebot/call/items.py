"""What comes into a call's inbox beside the line's own events.

Frozen records without behaviour: what is slow (recognising, speaking, asking, recording) puts one
there when it is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voicebot.call.asker import Answer, RequestFailed
from voicebot.call.services import Back, Connected
from voicebot.flow import events as ev
from voicebot.hearing.ear import Utterance
from voicebot.hearing.recording import Recording
from voicebot.hearing.transcribing import Hearing
from voicebot.line.line import LineEvent


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """`question`: the one that was open at the onset; a key may have closed it since."""

    utterance: Utterance
    question: ev.Listen | None


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    utterance: Utterance
    question: ev.Listen
    hearing: Hearing
    text_s: float
    """When its words were there, since the call began."""


@dataclass(frozen=True, slots=True)
class NothingMore:
    """An answer that could have gone on has not."""

    speech: SpeechEnded


@dataclass(frozen=True, slots=True)
class TimerDue:
    timer: ev.Timer
    number: int


@dataclass(frozen=True, slots=True)
class Sounding:
    """The first frame of speech has left."""

    at_s: float
    number: int
    """The mouth's, of when it was said."""


@dataclass(frozen=True, slots=True)
class MarkPassed:
    """The frame behind a mark has left."""

    name: str
    at_s: float
    number: int
    """As in `Sounding`."""


@dataclass(frozen=True, slots=True)
class BargeInChanged:
    """What is said now may be interrupted by others than what was said before."""

    number: int
    """As in `Sounding`."""


@dataclass(frozen=True, slots=True)
class PlayedOut:
    """All that was queued has left."""


@dataclass(frozen=True, slots=True)
class PromptFailed:
    reason: str
    number: int
    """The mouth's, of when it was to be said."""


@dataclass(frozen=True, slots=True)
class RequestOver:
    result: Answer | RequestFailed


@dataclass(frozen=True, slots=True)
class MessageOver:
    """Silence or its length has ended it; what is in it has still to be kept."""

    recording: Recording


@dataclass(frozen=True, slots=True)
class Kept:
    """A message: `path` None: nothing was said, or there is no place for it."""

    path: str | None
    duration_s: float


@dataclass(frozen=True, slots=True)
class TransferOver:
    transfer: ev.Transfer
    switched: Connected | Back


@dataclass(frozen=True, slots=True)
class Ending:
    """The call is to end, whatever it does."""


@dataclass(frozen=True, slots=True)
class Faulted:
    error: Exception


Item: TypeAlias = (
    LineEvent | SpeechBegan | SpeechEnded | NothingMore | TimerDue | Sounding | MarkPassed | BargeInChanged | PlayedOut
    | PromptFailed
    | RequestOver | MessageOver | Kept | TransferOver | Ending | Faulted
)  # fmt: skip
