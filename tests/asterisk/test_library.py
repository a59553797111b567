"""The public library behind a real Asterisk: what a program for threads says, hears and ends."""

from uuid import uuid4

import pytest

from voicebot.audiosocket.blocking import Audiosocket, Connection

from .bed import Bed
from .measuring import tone_near, tones
from .phone import Phone, Report, bot_headers

pytestmark = pytest.mark.asterisk

STEREO_HZ = 44100
ECHO_S = (2.0, 3.6)


def serve_one(connection: Connection) -> list[str]:
    """Say a tone, wait for a key, echo what is said then, hang up; return the keys."""
    samples = tones(1000, seconds=1)(STEREO_HZ)
    connection.write(samples.repeat(2).tobytes())
    connection.drain()
    keys = [connection.read_key(timeout=10) or "none"]
    while (heard := connection.read()).at_s < ECHO_S[0]:
        pass
    while (heard := connection.read()).at_s < ECHO_S[1]:
        connection.write(heard)
    connection.hangup()
    return keys


@pytest.mark.parametrize(
    ("form", "codec", "highest_hz"), [("app", "ulaw", 600), ("chan-slin16", "slin16", 6000)]
)
def test_says_hears_and_hangs_up(bed: Bed, form: str, codec: str, highest_hz: int) -> None:
    uuid = uuid4()
    phone = Phone(codec)
    with Audiosocket(("127.0.0.1", 0), timeout=30) as server:
        server.prepare_input(inrate=STEREO_HZ, channels=2)
        server.prepare_output(outrate=STEREO_HZ, channels=2)
        phone.start_call(bed.sip, form, headers=bot_headers(server.port, uuid))
        connection = server.listen()
        assert connection.uuid == uuid.hex
        phone.press("5", at_s=1.6)
        phone.say(tones(highest_hz, seconds=1.5)(phone.rate_hz), at_s=2.2)
        assert serve_one(connection) == ["5"]
        report = phone.join()
    assert not report.ended_by_us
    bed.ami.wait_step(uuid, "gone")
    # A clean end: the dialplan goes on behind the application and behind Dial.
    assert [step.name for step in bed.ami.steps(uuid)] == ["enter", "back", "gone"]
    check_sound(report, 1000, 0.3, 0.9)
    check_sound(report, highest_hz, 2.7, 3.4)
    median_ms, _ = report.gaps_ms
    assert median_ms == pytest.approx(20, abs=1)


def check_sound(report: Report, hz: int, from_s: float, to_s: float) -> None:
    heard = report.heard[round(from_s * report.rate_hz) : round(to_s * report.rate_hz)]
    tone = tone_near(heard, report.rate_hz, hz)
    assert tone.hz == pytest.approx(hz, rel=0.003), (hz, tone)
