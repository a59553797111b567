"""The AudioSocket codec: bytes to messages and back.

Lives here: the framing, the kinds, the nine rates, the two dialects. Must not know: sockets,
clocks, tasks, what audio means, or any other module of ours.

    kind: u8 | length: u16, big-endian | payload: length bytes

Audio is signed 16-bit little-endian mono. Constants as in asterisk/asterisk,
include/asterisk/res_audiosocket.h (`enum ast_audiosocket_msg_kind`).
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import assert_never
from uuid import UUID

HEADER = struct.Struct("!BH")
MAX_LENGTH = 0xFFFF


class Kind(IntEnum):
    """The first byte of a message, audio kinds apart (those are in `KIND_OF_RATE`)."""

    HANGUP = 0x00
    UUID = 0x01
    FORK_KEY = 0x02
    KEY = 0x03
    ERROR = 0xFF


# 0x11 is 12 kHz. Drafts of the Asterisk patch and one Go branch used it for 16 kHz; no release did.
RATES = (8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000)
KIND_OF_RATE = {rate_hz: 0x10 + n for n, rate_hz in enumerate(RATES)}
RATE_OF_KIND = {kind: rate_hz for rate_hz, kind in KIND_OF_RATE.items()}

KEYS = "0123456789*#ABCD"

# The fork's key message: state (1 begin, 0 end), key, duration in ms (0 at the beginning).
_FORK_KEY = struct.Struct("<BBi")
_FORK_KEY_MS = 100

HANGUP = b"\0\0\0"
# The fork's channel driver only rings until the server sends it AST_CONTROL_ANSWER.
FORK_ANSWER = b"\x03\x00\x01\x04"
# Where the peer names no error code (the Go library's ErrUnknown).
ERROR_UNKNOWN = 0xFF


class ProtocolError(Exception):
    """The peer's bytes are not AudioSocket. What follows them cannot be trusted."""


class Dialect(StrEnum):
    """What the peer speaks: released Asterisk, or the rainbow-cnay fork with its own keys."""

    ASTERISK = "asterisk"
    FORK = "fork"


@dataclass(frozen=True, slots=True)
class Identified:
    """The first message of every connection: which call this is."""

    uuid: UUID


@dataclass(frozen=True, slots=True)
class Audio:
    """Audio of any length. `pcm` is as sent: maybe odd, maybe empty, maybe no PCM at all."""

    rate_hz: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """A key was released: one of `KEYS`."""

    digit: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """The end of the call."""


