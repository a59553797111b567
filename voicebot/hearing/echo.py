"""The bot's own voice in the caller's channel: is it there, and the caller's voice without it.

Knows what the bot has said of late, what came from the caller, and how one becomes the other: a
delay and a short filter, as a hybrid or a telephone's case makes them.  Must not know detectors,
utterances, calls or the time: a frame is 20 ms, and the newest of both sides belong together.

Nothing is computed while no path of an echo is known and the detector hears nobody.  When it hears
somebody while the bot speaks, the last 160 ms are looked for in what the bot has said; if a filter
explains them it was an echo.  Its path is then known, and the echo is taken out of each frame before
the detector and the recogniser get it.  Libraries (WebRTC's AEC3, speex) work on every frame, at
some ten times what all else in a frame costs, and need a second of echo before they cancel it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from voicebot.line.audio import FRAMES_PER_S, FULL_SCALE, SAMPLE_BYTES, resample, silence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]
    Matrix = NDArray[np.float64]

SEARCHED_FRAMES: Final = 39
"""An echo comes no later than 0.4 s after, a network on either side may add to that."""
HEARD_FRAMES: Final = 15
"""What is kept of the caller's channel, as it came: the run-up of an utterance."""
WINDOW_FRAMES: Final = 8
"""What is looked for: the beginning of a word and a little before."""
JUDGED_FRAMES: Final = 4
"""The newest of them decide, those that the detector took for speech."""
FILTER_S: Final = 0.012
"""How long one sound of the bot may ring in its echo.  Hybrids: 8 to 12 ms (ITU-T G.168)."""
LEAD_S: Final = 0.002
"""So much of the filter lies before the best delay: the strongest tap need not be the first."""
MOST_TAPS: Final = 192
"""Of a filter at 16 kHz and above: a fit costs with the square."""
SINGLE_THREAD_TAPS: Final = 96
"""Larger matrices OpenBLAS spreads over threads: 2 ms and more of a busy machine's time, not 40 us."""
STEPS: Final = 24
"""Of a conjugate gradient, where the matrix is larger."""
EXPLAINED: Final = 0.3
"""What the filter leaves of an echo is less than this share of the energy above the noise.  On the
first word of a call's first echo 95 % leave less than 0.1; of callers 95 % leave more than 0.4."""
RESIDUE: Final = 0.1
"""Once the path is known, less than this share of the echo is what the filter could not take."""
DECAY: Final = 0.5
"""What a filter is too short for follows an echo, and a detector on a line without noise hears it:
the echo of 20 ms ago counts half."""
FINE: Final = 0.01
"""A residue above this is worth another fit."""
REST_FRAMES: Final = 10
"""After a fit that has explained nothing, or has made little finer, the next one waits for news."""
MEMORY: Final = 0.8
"""What an earlier fit weighs in the next one."""
FAINT_MEMORY: Final = 0.05
"""The same when that explains nothing: a path may change little by little."""
FLOOR_RISE: Final = 1.3
"""The noise of a line is a little more than its quietest frame of late, and may grow."""
AUDIBLE: Final = 0.1
"""An echo with less than this share of a frame's energy says nothing of the path."""
RIGHT: Final = 0.5
"""A frame loses at least this share of the echo's energy with it, if the path is the right one."""
LOST_FRAMES: Final = 15
"""A path that has explained nothing for so long is none any more."""
PRE_EMPHASIS: Final = np.float32(0.9)
"""Speech without its slope: else the lowest harmonics alone would decide."""
RIDGE: Final = 1e-3
"""Keeps the filter small where the bot has said nothing at that pitch."""
TINY: Final = 1e-9


