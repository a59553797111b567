"""Opening hours as they stand in config.yaml.

Knows: days, spans of the day, closed dates, time zones. Must not know: the clock, or who asks.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from voicebot.flow.yamlfile import did_you_mean

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)")
_DAY_MIN = 24 * 60


class Span(NamedTuple):
    """A part of a day, in minutes since midnight; `closes_min` itself is already closed."""

    opens_min: int
    closes_min: int


def days_of(written: str) -> tuple[str, ...]:
    """The days of `mon` or `mon-fri` or `sat-mon`.

    Raises:
        ValueError: a part is no day; the message is for the author of the file.
    """
    parts = [part.strip().lower() for part in written.split("-")]
    for part in parts:
        if part not in DAYS:
            raise ValueError(f'"{part}" is not a day: {" ".join(DAYS)}{did_you_mean(part, DAYS)}')
    if len(parts) == 1:
        return (parts[0],)
    if len(parts) > 2:  # noqa: PLR2004 - a range has two ends
        raise ValueError(f'write a day or a range of days such as "mon-fri", not "{written}"')
    first, last = (DAYS.index(part) for part in parts)
    count = (last - first) % len(DAYS) + 1
    return tuple(DAYS[(first + n) % len(DAYS)] for n in range(count))


def _span(written: object) -> Span:
    match = _SPAN.fullmatch(written.strip()) if isinstance(written, str) else None
    if match is None:
        raise ValueError('write the hours as "08:00-17:00"')
    from_h, from_min, to_h, to_min = map(int, match.groups())
    span = Span(from_h * 60 + from_min, to_h * 60 + to_min)
    if max(from_min, to_min) > 59 or max(span) > _DAY_MIN:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f'"{written}" has a time that no clock shows')
    if span.opens_min >= span.closes_min:
        raise ValueError(
            f'"{written}" closes before it opens; hours across midnight are two entries'
        )
    return span


def _spans(written: object) -> tuple[Span, ...]:
    return tuple(_span(part) for part in (written if isinstance(written, list) else [written]))


def _days(written: Any) -> str:  # noqa: ANN401 - whatever the file has
    days_of(str(written))
    return str(written)


def _date(written: object) -> date:
    try:
        return date.fromisoformat(str(written))
    except ValueError:
        raise ValueError(f'"{written}" is not a date; write it as "2027-12-25"') from None


def _zone(written: object) -> object:
    if not isinstance(written, str):
        return written
    zones = available_timezones()
    if not zones:
        raise ValueError(
            "this machine has no time zones: install its package tzdata, or leave time_zone out"
        )
    if written not in zones:
        near = did_you_mean(written, zones)
        raise ValueError(f'"{written}" is not a time zone such as Europe/Berlin{near}')
    return written


class Calendar(BaseModel):
    """When somebody is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: Mapping[
        Annotated[str, BeforeValidator(_days)], Annotated[tuple[Span, ...], BeforeValidator(_spans)]
    ]
    closed: tuple[Annotated[date, BeforeValidator(_date)], ...] = ()
    time_zone: Annotated[str, BeforeValidator(_zone)] | None = None
    """An IANA name; None is the zone of the machine."""

    @model_validator(mode="after")
    def _no_day_twice(self) -> "Calendar":
        seen: dict[str, str] = {}
        for written in self.hours:
            for day in days_of(written):
                if day in seen:
                    raise ValueError(f'"{day}" is in "{seen[day]}" and in "{written}"')
                seen[day] = written
        return self

    def open_at(self, moment: datetime) -> bool:
        """Whether somebody is there.

        Args:
            moment: with its time zone; the clock on the calendar's own wall is what counts.
        """
        there = moment.astimezone(None if self.time_zone is None else ZoneInfo(self.time_zone))
        if there.date() in self.closed:
            return False
        minute, day = there.hour * 60 + there.minute, DAYS[there.weekday()]
        return any(
            span.opens_min <= minute < span.closes_min
            for written, spans in self.hours.items()
            if day in days_of(written)
            for span in spans
        )
