"""One call: the nursery that joins a line, an ear, a dialogue and a mouth.

Knows how events of the line and the engines become events of the dialogue, and how the dialogue's
actions are carried out.  Must not know what the flow means, what is on the wire, or other calls.

What comes from the media clock (keys, speech, the end of the line) is put into an inbox and dealt
with here, in order, one at a time; what is slow (recognising, synthesising, asking a server,
writing a file, waiting) is a task of the nursery that puts its result into the same inbox.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

import trio

from voicebot.call import items
from voicebot.call.asker import Answer, RequestFailed
from voicebot.call.log import CallLog, Witness, scrubbed, shown_url
from voicebot.call.message import Messages
from voicebot.call.services import LeaveToDialplan, Services, Switch
from voicebot.call.turn import Waterfall
from voicebot.flow import events as ev
from voicebot.flow.dialog import CallInfo, Dialog
from voicebot.flow.model import BargeIn, Flow
from voicebot.flow.spoken import markup
from voicebot.hearing.ear import CallerEar, Utterance
from voicebot.hearing.endpoint import Patience
from voicebot.hearing.transcribing import transcribe
from voicebot.line.line import Ended, KeyPressed, Line, LineEvent, RateChanged
from voicebot.speaking.mouth import Mouth
from voicebot.speaking.playback import Playback

__all__ = ["Call", "LeaveToDialplan", "Services", "Switch", "Witness"]

KEYS_WAITING: Final = 200
"""More than any person presses while the call is busy; of a flood the rest is dropped."""
FAR_BUFFER_S: Final = 0.2
"""What the phone's own jitter buffer may still have to play when our last frame has left."""
SETTLED: Final = ("understood", "missed")
"""Notes of the dialogue that say that the caller's turn is over."""


