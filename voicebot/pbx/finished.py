"""What became of the latest calls, for a dialplan that asks afterwards.

Knows identifiers and channel variables.  Must not know who asks, nor where the results come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import trio

from voicebot.pbx.latest import Latest

KEPT_S: Final = 600.0
"""The dialplan asks within a second; a person who looks why takes longer."""


class Finished:
    """Results by the identifier of the call.  Keys are channel variables: `VOICEBOT_RESULT`."""

    def __init__(self, now: Callable[[], float] = trio.current_time) -> None:
        self._ended = Latest[Mapping[str, str]](KEPT_S, now)
        self._awaited: dict[UUID, list[trio.Event]] = {}
        """Who waits for a call that has not ended."""

    def __len__(self) -> int:
        return len(self._ended)

    def put(self, uuid: UUID, results: Mapping[str, str]) -> None:
        """A call has these results; told again, the last ones count."""
        self._ended.put(uuid, dict(results))
        for event in self._awaited.get(uuid, ()):
            event.set()

    def get(self, uuid: UUID) -> Mapping[str, str] | None:
        """The results; None for a call that is unknown, goes on, or ended long ago."""
        return self._ended.get(uuid)

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
