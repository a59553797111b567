"""What leaves next: the queue of clips that a line's `Source` is.

Knows clips, their order, pausing and that a clip may still be in the making.  Must not know where
clips come from, the line or the dialogue.  The media clock asks it 50 times a second for each call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicebot.speaking.prompts import Clip


class Slot:
    """A place in the queue.  Empty until its clip is made; without one it is passed over."""

    __slots__ = ("clip", "ready", "secret")

    def __init__(self, clip: Clip | None = None, *, secret: bool = False) -> None:
        self.clip = clip
        self.ready = clip is not None
        self.secret = secret

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

    __slots__ = (
        "_at",
        "_flowing",
        "_frames",
        "_on_finished",
        "_on_started",
        "_paused",
        "_rate_hz",
        "_slots",
        "_sounding",
    )

    def __init__(self, on_started: Callable[[], None], on_finished: Callable[[], None]) -> None:
        self._on_started = on_started
        self._on_finished = on_finished
        self._slots: deque[Slot] = deque()
        self._frames: Sequence[bytes] = ()
        """The first slot's clip at `_rate_hz`; empty until its first frame is asked for."""
        self._at = 0
        """How many of them have left."""
        self._rate_hz = 0
        self._sounding = self._paused = False
        self._flowing = False
        """Frames are there, have been told of, and may leave: all that most ticks need to know."""

    @property
    def busy(self) -> bool:
        """Whether there is something to say, even if it is paused or still in the making."""
        return bool(self._slots)

    @property
    def secret(self) -> bool:
        """Whether what `next_frame` gives next must not be recorded."""
        for slot in self._slots:
            has_sound = slot.clip is not None and slot.clip.master
            if slot.secret or has_sound or not slot.ready:
                return slot.secret
        return False

    def add(self, clip: Clip | None = None, *, secret: bool = False) -> Slot:
        """Queue a clip, or a place for one that is still to be made."""
        slot = Slot(clip, secret=secret)
        self._slots.append(slot)
        return slot

    def clips(self) -> list[Clip]:
        """All clips that have not wholly left."""
        return [slot.clip for slot in self._slots if slot.clip is not None]

    @property
    def paused(self) -> bool:
        """Whether what is queued waits; `clear` ends it, too."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused, self._flowing = paused, False

    def clear(self) -> None:
        """Forget what was still to be said."""
        self._slots.clear()
        self._frames, self._at = (), 0
        self._paused = self._sounding = self._flowing = False

    def next_frame(self, rate_hz: int) -> bytes | None:
        """The next 20 ms, or None: nothing to say, paused, or not made yet."""
        if not (self._flowing and rate_hz == self._rate_hz) and not self._flow(rate_hz):
            return None
        frame = self._frames[self._at]
        self._at += 1
        if self._at == len(self._frames):
            self._next_slot()
        return frame

    def _flow(self, rate_hz: int) -> bool:
        """Have frames ready at this rate; False while there are none to play."""
        if self._paused or not self._load(rate_hz):
            return False
        if not self._sounding:
            self._sounding = True
            self._on_started()
        self._flowing = True
        return True

    def _load(self, rate_hz: int) -> bool:
        while self._slots:
            slot = self._slots[0]
            if not slot.ready:
                return False
            self._frames = slot.clip.frames(rate_hz) if slot.clip is not None else ()
            self._rate_hz = rate_hz
            if len(self._frames) > self._at:
                return True
            self._next_slot()
        return False

    def _next_slot(self) -> None:
        self._slots.popleft()
        self._frames, self._at = (), 0
        self._flowing = False
        if not self._slots:
            self._sounding = False
            self._on_finished()
