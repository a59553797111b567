"""Days, ranges of days and hours of the day."""

from datetime import date

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
