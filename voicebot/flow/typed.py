"""What each type of question hears: the phrases for the recogniser, and words as a value of it.

Knows the types' limits (length, range, pattern) and which reader of spoken forms each has.  Must
not know other questions, fillers or keys (keypad.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Final, Protocol, assert_never

from voicebot.flow import model
from voicebot.flow.answers import ANY, Phrase, fit
from voicebot.flow.keypad import LEAST_PHONE_DIGITS, MOST_PHONE_DIGITS, is_entry, within
from voicebot.flow.spoken import Language, hear
from voicebot.flow.spoken.hear import Grammar, Reading
from voicebot.flow.spoken.numbers import digits, number_goes_on

# Any day: what is complete depends on few.
_SOME_DAY: Final = datetime(2027, 3, 1)
_TEN: Final = 10


class Typed(Protocol):
    """A type's ears."""

    @property
    def phrases(self) -> tuple[str, ...]:
        """What the recogniser is to know."""

    def read(self, words: Phrase, now: datetime | None) -> Reading:
        """These words, all of them, as a value, and whether more words could make another one.

        Args:
            now: None where only the shape of it matters: what was said so far may be a value.
        """


def typed_of(  # noqa: C901 - a row for each type
    wants: model.Wants, language: Language
) -> Typed | None:
    """The ears of a type; None: whatever is said is the value."""
    match wants:
        case model.Choices():
            return Chosen(wants.choices, language)
        case model.Digits():
            return _digits(wants, language)
        case model.Number():
            return _number(wants, language)
        case model.Amount():
            grammar = hear.amount(language, wants.currency)
            return Heard(grammar, lambda value: within(float(value), wants), in_pieces=True)
        case model.Date(future, past):
            shape = hear.date(language, future=False, past=False)
            if not future and not past:
                return Heard(shape)
            return Heard(hear.date(language, future=future, past=past), shape=shape)
        case model.Time():
            return Heard(hear.time(language))
        case model.Phone():
            return _phone(language)
        case model.Spelling():
            return _spelling(wants, language)
        case model.FreeText():
            return None
        case _:
            assert_never(wants)


def said(phrases: model.Said, language: Language) -> tuple[Phrase, ...]:
    """The phrases of a language, whose tag a flow may write "en-US", "en-us" or "en"."""
    found = phrases.get(language.tag)
    if found is not None:
        return found
    by_tag = {tag.lower(): each for tag, each in phrases.items()}
    return by_tag.get(language.tag.lower(), by_tag.get(language.code, ()))


@dataclass(frozen=True)
class Chosen:
    """One of several answers, word for word; its value is that of the choice."""

    choices: tuple[model.Choice, ...]
    language: Language

    @cached_property
    def _said(self) -> tuple[tuple[Phrase, model.Choice], ...]:
        return tuple(
            (phrase, choice)
            for choice in self.choices
            for phrase in said(choice.phrases, self.language)
            if ANY not in phrase
        )

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        return tuple(" ".join(phrase) for phrase, _ in self._said)

    def read(self, words: Phrase, now: datetime | None) -> Reading:
        fits = [(*fit(words, phrase), choice) for phrase, choice in self._said]
        meant = next((choice for whole, _, choice in fits if whole), None)
        # A longer way to say the same is not worth waiting for.
        longer = any(goes_on and choice is not meant for _, goes_on, choice in fits)
        return Reading(None if meant is None else meant.value, longer)


@dataclass(frozen=True)
class Heard:
    """A value that is said in the language's own forms."""

    grammar: Grammar
    fits: Callable[[str | float], bool] = lambda _: True
    """Whether the question wants that value."""
    full: Callable[[Phrase, str | float], bool] = lambda *_: False
    """Whether nothing that begins with these words, which are that value, can be wanted."""
    shape: Grammar | None = None
    """Reads what may be a value on another day; None: as `grammar` does."""

    in_pieces: bool = False
    """It is made of pieces that follow each other freely, whether or not each is a value."""

    @property
    def phrases(self) -> tuple[str, ...]:
        return self.grammar.phrases if self.in_pieces else _whole_phrases(self.grammar)

    def read(self, words: Phrase, now: datetime | None) -> Reading:
        grammar = self.grammar if now is not None or self.shape is None else self.shape
        reading = grammar.read(words, now or _SOME_DAY)
        if reading.value is None:
            return reading
        value = reading.value if self.fits(reading.value) else None
        return Reading(value, reading.longer and not self.full(words, reading.value))


@lru_cache(maxsize=64)
def _whole_phrases(grammar: Grammar) -> tuple[str, ...]:
    """Without short ones that are no value: those show pairs of words which, at the end or the
    beginning, nobody says ("at am")."""

    def is_value(phrase: str) -> bool:
        return grammar.read(tuple(phrase.split()), _SOME_DAY).value is not None

    pieces = {p for p in grammar.phrases if " " not in p and not is_value(p)}
    ends_in_piece = (p for p in grammar.phrases if p.count(" ") == 1 and p.split()[1] in pieces)
    pieces |= {p for p in ends_in_piece if not is_value(p)}
    return tuple(p for p in grammar.phrases if p not in pieces)


def _digits(wants: model.Digits, language: Language) -> Heard:
    most = wants.max_length
    return Heard(
        hear.digits(language),
        lambda value: is_entry(str(value), wants),
        lambda _, value: most is not None and len(str(value)) >= most,
        in_pieces=True,
    )


def _number(wants: model.Number, language: Language) -> Heard:
    most = wants.most

    def full(words: Phrase, value: str | float) -> bool:
        """More words make it larger ("three thousand", "four", "hundred"), and one more digit makes
        it ten times as large."""
        if most is None:
            return False
        spelt = digits(words, language) is not None and int(value) * _TEN <= most
        return not spelt and not number_goes_on(words, language, most)

    return Heard(
        hear.number(language), lambda value: within(float(value), wants), full, in_pieces=True
    )


def _phone(language: Language) -> Heard:
    def size(value: str | float) -> int:
        return len(str(value).removeprefix("+"))

    return Heard(
        hear.phone(language),
        lambda value: LEAST_PHONE_DIGITS <= size(value) <= MOST_PHONE_DIGITS,
        lambda _, value: size(value) >= MOST_PHONE_DIGITS,
        in_pieces=True,
    )


def _spelling(wants: model.Spelling, language: Language) -> Heard:
    least, most = wants.min_length, wants.max_length
    return Heard(
        hear.spelling(language),
        lambda value: least <= len(str(value)) and (most is None or len(str(value)) <= most),
        lambda _, value: most is not None and len(str(value)) >= most,
        in_pieces=True,
    )