class Call:
    """One call from its identifier to its end.

    Args:
        make_line: joins a line to this call's source, ear and events; called once, at once.
        witness: is told what happens.
    """

    def __init__(
        self,
        flow: Flow,
        info: CallInfo,
        services: Services,
        make_line: Callable[[Playback, CallerEar, Callable[[LineEvent], None]], Line],
        *,
        seed: int,
        witness: Witness | None = None,
    ) -> None:
        self._services = services
        self._witness = witness
        self._began_s = trio.current_time()
        self._dialog = Dialog(flow, info, seed)
        self.log = CallLog(self._now, self._dialog.secret_texts, witness)
        # Without a limit: nothing in it may be lost, and but for keys, which `_post` counts, the
        # call itself makes what comes (an utterance, a timer, a prompt at a time).
        self._put, self._inbox = trio.open_memory_channel[items.Item](math.inf)
        self._playback = Playback(self._on_sounding, lambda: self._post(items.PlayedOut()))
        self._mouth = Mouth(services.prompts, self._playback, self._on_prompt_failed)
        self._ear = CallerEar(self._on_speech)
        self._line = make_line(self._playback, self._ear, self._post)
        self._turn = Waterfall(self.log)
        self._messages = Messages(info.id, services.recordings, self._post, self.log)
        self._question: ev.Listen | None = None
        self._hearing: trio.CancelScope | None = None
        """Around the recognition of the utterance under way."""
        self._timers: dict[ev.Timer, int] = {}
        self._timer_count = 0
        # Keys may be pressed ahead of the question they are meant for.
        self._keys_are_secret = flow.asks_secret
        self._last: ev.HangUp | ev.Transfer | None = None
        """What is to be done once all has been said."""
        self._gone: str | None = None
        """Why the caller is no longer there."""
        self._over: str | None = None
        """What the bot has ended the call with."""
        self._nursery: trio.Nursery

    async def run(self) -> str:
        """Take the call to its end; the line is closed cleanly whatever happens.

        Returns:
            Why it ended, for the log: "bot hung up", "transferred to 400", what the line said, or
            what `end` was given.

        Raises:
            Exception: a fault in this call; its line has been closed.
        """
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._mouth.make)
                self._services.clock.add(self._line, lambda error: self._post(items.Faulted(error)))
                self._tell(ev.Answered(0.0))
                await self._take_items()
                self._nursery.cancel_scope.cancel()
        finally:
            self._services.clock.remove(self._line)
            with trio.CancelScope(shield=True):
                await self._line.finish()
            self._put.close()
        return self._gone or self._over or "?"

    def end(self, reason: str) -> None:
        """End the call from outside, as if the caller had left: the flow's `on: hangup` is run."""
        if self._gone is None:
            self._gone = reason
            self._post(items.Ending())

    @property
    def variables(self) -> dict[str, object]:
        """The flow's variables, secrets masked, also where a caller said one into another."""
        secrets = self._dialog.secret_texts()
        shown = self._dialog.shown_variables()
        return {name: scrubbed(value, secrets) for name, value in shown.items()}

    @property
    def tags(self) -> Mapping[str, str]:
        """What the flow said of the call, as `variables`."""
        secrets = self._dialog.secret_texts()
        return {name: str(scrubbed(tag, secrets)) for name, tag in self._dialog.tags.items()}

    @property
    def dialog(self) -> Dialog:
        """To read, not to handle."""
        return self._dialog

    @property
    def line(self) -> Line:
        return self._line

    def secret_texts(self) -> frozenset[str]:
        """Every secret that the call holds, as text."""
        return self._dialog.secret_texts()

    async def _take_items(self) -> None:
        async for item in self._inbox:
            if self._gone is not None:
                await self._leave()
                return
            self._take(item)
            if self._last is not None and not self._playback.busy:
                await self._do_last()
            if self._over is not None:
                return

    async def _leave(self) -> None:
        """The call is over: what the caller has said into a recording comes first."""
        if self._messages.under_way:
            self._stop_recording()
            async for item in self._inbox:
                if isinstance(item, items.Kept):
                    self._kept(item)
                    break
        self._tell(ev.CallerLeft(self._now()))

    # From the clock: quick, and never waiting -----------------------------------------------

    def _post(self, item: items.Item) -> None:
        if isinstance(item, Ended) and self._gone is None:
            self._gone = item.reason
        flood = isinstance(item, KeyPressed) and self._waiting >= KEYS_WAITING
        if flood:
            return
        try:
            self._put.send_nowait(item)
        except trio.ClosedResourceError:
            return  # the call has ended

    @property
    def _waiting(self) -> int:
        return self._put.statistics().current_buffer_used

    def _on_sounding(self) -> None:
        self._post(items.Sounding(self._now()))

    def _on_speech(self, utterance: Utterance) -> None:
        self._playback.paused = True
        self._post(items.SpeechBegan(utterance, self._question))

    def _on_prompt_failed(self, reason: str, number: int) -> None:
        self._post(items.PromptFailed(reason, number))

    # One item at a time -----------------------------------------------------------------------

    def _take(self, item: items.Item) -> None:  # noqa: C901, PLR0912 - a row for each kind of item
        match item:
            case KeyPressed(digit, at_s):
                self._key(digit, at_s - self._began_s)
            case RateChanged(rate_hz):
                self._nursery.start_soon(self._change_rate, rate_hz)
            case items.SpeechBegan(utterance, question):
                self._speech_began(utterance, question)
            case items.SpeechEnded():
                self._speech_ended(item)
            case items.TimerDue(timer, number):
                if self._timers.get(timer) == number:
                    self._tell(ev.TimerFired(self._now(), timer))
            case items.Sounding(at_s):
                self._turn.answered(at_s)
            case items.PlayedOut():
                self._played_out()
            case items.PromptFailed(reason, number):
                if number == self._mouth.number:
                    self._tell(ev.SpeakingFailed(self._now(), reason))
            case items.RequestOver(result):
                self._request_over(result)
            case items.MessageOver(recording):
                if self._messages.is_current(recording):
                    self._stop_recording()
            case items.Kept():
                self._kept(item)
            case items.TransferOver():
                self._transferred(item)
            case items.Faulted(error):
                raise error
            case Ended() | items.Ending():
                pass  # told already, by way of _gone
            case _:
                assert_never(item)

    def _key(self, digit: str, at_s: float) -> None:
        shown = "*" if self._keys_are_secret else digit
        self.log.info("call.key", key=shown, at_s=round(at_s, 3))
        self._turn.key(at_s)
        if not self._tell(ev.KeyPressed(at_s, digit)):
            self._turn.forget()

    def _played_out(self) -> None:
        if self._playback.busy:
            return  # something was added meanwhile
        if self._messages.beeping:
            self._messages.begin(self._ear)
            return
        question = self._question
        self._tell(ev.PromptsFinished(self._now()))
        # Keys typed ahead may have led on to the next question: that one has its own prompts.
        if (
            question is not None
            and question is self._question
            and question.barge_in is not BargeIn.SPEECH
        ):
            self._open_ear(question)

    # Hearing ----------------------------------------------------------------------------------

    def _open_ear(self, question: ev.Listen) -> None:
        self._ear.open(Patience.of(question.end_silence_s), question.max_speech_s)

    def _speech_began(self, utterance: Utterance, question: ev.Listen | None) -> None:
        if question is None or question is not self._question:
            return
        self.log.info("call.speech", at_s=round(self._now(), 3), barge_in=self._playback.busy)
        self._tell(ev.SpeechStarted(self._now()))
        self._nursery.start_soon(self._recognise, utterance, question)

    async def _recognise(self, utterance: Utterance, question: ev.Listen) -> None:
        with trio.CancelScope() as self._hearing:
            hearing = await transcribe(self._services.recogniser, utterance, question)
            if hearing.failure:
                self.log.warning("call.recognition_failed", reason=hearing.failure)
            self._post(items.SpeechEnded(utterance, question, hearing, self._now()))

    def _speech_ended(self, item: items.SpeechEnded) -> None:
        question, words = item.question, item.hearing.words
        if question is not self._question:
            return
        voiced_s = item.utterance.voiced_s
        if item.hearing.is_cough(voiced_s) or question.expectation.only_fillers(words):
            self.log.info("call.nothing_heard", voiced_s=round(voiced_s, 2))
            self._tell(ev.SpeechLost(self._now()))
            self._playback.paused = False
            self._open_ear(question)
            return
        text = " ".join(word.text for word in words)
        sure = [[word.text, round(word.confidence, 2)] for word in words]
        self.log.info(
            "call.heard",
            more={"words": [] if question.secret else sure, "partials": item.hearing.partials},
            text="***" if question.secret else text,
            confidence=round(min(word.confidence for word in words), 2),
        )
        still = question.expectation.still(text, filled=question.filled)
        voice_s = item.hearing.last_voice_s - self._began_s
        self._turn.speech(voice_s, still.name.lower(), item.text_s)
        self._tell(ev.SpeechHeard(self._now(), words))

    # The dialogue -----------------------------------------------------------------------------

    def _tell(self, event: ev.Event) -> bool:
        """Tell the dialogue, and do what it wants.

        Returns:
            Whether that has settled the question.
        """
        was_silent = not self._playback.busy
        spoke = settled = False
        actions = self._dialog.handle(event)
        if self._witness is not None:
            verdicts = tuple(self._dialog.verdicts)
            self._witness.told(event, actions, verdicts, self._dialog.secret_texts())
        for action in actions:
            settled = settled or (isinstance(action, ev.Note) and action.kind in SETTLED)
            spoke = spoke or isinstance(action, ev.Speak)
            if isinstance(action, ev.StopSpeaking):
                was_silent = True
            self._do(action)
        self._turn.decided(self._now())
        if spoke and not self._playback.busy:
            self._post(items.PlayedOut())  # there was not a sound in it
        elif spoke and was_silent and self._turn.running:
            self._line.send_early(trio.current_time())
        return settled

    def _do(self, action: ev.Action) -> None:  # noqa: C901, PLR0912 - a row for each action
        match action:
            case ev.Speak(prompts):
                for prompt in prompts:
                    said = "***" if prompt.secret else markup.plain(prompt.text)
                    self.log.info("call.said", text=said)
                    self._mouth.say(prompt)
            case ev.StopSpeaking():
                self._mouth.stop()
            case ev.Listen():
                self._listen(action)
            case ev.StopListening():
                self._stop_listening()
            case ev.StartTimer(timer, after_s):
                self._start_timer(timer, after_s)
            case ev.StopTimer(timer):
                self._timers.pop(timer, None)
            case ev.Request():
                self._nursery.start_soon(self._ask, action)
            case ev.Record():
                self._messages.start(action, self._mouth, self._ear)
            case ev.StopRecording():
                self._stop_recording()
            case ev.Transfer() | ev.HangUp():
                self._last = action
                self._post(items.PlayedOut())  # for the case that there is nothing left to play
            case ev.Log(text):
                self.log.info("call.log", text=text)
            case ev.Note(kind, detail):
                self.log.note(f"call.{kind}", detail)
            case ev.Tag():
                pass  # the dialogue has it
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

    # Timers -----------------------------------------------------------------------------------

    def _start_timer(self, timer: ev.Timer, after_s: float) -> None:
        self._timer_count += 1
        self._timers[timer] = self._timer_count
        self._nursery.start_soon(self._run_timer, timer, after_s, self._timer_count)

    async def _run_timer(self, timer: ev.Timer, after_s: float, number: int) -> None:
        await trio.sleep(after_s)
        if self._timers.get(timer) == number:
            self._post(items.TimerDue(timer, number))

    # Servers ----------------------------------------------------------------------------------

    async def _ask(self, request: ev.Request) -> None:
        began_s = trio.current_time()
        url = shown_url(request.url, secret=request.secret)
        result: Answer | RequestFailed
        try:
            result = await self._services.asker.ask(request)
        except RequestFailed as error:
            result = error
        ms = _ms(trio.current_time() - began_s)
        if isinstance(result, RequestFailed):
            reason = str(result)
            self.log.warning(
                "call.http_failed", method=request.method, url=url, reason=reason, ms=ms
            )
        else:
            self.log.info("call.http", method=request.method, url=url, status=result.status, ms=ms)
        self._post(items.RequestOver(result))

    def _request_over(self, result: Answer | RequestFailed) -> None:
        if isinstance(result, RequestFailed):
            self._tell(ev.HttpFailed(self._now(), str(result)))
        else:
            answer = ev.HttpAnswered(self._now(), result.status, result.json, result.text)
            self._tell(answer)

    # Messages ---------------------------------------------------------------------------------

    def _stop_recording(self) -> None:
        self._messages.stop(self._mouth, self._ear, self._nursery)

    def _kept(self, item: items.Kept) -> None:
        self._messages.over()
        left = self._gone is not None
        self._tell(ev.Recorded(self._now(), item.path, item.duration_s, caller_left=left))

    # The end ----------------------------------------------------------------------------------

    async def _do_last(self) -> None:
        """All has been said: hang up, or have the caller connected with somebody else."""
        last, self._last = self._last, None
        await trio.sleep(FAR_BUFFER_S)
        if isinstance(last, ev.Transfer):
            context: dict[str, Any] = {"context": last.context} if last.context else {}
            self.log.info("call.transfer", to=last.to, **context)
            self._nursery.start_soon(self._transfer, last)
        else:
            self._over = "bot hung up"

    async def _transfer(self, transfer: ev.Transfer) -> None:
        reason = await self._services.switch.transfer(transfer)
        self._post(items.TransferOver(transfer, reason))

    def _transferred(self, item: items.TransferOver) -> None:
        if item.reason is None or not item.transfer.returns:
            self._over = f"transferred to {item.transfer.to}"
        else:
            self.log.warning("call.transfer_failed", to=item.transfer.to, reason=item.reason)
            self._tell(ev.TransferFailed(self._now(), item.reason))

    async def _change_rate(self, rate_hz: int) -> None:
        """Speak at the caller's rate from the moment that all that is queued is there at it."""
        await self._mouth.prepare(rate_hz)
        if rate_hz == self._line.in_rate_hz:  # else it has changed again meanwhile
            self._line.out_rate_hz = self._mouth.rate_hz = rate_hz

    def _now(self) -> float:
        """Seconds since the call began."""
        return trio.current_time() - self._began_s


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
