"""Numbers, digits and the small words around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow import entities
from voicebot.flow.answers import phrases
from voicebot.flow.entities import ENGLISH


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
    assert entities.digits(tuple(heard.split()), ENGLISH) == digits


@given(st.text("0123456789", min_size=1, max_size=12))
def test_any_digits_are_understood(digits: str) -> None:
    names = {digit: word for word, digit in reversed(list(ENGLISH.digits.items()))}
    assert entities.digits(tuple(names[d] for d in digits), ENGLISH) == digits


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
    assert entities.number(tuple(heard.split()), ENGLISH) == number


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
    assert entities.number_goes_on(tuple(heard.split()), ENGLISH, most) is goes_on


@pytest.mark.parametrize(
    ("heard", "left"),
    [
        ("uh yes please", "yes"),
        ("i'd like tea", "tea"),
        ("i want", "i want"),
        ("[unk] tea [unk]", "tea"),
        ("um please", ""),
    ],
)
def test_bare(heard: str, left: str) -> None:
    assert " ".join(entities.bare(heard.split(), ENGLISH)) == left


def test_lexicon_by_language() -> None:
    assert entities.lexicon("en-US") is entities.lexicon("EN") is ENGLISH
    assert entities.lexicon("de-DE") is None


def test_yes_and_no_have_no_phrase_in_common() -> None:
    yes = {phrase for template in ENGLISH.yes for phrase in phrases(template, {})}
    no = {phrase for template in ENGLISH.no for phrase in phrases(template, {})}
    assert not yes & no


def test_what_only_sounds_like_a_figure_is_that_figure() -> None:
    assert entities.digits(("one", "to", "three"), entities.ENGLISH) == "123"
    assert entities.number(("twenty", "for"), entities.ENGLISH) == 24
