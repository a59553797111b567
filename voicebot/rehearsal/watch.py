"""What goes on in a call under rehearsal: whose turn it is, what was said, and when it could be heard.

Knows the dialogue's events and actions as they pass (it is the call's `Witness`) and the frames that
leave.  Must not know the steps of a test, and steers nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from voicebot.flow import bands
from voicebot.flow import events as ev
from voicebot.flow.spoken.markup import plain
from voicebot.rehearsal.outcome import Line, Who
from voicebot.rehearsal.said import Turn, normal
from voicebot.rehearsal.verdict import End, Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicebot.flow.dialog import Dialog
    from voicebot.flow.yamlfile import Mark
    from voicebot.speaking.playback import Playback
    from voicebot.speaking.prompts import Clip, PromptStore

MASKED = "***"


@dataclass(slots=True, eq=False)
class Said:
    """A prompt of the bot, on its way to being heard."""

    prompt: ev.Prompt
    line: Line
    """`at_s` is when it was decided on, until it is heard."""
    frame: int | None = None
    """The number of its first frame; None: it has not begun."""


class Mouth:
    """A line's `Source`: passes the frames of the playback on and sees which prompt each begins.

    Args:
        on_clip: called with each clip when its first frame leaves, and that frame's number.
    """

    def __init__(self, playback: Playback, on_clip: Callable[[Clip, int], None]) -> None:
        self._playback, self._on_clip = playback, on_clip
        self._clip: Clip | None = None
        self._frames = 0
        self.sounds = False
        """Whether the last frame was of a prompt."""

    def next_frame(self, rate_hz: int) -> bytes | None:
        """As `line.Source`."""
        clips = self._playback.clips()
        frame = self._playback.next_frame(rate_hz)
        self.sounds = frame is not None
        if frame is not None and clips[0] is not self._clip:
            self._clip = clips[0]
            self._on_clip(clips[0], self._frames)
        if len(self._playback.clips()) < len(clips):
            self._clip = None  # the same prompt may follow itself
        self._frames += 1
        return frame


@dataclass(slots=True)
class Turns:
    """Whose turn it is."""

    listening: ev.Listen | None = None
    recording: ev.Record | None = None
    typing: bool = False
    """A key has closed the ears; the entry is not complete yet."""
    speaking: bool = False
    in_speech: bool = False
    """The caller speaks, as far as the bot noticed."""
    heeded: int = 0
    """How often something that the caller did, or did not, has come to its end."""
    given_up: int = 0
    """How often the bot has waited in vain."""

    def waits_for(self, *, keys: bool) -> bool:
        """Whether the bot has said all and wants something of the caller."""
        open_ = self.listening or self.recording or (keys and self.typing)
        return bool(open_) and not self.speaking


@dataclass(slots=True)
class Watch:
    """The `Witness` of one call.

    Args:
        now: the call's time.
    """

    prompts: PromptStore
    now: Callable[[], float]
    turns: Turns = field(default_factory=Turns)
    kept: Kept = field(default_factory=Kept)
    turn: Turn = field(default_factory=Turn)
    said: list[Said] = field(default_factory=list)
    """The prompts of the bot's turn."""
    ending: End | None = None
    """How the call ends, once all has been said."""
    heard: list[str] = field(default_factory=list)
    """What the recogniser made of the caller's last part."""
    waterfall: Mapping[str, object] = field(default_factory=dict)
    """Of the caller's last turn, as the call logs it."""
    dialog: Dialog | None = None
    _callers_text: str = ""
    _parts: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    """When each part of the caller's began and ended; at first, when the call began."""
    _waiting: list[Said] = field(default_factory=list)
    """What is queued and has not begun."""
    _bot: list[Said] = field(default_factory=list)
    _other: list[Line] = field(default_factory=list)

    # The witness ----------------------------------------------------------------------------

    def told(
        self,
        event: ev.Event,
        actions: Sequence[ev.Action],
        verdicts: Sequence[object],
        secrets: frozenset[str],
    ) -> None:
        """As `call.Witness`."""
        self._event(event)
        for action in actions:
            self.kept.take(action)
            self._action(action)

    def fact(self, name: str, at_s: float, fields: Mapping[str, object]) -> None:
        """As `call.Witness`."""
        if name == "heard":
            self._hears(str(fields.get("text", "")), at_s, fields.get("confidence"))
        elif name == "nothing_heard":
            self._hears("", at_s)
        elif name == "turn":
            self.waterfall = dict(fields)
        elif name in {"recognition_failed", "speaking_failed"}:
            self.happened(f"{name.replace('_', ' ')}: {fields.get('reason', '')}", at_s)

    def _hears(self, text: str, at_s: float, confidence: object = None) -> None:
        unsure = isinstance(confidence, float) and confidence < bands.SURE_WORD
        self.heard.append(f"{text} (a word of it at {confidence})" if unsure else text)
        if text != MASKED and normal(text) != self._callers_text:
            self.happened(f'heard "{text}"' if text else "heard nothing", at_s)

    def _event(self, event: ev.Event) -> None:  # noqa: C901 - a row for each event
        turns = self.turns
        match event:
            case ev.SpeechStarted():
                turns.in_speech = True
            case ev.SpeechHeard() | ev.SpeechLost():
                turns.in_speech = False
                turns.heeded += 1
            case ev.KeyPressed():
                turns.heeded += 1
            case ev.TimerFired(timer=ev.Timer.NO_INPUT):
                turns.heeded += 1
                turns.given_up += 1
            case ev.PromptsFinished():
                turns.speaking = False
            case ev.Recorded(path=path, duration_s=duration_s):
                turns.recording = None
                turns.heeded += 1
                turns.given_up += path is None
                what = f"recorded {duration_s:.1f} s" if path else "nothing was recorded"
                self.happened(what, event.at_s)
            case ev.HttpAnswered(status=status):
                self.happened(f"the server answers {status}", event.at_s)
            case ev.HttpFailed(reason=reason):
                self.happened(reason, event.at_s)
            case ev.TransferFailed(reason=reason):
                self.ending = None
                self.happened(reason, event.at_s)
            case _:
                pass

    def _action(self, action: ev.Action) -> None:  # noqa: C901 - a row for each action
        turns = self.turns
        match action:
            case ev.Speak(prompts):
                turns.speaking = True
                for prompt in prompts:
                    self._speaks(prompt)
            case ev.StopSpeaking():
                turns.speaking = False
                self._hushed()
            case ev.Listen():
                turns.listening, turns.typing = action, False
            case ev.StopListening():
                turns.typing = turns.listening is not None
                turns.listening, turns.in_speech = None, False
            case ev.Record():
                turns.recording = action
            case ev.Request(method=method, url=url, secret=secret):
                self.happened(f"{method} {MASKED if secret else url}", self.now())
            case ev.Transfer():
                self.ending = End("transfer", action)
                self.happened(f"transfer to {self.ending.target}", self.now())
            case ev.HangUp():
                self.ending = End("bot")
            case _:
                pass

    # What the bot says ----------------------------------------------------------------------

    def _speaks(self, prompt: ev.Prompt) -> None:
        self.turn.add(prompt.text, prompt.language)
        text = MASKED if prompt.secret else plain(prompt.text)
        said = Said(prompt, Line(Who.BOT, text, self.now(), self.node))
        for place in (self.said, self._waiting, self._bot):
            place.append(said)

    def _hushed(self) -> None:
        """What had not begun is not heard, and so is not in the exchange."""
        self._bot = [one for one in self._bot if one.frame is not None or one.line.steps]
        self._waiting.clear()
        self._forget()

    def _forget(self) -> None:
        self.turn.forget()
        self.said.clear()

    def clip_begins(self, clip: Clip, frame: int) -> None:
        """A clip's first frame leaves: it is the prompt that was rendered so, or part of the next
        one that is made in the call."""
        known = next((one for one in self._waiting if self._rendered(one) is clip), None)
        begun = known or next((one for one in self._waiting if self._rendered(one) is None), None)
        if begun is None or (known is None and self._waiting[0] is not begun):
            return  # a beep, or the second clause of what has begun
        begun.frame = frame
        del self._waiting[: self._waiting.index(begun) + 1]

    def takes_s(self, said: Said) -> float:
        """How long a prompt is; 0 where it is made in the call."""
        clip = self._rendered(said)
        return 0.0 if clip is None else clip.duration_s

    def _rendered(self, said: Said) -> Clip | None:
        if said.prompt.file is not None:
            return self.prompts.file(said.prompt.file)
        return self.prompts.get(said.prompt.text, said.prompt.language)

    # The exchange ---------------------------------------------------------------------------

    @property
    def node(self) -> str:
        return "" if self.dialog is None else self.dialog.node

    def caller_begins(self, text: str, mark: Mark) -> None:
        """The caller's part: what begins from now on is the bot's next turn."""
        to_come = list(self._waiting)
        self._forget()
        for one in to_come:
            self.turn.add(one.prompt.text, one.prompt.language)
            self.said.append(one)
        self.heard.clear()
        self._callers_text = normal(text)
        self._parts.append((self.now(), self.now()))
        self._other.append(Line(Who.CALLER, text, self.now(), self.node, None, (mark,)))

    def caller_is_done(self, at_s: float) -> None:
        """What comes next answers it."""
        onset_s, _ = self._parts[-1]
        self._parts[-1] = (onset_s, at_s)

    def happened(self, text: str, at_s: float, mark: Mark | None = None) -> None:
        steps = () if mark is None else (mark,)
        self._other.append(Line(Who.CALL, text, at_s, self.node, None, steps))

    def exchange(self, loud_s: Callable[[int], float | None]) -> tuple[Line, ...]:
        """All lines in the order of time; what the bot says at the time of its first loud frame."""
        bot = []
        for one in self._bot:
            at_s = None if one.frame is None else loud_s(one.frame)
            bot.append(one.line if at_s is None else replace(one.line, at_s=at_s))
        bot.sort(key=lambda line: line.at_s)
        lines = sorted([*self._timed(bot), *self._other], key=lambda line: line.at_s)
        return tuple(replace(line, at_s=round(line.at_s, 3)) for line in lines)

    def _timed(self, bot: list[Line]) -> list[Line]:
        """Tell of the first line after each of the caller's parts how long it took to come."""
        ends = [*(onset_s for onset_s, _ in self._parts[1:]), math.inf]
        for (onset_s, done_s), end_s in zip(self._parts, ends, strict=True):
            at = bisect_left(bot, onset_s, key=lambda line: line.at_s)
            if at < len(bot) and bot[at].at_s < end_s:
                quick_s = bot[at].at_s - done_s
                # Who keys ahead may have his answer before he is done.
                bot[at] = replace(bot[at], response_ms=max(round(quick_s * 1000), 0))
        return bot
