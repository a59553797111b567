"""The far end of a call in a test's hands, and a call on a socket pair in virtual time."""

import math
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import numpy as np
import trio

from voicebot.audiosocket import (
    Audio,
    Call,
    CallSettings,
    Decoder,
    Hangup,
    Message,
    Peer,
    encode,
    frame_bytes,
)
from voicebot.line.clock import MediaClock

CALL = UUID("00112233-4455-6677-8899-aabbccddeeff")
# A test that waits for ever ends, as the clock jumps there at once.
VIRTUAL_S = 300
HERE = Peer("127.0.0.1", 40000)


def frame(number: int, rate_hz: int = 8000) -> bytes:
    """A frame that is not like the others."""
    return struct.pack("<h", number) * (frame_bytes(rate_hz) // 2)


def tone(frequency_hz: float, rate_hz: int, seconds: float, peak: int = 8000) -> bytes:
    times = np.arange(round(rate_hz * seconds)) / rate_hz
    return bytes((np.sin(2 * math.pi * frequency_hz * times) * peak).astype("<i2"))


def pitch_hz(pcm: bytes, rate_hz: int) -> float:
    """The loudest frequency, to a hertz or two where there is a second of it."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(spectrum.argmax()) * rate_hz / samples.size


def rms(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.sqrt(np.mean(samples**2)))


class FarEnd:
    """Sends what it is told, and notes what comes and when."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.came: list[tuple[float, Message]] = []
        self.ended: str | None = None
        self.hung_up = trio.Event()
        self.over = trio.Event()
        self._began_s = trio.current_time()

    def send(self, *messages: Message | bytes) -> None:
        for message in messages:
            data = message if isinstance(message, bytes) else _encoded(message)
            assert self.sock.send(data) == len(data)

    async def speak(self, frames: int, rate_hz: int = 8000, first: int = 1) -> None:
        """So many frames that differ."""
        numbers = range(first, first + frames)
        await self.say(b"".join(frame(number, rate_hz) for number in numbers), rate_hz)

    async def say(self, pcm: bytes, rate_hz: int = 8000) -> None:
        """Audio, on time, between the beats."""
        began_s = trio.current_time() + 0.01
        size = frame_bytes(rate_hz)
        for start in range(0, len(pcm), size):
            await trio.sleep_until(began_s + start / size * 0.02)
            self.send(Audio(rate_hz, pcm[start : start + size]))

    async def listen(self) -> None:
        """Until the end: "closed" or "reset"."""
        decoder = Decoder()
        while self.ended is None:
            try:
                data = self.sock.recv(1 << 20)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self.sock)
                continue
            except ConnectionResetError:
                self.ended = "reset"
                break
            if not data:
                self.ended = "closed"
                break
            now_s = trio.current_time() - self._began_s
            self.came += [(now_s, message) for message in decoder.feed(data)]
            if isinstance(self.came[-1][1], Hangup):
                self.hung_up.set()
        assert decoder.at_boundary or self.ended == "reset"
        self.over.set()

    @property
    def audio(self) -> list[Audio]:
        return [message for _, message in self.came if isinstance(message, Audio)]

    @property
    def said(self) -> list[bytes]:
        """The frames that are not silence."""
        return [message.pcm for message in self.audio if any(message.pcm)]

    @property
    def pcm(self) -> bytes:
        return b"".join(message.pcm for message in self.audio)

    def times_of_said(self) -> list[float]:
        return [at for at, m in self.came if isinstance(m, Audio) and any(m.pcm)]

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def _encoded(message: Message) -> bytes:
    return encode(message)


@asynccontextmanager
async def connected(
    settings: CallSettings | None = None,
    uuid: UUID = CALL,
    *,
    listening: bool = True,
    sockets: tuple[socket.socket, socket.socket] | None = None,
) -> AsyncIterator[tuple[Call, FarEnd]]:
    """A call that was just identified, on a clock of its own; it is closed at the end."""
    ours, theirs = sockets or socket.socketpair()
    ours.setblocking(False)
    clock = MediaClock()
    with ours, theirs:
        far = FarEnd(theirs)
        call = Call(ours, uuid, HERE, settings or CallSettings(), clock)
        with trio.fail_after(VIRTUAL_S):
            async with trio.open_nursery() as nursery:
                await nursery.start(clock.run)
                nursery.start_soon(call.close_when_over)  # noqa: ASYNC113 - nothing waits for it
                if listening:
                    nursery.start_soon(far.listen)  # noqa: ASYNC113 - nothing waits for it
                try:
                    yield call, far
                finally:
                    with suppress(OSError):
                        theirs.shutdown(socket.SHUT_WR)
                    with trio.CancelScope(shield=True):
                        await call.close()
                nursery.cancel_scope.cancel()
