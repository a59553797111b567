"""What one call says: prompts into the queue of clips, whatever still has to be made for it.

Knows prompts, clips, the queue, the rate of the line.  Must not know the dialogue or the line; what
was said, failed or has been played is told to the call.

What is rendered is queued at once.  All else has its places in the queue and is made by one task,
in order, each clause leaving while the next is made: what is said last can wait for its turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Synthesis:
    """A prompt in clauses, each with its place and the pause behind it."""

    number: int
    places: list[tuple[Slot, str, float]]
    language: str


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
        self.number = 0
        """How often it has been silenced: who was silenced cannot fail any more."""
        self.rate_hz = BASE_RATE_HZ
        """At which the line plays."""

    def say(self, prompt: Prompt) -> None:
        """Queue a prompt."""
        clip = self._rendered(prompt)
        if clip is not None:
            self._add(clip, secret=prompt.secret)
            return
        if len(prompt.text) > LONGEST_TEXT:
            self._on_failed(f"a text of {len(prompt.text)} characters is too long", self.number)
            return
        places = [
            (self._playback.add(secret=prompt.secret), clause, pause_s)
            for clause, pause_s in portions(prompt.text, prompt.language)
        ]
        if places:
            self._put.send_nowait(_Synthesis(self.number, places, prompt.language))

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
        async for job in self._jobs:
            with trio.CancelScope() as self._making:
                if job.number != self.number:
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

    def _add(self, clip: Clip, *, secret: bool) -> None:
        if clip.has(self.rate_hz):
            self._playback.add(clip, secret=secret)
        else:
            place = self._playback.add(secret=secret)
            self._put.send_nowait(_Resampling(self.number, place, clip))

    async def _synthesise(self, job: _Synthesis) -> None:
        left = iter(job.places)
        for place, clause, pause_s in left:
            try:
                with trio.fail_after(SYNTHESIS_S):
                    clip = await self._prompts.clip(clause, job.language)
            except (SynthesisError, trio.TooSlowError) as error:
                place.fill(None)
                for other, _, _ in left:
                    other.fill(None)  # half a sentence helps nobody
                too_slow = f"the synthesiser took more than {SYNTHESIS_S:g} s"
                self._on_failed(str(error) or too_slow, job.number)
                return
            clip = clip.with_pause(pause_s)
            clip.pcm(self.rate_hz)  # a clause takes a millisecond: no thread for that
            place.fill(clip)


async def _resampled(clip: Clip, rate_hz: int) -> None:
    """Have a clip at this rate, off the media clock's thread."""
    if not clip.has(rate_hz):
        await trio.to_thread.run_sync(clip.pcm, rate_hz)
