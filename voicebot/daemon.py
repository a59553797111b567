"""What `voicebot run` is: listeners, admission, routing, and the orderly end.

Knows the configuration, the flows and what all calls share.  Must not know what happens within a
call.  A fault in one call ends that call; nothing here lets it reach another.
"""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
import trio

from voicebot.call.asker import HttpAsker
from voicebot.call.call import Call, Services
from voicebot.config import Config, Listener
from voicebot.engines import engines
from voicebot.flow.values import CallInfo
from voicebot.flow.yamlfile import Severity
from voicebot.flows import FlowErrors, load_flows, prepare_ears, render_prompts, vocabulary
from voicebot.hearing.ear import CallerEar
from voicebot.hearing.recording import RecordingFolder
from voicebot.hearing.vad import verifier
from voicebot.line.audiosocket import Decoder, ProtocolError
from voicebot.line.clock import MediaClock
from voicebot.line.line import Line, LineEvent, hang_up, identify
from voicebot.listeners import Ip, StartError, address_of, open_listeners, peer_of, plain
from voicebot.records.archive import Archive, CallRecords
from voicebot.records.trace import ServedFlow
from voicebot.reload import Reloader, look_at, served_now
from voicebot.speaking.playback import Playback
from voicebot.speaking.prompts import PromptStore

__all__ = [
    "Daemon",
    "FlowErrors",
    "StartError",
    "load_flows",
    "open_listeners",
    "run",
    "vocabulary",
]

log = structlog.get_logger()

IDENTIFY_S: Final = 5.0
"""Asterisk sends the UUID within milliseconds; who has not after this is not Asterisk."""
STRANGERS: Final = 100
"""Connections that have not yet said who they are; further ones are closed at once."""
ACCEPT_AGAIN_S: Final = 0.1
LAST_WORDS_S: Final = 5.0
"""What `on: hangup` of the calls that are ended may still do, such as a request."""
RATES_IN_USE: Final = (8000, 16000)
"""What prompts are rendered at before any call; other rates are resampled when one comes."""


