"""`voicebot run` and `voicebot demo`: a bot that takes calls.

Knows how a service is started from the command line. Must not know: what it does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import trio
from rich.console import Console

from voicebot import daemon
from voicebot.commands.codes import FINDINGS, FINE, first_error
from voicebot.commands.shared import (
    EnvironmentFault,
    FindingsTold,
    config_option,
    read_config,
    tell,
)
from voicebot.config import Config
from voicebot.flows import FlowErrors
from voicebot.logs import open_log
from voicebot.phone import CallReport, PhoneError
from voicebot.phone.command import sound_file_to_write
from voicebot.speaking.synthesiser import SynthesisError
from voicebot.speech.supervisor import EngineUnavailable

_Result = TypeVar("_Result")

_CANNOT_START = (daemon.StartError, EngineUnavailable, PhoneError, SynthesisError)
"""One line for the person who runs voicebot: exit 3."""


def started(serve: Callable[[Config], Awaitable[_Result]], config: Config) -> _Result:
    """Run trio until `serve` returns; what keeps it from starting becomes one line and an exit code."""
    try:
        return trio.run(serve, config)
    except (*_CANNOT_START, FlowErrors, BaseExceptionGroup) as error:
        reason = first_error(error)
        if isinstance(reason, FlowErrors):
            tell(reason.findings, err=True)
            raise FindingsTold from None
        if isinstance(reason, _CANNOT_START):
            raise EnvironmentFault(str(reason)) from None
        raise


@click.command(epilog="Example: voicebot run -c config.yaml")
@config_option
def run(config_path: Path) -> None:
    """Take calls until Ctrl-C or SIGTERM; calls under way may end first.

    Logs to standard error, a line for each event. A second Ctrl-C hangs up on everybody.
    """
    config = read_config(config_path)
    with open_log(config.log):
        started(daemon.run, config)


@click.command(epilog="Example: voicebot demo --out call.wav")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="demo.wav",
    show_default=True,
    callback=sound_file_to_write,
    metavar="FILE",
    help="Write the call there, the caller left and the bot right.",
)
def demo(out: Path) -> int:
    """Watch a call: a bot on a free port, and a caller who speaks, presses keys and interrupts.

    Nothing has to be set up. Exit 0 when the caller was understood in every turn, by voice and by key.
    """
    # Loads a speech engine, which `run` need not wait for.
    from voicebot.demo import (  # noqa: PLC0415
        Screen,
        complaint,
        demonstrate,
        settings,
        show_next_steps,
        show_times,
    )

    screen = Screen(Console(highlight=False))
    outcome = started(lambda config: demonstrate(config, screen), settings())
    if outcome.report is None:
        raise click.Abort
    show_times(screen, outcome.report)
    written(outcome.report, out)
    wrong = complaint(outcome.report, outcome.events)
    if wrong is not None:
        click.echo(f"voicebot demo: {wrong}", err=True)
        return FINDINGS
    show_next_steps(screen, out)
    return FINE


def written(report: CallReport, out: Path) -> None:
    """Write a call's sound file and say so.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    try:
        report.write_stereo(out)
    except OSError as error:
        raise EnvironmentFault(str(error)) from None
    click.echo(f"written to {out}")
