"""The command line of a scripted call: options that become steps, and what is printed of a call.

Knows: click, steps, events, reports. Must not know: configuration, connections, the terminal. It
returns text; `cli.py` prints it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import soundfile

from voicebot.phone.call import (
    BotQuiet,
    BotSpeaks,
    Connected,
    Ended,
    PhoneEvent,
    StepBegan,
    WaitExpired,
)
from voicebot.phone.report import CallReport, Turn
from voicebot.phone.script import HangUp, Play, Press, Say, Step, Wait, WaitForBot, check_keys

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class _WaitType(click.ParamType[Wait | WaitForBot]):
    name = "wait"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Wait | WaitForBot:
        if value == "bot":
            return WaitForBot()
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            self.fail(f'write a number of seconds, or "bot", not "{value}"', param, ctx)
        return Wait(seconds)


class _KeysType(click.ParamType[str]):
    name = "keys"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        keys = str(value).upper()
        complaint = check_keys(keys)
        if complaint:
            self.fail(complaint, param, ctx)
        return keys


def _itself(step: Wait | WaitForBot) -> Step:
    return step


_STEP_OF_OPTION: dict[str, Callable[[Any], Step]] = {
    "say": Say,
    "wav": Play,
    "keys": Press,
    "wait": _itself,
    "hangup": lambda _: HangUp(),
}


def script_options(command: Decorated) -> Decorated:
    """Add the options that are steps to a command of the class `ScriptCommand`."""
    for option in (
        click.option("--hangup", count=True, help="Hang up. Without it the bot has to."),
        click.option(
            "--wait",
            multiple=True,
            type=_WaitType(),
            metavar="SECONDS|bot",
            help="Be silent for a time, or until the bot has spoken and is quiet.",
        ),
        click.option("--keys", multiple=True, type=_KeysType(), help="Press keys, such as 12#."),
        click.option(
            "--wav",
            multiple=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Play a sound file of any rate.",
        ),
        click.option("--say", multiple=True, help="Say a text."),
    ):
        command = option(command)
    return command


class ScriptCommand(click.Command):
    """Hands its callback the script's options as `steps`, in the order of the command line.

    Click groups an option's values; the parser's list of what came when puts them in order again.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        rest = super().parse_args(ctx, args)
        hangups = ctx.params.pop("hangup")
        values: dict[str, Iterator[object]] = {
            name: iter(ctx.params.pop(name)) for name in ("say", "wav", "keys", "wait")
        }
        values["hangup"] = iter(range(hangups))
        steps = [
            _STEP_OF_OPTION[param.name](next(values[param.name]))
            for param in order
            if param.name in _STEP_OF_OPTION
        ]
        if any(isinstance(step, HangUp) for step in steps[:-1]):
            ctx.fail("--hangup ends the call: nothing can follow it.")
        ctx.params["steps"] = steps
        return rest


def sound_file_to_write(
    ctx: click.Context, param: click.Parameter, path: Path | None
) -> Path | None:
    """Refuse, as an option's callback, a file that the call could not be written to in the end."""
    if path is not None:
        ending = path.suffix.removeprefix(".").upper()
        if ending not in soundfile.available_formats():
            message = f'"{path}" does not end in a sound format such as .wav or .flac'
            raise click.BadParameter(message, ctx, param)
        if not path.parent.is_dir():
            raise click.BadParameter(f"there is no folder {path.parent}", ctx, param)
    return path


def event_line(event: PhoneEvent) -> str:
    """One line for something that happened in a call, with its time."""
    match event:
        case Connected(uuid):
            return _line(0.0, f"connected, call {uuid}")
        case StepBegan(at_s, step):
            return _line(at_s, str(step))
        case BotSpeaks(at_s, None):
            return _line(at_s, "  the bot speaks")
        case BotSpeaks(at_s, response_s):
            return _line(at_s, f"  the bot speaks, {response_s:.3f} s after the caller")
        case BotQuiet(at_s):
            return _line(at_s, "  the bot is quiet")
        case WaitExpired(at_s, step):
            return _line(at_s, f"{step}: it was not heard, going on")
        case Ended(at_s, end):
            return _line(at_s, end.value)


def _line(at_s: float, text: str) -> str:
    return f"{at_s:7.2f}  {text}"


def summary_lines(report: CallReport) -> list[str]:
    """What a call was like: times, turns, frames, faults."""
    lines = [
        f"first frame {_time(report.first_frame_s)}, first speech {_time(report.first_loud_s)}"
        " after the UUID",
        f"{report.frames_received} frames in {report.duration_s:.2f} s, {report.gaps} gaps over"
        f" 40 ms, {report.max_ahead_s * 1000:.0f} ms ahead at most",
    ]
    lines += [_turn_line(turn) for turn in report.turns]
    lines += [f"fault at {violation}" for violation in report.violations]
    if not report.frames_received:
        lines.append("the bot did not answer: it sent no audio")
    return lines


def _turn_line(turn: Turn) -> str:
    line = f"{turn.what}: answered after {_time(turn.response_s)}"
    if turn.first_frame_s is not None:
        line += f", first frame after {_time(turn.first_frame_s)}"
    if turn.stopped_s is not None:
        line += f", bot silent {_time(turn.stopped_s)} after the barge-in"
    return line


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f} s"
