"""What Asterisk's own answers say about it: modules, settings, the lines of its dialplan.

Knows what its CLI prints, as seen on Asterisk 22.10.1.  Must not know how it is asked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from voicebot.config import Agi, Config, Listener
from voicebot.doctor.results import Result, Verdict, fail, ok, skip, warn
from voicebot.flow.events import TransferKind
from voicebot.line.audiosocket import Dialect
from voicebot.line.sockets import Ip
from voicebot.pbx.releases import Release, bugs_of
from voicebot.pbx.wants import WHISPER, Goal, Wants
from voicebot.pbx.ways import AGI_PORT

# Modules -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Need:
    """A module, and what it is for."""

    module: str
    use: str
    verdict: Verdict
    """What it is when it is not loaded."""


def needs(config: Config, flows: Sequence[Wants]) -> Iterator[Need]:
    """The modules that calls of this configuration go through."""
    agi = config.listen.agi
    by_dial = agi is not None and agi.audio != "app"
    needed, better = Verdict.FAIL, Verdict.WARN
    yield Need("res_audiosocket", "AudioSocket", needed)
    yield Need("app_audiosocket", "AudioSocket()", better if by_dial else needed)
    yield Need("chan_audiosocket", "Dial(AudioSocket/...)", needed if by_dial else better)
    yield from _needs_of_agi() if agi is not None else _needs_without_agi(config)
    yield Need("codec_resample", "audio of other rates than 8 kHz", better)
    yield Need("codec_ulaw", "callers with \u00b5-law", better)
    yield Need("codec_alaw", "callers with A-law", better)
    if by_dial or any(flow.goals for flow in flows):
        yield Need("app_dial", "Dial(), for transfers and wide band", needed)
        yield Need("bridge_simple", "two channels that talk to each other", needed)
    yield from _needs_of_transfers(flows)


def _needs_of_agi() -> Iterator[Need]:
    yield Need("res_agi", "AGI(), which listen.agi waits for; it needs res_speech", Verdict.FAIL)
    yield Need("func_version", "the bot asks which Asterisk it is", Verdict.WARN)
    yield Need("func_dialplan", "the bot asks for extensions before it transfers", Verdict.WARN)


def _needs_without_agi(config: Config) -> Iterator[Need]:
    yield Need("app_exec", "TryExec(): a person when the bot is down", Verdict.WARN)
    yield Need("func_uuid", "${UUID()}", Verdict.WARN)
    if config.listen.web is not None:
        for module in ("func_curl", "res_curl", "func_uri"):
            yield Need(module, "requests to listen.web", Verdict.WARN)


def _needs_of_transfers(flows: Sequence[Wants]) -> Iterator[Need]:
    if any(flow.whispers for flow in flows):
        yield Need("app_stack", "Gosub, which whispers need", Verdict.FAIL)
    kinds = {goal.kind for flow in flows for goal in flow.goals}
    for kind, module in (
        (TransferKind.QUEUE, "app_queue"),
        (TransferKind.VOICEMAIL, "app_voicemail"),
    ):
        if kind in kinds:
            yield Need(module, f"transfers to a {kind}", Verdict.FAIL)


def loaded_modules(shown: str) -> frozenset[str]:
    """The modules that run, of `module show`."""
    rows = re.findall(r"^(\w+)\.so\s.*\s\d+\s+(Running|Not Running)\s", shown, re.MULTILINE)
    return frozenset(name for name, state in rows if state == "Running")


def judge_modules(shown: str, wanted: Sequence[Need]) -> Iterator[Result]:
    """What is missing of the modules that are wanted."""
    loaded = loaded_modules(shown)
    if not loaded:
        yield skip("modules", "`module show` shows none: the manager user may not see them")
        return
    missing = [need for need in wanted if need.module not in loaded]
    for need in missing:
        yield Result(
            need.verdict,
            "modules",
            f"{need.module} is not loaded ({need.use}): `module load {need.module}.so`, and "
            f"load = {need.module}.so in modules.conf if autoload is off there",
        )
    if not missing:
        names = ", ".join(need.module for need in wanted)
        yield ok("modules", f"{len(wanted)} are wanted and loaded: {names}")


# Settings ----------------------------------------------------------------------------------------

_SETTING: Final = re.compile(r"^\s*([^:\n]+?):+[ \t]+(\S.*?)\s*$", re.MULTILINE)
FILES_OF_A_CALL: Final = 12
"""Open files of Asterisk for one call: RTP and RTCP of two legs, timers, alert pipes, AudioSocket, AGI."""


def judge_settings(shown: str, calls: int) -> Iterator[Result]:
    """What `core show settings` says.

    Args:
        calls: how many the bot takes at once.
    """
    settings = dict(_SETTING.findall(shown))
    if (sending := settings.get("Transmit silence during rec")) is None:
        yield skip("transmit_silence", "`core show settings` does not show it")
    elif sending == "Enabled":
        yield ok("transmit_silence", "on: a channel that waits sends silence")
    else:
        yield warn(
            "transmit_silence",
            "off: a Local channel that waits sends nothing, and AudioSocket() ends after 2 s without "
            "audio: transmit_silence = yes under [options] in asterisk.conf",
        )
    yield from _limit(settings, "Maximum calls", calls, "maxcalls", 1)
    yield from _limit(settings, "Maximum open file handles", calls, "maxfiles", FILES_OF_A_CALL)


def _limit(
    settings: Mapping[str, str], name: str, calls: int, key: str, each: int
) -> Iterator[Result]:
    most = settings.get(name, "")
    if most.isdecimal() and int(most) < calls * each:
        yield warn(
            key,
            f"Asterisk's {name.lower()} is {most}, and {calls} calls (limits.calls) need "
            f"{calls * each}: {key} = {calls * each} under [options] in asterisk.conf",
        )


# The dialplan ------------------------------------------------------------------------------------

_CONTEXT: Final = re.compile(r"\[ Context '([^']+)' created by")
_LINE: Final = re.compile(
    r"^\s*(?:'(?P<exten>[^']*)' =>\s*)?(?:\[[^]]*\]\s*)?(?:\d+|hint)\.?"
    r"\s*(?P<app>\S.*?)\s*(?:\[(?P<at>[^\[\]]+)\])?\s*$"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One priority of the dialplan."""

    context: str
    exten: str
    app: str
    """The application with its arguments, as it is written."""
    at: str
    """File and line, where Asterisk tells them."""

    def __str__(self) -> str:
        return f"{self.exten}@{self.context}" + (f" ({self.at})" if self.at else "")


