"""`voicebot replay`: what is printed of a replay, and its exit code.

Knows the screen.  Must not know how a call is gone through again (records/replay.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from voicebot import __version__
from voicebot.commands.codes import FINDINGS, FINE
from voicebot.commands.shared import config_option, has_settings, read_config
from voicebot.flow import events as ev
from voicebot.flow.check import checked_flow
from voicebot.flow.masking import MASK
from voicebot.flow.model import Flow
from voicebot.flows import prover
from voicebot.records.codec import TraceError
from voicebot.records.conversation import bot_lines, caller_line, turn_line
from voicebot.records.reading import Told, read_trace
from voicebot.records.replay import Difference, Replay, changed_flow, replayed, traced_flow

CONTEXT: Final = 4
"""Events with something to show that are shown before the first difference."""


class CannotReplay(click.ClickException):
    """One line that says why."""

    exit_code = FINDINGS


@click.command("replay", epilog="Example: voicebot replay records/2027-03-01/CALL.trace.jsonl")
@click.argument(
    "trace_path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="TRACE"
)
@click.option(
    "--flow",
    "flow_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Compare with this flow instead of the one that the trace holds.",
)
@click.option("--show", is_flag=True, help="Print the whole conversation.")
@config_option
def replay(trace_path: Path, flow_path: Path | None, config_path: Path, *, show: bool) -> int:
    """Go through a traced call once more, and tell where the bot does something else now.

    With the flow that the trace holds this proves that this voicebot still does what that one did;
    with --flow it shows what a change of the flow would have changed in this call. The comparison
    ends at the first difference: behind it the caller answers what was never asked.
    """
    try:
        trace = read_trace(trace_path)
        flow = traced_flow(trace) if flow_path is None else _changed(flow_path, config_path)
        done = replayed(trace, flow, changed=flow_path is not None)
    except TraceError as error:
        raise CannotReplay(str(error)) from None
    for line in _told(done, show=show):
        click.echo(line)
    return FINE if done.difference is None else FINDINGS


def _changed(path: Path, config_path: Path) -> Flow:
    """The flow to compare with, proved with what the settings tell where there are any."""
    config = read_config(config_path) if has_settings(config_path) else None
    proved = checked_flow if config is None else prover(config)
    return changed_flow(path, *proved(path))


def _told(done: Replay, *, show: bool) -> Iterator[str]:
    trace = done.trace
    if show:
        shown = range(len(done.nodes) if done.difference is None else done.difference.number)
        yield from _lines(done, shown)
    if done.difference is None:
        yield f"{len(trace.told)} events, identical"
    else:
        yield from _difference(done, done.difference, show=show)
    if trace.torn:
        last_s = trace.told[-1].event.at_s if trace.told else 0.0
        yield f"The trace is torn: the call went on after {last_s:.2f} s."
    if trace.header.voicebot != __version__:
        yield f"The call was taken by voicebot {trace.header.voicebot}; this is {__version__}."


def _difference(done: Replay, difference: Difference, *, show: bool) -> Iterator[str]:
    told = done.trace.told[difference.number]
    turn = sum(_is_turn(one) for one in done.trace.told[: difference.number + 1])
    yield (
        f"Turn {turn} differs, at {told.event.at_s:.2f} s in {done.nodes[difference.number]} "
        f"(event {difference.number + 1} of {len(done.trace.told)}): - then, + now"
    )
    yield ""
    if not show:
        before = [n for n in range(difference.number) if list(_event_lines(done, n))]
        yield from _lines(done, before[-CONTEXT:])
    yield from _caller(done, difference.number, always=True)
    then, now = list(bot_lines(difference.then)), list(bot_lines(difference.now))
    if then == now:  # nobody would hear a difference
        then = list(bot_lines(difference.then, all_of_them=True))
        now = list(bot_lines(difference.now, all_of_them=True))
    for line in difflib.ndiff(then, now):
        if not line.startswith("?"):
            yield f"{line[0]} {'':8}{line[2:]}"
    if isinstance(told.event, ev.SpeechHeard) and any(MASK in w.text for w in told.event.words):
        yield "The caller said a secret here, where none was asked for: no trace holds it."


def _lines(done: Replay, events: Iterable[int]) -> Iterator[str]:
    for number in events:
        yield from _event_lines(done, number)


def _event_lines(done: Replay, number: int) -> Iterator[str]:
    done_then = list(bot_lines(done.trace.told[number].actions))
    yield from _caller(done, number, always=bool(done_then))
    for line in done_then:
        yield f"  {'':8}{line}"
    if number in done.trace.turns:
        yield f"  {'':8}{turn_line(done.trace.turns[number])}"


def _caller(done: Replay, number: int, *, always: bool) -> Iterator[str]:
    event = done.trace.told[number].event
    line = caller_line(event)
    if line is not None:
        yield f"  {event.at_s:6.2f}  {line}"
    elif always:
        yield f"  {event.at_s:6.2f}"


def _is_turn(told: Told) -> bool:
    return caller_line(told.event) is not None
