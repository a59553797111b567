"""The media clock: one heartbeat, every 20 ms, that serves every line.

Lives here: when a line's turn is, what happens after a stall, and what becomes of a line that
raises. Must not know: sockets, audio, calls, or what a line does.

The 20 ms are cut into phases and the lines spread over them, so that neither the lines nor the
other tasks of the process wait for all lines at once. Phase boundaries lie at whole multiples of
`STEP_S` of the time itself, so no deadline ever depends on when an earlier one was met.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
import trio

from voicebot.line.audio import FRAME_S

log = structlog.get_logger()

# Measured with 200 lines: waking up costs as much as ten to twenty lines do, so 10 phases take a
# quarter more CPU than 2, and a phase of 100 lines is over in two milliseconds.
PHASES = 2
# A new line takes the soonest phase, so that its caller hears something soon, unless that one has so
# many lines more than another: half a millisecond of work.
UNEVEN_LINES = 32
STEP_S = FRAME_S / PHASES

# After a stall a line sends what it missed, but no more than a far jitter buffer of 60 ms can hold.
CATCH_UP_TICKS = 3

_BIN_S = 0.0001
_BINS = 1000


class Ticked(Protocol):
    """What the clock serves: a `Line`."""

    def tick(self, now_s: float) -> None:
        """Do what 20 ms need, without waiting."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the ticks of all lines were, by the beginning of their phase.

    `skipped` counts the ticks that a stall has cost: they never came.
    """

    ticks: int
    skipped: int
    p50_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class _Member:
    line: Ticked
    tick: Callable[[float], None]
    """Its own, looked up once."""
    on_fault: Callable[[Exception], None]


class MediaClock:
    """Serves each of its lines once every 20 ms.

    `tick` is plain: a test may call it with any time. `run` calls it when it is due.
    """

    def __init__(self, now: Callable[[], float] = trio.current_time) -> None:
        """Read the time, in seconds, from `now`."""
        self._now = now
        # Replaced, never changed: a line may be added or removed from within a tick.
        self._phases: list[tuple[_Member, ...]] = [()] * PHASES
        self._phase_of: dict[Ticked, int] = {}
        self._next_step = 0
        self._nap: trio.CancelScope | None = None
        self._histogram = [0] * _BINS
        self._max_late_s = 0.0
        self._skipped = 0

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self._phase_of)

    def add(self, line: Ticked, on_fault: Callable[[Exception], None]) -> None:
        """Serve a line from now on; its first tick is at most 20 ms away.

        Args:
            on_fault: called with what the line's tick raised, after the line has been removed.

        Raises:
            ValueError: the clock has this line already.
        """
        if line in self._phase_of:
            raise ValueError("this line is on the clock already")
        first = self._skip_empty_steps()
        steps = range(first, first + PHASES)
        few = min(map(len, self._phases)) + UNEVEN_LINES
        step = next(step for step in steps if len(self._phases[step % PHASES]) <= few)
        phase = step % PHASES
        self._phase_of[line] = phase
        self._phases[phase] += (_Member(line, line.tick, on_fault),)
        if self._nap is not None:
            self._nap.deadline = min(self._nap.deadline, step * STEP_S)

    def remove(self, line: Ticked) -> None:
        """Stop serving a line. Nothing happens if the clock does not have it (any more)."""
        phase = self._phase_of.pop(line, None)
        if phase is not None:
            members = self._phases[phase]
            self._phases[phase] = tuple(member for member in members if member.line is not line)

    def tick(self, now_s: float) -> None:
        """Serve every phase whose time has come, in the order of time.

        A line that raises is removed and its `on_fault` called; the others do not notice.
        """
        self._skip_lost_steps(now_s)
        while self._next_step * STEP_S <= now_s:
            members = self._phases[self._next_step % PHASES]
            if members:
                self._count(now_s - self._next_step * STEP_S, len(members))
            self._next_step += 1
            for member in members:
                try:
                    member.tick(now_s)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is that line's alone
                    self._fault(member, error)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the heartbeat until cancelled. Sleeps while there are no lines."""
        task_status.started()
        while True:
            # Not `sleep_until`: a line that is added may be due before those that are here.
            with trio.CancelScope(deadline=self._deadline_s()) as self._nap:
                await trio.sleep_forever()
            self.tick(self._now())

    @property
    def lateness(self) -> Lateness:
        """How late the ticks so far were."""
        return Lateness(
            ticks=sum(self._histogram),
            skipped=self._skipped,
            p50_s=self._percentile_s(0.50),
            p99_s=self._percentile_s(0.99),
            max_s=self._max_late_s,
        )

    def _deadline_s(self) -> float:
        """Return when the next line is due."""
        for step in range(self._next_step, self._next_step + PHASES):
            if self._phases[step % PHASES]:
                return step * STEP_S
        return math.inf

    def _skip_empty_steps(self) -> int:
        """Pass over the steps at which nobody was due; return the first that is not yet past."""
        current = math.floor(self._now() / STEP_S) + 1
        while self._next_step < current and not self._phases[self._next_step % PHASES]:
            self._next_step = self._next_step + 1 if self._phase_of else current
        return max(current, self._next_step)

    def _skip_lost_steps(self, now_s: float) -> None:
        """Give up what a stall has cost beyond what may be caught up with."""
        first = math.floor(now_s / STEP_S) - CATCH_UP_TICKS * PHASES + 1
        lost = first - self._next_step
        if lost > 0:
            rounds, rest = divmod(lost, PHASES)
            steps = range(self._next_step, self._next_step + rest)
            self._skipped += rounds * len(self._phase_of)
            self._skipped += sum(len(self._phases[step % PHASES]) for step in steps)
            self._next_step = first

    def _fault(self, member: _Member, error: Exception) -> None:
        self.remove(member.line)
        try:
            member.on_fault(error)
        except Exception:
            log.exception("clock.fault_not_taken")

    def _count(self, late_s: float, ticks: int) -> None:
        self._histogram[min(int(late_s / _BIN_S), _BINS - 1)] += ticks
        self._max_late_s = max(self._max_late_s, late_s)

    def _percentile_s(self, share: float) -> float:
        """Return how late this share of the ticks was at most, to a bin."""
        left = share * sum(self._histogram)
        for index, ticks in enumerate(self._histogram):
            left -= ticks
            if left <= 0:
                return (index + 1) * _BIN_S if ticks else 0.0
        return _BINS * _BIN_S
