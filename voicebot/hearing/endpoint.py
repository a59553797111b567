"""When an utterance begins and when it is over, from 20 ms frames that are speech or not.

Knows the question's patience and what the words so far may still become.  Must not know audio, the
clock (time is counted in frames), engines or the call.  The waits are those of the design's page on
turn-taking: who knows what was asked need not wait for a second of silence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from voicebot.flow.answers import Still

FRAME_S: Final = 0.02

ONSET_FRAMES: Final = 3
ONSET_WINDOW: Final = 4
"""Speech begins where 3 of 4 frames are speech: a click is shorter, "no" is longer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a silence may last before the utterance is over, by what may still come."""

    complete_s: float = 0.08
    """Time for the recogniser to be sure, none for the caller.  The detector itself comes 60 to
    100 ms late at the end of speech; all waits here are counted from then on."""
    extendable_s: float = 0.45
    prefix_s: float = 1.6
    """A pause of 1.2 s between digits never cuts."""
    nothing_s: float = 0.2
    """No word yet: a short one that the partial results missed comes with the transcript.  If that
    has none either it was a noise, and the caller is listened to again."""
    outside_s: float = 0.8
    open_s: float = 0.6

    @classmethod
    def of(cls, end_silence_s: float | None) -> Patience:
        """The usual waits, or one for all where the flow's author gave one."""
        return cls() if end_silence_s is None else cls(*[end_silence_s] * 6)

    def wait_s(self, still: Still) -> float:
        match still:
            case Still.COMPLETE:
                return self.complete_s
            case Still.EXTENDABLE:
                return self.extendable_s
            case Still.PREFIX:
                return self.prefix_s
            case Still.NOTHING:
                return self.nothing_s
            case Still.OUTSIDE:
                return self.outside_s
            case Still.OPEN:
                return self.open_s


class Turn(Enum):
    """What a frame meant."""

    QUIET = auto()
    ONSET = auto()
    SPEECH = auto()
    END = auto()


class Endpointer:
    """Follows one utterance.  `still` is set whenever a partial result comes."""

    def __init__(self, patience: Patience, max_speech_s: float) -> None:
        self.still = Still.OUTSIDE
        self._patience = patience
        self._max_frames = round(max_speech_s / FRAME_S)
        self._recent: deque[bool] = deque(maxlen=ONSET_WINDOW)
        self._begun = False
        self._over = False
        self._frames = 0
        self.voiced_frames = 0
        self.silent_frames = 0
        """Since the last frame of speech."""

    @property
    def silence_s(self) -> float:
        return self.silent_frames * FRAME_S

    @property
    def voiced_s(self) -> float:
        return self.voiced_frames * FRAME_S

    def hear(self, voiced: bool) -> Turn:
        """Take one frame.  After END nothing more is to be said about this utterance: QUIET."""
        if self._over:
            return Turn.QUIET
        self._recent.append(voiced)
        if voiced:
            self.voiced_frames += 1
        # One frame of speech amid silence is a click or the detector's doubt: it ends no silence.
        if voiced and (not self._begun or self.silent_frames == 0 or sum(self._recent) > 1):
            self.silent_frames = 0
        else:
            self.silent_frames += 1
        if not self._begun:
            return self._before()
        self._frames += 1
        if self.silence_s >= self._patience.wait_s(self.still) or self._frames >= self._max_frames:
            self._over = True
            return Turn.END
        return Turn.SPEECH

    def _before(self) -> Turn:
        if sum(self._recent) < ONSET_FRAMES:
            return Turn.QUIET
        self._begun = True
        self.voiced_frames = ONSET_FRAMES
        return Turn.ONSET
