"""Vosk without the process around it: grammars, stretches, rates."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event

from tests.speech.workers import DIGITS, LANGUAGE, SPOKEN, VOSK_MODEL
from voicebot.line.audio import resample
from voicebot.speech import vosk

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def engine() -> vosk.VoskEngine:
    return vosk.load({LANGUAGE: VOSK_MODEL})


def utterance(pcm: bytes, rate_hz: int = 8000, phrases: list[str] | None = None) -> Iterator[Event]:
    yield Transcribe(language=LANGUAGE, transcript_terms=phrases).event()
    yield AudioStart(rate=rate_hz, width=2, channels=1).event()
    step = rate_hz // 50 * 2
    for start in range(0, len(pcm), step):
        yield AudioChunk(rate=rate_hz, width=2, channels=1, audio=pcm[start : start + step]).event()
    yield AudioStop().event()


def test_stretches_that_libvosk_closes_are_joined(
    engine: vosk.VoskEngine, digits_pcm: bytes
) -> None:
    pause = bytes(16000 * 2)  # two seconds: libvosk's own endpointer fires
    *partials, final = engine.converse(utterance(digits_pcm + pause + digits_pcm, phrases=DIGITS))
    assert final.data["text"] == f"{SPOKEN} {SPOKEN}"
    words = final.data["words"]
    assert [word["text"] for word in words] == f"{SPOKEN} {SPOKEN}".split()
    starts = [word["start_s"] for word in words]
    assert starts == sorted(starts)
    assert starts[4] - words[3]["end_s"] > 1.5
    texts = [partial.data["text"] for partial in partials]
    assert {partial.type for partial in partials} == {"transcript-partial"}
    assert SPOKEN in texts
    assert texts[-1].startswith(SPOKEN + " ")
    assert all(earlier != later for earlier, later in pairwise(texts))


def test_all_ways_to_hear_it_are_told_with_their_probability(
    engine: vosk.VoskEngine, digits_pcm: bytes
) -> None:
    *_, final = engine.converse(utterance(digits_pcm, phrases=DIGITS))
    ways = final.data["alternatives"]
    assert ways[0]["text"] == final.data["text"] == SPOKEN
    shares = [way["probability"] for way in ways]
    assert shares == sorted(shares, reverse=True)
    assert 0.9 < sum(shares) <= 1.001
    assert len({way["text"] for way in ways}) == len(ways)
    best = {word["confidence"] for word in final.data["words"]}
    assert all(shares[0] <= sure <= 1.001 for sure in best), "each word is in the likeliest way"


def test_what_is_no_answer_is_heard_as_such(engine: vosk.VoskEngine, digits_pcm: bytes) -> None:
    *_, final = engine.converse(utterance(digits_pcm, phrases=["yes", "no", "maybe"]))
    ways = final.data["alternatives"]
    assert sum(way["probability"] for way in ways if "[unk]" in way["text"]) > 0.9


def test_free_speech_has_no_alternatives(engine: vosk.VoskEngine, digits_pcm: bytes) -> None:
    *_, final = engine.converse(utterance(digits_pcm))
    assert "alternatives" not in final.data
    assert final.data["words"]


def test_speech_from_the_first_sample_on(engine: vosk.VoskEngine, digits_pcm: bytes) -> None:
    begins = int(np.flatnonzero(np.abs(np.frombuffer(digits_pcm, "<i2")) > 300)[0]) * 2
    *_, final = engine.converse(utterance(digits_pcm[begins:], phrases=DIGITS))
    assert final.data["text"] == SPOKEN
    assert final.data["words"][0]["start_s"] < 0.1


@pytest.mark.parametrize(
    "rate_hz", [6000, 8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000]
)
def test_any_rate(engine: vosk.VoskEngine, digits_pcm: bytes, rate_hz: int) -> None:
    """A rate below the model's would abort libvosk (vosk-api#1726)."""
    pcm = resample(digits_pcm, 8000, rate_hz)
    *_, final = engine.converse(utterance(pcm, rate_hz, DIGITS))
    assert final.data["text"] == SPOKEN


def test_words_the_model_lacks_are_left_out(
    engine: vosk.VoskEngine, caplog: pytest.LogCaptureFixture
) -> None:
    model = engine._models[LANGUAGE]
    for _ in range(2):
        assert model._grammar(["Seven", "call Zbigniew", "xyzzy", "seven"]) == [
            "seven",
            "call",
            "seven",  # said twice, it weighs twice
            *["[unk]"] * 3 * vosk.OUTSIDE,
        ]
    assert [record.getMessage().split("word ")[1] for record in caplog.records] == [
        "'Zbigniew': it cannot be heard",
        "'xyzzy': it cannot be heard",
    ]


def test_audio_before_its_start_is_ignored(engine: vosk.VoskEngine) -> None:
    assert list(engine.converse([AudioStop().event(), Event("ping")])) == []
