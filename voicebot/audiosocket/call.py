"""One call, as a program sees it: frames to read, audio to write, keys, and the end.

Lives here: what joins a `Line` to the queues of the program. Must not know: listeners, other calls,
when the heartbeat comes. What is on the wire and when is in `voicebot.line`.
"""

import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import structlog
import trio

from voicebot.audiosocket.formats import Format
from voicebot.audiosocket.frames import Cutter, Frame
from voicebot.audiosocket.inbox import Inbox, Take
from voicebot.audiosocket.outbox import Mark, Outbox
from voicebot.audiosocket.strict import StrictDecoder
from voicebot.line.audio import FRAMES_PER_S
from voicebot.line.audiosocket import RATES, Decoder, Dialect
from voicebot.line.clock import MediaClock
from voicebot.line.line import DRAIN_S, Ended, KeyPressed, Line, LineEvent, RateChanged
from voicebot.line.unlabelled import Codec

log = structlog.get_logger()

HUNG_UP = "hung up"
CALLER_HUNG_UP = "caller hung up"
FAULT = "fault"

# The far phone's jitter buffer plays on after the last frame was sent.
PLAYOUT_S = 0.2

Pcm = bytes | bytearray | memoryview


class CallOver(Exception):
    """The call is over, so nothing can be said any more. The text is the reason."""


class Peer(NamedTuple):
    """Who has connected: mostly the machine on which Asterisk runs."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """How a call is read, written and understood.

    Raises:
        ValueError: AudioSocket has no such rate; a time that is not positive; `strict` with `codec`.
    """

    read: Format = field(default_factory=Format)
    """What `Call.read` gives."""
    write: Format = field(default_factory=Format)
    """What `Call.write` takes."""
    codec: Codec | None = None
    """What kind 0x10 carries: ULAW or ALAW for `Dial(AudioSocket/…)` without `c(slin)`.

    None: slin, unless the first tenths of a second show another; that is logged.
    """
    in_rate_hz: int | None = None
    """What kind 0x10 means: 16000 for `c(slin16)` of an Asterisk before the kinds 0x11 and up.

    None: 8000, unless the pace of what comes shows another; that is logged.
    """
    out_rate_hz: int | None = None
    """At which rate the line is spoken to; None: at that of the caller, once a kind has shown it."""
    dialect: Dialect = Dialect.ASTERISK
    strict: bool = False
    """End the call over what no released Asterisk sends; otherwise that is skipped and counted."""
    keep_s: float = 10.0
    """So much of the caller waits to be read; then the oldest goes and is counted."""
    ahead_s: float = 0.2
    """So much of what is written is taken in advance; then `Call.write` waits."""

    def __post_init__(self) -> None:
        """Refuse what no line could do."""
        for name in ("in_rate_hz", "out_rate_hz"):
            rate_hz = getattr(self, name)
            if rate_hz not in {None, *RATES}:
                rates = ", ".join(map(str, RATES))
                raise ValueError(f"{name}: AudioSocket has no {rate_hz} Hz; it has {rates}")
        for name in ("keep_s", "ahead_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is a time in seconds, more than 0")
        if self.strict and self.codec not in {None, Codec.SLIN}:
            raise ValueError(
                f"what carries {self.codec} is not strictly AudioSocket: leave one out"
            )


@dataclass(frozen=True, slots=True)
class CallStats:
    """What a call has counted so far. A frame is 20 ms."""

    frames_in: int
    frames_out: int
    """Sent: the program's audio and silence."""
    bytes_in: int
    """The caller's audio, without headers and before conversion."""
    bytes_out: int
    """The program's audio after conversion, without headers and silence."""
    gaps: int
    """Times the caller's audio stopped for more than 100 ms."""
    gap_frames: int
    """Frames of silence that stand for what did not come."""
    late: int
    """Heartbeats more than 10 ms after their time."""
    dropped: int
    """Frames that a peer who does not read has cost."""
    unknown: int
    """Messages of no known kind, skipped."""
    lost: int
    """Frames of the caller that nobody read in time."""
    lost_keys: int


