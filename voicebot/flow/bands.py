"""How sure is sure enough: below which the caller is asked again, and below which he confirms.

Knows numbers and how they came about.  Must not know what was heard.

A recogniser with a grammar tells in which ways an utterance may be heard, and how probable each is
against the others and against speech that is no answer.  The probabilities of all ways that mean
the same are added up: "ok" and "okay" are one answer.

The bands are those of the shipped English model, fitted by `python -m voicebot.bench.fitting` on one
half of the bench's corpus, where false rejects and false accepts are equally many on a clean line
and at 20 dB; run it again for another model.  On the other half false rejects of what is in the grammar
and false accepts of speech that is none of it are 6 % and 3 % on a clean line, 12 % and 9 % at 20 dB.
Of words that rhyme with an answer ("drilling", "billing") 34 % are accepted: the model cannot tell
them apart.  Of people, 1 % of the digits and sentences that were not asked for are accepted, and 3 % of the
digits that were asked for rejected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Bands:
    """Below these, what was heard is not taken for an answer."""

    answer: float
    """So probable it has to be that it is an answer at all, whichever."""
    value: float
    """So probable a value has to be, or a choice."""


ANSWERS: Final = Bands(answer=0.85, value=0.3)
STRINGS: Final = Bands(answer=0.3, value=0.3)
"""To a question for digits or letters.  They are long, and hardly anything is mistaken for them."""
CORRECTIONS: Final = Bands(answer=0.85, value=0.7)
"""To a form's confirmation: what a noisy "yes please" or "that's wrong" is taken for ("three",
"one") is mostly less probable."""
NONSENSE: Final = 0.05
"""How probable words of the question's own that make no sense are, against all others.  A recogniser
thinks "four seven oh" as probable as "four seven oh oh" where four digits are asked for."""
SURE: Final = 0.85
"""`confirm: by_confidence` asks when a value is less probable."""

SURE_WORD: Final = 0.5
"""Of an engine that tells no other ways to hear an utterance, a word below this was not understood.
libvosk's words are at 0.9 and more where they are right; wrong ones often are, too."""
LIKELY_WORD: Final = 0.3
"""So sure a word of a form's answer has to be where most words are surely heard and all of them
make sense together.  Its value is as unsure as it is."""
CERTAIN_WORD: Final = 0.7
"""So sure a word has to be that corrects a value by itself."""
