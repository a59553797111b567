"""A call around a dialogue, played in a time of its own: what is said, what is due, how it ends.

Knows the dialogue's events and actions and carries the actions out as the rest of the bot would, but
at once.  Must not know the steps of a test, a terminal, or how a dialogue decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol, TypeAlias, assert_never

from voicebot.flow import events as ev
from voicebot.flow.dialled import named
from voicebot.flow.dialog import CallInfo, Dialog
from voicebot.flow.model import BargeIn, Flow
from voicebot.flow.spoken import language_of
from voicebot.flow.spoken.markup import Mark as Passed
from voicebot.flow.spoken.markup import pieces, plain
from voicebot.flow.yamlfile import Mark
from voicebot.rehearsal.outcome import Line, Who
from voicebot.rehearsal.said import Turn
from voicebot.rehearsal.verdict import End, Kept

WORD_S: Final = 0.35
"""A word of a prompt, as the shipped voice says it."""
LEAST_S: Final = 0.3

_Due: TypeAlias = "tuple[float, Callable[[float], None]]"
"""When something is due, and what it is."""

_PROMPTS = "prompts"
_ANSWER = "answer"
_TRANSFER = "transfer"
_RECORDING = "recording"
_END = "end"


class Others(Protocol):
    """Whom a call has to do with besides its caller."""

    def call(self) -> CallInfo:
        """What the flow may read as `call.…`."""

    def answer(self, request: ev.Request, at_s: float) -> ev.HttpAnswered | ev.HttpFailed:
        """What a server answers, and when."""

    def refusal(self, transfer: ev.Transfer, at_s: float) -> ev.TransferFailed | None:
        """Why nobody takes the call there, and when it is back; None: it is taken."""

    def recording(self) -> str:
        """The path of the next recording."""


def _nobody(_action: ev.Action) -> None:
    """Watches nothing."""


class Stage:
    """One call.  Nothing happens in it but by its methods.

    Args:
        flow: without errors.
        peers: servers, extensions and calendars.
        seed: of the call.
        watch: is shown every action before it is carried out.
    """

    def __init__(
        self,
        flow: Flow,
        peers: Others,
        seed: int,
        watch: Callable[[ev.Action], None] = _nobody,
    ) -> None:
        self.dialog = Dialog(flow, peers.call(), seed)
        self.peers = peers
        self._watch = watch
        self.kept = Kept()
        self.exchange: list[Line] = []
        self.now_s = 0.0
        self.end: End | None = None
        self.listening: ev.Listen | None = None
        self.typing = False
        """A key has closed the ears; the entry is not complete yet."""
        self.wants_secret = False
        self.recording: ev.Record | None = None
        self._recorded_s = 0.0
        self._due: dict[str, _Due] = {}
        self._cues: list[_Due] = []
        """What happens within the prompts, and at their end."""
        self._sounding: list[tuple[float, ev.Prompt]] = []
        """What is said or will be, and until when."""
        self._barge_in: BargeIn | None = None
        """As the dialogue knows it."""
        self._timers: dict[ev.Timer, float] = {}
        self._spoken_until_s = 0.0
        self._hushed_s: float | None = None
        """When the caller began to speak into a prompt."""
        self._turn = Turn()
        self._said: list[tuple[int, ev.Prompt]] = []
        """The prompts of the bot's turn, with the numbers of their lines in the exchange."""
        self._caller_done_s: float | None = None
        self._node = self.dialog.node
        """Where the dialogue was when it decided on the action that is carried out."""

    # What is going on ----------------------------------------------------------------------

    @property
    def speaking(self) -> bool:
        return bool(self._cues)

    @property
    def barge_in(self) -> BargeIn | None:
        """Who may interrupt what is said now, as it says itself."""
        said = [prompt.barge_in for until_s, prompt in self._sounding if until_s > self.now_s]
        return BargeIn.of_queue(said)

    def state(self) -> str:
        """What the bot is doing, as the end of a sentence."""
        if self.end is not None:
            return str(self.end)
        node = self.dialog.node
        if self.recording:
            return f"records the caller in {node}"
        if self.listening:
            return f"waits for an answer in {node}"
        return f"is in {node}"

    def turn_lines(self) -> list[Line]:
        """What the bot has said since the caller's last part."""
        return [self.exchange[number] for number, _ in self._said]

    def heard(self) -> tuple[Line, ...]:
        """The exchange in the order of time."""
        return tuple(sorted(self.exchange, key=lambda line: line.at_s))

    def timers(self) -> dict[ev.Timer, float]:
        """The timers that run, and for how long yet."""
        return {timer: at_s - self.now_s for timer, at_s in self._timers.items()}

    # Time ----------------------------------------------------------------------------------

    def happens_next(self, *, keys: bool = False) -> bool:
        """Let the next thing happen that does not wait for the caller.

        Args:
            keys: the caller goes on with keys: the wait for them has no end, nor has a recording
                that one of them may end.

        Returns:
            Whether there was one.
        """
        waits: set[str] = {ev.Timer.NO_INPUT, *([ev.Timer.KEYS, _RECORDING] if keys else [])}
        return self._next(waits, until_s=None)

    def passes(self, seconds: float) -> None:
        """Time goes by, and what is due in it happens."""
        until_s = self.now_s + seconds
        while self._next(set(), until_s):
            pass
        self.now_s = max(self.now_s, until_s)

    def pauses_for(self, seconds: float) -> None:
        """Time goes by in which the caller speaks: the bot holds its tongue, what is due waits."""
        self._hushed_s = self.now_s
        self.now_s += seconds
        self._cues = [(at_s + seconds, happen) for at_s, happen in self._cues]
        self._sounding = [(until_s + seconds, prompt) for until_s, prompt in self._sounding]
        if self._cues:
            self._spoken_until_s += seconds
        self.exchange = [
            replace(line, at_s=line.at_s + seconds) if line.at_s > self._hushed_s else line
            for line in self.exchange
        ]

    def gives_up_waiting(self) -> bool:
        """The caller says nothing for so long that the bot goes on; False: it does not wait."""
        if self.recording:
            self._ends_recording(self.now_s + self.recording.silence_s)
            return self._next(set(), until_s=None)
        due_s = self._timers.get(ev.Timer.NO_INPUT)
        if due_s is None:
            return False
        while self._timers.get(ev.Timer.NO_INPUT) == due_s:
            self._next(set(), until_s=None)
        return True

    def _next(self, waits: set[str], until_s: float | None) -> bool:
        due: list[tuple[float, str]] = [(at_s, name) for name, (at_s, _) in self._due.items()]
        due += [(at_s, timer) for timer, at_s in self._timers.items()]
        due += [(at_s, _PROMPTS) for at_s, _ in self._cues[:1]]
        due = [(at_s, name) for at_s, name in due if name not in waits]
        if not due or (until_s is not None and min(due)[0] > until_s):
            return False
        at_s, name = min(due)
        self.now_s = max(self.now_s, at_s)
        if isinstance(name, ev.Timer):
            del self._timers[name]
            self.tell(ev.TimerFired(self.now_s, name))
        else:
            _, happen = self._cues.pop(0) if name == _PROMPTS else self._due.pop(name)
            happen(self.now_s)
        return True

    # The caller ----------------------------------------------------------------------------

    def begin(self) -> None:
        self.tell(ev.Answered(0.0))

    def caller_line(self, text: str, mark: Mark | None = None) -> None:
        """The caller's part begins; what is said from now on is the bot's next turn."""
        to_come = [s for s in self._said if self.exchange[s[0]].at_s > self.now_s]
        self._hushed_s = None
        self._forget_turn()
        for number, prompt in to_come:
            self._says(number, prompt)
        self._caller_done_s = None
        self._line(Who.CALLER, text, mark)

    def caller_is_done(self) -> None:
        """From now on it is measured how long the bot takes to answer."""
        self._caller_done_s = self.now_s

    def record_speech(self, seconds: float) -> None:
        """The caller speaks into the recording; a silence behind it ends it."""
        assert self.recording is not None, "speech for a recording that is none"  # noqa: S101
        self.now_s += seconds
        self._recorded_s += seconds
        self._ends_recording(self.now_s + self.recording.silence_s)

    def is_heard_for(self, seconds: float) -> None:
        """The caller hears the part that the test mentioned last, of its prompt at least so much."""
        begun = [(self.exchange[number].at_s, p) for number, p in self._said if self._steps(number)]
        if self.speaking and begun:
            begun_s, prompt = begun[-1]
            heard_s = max(seconds, self._turn.share * _Timing.of(prompt).takes_s)
            until_s = min(begun_s + heard_s, self._spoken_until_s - LEAST_S / 2)
            self.passes(max(0.0, until_s - self.now_s))

    def _steps(self, number: int) -> tuple[Mark, ...]:
        return self.exchange[number].steps

    def caller_leaves(self) -> None:
        self.end = End("caller")
        if self.recording:
            self._recorded(self.now_s, caller_left=True)
        self._due.clear()
        self._cues.clear()
        self._timers.clear()
        self.tell(ev.CallerLeft(self.now_s))

    # The test ------------------------------------------------------------------------------

    def said(self, part: str, mark: Mark) -> bool:
        """Whether the bot has said this part in its turn, behind the part before."""
        number = self._turn.take(part)
        if number is None:
            return False
        at, _ = self._said[number]
        line = self.exchange[at]
        self.exchange[at] = replace(line, steps=(*line.steps, mark))
        return True

    def happened(self, text: str, mark: Mark | None = None) -> None:
        self._line(Who.CALL, text, mark)

    # The dialogue --------------------------------------------------------------------------

    def tell(self, event: ev.Event) -> None:
        for action in self.dialog.handle(event):
            self.kept.take(action)
            self._watch(action)
            self._do(action)
        self._node = self.dialog.node

    def _do(self, action: ev.Action) -> None:  # noqa: C901, PLR0912 - a row for each action
        match action:
            case ev.Speak(prompts):
                self._speak(prompts)
            case ev.StopSpeaking():
                self._stop_speaking()
            case ev.Listen():
                self.listening, self.wants_secret = action, action.secret
                self.typing, self._node = False, action.node
            case ev.StopListening():
                self.typing = self.listening is not None
                self.listening = None
            case ev.StartTimer(timer, after_s):
                self._timers[timer] = self.now_s + after_s
            case ev.StopTimer(timer):
                self._timers.pop(timer, None)
            case ev.Request():
                self._ask(action)
            case ev.Record():
                self.recording, self._recorded_s = action, 0.0
                self.wants_secret = action.secret
                self.happened("records" + (" after a beep" if action.beep else ""))
            case ev.StopRecording():
                self._ends_recording(self.now_s)
            case ev.Transfer():
                self._transfer(action)
            case ev.HangUp():
                self._ends(End("bot"))
            case ev.Note("node", detail):
                self._node = str(detail["node"])
            case ev.Tag() | ev.Log() | ev.Note():
                pass
            case _:
                assert_never(action)

    def _speak(self, prompts: tuple[ev.Prompt, ...]) -> None:
        if self._cues:
            self._cues[-1] = (self._spoken_until_s, self._next_prompt)
        else:
            self._sounding.clear()
        for prompt in prompts:
            begins_s, timing = max(self.now_s, self._spoken_until_s), _Timing.of(prompt)
            self._spoken_until_s = begins_s + timing.takes_s
            for after_s, name in timing.marks:
                self._cues.append((begins_s + after_s, partial(self._mark_passed, name)))
            self._cues.append((self._spoken_until_s, self._next_prompt))
            self._sounding.append((self._spoken_until_s, prompt))
            self._says(len(self.exchange), prompt)
            self._line(Who.BOT, plain(prompt.text), at_s=begins_s)
        self._cues[-1] = (self._spoken_until_s, self._prompts_finished)
        self._barge_in = self.barge_in

    def _mark_passed(self, name: str, at_s: float) -> None:
        self.tell(ev.MarkPassed(at_s, name))

    def _next_prompt(self, at_s: float) -> None:
        if self._barge_in is not self.barge_in:
            self._barge_in = self.barge_in
            self.tell(ev.BargeInChanged(at_s, self._barge_in))

    def _says(self, number: int, prompt: ev.Prompt) -> None:
        self._turn.add(prompt.text, prompt.language)
        self._said.append((number, prompt))

    def _forget_turn(self) -> None:
        self._turn.forget()
        self._said.clear()

    def _stop_speaking(self) -> None:
        """What had not begun is not heard, and so is not in the exchange."""
        heard_until_s = self.now_s if self._hushed_s is None else self._hushed_s
        self._cues.clear()
        self._sounding.clear()
        self._spoken_until_s = self.now_s
        self._forget_turn()
        self.exchange = [
            line
            for line in self.exchange
            if line.who is not Who.BOT or line.steps or line.at_s <= heard_until_s
        ]

    def _prompts_finished(self, at_s: float) -> None:
        self.tell(ev.PromptsFinished(at_s))

    def _ask(self, request: ev.Request) -> None:
        answer = self.peers.answer(request, self.now_s)
        result = str(answer.status) if isinstance(answer, ev.HttpAnswered) else "no answer"
        self.happened(f"{request.method} {request.url} → {result}")
        self._due[_ANSWER] = (answer.at_s, lambda at_s: self.tell(replace(answer, at_s=at_s)))

    def _transfer(self, transfer: ev.Transfer) -> None:
        after_s = max(self.now_s, self._spoken_until_s)
        refusal = self.peers.refusal(transfer, after_s)
        if refusal is None:
            self._ends(End("transfer", transfer))
            return
        text = f"transfer to {named(transfer.kind, transfer.to)}: {refusal.reason}"
        self._line(Who.CALL, text, at_s=after_s)
        self._due[_TRANSFER] = (refusal.at_s, lambda at_s: self.tell(replace(refusal, at_s=at_s)))

    def _ends(self, end: End) -> None:
        """Once all has been said."""

        def ends(_at_s: float) -> None:
            self.end = end
            self._due.clear()
            self._cues.clear()
            self._timers.clear()
            self.listening = self.recording = None

        self._due[_END] = (max(self.now_s, self._spoken_until_s), ends)

    # Recordings ----------------------------------------------------------------------------

    def _ends_recording(self, at_s: float) -> None:
        self._due[_RECORDING] = (at_s, self._recorded)

    def _recorded(self, at_s: float, *, caller_left: bool = False) -> None:
        self._due.pop(_RECORDING, None)
        self.recording = None
        self.caller_is_done()
        path = self.peers.recording() if self._recorded_s else None
        self.happened(f"recorded {path}" if path else "nothing was recorded")
        self.tell(ev.Recorded(at_s, path, self._recorded_s, caller_left))

    # The exchange --------------------------------------------------------------------------

    def _line(
        self, who: Who, text: str, mark: Mark | None = None, *, at_s: float | None = None
    ) -> None:
        at_s = self.now_s if at_s is None else at_s
        response_ms = None
        if who is Who.BOT and self._caller_done_s is not None:
            response_ms = round((at_s - self._caller_done_s) * 1000)
            self._caller_done_s = None
        steps = () if mark is None else (mark,)
        self.exchange.append(Line(who, text, at_s, self._node, response_ms, steps))


@dataclass(frozen=True, slots=True)
class _Timing:
    """Of a prompt, about."""

    takes_s: float
    marks: tuple[tuple[float, str], ...]
    """After so long."""

    @classmethod
    def of(cls, prompt: ev.Prompt) -> _Timing:
        language = language_of(prompt.language)
        takes_s = 0.0
        marks = []
        for part in pieces(prompt.text, language) if language else (prompt.text,):
            if isinstance(part, Passed):
                marks.append((takes_s, part.name))
            else:
                takes_s += WORD_S * len(part.split()) if isinstance(part, str) else part
        return cls(max(LEAST_S, takes_s), tuple(marks))
