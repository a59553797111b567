"""Spoken forms for the real ear: the scripted caller speaks, the shipped model hears it with the
grammar's phrases, and the grammar makes the value of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import vosk

from voicebot.flow.answers import UNKNOWN, words
from voicebot.flow.spoken import ENGLISH, Language, bare, hear
from voicebot.flow.spoken.hear import Grammar
from voicebot.line.audio import resample
from voicebot.phone.voice import SHIPPED, CallerVoice
from voicebot.speech import piper

pytestmark = pytest.mark.models

ROOT = Path(__file__).parents[2]
NOW = datetime(2027, 3, 1, 10)

DATES = {
    "today": "2027-03-01",
    "the day after tomorrow": "2027-03-03",
    "next tuesday": "2027-03-09",
    "on friday": "2027-03-05",
    "march first": "2027-03-01",
    "the first of march": "2027-03-01",
    "july fourth": "2027-07-04",
    "the twenty second of july": "2027-07-22",
    "may third twenty twenty seven": "2027-05-03",
    "the fifteenth": "2027-03-15",
    "in two weeks": "2027-03-15",
    "a week from tuesday": "2027-03-09",
}
TIMES = {
    "at ten": "10:00",
    "half past ten": "10:30",
    "ten o'clock": "10:00",
    "ten thirty": "10:30",
    "quarter to eleven": "10:45",
    "three in the afternoon": "15:00",
    "ten p m": "22:00",
    "noon": "12:00",
    "eight forty five": "08:45",
    "at nine fifteen": "09:15",
    "twenty past seven": "07:20",
}
SUMS = {
    "forty two fifty": 42.5,
    "forty two dollars and fifty cents": 42.5,
    "a hundred dollars": 100,
    "one thousand two hundred dollars": 1200,
    "fifty cents": 0.5,
}
NUMBERS = {"five five five one two three four": "5551234"}
SPELLINGS = {
    "alpha bravo charlie": "ABC",
    "b as in bravo": "B",
    "kilo one two seven": "K127",
}


@pytest.fixture(scope="module")
def model() -> Any:
    vosk.SetLogLevel(-1)
    return vosk.Model(str(ROOT / "models/vosk-tiny-en-8k"))


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> CallerVoice:
    """The caller's voice without its chance: it says a text the same way each time."""
    steady = tmp_path_factory.mktemp("voice") / SHIPPED.name
    steady.symlink_to(SHIPPED.resolve())
    description = json.loads(SHIPPED.with_name(SHIPPED.name + ".json").read_text("utf-8"))
    description["inference"] |= {"noise_scale": 0.0, "noise_w": 0.0}
    steady.with_name(steady.name + ".json").write_text(json.dumps(description), "utf-8")
    piper.seed(7)
    return CallerVoice(steady)


def _known_phrases(model: Any, grammar: Grammar) -> list[str]:
    told = [*grammar.phrases, *sorted(ENGLISH.fillers)]
    return [p for p in told if all(model.vosk_model_find_word(w) >= 0 for w in p.split())]


def _hear(model: Any, phrases: list[str], pcm: bytes) -> tuple[str, ...]:
    recogniser = vosk.KaldiRecognizer(model, 8000, json.dumps([*phrases, UNKNOWN]))
    recogniser.AcceptWaveform(bytes(1600) + pcm + bytes(4800))
    return bare(json.loads(recogniser.FinalResult())["text"].split(), ENGLISH)


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        *((hear.date, *row) for row in DATES.items()),
        *((hear.time, *row) for row in TIMES.items()),
        *((hear.amount, *row) for row in SUMS.items()),
        *((hear.phone, *row) for row in NUMBERS.items()),
        *((hear.spelling, *row) for row in SPELLINGS.items()),
    ],
)
def test_the_model_hears_it(
    model: Any,
    voice: CallerVoice,
    kind: Callable[[Language], Grammar],
    said: str,
    value: str | float,
) -> None:
    grammar = kind(ENGLISH)
    assert grammar.read(words(said), NOW).value == value
    speech = voice.speak(said)
    heard = _hear(model, _known_phrases(model, grammar), resample(speech.pcm, speech.rate_hz, 8000))
    assert grammar.read(heard, NOW).value == value, heard


@pytest.mark.parametrize("kind", [hear.date, hear.time, hear.amount, hear.spelling])
def test_a_recogniser_is_made_in_no_time(model: Any, kind: Callable[[Language], Grammar]) -> None:
    """It is made anew for every question: 2 to 5 ms on the builder's machine."""
    phrases = json.dumps(_known_phrases(model, kind(ENGLISH)))
    took = []
    for _ in range(5):
        began = time.perf_counter()
        vosk.KaldiRecognizer(model, 8000, phrases)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.03


def test_the_model_knows_every_word_that_it_is_told(model: Any) -> None:
    """What it lacks has a synonym, and is not asked of it (`Language.seldom`)."""
    for kind in (hear.date, hear.time, hear.amount, hear.number, hear.phone, hear.spelling):
        told = {word for phrase in kind(ENGLISH).phrases for word in phrase.split()}
        unknown = {word for word in told if model.vosk_model_find_word(word) < 0}
        assert unknown == set()
