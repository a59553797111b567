"""Figures in running text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow.spoken import ENGLISH, GERMAN, SPANISH
from voicebot.flow.spoken.running_text import in_running_text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no figures", "no figures"),
        ("at 10:00", "at ten A M"),
        ("at 10:30 pm,", "at ten thirty P M,"),
        ("at 12:15 a.m. sharp", "at twelve fifteen A M sharp"),
        ("at 14:00", "at two P M"),
        ("at 14:00 pm", "at two P M"),
        ("9am to 5 pm", "nine A M to five P M"),
        ("12 pm", "noon"),
        ("10:00 o'clock", "ten A M"),
        ("on 2027-03-02.", "on Tuesday, March second, twenty twenty seven."),
        ("2027-03-02T10:30:00", "Tuesday, March second, twenty twenty seven, ten thirty A M"),
        ("2027-02-31", "2027-02-31"),
        ("$42.50", "forty two dollars and fifty cents"),
        ("$1,234", "one thousand two hundred thirty four dollars"),
        ("42 €", "forty two euros"),
        ("USD 5 or 5 USD", "five dollars or five dollars"),
        ("25%", "twenty five percent"),
        ("2.5 %", "two point five percent"),
        ("call 555-1234.", "call five five five, one two three four."),
        ("(555) 123-4567", "five five five, one two three, four five six seven"),
        ("+49 30 123456", "plus four nine three, zero one two, three four five six"),
        ("the 1st, 22nd", "the first, twenty second"),
        ("3.5 and 1,234.5", "three point five and one thousand two hundred thirty four point five"),
        ("it is -5", "it is minus five"),
        ("3-4", "three-four"),
        ("code 0800", "code zero eight zero zero"),
        ("5551234", "five five five one two three four"),
        ("123456", "one hundred twenty three thousand four hundred fifty six"),
        ("A4", "A four"),
        ("B12 and 4x4", "B twelve and four x four"),
        ("A380", "A three eight zero"),
        ("Press 1, 2 or 3.", "Press one, two or three."),
        ("99999999999999999999 $", "99999999999999999999 $"),
    ],
)
def test_english(text: str, said: str) -> None:
    assert in_running_text(text, ENGLISH) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("um 10:30 Uhr", "um zehn Uhr dreißig"),
        ("42,50 €", "zweiundvierzig Euro und fünfzig Cent"),
        ("1.234,5", "eintausendzweihundertvierunddreißig Komma fünf"),
        ("am 1. März", "am ersten März"),
        ("25 %", "fünfundzwanzig Prozent"),
        ("Es sind 3.", "Es sind drei."),
    ],
)
def test_german(text: str, said: str) -> None:
    assert in_running_text(text, GERMAN) == said


def test_spanish() -> None:
    assert in_running_text("10:30 h", SPANISH) == "las diez y media de la mañana"
    assert in_running_text("el 1º y 5 €", SPANISH) == "el primero y cinco euros"


@given(st.text(st.sampled_from("0123456789:-.,$%€+ aApmTx()"), max_size=30))
def test_no_figure_stays_where_words_are_known(text: str) -> None:
    for language in (ENGLISH, GERMAN, SPANISH):
        assert isinstance(in_running_text(text, language), str)
