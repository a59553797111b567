"""The AudioSocket codec: a table of messages and bytes, and properties over any bytes."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.line.audiosocket import (
    HANGUP,
    KEYS,
    KIND_OF_RATE,
    RATES,
    Audio,
    Decoder,
    Dialect,
    Hangup,
    Identified,
    Key,
    Message,
    PeerError,
    ProtocolError,
    Unknown,
    audio_header,
    encode,
)

CALL = UUID("00112233-4455-6677-8899-aabbccddeeff")
ASTERISK, FORK = Dialect.ASTERISK, Dialect.FORK

# Dialect, message, its bytes.
SAMPLES: list[tuple[Dialect, Identified | Audio | Key | Hangup | PeerError, bytes]] = [
    (ASTERISK, Identified(CALL), bytes.fromhex("010010 00112233445566778899aabbccddeeff")),
    (ASTERISK, Identified(UUID(int=0)), bytes.fromhex("010010") + bytes(16)),
    (ASTERISK, Audio(8000, b"\1\2" * 160), b"\x10\x01\x40" + b"\1\2" * 160),
    (ASTERISK, Audio(8000, b"\1"), b"\x10\x00\x01\1"),
    (ASTERISK, Audio(8000, b""), b"\x10\x00\x00"),
    (ASTERISK, Audio(8000, bytes(65535)), b"\x10\xff\xff" + bytes(65535)),
    (ASTERISK, Audio(12000, bytes(480)), b"\x11\x01\xe0" + bytes(480)),
    (ASTERISK, Audio(16000, bytes(640)), b"\x12\x02\x80" + bytes(640)),
    (ASTERISK, Audio(24000, bytes(960)), b"\x13\x03\xc0" + bytes(960)),
    (ASTERISK, Audio(32000, bytes(1280)), b"\x14\x05\x00" + bytes(1280)),
    (ASTERISK, Audio(44100, bytes(1764)), b"\x15\x06\xe4" + bytes(1764)),
    (ASTERISK, Audio(48000, bytes(1920)), b"\x16\x07\x80" + bytes(1920)),
    (ASTERISK, Audio(96000, bytes(3840)), b"\x17\x0f\x00" + bytes(3840)),
    (ASTERISK, Audio(192000, bytes(7680)), b"\x18\x1e\x00" + bytes(7680)),
    *((ASTERISK, Key(key), b"\x03\x00\x01" + key.encode()) for key in KEYS),
    (ASTERISK, Hangup(), b"\0\0\0"),
    (ASTERISK, PeerError(2), b"\xff\x00\x01\x02"),
    (FORK, Key("5"), b"\x02\x00\x06\x005\x64\0\0\0"),
    (FORK, Audio(8000, b"\1\2"), b"\x10\x00\x02\1\2"),
]

# What is understood, or skipped, but not written.
ONE_WAY: list[tuple[Dialect, list[Message], bytes]] = [
    (ASTERISK, [Hangup()], b"\0\0\2xy"),
    (ASTERISK, [PeerError(0xFF)], b"\xff\0\0"),
    (ASTERISK, [PeerError(4)], b"\xff\0\2\4\0"),
    (ASTERISK, [Unknown(0x02, 0)], b"\x02\0\0"),
    (ASTERISK, [Unknown(0x02, 6)], b"\x02\x00\x06\x005\x64\0\0\0"),
    (ASTERISK, [Unknown(0x03, 1)], b"\x03\0\1x"),
    (ASTERISK, [Unknown(0x03, 2)], b"\x03\0\x0212"),
    (ASTERISK, [Unknown(0x19, 3)], b"\x19\0\3abc"),
    (FORK, [Unknown(0x02, 0)], b"\x02\0\0"),
    (FORK, [], b"\x02\x00\x06\x015\0\0\0\0"),
    (FORK, [Unknown(0x02, 6)], b"\x02\x00\x06\x025\0\0\0\0"),
    (FORK, [Unknown(0x02, 6)], b"\x02\x00\x06\x00x\0\0\0\0"),
    (FORK, [Key("5")], b"\x03\0\x015"),
]

ALL: list[tuple[Dialect, list[Message], bytes]] = []
for _dialect, _message, _wire in SAMPLES:
    ALL.append((_dialect, [_message], _wire))
ALL += ONE_WAY


def _ids(rows: list[tuple[Dialect, list[Message], bytes]]) -> list[str]:
    return [f"{dialect}-{wire[:5].hex()}" for dialect, _, wire in rows]


@pytest.mark.parametrize(("dialect", "messages", "wire"), ALL, ids=_ids(ALL))
def test_decodes(dialect: Dialect, messages: list[Message], wire: bytes) -> None:
    whole = Decoder(dialect)
    assert whole.feed(wire) == messages
    assert whole.at_boundary
    assert whole.unknown_count == sum(isinstance(message, Unknown) for message in messages)

    piecewise = Decoder(dialect)
    got: list[Message] = []
    for index in range(len(wire)):
        assert got == []
        assert piecewise.at_boundary == (index == 0)
        got += piecewise.feed(wire[index : index + 1])
    assert got == messages

    trailed = Decoder(dialect)
    assert trailed.feed(wire + b"\x10\x01") == messages
    assert not trailed.at_boundary
    assert trailed.feed(b"\x40" + bytes(320)) == [Audio(8000, bytes(320))]
    assert trailed.at_boundary


@pytest.mark.parametrize(("dialect", "message", "wire"), SAMPLES)
def test_encodes(
    dialect: Dialect, message: Identified | Audio | Key | Hangup | PeerError, wire: bytes
) -> None:
    assert encode(message, dialect) == wire


def test_encodes_what_means_nothing_to_us() -> None:
    """The kind that other libraries call silence."""
    assert encode(Unknown(0x02, 0)) == b"\2\0\0"


def test_constants_are_asterisks() -> None:
    # asterisk/asterisk include/asterisk/res_audiosocket.h: AST_AUDIOSOCKET_KIND_AUDIO 0x10,
    # _SLIN12 0x11, _SLIN16 0x12, ... _SLIN192 0x18.
    assert KIND_OF_RATE == {
        8000: 0x10,
        12000: 0x11,
        16000: 0x12,
        24000: 0x13,
        32000: 0x14,
        44100: 0x15,
        48000: 0x16,
        96000: 0x17,
        192000: 0x18,
    }
    assert encode(Hangup()) == HANGUP


MESSAGES = st.one_of(
    st.builds(Identified, st.uuids()),
    st.builds(Audio, st.sampled_from(RATES), st.binary(max_size=700)),
    st.builds(Key, st.sampled_from(KEYS)),
    st.just(Hangup()),
    st.builds(PeerError, st.integers(0, 255)),
)


@given(st.lists(MESSAGES, max_size=12), st.lists(st.integers(1, 400)), st.sampled_from(Dialect))
def test_any_split_gives_the_same_messages(
    messages: list[Identified | Audio | Key | Hangup | PeerError], cuts: list[int], dialect: Dialect
) -> None:
    wire = b"".join(encode(message, dialect) for message in messages)
    decoder = Decoder(dialect)
    got: list[Message] = []
    for size in cuts:
        got += decoder.feed(wire[:size])
        wire = wire[size:]
    got += decoder.feed(wire)
    assert got == messages
    assert decoder.at_boundary
    assert decoder.unknown_count == 0


def _decode_all(pieces: list[bytes], decoder: Decoder) -> tuple[list[Message], str | None]:
    """Feed all pieces; return the messages and the fault."""
    got: list[Message] = []
    try:
        for piece in [*pieces, b""]:
            got += decoder.feed(piece)
    except ProtocolError as error:
        return got, str(error)
    return got, None


@given(st.binary(max_size=400), st.lists(st.integers(1, 50)), st.sampled_from(Dialect))
def test_any_bytes_give_messages_or_the_one_error(
    data: bytes, cuts: list[int], dialect: Dialect
) -> None:
    whole = _decode_all([data], Decoder(dialect, max_length=100))
    rest, pieces = data, []
    for size in cuts:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert _decode_all([*pieces, rest], Decoder(dialect, max_length=100)) == whole


@pytest.mark.parametrize(
    ("wire", "what"),
    [
        (b"\x10\x01\x41", "kind 0x10 has 321 bytes, the limit is 320"),
        (b"\x01\x00\x24", "the identifier (kind 0x01) has 36 bytes, it must have 16"),
        (b"\x01\x00\x00", "the identifier (kind 0x01) has 0 bytes, it must have 16"),
    ],
)
def test_refuses_a_message_by_its_header(wire: bytes, what: str) -> None:
    decoder = Decoder(max_length=320)
    assert decoder.feed(wire[:2]) == []
    with pytest.raises(ProtocolError) as caught:
        decoder.feed(wire[2:])
    assert str(caught.value) == what
    assert decoder.error is caught.value
    assert not decoder.at_boundary
    with pytest.raises(ProtocolError, match="bytes"):
        decoder.feed(b"\0\0\0")


def test_what_came_before_a_fault_is_not_lost() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x03\0\x017\x01\0\0") == [Key("7")]
    assert decoder.error is not None
    with pytest.raises(ProtocolError):
        decoder.feed(b"")


def test_counts_unknown_kinds() -> None:
    decoder = Decoder()
    got = decoder.feed(b"\x19\0\1a" * 3 + encode(Key("1")) + b"\x7f\0\0")
    assert got == [*[Unknown(0x19, 1)] * 3, Key("1"), Unknown(0x7F, 0)]
    assert decoder.unknown_count == 4


@pytest.mark.parametrize(
    "message",
    [
        Audio(11025, b"\0\0"),
        Audio(8000, bytes(65536)),
        Key("x"),
        Key("12"),
        Key(""),
        PeerError(256),
        PeerError(-1),
        Unknown(0x19, 3),
        Unknown(256, 0),
    ],
)
def test_encode_refuses_what_the_wire_has_no_room_for(
    message: Audio | Key | PeerError | Unknown,
) -> None:
    for dialect in Dialect:
        with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
            encode(message, dialect)


def test_audio_header_names_the_rates_there_are() -> None:
    with pytest.raises(ValueError, match="no 22050 Hz; it has 8000, 12000, 16000"):
        audio_header(22050, 882)
