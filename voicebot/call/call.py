"""One call: the nursery that joins a line, an ear, a dialogue and a mouth.

Knows how events of the line and the engines become events of the dialogue, and how the dialogue's
actions are carried out.  Must not know what the flow means, what is on the wire, or other calls.

What comes from the media clock (keys, speech, the end of the line) is put into an inbox and dealt
with here, in order, one at a time; what is slow (recognising, synthesising, asking a server,
writing a file, waiting) is a task of the nursery that puts its result into the same inbox.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from functools import partial
from typing import Any, Final, assert_never

import structlog
import trio

from voicebot.call import items
from voicebot.call.asker import Answer, RequestFailed
from voicebot.call.ending import Ending, Outcome
from voicebot.call.floor import Floor
from voicebot.call.log import CallLog, Witness, in_ms, scrubbed, shown_url
from voicebot.call.message import Messages
from voicebot.call.services import Back, CallerLeft, MakeLine, Services
from voicebot.call.turn import Waterfall
from voicebot.flow import bands
from voicebot.flow import events as ev
from voicebot.flow.answers import UNKNOWN, Claim, Still, Word
from voicebot.flow.dialled import named
from voicebot.flow.dialog import CallInfo, Dialog
from voicebot.flow.model import BargeIn, Flow
from voicebot.flow.spoken import markup
from voicebot.hearing.ear import CallerEar, Utterance
from voicebot.hearing.endpoint import MAX_LENGTH, NO_WORDS, Patience
from voicebot.hearing.transcribing import transcribe
from voicebot.line.line import Ended, KeyPressed, LineStats, RateChanged
from voicebot.speaking.mouth import Mouth
from voicebot.speaking.playback import Playback

log = structlog.get_logger()

KEYS_WAITING: Final = 200
"""More than any person presses while the call is busy; of a flood the rest is dropped."""
FAR_BUFFER_S: Final = 0.2
"""What the phone's own jitter buffer may still have to play when our last frame has left."""
LEAVE_S: Final = 1.0
"""What the telling of the results may take; the caller hears silence meanwhile."""
SETTLED: Final = ("understood", "missed")
"""Notes of the dialogue that say that the caller's turn is over."""


