"""A call as a script: what the caller does, what the bot does, in order.

    call = Script(flow_of(text))
    call.hears("Yes or no?").says("yes").hears("Thanks.").ends()

Knows the dialogue's events and actions, and plays the rest of the bot: it speaks what is queued,
fires timers when their time has come and counts the time.  Must not know how a dialogue decides.
A step that is not as written fails and shows the whole exchange.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import NoReturn, Self

from voicebot.flow import events as ev
from voicebot.flow.answers import UNKNOWN, Alternative, Word
from voicebot.flow.check import checked_flow
from voicebot.flow.dialog import CallInfo, Dialog
from voicebot.flow.model import BargeIn, Flow
from voicebot.flow.yamlfile import Severity

CALL = CallInfo("a-call", datetime(2027, 3, 1, 10, 0), caller="15551234", called="7001")


def flow_of(text: str, folder: Path) -> Flow:
    """A flow that must have no errors."""
    path = folder / "flow.yaml"
    path.write_text(text, encoding="utf-8")
    flow, findings = checked_flow(path)
    errors = [str(finding) for finding in findings if finding.severity is Severity.ERROR]
    assert flow is not None, "\n".join(errors)
    return flow


class Script:
    """One call.  Each step but the last returns the script, so that a call reads as one line."""

    def __init__(self, flow: Flow, *, seed: int = 1, call: CallInfo = CALL) -> None:
        self.dialog = Dialog(flow, call, seed)
        self.exchange: list[str] = []
        self.logged: list[str] = []
        self.notes: list[ev.Note] = []
        self._now_s = 0.0
        self._unheard: list[str] = []
        """What the bot said and the script has not mentioned."""
        self._speaking = False
        self._listening: ev.Listen | None = None
        self._timers: dict[ev.Timer, float] = {}
        self._hung_up = False
        self.asked: list[ev.Request] = []
        """What the flow asked of servers."""
        self.recording: ev.Record | None = None
        self.transferred: ev.Transfer | None = None
        self.languages: list[str] = []
        """In which each prompt was said."""
        self._tell(ev.Answered(0.0))

    # The bot -------------------------------------------------------------------------------

    def hears(self, *texts: str) -> Self:
        """The caller hears these, one after the other, and nothing that is not mentioned."""
        for text in texts:
            if not self._unheard or self._unheard[0] != text:
                self._fail(f'expected to hear "{text}", next is {self._unheard[:1]}')
            self._unheard.pop(0)
        return self

    def hears_one_of(self, *texts: str) -> Self:
        """The caller hears one of these next."""
        if not self._unheard or self._unheard[0] not in texts:
            self._fail(f"expected to hear one of {texts}, next is {self._unheard[:1]}")
        self._unheard.pop(0)
        return self

    @property
    def unheard(self) -> list[str]:
        """What the bot said and the script has not mentioned."""
        return list(self._unheard)

    @property
    def listening(self) -> ev.Listen | None:
        """The question that is open for speech."""
        return self._listening

    def silence(self) -> Self:
        """The bot has said nothing more, and is not saying anything."""
        if self._unheard:
            self._fail(f"expected silence, not {self._unheard}")
        return self

    def asks(self, node: str) -> Self:
        """A question of this node is open for speech."""
        if self._listening is None or self._listening.node != node:
            self._fail(f"expected a question of {node}, listening is {self._listening}")
        return self

    def deaf(self) -> Self:
        """No speech would count now."""
        if self._listening is not None:
            self._fail("expected no open ear")
        return self

    def speaking(self) -> Self:
        if not self._speaking:
            self._fail("expected a prompt to be playing")
        return self

    def silenced(self) -> Self:
        """The prompt was stopped before its end."""
        if self._speaking or self.exchange[-1] == "  (played out)":
            self._fail("expected the prompt to be stopped")
        return self

    def ends(self) -> None:
        """The bot hangs up, and the script has mentioned all that was said."""
        self.silence()
        if not self._hung_up:
            self._fail("expected the bot to hang up")

    def goes_on(self) -> Self:
        if self._hung_up:
            self._fail("expected the call to go on")
        return self

    # The caller ----------------------------------------------------------------------------

    def listens(self) -> Self:
        """The caller hears the prompts to their end."""
        if self._speaking:
            self._speaking = False
            self.exchange.append("  (played out)")
            self._tell(ev.PromptsFinished(self._now_s))
        return self

    def says(self, text: str, confidence: float = 1.0) -> Self:
        """Speaks; while a prompt plays only where the question lets speech interrupt."""
        if self._listening is None:
            self._fail(f'nobody listens to "{text}"')
        if self._speaking and self._listening.barge_in is not BargeIn.SPEECH:
            self._fail(f'the prompt may not be interrupted by "{text}"')
        self.exchange.append(f"caller: {text}")
        self._tell(ev.SpeechStarted(self._now_s))
        words = tuple(Word(word, confidence) for word in text.split())
        self._tell(ev.SpeechHeard(self._now_s, words))
        return self

    def may_say(self, **ways: float) -> Self:
        """Says something that may be heard in several ways, with the probability of each; `x` stands
        for what is none of the question's words."""
        texts = {re.sub(r"\bx\b", UNKNOWN, w.replace("_", " ")): p for w, p in ways.items()}
        self.exchange.append(f"caller: {' | '.join(texts)}")
        self._tell(ev.SpeechStarted(self._now_s))
        words = tuple(Word(word, share) for text, share in texts.items() for word in text.split())
        found = tuple(Alternative(tuple(text.split()), p) for text, p in texts.items())
        self._tell(ev.SpeechHeard(self._now_s, words[: len(found[0].words)], found))
        return self

    def coughs(self) -> Self:
        """Something that began as speech and was none."""
        self.exchange.append("caller: (a cough)")
        self._tell(ev.SpeechStarted(self._now_s))
        self._tell(ev.SpeechLost(self._now_s))
        return self

    def begins(self) -> Self:
        """Begins to speak."""
        self.exchange.append("caller: …")
        self._tell(ev.SpeechStarted(self._now_s))
        return self

    def passes(self, mark: str, after_s: float = 0.0) -> Self:
        """Hears what stands before a mark."""
        self._now_s += after_s
        self.exchange.append(f"  (mark {mark})")
        self._tell(ev.MarkPassed(self._now_s, mark))
        return self

    def hears_on(self, barge_in: BargeIn | None) -> Self:
        """A prompt is over, and the next one may be interrupted by others."""
        self.exchange.append(f"  (barge-in {barge_in})")
        self._tell(ev.BargeInChanged(self._now_s, barge_in))
        return self

    def presses(self, keys: str, apart_s: float = 0.2) -> Self:
        for key in keys:
            self.exchange.append(f"caller: [{key}]")
            self._tell(ev.KeyPressed(self._now_s, key))
            self.waits(apart_s)
        return self

    def waits(self, seconds: float) -> Self:
        """Time passes, with the timers that fire in it; prompts play on."""
        until_s = self._now_s + seconds
        while due := [(at_s, timer) for timer, at_s in self._timers.items() if at_s <= until_s]:
            self._now_s, timer = min(due)
            del self._timers[timer]
            self.exchange.append(f"  ({timer} at {self._now_s:.1f} s)")
            self._tell(ev.TimerFired(self._now_s, timer))
        self._now_s = until_s
        return self

    def stays_silent(self) -> Self:
        """Hears the prompts and says nothing until the bot gives up waiting."""
        self.listens()
        timer = self._timers.get(ev.Timer.NO_INPUT)
        if timer is None:
            self._fail("expected the bot to wait for an answer")
        return self.waits(timer - self._now_s)

    def leaves(self) -> Self:
        self.exchange.append("caller: (hangs up)")
        self._tell(ev.CallerLeft(self._now_s))
        return self

    def synthesis_fails(self) -> Self:
        self.exchange.append("  (a prompt could not be synthesised)")
        self._tell(ev.SpeakingFailed(self._now_s, "no voice"))
        return self

    # The world outside -----------------------------------------------------------------------

    def answers(self, status: int, json: object = None) -> Self:
        """The server that was asked answers."""
        self.exchange.append(f"server: {status} {json}")
        self._tell(ev.HttpAnswered(self._now_s, status, json, str(json)))
        return self

    def is_down(self) -> Self:
        """The server that was asked gives no answer."""
        self.exchange.append("server: (nothing)")
        self._tell(ev.HttpFailed(self._now_s, "no connection"))
        return self

    def leaves_message(self, path: str | None, *, hangs_up: bool = False) -> Self:
        """What the caller says is recorded there; None: he said nothing."""
        if self.recording is None:
            self._fail("expected a recording")
        self.recording = None
        self.exchange.append(f"caller: (leaves a message, {path})")
        self._tell(ev.Recorded(self._now_s, path, 2.0, caller_left=hangs_up))
        return self

    def is_not_taken(self, reason: str = "busy") -> Self:
        """Nobody takes the call that was transferred."""
        if self.transferred is None:
            self._fail("expected a transfer")
        self.exchange.append(f"  (nobody takes the call: {reason})")
        self._tell(ev.TransferFailed(self._now_s, reason))
        return self

    # In between ----------------------------------------------------------------------------

    def knows(self, **variables: object) -> Self:
        found = {name: self.dialog.variables.get(name) for name in variables}
        if found != variables:
            self._fail(f"expected {variables}, the variables are {self.dialog.variables}")
        return self

    def timer(self, timer: ev.Timer, in_s: float | None) -> Self:
        """The timer fires in so many seconds from now; None: it does not run."""
        at_s = self._timers.get(timer)
        left_s = None if at_s is None else round(at_s - self._now_s, 3)
        if left_s != in_s:
            self._fail(f"expected the timer {timer} in {in_s} s, not {left_s}")
        return self

    def noted(self, kind: str) -> list[dict[str, str | int]]:
        return [note.detail for note in self.notes if note.kind == kind]

    def _tell(self, event: ev.Event) -> None:
        for action in self.dialog.handle(event):
            self._do(action)

    def _do(self, action: ev.Action) -> None:  # noqa: C901, PLR0912 - a row for each action
        match action:
            case ev.Speak(prompts):
                self._speaking = True
                self._unheard += [prompt.text for prompt in prompts]
                self.languages += [prompt.language for prompt in prompts]
                self.exchange += [f"bot: {prompt.text}" for prompt in prompts]
            case ev.StopSpeaking():
                self._speaking = False
                self.exchange.append("  (silenced)")
            case ev.Listen():
                self._listening = action
            case ev.StopListening():
                self._listening = None
            case ev.StartTimer(timer, after_s):
                self._timers[timer] = self._now_s + after_s
            case ev.StopTimer(timer):
                self._timers.pop(timer, None)
            case ev.Request():
                self.asked.append(action)
                self.exchange.append(f"  ({action.method} {action.url})")
            case ev.Record():
                self.recording = action
            case ev.StopRecording():
                self.exchange.append("  (the recording stops)")
            case ev.Transfer():
                self.transferred = action
                self.exchange.append(f"  (transfer to {action.to})")
            case ev.Tag(name, value):
                self.exchange.append(f"  ({name} = {value})")
            case ev.HangUp():
                self._hung_up = True
                self.exchange.append("  (the bot hangs up)")
            case ev.Log(text):
                self.logged.append(text)
            case ev.Note():
                self.notes.append(action)

    def _fail(self, why: str) -> NoReturn:
        raise AssertionError("\n".join([why, "The call so far:", *self.exchange]))


class Starter:
    """Starts a call of a flow that is given by its nodes and, before them, other lines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, nodes: str, top: str = "", seed: int = 1) -> Script:
        common = "on: {failed: {goto: lost}}\n" if "on:" not in top else ""
        lost = "" if "  lost:" in nodes else '  lost: [{say: "Lost."}, hangup]\n'
        text = f"voicebot: 1\n{common}{top}nodes:\n{nodes}{lost}"
        return Script(flow_of(text, self._folder), seed=seed)
