"""What became of the latest calls: kept for a while, and not without bound."""

from uuid import UUID

import trio
import trio.testing

from voicebot.pbx.finished import KEPT_S, Finished
from voicebot.pbx.latest import MOST

ONE, TWO = UUID(int=1), UUID(int=2)
HANGUP, TRANSFER = {"VOICEBOT_RESULT": "hangup"}, {"VOICEBOT_RESULT": "transfer"}


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_results_are_there_until_their_time_is_over() -> None:
    clock = Clock()
    finished = Finished(clock)
    finished.put(ONE, HANGUP)
    clock.now_s = KEPT_S - 1
    finished.put(TWO, TRANSFER)
    assert finished.get(ONE) == HANGUP
    assert finished.get(ONE) == HANGUP  # asked twice
    clock.now_s = KEPT_S + 1
    assert finished.get(ONE) is None
    assert finished.get(TWO) == TRANSFER
    assert len(finished) == 1


def test_the_last_results_of_a_call_count_and_no_later_change_of_them() -> None:
    finished = Finished(Clock())
    results = dict(HANGUP)
    finished.put(ONE, TRANSFER)
    finished.put(ONE, results)
    results["VOICEBOT_RESULT"] = "changed"
    assert finished.get(ONE) == HANGUP


def test_the_oldest_give_way() -> None:
    finished = Finished(Clock())
    for n in range(MOST + 10):
        finished.put(UUID(int=n), HANGUP)
    assert len(finished) == MOST
    assert finished.get(UUID(int=9)) is None
    assert finished.get(UUID(int=MOST + 9)) == HANGUP


async def test_who_asks_too_early_waits() -> None:
    finished = Finished()
    woken: list[UUID] = []

    async def wait(uuid: UUID) -> None:
        await finished.wait(uuid)
        woken.append(uuid)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            for uuid in (ONE, ONE, TWO):
                nursery.start_soon(wait, uuid)
            await trio.testing.wait_all_tasks_blocked()
            finished.put(ONE, HANGUP)
            await trio.testing.wait_all_tasks_blocked()
            assert woken == [ONE, ONE]
            await finished.wait(ONE)  # it is there already
            nursery.cancel_scope.cancel()
    assert finished.get(TWO) is None
    assert not finished._awaited
