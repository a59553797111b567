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
    """Speech in frames; `last` holds its last voiced 10 ms."""

    frames: tuple[bytes, ...]
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
        return self._framed(self._voice.speak(as_sentence(text), language or self._language))

    def plays(self, path: str) -> Spoken:
        """Play a recording of any rate, format and level.

        Raises:
            PhoneError: it cannot be read.
        """
        return self._framed(read_sound(Path(path)))

    def _framed(self, speech: Speech) -> Spoken:
        # The level is that of what the telephone's band leaves: resampled first.
        pcm = resample(speech.pcm, speech.rate_hz, self._rate_hz)
        samples: Samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
        samples = trimmed(levelled(samples, self._rate_hz), self._rate_hz)
        pcm = (samples * np.float32(FULL_SCALE - 1)).astype("<i2").tobytes()
        size = frame_bytes(self._rate_hz)
        padded = pcm + bytes(-len(pcm) % size)
        frames = tuple(padded[at : at + size] for at in range(0, len(padded), size))
        _, end_s = voiced(pcm, self._rate_hz) or (0.0, len(frames) * FRAME_S)
        # The quarter of a frame is for the rounding of times that are whole pieces of 10 ms.
        return Spoken(frames, math.ceil(end_s / FRAME_S - 0.25) - 1)
