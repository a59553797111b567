"""What features mean: which day, which time of day, which sum.

Knows calendars and clocks: the coming Tuesday, the next first of March, three in the afternoon.
Must not know words or languages.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time, timedelta
from typing import Final

from voicebot.flow.spoken.language import Features

BUSINESS_HOURS_FROM: Final = 7
"""A bare hour is one of the twelve from here on: "three" is in the afternoon, "seven" to "twelve"
are as they are.  People who call a business mean its hours; who means the night says so."""

MONTHS_AHEAD: Final = 3
"""How far "the thirty first" is looked for: never two months without one stand together."""
YEARS_AHEAD: Final = 8
"""How far "february twenty ninth" is looked for: 1896 to 1904 had none between them."""

_WEEK: Final = 7
_NOON: Final = 12


def day(said: Features, today: date, *, future: bool = False, past: bool = False) -> date | None:
    """The day that is meant; None for one that there is not, or on the wrong side of today.

    With `past` a day without a year, or a weekday, is the last one, else the coming one.
    """
    try:
        found = _day(said, today, past=past)
    except (ValueError, OverflowError):  # no such day in the calendar
        return None
    if found is None or (future and found < today) or (past and found > today):
        return None
    return found


def _day(said: Features, today: date, *, past: bool) -> date | None:
    if "day" in said:
        return _calendar_day(said, today, past=past)
    named = "weekday" in said
    ahead = timedelta(days=said.get("relative", 0))
    start = _weekday(said, today, past=past) if named else today + ahead
    shift = timedelta(days=said.get("count", 0) * said.get("unit", 0))
    return start - shift if "ago" in said else start + shift


def _weekday(said: Features, today: date, *, past: bool) -> date:
    ahead = (said["weekday"] - today.isoweekday()) % _WEEK
    if "week" in said:
        monday = today - timedelta(days=today.isoweekday() - 1)
        named = monday + timedelta(days=said["weekday"] - 1 + _WEEK * said["week"])
        if said["week"] or past or named >= today:
            return named
        return today + timedelta(days=ahead)
    if past or "last" in said:
        return today - timedelta(days=(-ahead) % _WEEK or _WEEK)
    return today + timedelta(days=ahead or _WEEK)


def _calendar_day(said: Features, today: date, *, past: bool) -> date | None:
    """The day of a month.  A weekday said with it must be true: else one of both was misheard."""
    for found in _candidates(said, today, past=past):
        if said.get("weekday", found.isoweekday()) == found.isoweekday():
            return found
    return None


def _candidates(said: Features, today: date, *, past: bool) -> Iterator[date]:
    """The days that may be meant, the likeliest first: with `past` the last one, else the coming one,
    and where a weekday helps to tell, also the last one if it was this year."""
    if "year" in said:
        yield date(said["year"], said["month"], said["day"])
        return
    if "months" in said:
        yield _shifted(today, said["months"], said["day"])
        return
    if "month" in said:
        years = range(today.year - YEARS_AHEAD, today.year + YEARS_AHEAD + 1)
        around = _existing((year, said["month"], said["day"]) for year in years)
    else:
        months = range(-MONTHS_AHEAD, MONTHS_AHEAD + 1)
        around = _existing((*_month(today, n), said["day"]) for n in months)
    before = [found for found in around if found <= today]
    if not past:
        yield from [found for found in around if found >= today][:1]
    if past or ("weekday" in said and before and before[-1].year == today.year):
        yield from before[-1:]


def _existing(days: Iterator[tuple[int, int, int]]) -> list[date]:
    found = []
    for year, month, in_month in days:
        try:
            found.append(date(year, month, in_month))
        except ValueError:  # no such day in this month
            continue
    return found


def _month(today: date, ahead: int) -> tuple[int, int]:
    years, month = divmod(today.month - 1 + ahead, 12)
    return today.year + years, month + 1


def _shifted(today: date, months: int, in_month: int) -> date:
    return date(*_month(today, months), in_month)


def time_of_day(said: Features) -> time | None:
    """The time that is meant.  Features: hour minute to part fixed exact."""
    if "fixed" in said:
        return _from_minutes(said["fixed"])
    hour = said["exact"] if "exact" in said else said["hour"]
    minutes = hour * 60 + said.get("minute", 0) - said.get("to", 0)
    start = 60 * said.get("part", BUSINESS_HOURS_FROM)
    if "exact" not in said and 1 <= hour <= _NOON:
        minutes = start + (minutes - start) % (_NOON * 60)
    elif "part" in said and (minutes - start) % (24 * 60) >= _NOON * 60:
        return None  # "twenty a m" was misheard
    if hour == 2 * _NOON and minutes > hour * 60:
        return None
    return _from_minutes(minutes)


def _from_minutes(minutes: int) -> time:
    hour, minute = divmod(minutes % (24 * 60), 60)
    return time(hour, minute)


def amount(said: Features) -> int | float:
    """The sum that is meant: a whole number, or one with two places."""
    cents = said.get("units", 0) * 100 + said.get("cents", 0)
    return cents // 100 if cents % 100 == 0 else cents / 100
