"""Strings of characters said piece by piece: telephone numbers, spelling, digits.

Knows which words stand for which characters ("double t", "b as in bravo", "eight hundred").  Must
not know how long a string is asked for, or by which question.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from voicebot.flow.answers import DIGIT_NAMES, Phrase, words
from voicebot.flow.spoken.language import Language
from voicebot.flow.spoken.numbers import cardinal

BACK: Final = "\b"
"""Takes back the character before it: in "d as in bravo" the word is right, for recognisers mistake
letters that rhyme, and people say the word because of that."""

TYPED_DIGITS: Final[Mapping[Phrase, str]] = {
    (name,): str(digit) for digit, name in enumerate(DIGIT_NAMES)
}


class Chunks:
    """Phrases that stand for characters, said one behind the other."""

    def __init__(
        self,
        chunks: Mapping[Phrase, str],
        *,
        unheard: Mapping[Phrase, str] = TYPED_DIGITS,
        before_any_word: Sequence[Phrase] = (),
    ) -> None:
        """Take the phrases.

        Args:
            unheard: understood too, but the recogniser is not told of them.
            before_any_word: behind these, any word stands for its first letter, if that is the
                letter before them ("b as in banana").
        """
        begins = (phrase for phrase in before_any_word if phrase[1:])
        told = (*chunks, *itertools.islice(begins, 1))  # more would be heard for what they are not
        self.phrases = tuple(" ".join(phrase) for phrase in told)
        self._chunks = {**unheard, **chunks}
        self._before_any = sorted(before_any_word, key=len, reverse=True)
        known = (*self._chunks, *((*before, "") for before in self._before_any))
        self._begun = {phrase[:size] for phrase in known for size in range(1, len(phrase))}
        self._longest = max(len(phrase) for phrase in known)

    def read(self, heard: Phrase) -> tuple[str | None, bool]:
        """The characters (None: some of it stands for none), and whether a piece is unfinished."""
        said, at, unfinished = "", 0, False
        while at < len(heard):
            unfinished = unfinished or heard[at:] in self._begun
            size, text = self._piece(heard[at : at + self._longest], said)
            if not size:
                return None, unfinished
            said = said[:-1] + text[1:] if text.startswith(BACK) else said + text
            at += size
        return said, unfinished

    def _piece(self, ahead: Phrase, said: str) -> tuple[int, str]:
        for size in range(len(ahead), 0, -1):
            if ahead[:size] in self._chunks:
                return size, self._chunks[ahead[:size]]
        for before in self._before_any:
            word = ahead[len(before) : len(before) + 1]
            if said and ahead[: len(before)] == before and word and word[0][0].upper() == said[-1]:
                return len(before) + 1, ""
        return 0, ""


def phone_chunks(language: Language) -> Chunks:
    """Words of telephone numbers: digits one by one, in pairs and in round hundreds."""
    chunks = {words(plus): "+" for plus in language.plus}
    chunks |= _digit_chunks(language)
    chunks |= _pairs(language)
    for hundreds in (100, 1000):
        for digit in range(1, 10):
            chunks[words(cardinal(digit * hundreds, language))] = str(digit * hundreds)
    return Chunks(chunks)


def spelling_chunks(language: Language) -> Chunks:
    """Words of spelling: letters, words that stand for letters, digits."""
    letters = language.letters
    such_as = [words(text) for text in letters.such_as]
    names = [(words(n), letter) for letter, ways in letters.names.items() for n in ways]
    stand_ins = [(words(n), letter) for letter, ways in letters.words.items() for n in ways]
    told = {words(text): "" for text in letters.silent}
    told |= {
        (repeat, *name): letter * times
        for name, letter in names
        for repeat, times in language.repeats.items()
    }
    told |= _digit_chunks(language) | dict(stand_ins) | dict(names)
    # Told of more ("ninety eight", "like"), a recogniser hears it for letters.
    untold = {words(text): "" for text in letters.ignored}
    untold |= {(*before, *name): BACK + letter for name, letter in stand_ins for before in such_as}
    untold |= _pairs(language)
    return Chunks(told, unheard={**TYPED_DIGITS, **untold}, before_any_word=such_as)


def digit_phrases(language: Language) -> tuple[str, ...]:
    """Words of digits for the recogniser."""
    return (*language.digits, *language.repeats)


def _digit_chunks(language: Language) -> dict[Phrase, str]:
    chunks: dict[Phrase, str] = {(name,): digit for name, digit in language.digits.items()}
    for repeat, times in language.repeats.items():
        chunks |= {(repeat, name): digit * times for name, digit in language.digits.items()}
    return chunks


def _pairs(language: Language) -> dict[Phrase, str]:
    return {words(cardinal(pair, language)): str(pair) for pair in range(10, 100)}
