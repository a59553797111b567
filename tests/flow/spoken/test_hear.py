"""What people say, as values."""

from __future__ import annotations

from datetime import datetime

import pytest

from voicebot.flow.answers import words
from voicebot.flow.spoken import ENGLISH, GERMAN, SPANISH, Language, hear, language_of
from voicebot.flow.spoken.hear import Grammar, Reading

MONDAY = datetime(2027, 3, 1, 10)
SATURDAY = datetime(2027, 3, 6, 10)


def read(grammar: Grammar, text: str, now: datetime = MONDAY) -> Reading:
    return grammar.read(words(text), now)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("today", "2027-03-01"),
        ("tomorrow", "2027-03-02"),
        ("the day after tomorrow", "2027-03-03"),
        ("yesterday", "2027-02-28"),
        ("tuesday", "2027-03-02"),
        ("on tuesday", "2027-03-02"),
        ("monday", "2027-03-08"),  # a week later: who means today says so
        ("next tuesday", "2027-03-09"),
        ("next monday", "2027-03-08"),
        ("tuesday next week", "2027-03-09"),
        ("this friday", "2027-03-05"),
        ("this monday", "2027-03-01"),
        ("last friday", "2027-02-26"),
        ("last monday", "2027-02-22"),
        ("march first", "2027-03-01"),
        ("march the first", "2027-03-01"),
        ("first of march", "2027-03-01"),
        ("the first of march", "2027-03-01"),
        ("march one", "2027-03-01"),
        ("february tenth", "2028-02-10"),
        ("march first twenty twenty seven", "2027-03-01"),
        ("march first two thousand twenty seven", "2027-03-01"),
        ("march first two thousand and twenty seven", "2027-03-01"),
        ("july fourth nineteen eighty four", "1984-07-04"),
        ("january first two thousand", "2000-01-01"),
        ("may second twenty oh five", "2005-05-02"),
        ("the fifteenth", "2027-03-15"),
        ("fifteenth", "2027-03-15"),
        ("the thirty first", "2027-03-31"),
        ("the first of next month", "2027-04-01"),
        ("the second of this month", "2027-03-02"),
        ("in three days", "2027-03-04"),
        ("in a week", "2027-03-08"),
        ("in two weeks", "2027-03-15"),
        ("a week from tuesday", "2027-03-09"),
        ("two weeks from tomorrow", "2027-03-16"),
        ("three days from now", "2027-03-04"),
        ("tuesday week", "2027-03-09"),
        ("three days ago", "2027-02-26"),
        ("tuesday march second", "2027-03-02"),
        ("tuesday the second", "2027-03-02"),
        ("february twenty ninth", "2028-02-29"),
        ("three slash one", "2027-03-01"),
        ("3/1", "2027-03-01"),
        ("3/1/2027", "2027-03-01"),
        ("03/01/2027", "2027-03-01"),
        ("2027-03-01", "2027-03-01"),
        ("March 2nd", "2027-03-02"),
        ("March 2, 2027", "2027-03-02"),
        ("2 March", "2027-03-02"),
        ("the 15th", "2027-03-15"),
    ],
)
def test_days(said: str, day: str) -> None:
    assert read(hear.date(ENGLISH), said).value == day


@pytest.mark.parametrize(
    "said",
    [
        "",
        "the",
        "february thirtieth",
        "february twenty ninth twenty twenty seven",
        "tuesday march third",  # a Wednesday: one of both was misheard
        "the thirty first of next month",
        "tuesday the second of next month",  # a Friday
        "1/12",  # written 1/12 and 11/2 are the same words
        "march",
        "twenty twenty seven",
        "tea",
        "tuesday tuesday",
        "december thirty first ninety ninety nine",
    ],
)
def test_no_day(said: str) -> None:
    assert read(hear.date(ENGLISH), said).value is None


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("march first", "2027-03-01"),
        ("march second", "2026-03-02"),
        ("tuesday", "2027-02-23"),
        ("monday", "2027-02-22"),
        ("this monday", "2027-03-01"),
        ("the fifteenth", "2027-02-15"),
        ("tomorrow", None),
        ("february twenty ninth", "2024-02-29"),
    ],
)
def test_days_in_the_past(said: str, day: str | None) -> None:
    assert read(hear.date(ENGLISH, past=True), said).value == day


