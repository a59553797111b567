"""One call: the nursery that joins a line, an ear, a dialogue and a mouth.

Knows how events of the line and the engines become events of the dialogue, and how the dialogue's
actions are carried out.  Must not know what the flow means, what is on the wire, or other calls.

What comes from the media clock (keys, speech, the end of the line) is put into an inbox and dealt
with here, in order, one at a time; what is slow (recognising, synthesising, waiting) is a task of
the nursery that puts its result into the same inbox.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

import structlog
import trio

from voicebot.flow import events as ev
from voicebot.flow.answers import UNKNOWN, Word
from voicebot.flow.dialog import CallInfo, Dialog
from voicebot.flow.model import BargeIn, Flow
from voicebot.hearing.ear import CallerEar, Utterance
from voicebot.hearing.endpoint import Patience
from voicebot.hearing.recogniser import Recogniser, RecognitionError, Transcript
from voicebot.line.clock import MediaClock
from voicebot.line.line import Ended, KeyPressed, Line, LineEvent, RateChanged
from voicebot.speaking.playback import Playback, Slot
from voicebot.speaking.prompts import Clip, PromptStore, clauses, pause_after_s
from voicebot.speaking.synthesiser import SynthesisError

log = structlog.get_logger()

INBOX: Final = 256
"""More than any person and any engine bring at once; a flood of keys beyond it is dropped."""
FAR_BUFFER_S: Final = 0.2
"""What the phone's own jitter buffer may still have to play when our last frame has left."""
FLUSH_S: Final = 2.0
"""A recogniser that owes the transcript longer than this is given up."""
FEED_S: Final = 1.0
"""Its socket holds seconds of audio: a recogniser that leaves it full for longer than this hangs."""
SYNTHESIS_S: Final = 8.0
"""A synthesiser that owes a clause longer than this is given up; two tries to connect are in it."""
SETTLED: Final = ("understood", "missed")
"""Notes of the dialogue that say that the caller's turn is over."""
COUGH_S: Final = 0.5
"""Unknown sounds shorter than this are a cough or a knock, not an answer that was not understood."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share."""

    clock: MediaClock
    recogniser: Recogniser
    prompts: PromptStore


# What comes into the inbox beside the line's own events -----------------------------------------


@dataclass(frozen=True, slots=True)
class _SpeechBegan:
    """`question`: the one that was open at the onset; a key may have closed it since."""

    utterance: Utterance
    question: ev.Listen | None


@dataclass(frozen=True, slots=True)
class _SpeechEnded:
    """An utterance is over; `transcript` None: it could not be recognised."""

    utterance: Utterance
    question: ev.Listen
    transcript: Transcript | None
    last_voice_s: float
    text_s: float


@dataclass(frozen=True, slots=True)
class _TimerFired:
    timer: ev.Timer
    number: int


@dataclass(frozen=True, slots=True)
class _Sounding:
    at_s: float


@dataclass(frozen=True, slots=True)
class _PlayedOut:
    pass


@dataclass(frozen=True, slots=True)
class _SpeakingFailed:
    reason: str
    number: int
    """Of the speech it was part of: who has been silenced cannot fail any more."""


@dataclass(frozen=True, slots=True)
class _Faulted:
    error: Exception


