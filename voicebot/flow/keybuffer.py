"""The keys of a call that have not been dealt with: those of the open question, and those ahead.

Knows type-ahead, and the finish key that comes late.  Must not know what keys mean.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Final

MOST_KEYS: Final = 200
"""Keys that are kept for the open question and those ahead; of a flood the rest is dropped."""
STRAY_FINISH_S: Final = 2.0
"""A finish key pressed within this time after the last digit of a full-length entry belongs to it."""

Judge = Callable[[Callable[[], bool]], bool]


class KeyBuffer:
    """Of one call.

    Args:
        judge: decides what depends on which key it was (a replay may not know the key).
    """

    def __init__(self, judge: Judge) -> None:
        self.typed = ""
        """Keys of the open question so far."""
        self.ahead = ""
        """Keys pressed before their question was asked."""
        self._judge = judge
        self._stray_finish: tuple[str, float] | None = None

    def copied(self, judge: Judge) -> KeyBuffer:
        """One with the same keys in it."""
        other = copy(self)
        other._judge = judge  # noqa: SLF001 - one of us
        return other

    def takes(self, key: str, now_s: float) -> bool:
        """Whether a pressed key counts: not one too many, nor a finish key that came late."""
        stray, self._stray_finish = self._stray_finish, None
        if stray is not None and now_s <= stray[1] and self.is_finish(key, stray[0]):
            return False
        return len(self.typed) + len(self.ahead) < MOST_KEYS

    def is_finish(self, key: str, finish: str | None) -> bool:
        return finish is not None and self._judge(lambda: key == finish)

    def next_ahead(self) -> str:
        """The first of the keys ahead, taken out."""
        key, self.ahead = self.ahead[0], self.ahead[1:]
        return key

    def settle(self, finish: str | None, now_s: float) -> None:
        """The question has its answer.  Behind a full entry its finish key may still come."""
        typed, self.typed = self.typed, ""
        if finish is None or self._judge(lambda: typed.endswith(finish)):
            return
        if not self.ahead:
            self._stray_finish = (finish, now_s + STRAY_FINISH_S)
        elif self.is_finish(self.ahead[0], finish):
            self.next_ahead()
