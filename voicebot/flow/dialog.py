"""A call's way through a flow, as a pure function of events: `handle(event) -> [action]`.

Knows the semantics of the flow language: steps, questions, attempts, keys and speech as equals,
type-ahead, universals, the endings.  Must not know time but the events', nor audio, engines, files
or trio.  The same events give the same actions again, always.

Prompts are queued and steps run on to the next question (as in VoiceXML), so a caller who knows the
way can answer while the greeting plays.  What may be heard while something is said is the
question's `barge_in`; the hearing side keeps to it and tells only of speech that counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, assert_never

from voicebot.flow import events as ev
from voicebot.flow import model
from voicebot.flow.expectation import Meaning, More
from voicebot.flow.expressions import ExpressionError, Template, as_text, evaluate, fill

STEPS_AT_ONCE: Final = 1000
"""A flow that takes more steps without waiting for anything is stopped (the check finds most); no
call waits longer for another than the few milliseconds that so many take."""

MORE_KEYS_S: Final = 3.0
"""Wait for the next key while the keys so far are no answer."""
LONGER_KEYS_S: Final = 1.5
"""Wait for the next key while the keys so far are an answer and a longer one begins like it."""
MOST_KEYS: Final = 200
"""Keys that are kept for the open question and those ahead; of a flood the rest is dropped."""
STRAY_FINISH_S: Final = 2.0
"""A finish key pressed within this time after the last digit of a full-length entry belongs to it."""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """What the flow may read as `call.…`.  `started` is in the flow's time zone."""

    id: str
    started: datetime
    caller: str = ""
    called: str = ""


class _State(Enum):
    READY = auto()
    """Nothing is open: before the call, or while steps run."""
    ASKING = auto()
    WAITING = auto()
    """A `wait` step: first for the prompts, then for the timer."""
    ENDED = auto()


