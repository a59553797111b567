"""Servers that do one thing, right or wrong, and note what Asterisk makes of it.

Knows sockets and trio's clock; the same deed can be done to the fake and to a real Asterisk.
"""

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf

import trio

from voicebot.line.audio import FRAME_S, silence
from voicebot.line.audiosocket import Audio, Decoder, Key, ProtocolError, encode

SILENCE = encode(Audio(8000, silence(8000)))
LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Pause:
    """So long nothing is sent at all, within a deed."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fin:
    """Our direction ends."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is torn down."""


Step = bytes | Pause | Fin | Reset


@dataclass(slots=True)
class Server:
    """Speaks silence, does its deed, and goes on speaking silence until the other side ends.

    Times are seconds on trio's clock.
    """

    deed: Sequence[Step] = ()
    after_s: float = 0.2
    """How long after the first byte the deed comes."""
    speaks: bool = True
    speaks_on: bool = True
    """After the deed, too."""
    reads: bool = True
    listening: socket.socket = field(init=False)
    began_s: float = inf
    done_s: float = inf
    ended_s: float = inf
    ended: str = ""
    """How the other side ended: "end" or "reset"."""
    received: bytearray = field(default_factory=bytearray)
    at_s: list[tuple[float, int]] = field(default_factory=list)
    """When so many bytes had come."""

    def __post_init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.setblocking(False)

    @property
    def port(self) -> int:
        return int(self.listening.getsockname()[1])

    @property
    def audio_s(self) -> list[float]:
        """When each whole message of audio was there."""
        decoder, times, position = Decoder(), list[float](), 0
        for at_s, count in self.at_s:
            try:
                messages = decoder.feed(bytes(self.received[position:count]))
            except ProtocolError:
                break
            times += [at_s] * sum(isinstance(message, Audio) for message in messages)
            position = count
        return times

    @property
    def keys(self) -> str:
        messages = Decoder().feed(bytes(self.received))
        return "".join(message.digit for message in messages if isinstance(message, Key))

    async def serve_one(self) -> None:
        """Take one connection and see it through to its end."""
        with self.listening:
            await trio.lowlevel.wait_readable(self.listening)
            sock, _ = self.listening.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began_s = trio.current_time()
        with sock:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send, sock)
                if self.reads:
                    await self._read(sock)
                    nursery.cancel_scope.cancel()

    async def _send(self, sock: socket.socket) -> None:
        done = False
        while not done or (self.speaks and self.speaks_on):
            if not done and trio.current_time() >= self.began_s + self.after_s:
                done = True
                if await self._do(sock):
                    return
            elif self.speaks:
                with suppress(OSError):
                    sock.send(SILENCE)
            await trio.sleep(FRAME_S)

    async def _do(self, sock: socket.socket) -> bool:
        """Do the deed; return whether nothing can follow it."""
        over = False
        self.done_s = trio.current_time()
        for step in self.deed:
            match step:
                case bytes():
                    with suppress(OSError):
                        sock.send(step)
                case Pause(seconds):
                    await trio.sleep(seconds)
                case Fin():
                    sock.shutdown(socket.SHUT_WR)
                    over = True
                case Reset():
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                    self.ended, self.ended_s, self.reads = "by us", trio.current_time(), False
                    sock.close()
                    return True
        return over

    async def _read(self, sock: socket.socket) -> None:
        while self.reads:
            try:
                await trio.lowlevel.wait_readable(sock)
                data = sock.recv(1 << 16)
            except (trio.ClosedResourceError, OSError):
                self.ended = self.ended or "reset"
                break
            if not data:
                self.ended = "end"
                break
            self.received += data
            self.at_s.append((trio.current_time(), len(self.received)))
        self.ended_s = min(self.ended_s, trio.current_time())
