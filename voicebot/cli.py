"""The commands: one thin function for each verb, and what all of them share.

Knows: arguments, options, exit codes, what is printed. Must not know: how anything is done.
Exit codes: 0 fine, 1 findings, 2 usage, 3 environment (a busy port, a voice that cannot be loaded).
"""

import errno
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click
import trio
from rich.console import Console

from voicebot import __version__, daemon
from voicebot.config import Address, Config, load_config, parse_address
from voicebot.flow.check import checked_flow
from voicebot.flow.yamlfile import Finding, Severity
from voicebot.line.audiosocket import RATES
from voicebot.logs import open_log
from voicebot.phone import CallReport, PhoneError, Say, Step, Voice, place_call
from voicebot.phone.command import (
    ScriptCommand,
    event_line,
    script_options,
    sound_file_to_write,
    summary_lines,
)
from voicebot.speaking.synthesiser import SynthesisError
from voicebot.speech.supervisor import EngineUnavailable

FINE = 0
FINDINGS = 1
USAGE = 2
ENVIRONMENT = 3
INTERRUPTED = 130

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Result = TypeVar("_Result")

_CANNOT_START = (daemon.StartError, EngineUnavailable, PhoneError, SynthesisError)
"""One line for the person who runs voicebot: exit 3."""


class EnvironmentFault(click.ClickException):
    """Something outside voicebot is missing or taken; the message is one line that says what to do."""

    exit_code = ENVIRONMENT


class FindingsTold(click.ClickException):
    """The findings are already on the screen; what is left is the exit code."""

    exit_code = FINDINGS

    def __init__(self) -> None:
        super().__init__("")


def config_option(command: _Command) -> _Command:
    """`-c config.yaml`, as `config_path`."""
    return click.option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        default="config.yaml",
        show_default=True,
        metavar="FILE",
        help="The settings.",
    )(command)


def tell(findings: Iterable[Finding], *, err: bool = False) -> int:
    """Print findings, a line each.

    Args:
        findings: in the order to print.
        err: to standard error, where they are not the output that was asked for.

    Returns:
        FINDINGS when one is an error, FINE otherwise.
    """
    code = FINE
    for finding in findings:
        click.echo(str(finding), err=err)
        if finding.severity is Severity.ERROR:
            code = FINDINGS
    return code


def read_config(path: Path) -> Config:
    """The settings of a file; its findings go to standard error.

    Raises:
        FindingsTold: one of them is an error.
    """
    config, findings = load_config(path)
    tell(findings, err=True)
    if config is None:
        raise FindingsTold
    return config


def started(serve: Callable[[Config], Awaitable[_Result]], config: Config) -> _Result:
    """Run trio until `serve` returns; what keeps it from starting becomes one line and an exit code."""
    try:
        return trio.run(serve, config)
    except (*_CANNOT_START, daemon.FlowErrors, BaseExceptionGroup) as error:
        reason = _first(error)
        if isinstance(reason, daemon.FlowErrors):
            tell(reason.findings, err=True)
            raise FindingsTold from None
        if isinstance(reason, _CANNOT_START):
            raise EnvironmentFault(str(reason)) from None
        raise


def _first(error: BaseException) -> BaseException:
    """The first of the errors that nurseries have put into groups; Ctrl-C, which ends the workers too, before all."""
    if isinstance(error, BaseExceptionGroup):
        error = error.subgroup(KeyboardInterrupt) or error
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """A telephone voicebot for Asterisk that runs on one box, offline."""


@cli.command(epilog="Example: voicebot version")
def version() -> None:
    """Print the version, and those of what it runs on."""
    parts = [f"Python {platform.python_version()}"]
    parts += [f"{name} {metadata.version(name)}" for name in ("trio", "vosk", "piper-tts")]
    click.echo(f"voicebot {__version__} ({', '.join(parts)})")


@cli.command(epilog="Example: voicebot run -c config.yaml")
@config_option
def run(config_path: Path) -> None:
    """Take calls until Ctrl-C or SIGTERM; calls under way may end first.

    Logs to standard error, a line for each event. A second Ctrl-C hangs up on everybody.
    """
    config = read_config(config_path)
    with open_log(config.log):
        started(daemon.run, config)


@cli.command(epilog="Example: voicebot demo --out call.wav")
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
    # Loads a speech engine, which the other verbs need not wait for.
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
    _write(outcome.report, out)
    wrong = complaint(outcome.report, outcome.events)
    if wrong is not None:
        _complain(f"voicebot demo: {wrong}")
        return FINDINGS
    show_next_steps(screen, out)
    return FINE


