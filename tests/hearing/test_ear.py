"""The ear between line and recogniser: which frames reach an utterance.  Real VAD, made-up audio."""

from collections.abc import Sequence

import numpy as np
import pytest
import trio

from voicebot.flow.answers import Still
from voicebot.hearing.ear import RUN_UP_FRAMES, TAIL_FRAMES, CallerEar, Utterance
from voicebot.hearing.endpoint import ONSET_FRAMES, Patience
from voicebot.hearing.vad import Vad
from voicebot.line.audio import frame_bytes, silence
from voicebot.line.audiosocket import RATES


def buzz(rate_hz: int, frames: int) -> list[bytes]:
    """A voice-like buzz: harmonics of 120 Hz under a formant, which WebRTC takes for speech."""
    t = np.arange(rate_hz * frames // 50) / rate_hz
    wave = sum(np.sin(2 * np.pi * 120 * n * t) / n for n in range(1, 25))
    pcm = (np.asarray(wave) * 4000).astype("<i2").tobytes()
    size = frame_bytes(rate_hz)
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


class Ears:
    def __init__(self) -> None:
        self.begun: list[Utterance] = []
        self.ear = CallerEar(self.begun.append)

    def hear(self, frames: Sequence[bytes | None], rate_hz: int = 8000) -> None:
        for frame in frames:
            self.ear.hear(frame, rate_hz)

    def taken(self) -> list[bytes]:
        """What the last utterance has brought so far."""
        frames = []
        while True:
            try:
                frames.append(self.begun[-1].frames.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                return frames


QUIET: list[bytes | None] = [silence(8000)] * 30


def test_speech_begins_with_its_run_up() -> None:
    ears = Ears()
    ears.ear.open(Patience(), 10)
    ears.hear(QUIET)
    speech = buzz(8000, 5)
    ears.hear(speech)
    assert len(ears.begun) == 1
    taken = ears.taken()
    assert taken[-5:] == speech
    assert len(taken) <= RUN_UP_FRAMES + 2


def test_a_closed_ear_tells_nothing() -> None:
    ears = Ears()
    ears.hear([*QUIET, *buzz(8000, 50), *QUIET])
    assert not ears.begun


def test_an_ear_opened_amid_speech_takes_it_with_what_came_before() -> None:
    ears = Ears()
    speech = buzz(8000, 10)
    ears.hear([*QUIET, *speech])
    ears.ear.open(Patience(), 10)
    assert len(ears.begun) == 1
    assert ears.taken()[-10:] == speech


def test_silence_is_not_decoded_beyond_the_tail_and_speech_after_it_has_its_run_up() -> None:
    ears = Ears()
    ears.hear(QUIET)
    ears.ear.open(Patience.of(5.0), 30)
    ears.hear([*buzz(8000, 10), *[silence(8000)] * 100])
    assert len(ears.taken()) == RUN_UP_FRAMES + (10 - ONSET_FRAMES) + TAIL_FRAMES
    ears.hear(buzz(8000, 10))
    assert RUN_UP_FRAMES <= len(ears.taken()) <= RUN_UP_FRAMES + 10


def test_a_complete_answer_ends_the_utterance_soon() -> None:
    ears = Ears()
    ears.ear.open(Patience(), 10)
    ears.hear([*QUIET, *buzz(8000, 20)])
    ears.begun[0].said("yes", Still.COMPLETE)
    ears.hear(QUIET)
    assert not ears.ear.in_speech
    ears.taken()
    with pytest.raises(trio.EndOfChannel):
        ears.begun[0].frames.receive_nowait()


def test_missing_audio_counts_as_silence() -> None:
    ears = Ears()
    ears.ear.open(Patience.of(0.4), 10)
    ears.hear(buzz(8000, 20))
    ears.hear([None] * 40)
    assert not ears.ear.in_speech


@pytest.mark.parametrize("rate_hz", RATES)
def test_every_rate_of_audiosocket_is_heard(rate_hz: int) -> None:
    ears = Ears()
    ears.ear.open(Patience(), 10)
    ears.hear([silence(rate_hz)] * 20, rate_hz)
    ears.hear(buzz(rate_hz, 20), rate_hz)
    assert len(ears.begun) == 1
    utterance = ears.begun[0]
    assert utterance.rate_hz == Vad(rate_hz).rate_hz
    assert {len(frame) for frame in ears.taken()} == {frame_bytes(utterance.rate_hz)}


def test_a_change_of_rate_ends_the_utterance() -> None:
    ears = Ears()
    ears.ear.open(Patience(), 10)
    ears.hear([*QUIET, *buzz(8000, 20)])
    before = ears.ear.in_speech
    ears.hear(buzz(16000, 5), 16000)
    assert (before, ears.ear.in_speech) == (True, False)
    assert {len(pcm) for pcm in ears.taken()} == {frame_bytes(8000)}


def test_a_rate_that_came_without_a_whole_frame_leaves_nothing_behind() -> None:
    ears = Ears()
    ears.ear.open(Patience(), 10)
    ears.hear(QUIET)
    ears.hear([None], 16000)
    ears.hear([*QUIET, *buzz(8000, 20)])
    assert ears.begun[-1].rate_hz == 8000


def test_a_call_may_change_its_rate() -> None:
    ears = Ears()
    ears.ear.open(Patience(), 10)
    ears.hear(QUIET)
    ears.hear([*[silence(16000)] * 20, *buzz(16000, 20)], 16000)
    assert ears.begun[0].rate_hz == 16000
