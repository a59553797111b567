"""`python -m tests.bench [PART...]`: measure, show side by side, keep the result as JSON.

All of it is live, in real time and over sockets; `voicebot bench turns` has what goes faster. Knows which parts
there are. Exit 0 when every figure is met, 1 when one is missed, 3 when it cannot be measured here.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from . import asterisk, check, live, load, many
from .report import BUILD, Part, write_json
from .servers import SERVERS, ServerFailed

PARTS = ("load", "live", "check")
NAMED = ("asterisk", "many")
"""Only when they are asked for: they need root, and fetch an Asterisk the first time."""


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice((*PARTS, *NAMED)))
@click.option(
    "--server", "servers", multiple=True, type=click.Choice(list(SERVERS)), help="Only this one."
)
@click.option("--calls", default=200, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--seconds", default=20.0, show_default=True, type=click.FloatRange(6), help="Length of a call."
)
@click.option("--rate", default=8000, show_default=True, help="Hz of what the callers send.")
@click.option("--level", default=-60.0, show_default=True, help="dBFS of what the callers send.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--turns", "count", default=40, show_default=True, type=click.IntRange(2))
@click.option(
    "--digits",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A folder of people's digits, WAVs named {digit}_….wav: measured beside the synthetic caller.",
)
@click.option(
    "--json",
    "result",
    default=BUILD / "result.json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the result is kept.  [default: build/bench/result.json]",
)
def main(
    *,
    parts: tuple[str, ...],
    servers: tuple[str, ...],
    calls: int,
    seconds: float,
    rate: int,
    level: float,
    rounds: int,
    count: int,
    digits: Path | None,
    result: Path,
) -> None:
    """Measure the voicebot side by side with two bare echo servers."""
    weight = load.Load(calls, seconds, rate, rounds, level)
    recordings = sorted(digits.glob("[0-9]_*.wav")) if digits else []
    callers = live.Callers(count, recordings=recordings)
    measures: Mapping[str, Callable[[], Part]] = {
        "load": lambda: load.run(weight, servers or tuple(SERVERS)),
        "live": lambda: live.run(callers),
        "check": lambda: check.run(rounds),
        "asterisk": lambda: asterisk.run(callers),
        "many": lambda: many.run(calls),
    }
    done: dict[str, Part] = {}
    for name in parts or PARTS:
        try:
            done[name] = measures[name]()
        except ServerFailed as error:
            click.echo(f"bench: {error}", err=True)
            sys.exit(3)
        print(f"\n{done[name].table}\n", *done[name].figures, sep="\n")
    write_json(result, done)
    print(f"\nkept in {result}")
    sys.exit(0 if all(figure.met for part in done.values() for figure in part.figures) else 1)


if __name__ == "__main__":
    main()