class Daemon:
    """Takes calls on every listener of the configuration until it is told to stop."""

    def __init__(
        self, config: Config, reloader: Reloader, services: Services, archive: Archive
    ) -> None:
        self._config = config
        self._reloader = reloader
        self._services = services
        self._archive = archive
        self._strangers = 0
        self._calls: dict[int, Call | None] = {}
        """None for one that is only just beginning."""
        self._count = 0
        self._stopping = trio.CancelScope()
        """Around the listeners: cancelled, no call comes in any more."""

    @property
    def clock(self) -> MediaClock:
        return self._services.clock

    @property
    def calls(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    @property
    def stopping(self) -> bool:
        return self._stopping.cancel_called

    def stop(self) -> None:
        """Take no more calls; those under way go on."""
        self._stopping.cancel()

    def end_calls(self, reason: str) -> None:
        """End every call under way, as if the callers had left."""
        for call in self._calls.values():
            if call is not None:
                call.end(reason)

    async def serve(self, listening: Sequence[tuple[Listener, trio.SocketListener]]) -> None:
        """Serve until stop(), then until the last call has ended."""
        async with trio.open_nursery() as calls:
            with self._stopping:
                async with trio.open_nursery() as accepting:
                    for listener, sockets in listening:
                        accepting.start_soon(self._accept, listener, sockets, calls)

    async def _accept(
        self, listener: Listener, sockets: trio.SocketListener, calls: trio.Nursery
    ) -> None:
        async with sockets:
            while True:
                try:
                    stream = await sockets.accept()
                except OSError as error:
                    # Out of file descriptors, mostly: calls that end give some back.
                    log.warning("listener.accept_failed", reason=str(error))
                    await trio.sleep(ACCEPT_AGAIN_S)
                    continue
                peer = peer_of(stream.socket)
                if peer is None:
                    stream.socket.close()
                    continue
                reason = self._turned_away(listener, peer)
                if reason:
                    log.warning("listener.refused", peer=str(peer), reason=reason)
                    stream.socket.close()
                else:
                    self._strangers += 1
                    calls.start_soon(self._connection, listener, stream.socket, str(peer))

    def _turned_away(self, listener: Listener, peer: Ip) -> str:
        """Why this peer may not come in; "" when it may."""
        if not any(peer in network for network in self._config.listen.allowed(listener)):
            return "not in listen.allow"
        return "too many strangers" if self._strangers >= STRANGERS else ""

    async def _connection(
        self, listener: Listener, trio_socket: trio.socket.SocketType, peer: str
    ) -> None:
        """One connection, whatever it is; a fault in it ends here."""
        sock = plain(trio_socket)
        try:
            identified = await self._identified(listener, sock, peer)
            if identified is not None:
                await self._admit(listener, sock, peer, *identified)
        except Exception:
            log.exception("connection.fault", peer=peer)
        finally:
            sock.close()  # mostly it is already

    async def _identified(
        self, listener: Listener, sock: socket.socket, peer: str
    ) -> tuple[UUID, Decoder] | None:
        """Who it is; None for one that does not say so, which is logged."""
        try:
            with trio.move_on_after(IDENTIFY_S) as limit:
                return await identify(sock, listener.dialect)
            if limit.cancelled_caught:
                log.warning("line.no_uuid", peer=peer, after_s=IDENTIFY_S)
        except ProtocolError as error:
            log.warning("line.not_audiosocket", peer=peer, reason=str(error))
        except OSError as error:
            log.info("line.closed_early", peer=peer, reason=str(error))
        finally:
            self._strangers -= 1
        return None

    async def _admit(
        self, listener: Listener, sock: socket.socket, peer: str, uuid: UUID, decoder: Decoder
    ) -> None:
        served = self._route(listener)
        limit = self._config.limits.calls
        if len(self._calls) >= limit or served is None:
            reason = "no route" if served is None else f"limits.calls is {limit}"
            log.warning("call.refused", call=str(uuid), peer=peer, reason=reason)
            await hang_up(sock)
            return
        self._count += 1
        key = self._count  # not the identifier: two calls may carry the same
        self._calls[key] = None
        try:
            with structlog.contextvars.bound_contextvars(call=str(uuid)):
                log.info("call.started", flow=served.flow.name, peer=peer)
                await self._call(served, key, _Leg(listener, sock, uuid, decoder))
        finally:
            del self._calls[key]

    def _route(self, listener: Listener) -> ServedFlow | None:
        name = listener.flow or next(
            (r.flow for r in self._config.routes if r.called is None), None
        )
        return None if name is None else self._reloader.flows[name]

    async def _call(self, served: ServedFlow, key: int, leg: _Leg) -> None:
        began_s = trio.current_time()
        seed = leg.uuid.int ^ key
        info = CallInfo(str(leg.uuid), datetime.now().astimezone(), hours=self._config.calendars)
        records = self._archive.call(served, info, seed, lambda: trio.current_time() - began_s)
        call = self._calls[key] = Call(
            served.flow,
            records.info,
            self._services,
            leg.line_maker(records),
            seed=seed,
            witness=records,
        )
        reason = "the daemon was stopped"
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_end_after_call_time, call, self._config.limits.call_time_s)
                reason = await call.run()
                nursery.cancel_scope.cancel()
        except Exception:
            reason = "fault"
            log.exception("call.fault")
        finally:
            records.end(reason, call.variables, call.tags)
            stats = call.line.stats
            log.info("call.ended", reason=reason, seconds=round(trio.current_time() - began_s, 2),
                     variables=call.variables, tags=dict(call.tags), frames_in=stats.frames_in,
                     frames_out=stats.frames_out, late=stats.late,
                     dropped=stats.dropped)  # fmt: skip


async def _end_after_call_time(call: Call, limit_s: float) -> None:
    await trio.sleep(limit_s)
    call.end("limits.call_time is over")


@dataclass(frozen=True, slots=True)
class _Leg:
    """A connection that has said who it is."""

    listener: Listener
    sock: socket.socket
    uuid: UUID
    decoder: Decoder

    def line_maker(
        self, records: CallRecords
    ) -> Callable[[Playback, CallerEar, Callable[[LineEvent], None]], Line]:
        """What joins the call's line to it, and to what is kept of it."""

        def make_line(
            playback: Playback, caller_ear: CallerEar, on_event: Callable[[LineEvent], None]
        ) -> Line:
            sock, source, ear = records.tapped(self.sock, playback, caller_ear)
            return Line(sock, self.uuid, decoder=self.decoder, source=source, ear=ear,
                        on_event=on_event, rate_hz=self.listener.rate_hz,
                        now_s=trio.current_time())  # fmt: skip

        return make_line


