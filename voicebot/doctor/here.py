"""Our side, as far as it can be looked at without a call: settings, flows, ports, folders, the machine.

Knows the configuration and the disk.  Must not know Asterisk, nor what engines do.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from voicebot import __version__
from voicebot.config import Address, Config
from voicebot.doctor.ports import Holder, State, files_limit_of, holder_of, state_of
from voicebot.doctor.results import Result, fail, ok, warn
from voicebot.flow.yamlfile import Finding, Severity

PYTHON: Final = (3, 11)
FILES_OF_A_CALL: Final = 8
"""Audio, AGI, recogniser, synthesiser, a request, and three files of records."""
FILES_BESIDES: Final = 200
"""Listeners, workers, strangers who have not said which call they are, Python itself."""
CALLS_OF_A_CORE: Final = 80
"""About 1 % of a core for each caller who speaks, with the recogniser that comes with voicebot."""
DISK_BYTES: Final = (100 << 20, 1 << 30)
"""Less free space is a fault, and a warning."""
SHOWN: Final = 5
"""Findings of one kind; `voicebot check` shows all."""


# Settings and flows ------------------------------------------------------------------------------


def judge_findings(what: str, findings: Sequence[Finding], well: str) -> Iterator[Result]:
    """Findings as results; `well` when there are none."""
    errors = [str(f) for f in findings if f.severity is Severity.ERROR]
    warnings = [str(f) for f in findings if f.severity is not Severity.ERROR]
    yield from (fail(what, text) for text in errors[:SHOWN])
    yield from (warn(what, text) for text in warnings[:SHOWN])
    if len(errors) > SHOWN or len(warnings) > SHOWN:
        yield warn(what, f"and {len(findings)} findings in all: voicebot check shows them")
    if not findings:
        yield ok(what, well)


def packages() -> Iterator[Result]:
    """Whether Python and the packages are those that voicebot is made for."""
    python = platform.python_version()
    if sys.version_info[:2] < PYTHON:
        yield fail("python", f"Python {python} is too old: voicebot needs 3.11 or newer")
    missing = []
    for wanted in _wanted():
        name = re.split(r"[ ;<>=!~\[(]", wanted, maxsplit=1)[0]
        if "extra ==" not in wanted and not _installed(name):
            missing.append(name)
    if missing:
        yield fail(
            "python", f"not installed: {', '.join(missing)}; run: make demo, or pip install ."
        )
    else:
        shown = ", ".join(
            f"{name} {metadata.version(name)}" for name in ("trio", "vosk", "piper-tts")
        )
        yield ok("python", f"voicebot {__version__}, Python {python}, {shown}")


def _wanted() -> list[str]:
    """What voicebot needs, as its package says; nothing where it runs from a checkout that is not installed."""
    try:
        return metadata.requires("voicebot") or []
    except metadata.PackageNotFoundError:
        return []


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


# Ports -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the settings, and who has it now."""

    place: str
    """Where it stands in the settings."""
    address: Address
    state: State
    holder: Holder | None

    @property
    def serves(self) -> bool:
        """Whether a bot may be there: one is, or nobody can say who is."""
        return self.state is State.TAKEN and (self.holder is None or self.holder.is_voicebot)


def ports_of(config: Config) -> list[Port]:
    """All ports of the settings that have a number."""
    listen = config.listen
    places = [("listen.audiosocket", one.address) for one in listen.audiosocket]
    places += [("listen.agi", listen.agi.address)] if listen.agi is not None else []
    places += [("listen.web", listen.web.address)] if listen.web is not None else []
    found = []
    for place, address in places:
        if address.port:
            state = state_of(address)
            holder = holder_of(address.port) if state is State.TAKEN else None
            found.append(Port(place, address, state, holder))
    return found


def judge_ports(ports: Sequence[Port]) -> Iterator[Result]:
    """Whether the bot can have its ports, or has them."""
    yield from map(_judge_port, ports)
    if not ports:
        yield warn(
            "ports", "all ports are 0: they change at each start, and no dialplan can name them"
        )


def _judge_port(port: Port) -> Result:
    where = f"{port.address} ({port.place})"
    match port.state:
        case State.FREE:
            return ok("ports", f"{where} is free; no bot runs there now")
        case State.NOT_OURS:
            return fail("ports", f"{where} is not an address of this machine: correct it")
        case State.FORBIDDEN:
            return fail("ports", f"{where} is only for root: take a port above 1023")
        case State.TAKEN if port.holder is None:
            return warn("ports", f"{where} is taken, by whom only root can see")
        case State.TAKEN if port.serves:
            return ok("ports", f"{where} is served by {port.holder}")
        case State.TAKEN:
            return fail(
                "ports", f"{where} is taken by {port.holder}: stop it, or take another port"
            )


# The machine -------------------------------------------------------------------------------------


def judge_machine(config: Config, ports: Sequence[Port]) -> Iterator[Result]:
    """Folders, disk, open files and processors."""
    yield from _folder("cache", config.cache)
    yield from _folder("records.folder", config.records.folder)
    bot = next((p.holder for p in ports if p.holder is not None and p.holder.is_voicebot), None)
    yield from judge_files(files_limit_of(bot.pid if bot else None), config.limits.calls)
    yield judge_cores(len(os.sched_getaffinity(0)), config.limits.calls)


def _folder(key: str, folder: Path) -> Iterator[Result]:
    """Whether something can be written there, and how much."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        yield fail(key, f"{there} is a file: {key} in the settings must be a folder")
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield fail(key, f"{there} cannot be written by this user: correct {key}, or its rights")
        return
    yield judge_disk(key, folder, shutil.disk_usage(there).free)


def judge_disk(key: str, folder: Path, free_bytes: int) -> Result:
    """Whether there is room for what calls leave behind."""
    free_gb = free_bytes / (1 << 30)
    text = f"{folder} can be written, {free_gb:.1f} GB are free"
    figures = {"free_gb": round(free_gb, 2)}
    least, little = DISK_BYTES
    if free_bytes >= little:
        return ok(key, text, figures)
    told = fail if free_bytes < least else warn
    return told(key, f"{text}: make room, or choose another folder", figures)


def judge_files(limit: int | None, calls: int) -> Iterator[Result]:
    """Whether a process may have as many files open as the calls need."""
    if limit is None:
        return
    wanted = FILES_BESIDES + FILES_OF_A_CALL * calls
    figures = {"limit": limit, "wanted": wanted}
    if limit >= wanted:
        yield ok("open files", f"{limit} are allowed, {calls} calls need about {wanted}", figures)
    else:
        yield warn(
            "open files",
            f"{limit} are allowed, {calls} calls (limits.calls) need about {wanted}: ulimit -n {wanted}, "
            f"LimitNOFILE={wanted} in the systemd unit, or fewer calls",
            figures,
        )


def judge_cores(cores: int, calls: int) -> Result:
    """Whether the processors bear the calls that the settings allow."""
    figures = {"cores": cores, "calls": calls}
    text = f"{cores} for up to {calls} calls (limits.calls)"
    if calls <= CALLS_OF_A_CORE * cores:
        return ok("processors", text, figures)
    return warn(
        "processors",
        f"{text}: about {CALLS_OF_A_CORE} callers who speak at once keep one busy; set limits.calls to "
        f"{CALLS_OF_A_CORE * cores}, or measure with make bench",
        figures,
    )
