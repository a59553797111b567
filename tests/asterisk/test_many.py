"""Many short calls through a real Asterisk leave nothing behind: no channel, connection, task, file, worker or memory.

`python -m tests.bench many` does the same with a thousand calls, two hundred at once.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.bot import Bot, running_bot

from .bed import Bed
from .many import COUNTED, Load, Outcome, many_calls, write_many

pytestmark = [pytest.mark.asterisk, pytest.mark.models, pytest.mark.slow]

LOAD = Load(calls=120, at_once=40, a_second=30.0, stay_s=3.0, patience_s=2)
WARM_UP = 60


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with running_bot(write_many(tmp_path_factory.mktemp("many"), LOAD), COUNTED) as running:
        yield running


@pytest.fixture(scope="module")
def outcome(bed: Bed, bot: Bot) -> Outcome:
    return many_calls(bed, bot, LOAD, WARM_UP)


def test_every_call_is_answered_heard_and_ended(outcome: Outcome) -> None:
    assert len(outcome.visits) == LOAD.calls
    assert not Counter(visit.failed for visit in outcome.failed)
    assert not outcome.unheard
    assert outcome.peak >= LOAD.at_once / 2
    # Who leaves at once may be gone before the voicebot knows of him; nobody else is.
    at_once = sum(visit.plan.leaves_s == 0 for visit in outcome.visits)
    assert LOAD.calls - at_once <= sum(outcome.ended.values()) <= LOAD.calls
    assert set(outcome.ended) <= {"bot hung up", "caller hung up", "peer reset"}


def test_no_channel_and_no_connection_stays(outcome: Outcome) -> None:
    assert outcome.after.channels == 0
    assert set(outcome.after.connections) == {"LISTEN"}


def test_no_task_and_nothing_of_a_call_stays(outcome: Outcome) -> None:
    assert outcome.after.counted == outcome.before.counted
    assert {name: count for name, count in outcome.after.counted.items() if count} == {
        "tasks": outcome.before.counted["tasks"]
    }


def test_no_file_no_worker_and_no_memory_is_lost(outcome: Outcome) -> None:
    before, after = outcome.before.daemon, outcome.after.daemon
    assert after.files <= before.files
    assert after.processes == before.processes
    assert outcome.memory_grown < 0.05, (before, after)


def test_nothing_went_wrong_in_any_call(outcome: Outcome, bot: Bot) -> None:
    assert outcome.visits
    assert [line for line in bot.log if "fault" in line["event"] or not line["event"]] == []
