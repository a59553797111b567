"""What the caller was heard to say and press, until the program reads it.

Lives here: the bounded queues between the heartbeat, which never waits, and the program, which may
be late. Must not know: sockets, formats, what is said.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from voicebot.line.audio import silence
from voicebot.line.line import KeyPressed

# A caller presses a few keys a second: who has not read a hundred does not want them.
KEPT_KEYS = 100

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Heard:
    """20 ms of the line."""

    pcm: bytes
    rate_hz: int
    at_s: float
    """When it came, on trio's clock."""
    gap: bool
    """Nothing came: `pcm` is our silence."""


Take = Callable[[Heard | None], bool]
"""Takes what was heard, without waiting; None at the end. False: something had to go for it."""


class Latest(Generic[Item]):
    """A queue that keeps the latest items: the oldest goes when it is full, and is counted."""

    __slots__ = ("_closed", "_items", "_waiting", "lost")

    def __init__(self, size: int) -> None:
        """Keep so many."""
        self._items: deque[Item] = deque(maxlen=size)
        self._waiting: trio.Event | None = None
        self._closed = False
        self.lost = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add one; never waits."""
        self.lost += len(self._items) == self._items.maxlen
        self._items.append(item)
        self._wake()

    def drain(self) -> list[Item]:
        """Take all that wait."""
        items = list(self._items)
        self._items.clear()
        return items

    def close(self) -> None:
        """Nothing more comes. What is there can still be taken."""
        self._closed = True
        self._wake()

    async def get(self) -> Item | None:
        """Take the oldest; wait for one; None when nothing more comes."""
        if self._items or self._closed:
            await trio.lowlevel.checkpoint()
        while not self._items:
            if self._closed:
                return None
            if self._waiting is None:
                self._waiting = trio.Event()
            await self._waiting.wait()
        return self._items.popleft()

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None


class Inbox:
    """The ear of a line."""

    __slots__ = ("_now", "_take", "audio", "bytes_in", "gap_frames", "keys")

    def __init__(self, keep_frames: int, now: Callable[[], float] = trio.current_time) -> None:
        """Keep so many frames that nobody reads."""
        self.audio: Latest[Heard] = Latest(keep_frames)
        self.keys: Latest[KeyPressed] = Latest(KEPT_KEYS)
        self.bytes_in = 0
        self.gap_frames = 0
        self._now = now
        self._take: Take | None = None

    def divert(self, take: "Take") -> None:
        """Give what was heard and waits, and all that will be, to `take` in place of `audio`."""
        self._take = take
        for heard in self.audio.drain():
            self._give(take, heard)

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        """Take 20 ms; None stands for 20 ms in which nothing came."""
        gap = pcm is None
        if pcm is None:
            pcm = silence(rate_hz)
            self.gap_frames += 1
        else:
            self.bytes_in += len(pcm)
        heard = Heard(pcm, rate_hz, self._now(), gap)
        if self._take is None:
            self.audio.put(heard)
        else:
            self._give(self._take, heard)

    def close(self) -> None:
        """The call is over."""
        self.audio.close()
        self.keys.close()
        if self._take is not None:
            self._take(None)

    def _give(self, take: "Take", heard: Heard) -> None:
        self.audio.lost += not take(heard)