@pytest.mark.parametrize(
    ("said", "day"),
    [("today", "2027-03-01"), ("yesterday", None), ("march first twenty twenty six", None)],
)
def test_days_in_the_future(said: str, day: str | None) -> None:
    assert read(hear.date(ENGLISH, future=True), said).value == day


def test_this_friday_on_a_saturday_is_the_coming_one() -> None:
    assert read(hear.date(ENGLISH), "this friday", SATURDAY).value == "2027-03-12"
    assert read(hear.date(ENGLISH, past=True), "this friday", SATURDAY).value == "2027-03-05"
    assert read(hear.date(ENGLISH), "next monday", SATURDAY).value == "2027-03-08"


def test_a_day_that_this_month_lacks_is_in_the_next() -> None:
    april = datetime(2027, 4, 2)
    assert read(hear.date(ENGLISH), "the thirty first", april).value == "2027-05-31"


def test_the_calendar_ends() -> None:
    end = datetime(9999, 12, 30)
    assert read(hear.date(ENGLISH), "in two weeks", end).value is None


def test_the_british_write_the_day_first() -> None:
    british = language_of("en-GB")
    assert british is not None
    assert read(hear.date(british), "3/1").value == "2028-01-03"
    assert read(hear.date(british), "march first").value == "2027-03-01"


@pytest.mark.parametrize(
    ("said", "longer"),
    [
        ("", True),
        ("next", True),
        ("tuesday", True),
        ("next tuesday", False),
        ("the day after", True),
        ("march first", True),
        ("march first twenty", True),
        ("march first twenty twenty seven", False),
        ("tea", False),
    ],
)
def test_a_longer_day_could_follow(said: str, longer: bool) -> None:
    assert read(hear.date(ENGLISH), said).longer is longer


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("ten", "10:00"),
        ("at ten", "10:00"),
        ("ten o'clock", "10:00"),
        ("ten thirty", "10:30"),
        ("half past ten", "10:30"),
        ("half ten", "10:30"),
        ("quarter past ten", "10:15"),
        ("a quarter to eleven", "10:45"),
        ("five to nine", "08:55"),
        ("twenty minutes past seven", "07:20"),
        ("ten of eleven", "10:50"),
        ("ten a m", "10:00"),
        ("ten p m", "22:00"),
        ("ten in the morning", "10:00"),
        ("three in the afternoon", "15:00"),
        ("ten at night", "22:00"),
        ("two at night", "02:00"),
        ("in the afternoon at three", "15:00"),
        ("noon", "12:00"),
        ("midnight", "00:00"),
        ("twelve", "12:00"),
        ("twelve thirty a m", "00:30"),
        ("twelve p m", "12:00"),
        ("twenty two fifteen", "22:15"),
        ("twenty two hundred", "22:00"),
        ("ten oh five", "10:05"),
        ("oh eight thirty", "08:30"),
        ("three", "15:00"),
        ("six", "18:00"),
        ("seven", "07:00"),
        ("quarter to seven", "18:45"),
        ("quarter to one", "12:45"),
        ("twenty four", "00:00"),
        ("10:30", "10:30"),
        ("10:30 pm", "22:30"),
        ("3pm", "15:00"),
        ("3 p.m.", "15:00"),
        ("03:00", "03:00"),
        ("00:00", "00:00"),
        ("at 10", "10:00"),
        ("one zero point three zero", "10:30"),
        ("twenty in the evening", "20:00"),
    ],
)
def test_times(said: str, time: str) -> None:
    assert read(hear.time(ENGLISH), said).value == time


