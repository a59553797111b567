"""What a call does with what comes from its line and its engines."""

from itertools import pairwise

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.call.bed import FLOW, Beds, Said, Voice, a_call, logged
from tests.hearing.test_ear import buzz
from voicebot.flow import events as ev
from voicebot.hearing.recogniser import RecognitionError
from voicebot.line.audio import silence
from voicebot.line.line import KeyPressed


async def test_the_prompt_begins_within_two_frames(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds()
    async with a_call(bed) as peer:
        await trio.sleep(1)
        assert peer.loud_since(0) - bed.began_s <= 0.040


async def test_a_key_is_answered_within_two_frames_and_silences_the_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    async with a_call(beds()) as peer:
        await trio.sleep(1.003)
        pressed = peer.press("1")
        await trio.sleep(3)
        assert peer.loud_since(pressed + 0.001) - pressed <= 0.040
        assert peer.loud_between(pressed + 1.1, pressed + 3) == 0  # "Your number." is 1 s


async def test_speech_stops_the_prompt_and_its_answer_is_followed(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    bed.ears.texts = ["sales"]
    async with a_call(bed) as peer:
        await trio.sleep(1)
        peer.say = buzz(8000, 30)
        spoke = trio.current_time()
        await trio.sleep(4)
        assert peer.loud_between(spoke + 0.2, spoke + 0.6) == 0
        answered = peer.loud_since(spoke + 0.6)
        assert answered - (spoke + 0.6) <= 0.4
        assert bed.ears.phrases[0] is not None
        assert "sales" in bed.ears.phrases[0]


async def test_noise_only_pauses_the_prompt(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds()
    bed.ears.texts = [""]
    async with a_call(bed) as peer:
        await trio.sleep(1)
        peer.say = buzz(8000, 10)
        await trio.sleep(6)
        loud = [at for at, is_loud, _ in peer.got if is_loud]
        # All of its 4 s, though not in one piece: the second begins it anew.
        assert len(loud) == pytest.approx(252, abs=3)
        assert max(b - a for a, b in pairwise(loud)) > 0.3


async def test_speech_that_cannot_be_recognised_leaves_the_keys(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    bed.ears.texts = [RecognitionError("gone")]
    async with a_call(bed) as peer:
        await trio.sleep(5)
        peer.say = buzz(8000, 30)
        await trio.sleep(2)
        pressed = peer.press("1")
        await trio.sleep(1)
        assert peer.loud_since(pressed + 0.001) - pressed <= 0.040


async def test_what_depends_on_the_call_is_spoken_in_it(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    async with a_call(bed) as peer:
        peer.press("1")
        await trio.sleep(0.2)
        peer.press("4")
        pressed = peer.press("2")
        await trio.sleep(5)
        assert peer.loud_since(pressed + 0.05) - pressed <= 0.15
        assert bed.call.variables["pin"] == "42"


async def test_a_prompt_that_cannot_be_spoken_does_not_end_the_call(
    beds: Beds, voice: Voice, autojump_clock: MockClock
) -> None:
    bed = beds()
    voice.broken.add("It is 4 2.")
    async with a_call(bed) as peer:
        for key in "142":
            peer.press(key)
        await trio.sleep(5)
        assert peer.hung_up_at is not None
        assert bed.ended == "bot hung up"


async def test_the_bot_hangs_up_after_its_last_word_and_the_far_buffer(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    async with a_call(bed) as peer:
        peer.press("2")
        await trio.sleep(3)
        assert peer.hung_up_at is not None
        last_loud = max(at for at, loud, _ in peer.got if loud)
        assert peer.hung_up_at - last_loud >= 0.18  # 0.2 s, less the frame
        assert bed.ended == "bot hung up"
        assert len(bed.clock) == 0


async def test_no_input_is_counted_from_the_end_of_the_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    async with a_call(bed) as peer:
        await trio.sleep(9)
        began_s = bed.began_s
        assert peer.loud_between(began_s + 4.1, began_s + 6.9) == 0
        assert peer.loud_since(began_s + 6.9) - began_s == pytest.approx(7.02, abs=0.05)


async def test_a_caller_who_hangs_up_ends_the_call_and_is_logged(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(1)
            peer.sock.close()
            await trio.sleep(2)
            assert bed.ended in ("caller hung up", "peer reset")
    assert {"text": "left at main", "event": "call.log", "log_level": "info"} in logs


async def test_a_caller_at_16_khz_hears_16_khz(beds: Beds, autojump_clock: MockClock) -> None:
    async with a_call(beds(rate_hz=16000)) as peer:
        await trio.sleep(1)
        rates = [rate_hz for _, _, rate_hz in peer.got]
        assert set(rates[3:]) == {16000}


async def test_a_fault_in_a_call_is_raised_once_its_line_is_closed(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    bed.ears.texts = [ZeroDivisionError("a fault of ours")]
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with a_call(bed) as peer:
            await trio.sleep(1)
            peer.say = buzz(8000, 30)
            await trio.sleep(2)
    assert bed.ours.fileno() == -1
    assert len(bed.clock) == 0


async def test_who_is_taken_to_be_done_too_early_may_go_on(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """Two of two digits in the partial result, one in the transcript: the other is yet to come."""
    bed = beds()
    bed.ears.texts = [Said((0.3, "four two"), final="four"), "seven"]
    async with a_call(bed) as peer:
        await trio.sleep(1)
        peer.press("1")
        await trio.sleep(2)
        peer.say = [*buzz(8000, 30), *[silence(8000)] * 60, *buzz(8000, 30)]
        await trio.sleep(6)
    (heard,) = bed.notes.of(ev.SpeechHeard)
    assert [word.text for word in heard.words] == ["four", "seven"]
    assert len(bed.notes.of(ev.SpeechStarted)) == 1
    assert bed.call.variables["pin"] == "47"


async def test_who_does_not_go_on_is_answered_when_he_could_have(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    bed.ears.texts = [Said((0.3, "four two"), final="four")]
    async with a_call(bed) as peer:
        await trio.sleep(1)
        peer.press("1")
        await trio.sleep(2)
        peer.say = buzz(8000, 30)
        await trio.sleep(6)
    (heard,) = bed.notes.of(ev.SpeechHeard)
    assert [word.text for word in heard.words] == ["four"]
    assert 1.5 < heard.at_s - (3 + 0.6) < 1.9


async def test_a_key_comes_before_the_rest_of_an_answer(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    bed.ears.texts = [Said((0.3, "four two"), final="four")]
    async with a_call(bed) as peer:
        await trio.sleep(1)
        peer.press("1")
        await trio.sleep(2)
        peer.say = buzz(8000, 30)
        await trio.sleep(1)
        peer.press("1")
        peer.press("2")
        await trio.sleep(6)
    assert not bed.notes.of(ev.SpeechHeard)
    assert bed.call.variables["pin"] == "12"


async def test_with_barge_in_keys_speech_waits_for_the_end_of_the_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds(
        FLOW.replace("timeout: 3s", "timeout: 3s, barge_in: keys").replace(
            ", barge", "\n        barge"
        )
    )
    bed.ears.texts = ["support"]
    async with a_call(bed) as peer:
        await trio.sleep(1)
        peer.say = buzz(8000, 30)
        await trio.sleep(2.5)
        assert peer.loud_between(bed.began_s + 1.1, bed.began_s + 3.4) >= 113  # the prompt went on
        assert bed.ears.phrases == []
        await trio.sleep(1)
        peer.say = buzz(8000, 30)
        await trio.sleep(4)
        assert bed.ended == "bot hung up"


async def test_keys_typed_ahead_open_no_ear_in_the_next_prompt(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """The end of a prompt without barge-in leads on to another one, which has none either."""
    bed = beds("""
voicebot: 1
start: main
on: {failed: {do: [hangup]}}
nodes:
  main:
    - ask: {to: a, type: digits, length: 1, say: "Your number.", barge_in: none}
    - ask: {to: b, type: digits, length: 1, say: "A long question.", barge_in: keys}
    - hangup
""")
    async with a_call(bed) as peer:
        await trio.sleep(0.5)
        peer.press("4")
        await trio.sleep(1)
        peer.say = buzz(8000, 30)
        await trio.sleep(2)
        assert peer.loud_between(bed.began_s + 1.2, bed.began_s + 3.4) >= 108
        assert bed.ears.phrases == []


@pytest.mark.parametrize("frames", range(8))
async def test_a_key_in_the_beat_of_an_onset_is_followed_by_one_utterance(
    beds: Beds, autojump_clock: MockClock, frames: int
) -> None:
    """What was begun for the question that the key has closed is not taken for the next one."""
    bed = beds()
    bed.ears.texts = ["sales", "four two", "four two"]
    async with a_call(bed) as peer:
        await trio.sleep(1.001)
        peer.say = [*buzz(8000, 30), *[silence(8000)] * 200]
        await trio.sleep(frames * 0.02)
        peer.press("1")
        await trio.sleep(3)
        digits = [p for p in bed.ears.phrases if p is not None and "sales" not in p]
        assert len(digits) <= 1


async def test_two_prompts_that_cannot_be_spoken_are_one_error(
    beds: Beds, voice: Voice, autojump_clock: MockClock
) -> None:
    """The second failure comes when its prompt is no longer wanted: it does not end the call."""
    bed = beds(
        FLOW.replace("on: {", "on: {error: {goto: main}, ").replace(
            'say: "It is ${pin | digits}."\n    - goto: bye',
            'say: ["It is ${pin}.", "You said ${pin}."]\n    - goto: more',
        )
        + '  more:\n    - ask: {to: more, type: yes_no, say: "Nothing heard."}\n    - goto: bye\n'
    )
    voice.broken |= {"It is 42.", "You said 42."}
    async with a_call(bed) as peer:
        for key in "142":
            peer.press(key)
        await trio.sleep(7)
        assert peer.hung_up_at is None
        peer.press("2")
        await trio.sleep(3)
        assert bed.ended == "bot hung up"


async def test_a_synthesiser_that_hangs_does_not_hang_the_call(
    beds: Beds, voice: Voice, autojump_clock: MockClock
) -> None:
    bed = beds()
    voice.stuck.add("It is 4 2.")
    async with a_call(bed) as peer:
        for key in "142":
            peer.press(key)
        await trio.sleep(15)
        assert bed.ended == "bot hung up"


async def test_a_recogniser_that_takes_no_audio_gives_the_word_back(
    beds: Beds, autojump_clock: MockClock
) -> None:
    """The interrupted prompt goes on and the caller is waited for again."""
    bed = beds()
    bed.ears.texts, bed.ears.stuck = ["sales"], True
    async with a_call(bed) as peer:
        await trio.sleep(1)
        peer.say = buzz(8000, 30)
        spoke = trio.current_time()
        await trio.sleep(9)
        assert peer.loud_between(spoke + 1, spoke + 6) >= 190  # all of its 4 s, once more
        assert peer.loud_between(spoke + 7, spoke + 9) > 0  # "Nothing heard."


# The end from outside, floods ------------------------------------------------------------------


async def test_a_call_that_is_ended_from_outside_goes_through_the_flow(
    beds: Beds, autojump_clock: MockClock
) -> None:
    bed = beds()
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(1)
            bed.call.end("limits.call_time is over")
            bed.call.end("the daemon was stopped")
            await trio.sleep(1)
            assert peer.hung_up_at is not None
    assert bed.ended == "limits.call_time is over"
    assert logged(logs, "call.log") == [{"text": "left at main"}]


async def test_of_a_flood_only_keys_are_lost(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds()
    async with a_call(bed):
        await trio.sleep(1)
        for _ in range(1000):
            bed.call._post(KeyPressed("9", trio.current_time()))
        bed.call.end("enough")
        await trio.sleep(1)
    assert len(bed.notes.of(ev.KeyPressed)) <= 200
    assert bed.ended == "enough"


# What is said --------------------------------------------------------------------------------


async def test_prompts_are_synthesised_in_the_order_they_are_said_in(
    beds: Beds, voice: Voice, autojump_clock: MockClock
) -> None:
    bed = beds("""
voicebot: 1
start: main
vars: {name: "Smith"}
nodes:
  main:
    - set: {name: "${call.id}"}
    - say: ["First ${name}. Then more.", "Your number.", "Second ${name}."]
    - say: "Third ${name}."
    - hangup
""")
    async with a_call(bed):
        await trio.sleep(9)
    assert voice.most_at_once == 1
    assert voice.spoken[-4:] == ["First one.", "Then more.", "Second one.", "Third one."]
    assert bed.ended == "bot hung up"


async def test_what_is_silenced_is_not_made_any_more(
    beds: Beds, voice: Voice, autojump_clock: MockClock
) -> None:
    bed = beds("""
voicebot: 1
start: main
vars: {name: ""}
on: {failed: {do: [hangup]}}
nodes:
  main:
    - set: {name: "${call.id}"}
    - ask: {to: pin, type: digits, length: 1, say: ["Stuck ${name}.", "Never ${name}."]}
    - say: "Then ${name}."
    - hangup
""")
    voice.stuck.add("Stuck one.")
    async with a_call(bed) as peer:
        await trio.sleep(1)
        pressed = peer.press("1")
        await trio.sleep(3)
        assert peer.loud_since(pressed) - pressed < 0.2
    assert "Never one." not in voice.spoken
    assert bed.ended == "bot hung up"


async def test_the_languages_of_a_call(beds: Beds, voice: Voice, autojump_clock: MockClock) -> None:
    bed = beds("""
voicebot: 1
start: main
language: en-US
on: {failed: {do: [hangup]}}
nodes:
  main:
    - language: en-GB
    - ask: {to: pin, type: digits, length: 1, say: {en-US: "Your number.", en-GB: "Your favourite."}}
    - hangup
""")
    bed.ears.texts = ["seven"]
    async with a_call(bed) as peer:
        await trio.sleep(3)
        peer.say = buzz(8000, 30)
        await trio.sleep(3)
    assert bed.ears.languages == ["en-GB"]
    assert ("Your favourite.", "en-GB") in voice.asked


# Secrets -------------------------------------------------------------------------------------


async def test_a_secret_is_in_no_line_of_the_log(beds: Beds, autojump_clock: MockClock) -> None:
    bed = beds("""
voicebot: 1
start: main
on: {failed: {do: [hangup]}}
nodes:
  main:
    - ask: {to: pin, type: digits, length: 4, say: "Your number.", secret: true}
    - ask: {to: more, type: text, say: "A long question."}
    - log: "heard ${more}"
    - tag: {said: "${more}"}
    - hangup
""")
    bed.ears.texts = ["four seven one one", "my pin is 4711"]
    with structlog.testing.capture_logs() as logs:
        async with a_call(bed) as peer:
            await trio.sleep(2)
            peer.say = buzz(8000, 60)
            await trio.sleep(6)
            peer.say = buzz(8000, 60)
            await trio.sleep(4)
    assert bed.call.variables == {"pin": "***", "more": "my pin is ***"}
    assert bed.call.tags == {"said": "my pin is ***"}
    assert [line["text"] for line in logged(logs, "call.heard")] == ["***", "my pin is ***"]
    assert logged(logs, "call.log") == [{"text": "heard my pin is ***"}]
    assert "4711" not in str(logs)
    assert "seven" not in str(logs)
    assert next(fields["words"] for name, fields in bed.notes.facts if name == "heard") == []
