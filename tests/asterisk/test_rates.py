"""Sound both ways over a real Asterisk at every rate: right in pitch, in level, and as wide as caller and leg allow.

Most calls go to a measuring server on the voicebot's own lines: what the phone says is measured there, what the server
says at the phone. The last ones go to the whole voicebot.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import soundfile

from tests.bot import Bot, running_bot, write_config

from .bed import Bed
from .measuring import MeasuredCall, Tone, measuring, tone_near, tones
from .phone import Phone, Report, bot_headers
from .rtp import RATES, Samples

pytestmark = pytest.mark.asterisk

SECONDS = 1.1
TRIES = 3
STOOD_STILL_MS = 100.0
PITCH = 0.005
LEVEL_DB = 1.5
GONE_DB = -40.0
"""What should not be there is at least so far down."""
ASTERISK_HALVES_DB = -6.02
"""Asterisk's own resampling (libspeexdsp) costs this where the ratio of the rates is 24 or has great numbers in it."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a caller reaches the server."""

    number: str
    """What is dialled: app, chan-slin16, ..."""
    codec: str
    """The caller's."""
    out_rate_hz: int | None = None
    """The rate at which the server speaks, if not the one at which it hears."""

    def __str__(self) -> str:
        spoken = f", spoken to at {self.out_rate_hz}" if self.out_rate_hz else ""
        return f"{self.codec} by {self.number}{spoken}"


@dataclass(frozen=True, slots=True)
class Both:
    """One call from both ends."""

    server: MeasuredCall
    caller: Report

    @property
    def disturbed(self) -> bool:
        """Whether the machine has stood still meanwhile: then there is not much to measure."""
        return self.caller.gaps_ms[1] > STOOD_STILL_MS

    def came_in(self, hz: float) -> Tone:
        """What the server heard near a frequency."""
        return tone_near(self.server.heard(), self.server.rate_hz, hz)

    def went_out(self, hz: float) -> Tone:
        """What the caller heard near a frequency."""
        return tone_near(self.caller.heard, self.caller.rate_hz, hz)


def said_in(width_hz: float) -> tuple[float, ...]:
    """What the caller says: from the bottom to the top of what can pass."""
    return (400.0, 0.5 * width_hz, 0.85 * width_hz)


def said_out(width_hz: float) -> tuple[float, ...]:
    """What the server says; no tone of it is one of the caller's."""
    return (500.0, 0.6 * width_hz, 0.82 * width_hz)


def width_of(way: Way) -> float:
    """Half of the lower rate of caller and leg."""
    leg = RATES.get(way.number.removeprefix("chan-"), 8000)
    return min(leg, 8000 if way.codec in ("ulaw", "alaw") else RATES[way.codec]) / 2


NATIVE = [Way(f"chan-{name}", name) for name in RATES]
NARROW = [Way(f"chan-{name}", "ulaw") for name in RATES]
APP = [Way("app", "ulaw"), Way("app", "alaw"), Way("app", "slin16")]
WIDER_OUT = [Way("app", "slin16", 16000), Way("app", "slin48", 48000)]
TOO_WIDE_OUT = [
    Way("app", "ulaw", 16000),
    Way("app", "ulaw", 48000),
    Way("chan-slin", "alaw", 24000),
]
TOO_WIDE_IN = [Way("app", "slin48"), Way("chan-slin", "slin16")]
WIDE = 6000.0
FOLDED = 8000.0 - WIDE
"""Where a tone of `WIDE` would be, if 8 kHz were made of it without a filter."""


@pytest.fixture(scope="module")
def calls(bed: Bed) -> dict[Way, Both]:
    """All calls that the tests look at, a few at a time."""
    ways = {way: (said_in(width_of(way)), said_out(width_of(way))) for way in NATIVE + NARROW + APP}
    ways |= {way: (said_in(4000), (500.0, 3000.0, WIDE, 7000.0)) for way in WIDER_OUT}
    ways |= {way: (said_in(4000), (500.0, 3000.0, WIDE)) for way in TOO_WIDE_OUT}
    ways |= {way: ((400.0, 3000.0, WIDE), said_out(4000)) for way in TOO_WIDE_IN}

    def call(way: Way) -> Both:
        done = [called(way)]
        while done[-1].disturbed and len(done) < TRIES:
            done.append(called(way))
        return min(done, key=lambda both: both.caller.gaps_ms[1])

    def called(way: Way) -> Both:
        hears, speaks = ways[way]
        tones(*speaks)(way.out_rate_hz or RATES.get(way.number.removeprefix("chan-"), 8000))
        uuid, phone = uuid4(), Phone(way.codec)
        phone.say(tones(*hears)(phone.rate_hz))
        with measuring(tones(*speaks), way.out_rate_hz) as server:
            headers = bot_headers(server.port, uuid)
            report = phone.call(bed.sip, way.number, headers=headers, hang_up_s=SECONDS)
            assert not report.failed, f"{way}: {report.failed}"
            return Both(server.wait_ended(uuid), report)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(ways, pool.map(call, ways), strict=True))


def is_right(tone: Tone, hz: float, loss_db: float = 0.0) -> bool:
    return abs(tone.hz / hz - 1) < PITCH and abs(tone.level_db - loss_db) < LEVEL_DB


@pytest.mark.parametrize("way", NATIVE + APP, ids=str)
def test_what_is_said_arrives_as_it_was_said(calls: dict[Way, Both], way: Way) -> None:
    call, width_hz = calls[way], width_of(way)
    assert call.server.rate_hz == RATES.get(way.number.removeprefix("chan-"), 8000)
    for hz in said_in(width_hz):
        assert is_right(call.came_in(hz), hz), (hz, call.came_in(hz))
    for hz in said_out(width_hz):
        assert is_right(call.went_out(hz), hz), (hz, call.went_out(hz))


