"""Values in words."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

import pytest

from voicebot.flow.spoken import ENGLISH, GERMAN, SPANISH, Language
from voicebot.flow.spoken.say import KINDS, Value, say


@pytest.mark.parametrize(
    ("language", "kind", "value", "said"),
    [
        (ENGLISH, "date", "2027-03-02", "Tuesday, March second, twenty twenty seven"),
        (ENGLISH, "date", "2000-01-01", "Saturday, January first, two thousand"),
        (ENGLISH, "date", "2105-01-01", "Thursday, January first, two thousand one hundred five"),
        (ENGLISH, "time", "10:00", "ten A M"),
        (ENGLISH, "time", "10:05", "ten oh five A M"),
        (ENGLISH, "time", "22:30", "ten thirty P M"),
        (ENGLISH, "time", "00:30", "twelve thirty A M"),
        (ENGLISH, "time", "12:00", "noon"),
        (ENGLISH, "time", "00:00", "midnight"),
        (ENGLISH, "money", 42.5, "forty two dollars and fifty cents"),
        (ENGLISH, "money", "42.50", "forty two dollars and fifty cents"),
        (ENGLISH, "money", 1.01, "one dollar and one cent"),
        (ENGLISH, "money", 0.5, "fifty cents"),
        (ENGLISH, "money", 0, "zero dollars"),
        (ENGLISH, "money", -3, "minus three dollars"),
        (ENGLISH, "money", 0.005, "one cent"),
        (ENGLISH, "phone", "5551234", "five five five, one two three four"),
        (
            ENGLISH,
            "phone",
            "+1 (555) 123-4567",
            "plus one, five five five, one two three, four five six seven",
        ),
        (ENGLISH, "phone", "12", "one two"),
        (ENGLISH, "digits", "0744", "zero seven four four"),
        (ENGLISH, "digits", 12, "one two"),
        (ENGLISH, "spell", "Ab-1 c", "A, B, dash, one, C"),
        (ENGLISH, "number", 1234, "one thousand two hundred thirty four"),
        (ENGLISH, "number", 3.5, "three point five"),
        (ENGLISH, "number", 3.0, "three"),
        (ENGLISH, "number", -0.25, "minus zero point two five"),
        (ENGLISH, "number", Decimal("1E+3"), "one thousand"),
        (ENGLISH, "ordinal", 22, "twenty second"),
        (GERMAN, "date", "2027-03-02", "Dienstag, der zweite März zweitausendsiebenundzwanzig"),
        (GERMAN, "time", "10:30", "zehn Uhr dreißig"),
        (GERMAN, "time", "03:05", "drei Uhr fünf morgens"),
        (GERMAN, "money", 42.5, "zweiundvierzig Euro und fünfzig Cent"),
        (GERMAN, "spell", "Maß", "M, A, Eszett"),
        (GERMAN, "number", 3.5, "drei Komma fünf"),
        (SPANISH, "date", "2027-03-01", "lunes, primero de marzo de dos mil veintisiete"),
        (SPANISH, "time", "10:30", "las diez y media de la mañana"),
        (SPANISH, "time", "13:05", "la una y cinco de la tarde"),
        (SPANISH, "money", 21.5, "veintiún euros y cincuenta céntimos"),
        (SPANISH, "ordinal", 3, "tercero"),
    ],
)
def test_say(language: Language, kind: str, value: Value, said: str) -> None:
    assert say(language, kind, value) == said


def test_the_year_is_said_when_it_is_another() -> None:
    now = datetime(2027, 1, 1)
    assert say(ENGLISH, "date", "2027-03-02", now=now) == "Tuesday, March second"
    later = say(ENGLISH, "date", "2028-03-02", now=now)
    assert later == "Thursday, March second, twenty twenty eight"


def test_other_money() -> None:
    assert say(ENGLISH, "money", 42.5, "EUR") == "forty two euros and fifty cents"
    assert say(ENGLISH, "money", 42.5, "JPY") == "forty three yen"
    assert say(SPANISH, "money", 21, "GBP") == "veintiuna libras"


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        ("date", "soon", '"soon" is no date: one is written 2027-03-01'),
        ("date", "2027-02-30", '"2027-02-30" is no date: one is written 2027-03-01'),
        ("time", "25:00", '"25:00" is no time: one is written 10:30'),
        ("money", "much", '"much" is no sum of money'),
        ("number", None, '"None" is no number'),
        ("number", True, '"True" is no number'),
        ("number", "inf", '"inf" is no number that has words'),
        ("number", 1e300, '"1e+300" is no number that has words'),
        ("ordinal", 1.5, '"1.5" has no place in a row: an ordinal is a whole number'),
        ("ordinal", -1, '"-1" has no place in a row: an ordinal is a whole number'),
        ("digits", "1a", '"1a" is no string of digits'),
        ("digits", None, '"None" is no string of digits'),
        ("phone", "", '"" is no telephone number: one is written +15551234567'),
        ("phone", "+", '"+" is no telephone number: one is written +15551234567'),
        ("spell", " ", 'there is nothing to spell in " "'),
        ("dat", "x", 'nothing is said as "dat": did you mean date?'),
        ("wibble", "x", f'nothing is said as "wibble": there are {", ".join(KINDS)}'),
    ],
)
def test_what_is_none(kind: str, value: Value, complaint: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        say(ENGLISH, kind, value)
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("USX", '"USX" is no currency known in en-US: did you mean USD?'),
        ("WWW", '"WWW" is no currency known in en-US: there are USD, EUR, '),
    ],
)
def test_unknown_money(code: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(complaint)):
        say(ENGLISH, "money", 1, code)
