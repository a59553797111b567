"""A signal that is known, and what became of it on its way: delay, gaps, loss, level, echo.

Knows samples and times.  Must not know sockets, clocks or Asterisk: every time is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from voicebot.line.audio import SAMPLE_BYTES, SILENCE_DBFS, frame_bytes

LEVEL_DBFS: Final = -20.0
"""Of the signal: loud as speech is, with room for its peaks."""
BAND_HZ: Final = {8000: (300, 3400), 16000: (100, 7000)}
LIKE: Final = 0.55
"""How much like a piece of the signal a message must be (1: the same but for its level); half the band is 0.7."""
THERE: Final = 0.5
"""A frame came through if this share of it did."""
QUIET: Final = 30.0
"""Messages below this RMS, -60 dBFS, hold nothing of the signal."""

Samples: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sent:
    """The signal, and when each of its 20 ms frames left."""

    pcm: bytes
    rate_hz: int
    left_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of audio, and when it came."""

    at_s: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Passage:
    """What became of the signal on its way.

    Without a single frame that came through, delays are not-a-number and the level is digital silence.
    """

    frames: int
    lost: int
    delay_ms: float
    """Median, from the moment a sample left to the moment it came; resampling counts."""
    delay_p95_ms: float
    gap_ms: float
    """From message to message, median."""
    gap_p95_ms: float
    gap_max_ms: float
    level_db: float
    """How much louder it came than it was sent."""


def signal(rate_hz: int, seconds: float, seed: int) -> bytes:
    """Noise of a telephone's band: no piece of it is like another, so each tells where it belongs.

    Args:
        rate_hz: one of `BAND_HZ`.
        seconds: whole frames of 20 ms.
        seed: another one gives another signal.
    """
    count = round(seconds * rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    at_hz = np.fft.rfftfreq(count, 1 / rate_hz)
    low_hz, high_hz = BAND_HZ[rate_hz]
    spectrum[(at_hz < low_hz) | (at_hz > high_hz)] = 0
    noise = np.fft.irfft(spectrum, count)
    noise *= 32768 * 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(noise**2))
    return np.clip(np.round(noise), -32768, 32767).astype("<i2").tobytes()


def passage(sent: Sent, heard: Sequence[Heard]) -> Passage:
    """Find the signal in what came.

    Args:
        sent: the signal as it left.
        heard: all that came from a little before it to a little after it, in the order of time.
    """
    search = _Search(_samples(sent.pcm))
    frame = frame_bytes(sent.rate_hz) // SAMPLE_BYTES
    there = np.zeros(len(sent.left_s) * frame, dtype=bool)
    delays: list[float] = []
    levels: list[float] = []
    for message in heard:
        piece = _samples(message.pcm)
        place = search.place_of(piece)
        if place is None:
            continue
        there[max(place, 0) : place + len(piece)] = True
        levels.append(search.gain(piece, place))
        last = min(max(place + len(piece), 1), len(there))
        number = (last - 1) // frame
        early_s = ((number + 1) * frame - last) / sent.rate_hz
        delays.append(1000 * (message.at_s - sent.left_s[number] + early_s))
    came = there.reshape(-1, frame).mean(axis=1) > THERE
    gaps = [1000 * (after.at_s - before.at_s) for before, after in pairwise(heard)]
    return Passage(
        frames=len(came),
        lost=int(np.count_nonzero(~came)),
        delay_ms=_percentile(delays, 50),
        delay_p95_ms=_percentile(delays, 95),
        gap_ms=_percentile(gaps, 50),
        gap_p95_ms=_percentile(gaps, 95),
        gap_max_ms=max(gaps, default=math.nan),
        level_db=_db(float(np.median(levels))) if levels else SILENCE_DBFS,
    )


def echo_db(sent: Sent, heard: Iterable[Heard]) -> float:
    """How loud the signal comes back to its sender, against how it was sent; `SILENCE_DBFS`: not at all."""
    signal_sent = _samples(sent.pcm)
    back = _samples(b"".join(message.pcm for message in heard))
    if not back.any():
        return SILENCE_DBFS
    size = len(signal_sent) + len(back)
    product = np.fft.rfft(back, size) * np.conj(np.fft.rfft(signal_sent, size))
    likeness = np.abs(np.fft.irfft(product, size)).max()
    return _db(float(likeness / np.dot(signal_sent, signal_sent)))


class _Search:
    """Looks for pieces of one signal."""

    def __init__(self, whole: Samples) -> None:
        self._whole = whole
        self._spectra: dict[int, npt.NDArray[np.complex128]] = {}
        self._energy = np.concatenate(([0.0], np.cumsum(whole**2)))

    def place_of(self, piece: Samples) -> int | None:
        """The sample that the piece begins with, maybe before the first; None: it is no piece of it."""
        count = len(piece)
        if not count or np.sqrt(np.mean(piece**2)) < QUIET:
            return None
        size = len(self._whole) + count
        if size not in self._spectra:
            self._spectra[size] = np.fft.rfft(self._whole, size)
        product = self._spectra[size] * np.conj(np.fft.rfft(piece, size))
        # Places from -count + 1 to the last sample; what lies outside of the signal is silence.
        likeness = np.roll(np.fft.irfft(product, size), count - 1)[: size - 1]
        places = np.arange(1 - count, len(self._whole))
        first = np.clip(places, 0, len(self._whole))
        last = np.clip(places + count, 0, len(self._whole))
        energy = self._energy[last] - self._energy[first]
        # A piece of which most lies outside tells nothing.
        energy[energy < self._energy[-1] * count / len(self._whole) / 4] = np.inf
        likeness /= np.sqrt(energy * np.dot(piece, piece))
        best = int(np.argmax(likeness))
        return int(places[best]) if likeness[best] > LIKE else None

    def gain(self, piece: Samples, place: int) -> float:
        """How much louder the piece is than what it was."""
        first, last = max(place, 0), min(place + len(piece), len(self._whole))
        was = self._energy[last] - self._energy[first]
        part = piece[first - place : last - place]
        return float(np.sqrt(np.dot(part, part) / was)) if was else 0.0


def _samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2").astype(np.float64)


def _percentile(values: Sequence[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else math.nan


def _db(ratio: float) -> float:
    return max(20 * math.log10(ratio), SILENCE_DBFS) if ratio > 0 else SILENCE_DBFS
