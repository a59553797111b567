"""One AudioSocket leg as Asterisk runs it: one thread that serves the channel and the server by turns.

Knows sockets and trio's clock, so that it runs in real and in virtual time. Must not know what a
release reads how (reader.py), what a caller does when (channel.py), or our own server.
"""

import ctypes
import select
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from uuid import UUID, uuid4

import trio

from voicebot.line.audiosocket import (
    FORK_ANSWER,
    HEADER,
    KIND_OF_RATE,
    Identified,
    Key,
    Kind,
    encode,
)

from . import channel
from .channel import Act, Gone, Happening, KeyDown, KeyUp, Packet, Strayed
from .profiles import BASE_RATE_HZ, V20_20, Form, Profile
from .reader import (
    HEADER_BYTES,
    Answer,
    Ask,
    Closed,
    Control,
    Fault,
    Injected,
    No,
    Nothing,
    Outcome,
    Read,
    Voice,
    read_message,
)
from .record import Arrival, Record

CONNECT_S = 2.0
SPIN_S = 0.020
"""Asterisk spins without end; so often is often enough to see what it would see."""
_FORK_KEY = struct.Struct("<BBi")
_FORK_ANSWER = FORK_ANSWER[-1]
# Of the kernel's struct tcp_info: 8 bytes, 24 u32, 2 u64, bytes_acked, then bytes_received u64; 4 u32,
# then data_segs_in u32.
_TCP_INFO_BYTES = 160
_BYTES_RECEIVED = 128
_TCP_INFO = struct.Struct("Q16xI")
# A filter of one instruction, "return 0 bytes of the packet"; linux/filter.h, asm-generic/socket.h.
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
_SO_ATTACH_FILTER = 26
# SO_LINGER's on and 0 s.
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the network does to what Asterisk writes; TCP may do all of it."""

    join: int = 1
    """So many messages arrive as one piece."""
    cut: int | None = None
    """Each write arrives in two pieces, the first of so many bytes, …"""
    late_s: float = 0.0
    """… and the second so much later."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How the leg ended, as the dialplan sees it."""

    form: Form
    result: int
    """What the application returned: 0 or -1. A Dial has none; it is -1 for what is no clean end."""
    why: str
    caller_there: bool
    connected: bool = True

    @property
    def try_status(self) -> str:
        """TRYSTATUS behind `TryExec(AudioSocket(...))`."""
        return "FAILED" if self.result else "SUCCESS"

    @property
    def dial_status(self) -> str:
        """DIALSTATUS behind `Dial(AudioSocket/...)`."""
        return "ANSWER" if self.connected else "CHANUNAVAIL"

    @property
    def hangup_cause(self) -> int:
        """HANGUPCAUSE behind `Dial(AudioSocket/...)`."""
        return 16 if self.connected else 38

    @property
    def goes_on(self) -> bool:
        """Whether the next priority runs: behind AudioSocket(), or behind Dial(…,,g)."""
        return self.caller_there and (self.form is Form.CHAN or self.result == 0)

    @property
    def goes_on_within_try(self) -> bool:
        """The same behind `TryExec(AudioSocket(...))`."""
        return self.caller_there


