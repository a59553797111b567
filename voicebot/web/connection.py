"""One connection for requests: Hypercorn's half of HTTP, and what it leaves to others.

Knows Hypercorn, and is loaded only where there is a port for requests.  Must not know who may connect,
nor what is asked and answered.
"""

from __future__ import annotations

from typing import Any, Final, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config as Settings
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, LifespanState
from starlette.applications import Starlette

REQUEST_S: Final = 5.0
"""Until the head of a request is there."""
HEAD_MOST: Final = 16_384
"""Bytes of a request without its body."""


class Speaker:
    """Speaks HTTP for an application."""

    def __init__(self, app: Starlette) -> None:
        self._app = ASGIWrapper(cast("Any", app))
        self._settings = _settings()

    async def speak(self, stream: trio.SocketStream) -> None:
        """One request and its answer.  Cancelled, it ends at once, and the stream is closed.

        Raises:
            Exception: of any kind, in a group: what came was not HTTP, and Hypercorn stumbled over it.
                The application's own faults do not come here.
        """
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


def _settings() -> Settings:
    settings = Settings()
    settings.errorlog = settings.accesslog = None  # our own log has what there is to say
    settings.include_server_header = False
    settings.keep_alive_timeout = REQUEST_S
    # Kept, a connection would stand open for seconds after its client is gone.
    settings.keep_alive_max_requests = 0
    settings.h11_max_incomplete_size = HEAD_MOST
    settings.h2_max_concurrent_streams = 10
    settings.websocket_max_message_size = HEAD_MOST
    return settings
