"""The legs that Asterisk has been asked for, and that have still to connect.

Knows identifiers.  Must not know who asks, nor what is said on a leg.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import trio

from voicebot.calls import Leg


class AwaitedLegs:
    """Who waits for the leg with which identifier."""

    def __init__(self) -> None:
        self._awaited: dict[UUID, trio.MemorySendChannel[Leg]] = {}

    @contextmanager
    def awaited(self, uuid: UUID) -> Iterator[trio.MemoryReceiveChannel[Leg]]:
        """Have the leg with this identifier delivered to the channel; one that nobody takes is closed."""
        send, receive = trio.open_memory_channel[Leg](1)
        self._awaited[uuid] = send
        try:
            yield receive
        finally:
            self._awaited.pop(uuid, None)
            with suppress(trio.WouldBlock, trio.EndOfChannel):
                receive.receive_nowait().sock.close()

    def deliver(self, leg: Leg) -> bool:
        """Hand a leg over to whoever waits for it; False when nobody does."""
        send = self._awaited.pop(leg.uuid, None)
        if send is None:
            return False
        send.send_nowait(leg)
        return True
