"""A call as a script: what the caller does, what the bot does, in order.

    call = Script(flow_of(text))
    call.hears("Yes or no?").says("yes").hears("Thanks.").ends()

Knows the dialogue's events and actions, and plays the rest of the bot: it speaks what is queued,
fires timers when their time has come and counts the time.  Must not know how a dialogue decides.
A step that is not as written fails and shows the whole exchange.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NoReturn, Self

from voicebot.flow import events as ev
from voicebot.flow.answers import Word
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
        self._tell(ev.Answered(0.0))

    # The bot -------------------------------------------------------------------------------

    def hears(self, *texts: str) -> Self:
        """The caller hears these, one after the other, and nothing that is not mentioned."""
        for text in texts:
            if not self._unheard or self._unheard[0] != text:
                self._fail(f'expected to hear "{text}", next is {self._unheard[:1]}')
            self._unheard.pop(0)
        return self

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

    def coughs(self) -> Self:
        """Something that began as speech and was none."""
        self.exchange.append("caller: (a cough)")
        self._tell(ev.SpeechStarted(self._now_s))
        self._tell(ev.SpeechLost(self._now_s))
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

    def _do(self, action: ev.Action) -> None:  # noqa: C901 - a row for each action
        match action:
            case ev.Speak(prompts):
                self._speaking = True
                self._unheard += [prompt.text for prompt in prompts]
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
            case ev.HangUp():
                self._hung_up = True
                self.exchange.append("  (the bot hangs up)")
            case ev.Log(text):
                self.logged.append(text)
            case ev.Note():
                self.notes.append(action)

    def _fail(self, why: str) -> NoReturn:
        raise AssertionError("\n".join([why, "The call so far:", *self.exchange]))
