"""The options of `voicebot test --audio` that say what the caller's line is like.

Knows click and what each option means.  Must not know tests, engines or how they are run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import click

from voicebot.rehearsal.impairments import ECHO_S, Codec, Noise, Sound

P = ParamSpec("P")
R = TypeVar("R")

NONE: Final = "none"
_OF: Final = ("codec", "snr", "noise", "loss", "echo", "echo_delay", "seed", "wav")


@dataclass(frozen=True, slots=True)
class SoundOptions:
    """What the options say."""

    sound: Sound
    wav_folder: Path | None
    """A folder for a stereo WAV of each test; None: no WAVs."""


class _Ratio(click.ParamType[float | None]):
    """Decibels, or `none`."""

    name = "db"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        text = str(value).strip().lower().removesuffix("db").strip()
        if text == NONE:
            return None
        try:
            return float(text)
        except ValueError:
            self.fail(f'"{value}" is no level: write decibels, such as 20, or {NONE}', param, ctx)


class _Share(click.ParamType[float]):
    """A share: 1%, or 0.01."""

    name = "percent"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share < 1:
            self.fail(f'"{value}" is no share of the packets: write 1%, or 0.01', param, ctx)
        return share


class _Milliseconds(click.ParamType[float]):
    """A delay in seconds, written as 120 or 120ms."""

    name = "ms"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip().lower().removesuffix("ms").strip()
        least, most = (round(seconds * 1000) for seconds in ECHO_S)
        if not text.isdigit() or not least <= int(text) <= most:
            self.fail(f'"{value}" is no delay of an echo: {least}ms to {most}ms', param, ctx)
        return int(text) / 1000


_DEFAULT: Final = Sound()
_OPTIONS: Final = (
    click.option(
        "--codec",
        type=click.Choice([codec.value for codec in Codec]),
        default=_DEFAULT.codec.value,
        show_default=True,
        help="With --audio: how the caller's voice is carried.",
    ),
    click.option(
        "--snr",
        type=_Ratio(),
        default=f"{_DEFAULT.snr_db:g}",
        show_default=True,
        help="With --audio: the caller's speech against the noise around him, in dB, or none.",
    ),
    click.option(
        "--noise",
        type=click.Choice([noise.value for noise in Noise]),
        default=_DEFAULT.noise.value,
        show_default=True,
        help="With --audio: what the noise is like.",
    ),
    click.option(
        "--loss",
        type=_Share(),
        default="0%",
        show_default=True,
        help="With --audio: the share of packets that get lost.",
    ),
    click.option(
        "--echo",
        type=_Ratio(),
        default=NONE,
        show_default=True,
        help="With --audio: how loud the bot comes back in the caller's voice, such as -24 (dB).",
    ),
    click.option(
        "--echo-delay",
        type=_Milliseconds(),
        default=f"{_DEFAULT.echo_delay_s * 1000:g}ms",
        show_default=True,
        help="With --audio: how late it comes back.",
    ),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="With --audio: another number, another noise and other losses.",
    ),
    click.option(
        "--wav",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="With --audio: write each call there, the caller left and the bot right.",
    ),
)


def sound_options(command: Callable[P, R]) -> Callable[..., R]:
    """Give a click command these options; it gets all of them as one argument, `sound`."""

    @functools.wraps(command)
    def with_sound(*args: P.args, **options: P.kwargs) -> R:
        given = {name: options.pop(name) for name in _OF}
        try:
            options["sound"] = _options(given)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        return command(*args, **options)

    for option in reversed(_OPTIONS):
        with_sound = option(with_sound)
    return with_sound


def _options(given: dict[str, object]) -> SoundOptions:
    sound = Sound(
        codec=Codec(str(given["codec"])),
        snr_db=_number(given["snr"]),
        noise=Noise(str(given["noise"])),
        loss=_number(given["loss"]) or 0.0,
        echo_db=_number(given["echo"]),
        echo_delay_s=_number(given["echo_delay"]) or _DEFAULT.echo_delay_s,
        seed=int(str(given["seed"])),
    )
    folder = given["wav"]
    return SoundOptions(sound, folder if isinstance(folder, Path) else None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
