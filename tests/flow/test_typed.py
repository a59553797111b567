"""Words as values of each type, within the limits that the question gives."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.flow.ears import (
    DATE,
    MONDAY,
    MONEY,
    PHONE,
    PIN,
    TIME,
    choice,
    ears,
    english,
    heard,
    shown,
    yes_no,
)
from voicebot.flow import model
from voicebot.flow.answers import Still
from voicebot.flow.spoken import ENGLISH, GERMAN, SPANISH, Language
from voicebot.flow.spoken.hear import Reading
from voicebot.flow.spoken.numbers import cardinal, in_words
from voicebot.flow.typed import said, typed_of

AGE = model.Number(18, 120, "#")
COUNT = model.Number(0, None, "#")
MANY = model.Number(0, 9999, "#")
CARD = model.Digits(4, 6, "#", luhn=True)
ONES = model.Digits(2, 4, "#", pattern="1+")
BIRTHDAY = model.Date(future=False, past=True, finish="#")
VISIT = model.Date(future=True, past=False, finish="#")
NAME = model.Spelling(2, 4)
SIZE = model.Choices((choice("L", "large", "large one"), choice("XL", "large extra")))
TIP = model.Amount("USD", 1.0, 10.0, "#")


@pytest.mark.parametrize(
    ("wants", "words", "value", "longer"),
    [
        (PIN, "one two three", None, True),
        (PIN, "one two three four", "1234", False),
        (PIN, "one two three four five", None, False),
        (PIN, "one double two", None, True),
        (PIN, "tea", None, False),
        (CARD, "one eight zero two", None, True),
        (CARD, "one eight zero zero", "1800", True),
        (CARD, "one eight zero two zero zero", None, False),
        (ONES, "one one", "11", True),
        (ONES, "one two", None, True),
        (AGE, "seven", None, True),
        (AGE, "twenty", 20, True),
        (AGE, "twenty five", 25, False),
        (AGE, "ninety nine", 99, False),
        (AGE, "one hundred", 100, True),
        (AGE, "one hundred twenty", 120, False),
        (AGE, "two hundred", None, False),
        (COUNT, "twenty five", 25, True),
        (MANY, "three thousand four", 3004, True),
        (MANY, "three thousand four hundred", 3400, True),
        (MANY, "thirty four hundred fifty five", 3455, False),
        (MONEY, "ten dollars", 10, True),
        (MONEY, "ten dollars and fifty cents", 10.5, False),
        (TIP, "ten dollars", 10, True),
        (TIP, "eleven dollars", None, True),
        (DATE, "march first", "2027-03-01", True),
        (DATE, "march", None, True),
        (DATE, "yesterday", "2027-02-28", False),
        (VISIT, "yesterday", None, False),
        (BIRTHDAY, "march third", "2026-03-03", True),
        (TIME, "half past nine", "09:30", True),
        (TIME, "noon", "12:00", False),
        (PHONE, "five five five one two three", None, True),
        (PHONE, "five five five one two three four", "5551234", True),
        (PHONE, "one two three four five six seven eight nine oh one two three four five", "123456789012345", False),
        (NAME, "b", None, True),
        (NAME, "b o", "BO", True),
        (NAME, "b as in bravo o b s", "BOBS", False),
        (SIZE, "large", "L", True),  # "extra" would make another one of it
        (SIZE, "large one", "L", False),
        (SIZE, "large extra", "XL", False),
        (SIZE, "one", None, False),
        (yes_no(), "yes", True, False),
        (yes_no(), "that's", None, True),
    ],
)  # fmt: skip
def test_words_as_a_value(wants: model.Wants, words: str, value: object, longer: bool) -> None:
    typed = typed_of(wants, english())
    assert typed is not None
    reading = typed.read(tuple(words.split()), MONDAY)
    assert (reading.value, reading.longer) == (value, longer)


def test_anything_is_not_typed() -> None:
    assert typed_of(model.FreeText(), english()) is None


def test_what_may_be_a_day_in_another_year_is_complete_too() -> None:
    typed = typed_of(VISIT, english())
    assert typed is not None
    words = tuple("march first nineteen eighty one".split())
    assert typed.read(words, MONDAY) == Reading(None, longer=False)
    assert typed.read(words, None) == Reading("1981-03-01", longer=False)


@pytest.mark.parametrize("wants", [PIN, AGE, MONEY, DATE, TIME, PHONE, NAME, SIZE])
def test_each_type_has_phrases_for_the_recogniser(wants: model.Wants) -> None:
    typed = typed_of(wants, english())
    assert typed is not None
    assert typed.phrases
    assert all(phrase == phrase.strip() != "" for phrase in typed.phrases)


@pytest.mark.parametrize("tag", ["en-US", "EN-us", "en"])
def test_a_flow_may_write_its_language_in_short(tag: str) -> None:
    assert said({"de-DE": (("ja",),), tag: (("yes",),)}, english()) == (("yes",),)


def test_a_language_without_phrases_says_nothing() -> None:
    assert said({"de-DE": (("ja",),)}, english()) == ()


def ways_to_say(number: int, language: Language) -> Iterator[str]:
    """A number as the bot says it, and as callers and other recognisers do."""
    written = cardinal(number, language)
    yield written
    names = {digit: name for name, digit in reversed(list(language.digits.items()))}
    yield " ".join(names[digit] for digit in str(number))
    match language.code:
        case "en":
            yield re.sub(r"hundred (?=\w+( \w+)?$)", "hundred and ", written)
            yield re.sub(r"^one (?=hundred|thousand)", "a ", written)
            hundreds, rest = divmod(number, 100)
            if 11 <= hundreds <= 99 and hundreds % 10:
                tail = f" {cardinal(rest, language)}" if rest else ""
                yield f"{cardinal(hundreds, language)} hundred{tail}"
        case "de":
            yield " ".join(re.sub(r"tausend|hundert|(?<=\w)und(?=\w)", r" \g<0> ", written).split())
            yield re.sub(r"^ein(?=hundert|tausend)", "", written)
        case _:
            yield in_words(number, "es", "spellout-cardinal-feminine")


MOST_AND_NUMBER = st.integers(1, 99_999).flatmap(
    lambda most: st.tuples(st.just(most), st.integers(0, most))
)


@settings(deadline=None)  # the first one builds the tables
@given(st.sampled_from([ENGLISH, GERMAN, SPANISH]), MOST_AND_NUMBER)
@example(ENGLISH, (9999, 3400))
@example(GERMAN, (25, 23))
def test_every_number_is_understood_and_none_is_complete_before_its_end(
    language: Language, most_and_number: tuple[int, int]
) -> None:
    most, number = most_and_number
    asked = ears(model.Number(0, most, "#"), language.tag)
    for way in ways_to_say(number, language):
        words = way.split()
        assert shown(asked.understand(heard(way), MONDAY)) == number, way
        for size in range(1, len(words)):
            assert asked.still(" ".join(words[:size])) is not Still.COMPLETE, (way, size)
