"""What a language calls things: one record of words, read in both directions.

Knows the shape of a language: names for days, hours, money and letters, and the templates in which
they are put together.  Must not know how words are read (grammar.py, hear.py) or how values are
said (say.py).  A new language is one file such as english.py.

Names are `value → ways to say it`: the bot says the first one and hears them all, so that a caller
who repeats what the bot said is understood by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from voicebot.flow.answers import UNKNOWN, Phrase

Names: TypeAlias = "Mapping[int, tuple[str, ...]]"
"""Value → ways to say it, the bot's own first."""

Features: TypeAlias = "Mapping[str, int]"
"""What a template says about a value: {"weekday": 2, "week": 1} is next Tuesday."""

Forms: TypeAlias = "Mapping[str, Features]"
"""Template → what it means beside what its `<slots>` say.  Earlier ones win."""


@dataclass(frozen=True, slots=True, eq=False)
class Dates:
    """Days.  Slots: <weekday> <month> <day> <number> <year> <count> <unit> <relative>."""

    weekdays: Names
    """1 is Monday."""
    months: Names
    days: Names
    """The days of a month: "first".  <number> is the same as a plain number."""
    years: Names
    counts: Names
    """Small numbers: "in three days"."""
    units: Names
    """1 is a day, 7 a week: "in three weeks"."""
    relative: Names
    """Days from today: 1 is "tomorrow"."""
    lead: str
    """Template of what may stand before any date: "[on]"."""
    heard: Forms
    typed: Forms
    """What is written rather than said: understood, but no concern of the recogniser."""
    said: str
    said_with_year: str
    numeric: tuple[str, ...]
    """Order of typed numbers, such as 3/1/2027: "<month> <day>"."""
    ordinal_suffixes: tuple[str, ...] = ()
    """What may follow a typed day: the "nd" of "2nd"."""


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Times of day.  Slots: <hour> <twelve> <minute> <past> <to> <part> <fixed>."""

    hours: Names
    """0 to 24; <twelve> are those from 1 to 12."""
    minutes: Names
    """Behind the hour: "oh five"."""
    spans: Names
    """Minutes past and to: "quarter"."""
    parts: Names
    """Start of the twelve hours that are meant: 12 is "in the afternoon"."""
    fixed: Names
    """Minutes since midnight: 720 is "noon"."""
    lead: str
    heard: Forms
    typed: Forms
    """As with dates."""
    behind_written: str
    """Regular expression of what follows a time in writing and is said with it: the "Uhr" of
    "10:30 Uhr"."""
    said: tuple[tuple[str, str], ...]
    """For each hour of the day, how a full hour and how any other time is said, with {hour},
    {twelve} (the hour of the twelve-hour clock) and {minute}."""


@dataclass(frozen=True, slots=True)
class Currency:
    """How money is counted."""

    one: str
    """"one dollar": a single one, counted."""
    many: str
    one_cent: str = ""
    cents: str = ""
    """Empty: it has none."""
    also: tuple[str, ...] = ()
    """Other words for it that are heard."""
    symbol: str = ""
    """As written: "$"."""
    rules: str = "spellout-numbering"
    """The rule set that counts it (genders)."""


@dataclass(frozen=True, slots=True, eq=False)
class Money:
    """Sums of money.  Slots: <units> <cents> <places> <unit> <subunit>."""

    currencies: Mapping[str, Currency]
    """By ISO 4217 code."""
    lead: str
    heard: Forms
    typed: Forms
    """As with dates."""
    joined: str
    """What the bot says between units and cents: " and "."""
    cents: Names
    """Behind the units, without their name: "four oh five"."""
    places: Names
    """Behind the decimal point: "five" is fifty cents."""


@dataclass(frozen=True, slots=True, eq=False)
class Letters:
    """Letters and the words that stand for them."""

    names: Mapping[str, tuple[str, ...]]
    """Letter → its names, the bot's first."""
    words: Mapping[str, tuple[str, ...]]
    """Letter → words for it: "bravo"."""
    such_as: tuple[str, ...]
    """Between a letter and its word: "as in"."""
    silent: tuple[str, ...]
    """Words that stand for nothing: "capital", "dash"."""
    ignored: tuple[str, ...]
    """The same, but the recogniser is not told of them: short words are heard for letters."""
    marks: Mapping[str, str]
    """What the bot calls signs between letters; heard, they stand for nothing."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Language:
    """What a language calls things.  Templates are written as in a flow's `answers:`."""

    tag: str
    """BCP 47, such as "en-US"."""
    code: str
    """Of text2num and of the number rules."""
    currency: str
    """ISO 4217: the money that is meant when a flow does not say."""
    digits: Mapping[str, str]
    """Word → digit; the first for each digit is the bot's."""
    sounds_like: Mapping[str, str]
    """Word → the digit's name that it is heard for, where a question wants figures."""
    repeats: Mapping[str, int]
    """Word that says the next digit several times → how often."""
    number_words: tuple[str, ...]
    """Words of which a number is made."""
    yes: tuple[str, ...]
    no: tuple[str, ...]
    fillers: frozenset[str]
    """Words that carry no answer."""
    lead_ins: tuple[Phrase, ...]
    """What people say before the answer, longest first."""
    corrections: tuple[Phrase, ...]
    """What opens a correction ("no i mean tuesday"), longest first."""
    dates: Dates
    times: Times
    money: Money
    letters: Letters
    plus: tuple[str, ...] = ("plus",)
    """Before the country code of a phone number."""
    point: str = "point"
    """The decimal point."""
    point_mark: str = "."
    """The same, as written."""
    minus: str = "minus"
    percent: str = "percent"
    ordinal_rules: str = "spellout-ordinal"
    written_ordinal: str = r"(?:st|nd|rd|th)\b"
    """Regular expression of what makes a written number an ordinal."""
    number_variants: Mapping[str, str] = field(default_factory=dict)
    """Word of a number that text2num does not know → one that it does."""
    small_words: tuple[str, ...] = ()
    """Words of numbers that are none alone: "and", "a"."""
    one_words: tuple[str, ...] = ()
    """Words that stand for one before a larger number: the "a" of "a hundred"."""
    and_words: tuple[str, ...] = ()
    """Words within a number behind which it goes on: the "and" of "a hundred and five"."""
    seldom: frozenset[str] = frozenset()
    """Words with a synonym that the shipped models lack: understood, but not asked for."""

    def __repr__(self) -> str:
        """Short: the tables would fill pages of a test's or a debugger's output."""
        return f"Language({self.tag})"


def bare(heard: Sequence[str], language: Language) -> Phrase:
    """The heard words without fillers, unknown words and what leads in to the answer."""
    kept = tuple(w for w in heard if w != UNKNOWN and w not in language.fillers)
    for lead in language.lead_ins:
        if kept[: len(lead)] == lead and len(kept) > len(lead):
            return kept[len(lead) :]
    return kept
