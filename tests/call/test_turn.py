"""A turn's waterfall, and what is made ready before the caller is done."""

from collections.abc import Iterator

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.call.bed import FLOW, Beds, Said, Voice, a_call, logged
from tests.hearing.test_ear import buzz
from voicebot.call.asker import Answer
from voicebot.call.log import CallLog
from voicebot.call.turn import Waterfall
from voicebot.flow import events as ev

HEARD = {"silence": 1.05, "endpoint": 1.12, "text": 1.13}

Logs = list[dict[str, object]]


@pytest.fixture
def logs() -> Iterator[Logs]:
    with structlog.testing.capture_logs() as lines:
        yield lines  # type: ignore[misc]


@pytest.fixture
def turn() -> Waterfall:
    return Waterfall(CallLog(lambda: 0.0, list, None))


def turns(logs: Logs) -> Logs:
    return logged(logs, "call.turn")


def test_speech_is_answered(turn: Waterfall, logs: Logs) -> None:
    turn.speech(1.0, "main", "complete", HEARD)
    turn.decided(1.132)
    turn.says("foreseen")
    turn.says("rendered")  # behind it
    turn.decided(1.2)
    assert turn.running
    turn.answered(1.14)
    turn.answered(1.3)  # the next prompt
    assert turns(logs) == [
        {
            "node": "main",
            "by": "speech",
            "at_s": 1.0,
            "endpoint": "complete",
            "silence_ms": 50,
            "endpoint_ms": 120,
            "text_ms": 130,
            "decided_ms": 132,
            "response_ms": 140,
            "prompt": "foreseen",
        }
    ]


def test_who_interrupts_waits_for_silence_first(turn: Waterfall, logs: Logs) -> None:
    turn.speech(1.0, "main", "complete", HEARD, 60)
    turn.answered(1.14)
    [line] = turns(logs)
    assert (line["stopped_ms"], line["response_ms"]) == (60, 140)


def test_a_key_is_answered(turn: Waterfall, logs: Logs) -> None:
    turn.key(1.0, "main")
    turn.says("rendered")
    turn.decided(1.001)
    turn.answered(1.02)
    [line] = turns(logs)
    stages = {name: ms for name, ms in line.items() if name.endswith("_ms")}
    assert stages == {"decided_ms": 1, "response_ms": 20}
    assert (line["by"], line["endpoint"], line["prompt"]) == ("key", "key", "rendered")


def test_nothing_answers_a_key_that_settles_nothing(turn: Waterfall, logs: Logs) -> None:
    turn.key(1.0, "main")
    turn.forget()
    assert not turn.running
    turn.answered(2.0)
    assert turns(logs) == []


def test_the_wait_for_another_key_is_in_the_waterfall(turn: Waterfall, logs: Logs) -> None:
    turn.key(1.0, "main")
    turn.forget()
    turn.no_more_keys(2.5)
    turn.decided(2.501)
    turn.answered(2.52)
    [line] = turns(logs)
    assert (line["endpoint"], line["endpoint_ms"], line["response_ms"]) == (
        "no more keys",
        1500,
        1520,
    )
    turn.no_more_keys(9.0)  # that of a key that was settled
    assert not turn.running


def test_speech_behind_keys_is_a_turn_of_its_own(turn: Waterfall, logs: Logs) -> None:
    turn.key(1.0, "main")
    turn.forget()
    turn.speech(3.0, "main", "complete", HEARD)
    turn.no_more_keys(3.2)
    turn.answered(3.3)
    assert [line["by"] for line in turns(logs)] == ["speech"]


# In a call -------------------------------------------------------------------------------------

DYNAMIC = """
voicebot: 1
start: main
vars: {count: 0}
on: {failed: {do: [hangup]}}
nodes:
  main:
    - ask: {to: what, type: choice, choices: [sales, service], say: "Your number."}
    - log: "asked for ${what}"
    - tag: {what: "${what}"}
    - http: {post: "http://127.0.0.1:8080/ask", hold: "One moment for ${what}.", to: answer}
    - hangup
"""


async def test_what_will_be_said_is_ready_when_the_caller_is_done(
    beds: Beds, voice: Voice, autojump_clock: MockClock
) -> None:
    bed = beds(DYNAMIC)
    bed.ears.texts = ["sales"]
    bed.server.answers = [Answer(200)]
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(2)
            peer.say = buzz(8000, 30)
            await trio.sleep(3)
            assert bed.notes.of(ev.SpeechHeard)
    assert voice.spoken.count("One moment for sales.") == 1
    [turn] = logged(logs, "call.turn")
    assert (turn["endpoint"], turn["prompt"], turn["node"]) == ("complete", "foreseen", "main")
    assert (
        0
        <= turn["silence_ms"]
        <= turn["endpoint_ms"]
        <= turn["text_ms"]
        <= turn["decided_ms"]
        <= turn["response_ms"]
    )
    assert turn["response_ms"] - turn["decided_ms"] <= 20, "a synthesised clause takes 30 ms"
    assert [fields for name, fields in bed.notes.facts if name == "turn"] == [turn]
    # Nothing but the sound was made beforehand.
    assert len(bed.server.asked) == len(logged(logs, "call.log")) == 1
    assert len(logged(logs, "call.said")) == 2


async def test_the_prompt_that_a_key_stops_in_its_first_beat_is_no_answer_to_it(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(FLOW.replace('"Your number."', '"Your number, ${call.id}."'))
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            peer.press("1")
            await trio.sleep(1)
    [turn] = logged(logs, "call.turn")
    assert turn["at_s"] == pytest.approx(0.0, abs=0.03), "the prompt begins in this beat"
    assert turn["response_ms"] >= 30, "a synthesised clause takes 30 ms"


async def test_the_bot_falls_silent_when_it_is_interrupted(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    bed.ears.texts = ["support"]
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(1)
            spoke_s = trio.current_time()
            peer.say = buzz(8000, 30)
            await trio.sleep(3)
            stopped_s = max(at for at, loud, _ in peer.got if loud and at < spoke_s + 0.5)
    [turn] = logged(logs, "call.turn")
    assert turn["stopped_ms"] == pytest.approx((stopped_s - spoke_s) * 1000, abs=30)


async def test_who_goes_on_has_cost_nothing_but_a_clause(
    beds: Beds, voice: Voice, autojump_clock: MockClock
) -> None:
    bed = beds(DYNAMIC)
    bed.ears.texts = [Said((0.1, "service"), (0.5, "sales"))]
    bed.server.answers = [Answer(200)]
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(2)
            peer.say = buzz(8000, 40)
            await trio.sleep(3)
    assert [text for text in voice.spoken if "moment" in text] == [
        "One moment for service.",
        "One moment for sales.",
    ]
    assert {"text": "One moment for sales."} in logged(logs, "call.said")
    assert logged(logs, "call.log") == [{"text": "asked for sales"}]
    assert bed.call.tags == {"what": "sales"}
    assert "service" not in str(logs)
