"""Heard words made ready to be understood.

Knows fillers, what leads in to an answer, unsure words and unknown sounds.  Must not know questions
or what the words mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from voicebot.flow.answers import UNKNOWN, Phrase, Word
from voicebot.flow.spoken import Language

Heard: TypeAlias = "tuple[Word, ...]"


def kept(heard: Sequence[Word], language: Language, least: float) -> Heard:
    """The words without fillers and what leads in to the answer; those that are less sure than
    `least` are unknown sounds."""
    known = tuple(
        word if word.confidence >= least else Word(UNKNOWN, word.confidence)
        for word in heard
        if word.text not in language.fillers
    )
    begin = next((at for at, word in enumerate(known) if word.text != UNKNOWN), 0)
    texts = tuple(word.text for word in known[begin:])
    for lead in language.lead_ins:
        if texts[: len(lead)] == lead and len(texts) > len(lead):
            return (*known[:begin], *known[begin + len(lead) :])
    return known


def within(heard: Heard) -> tuple[Phrase, int]:
    """The words from the first to the last one that was understood, and how many unknown sounds
    there are around them and between them."""
    texts = tuple(word.text for word in heard)
    known = [at for at, text in enumerate(texts) if text != UNKNOWN]
    within = texts[known[0] : known[-1] + 1] if known else ()
    return within, texts.count(UNKNOWN)


def gapless(heard: Heard) -> Phrase:
    """The words for spotting; one unknown sound beside the answer ("[unk] yes") is a breath or a
    hesitation, more of them are speech that was not asked for and stay in the way."""
    known = tuple(word.text for word in heard if word.text != UNKNOWN)
    unknown = len(heard) - len(known)
    return known if unknown <= 1 else known + (UNKNOWN,) * unknown


def surety(heard: Sequence[Word]) -> float:
    """That of the least sure word."""
    return min((word.confidence for word in heard if word.text != UNKNOWN), default=1.0)
