"""The calls that have been announced, and whose audio has still to come.

Knows identifiers and introductions.  Must not know where they come from, nor what becomes of a call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import trio

from voicebot.pbx.introduction import Introduction

EXPECTED_S: Final = 60.0
"""Between the announcement and the audio lie milliseconds, or the ringing of a telephone."""
MOST: Final = 10_000
"""Announcements of which the audio never came must not fill the memory: the oldest give way."""


@dataclass(frozen=True, slots=True)
class _Announced:
    introduction: Introduction
    until_s: float


class Expected:
    """Introductions by the identifier that the audio will come with."""

    def __init__(self, now: Callable[[], float] = trio.current_time) -> None:
        self._now = now
        self._announced: dict[UUID, _Announced] = {}

    def __len__(self) -> int:
        return len(self._announced)

    def announce(self, uuid: UUID, introduction: Introduction) -> None:
        """The audio of this call is about to come; a second announcement takes the first one's place."""
        self._forget_the_overdue()
        self._announced.pop(uuid, None)
        self._announced[uuid] = _Announced(introduction, self._now() + EXPECTED_S)

    def take(self, uuid: UUID) -> Introduction | None:
        """What is known of a call whose audio is there; None for one that nobody has announced."""
        self._forget_the_overdue()
        announced = self._announced.pop(uuid, None)
        return None if announced is None else announced.introduction

    def _forget_the_overdue(self) -> None:
        # All wait equally long, so the first is the oldest.
        while self._announced:
            uuid, oldest = next(iter(self._announced.items()))
            if oldest.until_s > self._now() and len(self._announced) < MOST:
                return
            del self._announced[uuid]
