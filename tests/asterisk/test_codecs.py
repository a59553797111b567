"""Dialplans without `c(slin)` over a real Asterisk: the caller's own codec comes labelled as slin, and is told by its bytes.

`chan` is Dial(AudioSocket/host:port/uuid), `chan-ulaw` the same with c(ulaw). u-law and A-law are decoded, G.722 is
named in the log with what to write instead.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID, uuid4

import numpy as np
import pytest
import soxr

from tests.bot import Bot, running_bot, write_config

from .bed import Bed
from .measuring import MeasuredCall, measuring, tone_near, tones
from .phone import Phone, Report, bot_headers
from .rtp import Conditions, Samples
from .speech import spoken

pytestmark = [pytest.mark.asterisk, pytest.mark.models]

FLOW = """
voicebot: 1
on: {failed: {goto: bye}}
nodes:
  main:
    - menu:
        say: "Say sales, or press one."
        choices: [{answers: [sales], keys: "1", goto: bye}]
        attempts: 3
  bye: [{say: "Goodbye."}, hangup]
"""
PITCH, LEVEL_DB = 0.005, 1.5
FOUND_S = 0.6
"""No more than this of a caller's first sound is not heard, because his codec is not known yet."""


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("bot")
    config = write_config(folder, "{address: '127.0.0.1:0', flow: main}")
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


@pytest.fixture(scope="module")
def word() -> Samples:
    """What callers say, at 16 kHz."""
    return spoken("sales")


@pytest.fixture(scope="module")
def g722(bed: Bed, word: Samples) -> Samples:
    """The codes that Asterisk's own encoder makes of a word said again and again."""
    said = np.tile(np.concatenate([word, np.zeros(1600, np.int16)]), 2)

    def signal(rate_hz: int) -> Samples:
        out: Samples = soxr.resample(said, 16000, rate_hz)
        return out

    uuid, phone = uuid4(), Phone("g722")
    with measuring(signal, out_rate_hz=16000) as server:
        headers = bot_headers(server.port, uuid)
        report = phone.call(bed.sip, "app", headers=headers, hang_up_s=len(said) / 16000)
        server.wait_ended(uuid)
    assert not report.failed
    return report.heard


@dataclass(frozen=True, slots=True)
class Way:
    """How a caller reaches the server."""

    number: str
    codec: str
    ptime_ms: int

    def __str__(self) -> str:
        return f"{self.codec} by {self.number}, {self.ptime_ms} ms"


WAYS = [
    Way(number, codec, ptime_ms)
    for number, codec in (("chan", "ulaw"), ("chan", "alaw"), ("chan-ulaw", "alaw"))
    for ptime_ms in (20, 40)
]
SAID, SPOKEN = (400.0, 1000.0, 3100.0), (500.0, 2700.0)
SECONDS = 2.0


@pytest.fixture(scope="module")
def calls(bed: Bed) -> dict[Way, tuple[MeasuredCall, Report]]:
    """Each of them at once, from both ends."""

    def call(way: Way) -> tuple[MeasuredCall, Report]:
        uuid, phone = uuid4(), Phone(way.codec, Conditions(ptime_ms=way.ptime_ms))
        phone.say(tones(*SAID)(8000))
        with measuring(tones(*SPOKEN)) as server:
            headers = bot_headers(server.port, uuid)
            report = phone.call(bed.sip, way.number, headers=headers, hang_up_s=SECONDS)
            return server.wait_ended(uuid), report

    with ThreadPoolExecutor(len(WAYS)) as pool:
        return dict(zip(WAYS, pool.map(call, WAYS), strict=True))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_g711_that_comes_as_slin_is_heard_as_it_was_said(
    calls: dict[Way, tuple[MeasuredCall, Report]], way: Way
) -> None:
    server, caller = calls[way]
    heard = server.heard()
    assert SECONDS - FOUND_S < len(heard) / 8000 < SECONDS + 0.1
    for hz in SAID:
        tone = tone_near(heard[-8000:], 8000, hz)  # once it is known
        assert abs(tone.hz / hz - 1) < PITCH, tone
        assert abs(tone.level_db) < LEVEL_DB, tone
    for hz in SPOKEN:  # what is sent is slin all the same
        assert abs(tone_near(caller.heard, 8000, hz).level_db) < LEVEL_DB


def test_callers_are_understood_though_the_dialplan_forgets_the_codec(
    bed: Bed, bot: Bot, word: Samples
) -> None:
    callers = {codec: (uuid4(), Phone(codec)) for codec in ("ulaw", "alaw")}
    for uuid, phone in callers.values():
        phone.start_call(bed.sip, "chan", headers=bot_headers(bot.ports[0], uuid))
    for _, phone in callers.values():
        phone.listen()
        phone.say(soxr.resample(word, 16000, 8000))
    for codec, name in (("ulaw", "u-law"), ("alaw", "A-law")):
        uuid, phone = callers[codec]
        assert not phone.join().failed
        understood = bot.wait_for("call.understood", call=str(uuid))
        assert (understood["value"], understood["by"]) == ("sales", "speech")
        [warning] = _warnings(bot, uuid)
        assert warning["codec"] == name
        assert "c(slin)" in warning["remedy"]


def test_g722_is_named_with_the_remedy_and_keys_still_work(
    bed: Bed, bot: Bot, g722: Samples
) -> None:
    uuid, phone = uuid4(), Phone("g722")
    phone.say(np.tile(g722, 5), at_s=0.0)
    phone.start_call(bed.sip, "chan", headers=bot_headers(bot.ports[0], uuid))
    warning = bot.wait_for("line.not_slin", uuid=str(uuid))
    assert warning["codec"] == "G.722"
    assert "c(slin)" in warning["remedy"]
    phone.press("1")
    phone.join()
    [understood] = bot.events("call.understood", call=str(uuid))
    assert (understood["value"], understood["by"]) == ("sales", "keys")
    assert len(_warnings(bot, uuid)) == 1


def test_noise_in_short_packets_of_slin_is_taken_for_no_other_codec(bed: Bed, bot: Bot) -> None:
    uuid, phone = uuid4(), Phone("ulaw", Conditions(ptime_ms=10))
    loud = np.clip(np.random.default_rng(1).normal(0, 20000, 2 * 8000), -32768, 32767)
    phone.say(loud.astype(np.int16), at_s=0.0)
    phone.start_call(bed.sip, "app", headers=bot_headers(bot.ports[0], uuid), hang_up_s=1.8)
    phone.join()
    bot.wait_for("call.ended", call=str(uuid))
    assert not _warnings(bot, uuid)


def _warnings(bot: Bot, uuid: UUID) -> list[dict[str, str]]:
    return bot.events("line.not_slin", uuid=str(uuid))
