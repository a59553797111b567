"""Taking calls: listeners, a task for each call, limits, and the orderly end.

Lives here: who may come in, and what becomes of a handler that ends, raises or is cancelled. Must
not know: what a call hears and says.

A fault in one handler ends that call; nothing here lets it reach another.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import structlog
import trio

from voicebot.audiosocket.call import Call, CallOver, CallSettings, Peer
from voicebot.line.audiosocket import ProtocolError
from voicebot.line.clock import Lateness, MediaClock
from voicebot.line.line import DRAIN_S, hang_up, identify
from voicebot.line.sockets import peer_address, plain

log = structlog.get_logger()

# An Asterisk that comes back connects all its calls at once.
BACKLOG = 512
ACCEPT_AGAIN_S = 0.1

Handler: TypeAlias = Callable[[Call], Awaitable[object]]
"""What is done with a call. When it returns, the call is hung up."""

Admit: TypeAlias = Callable[[UUID, Peer], CallSettings | None]
"""How a call is served, by its identifier and its peer; None: not at all. It must not wait."""

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server puts up with."""

    calls: int | None = None
    """Calls at once; further ones are hung up at once, so that their dialplan goes on."""
    uuid_s: float = 5.0
    """Asterisk sends the identifier within milliseconds; who has not after this is not Asterisk."""
    strangers: int = 100
    """Connections without an identifier yet; further ones are closed at once."""


@dataclass(frozen=True, slots=True)
class ServerStats:
    """What a server has counted so far."""

    calls: int
    """Going on now."""
    taken: int
    """Given to the handler, now or before."""
    refused: int
    """Not allowed, not admitted, too many, or no AudioSocket at all."""
    lateness: Lateness
    """How late the heartbeats were."""


@dataclass(frozen=True, slots=True)
class _Door:
    """Who comes in."""

    settings: CallSettings
    limits: Limits
    admit: Admit | None
    networks: tuple[Network, ...] | None

    def allows(self, peer: Peer) -> bool:
        address = ipaddress.ip_address(peer.host)
        return self.networks is None or any(address in network for network in self.networks)

    def settings_for(self, uuid: UUID, peer: Peer) -> CallSettings | None:
        return self.admit(uuid, peer) if self.admit else self.settings


