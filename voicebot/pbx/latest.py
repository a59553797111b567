"""What is kept of the latest calls, for a time and up to a number.

Knows identifiers.  Must not know what is kept, nor for whom.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar
from uuid import UUID

import trio

MOST: Final = 10_000
"""What nobody asks for must not fill the memory: the oldest give way."""

_Kept = TypeVar("_Kept")


class Latest(Generic[_Kept]):
    """Something of each call by the identifier of the call.

    Args:
        kept_s: how long.
    """

    def __init__(self, kept_s: float, now: Callable[[], float] = trio.current_time) -> None:
        self._kept_s = kept_s
        self._now = now
        self._kept: dict[UUID, tuple[float, _Kept]] = {}
        """Until when, and what."""

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, uuid: UUID, one: _Kept) -> None:
        """Keep this; what was kept of the same call before gives way."""
        self._forget_the_old()
        self._kept.pop(uuid, None)
        self._kept[uuid] = (self._now() + self._kept_s, one)

    def get(self, uuid: UUID) -> _Kept | None:
        """What is kept of a call."""
        self._forget_the_old()
        kept = self._kept.get(uuid)
        return None if kept is None else kept[1]

    def take(self, uuid: UUID) -> _Kept | None:
        """What is kept of a call, and no longer then."""
        self._forget_the_old()
        kept = self._kept.pop(uuid, None)
        return None if kept is None else kept[1]

    def _forget_the_old(self) -> None:
        # All are kept equally long, so the first is the oldest.
        while self._kept:
            uuid, (until_s, _) = next(iter(self._kept.items()))
            if until_s > self._now() and len(self._kept) < MOST:
                return
            del self._kept[uuid]
