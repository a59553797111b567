"""AudioSocket message by message: what a program needs that brings its own connection.

Lives here: reading one message from a stream, the identifier, error codes, paced sending. The
messages themselves and their bytes are in `voicebot.line.audiosocket`. Must not know: calls,
queues, formats.

Whoever serves calls wants `serve` instead: it paces, keeps the line alive, and ends it cleanly.
"""

from collections.abc import Generator, Iterator
from enum import IntEnum
from uuid import UUID

import trio

from voicebot.line.audio import FRAME_S, Rechunker, frame_bytes
from voicebot.line.audiosocket import (
    HEADER,
    Audio,
    Decoder,
    Dialect,
    Identified,
    Message,
    PeerError,
    ProtocolError,
    encode,
)
from voicebot.line.clock import CATCH_UP_BEATS


class ErrorCode(IntEnum):
    """What a message of kind 0xff says. No released Asterisk sends one."""

    NONE = 0x00
    HANGUP = 0x01
    FRAME_FORWARDING = 0x02
    MEMORY = 0x04
    UNKNOWN = 0xFF


def error_code(message: Message) -> ErrorCode:
    """Return the code of a `PeerError`: NONE for any other message, UNKNOWN for any other code."""
    if not isinstance(message, PeerError):
        return ErrorCode.NONE
    known = message.code in ErrorCode.__members__.values()
    return ErrorCode(message.code) if known else ErrorCode.UNKNOWN


def decode(data: bytes, dialect: Dialect = Dialect.ASTERISK) -> Message:
    """Return the one message that `data` is.

    Raises:
        ProtocolError: it is no message, less than one, or more than one.
    """
    decoder = Decoder(dialect)
    messages = decoder.feed(data)
    if len(messages) != 1 or not decoder.at_boundary:
        raise ProtocolError(f"{len(data)} bytes are not one whole message")
    return messages[0]


Reading = Generator[int, bytes, Message | None]
"""Yields how many bytes it wants, is sent as many (or fewer at the end), returns a message."""


def reading(dialect: Dialect = Dialect.ASTERISK) -> Reading:
    """Read one message and not a byte more; None at the end of the stream.

    Raises:
        ProtocolError: no AudioSocket, or the end came within a message.
    """
    decoder = Decoder(dialect)
    while True:
        header = yield HEADER.size
        if not header:
            return None
        messages = _fed(decoder, header, HEADER.size)
        length = HEADER.unpack(header)[1]
        if length:
            messages = _fed(decoder, (yield length), length)
        if messages:  # the fork announces a key that is held: that is of no interest
            return messages[0]


def _fed(decoder: Decoder, data: bytes, wanted: int) -> list[Message]:
    if len(data) < wanted:
        raise ProtocolError(f"closed within a message: {wanted - len(data)} bytes are missing")
    return decoder.feed(data)


async def read_message(
    stream: trio.abc.ReceiveStream, dialect: Dialect = Dialect.ASTERISK
) -> Message | None:
    """Read the next message, however TCP split it, and not a byte more.

    A cancelled read may lose a part of a message: the stream is of no use then.

    Returns:
        None when the peer has closed, or reset the connection: both are how a call ends.

    Raises:
        ProtocolError: no AudioSocket, or the end came within a message.
    """
    steps = reading(dialect)
    wanted = next(steps)
    while True:
        try:
            data = await _exactly(stream, wanted)
        except trio.BrokenResourceError:
            return None
        try:
            wanted = steps.send(data)
        except StopIteration as done:
            message: Message | None = done.value
            return message


async def _exactly(stream: trio.abc.ReceiveStream, wanted: int) -> bytes:
    """Return so many bytes, fewer only at the end."""
    got = b""
    while len(got) < wanted:
        piece = await stream.receive_some(wanted - len(got))
        if not piece:
            break
        got += piece
    return got


def identifier(message: Message | None) -> UUID:
    """Return the identifier that the first message of a connection is.

    Raises:
        ProtocolError: it is something else.
    """
    if not isinstance(message, Identified):
        found = "the end" if message is None else type(message).__name__
        raise ProtocolError(f"the identifier was expected, {found} came")
    return message.uuid


async def read_id(stream: trio.abc.ReceiveStream) -> UUID:
    """Read the identifier: once on each connection, before anything else.

    Raises:
        ProtocolError: something else came, or nothing.
    """
    return identifier(await read_message(stream))


def audio_messages(pcm: bytes, rate_hz: int) -> Iterator[bytes]:
    """Cut into whole messages of 20 ms, the last one padded with silence.

    Raises:
        ValueError: no kind has this rate.
    """
    frames = Rechunker(frame_bytes(rate_hz))
    for frame in frames.push(pcm):
        yield encode(Audio(rate_hz, frame))
    last = frames.flush()
    if last is not None:
        yield encode(Audio(rate_hz, last))


class Pace:
    """When the messages of one stream are due: each 20 ms, on absolute deadlines.

    After a stall no more than 60 ms are made up, as no far jitter buffer could hold more.
    """

    def __init__(self, now_s: float) -> None:
        """The first message is due now."""
        self._due_s = now_s

    def next_due_s(self, now_s: float) -> float:
        """Return when the next message is due."""
        due_s = max(self._due_s, now_s - CATCH_UP_BEATS * FRAME_S)
        self._due_s = due_s + FRAME_S
        return due_s


async def send_audio(stream: trio.abc.SendStream, pcm: bytes, rate_hz: int = 8000) -> None:
    """Send PCM (16-bit little-endian mono) at the pace at which it is heard.

    One message of 20 ms a write; returns when the last was written. It may be cancelled between two.

    Raises:
        ValueError: no kind has this rate.
        trio.BrokenResourceError: the peer is gone.
    """
    pace = Pace(trio.current_time())
    for message in audio_messages(pcm, rate_hz):
        await trio.sleep_until(pace.next_due_s(trio.current_time()))
        await stream.send_all(message)
