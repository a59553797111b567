"""`voicebot doctor`: what is wrong between a caller and the bot.

Knows arguments and exit codes.  Must not know what is looked at (doctor/).
"""

from __future__ import annotations

from pathlib import Path

import click
import trio

from voicebot.commands.codes import FINDINGS, FINE
from voicebot.commands.shared import config_option
from voicebot.config import Log
from voicebot.logs import open_log


@click.command(epilog="Example: voicebot doctor -c config.yaml")
@click.option("--json", "as_json", is_flag=True, help="Print the results for machines.")
@config_option
def doctor(config_path: Path, *, as_json: bool) -> int:
    """Look at everything between a caller and the bot, and say what to do.

    The settings, engines, ports and limits of this machine; Asterisk's version, modules and dialplan, through
    its manager interface (`ami`) or `asterisk -rx`; a loop-back call of Asterisk's to this machine, which needs
    no telephone; and a short call to the bot, if one runs. Exit 1 when something must be put right.
    """
    # Loads numpy and the codecs, which other verbs need not wait for.
    from voicebot.doctor.examination import examine  # noqa: PLC0415
    from voicebot.doctor.report import JsonReport, ScreenReport, screen  # noqa: PLC0415

    with open_log(Log(level="error")):
        if as_json:
            report = JsonReport()
            trio.run(examine, config_path, report)
            click.echo(report.text())
            return FINDINGS if report.failed else FINE
        with ScreenReport(screen()) as shown:
            trio.run(examine, config_path, shown)
            shown.finish()
            return FINDINGS if shown.failed else FINE
