"""Which codec it really is that came labelled as slin at 8 kHz.

`Dial(AudioSocket/…)` without `c(slin)` hands the caller's own codec through: u-law, A-law and G.722 arrive as kind
0x10, byte for byte. Lives here: what the bytes say of it. Must not know: sockets, lines, what is done about it.

Each codec is asked how many bits the bytes would take if they were its own: samples that a linear
predictor has foreseen, up to a Laplacian rest. Sound takes 1 to 7 bits a byte as what it is, 6 to 9 as what it is not.
Two more have a say: a code that knows nothing of sound but how often each byte comes, for tones so regular that
anything explains them; and mere chance, which is all that G.722 looks like.
"""

import math
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from voicebot.line.audio import SAMPLE_BYTES, alaw_to_pcm, ulaw_to_pcm

# Measured on 229 s of people's recordings in payloads of 80, 160, 320 and 480 bytes, from 309 beginnings each (G.722
# as Asterisk's encoder makes it), and on noise and tones: no verdict was wrong. At 160 bytes each came after 5 to 10
# payloads that were not silence; G.722 waits for the pace.
_PAYLOADS_MIN = 5
_BITS_AHEAD = 800.0
# White noise that clips is u-law rather than A-law by 0.09 bits a byte, and loud noise in G.722 either by 0.02.
_BITS_A_BYTE_AHEAD = 0.06
# Where bytes repeat so much, nothing can be said but that they do: silence in G.722, a tone of 1000 Hz.
_REPEATING_BITS = 6.0
_CHANCE_BITS = 8.0

# In a second come 16 000 bytes of slin, 8 000 of the others.
_PACE_AFTER_S = 0.99
_PACE_BYTES_A_S = 12_000

_ORDER = 8
_LAGS = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
_DIAGONAL = np.diag_indices(_ORDER)
_FORESIGHT_BITS = 4.0 * _ORDER

_LONGEST = 480
_SCALE_MIN = 0.5
_COUNT_PRIOR = 0.05


class Codec(StrEnum):
    """What it can be."""

    SLIN = "slin"
    ULAW = "u-law"
    ALAW = "A-law"
    G722 = "G.722"


_CODECS = (Codec.SLIN, Codec.ULAW, Codec.ALAW, Codec.G722)


class Unlabelled:
    """Judges the payloads of one call."""

    __slots__ = (
        "_bits",
        "_bytes",
        "_largest_burst",
        "_now_burst",
        "_now_s",
        "_payloads",
        "_since_s",
        "_weighed",
    )

    def __init__(self) -> None:
        self._bits = np.zeros(len(_CODECS))
        self._payloads = self._weighed = self._bytes = 0
        # How much came, silence too, since when, and at one time at most: after a stall much comes at once.
        self._since_s = self._now_s = -math.inf
        self._now_burst = self._largest_burst = 0

    def judge(self, payload: bytes, now_s: float) -> Codec | None:
        """Take the next payload.

        Args:
            payload: of kind 0x10.
            now_s: when it came; what comes at one beat may have one time.

        Returns:
            What it is; None as long as that is not certain, as in silence.
        """
        slin_by_pace = self._pace_is_slins(len(payload), now_s)
        if payload.count(payload[:1]) < len(payload):
            self._weigh(payload[:_LONGEST])
        found = self._verdict()
        if found is Codec.G722:
            # Clipped noise as slin looks like chance, too.
            return None if slin_by_pace is None else Codec.SLIN if slin_by_pace else found
        return Codec.SLIN if found is None and slin_by_pace else found

    def _pace_is_slins(self, size: int, now_s: float) -> bool | None:
        """Whether it comes as fast as slin; None: too early to say."""
        if not self._bytes:
            self._since_s = now_s
        if now_s > self._now_s:
            self._now_s, self._now_burst = now_s, 0
        self._now_burst += size
        self._largest_burst = max(self._largest_burst, self._now_burst)
        self._bytes += size
        passed_s = now_s - self._since_s
        if passed_s < _PACE_AFTER_S:
            return None
        return self._bytes - self._largest_burst > passed_s * _PACE_BYTES_A_S

    def _weigh(self, payload: bytes) -> None:
        codes = np.frombuffer(payload, np.uint8)
        bits = np.array([*_bits_by_codec(payload, codes), _CHANCE_BITS * len(codes)])
        repeating = _bits_of_counts(codes)
        if repeating < min(bits.min(), _REPEATING_BITS * len(codes)):
            return
        bits[-1] = min(bits[-1], repeating)
        self._bits += bits
        self._payloads += 1
        self._weighed += len(payload)

    def _verdict(self) -> Codec | None:
        if self._payloads < _PAYLOADS_MIN:
            return None
        first, second = np.argsort(self._bits)[:2]
        ahead = self._bits[second] - self._bits[first]
        enough = max(_BITS_AHEAD, _BITS_A_BYTE_AHEAD * self._weighed)
        return _CODECS[first] if ahead > enough else None


