"""Days, ranges of days and hours of the day."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from voicebot.calendars import Calendar, Span, days_of


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("mon", "mon"),
        ("mon-fri", "mon tue wed thu fri"),
        ("Sat - Mon", "sat sun mon"),
        ("sun-sat", "sun mon tue wed thu fri sat"),
        ("tue-tue", "tue"),
    ],
)
def test_days(written: str, days: str) -> None:
    assert days_of(written) == tuple(days.split())


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("monday", '"monday" is not a day'),
        ("mo-fr", '"mo" is not a day: mon tue wed thu fri sat sun; did you mean "mon"?'),
        ("mon-wed-fri", 'a range of days such as "mon-fri"'),
        ("", '"" is not a day'),
    ],
)
def test_no_days(written: str, message: str) -> None:
    with pytest.raises(ValueError, match="day") as caught:
        days_of(written)
    assert message in str(caught.value)


def test_hours_are_spans_in_minutes() -> None:
    hours = {"mon-fri": ["08:00-12:00", "14:00 - 17:30"], "sat": "9:00-24:00"}
    calendar = Calendar.model_validate({"hours": hours, "closed": ["2027-12-25"]})
    assert calendar.hours["mon-fri"] == (Span(480, 720), Span(840, 1050))
    assert calendar.hours["sat"] == (Span(540, 1440),)
    assert calendar.closed == (date(2027, 12, 25),)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"mon": "8-17"}, 'write the hours as "08:00-17:00"'),
        ({"mon": 8}, 'write the hours as "08:00-17:00"'),
        ({"mon": "08:00-25:00"}, "a time that no clock shows"),
        ({"mon": "08:00-17:60"}, "a time that no clock shows"),
        ({"mon": "22:00-06:00"}, "hours across midnight are two entries"),
        ({"mon-fri": "08:00-17:00", "fri": "08:00-12:00"}, '"fri" is in "mon-fri" and in "fri"'),
    ],
)
def test_wrong_hours(written: object, message: str) -> None:
    with pytest.raises(ValidationError, match="Calendar") as caught:
        Calendar.model_validate({"hours": written})
    assert message in str(caught.value)


PRACTICE = Calendar.model_validate(
    {
        "hours": {
            "mon-fri": ["08:00-12:00", "14:00-17:30"],
            "sat": "22:00-24:00",
            "sun": "00:00-06:00",
        },
        "closed": ["2027-12-24", "2027-12-25"],
        "time_zone": "Europe/Berlin",
    }
)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2027-03-01 07:59:59", False),  # a Monday
        ("2027-03-01 08:00:00", True),
        ("2027-03-01 11:59:59", True),
        ("2027-03-01 12:00:00", False),
        ("2027-03-01 14:00:00", True),
        ("2027-03-01 17:30:00", False),
        ("2027-03-06 21:59:59", False),  # Saturday night goes on on Sunday
        ("2027-03-06 23:59:59", True),
        ("2027-03-07 00:00:00", True),
        ("2027-03-07 05:59:59", True),
        ("2027-03-07 06:00:00", False),
        ("2027-12-23 10:00:00", True),
        ("2027-12-24 10:00:00", False),  # closed, a Friday
        ("2027-12-25 23:00:00", False),  # closed, a Saturday
    ],
)
def test_when_it_is_open(moment: str, is_open: bool) -> None:
    assert PRACTICE.open_at(datetime.fromisoformat(moment).replace(tzinfo=BERLIN)) is is_open


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2027-03-26 07:00", True),  # 08:00, still winter time
        ("2027-03-26 06:59", False),
        ("2027-03-29 06:00", True),  # 08:00, summer time since Sunday
        ("2027-03-29 05:59", False),
        ("2027-03-29 15:30", False),
        ("2027-03-28 03:59", True),  # the night that is an hour short: open to 06:00 all the same
        ("2027-03-28 04:00", False),
        ("2027-10-31 04:59", True),  # and the one that is an hour longer
        ("2027-10-31 05:00", False),
        ("2027-12-23 23:30", False),  # already the 24th in Berlin
    ],
)
def test_it_is_the_clock_on_the_wall_there_that_counts(utc: str, is_open: bool) -> None:
    assert PRACTICE.open_at(datetime.fromisoformat(utc).replace(tzinfo=UTC)) is is_open


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_without_a_time_zone_it_is_the_machines() -> None:
    calendar = Calendar.model_validate({"hours": {"mon": "09:00-10:00"}})
    assert calendar.open_at(datetime(2027, 3, 1, 14, 30, tzinfo=UTC))
    assert not calendar.open_at(datetime(2027, 3, 1, 9, 30, tzinfo=UTC))


def test_a_day_without_hours_is_closed() -> None:
    never = Calendar.model_validate({"hours": {}})
    assert not never.open_at(datetime(2027, 3, 1, 12, tzinfo=UTC))
