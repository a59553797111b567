"""All that `voicebot doctor` looks at, in its order.

Knows which check comes when, and what has to be skipped when something is not there.  Must not know how anything is
checked, nor how results are shown.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voicebot.config import Address, Config, Listener, check_paths, load_config
from voicebot.doctor import asterisk, here
from voicebot.doctor.calling import ALL_ADDRESSES, call_the_bot, listeners_that_serve, nobody
from voicebot.doctor.console import Console, NoConsoleError, RefusedError, open_console
from voicebot.doctor.loopback import NARROW_HZ, Loop, NoLoopError, NotMadeError, loop
from voicebot.doctor.releases import judge_version
from voicebot.doctor.results import Report, Result, fail, ok, skip
from voicebot.doctor.speech import examine_engines
from voicebot.doctor.through import Way, by_agi, by_audiosocket, call_through
from voicebot.doctor.verdicts import judge_loop
from voicebot.flows import load_flows
from voicebot.line.audiosocket import Dialect
from voicebot.pbx.releases import Release, parse_release, takes_every_rate
from voicebot.pbx.wants import Wants, wants_of
from voicebot.pbx.ways import NoWayError, entries

WIDE_HZ: Final = 16000


@dataclass(frozen=True, slots=True)
class _Ours:
    """What is known of our side."""

    config: Config
    flows: Sequence[Wants]
    ports: Sequence[here.Port]


async def examine(config_path: Path, report: Report) -> None:
    """Look at everything, and tell it as it is found."""
    report.section("This machine")
    report.add(*here.packages())
    config, findings = load_config(config_path)
    report.add(*here.judge_findings("settings", findings, f"{config_path} has no findings"))
    if config is None:
        report.add(skip("all else", "the settings come first: correct them"))
        return
    ours = await _our_side(config, report)
    report.section("Asterisk")
    report.busy("asking Asterisk")
    async with AsyncExitStack() as stack:
        console: Console | None = None
        try:
            console = await stack.enter_async_context(open_console(config))
        except NoConsoleError as error:
            told = fail if config.ami is not None else skip
            report.add(told("asterisk", f"cannot be asked: {error}"))
        looped = await _asterisk_side(console, ours, report)
        await _bot(console if looped else None, ours, report)


async def _our_side(config: Config, report: Report) -> _Ours:
    flows, findings = load_flows(config)
    names = ", ".join(flows) or "none"
    report.add(*here.judge_findings("flows", findings, f"no findings in {names}"))
    ports = here.ports_of(config)
    report.add(*here.judge_ports(ports), *here.judge_machine(config, ports))
    if check_paths(config):
        report.add(skip("engines", "first what the settings name must be there"))
    else:
        report.busy("starting the engines")
        report.add(*await examine_engines(config))
    return _Ours(config, [wants_of(flow) for flow in flows.values()], ports)


# Asterisk ----------------------------------------------------------------------------------------


async def _asterisk_side(console: Console | None, ours: _Ours, report: Report) -> bool:
    """Look at Asterisk; returns whether it makes calls to us."""
    if console is None:
        report.section("Loop-back call")
        report.add(skip("call", "Asterisk cannot be asked to make one"))
        return False
    report.add(ok("asterisk", f"answers through {console.name}"))
    release = await _release(console, report)
    for listener in ours.config.listen.audiosocket:
        report.add(*asterisk.judge_dialect(listener, release))
    modules = await _answers(console, ours, report)
    report.section("Loop-back call")
    loops = await _loops(console, release, modules, report)
    peer = loops[0].peer if loops else _address_of(console.its_host)
    report.add(*asterisk.judge_doors(ours.config, peer))
    return bool(loops)


async def _release(console: Console, report: Report) -> Release | None:
    try:
        text = await console.version()
    except RefusedError as error:
        report.add(skip("version", str(error)))
        return None
    report.add(*judge_version(text))
    return parse_release(text)


async def _answers(console: Console, ours: _Ours, report: Report) -> frozenset[str] | None:
    """Modules, settings and dialplan; returns the modules that are loaded, None when they are not shown."""
    config = ours.config
    wanted = list(asterisk.needs(config, ours.flows))
    looks: list[tuple[str, Callable[[str], Iterable[Result]]]] = [
        ("module show", lambda shown: asterisk.judge_modules(shown, wanted)),
        (
            "core show settings",
            lambda shown: asterisk.judge_settings(shown, config.limits.calls),
        ),
        ("dialplan show", lambda shown: asterisk.judge_dialplan(shown, config)),
    ]
    modules: frozenset[str] | None = None
    try:
        for line, judge in looks:
            shown = await console.ask(line)
            report.add(*judge(shown))
            if line == looks[0][0]:
                modules = asterisk.loaded_modules(shown) or None
        for goal in asterisk.goals_to_look_up(config, ours.flows):
            shown = await _shown(console, f"dialplan show {goal.to}@{goal.context}")
            report.add(asterisk.judge_goal(goal, shown))
    except RefusedError as error:
        report.add(skip("the rest", f"modules, settings and dialplan are not to be seen: {error}"))
    return modules


async def _shown(console: Console, line: str) -> str:
    """What Asterisk says, also when it is that there is no such thing."""
    try:
        return await console.ask(line)
    except RefusedError as error:
        if "no existence" in str(error):
            return str(error)
        raise


# The loop-back call ------------------------------------------------------------------------------


async def _loops(
    console: Console, release: Release | None, modules: frozenset[str] | None, report: Report
) -> list[Loop]:
    """One call at each rate; none where the first one fails, for the second would, too."""
    loops: list[Loop] = []
    for rate_hz, needed in (
        (NARROW_HZ, ("chan_audiosocket", "app_audiosocket")),
        (WIDE_HZ, ("chan_audiosocket", "app_dial", "bridge_simple", "codec_resample")),
    ):
        kind = f"{rate_hz // 1000} kHz"
        missing = [name for name in needed if modules is not None and name not in modules]
        if missing:
            report.add(skip(kind, f"Asterisk has not loaded {', '.join(missing)}"))
            continue
        if rate_hz != NARROW_HZ and release is not None and not takes_every_rate(release):
            report.add(skip(kind, f"Asterisk {release} does not say at which rate audio comes"))
            continue
        report.busy(f"a call at {kind}, from Asterisk to this machine and through it back")
        try:
            loops.append(await loop(console, rate_hz))
        except NoLoopError as error:
            told = skip if isinstance(error, NotMadeError) else fail
            report.add(told(kind, str(error)))
            break
        report.add(*judge_loop(loops[-1]))
    return loops


def _address_of(host: str) -> str:
    try:
        return str(socket.getaddrinfo(host, None)[0][4][0])
    except OSError:
        return host


# The bot -----------------------------------------------------------------------------------------


async def _bot(console: Console | None, ours: _Ours, report: Report) -> None:
    """Call the bot from here and, with a console, through Asterisk."""
    report.section("The bot")
    serving = listeners_that_serve(ours.config, ours.ports)
    if not serving:
        report.add(nobody(ours.ports))
    for listener in serving:
        report.busy(f"a call to {listener.address}")
        report.add(await call_the_bot(listener))
    if console is not None:
        for way in _ways(console, ours, serving):
            report.busy(f"a call through Asterisk, {way.what}")
            report.add(await call_through(console, way))


def _ways(console: Console, ours: _Ours, serving: Sequence[Listener]) -> Iterator[Way]:
    """The ways in which Asterisk may get to the bot that runs."""
    for listener in serving:
        host, port = listener.address
        if listener.dialect is Dialect.ASTERISK:
            found = console.our_host if host in ALL_ADDRESSES else host
            yield by_audiosocket(Address(found, port))
    if any(port.serves and port.place == "listen.agi" for port in ours.ports):
        known = {flow.name: flow for flow in ours.flows}
        with suppress(NoWayError):
            first, *_ = entries(ours.config, known, only=None, freepbx=False)
            yield by_agi(first.steps[-1].removeprefix("AGI(").removesuffix(")"))
