"""What became of the latest calls: kept for a while, and not without bound."""

from uuid import UUID

from voicebot.pbx.finished import KEPT_S, MOST, Finished

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
