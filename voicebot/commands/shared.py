"""What all verbs share: exit codes, `-c`, the settings, findings on the screen, files to write.

Knows: click, and the one line in which a person is told what to do. Must not know: any verb.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from voicebot.commands.codes import ENVIRONMENT, FINDINGS, FINE
from voicebot.config import Config, load_config
from voicebot.flow.check import checked_flow
from voicebot.flow.yamlfile import Finding, Severity, did_you_mean
from voicebot.flows import flow_files
from voicebot.shipped import shipped

SHIPPED_LANGUAGE: Final = "en-US"
SHIPPED_MODEL: Final = "models/vosk-tiny-en-8k"
SHIPPED_VOICE: Final = "models/voicebot-en_US-tiny.onnx"

Command = TypeVar("Command", bound=Callable[..., Any])


class EnvironmentFault(click.ClickException):
    """Something outside voicebot is missing or taken; the message is one line that says what to do."""

    exit_code = ENVIRONMENT


class FindingsTold(click.ClickException):
    """The findings are already on the screen; what is left is the exit code."""

    exit_code = FINDINGS

    def __init__(self) -> None:
        super().__init__("")


def config_option(command: Command) -> Command:
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


def has_settings(path: Path) -> bool:
    """Whether a verb that can do without settings is to read them.

    A file that `-c` names is read even where there is none, so that its name's mistake is told.
    """
    given = click.get_current_context().get_parameter_source("config_path")
    return path.exists() or given is ParameterSource.COMMANDLINE


def file_to_write(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """An option's file whose folder must be there, which is told before any work is done."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.BadParameter(
            f"there is no folder {path.parent}; create it or choose another file", ctx, param
        )
    return path


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


def flow_of_settings(name: str, config: Config) -> Path:
    """The file of the flow that is called so.

    Raises:
        UsageError: there is none.
    """
    names: dict[str, Path] = {}
    for path in flow_files(config.flows):
        flow, _ = checked_flow(path)
        names[flow.name if flow is not None else path.stem] = path
    if name not in names:
        raise click.UsageError(
            f'there is no flow "{name}" in {config.flows}{did_you_mean(name, names)}'
        )
    return names[name]


def models_and_voices(
    config: Config, *, known: bool
) -> tuple[Mapping[str, Path], Mapping[str, Path]]:
    """The models and voices to test with; without settings, those that come with voicebot."""
    if not known:
        return (
            {SHIPPED_LANGUAGE: shipped(SHIPPED_MODEL)},
            {SHIPPED_LANGUAGE: shipped(SHIPPED_VOICE)},
        )
    models = config.asr.models if config.asr.engine == "vosk" else {}
    voices = config.tts.voices if config.tts.engine == "piper" else {}
    return (
        {tag: path for tag, path in models.items() if path.exists()},
        {tag: path for tag, path in voices.items() if path.exists()},
    )
