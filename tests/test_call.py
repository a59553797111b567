"""One call on a virtual clock: real line, ear, playback and dialogue; engines and peer are fakes.

The peer sends what Asterisk would and keeps every frame it gets with its virtual time.
"""

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import structlog
import trio
import trio.testing
from trio.testing import MockClock

from tests.hearing.test_ear import buzz
from voicebot.call import Call, Services
from voicebot.flow.check import checked_flow
from voicebot.flow.dialog import CallInfo
from voicebot.hearing.ear import CallerEar
from voicebot.hearing.recogniser import RecognitionError, Transcript, Word
from voicebot.line.audio import level_dbfs, silence
from voicebot.line.audiosocket import Audio, Decoder, Hangup, Key, encode
from voicebot.line.clock import MediaClock
from voicebot.line.line import Line, LineEvent
from voicebot.speaking.playback import Playback
from voicebot.speaking.prompts import PromptStore
from voicebot.speaking.synthesiser import Speech, SynthesisError

FLOW = """
voicebot: 1
start: main
on: {failed: {goto: bye}, hangup: {do: [{log: "left at ${call.node}"}]}}
nodes:
  main:
    - menu:
        say: "A long question."
        choices:
          - {answers: [sales], keys: "1", goto: sales}
          - {answers: [support], keys: "2", goto: bye}
        no_input: "Nothing heard."
        no_match: "Sorry."
        timeout: 3s
  sales:
    - ask: {to: pin, type: digits, length: 2, say: "Your number."}
    - say: "It is ${pin | digits}."
    - goto: bye
  bye: [{say: "Goodbye."}, hangup]
"""
SECONDS = {"A long question.": 4.0}


