"""The bed and the phone alone, without a voicebot: what goes wrong here is no fault of ours."""

import socket
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pytest

from .bed import Bed
from .phone import Phone, bot_headers
from .rtp import PACKET_S, Conditions, Network, Samples

pytestmark = pytest.mark.asterisk


def chirp(rate_hz: int) -> Samples:
    """A second that rises from 300 to 2300 Hz: no part of it is like another."""
    at_s = np.arange(rate_hz) / rate_hz
    return np.round(8000 * np.sin(2 * np.pi * (300 + 1000 * at_s) * at_s)).astype(np.int16)


def test_a_bad_line_loses_packets_and_lets_them_overtake() -> None:
    network = Network(Conditions(loss=0.05, jitter_s=0.06))
    arrived: list[int] = []
    for n in range(1000):
        network.put(n.to_bytes(2, "big"), n * PACKET_S)
        arrived += [int.from_bytes(packet, "big") for packet in network.arrived(n * PACKET_S)]
    assert 20 < 1000 - len(arrived) < 90
    overtaken = sum(after < before for before, after in pairwise(arrived))
    assert overtaken > 100
    assert all(abs(n - place) < 60 for place, n in enumerate(arrived))


@pytest.mark.parametrize("codec", ["ulaw", "alaw", "slin16"])
def test_the_phone_hears_itself_and_its_keys(bed: Bed, codec: str) -> None:
    phone = Phone(codec)
    said = chirp(phone.rate_hz)
    phone.say(said, at_s=0.3)
    phone.press("1", at_s=1.4)
    phone.press(
        "2", at_s=2.2
    )  # half a second after a key that it sent, Asterisk takes none for another
    report = phone.call(bed.sip, "echo", hang_up_s=2.6)

    assert not report.failed
    assert report.ended_by_us
    assert [key for key, _ in report.keys_sent] == ["1", "2"]
    assert report.keys_heard == "12"
    assert report.missing == 0
    assert report.ahead_ms[1] < 100
    assert report.loud_s is not None
    came_s = report.loud_s[0]
    assert 0.29 < came_s < 0.5
    # The best match lies within 2 ms of the first loud sample and is as good as the codec.
    first = round(came_s * report.rate_hz) - report.rate_hz // 500
    likeness = [
        float(np.corrcoef(said, report.heard[at : at + len(said)])[0, 1])
        for at in range(first, first + report.rate_hz // 500 + 1)
    ]
    assert max(likeness) > 0.999


def test_a_call_that_reaches_no_bot_goes_on_in_the_dialplan(bed: Bed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    tried, dropped = uuid4(), uuid4()

    report = Phone().call(bed.sip, "app-try", headers=bot_headers(port, tried), hang_up_s=5)
    assert not report.failed
    assert not report.ended_by_us
    bed.ami.wait_step(tried, "gone")
    assert [step.name for step in bed.ami.steps(tried)] == ["enter", "back", "gone"]

    Phone().call(bed.sip, "app", headers=bot_headers(port, dropped), hang_up_s=5)
    bed.ami.wait_step(dropped, "gone")
    assert [step.name for step in bed.ami.steps(dropped)] == ["enter", "gone"]


def test_a_call_goes_step_by_step(bed: Bed) -> None:
    phone = Phone()
    phone.start_call(bed.sip, "echo", hang_up_s=5)
    phone.say(chirp(phone.rate_hz))
    quiet_from_s = phone.listen(quiet_s=0.3)
    phone.press("#")  # Echo() ends with it
    report = phone.join()
    assert not report.ended_by_us
    assert report.loud_s is not None
    assert abs(report.loud_s[1] - quiet_from_s) < 0.06
