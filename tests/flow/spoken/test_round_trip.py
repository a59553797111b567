"""The heart of the matter: what the bot says, it hears as the same value, in every language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicebot.flow.answers import words
from voicebot.flow.spoken import Language, hear, language_of
from voicebot.flow.spoken.hear import Grammar
from voicebot.flow.spoken.say import say

NOW = datetime(2027, 3, 1, 10)
TODAY = NOW.date()


def _known(tag: str) -> Language:
    language = language_of(tag)
    assert language is not None
    return language


LANGUAGES = pytest.mark.parametrize(
    "language", [_known(tag) for tag in ("en-US", "en-GB", "de-DE", "es-ES")], ids=lambda x: x.tag
)


def check(
    language: Language, grammar: Grammar, kind: str, value: str | float, now: datetime | None = None
) -> None:
    said = say(language, kind, value, now=now)
    assert grammar.read(words(said), NOW).value == value, said


@LANGUAGES
def test_every_day_of_two_years_around(language: Language) -> None:
    for ahead in range(-731, 732):
        day = TODAY + timedelta(days=ahead)
        check(language, hear.date(language), "date", day.isoformat())
        only = hear.date(language, future=ahead >= 0, past=ahead <= 0)
        check(language, only, "date", day.isoformat())


@LANGUAGES
def test_every_day_of_this_year_without_the_year(language: Language) -> None:
    for ahead in range(365):
        day = date(TODAY.year, 1, 1) + timedelta(days=ahead)
        check(language, hear.date(language), "date", day.isoformat(), NOW)


@LANGUAGES
def test_every_minute_of_a_day(language: Language) -> None:
    for minute in range(24 * 60):
        check(language, hear.time(language), "time", f"{minute // 60:02}:{minute % 60:02}")


@LANGUAGES
@settings(deadline=None)  # the first one builds the tables
@given(st.integers(0, 99_999_999))
def test_sums_of_money(language: Language, cents: int) -> None:
    value = cents // 100 if cents % 100 == 0 else cents / 100
    check(language, hear.amount(language), "money", value)


@LANGUAGES
def test_sums_of_every_currency(language: Language) -> None:
    for currency in language.money.currencies:
        for value in (1, 2, 21, 100):
            said = say(language, "money", value, currency)
            read = hear.amount(language, currency).read(words(said), NOW)
            assert read.value == value, said


@LANGUAGES
@settings(deadline=None)  # the first one builds the tables
@given(st.integers(0, 999_999))
def test_numbers(language: Language, number: int) -> None:
    check(language, hear.number(language), "number", number)


@LANGUAGES
@settings(deadline=None)  # the first one builds the tables
@given(st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True).filter(str.isascii))
def test_telephone_numbers(language: Language, number: str) -> None:
    check(language, hear.phone(language), "phone", number)


@LANGUAGES
@settings(deadline=None)  # the first one builds the tables
@given(st.text("0123456789", min_size=1, max_size=12))
def test_strings_of_digits(language: Language, figures: str) -> None:
    check(language, hear.digits(language), "digits", figures)


@LANGUAGES
@settings(deadline=None)  # the first one builds the tables
@given(data=st.data())
def test_spellings(language: Language, data: st.DataObject) -> None:
    letters = "".join(language.letters.names) + "0123456789"
    check(language, hear.spelling(language), "spell", data.draw(st.text(letters, min_size=1)))


KINDS: list[Callable[[Language], Grammar]] = [
    hear.date,
    hear.time,
    hear.amount,
    hear.number,
    hear.digits,
    hear.phone,
    hear.spelling,
]


@LANGUAGES
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)  # the first one builds the tables
@given(data=st.data())
def test_any_words_are_read_without_harm(
    language: Language, kind: Callable[[Language], Grammar], data: st.DataObject
) -> None:
    grammar = kind(language)
    known = sorted({word for phrase in grammar.phrases[:400] for word in phrase.split()})
    heard = data.draw(st.lists(st.sampled_from([*known, "tea", "[unk]"]), max_size=8))
    reading = grammar.read(tuple(heard), NOW)
    assert reading.value != ""


@LANGUAGES
@pytest.mark.parametrize("ahead", [0, 1, 5, 40, 400])
def test_the_beginning_of_what_is_said_could_go_on(language: Language, ahead: int) -> None:
    said = words(say(language, "date", (TODAY + timedelta(days=ahead)).isoformat()))
    for size in range(len(said)):
        assert hear.date(language).read(said[:size], NOW).longer, said[:size]
