"""Where calls come in: the ports of the configuration, and who is at the other end.

Knows sockets before anything has been said on them.  Must not know calls, flows or the protocol.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import Final

import trio

from voicebot.config import Agi, Config, Listener
from voicebot.config_values import Address, Network
from voicebot.line.sockets import Ip, peer_address

BACKLOG: Final = 512


class StartError(Exception):
    """The daemon cannot start; the text is one line that says what to do."""


def peer_of(sock: trio.socket.SocketType) -> Ip | None:
    """Who has connected; None as `peer_address`."""
    found = peer_address(sock)
    return None if found is None else found[0]


@dataclass(frozen=True, slots=True)
class Port:
    """Where callers come in, one way or another."""

    settings: Listener | Agi
    allowed: tuple[Network, ...]
    sockets: trio.SocketListener

    @property
    def address(self) -> str:
        """The address that it really has."""
        return address_of(self.sockets)


async def open_ports(config: Config) -> list[Port]:
    """Listen on every port of the configuration where callers come in.

    Raises:
        StartError: a port is taken or an address is not ours.
    """
    listen = config.listen
    places: list[tuple[str, Listener | Agi]] = [("audiosocket", one) for one in listen.audiosocket]
    if listen.agi is not None:
        places.append(("agi", listen.agi))
    opened: list[Port] = []
    for key, settings in places:
        try:
            opened += [
                Port(settings, listen.allowed(settings), sockets)
                for sockets in await open_port(f"listen.{key}", settings.address)
            ]
        except StartError:
            for other in opened:
                await other.sockets.aclose()
            raise
    return opened


async def check_ports(config: Config) -> None:
    """Whether every port of the configuration can be had; none is kept.

    Raises:
        StartError: as `open_ports`.
    """
    opened = [port.sockets for port in await open_ports(config)]
    try:
        if config.listen.web is not None:
            opened += await open_port("listen.web", config.listen.web.address)
    finally:
        for sockets in opened:
            await sockets.aclose()


async def open_port(setting: str, address: Address) -> list[trio.SocketListener]:
    """Listen at one address, which `setting` of the configuration names.

    Raises:
        StartError: as `open_ports`.
    """
    try:
        return await trio.open_tcp_listeners(address.port, host=address.host, backlog=BACKLOG)
    except OSError as error:
        raise StartError(_why_not(setting, address, error)) from None


def _why_not(setting: str, address: Address, error: OSError) -> str:
    leaf = error if error.errno else error.__cause__
    number = leaf.errno if isinstance(leaf, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"{address} is in use by another program: stop that one (is a voicebot running "
            f"already?) or give another port under {setting}"
        )
    reason = os.strerror(number) if number else str(error)
    return f"cannot listen on {address}: {reason}; correct {setting}"


def address_of(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return str(Address(host, port))
