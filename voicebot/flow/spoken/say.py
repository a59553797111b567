"""Values in words, as the bot says them: the inverse of hear.py, from the same tables.

Knows kinds of values and how each is put into words.  Must not know prompts, questions or engines.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final, TypeAlias

from voicebot.flow.spoken.language import Currency, Language
from voicebot.flow.spoken.numbers import cardinal, in_words

Value: TypeAlias = "str | int | float | Decimal | bool | None"

_MOST: Final = 10**15
"""The rules of all languages have words for numbers below this one."""


def say(
    language: Language,
    kind: str,
    value: Value,
    currency: str | None = None,
    now: datetime | None = None,
) -> str:
    """A value in words.

    Args:
        kind: date, time, money, phone, digits, spell, number or ordinal.
        currency: ISO 4217; None: the language's own.
        now: a date in the same year is said without the year; None: always with it.

    Raises:
        ValueError: there is no such kind, or the value is none of it; a sentence that says so.
    """
    if kind == "money":
        return money(language, value, currency or language.currency)
    if kind == "date":
        return day(language, value, now)
    if kind not in _KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        hint = f": did you mean {near[0]}?" if near else f": there are {', '.join(KINDS)}"
        raise ValueError(f'nothing is said as "{kind}"{hint}')
    return _KINDS[kind](language, value)


def day(language: Language, value: Value, now: datetime | None = None) -> str:
    """ "2027-03-02" → "Tuesday, March second, twenty twenty seven"."""
    try:
        found = date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f'"{value}" is no date: one is written 2027-03-01') from None
    names = language.dates
    said = names.said if now is not None and now.year == found.year else names.said_with_year
    year = names.years.get(found.year, (cardinal(found.year, language),))[0]
    return said.format(
        weekday=names.weekdays[found.isoweekday()][0],
        month=names.months[found.month][0],
        day=names.days[found.day][0],
        year=year,
    )


def clock(language: Language, value: Value) -> str:
    """ "10:30" → "ten thirty A M"."""
    try:
        found = time.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f'"{value}" is no time: one is written 10:30') from None
    names = language.times
    fixed = names.fixed.get(found.hour * 60 + found.minute)
    if fixed is not None:
        return fixed[0]
    full, with_minutes = names.said[found.hour]
    twelve = (found.hour + 11) % 12 + 1
    hours = names.hours.get(found.hour, ("",))[0], names.hours[twelve][0]
    minute = names.minutes.get(found.minute, ("",))[0]
    pattern = with_minutes if found.minute else full
    return pattern.format(hour=hours[0], twelve=hours[1], minute=minute)


def money(language: Language, value: Value, code: str) -> str:
    """42.5 → "forty two dollars and fifty cents"."""
    known = language.money.currencies
    unit = known.get(code)
    if unit is None:
        near = difflib.get_close_matches(code, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f'"{code}" is no currency known in {language.tag}: {hint}')
    places = "1.00" if unit.cents else "1"
    total = _decimal(value, "sum of money").quantize(Decimal(places), ROUND_HALF_UP)
    whole, cents = divmod(int(abs(total) * 100), 100)
    parts = []
    if whole or not cents:
        parts.append(_counted(language, unit, whole, unit.one, unit.many))
    if cents:
        parts.append(_counted(language, unit, cents, unit.one_cent, unit.cents))
    return _signed(language, total, language.money.joined.join(parts))


def _counted(language: Language, unit: Currency, count: int, one: str, many: str) -> str:
    return one if count == 1 else f"{in_words(count, language.code, unit.rules)} {many}"


def number(language: Language, value: Value) -> str:
    """3.5 → "three point five"."""
    found = _decimal(value, "number")
    whole, _, places = f"{abs(found):f}".partition(".")
    said = cardinal(int(whole), language)
    if places.strip("0"):
        said += f" {language.point} " + " ".join(_figure(language, p) for p in places)
    return _signed(language, found, said)


def ordinal(language: Language, value: Value) -> str:
    """1 → "first"."""
    found = _decimal(value, "whole number")
    if found != int(found) or found < 0:
        raise ValueError(f'"{value}" has no place in a row: an ordinal is a whole number')
    return in_words(int(found), language.code, language.ordinal_rules)


def digits(language: Language, value: Value) -> str:
    """ "0744" → "zero seven four four"."""
    figures = _text(value).replace(" ", "")
    if not figures.isdecimal() or not figures.isascii():
        raise ValueError(f'"{value}" is no string of digits')
    return " ".join(_figure(language, figure) for figure in figures)


def phone(language: Language, value: Value) -> str:
    """ "+15551234567" → "plus one, five five five, one two three, four five six seven"."""
    written = "".join(c for c in _text(value) if c not in " -./()")
    figures = written.removeprefix("+")
    if not figures.isdecimal() or not figures.isascii():
        raise ValueError(f'"{value}" is no telephone number: one is written +15551234567')
    said = ", ".join(digits(language, group) for group in _groups(figures))
    return f"{language.plus[0]} {said}" if written.startswith("+") else said


def _groups(figures: str) -> list[str]:
    """Three by three as people read them out, with two to four at the end."""
    if figures.startswith("1") and len(figures) == _AMERICAN:
        return ["1", *_groups(figures[1:])]
    groups = []
    while len(figures) > _LAST_GROUP:
        groups.append(figures[:3])
        figures = figures[3:]
    return [*groups, figures]


_AMERICAN: Final = 11
_LAST_GROUP: Final = 4


def spell(language: Language, value: Value) -> str:
    """ "AB1" → "A, B, one".  What has no name (a space) is not said."""
    letters = language.letters
    names = {**{letter: ways[0] for letter, ways in letters.names.items()}, **letters.marks}
    said = (
        _figure(language, c)
        if c.isdecimal() and c.isascii()
        else names.get(c, names.get(c.upper()))
        for c in _text(value)
    )
    spelt = ", ".join(name for name in said if name)
    if not spelt:
        raise ValueError(f'there is nothing to spell in "{value}"')
    return spelt


def _figure(language: Language, figure: str) -> str:
    return next(name for name, digit in language.digits.items() if digit == figure)


def _text(value: Value) -> str:
    return "" if value is None else str(value)


def _decimal(value: Value, what: str) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f'"{value}" is no {what}') from None
    if not found.is_finite() or abs(found) >= _MOST:
        raise ValueError(f'"{value}" is no {what} that has words')
    return found


def _signed(language: Language, value: Decimal, said: str) -> str:
    return f"{language.minus} {said}" if value < 0 else said


_KINDS: Final[Mapping[str, Callable[[Language, Value], str]]] = {
    "time": clock,
    "phone": phone,
    "digits": digits,
    "spell": spell,
    "number": number,
    "ordinal": ordinal,
}
KINDS: Final = ("date", "money", *_KINDS)
"""All that a value can be said as."""
