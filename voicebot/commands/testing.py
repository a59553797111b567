"""`voicebot test`: run the tests of flows, in text and in audio, and tell what came of them.

Knows arguments, options, exit codes and what is printed.  Must not know how a test is run.
Exit codes: 0 all passed, 1 a test failed or a file has errors, 2 usage, 3 environment.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import click

from voicebot import drawing
from voicebot.commands.checking import form_by_name
from voicebot.commands.codes import FINDINGS, FINE
from voicebot.commands.shared import (
    Command,
    EnvironmentFault,
    FindingsTold,
    config_option,
    file_to_write,
    has_settings,
    models_and_voices,
    read_config,
    tell,
)
from voicebot.commands.sound_options import SoundOptions, sound_options
from voicebot.config import Config
from voicebot.flow.conversations import Conversation
from voicebot.flow.yamlfile import Finding, Severity
from voicebot.flows import FlowErrors, flow_files
from voicebot.rehearsal.coverage import Coverage, coverage, coverage_lines
from voicebot.rehearsal.diff import failure_text
from voicebot.rehearsal.junit import write_junit
from voicebot.rehearsal.outcome import Mode, Outcome
from voicebot.rehearsal.suite import Suite, homeless, suites_of_files
from voicebot.rehearsal.text import run_text
from voicebot.speaking.synthesiser import SynthesisError

NARROWEST: Final = 90
WIDEST: Final = 130
INDENT: Final = "    "

_Runner: TypeAlias = Callable[[Suite, Conversation], "Outcome | None"]
"""Runs a test in one mode; None: the flow cannot be tested that way."""


def _file_option(name: str, parameter: str, text: str) -> Callable[[Command], Command]:
    return click.option(
        name,
        parameter,
        type=click.Path(dir_okay=False, path_type=Path),
        callback=file_to_write,
        metavar="FILE",
        help=text,
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """The command line, as click read it."""

    files: tuple[Path, ...]
    text: bool
    audio: bool
    name: str
    junit_path: Path | None
    show_coverage: bool
    graph_path: Path | None
    sound: SoundOptions
    config_path: Path


@click.command("test", epilog="Example: voicebot test --text --coverage flows/company.yaml")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--text", is_flag=True, help="Only in text: words in, words out, in milliseconds.")
@click.option("--audio", is_flag=True, help="Only in audio: a voice, a telephone line, the ear.")
@click.option("--name", default="", metavar="PART", help="Only tests with this in their name.")
@_file_option("--junit", "junit_path", "Write the results there as JUnit XML.")
@click.option("--coverage", "show_coverage", is_flag=True, help="Tell what the tests left out.")
@_file_option("--graph", "graph_path", "Draw the flow there, with what the tests came through.")
@sound_options
@config_option
def test(**written: Any) -> int:  # noqa: ANN401 - what click read; _Options has the types
    """Run the tests of flows: what the caller does, what the bot is to do.

    FILE is a flow, or a file of tests. Without FILE: all flows of the settings with their tests. Every
    test is run in text and then in audio, unless an option says which; a flow in a language without a
    model or a voice is tested in text only.
    """
    options = _Options(**written)
    known = has_settings(options.config_path) or not options.files
    config = read_config(options.config_path) if known else Config(voicebot=1)
    suites, broken = _suites(options.files, config)
    if options.graph_path is not None and len(suites) != 1:
        raise click.UsageError(f"--graph draws one flow, not {len(suites)}: name it")
    if options.graph_path is not None:
        form_by_name(options.graph_path)  # before the work, not behind it
    with ExitStack() as stack:
        outcomes = _run(suites, options, _runners(config, suites, options, stack))
    if options.name and not outcomes:
        click.echo(f'no test has "{options.name}" in its name')
        return FINDINGS
    covered = {suite.flow.name: _covered(suite, outcomes) for suite in suites}
    if options.show_coverage:
        _tell_coverage(covered)
    _sum_up(outcomes, covered)
    _write(options, suites, outcomes, covered)
    # Asked for audio alone, tests that could not be run are no success.
    idle = options.audio and not options.text and not outcomes and any(s.tests for s in suites)
    failed = broken or idle or not all(outcome.passed for outcome in outcomes)
    return FINDINGS if failed else FINE


def _suites(files: tuple[Path, ...], config: Config) -> tuple[list[Suite], bool]:
    paths = files or tuple(flow_files(config.flows))
    suites, findings = suites_of_files(paths)
    if not files:
        findings += homeless(config.flows, {suite.flow.name: suite.flow for suite in suites})
    return suites, _tell_errors(findings)


def _tell_errors(findings: Iterable[Finding]) -> bool:
    """Print the errors; warnings are for `voicebot check`.  Returns whether there was one."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    return tell(errors, err=True) == FINDINGS


# Running -----------------------------------------------------------------------------------------


def _runners(
    config: Config, suites: list[Suite], options: _Options, stack: ExitStack
) -> list[_Runner]:
    """How each test is run, one after the other; `stack` closes what they need."""

    def in_text(suite: Suite, test: Conversation) -> Outcome:
        return run_text(suite.flow, test, config.calendars)

    runners: list[_Runner] = [in_text] if options.text or not options.audio else []
    if options.audio or not options.text:
        runners += _in_audio(config, suites, options, stack)
    return runners