class Server:
    """What `serve` tells of itself through its `task_status`, and where it is stopped."""

    def __init__(
        self, handler: Handler, door: _Door, listeners: Sequence[trio.SocketListener]
    ) -> None:
        """Take the calls of these listeners, once `run` is."""
        self.addresses = [_address(listener) for listener in listeners]
        """Host and port of each listener, as they really are."""
        self._handler = handler
        self._door = door
        self._listeners = listeners
        self._clock = MediaClock()
        self._accepting = trio.CancelScope()
        self._serving = trio.CancelScope()
        self._strangers: set[trio.CancelScope] = set()
        self._calls: set[Call] = set()
        self._taken = 0
        self._refused = 0

    @property
    def port(self) -> int:
        """The port of the first listener: what the system chose in place of 0."""
        return self.addresses[0][1]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that go on now."""
        return tuple(self._calls)

    @property
    def stats(self) -> ServerStats:
        """What has been counted so far."""
        return ServerStats(len(self._calls), self._taken, self._refused, self._clock.lateness)

    def stop(self, grace_s: float | None = None) -> None:
        """Take no more calls; `serve` returns when the last handler has.

        Args:
            grace_s: the calls that still go on after so many seconds are hung up, and their
                handlers cancelled; None: they may go on for ever.
        """
        self._accepting.cancel()
        for scope in self._strangers:
            scope.cancel()
        if grace_s is not None:
            self._serving.deadline = trio.current_time() + grace_s

    async def run(self, ready: Callable[["Server"], None]) -> None:
        """Serve until `stop`, and until the last call has ended; `ready` is told at once."""
        async with trio.open_nursery() as background:
            background.start_soon(self._clock.run)
            with self._serving:
                async with trio.open_nursery() as calls:
                    await self._accept_all(calls, ready)
            background.cancel_scope.cancel()

    async def _accept_all(self, calls: trio.Nursery, ready: Callable[["Server"], None]) -> None:
        with self._accepting:
            async with trio.open_nursery() as accepting:
                for listener in self._listeners:
                    accepting.start_soon(self._accept, listener, calls)
                ready(self)

    async def _accept(self, listener: trio.SocketListener, calls: trio.Nursery) -> None:
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    # Out of file descriptors, mostly: calls that end give some back.
                    log.warning("listener.accept_failed", reason=str(error))
                    await trio.sleep(ACCEPT_AGAIN_S)
                    continue
                sock = plain(stream.socket)
                peer = _peer(sock)
                reason = self._turned_away(peer)
                if peer is None or reason:
                    self._refuse(peer, reason)
                    sock.close()
                else:
                    calls.start_soon(self._connection, sock, peer)

    def _turned_away(self, peer: Peer | None) -> str:
        """Why this peer may not even say who it is; "" when it may."""
        if peer is None:
            return "closed before it was accepted"
        if not self._door.allows(peer):
            return "not in allow"
        return "too many strangers" if len(self._strangers) >= self._door.limits.strangers else ""

    def _refuse(self, peer: Peer | None, reason: str) -> None:
        self._refused += 1
        log.warning("listener.refused", peer=peer and peer.host, reason=reason)

    async def _connection(self, sock: socket.socket, peer: Peer) -> None:
        """One connection, whatever it is; a fault in it ends here."""
        try:
            uuid = await self._identified(sock, peer)
            if uuid is not None:
                await self._admit(sock, uuid, peer)
        except Exception:
            log.exception("connection.fault", peer=peer.host)
        finally:
            sock.close()  # mostly it is already

    async def _identified(self, sock: socket.socket, peer: Peer) -> UUID | None:
        """Who it is; None for one that does not say so."""
        uuid_s = self._door.limits.uuid_s
        with trio.move_on_after(uuid_s) as scope:
            self._strangers.add(scope)
            try:
                identified = await identify(sock, self._door.settings.dialect)
            except (ProtocolError, OSError) as error:
                self._refused += 1
                log.warning("line.not_audiosocket", peer=peer.host, reason=str(error))
                return None
            finally:
                self._strangers.discard(scope)
            # Closed without a byte: Asterisk does that for a channel that is not answered yet.
            return identified and identified[0]
        if not self._accepting.cancel_called:
            self._refused += 1
            log.warning("line.no_uuid", peer=peer.host, after_s=uuid_s)
        return None

    async def _admit(self, sock: socket.socket, uuid: UUID, peer: Peer) -> None:
        settings = None
        if self._door.limits.calls is not None and len(self._calls) >= self._door.limits.calls:
            self._refuse(peer, "too many calls")
        else:
            try:
                settings = self._door.settings_for(uuid, peer)
            except Exception:
                log.exception("connection.fault", peer=peer.host)
            if settings is None:
                self._refuse(peer, f"call {uuid} is not admitted")
        if settings is None:
            await hang_up(sock)
        else:
            await self._serve(Call(sock, uuid, peer, settings, self._clock))

    async def _serve(self, call: Call) -> None:
        self._calls.add(call)
        self._taken += 1
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call.close_when_over)
                await self._handle(call)
                await call.close()
        finally:
            with trio.move_on_after(2 * DRAIN_S, shield=True):
                await call.close()
            self._calls.discard(call)

    async def _handle(self, call: Call) -> None:
        try:
            await self._handler(call)
            await call.hangup()
        except* CallOver:
            pass  # Where the handler would have said more, nobody was there.
        except* Exception:
            log.exception("connection.fault", peer=call.peer.host, uuid=str(call.uuid))


async def serve(  # noqa: PLR0913 - where, and the four things that all calls of it share
    handler: Handler,
    host: str | None = "127.0.0.1",
    port: int = 9092,
    *,
    settings: CallSettings | None = None,
    limits: Limits | None = None,
    admit: Admit | None = None,
    allow: Iterable[str] | None = None,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Take calls until `Server.stop`, or until cancelled; then all calls are hung up cleanly.

    `await nursery.start(serve, handler)` returns the `Server` once it listens.

    Args:
        handler: called with each `Call`, in a task of its own. When it returns, what was written
            is played out and the call hung up. When it raises, that is logged and the call hung up
            at once; `CallOver` is a normal end.
        host: an address or name, IPv6 too; None: all addresses of the machine. AudioSocket knows
            no password, so do not listen where strangers are.
        port: 0 lets the system choose.
        settings: for every call, unless `admit` says otherwise.
        admit: asked for each call; None refuses it: it is hung up, and its dialplan goes on.
        allow: networks such as "10.0.0.0/8" that may connect; None: all.

    Raises:
        OSError: it cannot listen there.
        ValueError: something in `allow` is no network.
    """
    door = _door(settings, limits, admit, allow)
    listeners = await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
    # A lambda: flake8-async looks for the call.
    await Server(handler, door, listeners).run(lambda server: task_status.started(server))  # noqa: PLW0108


async def serve_listeners(  # noqa: PLR0913 - as `serve`
    handler: Handler,
    listeners: Sequence[trio.SocketListener],
    *,
    settings: CallSettings | None = None,
    limits: Limits | None = None,
    admit: Admit | None = None,
    allow: Iterable[str] | None = None,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Take calls as `serve` does, on listeners that are there already; they are closed at the end.

    Raises:
        ValueError: something in `allow` is no network; the listeners are still open then.
    """
    door = _door(settings, limits, admit, allow)
    # A lambda: flake8-async looks for the call.
    await Server(handler, door, listeners).run(lambda server: task_status.started(server))  # noqa: PLW0108


def _door(
    settings: CallSettings | None,
    limits: Limits | None,
    admit: Admit | None,
    allow: Iterable[str] | None,
) -> _Door:
    networks = None if allow is None else tuple(map(ipaddress.ip_network, allow))
    return _Door(settings or CallSettings(), limits or Limits(), admit, networks)


def _peer(sock: socket.socket) -> Peer | None:
    """Who has connected; None as `peer_address`."""
    found = peer_address(sock)
    return None if found is None else Peer(str(found[0]), found[1])


def _address(listener: trio.SocketListener) -> tuple[str, int]:
    host, port = listener.socket.getsockname()[:2]
    return host, port
