"""What leaves next: the queue of clips that a line's `Source` is.

Knows clips, their order, their marks, who may interrupt each, pausing, where to go on after a pause,
and that a clip may still be in the making.  Must not know where clips come from, the line or the
dialogue.  The media clock asks it 50 times a second for each call.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from voicebot.flow.model import BargeIn
from voicebot.line.audio import FRAME_S
from voicebot.speaking.loudness import faded

if TYPE_CHECKING:
    from voicebot.speaking.prompts import Clip

FURTHEST_BACK: Final = 300
"""Frames.  Who speaks for longer without a pause is not begun anew: six seconds once more are not
what anybody waits for."""


HEARD_OUT_S: Final = 0.3
"""Who hears so much less of what is said has heard it."""

LEFT_FRAMES: Final = 40
"""What has left in the last 0.8 s: its echo comes after 0.4 s, at the most, and a network."""


class Slot:
    """A place in the queue.  Empty until its clip is made; without one it is passed over."""

    __slots__ = ("barge_in", "clip", "ready", "secret")

    def __init__(self, clip: Clip | None, *, secret: bool, barge_in: BargeIn | None) -> None:
        self.clip = clip
        self.ready = clip is not None
        self.secret = secret
        self.barge_in = barge_in

    def fill(self, clip: Clip | None) -> None:
        """Give the clip, or None when there will be none."""
        self.clip = clip
        self.ready = True


def _nobody(_name: str = "") -> None:
    """Is not told."""


class Playback:
    """A line's `Source`.

    Args, all of them called within the media clock:
        on_started: with the first frame after a silence.
        on_finished: once the last frame of the queue has left.
        on_mark: with the first frame behind a mark.
        on_barge_in: when `barge_in` is another one, because what is played is.
    """

    __slots__ = (
        "_at",
        "_fading",
        "_flowing",
        "_frames",
        "_gone_s",
        "_leaves",
        "_marks",
        "_on_barge_in",
        "_on_finished",
        "_on_mark",
        "_on_started",
        "_paused",
        "_rate_hz",
        "_rising",
        "_slots",
        "_sounding",
        "_stop",
        "left",
    )

    def __init__(
        self,
        on_started: Callable[[], None],
        on_finished: Callable[[], None],
        on_mark: Callable[[str], None] = _nobody,
        on_barge_in: Callable[[], None] = _nobody,
    ) -> None:
        self._on_started = on_started
        self._on_finished = on_finished
        self._on_mark = on_mark
        self._on_barge_in = on_barge_in
        self._slots: deque[Slot] = deque()
        self._frames: Sequence[bytes] = ()
        """The first slot's clip at `_rate_hz`; empty until its first frame is asked for."""
        self._at = 0
        """How many of them have left."""
        self._stop = 0
        """So many of them leave before there is something else to do: a mark, or the end."""
        self._marks: tuple[tuple[int, str], ...] = ()
        """The marks in them, each with how many of them have left when it is passed."""
        self._gone_s = 0.0
        """How much has left of the queue before the first slot."""
        self._rate_hz = 0
        self._sounding = self._paused = False
        self._flowing = False
        """Frames are there, have been told of, and may leave: all that most ticks need to know."""
        self._fading: bytes | None = None
        """What still leaves of a paused clip, so that it does not end with a click."""
        self._rising = False
        """The next frame comes after a pause."""
        self.left: deque[bytes | None] = deque(maxlen=LEFT_FRAMES)
        """The last that `next_frame` gave: what may come back as an echo."""
        self._leaves = self.left.append

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

    @property
    def barge_in(self) -> BargeIn | None:
        """Who may interrupt what is said now, as it says itself."""
        return BargeIn.of_queue([slot.barge_in for slot in self._slots])

    def add(
        self, clip: Clip | None = None, *, secret: bool = False, barge_in: BargeIn | None = None
    ) -> Slot:
        """Queue a clip, or a place for one that is still to be made."""
        slot = Slot(clip, secret=secret, barge_in=barge_in)
        self._slots.append(slot)
        return slot

    def clips(self) -> list[Clip]:
        """All clips that have not wholly left."""
        return [slot.clip for slot in self._slots if slot.clip is not None]

    def clear(self) -> None:
        """Forget what was still to be said."""
        self._slots.clear()
        self._frames, self._at, self._gone_s = (), 0, 0.0
        self._paused = self._sounding = self._flowing = self._rising = False
        self._fading = None

    # How much of it ------------------------------------------------------------------------------

    @property
    def remaining_s(self) -> float:
        """How long what is queued still takes; without end while some of it is in the making."""
        if not all(slot.ready for slot in self._slots):
            return math.inf
        return max(0.0, sum(clip.duration_s for clip in self.clips()) - self._at * FRAME_S)

    @property
    def heard_out(self) -> bool:
        """Whether what was queued has as good as been said."""
        return self.remaining_s <= HEARD_OUT_S

    @property
    def heard(self) -> float:
        """Which share of what is queued, as far as it is made, has left since the last silence."""
        gone_s = self._gone_s + self._at * FRAME_S
        whole_s = self._gone_s + sum(clip.duration_s for clip in self.clips())
        return min(gone_s / whole_s, 1.0) if whole_s else 0.0

    # Pausing -------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether what is queued waits; `clear` ends it, too."""
        return self._paused

    def pause(self) -> None:
        """Be silent after the next few milliseconds.  Quick enough for the media clock."""
        if self._flowing and not self._paused:
            self._fading = faded(self._frames[self._at], self._rate_hz, rises=False)
        self._paused, self._flowing = True, False

    def resume(self) -> float:
        """Go on, at the beginning of the clause that the pause came into.

        Returns:
            How many seconds are said again.
        """
        if not self._paused:
            return 0.0
        self._paused, self._fading, self._rising = False, None, True
        back = self._at - self._clause()
        self._at -= back
        return back * FRAME_S

    def _clause(self) -> int:
        """The frame to go on at: where the clause under way begins, or here between two clauses."""
        clip = self._slots[0].clip if self._slots and not self.heard_out else None
        under_way = (
            (begin for begin, end in clip.clauses if begin <= self._at < end) if clip else ()
        )
        begin = next(iter(under_way), self._at)
        return begin if self._at - begin <= FURTHEST_BACK else self._at

    # On the media clock --------------------------------------------------------------------------

    def next_frame(self, rate_hz: int) -> bytes | None:
        """The next 20 ms, or None: nothing to say, paused, or not made yet."""
        if not (self._flowing and rate_hz == self._rate_hz) and not self._flow(rate_hz):
            return self._faded_out(rate_hz)
        frame = self._frames[self._at]
        self._at += 1
        if self._at == self._stop:
            self._reach()
        self._leaves(frame)
        return frame

    def _reach(self) -> None:
        """So many frames have left that something is to be told."""
        for left, name in self._marks:
            if left == self._at:
                self._on_mark(name)
        if self._at == len(self._frames):
            self._next_slot()
        else:
            self._stop = self._next_stop()

    def _next_stop(self) -> int:
        return min([left for left, _ in self._marks if left > self._at], default=len(self._frames))

    def _faded_out(self, rate_hz: int) -> bytes | None:
        fading, self._fading = self._fading, None
        frame = fading if rate_hz == self._rate_hz else None
        self._leaves(frame)
        return frame

    def _flow(self, rate_hz: int) -> bool:
        """Have frames ready at this rate; False while there are none to play."""
        if self._paused or not self._load(rate_hz):
            return False
        if not self._sounding:
            self._sounding = True
            self._on_started()
        if self._rising:
            self._rising = False
            first = faded(self._frames[self._at], rate_hz, rises=True)
            self._frames = (*self._frames[: self._at], first, *self._frames[self._at + 1 :])
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
                self._marks = slot.clip.marks_in(len(self._frames)) if slot.clip is not None else ()
                self._stop = self._next_stop()
                return True
            for _, name in slot.clip.marks if slot.clip is not None and not self._frames else ():
                self._on_mark(name)
            self._next_slot()
        return False

    def _next_slot(self) -> None:
        barge_in = self.barge_in
        gone = self._slots.popleft()
        self._gone_s += gone.clip.duration_s if gone.clip is not None else 0.0
        self._frames, self._at = (), 0
        self._flowing = False
        if not self._slots:
            self._sounding, self._gone_s = False, 0.0
            self._on_finished()
        elif self.barge_in is not barge_in:
            self._on_barge_in()
