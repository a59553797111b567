"""Telephone audio as plain functions: sizes, silence, companding, levels, framing, resampling.

Must not know: sockets, clocks, calls, files. `pcm` is always signed 16-bit little-endian mono.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import cast

import numpy as np
import soxr
from numpy.typing import NDArray

FRAMES_PER_S = 50
FRAME_S = 1 / FRAMES_PER_S
SAMPLE_BYTES = 2

FULL_SCALE = 32768
# The level of digital silence: below one step of 16 bits, and finite.
SILENCE_DBFS = -96.0


def frame_bytes(rate_hz: int) -> int:
    """Return the bytes of one 20 ms frame. All AudioSocket rates give whole samples."""
    return rate_hz // FRAMES_PER_S * SAMPLE_BYTES


@cache
def silence(rate_hz: int) -> bytes:
    """Return one 20 ms frame of digital silence, the same object each time."""
    return bytes(frame_bytes(rate_hz))


def _ulaw_table() -> NDArray[np.int16]:
    """ITU-T G.711 u-law: what each of the 256 codes stands for."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4 & 7).astype(np.int32)
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 0x84 << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype("<i2")


def _alaw_table() -> NDArray[np.int16]:
    """ITU-T G.711 A-law: what each of the 256 codes stands for."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = (code >> 4 & 7).astype(np.int32)
    mantissa = ((code & 0x0F).astype(np.int32) << 4) + 8
    magnitude = np.where(exponent > 0, mantissa + 0x100 << np.maximum(exponent - 1, 0), mantissa)
    return np.where(code & 0x80, magnitude, -magnitude).astype("<i2")


def _ulaw_codes() -> NDArray[np.uint8]:
    """Return the u-law code of each 16-bit sample, by the sample's bits as an unsigned number."""
    sample = np.arange(65536, dtype=np.uint16).astype(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample), 32635) + 0x84
    exponent = np.searchsorted(1 << np.arange(8, 15), magnitude, side="right")
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    code: NDArray[np.int64] = ~(np.where(sample < 0, 0x80, 0) | exponent << 4 | mantissa)
    return code.astype(np.uint8)


@cache  # only rehearsals encode A-law: no import has to pay for it
def _alaw_codes() -> NDArray[np.uint8]:
    """Return the A-law code nearest to each 16-bit sample, by the sample's bits as an unsigned number."""
    sample = np.arange(65536, dtype=np.uint16).astype(np.int16)
    codes = np.argsort(_ALAW).astype(np.uint8)
    levels = _ALAW[codes].astype(np.int32)
    between: NDArray[np.int32] = (levels[1:] + levels[:-1]) // 2
    nearest: NDArray[np.uint8] = codes[np.searchsorted(between, sample, side="right")]
    return nearest


_ULAW = _ulaw_table()
_ALAW = _alaw_table()
_ULAW_CODES = _ulaw_codes()


def ulaw_to_pcm(ulaw: bytes) -> bytes:
    """Decode G.711 u-law, one byte a sample."""
    return _ULAW[np.frombuffer(ulaw, np.uint8)].tobytes()


def alaw_to_pcm(alaw: bytes) -> bytes:
    """Decode G.711 A-law, one byte a sample."""
    return _ALAW[np.frombuffer(alaw, np.uint8)].tobytes()


def pcm_to_ulaw(pcm: bytes) -> bytes:
    """Encode as G.711 u-law, one byte a sample."""
    codes: NDArray[np.uint8] = _ULAW_CODES[np.frombuffer(pcm, "<u2")]
    return codes.tobytes()


def pcm_to_alaw(pcm: bytes) -> bytes:
    """Encode as G.711 A-law, one byte a sample."""
    codes: NDArray[np.uint8] = _alaw_codes()[np.frombuffer(pcm, "<u2")]
    return codes.tobytes()


def level_dbfs(pcm: bytes) -> float:
    """Return the RMS level over all of `pcm`; `SILENCE_DBFS` for digital silence or no samples."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    if not samples.size:
        return SILENCE_DBFS
    rms = float(np.sqrt(np.dot(samples, samples) / samples.size))
    return max(20 * math.log10(rms / FULL_SCALE), SILENCE_DBFS) if rms else SILENCE_DBFS


def resample(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """Resample a whole signal at high quality; it comes out as long as it was, to the sample."""
    if from_hz == to_hz or not pcm:
        return pcm
    samples = np.frombuffer(pcm, "<i2")
    return cast("bytes", soxr.resample(samples, from_hz, to_hz, quality="HQ").tobytes())


class StreamResampler:
    """Resamples one direction of one call, which arrives piece by piece.

    Each stream needs its own: the filter remembers what came before.
    """

    def __init__(self, from_hz: int, to_hz: int, *, steady: bool = False) -> None:
        """Prepare for a mono stream of `from_hz`.

        Args:
            steady: give out 20 ms for every 20 ms, 30 ms late at most, by soxr's engine for variable
                rates (noise at -78 dB); without it, lumps of 50 to 160 ms at soxr's best price.
        """
        self._stream = None
        if from_hz != to_hz:
            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", vr=steady)

    def push(self, pcm: bytes) -> bytes:
        """Return what is ready, maybe nothing yet: the filter looks a few ms ahead."""
        return self._resample(pcm, last=False)

    def finish(self) -> bytes:
        """Return what the filter still holds. The stream is over then."""
        return self._resample(b"", last=True)

    def _resample(self, pcm: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            return pcm
        samples = np.frombuffer(pcm, "<i2")
        return cast("bytes", self._stream.resample_chunk(samples, last=last).tobytes())


class Rechunker:
    """Cuts pieces of any length into frames of one length."""

    __slots__ = ("_frame_bytes", "_held")

    def __init__(self, frame_bytes: int) -> None:
        """Cut into frames of `frame_bytes`."""
        self._frame_bytes = frame_bytes
        self._held = b""

    @property
    def pending(self) -> bool:
        """Whether part of a frame waits for the rest of it."""
        return bool(self._held)

    def push(self, pcm: bytes) -> Sequence[bytes]:
        """Return the whole frames there are now."""
        size = self._frame_bytes
        if not self._held and len(pcm) == size:
            return (pcm,)
        pcm = self._held + pcm
        whole = len(pcm) - len(pcm) % size
        self._held = pcm[whole:]
        return [pcm[start : start + size] for start in range(0, whole, size)]

    def flush(self) -> bytes | None:
        """Return the incomplete frame, padded with silence; None when there is none."""
        rest = self.rest()
        return rest.ljust(self._frame_bytes, b"\0") if rest else None

    def rest(self) -> bytes:
        """Return the incomplete frame as it is; nothing is held any more."""
        rest, self._held = self._held, b""
        return rest
