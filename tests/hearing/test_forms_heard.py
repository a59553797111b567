"""Whole answers to forms, spoken by the scripted caller and heard by the shipped model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event

from tests.flow.ears import (
    DATE,
    MONEY,
    NUMBER,
    PHONE,
    PIN,
    TIME,
    Form,
    ears,
)
from tests.hearing.meant import meant
from tests.speech.workers import LANGUAGE, PIPER_VOICE, VOSK_MODEL
from voicebot.line.audio import resample
from voicebot.phone.voice import CallerVoice
from voicebot.speech import piper, vosk

pytestmark = pytest.mark.models

VISIT = Form(day=DATE, time=TIME)
TABLE = Form(people=NUMBER, day=DATE, time=TIME)
DAY = "2027-03-"

SAID = [
    (VISIT.at("day"), "next tuesday at ten", {"day": DAY + "09", "time": "10:00"}),
    (VISIT.at("day"), "at ten on tuesday", {"day": DAY + "02", "time": "10:00"}),
    (VISIT.at("day"), "tomorrow at half past nine", {"day": DAY + "02", "time": "09:30"}),
    (VISIT.at("day"), "on wednesday please", {"day": DAY + "03"}),
    (VISIT.at("day"), "March fifteenth", {"day": DAY + "15"}),
    (VISIT.at("day"), "friday at quarter past eleven", {"day": DAY + "05", "time": "11:15"}),
    (VISIT.at("time"), "ten thirty", {"time": "10:30"}),
    (VISIT.at("time"), "no, tuesday", {"day": DAY + "02"}),
    (VISIT.at("time"), "I mean thursday", {"day": DAY + "04"}),
    (VISIT.at(None), "yes", True),
    (VISIT.at(None), "no", False),
    (VISIT.at(None), "no, tuesday", {"": False, "day": DAY + "02"}),
    (VISIT.at(None), "no, at eleven", {"": False, "time": "11:00"}),
    (TABLE.at("people"), "for four on friday at seven", {"people": 4, "day": DAY + "05", "time": "07:00"}),
    (TABLE.at("people"), "a table for two tomorrow at eight", {"people": 2, "day": DAY + "02", "time": "08:00"}),
    (TABLE.at("people"), "six", {"people": 6}),
    (ears(PIN), "one seven four two", "1742"),
    (ears(PIN), "my code is four four two one", "4421"),
    (ears(PHONE), "five five five one two three four", "5551234"),
    (ears(MONEY), "twenty dollars and fifty cents", 20.5),
    (ears(NUMBER), "twelve", 12),
]  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> vosk.VoskEngine:
    return vosk.load({LANGUAGE: VOSK_MODEL})


@pytest.fixture(scope="module")
def voice() -> CallerVoice:
    piper.seed(7)
    return CallerVoice(PIPER_VOICE)


def utterance(pcm: bytes, phrases: tuple[str, ...] | None) -> Iterator[Event]:
    yield Transcribe(language=LANGUAGE, transcript_terms=list(phrases or ())).event()
    yield AudioStart(rate=8000, width=2, channels=1).event()
    for start in range(0, len(pcm), 320):
        chunk = AudioChunk(rate=8000, width=2, channels=1, audio=pcm[start : start + 320])
        yield chunk.event()
    yield AudioStop().event()


async def test_what_a_caller_says_is_understood(
    engine: vosk.VoskEngine, voice: CallerVoice
) -> None:
    """All of it but for one or two: the voice never says the same twice alike (98 of 100)."""
    misheard = []
    for expectation, said, meaning in SAID:
        speech = await voice(said)
        pcm = resample(speech.pcm, speech.rate_hz, 8000)
        *_, final = engine.converse(utterance(pcm + bytes(4800), expectation.grammar))
        understood = meant(expectation, final, ("day",))
        if understood != meaning:
            misheard.append((said, final.data["text"], understood))
    print(f"understood {len(SAID) - len(misheard)} of {len(SAID)}; {misheard}")  # noqa: T201 - a figure for pytest -rP
    assert len(misheard) <= 3, misheard
