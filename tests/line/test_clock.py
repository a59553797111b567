"""The media clock, at made-up times and in virtual time."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from uuid import UUID

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from voicebot.line.audiosocket import Decoder
from voicebot.line.clock import MediaClock
from voicebot.line.line import Line


class Beats:
    """A line that notes when its turn was."""

    def __init__(self) -> None:
        self.at_s: list[float] = []
        self.when_ticked: Callable[[], None] = lambda: None

    def listen(self, now_s: float) -> None:
        self.at_s.append(now_s)

    def speak(self) -> None:
        self.when_ticked()


class Bench:
    """A clock at a made-up time, and the faults it reported."""

    def __init__(self) -> None:
        # Beside the grid, so that no rounding decides what is due.
        self.now_s = 50.0005
        self.clock = MediaClock(lambda: self.now_s)
        self.faults: list[Exception] = []

    def add(self) -> Beats:
        line = Beats()
        self.clock.add(line, self.faults.append)
        return line

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 1000)):
            self.now_s += 0.001
            self.clock.tick(self.now_s)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def fail() -> None:
    raise RuntimeError("this one is broken")


def test_every_line_has_a_beat_every_20_ms(bench: Bench) -> None:
    lines = [bench.add() for _ in range(7)]
    bench.run(1.0)
    for line in lines:
        assert len(line.at_s) == 50
        assert line.at_s[0] - 50.0 <= 0.0211
        assert [at_s - line.at_s[0] for at_s in line.at_s] == pytest.approx(
            [n * 0.02 for n in range(50)]
        )


def test_all_lines_listen_before_one_speaks(bench: Bench) -> None:
    lines = [bench.add() for _ in range(3)]
    heard: list[int] = []
    lines[0].when_ticked = lambda: heard.append(sum(len(line.at_s) for line in lines))
    bench.run(0.02)
    assert heard == [3]


def test_a_removed_line_has_no_more_beats(bench: Bench) -> None:
    line, other = bench.add(), bench.add()
    bench.run(0.1)
    bench.clock.remove(line)
    bench.clock.remove(line)
    bench.run(0.1)
    assert len(line.at_s) == 5
    assert len(other.at_s) == 10
    assert len(bench.clock) == 1


def test_a_line_is_added_once(bench: Bench) -> None:
    line = bench.add()
    with pytest.raises(ValueError, match="already"):
        bench.clock.add(line, bench.faults.append)


@pytest.mark.parametrize("stall_s", [0.02, 0.04, 0.06, 0.1, 5.0])
def test_after_a_stall_at_most_three_beats_are_caught_up_with(bench: Bench, stall_s: float) -> None:
    lines = [bench.add() for _ in range(4)]
    bench.run(0.1)
    bench.now_s += stall_s
    bench.clock.tick(bench.now_s)
    for line in lines:
        assert len(line.at_s) - 5 == min(3, round(stall_s / 0.02))
    assert bench.clock.lateness.beats == sum(len(line.at_s) for line in lines)
    assert bench.clock.lateness.skipped == max(0, round(stall_s / 0.02) - 3) * len(lines)
    # And on at the old pace, on the old grid.
    bench.run(0.2)
    for line in lines:
        assert len(line.at_s) - 15 == min(3, round(stall_s / 0.02))
        assert (line.at_s[-1] - line.at_s[0]) / 0.02 == pytest.approx(14 + round(stall_s / 0.02))


def test_lateness_by_the_histogram(bench: Bench) -> None:
    assert bench.clock.lateness.beats == 0
    assert bench.clock.lateness.p99_s == 0.0
    bench.add()
    due_s = bench.clock._deadline_s()
    for beat in range(100):
        bench.clock.tick(due_s + beat * 0.02 + (0.00755 if beat % 50 == 49 else 0.00035))
    lateness = bench.clock.lateness
    assert lateness.beats == 100
    assert lateness.skipped == 0
    assert lateness.p50_s == pytest.approx(0.0004)
    assert lateness.p99_s == pytest.approx(0.0076)
    assert lateness.max_s == pytest.approx(0.00755)


def test_a_line_that_raises_goes_and_the_others_stay(bench: Bench) -> None:
    lines = [bench.add() for _ in range(8)]
    lines[0].when_ticked = fail
    lines[1].when_ticked = fail
    bench.run(0.1)
    assert [str(fault) for fault in bench.faults] == ["this one is broken"] * 2
    assert [len(line.at_s) for line in lines] == [1, 1, *[5] * (len(lines) - 2)]
    assert len(bench.clock) == len(lines) - 2


def test_a_fault_that_nobody_takes_is_logged(bench: Bench) -> None:
    def on_fault(error: Exception) -> None:
        raise ValueError("and the call is broken too") from error

    line, other = Beats(), bench.add()
    line.when_ticked = fail
    bench.clock.add(line, on_fault)
    with capture_logs() as logs:
        bench.run(0.1)
    assert [entry["event"] for entry in logs] == ["clock.fault_not_taken"]
    assert len(other.at_s) == 5


def test_lines_come_and_go_from_within_a_beat(bench: Bench) -> None:
    lines = [bench.add() for _ in range(4)]
    new: list[Beats] = []

    def swap() -> None:
        if not new:
            new.append(bench.add())
            for line in lines[1:]:
                bench.clock.remove(line)

    lines[0].when_ticked = swap
    bench.run(0.2)
    assert len(lines[0].at_s) == 10
    assert len(new[0].at_s) == 9  # from the next beat on
    assert all(len(line.at_s) <= 1 for line in lines[1:])


def test_after_an_idle_hour_nothing_is_late(bench: Bench) -> None:
    first = bench.add()
    bench.run(0.1)
    bench.clock.remove(first)
    bench.now_s += 3600
    line = bench.add()
    bench.run(0.1)
    assert len(line.at_s) == 5
    assert bench.clock.lateness.skipped == 0
    assert bench.clock.lateness.max_s < 0.001


# In virtual time.


async def test_run_keeps_absolute_deadlines(autojump_clock: trio.testing.MockClock) -> None:
    clock = MediaClock()
    lines = [Beats() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        await nursery.start(clock.run)
        for line in lines:
            clock.add(line, lambda error: None)
        begin_s = trio.current_time()
        await trio.sleep(10.001)
        nursery.cancel_scope.cancel()
    for line in lines:
        assert len(line.at_s) == 500
        assert line.at_s[0] - begin_s <= 0.02
        assert line.at_s[-1] - line.at_s[0] == pytest.approx(499 * 0.02)
    assert clock.lateness.max_s < 1e-6
    assert autojump_clock.autojump_threshold == 0


async def test_run_serves_a_line_that_comes_while_it_sleeps(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    clock = MediaClock()
    async with trio.open_nursery() as nursery:
        await nursery.start(clock.run)
        # Without a line it sleeps for good.
        await trio.sleep(3600)
        for _ in range(3):
            line = Beats()
            begin_s = trio.current_time()
            clock.add(line, lambda error: None)
            await trio.sleep(0.0201)
            assert len(line.at_s) in {1, 2}
            assert line.at_s[0] - begin_s <= 0.02
            await trio.sleep(0.0033)
        nursery.cancel_scope.cancel()


async def test_real_lines_on_a_real_clock() -> None:
    """Not virtual: a hundred lines for half a second, each frame counted at its far end."""
    clock = MediaClock()
    with ExitStack() as stack:
        peers: list[socket.socket] = []
        async with trio.open_nursery() as nursery:
            await nursery.start(clock.run)
            begin_s = trio.current_time()
            for number in range(100):
                ours, peer = map(stack.enter_context, socket.socketpair())
                ours.setblocking(False)
                peers.append(peer)
                line = Line(
                    ours,
                    UUID(int=number),
                    decoder=Decoder(),
                    source=Quiet(),
                    ear=Quiet(),
                    on_event=lambda event: None,
                    rate_hz=None,
                    now_s=trio.current_time(),
                )
                clock.add(line, lambda error: None)
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()
        beats = int((trio.current_time() - begin_s) / 0.02)
        for peer in peers:
            frames = len(peer.recv(1 << 20)) / 323
            # Fewer only by what a busy machine has cost.
            assert beats - 10 <= frames <= beats + 2


class Quiet:
    """Says nothing, and does not listen."""

    def next_frame(self, rate_hz: int) -> bytes | None:
        del rate_hz
        return None

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        """Forget it."""
