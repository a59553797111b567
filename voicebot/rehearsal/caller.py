"""One test in audio, step by step: when the caller speaks, what he waits for, what has to be heard.

Knows the steps of a test, the caller's handset and what the watch sees of the call; it is what lets
the time go on, frame by frame.  Must not know how a call is put together, or engines.

The caller is a polite one: he hears the bot out, leaves the 200 ms that people leave before they
answer, and waits until what he has said is dealt with.  Only an `early` part comes into a prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NoReturn, assert_never

from voicebot.flow import conversations as conv
from voicebot.line.audio import FRAME_S
from voicebot.phone.script import PhoneError
from voicebot.rehearsal.outcome import Failure
from voicebot.rehearsal.verdict import End, complaints
from voicebot.rehearsal.watch import Said, Watch
from voicebot.speaking.synthesiser import SynthesisError

if TYPE_CHECKING:
    from voicebot.rehearsal.connection import Connection
    from voicebot.rehearsal.speech import CallersSpeech, Spoken

GAP_S: Final = 0.2
"""What people leave between a question and its answer (Stivers et al., PNAS 106, 2009)."""
EARLY_S: Final = 0.6
"""How much of a prompt is heard by a caller who interrupts it."""
KEY_SLOTS: Final = 6
"""From one key to the next: 120 ms."""
PATIENCE_S: Final = 90.0
"""The longest that a bot may take for its turn, its prompts and its waits."""


class _Differs(Exception):
    """The call went another way than the test says."""


@dataclass(slots=True)
class Stage:
    """What a caller's part is played with."""

    connection: Connection
    watch: Watch
    speech: CallersSpeech
    complaint: Callable[[], str | None]
    """What the test has forgotten to say, when something asks for it."""
    log: Sequence[Mapping[str, object]]
    """All that the call has logged so far."""


