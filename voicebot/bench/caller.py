"""One caller of the bench, who hears a question and says what the corpus has; and what is seen of the bot.

Knows when the caller speaks, the dialogue's events and actions as they pass, and the frames that he
hears: what was understood, when he was answered, whether a prompt went on.  Must not know how a call
is put together, what is right, or tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from voicebot.bench.plays import Outcome, Play, Result
from voicebot.bench.questions import value_of
from voicebot.flow import events as ev
from voicebot.line.audio import FRAME_S, FRAMES_PER_S, SAMPLE_BYTES, silence
from voicebot.rehearsal.speech import Spoken, framed

if TYPE_CHECKING:
    from voicebot.bench.corpus import Item
    from voicebot.flow.dialog import Dialog
    from voicebot.rehearsal.connection import Connection

GAP_S: Final = (0.2, 0.8)
"""How long the caller thinks before he answers, between these."""
INTO_S: Final = (1.0, 8.0)
"""How far into a long prompt he begins to speak."""
PATIENCE_S: Final = 4.0
"""So long after his last word he waits for an answer."""
LOOKS_ON_S: Final = 2.5
"""So long after a noise it is seen whether the prompt goes on: longer than any pause of it."""
PROMPT_S: Final = 60.0
"""A question takes no longer than this to be asked."""


def spoken_by(item: Item, rate_hz: int) -> Spoken:
    """What is sent of an item; where there is nothing to be heard in it, silence of its length."""
    spoken = framed(item.sound, rate_hz, item.level_db)
    if spoken.frames:
        return spoken
    count = len(item.sound.pcm) * FRAMES_PER_S // (SAMPLE_BYTES * item.sound.rate_hz)
    return Spoken((silence(rate_hz),) * count, 0, count - 1)


class Watch:
    """The `Witness` of one call: when it was decided, and on what."""

    def __init__(self, question: str, connection: Connection) -> None:
        self._question, self._connection = question, connection
        self.dialog: Dialog
        self.asked = False
        """The prompts have been played out."""
        self.silenced = False
        """A prompt was given up before its end."""
        self.outcome = Outcome.NOTHING
        self.value: object = None
        self.settled_s: float | None = None
        self.settled_frame = 0
        """The first frame of the bot that may be an answer."""
        self.heard: list[str] = []
        self.waterfall: dict[str, object] = {}

    def told(
        self,
        event: ev.Event,
        actions: Sequence[ev.Action],
        verdicts: Sequence[object],
        secrets: frozenset[str],
    ) -> None:
        """As `call.Witness`."""
        del verdicts, secrets
        if self.settled_s is not None:
            return
        self.asked = self.asked or isinstance(event, ev.PromptsFinished)
        kinds = {action.kind for action in actions if isinstance(action, ev.Note)}
        self.silenced = self.silenced or any(isinstance(one, ev.StopSpeaking) for one in actions)
        if "understood" in kinds:
            self.outcome = Outcome.UNDERSTOOD
            self.value = value_of(self._question, self.dialog.shown_variables())
        elif "missed" in kinds:
            self.outcome = Outcome.MISSED
        else:
            return
        self.silenced = self.silenced or not self.asked
        self.settled_s = self._connection.time.now()
        self.settled_frame = self._connection.handset.frames

    def fact(self, name: str, at_s: float, fields: Mapping[str, object]) -> None:
        """As `call.Witness`."""
        if name == "heard":
            self.heard.append(f"{fields.get('text', '')} ({fields.get('confidence')})")
        elif name in {"nothing_heard", "recognition_failed"}:
            self.heard.append(f"<{name.replace('_', ' ')} at {at_s:.2f}>")
        elif name == "turn" and not self.waterfall:
            self.waterfall = dict(fields)


class Caller:
    """What the caller of one play does."""

    def __init__(self, connection: Connection, watch: Watch, spoken: Spoken, seed: int) -> None:
        self._connection, self._watch, self._spoken = connection, watch, spoken
        self._rng = np.random.default_rng(seed)
        self._onset_s = self._last_s = 0.0
        self._paused_s = 0.0
        self._hushed_s: float | None = None
        self._sounded = False

    async def answers(self) -> None:
        """Hear the question out, think, answer, wait."""
        await self._until(lambda: self._watch.asked, PROMPT_S)
        await self._until(lambda: False, self._rng.uniform(*GAP_S))
        await self._speak()
        await self._until(self._is_answered, PATIENCE_S)

    async def interrupts(self) -> None:
        """Speak into the prompt."""
        await self._until(lambda: bool(self._connection.handset.frames), PROMPT_S)
        await self._until(lambda: False, self._rng.uniform(*INTO_S))
        await self._speak()
        await self._until(self._is_answered, LOOKS_ON_S)

    async def presses(self, key: str) -> None:
        """Press a key once the question has been asked."""
        await self._until(lambda: self._watch.asked, PROMPT_S)
        await self._until(lambda: False, self._rng.uniform(*GAP_S))
        await self._connection.slot(key=key)
        self._onset_s = self._last_s = self._connection.sent_s()
        await self._until(self._is_answered, PATIENCE_S)

    async def _speak(self) -> None:
        for number, frame in enumerate(self._spoken.frames):
            await self._slot(frame)
            if number == self._spoken.onset:
                self._onset_s = self._connection.sent_s() - FRAME_S
            if number == self._spoken.last:
                self._last_s = self._connection.sent_s()

    async def _slot(self, speech: bytes | None = None) -> None:
        await self._connection.slot(speech)
        sounds, watch = self._connection.mouth.sounds, self._watch
        self._sounded = self._sounded or sounds
        if self._sounded and not (sounds or watch.asked or watch.silenced or watch.settled_s):
            self._paused_s += FRAME_S
        if self._onset_s and self._hushed_s is None and not sounds:
            self._hushed_s = round(max(self._connection.time.now() - self._onset_s, 0.0), 3)

    async def _until(self, comes: Callable[[], bool], at_most_s: float) -> None:
        connection = self._connection
        until_s = connection.time.now() + at_most_s
        while not comes() and connection.over is None and connection.time.now() < until_s:
            await self._slot()

    def _is_answered(self) -> bool:
        return self._answer_s() is not None

    def _answer_s(self) -> float | None:
        """When the answer could be heard."""
        watch = self._watch
        if watch.settled_s is None:
            return None
        return self._connection.handset.loud_s(watch.settled_frame)

    def result(self, play: Play, *, sayable: bool) -> Result:
        """Tell what came of it."""
        watch, item = self._watch, play.item
        answer_s, settled_s = self._answer_s(), watch.settled_s
        return Result(
            section=play.section,
            item=item.name,
            question=play.question,
            kind=str(item.kind),
            feature=item.feature,
            said=item.said,
            expected=item.expected,
            voice=item.voice,
            pause_s=item.pause_s,
            sayable=sayable,
            condition=play.condition,
            end_silence_s=play.end_silence_s,
            interrupts=play.interrupts,
            outcome=watch.outcome,
            value=watch.value,
            heard=tuple(watch.heard),
            settled_s=None if settled_s is None else round(settled_s - self._last_s, 3),
            response_s=None if answer_s is None else round(answer_s - self._last_s, 3),
            early=settled_s is not None and settled_s < self._onset_s,
            stopped_s=self._stopped_s() if play.interrupts else None,
            hushed_s=self._hushed_s,
            paused_s=round(self._paused_s, 3),
            went_on=not watch.silenced and (self._connection.mouth.sounds or watch.asked),
            first_frame_s=self._connection.handset.loud_s(0),
            waterfall=watch.waterfall,
        )

    def _stopped_s(self) -> float | None:
        if not self._watch.silenced:
            return None
        answer = self._watch.settled_frame if self._watch.settled_s is not None else None
        last_s = self._connection.handset.last_loud_s(before=answer)
        return 0.0 if last_s is None else round(max(last_s - self._onset_s, 0.0), 3)
