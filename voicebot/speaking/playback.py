"""What leaves next: the queue of clips that a line's `Source` is.

Knows clips, their order, pausing and that a clip may still be in the making.  Must not know where
clips come from, the line or the dialogue.  The media clock asks it 50 times a second for each call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from voicebot.line.audio import frame_bytes

if TYPE_CHECKING:
    from voicebot.speaking.prompts import Clip


class Slot:
    """A place in the queue.  Empty until its clip is made; without one it is passed over."""

    __slots__ = ("clip", "ready")

    def __init__(self, clip: Clip | None = None) -> None:
        self.clip = clip
        self.ready = clip is not None

    def fill(self, clip: Clip | None) -> None:
        """Give the clip, or None when there will be none."""
        self.clip = clip
        self.ready = True


class Playback:
    """A line's `Source`.

    Args:
        on_started: called within the media clock with the first frame after a silence.
        on_finished: called within the media clock once the last frame of the queue has left.
    """

    __slots__ = ("_at", "_on_finished", "_on_started", "_pcm", "_rate_hz", "_slots", "_sounding",
                 "paused")  # fmt: skip

    def __init__(self, on_started: Callable[[], None], on_finished: Callable[[], None]) -> None:
        self._on_started = on_started
        self._on_finished = on_finished
        self._slots: deque[Slot] = deque()
        self._at = 0
        """Frames of the first slot's clip that have left."""
        self._pcm = b""
        """The first slot's clip at `_rate_hz`; empty until its first frame is asked for."""
        self._rate_hz = 0
        self._sounding = False
        self.paused = False

    @property
    def busy(self) -> bool:
        """Whether there is something to say, even if it is paused or still in the making."""
        return bool(self._slots)

    def add(self, clip: Clip | None = None) -> Slot:
        """Queue a clip, or a place for one that is still to be made."""
        slot = Slot(clip)
        self._slots.append(slot)
        return slot

    def clips(self) -> list[Clip]:
        """All clips that have not wholly left."""
        return [slot.clip for slot in self._slots if slot.clip is not None]

    def clear(self) -> None:
        """Forget what was still to be said."""
        self._slots.clear()
        self._at, self._pcm = 0, b""
        self.paused = self._sounding = False

    def next_frame(self, rate_hz: int) -> bytes | None:
        """The next 20 ms, or None: nothing to say, paused, or not made yet."""
        if not self._slots or self.paused:
            return None
        if (not self._pcm or rate_hz != self._rate_hz) and not self._load(rate_hz):
            return None
        size = frame_bytes(rate_hz)
        start = self._at * size
        frame = self._pcm[start : start + size]
        self._at += 1
        if not self._sounding:
            self._sounding = True
            self._on_started()
        if start + 2 * size > len(self._pcm):
            self._next_slot()
        return frame

    def _load(self, rate_hz: int) -> bool:
        """Have the first slot's clip ready at this rate; False while it is not made."""
        while self._slots:
            slot = self._slots[0]
            if not slot.ready:
                return False
            self._pcm = slot.clip.pcm(rate_hz) if slot.clip is not None else b""
            self._rate_hz = rate_hz
            if len(self._pcm) > self._at * frame_bytes(rate_hz):
                return True
            self._next_slot()
        return False

    def _next_slot(self) -> None:
        self._slots.popleft()
        self._at, self._pcm = 0, b""
        if not self._slots:
            self._sounding = False
            self._on_finished()
