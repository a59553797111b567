"""When a caller spoke last, as one who stands beside him would say.

Knows how loud the frames of an utterance are.  Must not know the detector, which has to decide while
he speaks and so notices a silence later than it began: here an utterance is looked back at.  Nothing
is decided by it; it is what a turn's waterfall is measured from.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from voicebot.line.audio import FULL_SCALE

LEAST_DBFS: Final = -45.0
BELOW_PEAK_DB: Final = 35.0
"""What `voicebot call` takes for voiced: 10 ms louder than the first, and at most so far below the
loudest."""
ABOVE_NOISE_DB: Final = 6.0
NOISE_SHARE: Final = 0.1
"""The frame that a tenth of all is quieter than: the line by itself, before the caller or between
his words."""
PIECES: Final = 2
"""Of 10 ms, in a frame."""


class Voicing:
    """Of one utterance."""

    def __init__(self) -> None:
        self._frames: list[tuple[float, float]] = []
        """The power of the louder piece of each, and when it came."""

    def hear(self, pcm: bytes, at_s: float) -> None:
        """Take 20 ms that came then."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32).reshape(PIECES, -1)
        self._frames.append((float(np.square(samples).mean(axis=1).max()), at_s))

    def last_s(self) -> float | None:
        """When the last frame with a voice in it came; None: there was none."""
        powers = sorted(power for power, _ in self._frames)
        if not powers:
            return None
        floor = max(
            FULL_SCALE**2 * _ratio(LEAST_DBFS),
            powers[-1] * _ratio(-BELOW_PEAK_DB),
            powers[int(len(powers) * NOISE_SHARE)] * _ratio(ABOVE_NOISE_DB),
        )
        return next((at_s for power, at_s in reversed(self._frames) if power > floor), None)


def _ratio(db: float) -> float:
    return float(10 ** (db / 10))
