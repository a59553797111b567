"""What `voicebot run` is: listeners, admission, routing, and the orderly end.

Knows the configuration, the flows and what all calls share.  Must not know what happens within a
call.  A fault in one call ends that call; nothing here lets it reach another.
"""

from __future__ import annotations

import errno
import gc
import ipaddress
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
import trio

from voicebot.call import Call, Services
from voicebot.config import Config, Listener, check_paths
from voicebot.flow.check import checked_flow, constants, prompts_of
from voicebot.flow.dialog import CallInfo
from voicebot.flow.expressions import ExpressionError, as_text, fill
from voicebot.flow.model import FilePrompt, Flow
from voicebot.flow.yamlfile import Finding, Severity, sort_findings
from voicebot.hearing.ear import CallerEar
from voicebot.hearing.recogniser import Recogniser
from voicebot.line.audiosocket import Decoder, ProtocolError
from voicebot.line.clock import MediaClock
from voicebot.line.line import Line, LineEvent, hang_up, identify
from voicebot.speaking.playback import Playback
from voicebot.speaking.prompts import PromptError, PromptStore
from voicebot.speech.remote import RemoteRecogniser, RemoteSynthesiser
from voicebot.speech.supervisor import WorkerSpec, run_worker

log = structlog.get_logger()

IDENTIFY_S: Final = 5.0
"""Asterisk sends the UUID within milliseconds; who has not after this is not Asterisk."""
STRANGERS: Final = 100
"""Connections that have not yet said who they are; further ones are closed at once."""
BACKLOG: Final = 512
ACCEPT_AGAIN_S: Final = 0.1
RATES_IN_USE: Final = (8000, 16000)
"""What prompts are rendered at before any call; other rates are resampled when one comes."""


class StartError(Exception):
    """The daemon cannot start; the text is one line that says what to do."""


