"""What one call says: prompts into the queue of clips, whatever still has to be made for it.

Knows prompts, clips, the queue, the rate of the line.  Must not know the dialogue or the line; what
was said, failed or has been played is told to the call.

What is rendered is queued at once.  All else has its places in the queue and is made by one task,
in order, each clause leaving while the next is made: what is said last can wait for its turn.  What
will probably be said next can be made beforehand, as far as its first clause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import trio

from voicebot.flow.events import Prompt
from voicebot.speaking.beep import beep
from voicebot.speaking.playback import Playback, Slot
from voicebot.speaking.prompts import Clip, PromptStore, portions
from voicebot.speaking.synthesiser import SynthesisError

SYNTHESIS_S: Final = 8.0
"""A synthesiser that owes a clause longer than this is given up; two tries to connect are in it."""
LONGEST_TEXT: Final = 5000
"""Characters, some five minutes.  Nobody means to say more: it is what a server sent in place of a
sentence, and cutting it into clauses would hold up the other calls."""
BASE_RATE_HZ: Final = 8000


@dataclass(frozen=True, slots=True)
class _Resampling:
    """A clip that is there, but not at the rate of the line."""

    number: int
    place: Slot
    clip: Clip


class AtHand(StrEnum):
    """How a prompt comes to be sound."""

    RENDERED = "rendered"
    """It was there before the call."""
    FORESEEN = "foreseen"
    """It was begun before it was to be said."""
    MADE = "made"


@dataclass(frozen=True, slots=True)
class _Clause:
    """What is made at once, the pause behind it and the marks before it."""

    text: str
    language: str
    pause_s: float
    marks: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Foreseen:
    """A clause that is made before it is known whether it will be said."""

    clause: _Clause
    begun: bool = False
    """The synthesiser has it; else others come first."""
    clip: Clip | None = None
    over: trio.Event = field(default_factory=trio.Event)
    """There is a clip, or there will be none."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


@dataclass(frozen=True, slots=True)
class _Synthesis:
    """A prompt in clauses, each with its place."""

    number: int
    places: list[tuple[Slot, _Clause]]
    begun: _Foreseen | None
    """The first of them, in the making."""