@dataclass(frozen=True, slots=True)
class PeerError:
    """The peer reports a fault. Known codes: 1 hangup, 2 frame forwarding, 4 memory."""

    code: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a kind, or with a content, that means nothing to us. Its payload was skipped."""

    kind: int
    length: int


Message = Identified | Audio | Key | Hangup | PeerError | Unknown


class Decoder:
    """Turns received bytes into messages, however TCP split or joined them.

    `at_boundary` is true when all bytes fed so far made whole messages. `unknown_count` counts the
    `Unknown` messages. `error` is set once the peer has broken the protocol; nothing is decoded
    after that.
    """

    __slots__ = (
        "_held",
        "_max_length",
        "_needed",
        "at_boundary",
        "dialect",
        "error",
        "unknown_count",
    )

    def __init__(self, dialect: Dialect = Dialect.ASTERISK, max_length: int = MAX_LENGTH) -> None:
        """Accept payloads of up to `max_length` bytes."""
        self.dialect = dialect
        self.unknown_count = 0
        self.at_boundary = True
        self.error: ProtocolError | None = None
        self._max_length = max_length
        self._held = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes.

        Raises:
            ProtocolError: the bytes are not AudioSocket. What was decoded before the fault is
                returned first (`error` is set then) and the next call raises.
        """
        if self.error is not None:
            raise self.error
        if self._held:
            self._held += data
            # An incomplete message only grows: copying it out at each byte would be quadratic.
            if len(self._held) < self._needed:
                return []
            data = bytes(self._held)
            self._held.clear()
        messages: list[Message] = []
        try:
            position = self._decode(data, messages)
        except ProtocolError as error:
            self.error = error
            self.at_boundary = False
            if not messages:
                raise
            return messages
        self.at_boundary = position == len(data)
        if not self.at_boundary:
            self._held += data[position:]
        return messages

    def _decode(self, data: bytes, messages: list[Message]) -> int:
        """Append the messages of `data`; return where the incomplete one begins."""
        position, end = 0, len(data)
        while end - position >= HEADER.size:
            kind, length = HEADER.unpack_from(data, position)
            self._check_header(kind, length)
            begin = position + HEADER.size
            if begin + length > end:
                self._needed = HEADER.size + length
                return position
            position = begin + length
            rate_hz = RATE_OF_KIND.get(kind)
            if rate_hz is not None:
                messages.append(Audio(rate_hz, data[begin:position]))
            else:
                message = self._message(kind, data[begin:position])
                if message is not None:
                    messages.append(message)
        self._needed = HEADER.size
        return position

    def _check_header(self, kind: int, length: int) -> None:
        """Refuse a message by its header, before its payload has to be waited for."""
        if length > self._max_length:
            raise ProtocolError(
                f"kind 0x{kind:02x} has {length} bytes, the limit is {self._max_length}"
            )
        if kind == Kind.UUID and length != 16:  # noqa: PLR2004 - a UUID has 16 bytes
            raise ProtocolError(f"the identifier (kind 0x01) has {length} bytes, it must have 16")

    def _message(self, kind: int, payload: bytes) -> Message | None:
        """Decode any kind but audio. None: known, and of no interest."""
        match kind:
            case Kind.UUID:
                return Identified(UUID(bytes=payload))
            case Kind.HANGUP:
                return Hangup()
            case Kind.ERROR:
                return PeerError(payload[0] if payload else ERROR_UNKNOWN)
            case Kind.KEY if len(payload) == 1 and chr(payload[0]) in KEYS:
                return Key(chr(payload[0]))
            case Kind.FORK_KEY if self.dialect is Dialect.FORK and len(payload) == _FORK_KEY.size:
                state, code, _ = _FORK_KEY.unpack(payload)
                # The beginning (1) says nothing that the end (0) does not say better.
                if state in {0, 1} and chr(code) in KEYS:
                    return Key(chr(code)) if state == 0 else None
        self.unknown_count += 1
        return Unknown(kind, len(payload))


def audio_header(rate_hz: int, length: int) -> bytes:
    """Return the three bytes before `length` bytes of audio.

    Raises:
        ValueError: no kind has this rate, or no message this length.
    """
    kind = KIND_OF_RATE.get(rate_hz)
    if kind is None:
        raise ValueError(f"AudioSocket has no {rate_hz} Hz; it has {', '.join(map(str, RATES))}")
    if length > MAX_LENGTH:
        raise ValueError(
            f"{length} bytes of audio do not fit into one message of at most {MAX_LENGTH}"
        )
    return HEADER.pack(kind, length)


def encode(message: Message, dialect: Dialect = Dialect.ASTERISK) -> bytes:
    """Return the bytes of a message, as either end may send it.

    A server may send Asterisk nothing but audio of an even, non-zero length, and Hangup: anything
    else ends the call there.

    Raises:
        ValueError: the message has a rate, length, key or code that the wire has no room for, or a
            payload that was skipped.
    """
    match message:
        case Audio(rate_hz, pcm):
            return audio_header(rate_hz, len(pcm)) + pcm
        case Identified(uuid):
            return HEADER.pack(Kind.UUID, 16) + uuid.bytes
        case Hangup():
            return HANGUP
        case PeerError(code):
            return HEADER.pack(Kind.ERROR, 1) + bytes([code])
        case Key(digit):
            return _encode_key(digit, dialect)
        case Unknown(kind, length):
            if length:
                raise ValueError(
                    f"the payload of {message} was skipped, so it cannot be sent again"
                )
            return bytes([kind, 0, 0])
        case _:
            assert_never(message)


def _encode_key(digit: str, dialect: Dialect) -> bytes:
    if len(digit) != 1 or digit not in KEYS:
        raise ValueError(f"no telephone key is called {digit!r}; keys are {KEYS}")
    if dialect is Dialect.FORK:
        payload = _FORK_KEY.pack(0, ord(digit), _FORK_KEY_MS)
        return HEADER.pack(Kind.FORK_KEY, _FORK_KEY.size) + payload
    return HEADER.pack(Kind.KEY, 1) + digit.encode()
