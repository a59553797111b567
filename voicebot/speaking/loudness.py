"""How loud a prompt is, where its speech begins and ends, and where its clauses do.

Knows: samples. Must not know: files, engines, lines. `samples` is always float32 mono, full scale 1.0.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SPEECH_DBFS = -20.0
"""Active speech level of every rendered prompt. Telephone networks are planned around -20 dBm0, about this."""

MARGIN_DB = 15.9
"""Blocks this far below the active level are pauses (ITU-T P.56)."""

QUIET_DBFS = -45.0
"""After levelling, 5 ms blocks below this are silence. An f starts 40 ms before it is so loud, unheard on a phone."""

LEAD_S = 0.002
"""The first frame that leaves is the first one to be heard."""
TAIL_S = 0.060
FADE_S = 0.004

MOST_GAIN_DB = 20.0
"""What needs more is no speech, and only its noise would come up."""

KNEE = 0.7
"""Peaks above this are rounded off, so that a loud consonant does not clip."""

CLAUSE_DB = 20.0
CLAUSE_S = 0.13
"""A dip so far below the active level and so long parts two clauses. Voices leave 140 ms and more at a comma; a "p"
or "t" is closed for 120 ms at most."""

_LEVEL_BLOCK_S = 0.020
_DIP_BLOCK_S = 0.010
_EDGE_BLOCK_S = 0.005


def active_level_dbfs(samples: Samples, rate_hz: int) -> float:
    """Give the RMS level of the speech without its pauses, -inf when there is none."""
    power = _block_power(samples, int(rate_hz * _LEVEL_BLOCK_S))
    level = float(power.mean()) if power.size else 0.0
    # Leaving out the pauses raises the level, which makes more blocks pauses; it settles after a few rounds.
    for _ in range(10):
        if level == 0.0:
            return -np.inf
        level = float(power[power >= level * 10 ** (-MARGIN_DB / 10)].mean())
    return float(10 * np.log10(level))


def levelled(samples: Samples, rate_hz: int) -> Samples:
    """Bring the speech to SPEECH_DBFS and round off its peaks."""
    level = active_level_dbfs(samples, rate_hz)
    if level == -np.inf:
        return samples
    gain_db = min(SPEECH_DBFS - level, MOST_GAIN_DB)
    louder = samples * np.float32(10 ** (gain_db / 20))
    over = np.abs(louder) - KNEE
    rounded = np.sign(louder) * (KNEE + (1 - KNEE) * np.tanh(over / (1 - KNEE)))
    return cast("Samples", np.where(over > 0, rounded, louder).astype(np.float32))


def trimmed(samples: Samples, rate_hz: int) -> Samples:
    """Cut the silence before and after levelled speech to LEAD_S and TAIL_S, without a click."""
    block = int(rate_hz * _EDGE_BLOCK_S)
    loud = np.flatnonzero(_block_power(samples, block) > 10 ** (QUIET_DBFS / 10))
    if not loud.size:
        return samples[:0]
    start = max(int(loud[0]) * block - int(rate_hz * LEAD_S), 0)
    end = (int(loud[-1]) + 1) * block + int(rate_hz * TAIL_S)
    kept = samples[start:end].copy()
    fade = min(int(rate_hz * FADE_S), kept.size // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    kept[:fade] *= ramp
    kept[kept.size - fade :] *= ramp[::-1]
    return kept


def clauses_s(samples: Samples, rate_hz: int) -> tuple[tuple[float, float], ...]:
    """Give when each clause begins and ends, as the pauses between them tell; none where there is no speech."""
    quiet_dbfs = active_level_dbfs(samples, rate_hz) - CLAUSE_DB
    block = int(rate_hz * _DIP_BLOCK_S)
    loud = np.flatnonzero(_block_power(samples, block) > 10 ** (quiet_dbfs / 10))
    if not loud.size:
        return ()
    cuts = np.flatnonzero(np.diff(loud) - 1 >= round(CLAUSE_S / _DIP_BLOCK_S))
    begins = loud[np.concatenate(([0], cuts + 1))]
    ends = loud[np.concatenate((cuts, [loud.size - 1]))] + 1
    return tuple(
        (float(begin) * block / rate_hz, float(end) * block / rate_hz)
        for begin, end in zip(begins, ends, strict=True)
    )


def faded(pcm: bytes, rate_hz: int, *, rises: bool) -> bytes:
    """Let a frame begin out of silence, or fall into silence at once, without a click."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    size = min(int(rate_hz * FADE_S), samples.size)
    ramp = np.linspace(0, 1, size, dtype=np.float32)
    if rises:
        samples[:size] *= ramp
    else:
        samples[:size] *= ramp[::-1]
        samples[size:] = 0
    return samples.astype("<i2").tobytes()


def _block_power(samples: Samples, block: int) -> NDArray[np.float64]:
    """Give the mean power of each block; the last one is filled up with silence."""
    padded = np.zeros(-(-samples.size // block) * block, np.float64)
    padded[: samples.size] = samples
    return cast("NDArray[np.float64]", np.square(padded).reshape(-1, block).mean(axis=1))
