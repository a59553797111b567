"""What the program reads: frames of 20 ms in the form that it wants.

Lives here: conversion of what was heard, and what a frame tells beside its bytes. Must not know:
sockets, queues, tasks.
"""

from voicebot.audiosocket.formats import Format, FromLine
from voicebot.audiosocket.inbox import Heard
from voicebot.line.audio import Rechunker


class Frame(bytes):
    """20 ms of the caller. An empty frame is false: the call is over.

    Where the rate is converted, frames do not begin where the line's did; what is told of them is
    told of the latest 20 ms of the line that are in them.
    """

    gap: bool
    """The caller's audio has stopped, and these 20 ms are our silence, not his."""
    at_s: float
    """Seconds from the identifier until it came."""
    rate_hz: int

    def __new__(
        cls, data: bytes = b"", *, gap: bool = False, at_s: float = 0.0, rate_hz: int = 0
    ) -> "Frame":
        """Make a frame of bytes."""
        frame = super().__new__(cls, data)
        frame.gap, frame.at_s, frame.rate_hz = gap, at_s, rate_hz
        return frame


class Cutter:
    """Turns what is heard in one call into frames of one format."""

    def __init__(self, wanted: Format, began_s: float) -> None:
        """Make frames of `wanted`; their times count from `began_s`."""
        self.wanted = wanted
        self._began_s = began_s
        self._line_hz = 0
        self._stream: FromLine | None = None
        self._rechunker = Rechunker(1)
        self._latest: Heard | None = None

    def push(self, heard: Heard) -> list[Frame]:
        """Return the frames that are whole now; none at first where the rate is converted."""
        frames = []
        if self._stream is None or heard.rate_hz != self._line_hz:
            frames = self.finish()
            self._line_hz = heard.rate_hz
            self._stream = FromLine(self.wanted, heard.rate_hz)
            self._rechunker = Rechunker(self.wanted.frame_bytes(heard.rate_hz))
        self._latest = heard
        return frames + self._framed(self._stream.push(heard.pcm))

    def finish(self) -> list[Frame]:
        """Return what is still held back, without padding. A new stream begins after that."""
        if self._stream is None:
            return []
        frames = self._framed(self._stream.finish())
        rest = self._rechunker.rest()
        if rest:
            frames.append(self._frame(rest))
        self._stream = None
        return frames

    def _framed(self, data: bytes) -> list[Frame]:
        return [self._frame(piece) for piece in self._rechunker.push(data)]

    def _frame(self, data: bytes) -> Frame:
        heard = self._latest
        if heard is None:
            return Frame(data)
        rate_hz = self.wanted.rate_hz or heard.rate_hz
        at_s = heard.at_s - self._began_s
        return Frame(data, gap=heard.gap, at_s=at_s, rate_hz=rate_hz)
