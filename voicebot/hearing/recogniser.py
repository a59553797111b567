"""The seam to speech recognition: what a call asks for and what it gets.

Knows: the messages and the two Protocols.
Must not know: which engine answers, or where it runs (`voicebot/speech` has those).
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

UNKNOWN_WORD = "[unk]"
"""Stands in a transcript for speech that is outside the expected phrases."""


class RecognitionError(Exception):
    """This utterance cannot be recognised: the engine died, refused or cannot be reached. The next one may well be."""


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word."""

    text: str
    confidence: float
    """0 to 1. Engines without alternatives are over-confident: a wrong word often has 1.0."""

    start_s: float
    """Seconds from the first sample fed."""

    end_s: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to hear an utterance."""

    text: str
    probability: float
    """Against the other ways, and against speech outside the expected phrases, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in one utterance; `text` is empty when nothing was understood."""

    text: str
    words: tuple[Word, ...] = ()
    """Empty when the engine gives no words."""

    alternatives: tuple[Alternative, ...] = ()
    """All ways to hear it, `text` first; empty when the engine tells of no others."""


class Utterance(Protocol):
    """One stretch of speech on its way through the engine."""

    async def feed(self, pcm: bytes) -> None:
        """Send the next piece of audio; 20 to 60 ms at a time gives the quickest partial results.

        Args:
            pcm: 16-bit little-endian mono at the rate given to `listen`.

        Raises:
            RecognitionError: the engine is gone.
        """

    async def finish(self) -> Transcript:
        """Say that the speech is over and wait for the transcript. Nothing can be fed afterwards.

        Raises:
            RecognitionError: the engine is gone or refused.
        """


class Recogniser(Protocol):
    """Whatever turns speech into text."""

    partials: bool
    """Whether partial results come, so that none so far means that there is no word yet."""

    def listen(
        self,
        *,
        language: str,
        rate_hz: int,
        phrases: Sequence[str] | None,
        on_partial: Callable[[str], None],
    ) -> AbstractAsyncContextManager[Utterance]:
        """Open an utterance. Leaving the context without `finish` abandons it.

        Args:
            language: a language tag such as `en-US`.
            rate_hz: rate of the audio that will be fed.
            phrases: what may be said; anything else comes back as `[unk]`. None: anything may be said.
            on_partial: called with all the text so far, each time it changes.

        Raises:
            RecognitionError: on entering, when no engine answers.
        """