class Caller:
    """Takes the steps of one test in order."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._watch = stage.watch
        self._done_s = 0.0
        """When the caller's last part ended; at first, when the call began."""
        self._heeded = 0
        """How often he had been heeded before his last part."""
        self._acted = False

    async def play(self, conversation: conv.Conversation) -> Failure | None:
        """Play the test; give the step that did not come true."""
        mark = conversation.mark
        try:
            for step in conversation.steps:
                mark = step.mark
                await self._step(step)
        except (_Differs, PhoneError, SynthesisError) as difference:
            return Failure(mark, str(difference))
        return None

    @property
    def now_s(self) -> float:
        """How long the call has been."""
        return self._stage.connection.time.now()

    async def _step(self, step: conv.ConversationStep) -> None:
        match step:
            case conv.BotSays():
                await self._bot_says(step)
            case conv.CallerSays() | conv.CallerPlays():
                await self._caller_speaks(step)
            case conv.CallerPresses():
                await self._caller_presses(step)
            case conv.CallerWaits():
                await self._caller_waits(step)
            case conv.CallerHangsUp():
                await self._caller_hangs_up(step)
            case conv.Ends():
                await self._ends(step)
            case _:
                assert_never(step)

    # Time ----------------------------------------------------------------------------------

    async def _slot(self, speech: bytes | None = None, key: str | None = None) -> None:
        """Live through 20 ms."""
        stage = self._stage
        await stage.connection.slot(speech, key)
        complaint = stage.complaint()
        if complaint is not None:
            self._fail(complaint)

    async def _until(self, comes: Callable[[], bool]) -> bool:
        """Be silent until something comes true; False when the call is over or it takes too long."""
        give_up_s = self.now_s + PATIENCE_S
        while not comes():
            if self._stage.connection.over is not None or self.now_s > give_up_s:
                return False
            await self._slot()
        return True

    async def _pause(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            await self._slot()

    # The bot's part ------------------------------------------------------------------------

    async def _bot_says(self, step: conv.BotSays) -> None:
        found: list[int] = []

        def said() -> bool:
            number = self._watch.turn.take(step.text)
            if number is not None:
                found.append(number)
            return number is not None

        await self._until(lambda: said() or self._callers_turn())
        if not found:
            self._fail(f'the bot does not say "{step.text}": {self._situation()}')
        prompt = self._watch.said[found[0]]
        prompt.line = replace(prompt.line, steps=(*prompt.line.steps, step.mark))
        await self._until(lambda: self._loud_s(prompt) is not None or self._is_dropped(prompt))
        await self._answers(prompt, step)

    async def _answers(self, prompt: Said, step: conv.BotSays) -> None:
        loud_s = self._loud_s(prompt)
        if loud_s is None:
            if step.within_s is not None:
                self._fail(f'"{step.text}" was never to be heard: {self._situation()}')
            return
        took_s = loud_s - self._done_s
        if step.within_s is not None and took_s > step.within_s:
            self._fail(
                f'"{step.text}" came after {_ms(took_s)} ms, not within {_ms(step.within_s)} ms'
                f"{self._waterfall()}"
            )

    def _loud_s(self, prompt: Said) -> float | None:
        return None if prompt.frame is None else self._stage.connection.handset.loud_s(prompt.frame)

    def _is_dropped(self, prompt: Said) -> bool:
        """Whether it will not be heard any more: silenced, or without a sound in it."""
        return prompt not in self._watch.said or self._callers_turn()

    async def _ends(self, step: conv.Ends) -> None:
        await self._until(self._callers_turn)
        watch = self._watch
        dialog = watch.dialog
        assert dialog is not None, "a call without a dialogue"  # noqa: S101
        for record in self._stage.log:
            for text in record.values():
                if isinstance(text, str):
                    watch.kept.log_line(text)
        end = watch.ending if self._stage.connection.over is not None else None
        wrong = complaints(step, end, dialog, watch.kept)
        if wrong:
            self._fail("; ".join(wrong))
        watch.happened(str(end), self.now_s, step.mark)

    # The caller's part ---------------------------------------------------------------------

    async def _caller_speaks(self, step: conv.CallerSays | conv.CallerPlays) -> None:
        await self._wait_for_the_turn(f'"{step.text}"', early=step.early)
        spoken = self._sound(step)
        self._begins(step.text, step)
        for number, frame in enumerate(spoken.frames):
            await self._slot(frame)
            if number == spoken.last:
                self._is_done(self._stage.connection.sent_s())

    def _sound(self, step: conv.CallerSays | conv.CallerPlays) -> Spoken:
        if isinstance(step, conv.CallerPlays):
            return self._stage.speech.plays(step.path)
        listening = self._watch.turns.listening
        language = listening.language if listening is not None else None
        return self._stage.speech.says(step.text, language)

    async def _caller_presses(self, step: conv.CallerPresses) -> None:
        await self._wait_for_the_turn(f"the keys {step.keys}", early=step.early, keys=True)
        self._begins(f"[{step.keys}]", step)
        for number, key in enumerate(step.keys):
            if number:
                await self._pause((KEY_SLOTS - 1) * FRAME_S)
            await self._slot(key=key)
            self._is_done(self._stage.connection.sent_s())

    async def _caller_waits(self, step: conv.CallerWaits) -> None:
        await self._wait_for_the_turn("a silence", early=False)
        if step.for_s is not None:
            self._begins(f"(says nothing for {step.for_s:g} s)", step)
            await self._pause(step.for_s)
            self._acted = False
            return
        self._begins("(says nothing)", step)
        before = self._watch.turns.given_up
        if not await self._until(lambda: self._watch.turns.given_up > before):
            self._fail(f"nobody waits for an answer: {self._situation()}")

    async def _caller_hangs_up(self, step: conv.CallerHangsUp) -> None:
        await self._until(self._may_leave)
        await self._pause(GAP_S)
        if self._stage.connection.over is not None:
            self._fail(f"the caller cannot hang up: {self._situation()}")
        self._begins("(hangs up)", step)
        self._watch.ending = End("caller")
        self._stage.connection.handset.hang_up()
        await self._until(lambda: False)

    def _begins(self, text: str, step: conv.ConversationStep) -> None:
        self._watch.caller_begins(text, step.mark)
        self._heeded = self._watch.turns.heeded
        self._is_done(self.now_s)
        self._acted = True

    def _is_done(self, at_s: float) -> None:
        self._done_s = at_s
        self._watch.caller_is_done(at_s)

    async def _wait_for_the_turn(self, what: str, *, early: bool, keys: bool = False) -> None:
        if early:
            await self._until(self._has_heard_enough)
        else:
            await self._until(lambda: self._may_speak(keys=keys))
            await self._pause(GAP_S)
        if self._stage.connection.over is not None:
            self._fail(f"the caller cannot get in {what}: {self._situation()}")
        if not early and not self._may_speak(keys=keys):
            self._fail(f"nobody waits for {what}: {self._situation()}")

    def _callers_turn(self) -> bool:
        """Whether the bot has said all that it will say before the caller's next part."""
        return self._may_speak() and not self._watch.turns.in_speech

    def _may_speak(self, *, keys: bool = False) -> bool:
        """Whether a caller takes it to be his turn.  He does not know what the bot takes for speech."""
        waits = self._watch.turns.waits_for(keys=keys)
        return waits and self._is_heeded() and not self._stage.connection.mouth.sounds

    def _may_leave(self) -> bool:
        """Whether the caller's words are dealt with, or on tape."""
        return bool(self._watch.turns.recording) or self._is_heeded()

    def _is_heeded(self) -> bool:
        return not self._acted or self._watch.turns.heeded > self._heeded

    def _has_heard_enough(self) -> bool:
        """The part that the test mentioned last, and of its prompt at least so much."""
        mentioned = [one for one in self._watch.said if one.line.steps]
        prompts = mentioned or self._watch.said[:1]
        loud_s = self._loud_s(prompts[-1]) if prompts else None
        if loud_s is None:
            return self._callers_turn()
        part_s = self._watch.turn.share * self._watch.takes_s(prompts[-1]) if mentioned else 0.0
        return self._callers_turn() or self.now_s >= loud_s + max(EARLY_S, part_s)

    # What is wrong -------------------------------------------------------------------------

    def _situation(self) -> str:
        watch = self._watch
        said = [one.line.text for one in watch.said]
        told = "it said " + " ".join(f'"{text}"' for text in said) if said else "it said nothing"
        if watch.heard:
            told = "it heard " + ", then ".join(f'"{text}"' for text in watch.heard) + ", " + told
        return f"{told}, and {self._state()}"

    def _state(self) -> str:
        if self._stage.connection.over is not None:
            return str(self._watch.ending or self._stage.connection.over)
        turns, node = self._watch.turns, self._watch.node
        if turns.recording:
            return f"records the caller in {node}"
        if turns.listening:
            return f"waits for an answer in {node}"
        return f"is in {node}"

    def _waterfall(self) -> str:
        of = self._watch.waterfall
        if not of:
            return ""
        return (
            f" (endpoint: {of.get('endpoint')}, text after {of.get('text_ms')} ms, "
            f"decided after {of.get('decided_ms')} ms)"
        )

    def _fail(self, message: str) -> NoReturn:
        raise _Differs(message)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
