"""`voicebot dialplan`: the lines for Asterisk that fit the settings.

Knows arguments and where the flows are read.  Must not know Asterisk's dialplan (pbx/dialplan.py).
"""

from __future__ import annotations

from pathlib import Path

import click

from voicebot.commands.codes import FINDINGS, FINE
from voicebot.commands.shared import FindingsTold, config_option, read_config, tell
from voicebot.config import Config
from voicebot.flow.check import checked_flow
from voicebot.flow.model import Flow
from voicebot.flow.yamlfile import Finding, Severity, did_you_mean
from voicebot.flows import flow_files, unknown_routes
from voicebot.pbx.dialplan import dialplan as written
from voicebot.pbx.wants import Wants, wants_of
from voicebot.pbx.ways import NoWayError


@click.command(epilog="Example: voicebot dialplan > /etc/asterisk/voicebot.conf")
@click.option("--flow", "only", metavar="FLOW", help="Only the lines of this flow.")
@click.option(
    "--freepbx",
    is_flag=True,
    help="For FreePBX: extensions_custom.conf with a Custom Destination for each flow.",
)
@config_option
def dialplan(only: str | None, config_path: Path, *, freepbx: bool) -> int:
    """Print the lines of extensions.conf that bring calls to the flows, as the settings have them.

    With `listen.agi` two lines for each flow, and what comes behind them; with `listen.web` requests around
    AudioSocket(); else AudioSocket() and Dial() for each port. Asterisk loads them as they are.
    """
    config = read_config(config_path)
    flows = _flows(config)
    if only is not None and only not in flows:
        raise click.UsageError(
            f'there is no flow "{only}" in {config.flows}{did_you_mean(only, flows)}'
        )
    try:
        click.echo(written(config, flows, only=only, freepbx=freepbx), nl=False)
    except NoWayError as error:
        click.echo(f"voicebot dialplan: {error}", err=True)
        return FINDINGS
    return FINE


def _flows(config: Config) -> dict[str, Wants]:
    """What each flow wants.

    Raises:
        FindingsTold: one of them has errors, or a route leads to none.
    """
    flows: dict[str, Flow] = {}
    findings: list[Finding] = []
    for path in flow_files(config.flows):
        flow, found = checked_flow(path)
        findings += found
        if flow is not None:
            flows[flow.name] = flow
    errors = [one for one in findings if one.severity is Severity.ERROR]
    if tell(errors or unknown_routes(config, flows), err=True) != FINE:
        raise FindingsTold
    return {name: wants_of(flow) for name, flow in flows.items()}