def dialplan_lines(shown: str) -> Iterator[Line]:
    """The priorities of `dialplan show`."""
    context = exten = ""
    for row in shown.splitlines():
        if (head := _CONTEXT.search(row)) is not None:
            context = head[1]
        elif context and (match := _LINE.match(row)) is not None:
            exten = match["exten"] or exten
            yield Line(context, exten, match["app"], match["at"] or "")


def dialled(app: str) -> Iterator[str]:
    """What stands behind each `AudioSocket/` of an application, up to the next argument."""
    for found in re.finditer(r"AudioSocket/", app):
        yield _argument(app[found.end() :])


def _argument(text: str) -> str:
    depth = 0
    for index, sign in enumerate(text):
        if depth == 0 and sign in ",&)":
            return text[:index]
        depth += (sign in "({") - (sign in ")}")
    return text


def judge_dialplan(shown: str, config: Config) -> Iterator[Result]:
    """The lines that lead to a bot, and what is wrong with them."""
    lines = list(dialplan_lines(shown))
    if not lines:
        yield skip("dialplan", "`dialplan show` shows none: the manager user may not see it")
        return
    bare = [line for line in lines if any(not _has_slin(one) for one in dialled(line.app))]
    for line in bare:
        yield fail(
            "dialplan",
            f"{line}: Dial(AudioSocket/...) without c(slin) sends the bytes of the caller's codec, which "
            "the bot hears as noise: write Dial(AudioSocket/host:port/uuid/c(slin),,g)",
        )
    for line in lines:
        if line.context != WHISPER and re.match(r"AudioSocket\(", line.app):
            yield warn(
                "dialplan",
                f"{line}: a bot that is down ends the call here: write TryExec(AudioSocket(...))",
            )
    yield _ways_to_us([line for line in lines if _leads_to(line, config)])


