"""The calls under way: who is taken, by which flow, and each call from its first leg to its record.

Knows the configuration, the flows and what all calls share.  Must not know ports, nor how a caller
was introduced.  A fault in one call ends that call; nothing here lets it reach another.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeAlias
from uuid import UUID

import structlog
import trio

from voicebot.call.call import Call
from voicebot.call.ending import Ending, Outcome
from voicebot.call.services import (
    Back,
    CallerLeft,
    Connected,
    MakeLine,
    Services,
    Switched,
)
from voicebot.config import Config, Listener
from voicebot.flow import events as ev
from voicebot.flow.values import CallInfo
from voicebot.flow.yamlnodes import did_you_mean
from voicebot.hearing.ear import CallerEar
from voicebot.line.audiosocket import Decoder
from voicebot.line.clock import MediaClock
from voicebot.line.line import Line, LineEvent
from voicebot.pbx.introduction import Introduction
from voicebot.records.archive import Archive, CallRecords
from voicebot.records.trace import ServedFlow
from voicebot.reload import Reloader
from voicebot.speaking.playback import Playback

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Leg:
    """A connection that has said who it is."""

    listener: Listener
    sock: socket.socket
    """It is the line's once there is one; until then it is to be closed by whoever has the leg."""
    uuid: UUID
    decoder: Decoder
    peer: str
    out_rate_hz: int | None = None
    """At which the bot speaks from the start; None: at 8 kHz until the peer shows more."""


@dataclass(frozen=True, slots=True)
class BackOn:
    """Nobody took the call: it goes on with another leg."""

    reason: str
    leg: Leg


class Exchange(Protocol):
    """Whoever a call came from: a `Switch` that speaks of legs, where a call wants lines."""

    async def transfer(
        self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
    ) -> Connected | BackOn | CallerLeft:
        """As `Switch` says."""

    async def ending(self, ending: Ending) -> None:
        """As `Switch` says."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A call that may begin."""

    served: ServedFlow
    introduction: Introduction


Answer: TypeAlias = "Taken | Outcome"
"""`Outcome.REFUSED` or `NO_FLOW` where a call is not taken."""


