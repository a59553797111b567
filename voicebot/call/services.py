"""What all calls share, as each call is given it.

Knows the seams to the engines and to the world outside.  Must not know any one call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import trio

from voicebot.call.asker import Asker
from voicebot.flow import events as ev
from voicebot.hearing.recogniser import Recogniser
from voicebot.hearing.recording import Recordings
from voicebot.hearing.vad import MakeVerifier
from voicebot.line.clock import MediaClock
from voicebot.speaking.prompts import PromptStore


class Switch(Protocol):
    """Whoever connects a caller with somebody else."""

    async def transfer(self, transfer: ev.Transfer) -> str | None:
        """Connect, once all has been said.

        Returns:
            Why nobody took the call, which is back then; None: it has left.
        """


class LeaveToDialplan:
    """The call just ends: the dialplan goes on behind AudioSocket() and connects the caller."""

    async def transfer(self, transfer: ev.Transfer) -> str | None:
        """As `Switch` says."""
        del transfer  # the log has it
        await trio.lowlevel.checkpoint()
        return None


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share."""

    clock: MediaClock
    recogniser: Recogniser
    prompts: PromptStore
    asker: Asker
    recordings: Recordings
    switch: Switch = field(default_factory=LeaveToDialplan)
    verifier: MakeVerifier | None = None
    """Of what each caller's detector takes for speech."""