def _has_slin(destination: str) -> bool:
    """Whether it demands linear audio; a codec that a variable names may be that."""
    options = re.search(r"/c\((\$\{|slin)", destination)
    return options is not None


def _ways_to_us(lines: Sequence[Line]) -> Result:
    if not lines:
        return warn(
            "dialplan",
            "no line leads to the ports of these settings, as far as it can be seen: "
            "`voicebot dialplan` prints them",
        )
    shown = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")  # noqa: PLR2004
    return ok("dialplan", f"calls come to the bot at {shown}")


def _leads_to(line: Line, config: Config) -> bool:
    ports = {listener.address.port for listener in config.listen.audiosocket}
    named = (int(port) for port in re.findall(r"AudioSocket[(/].*?:(\d+)(?=[,/)])", line.app))
    if any(port in ports for port in named):
        return True
    url = re.search(r"AGI\(agi://(?:\[[^]]*\]|[^:/,)]*)(?::(\d+))?", line.app)
    agi = config.listen.agi
    return url is not None and agi is not None and int(url[1] or AGI_PORT) == agi.address.port


def goals_to_look_up(config: Config, flows: Sequence[Wants]) -> list[Goal]:
    """The extensions that flows need, of which the context is known."""
    found: dict[Goal, None] = {}
    for flow in flows:
        for goal in flow.goals:
            context = goal.context or config.transfer.context
            if goal.kind is TransferKind.EXTENSION and goal.to and context:
                found[Goal(goal.kind, goal.to, context)] = None
    if config.listen.agi is not None and any(flow.whispers for flow in flows):
        found[Goal(TransferKind.EXTENSION, "s", WHISPER)] = None
    return list(found)


def judge_goal(goal: Goal, shown: str) -> Result:
    """What `dialplan show EXTEN@CONTEXT` says of an extension that a flow transfers to."""
    place = f"{goal.to}@{goal.context}"
    missing = re.search(r"(?i)there is no existence of", shown) is not None
    if missing and goal.context == WHISPER:
        return fail("whisper", f"the dialplan lacks [{WHISPER}]: voicebot dialplan prints it")
    if missing:
        return fail(
            "transfer",
            f"flows transfer to {place}, which is not in the dialplan: add it, or correct the flow or "
            "transfer.context",
        )
    return ok("transfer", f"{place} is in the dialplan")


# Who may connect, and in which dialect -----------------------------------------------------------


def judge_dialect(listener: Listener, release: Release | None) -> Iterator[Result]:
    """Whether a released Asterisk understands what this port sends."""
    if listener.dialect is not Dialect.FORK:
        return
    strict = release is not None and not any(bug.name == "keys" for bug in bugs_of(release))
    text = f"{listener.address} speaks the fork's dialect, which a released Asterisk does not understand"
    if strict:
        yield fail("dialect", f"{text}: {release} ends every call over it; take the dialect out")
    else:
        yield warn("dialect", f"{text}: take it out unless yours is built with the fork")


def judge_doors(config: Config, peer: str) -> Iterator[Result]:
    """Whether the ports let Asterisk in.

    Args:
        peer: the address that it comes from.
    """
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        yield skip("listen.allow", f"the address of {peer} is not known")
        return
    listen = config.listen
    doors: list[Listener | Agi] = [*listen.audiosocket]
    doors += [listen.agi] if listen.agi is not None else []
    results = [result for door in doors for result in _judge_door(door, config, address)]
    yield from results
    if not results:
        yield ok("listen.allow", f"Asterisk comes from {peer}, which may connect")


def _judge_door(door: Listener | Agi, config: Config, peer: Ip) -> Iterator[Result]:
    if not any(peer in network for network in config.listen.allowed(door)):
        whose = "its " if door.allow is not None else "listen."
        yield fail(
            "listen.allow",
            f"Asterisk comes from {peer}, which may not connect to {door.address}: add it to "
            f'{whose}allow: ["{peer}"]',
        )
    if not peer.is_loopback and _is_loopback(door.address.host):
        yield fail(
            "listen",
            f"Asterisk comes from {peer}, but {door.address} is there for this machine alone: listen on "
            f'"0.0.0.0:{door.address.port}", or on the address that Asterisk reaches',
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