@cli.command(epilog="Example: voicebot check flows/company.yaml")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@config_option
def check(files: tuple[Path, ...], config_path: Path) -> int:
    """Prove flows before they take a call: all findings at once, each with its place.

    Without FILE: the settings and all flows they name.
    """
    if files:
        config = load_config(config_path)[0] if config_path.exists() else None
        words = daemon.vocabulary(config) if config is not None else None
        findings = [found for path in files for found in checked_flow(path, words)[1]]
    else:
        findings = daemon.load_flows(read_config(config_path))[1]
    code = tell(findings)
    if not findings:
        click.echo("no findings")
    return code


def _callee(ctx: click.Context, param: click.Parameter, written: str | None) -> Address | None:
    try:
        return parse_address(written) if written else None
    except ValueError as exc:
        raise click.BadParameter(str(exc), ctx, param) from None


@cli.command(
    cls=ScriptCommand,
    epilog="Example: voicebot call --wait bot --say appointment --wait bot --hangup --out both.wav",
)
@click.argument("address", metavar="[HOST:PORT]", required=False, callback=_callee)
@script_options
@click.option(
    "--rate",
    "rate_hz",
    type=click.Choice(RATES),
    default=RATES[0],
    show_default=True,
    metavar="HZ",
    help="The caller's sample rate.",
)
@click.option("--uuid", type=click.UUID, help="Identify the call by this, not by a random UUID.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=sound_file_to_write,
    metavar="FILE",
    help="Write the call there, the caller left and the bot right.",
)
@config_option
def call(
    address: Address | None,
    steps: list[Step],
    rate_hz: int,
    uuid: UUID | None,
    out: Path | None,
    config_path: Path,
) -> int:
    """Call a bot over AudioSocket, as Asterisk would, and follow a script.

    The script is --say, --wav, --keys, --wait and --hangup in the order of the command line; each may come
    several times. HOST:PORT is by default the first listener of the settings.
    """
    # Someone else's bot can be called from a folder without settings.
    config = read_config(config_path) if address is None or config_path.exists() else None
    says = any(isinstance(step, Say) for step in steps)
    try:
        place = partial(
            place_call,
            rate_hz=rate_hz,
            uuid=uuid,
            voice=_callers_voice(config) if says else None,
            on_event=lambda event: click.echo(event_line(event)),
        )
        report = trio.run(place, *(address or _own_address(config)), steps)
    except (PhoneError, SynthesisError) as exc:
        raise EnvironmentFault(str(exc)) from None
    click.echo("\n".join(["", *summary_lines(report)]))
    if out is not None:
        _write(report, out)
    return FINE if report.clean else FINDINGS


def _own_address(config: Config | None) -> Address:
    host, port = (config or Config(voicebot=1)).listen.audiosocket[0].address
    # A listener on all addresses is called on this machine's own.
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104


def _callers_voice(config: Config | None) -> Voice:
    # Takes half a second, which the other verbs need not wait for.
    from voicebot.phone.voice import SHIPPED, CallerVoice  # noqa: PLC0415

    voices = config.tts.voices if config and config.tts.engine == "piper" else {}
    return CallerVoice(next(iter(voices.values()), SHIPPED))


def _write(report: CallReport, out: Path) -> None:
    try:
        report.write_stereo(out)
    except OSError as exc:
        raise EnvironmentFault(str(exc)) from None
    click.echo(f"written to {out}")


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line.

    Every error is one line on standard error; only a fault of ours shows a traceback.

    Args:
        args: the words after `voicebot`; None takes those of this process.

    Returns:
        The exit code.
    """
    try:
        code = cli.main(args, prog_name="voicebot", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as exc:
        click.echo(exc.format_message(), err=True)
        return USAGE
    except click.UsageError as exc:
        name = exc.ctx.command_path if exc.ctx else "voicebot"
        _complain(f"{name}: {exc.format_message()} (see {name} --help)")
        return USAGE
    except click.ClickException as exc:
        if exc.message:
            _complain(f"voicebot: {exc.format_message()}")
        return exc.exit_code
    except click.Abort:
        return INTERRUPTED
    except BaseExceptionGroup as group:
        return _ended_by(_first(group), group)
    return code if isinstance(code, int) else FINE


def _ended_by(reason: BaseException, group: BaseExceptionGroup[BaseException]) -> int:
    """The exit code for what came out of a nursery: Ctrl-C, or an output that cannot be written."""
    if isinstance(reason, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(reason, OSError) and reason.errno in {errno.EPIPE, errno.ENOSPC}:
        # Nobody reads any more (`| head`), or the disk is full: what is still buffered is lost.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if reason.errno == errno.EPIPE:
            return FINE
        _complain(f"voicebot: cannot write the output: {reason.strerror}; make room for it")
        return ENVIRONMENT
    raise group


def _complain(message: str) -> None:
    click.echo(" ".join(message.split()), err=True)
