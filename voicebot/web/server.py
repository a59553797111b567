"""The port for requests: connections, who may connect, and Hypercorn's half of HTTP.

Knows sockets and Hypercorn.  Must not know what is asked and answered.  A fault in one connection ends
that connection, and no call hears of any.

Hypercorn's own listening is not used: it neither looks at who connects, nor counts, nor survives a
fault in one connection, and it waits without end for a client that does not read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
import trio

from voicebot.config import Config
from voicebot.config_values import Network
from voicebot.listeners import Ip, address_of, open_port, peer_of
from voicebot.pbx.expected import Expected
from voicebot.pbx.finished import Finished

if TYPE_CHECKING:
    from hypercorn.config import Config as HypercornConfig
    from hypercorn.trio.worker_context import WorkerContext
    from hypercorn.typing import AppWrapper

log = structlog.get_logger()

CONNECTIONS: Final = 200
"""At once; further ones are closed.  A dialplan's request is over within milliseconds."""
CONNECTION_S: Final = 15.0
"""However slowly somebody reads or writes."""
REQUEST_S: Final = 5.0
"""Until the head of a request is there."""
GRACE_S: Final = 1.0
"""For answers that are under way when the daemon ends."""
ACCEPT_AGAIN_S: Final = 0.1
HEAD_MOST: Final = 16_384
"""Bytes of a request without its body."""


async def serve_web(
    config: Config,
    expected: Expected,
    finished: Finished,
    flows: Callable[[], Collection[str]],
    *,
    calls: Callable[[], int] | None = None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests at `listen.web` until cancelled.

    Args:
        config: without `listen.web` there is nothing to do.
        expected: gets what is posted.
        finished: has the results that are asked for.
        flows: the names of the flows that are served now.
        calls: how many calls are under way, for `GET /health`.
        task_status: `started` gives the addresses that it really has.

    Raises:
        StartError: the port is taken, or the address is not ours.
    """
    if config.listen.web is None:
        task_status.started([])
        return
    # Loaded only where it is wanted: a tenth of a second.
    from hypercorn.app_wrappers import ASGIWrapper  # noqa: PLC0415

    from voicebot.web.app import Desk, make_app  # noqa: PLC0415

    listeners = await open_port("listen.web", config.listen.web.address)
    app = ASGIWrapper(cast("Any", make_app(Desk(expected, finished, flows, calls))))
    door = _Door(app, config.listen.allowed(config.listen.web))
    task_status.started([address_of(listener) for listener in listeners])
    try:
        await door.serve(listeners)
    except Exception:
        log.exception("web.fault")  # nobody can ask any more; calls go on


class _Door:
    """Lets peers in, each with a connection of its own."""

    def __init__(self, app: AppWrapper, allowed: tuple[Network, ...]) -> None:
        self._app = app
        self._allowed = allowed
        self._settings = _settings()
        self._open: set[trio.CancelScope] = set()
        """One for each connection."""

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Take connections until cancelled; those that are there then have `GRACE_S` to end."""
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(self._accept, listener, nursery)
            try:
                await trio.sleep_forever()
            finally:
                until_s = trio.current_time() + GRACE_S
                for limit in self._open:
                    limit.deadline = min(limit.deadline, until_s)

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    # Out of file descriptors, mostly: connections that end give some back.
                    log.warning("web.accept_failed", reason=str(error))
                    await trio.sleep(ACCEPT_AGAIN_S)
                    continue
                peer = peer_of(stream.socket)
                reason = "" if peer is None else self._turned_away(peer)
                if reason:
                    log.warning("listener.refused", peer=str(peer), reason=reason)
                if peer is None or reason:
                    stream.socket.close()
                else:
                    # From outside only its deadline is moved: a half-written answer is no answer.
                    limit = trio.CancelScope(
                        deadline=trio.current_time() + CONNECTION_S, shield=True
                    )
                    self._open.add(limit)
                    nursery.start_soon(self._connection, stream, limit, str(peer))

    def _turned_away(self, peer: Ip) -> str:
        """Why this peer may not come in; "" when it may."""
        if not any(peer in network for network in self._allowed):
            return "not in listen.allow"
        return "too many requests" if len(self._open) >= CONNECTIONS else ""

    async def _connection(
        self, stream: trio.SocketStream, limit: trio.CancelScope, peer: str
    ) -> None:
        """One connection, whatever comes; a fault in it ends here."""
        try:
            with limit:
                await self._served(stream)
            if limit.cancelled_caught:
                log.info("web.cut_off", peer=peer)
        except Exception:
            log.exception("web.fault", peer=peer)
        finally:
            self._open.discard(limit)
            stream.socket.close()

    async def _served(self, stream: trio.SocketStream) -> None:
        from hypercorn.trio.tcp_server import TCPServer  # noqa: PLC0415
        from hypercorn.trio.worker_context import WorkerContext  # noqa: PLC0415
        from hypercorn.typing import ConnectionState, LifespanState  # noqa: PLC0415

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_close_when_cancelled, stream)
            context = WorkerContext(None)
            state = ConnectionState(LifespanState({}))
            # Written for a stream with TLS, it takes one without as well.
            client = cast("Any", _Client(stream, context))
            await TCPServer(self._app, self._settings, context, state, client).run()
            nursery.cancel_scope.cancel()


class _Client:
    """A stream that tells Hypercorn when nobody is at its other end any more.

    It would go on for seconds, for a next request could come.
    """

    def __init__(self, stream: trio.SocketStream, context: WorkerContext) -> None:
        self.socket = stream.socket
        self.send_all = stream.send_all
        self.send_eof = stream.send_eof
        self.aclose = stream.aclose
        self._stream = stream
        self._context = context

    async def receive_some(self, most: int) -> bytes:
        data = b""
        try:
            data = bytes(await self._stream.receive_some(most))
        finally:
            if not data:
                with trio.CancelScope(shield=True):
                    await self._context.terminated.set()
        return data


async def _close_when_cancelled(stream: trio.SocketStream) -> None:
    """Hypercorn's writing cannot be cancelled, but ends when there is nothing to write to."""
    try:
        await trio.sleep_forever()
    finally:
        stream.socket.close()


def _settings() -> HypercornConfig:
    from hypercorn.config import Config as HypercornConfig  # noqa: PLC0415

    settings = HypercornConfig()
    settings.errorlog = logging.getLogger("voicebot.web")  # goes where all warnings of libraries go
    settings.accesslog = None
    settings.include_server_header = False
    settings.keep_alive_timeout = REQUEST_S
    # Kept, a connection would stand open for seconds after its client is gone.
    settings.keep_alive_max_requests = 0
    settings.h11_max_incomplete_size = HEAD_MOST
    settings.h2_max_concurrent_streams = 10
    settings.websocket_max_message_size = HEAD_MOST
    return settings
