"""Who has a TCP port of this machine.

Knows sockets and Linux's /proc.  Must not know what the ports are for.
"""

from __future__ import annotations

import errno
import re
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from voicebot.config import Address

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
"""TCP_LISTEN, as /proc/net/tcp writes it."""


class State(Enum):
    """What a port is to someone who wants to listen there."""

    FREE = "free"
    TAKEN = "taken"
    NOT_OURS = "not ours"
    """The address is not this machine's."""
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port."""

    pid: int
    command: tuple[str, ...]

    @property
    def is_voicebot(self) -> bool:
        """Whether it is a bot: `voicebot run` or `python -m voicebot run`."""
        named = any(Path(word).name.startswith("voicebot") for word in self.command[:3])
        return named and "run" in self.command

    def __str__(self) -> str:
        name = Path(self.command[0]).name if self.command else "a program"
        return f"{'voicebot' if self.is_voicebot else name} (process {self.pid})"


def state_of(address: Address) -> State:
    """Whether one could listen there now."""
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with closing(socket.socket(family, kind, protocol)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(target)
            sock.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return State.TAKEN
        return State.FORBIDDEN if error.errno == errno.EACCES else State.NOT_OURS
    return State.FREE


def holder_of(port: int) -> Holder | None:
    """The process that listens on this port, at whatever address; None: it is not ours to see."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening(table, port)}
    if not inodes:
        return None
    for folder in _PROC.iterdir():
        # Processes come and go, and those of others keep their files to themselves.
        with suppress(OSError):
            if folder.name.isdecimal() and _has_any(folder, inodes):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                return Holder(
                    int(folder.name), tuple(w.decode("utf-8", "replace") for w in words if w)
                )
    return None


def _listening(table: str, port: int) -> list[str]:
    """The inodes of the sockets that listen on this port."""
    try:
        rows = (_PROC / "net" / table).read_text("ascii").splitlines()[1:]
    except OSError:
        return []
    fields = [row.split() for row in rows]
    return [
        one[9]
        for one in fields
        if one[3] == _LISTENING and int(one[1].rpartition(":")[2], 16) == port
    ]


def _has_any(process: Path, inodes: set[str]) -> bool:
    for entry in (process / "fd").iterdir():
        match = re.fullmatch(r"socket:\[(\d+)\]", str(entry.readlink()))
        if match is not None and match[1] in inodes:
            return True
    return False


def files_limit_of(pid: int | None) -> int | None:
    """How many files a process may have open; None: of this process, or not to be seen."""
    try:
        text = (_PROC / (str(pid) if pid else "self") / "limits").read_text("ascii")
    except OSError:
        return None
    match = re.search(r"^Max open files\s+(\d+)", text, re.MULTILINE)
    return int(match[1]) if match is not None else None
