"""The command line: which verbs there are, and how an error ends it.

Knows: the verbs' names and where each lives; exit codes. Must not know: what any of them does
(commands/). A verb is imported when it is called: what the others need takes most of a second.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Final

import click

from voicebot import __version__
from voicebot.commands.codes import ENVIRONMENT, FINE, INTERRUPTED, USAGE, first_error

VERBS: Final = {
    "run": "serving:run",
    "check": "checking:check",
    "test": "testing:test",
    "talk": "talking:talk",
    "demo": "serving:demo",
    "call": "calling:call",
    "graph": "checking:graph",
    "schema": "checking:schema",
    "replay": "replaying:replay",
    "dialplan": "dialplan:dialplan",
    "doctor": "doctoring:doctor",
    "bench": "benching:bench",
}
"""Each verb with its file in commands/ and its name there, in the order of `--help`."""


class Verbs(click.Group):
    """The group of all verbs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the verbs in the order in which a newcomer needs them."""
        return [*VERBS, *sorted(set(self.commands) - set(VERBS))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the verb's file, or give one that was added here."""
        if name in VERBS:
            module, _, attribute = VERBS[name].partition(":")
            command: click.Command = getattr(
                import_module(f"voicebot.commands.{module}"), attribute
            )
            return command
        return super().get_command(ctx, name)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def cli() -> None:
    """A telephone voicebot for Asterisk that runs on one box, offline."""


@cli.command(epilog="Example: voicebot version")
def version() -> None:
    """Print the version, and those of what it runs on."""
    parts = [f"Python {platform.python_version()}"]
    parts += [f"{name} {metadata.version(name)}" for name in ("trio", "vosk", "piper-tts")]
    click.echo(f"voicebot {__version__} ({', '.join(parts)})")


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
    except (BaseExceptionGroup, OSError) as error:
        return _ended_by(first_error(error), error)
    return code if isinstance(code, int) else FINE


def _ended_by(reason: BaseException, error: BaseException) -> int:
    """The exit code for Ctrl-C within a nursery, and for an output that cannot be written."""
    if isinstance(reason, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(reason, OSError) and reason.errno in {errno.EPIPE, errno.ENOSPC}:
        # Nobody reads any more (`| head`), or the disk is full: what is still buffered is lost.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if reason.errno == errno.EPIPE:
            return FINE
        _complain(f"voicebot: cannot write the output: {reason.strerror}; make room for it")
        return ENVIRONMENT
    raise error


def _complain(message: str) -> None:
    click.echo(" ".join(message.split()), err=True)