def _bits_by_codec(payload: bytes, codes: NDArray[np.uint8]) -> Sequence[float]:
    """What the payload takes as slin, as u-law and as A-law."""
    samples = np.frombuffer(payload, "<i2", count=len(payload) // SAMPLE_BYTES)
    return (
        _bits_of_sound(samples.astype(np.float64), 1.0),
        *(_bits_of_sound(table[codes], steps[codes]) for table, steps in (_ULAW, _ALAW)),
    )


def _bits_of_sound(samples: NDArray[np.float64], steps: NDArray[np.float64] | float) -> float:
    """What samples take, each known to its step, foreseen or not, whichever takes less."""
    plain = _laplacian_bits(samples, steps)
    energies = np.correlate(samples, samples, "full")[len(samples) - 1 :][: _ORDER + 1]
    matrix = energies[_LAGS]
    matrix[_DIAGONAL] = 1.0001 * energies[0] + 1
    foresight = np.linalg.solve(matrix, energies[1:])
    rest = samples - np.convolve(samples, np.concatenate([[0.0], foresight]))[: len(samples)]
    return min(plain, _laplacian_bits(rest, steps) + _FORESIGHT_BITS)


def _laplacian_bits(rest: NDArray[np.float64], steps: NDArray[np.float64] | float) -> float:
    size = np.abs(rest)
    scale = max(float(size.mean()), _SCALE_MIN)
    near, far = size - steps / 2, size + steps / 2
    at_near, at_far = np.exp(-np.abs(near) / scale) / 2, np.exp(-far / scale) / 2
    chance = np.where(near > 0, at_near - at_far, 1 - at_near - at_far)
    return float(-np.log2(np.maximum(chance, 1e-12)).sum())


def _bits_of_counts(codes: NDArray[np.uint8]) -> float:
    """What bytes take for one who only counts them, and learns on the way."""
    counts = np.bincount(codes, minlength=256)
    return float(_all_counts_bits(len(codes)) - _COUNT_BITS[counts].sum())


def _all_counts_bits(size: int) -> float:
    return (math.lgamma(size + 256 * _COUNT_PRIOR) - math.lgamma(256 * _COUNT_PRIOR)) / math.log(2)


def _count_bits() -> NDArray[np.float64]:
    never = math.lgamma(_COUNT_PRIOR)
    bits = [math.lgamma(count + _COUNT_PRIOR) - never for count in range(_LONGEST + 1)]
    return np.array(bits) / math.log(2)


def _table(pcm: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each of the 256 codes stands for, and how wide the values are that become it."""
    values = np.frombuffer(pcm, "<i2").astype(np.float64)
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    steps = np.empty_like(values)
    steps[order] = np.maximum(np.gradient(ascending), 1)
    return values, steps


_COUNT_BITS = _count_bits()
_ULAW = _table(ulaw_to_pcm(bytes(range(256))))
_ALAW = _table(alaw_to_pcm(bytes(range(256))))
