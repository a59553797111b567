"""`voicebot bench`: measure what is promised.

Knows arguments, options, exit codes and what is printed.  Must not know what is played or counted.
Exit codes: 0 all promises are kept, 1 one is not, 2 usage, 3 environment.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from voicebot.bench.lines import LINES
from voicebot.bench.plan import SAMPLING, Choice, Section, plays
from voicebot.bench.questions import ALL, LANGUAGE
from voicebot.bench.report import Part, write_json
from voicebot.bench.scoring import Score, score
from voicebot.bench.showing import (
    PART,
    NotComparable,
    Older,
    changes,
    data,
    head,
    lines,
    misses,
    read,
)
from voicebot.bench.voices import Half
from voicebot.commands.codes import FINDINGS, FINE
from voicebot.commands.shared import (
    EnvironmentFault,
    config_option,
    has_settings,
    models_and_voices,
    read_config,
)
from voicebot.config import Config
from voicebot.speaking.synthesiser import SynthesisError
from voicebot.speech.languages import for_language

if TYPE_CHECKING:
    from voicebot.bench.corpus import Item
    from voicebot.bench.cost import Cost
    from voicebot.bench.plays import Play, Result

RESULT: Final = Path("build/bench/turns.json")
EITHER: Final = "both"
MISSES: Final = "misses"
CHANGES: Final = "changes"
PROGRESS_S: Final = 0.2


@click.group("bench", epilog="Example: voicebot bench turns")
def bench() -> None:
    """Measure what is promised, on this machine."""


@dataclass(frozen=True, slots=True)
class _Options:
    """The command line, as click read it."""

    half: str
    section: tuple[str, ...]
    question: tuple[str, ...]
    condition: tuple[str, ...]
    limit: int | None
    items: Path | None
    corpus: tuple[Path, ...]
    jobs: int
    json_path: Path
    against: Path | None
    show: str | None
    config_path: Path


@bench.command(
    "turns", epilog="Example: voicebot bench turns --question yes_no --limit 20 --show misses"
)
@click.option(
    "--half",
    type=click.Choice([*(half.value for half in Half), EITHER]),
    default=Half.HELD_OUT.value,
    show_default=True,
    help="Which half of the corpus: thresholds are fitted on the other one.",
)
@click.option(
    "--section",
    multiple=True,
    type=click.Choice([one.value for one in Section]),
    help="Only this part of the bench.",
)
@click.option(
    "--question",
    multiple=True,
    type=click.Choice(ALL),
    metavar="NAME",
    help="Only this question, such as menu or digits4.",
)
@click.option(
    "--condition",
    multiple=True,
    type=click.Choice([*LINES]),
    metavar="LINE",
    help='Only this line, such as "babble 10 dB" or "echo -12 dB 120 ms".',
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="At most so many plays of each kind, question and line.",
)
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Recordings of people, with a transcripts.tsv or named as 3_theo_17.wav: told apart.",
)
@click.option(
    "--items",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The callers of another machine, in place of those that are made here.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=lambda: min(2, os.cpu_count() or 1),
    show_default="all cores, at most two",
    help="Processes that play at once.",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RESULT,
    show_default=True,
    metavar="FILE",
    help="Where the result is kept.",
)
@click.option(
    "--against",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="An older result: what has changed stands beside each number.",
)
@click.option(
    "--show",
    type=click.Choice([MISSES, CHANGES]),
    help="Tell each play that went wrong, and how; or that has changed --against.",
)
@config_option
def turns(**written: Any) -> int:  # noqa: ANN401 - what click read; _Options has the types
    """How quickly, and how rightly, callers are answered.

    Callers of a corpus that is made here, once, are played to the bot over telephone lines of many
    kinds, through the code that takes live calls, in a time of its own: faster than it goes by.
    """
    options = _Options(**written)
    older = _older(options.against)
    if options.show == CHANGES and older is None:
        raise click.UsageError("--show changes needs an older result: name it with --against")
    config = read_config(options.config_path) if has_settings(options.config_path) else None
    config, known = config or Config(voicebot=1), config is not None
    try:
        callers, items, people = _items(options, config)
        choice = Choice(
            half=None if options.half == EITHER else Half(options.half),
            sections=options.section,
            questions=options.question,
            conditions=options.condition,
            limit=options.limit,
        )
        results, cost = _play(plays(items, people, choice), options, config, known=known)
    except (SynthesisError, RuntimeError) as error:
        raise EnvironmentFault(str(error)) from None
    except OSError as error:
        raise EnvironmentFault(f"cannot use {error.filename}: {error.strerror}") from None
    scored = score(results, cost)
    _tell(scored, results, _about(options, config, callers, len(items)), options, older)
    return FINE if all(figure.met for figure in scored.figures) else FINDINGS


def _older(path: Path | None) -> Older | None:
    if path is None:
        return None
    try:
        return read(path)
    except OSError as error:
        raise click.UsageError(f"--against {path}: {error.strerror}") from None
    except NotComparable as error:
        raise click.UsageError(f"--against: {error}") from None


def _about(options: _Options, config: Config, callers: str, count: int) -> dict[str, str]:
    """What the numbers are of: others are not to be put beside them."""
    chosen = [*options.section, *options.question, *options.condition]
    chosen += [] if options.limit is None else [f"at most {options.limit} of each kind"]
    return {
        "callers": f"{callers}, {count} items in both halves",
        "half": options.half,
        "people": ", ".join(folder.resolve().name for folder in options.corpus) or "none",
        "detector of voice": config.hearing.vad,
        "played": ", ".join(chosen) or SAMPLING,
    }


def _items(options: _Options, config: Config) -> tuple[str, Sequence[Item], Sequence[Item]]:
    """The corpus, which is made where it is not there yet, with its name, and people's recordings."""
    from voicebot.bench import corpus  # noqa: PLC0415 - `--help` does not wait for it
    from voicebot.bench.people import people as people_of  # noqa: PLC0415 - as above
    from voicebot.phone.script import PhoneError  # noqa: PLC0415 - as above

    folder = options.items
    if folder is None:
        folder, found = corpus.ready(config.cache, _progress("the callers learn what to say"))
        if found.missing:
            why = f" ({found.reason})" if found.reason else ""
            click.echo(f"without these voices: {', '.join(found.missing)}{why}", err=True)
    try:
        items = corpus.load(folder)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{folder} has no callers in it: {_reason(error)}") from None
    try:
        people = [item for recorded in options.corpus for item in people_of(recorded)]
    except (OSError, PhoneError) as error:
        raise click.UsageError(f"--corpus {_reason(error)}") from None
    return folder.resolve().name, items, people


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _play(
    found: Sequence[Play], options: _Options, config: Config, *, known: bool
) -> tuple[list[Result], Cost | None]:
    from voicebot.bench.running import Engines, cost, run  # noqa: PLC0415 - as above

    if not found:
        raise click.UsageError("nothing of the corpus is like that: name less")
    models, voices = models_and_voices(config, known=known)
    if None in (for_language(models, LANGUAGE), for_language(voices, LANGUAGE)):
        raise EnvironmentFault(
            f"the bench asks in {LANGUAGE}: name a Vosk model and a Piper voice for it in the settings"
        )
    engines, began = Engines(models, voices, config.cache, config.hearing.vad), time.perf_counter()
    costly = [play for play in found if play.section == Section.CPU]
    # Alone, before the others take all cores.
    taken = cost(costly, engines, _progress("what it costs")) if costly else None
    others = [play for play in found if play.section != Section.CPU]
    results = run(others, engines, options.jobs, _progress("calls"))
    click.echo(f"{len(found)} calls in {time.perf_counter() - began:.0f} s")
    return results, taken


def _progress(what: str) -> Callable[[int, int], None]:
    """In place, and only for somebody who watches."""
    told_s = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal told_s
        if sys.stderr.isatty() and (done == total or time.monotonic() > told_s + PROGRESS_S):
            told_s = time.monotonic()
            end = f"\r{' ' * 60}\r" if done == total else ""
            click.echo(f"\r{what}: {done} of {total}{end}", err=True, nl=False)

    return progress


def _tell(
    scored: Score,
    results: Sequence[Result],
    about: Mapping[str, str],
    options: _Options,
    older: Older | None,
) -> None:
    if options.show == MISSES:
        click.echo("\n".join(misses(results)))
    elif options.show == CHANGES and older is not None:
        click.echo("\n".join(changes(results, older)))
    click.echo("\n".join([*head(about, older), *lines(scored, older)]))
    part = Part("\n".join(lines(scored)), scored.figures, data(scored, results, about))
    try:
        write_json(options.json_path, {PART: part}, indent=None)
    except OSError as error:
        raise EnvironmentFault(f"cannot write {error.filename}: {error.strerror}") from None
    click.echo(f"\nkept in {options.json_path}")
