"""Typed values by keys."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.ears import DATE, MONDAY, MONEY, PHONE, PIN, TEXT, TIME, yes_no
from voicebot.flow import model
from voicebot.flow.keypad import Entry, entry_of
from voicebot.flow.meaning import More, Settled, Value

CODE = model.Digits(2, 4, "*", delete="#")
LONG = model.Digits(1, None, "#", delete="*")
CARD = model.Digits(4, 6, "#", luhn=True)
ONES = model.Digits(2, 4, "#", pattern="1+")
AGE = model.Number(18, 120, "#", delete="*")
COUNT = model.Number(0, None, "#")
TIP = model.Amount("USD", 1.0, 100.0, "#", delete="*")
EUROS = model.Amount("EUR", 0.0, None, "*")
BIRTHDAY = model.Date(future=False, past=True, finish="#")
VISIT = model.Date(future=True, past=False, finish="#")


def entry(wants: model.Wants, *, day_first: bool = False) -> Entry:
    found = entry_of(wants, day_first=day_first)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("wants", "typed", "more", "value", "rest"),
    [
        (PIN, "123", True, None, ""),
        (PIN, "0000", False, "0000", ""),
        (PIN, "00001", False, "0000", "1"),
        (PIN, "12#", False, None, ""),
        (PIN, "#", False, None, ""),
        (PIN, "12A", False, None, ""),
        (CODE, "1", True, None, ""),
        (CODE, "12", True, "12", ""),
        (CODE, "12*", False, "12", ""),
        (CODE, "12*34", False, "12", "34"),
        (CODE, "1234", False, "1234", ""),
        (CODE, "12#", True, None, ""),
        (CODE, "12#3", True, "13", ""),
        (CODE, "##12##", True, None, ""),
        (CODE, "12##34*", False, "34", ""),
        (CODE, "123#45", False, "1245", ""),
        (LONG, "12*#", False, "1", ""),
        (LONG, "1*#", False, None, ""),
        (CARD, "1800", True, "1800", ""),
        (CARD, "1803#", False, None, ""),
        (CARD, "180200", False, None, ""),
        (ONES, "11", True, "11", ""),
        (ONES, "1112", False, None, ""),
        (AGE, "1", True, None, ""),
        (AGE, "18", False, 18, ""),
        (AGE, "12", True, None, ""),
        (AGE, "120", False, 120, ""),
        (AGE, "2#", False, None, ""),
        (AGE, "99", False, 99, ""),
        (AGE, "12*9", False, 19, ""),
        (AGE, "12*0#", False, None, ""),
        (COUNT, "12", True, 12, ""),
        (COUNT, "12#", False, 12, ""),
        (MONEY, "12", True, 12, ""),
        (MONEY, "12#", False, 12, ""),
        (MONEY, "12*", True, 12, ""),
        (MONEY, "12*5#", False, 12.5, ""),
        (MONEY, "12*50", False, 12.5, ""),
        (MONEY, "12*509", False, 12.5, "9"),
        (MONEY, "12*5*", False, None, ""),
        (MONEY, "*50", False, 0.5, ""),
        (MONEY, "*#", False, None, ""),
        (TIP, "200#", False, None, ""),
        (TIP, "20*#", False, 2, ""),  # with "*" to delete there is no point
        (EUROS, "3#20", False, 3.2, ""),
        (DATE, "0301", True, "2027-03-01", ""),
        (DATE, "0228", True, "2028-02-28", ""),
        (DATE, "0301#", False, "2027-03-01", ""),
        (DATE, "02282029", False, "2029-02-28", ""),
        (DATE, "0229", True, "2028-02-29", ""),
        (DATE, "0230#", False, None, ""),
        (DATE, "1301#", False, None, ""),
        (DATE, "030", True, None, ""),
        (DATE, "030#", False, None, ""),
        (DATE, "03012", True, None, ""),
        (DATE, "03011000", False, "2027-03-01", "1000"),  # typed ahead: no such year
        (BIRTHDAY, "0302", True, "2026-03-02", ""),
        (BIRTHDAY, "0301", True, "2027-03-01", ""),
        (BIRTHDAY, "03022027", False, None, ""),
        (BIRTHDAY, "03021980", False, "1980-03-02", ""),
        (VISIT, "02282027", False, None, ""),
        (VISIT, "03022027", False, "2027-03-02", ""),
        (TIME, "1030", False, "10:30", ""),
        (TIME, "0000", False, "00:00", ""),
        (TIME, "2400", False, None, ""),
        (TIME, "1060", False, None, ""),
        (TIME, "930#", False, "09:30", ""),
        (TIME, "9#", False, "09:00", ""),
        (TIME, "10", True, "10:00", ""),
        (TIME, "10301", False, "10:30", "1"),
        (PHONE, "555123", True, None, ""),
        (PHONE, "5551234", True, "5551234", ""),
        (PHONE, "5551234#", False, "5551234", ""),
        (PHONE, "1234567890123456", False, "123456789012345", "6"),
        (PHONE, "*5551234", False, None, ""),
    ],
)
def test_press(wants: model.Wants, typed: str, more: bool, value: object, rest: str) -> None:
    result = entry(wants).press(typed, MONDAY)
    assert isinstance(result, More if more else Settled)
    assert (result.meaning and getattr(result.meaning, "value", None), result.rest) == (value, rest)


def test_a_sum_without_cents_is_a_whole_number() -> None:
    result = entry(MONEY).press("5#", MONDAY)
    assert isinstance(result.meaning, Value)
    assert isinstance(result.meaning.value, int)


def test_the_day_comes_first_where_people_write_it_so() -> None:
    assert entry(DATE, day_first=True).press("3112#", MONDAY) == Settled(Value("2027-12-31"))
    assert entry(DATE).press("3112#", MONDAY) == Settled(None)


@pytest.mark.parametrize("wants", [TEXT, model.Spelling(1, None), yes_no()])
def test_what_cannot_be_typed(wants: model.Wants) -> None:
    assert entry_of(wants, day_first=False) is None


@pytest.mark.parametrize(
    ("wants", "keys"),
    [(PIN, "0123456789#"), (CODE, "0123456789*"), (MONEY, "0123456789#*"), (TIME, "0123456789#")],
)
def test_keys_that_an_entry_may_begin_with(wants: model.Wants, keys: str) -> None:
    """A delete key may not: there is nothing to delete, so it may be that of an event."""
    assert {key for key in "0123456789*#ABCD" if entry(wants).takes(key)} == set(keys)


@given(
    st.sampled_from([PIN, CODE, LONG, CARD, AGE, COUNT, MONEY, EUROS, DATE, VISIT, TIME, PHONE]),
    st.text("0123456789*#A", max_size=20),
    st.datetimes(),
)
def test_settled_stays_settled(wants: model.Wants, typed: str, now: datetime) -> None:
    """Keys behind those that settle it do not change the value: they are typed ahead."""
    shorter = entry(wants).press(typed, now)
    longer = entry(wants).press(typed + "1", now)
    if isinstance(shorter, Settled) and shorter.meaning is not None:
        assert longer == Settled(shorter.meaning, shorter.rest + "1")
    assert typed.endswith(shorter.rest)
