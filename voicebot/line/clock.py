"""The media clock: one heartbeat, every 20 ms, that serves every line.

Lives here: when the beats are, what happens after a stall, and what becomes of a line that raises.
Must not know: sockets, audio, calls, or what a line does.

Beats are at whole multiples of 20 ms of the time itself, so no deadline ever depends on when an
earlier one was met.  All lines share one beat.  Measured with 200 lines: waking up costs as much as
ten to twenty lines do, so ten phases of 2 ms took a quarter more processor time than two, and two a
tenth more than one; the last of 200 frames leaves 3 to 4 ms after the first.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
import trio

from voicebot.line.audio import FRAME_S

log = structlog.get_logger()

# After a stall a line sends what it missed, but no more than a far jitter buffer of 60 ms can hold.
CATCH_UP_BEATS = 3

_BIN_S = 0.0001
_BINS = 1000


class Served(Protocol):
    """What the clock serves: a `Line`."""

    def listen(self, now_s: float) -> None:
        """Take in what came in 20 ms, without waiting."""

    def speak(self) -> None:
        """Give out 20 ms, without waiting."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the beats were, counted once for each line.

    `skipped` counts those that a stall has cost: they never came.
    """

    beats: int
    skipped: int
    p50_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class _Member:
    line: Served
    listen: Callable[[float], None]
    speak: Callable[[], None]
    """Its own, looked up once."""
    on_fault: Callable[[Exception], None]


class MediaClock:
    """Serves each of its lines once every 20 ms.

    `tick` is plain: a test may call it with any time. `run` calls it when it is due.
    """

    def __init__(self, now: Callable[[], float] = trio.current_time) -> None:
        """Read the time, in seconds, from `now`."""
        self._now = now
        # Replaced, never changed: a line may be added or removed from within a beat.
        self._members: tuple[_Member, ...] = ()
        self._next_beat = 0
        self._nap: trio.CancelScope | None = None
        self._histogram = [0] * _BINS
        self._max_late_s = 0.0
        self._skipped = 0

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self._members)

    def add(self, line: Served, on_fault: Callable[[Exception], None]) -> None:
        """Serve a line from the next beat on.

        Args:
            on_fault: called with what the line raised, after the line has been removed.

        Raises:
            ValueError: the clock has this line already.
        """
        if any(member.line is line for member in self._members):
            raise ValueError("this line is on the clock already")
        if not self._members:
            self._next_beat = math.floor(self._now() / FRAME_S) + 1
        self._members += (_Member(line, line.listen, line.speak, on_fault),)
        if self._nap is not None:
            self._nap.deadline = self._deadline_s()

    def remove(self, line: Served) -> None:
        """Stop serving a line. Nothing happens if the clock does not have it (any more)."""
        self._members = tuple(member for member in self._members if member.line is not line)

    def tick(self, now_s: float) -> None:
        """Serve every beat whose time has come, in the order of time.

        A line that raises is removed and its `on_fault` called; the others do not notice.
        """
        self._skip_lost_beats(now_s)
        while self._members and self._next_beat * FRAME_S <= now_s:
            self._count(now_s - self._next_beat * FRAME_S)
            self._next_beat += 1
            # First all listen, then all speak: each loop stays in the processor's cache, and the
            # frames of a beat leave close together.
            for member in self._members:
                try:
                    member.listen(now_s)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is that line's alone
                    self._fault(member, error)
            for member in self._members:
                try:
                    member.speak()
                except Exception as error:  # noqa: BLE001 - as above
                    self._fault(member, error)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the heartbeat until cancelled. Sleeps while there are no lines."""
        task_status.started()
        while True:
            # Not `sleep_until`: a line may be added while there is none.
            with trio.CancelScope(deadline=self._deadline_s()) as self._nap:
                await trio.sleep_forever()
            self.tick(self._now())

    @property
    def lateness(self) -> Lateness:
        """How late the beats so far were."""
        return Lateness(
            beats=sum(self._histogram),
            skipped=self._skipped,
            p50_s=self._percentile_s(0.50),
            p99_s=self._percentile_s(0.99),
            max_s=self._max_late_s,
        )

    def _deadline_s(self) -> float:
        """Return when the next beat is due."""
        return self._next_beat * FRAME_S if self._members else math.inf

    def _skip_lost_beats(self, now_s: float) -> None:
        """Give up what a stall has cost beyond what may be caught up with."""
        first = math.floor(now_s / FRAME_S) - CATCH_UP_BEATS + 1
        if self._members and first > self._next_beat:
            self._skipped += (first - self._next_beat) * len(self._members)
            self._next_beat = first

    def _fault(self, member: _Member, error: Exception) -> None:
        self.remove(member.line)
        try:
            member.on_fault(error)
        except Exception:
            log.exception("clock.fault_not_taken")

    def _count(self, late_s: float) -> None:
        self._histogram[min(int(late_s / _BIN_S), _BINS - 1)] += len(self._members)
        self._max_late_s = max(self._max_late_s, late_s)

    def _percentile_s(self, share: float) -> float:
        """Return how late this share of the beats was at most, to a bin."""
        left = share * sum(self._histogram)
        for index, beats in enumerate(self._histogram):
            left -= beats
            if left <= 0:
                return (index + 1) * _BIN_S if beats else 0.0
        return _BINS * _BIN_S
