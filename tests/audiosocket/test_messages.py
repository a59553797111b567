"""Message by message: reading, building, and sending at the pace of speech."""

from uuid import UUID

import pytest
import trio
import trio.testing

from tests.audiosocket.peer import CALL, frame
from voicebot.audiosocket import (
    RATES,
    Audio,
    Dialect,
    ErrorCode,
    Hangup,
    Identified,
    Key,
    Message,
    PeerError,
    ProtocolError,
    Unknown,
    decode,
    encode,
    error_code,
    read_id,
    read_message,
    send_audio,
)

MESSAGES: list[Message] = [
    Identified(CALL),
    Hangup(),
    Key("#"),
    PeerError(4),
    *(Audio(rate_hz, frame(3, rate_hz)) for rate_hz in RATES),
    Audio(8000, b""),
    Audio(8000, bytes(3999)),
]


def wire_of(message: Message) -> bytes:
    return encode(message)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_and_its_bytes(message: Message) -> None:
    assert decode(wire_of(message)) == message


@pytest.mark.parametrize("data", [b"", b"\x10", b"\x10\0\2a", b"\0\0\0\0", b"\0\0\0" * 2])
def test_bytes_that_are_not_one_message(data: bytes) -> None:
    with pytest.raises(ProtocolError, match=f"{len(data)} bytes are not one whole message"):
        decode(data)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (PeerError(0), ErrorCode.NONE),
        (PeerError(1), ErrorCode.HANGUP),
        (PeerError(2), ErrorCode.FRAME_FORWARDING),
        (PeerError(4), ErrorCode.MEMORY),
        (PeerError(77), ErrorCode.UNKNOWN),
        (decode(b"\xff\0\0"), ErrorCode.UNKNOWN),
        (Hangup(), ErrorCode.NONE),
    ],
)
def test_error_codes(message: Message, code: ErrorCode) -> None:
    assert error_code(message) is code


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000, 10**6])
async def test_messages_are_read_however_they_are_cut(piece: int) -> None:
    wire = b"".join(map(wire_of, MESSAGES)) + b"\x02\0\0"
    ours, theirs = trio.testing.memory_stream_pair()
    for start in range(0, len(wire), piece):
        await theirs.send_all(wire[start : start + piece])
    await theirs.send_eof()
    read = [await read_message(ours) for _ in range(len(MESSAGES) + 2)]
    assert read == [*MESSAGES, Unknown(2, 0), None]


async def test_nothing_behind_a_message_is_read() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(wire_of(Identified(CALL)) + b"rest")
    assert await read_id(ours) == CALL
    assert await ours.receive_some(100) == b"rest"


@pytest.mark.parametrize(
    ("wire", "what"),
    [
        (b"\x10\0", "closed within a message: 1 bytes are missing"),
        (b"\x10\0\5abc", "closed within a message: 2 bytes are missing"),
        (b"\x01\0\1x", "the identifier (kind 0x01) has 1 bytes, it must have 16"),
    ],
)
async def test_broken_bytes(wire: bytes, what: str) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(wire)
    await theirs.send_eof()
    with pytest.raises(ProtocolError) as caught:
        await read_message(ours)
    assert str(caught.value) == what


@pytest.mark.parametrize(
    ("wire", "found"), [(wire_of(Hangup()), "Hangup"), (b"", "the end"), (b"\x19\0\0", "Unknown")]
)
async def test_the_identifier_comes_first(wire: bytes, found: str) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(wire)
    await theirs.send_eof()
    with pytest.raises(ProtocolError, match=f"the identifier was expected, {found} came"):
        await read_id(ours)


async def test_a_reset_is_an_end() -> None:
    class Reset(trio.abc.ReceiveStream):
        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            await trio.lowlevel.checkpoint()
            raise trio.BrokenResourceError

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()

    assert await read_message(Reset()) is None


async def test_the_keys_of_the_fork() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    begin = b"\x02\0\6\x01" + b"5" + bytes(4)
    await theirs.send_all(begin + encode(Key("5"), Dialect.FORK))
    assert await read_message(ours, Dialect.FORK) == Key("5")


class Noting(trio.abc.SendStream):
    """Notes what is sent, and when."""

    def __init__(self, stall_at: int = -1, stall_s: float = 0.0) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self._stall_at, self._stall_s = stall_at, stall_s
        self._began_s = trio.current_time()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append((trio.current_time() - self._began_s, bytes(data)))
        await trio.sleep(self._stall_s if len(self.sent) == self._stall_at else 0)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("rate_hz", RATES)
async def test_audio_is_sent_every_20_ms(
    rate_hz: int, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    stream = Noting()
    pcm = b"".join(frame(number, rate_hz) for number in range(1, 101))[:-10]
    await send_audio(stream, pcm, rate_hz)
    assert [at for at, _ in stream.sent] == pytest.approx([n * 0.02 for n in range(100)])
    messages = [decode(data) for _, data in stream.sent]
    assert all(isinstance(m, Audio) and m.rate_hz == rate_hz for m in messages)
    assert b"".join(m.pcm for m in messages if isinstance(m, Audio)) == pcm + bytes(10)


async def test_after_a_stall_no_more_than_60_ms_are_made_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    stream = Noting(stall_at=5, stall_s=1.0)
    await send_audio(stream, frame(1) * 12)
    times = [at for at, _ in stream.sent]
    assert times[:5] == pytest.approx([0, 0.02, 0.04, 0.06, 0.08])
    assert times[5:] == pytest.approx([1.08, 1.08, 1.08, 1.08, 1.1, 1.12, 1.14])


async def test_sending_can_be_cancelled(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    stream = Noting()
    with trio.move_on_after(0.05):
        await send_audio(stream, frame(1) * 100)
    assert len(stream.sent) == 3


async def test_no_such_rate() -> None:
    with pytest.raises(ValueError, match="AudioSocket has no 11025 Hz"):
        await send_audio(Noting(), bytes(1000), 11025)


def test_a_message_holds_65535_bytes_at_most() -> None:
    assert decode(encode(Audio(8000, bytes(65535)))) == Audio(8000, bytes(65535))
    with pytest.raises(ValueError, match="65536 bytes of audio do not fit"):
        encode(Audio(8000, bytes(65536)))


def test_an_identifier_is_any_16_bytes() -> None:
    assert decode(encode(Identified(UUID(int=0)))) == Identified(UUID(int=0))
