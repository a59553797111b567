"""What the caller of a rehearsal says, as frames at the level of a telephone.

Knows the caller's voice, recordings, levels and frames.  Must not know calls, tests or the line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from voicebot.line.audio import FRAME_S, FULL_SCALE, frame_bytes, resample
from voicebot.phone.script import read_sound, voiced
from voicebot.phone.voice import as_sentence
from voicebot.speaking.loudness import Samples, levelled, trimmed

if TYPE_CHECKING:
    from voicebot.rehearsal.engines import RepeatableVoice
    from voicebot.speaking.synthesiser import Speech


@dataclass(frozen=True, slots=True)
class Spoken:
    """Speech in frames; `onset` and `last` hold its first and its last voiced 10 ms."""

    frames: tuple[bytes, ...]
    onset: int
    last: int


class CallersSpeech:
    """Makes what one caller says.

    Args:
        language: spoken where a call does not say which.
    """

    def __init__(self, voice: RepeatableVoice, rate_hz: int, language: str) -> None:
        self._voice, self._rate_hz, self._language = voice, rate_hz, language

    def says(self, text: str, language: str | None) -> Spoken:
        """Speak a text.

        Raises:
            SynthesisError: it cannot be spoken, or there is no voice for this language.
        """
        return framed(
            self._voice.speak(as_sentence(text), language or self._language), self._rate_hz
        )

    def plays(self, path: str) -> Spoken:
        """Play a recording of any rate, format and level.

        Raises:
            PhoneError: it cannot be read.
        """
        return framed(read_sound(Path(path)), self._rate_hz)


def framed(speech: Speech, rate_hz: int, gain_db: float = 0.0) -> Spoken:
    """Cut a sound into frames.

    Args:
        gain_db: how much louder it is than speech on a telephone mostly is.
    """
    # The level is that of what the telephone's band leaves: resampled first.
    pcm = resample(speech.pcm, speech.rate_hz, rate_hz)
    samples: Samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
    samples = trimmed(levelled(samples, rate_hz), rate_hz) * np.float32(10 ** (gain_db / 20))
    pcm = (np.clip(samples, -1, 1) * np.float32(FULL_SCALE - 1)).astype("<i2").tobytes()
    size = frame_bytes(rate_hz)
    padded = pcm + bytes(-len(pcm) % size)
    frames = tuple(padded[at : at + size] for at in range(0, len(padded), size))
    onset_s, end_s = voiced(pcm, rate_hz) or (0.0, len(frames) * FRAME_S)
    # The quarter of a frame is for the rounding of times that are whole pieces of 10 ms.
    onset = math.floor(onset_s / FRAME_S + 0.25)
    return Spoken(frames, onset, math.ceil(end_s / FRAME_S - 0.25) - 1)
