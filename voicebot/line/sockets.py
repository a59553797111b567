"""A connection that was just accepted: who is at its other end, and its socket without trio.

Must not know what is said on it, nor who may connect.
"""

import ipaddress
import socket
from typing import TypeAlias

import trio

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def peer_address(sock: socket.socket | trio.socket.SocketType) -> tuple[Ip, int] | None:
    """Who has connected, and the port; an IPv4 address even where it comes mapped into IPv6.

    None for a connection that was reset before it was accepted: a port scan does that.
    """
    try:
        name = sock.getpeername()
    except OSError:
        return None
    peer = ipaddress.ip_address(name[0].partition("%")[0])
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return mapped or peer, name[1]


def plain(trio_socket: trio.socket.SocketType) -> socket.socket:
    """The socket itself: the media clock reads and writes it without trio."""
    sock = socket.socket(fileno=trio_socket.detach())
    sock.setblocking(False)
    return sock
