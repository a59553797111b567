"""Virtual time for a call: it stands still while anybody works, and goes on frame by frame.

Knows trio's clock and scheduler.  Must not know calls or lines.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager
from typing import Final

import trio
from trio._core import (
    _run as scheduler,
)  # there is no public way to an order of tasks, see in_order
from trio.testing import MockClock, wait_all_tasks_blocked

THREAD_S: Final = 0.001
"""Of real time, between two looks whether a worker thread is done."""


class VirtualTime:
    """The clock of one call; hand `clock` to `trio.run`."""

    def __init__(self) -> None:
        self.clock = MockClock()

    def now(self) -> float:
        return self.clock.current_time()

    async def go_on_to(self, time_s: float) -> None:
        """Let the time be `time_s`, and all that was due by then happen."""
        self.clock.jump(time_s - self.now())
        await settled()


async def settled() -> None:
    """Wait until every task waits for something that only time or the caller can bring."""
    await wait_all_tasks_blocked()
    limiter = trio.to_thread.current_default_thread_limiter()
    while limiter.borrowed_tokens:
        # A file is read or written off the clock's thread: that takes no time of the call.
        await wait_all_tasks_blocked(THREAD_S)


class _Unmoved(random.Random):
    """Tosses no coin about the order of trio's tasks: the batch is taken from its end, oldest first."""

    def shuffle(self, x: MutableSequence[object]) -> None:
        x.reverse()


@contextmanager
def in_order() -> Iterator[None]:
    """Let trio run what is ready at the same moment in the order in which the tasks were born.

    By itself it tosses a coin, so that nobody relies on an order.  What happens in one beat of a
    call (a timer and the end of an utterance, say) is one or the other in life, too; a rehearsal
    has to be the same every time.  The names are those that trio keeps for Hypothesis.
    """
    ours = {"_ALLOW_DETERMINISTIC_SCHEDULING": True, "_r": _Unmoved()}
    before = {name: getattr(scheduler, name) for name in ours}
    for name, value in ours.items():
        setattr(scheduler, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(scheduler, name, value)
