"""What became of the latest calls, for a dialplan that asks afterwards.

Knows identifiers and channel variables.  Must not know who asks, nor where the results come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import trio

KEPT_S: Final = 600.0
"""The dialplan asks within a second; a person who looks why takes longer."""
MOST: Final = 10_000
"""Calls of which results are kept; the oldest give way."""


@dataclass(frozen=True, slots=True)
class _Ended:
    results: Mapping[str, str]
    until_s: float


class Finished:
    """Results by the identifier of the call.  Keys are channel variables: `VOICEBOT_RESULT`."""

    def __init__(self, now: Callable[[], float] = trio.current_time) -> None:
        self._now = now
        self._ended: dict[UUID, _Ended] = {}
        self._awaited: dict[UUID, list[trio.Event]] = {}
        """Who waits for a call that has not ended."""

    def __len__(self) -> int:
        return len(self._ended)

    def put(self, uuid: UUID, results: Mapping[str, str]) -> None:
        """A call has these results; told again, the last ones count."""
        self._forget_the_old()
        self._ended.pop(uuid, None)
        self._ended[uuid] = _Ended(dict(results), self._now() + KEPT_S)
        for event in self._awaited.get(uuid, ()):
            event.set()

    def get(self, uuid: UUID) -> Mapping[str, str] | None:
        """The results; None for a call that is unknown, goes on, or ended long ago."""
        self._forget_the_old()
        ended = self._ended.get(uuid)
        return None if ended is None else ended.results

    async def wait(self, uuid: UUID) -> None:
        """Until the results of that call are there; for ever where they never come."""
        if self.get(uuid) is not None:
            return
        event = trio.Event()
        waiting = self._awaited.setdefault(uuid, [])
        waiting.append(event)
        try:
            await event.wait()
        finally:
            waiting.remove(event)
            if not waiting:
                self._awaited.pop(uuid, None)

    def _forget_the_old(self) -> None:
        # All are kept equally long, so the first is the oldest.
        while self._ended:
            uuid, oldest = next(iter(self._ended.items()))
            if oldest.until_s > self._now() and len(self._ended) < MOST:
                return
            del self._ended[uuid]
