"""Our ends of calls that Asterisk makes to us: a port to come to, and who speaks and listens there.

Knows sockets, frames and keys.  Must not know why Asterisk calls.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import trio

from voicebot.config import Address
from voicebot.doctor.probe import Heard, Sent
from voicebot.line.audio import FRAME_S, frame_bytes, silence
from voicebot.line.audiosocket import (
    Audio,
    Decoder,
    Key,
    Message,
    ProtocolError,
    audio_header,
)
from voicebot.line.line import identify
from voicebot.line.sockets import plain
from voicebot.listeners import peer_of

_ANY: Final = "0.0.0.0"  # noqa: S104 - for seconds, and only for a call with our identifier
_RECV_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class Door:
    """A port of ours, and the call that is waited for there."""

    listener: trio.SocketListener
    address: Address
    uuid: UUID

    @property
    def channel(self) -> str:
        """As chan_audiosocket names the channel that comes here."""
        return f"AudioSocket/{self.address}-{self.uuid}"


@asynccontextmanager
async def open_door(host: str) -> AsyncIterator[Door]:
    """A port of our own while the context lasts.

    Args:
        host: the address at which Asterisk finds us.
    """
    try:
        listener, *others = await trio.open_tcp_listeners(0, host=host)
    except OSError:
        # The address is a router's or a container's: Asterisk's way to us is translated.
        listener, *others = await trio.open_tcp_listeners(0, host=_ANY)
    for other in others:
        other.socket.close()
    async with listener:
        yield Door(listener, Address(host, listener.socket.getsockname()[1]), uuid4())


async def who_comes(door: Door, rate_hz: int) -> End:
    """Our end of the call that comes in at this door, however long that takes.  Others are sent away."""
    while True:
        stream = await door.listener.accept()
        peer = str(peer_of(stream.socket) or "")
        sock = plain(stream.socket)
        with ExitStack() as stack:
            stack.callback(sock.close)
            with suppress(ProtocolError):
                identified = await identify(sock)
                if identified is not None and identified[0] == door.uuid:
                    stack.pop_all()
                    return End(sock, identified[1], rate_hz, peer)


class End:
    """Our end of one leg: hears all that comes, and speaks every 20 ms."""

    def __init__(self, sock: socket.socket, decoder: Decoder, rate_hz: int, peer: str) -> None:
        self.sock = sock
        self.rate_hz = rate_hz
        self.peer = peer
        self.heard: list[Heard] = []
        self.rates_hz: set[int] = set()
        self.keys = ""
        self.over = trio.Event()
        """The other side has ended the call."""
        self.on_heard: Callable[[Heard], None] = self.heard.append
        self._decoder = decoder
        self._key_came = trio.Event()
        self._to_say: deque[bytes] = deque()
        self._left_s: list[float] = []
        self._said = trio.Event()

    async def say(self, pcm: bytes) -> Sent:
        """Send this, and return when all of it has left."""
        size = frame_bytes(self.rate_hz)
        self._left_s, self._said = [], trio.Event()
        self._to_say.extend(pcm[at : at + size] for at in range(0, len(pcm), size))
        await self._said.wait()
        return Sent(pcm, self.rate_hz, tuple(self._left_s))

    async def wait_keys(self, count: int) -> None:
        """Return when so many keys have come."""
        while len(self.keys) < count:
            self._key_came = trio.Event()
            await self._key_came.wait()

    async def listen(self) -> None:
        """Take in what comes until the other side ends the call, or sends what is not AudioSocket."""
        while True:
            await trio.lowlevel.wait_readable(self.sock)
            try:
                data = self.sock.recv(_RECV_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                self.over.set()
                return
            at_s = trio.current_time()
            try:
                messages = self._decoder.feed(data)
            except ProtocolError:
                self.over.set()
                return
            for message in messages:
                self._take(message, at_s)

    def _take(self, message: Message, at_s: float) -> None:
        match message:
            case Audio(rate_hz, pcm):
                self.rates_hz.add(rate_hz)
                self.on_heard(Heard(at_s, pcm))
            case Key(digit):
                self.keys += digit
                self._key_came.set()
            case _:
                pass  # Asterisk sends nothing else

    async def speak(self) -> None:
        """Send a frame every 20 ms: what is to be said, else silence."""
        header = audio_header(self.rate_hz, frame_bytes(self.rate_hz))
        next_s = trio.current_time()
        while True:
            next_s += FRAME_S
            await trio.sleep_until(next_s)
            frame = self._to_say.popleft() if self._to_say else None
            with suppress(OSError):  # the other side is gone: what is measured tells it
                self.sock.send(header + (frame or silence(self.rate_hz)))
            if frame is not None:
                self._left_s.append(trio.current_time())
                if not self._to_say:
                    self._said.set()
