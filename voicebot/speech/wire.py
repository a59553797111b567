r"""The Wyoming protocol: bytes to events and back.

    {"type": "audio-chunk", "data": {...}, "data_length": 50, "payload_length": 640}\n     one line of JSON
    {"rate": 8000, ...}                                                                    data_length bytes of JSON
    ...                                                                                    payload_length bytes

`data`, `data_length` and `payload_length` may each be missing. When both forms of data are there, they are merged.

Knows: the framing only.
Must not know: sockets, trio, what the events mean. (The `wyoming` package welds the same parser to asyncio or
to blocking files, and reads a broken peer as a closed one.)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_PART_BYTES = 16 << 20
"""Longest header line, data or payload that is believed. A minute of 48 kHz speech is 6 MB."""


class ProtocolError(Exception):
    """The peer does not speak Wyoming."""


@dataclass(frozen=True, slots=True)
class Event:
    """One message, in either direction."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


def encode(event: Event) -> bytes:
    """Give the bytes of one event. Small data travels in the header line, which saves the reader a parse."""
    header: dict[str, object] = {"type": event.type}
    if event.data:
        header["data"] = event.data
    if event.payload:
        header["payload_length"] = len(event.payload)
    return json.dumps(header, ensure_ascii=False).encode() + b"\n" + event.payload


class Decoder:
    """Bytes in, in any pieces; whole events out."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._header: _Header | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Take what the socket gave and return the events that are now complete.

        Raises:
            ProtocolError: not Wyoming, or a part over MAX_PART_BYTES. The decoder is of no further use.
        """
        self._buffer += data
        events = []
        while (event := self._next()) is not None:
            events.append(event)
        return events

    def _next(self) -> Event | None:
        if self._header is None:
            line = self._take_line()
            if line is None:
                return None
            self._header = _parse_header(line)
        header = self._header
        data_end = header.data_length
        end = data_end + header.payload_length
        if len(self._buffer) < end:
            return None
        data = header.data
        if data_end:
            data = data | _parse_object(bytes(self._buffer[:data_end]))
        payload = bytes(self._buffer[data_end:end])
        del self._buffer[:end]
        self._header = None
        return Event(header.type, data, payload)

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > MAX_PART_BYTES:
                raise ProtocolError("no end of line in the first 16 MB")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


@dataclass(frozen=True, slots=True)
class _Header:
    type: str
    data: dict[str, Any]
    data_length: int
    payload_length: int


def _parse_header(line: bytes) -> _Header:
    header = _parse_object(line)
    kind = header.get("type")
    if not isinstance(kind, str):
        raise ProtocolError(f"a header without a type: {line[:80]!r}")
    data = header.get("data")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ProtocolError(f"the data of {kind} is not an object")
    return _Header(kind, data, _length(header, "data_length"), _length(header, "payload_length"))


def _length(header: Mapping[str, Any], key: str) -> int:
    length = header.get(key)
    if length is None:
        return 0
    if type(length) is not int or not 0 <= length <= MAX_PART_BYTES:
        raise ProtocolError(f"{key} is {length!r}, a number from 0 to {MAX_PART_BYTES} is allowed")
    return length


def _parse_object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {text[:80]!r}") from error
    if not isinstance(value, dict):
        raise ProtocolError(f"not a JSON object: {text[:80]!r}")
    return value
