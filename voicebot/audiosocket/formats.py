"""In what form a program reads and writes audio, and the way between that and the line.

Lives here: rates, channels and companding as a program wants them; one converter for each direction
of each call. Must not know: sockets, clocks, tasks, queues.

On the line audio is 16-bit little-endian mono at the rate of its message's kind. A converter
belongs to one direction of one call, as its filter remembers what came before.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicebot.line.audio import (
    FRAMES_PER_S,
    SAMPLE_BYTES,
    StreamResampler,
    alaw_to_pcm,
    pcm_to_alaw,
    pcm_to_ulaw,
    ulaw_to_pcm,
)
from voicebot.line.unlabelled import Codec

MIN_RATE_HZ = 1000
MAX_RATE_HZ = 768_000
MAX_CHANNELS = 32


_DECODE: dict[Codec, Callable[[bytes], bytes]] = {
    Codec.ULAW: ulaw_to_pcm,
    Codec.ALAW: alaw_to_pcm,
}
_ENCODE: dict[Codec, Callable[[bytes], bytes]] = {
    Codec.ULAW: pcm_to_ulaw,
    Codec.ALAW: pcm_to_alaw,
}


@dataclass(frozen=True, slots=True)
class Format:
    """A form of audio: samples of all channels in turn.

    Raises:
        ValueError: no such rate or number of channels, or an encoding that is not converted.
    """

    rate_hz: int | None = None
    """Samples a second; None: the rate at which the caller is heard (`Call.rate_hz`).

    A `Frame` that is written in a form without a rate has its own.
    """
    channels: int = 1
    """Reading, each channel has the caller; writing, the line has the mean of all channels."""
    encoding: Codec = Codec.SLIN
    """SLIN (16 bits, little-endian), or ULAW or ALAW (8 bits, ITU-T G.711)."""

    def __post_init__(self) -> None:
        """Refuse what no converter could do."""
        if self.rate_hz is not None and not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
            raise ValueError(
                f"{self.rate_hz} Hz is no rate for audio: give {MIN_RATE_HZ} to {MAX_RATE_HZ}"
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise ValueError(f"{self.channels} channels: give 1 to {MAX_CHANNELS}")
        if self.encoding is not Codec.SLIN and self.encoding not in _DECODE:
            raise ValueError(f"{self.encoding} is not converted: give slin, u-law or A-law")

    @property
    def sample_bytes(self) -> int:
        """The bytes of one sample of all channels."""
        return self.channels * (SAMPLE_BYTES if self.encoding is Codec.SLIN else 1)

    def frame_bytes(self, line_rate_hz: int) -> int:
        """Return the bytes of 20 ms, down to a whole sample where a rate has no whole number."""
        return (self.rate_hz or line_rate_hz) // FRAMES_PER_S * self.sample_bytes


class FromLine:
    """Turns what was heard into what the program reads."""

    def __init__(self, wanted: Format, line_rate_hz: int) -> None:
        """Prepare for a stream that arrives at `line_rate_hz`."""
        self._wanted = wanted
        self._resampler = StreamResampler(line_rate_hz, wanted.rate_hz or line_rate_hz, steady=True)

    def push(self, pcm: bytes) -> bytes:
        """Return what is ready: with another rate up to 30 ms are still in the filter."""
        return self._formed(self._resampler.push(pcm))

    def finish(self) -> bytes:
        """Return what the filter still holds. The stream is over then."""
        return self._formed(self._resampler.finish())

    def _formed(self, pcm: bytes) -> bytes:
        if self._wanted.channels > 1:
            pcm = np.frombuffer(pcm, "<i2").repeat(self._wanted.channels).tobytes()
        encode = _ENCODE.get(self._wanted.encoding)
        return encode(pcm) if encode else pcm


class ToLine:
    """Turns what the program writes, cut anywhere, into what is said."""

    def __init__(self, given: Format, given_rate_hz: int, line_rate_hz: int) -> None:
        """Prepare for a stream of `given` at `given_rate_hz`, said at `line_rate_hz`."""
        self._given = given
        self._held = b""
        self.delays = given_rate_hz != line_rate_hz
        """Whether its filter gives out what it took only later."""
        self._resampler = StreamResampler(given_rate_hz, line_rate_hz, steady=True)

    def push(self, data: bytes) -> bytes:
        """Return what is ready. Part of a sample waits for the rest of it."""
        if self._held:
            data = self._held + data
        whole = len(data) - len(data) % self._given.sample_bytes
        if whole != len(data):
            data, self._held = data[:whole], data[whole:]
        else:
            self._held = b""
        return self._resampler.push(self._mono(data))

    def finish(self) -> bytes:
        """Return what the filter still holds. The stream is over then."""
        return self._resampler.finish()

    def _mono(self, data: bytes) -> bytes:
        decode = _DECODE.get(self._given.encoding)
        pcm = decode(data) if decode else data
        if self._given.channels == 1:
            return pcm
        samples = np.frombuffer(pcm, "<i2").reshape(-1, self._given.channels)
        # The mean, not the sum: two loud channels must not overflow.
        mean: NDArray[np.float64] = samples.mean(axis=1)
        return np.rint(mean).astype("<i2").tobytes()
