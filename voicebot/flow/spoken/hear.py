"""What people say, as values: dates, times, sums, numbers and strings of digits and letters.

Knows, for each kind of value, its grammar in a language.  Must not know questions, keys or calls.
A grammar reads all the words of an answer or none: `value` is what they say, and `longer` whether
an answer that begins like them could go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias

from voicebot.flow.answers import DIGIT_NAMES, Phrase, words
from voicebot.flow.spoken import meaning, strings
from voicebot.flow.spoken import numbers as numerals
from voicebot.flow.spoken.grammar import Count, Either, InTurn, Rule, Table, Unheard, Wish, covering
from voicebot.flow.spoken.grammar import form as _form
from voicebot.flow.spoken.grammar import forms as _forms
from voicebot.flow.spoken.language import Currency, Features, Language, Names

Spoken: TypeAlias = "str | int | float"

SHORTEST_PHONE: Final = 7
LONGEST_PHONE: Final = 15
"""Digits of a telephone number: subscriber numbers are hardly shorter, E.164 allows no more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What some words are."""

    value: Spoken | None
    """None: they are no value."""
    longer: bool
    """More words could make a value, or another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """One kind of value in one language."""

    phrases: tuple[str, ...]
    """For the recogniser: words that follow each other here do so in what can be said."""
    reader: Callable[[Phrase, datetime], Reading]

    def read(self, heard: Phrase, now: datetime) -> Reading:
        """What the words are, all of them together.  `now` decides which Tuesday is meant."""
        return self.reader(heard, now)


# Numbers and strings -----------------------------------------------------------------------------


@lru_cache(maxsize=64)
def number(language: Language) -> Grammar:
    """A whole number."""

    def read(heard: Phrase, now: datetime) -> Reading:
        del now
        longer = not heard or numerals.number_goes_on(heard, language, None)
        spelt = numerals.digits(heard, language) is not None
        return Reading(numerals.number(heard, language), longer or spelt)

    return _grammar(language, covering(Count("number", language).links), read)


@lru_cache(maxsize=64)
def digits(language: Language) -> Grammar:
    """A string of digits, of any length."""

    def read(heard: Phrase, now: datetime) -> Reading:
        del now
        value = numerals.digits(heard, language)
        if heard and heard[-1] in language.repeats:
            heard = heard[:-1]
        return Reading(value, not heard or numerals.digits(heard, language) is not None)

    return _grammar(language, strings.digit_phrases(language), read)


@lru_cache(maxsize=64)
def phone(language: Language) -> Grammar:
    """A telephone number: digits, with "+" before them where it was said."""
    chunks = strings.phone_chunks(language)

    def read(heard: Phrase, now: datetime) -> Reading:
        del now
        said, unfinished = chunks.read(heard)
        if said is None:
            return Reading(None, unfinished)
        if "+" in said[1:]:
            return Reading(None, longer=False)
        size = len(said.removeprefix("+"))
        whole = SHORTEST_PHONE <= size <= LONGEST_PHONE
        return Reading(said if whole else None, size < LONGEST_PHONE)

    return _grammar(language, chunks.phrases, read)


@lru_cache(maxsize=64)
def spelling(language: Language) -> Grammar:
    """A word or code, letter by letter: upper-case letters and digits."""
    chunks = strings.spelling_chunks(language)

    def read(heard: Phrase, now: datetime) -> Reading:
        del now
        said, unfinished = chunks.read(heard)
        return Reading(said or None, unfinished or said is not None)

    return _grammar(language, chunks.phrases, read)


