"""A mouth on a virtual clock: what is queued at once, what is made, in which order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from voicebot.flow.events import Prompt
from voicebot.line.audio import level_dbfs
from voicebot.speaking.beep import beep
from voicebot.speaking.mouth import LONGEST_TEXT, AtHand, Mouth
from voicebot.speaking.playback import Playback
from voicebot.speaking.prompts import PromptStore
from voicebot.speaking.synthesiser import Speech, SynthesisError


class Engine:
    """Takes a second for each text; "bad" fails, "stuck" never ends."""

    def __init__(self) -> None:
        self.spoken: list[tuple[str, float]] = []

    async def synthesise(self, text: str, language: str) -> Speech:
        self.spoken.append((text, trio.current_time()))
        if "stuck" in text:
            await trio.sleep_forever()
        await trio.sleep(1)
        if "bad" in text:
            raise SynthesisError("the engine refuses")
        tone = np.sin(np.arange(4000) / 3) * 8000
        return Speech(8000, tone.astype("<i2").tobytes())

    def fingerprint(self, language: str) -> str:
        return "one"


class Speaker:
    def __init__(self, engine: Engine, store: PromptStore) -> None:
        self.engine, self.store = engine, store
        self.failed: list[tuple[str, int]] = []
        self.playback = Playback(lambda: None, lambda: None)
        self.mouth = Mouth(store, self.playback, lambda *why: self.failed.append(why))

    def another(self) -> "Speaker":
        """Of another call."""
        return Speaker(self.engine, self.store)

    def say(self, *texts: str, secret: bool = False) -> None:
        for text in texts:
            self.mouth.say(Prompt(text, "en-US", secret=secret))

    def drain(self) -> int:
        """How many frames can leave now."""
        frames = 0
        while self.playback.next_frame(8000) is not None:
            frames += 1
        return frames

    @asynccontextmanager
    async def making(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.mouth.make)
            await trio.testing.wait_all_tasks_blocked()
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture
def speaker(tmp_path: Path) -> Speaker:
    engine = Engine()
    return Speaker(engine, PromptStore(engine, tmp_path, [8000]))


async def test_clauses_leave_while_the_next_is_made(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        speaker.say("One is this. Two is that.", "Three.")
        assert speaker.drain() == 0
        await trio.sleep(1.5)
        assert speaker.drain() > 20
        busy = [speaker.playback.busy]
        await trio.sleep(2)
        assert speaker.drain() > 40
        assert [*busy, speaker.playback.busy] == [True, False]
    times = [(text, time - speaker.engine.spoken[0][1]) for text, time in speaker.engine.spoken]
    assert times == [("One is this.", 0.0), ("Two is that.", 1.0), ("Three.", 2.0)]


async def test_half_a_sentence_is_not_gone_on_with(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        speaker.say("This is bad. Unheard.", "Heard.")
        await trio.sleep(5)
        assert [text for text, _ in speaker.engine.spoken] == ["This is bad.", "Heard."]
        assert speaker.failed == [("the engine refuses", 0)]
        assert speaker.drain() > 20


async def test_an_engine_that_hangs_is_given_up(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        speaker.say("It is stuck.", "Heard.")
        await trio.sleep(10)
        assert speaker.failed == [("the synthesiser took more than 8 s", 0)]
        assert speaker.drain() > 20


async def test_who_is_silenced_makes_only_what_is_said_next(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        speaker.say("It is stuck.", "Never.")
        await trio.sleep(1)
        speaker.mouth.stop()
        speaker.say("Then.")
        await trio.sleep(1.5)
        assert speaker.drain() > 20
        assert [text for text, _ in speaker.engine.spoken] == ["It is stuck.", "Then."]
        assert speaker.failed == []


async def test_what_nobody_means_to_say_is_not_said(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        speaker.say("x" * (LONGEST_TEXT + 1), "Heard.")
        await trio.sleep(2)
        assert speaker.failed == [("a text of 5001 characters is too long", 0)]
        assert [text for text, _ in speaker.engine.spoken] == ["Heard."]


async def test_a_pause_needs_no_engine(speaker: Speaker, autojump_clock: MockClock) -> None:
    async with speaker.making():
        speaker.say('<break time="400ms"/>')
        await trio.sleep(0.1)
        assert speaker.drain() == 20
        assert speaker.engine.spoken == []


async def test_a_secret_is_known_as_one(speaker: Speaker, autojump_clock: MockClock) -> None:
    async with speaker.making():
        speaker.say("One.")
        speaker.say("Two.", secret=True)
        assert not speaker.playback.secret
        await trio.sleep(3)
        while not speaker.playback.secret:
            assert speaker.playback.next_frame(8000) is not None


def test_the_beep() -> None:
    pcm = beep().pcm(8000)
    assert len(pcm) == 20 * 320
    assert level_dbfs(pcm) == pytest.approx(-18, abs=0.3)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2")))
    assert np.argmax(spectrum) * 8000 / 3200 == pytest.approx(1000, abs=3)
    assert np.abs(np.frombuffer(pcm, "<i2"))[[0, -1]].max() < 300
    assert beep() is beep()


# What is foreseen ------------------------------------------------------------------------------


def prompts(*texts: str) -> list[Prompt]:
    return [Prompt(text, "en-US") for text in texts]


async def test_what_was_foreseen_is_said_at_once(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        speaker.mouth.foresee(prompts("One is this. Two is that.", "Three."))
        await trio.sleep(1.5)
        assert speaker.engine.spoken == [("One is this.", 0.0)], "the rest can be made meanwhile"
        assert speaker.mouth.say(prompts("One is this. Two is that.")[0]) is AtHand.FORESEEN
        assert speaker.drain() > 20
        await trio.sleep(1.5)
        assert speaker.drain() == 25
    assert [text for text, _ in speaker.engine.spoken] == ["One is this.", "Two is that."]


async def test_what_is_still_in_the_making_is_waited_for(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        speaker.mouth.foresee(prompts("One is this. Two is that."))
        await trio.sleep(0.6)
        assert speaker.mouth.say(prompts("One is this. Two is that.")[0]) is AtHand.FORESEEN
        await trio.sleep(0.5)
        assert speaker.drain() > 20
    assert speaker.engine.spoken == [("One is this.", 0.0), ("Two is that.", 1.0)]


async def test_only_one_thing_is_foreseen_and_it_is_forgotten(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        speaker.mouth.foresee(prompts("One."))
        await trio.sleep(0.1)
        speaker.mouth.foresee(prompts("One."))
        await trio.sleep(0.1)
        speaker.mouth.foresee(prompts("Two."))
        await trio.sleep(2)
        speaker.mouth.foresee(())
        assert speaker.mouth.say(prompts("Two.")[0]) is AtHand.MADE
        await trio.sleep(2)
        assert speaker.drain() > 20
    assert [text for text, _ in speaker.engine.spoken] == ["One.", "Two.", "Two."]


async def test_nothing_is_foreseen_behind_what_is_rendered(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    async with speaker.making():
        await speaker.store.render([("Yes.", "en-US")])
        rendered = len(speaker.engine.spoken)
        speaker.mouth.foresee(prompts("Yes.", "Two."))
        await trio.sleep(2)
        assert len(speaker.engine.spoken) == rendered
        assert speaker.mouth.say(prompts("Yes.")[0]) is AtHand.RENDERED


@pytest.mark.parametrize("text", ["bad", "stuck"])
async def test_what_cannot_be_foreseen_fails_when_it_is_said(
    speaker: Speaker, autojump_clock: MockClock, text: str
) -> None:
    async with speaker.making():
        speaker.mouth.foresee(prompts(text))
        await trio.sleep(60)
        assert speaker.failed == []
        speaker.say(text)
        await trio.sleep(60)
        assert len(speaker.failed) == 1


async def test_what_is_to_be_said_does_not_wait_for_what_others_foresee(
    speaker: Speaker, autojump_clock: MockClock
) -> None:
    other = speaker.another()
    async with speaker.making(), other.making():
        speaker.mouth.foresee(prompts("stuck"))
        await trio.sleep(0.1)
        other.mouth.foresee(prompts("Two."))  # waits: one at a time
        await trio.sleep(2)
        assert [text for text, _ in speaker.engine.spoken] == ["stuck"]
        assert other.mouth.say(prompts("Two.")[0]) is AtHand.MADE
        await trio.sleep(1.1)
        assert other.drain() > 20


async def test_a_foreseen_secret_is_a_secret(speaker: Speaker, autojump_clock: MockClock) -> None:
    async with speaker.making():
        secret = Prompt("One.", "en-US", secret=True)
        speaker.mouth.foresee([secret])
        await trio.sleep(1.5)
        speaker.mouth.say(secret)
        assert speaker.playback.secret