async def run(
    config: Config,
    *,
    task_status: trio.TaskStatus[list[tuple[Listener, str]]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until SIGTERM or SIGINT, or until cancelled.

    `task_status.started` gives each listener with the address it really has.

    Raises:
        FlowErrors, StartError, EngineUnavailable (maybe in a group): it cannot start.
    """
    # From the first moment on: SIGHUP would end the program, and SIGTERM end it without a word.
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            orders = _Orders(nursery)
            nursery.start_soon(orders.obey, signals)
            # A lambda: flake8-async looks for the call.
            await _serve(config, orders, lambda a: task_status.started(a))  # noqa: PLW0108
            nursery.cancel_scope.cancel()
    log.info("daemon.stopped")


async def _serve(
    config: Config, orders: _Orders, ready: Callable[[list[tuple[Listener, str]]], None]
) -> None:
    look = look_at(config.flows)
    flows, findings = load_flows(config)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise FlowErrors(findings)
    for finding in findings:
        log.warning("flow.warning", at=str(finding.mark), message=finding.message)
    served = {name: served_now(flow) for name, flow in flows.items()}
    for _, sockets in await open_listeners(config):
        await sockets.aclose()  # they are free; who calls before we are ready is refused at once
    async with AsyncExitStack() as stack:
        recogniser, synthesiser = await stack.enter_async_context(engines(config))
        prompts = PromptStore(synthesiser, config.cache, RATES_IN_USE)
        await render_prompts(prompts, flows.values())
        await prepare_ears(flows.values())
        asker = await stack.enter_async_context(HttpAsker())
        archive = stack.enter_context(Archive(config.records))
        recordings = RecordingFolder(config.records.folder / "messages")
        services = Services(
            MediaClock(),
            recogniser,
            prompts,
            asker,
            recordings,
            verifier=verifier(config.hearing.vad),
        )
        reloader = Reloader(config, prompts, served, look)
        daemon = Daemon(config, reloader, services, archive)
        # What is loaded stays: the collector need not walk through it between two frames.
        gc.collect()
        gc.freeze()
        listening = await open_listeners(config)
        addresses = [(listener, address_of(sockets)) for listener, sockets in listening]
        log.info("daemon.ready", listening=", ".join(address for _, address in addresses),
                 flows=", ".join(flows))  # fmt: skip
        ready(addresses)
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(daemon.clock.run)
                nursery.start_soon(reloader.run)
                if config.watch:
                    nursery.start_soon(reloader.watch)
                orders.give(daemon, reloader, config.limits.drain_s)
                nursery.start_soon(orders.obey, interrupts)
                await daemon.serve(listening)
                nursery.cancel_scope.cancel()


class _Orders:
    """What signals mean, before the daemon is ready and after.

    The first SIGTERM or SIGINT: no more calls, those under way may end.  The second: they are hung
    up, and leave what their callers have recorded.  The third: at once.  SIGHUP: look at the flows
    again.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        """Everything: cancelled, the program ends."""
        self._daemon: Daemon | None = None
        self._reloader: Reloader | None = None
        self._drain_s = 0.0
        self._reload_asked = False
        self._hanging_up = False
        """Nobody is waited for any more, but for what a caller has said into a recording."""

    def give(self, daemon: Daemon, reloader: Reloader, drain_s: float) -> None:
        """The daemon is ready."""
        self._daemon, self._reloader, self._drain_s = daemon, reloader, drain_s
        if self._reload_asked:
            reloader.ask("SIGHUP")

    async def obey(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number == signal.SIGHUP:
                self._reload()
            else:
                self._stop(signal.Signals(number).name)

    def _reload(self) -> None:
        self._reload_asked = True
        if self._reloader is not None:
            self._reloader.ask("SIGHUP")

    def _stop(self, name: str) -> None:
        daemon = self._daemon
        if daemon is None:
            log.info("daemon.stopping", signal=name, calls=0, drain_s=0.0)
        elif not daemon.stopping:
            log.info("daemon.stopping", signal=name, calls=daemon.calls, drain_s=self._drain_s)
            daemon.stop()
            self._nursery.start_soon(self._drain, daemon)
            return
        elif not self._hanging_up:
            self._nursery.start_soon(self._hang_up, daemon)
            return
        self._nursery.cancel_scope.cancel()

    async def _drain(self, daemon: Daemon) -> None:
        await trio.sleep(self._drain_s)
        log.warning("daemon.drain_over", after_s=self._drain_s, calls=daemon.calls)
        await self._hang_up(daemon)

    async def _hang_up(self, daemon: Daemon) -> None:
        self._hanging_up = True
        daemon.end_calls("the daemon was stopped")
        await trio.sleep(LAST_WORDS_S)
        self._nursery.cancel_scope.cancel()
