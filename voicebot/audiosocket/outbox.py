"""What is to be said: whole frames in order, and marks between them.

Lives here: conversion to the line's rate, cutting into frames, what happens when the program is late,
flush and pause. Must not know: sockets, when the next frame is due, what is heard.

The program writes pieces of any length, and the heartbeat takes one frame every 20 ms. A piece may
end within a frame: the rest of the frame is waited for, as the next piece mostly follows at once.
Only when nothing is left to say for 60 ms is it padded with silence and said.
"""

import threading
from collections import deque
from collections.abc import Iterable

import trio

from voicebot.audiosocket.formats import Format, ToLine
from voicebot.line.audio import FRAME_S, Rechunker, frame_bytes

# A program that echoes or streams is late by less; the end of a phrase is late by this.
TAIL_BEATS = 3


class Mark:
    """A place in what is said. `played` is None until it has been reached or dropped."""

    __slots__ = ("_reached", "played")

    def __init__(self) -> None:
        """Not reached yet."""
        self.played: bool | None = None
        self._reached = trio.Event()

    async def wait(self) -> bool:
        """Wait until all before the mark has been sent.

        The far phone plays it 40 to 200 ms later: its jitter buffer tells nobody.

        Returns:
            False when something before it was dropped: flushed, or the call is over.
        """
        await self._reached.wait()
        return bool(self.played)

    def resolve(self, *, played: bool) -> None:
        """Tell those who wait. Only the first time counts."""
        if self.played is None:
            self.played = played
            self._reached.set()


class Outbox:
    """Where a call takes the frames that it says."""

    __slots__ = (
        "_ahead",
        "_closed",
        "_cut_hz",
        "_dry_beats",
        "_frames",
        "_given",
        "_lock",
        "_marks",
        "_open",
        "_put",
        "_rechunker",
        "_room",
        "_stream",
        "bytes_said",
        "flushes",
        "frames_said",
        "paused",
        "rate_hz",
    )

    def __init__(self, rate_hz: int, ahead_frames: int) -> None:
        """Say things at `rate_hz`; have room while fewer than `ahead_frames` wait."""
        self.rate_hz = rate_hz
        """At which the next piece is cut into frames. What waits already keeps its own."""
        self.paused = False
        self.flushes = 0
        self.frames_said = 0
        self.bytes_said = 0
        self._ahead = ahead_frames
        self._frames: deque[tuple[int, bytes]] = deque()
        """Rate and PCM."""
        self._put = 0
        """Frames ever put and not dropped: what is said and what waits."""
        self._marks: deque[tuple[int, Mark]] = deque()
        """Each with how many frames must have been said; of a frame that is not whole, too."""
        self._stream: ToLine | None = None
        self._given: tuple[Format, int, int] | None = None
        """What the stream was made for."""
        self._rechunker = Rechunker(frame_bytes(rate_hz))
        self._cut_hz = rate_hz
        self._open = False
        """Something is in the filter, or in a frame that is not whole."""
        self._dry_beats = 0
        self._room: trio.Event | None = None
        self._closed = False
        self._lock = threading.RLock()

    # The program's side.

    @property
    def queued_s(self) -> float:
        """The seconds that wait in whole frames."""
        return len(self._frames) * FRAME_S

    @property
    def has_room(self) -> bool:
        """Whether `room` need not be waited for."""
        return len(self._frames) < self._ahead

    async def room(self) -> None:
        """Wait until there is room, or the outbox is closed."""
        while not self.has_room and not self._closed:
            if self._room is None:
                self._room = trio.Event()
            await self._room.wait()

    def put(self, data: bytes, given: Format, given_rate_hz: int) -> None:
        """Say `data` behind all that waits. Nothing happens once the outbox is closed.

        Of all functions this one may be called from any thread.
        """
        with self._lock:
            if self._closed or not data:
                return
            stream = self._stream_for((given, given_rate_hz, self.rate_hz))
            self._enqueue(self._rechunker.push(stream.push(data)))
            self._open = stream.delays or self._rechunker.pending
            self._dry_beats = 0

    def end_phrase(self) -> None:
        """Nothing follows for now: what is held back is said, padded with silence."""
        with self._lock:
            self._finish_stream()
            self._pad()
            self._open = False
            self._dry_beats = 0
            self._marks = deque((min(position, self._put), mark) for position, mark in self._marks)
            self._pass_marks()

    def mark(self) -> Mark:
        """Mark the end of what was put so far."""
        mark = Mark()
        with self._lock:
            if self._closed:
                mark.resolve(played=False)
            else:
                self._marks.append((self._put + self._open, mark))
                self._pass_marks()
        return mark

    def flush(self) -> float:
        """Drop all that waits; return how many seconds that was."""
        with self._lock:
            dropped_s = self.queued_s
            self.flushes += 1
            self._frames.clear()
            self._put = self.frames_said
            self._stream = self._given = None
            self._rechunker.flush()
            self._open = False
        for _, mark in self._marks:
            mark.resolve(played=False)
        self._marks.clear()
        self._make_room()
        return dropped_s

    def close(self) -> None:
        """The call is over: drop what waits, and take no more."""
        self._closed = True
        self.flush()

    # The line's side.

    def next_frame(self) -> tuple[int, bytes] | None:
        """Return the rate and PCM of the next frame, or None when there is nothing to say now."""
        if self.paused:
            return None
        with self._lock:
            if not self._frames:
                self._run_dry()
                if not self._frames:
                    return None
            rate_hz, pcm = self._frames.popleft()
            self.frames_said += 1
        self.bytes_said += len(pcm)
        self._pass_marks()
        if len(self._frames) <= self._ahead // 2:
            self._make_room()
        return rate_hz, pcm

    def _run_dry(self) -> None:
        if self._open:
            self._dry_beats += 1
            if self._dry_beats >= TAIL_BEATS:
                self.end_phrase()

    def _pass_marks(self) -> None:
        while self._marks and self._marks[0][0] <= self.frames_said:
            self._marks.popleft()[1].resolve(played=True)

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None

    # Between the two.

    def _stream_for(self, given: tuple[Format, int, int]) -> ToLine:
        """Return the converter of this stream, a new one where another form or rate begins."""
        if self._stream is None or given != self._given:
            self._finish_stream()
            self._stream, self._given = ToLine(*given), given
        if self.rate_hz != self._cut_hz:
            self._pad()
            self._cut_hz = self.rate_hz
            self._rechunker = Rechunker(frame_bytes(self.rate_hz))
        return self._stream

    def _finish_stream(self) -> None:
        if self._stream is not None:
            self._enqueue(self._rechunker.push(self._stream.finish()))
            self._stream = self._given = None

    def _pad(self) -> None:
        last = self._rechunker.flush()
        if last is not None:
            self._enqueue((last,))

    def _enqueue(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            self._frames.append((self._cut_hz, frame))
            self._put += 1
