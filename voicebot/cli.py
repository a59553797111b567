"""The commands: one thin function for each verb, and what all of them share.

Knows: arguments, options, exit codes, what is printed. Must not know: how anything is done.
Exit codes: 0 fine, 1 findings, 2 usage, 3 environment (a busy port, a missing model).
"""

import errno
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import click

from voicebot import __version__
from voicebot.config import Config, load_config
from voicebot.flow.yamlfile import Finding, Severity

FINE = 0
FINDINGS = 1
USAGE = 2
ENVIRONMENT = 3
INTERRUPTED = 130

_Command = TypeVar("_Command", bound=Callable[..., Any])


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


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """A telephone voicebot for Asterisk that runs on one box, offline."""


@cli.command(epilog="Example: voicebot version")
def version() -> None:
    """Print the version, and those of what it runs on."""
    parts = [f"Python {platform.python_version()}"]
    parts += [f"{name} {metadata.version(name)}" for name in ("trio", "vosk", "piper-tts")]
    click.echo(f"voicebot {__version__} ({', '.join(parts)})")


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; every error is one line on standard error."""
    try:
        code = cli.main(args, prog_name="voicebot", standalone_mode=False)
    except click.UsageError as exc:
        name = exc.ctx.command_path if exc.ctx else "voicebot"
        _complain(f"{name}: {exc.format_message()} (see {name} --help)")
        return USAGE
    except click.ClickException as exc:
        if exc.message:
            _complain(f"voicebot: {exc.format_message()}")
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError as exc:
        if exc.errno != errno.EPIPE:
            raise
        # The reader of our output went away (`| head`): the rest of it must not complain at exit, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    return code if isinstance(code, int) else FINE


def _complain(message: str) -> None:
    click.echo(" ".join(message.split()), err=True)
