"""One utterance on its way from the ear to its transcript.

Knows the recogniser's seam, what a question expects, and how long an engine may take.  Must not
know the call, or what becomes of the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import trio

from voicebot.flow.answers import UNKNOWN, Word
from voicebot.flow.events import Listen
from voicebot.hearing.ear import Utterance
from voicebot.hearing.recogniser import Recogniser, RecognitionError, Transcript

FLUSH_S: Final = 2.0
"""A recogniser that owes the transcript longer than this is given up."""
FEED_S: Final = 1.0
"""Its socket holds seconds of audio: a recogniser that leaves it full for longer than this hangs."""
COUGH_S: Final = 0.5
"""Unknown sounds shorter than this are a cough or a knock, not an answer that was not understood."""


@dataclass(slots=True)
class Hearing:
    """What has become of an utterance."""

    words: tuple[Word, ...] = ()
    """Empty when nothing was understood, or nothing could be."""
    partials: int = 0
    """How often the engine told what it had so far."""
    last_voice_s: float = 0.0
    """When the caller spoke last, by trio's clock."""
    failure: str = ""
    """Why it could not be recognised."""

    def is_cough(self, voiced_s: float) -> bool:
        """Whether it is no answer at all, given how long there was a voice."""
        return all(word.text == UNKNOWN for word in self.words) and voiced_s < COUGH_S


async def transcribe(recogniser: Recogniser, utterance: Utterance, question: Listen) -> Hearing:
    """From the first frame of an utterance to its words; never fails, but may have none."""
    hearing = Hearing(last_voice_s=trio.current_time())
    expectation = question.expectation

    def on_partial(text: str) -> None:
        hearing.partials += 1
        utterance.still = expectation.still(text, filled=question.filled)

    if recogniser.partials:
        utterance.still = expectation.still("", filled=question.filled)
    try:
        async with recogniser.listen(
            language=question.language,
            rate_hz=utterance.rate_hz,
            phrases=expectation.grammar,
            on_partial=on_partial,
        ) as engine:
            async for pcm in utterance.frames:
                with trio.fail_after(FEED_S):
                    await engine.feed(pcm)
            hearing.last_voice_s = trio.current_time() - utterance.silence_s
            with trio.fail_after(FLUSH_S):
                hearing.words = _words(await engine.finish())
    except (RecognitionError, trio.TooSlowError) as error:
        hearing.failure = str(error) or "the recogniser takes no audio, or gives no transcript"
        async for _ in utterance.frames:
            pass  # the caller is not interrupted: the turn ends when he does
    return hearing


def _words(transcript: Transcript) -> tuple[Word, ...]:
    if not transcript.words:  # an engine that gives none
        return tuple(Word(text) for text in transcript.text.lower().split())
    return tuple(Word(word.text, word.confidence) for word in transcript.words)
