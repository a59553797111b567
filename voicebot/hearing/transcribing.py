"""One utterance on its way from the ear to its transcript.

Knows the recogniser's seam, what a question expects, and how long an engine may take.  Must not
know the call, or what becomes of the words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import trio

from voicebot.flow.answers import UNKNOWN, Alternative, Still, Word
from voicebot.flow.events import Listen
from voicebot.hearing.ear import Utterance
from voicebot.hearing.endpoint import FRAME_S
from voicebot.hearing.recogniser import Recogniser, RecognitionError, Transcript
from voicebot.hearing.voicing import Voicing

FLUSH_S: Final = 2.0
"""A recogniser that owes the transcript longer than this is given up."""
FEED_S: Final = 1.0
"""Its socket holds seconds of audio: a recogniser that leaves it full for longer than this hangs."""
HUSH_S: Final = 0.04
"""A silence after which somebody may be done: long before that is certain."""
MOST_WAYS: Final = 10
"""To hear an utterance in several stretches."""
COUGH_S: Final = 0.5
"""Unknown sounds shorter than this are a cough or a knock, not an answer that was not understood."""


@dataclass(slots=True)
class Hearing:
    """What has become of an utterance."""

    words: tuple[Word, ...] = ()
    """Empty when nothing was understood, or nothing could be."""
    alternatives: tuple[Alternative, ...] = ()
    """All ways to hear it; empty when the engine tells of no others."""
    partials: int = 0
    """How often the engine told what it had so far."""
    last_voice_s: float = 0.0
    """When the caller spoke last, by trio's clock."""
    silence_s: float = 0.0
    """When the ear noticed it."""
    endpoint_s: float = 0.0
    """When he was taken to be done …"""
    endpoint: str = ""
    """… and why: what could still have come, or "max length"."""
    failure: str = ""
    """Why it could not be recognised."""

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    def is_cough(self, voiced_s: float) -> bool:
        """Whether it is no answer at all, given how long there was a voice."""
        return all(word.text == UNKNOWN for word in self.words) and voiced_s < COUGH_S

    def is_scrap(self, voiced_s: float) -> bool:
        """Whether it was over before it was a word, as an "uh" is: what it was taken for counts as
        an answer, but not as none."""
        return self.endpoint == Still.NOTHING.name.lower() and voiced_s < COUGH_S


async def transcribe(
    recogniser: Recogniser,
    utterance: Utterance,
    question: Listen,
    on_words: Callable[[str], None],
    on_answer: Callable[[str], None],
    begun: Hearing | None = None,
) -> Hearing:
    """From the first frame of an utterance to its words; never fails, but may have none.

    Args:
        on_words: told all the words so far, each time they change.
        on_answer: told all the words so far when they are probably all that come.
        begun: what was said just before, which goes on with this utterance.
    """
    hearing = begun or Hearing()
    hearing = replace(hearing, last_voice_s=trio.current_time())
    before = hearing.text
    expectation = question.expectation
    answer = _Answer(utterance, on_answer)
    voicing = Voicing()

    def on_partial(text: str) -> None:
        hearing.partials += 1
        words = f"{before} {text}".strip()
        utterance.said(text, expectation.still(words, filled=question.filled))
        if words != answer.words:
            on_words(words)
        answer.words = words
        answer.look()

    if recogniser.partials:
        utterance.said("", expectation.still(before, filled=question.filled))
    try:
        async with recogniser.listen(
            language=question.language,
            rate_hz=utterance.rate_hz,
            phrases=expectation.grammar,
            on_partial=on_partial,
        ) as engine:
            async for pcm in utterance.frames:
                voicing.hear(pcm, trio.current_time() - utterance.waiting_s)
                with trio.fail_after(FEED_S):
                    await engine.feed(pcm)
                answer.look()
            hearing.endpoint, hearing.endpoint_s = utterance.reason, trio.current_time()
            heard_last_s = hearing.endpoint_s - utterance.silence_s
            hearing.silence_s = min(heard_last_s + FRAME_S, hearing.endpoint_s)
            # What the ear does not take for a voice is none, be it loud.
            hearing.last_voice_s = min(voicing.last_s() or heard_last_s, heard_last_s)
            with trio.fail_after(FLUSH_S):
                transcript = await engine.finish()
            hearing.words = (*hearing.words, *words_of(transcript))
            hearing.alternatives = _joined(hearing.alternatives, alternatives_of(transcript))
    except (RecognitionError, trio.TooSlowError) as error:
        hearing.failure = str(error) or "the recogniser takes no audio, or gives no transcript"
        async for _ in utterance.frames:
            pass  # the caller is not interrupted: the turn ends when he does
    return hearing


class _Answer:
    """The words so far, and whether they may be all: they are an answer, or the caller hushes."""

    def __init__(self, utterance: Utterance, on_answer: Callable[[str], None]) -> None:
        self._utterance, self._on_answer = utterance, on_answer
        self.words = self._told = ""

    def look(self) -> None:
        """Tell of them, once."""
        utterance = self._utterance
        if self.words != self._told and (
            utterance.still is Still.COMPLETE or utterance.silence_s >= HUSH_S
        ):
            self._told = self.words
            self._on_answer(self.words)


def words_of(transcript: Transcript) -> tuple[Word, ...]:
    """What was heard, as a flow has it."""
    if not transcript.words:  # an engine that gives none
        return tuple(Word(text) for text in transcript.text.lower().split())
    return tuple(Word(word.text, word.confidence) for word in transcript.words)


def alternatives_of(transcript: Transcript) -> tuple[Alternative, ...]:
    """All ways to hear it, as a flow has them."""
    return tuple(
        Alternative(tuple(one.text.split()), one.probability) for one in transcript.alternatives
    )


def _joined(
    before: tuple[Alternative, ...], after: tuple[Alternative, ...]
) -> tuple[Alternative, ...]:
    """All ways to hear two stretches, the likeliest first; one that was nothing adds none."""
    if not (before and after):
        return before or after
    both = [
        Alternative((*one.words, *other.words), one.probability * other.probability)
        for one in before
        for other in after
    ]
    return tuple(sorted(both, key=lambda way: -way.probability)[:MOST_WAYS])
