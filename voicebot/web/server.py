"""The port for requests: connections, and who may connect.

Knows sockets.  Must not know HTTP, nor what is asked and answered.  A fault in one connection ends that
connection, and no call hears of any.

Hypercorn's own listening is not used: it neither looks at who connects, nor counts, nor survives a
fault in one connection, and it waits without end for a client that does not read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import inf
from typing import TYPE_CHECKING, Final

import structlog
import trio

from voicebot.config import Config
from voicebot.config_values import Network
from voicebot.line.sockets import Ip
from voicebot.listeners import address_of, open_port, peer_of
from voicebot.pbx.expected import Expected
from voicebot.pbx.finished import Finished

if TYPE_CHECKING:
    from voicebot.web.connection import Speaker

log = structlog.get_logger()

CONNECTIONS: Final = 200
"""At once; further ones are closed.  A dialplan's request is over within milliseconds."""
CONNECTION_S: Final = 15.0
"""However slowly somebody reads or writes."""
GRACE_S: Final = 1.0
"""For answers that are under way when the daemon ends."""
ACCEPT_AGAIN_S: Final = 0.1


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
    from voicebot.web.app import Desk, make_app  # noqa: PLC0415
    from voicebot.web.connection import Speaker  # noqa: PLC0415

    listeners = await open_port("listen.web", config.listen.web.address)
    speaker = Speaker(make_app(Desk(expected, finished, flows, calls)))
    door = _Door(speaker, config.listen.allowed(config.listen.web))
    task_status.started([address_of(listener) for listener in listeners])
    try:
        await door.serve(listeners)
    except Exception:
        log.exception("web.fault")  # nobody can ask any more; calls go on


class _Door:
    """Lets peers in, each with a connection of its own."""

    def __init__(self, speaker: Speaker, allowed: tuple[Network, ...]) -> None:
        self._speaker = speaker
        self._allowed = allowed
        self._open: set[trio.CancelScope] = set()
        """One for each connection."""
        self._until_s = inf
        """When the last connection is cut off."""

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Take connections until cancelled; those that are there then have `GRACE_S` to end."""
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(self._accept, listener, nursery)
            try:
                await trio.sleep_forever()
            finally:
                self._until_s = trio.current_time() + GRACE_S
                for limit in self._open:
                    limit.deadline = min(limit.deadline, self._until_s)

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
                    until_s = min(trio.current_time() + CONNECTION_S, self._until_s)
                    limit = trio.CancelScope(deadline=until_s, shield=True)
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
                await self._speaker.speak(stream)
            if limit.cancelled_caught:
                log.info("web.cut_off", peer=peer)
        except Exception as error:  # noqa: BLE001 - there are many ways to stumble
            log.warning("web.garbled", peer=peer, reason=_reason(error))
        finally:
            self._open.discard(limit)
            stream.socket.close()


def _reason(error: BaseException) -> str:
    """The first of the errors that nurseries have put into groups, on a line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