@dataclass(slots=True)
class Leg:
    """One leg, good for one call.

    `acts` is what the caller does; he hangs up behind the last of it. `record` is what the server
    has sent, also while the call goes on.
    """

    profile: Profile = V20_20
    form: Form = Form.APP
    acts: Sequence[Act] = ()
    rate_hz: int = BASE_RATE_HZ
    """The channel's: c(slinN). The app has 8000 whatever the caller has."""
    codec: Callable[[bytes], bytes] | None = None
    """Dial without c(): the caller's own codec, made from slin, goes out unlabelled."""
    ptime_ms: int = 20
    answered: bool = True
    uuid_late_s: float = 0.0
    delivery: Delivery = Delivery()
    receive_bytes: int | None = None
    """SO_RCVBUF, set before it connects."""
    send_bytes: int | None = None
    """SO_SNDBUF: the kernel's own choice is 4 MB, minutes of audio."""
    segment_bytes: int | None = None
    """TCP_MAXSEG: as on a path that is not local."""
    uuid: UUID = field(default_factory=uuid4)
    record: Record = field(default_factory=Record)
    identified_s: float = inf
    """When the identifier was sent, on trio's clock."""
    stuck: bool = False
    """It waits for the rest of a header, and notices nothing else."""
    injected: str = ""
    """The fork: keys that the server has pressed."""
    picked_up: bool = True
    """The fork's channel rings until the server answers it."""
    closed_s: float = inf
    """When it was closed, on trio's clock."""
    _sock: socket.socket = field(init=False)
    _stack: bytearray = field(default_factory=lambda: bytearray(HEADER_BYTES))
    _ahead: deque[Happening] = field(default_factory=deque)
    _under_way: deque[tuple[float, bytes]] = field(default_factory=deque)
    _joined: list[bytes] = field(default_factory=list)
    _active_s: float = 0.0
    _spins: bool = False
    _keys_down: int = 0
    _read_bytes: int = 0

    async def call(self, host: str, port: int) -> Exit:
        """Live through the whole leg.

        Cancelled, the socket is closed, as it is if the leg's thread is killed.
        """
        self._sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        with self._sock:
            exit_ = await self._connect(host, port) or await self._run()
            self._close()
        return exit_

    def vanish(self) -> None:
        """The host is gone without a word: no packet gets in any more, none is acknowledged."""
        instruction = ctypes.create_string_buffer(_DROP_ALL)
        program = struct.pack("HL", 1, ctypes.addressof(instruction))
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    async def _connect(self, host: str, port: int) -> Exit | None:
        sock = self._sock
        sock.setblocking(False)
        for level, option, value in (
            (socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_bytes),
            (socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_bytes),
            (socket.IPPROTO_TCP, socket.TCP_MAXSEG, self.segment_bytes),
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, int(self.profile.nodelay)),
        ):
            if value is not None:
                sock.setsockopt(level, option, value)
        try:
            with trio.move_on_after(CONNECT_S):
                sock.connect_ex((host, port))
                await trio.lowlevel.wait_writable(sock)
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                return self._left(f"connect: {error}", connected=False) if error else None
        except OSError as error:
            return self._left(f"connect: {error}", connected=False)
        return self._left("connect: no answer", connected=False)

    async def _run(self) -> Exit:
        if self.form is Form.APP and not self.answered:
            return self._left("Channel is not answered")
        if self.uuid_late_s:
            await trio.sleep(self.uuid_late_s)
        self.identified_s = self._active_s = trio.current_time()
        self.picked_up = not (self.profile.fork and self.form is Form.CHAN)
        rate_hz = self.rate_hz if self.form is Form.CHAN else BASE_RATE_HZ
        self._ahead.extend(channel.happenings(self.acts, rate_hz, self.ptime_ms))
        self._send(encode(Identified(self.uuid)))
        while True:
            exit_ = await self._turn()
            if exit_ is not None:
                return exit_

    async def _turn(self) -> Exit | None:
        """Do the next thing there is to do. The server's side comes first, as in Asterisk's poll."""
        now_s = trio.current_time()
        if self._under_way and self._under_way[0][0] <= now_s:
            return self._deliver(self._under_way.popleft()[1])
        if not self._spins and _readable(self._sock):
            self._active_s = now_s
            return self._take(await self._read())
        if self._ahead and self.identified_s + self._ahead[0].at_s <= now_s:
            self._active_s = now_s
            return self._happens(self._ahead.popleft())
        return await self._wait(now_s)

    async def _wait(self, now_s: float) -> Exit | None:
        """Wait for whatever comes first."""
        until_s = self.identified_s + self._ahead[0].at_s if self._ahead else inf
        if self._under_way:
            until_s = min(until_s, self._under_way[0][0])
        if self._spins:
            await trio.sleep_until(min(until_s, now_s + SPIN_S))
            return self._take(await self._read())
        limit_s = self.profile.idle_s if self.form is Form.APP else None
        # A key that is held is activity of the channel, though none of it goes out.
        idle_s = inf if limit_s is None or self._keys_down else self._active_s + limit_s
        with trio.move_on_at(min(until_s, idle_s)) as scope:
            await trio.lowlevel.wait_readable(self._sock)
        if scope.cancelled_caught and trio.current_time() >= idle_s:
            return self._left("Reached timeout after 2000 ms of no activity")
        return None

    # From the server ---------------------------------------------------------------------------

    async def _read(self) -> Outcome:
        """Read one message, as the release does; note what was read."""
        reading = read_message(self.profile, self._stack)
        raw, in_pieces = b"", False
        ask: Ask = next(reading)
        at_s = trio.current_time() - self.identified_s
        outcome: Outcome | None = None
        while outcome is None:
            answer = await self._answer(ask)
            if isinstance(answer, bytes):
                raw += answer
            in_pieces |= answer is No.YET and bool(raw)
            try:
                ask = reading.send(answer)
            except StopIteration as done:
                outcome = done.value
        self._read_bytes += len(raw)
        if raw:
            self.record.arrivals.append(Arrival(at_s, raw[0], raw[HEADER_BYTES:]))
            self.record.split += in_pieces
        return outcome

    async def _answer(self, ask: Ask) -> Answer:
        if isinstance(ask, Read):
            try:
                return self._sock.recv(ask.size)
            except BlockingIOError:
                return No.YET
            except OSError:
                return No.PEER
        self.stuck = ask.limit_s is None
        with trio.move_on_after(inf if ask.limit_s is None else ask.limit_s):
            await trio.lowlevel.wait_readable(self._sock)
        self.stuck = False
        return _readable(self._sock)

    def _take(self, outcome: Outcome) -> Exit | None:
        match outcome:
            case Closed(why):
                return self._left(why, result=0)
            case Fault(why):
                return self._left(why)
            case Injected(key):
                self.injected += key
            case Control(number):
                self.picked_up |= number == _FORK_ANSWER
            case Nothing(why):
                self._spins = why == "end"
            case Voice():
                pass
        return None

    # From the channel --------------------------------------------------------------------------

    def _happens(self, happening: Happening) -> Exit | None:
        self._keys_down += isinstance(happening, KeyDown) - isinstance(happening, KeyUp)
        if isinstance(happening, Gone):
            if happening.unread:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            why = "redirected" if happening.redirected else "Failed to receive frame from channel"
            return self._left(why, caller_there=False)
        if not self.picked_up or (self._spins and self.form is Form.APP):
            return None
        message = self._message(happening)
        return self._write(message) if message else None

    def _message(self, happening: Packet | KeyDown | KeyUp | Strayed) -> bytes:
        """What the release writes for it; b"" for what it keeps to itself."""
        match happening:
            case Packet(pcm=pcm):
                payload = pcm if self.codec is None else self.codec(pcm)
                labels = self.profile.rates and self.codec is None and self.form is Form.CHAN
                kind = KIND_OF_RATE[self.rate_hz if labels else BASE_RATE_HZ]
                return HEADER.pack(kind, len(payload)) + payload
            case Strayed(data=data):
                return data
            case KeyDown(key=key):
                return self._fork_key(1, key, 0.0)
            case KeyUp(key=key, held_s=held_s):
                return (
                    encode(Key(key)) if self.profile.sends_keys else self._fork_key(0, key, held_s)
                )

    def _fork_key(self, state: int, key: str, held_s: float) -> bytes:
        if not self.profile.fork or self.form is not Form.CHAN:
            return b""
        payload = _FORK_KEY.pack(state, ord(key), round(held_s * 1000))
        return HEADER.pack(Kind.FORK_KEY, len(payload)) + payload

    def _write(self, message: bytes) -> Exit | None:
        """One write; the network may do something to it on the way."""
        self._joined.append(message)
        if len(self._joined) < self.delivery.join:
            return None
        data = b"".join(self._joined)
        self._joined.clear()
        cut = self.delivery.cut
        if cut is None:
            return self._deliver(data)
        now_s = trio.current_time()
        # What is written meanwhile arrives behind the late piece.
        first_s = max(now_s, self._under_way[-1][0] if self._under_way else now_s)
        self._under_way.append((first_s, data[:cut]))
        self._under_way.append((first_s + self.delivery.late_s, data[cut:]))
        return None

    def _deliver(self, data: bytes) -> Exit | None:
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            return self._left(f"Failed to write data to AudioSocket: {error.strerror}")
        # A short write is an error. The app ends; the channel driver goes on, cut off in the
        # middle of a message.
        if sent < len(data) and self.form is Form.APP:
            return self._left("Failed to write data to AudioSocket: short write")
        return None

    def _send(self, data: bytes) -> int:
        return self._sock.send(data) if data else 0

    # The end -----------------------------------------------------------------------------------

    def _left(
        self, why: str, *, result: int = -1, caller_there: bool = True, connected: bool = True
    ) -> Exit:
        return Exit(self.form, result, why, caller_there, connected)

    def _close(self) -> None:
        """Close; what has come and was not read makes the kernel send a reset."""
        self.closed_s = trio.current_time()
        info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        received_bytes, segments = _TCP_INFO.unpack_from(info, _BYTES_RECEIVED)
        # The end counts as a byte. What is not read may be a segment or more: no matter.
        some_unread = received_bytes > self._read_bytes + 1
        self.record.segments = min(segments, len(self.record.arrivals)) if some_unread else segments
        try:
            self.record.unread = self._sock.recv(1 << 16, socket.MSG_PEEK)
        except OSError:
            self.record.unread = b""
        self._sock.close()


def _readable(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])