def _in_audio(
    config: Config, suites: list[Suite], options: _Options, stack: ExitStack
) -> list[_Runner]:
    """Tests in audio, where there are a model and a voice for one of the flows."""
    models, voices = models_and_voices(config, known=options.config_path.exists())
    languages = models.keys() & voices.keys()
    able = {s.flow.name for s in suites if s.tests and languages.issuperset(s.flow.languages)}
    for suite in suites:
        if suite.tests and suite.flow.name not in able:
            tags = ", ".join(suite.flow.languages)
            click.echo(f"{suite.flow.name}: not in audio, for want of a model or a voice: {tags}")
    if not able:
        return []
    # Loads two speech engines, which tests in text need not wait for.
    from voicebot.rehearsal.audio import AudioStage  # noqa: PLC0415

    # What the recogniser does not know is the check's to tell, with its place.
    logging.getLogger("vosk").setLevel(logging.ERROR)
    stage = AudioStage(
        models,
        voices,
        config.cache,
        calendars=config.calendars,
        wav_folder=options.sound.wav_folder,
        vad=config.hearing.vad,
    )
    try:
        stack.enter_context(stage)
    except RuntimeError as error:
        raise EnvironmentFault(str(error)) from None
    with _told():
        chosen = [(s.flow, t) for s in suites if s.flow.name in able for t in _chosen(s, options)]
        stage.prepare(dict.fromkeys(flow for flow, _ in chosen), chosen, _progress)

    def in_audio(suite: Suite, test: Conversation) -> Outcome | None:
        if suite.flow.name not in able:
            return None
        with _told():
            return stage.run(suite.flow, test, options.sound.sound)

    return [in_audio]


@contextmanager
def _told() -> Iterator[None]:
    """What the engines and the flows' sounds may lack becomes a line, or findings."""
    try:
        yield
    except SynthesisError as error:
        raise EnvironmentFault(str(error)) from None
    except FlowErrors as error:
        tell(error.findings, err=True)
        raise FindingsTold from None


def _chosen(suite: Suite, options: _Options) -> tuple[Conversation, ...]:
    return suite.named(options.name).tests


def _progress(done: int, total: int) -> None:
    """In place, and only for somebody who watches."""
    if sys.stderr.isatty():
        end = f"\r{' ' * 40}\r" if done == total else ""
        click.echo(f"\rthe voices learn their parts: {done} of {total}{end}", err=True, nl=False)


def _run(suites: list[Suite], options: _Options, runners: list[_Runner]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for suite in suites:
        chosen = _chosen(suite, options)
        if options.name and not chosen:
            continue
        click.echo(f"{click.style(suite.flow.name, bold=True)}  {suite.flow.path}")
        if not chosen:
            click.echo("  no tests: what a caller of it goes through can break unseen")
        for test in chosen:
            for run in runners:
                outcome = run(suite, test)
                if outcome is not None:
                    outcomes.append(outcome)
                    click.echo("\n".join(_result_lines(outcome)))
    return outcomes


def _result_lines(outcome: Outcome) -> Iterator[str]:
    result = click.style("ok    ", fg="green")
    if not outcome.passed:
        result = click.style("FAILED", fg="red", bold=True)
    yield f"  {result}  {outcome.mode:<5}  {_took(outcome):>7}  {outcome.name}{_quickness(outcome)}"
    if not outcome.passed:
        width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns - len(INDENT)))
        yield ""
        for line in failure_text(outcome, width).splitlines():
            marked = click.style(line, fg="red") if line.startswith("✗") else line
            yield f"{INDENT}{marked}".rstrip()
        yield ""


def _took(outcome: Outcome) -> str:
    if outcome.seconds < 1:
        return f"{outcome.seconds * 1000:.0f} ms"
    return f"{outcome.seconds:.1f} s"


def _quickness(outcome: Outcome) -> str:
    """In audio: how long the bot took to answer, at worst."""
    responses = [line.response_ms for line in outcome.exchange if line.response_ms is not None]
    if outcome.mode is not Mode.AUDIO or not responses:
        return ""
    told = f"  ({outcome.call_s:.0f} s of call, slowest answer after {max(responses)} ms)"
    return click.style(told, dim=True)


# Reports -----------------------------------------------------------------------------------------


def _covered(suite: Suite, outcomes: list[Outcome]) -> Coverage:
    of_flow = [outcome.taken for outcome in outcomes if outcome.flow == suite.flow.name]
    return coverage(suite.flow, of_flow)


def _tell_coverage(covered: Mapping[str, Coverage]) -> None:
    for flow, one in covered.items():
        click.echo("\n".join(["", f"coverage of {flow}", *coverage_lines(one)]))


def _sum_up(outcomes: list[Outcome], covered: Mapping[str, Coverage]) -> None:
    passed = sum(outcome.passed for outcome in outcomes)
    tested = dict.fromkeys(outcome.flow for outcome in outcomes)
    line = f"{passed} passed, {len(outcomes) - passed} failed"
    if tested:
        line += "; coverage: " + ", ".join(f"{f} {covered[f].percent:.0f} %" for f in tested)
    click.echo(f"\n{line}")


def _write(
    options: _Options,
    suites: list[Suite],
    outcomes: list[Outcome],
    covered: Mapping[str, Coverage],
) -> None:
    try:
        if options.junit_path is not None:
            write_junit(options.junit_path, outcomes, {f: c.percent for f, c in covered.items()})
        if options.graph_path is not None:
            _draw(suites[0], covered[suites[0].flow.name], options.graph_path)
    except OSError as error:
        raise EnvironmentFault(f"cannot write {error.filename}: {error.strerror}") from None


def _draw(suite: Suite, covered: Coverage, path: Path) -> None:
    wanted = form_by_name(path)
    drawn, form = drawing.draw(suite.flow, wanted, covered.taken)
    path.write_text(drawn, encoding="utf-8")
    if form != wanted:
        click.echo(f"{path} is {form}: for SVG install graphviz")