class Mouth:
    """Says the prompts of one call.

    Args:
        playback: what the line plays.
        on_failed: told the reason and the `number` at the time, when a prompt cannot be spoken.
    """

    def __init__(
        self, prompts: PromptStore, playback: Playback, on_failed: Callable[[str, int], None]
    ) -> None:
        self._prompts = prompts
        self._playback = playback
        self._on_failed = on_failed
        # Bounded by what a flow can say before it asks or waits: steps, not the caller, fill it.
        self._put, self._jobs = trio.open_memory_channel[_Resampling | _Synthesis](2**16)
        self._making = trio.CancelScope()
        """Around what is being made."""
        self._foreseen: _Foreseen | None = None
        self._nursery: trio.Nursery
        self.number = 0
        """How often it has been silenced: who was silenced cannot fail any more."""
        self.rate_hz = BASE_RATE_HZ
        """At which the line plays."""

    def say(self, prompt: Prompt) -> AtHand:
        """Queue a prompt."""
        clip = self._rendered(prompt)
        if clip is not None:
            self._add(clip, prompt)
            return AtHand.RENDERED
        if len(prompt.text) > LONGEST_TEXT:
            self._on_failed(f"a text of {len(prompt.text)} characters is too long", self.number)
            return AtHand.MADE
        clauses, begun = _clauses(prompt), None
        foreseen = self._take_foreseen(clauses)
        if foreseen is not None and foreseen.clip is not None:
            self._add(foreseen.clip, prompt)
            del clauses[0]
        else:
            begun = foreseen
        places = [(self._place(prompt), clause) for clause in clauses]
        if places:
            self._put.send_nowait(_Synthesis(self.number, places, begun))
        return AtHand.MADE if foreseen is None else AtHand.FORESEEN

    def foresee(self, prompts: Iterable[Prompt]) -> None:
        """Make what is not rendered of the beginning of these, in case that they are said next.

        What was foreseen before and has not been said is forgotten; with no prompts that is all.
        """
        clause = self._first_to_make(prompts)
        if self._foreseen is not None:
            if self._foreseen.clause == clause:
                return
            self._foreseen.scope.cancel()
        self._foreseen = None if clause is None else _Foreseen(clause)
        if self._foreseen is not None:
            self._nursery.start_soon(self._make_foreseen, self._foreseen)

    def beep(self) -> None:
        """Queue the tone after which the caller is recorded."""
        beep().pcm(self.rate_hz)  # half a millisecond, once for each rate: no thread for that
        self._playback.add(beep())

    def stop(self) -> None:
        """Be silent at once, and forget and no longer make what was still to be said."""
        self.number += 1
        self._playback.clear()
        self._making.cancel()

    async def make(self) -> None:
        """Make what is queued and not there yet, as long as the call lasts."""
        async with trio.open_nursery() as self._nursery:
            async for job in self._jobs:
                with trio.CancelScope() as self._making:
                    if job.number != self.number:
                        if isinstance(job, _Synthesis) and job.begun is not None:
                            job.begun.scope.cancel()
                        continue
                    if isinstance(job, _Synthesis):
                        await self._synthesise(job)
                    else:
                        await _resampled(job.clip, self.rate_hz)
                        job.place.fill(job.clip)

    async def prepare(self, rate_hz: int) -> None:
        """Have all that is queued at this rate, which `rate_hz` may then become."""
        for clip in self._playback.clips():
            await _resampled(clip, rate_hz)

    def _rendered(self, prompt: Prompt) -> Clip | None:
        if prompt.file is not None:
            return self._prompts.file(prompt.file)
        return self._prompts.get(prompt.text, prompt.language)

    def _place(self, prompt: Prompt, clip: Clip | None = None) -> Slot:
        return self._playback.add(clip, secret=prompt.secret, barge_in=prompt.barge_in)

    def _add(self, clip: Clip, prompt: Prompt) -> None:
        if clip.has(self.rate_hz):
            self._place(prompt, clip)
        else:
            place = self._place(prompt)
            self._put.send_nowait(_Resampling(self.number, place, clip))

    async def _synthesise(self, job: _Synthesis) -> None:
        left = iter(job.places)
        begun = job.begun
        for place, clause in left:
            try:
                clip = await self._begun_before(begun) or await self._clip(clause)
            except (SynthesisError, trio.TooSlowError) as error:
                place.fill(None)
                for other, _ in left:
                    other.fill(None)  # half a sentence helps nobody
                too_slow = f"the synthesiser took more than {SYNTHESIS_S:g} s"
                self._on_failed(str(error) or too_slow, job.number)
                return
            place.fill(clip)
            begun = None

    async def _clip(self, clause: _Clause) -> Clip:
        with trio.fail_after(SYNTHESIS_S):
            clip = await self._prompts.clip(clause.text, clause.language)
        clip = clip.with_pause(clause.pause_s).with_marks(clause.marks)
        # A clause takes a millisecond: no thread for that.
        clip.pcm(self.rate_hz)
        _ = clip.clauses
        return clip

    # What may be said ---------------------------------------------------------------------------

    def _first_to_make(self, prompts: Iterable[Prompt]) -> _Clause | None:
        """Behind what is rendered there is time enough to make the rest."""
        for prompt in prompts:
            if self._rendered(prompt) is not None or len(prompt.text) > LONGEST_TEXT:
                return None
            clauses = _clauses(prompt)
            if clauses:
                return clauses[0]
        return None

    def _take_foreseen(self, clauses: Sequence[_Clause]) -> _Foreseen | None:
        """What was foreseen, if it is how this begins and has been begun."""
        foreseen = self._foreseen
        if foreseen is None or foreseen.clause not in clauses[:1]:
            return None
        self._foreseen = None
        if foreseen.begun:
            return foreseen
        foreseen.scope.cancel()
        return None

    async def _make_foreseen(self, foreseen: _Foreseen) -> None:
        try:
            with foreseen.scope:
                async with self._prompts.foresight:
                    foreseen.begun = True
                    foreseen.clip = await self._clip(foreseen.clause)
        except (SynthesisError, trio.TooSlowError):
            return  # it is tried again when it is really to be said, and what is wrong is told then
        finally:
            foreseen.over.set()

    async def _begun_before(self, foreseen: _Foreseen | None) -> Clip | None:
        if foreseen is None:
            return None
        try:
            await foreseen.over.wait()
        finally:
            foreseen.scope.cancel()  # nobody waits for it any more, if it is not there
        return foreseen.clip


def _clauses(prompt: Prompt) -> list[_Clause]:
    return [
        _Clause(clause, prompt.language, pause_s, marks)
        for clause, pause_s, marks in portions(prompt.text, prompt.language)
    ]


async def _resampled(clip: Clip, rate_hz: int) -> None:
    """Have a clip at this rate, off the media clock's thread."""
    if not clip.has(rate_hz):
        await trio.to_thread.run_sync(clip.pcm, rate_hz)
