"""Our side of a leg, all of it but the call: identify, the line, the media clock, the clean end.

Knows the line as the daemon joins it. What is said and when it hangs up is the test's; what is heard
and told is kept.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from uuid import UUID

import trio
from trio.testing import MockClock

from tests.fake import Exit, Leg
from voicebot.line.audio import frame_bytes
from voicebot.line.audiosocket import Dialect, ProtocolError
from voicebot.line.clock import MediaClock
from voicebot.line.line import Ended, KeyPressed, Line, LineEvent, RateChanged, identify
from voicebot.line.unlabelled import Codec

IDENTIFY_S = 5.0
"""As in the daemon."""
AFTERMATH_S = 3.0
"""The line ends within a second; a peer that does not read is given up after longer."""


@dataclass(slots=True)
class Answered:
    """One connection that said who it is, and all that our side knows of it."""

    server: Server
    uuid: UUID
    began_s: float
    to_say: list[bytes]
    line: Line = field(init=False)
    heard: list[tuple[float, bytes | None, int]] = field(default_factory=list)
    """When, what (None: 20 ms in which nothing came), and its rate."""
    events: list[LineEvent] = field(default_factory=list)
    over: trio.Event = field(default_factory=trio.Event)
    closed: trio.Event = field(default_factory=trio.Event)
    closed_s: float = inf

    @property
    def pcm(self) -> bytes:
        """All that was heard, without the gaps."""
        return b"".join(pcm for _, pcm, _ in self.heard if pcm is not None)

    @property
    def keys(self) -> str:
        return "".join(event.digit for event in self.events if isinstance(event, KeyPressed))

    @property
    def ended(self) -> str | None:
        """Why the peer is gone; None when we have hung up."""
        reasons = [event.reason for event in self.events if isinstance(event, Ended)]
        assert len(reasons) <= 1, reasons
        return reasons[0] if reasons else None

    def next_frame(self, rate_hz: int) -> bytes | None:
        if not self.to_say:
            return None
        frame, size = self.to_say.pop(0), frame_bytes(rate_hz)
        return (frame * (size // len(frame) + 1))[:size]

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        self.heard.append((trio.current_time() - self.began_s, pcm, rate_hz))

    def on_event(self, event: LineEvent) -> None:
        self.events.append(event)
        if isinstance(event, RateChanged):
            self.line.out_rate_hz = event.rate_hz  # as a call does once its prompts are ready
        if isinstance(event, Ended):
            self.over.set()


@dataclass(slots=True)
class Server:
    """Takes connections on one port, any number at once."""

    dialect: Dialect = Dialect.ASTERISK
    rate_hz: int | None = None
    says: Sequence[bytes] = ()
    """20 ms frames at 8 kHz; at another rate they are as long all the same. Then silence."""
    hangs_up_s: float = inf
    """So long after the identifier."""
    out_rate_hz: int | None = None
    """What is sent from the beginning, where the test knows that the reader takes it."""
    codec: Codec | None = None
    hasty: bool = False
    """Nobody waits for the clean end: the call is cancelled."""
    aborts: bool = False
    """Each line is dropped half a second after its beginning."""
    stalls: list[tuple[float, float, MockClock]] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Connections that did not say who they are, and why."""
    clock: MediaClock = field(default_factory=MediaClock)
    port: int = 0

    def stall(self, at_s: float, for_s: float, clock: MockClock) -> None:
        """For so long the whole process is to do nothing, so long after a call's beginning."""
        self.stalls.append((at_s, for_s, clock))

    async def serve(self, *, task_status: trio.TaskStatus[int]) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        with listener:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.clock.run)
                task_status.started(self.port)
                while True:
                    await trio.lowlevel.wait_readable(listener)
                    sock, _ = listener.accept()
                    sock.setblocking(False)
                    nursery.start_soon(self._connection, sock)

    async def _connection(self, sock: socket.socket) -> None:
        try:
            with trio.move_on_after(IDENTIFY_S) as limit:
                identified = await identify(sock, self.dialect)
            if limit.cancelled_caught:
                self.refused.append("no identifier")
            elif identified is None:
                self.refused.append("not a byte")
            else:
                uuid, decoder = identified
                one = Answered(self, uuid, trio.current_time(), list(self.says))
                one.line = Line(sock, uuid, decoder=decoder, source=one, ear=one,
                                on_event=one.on_event, rate_hz=self.rate_hz,
                                now_s=trio.current_time(), codec=self.codec)  # fmt: skip
                one.line.out_rate_hz = self.out_rate_hz or one.line.out_rate_hz
                self.answered.append(one)
                await self._serve_line(one)
        except ProtocolError as error:
            self.refused.append(str(error))
        finally:
            sock.close()

    async def _serve_line(self, one: Answered) -> None:
        def fault(error: Exception) -> None:
            raise error

        self.clock.add(one.line, fault)
        async with trio.open_nursery() as nursery:
            for stall in self.stalls:
                nursery.start_soon(_stall, *stall)
            with trio.move_on_after(0.5 if self.aborts else self.hangs_up_s):
                await one.over.wait()
            nursery.cancel_scope.cancel()
        self.clock.remove(one.line)
        if self.aborts:
            one.line.abort()
        with trio.CancelScope() as scope:
            if self.hasty:
                scope.cancel()
            await one.line.finish()
        one.closed_s = trio.current_time()
        one.closed.set()

    async def all_over(self, within_s: float) -> None:
        """Wait until every line has ended."""
        with trio.move_on_after(within_s):
            for one in self.answered:
                await one.closed.wait()


async def _stall(at_s: float, for_s: float, clock: MockClock) -> None:
    await trio.sleep(at_s)
    clock.jump(for_s)


async def meet(server: Server, *legs: Leg, apart_s: float = 0.0) -> list[Exit]:
    """Let the legs call the server, all at once; return how each ended, when our side has, too."""
    exits: dict[int, Exit] = {}

    async def call(n: int, leg: Leg) -> None:
        await trio.sleep(n * apart_s)
        exits[n] = await leg.call("127.0.0.1", server.port)

    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        async with trio.open_nursery() as calling:
            for n, leg in enumerate(legs):
                calling.start_soon(call, n, leg)
        await server.all_over(AFTERMATH_S)
        nursery.cancel_scope.cancel()
    return [exits[n] for n in range(len(legs))]