@pytest.mark.parametrize("way", NARROW, ids=str)
def test_a_telephone_caller_is_heard_and_hears_at_every_rate_of_the_leg(
    calls: dict[Way, Both], way: Way
) -> None:
    call = calls[way]
    halved = way.number in ("chan-slin44", "chan-slin192")
    losses_db = (0.0, ASTERISK_HALVES_DB) if halved else (0.0,)
    for hz in said_in(width_of(way)):
        tone = call.came_in(hz)
        assert any(is_right(tone, hz, loss_db) for loss_db in losses_db), (hz, tone)
    for hz in said_out(width_of(way)):
        tone = call.went_out(hz)
        assert any(is_right(tone, hz, loss_db) for loss_db in losses_db), (hz, tone)


@pytest.mark.parametrize("way", TOO_WIDE_IN, ids=str)
def test_a_wideband_caller_is_not_folded_into_a_narrow_leg(
    calls: dict[Way, Both], way: Way
) -> None:
    call = calls[way]
    assert is_right(call.came_in(3000.0), 3000.0)
    assert call.came_in(FOLDED).level_db < GONE_DB


@pytest.mark.parametrize("way", WIDER_OUT, ids=str)
def test_wideband_goes_out_through_the_8_khz_application(calls: dict[Way, Both], way: Way) -> None:
    call = calls[way]
    assert {rate_hz for rate_hz, _ in call.server.frames} == {8000}  # what comes in stays narrow
    for hz in (500.0, 3000.0, WIDE, 7000.0):
        assert is_right(call.went_out(hz), hz), (hz, call.went_out(hz))
    for hz in said_in(4000):
        assert is_right(call.came_in(hz), hz), (hz, call.came_in(hz))


@pytest.mark.parametrize("way", TOO_WIDE_OUT, ids=str)
def test_wideband_to_a_telephone_caller_is_narrowed_by_asterisk(
    calls: dict[Way, Both], way: Way
) -> None:
    call = calls[way]
    for hz in (500.0, 3000.0):
        assert is_right(call.went_out(hz), hz), (hz, call.went_out(hz))
    assert call.went_out(FOLDED).level_db < GONE_DB
    for hz in said_in(4000):
        assert is_right(call.came_in(hz), hz), (hz, call.came_in(hz))


@pytest.mark.parametrize("way", NATIVE + APP + WIDER_OUT, ids=str)
def test_nothing_is_lost_nor_sent_too_fast(calls: dict[Way, Both], way: Way) -> None:
    call = calls[way]
    assert call.caller.missing == 0
    assert call.server.stats.dropped == 0
    assert call.server.stats.unknown == 0
    assert call.caller.ahead_ms[1] < 100


# The whole voicebot ------------------------------------------------------------------------------

FLOW = """
voicebot: 1
on: {failed: {goto: bye}}
nodes:
  main:
    - menu:
        say: "Welcome. Say yes, or press one."
        barge_in: keys
        choices: [{answers: [yes], keys: "1", goto: bye}]
        timeout: 10s
  bye: [hangup]
"""
WHOLE = [Way("app", "ulaw"), Way("chan-slin24", "slin16"), Way("chan-slin48", "slin48")]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory, kept: Path) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("bot")
    extra = f"records: {{folder: {kept}, calls: true}}\n"
    config = write_config(folder, "{address: '127.0.0.1:0', flow: main}", extra=extra)
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


def spoken_part(samples: Samples, rate_hz: int) -> tuple[float, float]:
    """How long somebody speaks, in seconds, and the level meanwhile in dBFS."""
    size = rate_hz // 50
    frames = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    loud = np.sqrt((frames**2).mean(axis=1)) > 300
    at = np.flatnonzero(loud)
    return float(at[-1] - at[0] + 1) / 50, float(10 * np.log10((frames[loud] ** 2).mean() / 2**30))


@pytest.mark.models
def test_the_voicebot_records_callers_and_speaks_to_them_at_their_rates(
    bed: Bed, bot: Bot, kept: Path
) -> None:
    def call(way: Way) -> tuple[float, float]:
        uuid, phone = uuid4(), Phone(way.codec)
        phone.start_call(bed.sip, way.number, headers=bot_headers(bot.ports[0], uuid))
        phone.listen()
        said_s = phone.say(tones(440.0, 3000.0, seconds=1.0)(phone.rate_hz))
        phone.press("1", at_s=said_s + 1.2)
        report = phone.join()
        bot.wait_for("call.ended", call=str(uuid))
        [recorded] = kept.rglob(f"*{uuid}*.wav")
        samples, rate_hz = soundfile.read(recorded, dtype="int16")
        loud = np.flatnonzero(np.abs(samples[:, 0].astype(np.int32)) > 2000)
        caller = samples[loud[0] : loud[-1], 0]
        for hz in (440.0, 3000.0):
            assert is_right(tone_near(caller, rate_hz, hz), hz), (str(way), hz)
        return spoken_part(report.heard, report.rate_hz)

    with ThreadPoolExecutor(len(WHOLE)) as pool:
        heard = dict(zip(map(str, WHOLE), pool.map(call, WHOLE), strict=True))
    # The same prompt, however it came: as long and as loud.
    lengths_s, levels_db = zip(*heard.values(), strict=True)
    assert max(lengths_s) - min(lengths_s) < 0.25, heard
    assert max(levels_db) - min(levels_db) < LEVEL_DB, heard