class Voice:
    """Says every text as a tone, at the rate asked for; `broken` texts fail."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.stuck: set[str] = set()

    async def synthesise(self, text: str, language: str) -> Speech:
        await trio.sleep(0.03)
        if text in self.stuck:
            await trio.sleep_forever()
        if text in self.broken:
            raise SynthesisError(f"cannot say {text}")
        t = np.arange(int(8000 * SECONDS.get(text, 1.0))) / 8000
        return Speech(8000, (np.sin(2 * np.pi * 400 * t) * 8000).astype("<i2").tobytes())

    def fingerprint(self, language: str) -> str:
        return "tone"


class Ears:
    """Understands each utterance as the next of `texts`; an exception there is raised."""

    def __init__(self) -> None:
        self.partials = True
        self.stuck = False
        self.texts: list[str | Exception] = []
        self.phrases: list[Sequence[str] | None] = []

    @asynccontextmanager
    async def listen(
        self,
        *,
        language: str,
        rate_hz: int,
        phrases: Sequence[str] | None,
        on_partial: Callable[[str], None],
    ) -> AsyncIterator["Ears"]:
        self.phrases.append(phrases)
        text = self.texts.pop(0)
        if isinstance(text, Exception):
            raise text
        self._text, self._on_partial = text, on_partial
        yield self

    async def feed(self, pcm: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.stuck:
            await trio.sleep_forever()
        self._on_partial(self._text)

    async def finish(self) -> Transcript:
        await trio.sleep(0.005)
        words = tuple(Word(text, 1.0, 0, 0) for text in self._text.split())
        return Transcript(self._text, words)


class Peer:
    """The other end: sends a frame every 20 ms, keeps what it gets."""

    def __init__(self, sock: socket.socket, rate_hz: int = 8000) -> None:
        self.sock = sock
        self.rate_hz = rate_hz
        self.say: list[bytes] = []
        self.got: list[tuple[float, bool, int]] = []
        """(time, loud, rate) of each frame."""
        self.hung_up_at: float | None = None

    async def run(self) -> None:
        decoder = Decoder()
        while self.hung_up_at is None and self.sock.fileno() != -1:
            frame = self.say.pop(0) if self.say else silence(self.rate_hz)
            self.sock.send(encode(Audio(self.rate_hz, frame)))
            for _ in range(4):
                await trio.sleep(0.005)
                self._take(decoder)

    def _take(self, decoder: Decoder) -> None:
        try:
            data = self.sock.recv(65536)
        except OSError:
            return  # nothing there, or closed by the test
        now = trio.current_time()
        for message in decoder.feed(data):
            if isinstance(message, Audio):
                self.got.append((now, level_dbfs(message.pcm) > -45, message.rate_hz))
            elif isinstance(message, Hangup):
                self.hung_up_at = now

    def press(self, key: str) -> float:
        self.sock.send(encode(Key(key)))
        return trio.current_time()

    def loud_since(self, time: float) -> float:
        """When the first loud frame after `time` came."""
        return next(at for at, loud, _ in self.got if loud and at >= time)

    def loud_between(self, start: float, end: float) -> int:
        return sum(loud for at, loud, _ in self.got if start <= at < end)


class Bed:
    """One call and all that is around it."""

    def __init__(self, path: Path, flow: str, prompts: PromptStore, rate_hz: int) -> None:
        path.write_text(flow)
        checked, findings = checked_flow(path)
        assert checked is not None, findings
        self.flow = checked
        self.ears, self.clock, self.prompts = Ears(), MediaClock(), prompts
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self.ours, self.peer = ours, Peer(theirs, rate_hz)
        self.ended: str | None = None
        self.began_s = 0.0
        self.call: Call

    async def run(self) -> None:
        def make_line(
            source: Playback, ear: CallerEar, on_event: Callable[[LineEvent], None]
        ) -> Line:
            return Line(
                self.ours,
                UUID(int=1),
                decoder=Decoder(),
                source=source,
                ear=ear,
                on_event=on_event,
                rate_hz=None,
                now_s=trio.current_time(),
            )

        services = Services(self.clock, self.ears, self.prompts)
        info = CallInfo("1", datetime(2027, 3, 1, 10, tzinfo=UTC))
        self.began_s = trio.current_time()
        self.call = Call(self.flow, info, services, make_line, seed=1)
        self.ended = await self.call.run()


@pytest.fixture
def voice() -> Voice:
    return Voice()


@pytest.fixture
def prompts(voice: Voice, tmp_path: Path) -> PromptStore:
    """Rendered before the test and its virtual clock, which does not wait for threads."""
    store = PromptStore(voice, tmp_path / "cache", [8000, 16000])
    texts = ["A long question.", "Your number.", "Goodbye.", "Sorry.", "Nothing heard."]
    trio.run(store.render, [(text, "en-US") for text in texts])
    return store


@pytest.fixture
def beds(tmp_path: Path, prompts: PromptStore) -> Iterator[Callable[..., Bed]]:
    made: list[Bed] = []

    def make(flow: str = FLOW, rate_hz: int = 8000) -> Bed:
        made.append(Bed(tmp_path / "flow.yaml", flow, prompts, rate_hz))
        return made[-1]

    yield make
    for bed in made:
        bed.peer.sock.close()
        bed.ours.close()


@asynccontextmanager
async def a_call(bed: Bed) -> AsyncIterator[Peer]:
    async with trio.open_nursery() as nursery:
        # All three have begun before the caller goes on: wait_all_tasks_blocked.
        nursery.start_soon(bed.clock.run)  # noqa: ASYNC113
        nursery.start_soon(bed.peer.run)  # noqa: ASYNC113
        nursery.start_soon(bed.run)  # noqa: ASYNC113
        await trio.testing.wait_all_tasks_blocked()
        yield bed.peer
        nursery.cancel_scope.cancel()


Beds = Callable[..., Bed]


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
        await trio.sleep(5.5)
        loud = [at for at, is_loud, _ in peer.got if is_loud]
        assert len(loud) == pytest.approx(200, abs=3)  # all of its 4 s, though not in one piece
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
        await trio.sleep(8)
        assert peer.loud_between(spoke + 1, spoke + 6) >= 140  # the other 3 s
        assert peer.loud_between(spoke + 6, spoke + 8) > 0  # "Nothing heard."
