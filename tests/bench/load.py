"""The bench's first part: many calls at once against one server after another, in rounds.

Knows the load program and its result, and the limits that the voicebot is held to. Every server gets the same
load by turns, several rounds of it, so that what else the machine does hits all of them. Of a figure the median
of the rounds counts; lost frames and the like are added up.
"""

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from .report import Figure, Part, table
from .servers import SERVERS, TICKS_PER_S, Server, ServerFailed, compiled, cpu_s

RAMP_S = 2.0
"""The callers ring within this time."""
EDGE_S = 1.0
"""Kept off the beginning and the end of the time in which all calls are up."""

CPU_OF_C_ECHO, LATE_MS, FIRST_FRAME_MS = 2.5, 10.0, 40.0
"""The limits: times the C echo's CPU, p99 lateness, first prompt frame after the UUID."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is put on each server."""

    calls: int = 200
    seconds: float = 20.0
    rate_hz: int = 8000
    rounds: int = 3
    level_dbfs: float = -60.0


@dataclass(frozen=True, slots=True)
class Round:
    """One server under the load once."""

    server: str
    cpu_us: float
    """Processor time of the server in microseconds per call and second."""
    others: float
    """Cores that neither the server nor the load had while it was measured: the machine's other work."""
    load: dict[str, Any]
    """The load program's own result; see load.c."""

    def at(self, name: str, statistic: str) -> float | None:
        """For instance `at("late_ms", "p99")`; None where nothing of the kind was seen."""
        series = self.load[name]
        return None if series is None else float(series[statistic])


def run(load: Load, names: Sequence[str]) -> Part:
    """Put the load on the servers named, keys of SERVERS.

    Raises:
        ServerFailed: a server does not start, or a program does not compile.
    """
    program = compiled("load.c")
    rounds: list[Round] = []
    for n in range(load.rounds):
        for name in names:
            with SERVERS[name]() as server:
                rounds.append(_measure(server, load, program, seed=n))
            print(f"round {n + 1} of {load.rounds}: {_line(rounds[-1])}", flush=True)
    by_server = {one.server: [r for r in rounds if r.server == one.server] for one in rounds}
    data = {
        "load": {name: getattr(load, name) for name in Load.__slots__},
        "rounds": [{name: getattr(one, name) for name in Round.__slots__} for one in rounds],
    }
    return Part(_table(load, by_server), _figures(by_server), data)


def _measure(server: Server, load: Load, program: Path, seed: int) -> Round:
    time.sleep(0.5)  # the start of the server is not what is measured
    numbers = (load.calls, load.seconds, load.rate_hz, seed, load.level_dbfs, RAMP_S)
    command = [str(program), "127.0.0.1", str(server.port), *map(str, numbers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as caller:
        time.sleep(RAMP_S + EDGE_S)
        before = _clocks(server, caller.pid)
        time.sleep(load.seconds - RAMP_S - 2 * EDGE_S)
        after = _clocks(server, caller.pid)
        output = caller.communicate()[0]
    if caller.returncode:
        raise ServerFailed(f"the load failed ({caller.returncode}); what it says is above")
    elapsed_s, server_s, caller_s, busy_s = (b - a for a, b in zip(before, after, strict=True))
    return Round(
        server=server.name,
        cpu_us=server_s * 1e6 / (load.calls * elapsed_s),
        others=max(0.0, busy_s - server_s - caller_s) / elapsed_s,
        load=json.loads(output),
    )


def _clocks(server: Server, caller_pid: int) -> tuple[float, float, float, float]:
    """Now, and the processor time so far of the server, of the load and of the whole machine, in seconds."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    busy_s = (user + nice + system + irq + softirq + steal) / TICKS_PER_S
    return time.monotonic(), server.cpu_s(), cpu_s(caller_pid), busy_s


def _line(one: Round) -> str:
    late = one.at("late_ms", "p99")
    return (
        f"{one.server:<14}{one.cpu_us:6.0f} us per call-second, "
        f"p99 {'-' if late is None else f'{late:.1f}'} ms late, {one.load['lost']} lost"
    )


def _middle(rounds: Sequence[Round], name: str, statistic: str) -> float | None:
    values = [value for one in rounds if (value := one.at(name, statistic)) is not None]
    return median(values) if values else None


def _sum(rounds: Sequence[Round], *names: str) -> float:
    return float(sum(one.load[name] for one in rounds for name in names))


def _table(load: Load, by_server: dict[str, list[Round]]) -> str:
    columns = list(by_server.values())
    cpu = [median(one.cpu_us for one in rounds) for rounds in columns]
    rows: list[tuple[str, list[float | None]]] = [("CPU, us per call-second", [*cpu])]
    rows.append((f"  times the {next(iter(by_server))}", [value / cpu[0] for value in cpu]))
    for title, name in (
        ("frame lateness, ms", "late_ms"),
        ("UUID to first message, ms", "first_message_ms"),
        ("UUID to first loud frame, ms", "first_loud_ms"),
        ("load's own lateness, ms", "own_late_ms"),
    ):
        for statistic in ("p50", "p99", "max"):
            values = [_middle(rounds, name, statistic) for rounds in columns]
            rows.append((f"{title}, {statistic}", values))
    for title, names in (
        ("frames lost, all rounds", ("lost",)),
        ("calls refused or broken, all rounds", ("refused", "broken", "hangups")),
        ("messages against the protocol", ("violations",)),
    ):
        rows.append((title, [_sum(rounds, *names) for rounds in columns]))
    rows.append(("cores busy with other work", [median(r.others for r in rs) for rs in columns]))
    head = f"{load.calls} calls of {load.seconds:g} s at {load.rate_hz} Hz"
    return table([head, *by_server], rows)


def _figures(by_server: dict[str, list[Round]]) -> list[Figure]:
    bot = by_server.get("voicebot")
    if bot is None:
        return []
    figures = []
    cpu_us = median(one.cpu_us for one in bot)
    if echo := by_server.get("asyncio echo"):
        echo_us = median(one.cpu_us for one in echo)
        figures.append(Figure("CPU of the asyncio echo", cpu_us / echo_us, 1.0, " x"))
    if echo := by_server.get("C echo"):
        echo_us = median(one.cpu_us for one in echo)
        figures.append(Figure("CPU of the C echo", cpu_us / echo_us, CPU_OF_C_ECHO, " x"))
    first_ms = _middle(bot, "first_loud_ms", "max")
    bad = _sum(bot, "refused", "broken", "hangups", "violations")
    return [
        *figures,
        Figure("frame lateness, p99", _middle(bot, "late_ms", "p99"), LATE_MS, " ms"),
        Figure("frames lost", _sum(bot, "lost"), 0),
        Figure("first prompt frame after the UUID, slowest", first_ms, FIRST_FRAME_MS, " ms"),
        Figure("calls broken, messages against the protocol", bad, 0),
    ]
