"""What all calls share, as each call is given it, and the seam to whoever it came from.

Knows the seams to the engines and to the world outside.  Must not know any one call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import trio

from voicebot.call.asker import Asker
from voicebot.call.ending import Ending, Outcome
from voicebot.flow import events as ev
from voicebot.hearing.ear import CallerEar
from voicebot.hearing.recogniser import Recogniser
from voicebot.hearing.recording import Recordings
from voicebot.hearing.vad import MakeVerifier
from voicebot.line.clock import MediaClock
from voicebot.line.line import Line, LineEvent
from voicebot.speaking.playback import Playback
from voicebot.speaking.prompts import PromptStore

MakeLine: TypeAlias = Callable[[Playback, CallerEar, Callable[[LineEvent], None]], Line]
"""Joins a leg to a call's source, ear and events."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The caller has somebody else to talk to, or will: the call has left."""


@dataclass(frozen=True, slots=True)
class Back:
    """Nobody took the call."""

    reason: str
    make_line: MakeLine | None = None
    """Of the leg that the call goes on with; None: the one it had was not put down."""


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """There is nobody to go on with: the caller hung up while he was being connected."""

    reason: str = "caller hung up"
    outcome: Outcome = Outcome.CALLER_HUNG_UP


Switched: TypeAlias = Connected | Back | CallerLeft


class Switch(Protocol):
    """Whoever the call came from, and goes back to: the dialplan, by one way or another."""

    async def transfer(
        self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
    ) -> Switched:
        """Connect the caller, once all has been said.

        Args:
            put_down: ends the call's leg, not the call; before somebody else can have the caller.
        """

    async def ending(self, ending: Ending) -> None:
        """Take the results, while the leg is still there: it is hung up next."""


class LeaveToDialplan:
    """The call just ends: the dialplan goes on behind AudioSocket() and connects the caller."""

    async def transfer(
        self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
    ) -> Switched:
        """As `Switch` says."""
        del transfer, put_down  # the log has it
        await trio.lowlevel.checkpoint()
        return Connected()

    async def ending(self, ending: Ending) -> None:
        """As `Switch` says."""
        del ending
        await trio.lowlevel.checkpoint()


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share; the switch is each call's own, where its dialplan can be reached."""

    clock: MediaClock
    recogniser: Recogniser
    prompts: PromptStore
    asker: Asker
    recordings: Recordings
    switch: Switch = field(default_factory=LeaveToDialplan)
    verifier: MakeVerifier | None = None
    """Of what each caller's detector takes for speech."""
