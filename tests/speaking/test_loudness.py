"""Levels and edges of speech, on signals whose levels are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.speaking.loudness import (
    LEAD_S,
    SPEECH_DBFS,
    TAIL_S,
    Samples,
    active_level_dbfs,
    levelled,
    trimmed,
)

RATE = 16000


def tone(seconds: float, dbfs: float) -> Samples:
    """Make a tone of this RMS level."""
    peak = 10 ** (dbfs / 20) * np.sqrt(2)
    times = np.arange(int(seconds * RATE)) / RATE
    return np.asarray(peak * np.sin(2 * np.pi * 400 * times), np.float32)


def quiet(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def test_pauses_do_not_count() -> None:
    speech = np.concatenate([quiet(1), tone(0.5, -25), quiet(2), tone(0.5, -25), tone(3, -60)])
    assert active_level_dbfs(speech, RATE) == pytest.approx(-25, abs=0.2)


@pytest.mark.parametrize("dbfs", [-38, -30, -20, -10, -4])
def test_speech_comes_out_at_one_level(dbfs: float) -> None:
    speech = np.concatenate([tone(1, dbfs), quiet(1)])
    assert active_level_dbfs(levelled(speech, RATE), RATE) == pytest.approx(SPEECH_DBFS, abs=0.2)


def test_hiss_is_not_brought_up_without_end() -> None:
    assert active_level_dbfs(levelled(tone(1, -80), RATE), RATE) == pytest.approx(-60, abs=0.2)


def test_peaks_are_rounded_off() -> None:
    speech = tone(2, -30)
    speech[1000:1010] = 0.9
    out = levelled(speech, RATE)
    assert np.abs(out).max() < 1.0
    assert active_level_dbfs(out, RATE) == pytest.approx(SPEECH_DBFS, abs=1.0)


def test_edges() -> None:
    out = trimmed(np.concatenate([quiet(0.3), tone(0.5, -20), quiet(0.4)]), RATE)
    assert out.size / RATE == pytest.approx(LEAD_S + 0.5 + TAIL_S, abs=0.006)
    assert out[0] == 0  # faded in
    assert (out[0], out[-1]) == (0, 0)


def test_speech_to_the_very_edge_keeps_its_length_and_does_not_click() -> None:
    out = trimmed(tone(0.5, -20), RATE)
    assert out.size == RATE // 2
    assert (out[0], out[-1]) == (0, 0)


@given(
    st.lists(st.floats(-1, 1, width=32), max_size=300), st.sampled_from([8000, 16000, 22050, 48000])
)
def test_any_samples(samples: list[float], rate_hz: int) -> None:
    signal = np.array(samples, np.float32)
    out = trimmed(levelled(signal, rate_hz), rate_hz)
    assert out.dtype == np.float32
    assert out.size <= signal.size
    assert bool(np.all(np.abs(out) <= 1))
