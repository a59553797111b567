"""Piper without the process around it."""

import pytest
from wyoming.event import Event
from wyoming.tts import Synthesize

from tests.speech.workers import LANGUAGE, PIPER_VOICE
from voicebot.speech import piper

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def engine() -> piper.PiperEngine:
    return piper.load({LANGUAGE: PIPER_VOICE})


def test_a_chunk_a_sentence(engine: piper.PiperEngine) -> None:
    events = list(engine.converse([Event("ping"), Synthesize("One two. Three four five.").event()]))
    assert [event.type for event in events] == [
        "audio-start",
        "audio-chunk",
        "audio-chunk",
        "audio-stop",
    ]
    assert events[0].data["rate"] == 16000
    for chunk in events[1:3]:
        assert chunk.payload is not None
        assert 0.6 < len(chunk.payload) / 32000 < 2.5


def test_nothing_to_say(engine: piper.PiperEngine) -> None:
    events = list(engine.converse([Synthesize("...").event(), Synthesize("").event()]))
    assert [event.type for event in events] == ["audio-start", "audio-stop"] * 2


def test_the_version_is_the_content(engine: piper.PiperEngine) -> None:
    (voice,) = engine.info.tts[0].voices
    assert voice.version is not None
    assert len(voice.version) == 16
