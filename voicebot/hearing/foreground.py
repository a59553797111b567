"""Does this frame stand out from the noise of its line?  By its energy, against the noise floor.

Knows samples and energies of 20 ms frames.  Must not know detectors, words, engines or the call.

A detector of voices hears them in noise, too: WebRTC's takes noise with the spectrum of speech for
speech in 4 % of the frames at 15 dB below the caller and in all of them at 10 dB.  What it says
counts only where the frame is louder than the line is by itself.  The floor is the lowest energy of
the last seconds ("minimum statistics", R. Martin 2001): between words and syllables there is a
frame of noise alone again and again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Final

import numpy as np

ONSET_RATIO: Final = 10**0.6
"""6 dB above the floor, where nobody speaks yet."""
STAY_RATIO: Final = 10**0.35
"""3.5 dB, where somebody does: the soft ends of words count."""
SPEECH_RANGE: Final = 10**3.5
"""35 dB below its loudest frame nothing is part of an utterance, on a line without noise."""
LOUD_RANGE: Final = 10**2.0
"""20 dB: noise that strong hides the soft ends of words."""
NOISY_RATIO: Final = 10**2.3
"""23 dB from the floor to the loudest frame: some 16 dB from the noise to the voice."""
SMOOTHING: Final = 0.25
"""What a frame adds to the running mean whose minimum is the floor.  Of single frames the minimum
over 3 s is 3 to 4 dB below the mean of a steady noise, of this it is 1 to 2 dB below."""
WINDOW_FRAMES: Final = 25
WINDOWS: Final = 6
"""3 s in pieces of half a second: a noise that has come is the floor when it has lasted so long."""

_INT16: Final = np.dtype("<i2")


def energy(pcm: bytes) -> float:
    """The sum of the squares of the samples: frames of one rate can be compared by it."""
    samples = np.frombuffer(pcm, _INT16).astype(np.float32)
    return float(samples.dot(samples))


class Foreground:
    """One caller's line.  All frames that it is given have one rate."""

    __slots__ = ("_count", "_floor", "_loudest", "_low", "_lows", "_mean", "is_loud")

    def __init__(self) -> None:
        self._floor = self._mean = self._low = inf
        """`_low`: the lowest of the half second that is not over yet."""
        self._lows: deque[float] = deque(maxlen=WINDOWS)
        self._count = 0
        self._loudest = 0.0
        """Of the utterance under way."""
        self.is_loud = False
        """Whether the last frame is not much weaker than that: too much so for steady noise."""

    @property
    def is_noisy(self) -> bool:
        """Whether the soft sounds of the utterance under way are lost in the noise of the line."""
        return self._loudest < self._floor * NOISY_RATIO

    def begin(self) -> None:
        """An utterance has begun."""
        self._loudest = 0.0

    def rest(self, frames: Sequence[bytes]) -> None:
        """Take a stretch without any voice: that is what the line is by itself now."""
        self._mean = self._floor = self._low = inf
        self._lows.clear()
        self._count = 0
        for frame in frames:
            self._add(energy(frame))

    def hear(self, pcm: bytes, *, speaking: bool) -> bool:
        """Take one frame.

        Args:
            speaking: an utterance is under way.

        Returns:
            Whether it stands out.
        """
        now = energy(pcm)
        self._add(now)
        if not speaking:
            return now > self._floor * ONSET_RATIO
        self._loudest = max(self._loudest, now)
        self.is_loud = now > self._loudest / LOUD_RANGE
        return now > self._floor * STAY_RATIO and now > self._loudest / SPEECH_RANGE

    def _add(self, now: float) -> None:
        self._mean = now if self._mean == inf else self._mean + (now - self._mean) * SMOOTHING
        if self._mean < self._low:
            self._low = self._mean
            self._floor = min(self._floor, self._low)
        self._count += 1
        if self._count == WINDOW_FRAMES:
            self._lows.append(self._low)
            self._floor = min(self._lows)
            self._low, self._count = inf, 0
