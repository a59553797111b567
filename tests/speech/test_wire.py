"""The Wyoming codec against its layout, against any cut, and against the wyoming package itself."""

import io
import json
from itertools import pairwise
from typing import Any

import pytest
import wyoming.event
from hypothesis import given
from hypothesis import strategies as st

from voicebot.speech import wire
from voicebot.speech.wire import Decoder, Event, ProtocolError, encode

SAMPLES = [
    (b'{"type": "describe"}\n', Event("describe")),
    (b'{"type":"audio-stop","data":null,"data_length":null}\n', Event("audio-stop")),
    (
        b'{"type": "transcript", "data": {"text": "zw\xc3\xb6lf"}}\n',
        Event("transcript", {"text": "zwölf"}),
    ),
    (
        b'{"type": "transcript", "data_length": 16}\n{"text": "five"}',
        Event("transcript", {"text": "five"}),
    ),
    (
        b'{"type": "audio-chunk", "payload_length": 4}\n\n\n\0\xff',
        Event("audio-chunk", {}, b"\n\n\0\xff"),
    ),
    (
        b'{"type": "x", "data": {"a": 1, "b": 1}, "data_length": 8, "payload_length": 1}\n{"b": 2}p',
        Event("x", {"a": 1, "b": 2}, b"p"),
    ),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
events = st.builds(
    Event, st.text(), st.dictionaries(st.text(), json_values, max_size=3), st.binary(max_size=50)
)


@pytest.mark.parametrize(("data", "event"), SAMPLES)
def test_decodes_whole_byte_by_byte_and_with_more_behind(data: bytes, event: Event) -> None:
    assert Decoder().feed(data) == [event]

    decoder = Decoder()
    assert [found for byte in data for found in decoder.feed(bytes([byte]))] == [event]

    decoder = Decoder()
    assert decoder.feed(data + data[:10]) == [event]
    assert decoder.feed(data[10:]) == [event]


@given(st.lists(events, max_size=5), st.lists(st.integers(0, 400)))
def test_any_cut_gives_the_same_events(sent: list[Event], cuts: list[int]) -> None:
    data = b"".join(map(encode, sent))
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    decoder = Decoder()
    received = [event for start, end in pairwise(places) for event in decoder.feed(data[start:end])]
    assert received == sent


@given(st.lists(st.binary()))
def test_any_bytes_give_events_or_the_one_error(pieces: list[bytes]) -> None:
    decoder = Decoder()
    try:
        for piece in pieces:
            decoder.feed(piece + b"\n")
    except ProtocolError:
        pass


@given(events)
def test_the_wyoming_package_reads_what_we_write(event: Event) -> None:
    read = wyoming.event.read_event(io.BytesIO(encode(event)))
    assert read is not None
    assert (read.type, read.data, read.payload or b"") == (event.type, event.data, event.payload)


@given(events)
def test_we_read_what_the_wyoming_package_writes(event: Event) -> None:
    file = io.BytesIO()
    wyoming.event.write_event(
        wyoming.event.Event(event.type, dict(event.data), event.payload), file
    )
    assert Decoder().feed(file.getvalue()) == [event]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"GET / HTTP/1.1", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "without a type"),
        (b'{"type": 5}', "without a type"),
        (b'{"type": "x", "data": []}', "data of x is not an object"),
        (b'{"type": "x", "payload_length": -1}', "payload_length is -1"),
        (b'{"type": "x", "payload_length": 1e3}', "payload_length is 1000.0"),
        (b'{"type": "x", "data_length": true}', "data_length is True"),
        (b'{"type": "x", "data_length": 99999999999}', "data_length is 99999999999"),
    ],
)
def test_what_is_not_wyoming_is_named(header: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Decoder().feed(header + b"\n")


def test_a_line_without_end_is_not_collected_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_PART_BYTES", 1000)
    decoder = Decoder()
    decoder.feed(b"x" * 1000)
    with pytest.raises(ProtocolError, match="no end of line"):
        decoder.feed(b"x")


def test_header_of_an_audio_chunk_needs_one_parse() -> None:
    data: dict[str, Any] = {"rate": 8000, "width": 2, "channels": 1}
    header, _, payload = encode(Event("audio-chunk", data, b"\1\0")).partition(b"\n")
    assert json.loads(header) == {"type": "audio-chunk", "data": data, "payload_length": 2}
    assert payload == b"\1\0"
