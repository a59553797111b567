"""Events ↔ JSON, and actions → JSON: what a line of a trace is made of.

Knows the dataclasses of events.py, whatever fields they have: an event is its name and its fields,
and the few fields that are more than JSON has are in the two tables below.  Must not know files,
secrets or how a call goes on.  Actions are only ever compared, so there is no way back for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias, cast, get_args

from voicebot.flow import events as ev
from voicebot.flow.answers import Alternative, Word
from voicebot.flow.model import BargeIn

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class TraceError(Exception):
    """A trace that cannot be read, or not be replayed; the text is one line that says why."""


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


NAMES: Final[Mapping[type, str]] = {
    cls: _snake(cls.__name__) for cls in (*get_args(ev.Event), *get_args(ev.Action))
}
EVENTS: Final[Mapping[str, type]] = {NAMES[cls]: cls for cls in get_args(ev.Event)}

_READ: Final[Mapping[str, Callable[[Json], object]]] = {
    "words": lambda written: tuple(_word(one) for one in _list(written)),
    "alternatives": lambda written: tuple(_alternative(one) for one in _list(written)),
    "timer": lambda written: ev.Timer(_str(written)),
    "barge_in": lambda written: None if written is None else BargeIn(_str(written)),
}
"""How a field of that name is read, where JSON has no such value."""

_LEFT_OUT: Final = frozenset({"expectation"})
"""Fields that are not data: a question's ears.  Its place in the file stands for it."""


def encode_event(event: ev.Event) -> dict[str, Json]:
    """An event as JSON: its name under "event", then its fields."""
    return {"event": NAMES[type(event)], **_fields(event, Path())}


def decode_event(written: Json) -> ev.Event:
    """The event that `encode_event` gave.

    Raises:
        TraceError: it is none that this version knows.
    """
    if not isinstance(written, dict):
        raise TraceError(f"an event is expected where {written!r} stands")
    name = written.get("event")
    cls = EVENTS.get(name) if isinstance(name, str) else None
    if cls is None:
        raise TraceError(f"this voicebot knows no event {name!r}")
    plain = {key: value for key, value in written.items() if key != "event"}
    try:
        values = {key: _READ.get(key, _same)(value) for key, value in plain.items()}
        return cast("ev.Event", cls(**values))
    except (TypeError, ValueError) as error:
        raise TraceError(f"the event {name!r} is not as this voicebot writes it: {error}") from None


def encode_action(action: ev.Action, folder: Path, place: str = "") -> dict[str, Json]:
    """An action as JSON: its name under "do", then its fields.

    Args:
        folder: of the flow file; sound files are named as the flow names them, so that a replay in
            another folder compares equal.
        place: of a `Listen`, where its question stands in the flow file.
    """
    encoded = {"do": NAMES[type(action)], **_fields(action, folder)}
    if isinstance(action, ev.Listen):
        encoded["question"] = place
    return encoded


_LATER: Final = frozenset(
    {(ev.Prompt, "barge_in"), (ev.Transfer, "kind"), (ev.Transfer, "whisper")}
)
"""Fields that are left out where they say nothing: traces from before they were there compare equal."""


def _fields(record: object, folder: Path) -> dict[str, Json]:
    return {
        field.name: _plain(value, folder)
        for field in fields(record)  # type: ignore[arg-type]  # always a dataclass
        for value in (getattr(record, field.name),)
        if field.name not in _LEFT_OUT
        and ((type(record), field.name) not in _LATER or value != field.default)
    }


def _plain(value: object, folder: Path) -> Json:  # noqa: C901 - a row for each kind of value
    """JSON of what events and actions hold."""
    match value:
        case Enum():
            return str(value.value)
        case None | bool() | int() | float() | str():
            return value
        case Word(text, confidence):
            return [text, confidence]
        case Alternative(words, probability):
            return [" ".join(words), probability]
        case Path():
            return _shown(value, folder)
        case set() | frozenset():
            return sorted((_plain(one, folder) for one in value), key=str)
        case Mapping():
            return {str(key): _plain(one, folder) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one, folder) for one in value]
        case ev.Prompt():
            return _fields(value, folder)
        case _:
            return str(value)


def _shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _word(written: Json) -> Word:
    match written:
        case [str(text), int() | float() as confidence]:
            return Word(text, confidence)
        case _:
            raise ValueError(f"{written!r} is no word with its confidence")


def _alternative(written: Json) -> Alternative:
    one = _word(written)  # a text with a number, too
    return Alternative(tuple(one.text.split()), one.confidence)


def _list(written: Json) -> list[Json]:
    if not isinstance(written, list):
        raise ValueError(f"a list is expected where {written!r} stands")  # noqa: TRY004 - of a file
    return written


def _str(written: Json) -> str:
    if not isinstance(written, str):
        raise ValueError(f"a text is expected where {written!r} stands")  # noqa: TRY004 - of a file
    return written


def _same(written: Json) -> object:
    return written


def as_dict(written: Json) -> dict[str, Json]:
    """What has to be a mapping.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(written, dict):
        raise TypeError(f"keys and values are expected where {written!r} stands")
    return written