# Dates -------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def date(language: Language, *, future: bool = False, past: bool = False) -> Grammar:
    """A day, as an ISO string.  `future`: today or later; `past`: today or earlier."""
    spoken, typed = _Sentences(_date_rule(language)), _Sentences(_numeric_date_rule(language))

    def read(heard: Phrase, now: datetime) -> Reading:
        today = now.date()
        whole, longer = spoken.read(heard)
        numeric, longer_numeric = typed.read(heard)
        meant = [meaning.day(said, today, future=future, past=past) for said in whole]
        figures = {meaning.day(said, today, future=future, past=past) for said in numeric}
        if len(figures) == 1:  # else "one one two" is the eleventh of something, or the twelfth
            meant += figures
        found = next((day for day in meant if day is not None), None)
        return Reading(None if found is None else found.isoformat(), longer or longer_numeric)

    phrases = [*covering(spoken.rule.links), *covering(_years(language).links)]
    return _grammar(language, phrases, read)


MOST_FIRST_WORDS: Final = 40
"""Where years are one long word each, a phrase for every month and year would be thousands."""


def _years(language: Language) -> Rule:
    return Table.of("year", language.dates.years)


def _date_rule(language: Language) -> Rule:
    names = language.dates
    years = _years(language)
    if len(years.links.first) > MOST_FIRST_WORDS:
        years = Unheard(years)
    slots: dict[str, Rule] = {
        "weekday": Table.of("weekday", names.weekdays),
        "month": Table.of("month", names.months),
        "day": Either([
            Table.of("day", names.days),
            _typed("day", range(1, 32), suffixes=names.ordinal_suffixes),
        ]),
        "number": Either([
            Table.of("day", {n: (numerals.cardinal(n, language),) for n in range(1, 32)}),
            _typed("day", range(1, 32)),
        ]),
        "year": Either([years, _typed("year", names.years)]),
        "count": Either([Table.of("count", names.counts), _typed("count", names.counts)]),
        "unit": Table.of("unit", names.units),
        "relative": Table.of("relative", names.relative),
    }  # fmt: skip
    heard = Either([_forms(names.heard, slots), Unheard(_forms(names.typed, slots))])
    return InTurn([_form(names.lead, {}), heard])


def _numeric_date_rule(language: Language) -> Rule:
    """3/1/2027 and 2027-03-01 as `answers.words` writes them, "three slash one" as people say it."""
    month_names = Either([_typed("month", range(1, 13)), _typed("month", range(1, 10), size=2)])
    slots: dict[str, Rule] = {
        "month": month_names,
        "day": Either([_typed("day", range(1, 32)), _typed("day", range(1, 10), size=2)]),
        "year": _typed("year", language.dates.years),
        "two_month": _typed("month", range(1, 13), size=2),
        "two_day": _typed("day", range(1, 32), size=2),
    }
    orders = [f"{order} [[slash] <year>]" for order in language.dates.numeric]
    return _forms({text: {} for text in [*orders, "<year> <two_month> <two_day>"]}, slots)


# Times -------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def time(language: Language) -> Grammar:
    """A time of day as "HH:MM".  A bare hour is within business: "three" is 15:00, "ten" 10:00."""
    sentences = _Sentences(_time_rule(language))

    def read(heard: Phrase, now: datetime) -> Reading:
        del now
        whole, longer = sentences.read(heard)
        meant = (meaning.time_of_day(said) for said in whole)
        found = next((moment for moment in meant if moment is not None), None)
        return Reading(None if found is None else found.isoformat("minutes"), longer)

    return _grammar(language, covering(sentences.rule.links), read)


def _time_rule(language: Language) -> Rule:
    names = language.times
    two_digits = _typed("minute", range(60), size=2)
    zeros = [name for name, digit in language.digits.items() if digit == "0"]
    with_zero = {
        (zero, *words(name)): hour
        for hour in range(1, 10)
        for zero in (*zeros, DIGIT_NAMES[0])
        for name in (*names.hours[hour], DIGIT_NAMES[hour])
    }
    dial = {hour: names.hours[hour] for hour in range(1, 13)}
    slots: dict[str, Rule] = {
        "hour": Either([
            Table.of("hour", names.hours),
            _typed("hour", range(25)),
            Table("exact", {**with_zero, (DIGIT_NAMES[0],) * 2: 0}, heard=False),
        ]),
        "twelve": Either([Table.of("hour", dial), _typed("hour", dial)]),
        "minute": Either([Table.of("minute", names.minutes), two_digits]),
        "past": Either([Table.of("minute", names.spans), _typed("minute", names.spans)]),
        "to": Either([Table.of("to", names.spans), _typed("to", names.spans)]),
        "part": Table.of("part", names.parts),
        "fixed": Table.of("fixed", names.fixed),
    }  # fmt: skip
    heard = Either([_forms(names.heard, slots), Unheard(_forms(names.typed, slots))])
    return InTurn([_form(names.lead, {}), heard])