@pytest.mark.parametrize(
    "said", ["", "at", "half past", "twenty five", "ten seventy", "tea", "twenty a m", "24:30"]
)
def test_no_time(said: str) -> None:
    assert read(hear.time(ENGLISH), said).value is None


@pytest.mark.parametrize(
    ("said", "longer"), [("ten", True), ("ten a", True), ("ten a m", False), ("noon", False)]
)
def test_a_longer_time_could_follow(said: str, longer: bool) -> None:
    assert read(hear.time(ENGLISH), said).longer is longer


@pytest.mark.parametrize(
    ("said", "sum_"),
    [
        ("forty two", 42),
        ("forty two fifty", 42.5),
        ("forty two dollars", 42),
        ("forty two dollars fifty", 42.5),
        ("forty two dollars and fifty cents", 42.5),
        ("a hundred dollars", 100),
        ("one hundred and five dollars", 105),
        ("two hundred fifty", 250),
        ("fifty cents", 0.5),
        ("ninety nine cents", 0.99),
        ("one cent", 0.01),
        ("four oh five", 4.05),
        ("twenty bucks", 20),
        ("forty two point five", 42.5),
        ("forty two point five zero dollars", 42.5),
        ("twelve and a half", 12.5),
        ("42", 42),
        ("about fifty dollars", 50),
        ("four two point five zero", 42.5),
        ("zero", 0),
    ],
)
def test_sums(said: str, sum_: float) -> None:
    value = read(hear.amount(ENGLISH), said).value
    assert (value, type(value)) == (sum_, type(sum_))


@pytest.mark.parametrize("said", ["", "dollars", "forty two euros", "fifty fifty fifty", "tea"])
def test_no_sum(said: str) -> None:
    assert read(hear.amount(ENGLISH), said).value is None


def test_another_currency() -> None:
    assert read(hear.amount(ENGLISH, "EUR"), "forty two euros").value == 42
    assert read(hear.amount(ENGLISH, "JPY"), "five hundred yen").value == 500
    assert read(hear.amount(ENGLISH, "XXX"), "five hundred").value == 500


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("five five five one two three four", "5551234"),
        ("plus one five double five one two three four", "+15551234"),
        ("five triple five one two three", "5555123"),
        ("eight hundred five five five twelve thirty four", "8005551234"),
        ("oh two oh seven nine four six", "0207946"),
        ("555-1234", "5551234"),
    ],
)
def test_telephone_numbers(said: str, number: str) -> None:
    assert read(hear.phone(ENGLISH), said) == Reading(number, longer=True)


@pytest.mark.parametrize(
    ("said", "longer"),
    [
        ("", True),
        ("five five five", True),
        ("five double", True),
        ("five plus one two three four five six", False),
        ("five tea", False),
        ("one " * 16, False),
    ],
)
def test_no_telephone_number(said: str, longer: bool) -> None:
    assert read(hear.phone(ENGLISH), said) == Reading(None, longer)


def test_the_longest_telephone_number_is_complete() -> None:
    assert read(hear.phone(ENGLISH), "one " * 15) == Reading("1" * 15, longer=False)


@pytest.mark.parametrize(
    ("said", "spelt"),
    [
        ("a b c", "ABC"),
        ("alpha bravo charlie", "ABC"),
        ("m i double l e r", "MILLER"),
        ("capital m one two", "M12"),
        ("b as in bravo", "B"),
        ("b for bravo", "B"),
        ("b like boy", "B"),
        ("d as in bravo", "B"),  # letters rhyme, words do not
        ("b as in banana", "B"),
        ("double t as in tango", "TT"),
        ("double u", "W"),
        ("x-ray", "X"),
        ("a four dash seven", "A47"),
        ("a forty two", "A42"),
        ("A1", "A1"),
    ],
)
def test_spellings(said: str, spelt: str) -> None:
    assert read(hear.spelling(ENGLISH), said) == Reading(spelt, longer=True)


