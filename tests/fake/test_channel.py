"""What a caller's doings are by the time they reach the AudioSocket module; times as measured."""

import pytest

from voicebot.line.audio import frame_bytes

from .channel import (
    Gone,
    HangUp,
    KeyDown,
    KeyUp,
    Mute,
    Packet,
    Press,
    Redirect,
    Talk,
    gaps,
    happenings,
    talk,
)


@pytest.mark.parametrize(("ptime_ms", "size"), [(10, 160), (20, 320), (30, 480), (60, 960)])
def test_packets_are_as_long_as_the_callers(ptime_ms: int, size: int) -> None:
    found = happenings([Talk(0.6)], 8000, ptime_ms)
    packets = [one for one in found if isinstance(one, Packet)]
    assert {len(one.pcm) for one in packets} == {size}
    assert b"".join(one.pcm for one in packets) == talk(0.6, 8000)
    assert gaps(found) == pytest.approx([ptime_ms / 1000] * (len(packets) - 1))


def test_a_rate_of_its_own() -> None:
    found = happenings([Talk(0.1)], 16000)
    assert {len(one.pcm) for one in found if isinstance(one, Packet)} == {frame_bytes(16000)}


def test_who_is_mute_sends_nothing_and_the_time_goes_on() -> None:
    assert happenings([Mute(3.0)], 8000) == [Gone(3.0, redirected=False)]


@pytest.mark.parametrize("held_s", [0.1, 0.2, 1.0])
def test_a_key_is_seen_at_its_release_and_there_is_no_audio_under_it(held_s: float) -> None:
    """100 ms key at 1.000 -> 1.078-1.083; 200 -> +180; 1000 -> +980."""
    found = happenings([Talk(1.0), Press("5", held_s), Talk(0.5)], 8000)
    (up,) = (one for one in found if isinstance(one, KeyUp))
    assert up.at_s == pytest.approx(1.0 + held_s - 0.02)
    assert max(gaps(found)) == pytest.approx(held_s + 0.02)


def test_short_keys_are_stretched_and_kept_apart() -> None:
    """Six 60 ms keys 100 ms apart arrived at 1.060 1.220 1.348 1.476 1.605 1.732."""
    found = happenings([Talk(1.0), Press("123456", 0.06, 0.04), Talk(0.5)], 8000)
    ups = [one.at_s for one in found if isinstance(one, KeyUp)]
    assert ups == pytest.approx([1.060, 1.220, 1.348, 1.476, 1.605, 1.732], abs=0.040)
    downs = [one.at_s for one in found if isinstance(one, KeyDown)]
    under = [one for one in found if isinstance(one, Packet) and 1.0 < one.at_s < 1.6]
    assert len(downs) == 6
    assert len(under) <= 3


def test_a_caller_who_leaves_or_is_taken_away() -> None:
    assert happenings([HangUp(), Talk(1.0)], 8000) == [Gone(0.0, redirected=False)]
    assert happenings([Mute(1.0), Redirect()], 8000) == [Gone(1.0, redirected=True)]
