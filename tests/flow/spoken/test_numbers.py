"""Words of numbers and digits, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebot.flow import spoken
from voicebot.flow.answers import words
from voicebot.flow.spoken import ENGLISH, GERMAN, SPANISH, Language
from voicebot.flow.spoken.numbers import cardinal, in_words


@pytest.mark.parametrize(
    ("heard", "digits"),
    [
        ("one two three", "123"),
        ("oh seven double four", "0744"),
        ("triple o", "000"),
        ("twelve", None),
        ("double", None),
        ("one double", None),
        ("double double two", None),
        ("one and two", None),
        ("", None),
    ],
)
def test_digits(heard: str, digits: str | None) -> None:
    assert spoken.digits(tuple(heard.split()), ENGLISH) == digits


@settings(deadline=None)  # the first one builds the tables
@given(st.text("0123456789", min_size=1, max_size=12))
def test_any_digits_are_understood(digits: str) -> None:
    names = {digit: word for word, digit in reversed(list(ENGLISH.digits.items()))}
    assert spoken.digits(tuple(names[d] for d in digits), ENGLISH) == digits


@pytest.mark.parametrize(
    ("heard", "number"),
    [
        ("zero", 0),
        ("seven", 7),
        ("twenty five", 25),
        ("two five", 25),
        ("a hundred and five", 105),
        ("two thousand twenty", 2020),
        ("a", None),
        ("and", None),
        ("twenty and", None),
        ("five apples", None),
        ("", None),
    ],
)
def test_number(heard: str, number: int | None) -> None:
    assert spoken.number(tuple(heard.split()), ENGLISH) == number


@pytest.mark.parametrize(
    ("heard", "most", "goes_on"),
    [
        ("two", None, True),
        ("two", 99, False),
        ("twenty", 99, True),
        ("twenty five", 99, False),
        ("one hundred and", None, True),
        ("and", None, False),
    ],
)
def test_number_goes_on(heard: str, most: int | None, goes_on: bool) -> None:
    assert spoken.number_goes_on(tuple(heard.split()), ENGLISH, most) is goes_on


def test_what_only_sounds_like_a_figure_is_that_figure() -> None:
    assert spoken.digits(("one", "to", "three"), ENGLISH) == "123"
    assert spoken.number(("twenty", "for"), ENGLISH) == 24


@pytest.mark.parametrize("language", [ENGLISH, GERMAN, SPANISH], ids=lambda one: one.tag)
@settings(deadline=None)  # the first one builds the tables
@given(st.integers(0, 999_999))
def test_a_number_is_heard_as_it_is_said(language: Language, number: int) -> None:
    assert spoken.number(words(cardinal(number, language)), language) == number


def test_digits_that_were_typed_are_understood_in_every_language() -> None:
    assert spoken.digits(words("12"), GERMAN) == "12"
    assert spoken.number(words("12"), SPANISH) == 12


@pytest.mark.parametrize(
    ("heard", "language", "number"),
    [
        ("zweihundert und eins", GERMAN, 201),
        ("zwo", GERMAN, 2),
        ("und", GERMAN, None),
        ("veintiún", SPANISH, 21),
        ("doscientas una", SPANISH, 201),
        ("dos y", SPANISH, None),
    ],
)
def test_numbers_of_other_languages(heard: str, language: Language, number: int | None) -> None:
    assert spoken.number(tuple(heard.split()), language) == number


def test_words_of_numbers_have_no_hyphens() -> None:
    assert in_words(21, "en") == "twenty one"
    assert in_words(21, "de") == "einundzwanzig"
    assert in_words(21, "en", "spellout-ordinal") == "twenty first"