class Calls:
    """The calls under way."""

    def __init__(
        self, config: Config, reloader: Reloader, services: Services, archive: Archive
    ) -> None:
        self._config = config
        self._reloader = reloader
        self._services = services
        self._archive = archive
        self._calls: dict[int, Call | None] = {}
        """None for one that is only just beginning."""
        self._elsewhere: dict[int, trio.Event] = {}
        """Those whose caller talks, or is to talk, with somebody else: they cost nothing, and nobody
        cuts them off. The event: he is back."""
        self._held = 0
        """Places of callers who are taken, and whose first leg has still to come."""
        self._count = 0

    def __len__(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    @property
    def services(self) -> Services:
        return self._services

    @property
    def clock(self) -> MediaClock:
        return self._services.clock

    @property
    def flows(self) -> tuple[str, ...]:
        """The names of the flows that are served now."""
        return tuple(self._reloader.flows)

    def end(self, reason: str) -> None:
        """End every call under way, as if the callers had left."""
        for call in self._calls.values():
            if call is not None:
                call.end(reason, Outcome.STOPPED)

    def answer(self, uuid: UUID, introduction: Introduction, peer: str) -> Answer:
        """Whether a call is taken, and which flow takes it; why not is logged."""
        limit = self._config.limits.calls
        name = introduction.flow or self._route(introduction.called)
        served = self._reloader.flows.get(name) if name is not None else None
        if served is None:
            flows = self._reloader.flows
            hint = did_you_mean(name or "", flows)
            no_route = f'no route fits the called number "{introduction.called}"'
            reason = no_route if name is None else f'no flow is called "{name}"{hint}'
            _refused(uuid, introduction, peer, reason)
            return Outcome.NO_FLOW
        if len(self._calls) + self._held - len(self._elsewhere) >= limit:
            _refused(uuid, introduction, peer, f"limits.calls is {limit}")
            return Outcome.REFUSED
        return Taken(served, introduction)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keep the place of a caller who is taken until his first leg is there."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def _route(self, called: str) -> str | None:
        """The flow of the first route that fits."""
        fitting = (one.flow for one in self._config.routes if one.called in (None, called))
        return next(fitting, None)

    async def run(self, taken: Taken, leg: Leg, exchange: Exchange | None = None) -> Ending:
        """Take one call to its end; its leg is hung up then.

        Args:
            exchange: None: the dialplan goes on behind the leg, and hears of nothing.
        """
        self._count += 1
        key = self._count  # not the identifier: two calls may carry the same
        self._calls[key] = None
        uuid = str(leg.uuid)
        try:
            with structlog.contextvars.bound_contextvars(call=uuid):
                said = {"caller": caller} if (caller := taken.introduction.caller) else {}
                log.info("call.started", flow=taken.served.flow.name, peer=leg.peer, **said)
                return await self._call(taken, key, leg, exchange)
        finally:
            del self._calls[key]

    @contextmanager
    def _is_elsewhere(self, key: int) -> Iterator[None]:
        back = self._elsewhere[key] = trio.Event()
        try:
            yield
        finally:
            del self._elsewhere[key]
            back.set()

    async def _call(self, taken: Taken, key: int, leg: Leg, exchange: Exchange | None) -> Ending:
        began_s = trio.current_time()
        seed = leg.uuid.int ^ key
        info = _call_info(leg.uuid, taken.introduction, self._config)
        records = self._archive.call(
            taken.served, info, seed, lambda: trio.current_time() - began_s
        )
        services = self._services
        if exchange is not None:
            switch = _Switch(exchange, records, partial(self._is_elsewhere, key))
            services = replace(services, switch=switch)
        call = self._calls[key] = Call(taken.served.flow, records.info, services,
                                       line_maker(leg, records), seed=seed,
                                       witness=records)  # fmt: skip
        reason = "the daemon was stopped"
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_after_call_time, call, key)
                reason = await call.run()
                nursery.cancel_scope.cancel()
        except Exception:
            reason = "fault"
            log.exception("call.fault")
        finally:
            records.end(reason, call.variables, call.tags)
            stats = call.stats
            log.info("call.ended", reason=reason, seconds=round(trio.current_time() - began_s, 2),
                     variables=call.variables, tags=dict(call.tags), frames_in=stats.frames_in,
                     frames_out=stats.frames_out, late=stats.late,
                     dropped=stats.dropped)  # fmt: skip
        ending = call.ending
        call.forget()
        return ending

    async def _end_after_call_time(self, call: Call, key: int) -> None:
        await trio.sleep(self._config.limits.call_time_s)
        while (back := self._elsewhere.get(key)) is not None:
            await back.wait()
        call.end("limits.call_time is over", Outcome.CALL_TIME)


def _refused(uuid: UUID, introduction: Introduction, peer: str, reason: str) -> None:
    known = {"caller": introduction.caller, "called": introduction.called}
    said = {name: text for name, text in known.items() if text}
    log.warning("call.refused", call=str(uuid), peer=peer, **said, reason=reason)


def line_maker(leg: Leg, records: CallRecords) -> MakeLine:
    """What joins a leg to its call, and to what is kept of it."""

    def make_line(
        playback: Playback, caller_ear: CallerEar, on_event: Callable[[LineEvent], None]
    ) -> Line:
        sock, source, ear = records.tapped(leg.sock, playback, caller_ear)
        line = Line(sock, leg.uuid, decoder=leg.decoder, source=source, ear=ear,
                    on_event=on_event, rate_hz=leg.listener.rate_hz,
                    now_s=trio.current_time())  # fmt: skip
        if leg.out_rate_hz is not None:
            line.out_rate_hz = leg.out_rate_hz
        return line

    return make_line


class _Switch:
    """An exchange as a call wants it: its legs are lines that are recorded."""

    def __init__(
        self,
        exchange: Exchange,
        records: CallRecords,
        elsewhere: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._exchange = exchange
        self._records = records
        self._elsewhere = elsewhere

    async def transfer(
        self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
    ) -> Switched:
        with self._elsewhere():
            switched = await self._exchange.transfer(transfer, put_down)
        if isinstance(switched, BackOn):
            return Back(switched.reason, line_maker(switched.leg, self._records))
        return switched

    async def ending(self, ending: Ending) -> None:
        await self._exchange.ending(ending)


def _call_info(uuid: UUID, introduction: Introduction, config: Config) -> CallInfo:
    return CallInfo(
        str(uuid),
        datetime.now().astimezone(),
        caller=introduction.caller,
        called=introduction.called,
        caller_name=introduction.caller_name,
        channel=introduction.channel,
        channel_language=introduction.channel_language,
        args=introduction.args,
        hours=config.calendars,
    )
