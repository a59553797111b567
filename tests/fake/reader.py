"""How Asterisk reads one message, each release as its C code does; res/res_audiosocket.c.

Pure: a read is a generator that asks for what `read(2)` and `poll(2)` would answer, and returns what
became of it. Must not know sockets, clocks, or what the channel does with a frame.
"""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum

from voicebot.line.audiosocket import KEYS, RATE_OF_KIND, Kind

from .profiles import BASE_RATE_HZ, Profile

HEADER_BYTES = 3
FORK_KEY_BYTES = 6


class No(Enum):
    """What a read answers when it has no bytes."""

    YET = "EAGAIN"
    PEER = "ECONNRESET"


@dataclass(frozen=True, slots=True)
class Read:
    """Answered by bytes, as many as there are up to `size`; b"" at the end; or a `No`."""

    size: int


@dataclass(frozen=True, slots=True)
class Poll:
    """Answered by whether there is something to read within the limit; None: however long."""

    limit_s: float | None


Ask = Read | Poll
Answer = bytes | No | bool


@dataclass(frozen=True, slots=True)
class Voice:
    """Audio for the channel."""

    kind: int
    payload: bytes

    @property
    def rate_hz(self) -> int:
        """What the release takes it for."""
        return RATE_OF_KIND[self.kind]


@dataclass(frozen=True, slots=True)
class Nothing:
    """A null frame: the call goes on. Maybe a message that was skipped."""

    why: str


@dataclass(frozen=True, slots=True)
class Injected:
    """The fork: a key for the channel."""

    key: str


@dataclass(frozen=True, slots=True)
class Control:
    """The fork: a control frame for the channel, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The server has hung up, as one does: the app returns 0."""

    why: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Fatal: the app returns -1."""

    why: str


Outcome = Voice | Nothing | Injected | Control | Closed | Fault
Reading = Generator[Ask, Answer, Outcome]


def read_message(profile: Profile, stack: bytearray) -> Reading:
    """Read one message.

    Args:
        stack: the header's place in memory, kept from message to message: a release that takes an
            incomplete header for a whole one finds there what the last one has left.
    """
    return _read_strict(profile, stack) if profile.strict else _read_2020(profile)


BASE_KIND = next(kind for kind, rate_hz in RATE_OF_KIND.items() if rate_hz == BASE_RATE_HZ)


def _read_2020(profile: Profile) -> Reading:
    """`ast_audiosocket_receive_frame` of 2020: byte by byte, and never a second try."""
    first = yield Read(1)
    if first is No.YET:
        return Nothing("EAGAIN")
    if not isinstance(first, bytes):
        return Fault("Failed to read type header from AudioSocket")
    if not first:
        return Nothing("end")
    if first[0] == Kind.HANGUP:
        return Fault("ended by remote")
    length = yield from _read_length_2020()
    if length is None:
        return Fault("Failed to read data length from AudioSocket")
    if length < 1:
        return Nothing("length 0")
    payload = yield from _read_payload(length, profile.payload_patience_s)
    return payload if isinstance(payload, Fault) else _message_2020(profile, first[0], payload)


def _read_length_2020() -> Generator[Ask, Answer, int | None]:
    length = 0
    for _ in range(2):
        byte = yield Read(1)
        if not isinstance(byte, bytes) or not byte:
            return None
        length = length * 256 + byte[0]
    return length


def _message_2020(profile: Profile, kind: int, payload: bytes) -> Outcome:
    if kind == BASE_KIND:
        return Voice(kind, payload)
    if profile.fork and kind == Kind.FORK_KEY and len(payload) == FORK_KEY_BYTES:
        state, key = payload[0], chr(payload[1])
        return Injected(key) if state == 0 and key in KEYS else Nothing("the beginning of a key")
    if profile.fork and kind == Kind.KEY and len(payload) == 1:
        return Control(payload[0])
    return Nothing(f"non-audio message of kind 0x{kind:02x}")


def _read_strict(profile: Profile, stack: bytearray) -> Reading:
    """`ast_audiosocket_receive_frame_with_hangup`, 20.14 and later."""
    fault = yield from _read_header(profile, stack)
    if fault is not None:
        return fault
    kind = stack[0]
    if kind == Kind.HANGUP:
        return Closed("hangup message")
    if kind not in RATE_OF_KIND or (kind != BASE_KIND and not profile.rates):
        return Fault(f"Received AudioSocket message other than hangup or audio (0x{kind:02x})")
    length = stack[1] * 256 + stack[2]
    if length < 1:
        return Fault("Invalid message length received from AudioSocket server")
    payload = yield from _read_payload(length, profile.payload_patience_s)
    return payload if isinstance(payload, Fault) else Voice(kind, payload)


def _read_header(profile: Profile, stack: bytearray) -> Generator[Ask, Answer, Outcome | None]:
    """Fill the header in; return how the call ends, if it does."""
    got = 0
    while got < HEADER_BYTES:
        whole = HEADER_BYTES if not profile.header_in_place else HEADER_BYTES - got
        data = yield Read(whole)
        if data is No.YET and profile.waits_for_header:
            yield Poll(None)  # of 5 ms each, again and again
            continue
        if not isinstance(data, bytes):
            return Fault("Failed to read header from AudioSocket")
        if not data:
            return Closed("end")
        at = got if profile.header_in_place else 0
        stack[at : at + len(data)] = data
        got += len(data)
        if not profile.waits_for_header:
            break
    return None


def _read_payload(length: int, patience_s: float) -> Generator[Ask, Answer, bytes | Fault]:
    payload = b""
    while len(payload) < length:
        data = yield Read(length - len(payload))
        if data is No.YET and patience_s:
            if (yield Poll(patience_s)):
                continue
            return Fault("Poll timed out while waiting for data")
        if not isinstance(data, bytes):
            return Fault("Failed to read payload from AudioSocket")
        if not data:
            return Fault("Insufficient payload read from AudioSocket")
        payload += data
    return payload
