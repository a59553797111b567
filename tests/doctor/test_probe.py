"""The measuring itself: a signal that was delayed, lost, made quieter or mixed with its echo."""

from __future__ import annotations

import math

import numpy as np
import pytest

from voicebot.doctor.probe import LEVEL_DBFS, Heard, Sent, echo_db, passage, signal
from voicebot.line.audio import SILENCE_DBFS, frame_bytes, level_dbfs, resample, silence

SECONDS = 0.6
FRAMES = 30


def sent_at(rate_hz: int) -> Sent:
    """A signal whose n-th frame left at (n + 1) * 20 ms."""
    left_s = tuple((n + 1) * 0.02 for n in range(FRAMES))
    return Sent(signal(rate_hz, SECONDS, seed=1), rate_hz, left_s)


def frames(pcm: bytes, rate_hz: int) -> list[bytes]:
    size = frame_bytes(rate_hz)
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


def arriving(pcm: bytes, rate_hz: int, delay_s: float) -> list[Heard]:
    """Each frame so long after it left, in silence before and behind."""
    quiet = [silence(rate_hz)] * 3
    return [
        Heard((n - 2) * 0.02 + delay_s, one)
        for n, one in enumerate([*quiet, *frames(pcm, rate_hz), *quiet])
    ]


def scaled(pcm: bytes, db: float) -> bytes:
    return np.round(np.frombuffer(pcm, "<i2") * 10 ** (db / 20)).astype("<i2").tobytes()


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_signal_has_its_level_and_its_band(rate_hz: int) -> None:
    pcm = signal(rate_hz, SECONDS, seed=1)
    assert len(pcm) == FRAMES * frame_bytes(rate_hz)
    assert level_dbfs(pcm) == pytest.approx(LEVEL_DBFS, abs=0.2)
    assert pcm == signal(rate_hz, SECONDS, seed=1)
    assert pcm != signal(rate_hz, SECONDS, seed=2)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("delay_s", [0.0, 0.0123, 0.25])
def test_the_delay_is_found(rate_hz: int, delay_s: float) -> None:
    sent = sent_at(rate_hz)
    way = passage(sent, arriving(sent.pcm, rate_hz, delay_s))
    assert (way.frames, way.lost) == (FRAMES, 0)
    assert way.delay_ms == pytest.approx(1000 * delay_s, abs=0.01)
    assert way.delay_p95_ms == pytest.approx(1000 * delay_s, abs=0.01)
    assert way.level_db == pytest.approx(0, abs=0.01)
    assert way.gap_ms == pytest.approx(20)
    assert way.gap_max_ms == pytest.approx(20)


def test_a_delay_within_the_signal_counts_as_much() -> None:
    sent = sent_at(8000)
    late = bytes(2 * 40) + sent.pcm[: -2 * 40]  # 40 samples: 5 ms
    way = passage(sent, arriving(late, 8000, 0.001))
    assert way.delay_ms == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize("gone", [(5,), (7, 8), (0, 29), tuple(range(10, 20))])
def test_lost_frames_are_counted(gone: tuple[int, ...]) -> None:
    sent = sent_at(8000)
    heard = [h for n, h in enumerate(arriving(sent.pcm, 8000, 0.01)) if n - 3 not in gone]
    way = passage(sent, heard)
    assert way.lost == len(gone)
    assert way.delay_ms == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("db", [-12.0, -3.0, 6.0])
def test_the_level_is_found(db: float) -> None:
    sent = sent_at(8000)
    way = passage(sent, arriving(scaled(sent.pcm, db), 8000, 0.01))
    assert way.lost == 0
    assert way.level_db == pytest.approx(db, abs=0.1)


def test_other_packets_than_ours_are_found() -> None:
    sent = sent_at(8000)
    size = 3 * frame_bytes(8000)
    pieces = [sent.pcm[at : at + size] for at in range(0, len(sent.pcm), size)]
    heard = [Heard((n + 1) * 0.06 + 0.005, one) for n, one in enumerate(pieces)]
    way = passage(sent, heard)
    assert way.lost == 0
    assert way.delay_ms == pytest.approx(5, abs=0.01)
    assert way.gap_ms == pytest.approx(60)


def test_a_signal_that_was_resampled_on_its_way_is_still_the_signal() -> None:
    sent = sent_at(16000)
    narrow = resample(resample(sent.pcm, 16000, 8000), 8000, 16000)
    assert passage(sent, arriving(narrow, 16000, 0.01)).lost <= 2


def test_gaps_are_those_of_arrival() -> None:
    sent = sent_at(8000)
    heard = [
        Heard(h.at_s + (0.07 if n == 10 else 0), h.pcm)
        for n, h in enumerate(arriving(sent.pcm, 8000, 0))
    ]
    assert passage(sent, heard).gap_max_ms == pytest.approx(90)


@pytest.mark.parametrize(
    "heard",
    [
        [],
        [Heard(0.02, silence(8000))],
        [Heard(0.02, b"")],
        [Heard(0.02, b"\x01")],
        arriving(signal(8000, SECONDS, seed=9), 8000, 0.0),
    ],
)
def test_nothing_of_the_signal_is_all_lost(heard: list[Heard]) -> None:
    way = passage(sent_at(8000), heard)
    assert way.lost == FRAMES
    assert math.isnan(way.delay_ms)
    assert way.level_db == SILENCE_DBFS


@pytest.mark.parametrize("db", [-6.0, -20.0, -35.0])
def test_the_echo_is_found(db: float) -> None:
    sent = sent_at(8000)
    assert echo_db(sent, arriving(scaled(sent.pcm, db), 8000, 0.05)) == pytest.approx(db, abs=0.5)


def test_no_echo() -> None:
    sent = sent_at(8000)
    assert echo_db(sent, arriving(bytes(len(sent.pcm)), 8000, 0)) == SILENCE_DBFS
    assert echo_db(sent, []) == SILENCE_DBFS
    # Somebody else's voice is no echo.
    assert echo_db(sent, arriving(signal(8000, SECONDS, seed=7), 8000, 0)) < -20
