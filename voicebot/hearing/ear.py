"""The caller's side of the line between two questions: silence, speech, silence again.

Knows the detector, the endpointer and how much audio before the onset belongs to the utterance.
Must not know words, engines or the dialogue.  It is called by the media clock 50 times a second for
each call, so all it does is detect and append; what is slow takes the frames from a queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Final

import trio

from voicebot.flow.answers import Still
from voicebot.hearing.echo import Echo
from voicebot.hearing.endpoint import ONSET_FRAMES, ONSET_WINDOW, Endpointer, Patience, Turn
from voicebot.hearing.foreground import Foreground
from voicebot.hearing.recording import Recording
from voicebot.hearing.vad import Vad, Verifier, is_speech
from voicebot.line.audio import FRAME_S, silence

RUN_UP_FRAMES: Final = 15
"""300 ms before the onset: the detector comes late for soft beginnings ("four", "sales")."""
TAIL_FRAMES: Final = 15
"""300 ms of silence go to the recogniser after speech, which it needs to be sure of the last word;
a longer pause is not decoded, and what comes after it brings 300 ms of its own run-up."""
ONSET_BITS: Final = (1 << ONSET_WINDOW) - 1
QUEUE_FRAMES: Final = 1500
"""30 s of audio.  A recogniser so far behind is dead, and the call learns that another way."""


class Utterance:
    """One stretch of speech on its way to the recogniser.

    `frames` yields 20 ms of audio each at `rate_hz` and ends with the utterance.
    """

    def __init__(self, endpointer: Endpointer, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._endpointer = endpointer
        self._send, self.frames = trio.open_memory_channel[bytes](QUEUE_FRAMES)

    @property
    def still(self) -> Still:
        """What the words so far may still become."""
        return self._endpointer.still

    def said(self, words: str, still: Still) -> None:
        """Take a partial result: all the words so far, and what they may still become."""
        self._endpointer.said(words, still)

    @property
    def reason(self) -> str:
        """Why it is over."""
        return self._endpointer.reason

    @property
    def voiced_s(self) -> float:
        return self._endpointer.voiced_s

    @property
    def silence_s(self) -> float:
        """From the last speech to now, or to the end of the utterance."""
        return self._endpointer.silence_s

    @property
    def waiting_s(self) -> float:
        """How much of it has come and not been taken."""
        return self._send.statistics().current_buffer_used * FRAME_S

    def put(self, pcm: bytes) -> None:
        try:
            self._send.send_nowait(pcm)
        except (trio.WouldBlock, trio.BrokenResourceError):
            # Nobody takes them any more, or not for half a minute: the utterance is lost anyway.
            return

    def end(self) -> None:
        self._send.close()


class CallerEar:
    """A line's `Ear`.

    Args:
        on_speech: called within the media clock when the caller begins to speak while open.
        left: the bot's own frames, as `Playback.left`: their echo is not the caller's voice.
        verifier: looks again at what WebRTC's detector hears.
    """

    __slots__ = (
        "_attentive",
        "_echo",
        "_endpointer",
        "_foreground",
        "_line_rate_hz",
        "_looked_at",
        "_on_speech",
        "_recent",
        "_recording",
        "_remember",
        "_samples",
        "_straight_hz",
        "_utterance",
        "_vad",
        "_vad_state",
        "_verifier",
        "_voiced",
    )

    def __init__(
        self,
        on_speech: Callable[[Utterance], None],
        left: Sequence[bytes | None] = (),
        verifier: Verifier | None = None,
    ) -> None:
        self._on_speech = on_speech
        self._verifier = verifier
        self._echo = Echo(left)
        self._remember = self._echo.heard.append
        self._line_rate_hz = 0
        self._vad = Vad(8000)
        self._recent: deque[bytes] = deque(maxlen=RUN_UP_FRAMES)
        """Heard and not given to any recogniser."""
        self._voiced = 0
        """Which of the last frames were speech, a bit each, the newest the lowest."""
        self._vad_state, self._samples = self._vad.state, self._vad.samples
        self._foreground = Foreground()
        self._looked_at: bytes | None = None
        """The last frame that the foreground has seen."""
        self._straight_hz = 0
        """The rate of frames that may go straight to the detector; 0: none may."""
        self._endpointer: Endpointer | None = None
        self._utterance: Utterance | None = None
        self._recording: Recording | None = None
        self._attentive = False
        """An utterance or a recording is under way: silence counts."""

    @property
    def in_speech(self) -> bool:
        """Whether an utterance is under way."""
        return self._utterance is not None

    def open(self, patience: Patience, max_speech_s: float) -> None:
        """Listen for one utterance.  Speech that is under way already counts."""
        self.close()
        self._endpointer = Endpointer(patience, max_speech_s)
        for age in reversed(range(ONSET_WINDOW)):
            if self._endpointer.hear(bool(self._voiced >> age & 1)) is Turn.ONSET:
                self._begin(self._endpointer)
                return

    def close(self) -> None:
        """Listen no more; an utterance under way ends here."""
        if self._utterance is not None:
            self._utterance.end()
        self._utterance = self._endpointer = None
        self._attentive = self._recording is not None

    def record(self, recording: Recording | None) -> None:
        """Give all that is heard from now on to this recording, too; None: to none any more."""
        self._recording = recording
        self._attentive = recording is not None or self._utterance is not None

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        """Take 20 ms of the line; None stands for 20 ms in which nothing came."""
        if pcm is None or rate_hz != self._straight_hz:
            self._hear_otherwise(pcm, rate_hz)
            return
        self._remember(pcm)
        if self._echo.known:
            pcm = self._echo.clean(pcm)
        voiced = is_speech(self._vad_state, rate_hz, pcm, self._samples)
        if voiced or self._voiced or self._attentive:
            self._take(pcm, voiced=voiced)
        else:
            self._recent.append(pcm)  # silence upon silence: most of most calls

    def _hear_otherwise(self, pcm: bytes | None, rate_hz: int) -> None:
        """A gap, a new rate, a rate that is resampled, or a detector that is still cold."""
        if rate_hz != self._line_rate_hz:
            if self._utterance is not None:
                self.close()  # a recogniser takes one rate: what came so far is the utterance
            self._line_rate_hz = rate_hz
            self._straight_hz = 0
            self._vad = Vad(rate_hz)
            self._vad_state, self._samples = self._vad.state, self._vad.samples
            self._foreground, self._looked_at = Foreground(), None
            self._echo.reset(self._vad.rate_hz)
            self._recent.clear()
            self._voiced = 0
        if pcm is None:
            quiet = silence(self._vad.rate_hz)
            self._remember(quiet)
            self._take(quiet, voiced=False)
            return
        for frame, voiced in self._vad.hear(pcm, self._without_echo):
            self._take(frame, voiced=voiced)
        self._straight_hz = rate_hz if self._vad.is_straight else 0

    def _take(self, frame: bytes, *, voiced: bool) -> None:
        if voiced or self._attentive:
            voiced = self._stands_out(frame) and voiced
        self._recent.append(frame)
        voiced = voiced and self._is_caller()
        self._voiced = (self._voiced << 1 | voiced) & ONSET_BITS
        if self._recording is not None:
            self._recording.hear(self._echo.heard[-1], self._vad.rate_hz, voiced=voiced)
        endpointer = self._endpointer
        if endpointer is None:
            return
        turn = endpointer.hear(voiced, noisy=self._foreground.is_noisy)
        if turn is Turn.QUIET:
            return
        if turn is Turn.ONSET:
            self._begin(endpointer)
        elif turn is Turn.SPEECH:
            if endpointer.silent_frames <= TAIL_FRAMES:
                self._flush()
        else:
            self.close()
            self._recent.clear()
            self._voiced = 0

    def _without_echo(self, frame: bytes) -> bytes:
        self._remember(frame)
        return self._echo.clean(frame) if self._echo.known else frame

    def _is_caller(self) -> bool:
        """Whether what the detector hears is not the bot's own echo."""
        echo, known = self._echo, self._echo.known
        if not echo.possible:
            return True
        recent = (self._voiced << 1 | 1) & ONSET_BITS
        caller = echo.is_caller(onset=recent.bit_count() >= ONSET_FRAMES)
        if echo.known and not known:
            cleaned = echo.cleaned(len(self._recent))
            self._recent.clear()
            self._recent.extend(cleaned)
            self._looked_at = cleaned[-1]
        return caller

    def _stands_out(self, frame: bytes) -> bool:
        """Whether the frame is louder than the line is by itself.

        In silence nobody asks: what has come since is looked at here.
        """
        recent, looked_at = self._recent, self._looked_at
        self._looked_at = frame
        if recent and recent[-1] is not looked_at:
            unseen = list(takewhile(lambda one: one is not looked_at, reversed(recent)))
            if len(unseen) == RUN_UP_FRAMES or looked_at is None:
                self._foreground.rest(unseen[::-1])
        speaking = self._utterance is not None
        stands_out = self._foreground.hear(frame, speaking=speaking)
        verifier = self._verifier
        if verifier is None or not (stands_out or speaking):
            return stands_out
        is_voice = verifier.is_voice(frame, self._vad.rate_hz, recent, speaking=speaking)
        # In noise the end of a word need not stand out: then the verifier's word counts.
        return is_voice and (stands_out or self._foreground.is_loud)

    def _begin(self, endpointer: Endpointer) -> None:
        self._foreground.begin()
        self._utterance = Utterance(endpointer, self._vad.rate_hz)
        self._attentive = True
        self._flush()
        self._on_speech(self._utterance)

    def _flush(self) -> None:
        if self._utterance is not None:
            for frame in self._recent:
                self._utterance.put(frame)
            self._recent.clear()
