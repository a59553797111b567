"""Confirmations of whole forms on a noisy line, spoken by the scripted caller."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.flow.ears import DATE, NUMBER, PIN, SSN, TIME, Form, choice
from tests.hearing.meant import meant
from tests.speech.workers import LANGUAGE, PIPER_VOICE, VOSK_MODEL
from voicebot.flow import model
from voicebot.flow.expectation import Expectation
from voicebot.line.audio import resample
from voicebot.phone.voice import CallerVoice, as_sentence
from voicebot.rehearsal.impairments import CallersLine, Noise, Sound
from voicebot.speaking.loudness import SPEECH_DBFS, active_level_dbfs
from voicebot.speech import piper, vosk

pytestmark = pytest.mark.models

COLOUR = model.Choices((choice("red", "red"), choice("green", "green")))
VISIT = Form(day=DATE, time=TIME, ssn=SSN)
TABLE = Form(day=DATE, time=TIME, people=NUMBER)
ORDER = Form(code=PIN, colour=COLOUR)
TIMES = 4
YES = ("yes", "yeah", "yep", "right", "that's right", "correct", "yes please")
NO = ("no", "nope", "no thanks", "no, that's wrong")
CORRECTED: dict[str, dict[str, object]] = {
    "no, tuesday": {"day": "2027-03-02"},
    "no, next wednesday": {"day": "2027-03-10"},
    "no, at eleven": {"time": "11:00"},
    "I mean eleven": {"time": "11:00"},
    "at half past three": {"time": "15:30"},
    "tuesday, please": {"day": "2027-03-02"},
}


class Line:
    """A caller on a G.711 line with pink noise at 20 dB."""

    def __init__(self) -> None:
        self.engine = vosk.load({LANGUAGE: VOSK_MODEL})
        piper.seed(7)
        self.voice = CallerVoice(PIPER_VOICE)

    def hears(self, ears: Expectation, said: str, turn: int) -> object:
        """What the bot understands."""
        speech = self.voice.speak(as_sentence(said))
        pcm = np.frombuffer(resample(speech.pcm, speech.rate_hz, 8000), "<i2")
        voiced = pcm.astype(np.float32) / np.float32(32768)
        voiced *= np.float32(10 ** ((SPEECH_DBFS - active_level_dbfs(voiced, 8000)) / 20))
        padded = np.pad(voiced.clip(-1, 1), (2400, 2400 + -len(voiced) % 160))
        sent = (padded * 32767).astype("<i2").tobytes()
        line = CallersLine(Sound(noise=Noise.PINK), f"{said} {turn}")
        hearing = self.engine.listen(LANGUAGE, 8000, ears.grammar or ())
        for start in range(0, len(sent), 320):
            hearing.hear(line.carry(sent[start : start + 320], None) or b"")
        return meant(ears, hearing.finish(), ("day", "time", "people", "code", "colour"))


@pytest.fixture(scope="module")
def line() -> Line:
    return Line()


@pytest.mark.parametrize("form", [VISIT, TABLE, ORDER], ids=["visit", "table", "order"])
def test_yes_and_no_are_heard_amid_all_that_may_be_corrected(line: Line, form: Form) -> None:
    """All of them but one of a hundred; none becomes a value."""
    wanted = [(said, said in YES) for said in (*YES, *NO)] * TIMES
    heard = [
        (said, want, line.hears(form.at(None), said, n)) for n, (said, want) in enumerate(wanted)
    ]
    missed = [(said, got) for said, want, got in heard if got is not want]
    changed = [each for each in missed if isinstance(each[1], dict)]
    print(f"understood {len(wanted) - len(missed)} of {len(wanted)}; {missed}")  # noqa: T201 - a figure for pytest -rP
    assert len(missed) <= len(wanted) // 8, missed
    assert len(changed) <= 1, changed


def test_what_is_corrected_is_heard(line: Line) -> None:
    """48 of 50; a "please" behind a bare weekday is the hardest."""
    tally: Counter[str] = Counter()
    for turn in range(TIMES):
        for said, want in CORRECTED.items():
            got = line.hears(VISIT.at(None), said, turn)
            values = {k: v for k, v in got.items() if k} if isinstance(got, dict) else got
            tally["right" if values == want else f"{said}: {got}"] += 1
    print(dict(tally))  # noqa: T201 - a figure for pytest -rP
    assert tally["right"] >= 0.8 * TIMES * len(CORRECTED), tally


def test_a_bare_time_is_heard_where_it_is_asked(line: Line) -> None:
    heard = [line.hears(VISIT.at("time"), "ten", turn) for turn in range(10)]
    assert heard.count({"time": "10:00"}) >= 6, heard