class Call:
    """One call from its identifier to its end.

    Args:
        make_line: joins its first leg to it; called once, at once.
        witness: is told what happens.
    """

    def __init__(
        self,
        flow: Flow,
        info: CallInfo,
        services: Services,
        make_line: MakeLine,
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
        self._playback = Playback(
            self._on_sounding,
            lambda: self._post(items.PlayedOut()),
            self._on_mark,
            lambda: self._post(items.BargeInChanged(self._mouth.number)),
        )
        self._mouth = Mouth(services.prompts, self._playback, self._on_prompt_failed)
        self._floor = Floor(self._playback, self._now, self.log)
        verifier = services.verifier() if services.verifier is not None else None
        self._ear = CallerEar(self._on_speech, self._playback.left, verifier)
        self._line = make_line(self._playback, self._ear, self._post)
        self._mouth.rate_hz = self._line.out_rate_hz
        self._earlier_legs: list[LineStats] = []
        self._is_down = False
        """The leg is over, and there is no other."""
        self._turn = Waterfall(self.log)
        self._messages = Messages(info.id, services.recordings, self._post, self.log)
        self._question: ev.Listen | None = None
        self._listening = False
        """The ear is open for its answer."""
        self._hearing: trio.CancelScope | None = None
        """Around the recognition of the utterance under way."""
        self._unfinished: items.SpeechEnded | None = None
        """What may go on with the next utterance."""
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
        self._outcome = Outcome.FAULT
        """Until it has another."""
        self._leaves_to: ev.Transfer | None = None
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
                self._serve_line()
                self._tell(ev.Answered(0.0))
                await self._take_items()
                self._nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await self._take_leave()
                await self._put_down()
            self._put.close()
        return self._gone or self._over or "?"

    def end(self, reason: str, outcome: Outcome = Outcome.CALLER_HUNG_UP) -> None:
        """End the call from outside, as if the caller had left: the flow's `on: hangup` is run."""
        if self._gone is None and self._over is None:
            self._gone, self._outcome = reason, outcome
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
    def ending(self) -> Ending:
        """How it ended and what came of it, once it has."""
        secrets = self._dialog.secret_texts()
        results = {
            name: text
            for name, text in self._dialog.results().items()
            if scrubbed(text, secrets) == text
        }
        return Ending(self._outcome, results, self._leaves_to)

    @property
    def stats(self) -> LineStats:
        """Of all its legs together."""
        legs = map(astuple, (*self._earlier_legs, self._line.stats))
        return LineStats(*map(sum, zip(*legs, strict=True)))

    def forget(self) -> None:
        """Drop all that it holds; the call is over, and nothing of it is asked for any more.

        Its parts call back into it.  Circles wait for the collector's longest walk, which stopped the
        clock for 94 ms with 200 calls.
        """
        vars(self).clear()

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

    # Legs ---------------------------------------------------------------------------------------

    def _serve_line(self) -> None:
        self._services.clock.add(self._line, lambda error: self._post(items.Faulted(error)))

    async def _put_down(self) -> None:
        """End the leg, not the call."""
        if not self._is_down:
            self._is_down = True
            self._services.clock.remove(self._line)
            await self._line.finish()

    def _pick_up(self, make_line: MakeLine) -> None:
        """Go on with another leg."""
        self._earlier_legs.append(self._line.stats)
        self._line = make_line(self._playback, self._ear, self._post)
        self._is_down = False
        self._mouth.rate_hz = self._line.out_rate_hz
        self._serve_line()

    async def _take_leave(self) -> None:
        """Whoever goes on with the caller is told before the leg is hung up."""
        with trio.move_on_after(LEAVE_S) as limit:
            try:
                await self._services.switch.ending(self.ending)
            except Exception:  # whatever it is, the leg is to be hung up
                log.exception("call.results_fault")
        if limit.cancelled_caught:
            log.warning("call.results_late", after_s=LEAVE_S)

    # From the clock: quick, and never waiting -----------------------------------------------

    def _post(self, item: items.Item) -> None:
        if isinstance(item, Ended) and self._gone is None:
            self._gone, self._outcome = item.reason, Outcome.CALLER_HUNG_UP
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
        self._post(items.Sounding(self._now(), self._mouth.number))

    def _on_mark(self, name: str) -> None:
        self._post(items.MarkPassed(name, self._now(), self._mouth.number))

    def _on_speech(self, utterance: Utterance) -> None:
        self._floor.voice(utterance)
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
            case items.NothingMore(speech):
                if speech is self._unfinished:
                    self._nothing_more(speech)
            case items.TimerDue(timer, number):
                if self._timers.get(timer) == number:
                    self._timer_due(timer)
            case items.Sounding(at_s, number):
                if number == self._mouth.number:
                    self._turn.answered(at_s)
            case items.MarkPassed(name, at_s, number):
                if number == self._mouth.number:
                    self._tell(ev.MarkPassed(at_s, name))
            case items.BargeInChanged(number):
                if number == self._mouth.number:
                    self._barge_in_changed()
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
        self._turn.key(at_s, self._dialog.node)
        self._floor.answered()
        spoken, heard = self._mouth.number, self._playback.heard
        if not self._tell(ev.KeyPressed(at_s, digit)):
            self._turn.forget()
        if self._mouth.number != spoken:
            self._floor.interrupted("key", at_s, heard)

    def _played_out(self) -> None:
        if self._playback.busy:
            return  # something was added meanwhile
        if self._messages.beeping:
            self._messages.begin(self._ear)
            return
        self._tell(ev.PromptsFinished(self._now()))
        self._open_or_shut()

    def _barge_in_changed(self) -> None:
        self._tell(ev.BargeInChanged(self._now(), self._playback.barge_in))
        self._open_or_shut()

    # Hearing ----------------------------------------------------------------------------------

    def _open_or_shut(self) -> None:
        """Whoever may not interrupt what is said is not listened to until it is over."""
        question, playback = self._question, self._playback
        if question is None:
            return
        of_prompt = playback.barge_in or question.barge_in
        may_speak = of_prompt is BargeIn.SPEECH or not playback.busy
        if may_speak and not self._listening:
            self._open_ear(question)
        elif self._listening and not may_speak:
            self._shut_ear()
            self._tell(ev.SpeechLost(self._now()))

    def _shut_ear(self) -> None:
        self._listening = False
        self._unfinished = None
        self._ear.close()
        if self._hearing is not None:
            self._hearing.cancel()
        self._floor.closed()

    def _open_ear(self, question: ev.Listen) -> None:
        self._listening = True
        self._ear.open(Patience.of(question.end_silence_s), question.max_speech_s)

    def _speech_began(self, utterance: Utterance, question: ev.Listen | None) -> None:
        if question is None or question is not self._question or not self._listening:
            return
        self.log.info("call.speech", at_s=round(self._now(), 3), barge_in=self._playback.busy)
        begun, self._unfinished = self._unfinished, None
        if begun is None:
            self._tell(ev.SpeechStarted(self._now()))
        self._nursery.start_soon(self._recognise, utterance, question, begun)
        if self._playback.busy:
            by_words = self._services.recogniser.partials
            self._nursery.start_soon(partial(self._floor.watch, by_words=by_words))

    async def _recognise(
        self, utterance: Utterance, question: ev.Listen, begun: items.SpeechEnded | None
    ) -> None:
        with trio.CancelScope() as self._hearing:
            hearing = await transcribe(
                self._services.recogniser,
                utterance,
                question,
                self._on_words,
                self._on_answer,
                begun.hearing if begun is not None else None,
            )
            if hearing.failure:
                self.log.warning("call.recognition_failed", reason=hearing.failure)
            self._post(items.SpeechEnded(utterance, question, hearing, self._now()))

    def _on_words(self, text: str) -> None:
        question = self._question
        if question is not None and self._playback.busy:
            self._floor.words(question.expectation.claim(text, filled=question.filled))

    def _on_answer(self, text: str) -> None:
        heard = ev.SpeechHeard(self._now(), tuple(map(Word, text.split())))
        self._mouth.foresee(self._dialog.foresee(heard))

    def _speech_ended(self, item: items.SpeechEnded) -> None:
        question, words = item.question, item.hearing.words
        if question is not self._question or not self._listening:
            return
        voiced_s, claim = item.utterance.voiced_s, _claim(question, words)
        if item.hearing.is_cough(voiced_s) or question.expectation.only_fillers(words):
            self.log.info("call.nothing_heard", voiced_s=round(voiced_s, 2))
            self._lost(question, "nothing heard", claim)
            return
        more_s = self._may_go_on_s(item)
        if more_s > 0:
            self._unfinished = item
            self._nursery.start_soon(self._wait_for_more, item, more_s)
            self._open_ear(question)
        else:
            self._answered(item)

    def _may_go_on_s(self, item: items.SpeechEnded) -> float:
        """How much longer to wait for the rest: while the caller was silent the recogniser took a
        noise for the last digit, and knows better now."""
        question, hearing = item.question, item.hearing
        still = question.expectation.still(_sure(hearing.words), filled=question.filled)
        fell_silent = not hearing.failure and hearing.endpoint not in (MAX_LENGTH, NO_WORDS)
        if not fell_silent or still is not Still.PREFIX:
            return 0.0
        waited_s = trio.current_time() - hearing.silence_s
        return Patience.of(question.end_silence_s).wait_s(still) - waited_s

    async def _wait_for_more(self, item: items.SpeechEnded, more_s: float) -> None:
        await trio.sleep(more_s)
        self._post(items.NothingMore(item))

    def _nothing_more(self, item: items.SpeechEnded) -> None:
        if self._ear.in_speech:
            return  # he goes on after all: that is in the inbox already
        self._unfinished = None
        why, now_s = Still.PREFIX.name.lower(), trio.current_time()
        hearing = replace(item.hearing, endpoint=why, endpoint_s=now_s)
        self._answered(replace(item, hearing=hearing, text_s=self._now()))

    def _answered(self, item: items.SpeechEnded) -> None:
        """The caller has said all that he will say."""
        question, words = item.question, item.hearing.words
        voiced_s, claim = item.utterance.voiced_s, _claim(question, words)
        sure = [[word.text, round(word.confidence, 2)] for word in words]
        self.log.info(
            "call.heard",
            more={"words": [] if question.secret else sure, "partials": item.hearing.partials},
            text="***" if question.secret else item.hearing.text,
            confidence=round(min(word.confidence for word in words), 2),
        )
        # What is no answer and comes while the bot speaks may be said to somebody else, or by a
        # television: the bot goes on, and nothing was missed.  Behind the prompt it is a miss.
        meant = self._dialog.is_meant(claim, words, item.hearing.alternatives)
        if not meant and (not self._playback.heard_out or item.hearing.is_scrap(voiced_s)):
            self._lost(question, "no answer", claim)
            return
        hearing, began_s = item.hearing, self._began_s
        self._floor.taken(hearing.last_voice_s - began_s, meant=meant)
        stages = {
            "silence": hearing.silence_s - began_s,
            "endpoint": hearing.endpoint_s - began_s,
            "text": item.text_s,
        }
        voice_s = hearing.last_voice_s - began_s
        stopped_ms = self._floor.stopped_ms
        self._turn.speech(voice_s, question.node, hearing.endpoint, stages, stopped_ms)
        self._tell(ev.SpeechHeard(self._now(), words, hearing.alternatives))

    def _lost(self, question: ev.Listen, why: str, claim: Claim) -> None:
        """Nothing was said to the bot."""
        self._tell(ev.SpeechLost(self._now()))
        self._floor.nothing(why, claim)
        self._open_ear(question)

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
        if settled:
            self._mouth.foresee(())
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
                    self._turn.says(self._mouth.say(prompt))
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
        self._open_or_shut()

    def _stop_listening(self) -> None:
        self._question = None
        self._shut_ear()

    # Timers -----------------------------------------------------------------------------------

    def _start_timer(self, timer: ev.Timer, after_s: float) -> None:
        self._timer_count += 1
        self._timers[timer] = self._timer_count
        self._nursery.start_soon(self._run_timer, timer, after_s, self._timer_count)

    def _timer_due(self, timer: ev.Timer) -> None:
        now_s = self._now()
        if timer is ev.Timer.KEYS:
            self._turn.no_more_keys(now_s)
        self._tell(ev.TimerFired(now_s, timer))

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
        ms = in_ms(trio.current_time() - began_s)
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
            if self._gone is not None:
                return
            context: dict[str, Any] = {"context": last.context} if last.context else {}
            self.log.info("call.transfer", to=named(last.kind, last.to), **context)
            self._nursery.start_soon(self._transfer, last)
        else:
            self._over, self._outcome = "bot hung up", Outcome.HANGUP

    async def _transfer(self, transfer: ev.Transfer) -> None:
        switched = await self._services.switch.transfer(transfer, self._put_down)
        if isinstance(switched, CallerLeft):
            self.end(switched.reason, switched.outcome)
            return
        # At once, not when the item's turn comes: whatever ends the call by then is to find the leg
        # in its hands, or the caller with somebody else.
        if isinstance(switched, Back) and transfer.returns:
            if switched.make_line is not None:
                self._pick_up(switched.make_line)
        elif self._gone is None:
            to = scrubbed(named(transfer.kind, transfer.to), self._dialog.secret_texts())
            self._over, self._outcome = f"transferred to {to}", Outcome.TRANSFER
            self._leaves_to = transfer
        self._post(items.TransferOver(transfer, switched))

    def _transferred(self, item: items.TransferOver) -> None:
        transfer, switched = item.transfer, item.switched
        if isinstance(switched, Back) and self._over is None:
            to = named(transfer.kind, transfer.to)
            self.log.warning("call.transfer_failed", to=to, reason=switched.reason)
            self._tell(ev.TransferFailed(self._now(), switched.reason))

    async def _change_rate(self, rate_hz: int) -> None:
        """Speak at the caller's rate from the moment that all that is queued is there at it."""
        await self._mouth.prepare(rate_hz)
        if rate_hz == self._line.in_rate_hz:  # else it has changed again meanwhile
            self._line.out_rate_hz = self._mouth.rate_hz = rate_hz

    def _now(self) -> float:
        """Seconds since the call began."""
        return trio.current_time() - self._began_s


def _claim(question: ev.Listen, words: Sequence[Word]) -> Claim:
    """Whom an utterance is for, as far as its words are sure."""
    return question.expectation.claim(_sure(words), filled=question.filled)


def _sure(words: Sequence[Word]) -> str:
    """The words, unknown where they are not sure."""
    return " ".join(word.text if word.confidence >= bands.SURE_WORD else UNKNOWN for word in words)
