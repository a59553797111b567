"""`voicebot talk FLOW`: talk to a flow in the terminal.

Knows arguments, options and exit codes.  Must not know what is typed or shown (rehearsal/talk.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from voicebot.commands.codes import FINE
from voicebot.commands.shared import (
    FindingsTold,
    config_option,
    flow_of_settings,
    has_settings,
    read_config,
    tell,
)
from voicebot.config import Config
from voicebot.flow.check import checked_flow
from voicebot.flow.model import Flow
from voicebot.flow.values import CallInfo, Hours
from voicebot.flow.yamlfile import Severity
from voicebot.rehearsal.peers import Calendars
from voicebot.rehearsal.talk import HOW_TO, Others, Talk, Terminal, ask_person, ask_server


@dataclass(frozen=True, slots=True)
class _Options:
    """The command line, as click read it."""

    flow: str
    mock: bool
    at: datetime | None
    caller: str
    called: str
    arg: tuple[tuple[str, str], ...]
    seed: int
    config_path: Path


def _name_and_value(
    _context: click.Context, _option: click.Parameter, written: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    found = []
    for one in written:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise click.BadParameter(f'"{one}" is not NAME=VALUE, such as customer=4711')
        found.append((name, value))
    return tuple(found)


@click.command("talk", epilog="Example: voicebot talk flows/company.yaml --at 2027-03-01T10:00")
@click.argument("flow", metavar="FLOW")
@click.option(
    "--mock",
    is_flag=True,
    help="Be the servers and extensions, too: you are asked for their answers.",
)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"]),
    metavar="TIME",
    help="When the call takes place, such as 2027-03-01T10:00; by default now.",
)
@click.option("--caller", default="", metavar="NUMBER", help="Who calls.")
@click.option("--called", default="", metavar="NUMBER", help="Which number is called.")
@click.option(
    "--arg",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_name_and_value,
    help="What the dialplan passes on, call.args.NAME in the flow; may be repeated.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Chooses among variations.")
@config_option
def talk(**written: Any) -> int:  # noqa: ANN401 - what click read; _Options has the types
    """Talk to a flow in the terminal: type the caller's part, read the bot's.

    FLOW is a file, or the name of a flow of the settings. What you type is said; #12 presses the keys
    1 and 2 (## is the key # itself); an empty line says nothing until the bot gives up waiting; Ctrl-D
    hangs up. Besides what is said you see the node, what was understood, and what the bot waits for.
    """
    options = _Options(**written)
    path = Path(options.flow)
    is_file = path.suffix in (".yaml", ".yml") or path.exists()
    known = has_settings(options.config_path) or not is_file
    config = read_config(options.config_path) if known else Config(voicebot=1)
    flow = _flow(path if is_file else flow_of_settings(options.flow, config))
    terminal = Terminal()
    calendars = config.calendars if known else Calendars({}, {})
    ask = (lambda request: ask_person(terminal, request)) if options.mock else ask_server
    others = Others(_info(options, calendars), terminal, ask, options.mock)
    terminal.remark(HOW_TO)
    Talk(flow, others, terminal, options.seed).run()
    return FINE


def _info(options: _Options, calendars: Mapping[str, Hours]) -> CallInfo:
    moment = options.at or datetime.now()
    return CallInfo(
        "talk",
        moment.astimezone(),
        options.caller,
        options.called,
        calendars,
        args=dict(options.arg),
    )


def _flow(path: Path) -> Flow:
    flow, findings = checked_flow(path)
    tell([one for one in findings if one.severity is Severity.ERROR], err=True)
    if flow is None:
        raise FindingsTold
    return flow