_Item: TypeAlias = (
    LineEvent | _SpeechBegan | _SpeechEnded | _TimerFired | _Sounding | _PlayedOut
    | _SpeakingFailed | _Faulted
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Turn:
    """What the caller did last and the bot has not yet answered: the turn's waterfall so far.

    All times in seconds since the call began.
    """

    by: str
    end_s: float
    """The last voiced frame, or the key."""
    reason: str
    text_s: float
    decided_s: float = 0.0


class Call:
    """One call from its identifier to its end.

    Args:
        make_line: joins a line to this call's source, ear and events; called once, at once.
    """

    def __init__(
        self,
        flow: Flow,
        info: CallInfo,
        services: Services,
        make_line: Callable[[Playback, CallerEar, Callable[[LineEvent], None]], Line],
        *,
        seed: int,
    ) -> None:
        self._flow = flow
        self._services = services
        self._began_s = trio.current_time()
        self._dialog = Dialog(flow, info, seed)
        self._put, self._inbox = trio.open_memory_channel[_Item](INBOX)
        self._playback = Playback(self._on_sounding, lambda: self._post(_PlayedOut()))
        self._ear = CallerEar(self._on_speech)
        self._line = make_line(self._playback, self._ear, self._post)
        self._question: ev.Listen | None = None
        self._hearing: trio.CancelScope | None = None
        """Around the recognition of the utterance under way."""
        self._making: set[trio.CancelScope] = set()
        """Around each synthesis for what is queued."""
        self._speech_number = 0
        """How often the bot has been silenced."""
        self._timers: dict[ev.Timer, int] = {}
        self._timer_count = 0
        # Keys may be pressed ahead of the question they are meant for.
        self._keys_are_secret = any(question.secret for question in flow.expectations)
        self._hanging_up = False
        self._turn: _Turn | None = None
        self._gone: str | None = None
        self._nursery: trio.Nursery

    async def run(self) -> str:
        """Take the call to its end; the line is closed cleanly whatever happens.

        Returns:
            Why it ended, for the log: "bot hung up", or what the line said.

        Raises:
            Exception: a fault in this call; its line has been closed.
        """
        try:
            async with trio.open_nursery() as self._nursery:
                self._services.clock.add(self._line, lambda error: self._post(_Faulted(error)))
                self._tell(ev.Answered(0.0))
                await self._take_items()
                self._nursery.cancel_scope.cancel()
        finally:
            self._services.clock.remove(self._line)
            with trio.CancelScope(shield=True):
                await self._line.finish()
            self._put.close()
        return self._gone or "bot hung up"

    @property
    def variables(self) -> dict[str, object]:
        """The flow's variables, secrets masked."""
        return self._dialog.shown_variables()

    @property
    def line(self) -> Line:
        return self._line

    async def _take_items(self) -> None:
        async for item in self._inbox:
            self._take(item)
            if self._gone is not None:
                self._tell(ev.CallerLeft(self._now()))
                return
            if self._hanging_up and not self._playback.busy:
                await trio.sleep(FAR_BUFFER_S)
                return

    # From the clock: quick, and never waiting -----------------------------------------------

    def _post(self, item: _Item) -> None:
        if isinstance(item, Ended):
            self._gone = item.reason  # holds even if the inbox is full
        try:
            self._put.send_nowait(item)
        except (trio.WouldBlock, trio.ClosedResourceError):
            return

    def _on_sounding(self) -> None:
        self._post(_Sounding(self._now()))

    def _on_speech(self, utterance: Utterance) -> None:
        self._playback.paused = True
        self._post(_SpeechBegan(utterance, self._question))

    # One item at a time -----------------------------------------------------------------------

    def _take(self, item: _Item) -> None:  # noqa: C901 - a row for each kind of item
        match item:
            case KeyPressed(digit, at_s):
                self._key(digit, at_s - self._began_s)
            case RateChanged(rate_hz):
                self._nursery.start_soon(self._change_rate, rate_hz)
            case _SpeechBegan(utterance, question):
                self._speech_began(utterance, question)
            case _SpeechEnded():
                self._speech_ended(item)
            case _TimerFired(timer, number):
                if self._timers.get(timer) == number:
                    self._tell(ev.TimerFired(self._now(), timer))
            case _Sounding(at_s):
                self._answered(at_s)
            case _PlayedOut():
                self._played_out()
            case _SpeakingFailed(reason, number):
                self._speaking_failed(reason, number)
            case _Faulted(error):
                raise error
            case Ended():
                pass  # told already, by way of _gone
            case _:
                assert_never(item)

    def _key(self, digit: str, at_s: float) -> None:
        log.info("call.key", key="*" if self._keys_are_secret else digit, at_s=round(at_s, 3))
        self._turn = _Turn("key", at_s, "key", at_s)
        if not self._tell(ev.KeyPressed(at_s, digit)):
            self._turn = None  # nothing answers a key that settles nothing

    def _played_out(self) -> None:
        if self._playback.busy:
            return  # something was added meanwhile
        question = self._question
        self._tell(ev.PromptsFinished(self._now()))
        # Keys typed ahead may have led on to the next question: that one has its own prompts.
        if (
            question is not None
            and question is self._question
            and question.barge_in is not BargeIn.SPEECH
        ):
            self._open_ear(question)

    def _answered(self, at_s: float) -> None:
        """The first frame of speech has left: the turn is complete."""
        turn, self._turn = self._turn, None
        if turn is not None:
            log.info(
                "call.turn",
                by=turn.by,
                endpoint=turn.reason,
                response_ms=_ms(at_s - turn.end_s),
                text_ms=_ms(turn.text_s - turn.end_s),
                decided_ms=_ms(turn.decided_s - turn.end_s),
            )

    # Hearing ----------------------------------------------------------------------------------

    def _open_ear(self, question: ev.Listen) -> None:
        self._ear.open(Patience.of(question.end_silence_s), question.max_speech_s)

    def _speech_began(self, utterance: Utterance, question: ev.Listen | None) -> None:
        if question is None or question is not self._question:
            return
        log.info("call.speech", at_s=round(self._now(), 3), barge_in=self._playback.busy)
        if self._services.recogniser.partials:
            utterance.still = question.expectation.still("")
        self._tell(ev.SpeechStarted(self._now()))
        self._nursery.start_soon(self._recognise, utterance, question)

    async def _recognise(self, utterance: Utterance, question: ev.Listen) -> None:
        """From the first frame of an utterance to its transcript."""
        transcript: Transcript | None = None
        last_voice_s = self._now()

        def on_partial(text: str) -> None:
            utterance.still = question.expectation.still(text)

        with trio.CancelScope() as scope:
            self._hearing = scope
            try:
                async with self._services.recogniser.listen(
                    language=self._flow.language,
                    rate_hz=utterance.rate_hz,
                    phrases=question.expectation.grammar,
                    on_partial=on_partial,
                ) as engine:
                    async for pcm in utterance.frames:
                        with trio.fail_after(FEED_S):
                            await engine.feed(pcm)
                    last_voice_s = self._now() - utterance.silence_s
                    with trio.move_on_after(FLUSH_S):
                        transcript = await engine.finish()
            except (RecognitionError, trio.TooSlowError) as error:
                reason = str(error) or "the recogniser takes no audio"
                log.warning("call.recognition_failed", reason=reason)
                async for _ in utterance.frames:
                    pass  # the caller is not interrupted: the turn ends when he does
        if not scope.cancelled_caught:
            ended = _SpeechEnded(utterance, question, transcript, last_voice_s, self._now())
            await self._put.send(ended)

    def _speech_ended(self, item: _SpeechEnded) -> None:
        if item.question is not self._question:
            return
        transcript = item.transcript
        words = _words(transcript)
        cough = _all_unknown(words) and item.utterance.voiced_s < COUGH_S
        if cough or item.question.expectation.only_fillers(words):
            log.info("call.nothing_heard", voiced_s=round(item.utterance.voiced_s, 2))
            self._tell(ev.SpeechLost(self._now()))
            self._playback.paused = False
            self._open_ear(item.question)
            return
        log.info(
            "call.heard",
            text="***" if item.question.secret else " ".join(word.text for word in words),
            confidence=round(min(word.confidence for word in words), 2),
        )
        still = item.question.expectation.still(" ".join(word.text for word in words))
        self._turn = _Turn("speech", item.last_voice_s, still.name.lower(), item.text_s)
        self._tell(ev.SpeechHeard(self._now(), words))

    # The dialogue -----------------------------------------------------------------------------

    def _tell(self, event: ev.Event) -> bool:
        """Tell the dialogue, and do what it wants.

        Returns:
            Whether that has settled the question.
        """
        was_silent = not self._playback.busy
        spoke = settled = False
        for action in self._dialog.handle(event):
            settled = settled or (isinstance(action, ev.Note) and action.kind in SETTLED)
            spoke = spoke or isinstance(action, ev.Speak)
            if isinstance(action, ev.StopSpeaking):
                was_silent = True
            self._do(action)
        if self._turn is not None and not self._turn.decided_s:
            self._turn = replace(self._turn, decided_s=self._now())
        if spoke and not self._playback.busy:
            self._post(_PlayedOut())  # there was not a sound in it
        elif spoke and was_silent and self._turn is not None:
            self._line.send_early(trio.current_time())
        return settled

    def _do(self, action: ev.Action) -> None:  # noqa: C901 - a row for each action
        match action:
            case ev.Speak(prompts):
                for prompt in prompts:
                    self._speak(prompt)
            case ev.StopSpeaking():
                self._stop_speaking()
            case ev.Listen():
                self._listen(action)
            case ev.StopListening():
                self._stop_listening()
            case ev.StartTimer(timer, after_s):
                self._start_timer(timer, after_s)
            case ev.StopTimer(timer):
                self._timers.pop(timer, None)
            case ev.HangUp():
                self._hang_up()
            case ev.Log(text):
                log.info("call.log", text=text)
            case ev.Note(kind, detail):
                event = f"call.{kind}"
                log.info(event, **detail)
            case _:
                assert_never(action)

    def _listen(self, question: ev.Listen) -> None:
        self._question = question
        if question.barge_in is BargeIn.SPEECH or not self._playback.busy:
            self._open_ear(question)

    def _stop_listening(self) -> None:
        self._question = None
        self._ear.close()
        if self._hearing is not None:
            self._hearing.cancel()
        self._playback.paused = False

    def _hang_up(self) -> None:
        self._hanging_up = True
        self._post(_PlayedOut())  # for the case that there is nothing left to play

    # Timers -----------------------------------------------------------------------------------

    def _start_timer(self, timer: ev.Timer, after_s: float) -> None:
        self._timer_count += 1
        self._timers[timer] = self._timer_count
        self._nursery.start_soon(self._run_timer, timer, after_s, self._timer_count)

    async def _run_timer(self, timer: ev.Timer, after_s: float, number: int) -> None:
        await trio.sleep(after_s)
        if self._timers.get(timer) == number:
            await self._put.send(_TimerFired(timer, number))

    # Speaking ---------------------------------------------------------------------------------

    def _speak(self, prompt: ev.Prompt) -> None:
        """Queue a prompt: at once when it is rendered, else a place for each of its clauses."""
        log.info("call.said", text="***" if prompt.secret else prompt.text)
        clip = self._rendered(prompt)
        if clip is not None and clip.has(self._line.out_rate_hz):
            self._playback.add(clip)
        elif clip is not None:
            self._make(self._resample, self._playback.add(), clip)
        else:
            places = [(self._playback.add(), clause) for clause in clauses(prompt.text)]
            if places:
                self._make(self._synthesise, places, self._speech_number)

    def _rendered(self, prompt: ev.Prompt) -> Clip | None:
        if prompt.file is not None:
            return self._services.prompts.file(prompt.file)
        return self._services.prompts.get(prompt.text, self._flow.language)

    def _make(self, work: Callable[..., Awaitable[None]], *args: object) -> None:
        """Start making clips for the queue; what is stopped before it is said is not made."""
        scope = trio.CancelScope()
        self._making.add(scope)

        async def within_scope() -> None:
            with scope:
                await work(*args)
            self._making.discard(scope)

        self._nursery.start_soon(within_scope)

    async def _resample(self, place: Slot, clip: Clip) -> None:
        await _resampled(clip, self._line.out_rate_hz)
        place.fill(clip)

    async def _synthesise(self, places: list[tuple[Slot, str]], number: int) -> None:
        """Make clause after clause, each leaving while the next is made."""
        last, _ = places[-1]
        for place, clause in places:
            try:
                with trio.fail_after(SYNTHESIS_S):
                    clip = await self._services.prompts.clip(clause, self._flow.language)
            except (SynthesisError, trio.TooSlowError) as error:
                place.fill(None)
                reason = str(error) or f"the synthesiser took more than {SYNTHESIS_S:g} s"
                await self._put.send(_SpeakingFailed(reason, number))
                continue
            if place is not last:
                clip = clip.with_pause(pause_after_s(clause))
            clip.pcm(self._line.out_rate_hz)  # a clause takes a millisecond: no thread for that
            place.fill(clip)

    def _speaking_failed(self, reason: str, number: int) -> None:
        if number == self._speech_number:
            self._tell(ev.SpeakingFailed(self._now(), reason))

    def _stop_speaking(self) -> None:
        self._speech_number += 1
        self._playback.clear()
        for scope in self._making:
            scope.cancel()
        self._making.clear()

    async def _change_rate(self, rate_hz: int) -> None:
        """Speak at the caller's rate from the moment that all that is queued is there at it."""
        for clip in self._playback.clips():
            await _resampled(clip, rate_hz)
        if rate_hz == self._line.in_rate_hz:  # else it has changed again meanwhile
            self._line.out_rate_hz = rate_hz

    def _now(self) -> float:
        """Seconds since the call began."""
        return trio.current_time() - self._began_s


async def _resampled(clip: Clip, rate_hz: int) -> None:
    """Have a clip at this rate, off the media clock's thread."""
    if not clip.has(rate_hz):
        await trio.to_thread.run_sync(clip.pcm, rate_hz)


def _words(transcript: Transcript | None) -> tuple[Word, ...]:
    if transcript is None:
        return ()
    if not transcript.words:  # an engine that gives none
        return tuple(Word(text) for text in transcript.text.lower().split())
    return tuple(Word(word.text, word.confidence) for word in transcript.words)


def _all_unknown(words: tuple[Word, ...]) -> bool:
    return all(word.text == UNKNOWN for word in words)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
