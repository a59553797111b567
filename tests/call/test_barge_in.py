"""Who has the floor while a prompt plays: voices with words and without, keys, what was no answer."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.call.bed import (
    FLOW,
    GAP_S,
    PART_S,
    PARTS,
    Bed,
    Beds,
    Peer,
    Said,
    Voice,
    a_call,
    logged,
)
from tests.hearing.test_ear import buzz
from voicebot.call import items
from voicebot.flow import events as ev
from voicebot.hearing.ear import Utterance
from voicebot.hearing.endpoint import Endpointer, Patience
from voicebot.hearing.transcribing import Hearing
from voicebot.line.audio import silence

IN_PARTS = FLOW.replace("A long question.", PARTS)
SECOND_S = PART_S + GAP_S
"""When the second part begins."""
LIST_S = 3 * PART_S + 2 * GAP_S


def says(peer: Peer, *stretches: int) -> None:
    """The caller is loud, silent, loud … for so many frames each."""
    peer.say = []
    for number, frames in enumerate(stretches):
        peer.say += [silence(8000)] * frames if number % 2 else buzz(8000, frames)


def silences(peer: Peer, since_s: float, least_s: float = 0.1) -> list[tuple[float, float]]:
    """When the bot fell silent and for how long, but for the pauses in its prompt."""
    loud = [at for at, is_loud, _ in peer.got if is_loud and at >= since_s]
    gaps = [(a, b - a) for a, b in pairwise(loud) if b - a > least_s]
    return [(a, round(s, 2)) for a, s in gaps if abs(s - GAP_S) > 0.03]


async def spoken_into(
    bed: Bed, said: str | Said, *stretches: int, at_s: float = 2.0, for_s: float = 8.0
) -> tuple[Peer, float, list[Any]]:
    """A caller who speaks into the prompt; the peer, when he began, and the log."""
    bed.ears.texts = [said, *[""] * 9]
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(at_s)
            began_s = trio.current_time()
            says(peer, *stretches)
            await trio.sleep(for_s)
    return peer, began_s, logs


@pytest.mark.parametrize(
    ("said", "why"),
    [("", "nothing heard"), ("[unk]", "nothing heard"), ("please", "nothing heard")],
    ids=["no word", "unknown", "filler"],
)
async def test_a_cough_pauses_the_prompt_and_it_goes_on_from_its_clause(
    beds: Beds, autojump_clock: MockClock, said: str, why: str
) -> None:
    bed = beds(IN_PARTS)
    peer, began_s, logs = await spoken_into(bed, said, 15, for_s=4)
    ((stopped_s, paused_s),) = silences(peer, bed.began_s)
    assert stopped_s - began_s < 0.14
    assert 0.5 <= paused_s <= 1.5
    (resumed,) = logged(logs, "call.resumed")
    assert resumed["why"] in (why, "silent")
    assert resumed["back_ms"] == pytest.approx((stopped_s - bed.began_s - SECOND_S) * 1000, abs=60)
    assert len(bed.notes.of(ev.SpeechLost)) == 1
    assert not logged(logs, "call.missed")
    assert not logged(logs, "call.barge_in")


async def test_an_answer_is_final_with_its_first_word(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """Two seconds of speech that begin with a word of an answer: the prompt does not come back."""
    bed = beds(IN_PARTS)
    said = Said((0.6, "sales"), (1.0, "sales [unk]"), (1.8, "sales"))
    peer, began_s, logs = await spoken_into(bed, said, 100, for_s=4.5)
    assert peer.loud_between(began_s + 0.14, began_s + 2.0) == 0
    (barge_in,) = logged(logs, "call.barge_in")
    assert barge_in["by"] == "speech"
    assert barge_in["at_s"] == pytest.approx(2.05, abs=0.03)
    assert barge_in["heard"] == pytest.approx(2.08 / LIST_S, abs=0.02)
    assert barge_in["words_ms"] == pytest.approx(500, abs=300)
    assert not logged(logs, "call.resumed")
    assert bed.notes.of(ev.SpeechHeard)


async def test_a_voice_without_words_has_the_floor_for_a_second(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """A television: the prompt goes on while it speaks, is not paused again, and nothing is missed."""
    bed = beds(IN_PARTS)
    tv = Said((0.4, "[unk]"), (1.5, "[unk] [unk]"))
    peer, began_s, logs = await spoken_into(bed, tv, 120, 50, 120, for_s=7.0)
    ((stopped_s, paused_s),) = silences(peer, bed.began_s)
    assert stopped_s - began_s < 0.14
    assert paused_s == pytest.approx(1.0, abs=0.15)
    assert [one["why"] for one in logged(logs, "call.resumed")] == ["no answer"]
    assert not logged(logs, "call.missed")


async def test_words_stop_the_prompt_later_in_the_same_utterance(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(IN_PARTS)
    said = Said((0.4, "[unk]"), (2.0, "[unk] sales"))
    peer, began_s, logs = await spoken_into(bed, said, 120, for_s=5.0)
    assert peer.loud_between(began_s + 0.14, began_s + 1.0) == 0
    assert peer.loud_between(began_s + 1.3, began_s + 1.7) >= 18
    assert peer.loud_between(began_s + 2.1, began_s + 2.4) == 0
    assert len(logged(logs, "call.barge_in")) == 1
    assert bed.notes.of(ev.SpeechHeard)


async def test_words_that_are_taken_back_do_not_hold_the_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """A television says something like an answer, and goes on."""
    bed = beds(IN_PARTS)
    said = Said((0.4, "sales"), (0.8, "[unk] [unk]"))
    peer, began_s, _ = await spoken_into(bed, said, 300, for_s=6.5)
    assert peer.loud_between(began_s + 0.14, began_s + 1.4) == 0
    assert peer.loud_between(began_s + 1.9, began_s + 3.0) >= 48


async def test_an_answer_amid_other_talk_does_not_hold_the_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """Whoever goes on for two seconds without another word of it does not speak to the bot."""
    bed = beds(IN_PARTS.replace("[sales]", '["the sales team"]'))
    syllables = (22, 3) * 14  # a buzz that is always there would be taken for the line's noise
    peer, began_s, _ = await spoken_into(bed, Said((0.4, "the sales")), *syllables, for_s=7)
    assert peer.loud_between(began_s + 0.14, began_s + 2.0) == 0
    assert peer.loud_between(began_s + 2.8, began_s + 3.8) >= 30


async def test_what_is_no_answer_is_no_miss_before_the_prompt_is_over(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(IN_PARTS)
    said = Said((0.3, "[unk]"), (0.6, "[unk] [unk] [unk]"))
    peer, began_s, logs = await spoken_into(bed, said, 40)
    assert [one["why"] for one in logged(logs, "call.resumed")] == ["no answer"]
    assert not bed.notes.of(ev.SpeechHeard)
    assert peer.loud_between(began_s + 1.2, began_s + 2.2) >= 48


async def test_what_is_no_answer_is_a_miss_behind_the_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(IN_PARTS)
    _, _, logs = await spoken_into(bed, "[unk] [unk]", 40, at_s=LIST_S + 0.2, for_s=3)
    assert [one["why"] for one in logged(logs, "call.missed")] == ["no_match"]


async def test_who_speaks_into_the_last_syllable_has_heard_the_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(IN_PARTS)
    _, _, logs = await spoken_into(bed, "[unk] [unk]", 30, at_s=LIST_S - 0.2, for_s=3)
    assert [one["why"] for one in logged(logs, "call.missed")] == ["no_match"]


async def test_the_beginning_of_an_answer_is_for_the_bot(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """So that it is a miss if nothing comes of it, and the caller is told."""
    bed = beds(IN_PARTS.replace("[sales]", '["the sales team"]'))
    _, _, logs = await spoken_into(bed, "the sales", 40, for_s=4)
    assert [one["why"] for one in logged(logs, "call.missed")] == ["no_match"]
    assert len(logged(logs, "call.barge_in")) == 1


async def test_words_of_the_question_that_answer_nothing_are_for_the_bot(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """Somebody else would hardly use two of them.  A prompt waits for two seconds for the answer."""
    bed = beds(IN_PARTS)
    said = Said((0.4, "sales support sales"))
    peer, began_s, logs = await spoken_into(bed, said, 150, for_s=7)
    assert peer.loud_between(began_s + 0.14, began_s + 1.9) == 0
    assert peer.loud_between(began_s + 2.3, began_s + 3.2) >= 40
    assert [one["why"] for one in logged(logs, "call.missed")] == ["no_match"]


async def test_words_that_are_not_sure_are_not_for_the_bot(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(IN_PARTS)
    bed.ears.confidence = 0.4
    _, _, logs = await spoken_into(bed, "sales support", 40, for_s=6)
    assert not logged(logs, "call.missed")
    assert logged(logs, "call.resumed")


async def test_what_comes_soon_behind_a_noise_finds_the_prompt_still_paused(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """An "uh" may be heard as a noise, and its utterance be over before the answer comes."""
    bed = beds(IN_PARTS)
    bed.ears.texts = ["", Said((0.8, "sales")), ""]
    async with a_call(bed) as peer:
        await trio.sleep(2)
        began_s = trio.current_time()
        says(peer, 10, 24, 50)
        await trio.sleep(3)
        assert peer.loud_between(began_s + 0.14, began_s + 1.6) == 0
    assert len(bed.notes.of(ev.SpeechLost)) == 1
    assert len(bed.notes.of(ev.SpeechHeard)) == 1


async def test_who_hesitates_is_waited_for_and_is_no_false_alarm(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """ "Uh …" and "sales" after 1.4 s: the prompt is silent from the first sound of both."""
    bed = beds(IN_PARTS)
    bed.ears.texts = ["uh", Said((0.8, "sales")), "", ""]
    async with a_call(bed) as peer:
        await trio.sleep(2)
        began_s = trio.current_time()
        says(peer, 15, 70, 40)
        await trio.sleep(5)
        assert peer.loud_between(began_s + 0.14, began_s + 0.9) == 0
        assert peer.loud_between(began_s + 1.7 + 0.14, began_s + 2.5) == 0
        assert len(bed.notes.of(ev.SpeechHeard)) == 1


async def test_after_a_false_alarm_only_words_stop_the_prompt_until_they_do(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(IN_PARTS)
    bed.ears.texts = ["", "", Said((0.4, "support")), ""]
    async with a_call(bed) as peer:
        await trio.sleep(0.5)
        says(peer, 10)
        await trio.sleep(1.5)
        again_s = trio.current_time()
        says(peer, 10)
        await trio.sleep(0.6)
        assert peer.loud_between(again_s, again_s + 0.5) >= 10
        assert [s for at, s in silences(peer, again_s - 0.2) if at > again_s] == []
        answer_s = trio.current_time()
        says(peer, 40)
        await trio.sleep(0.75)
        assert peer.loud_between(answer_s + 0.55, answer_s + 0.75) == 0


async def test_a_tail_of_an_answer_does_not_stop_the_next_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """ "Sales" is an answer as soon as it is said; the "please" behind it comes into the next prompt."""
    bed = beds()
    bed.ears.texts = ["sales", "please", ""]
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(4.5)
            began_s = trio.current_time()
            says(peer, 25, 17, 20)
            await trio.sleep(3)
            asked_s = peer.loud_since(began_s)
            assert asked_s < began_s + 0.9
            assert peer.loud_between(asked_s, asked_s + 1.0) == pytest.approx(50, abs=2)
    assert len(bed.notes.of(ev.SpeechStarted)) == 2
    assert not logged(logs, "call.barge_in")


async def test_what_follows_an_answer_at_once_and_goes_on_stops_the_next_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """Who knows what comes next need not wait for it."""
    bed = beds(FLOW.replace('"Your number."', '"A long question."'))
    bed.ears.texts = ["sales", Said((0.4, "four"), (1.0, "four two")), ""]
    async with a_call(bed) as peer:
        await trio.sleep(4.5)
        began_s = trio.current_time()
        says(peer, 25, 17, 80)
        await trio.sleep(4)
        assert peer.loud_between(began_s + 0.9, began_s + 1.6) >= 30
        assert peer.loud_between(began_s + 1.9, began_s + 2.4) == 0
    assert bed.call.variables["pin"] == "42"


async def test_without_partial_results_a_voice_has_the_floor_to_its_end(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """Nothing can be known of its words before."""
    bed = beds(IN_PARTS)
    bed.ears.partials = False
    peer, began_s, _ = await spoken_into(bed, "sales", 80, for_s=4)
    assert peer.loud_between(began_s + 0.14, began_s + 1.6) == 0
    assert bed.notes.of(ev.SpeechHeard)


async def test_a_key_stops_what_a_voice_has_paused(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds(IN_PARTS)
    bed.ears.texts = ["[unk]", ""]
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(2)
            says(peer, 40)
            await trio.sleep(0.5)
            pressed = peer.press("1")
            await trio.sleep(3)
            assert peer.loud_since(pressed + 0.001) - pressed <= 0.040
            assert peer.loud_between(pressed + 1.1, pressed + 3) == 0  # "Your number." is 1 s
    assert [one["by"] for one in logged(logs, "call.barge_in")] == ["key"]


# Prompts that say who may interrupt them, and marks ------------------------------------------------

NOTICE = IN_PARTS.replace(
    "main:\n    - menu", 'main:\n    - say: {text: "Sorry.", barge_in: BARGE}\n    - menu'
)
NOTICE_S = 1.0


async def test_nobody_interrupts_a_notice_and_what_was_keyed_counts_behind_it(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(NOTICE.replace("BARGE", "none"))
    async with a_call(bed) as peer:
        await trio.sleep(0.3)
        says(peer, 20)
        peer.press("1")
        await trio.sleep(3)
        began_s = bed.began_s
        assert peer.loud_between(began_s, began_s + NOTICE_S) >= 48
        # "Your number." follows at once, and not a sound of the menu comes between.
        assert peer.loud_between(began_s + NOTICE_S + 0.1, began_s + 2.02) >= 45
        assert peer.loud_between(began_s + 2.2, began_s + 3.2) == 0
    assert bed.ears.phrases == []


async def test_behind_a_notice_the_caller_is_listened_to(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(NOTICE.replace("BARGE", "none"))
    bed.ears.texts = [Said((0.3, "sales")), ""]
    async with a_call(bed) as peer:
        await trio.sleep(1.6)
        spoke_s = trio.current_time()
        says(peer, 30)
        await trio.sleep(3)
        assert peer.loud_between(spoke_s + 0.14, spoke_s + 0.6) == 0
    assert bed.notes.of(ev.SpeechHeard)


async def test_only_keys_interrupt_a_prompt_of_keys(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds(NOTICE.replace("BARGE", "keys"))
    async with a_call(bed) as peer:
        await trio.sleep(0.2)
        says(peer, 15)
        await trio.sleep(0.4)
        assert peer.loud_between(bed.began_s + 0.05, bed.began_s + 0.6) >= 26
        pressed = peer.press("1")
        await trio.sleep(2)
        assert peer.loud_since(pressed + 0.001) - pressed <= 0.040
        assert peer.loud_between(pressed + 1.1, pressed + 2) == 0
    assert bed.ears.phrases == []


async def test_a_voice_into_a_notice_is_not_listened_to_when_it_is_over(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """What is under way when the notice begins is forgotten, and it is said to its end."""
    bed = beds(FLOW.replace('"A long question."', '["Sorry.", {text: "Goodbye.", barge_in: none}]'))
    async with a_call(bed) as peer:
        await trio.sleep(0.8)
        says(peer, 30)
        await trio.sleep(2)
        assert peer.loud_between(bed.began_s, bed.began_s + 2.02) >= 98
    assert not bed.notes.of(ev.SpeechStarted)


async def test_what_is_recognised_when_the_ear_is_shut_does_not_open_it(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """A prompt of keys may begin between the end of a voice and its transcript."""
    bed = beds(NOTICE.replace("BARGE", "keys"))
    async with a_call(bed) as peer:
        await trio.sleep(0.2)
        call = bed.call
        assert call._question is not None
        utterance = Utterance(Endpointer(Patience.of(None), 10.0), 8000)
        call._post(items.SpeechEnded(utterance, call._question, Hearing(), 0.2))
        says(peer, 15)
        await trio.sleep(0.6)
    assert not bed.notes.of(ev.SpeechStarted)


async def test_the_flow_knows_how_far_its_prompt_was_heard(
    beds: Beds, voice: Voice, autojump_clock: MockClock
) -> None:
    bed = beds("""
voicebot: 1
start: main
vars: {chosen: null, late: null}
on: {failed: {do: [hangup]}}
nodes:
  main:
    - menu:
        say: '<mark name="roses"/>Roses ${call.id}. <mark name="tulips"/>Tulips. <mark name="lilies"/>Lilies.'
        choices:
          - answers: ["that one"]
            keys: "1"
            do: [{set: {chosen: "${call.mark}", late: "${call.mark_time}"}}]
            then: hangup
""")
    bed.ears.texts = ["that one"]
    async with a_call(bed) as peer:
        await trio.sleep(1.9)
        says(peer, 30)
        await trio.sleep(3)
    assert bed.call.variables["chosen"] == "tulips"
    assert bed.call.variables["late"] == pytest.approx(0.6, abs=0.08)
    assert [mark.mark for mark in bed.notes.of(ev.MarkPassed)] == ["roses", "tulips"]


async def test_a_mark_is_passed_again_by_what_is_said_again(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(IN_PARTS.replace('"First', "\"<mark name='first'/>First"))
    _, _, _ = await spoken_into(bed, "", 15, at_s=0.6, for_s=3)
    assert [mark.mark for mark in bed.notes.of(ev.MarkPassed)] == ["first", "first"]