# Sums of money -----------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def amount(language: Language, currency: str | None = None) -> Grammar:
    """A sum of money, with at most two places.  Only the words of that currency are its unit."""
    sentences = _Sentences(_amount_rule(language, currency or language.currency))

    def read(heard: Phrase, now: datetime) -> Reading:
        del now
        whole, longer = sentences.read(heard)
        return Reading(meaning.amount(whole[0]) if whole else None, longer)

    return _grammar(language, covering(sentences.rule.links), read)


def _amount_rule(language: Language, currency: str) -> Rule:
    money = language.money
    unit = money.currencies.get(currency)
    units: set[Phrase] = set()
    subunits: set[Phrase] = set()
    if unit is not None:
        units = {words(name) for name in (unit.many, *unit.also)} | {words(unit.one)[-1:]}
        subunits = {words(unit.cents), words(unit.one_cent)[-1:]} - {()}
    two_digits = _typed("cents", range(100), size=2)
    slots: dict[str, Rule] = {
        "units": Count("units", language),
        "cents": Either([Table.of("cents", money.cents), two_digits]),
        "subunits": Either([
            Table.of("cents", _counted_cents(language, unit)),
            _typed("cents", range(1, 100)),
        ]),
        "places": Either([Table.of("cents", money.places), two_digits]),
        "unit": Table(None, dict.fromkeys(units, 0)),
        "subunit": Table(None, dict.fromkeys(subunits, 0)),
    }  # fmt: skip
    heard = Either([_forms(money.heard, slots), Unheard(_forms(money.typed, slots))])
    return InTurn([_form(money.lead, {}), heard])


def _counted_cents(language: Language, unit: Currency | None) -> Names:
    """As they are counted ("un", "veintiún") and as plain numbers."""
    if unit is None or not unit.cents:
        return {}
    one = " ".join(words(unit.one_cent)[:-1])
    counted = {
        n: (numerals.in_words(n, language.code, unit.rules), numerals.cardinal(n, language))
        for n in range(1, 100)
    }
    return {**counted, 1: (one, *counted[1])}


# Shared ------------------------------------------------------------------------------------------


def _grammar(
    language: Language, phrases: Iterable[str], reader: Callable[[Phrase, datetime], Reading]
) -> Grammar:
    common = (phrase for phrase in phrases if language.seldom.isdisjoint(phrase.split()))
    return Grammar(tuple(dict.fromkeys(common)), reader)


class _Sentences:
    """A rule for whole answers, which remembers what it has read: partial results repeat."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.read = lru_cache(maxsize=1024)(self._read)

    def _read(self, heard: Phrase) -> tuple[tuple[Features, ...], bool]:
        """Every meaning of all the words, the likeliest first; whether a longer answer begins so."""
        wish = Wish()
        ways = self.rule.read(heard, 0, wish)
        whole = tuple(said for end, said in ways if end == len(heard))
        return whole, wish.more


def _typed(
    feature: str, values: Iterable[int], *, size: int = 1, suffixes: tuple[str, ...] = ("",)
) -> Rule:
    """Numbers as `answers.words` writes typed ones: figure by figure."""
    names: dict[Phrase, int] = {}
    for value in values:
        figures = tuple(DIGIT_NAMES[int(figure)] for figure in f"{value:0{size}}")
        names |= {(*figures, *words(suffix)): value for suffix in suffixes}
    return Table(feature, names, heard=False)
