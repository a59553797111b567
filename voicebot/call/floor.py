"""Who has the floor while something is said: the bot, or a caller who interrupts it.

Knows when the caller's voice began, whether words have come, what the mouth has still to say, and
what people do: who hears a voice pauses, and who hears no word of an answer goes on.  Must not know
what the words mean, the dialogue or the recogniser.

A voice pauses the prompt at once.  An answer, or the beginning of one (`Expectation.claim`), keeps
it so until there is a transcript, as long as words of it come.  A voice without it (a cough, a
television, somebody in the room) has the floor for a second, or until it is silent; with a hesitation
or other words that may lead to an answer for twice as long.  Then the prompt goes on from the clause
that it was in, while the caller is still listened to: words may stop it later in the same utterance.

What was a false alarm once will be so again: until the caller has been heard to say something, the
next voice alone does not pause the prompt, only an answer does.  Nor does a voice that comes right
behind an answer, which is its tail ("yes" … "please").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import trio

from voicebot.call.log import CallLog, in_ms
from voicebot.flow.answers import Claim
from voicebot.hearing.ear import Utterance
from voicebot.hearing.endpoint import FRAME_S, ONSET_FRAMES
from voicebot.speaking.playback import Playback


class Patience(NamedTuple):
    """How long a voice has the floor, from its onset or its last word of an answer."""

    voice_s: float
    silence_s: float
    """… or until it is silent for so long."""


PATIENCE: Final = {
    Claim.NONE: Patience(1.0, 0.6),  # behind an "uh" that was heard as a noise the answer comes
    Claim.HESITATION: Patience(2.0, 1.0),
    Claim.WORDS: Patience(2.0, 1.0),
    # Who goes on for so long without another word of it speaks to somebody else.
    Claim.ANSWER: Patience(2.0, math.inf),
}
LOOK_S: Final = 0.1
"""Between two looks at both."""
TAIL_S: Final = 0.5
"""A voice that comes so soon behind an answer may be the end of it …"""
SOON_S: Final = 0.3
"""… where the answer was taken for one so soon; else half a second behind this."""
TAIL_VOICE_S: Final = 0.8
"""… if it is no longer than this: so long its words are not trusted before there is a transcript."""


class Floor:
    """Of one call.

    Args:
        now: the seconds since the call began.
    """

    def __init__(self, playback: Playback, now: Callable[[], float], log: CallLog) -> None:
        self._playback = playback
        self._now = now
        self.log = log
        self._utterance: Utterance | None = None
        """The one that came while something was said."""
        self._onset_s = 0.0
        self._stopped_s: float | None = None
        """When the bot fell silent for it; None: it has not, or goes on again."""
        self._paused_s = 0.0
        """When it fell silent, for it or for one before."""
        self._since_s = 0.0
        """Since when the voice has the floor without words."""
        self._claim = Claim.NONE
        """That of the words so far."""
        self._words_s = 0.0
        """When there was an answer among them."""
        self._trusted_s = 0.0
        """From when on they stop the prompt."""
        self._ended: str | None = None
        """Why the utterance, which is over, was not meant for the bot; None: it is not over."""
        self._hushed_s = 0.0
        """When its voice ended."""
        self._wary = False
        """The last voice was a false alarm."""
        self._answered_s = -TAIL_S

    @property
    def stopped_ms(self) -> int | None:
        """How long the bot still spoke when the caller did; None: it was silent."""
        if self._stopped_s is None:
            return None
        return in_ms(self._stopped_s - self._onset_s + ONSET_FRAMES * FRAME_S)

    # The caller ----------------------------------------------------------------------------------

    def voice(self, utterance: Utterance) -> None:
        """A voice begins.  Called within the media clock."""
        self._claim, self._ended = Claim.NONE, None
        self._stopped_s = None
        self._utterance = utterance if self._playback.busy else None
        self._onset_s = self._since_s = self._now()
        is_tail = self._onset_s < self._answered_s + TAIL_S
        self._trusted_s = self._onset_s + (TAIL_VOICE_S if is_tail else 0.0)
        if self._utterance and not (self._wary or is_tail):
            self._pause()

    def words(self, claim: Claim) -> None:
        """The words so far have changed."""
        before, self._claim = self._claim, claim
        if self._utterance is None:
            return
        if Claim.ANSWER in (before, claim):  # more of one came, or it was taken back
            self._since_s = self._now()
        if claim is Claim.ANSWER is not before:
            self._words_s = self._now()
            self._stop()

    def _stop(self) -> None:
        """What is said pauses for an answer."""
        trusted = self._now() >= self._trusted_s
        if trusted and self._claim is Claim.ANSWER and self._playback.busy:
            self._pause()

    async def watch(self, *, by_words: bool) -> None:
        """Let the bot go on as soon as the voice that has begun is not worth waiting for.

        Args:
            by_words: the words so far are known while the caller speaks.
        """
        utterance = self._utterance
        while utterance is not None and self._utterance is utterance:
            await trio.sleep(LOOK_S)
            if self._utterance is not utterance:
                return
            patience, now_s = PATIENCE[self._claim], self._now()
            if self._ended is not None:
                if now_s >= self._hushed_s + patience.silence_s:
                    self._go_on(self._ended)
            elif not by_words:
                continue  # nothing is known of it before its end
            elif now_s >= self._since_s + patience.voice_s:
                self._go_on("no answer")
            elif utterance.silence_s >= patience.silence_s:
                self._go_on("silent")
            else:
                self._stop()

    def nothing(self, why: str, claim: Claim) -> None:
        """The utterance is over and was not meant for the bot: it goes on, unless the caller does.

        Args:
            why: for the log.
            claim: of all its words.
        """
        if self._utterance is not None:
            self._claim, self._ended = claim, why
            self._hushed_s = self._now() - self._utterance.silence_s

    def taken(self, voice_s: float, *, meant: bool) -> None:
        """The utterance is over, and counts as an answer or as a miss.

        Args:
            voice_s: when the caller spoke last.
            meant: it was for the bot.
        """
        self._answered_s = min(self._now(), voice_s + SOON_S)
        self._wary = self._wary and not meant
        if self._utterance is not None and self._playback.busy:
            words_s = self._words_s if self._claim is Claim.ANSWER else self._now()
            self.interrupted("speech", self._onset_s, self._playback.heard, words_s)
        self._utterance = None

    def answered(self) -> None:
        """A question is dealt with: the next prompt is not what a voice under way is about."""
        self._answered_s = self._now()

    def interrupted(self, by: str, at_s: float, heard: float, words_s: float | None = None) -> None:
        """What was said will not be said to its end.

        Args:
            at_s: when the caller began.
            heard: which share of it was said.
            words_s: when there were words that were meant.
        """
        after: dict[str, Any] = {}
        if words_s is not None:
            after = {"words_ms": in_ms(words_s - at_s)}
        self.log.info("call.barge_in", by=by, at_s=round(at_s, 3), heard=round(heard, 2), **after)

    def closed(self) -> None:
        """Nobody is listened to any more."""
        self._utterance = None
        self._playback.resume()

    # The bot -------------------------------------------------------------------------------------

    def _pause(self) -> None:
        if not self._playback.paused:
            self._stopped_s = self._paused_s = self._now()
        self._playback.pause()

    def _go_on(self, why: str) -> None:
        if self._ended is not None:
            self._utterance = None
        if not self._playback.paused:
            return
        self._stopped_s = None
        # Who hesitates is no noise: he is about to say something.
        self._wary = self._wary or self._claim is Claim.NONE
        back_s = self._playback.resume()
        paused_ms = in_ms(self._now() - self._paused_s)
        self.log.info("call.resumed", why=why, paused_ms=paused_ms, back_ms=in_ms(back_s))