@pytest.mark.parametrize(
    ("said", "longer"),
    [
        ("", True),
        ("b as in", True),
        ("double", True),
        ("b as in tomorrow", False),
        ("tea time", False),
        ("dash", True),
    ],
)
def test_no_spelling(said: str, longer: bool) -> None:
    assert read(hear.spelling(ENGLISH), said) == Reading(None, longer)


@pytest.mark.parametrize(
    ("said", "value", "longer"),
    [
        ("", None, True),
        ("oh seven", "07", True),
        ("seven double", None, True),
        ("double", None, True),
        ("tea", None, False),
        ("tea double", None, False),
    ],
)
def test_digits(said: str, value: str | None, longer: bool) -> None:
    assert read(hear.digits(ENGLISH), said) == Reading(value, longer)


@pytest.mark.parametrize(
    ("said", "value", "longer"),
    [("", None, True), ("twenty", 20, True), ("a hundred and", None, True), ("tea", None, False)],
)
def test_numbers(said: str, value: int | None, longer: bool) -> None:
    assert read(hear.number(ENGLISH), said) == Reading(value, longer)


@pytest.mark.parametrize(
    ("language", "kind", "said", "value"),
    [
        (GERMAN, "date", "übermorgen", "2027-03-03"),
        (GERMAN, "date", "nächsten dienstag", "2027-03-09"),
        (GERMAN, "date", "am ersten märz", "2027-03-01"),
        (GERMAN, "date", "der zweite märz zweitausend siebenundzwanzig", "2027-03-02"),
        (GERMAN, "date", "vierten juli neunzehnhundertvierundachtzig", "1984-07-04"),
        (GERMAN, "date", "dienstag in zwei wochen", "2027-03-16"),
        (GERMAN, "date", "1.3.2027", "2027-03-01"),
        (GERMAN, "date", "2. März", "2027-03-02"),
        (GERMAN, "time", "halb elf", "10:30"),
        (GERMAN, "time", "viertel vor elf", "10:45"),
        (GERMAN, "time", "dreiviertel elf", "10:45"),
        (GERMAN, "time", "fünf nach halb drei", "14:35"),
        (GERMAN, "time", "fünf vor halb drei", "14:25"),
        (GERMAN, "time", "zehn uhr dreißig", "10:30"),
        (GERMAN, "time", "acht uhr abends", "20:00"),
        (GERMAN, "time", "10:30 Uhr", "10:30"),
        (GERMAN, "amount", "zweiundvierzig euro fünfzig", 42.5),
        (GERMAN, "amount", "drei komma fünf null euro", 3.5),
        (GERMAN, "phone", "null eins fünf zwo drei vier fünf", "0152345"),
        (GERMAN, "spelling", "m ü doppel l wie ludwig anton", "MÜLLA"),
        (SPANISH, "date", "pasado mañana", "2027-03-03"),
        (SPANISH, "date", "el martes de la semana que viene", "2027-03-09"),
        (SPANISH, "date", "el primero de marzo", "2027-03-01"),
        (SPANISH, "date", "dentro de tres días", "2027-03-04"),
        (SPANISH, "time", "las diez y media", "10:30"),
        (SPANISH, "time", "las once menos cuarto", "10:45"),
        (SPANISH, "time", "la una", "13:00"),
        (SPANISH, "time", "las diez de la noche", "22:00"),
        (SPANISH, "amount", "cuarenta y dos con cincuenta", 42.5),
        (SPANISH, "amount", "veintiún céntimos", 0.21),
        (SPANISH, "phone", "nueve uno doble dos tres cuatro cinco", "9122345"),
        (SPANISH, "spelling", "b de barcelona hache", "BH"),
    ],
)
def test_other_languages(language: Language, kind: str, said: str, value: str | float) -> None:
    assert read(getattr(hear, kind)(language), said).value == value