@dataclass(slots=True)
class _Frame:
    """A block being run, the step that is next, and the question that led here."""

    block: model.Block
    at: int
    owner: _Asked | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question with the place it was asked at, so that `repeat` can come back."""

    question: model.Question
    node: str
    stack: tuple[tuple[model.Block, int, _Asked | None], ...]


class Dialog:
    """One call's dialogue.

    Args:
        flow: a flow without errors.
        call: what the flow may know of the call.
        seed: chooses among variations; the same seed, the same call.
    """

    def __init__(self, flow: model.Flow, call: CallInfo, seed: int) -> None:
        self._flow = flow
        self._call = call
        self._random = random.Random(seed)
        self.variables: dict[str, object] = dict(flow.variables)
        self.node = flow.start
        self._state = _State.READY
        self._stack: list[_Frame] = []
        self._asked: _Asked | None = None
        self._times_asked = 0
        self._misses = 0
        self._typed = ""
        """Keys of the open question so far."""
        self._ahead = ""
        """Keys pressed before their question was asked."""
        self._stray_finish: tuple[str, float] | None = None
        self._speaking = False
        self._hearing = False
        """The caller is speaking."""
        self._wait_s = 0.0
        self._said: dict[str, int] = {}
        self._in_error = False
        """An error was handled and the caller has not answered since: a second one ends the call,
        or a flow whose error event leads to the same error would go round for ever."""
        self._now_s = 0.0
        self._actions: list[ev.Action] = []

    def handle(self, event: ev.Event) -> list[ev.Action]:
        """Take one event; returns what is to be done, in order.  Never raises for any event."""
        self._actions = []
        self._now_s = event.at_s
        if self._state is not _State.ENDED:
            self._take(event)
        return self._actions

    def _take(self, event: ev.Event) -> None:  # noqa: C901 - a row for each event
        match event:
            case ev.Answered():
                self._enter(self._flow.start)
                self._run()
            case ev.PromptsFinished():
                self._prompts_finished()
            case ev.SpeechStarted():
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
            case ev.CallerLeft():
                self._caller_left()
            case _:
                assert_never(event)

    def shown_variables(self) -> dict[str, object]:
        """The flow's variables as a log may have them: secrets masked."""
        return {
            name: "***" if name in self._flow.secrets and value is not None else value
            for name, value in self.variables.items()
        }

    # Steps ---------------------------------------------------------------------------------

    def _enter(self, node: str) -> None:
        self.node = node
        self._stack = [_Frame(self._flow.nodes[node].steps, 0, None)]
        self._do(ev.Note("node", {"node": node}))

    def _push(self, block: model.Block, owner: _Asked | None) -> None:
        self._stack.append(_Frame(block, 0, owner))

    def _run(self) -> None:
        """Take steps until a question is open, a wait has begun or the call has ended."""
        self._state = _State.READY
        for _ in range(STEPS_AT_ONCE):
            step = self._next_step()
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

    def _next_step(self) -> model.Step | None:
        while self._stack:
            frame = self._stack[-1]
            if frame.at < len(frame.block):
                frame.at += 1
                return frame.block[frame.at - 1]
            self._stack.pop()
        return None

    def _step(self, step: model.Step) -> None:  # noqa: C901 - a row for each verb
        match step:
            case model.Say():
                self._speak(step.prompts)
            case model.Question():
                self._misses = 0
                stack = tuple((f.block, f.at, f.owner) for f in self._stack)
                self._ask(_Asked(step, self.node, stack), step.say)
            case model.Set():
                for name, value, _ in step.values:
                    self.variables[name] = self._value(value)
            case model.If():
                owner = self._stack[-1].owner if self._stack else None
                truth = evaluate(step.condition, self._names(), self._functions())
                self._push(step.then if truth else step.otherwise, owner)
            case model.Goto():
                self._enter(step.node)
            case model.Log():
                self._do(ev.Log(as_text(self._value(step.text))))
            case model.Wait():
                self._wait(step.duration_s)
            case model.HangUp():
                self._hang_up()
            case model.Repeat():
                self._repeat()
            case _:
                assert_never(step)

    def _wait(self, duration_s: float) -> None:
        self._state = _State.WAITING
        self._wait_s = duration_s
        if not self._speaking:
            self._do(ev.StartTimer(ev.Timer.WAIT, duration_s))

    def _hang_up(self) -> None:
        self._state = _State.ENDED
        self._do(ev.HangUp())

    def _repeat(self) -> None:
        owner = next((f.owner for f in reversed(self._stack) if f.owner), self._asked)
        if owner is None:
            raise ExpressionError("there is no question to repeat")
        self._resume(owner, owner.question.say)

    def _resume(self, asked: _Asked, prompts: model.Prompts) -> None:
        self._stack = [_Frame(block, at, owner) for block, at, owner in asked.stack]
        self.node = asked.node
        self._ask(asked, prompts)

    # Questions -----------------------------------------------------------------------------

    def _ask(self, asked: _Asked, prompts: model.Prompts) -> None:
        question = asked.question
        self._asked = asked
        self._state = _State.ASKING
        self._typed = ""
        self._hearing = False
        self._times_asked += 1
        patient = question.barge_in is model.BargeIn.NONE
        if patient:
            self._speak(prompts)
        if self._ahead and not (patient and self._speaking):
            this_time = self._times_asked
            self._type_ahead()
            if self._state is not _State.ASKING or self._times_asked != this_time or self._typed:
                return  # the keys pressed before have dealt with it
        if not patient:
            self._speak(prompts)
        self._listen(question)
        self._await_input()

    def _listen(self, question: model.Question) -> None:
        self._do(
            ev.Listen(
                node=self.node,
                expectation=self._flow.expectations[question],
                barge_in=question.barge_in,
                end_silence_s=question.end_silence_s,
                max_speech_s=question.max_speech_s,
                secret=question.secret,
            )
        )

    def _await_input(self) -> None:
        """The caller's turn begins once the bot is silent and nothing has been begun."""
        quiet = not (self._speaking or self._hearing or self._typed)
        if self._state is _State.ASKING and self._asked is not None and quiet:
            self._do(ev.StartTimer(ev.Timer.NO_INPUT, self._asked.question.timeout_s))

    def _prompts_finished(self) -> None:
        self._speaking = False
        if self._state is _State.WAITING:
            self._do(ev.StartTimer(ev.Timer.WAIT, self._wait_s))
        elif self._state is _State.ASKING:
            self._type_ahead()
            self._await_input()
            self._run_on()

    def _speech_heard(self, event: ev.SpeechHeard) -> None:
        self._hearing = False
        if self._state is not _State.ASKING or self._asked is None or self._typed:
            return
        expectation = self._flow.expectations[self._asked.question]
        meaning = expectation.understand(event.words)
        self._close()
        if meaning is None:
            self._miss("no_match")
        else:
            self._understood(meaning, "speech")
        self._run_on()

    def _timer(self, timer: ev.Timer) -> None:
        if timer is ev.Timer.WAIT and self._state is _State.WAITING:
            self._run()
        elif self._state is _State.ASKING and timer is ev.Timer.NO_INPUT:
            if not (self._speaking or self._hearing or self._typed):
                self._close()
                self._miss("no_input")
                self._run_on()
        elif self._state is _State.ASKING and timer is ev.Timer.KEYS and self._typed:
            self._keys_settled(expired=True)
            self._run_on()

    def _close(self) -> None:
        """The question has its answer, or a miss: ears shut, mouth shut, timers off."""
        self._state = _State.READY
        self._do(ev.StopTimer(ev.Timer.NO_INPUT), ev.StopTimer(ev.Timer.KEYS), ev.StopListening())
        if self._speaking:
            self._speaking = False
            self._do(ev.StopSpeaking())

    def _run_on(self) -> None:
        if self._state is _State.READY:
            self._run()

    def _understood(self, meaning: Meaning, by: str) -> None:
        asked = self._asked
        assert asked is not None, "an answer without a question"  # noqa: S101 - our own state
        question = asked.question
        secret = question.secret
        self._in_error = False
        if isinstance(meaning, model.Universal):
            self._note_understood(asked, meaning.name, by, secret=False)
            self._push(meaning.way, asked)
            return
        value = meaning.value
        self._note_understood(asked, as_text(value), by, secret=secret)
        try:
            accepted = self._store(question, value)
        except ExpressionError as error:
            self._raise(str(error))
            return
        if not accepted:
            self._miss("no_match", question.retry)
            return
        self._misses = 0
        if isinstance(meaning, model.Choice):
            self._push(meaning.way, asked)

    def _store(self, question: model.Question, value: object) -> bool:
        """Keep the answer; False, and nothing kept, when the question's `check` refuses it."""
        if question.to is None:
            return True
        before = self.variables.get(question.to)
        self.variables[question.to] = value
        try:
            passed = question.check is None or evaluate(
                question.check, self._names(), self._functions()
            )
        except ExpressionError:
            self.variables[question.to] = before
            raise
        if not passed:
            self.variables[question.to] = before
        return bool(passed)

    def _note_understood(self, asked: _Asked, value: str, by: str, *, secret: bool) -> None:
        shown = "***" if secret else value
        self._do(ev.Note("understood", {"node": asked.node, "value": shown, "by": by}))

    def _miss(self, kind: str, prompts: tuple[model.Prompts, ...] = ()) -> None:
        """The question was not answered: ask again, or give up."""
        asked = self._asked
        assert asked is not None, "a miss without a question"  # noqa: S101 - our own state
        question = asked.question
        self._ahead = ""
        self._misses += 1
        self._do(ev.Note("missed", {"node": asked.node, "why": kind, "attempt": self._misses}))
        if self._misses >= question.attempts:
            self._misses = 0
            self._do(ev.Note("failed", {"node": asked.node}))
            way = question.failed if question.failed is not None else self._flow.failed
            self._stack = [_Frame(block, at, owner) for block, at, owner in asked.stack]
            self._push(way if way is not None else (model.HangUp(question.mark),), asked)
            return
        by_kind = question.no_input if kind == "no_input" else question.no_match
        by_attempt = prompts or by_kind
        said = by_attempt[min(self._misses, len(by_attempt)) - 1] if by_attempt else ()
        misses = self._misses
        self._guarded_resume(asked, (*said, *question.say))
        self._misses = misses

    def _guarded_resume(self, asked: _Asked, prompts: model.Prompts) -> None:
        try:
            self._resume(asked, prompts)
        except ExpressionError as error:
            self._raise(str(error))

    # Keys ----------------------------------------------------------------------------------

    def _key(self, key: str) -> None:
        if self._is_stray_finish(key) or len(self._typed) + len(self._ahead) >= MOST_KEYS:
            return
        asked = self._asked
        if self._state is not _State.ASKING or asked is None:
            self._ahead += key
            return
        if asked.question.barge_in is model.BargeIn.NONE and self._speaking:
            self._ahead += key
            return
        self._take_key(key)
        self._run_on()

    def _is_stray_finish(self, key: str) -> bool:
        stray, self._stray_finish = self._stray_finish, None
        return stray is not None and stray[0] == key and self._now_s <= stray[1]

    def _take_key(self, key: str) -> None:
        """One key for the open question: it silences the prompt and the ears."""
        asked = self._asked
        assert asked is not None, "a key without a question"  # noqa: S101 - our own state
        expectation = self._flow.expectations[asked.question]
        if expectation.press(self._typed + key) is None:
            return  # an open question has no use for this key
        if not self._typed:
            self._do(ev.StopTimer(ev.Timer.NO_INPUT), ev.StopListening())
            self._hearing = False
            if self._speaking:
                self._speaking = False
                self._do(ev.StopSpeaking())
        self._typed += key
        self._keys_settled(expired=False)

    def _keys_settled(self, *, expired: bool) -> None:
        asked = self._asked
        assert asked is not None, "keys without a question"  # noqa: S101 - our own state
        question = asked.question
        result = self._flow.expectations[question].press(self._typed)
        if isinstance(result, More) and not expired:
            answered = result.meaning is not None and not result.rest
            computed = LONGER_KEYS_S if answered else MORE_KEYS_S
            self._do(ev.StartTimer(ev.Timer.KEYS, question.inter_digit_s or computed))
            return
        meaning = None if result is None else result.meaning
        rest = "" if result is None else result.rest
        self._swallow_finish(question)
        self._typed = ""
        self._close()
        if meaning is None:
            self._miss("no_match")
        else:
            self._ahead = rest + self._ahead
            self._understood(meaning, "keys")

    def _swallow_finish(self, question: model.Question) -> None:
        """After the last digit of a full entry its finish key may still come; it is not ahead."""
        wants = question.wants
        finish = wants.finish if isinstance(wants, model.Digits | model.Number) else None
        if not finish or self._typed.endswith(finish):
            return
        if self._ahead.startswith(finish):
            self._ahead = self._ahead.removeprefix(finish)
        elif not self._ahead:
            self._stray_finish = (finish, self._now_s + STRAY_FINISH_S)

    def _type_ahead(self) -> None:
        """Give the open question the keys that were pressed before it was asked."""
        this_time = self._times_asked
        while self._ahead and self._state is _State.ASKING and self._times_asked == this_time:
            key, self._ahead = self._ahead[0], self._ahead[1:]
            self._take_key(key)

    # Speaking ------------------------------------------------------------------------------

    def _speak(self, prompts: model.Prompts) -> None:
        said = tuple(self._spoken(prompt) for prompt in prompts)
        said = tuple(prompt for prompt in said if prompt.text.strip() or prompt.file)
        if said:
            self._speaking = True
            self._do(ev.Speak(said))

    def _spoken(self, prompt: model.Prompt) -> ev.Prompt:
        match prompt:
            case model.TextPrompt(text, _):
                return ev.Prompt(as_text(self._value(text)), None, self._is_secret(text))
            case model.FilePrompt(path, text, _):
                return ev.Prompt(as_text(self._value(text)), path)
            case model.PromptRef(name, _):
                return self._spoken(self._variation(name))

    def _variation(self, name: str) -> model.Prompt:
        """One of the prompts of that name, never the same twice running."""
        variations = self._flow.prompts[name]
        last = self._said.get(name)
        free = [n for n in range(len(variations)) if n != last] or [0]
        self._said[name] = self._random.choice(free)
        return variations[self._said[name]]

    def _is_secret(self, text: Template) -> bool:
        return not text.names.isdisjoint(self._flow.secrets)

    # Values --------------------------------------------------------------------------------

    def _value(self, value: Template | model.Constant) -> object:
        if not isinstance(value, Template):
            return value
        return fill(value, self._names(), self._functions())

    def _names(self) -> Mapping[str, object]:
        call = {
            "id": self._call.id,
            "caller": self._call.caller,
            "called": self._call.called,
            "started": self._call.started.isoformat(timespec="seconds"),
            "language": self._flow.language,
            "node": self.node,
        }
        return {**self.variables, "call": call}

    def _functions(self) -> Mapping[str, Callable[..., object]]:
        now = self._call.started + timedelta(seconds=self._now_s)
        return {
            "now": lambda: now.isoformat(timespec="minutes")[:16],
            "today": lambda: now.date().isoformat(),
        }

    # Endings -------------------------------------------------------------------------------

    def _raise(self, reason: str) -> None:
        """An error in the flow: on to its `error` event, or the end of the call."""
        self._do(ev.Note("error", {"reason": reason, "node": self.node}))
        if self._flow.error is None or self._in_error:
            self._hang_up()
            return
        self._in_error = True
        self._state = _State.READY
        self._stack = []
        self._push(self._flow.error, None)

    def _speaking_failed(self, reason: str) -> None:
        """Without an `error` event the call goes on without that prompt."""
        if self._flow.error is None:
            self._do(ev.Note("error", {"reason": reason, "node": self.node}))
            return
        self._close()
        self._raise(reason)
        self._run_on()

    def _caller_left(self) -> None:
        self._state = _State.READY
        self._stack = [_Frame(self._flow.hangup or (), 0, None)]
        for _ in range(STEPS_AT_ONCE):
            step = self._next_step()
            if step is None:
                break
            if isinstance(step, model.Set | model.Log | model.If):
                try:
                    self._step(step)
                except ExpressionError as error:
                    self._do(ev.Note("error", {"reason": str(error)}))
        self._state = _State.ENDED

    def _do(self, *actions: ev.Action) -> None:
        self._actions.extend(actions)
