"""Typed values by keys: what the keys so far mean, and whether more may come.

Knows, for each type of question, which keys an entry is made of, when it is over and what it is
worth.  Must not know words, choices or how long a caller is waited for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeAlias, assert_never

from voicebot.flow import model
from voicebot.flow.meaning import More, Settled, Value

Worth: TypeAlias = "Callable[[str, datetime], str | int | float | None]"
"""What an entry is worth; None: nothing."""

_POINT: Final = "."
_DIGITS: Final = "0123456789"
_MONTH_DIGITS: Final = 4
_DATE_DIGITS: Final = 8
_TIME_DIGITS: Final = 4
_LEAP_CYCLE: Final = 8
"""Years within which each day of a calendar comes round, the 29th of February of 1900 included."""
_CENTURIES: Final = ("19", "20", "21")


@dataclass(frozen=True, slots=True)
class Entry:
    """Digits typed one after the other."""

    worth: Worth
    over: Callable[[str], int | None]
    """How many digits the entry has when no more can come; None: more can."""
    finish: str | None
    delete: str | None
    point: str | None = None
    """The key that stands for the decimal point."""

    def takes(self, key: str) -> bool:
        """Whether an entry may begin with that key."""
        return key in _DIGITS or key in (self.finish, self.point)

    def press(self, typed: str, now: datetime) -> Settled | More:
        """What the keys so far mean."""
        entry = ""
        for at, key in enumerate(typed):
            if key == self.delete:
                entry = entry[:-1]
                continue
            if key == self.finish:
                return Settled(self._value(entry, now), typed[at + 1 :])
            digit = _POINT if key == self.point else key
            if not (digit in _DIGITS or (digit == _POINT and _POINT not in entry)):
                return Settled(None)
            entry += digit
            size = self.over(entry)
            if size is not None:
                return Settled(self._value(entry[:size], now), entry[size:] + typed[at + 1 :])
        return More(self._value(entry, now))

    def _value(self, entry: str, now: datetime) -> Value | None:
        worth = self.worth(entry, now) if entry else None
        return None if worth is None else Value(worth)


def entry_of(wants: model.Wants, *, day_first: bool) -> Entry | None:
    """The entry of a type; None: it cannot be typed.

    Args:
        day_first: whether "0103" is the first of March.
    """
    match wants:
        case model.Digits():
            return _digits(wants)
        case model.Number():
            return _number(wants)
        case model.Amount():
            return _amount(wants)
        case model.Date():
            return _date(wants, day_first=day_first)
        case model.Time(finish, delete):
            return Entry(_clock, _at(_TIME_DIGITS), finish, delete)
        case model.Phone(finish, delete):
            return Entry(_phone, _at(MOST_PHONE_DIGITS), finish, delete)
        case model.Choices() | model.Spelling() | model.FreeText():
            return None
        case _:
            assert_never(wants)


def _at(size: int | None) -> Callable[[str], int | None]:
    return lambda entry: size if len(entry) == size else None


# Digits ----------------------------------------------------------------------------------------


def _digits(wants: model.Digits) -> Entry:
    def worth(entry: str, _: datetime) -> str | None:
        return entry if is_entry(entry, wants) else None

    return Entry(worth, _at(wants.max_length), wants.finish, wants.delete)


def is_entry(digits: str, wants: model.Digits) -> bool:
    """Whether a string of digits is what the question wants."""
    most = wants.max_length
    if len(digits) < wants.min_length or (most is not None and len(digits) > most):
        return False
    if wants.pattern is not None and not re.fullmatch(wants.pattern, digits):
        return False
    return not wants.luhn or _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        times = int(digit) * (1 + place % 2)
        total += times // 10 + times % 10
    return total % 10 == 0


LEAST_PHONE_DIGITS: Final = 7
MOST_PHONE_DIGITS: Final = 15
"""ITU-T E.164."""


def _phone(entry: str, _: datetime) -> str | None:
    return entry if LEAST_PHONE_DIGITS <= len(entry) <= MOST_PHONE_DIGITS else None


# Numbers ---------------------------------------------------------------------------------------


def within(value: float, wants: model.Number | model.Amount) -> bool:
    """Whether a number is in the range that the question gives."""
    return value >= wants.least and (wants.most is None or value <= wants.most)


def _number(wants: model.Number) -> Entry:
    most = wants.most

    def worth(entry: str, _: datetime) -> int | None:
        number = int(entry)
        return number if within(number, wants) else None

    def over(entry: str) -> int | None:
        if most is None:
            return None
        done = len(entry) == len(str(most)) or int(entry) * 10 > most
        return len(entry) if done else None

    return Entry(worth, over, wants.finish, wants.delete)


def _amount(wants: model.Amount) -> Entry:
    def worth(entry: str, _: datetime) -> float | None:
        if entry == _POINT:
            return None
        amount = float(entry)
        amount = int(amount) if amount.is_integer() else amount  # 5, not 5.0, where it is said back
        return amount if within(amount, wants) else None

    def over(entry: str) -> int | None:
        return len(entry) if len(entry.partition(_POINT)[2]) == len("00") else None

    point = next(
        key for key in ("*", "#", None) if key not in (wants.finish, wants.delete) or not key
    )
    return Entry(worth, over, wants.finish, wants.delete, point)


# Dates and times -------------------------------------------------------------------------------


def _clock(entry: str, _: datetime) -> str | None:
    """ "930" and "0930" are half past nine, "9" and "09" nine o'clock."""
    hours, minutes = (entry, "0") if len(entry) < len("930") else (entry[:-2], entry[-2:])
    if int(hours) > 23 or int(minutes) > 59:  # noqa: PLR2004 - of the clock
        return None
    return f"{int(hours):02}:{int(minutes):02}"


def _date(wants: model.Date, *, day_first: bool) -> Entry:
    def worth(entry: str, now: datetime) -> str | None:
        if len(entry) not in (_MONTH_DIGITS, _DATE_DIGITS):
            return None
        first, second = int(entry[:2]), int(entry[2:4])
        month, day = (second, first) if day_first else (first, second)
        if len(entry) == _DATE_DIGITS:
            found = _day(int(entry[4:]), month, day)
        else:
            found = _nearest(month, day, now.date(), wants)
        return found.isoformat() if found and _is_wanted(found, now.date(), wants) else None

    def over(entry: str) -> int | None:
        year = entry[_MONTH_DIGITS:]
        if not any(year.startswith(c) or c.startswith(year) for c in _CENTURIES):
            return _MONTH_DIGITS  # what follows is no year: it is for the next question
        return _DATE_DIGITS if len(entry) == _DATE_DIGITS else None

    return Entry(worth, over, wants.finish, wants.delete)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _nearest(month: int, day: int, today: date, wants: model.Date) -> date | None:
    """The next such day, today included; the last one where only the past is asked for."""
    step = -1 if wants.past else 1
    years = (today.year + step * n for n in range(_LEAP_CYCLE + 1) if today.year + step * n > 0)
    days = (_day(year, month, day) for year in years if year <= date.max.year)
    return next((d for d in days if d and (d <= today if wants.past else d >= today)), None)


def _is_wanted(day: date, today: date, wants: model.Date) -> bool:
    return not (wants.future and day < today) and not (wants.past and day > today)