class FlowErrors(Exception):
    """Flows or settings have errors; `findings` are what to print."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


# Flows -----------------------------------------------------------------------------------------


def load_flows(config: Config) -> tuple[dict[str, Flow], list[Finding]]:
    """All flows of the configuration's folder, by name, and everything found about them.

    An error in a flow, two flows of one name, or a route to none is a finding.
    """
    findings = check_paths(config)
    words = vocabulary(config)
    flows: dict[str, Flow] = {}
    for path in sorted(config.flows.glob("*.yaml")):
        flow, found = checked_flow(path, words)
        findings += found
        if flow is None:
            continue
        if flow.name in flows:
            other = flows[flow.name].path
            message = f'the flow is called "{flow.name}", like the one in {other}: rename one'
            findings.append(Finding(flow.start_mark, Severity.ERROR, message))
        flows[flow.name] = flow
    broken = any(f.severity is Severity.ERROR for f in findings)
    if not broken:
        findings += _unknown_routes(config, flows)
    return flows, sort_findings(findings)


def vocabulary(config: Config) -> frozenset[str] | None:
    """The words the recogniser knows, where its model tells."""
    words: set[str] = set()
    for path in config.asr.models.values() if config.asr.engine == "vosk" else ():
        table = path / "graph" / "words.txt"
        if not table.is_file():
            return None
        words.update(line.split()[0] for line in table.read_text().splitlines() if line)
    return frozenset(words) or None


def _unknown_routes(config: Config, flows: dict[str, Flow]) -> Iterable[Finding]:
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("routes", n, "flow"), route.flow) for n, route in enumerate(config.routes)
    ]
    named += [
        (("listen", "audiosocket", n, "flow"), one.flow)
        for n, one in enumerate(config.listen.audiosocket)
        if one.flow is not None
    ]
    for place, name in named:
        if name not in flows:
            known = ", ".join(sorted(flows)) or "none"
            message = f'no flow is called "{name}"; in {config.flows} there is: {known}'
            yield Finding(config.mark(*place), Severity.ERROR, message)


def _static_texts(flow: Flow) -> Iterable[tuple[str, str]]:
    """What a call may say whose words are known before it."""
    fixed = constants(flow)
    for prompt in prompts_of(flow):
        if prompt.text.names <= set(fixed):
            try:
                text = as_text(fill(prompt.text, fixed, {}))
            except ExpressionError:
                continue  # it depends on the moment, or fails in the call, where it is told
            if text.strip() and not isinstance(prompt, FilePrompt):
                yield text, flow.language


# Engines ---------------------------------------------------------------------------------------


@asynccontextmanager
async def engines(config: Config) -> AsyncIterator[tuple[Recogniser, RemoteSynthesiser]]:
    """The recogniser and the synthesiser of the configuration, their workers kept running."""
    with tempfile.TemporaryDirectory(prefix="voicebot-") as folder:
        async with trio.open_nursery() as nursery:
            specs = list(_workers(config, Path(folder)))
            async with trio.open_nursery() as starting:
                for spec in specs:
                    starting.start_soon(nursery.start, run_worker, spec)
            hearing = [config.asr.uri] if config.asr.uri else _uris(specs, "vosk")
            speaking = [config.tts.uri] if config.tts.uri else _uris(specs, "piper")
            ours = config.asr.engine == "vosk"
            yield (
                RemoteRecogniser(hearing, partials=ours),
                await RemoteSynthesiser.connect(speaking),
            )
            nursery.cancel_scope.cancel()


def _workers(config: Config, folder: Path) -> Iterable[WorkerSpec]:
    if config.asr.engine == "vosk":
        for n in range(config.asr.workers):
            yield WorkerSpec("vosk", config.asr.models, folder / f"vosk-{n}.sock")
    if config.tts.engine == "piper":
        for n in range(config.tts.workers):
            yield WorkerSpec("piper", config.tts.voices, folder / f"piper-{n}.sock")


def _uris(specs: Iterable[WorkerSpec], engine: str) -> list[str]:
    return [spec.uri for spec in specs if spec.engine == engine]


async def render_prompts(prompts: PromptStore, flows: Iterable[Flow]) -> None:
    """Have every static prompt and sound file of the flows ready to play.

    Raises:
        FlowErrors: a sound file cannot be read.
    """
    texts: list[tuple[str, str]] = []
    findings: list[Finding] = []
    for flow in flows:
        texts += _static_texts(flow)
        for prompt in prompts_of(flow):
            if isinstance(prompt, FilePrompt):
                try:
                    await trio.to_thread.run_sync(prompts.load_file, prompt.path)
                except PromptError as error:
                    findings.append(Finding(prompt.mark, Severity.ERROR, str(error)))
    if findings:
        raise FlowErrors(sort_findings(findings))

    def progress(done: int, total: int) -> None:
        if done == total or done % 20 == 0:
            log.info("prompts.rendered", done=done, total=total)

    await prompts.render(dict.fromkeys(texts), progress)


# The daemon ------------------------------------------------------------------------------------


class Daemon:
    """Takes calls on every listener of the configuration until it is told to stop."""

    def __init__(self, config: Config, flows: dict[str, Flow], services: Services) -> None:
        self._config = config
        self._flows = flows
        self._services = services
        self._strangers = 0
        self._calls: set[int] = set()
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
                peer = _peer(stream.socket)
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

    def _turned_away(self, listener: Listener, peer: _Ip) -> str:
        """Why this peer may not come in; "" when it may."""
        if not any(peer in network for network in self._config.listen.allowed(listener)):
            return "not in listen.allow"
        return "too many strangers" if self._strangers >= STRANGERS else ""

    async def _connection(
        self, listener: Listener, trio_socket: trio.socket.SocketType, peer: str
    ) -> None:
        """One connection, whatever it is; a fault in it ends here."""
        sock = _plain(trio_socket)
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
        flow = self._route(listener)
        limit = self._config.limits.calls
        if len(self._calls) >= limit or flow is None:
            reason = "no route" if flow is None else f"limits.calls is {limit}"
            log.warning("call.refused", call=str(uuid), peer=peer, reason=reason)
            await hang_up(sock)
            return
        self._count += 1
        key = self._count  # not the identifier: two calls may carry the same
        self._calls.add(key)
        try:
            await self._call(flow, listener, sock, peer, uuid, decoder)
        finally:
            self._calls.discard(key)

    def _route(self, listener: Listener) -> Flow | None:
        name = listener.flow or next(
            (r.flow for r in self._config.routes if r.called is None), None
        )
        return None if name is None else self._flows[name]

    async def _call(
        self,
        flow: Flow,
        listener: Listener,
        sock: socket.socket,
        peer: str,
        uuid: UUID,
        decoder: Decoder,
    ) -> None:
        def make_line(
            playback: Playback, ear: CallerEar, on_event: Callable[[LineEvent], None]
        ) -> Line:
            return Line(sock, uuid, decoder=decoder, source=playback, ear=ear, on_event=on_event,
                        rate_hz=listener.rate_hz, now_s=trio.current_time())  # fmt: skip

        with structlog.contextvars.bound_contextvars(call=str(uuid)):
            began_s = trio.current_time()
            log.info("call.started", flow=flow.name, peer=peer)
            info = CallInfo(str(uuid), datetime.now().astimezone())
            call = Call(flow, info, self._services, make_line, seed=uuid.int ^ self._count)
            reason = "the daemon was stopped"
            try:
                with trio.move_on_after(self._config.limits.call_time_s) as limit:
                    reason = await call.run()
                if limit.cancelled_caught:
                    reason = "limits.call_time is over"
            except Exception:
                reason = "fault"
                log.exception("call.fault")
            finally:
                stats = call.line.stats
                log.info("call.ended", reason=reason, seconds=round(trio.current_time() - began_s, 2),
                         variables=call.variables, frames_in=stats.frames_in,
                         frames_out=stats.frames_out, late=stats.late,
                         dropped=stats.dropped)  # fmt: skip


_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


def _peer(sock: trio.socket.SocketType) -> _Ip | None:
    """Who has connected; an IPv4 address even where it comes mapped into IPv6.

    None for a connection that was reset before it was accepted: a port scan does that.
    """
    try:
        name = sock.getpeername()
    except OSError:
        return None
    peer = ipaddress.ip_address(name[0].partition("%")[0])
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return mapped or peer


def _plain(trio_socket: trio.socket.SocketType) -> socket.socket:
    """The socket itself: the media clock reads and writes it without trio."""
    sock = socket.socket(fileno=trio_socket.detach())
    sock.setblocking(False)
    return sock


async def open_listeners(config: Config) -> list[tuple[Listener, trio.SocketListener]]:
    """Listen on every port of the configuration.

    Raises:
        StartError: a port is taken or an address is not ours.
    """
    opened: list[tuple[Listener, trio.SocketListener]] = []
    for listener in config.listen.audiosocket:
        host, port = listener.address
        try:
            sockets = await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
        except OSError as error:
            for _, other in opened:
                await other.aclose()
            raise StartError(_why_not(listener, error)) from None
        opened += [(listener, one) for one in sockets]
    return opened


def _why_not(listener: Listener, error: OSError) -> str:
    leaf = error if error.errno else error.__cause__
    number = leaf.errno if isinstance(leaf, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"{listener.address} is in use by another program: stop that one (is a voicebot running "
            "already?) or give another port under listen.audiosocket"
        )
    reason = os.strerror(number) if number else str(error)
    return f"cannot listen on {listener.address}: {reason}; correct listen.audiosocket"


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
    flows, findings = load_flows(config)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise FlowErrors(findings)
    for finding in findings:
        log.warning("flow.warning", at=str(finding.mark), message=finding.message)
    for _, sockets in await open_listeners(config):
        await sockets.aclose()  # they are free; who calls before we are ready is refused at once
    async with engines(config) as (recogniser, synthesiser):
        prompts = PromptStore(synthesiser, config.cache, RATES_IN_USE)
        await render_prompts(prompts, flows.values())
        daemon = Daemon(config, flows, Services(MediaClock(), recogniser, prompts))
        # What is loaded stays: the collector need not walk through it between two frames.
        gc.collect()
        gc.freeze()
        listening = await open_listeners(config)
        addresses = [(listener, _address(sockets)) for listener, sockets in listening]
        log.info("daemon.ready", listening=", ".join(address for _, address in addresses),
                 flows=", ".join(flows))  # fmt: skip
        task_status.started(addresses)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.clock.run)
            nursery.start_soon(_obey_signals, daemon, config.limits.drain_s, nursery)
            await daemon.serve(listening)
            nursery.cancel_scope.cancel()
    log.info("daemon.stopped")


def _address(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _obey_signals(daemon: Daemon, drain_s: float, nursery: trio.Nursery) -> None:
    """First signal: no more calls, those under way may end.  Second: they are hung up."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            if daemon.stopping:
                break
            log.info("daemon.stopping", signal=signal.Signals(number).name, calls=daemon.calls,
                     drain_s=drain_s)  # fmt: skip
            daemon.stop()
            nursery.start_soon(_end_after, drain_s, nursery)
    nursery.cancel_scope.cancel()


async def _end_after(drain_s: float, nursery: trio.Nursery) -> None:
    await trio.sleep(drain_s)
    log.warning("daemon.drain_over", after_s=drain_s)
    nursery.cancel_scope.cancel()