class Echo:
    """One caller's.

    Args:
        left: the last frames that went to the caller, None for silence, the newest last; it goes on
            by one before each frame that is heard.
    """

    __slots__ = (
        "_cross",
        "_doubted",
        "_filter",
        "_floor",
        "_lag",
        "_lead",
        "_left",
        "_lost",
        "_loud",
        "_normal",
        "_rate_hz",
        "_rest",
        "_size",
        "_taps",
        "_until_finer",
        "heard",
        "known",
    )

    def __init__(self, left: Sequence[bytes | None]) -> None:
        self._left = left
        self.heard: deque[bytes] = deque(maxlen=HEARD_FRAMES)
        """The caller's channel as it came, to be filled by the ear."""
        self.known = False
        """Whether there is an echo and its path is known: then frames go through `clean`."""
        self.reset(8000)

    def reset(self, rate_hz: int) -> None:
        """Forget all: another rate begins."""
        self.heard.clear()
        self._rate_hz = rate_hz
        self._size = rate_hz // FRAMES_PER_S
        self._taps = min(round(FILTER_S * rate_hz), MOST_TAPS)
        self._lead = round(LEAD_S * rate_hz)
        self._floor = np.inf
        self._until_finer = 0
        """So many frames until a fit that only makes it finer."""
        self._doubted = 0
        """So many until what was no echo is looked at again."""
        self._forget()

    def _forget(self) -> None:
        self.known = False
        self._lag = 0
        """From the newest sample heard to the newest said that the filter takes for it."""
        self._lost = 0
        self._filter: Samples = np.zeros(self._taps, np.float32)
        self._normal: Matrix = np.zeros((0, 0))
        self._cross: Matrix = np.zeros(0)
        """The equations of the last fit, and with it of those before."""
        self._rest: Samples = np.zeros(self._size, np.float32)
        """What is left of the newest frame."""
        self._loud = 0.0
        """The energy of its echo, or what that of the frames before still masks."""

    # Once the path is known ---------------------------------------------------------------

    def clean(self, pcm: bytes) -> bytes:
        """Take the echo out of the newest frame; without one it is given back as it is."""
        self._loud *= DECAY
        self._rest = heard = _samples(pcm)
        echo = self._echo_of(0)
        if echo is None:
            return pcm
        rest = heard - echo
        was, left, loud = np.dot(heard, heard), np.dot(rest, rest), np.dot(echo, echo)
        if was - left > RIGHT * loud:
            self._lost = 0
        elif left > was and loud > AUDIBLE * was:
            rest, echo = self._moved(heard, rest, echo)
            left = np.dot(rest, rest)
        if left >= was:
            return pcm
        self._rest = rest
        self._loud = max(self._loud, _energy(echo))
        return _pcm(rest)

    def cleaned(self, count: int) -> list[bytes]:
        """The last frames that were heard, without their echo."""
        frames = []
        for age in range(min(count, len(self.heard)) - 1, -1, -1):
            pcm = self.heard[-1 - age]
            echo = self._echo_of(age)
            frames.append(pcm if echo is None else _pcm(_samples(pcm) - echo))
        return frames

    def _moved(self, heard: Samples, rest: Samples, echo: Samples) -> tuple[Samples, Samples]:
        """The path explains nothing of this frame: a packet late or lost has moved it, perhaps."""
        for lag in (self._lag - self._size, self._lag + self._size):
            other = self._echo_of(0, lag) if lag >= 0 else None
            if other is not None:
                left = heard - other
                if np.dot(left, left) < EXPLAINED * np.dot(heard, heard):
                    self._lag, self._lost = lag, 0
                    return left, other
        self._lost += 1
        if self._lost >= LOST_FRAMES:
            self._forget()
        return rest, echo

    def _echo_of(self, age: int, lag: int | None = None) -> Samples | None:
        """The echo in the frame that came `age` frames ago; None: there can be none."""
        back = (self._lag if lag is None else lag) + age * self._size
        said = self._said(back, self._size + self._taps - 1)
        return None if said is None else np.convolve(said, self._filter, "valid")

    # While it is not, or no longer right ---------------------------------------------------

    @property
    def possible(self) -> bool:
        """Whether the bot has said something of late."""
        return any(self._left)

    def is_caller(self, *, onset: bool) -> bool:
        """Judge a newest frame that the detector, after `clean`, takes for speech.

        Args:
            onset: with this frame, if it is the caller's, an utterance begins or goes on.

        Returns:
            Whether it is the caller who speaks.  Without `onset` that may still be open.
        """
        self._until_finer -= 1
        residue = self._residue_share()
        if residue < RESIDUE:
            if residue > FINE and self._until_finer <= 0:
                self._explains()
                self._until_finer = REST_FRAMES
            return False
        if not onset:
            self._doubted = 0
        elif self._doubted:
            self._doubted -= 1
        elif self._explains():
            return False
        else:
            self._doubted = REST_FRAMES
        return True

    def _residue_share(self) -> float:
        """How much is left, against the echo: as much as the detector likes to call speech."""
        return (_energy(self._rest) - self._floor) / self._loud if self._loud else 1.0

    def _explains(self) -> bool:
        """Whether what was heard last is the echo of something said; then its path is known."""
        if len(self.heard) < WINDOW_FRAMES:
            return False
        heard = _flattened(_samples(b"".join(list(self.heard)[-WINDOW_FRAMES:])))
        said = self._said(0, SEARCHED_FRAMES * self._size)
        if said is None:
            return False
        said = _flattened(said)
        frames = _flattened(_samples(b"".join(self.heard))).reshape(-1, self._size)
        self._floor = min(
            float(np.square(frames).sum(1).min()) * FLOOR_RISE, self._floor * FLOOR_RISE
        )
        if self.known and self._fits(heard, said, self._lag, MEMORY):
            return True
        lag = max(_best_lag(heard, said) - self._lead, 0)
        slipped = self._lag + round((lag - self._lag) / self._size) * self._size
        if not self.known or abs(lag - slipped) > self._lead:
            return self._fits(heard, said, lag, 0.0)
        return self._fits(heard, said, slipped, FAINT_MEMORY if slipped == self._lag else MEMORY)

    def _fits(self, heard: Samples, said: Samples, lag: int, memory: float) -> bool:
        """Fit a filter; keep it if it explains what was heard.

        Args:
            memory: what earlier fits weigh; 0 where they are of another path.
        """
        count = heard.size + self._taps - 1
        end = said.size - lag
        if end <= 0:
            return False
        piece = said[max(end - count, 0) : end]
        if piece.size < count:
            piece = np.concatenate([np.zeros(count - piece.size, np.float32), piece])
        normal = _normal(piece, heard.size, self._taps)
        cross = np.correlate(piece, heard, "valid")[::-1].astype(np.float64)
        if memory:
            normal += memory * self._normal
            cross += memory * self._cross
        ridge = RIDGE * np.trace(normal) / self._taps + TINY
        taps = _solved(normal + ridge * np.eye(self._taps), cross).astype(np.float32)
        echo = np.convolve(piece, taps, "valid")
        judged = slice(-JUDGED_FRAMES * self._size, None)
        floor = JUDGED_FRAMES * self._floor
        rest = heard[judged] - echo[judged]
        # What a filter of so many taps explains of noise, it explains by chance.
        by_chance = 1.0 if memory else 1 - self._taps / heard.size
        was = float(np.dot(heard[judged], heard[judged])) - floor
        left = float(np.dot(rest, rest)) / by_chance - floor
        if was <= 0 or left > EXPLAINED * was:
            return False
        self._lag, self._filter = lag, taps
        self._normal, self._cross = normal, cross
        self.known, self._lost = True, 0
        return True

    def _said(self, back: int, count: int) -> Samples | None:
        """So many samples said, up to `back` samples ago; None: all silence."""
        left, size = self._left, self._size
        newest, skip = divmod(back, size)
        frames = -(-(count + skip) // size)
        last = len(left) - newest
        first = last - frames
        said = [left[at] if at >= 0 else None for at in range(first, last)]
        if not any(said):
            return None
        quiet = silence(self._rate_hz)
        pcm = b"".join([quiet if frame is None else frame for frame in said])
        if len(pcm) != frames * len(quiet):
            pcm = self._at_rate(said)
        end = frames * size - skip
        return _samples(pcm)[end - count : end]

    def _at_rate(self, said: Sequence[bytes | None]) -> bytes:
        """A call begins at another rate than the caller's, and may change it."""
        parts = []
        for bytes_, frames in groupby(said, key=lambda frame: len(frame or b"")):
            joined = b"".join(frame or silence(self._rate_hz) for frame in frames)
            rate_hz = bytes_ // SAMPLE_BYTES * FRAMES_PER_S or self._rate_hz
            parts.append(resample(joined, rate_hz, self._rate_hz))
        return b"".join(parts)


def _best_lag(heard: Samples, said: Samples) -> int:
    """How long ago was said what is most like what was heard, in samples."""
    size = 1 << (said.size - 1).bit_length()
    spectrum = np.fft.rfft(said, size) * np.conj(np.fft.rfft(heard, size))
    alike = np.fft.irfft(spectrum, size)[: said.size - heard.size + 1]
    energy = np.concatenate([[0.0], np.cumsum(np.square(said, dtype=np.float64))])
    loud = energy[heard.size :] - energy[: -heard.size]
    loud = np.maximum(loud, 1e-3 * loud.max() + TINY)
    best = int(np.argmax(np.square(alike) / loud))
    return said.size - heard.size - best


def _normal(said: Samples, count: int, taps: int) -> Matrix:
    """The normal equations' matrix of a filter, over `count` samples of its output.

    Each row is the one above, moved by one sample, without the sample that leaves and with the one
    that comes: sums along the diagonals, which are columns in a buffer that is one wider.
    """
    wide = said.astype(np.float64)
    buffer = np.zeros(taps * (2 * taps + 1))
    matrix = buffer[: 2 * taps * taps].reshape(taps, 2 * taps)[:, taps:]
    matrix[0] = matrix[:, 0] = np.correlate(wide, wide[taps - 1 :], "valid")[::-1]
    coming, leaving = wide[taps - 2 :: -1], wide[count + taps - 2 : count - 1 : -1]
    matrix[1:, 1:] = np.outer(coming, coming) - np.outer(leaving, leaving)
    skewed = buffer.reshape(taps, 2 * taps + 1)
    np.cumsum(skewed, axis=0, out=skewed)
    return matrix.copy()


def _solved(normal: Matrix, cross: Matrix) -> Matrix:
    if cross.size <= SINGLE_THREAD_TAPS:
        return cast("Matrix", np.linalg.solve(normal, cross))
    taps, rest = np.zeros(cross.size), cross.copy()
    step, was = cross, np.dot(cross, cross)
    for _ in range(STEPS):
        ahead = np.einsum("ij,j->i", normal, step)
        far = was / (np.dot(step, ahead) + TINY)
        taps += far * step
        rest -= far * ahead
        now = np.dot(rest, rest)
        step, was = rest + now / (was + TINY) * step, now
    return taps


def _flattened(samples: Samples) -> Samples:
    flat = samples.copy()
    flat[1:] -= PRE_EMPHASIS * samples[:-1]
    flat[0] = 0
    return flat


def _energy(samples: Samples) -> float:
    """Of `_flattened`, but for its ends."""
    same, next_ = np.dot(samples, samples), np.dot(samples[1:], samples[:-1])
    return float((1 + PRE_EMPHASIS**2) * same - 2 * PRE_EMPHASIS * next_)


def _samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32)


def _pcm(samples: Samples) -> bytes:
    return np.clip(np.rint(samples), -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()