class Call:
    """One connection of Asterisk. `serve` makes it, and ends it when the handler returns.

    One task at a time reads frames, and one keys; any number write. Silence is sent whenever there
    is nothing to say, at the pace of the media clock, so nobody has to pace anything.
    """

    def __init__(
        self,
        sock: socket.socket,
        uuid: UUID,
        peer: Peer,
        settings: CallSettings,
        clock: MediaClock,
    ) -> None:
        """Take over a non-blocking socket whose identifier has been read; `close` gives it up."""
        now_s = trio.current_time()
        self.uuid = uuid
        """Which call this is; two calls may say the same."""
        self.peer = peer
        self.write_format = settings.write
        """What `write` takes where it is not told otherwise. It may be changed at any time."""
        self.began_s = now_s
        """When it was identified, on trio's clock: the times of frames and keys count from then."""
        self._settings = settings
        self._clock = clock
        self._reason: str | None = None
        self._over = trio.Event()
        self._leaving = False
        self._closing = False
        self._closed = trio.Event()
        self._writing = trio.Lock()
        self._cutter = Cutter(settings.read, now_s)
        self._ready: deque[Frame] = deque()
        self._inbox = Inbox(_frames(settings.keep_s))
        self._outbox = Outbox(settings.out_rate_hz or RATES[0], _frames(settings.ahead_s))
        self._source = _Source(self._outbox)
        self._line = Line(
            sock,
            uuid,
            decoder=(StrictDecoder if settings.strict else Decoder)(settings.dialect),
            source=self._source,
            ear=self._inbox,
            on_event=self._on_event,
            rate_hz=settings.in_rate_hz,
            now_s=now_s,
            codec=settings.codec,
        )
        self._source.line = self._line
        clock.add(self._line, self._on_fault)

    def __repr__(self) -> str:
        """Say which call, and whether it is over."""
        return f"<Call {self.uuid} from {self.peer.host}, {self._reason or 'connected'}>"

    # What it is.

    @property
    def connected(self) -> bool:
        """Whether the call goes on."""
        return self._reason is None

    @property
    def reason(self) -> str | None:
        """Why the call is over; None while it goes on.

        "caller hung up" (a closed or reset connection), "hung up" (by us), "peer does not read",
        "protocol error: …", "fault" (in this library; it is logged).
        """
        return self._reason

    @property
    def rate_hz(self) -> int:
        """The rate at which the caller is heard: 8000 until the peer shows another."""
        return self._line.in_rate_hz

    @property
    def out_rate_hz(self) -> int:
        """The rate at which the line is spoken to, for what is written from now on."""
        return self._outbox.rate_hz

    @out_rate_hz.setter
    def out_rate_hz(self, rate_hz: int) -> None:
        if rate_hz not in RATES:
            raise ValueError(
                f"AudioSocket has no {rate_hz} Hz; it has {', '.join(map(str, RATES))}"
            )
        self._outbox.rate_hz = rate_hz

    @property
    def read_format(self) -> Format:
        """What `read` gives. It may be changed at any time, between two frames."""
        return self._cutter.wanted

    @read_format.setter
    def read_format(self, wanted: Format) -> None:
        self._ready.extend(self._cutter.finish())
        self._cutter = Cutter(wanted, self.began_s)

    @property
    def stats(self) -> CallStats:
        """What has been counted so far."""
        line = self._line.stats
        return CallStats(
            frames_in=line.frames_in,
            frames_out=line.frames_out,
            bytes_in=self._inbox.bytes_in,
            bytes_out=self._outbox.bytes_said,
            gaps=line.gaps,
            gap_frames=self._inbox.gap_frames,
            late=line.late,
            dropped=line.dropped,
            unknown=line.unknown,
            lost=self._inbox.audio.lost,
            lost_keys=self._inbox.keys.lost,
        )

    # What the caller says and presses.

    async def read(self) -> Frame:
        """Return the next 20 ms of the caller, in `read_format`; an empty frame at the end.

        While nothing comes from the caller (mute, hold, silence suppression, a key held), there
        are frames all the same, from 100 ms on: silence, with `gap` set.
        """
        while not self._ready:
            heard = await self._inbox.audio.get()
            if heard is not None:
                self._ready.extend(self._cutter.push(heard))
                continue
            self._ready.extend(self._cutter.finish())
            if not self._ready:
                return Frame()
        return self._ready.popleft()

    def divert(self, take: Take) -> None:
        """Give what is heard to `take`, 20 ms after 20 ms, from now on; `read` waits until the end.

        `take` is called by the media clock, so it must not wait.
        """
        self._inbox.divert(take)

    def __aiter__(self) -> "Call":
        """Iterate over the caller's frames, until the call is over."""
        return self

    async def __anext__(self) -> Frame:
        """Return the next frame."""
        frame = await self.read()
        if not frame:
            raise StopAsyncIteration
        return frame

    async def read_key(self) -> KeyPressed | None:
        """Return the next key that the caller released, or None when the call is over.

        Its `at_s` counts as that of a frame: keys and frames can be put in order by it.
        """
        return await self._inbox.keys.get()

    @property
    def keys(self) -> "Keys":
        """The keys, to iterate over: `async for key in call.keys`, until the call is over."""
        return Keys(self)

    # What is said.

    async def write(self, pcm: Pcm, given: Format | None = None) -> None:
        """Say audio of any length behind all that was written before.

        Waits while `ahead_s` of it are not sent yet. Pieces that follow each other make one
        stream, wherever they are cut; the end of it is padded to a whole frame after 60 ms without
        another piece, or at once by `drain` and `play`. What `flush` drops is not said.

        Args:
            given: the form of `pcm`; None: `write_format`.

        Raises:
            CallOver: nobody hears it any more.
        """
        flushes = self._outbox.flushes
        given = given or self.write_format
        async with self._writing:
            for piece in _pieces(pcm, self._step(given)):
                await self._outbox.room()
                self._must_be_connected()
                if flushes != self._outbox.flushes:
                    return
                self._outbox.put(piece, given, self._rate_of(pcm, given))
            self._must_be_connected()

    def write_nowait(self, pcm: Pcm, given: Format | None = None) -> bool:
        """Say audio as `write` does, but never wait; it may be called from any thread.

        All of `pcm` is converted at once, so give no more than some seconds of it.

        Returns:
            False when `ahead_s` wait already: nothing of it is taken then.

        Raises:
            CallOver: nobody hears it any more.
        """
        self._must_be_connected()
        if not self._outbox.has_room:
            return False
        given = given or self.write_format
        self._outbox.put(bytes(pcm), given, self._rate_of(pcm, given))
        return True

    async def play(self, pcm: Pcm, given: Format | None = None) -> bool:
        """Say audio and wait until all of it has been sent.

        Returns:
            False when `flush` has dropped some of it.

        Raises:
            CallOver: the call ended before.
        """
        flushes = self._outbox.flushes
        await self.write(pcm, given)
        return await self.drain() if flushes == self._outbox.flushes else False

    async def drain(self) -> bool:
        """Wait until all that was written has been sent.

        Returns:
            False when `flush` has dropped some of it.

        Raises:
            CallOver: the call ended before.
        """
        await trio.lowlevel.checkpoint()
        self._must_be_connected()
        played = await self._all_sent()
        if not played:
            self._must_be_connected()
        return played

    def mark(self) -> Mark:
        """Mark the end of what was written so far; `Mark.wait` waits until it has been sent."""
        return self._outbox.mark()

    def flush(self) -> float:
        """Drop what was written and not sent, as when the caller interrupts.

        Writes that wait return. What has been sent cannot be taken back: the far jitter buffer
        plays 40 to 200 ms of it.

        Returns:
            The seconds that were dropped.
        """
        return self._outbox.flush()

    def pause(self) -> None:
        """Send silence in place of what was written, until `resume`."""
        self._outbox.paused = True

    def resume(self) -> None:
        """Go on where `pause` has stopped."""
        self._outbox.paused = False

    @property
    def paused(self) -> bool:
        """Whether `pause` holds."""
        return self._outbox.paused

    @property
    def played_s(self) -> float:
        """The seconds of what was written that have been sent. Silence in between does not count."""
        return self._outbox.frames_said / FRAMES_PER_S

    @property
    def queued_s(self) -> float:
        """The seconds of what was written that wait to be sent."""
        return self._outbox.queued_s

    # The end.

    async def hangup(self, *, now: bool = False) -> None:
        """End the call so that the dialplan goes on: play out, `00 00 00`, shutdown, drain, close.

        Returns when the connection is closed. Nothing happens when the call is over already.

        Args:
            now: drop what was written and not sent; otherwise it is played out, unless paused.
        """
        if self.connected and not self._leaving and not now:
            self._leaving = True
            await self._play_out()
        await self.close()

    async def wait_end(self) -> str:
        """Wait until the call is over; return the reason."""
        await self._over.wait()
        return self._reason or ""

    async def close_when_over(self) -> None:
        """Close the connection as soon as the call is over: `serve` keeps this running.

        A program may go on for long after its caller, and a peer that has closed must not be left
        with half a connection.
        """
        await self._over.wait()
        await self.close()

    async def close(self) -> None:
        """Hang up at once and close the connection; within a second, and even when cancelled."""
        self._end(HUNG_UP)
        self._clock.remove(self._line)
        with trio.move_on_after(2 * DRAIN_S, shield=True):
            if self._closing:
                await self._closed.wait()
                return
            self._closing = True
            try:
                await self._line.finish()
            finally:
                self._closed.set()

    # Within.

    def _must_be_connected(self) -> None:
        if self._leaving or self._reason is not None:
            raise CallOver(self._reason or HUNG_UP)

    def _rate_of(self, pcm: Pcm, given: Format) -> int:
        """The rate of what is written."""
        if given.rate_hz:
            return given.rate_hz
        return (isinstance(pcm, Frame) and pcm.rate_hz) or self.rate_hz

    def _step(self, given: Format) -> int:
        """How many bytes are converted at once: half of what is taken in advance."""
        frames = max(_frames(self._settings.ahead_s) // 2, 1)
        return frames * given.frame_bytes(self.rate_hz)

    async def _all_sent(self) -> bool:
        self._outbox.end_phrase()
        return await self._outbox.mark().wait()

    async def _play_out(self) -> None:
        if self.paused:
            self.flush()
        if await self._all_sent():
            with trio.move_on_at(self._source.said_s + PLAYOUT_S):
                await self._over.wait()

    def _on_event(self, event: LineEvent) -> None:
        match event:
            case KeyPressed(digit, at_s):
                self._inbox.keys.put(KeyPressed(digit, at_s - self.began_s))
            case RateChanged(rate_hz):
                if self._settings.out_rate_hz is None:
                    self._outbox.rate_hz = rate_hz
            case Ended(reason):
                self._clock.remove(self._line)
                self._end(CALLER_HUNG_UP if reason == "peer reset" else reason)

    def _on_fault(self, error: Exception) -> None:
        """The heartbeat has met a fault of ours, and has let go of the line."""
        log.error("connection.fault", peer=str(self.peer.host), exc_info=error)
        self._end(FAULT)

    def _end(self, reason: str) -> None:
        if self._reason is None:
            self._reason = reason
            self._inbox.close()
            self._outbox.close()
            self._over.set()


class Keys:
    """The keys of a call, one after the other; each is told once, whoever asks."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        """Iterate over the keys of `call`."""
        self._call = call

    def __aiter__(self) -> "Keys":
        """Iterate until the call is over."""
        return self

    async def __anext__(self) -> KeyPressed:
        """Return the next key."""
        key = await self._call.read_key()
        if key is None:
            raise StopAsyncIteration
        return key


class _Source:
    """Where the line takes its frames."""

    __slots__ = ("_outbox", "line", "said_s")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.line: Line | None = None
        self.said_s = float("-inf")
        """When the last frame that is not silence was taken."""

    def next_frame(self, rate_hz: int) -> bytes | None:
        """Return a frame, and let the line go over to its rate."""
        entry = self._outbox.next_frame()
        frame_hz, pcm = entry or (self._outbox.rate_hz, None)
        if frame_hz != rate_hz and self.line is not None:
            self.line.out_rate_hz = frame_hz
        if pcm is not None:
            self.said_s = trio.current_time()
        return pcm


def _frames(seconds: float) -> int:
    return max(round(seconds * FRAMES_PER_S), 1)


def _pieces(pcm: Pcm, size: int) -> Iterator[bytes]:
    if len(pcm) <= size and isinstance(pcm, bytes):
        yield pcm
        return
    view = memoryview(pcm).cast("B")
    for start in range(0, len(view), size):
        yield bytes(view[start : start + size])
