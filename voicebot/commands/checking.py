"""`voicebot check`, `voicebot schema` and `voicebot graph`: what there is to know of a flow before any call.

Knows arguments, options, exit codes and what is printed.  Must not know how anything is proved or drawn.
Exit codes: 0 fine, 1 findings, 2 usage, 3 environment.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from voicebot import __version__, drawing
from voicebot.commands.codes import FINDINGS, FINE
from voicebot.commands.shared import (
    EnvironmentFault,
    FindingsTold,
    config_option,
    file_to_write,
    flow_of_settings,
    has_settings,
    read_config,
    tell,
)
from voicebot.config import load_config
from voicebot.flow import schema as flow_schema
from voicebot.flow.check import checked_flow
from voicebot.flow.findings import FORMATS, formatted
from voicebot.flow.model import Flow
from voicebot.flow.yamlfile import Finding, Severity, sort_findings
from voicebot.flows import load_flows, prover

# check -----------------------------------------------------------------------------------------


@click.command(epilog="Example: voicebot check flows/company.yaml")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="sarif: for code hosts and editors, which show each finding at its line.",
)
@config_option
def check(files: tuple[Path, ...], form: str, config_path: Path) -> int:
    """Prove flows before they take a call: all findings at once, each with its place.

    Without FILE: the settings and all flows they name.
    """
    findings = _findings(files, config_path)
    if form != FORMATS[0]:
        click.echo(formatted(findings, form, root=Path.cwd(), version=__version__))
    elif findings:
        click.echo(formatted(findings, form))
    else:
        click.echo("no findings")
    return FINDINGS if any(f.severity is Severity.ERROR for f in findings) else FINE


def _findings(files: tuple[Path, ...], config_path: Path) -> list[Finding]:
    if files and not has_settings(config_path):
        return sort_findings(found for path in files for found in checked_flow(path)[1])
    config, of_config = load_config(config_path)
    if config is None:
        return of_config  # without them half of the proofs cannot be made
    if not files:
        return sort_findings([*of_config, *load_flows(config)[1]])
    prove = prover(config)
    return sort_findings(found for path in files for found in prove(path)[1])


# schema ----------------------------------------------------------------------------------------


@click.command(epilog="Example: voicebot schema > voicebot.schema.json")
@click.option(
    "--tests", "of_tests", is_flag=True, help="That of a file of tests, not that of a flow."
)
def schema(*, of_tests: bool) -> int:
    """Print the JSON Schema of flow files, for editors: completion, help and marks while typing.

    With the YAML extension of VS Code: put the file beside your flows, and a first line
    `# yaml-language-server: $schema=voicebot.schema.json` into each.
    """
    made = flow_schema.schema_of_tests() if of_tests else flow_schema.flow_schema()
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))
    return FINE


# graph -----------------------------------------------------------------------------------------


@click.command(epilog="Example: voicebot graph flows/company.yaml --out company.svg")
@click.argument("flow", type=click.Path(path_type=Path), metavar="FLOW")
@click.option(
    "--format",
    "form",
    type=click.Choice(drawing.FORMATS),
    help="By default what the name of --out says, or svg.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=file_to_write,
    metavar="FILE",
    help="Write it there, not to standard output.",
)
@config_option
def graph(flow: Path, form: str | None, out: Path | None, config_path: Path) -> int:
    """Draw a flow: its nodes with what they say first, and which answer leads where.

    FLOW is a file, or the name of a flow of the settings. SVG needs graphviz (its program `dot`); without
    it the drawing is text for Mermaid, which many pages show.
    """
    wanted = form or form_by_name(out)
    text, made = drawing.draw(_flow_to_draw(flow, config_path), wanted)
    if made != wanted:
        click.echo(
            "voicebot graph: graphviz is not installed, so this is Mermaid text; "
            "install graphviz for SVG",
            err=True,
        )
        out = out.with_suffix(".mmd") if out is not None else None
    if out is None:
        click.echo(text, nl=False)
        return FINE
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise EnvironmentFault(f"cannot write {out}: {error.strerror}") from None
    click.echo(f"written to {out}")
    return FINE


def form_by_name(path: Path | None) -> str:
    """The format of a drawing by its file's name.

    Raises:
        click.UsageError: it is none that is drawn.
    """
    try:
        return drawing.format_of(path)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _flow_to_draw(named: Path, config_path: Path) -> Flow:
    path = named
    if not named.exists():
        if not has_settings(config_path):
            raise click.UsageError(
                f"there is no file {named}, and no {config_path} that names flows"
            )
        path = flow_of_settings(str(named), read_config(config_path))
    flow, findings = checked_flow(path)
    if flow is None:
        tell((f for f in findings if f.severity is Severity.ERROR), err=True)
        raise FindingsTold
    return flow
