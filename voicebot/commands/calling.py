"""`voicebot call`: a scripted caller.

Knows whom to call and with which voice. Must not know: how a script is written (phone/command.py)
or what a call is.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from uuid import UUID

import click
import trio

from voicebot.commands.codes import FINDINGS, FINE
from voicebot.commands.serving import written
from voicebot.commands.shared import EnvironmentFault, config_option, read_config
from voicebot.config import Address, Config, parse_address
from voicebot.line.audiosocket import RATES
from voicebot.phone import PhoneError, Say, Step, Voice, place_call
from voicebot.phone.command import (
    ScriptCommand,
    event_line,
    script_options,
    sound_file_to_write,
    summary_lines,
)
from voicebot.speaking.synthesiser import SynthesisError


def _callee(ctx: click.Context, param: click.Parameter, address: str | None) -> Address | None:
    try:
        return parse_address(address) if address else None
    except ValueError as exc:
        raise click.BadParameter(str(exc), ctx, param) from None


@click.command(
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
        written(report, out)
    return FINE if report.clean else FINDINGS


def _own_address(config: Config | None) -> Address:
    host, port = (config or Config(voicebot=1)).listen.audiosocket[0].address
    # A listener on all addresses is called on this machine's own.
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104


def _callers_voice(config: Config | None) -> Voice:
    # Takes half a second, which a call without --say need not wait for.
    from voicebot.phone.voice import SHIPPED, CallerVoice  # noqa: PLC0415

    voices = config.tts.voices if config and config.tts.engine == "piper" else {}
    return CallerVoice(next(iter(voices.values()), SHIPPED))
