"""The calls that have been announced, and whose audio has still to come.

Knows identifiers and introductions.  Must not know where they come from, nor what becomes of a call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

import trio

from voicebot.pbx.introduction import Introduction
from voicebot.pbx.latest import Latest

EXPECTED_S: Final = 60.0
"""Between the announcement and the audio lie milliseconds, or the ringing of a telephone."""


class Expected:
    """Introductions by the identifier that the audio will come with."""

    def __init__(self, now: Callable[[], float] = trio.current_time) -> None:
        self._announced = Latest[Introduction](EXPECTED_S, now)

    def __len__(self) -> int:
        return len(self._announced)

    def announce(self, uuid: UUID, introduction: Introduction) -> None:
        """The audio of this call is about to come; a second announcement takes the first one's place."""
        self._announced.put(uuid, introduction)

    def take(self, uuid: UUID) -> Introduction | None:
        """What is known of a call whose audio is there; None for one that nobody has announced."""
        return self._announced.take(uuid)
