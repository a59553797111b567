"""What a process and all that descend from it hold: memory, files, threads, and the TCP connections of its ports.

Knows /proc of Linux. Must not know what the process is for.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PAGE_MIB = 4096 / 2**20

_STATES = dict(
    enumerate(
        "ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING".split(),
        start=1,
    )
)


@dataclass(frozen=True, slots=True)
class Holdings:
    """At one moment."""

    rss_mib: float
    """Of the process itself."""
    workers_rss_mib: float
    """Of all that descend from it."""
    files: int
    """Open in the process itself."""
    threads: int
    processes: int
    """With itself."""


def holdings(pid: int) -> Holdings:
    """What a running process holds."""
    members = _family(pid)
    return Holdings(
        _rss_mib(pid),
        sum(_rss_mib(child) for child in members - {pid}),
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        len(list(Path(f"/proc/{pid}/task").iterdir())),
        len(members),
    )


def tcp_states(ports: Iterable[int]) -> Mapping[str, int]:
    """How many connections to and from these ports of this machine are in each state; TIME_WAIT, the kernel's own, left out."""
    wanted = set(ports)
    states: Counter[str] = Counter()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                ends = {int(end.rpartition(":")[2], 16) for end in fields[1:3]}
                if ends & wanted:
                    states[_STATES[int(fields[3], 16)]] += 1
    del states["TIME_WAIT"]
    return dict(states)


def _rss_mib(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB
    except OSError:  # it has just gone
        return 0.0


def _family(pid: int) -> set[int]:
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if found := re.search(r"^PPid:\s*(\d+)", status.read_text(), re.MULTILINE):
                parents[int(status.parent.name)] = int(found[1])
    members = {pid}
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return members
