"""Whether what was said to a form's confirmation may correct a value that was understood before.

Knows how an utterance was cut into values and how surely its words were heard.  Must not know
questions, universals or keys.
"""

from __future__ import annotations

from voicebot.flow import bands
from voicebot.flow.answers import UNKNOWN, Phrase
from voicebot.flow.filling import Cut
from voicebot.flow.heard import Heard, within
from voicebot.flow.spoken import Language


def is_doubtful(best: Cut, heard: Heard, language: Language) -> bool:
    """Whether a value in it may well be a "yes" or "no" that was misheard."""
    said, _ = within(heard)
    if is_bare_number(best, said, language):
        return True
    begin = next(at for at, word in enumerate(heard) if word.text != UNKNOWN)
    short = [span for span in best.spans if span.slot.name and span.end - span.start == 1]
    return any(heard[begin + span.start].confidence < bands.CERTAIN_WORD for span in short)


def is_bare_number(best: Cut, said: Phrase, language: Language) -> bool:
    """Whether a single "nine" is all that is said: however sure it is, it may be a "yeah"."""
    is_value = bool(best.spans[0].slot.name)
    return is_value and len(said) == 1 and said[0] in {*language.number_words, *language.digits}
