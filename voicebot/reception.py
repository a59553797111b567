"""Where callers are taken in: connections become legs and AGI sessions, and those become calls.

Knows the ports, and what must have been said on a connection before it is a caller's.  Must not know
what happens within a call, nor how the daemon starts and stops.  A fault in one connection ends that
connection.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog
import trio

from voicebot.call.ending import Ending
from voicebot.calls import Calls, Leg, Taken
from voicebot.config import Agi, Listener
from voicebot.config_values import Address
from voicebot.line.agi import AgiError, AgiSession
from voicebot.line.audiosocket import Decoder, ProtocolError
from voicebot.line.line import RESET, hang_up, identify
from voicebot.line.sockets import Ip, plain
from voicebot.listeners import Port, peer_of
from voicebot.pbx.fastagi import AgiCaller, Audio
from voicebot.pbx.switchboard import Switchboard

log = structlog.get_logger()

IDENTIFY_S: Final = 5.0
"""Asterisk sends the UUID within milliseconds; who has not after this is not Asterisk."""
STRANGERS: Final = 100
"""Connections that have not yet said who they are; further ones are closed at once."""
ACCEPT_AGAIN_S: Final = 0.1
KEEP_ALIVE_S: Final = 60
"""After so long Asterisk's machine is asked whether it is still there."""


class Reception:
    """Takes callers in at every port until it is told to stop."""

    def __init__(self, ports: Sequence[Port], calls: Calls, switchboard: Switchboard) -> None:
        self._ports = ports
        self._calls = calls
        self._switchboard = switchboard
        self._strangers = 0
        self._sessions = 0
        """Of AGI(): whoever has one may want another leg."""
        self._stopping = trio.CancelScope()
        """Around the ports of AGI(): cancelled, no call comes in any more."""
        self._legs_over = trio.CancelScope()
        """Around the ports of AudioSocket: cancelled, no leg comes in any more."""

    @property
    def calls(self) -> Calls:
        return self._calls

    @property
    def stopping(self) -> bool:
        return self._stopping.cancel_called

    def stop(self) -> None:
        """Take no more calls; those under way go on."""
        self._stopping.cancel()
        self._end_legs()

    def _end_legs(self) -> None:
        """The callers under way need their ports until the last of them cannot come back any more."""
        if self.stopping and not self._sessions:
            self._legs_over.cancel()

    async def serve(self) -> None:
        """Serve until stop(), then until the last call has ended."""
        async with trio.open_nursery() as calls:
            with self._legs_over:
                async with trio.open_nursery() as legs:
                    for port in self._ports:
                        if isinstance(port.settings, Listener):
                            legs.start_soon(self._accept, port, calls)
                    with self._stopping:
                        async with trio.open_nursery() as sessions:
                            for port in self._ports:
                                if isinstance(port.settings, Agi):
                                    sessions.start_soon(self._accept, port, calls)

    async def _accept(self, port: Port, calls: trio.Nursery) -> None:
        async with port.sockets:
            while True:
                try:
                    stream = await port.sockets.accept()
                except OSError as error:
                    # Out of file descriptors, mostly: calls that end give some back.
                    log.warning("listener.accept_failed", reason=str(error))
                    await trio.sleep(ACCEPT_AGAIN_S)
                    continue
                peer = peer_of(stream.socket)
                if peer is None:
                    stream.socket.close()
                    continue
                reason = self._turned_away(port, peer)
                if reason:
                    log.warning("listener.refused", peer=str(peer), reason=reason)
                    stream.socket.close()
                else:
                    self._strangers += 1
                    if isinstance(port.settings, Agi):
                        self._sessions += 1
                        calls.start_soon(self._agi, port.settings, stream, str(peer))
                    else:
                        calls.start_soon(self._connection, port.settings, stream.socket, str(peer))

    def _turned_away(self, port: Port, peer: Ip) -> str:
        """Why this peer may not come in; "" when it may."""
        if not any(peer in network for network in port.allowed):
            return "not in listen.allow"
        return "too many strangers" if self._strangers >= STRANGERS else ""

    async def _connection(
        self, listener: Listener, trio_socket: trio.socket.SocketType, peer: str
    ) -> None:
        """One connection, whatever it is; a fault in it ends here."""
        sock = plain(trio_socket)
        handed_over = False
        try:
            identified = await self._identified(listener, sock, peer)
            if identified is not None:
                leg = Leg(listener, sock, *identified, peer)
                handed_over = self._switchboard.legs.deliver(leg)
                if not handed_over and self.stopping:
                    # As if the port were closed, which it is but for those who are awaited.
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                elif not handed_over:
                    await self._admit(leg)
        except Exception:
            log.exception("connection.fault", peer=peer)
        finally:
            if not handed_over:
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

    async def _agi(self, settings: Agi, stream: trio.SocketStream, peer: str) -> None:
        """One session of AGI(), whatever it is; a fault in it ends here."""
        session = AgiSession(stream)
        try:
            # Somebody may talk for an hour with whom he was sent to, and not a byte goes over this.
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_S)
            environment = await self._environment(session, peer)
            if environment is not None:
                audio = Audio(self._audio_address(settings, stream), settings.audio)
                caller = AgiCaller(session, self._calls, self._switchboard, audio=audio, peer=peer)
                await caller.run(environment)
        except AgiError as error:
            log.info("agi.closed_early", peer=peer, reason=str(error))
        except Exception:
            log.exception("agi.fault", peer=peer)
        finally:
            self._sessions -= 1
            self._end_legs()
            await trio.aclose_forcefully(stream)

    async def _environment(self, session: AgiSession, peer: str) -> Mapping[str, str] | None:
        """What Asterisk says first; None for a peer that says something else, which is logged."""
        try:
            with trio.move_on_after(IDENTIFY_S):
                return await session.environment()
            log.warning("agi.silent", peer=peer, after_s=IDENTIFY_S)
        except AgiError as error:
            log.warning("agi.not_asterisk", peer=peer, reason=str(error))
        finally:
            self._strangers -= 1
        return None

    def _audio_address(self, settings: Agi, stream: trio.SocketStream) -> Address:
        """Where Asterisk finds our AudioSocket."""
        if settings.audiosocket is not None:
            return settings.audiosocket
        of_audio = next(port for port in self._ports if isinstance(port.settings, Listener))
        host, number = of_audio.sockets.socket.getsockname()[:2]
        if ipaddress.ip_address(host).is_unspecified:
            # Every address is ours: then also the one at which Asterisk has found us.
            host = stream.socket.getsockname()[0]
        return Address(host, number)

    async def _admit(self, leg: Leg) -> None:
        """Make a call of a leg that nobody has asked for."""
        introduction, exchange = await self._switchboard.introduced(leg)
        answer = self._calls.answer(leg.uuid, introduction, leg.peer)
        if isinstance(answer, Taken):
            await self._calls.run(answer, leg, exchange)
        else:
            await exchange.ending(Ending(answer))
            await hang_up(leg.sock)
