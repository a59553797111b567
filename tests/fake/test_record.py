"""What a test may demand of a server is demanded: each fault alone is found."""

import pytest

from voicebot.line.audiosocket import Kind

from .record import Arrival, Record, TooMuch

FRAME = bytes(320)


def paced(count: int, every_s: float = 0.02, from_s: float = 0.01) -> list[Arrival]:
    return [Arrival(from_s + n * every_s, 0x10, FRAME) for n in range(count)]


def test_a_good_server() -> None:
    record = Record([*paced(50), Arrival(1.02, Kind.HANGUP, b"")], segments=51)
    record.demand_legal()
    record.demand_whole()
    record.demand_paced()
    assert record.lead_s == pytest.approx(0.0)


@pytest.mark.parametrize(
    "arrivals",
    [
        [Arrival(0.0, 0x03, b"5")],
        [Arrival(0.0, 0xFF, b"\1")],
        [Arrival(0.0, 0x10, b"")],
        [Arrival(0.0, 0x10, b"abc")],
        [Arrival(0.0, 0x10, bytes(322))],
        [Arrival(0.0, Kind.HANGUP, b""), *paced(1)],
        [Arrival(0.0, Kind.HANGUP, b"xy")],
    ],
)
def test_what_is_not_legal(arrivals: list[Arrival]) -> None:
    with pytest.raises(TooMuch):
        Record(arrivals).demand_legal()


def test_something_behind_the_hangup() -> None:
    record = Record([Arrival(0.0, Kind.HANGUP, b"")], unread=b"\x10")
    with pytest.raises(TooMuch):
        record.demand_legal()
    record.unread = b"\0\0"  # of the hangup itself
    record.demand_legal()


def test_the_fork_has_to_be_answered_first() -> None:
    with pytest.raises(TooMuch):
        Record(paced(2)).demand_legal(answered_fork=True)
    Record([Arrival(0.0, Kind.KEY, b"\4"), *paced(2)]).demand_legal(answered_fork=True)


def test_messages_in_pieces() -> None:
    Record(paced(50), segments=51).demand_whole()
    for segments in (60, 100):
        with pytest.raises(TooMuch, match=f"50 messages in {segments} segments"):
            Record(paced(50), segments=segments).demand_whole()
    with pytest.raises(TooMuch):
        Record(paced(2), split=1).demand_whole()


def test_gaps_and_bursts() -> None:
    with pytest.raises(TooMuch, match="a gap of 50 ms"):
        Record(paced(5, every_s=0.05)).demand_paced()
    with pytest.raises(TooMuch, match="80 ms ahead"):
        Record(paced(5, every_s=0.0)).demand_paced()
    with pytest.raises(TooMuch, match="no audio"):
        Record().demand_paced()
    # Three frames after a stall are no more than what was missed.
    late = Record([*paced(3), *paced(3, every_s=0.0, from_s=0.09)])
    assert late.lead_s == pytest.approx(0.04)
