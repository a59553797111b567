"""A call's way through a flow, as a pure function of events: `handle(event) -> [action]`.

Knows the semantics of the flow language: steps, questions, attempts, keys and speech as equals,
type-ahead, universals, the endings.  Must not know time but the events', nor audio, engines, files
or trio.  The same events give the same actions again, always.

Prompts are queued and steps run on to the next question (as in VoiceXML), so a caller who knows the
way can answer while the greeting plays.  What may be heard while something is said is the prompt's
`barge_in`, else the question's; the hearing side keeps to it and tells only of speech that counts.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from enum import Enum, auto
from functools import lru_cache
from typing import Final, assert_never

from voicebot.flow import bands, errands, forms, model
from voicebot.flow import events as ev
from voicebot.flow.answers import Alternative, Claim, Word
from voicebot.flow.expectation import Expectation
from voicebot.flow.expressions import ExpressionError, Template, as_text
from voicebot.flow.keybuffer import KeyBuffer
from voicebot.flow.masking import MASK, pattern_of
from voicebot.flow.meaning import Filled, Meaning, More, Settled, Value
from voicebot.flow.prompting import Prompting
from voicebot.flow.stack import Asked, FormRun, Scope, Stack
from voicebot.flow.values import CallInfo, Values, reads
from voicebot.flow.verdicts import MeaningCode, Verdicts
from voicebot.flow.yamlfile import Mark

STEPS_AT_ONCE: Final = 1000
"""A flow that takes more steps without waiting for anything is stopped (the check finds most); no
call waits longer for another than the few milliseconds that so many take."""

MORE_KEYS_S: Final = 3.0
"""Wait for the next key while the keys so far are no answer."""
LEAST_INPUT_S: Final = 1.0
"""After a noise that was no answer the caller has what is left of his time, and at least this."""
LONGER_KEYS_S: Final = 1.5
"""Wait for the next key while the keys so far are an answer and a longer one begins like it."""

UNREACHABLE: Final = "unreachable"
"""What a transfer came to that could not even be tried."""


class _State(Enum):
    BEFORE = auto()
    """The call has not begun."""
    READY = auto()
    """Nothing is open: steps run."""
    ASKING = auto()
    WAITING = auto()
    """A `wait` step: first for the prompts, then for the timer."""
    FETCHING = auto()
    """An `http` step waits for its answer."""
    INTRODUCING = auto()
    """A `record` step waits for its prompt to end."""
    RECORDING = auto()
    TRANSFERRING = auto()
    """The call is with somebody else, and may come back."""
    ENDED = auto()


class Dialog:
    """One call's dialogue.

    Args:
        flow: a flow without errors.
        call: what the flow may know of the call.
        seed: chooses among variations; the same seed, the same call.
        verdicts: those of a call that is replayed, in order.
    """

    def __init__(
        self,
        flow: model.Flow,
        call: CallInfo,
        seed: int,
        *,
        verdicts: Iterable[object] | None = None,
    ) -> None:
        self._flow = flow
        self._stack = Stack.of(flow)
        self._verdicts = Verdicts(verdicts)
        self._values = Values(call, self._stack, self._verdicts)
        self._prompting = Prompting(self._values, self._stack, random.Random(seed))
        self._keys = KeyBuffer(self._judged_key)
        self.tags: dict[str, str] = {}
        """What `tag` steps said of the call."""
        self._secret_tags: set[str] = set()
        """Those of them that are made of a secret."""
        self.taken: set[Mark] = set()
        """The nodes, choices, universals and handlers that the call came through."""
        self._state = _State.BEFORE
        self._asked: Asked | None = None
        self._times_asked = 0
        self._misses = 0
        self._speaking = False
        self._barge_in: model.BargeIn | None = None
        """As what is being said says; None: as the question does."""
        self._passed: tuple[str, float] | None = None
        """The last mark in what is or was said, and when."""
        self._hearing = False
        """The caller is speaking."""
        self._answer_by_s: float | None = None
        """When the caller's time to begin an answer is over; None: it has not begun."""
        self._wait_s = 0.0
        self._under_way: model.Http | model.Record | model.Transfer | None = None
        """The step that waits for something outside."""
        self._in_error = False
        """An error was handled and the caller has not answered since: a second one ends the call,
        or a flow whose error event leads to the same error would go round for ever."""
        self._now_s = 0.0
        self._actions: list[ev.Action] = []

    def handle(self, event: ev.Event) -> list[ev.Action]:
        """Take one event; returns what is to be done, in order.  Never raises for any event."""
        self._actions = []
        self._verdicts.made = []
        self._now_s = self._values.now_s = event.at_s
        if self._state is not _State.ENDED:
            self._take(event)
        return self._actions

    def foresee(self, event: ev.Event) -> tuple[ev.Prompt, ...]:
        """What would be said if this happened now; nothing comes of it, and nothing changes."""
        if self._state is not _State.ASKING:
            return ()
        other = copy(self)
        other._part()  # noqa: SLF001 - one of us
        spoken = (one.prompts for one in other.handle(event) if isinstance(one, ev.Speak))
        return tuple(itertools.chain.from_iterable(spoken))

    def _part(self) -> None:
        """As a copy: share nothing that changes with the dialogue that it is a copy of."""
        self._stack, self._asked = self._stack.copied(self._asked)
        self._verdicts = Verdicts(None)
        self._values = self._values.copied(self._stack, self._verdicts)
        self._prompting = self._prompting.copied(self._values, self._stack)
        self._keys = self._keys.copied(self._judged_key)
        self.tags, self.taken = dict(self.tags), set(self.taken)
        self._secret_tags = set(self._secret_tags)

    def _take(self, event: ev.Event) -> None:  # noqa: C901, PLR0912 - a row for each event
        match event:
            case ev.Answered():
                if self._state is _State.BEFORE:
                    self._enter(self._flow.start)
                    self._run()
            case ev.PromptsFinished():
                self._prompts_finished()
            case ev.MarkPassed():
                self._passed = event.mark, event.at_s
            case ev.BargeInChanged():
                self._barge_in_changed(event.barge_in)
            case ev.SpeechStarted():
                self._caller_begins()
                self._hearing = True
                self._do(ev.StopTimer(ev.Timer.NO_INPUT))
            case ev.SpeechHeard():
                self._speech_heard(event)
            case ev.SpeechLost():
                self._hearing = False
                self._await_input()
            case ev.KeyPressed():
                self._key(event.key)
            case ev.TimerFired():
                self._timer(event.timer)
            case ev.SpeakingFailed():
                self._speaking_failed(event.reason)
            case ev.HttpAnswered():
                self._http_answered(event)
            case ev.HttpFailed():
                self._step_failed(_State.FETCHING, event.reason)
            case ev.Recorded():
                self._recorded(event)
            case ev.TransferFailed():
                self._transfer_failed(event.reason)
            case ev.CallerLeft():
                self._caller_left()
            case _:
                assert_never(event)

    # What others may know --------------------------------------------------------------------

    @property
    def node(self) -> str:
        return self._stack.scope.node

    @property
    def language(self) -> str:
        return self._values.language

    @property
    def variables(self) -> dict[str, object]:
        """Those of the flow that the call is in."""
        return self._stack.scope.variables

    def is_meant(
        self,
        claim: Claim,
        words: tuple[Word, ...],
        alternatives: tuple[Alternative, ...] = (),
    ) -> bool:
        """Whether what was said is for the bot: surely words of an answer, or an answer.

        Args:
            claim: of its sure words.
        """
        if claim in (Claim.WORDS, Claim.ANSWER):
            return True
        asked = self._asked
        if self._state is not _State.ASKING or asked is None:
            return False
        filled = forms.filled(asked, self.variables)
        expectation, now = self._expectation(asked), self._values.now
        return expectation.understand(words, now, filled, alternatives) is not None

    @property
    def verdicts(self) -> list[object]:
        """What the last event made the dialogue decide about secrets; JSON can hold it."""
        return self._verdicts.made

    def shown_variables(self) -> dict[str, object]:
        """The variables of the call's own flow as a log may have them: secrets masked."""
        scope = self._stack.outermost
        return {
            name: MASK if name in scope.secrets and value is not None else _shown(value)
            for name, value in scope.variables.items()
        }

    def results(self) -> dict[str, str]:
        """What the dialplan is told: the tags, and what questions and `set` have filled in the
        call's own flow; nothing secret, and nothing in which a secret stands."""
        scope = self._stack.outermost
        found = {
            name: as_text(scope.variables[name])
            for name in sorted(scope.filled - scope.secrets)
            if isinstance(scope.variables.get(name), str | int | float)
        }
        found |= {name: tag for name, tag in self.tags.items() if name not in self._secret_tags}
        secret = pattern_of(self.secret_texts())
        return {
            name: text for name, text in found.items() if secret is None or not secret.search(text)
        }

    def secret_texts(self) -> frozenset[str]:
        """Every secret value that the call holds, as text: logs and traces leave it out."""
        values = (
            scope.variables.get(name)
            for scope in self._stack.scopes()
            for name in scope.secrets - _chosen(scope.flow)
        )
        return frozenset(text for value in values for text in _texts(value)) - {""}

    # Steps ---------------------------------------------------------------------------------

    def _enter(self, node: str) -> None:
        self._stack.enter(node)
        self._entered()

    def _entered(self) -> None:
        scope = self._stack.scope
        self.taken.add(scope.flow.nodes[scope.node].mark)
        self._do(ev.Note("node", {"node": scope.node}))

    def _run(self) -> None:
        """Take steps until a question is open, something is waited for or the call has ended."""
        self._state = _State.READY
        for _ in range(STEPS_AT_ONCE):
            step = self._stack.next_step()
            if step is None:
                self._hang_up()
                return
            try:
                self._step(step)
            except ExpressionError as error:
                self._raise(str(error))
            if self._state is not _State.READY:
                return
        self._do(ev.Note("error", {"reason": "the flow runs in a circle without a question"}))
        self._hang_up()

    def _step(self, step: model.Step) -> None:  # noqa: C901, PLR0912 - a row for each verb
        match step:
            case model.Say():
                self._speak(step.prompts)
            case model.Question():
                self._misses = 0
                self._ask(self._stack.asked(step, None), step.say)
            case model.Form():
                self._begin_form(FormRun(step))
            case model.Set():
                self._set(step)
            case model.If():
                truth = self._values.truth(step.condition)
                self._stack.push(step.then if truth else step.otherwise)
            case model.Goto():
                self._enter(step.node)
            case model.Call():
                self._call(step)
            case model.Return():
                self._return(step)
            case model.Http():
                self._request(step)
            case model.Transfer():
                self._transfer(step)
            case model.Record():
                self._record(step)
            case model.Log():
                self._do(ev.Log(self._values.text(step.text)))
            case model.Tag():
                self._tag(step)
            case model.Language():
                self._values.language = step.tag
                self._do(ev.Note("language", {"language": step.tag}))
            case model.Wait():
                self._wait(step.duration_s)
            case model.HangUp():
                self._hang_up()
            case model.Repeat():
                self._repeat()
            case _:
                assert_never(step)

    def _set(self, step: model.Set) -> None:
        scope = self._stack.scope
        for name, value, _ in step.values:
            scope.variables[name] = self._values.of(value)
            scope.filled.add(name)
            if isinstance(value, Template) and self._values.is_secret(value.names):
                scope.secrets.add(name)

    def _tag(self, step: model.Tag) -> None:
        for name, value, _ in step.values:
            self.tags[name] = self._values.text(value)
            self._secret_tags.discard(name)
            if isinstance(value, Template) and self._values.is_secret(value.names):
                self._secret_tags.add(name)
            self._do(ev.Tag(name, self.tags[name]))

    def _wait(self, duration_s: float) -> None:
        self._state = _State.WAITING
        self._wait_s = duration_s
        if not self._speaking:
            self._do(ev.StartTimer(ev.Timer.WAIT, duration_s))

    def _hang_up(self) -> None:
        self._state = _State.ENDED
        self._do(ev.HangUp())

    def _repeat(self) -> None:
        asked = self._stack.to_repeat(self._asked)
        if asked is None:
            raise ExpressionError("there is no question to repeat")
        self._resume(asked, asked.question.say)

    def _resume(self, asked: Asked, prompts: model.Prompts) -> None:
        self._stack.back_to(asked)
        self._ask(asked, prompts)

    # Called flows --------------------------------------------------------------------------

    def _call(self, step: model.Call) -> None:
        arguments = {name: self._values.data(value) for name, value, _ in step.arguments}
        secret = {name for name, v, _ in step.arguments if self._values.is_secret(reads(v))}
        self._stack.call(step, arguments, secret)
        if step.flow is not None:
            self._do(ev.Note("flow", {"flow": step.flow.name}))
        self._entered()

    def _return(self, step: model.Return) -> None:
        value = self._values.data(step.value)
        flow = self._stack.scope.flow
        if not self._stack.leave(value, secret=self._values.is_secret(reads(step.value))):
            self._hang_up()
        elif self._stack.scope.flow is not flow:
            self._do(ev.Note("flow", {"flow": self._stack.scope.flow.name}))

    # Waiting for the world outside -----------------------------------------------------------

    def _request(self, step: model.Http) -> None:
        request = errands.request(step, self._values)
        self._speak(step.hold)
        self._state, self._under_way = _State.FETCHING, step
        self._do(request)

    def _http_answered(self, event: ev.HttpAnswered) -> None:
        step = self._under_way
        if self._state is _State.FETCHING and isinstance(step, model.Http):
            if step.to is not None:
                answer = {"status": event.status, "json": event.json, "text": event.text}
                self._stack.scope.variables[step.to] = answer
            self._run()

    def _step_failed(self, state: _State, reason: str) -> None:
        """An `http` or `transfer` step failed: its own way on, or the nearest error event."""
        step = self._under_way
        if self._state is not state or not isinstance(step, model.Http | model.Transfer):
            return
        if isinstance(step, model.Http) and step.to is not None:
            self._stack.scope.variables[step.to] = None  # not the answer to an earlier request
        self._fail(step, reason)
        self._state = _State.READY if self._state is state else self._state
        self._run_on()

    def _fail(self, step: model.Http | model.Transfer, reason: str) -> None:
        if step.failed is None:
            self._raise(reason)
        else:
            self._do(ev.Note("error", {"reason": reason, "node": self.node}))
            self.taken.add(step.failed.mark)
            self._stack.push(step.failed.way)

    def _transfer(self, step: model.Transfer) -> None:
        try:
            transfer = errands.transfer(step, self._values, self._whisper(step))
            self._speak(step.announce)
        except ExpressionError as error:
            self._values.not_taken = UNREACHABLE
            self._fail(step, str(error))
            return
        self._state = _State.TRANSFERRING if transfer.returns else _State.ENDED
        self._under_way = step
        self._do(transfer)

    def _whisper(self, step: model.Transfer) -> tuple[ev.Prompt, ...]:
        """What the other is told first: nothing where it cannot be said, for they can talk all the same."""
        try:
            return self._prompting.spoken(step.whisper)
        except ExpressionError as error:
            self._do(ev.Note("error", {"reason": str(error), "node": self.node}))
            return ()

    def _transfer_failed(self, reason: str) -> None:
        """The call is back: all was said before, and what was keyed meanwhile was not for the bot."""
        if self._state is _State.TRANSFERRING:
            self._speaking, self._barge_in = False, None
            self._keys.ahead = ""
            self._values.not_taken = reason
            self._step_failed(_State.TRANSFERRING, reason)

    def _record(self, step: model.Record) -> None:
        self._keys.ahead = ""
        self._stack.scope.variables[step.to] = None
        self._speak(step.say)
        self._state, self._under_way = _State.INTRODUCING, step
        if not self._speaking:
            self._begin_recording()

    def _begin_recording(self) -> None:
        step = self._under_way
        if isinstance(step, model.Record):
            self._state = _State.RECORDING
            self._do(ev.Record(step.beep, step.max_s, step.silence_s, step.secret))

    def _recorded(self, event: ev.Recorded) -> None:
        step = self._under_way
        if self._state is not _State.RECORDING or not isinstance(step, model.Record):
            return
        self._stack.scope.variables[step.to] = event.path
        self._do(ev.Note("recorded", {"node": self.node, "seconds": round(event.duration_s)}))
        if not event.caller_left:
            self._run()

    # Questions -----------------------------------------------------------------------------

    def _ask(self, asked: Asked, prompts: model.Prompts) -> None:
        question = asked.question
        self._asked = asked
        self._state = _State.ASKING
        self._keys.typed = ""
        self._hearing = False
        self._answer_by_s = None
        self._times_asked += 1
        guarded = self._prompting.is_guarded(prompts)
        patient = guarded or question.barge_in is model.BargeIn.NONE
        if patient:
            self._speak(prompts)
        if self._keys.ahead and not self._is_guarded(question):
            this_time = self._times_asked
            self._type_ahead()
            if (
                self._state is not _State.ASKING
                or self._times_asked != this_time
                or self._keys.typed
            ):
                return  # the keys pressed before have dealt with it
        if not patient:
            self._speak(prompts)
        self._listen(asked)
        self._await_input()

    def _listen(self, asked: Asked) -> None:
        question = asked.question
        self._do(
            ev.Listen(
                node=self.node,
                language=self._language_of(asked),
                expectation=self._expectation(asked),
                barge_in=question.barge_in,
                end_silence_s=question.end_silence_s,
                max_speech_s=question.max_speech_s,
                secret=self._is_secret(asked),
                filled=forms.filled(asked, self.variables),
            )
        )

    def _language_of(self, asked: Asked) -> str:
        return self._values.language_in(asked.scope.flow)

    def _expectation(self, asked: Asked) -> Expectation:
        return asked.scope.flow.expectations[asked.question, self._language_of(asked)]

    def _is_secret(self, asked: Asked) -> bool:
        """Whether a secret may be said now: in a form the answer to any slot may come."""
        slots = asked.form.form.slots if asked.form is not None else ()
        return asked.question.secret or any(slot.secret for slot in slots)

    def _await_input(self) -> None:
        """The caller's turn begins once the bot is silent and nothing has been begun."""
        quiet = not (self._speaking or self._hearing or self._keys.typed)
        if self._state is _State.ASKING and self._asked is not None and quiet:
            if self._answer_by_s is None:
                self._answer_by_s = self._now_s + self._asked.question.timeout_s
            left_s = max(self._answer_by_s - self._now_s, LEAST_INPUT_S)
            self._do(ev.StartTimer(ev.Timer.NO_INPUT, left_s))

    def _is_guarded(self, question: model.Question) -> bool:
        """Whether something is said that nobody may interrupt."""
        return self._speaking and (self._barge_in or question.barge_in) is model.BargeIn.NONE

    def _barge_in_changed(self, barge_in: model.BargeIn | None) -> None:
        asked = self._asked
        self._barge_in = barge_in
        if self._state is _State.ASKING and asked and not self._is_guarded(asked.question):
            self._type_ahead()
            self._run_on()

    def _caller_begins(self) -> None:
        """He speaks, or presses a key: what he has heard by now is what he answers to."""
        mark, passed_s = self._passed or (None, None)
        self._values.mark = mark
        self._values.mark_time = None if passed_s is None else round(self._now_s - passed_s, 3)

    def _prompts_finished(self) -> None:
        self._speaking, self._barge_in = False, None
        if self._state is _State.WAITING:
            self._do(ev.StartTimer(ev.Timer.WAIT, self._wait_s))
        elif self._state is _State.INTRODUCING:
            self._begin_recording()
        elif self._state is _State.ASKING:
            self._type_ahead()
            self._await_input()
            self._run_on()

    def _speech_heard(self, event: ev.SpeechHeard) -> None:
        self._hearing = False
        asked = self._asked
        if self._state is not _State.ASKING or asked is None or self._keys.typed:
            return
        expectation, filled = self._expectation(asked), forms.filled(asked, self.variables)

        def understand() -> Meaning | None:
            return expectation.understand(
                event.words,
                self._values.now,
                filled,
                event.alternatives,
                lambda meaning: self._chance(asked, meaning),
            )

        if self._is_secret(asked):
            code = self._code(asked)
            meaning = self._verdicts.judge(understand, code.write, code.read)
        else:
            meaning = understand()
        self._close()
        if meaning is None:
            self._miss("no_match")
        else:
            self._understood(meaning, "speech")
        self._run_on()

    def _chance(self, asked: Asked, meaning: Meaning) -> float:
        """What speaks for a meaning beside how it sounds: no check refuses it, and the caller has
        not said before that it is not right."""
        run = asked.form
        given: list[tuple[model.Question, Value]] = []
        if run is not None:
            given = list(forms.values(run.form, asked.question, meaning))
        elif isinstance(meaning, Value | model.Choice):
            given = [(asked.question, Value(meaning.value))]
        if not self._would_pass(run, {slot: value.value for slot, value in given}):
            return 0.0
        return 1.0 if run is None else forms.chance_of_denied(run, given)

    def _would_pass(self, run: FormRun | None, given: Mapping[model.Question, object]) -> bool:
        """Whether the checks of these answers hold, as far as they can be made without a secret."""
        before = dict(self.variables)
        self.variables.update({slot.to: value for slot, value in given.items() if slot.to})
        try:
            return all(
                slot.check is None
                or self._values.is_secret(slot.check.names)
                or not (run is None or forms.can_be_checked(run.form, slot, self.variables))
                or self._values.truth(slot.check)
                for slot in given
            )
        except ExpressionError:
            return True  # where the answer is kept, it is told
        finally:
            self.variables.clear()
            self.variables.update(before)

    def _code(self, asked: Asked) -> MeaningCode:
        flow, secrets = asked.scope.flow, asked.scope.secrets
        heard = (*flow.universals, *flow.inherited)
        return MeaningCode(asked.question, heard, lambda name: name in secrets)

    def _timer(self, timer: ev.Timer) -> None:
        if timer is ev.Timer.WAIT and self._state is _State.WAITING:
            self._run()
        elif self._state is _State.ASKING and timer is ev.Timer.NO_INPUT:
            if not (self._speaking or self._hearing or self._keys.typed):
                self._close()
                self._miss("no_input")
                self._run_on()
        elif self._state is _State.ASKING and timer is ev.Timer.KEYS and self._keys.typed:
            self._keys_settled(expired=True)
            self._run_on()

    def _close(self) -> None:
        """The question has its answer, or a miss: ears shut, mouth shut, timers off."""
        self._state = _State.READY
        self._do(ev.StopTimer(ev.Timer.NO_INPUT), ev.StopTimer(ev.Timer.KEYS), ev.StopListening())
        self._silence()

    def _silence(self) -> None:
        if self._speaking:
            self._speaking, self._barge_in = False, None
            self._do(ev.StopSpeaking())

    def _run_on(self) -> None:
        if self._state is _State.READY:
            self._run()

    # Answers ---------------------------------------------------------------------------------

    def _understood(self, meaning: Meaning, by: str) -> None:
        asked = self._asked
        assert asked is not None, "an answer without a question"  # noqa: S101 - our own state
        self._in_error = False
        try:
            if isinstance(meaning, model.Universal):
                self._universal(asked, meaning, by)
            elif asked.form is not None:
                self._answer_form(asked, asked.form, meaning, by)
            elif not isinstance(meaning, Filled):
                self._answer(asked, meaning, by)
        except ExpressionError as error:
            self._raise(str(error))

    def _universal(self, asked: Asked, heard: model.Universal, by: str) -> None:
        """An event of this flow, or of one of those that called it."""
        self._note_understood(asked, heard.name, by)
        for scope in self._stack.scopes():
            for universal in scope.flow.universals:
                if universal.mark == heard.mark:
                    self.taken.add(universal.mark)
                    self._stack.push_in(scope, universal.way, asked)
                    return

    def _answer(self, asked: Asked, meaning: model.Choice | Value, by: str) -> None:
        question, value = asked.question, meaning.value
        secret = question.to in asked.scope.secrets
        self._note_understood(asked, MASK if secret else as_text(value), by)
        if not self._store(question, value, checked=True):
            self._miss("no_match", question.retry)
            return
        self._misses = 0
        if isinstance(meaning, model.Choice):
            self.taken.add(meaning.mark)
            self._stack.push_in(asked.scope, meaning.way, asked)

    def _store(self, question: model.Question, value: object, *, checked: bool) -> bool:
        """Keep the answer; False, and nothing kept, when the question's `check` refuses it."""
        if question.to is None:
            return True
        variables = self.variables
        before = variables.get(question.to)
        variables[question.to] = value
        passed = False
        try:
            passed = question.check is None or not checked or self._values.truth(question.check)
        finally:
            if not passed:
                variables[question.to] = before
        if passed:
            self._stack.scope.filled.add(question.to)
        return passed

    def _note_understood(self, asked: Asked, shown: str, by: str, slot: str | None = None) -> None:
        detail: dict[str, str | int] = {"node": asked.node, "value": shown, "by": by}
        self._do(ev.Note("understood", detail if slot is None else {**detail, "slot": slot}))

    def _miss(self, kind: str, prompts: tuple[model.Prompts, ...] = ()) -> None:
        """The question was not answered: ask again, or give up."""
        asked = self._asked
        assert asked is not None, "a miss without a question"  # noqa: S101 - our own state
        question = asked.question
        self._keys.ahead = ""
        self._misses += 1
        self._do(ev.Note("missed", {"node": asked.node, "why": kind, "attempt": self._misses}))
        if self._misses >= question.attempts:
            self._give_up(asked)
            return
        by_kind = question.no_input if kind == "no_input" else question.no_match
        said = forms.by_attempt(prompts or by_kind, self._misses)
        misses = self._misses
        try:
            self._resume(asked, (*said, *question.say))
        except ExpressionError as error:
            self._raise(str(error))
        self._misses = misses

    def _give_up(self, asked: Asked) -> None:
        self._misses = 0
        if asked.form is not None:
            asked.form.rejections = 0
        self._do(ev.Note("failed", {"node": asked.node}))
        self._stack.back_to(asked)
        if asked.question.to is not None:
            self.variables.setdefault(asked.question.to, None)
        scope, handler = self._nearest("failed")
        if asked.question.failed is not None:
            scope, handler = asked.scope, asked.question.failed
        if handler is None:
            self._hang_up()
            return
        self.taken.add(handler.mark)
        self._stack.push_in(scope, handler.way, asked)

    def _nearest(self, name: str) -> tuple[Scope, model.Handler | None]:
        """The event of that name in the flow of this step, else in the nearest that called it."""
        for scope in self._stack.callers():
            handler: model.Handler | None = getattr(scope.flow, name)
            if handler is not None:
                return scope, handler
        return self._stack.outermost, None

    # Forms -----------------------------------------------------------------------------------

    def _begin_form(self, run: FormRun) -> None:
        self._empty(run)
        run.introduced = False
        self._misses = 0
        self._go_on_with_form(run)

    def _empty(self, run: FormRun) -> None:
        for slot in run.form.slots:
            self.variables[slot.to or ""] = None
        run.doubtful = False

    def _go_on_with_form(self, run: FormRun, prompts: model.Prompts = ()) -> None:
        """Ask for the first slot that is empty, then for the confirmation; then the form is done."""
        question = forms.next_question(run, self.variables)
        if question is None:
            self._misses = 0
            return
        say = question.say
        if not run.introduced and run.form.say and question is not run.form.confirm:
            say = run.form.say
        run.introduced = True
        if self._asked is None or self._asked.question is not question:
            self._misses = 0
        self._ask(self._stack.asked(question, run), (*prompts, *say))

    def _answer_form(self, asked: Asked, run: FormRun, meaning: Meaning, by: str) -> None:
        self._stack.back_to(asked)
        if asked.question is run.form.confirm and isinstance(meaning, model.Choice):
            self._confirmed(asked, run, meaning, by)
            return
        refused: model.Question | None = None
        for slot, value in forms.values(run.form, asked.question, meaning):
            secret = slot.to in asked.scope.secrets
            shown = MASK if secret else as_text(value.value)
            self._note_understood(asked, shown, by, slot.to)
            checked = forms.can_be_checked(run.form, slot, self.variables)
            if self._store(slot, value.value, checked=checked):
                run.doubtful = run.doubtful or value.confidence < bands.SURE
            else:
                refused = refused or slot
        run.introduced = True
        refused = refused or self._contradicted(run)
        if refused is None:
            self._go_on_with_form(run)
            return
        # The caller is asked for that slot, whichever the question was.
        if refused is not asked.question:
            self._misses = 0
        self._asked = self._stack.asked(refused, run)
        self._miss("no_match", refused.retry)

    def _contradicted(self, run: FormRun) -> model.Question | None:
        """A slot whose `check` refuses it now that another has its value; it is emptied."""
        for slot in run.form.slots:
            to, check = slot.to or "", slot.check
            if (
                check is not None
                and forms.others_read(run.form, slot)
                and self.variables[to] is not None
                and forms.can_be_checked(run.form, slot, self.variables)
                and not self._values.truth(check)
            ):
                self.variables[to] = None
                return slot
        return None

    def _confirmed(self, asked: Asked, run: FormRun, answer: model.Choice, by: str) -> None:
        self._note_understood(asked, as_text(answer.value), by)
        if answer.value is True:
            self._misses = 0
            return
        run.rejections += 1
        run.denied = dict(forms.given(run, self.variables))
        if run.rejections >= asked.question.attempts:
            self._give_up(asked)
            return
        self._empty(run)
        self._go_on_with_form(run, forms.by_attempt(asked.question.retry, run.rejections))

    # Keys ----------------------------------------------------------------------------------

    def _key(self, key: str) -> None:
        if not self._keys.takes(key, self._now_s):
            return
        if not self._keys.typed:
            self._caller_begins()
        if self._state in (_State.INTRODUCING, _State.RECORDING):
            self._key_while_recording(key)
            return
        asked = self._asked
        if self._state is not _State.ASKING or asked is None:
            self._keys.ahead += key
            return
        if self._is_guarded(asked.question):
            self._keys.ahead += key
            return
        self._take_key(key)
        self._run_on()

    def _key_while_recording(self, key: str) -> None:
        """A key ends what is said before the beep; the finish key ends the recording."""
        if self._state is _State.INTRODUCING:
            if self._barge_in is model.BargeIn.NONE:
                return
            self._silence()
            self._begin_recording()
        elif isinstance(self._under_way, model.Record) and self._keys.is_finish(
            key, self._under_way.finish
        ):
            self._do(ev.StopRecording())

    def _judged_key(self, decide: Callable[[], bool]) -> bool:
        """A decision on a key; where keys may be a secret's, a trace has it as a verdict."""
        return self._verdicts.judge(decide, bool, bool) if self._flow.asks_secret else decide()

    def _take_key(self, key: str) -> None:
        """One key for the open question: it silences the prompt and the ears."""
        asked = self._asked
        assert asked is not None, "a key without a question"  # noqa: S101 - our own state
        result = self._pressed(asked, self._keys.typed + key)
        if result is None:
            return  # an open question has no use for this key
        if not self._keys.typed:
            self._do(ev.StopTimer(ev.Timer.NO_INPUT), ev.StopListening())
            self._hearing = False
            self._silence()
        self._keys.typed += key
        self._keys_mean(asked, result, expired=False)

    def _pressed(self, asked: Asked, typed: str) -> Settled | More | None:
        def press() -> Settled | More | None:
            return self._expectation(asked).press(typed, self._values.now)

        if not self._flow.asks_secret:
            return press()
        code = self._code(asked)
        return self._verdicts.judge(press, code.write_keys, code.read_keys)

    def _keys_settled(self, *, expired: bool) -> None:
        asked = self._asked
        assert asked is not None, "keys without a question"  # noqa: S101 - our own state
        self._keys_mean(asked, self._pressed(asked, self._keys.typed), expired=expired)

    def _keys_mean(self, asked: Asked, result: Settled | More | None, *, expired: bool) -> None:
        question = asked.question
        if isinstance(result, More) and not expired:
            answered = result.meaning is not None and not result.rest
            computed = LONGER_KEYS_S if answered else MORE_KEYS_S
            self._do(ev.StartTimer(ev.Timer.KEYS, question.inter_digit_s or computed))
            return
        meaning = None if result is None else result.meaning
        rest = "" if result is None else result.rest
        self._keys.settle(getattr(question.wants, "finish", None), self._now_s)
        self._close()
        if meaning is None:
            self._miss("no_match")
        else:
            self._keys.ahead = rest + self._keys.ahead
            self._understood(meaning, "keys")

    def _type_ahead(self) -> None:
        """Give the open question the keys that were pressed before it was asked."""
        this_time = self._times_asked
        while self._keys.ahead and self._state is _State.ASKING and self._times_asked == this_time:
            self._take_key(self._keys.next_ahead())

    # Speaking ------------------------------------------------------------------------------

    def _speak(self, prompts: model.Prompts) -> None:
        said = self._prompting.spoken(prompts)
        if not said:
            return
        if not self._speaking:
            self._passed, self._barge_in = None, said[0].barge_in
        if any(prompt.barge_in is model.BargeIn.NONE for prompt in said):
            # What is said before it, too: an interruption there would drop it.
            self._barge_in = model.BargeIn.NONE
        self._speaking = True
        self._do(ev.Speak(said))

    # Endings -------------------------------------------------------------------------------

    def _raise(self, reason: str) -> None:
        """An error in the flow: on to the nearest `error` event, or the end of the call."""
        self._do(ev.Note("error", {"reason": reason, "node": self.node}))
        scope, handler = self._nearest("error")
        if handler is None or self._in_error:
            self._hang_up()
            return
        self._in_error = True
        self._state = _State.READY
        self.taken.add(handler.mark)
        self._stack.divert(scope, handler.way)

    def _speaking_failed(self, reason: str) -> None:
        """Without an `error` event, or while the world outside is waited for, the call goes on."""
        interruptible = self._state in (_State.ASKING, _State.WAITING)
        if self._nearest("error")[1] is None or not interruptible:
            self._do(ev.Note("error", {"reason": reason, "node": self.node}))
            return
        self._close()
        self._raise(reason)
        self._run_on()

    def _caller_left(self) -> None:
        """The `hangup` events of this flow and of those that called it, each once."""
        self._state = _State.READY
        self._values.left_at = self.node
        handled: set[model.Flow] = set()
        for scope in list(self._stack.scopes()):
            scope.to = None  # nobody comes back any more, with a result or without
            handler = scope.flow.hangup
            if handler is not None and scope.flow not in handled:
                self.taken.add(handler.mark)
                self._stack.divert(scope, handler.way)
                self._run_last_steps(scope)
            handled.add(scope.flow)
        self._state = _State.ENDED

    def _run_last_steps(self, scope: Scope) -> None:
        for _ in range(STEPS_AT_ONCE):
            step = self._stack.next_step()
            if step is None or self._stack.scope is not scope:
                return
            if isinstance(step, model.Set | model.Log | model.If | model.Tag):
                try:
                    self._step(step)
                except ExpressionError as error:
                    self._do(ev.Note("error", {"reason": str(error)}))

    def _do(self, *actions: ev.Action) -> None:
        self._actions.extend(actions)


@lru_cache(maxsize=64)
def _chosen(flow: model.Flow) -> frozenset[str]:
    """The variables that hold one of a few choices: words of the flow, said by anybody."""
    asked = (question for question, _ in flow.expectations)
    return frozenset(q.to for q in asked if q.to and isinstance(q.wants, model.Choices))


def _texts(value: object) -> Iterator[str]:
    """The texts in a value: what a called flow returns may have some at any depth.

    A yes or no is none: without its question it tells nothing, and it is said all the time.
    """
    if isinstance(value, Mapping):
        yield from itertools.chain(*map(_texts, value.values()))
    elif isinstance(value, list | tuple):
        yield from itertools.chain(*map(_texts, value))
    elif value is not None and not isinstance(value, bool):
        yield as_text(value)


def _shown(value: object) -> object:
    """An answer of a server is summed up: it may be long, and is not the log's."""
    if isinstance(value, Mapping):
        return f"status {value['status']}" if "status" in value else "…"
    return "…" if isinstance(value, list | tuple) else value


__all__ = ["CallInfo", "Dialog"]
