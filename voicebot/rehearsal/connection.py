"""A real call and its caller's telephone, joined by a socket, in a time of their own.

Knows how a line is put to a call, and what happens in 20 ms at both its ends.  Must not know what the
caller does or why, dialogues, tests or engines.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

import trio

from voicebot.line.audio import FRAME_S
from voicebot.line.audiosocket import Decoder
from voicebot.line.clock import MediaClock
from voicebot.line.line import Ear, Line, LineEvent
from voicebot.rehearsal.handset import Handset
from voicebot.rehearsal.virtual import VirtualTime, settled
from voicebot.rehearsal.watch import Mouth

if TYPE_CHECKING:
    from voicebot.call.call import Call
    from voicebot.hearing.ear import CallerEar
    from voicebot.rehearsal.impairments import CallersLine
    from voicebot.speaking.playback import Playback
    from voicebot.speaking.prompts import Clip

CALL_ID: Final = UUID(int=1)
EDGE_S: Final = 0.0001
"""A slot is that much after its beat is due, so that no rounding decides whether it is."""
HALF_WAY_S: Final = FRAME_S / 2
"""A caller's frame comes at any moment between two beats; counted is the mean."""


def _as_it_is(ear: CallerEar) -> Ear:
    return ear


class Connection:
    """One call's two ends.

    Args:
        line: the caller's.
        on_clip: as `watch.Mouth` has it.
        heard_by: puts something before the call's ear.
    """

    def __init__(
        self,
        virtual: VirtualTime,
        line: CallersLine,
        rate_hz: int,
        on_clip: Callable[[Clip, int], None],
        heard_by: Callable[[CallerEar], Ear] = _as_it_is,
    ) -> None:
        self.time, self.media = virtual, MediaClock()
        self._ours, theirs = socket.socketpair()
        for end in (self._ours, theirs):
            end.setblocking(False)
        self.handset = Handset(theirs, line, rate_hz)
        self.mouth: Mouth
        self.over: str | None = None
        """Why the call has ended; None: it goes on."""
        self._on_clip, self._heard_by = on_clip, heard_by
        self._slots = 0

    def make_line(
        self, playback: Playback, ear: CallerEar, on_event: Callable[[LineEvent], None]
    ) -> Line:
        """Join the call's parts to its end, as `Call` wants it."""
        self.mouth = Mouth(playback, self._on_clip)
        return Line(
            self._ours,
            CALL_ID,
            decoder=Decoder(),
            source=self.mouth,
            ear=self._heard_by(ear),
            on_event=on_event,
            rate_hz=None,
            now_s=self.time.now(),
        )

    @asynccontextmanager
    async def running(self, call: Call) -> AsyncIterator[None]:
        """Let the call run while its caller acts; it ends with him."""

        done = trio.Event()

        async def run() -> None:
            try:
                self.over = await call.run()
            finally:
                done.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)  # noqa: ASYNC113 - it has run as far as it can when all is settled
            await settled()
            try:
                yield
            finally:
                # Else the bot, cancelled, would wait for a second to be hung up on: for ever where
                # Ctrl-C has ended the caller, who is the one that lets the time go on.
                self.handset.hang_up()
                nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    # What came of the caller's sound is still read, at its pace.
                    while not done.is_set():
                        await self.time.go_on_to(self.time.now() + FRAME_S)

    async def slot(self, speech: bytes | None = None, key: str | None = None) -> None:
        """Live through 20 ms.

        Args:
            speech: the caller's frame.
            key: he presses.
        """
        self._slots += 1
        await self.time.go_on_to(self._slots * FRAME_S + EDGE_S)
        if key is not None:
            self.handset.press(key)
        self.handset.send(speech)
        self.media.tick(self.time.now())
        # What left in this beat left before the call dealt with what came in it.
        self.handset.hear(self.time.now())
        await settled()
        self.handset.hear(self.time.now())

    def sent_s(self) -> float:
        """When the caller's frame of this slot was sent."""
        return self._slots * FRAME_S - HALF_WAY_S
