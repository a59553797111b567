"""A call against its test, side by side, for whoever is to find out why it failed.

Knows the steps of a test and the lines of an exchange, and how both are written down.  Must not know
how a test is run.  Gives text; colours are the reader's.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, assert_never

from voicebot.flow import conversations as conv
from voicebot.rehearsal.outcome import Line, Outcome, Who

WIDTH: Final = 110
_AFTER: Final = 2
"""How many steps behind the one that failed are shown."""
_MARGIN: Final = 2
_BAR: Final = " │ "


@dataclass(frozen=True, slots=True)
class _Row:
    step: conv.ConversationStep | None
    line: Line | None


def failure_text(outcome: Outcome, width: int = WIDTH) -> str:
    """Where, what, and the conversation as expected (left) and as it was (right).

    "✗" marks the step that did not come true, "…" what was not come to.
    """
    failure = outcome.failure
    if failure is None:
        return ""
    half = (width - _MARGIN - len(_BAR)) // 2
    table = [("  " + "the test".ljust(half) + _BAR + "the call").rstrip()]
    failed_yet = False
    for row in _rows(outcome):
        sign = "  "
        if row.step is not None and failed_yet:
            sign = "… "
        elif row.step is not None and row.step.mark == failure.mark:
            sign, failed_yet = "✗ ", True
        left = _wrapped(*step_parts(row.step), half) if row.step is not None else []
        right = _wrapped(*_line_parts(row.line), half) if row.line is not None else []
        for number, (one, other) in enumerate(zip_longest(left, right, fillvalue="")):
            margin = sign if number == 0 else "  "
            table.append(f"{margin}{one.ljust(half)}{_BAR}{other}".rstrip())
    told = textwrap.wrap(failure.message, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"{failure.mark}:", *told, "", *table])


def _rows(outcome: Outcome) -> list[_Row]:
    """Steps beside the lines that they are; what the test does not mention stands alone, to the right."""
    assert outcome.failure is not None, "rows of a test that passed"  # noqa: S101
    steps = list(outcome.conversation.steps)
    rows: list[_Row] = []
    for line in outcome.exchange:
        owners = [step for step in steps if step.mark in line.steps]
        before: list[conv.ConversationStep] = []
        if owners:
            # Steps that came true without a line of their own keep their place.
            before = steps[: steps.index(owners[0])]
            steps = steps[steps.index(owners[-1]) + 1 :]
        rows += [_Row(step, None) for step in before]
        rows.append(_Row(owners[0] if owners else None, line))
        rows += [_Row(step, None) for step in owners[1:]]
    at = outcome.failure.mark
    failed = next((n for n, step in enumerate(steps) if step.mark == at), -1)
    return _beside(rows, [_Row(step, None) for step in steps[: failed + 1 + _AFTER]])


def _beside(rows: list[_Row], rest: list[_Row]) -> list[_Row]:
    """Put the steps that did not come true beside what was said in their place."""
    alone = len(rows)
    while alone and rows[alone - 1].step is None and rows[alone - 1].line is not None:
        alone -= 1
    paired = [
        _Row(left.step if left else None, right.line if right else None)
        for left, right in zip_longest(rest, rows[alone:])
    ]
    return rows[:alone] + paired


# Script form ---------------------------------------------------------------------------------


def step_parts(step: conv.ConversationStep) -> tuple[str, str]:  # noqa: C901 - a row for each step
    """Who, and what he is to do."""
    match step:
        case conv.BotSays(text, within_s):
            within = f"  (within {within_s * 1000:.0f} ms)" if within_s is not None else ""
            return "bot", f'"{text}"{within}'
        case conv.CallerSays(text, early):
            return "caller", _early(text, early=early)
        case conv.CallerPlays(path, text, early):
            return "caller", _early(f"{text} ({path})", early=early)
        case conv.CallerPresses(keys, early):
            return "caller", _early(f"[{keys}]", early=early)
        case conv.CallerWaits(None):
            return "caller", "(says nothing)"
        case conv.CallerWaits(for_s):
            return "caller", f"(says nothing for {for_s:g} s)"
        case conv.CallerHangsUp():
            return "caller", "(hangs up)"
        case conv.Ends():
            return "ends", _ends(step)
        case _:
            assert_never(step)


def _early(text: str, *, early: bool) -> str:
    return f"{text}  (early)" if early else text


def _ends(step: conv.Ends) -> str:
    parts = [f"by the {step.by}" if step.by in ("bot", "caller") else step.by or ""]
    parts += [f"to {step.to}" if step.to else "", f"in {step.node}" if step.node else ""]
    parts += [f"{name}: {value}" for name, value in {**step.vars, **step.tags}.items()]
    parts += [f"told {name}: {value}" for name, value in step.results.items()]
    parts += [f'logged "{part}"' for part in step.logged]
    parts += [f'never logged "{part}"' for part in step.never_logged]
    return ", ".join(part for part in parts if part)


def line_text(line: Line) -> str:
    """One line of an exchange, with how long the bot took and where it was."""
    who, text = _line_parts(line)
    return f"{line.at_s:7.2f}  {who:<7}{text}"


def _line_parts(line: Line) -> tuple[str, str]:
    where = f"  [{line.node}]" if line.who is Who.BOT and line.node else ""
    took = "" if line.response_ms is None else f"  {line.response_ms} ms"
    return line.who.value, f"{line.text}{where}{took}"


def _wrapped(who: str, text: str, width: int) -> list[str]:
    indent = " " * 7
    return textwrap.wrap(
        f"{who:<7}{text}", width, subsequent_indent=indent, break_on_hyphens=False
    ) or [who]
