"""When an utterance begins and when it is over, from 20 ms frames that are speech or not.

Knows the question's patience and what the words so far may still become.  Must not know audio, the
clock (time is counted in frames), engines or the call.  The waits are those of the design's page on
turn-taking: who knows what was asked need not wait for a second of silence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import inf
from typing import Final

from voicebot.flow.answers import Still

FRAME_S: Final = 0.02
MAX_LENGTH: Final = "max length"
"""The reason of the end of an utterance that is as long as one may be …"""
NO_WORDS: Final = "no more words"
"""… or that goes on without another word."""

ONSET_FRAMES: Final = 3
ONSET_WINDOW: Final = 4
"""Speech begins where 3 of 4 frames are speech: a click is shorter, "no" is longer."""
LETTER_S: Final = 0.045
"""A word takes so long for each of its letters, said fast; at the median it takes 0.08 s."""


SETTLED_S: Final = 0.14
"""libvosk changes its mind every 0.12 s: a last digit that came in the silence has lasted for one."""
LATE_S: Final = 0.28
"""After the last speech libvosk tells of hardly any word that was said."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a silence may last before the utterance is over, by what may still come.

    Counted from the last frame that stands out.  What `complete_s` costs and saves, on the fit half
    of the bench's corpus (125 answers to closed questions without corrections, in virtual time;
    a cut-off is an end before the last voiced 10 ms, also within a soft "s"):

    =============  ====  ====  ====  ====  ====  ====  ====  ====
    complete_s      .06   .08   .10   .12   .14   .16   .18   .20
    clean, p50 ms    70    90   110   130   150   170   190   210
    cut off, %       11    11     7     5   2.5   2.5   2.5   2.5
    20 dB, p50 ms   120   140   150   170   180   190   190   210
    cut off, %       24    21    15    11     8     6     5     5
    =============  ====  ====  ====  ====  ====  ====  ====  ====
    """

    complete_s: float = 0.14
    """Time for the recogniser to be sure, none for the caller: before a "p" or a "t" within an
    answer it is as still for up to 0.13 s."""
    noisy_s: float = 0.06
    """So much longer where noise hides the soft ends of words."""
    hasty_s: float = 0.3
    """The longest that a complete answer is waited for, also where the recogniser is further than
    the caller can be."""
    enough_s: float = 0.3
    """Who goes on later than this says what he is asked next anyway."""
    extendable_s: float = 0.5
    series_s: float = 0.8
    """Between groups of digits people pause for half a second and more."""
    prefix_s: float = 1.6
    """A pause of 1.2 s between digits never cuts."""
    nothing_s: float = 0.2
    """No word yet: libvosk tells of a short one 0.1 to 0.3 s after its end, but with the transcript
    at once.  If that has none either it was a noise, and the caller is listened to again."""
    outside_s: float = 0.8
    open_s: float = 0.65
    no_words_s: float = 2.5
    """Not of silence: who is heard for so long behind his last word, and says no other, is somebody
    else, talking in the room."""

    @classmethod
    def of(cls, end_silence_s: float | None) -> Patience:
        """The usual waits, or one for all where the flow's author gave one."""
        if end_silence_s is None:
            return cls()
        return replace(cls(*[end_silence_s] * 10), no_words_s=inf)

    def wait_s(self, still: Still) -> float:  # noqa: C901 - a row for each
        match still:
            case Still.COMPLETE:
                return self.complete_s
            case Still.ENOUGH:
                return self.enough_s
            case Still.EXTENDABLE:
                return self.extendable_s
            case Still.SERIES:
                return self.series_s
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
    """Follows one utterance."""

    def __init__(self, patience: Patience, max_speech_s: float) -> None:
        self.still = Still.OUTSIDE
        """What the words so far may still become, as `said` has told."""
        self.reason = ""
        """Why it is over: what could still have come, or that it is as long as it may be."""
        self._patience = patience
        self._wait_s = patience.wait_s(self.still)
        self._settled_frame = 0
        """Until then a complete answer may turn out to be none."""
        self._letters = 0
        """Of the words so far."""
        self._told_frame = 0
        """When they changed."""
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

    def said(self, words: str, still: Still) -> None:
        """Take a partial result: all the words so far, and what they may still become."""
        patience, was = self._patience, self.still
        hurries = still is Still.COMPLETE and patience.complete_s < patience.wait_s(was)
        if hurries and was is Still.PREFIX and self.silent_frames:
            # The last digit, known late, or one that the recogniser has made of the silence.
            sure_s = SETTLED_S if self.silence_s <= LATE_S else patience.prefix_s
            self._settled_frame = self._frames + round(sure_s / FRAME_S)
        self.still = still
        self._wait_s = patience.wait_s(still)
        self._letters = len(words) - words.count(" ")
        self._told_frame = self._frames

    def hear(self, voiced: bool, *, noisy: bool = False) -> Turn:
        """Take one frame.  After END nothing more is to be said about this utterance: QUIET.

        Args:
            noisy: the end of a word may go on unheard.
        """
        if self._over:
            return Turn.QUIET
        self._recent.append(voiced)
        if voiced:
            self.voiced_frames += 1
        # One frame of speech amid silence is a click or the detector's doubt: it ends no silence.
        if voiced and (not self._begun or self.silent_frames == 0 or sum(self._recent) > 1):
            self.silent_frames = self._settled_frame = 0
        else:
            self.silent_frames += 1
        if not self._begun:
            return self._before()
        self._frames += 1
        if self.silence_s >= self._wait_s and not self._is_hasty(noisy=noisy):
            return self._ends(self.still.name.lower())
        if self._frames >= self._max_frames:
            return self._ends(MAX_LENGTH)
        if self._is_elsewhere():
            return self._ends(NO_WORDS)
        return Turn.SPEECH

    def _is_hasty(self, *, noisy: bool) -> bool:
        """Whether the silence may still be one within the answer: the last digit may be none, noise
        may hide the end of a word, or nobody can have said the words so far in the time that there
        was, as they are known from their beginning ("presc")."""
        if self.still not in (Still.COMPLETE, Still.NOTHING):
            return False
        if self._frames < self._settled_frame:
            return True
        if self.silence_s >= self._patience.hasty_s:
            return False
        if noisy and self.silence_s < self._wait_s + self._patience.noisy_s:
            return True
        frames = self._frames + ONSET_FRAMES
        return frames * FRAME_S < self._letters * LETTER_S + self._wait_s

    def _is_elsewhere(self) -> bool:
        """Whether the voice goes on and on behind the caller's words."""
        since_s = (self._frames - self._told_frame) * FRAME_S
        waits = self._letters > 0 and self.still is not Still.OPEN
        return waits and since_s >= self._patience.no_words_s

    def _ends(self, reason: str) -> Turn:
        self.reason = reason
        self._over = True
        return Turn.END

    def _before(self) -> Turn:
        if sum(self._recent) < ONSET_FRAMES:
            return Turn.QUIET
        self._begun = True
        self.voiced_frames = ONSET_FRAMES
        return Turn.ONSET
