"""Where calls come in: the ports of the configuration, and who is at the other end.

Knows sockets before anything has been said on them.  Must not know calls, flows or the protocol.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from typing import Final, TypeAlias

import trio

from voicebot.config import Config, Listener

BACKLOG: Final = 512


class StartError(Exception):
    """The daemon cannot start; the text is one line that says what to do."""


Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def peer_of(sock: trio.socket.SocketType) -> Ip | None:
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


def plain(trio_socket: trio.socket.SocketType) -> socket.socket:
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


def address_of(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
