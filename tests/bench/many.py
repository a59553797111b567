"""The bench's part of many short calls: a thousand of them through a real Asterisk, and what is left behind.

Knows what counts as good. How the calls are made and where leaks are looked for is in tests/asterisk/many.py.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.asterisk.many import COUNTED, Left, Load, Outcome, many_calls, write_many
from tests.bot import running_bot

from .asterisk import running_bed
from .report import Figure, Part, percentile, table

CALLS_EACH = 5
"""So many calls for each that there may be at once."""
WARM_UP_EACH = CALLS_EACH
"""The same load once before: what it needs at its worst, with ended calls that the garbage collector has not met yet, is
kept for the next."""
MEMORY_GROWN = 5.0


def run(at_once: int) -> Part:
    """Make the calls and look what is left.

    Raises:
        ServerFailed: there is no Asterisk on this machine.
    """
    load = Load(CALLS_EACH * at_once, at_once, a_second=at_once / 6, stay_s=16.0, patience_s=8)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_bed(at_once + 50) as bed,
        running_bot(write_many(Path(folder), load), COUNTED) as bot,
    ):
        outcome = many_calls(bed, bot, load, warm_up=WARM_UP_EACH * at_once)
        faults = [line for line in bot.log if "fault" in line["event"]]
    answered_ms = [1000 * visit.answered_s for visit in outcome.visits if visit.answered_s]
    sides = (outcome.before, outcome.after)
    shown: dict[str, list[float]] = {
        "daemon, MiB": [side.daemon.rss_mib for side in sides],
        "its workers, MiB": [side.daemon.workers_rss_mib for side in sides],
        "open files": [side.daemon.files for side in sides],
        "threads": [side.daemon.threads for side in sides],
        "processes": [side.daemon.processes for side in sides],
        "TCP connections but LISTEN": [_connections(side) for side in sides],
        "channels of Asterisk": [side.channels for side in sides],
    }
    for name in outcome.before.counted:
        title = name if name == "tasks" else f"{name} objects in memory"
        shown[title] = [side.counted[name] for side in sides]
    head = f"{load.calls} calls, {outcome.peak} at once, in {outcome.seconds:.0f} s"
    figures = [
        Figure("calls not answered or without an end", float(len(outcome.failed)), 0),
        Figure("callers of a second who heard nothing", float(len(outcome.unheard)), 0),
        Figure("faults", float(len(faults)), 0),
        Figure("daemon's memory grown", 100 * outcome.memory_grown, MEMORY_GROWN, " %"),
        Figure("tasks and objects of calls left", float(_more(outcome)), 0),
        Figure("open files left", float(_files(outcome)), 0),
        Figure("TCP connections left", float(_connections(outcome.after)), 0),
        Figure("channels of Asterisk left", float(outcome.after.channels), 0),
    ]
    data: dict[str, Any] = {
        "load": asdict(load),
        "peak": outcome.peak,
        "seconds": outcome.seconds,
        "before": asdict(outcome.before),
        "after": asdict(outcome.after),
        "ended": dict(outcome.ended),
        "answered_ms": {share: percentile(answered_ms, share) for share in (0.5, 0.99, 1.0)},
    }
    return Part(table([head, "before", "after"], list(shown.items())), figures, data)


def _connections(left: Left) -> int:
    return sum(count for state, count in left.connections.items() if state != "LISTEN")


def _files(outcome: Outcome) -> int:
    return max(0, outcome.after.daemon.files - outcome.before.daemon.files)


def _more(outcome: Outcome) -> int:
    return _total(outcome.after.counted) - _total(outcome.before.counted)


def _total(counted: Mapping[str, int]) -> int:
    return sum(counted.values())
