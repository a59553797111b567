"""What the results of the bench come to: counts, percentiles, and the promises they are held to.

Knows results and how each is judged.  Must not know how an item is played or a table is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from voicebot.bench.corpus import Kind
from voicebot.bench.cost import ALL_FREE, ALL_PHRASES, SPEECH_PHRASES, Cost
from voicebot.bench.judging import (
    is_accepted,
    is_rejected,
    is_stopped,
    is_wrongly_accepted,
    share_right,
)
from voicebot.bench.lines import CLEAN, ECHO_LINES, LINES, NOISY_LINES
from voicebot.bench.plan import NEAR, PLAIN_S, Section
from voicebot.bench.plays import Outcome, Result
from voicebot.bench.report import Figure, percentile

CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "closed: yes or no, menu, choice": ("yes_no", "menu", "choice"),
    "a single digit": ("digit",),
    "digits, fixed length": ("digits4",),
    "digits, open length; phone": ("digits", "phone"),
    "number, amount": ("number", "amount"),
    "date, time": ("date", "time"),
    "form": ("form",),
    "spelling": ("spelling",),
    "open text": ("text",),
}
CLOSED: Final = next(iter(CLASSES))
FIXED: Final = "digits, fixed length"
OPEN_TEXT: Final = "open text"

CLOSED_P50_MS, CLOSED_P95_MS, DIGITS_P50_MS, OPEN_P50_MS = 200.0, 350.0, 250.0, 750.0
CUT_OFFS, FALSE_ACCEPTS, FALSE_REJECTS, FALSE_STOPS = 2.0, 5.0, 5.0, 1.0
BARGE_IN_MS, KEY_MS, FIRST_FRAME_MS = 200.0, 40.0, 40.0
CPU = 1.25


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers under a title: `rows` by name, each with a cell for each of the columns."""

    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[float | None, ...]]

    def cell(self, row: str, column: str) -> float | None:
        """Give one number; None: it was not measured."""
        cells = self.rows.get(row)
        return None if cells is None else cells[self.columns.index(column)]


@dataclass(frozen=True, slots=True)
class Score:
    """All that is told of a run."""

    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]


# Counting --------------------------------------------------------------------------------------------


def _percent(results: Sequence[Result], holds: Callable[[Result], bool]) -> float | None:
    return 100 * sum(map(holds, results)) / len(results) if results else None


def _ms(values: Iterable[float | None], share: float) -> float | None:
    at = percentile([value for value in values if value is not None], share)
    return None if at is None else at * 1000


def _responses(results: Iterable[Result]) -> list[float]:
    """A caller who was cut off was answered before he had ended: that is no quick answer."""
    return [
        one.response_s
        for one in results
        if one.response_s is not None and not (one.cut_off or one.early)
    ]


_ANSWERED: Final = (
    "n", "timed n", "p50 ms", "p95 ms", "right p95", "cut %", "cut wrong %", "right %", "none %", "sayable %",
)  # fmt: skip


def _answered(results: Sequence[Result]) -> tuple[float | None, ...]:
    times = _responses(results)
    right = [share_right(one) for one in results]
    return (
        float(len(results)),
        float(len(times)),
        _ms(times, 0.5),
        _ms(times, 0.95),
        _ms(_responses(one for one in results if share_right(one) == 1), 0.95),
        _percent(results, lambda one: one.cut_off),
        _percent(results, lambda one: one.cut_off and share_right(one) < 1),
        100 * sum(right) / len(right) if right else None,
        _percent(results, lambda one: one.outcome is Outcome.NOTHING),
        _percent(results, lambda one: one.sayable),
    )


PAUSE: Final = "pause"
"""The feature of digits that are said with pauses between them, to the end and without another word."""


def _by_class(title: str, results: Sequence[Result]) -> Table:
    rows = {}
    for name, questions in CLASSES.items():
        ours = [one for one in results if one.question in questions]
        if ours:
            rows[name] = _answered(ours)
    for name in (FIXED, "digits, open length; phone"):
        paused = [r for r in results if r.question in CLASSES[name] and r.feature == PAUSE]
        if paused:
            rows[f"  {name}, pauses between"] = _answered(paused)
    if results:
        rows["all"] = _answered(results)
    return Table(title, _ANSWERED, rows)


def _by_feature(results: Sequence[Result]) -> Table:
    rows = {}
    for name in (CLOSED, FIXED):
        ours = [one for one in results if one.question in CLASSES[name]]
        for feature in dict.fromkeys(one.feature for one in ours):
            said_so = [one for one in ours if one.feature == feature]
            rows[f"{name.split(':')[0].split(',')[0]}, {feature}"] = _answered(said_so)
    return Table("how it is said", _ANSWERED, rows)


ACCEPTED: Final = "accepted %"
REJECTED: Final = "rejected %"
_ASKED: Final = {ACCEPTED: "outside n", REJECTED: "sayable n"}
_COUNTED: Final = {**_ASKED, "p50 ms": "timed n", "p95 ms": "timed n"}
"""The column with how many a column is counted of, where it is not "n"."""
_ON_LINES: Final = (
    "n", "closed p50", "closed p95", "cut %", "right %", "sayable n", REJECTED, "wrong %",
    "outside n", ACCEPTED, "near n", "near acc. %",
)  # fmt: skip


def _on_a_line(results: Sequence[Result]) -> tuple[float | None, ...]:
    answers = [one for one in results if one.kind == Kind.ANSWER and one.question != "text"]
    sayable = [one for one in answers if one.sayable]
    outside = [one for one in results if one.kind == Kind.OUTSIDE and one.feature != NEAR]
    near = [one for one in results if one.kind == Kind.OUTSIDE and one.feature == NEAR]
    closed = _responses(one for one in answers if one.question in CLASSES[CLOSED])
    return (
        float(len(answers)),
        _ms(closed, 0.5),
        _ms(closed, 0.95),
        _percent(answers, lambda one: one.cut_off),
        _percent(answers, lambda one: share_right(one) == 1),
        float(len(sayable)),
        _percent(sayable, is_rejected),
        _percent(answers, is_wrongly_accepted),
        float(len(outside)),
        _percent(outside, is_accepted),
        float(len(near)),
        _percent(near, is_accepted),
    )


def _lines(results: Sequence[Result]) -> Table:
    # On the clean line the answers have been played already.
    counted = [
        one
        for one in results
        if one.section == Section.LINES
        or (one.section == Section.ANSWERS and one.end_silence_s is None)
    ]
    rows = {}
    for condition in LINES:
        ours = [one for one in counted if one.condition == condition]
        if ours:
            rows[condition] = _on_a_line(ours)
    return Table("answers and what is none, by line", _ON_LINES, rows)


_INTERRUPTED: Final = (
    "n",
    "timed n",
    "paused p95",
    "p50 ms",
    "p95 ms",
    "max ms",
    "missed %",
    "right %",
)


def _barge_in(results: Sequence[Result]) -> Table:
    ours = [one for one in results if one.section == Section.BARGE_IN]
    clean = [one for one in ours if one.condition == CLEAN]
    groups = {
        "a clean line": clean,
        **{
            f"  {feature}": [one for one in clean if one.feature == feature]
            for feature in dict.fromkeys(one.feature for one in clean)
        },
        **{
            f"echo {level} dB": [one for one in ours if _has_echo(one, level)]
            for level in _echo_levels()
        },
    }
    rows = {name: _interrupted(group) for name, group in groups.items() if group}
    return Table("answers into a prompt: onset to silence", _INTERRUPTED, rows)


def _interrupted(results: Sequence[Result]) -> tuple[float | None, ...]:
    # Who happens to begin in a pause of the prompt does not wait for its end.
    talked_over = [one for one in results if one.stopped_s != 0]
    times = [one.stopped_s for one in talked_over if one.stopped_s is not None]
    return (
        float(len(results)),
        float(len(times)),
        _ms((one.hushed_s for one in talked_over), 0.95),
        _ms(times, 0.5),
        _ms(times, 0.95),
        _ms(times, 1.0),
        _percent(results, lambda one: one.stopped_s is None),
        _percent(results, lambda one: share_right(one) == 1),
    )


def _echo_levels() -> list[str]:
    return list(dict.fromkeys(condition.split()[1] for condition in ECHO_LINES))


def _has_echo(result: Result, level: str) -> bool:
    return result.condition in ECHO_LINES and result.condition.split()[1] == level


_DISTURBED: Final = (
    "n", "paused %", "paused s", "stopped %", "answered %", ACCEPTED, "went on %",
)  # fmt: skip
ALL_NOISES: Final = "all noises into a prompt"
ALL_ECHOES: Final = "all echoes"


def _disturbed(results: Sequence[Result]) -> tuple[float | None, ...]:
    pauses = [one.paused_s for one in results if one.paused_s]
    return (
        float(len(results)),
        _percent(results, lambda one: one.paused_s > 0),
        sum(pauses) / len(pauses) if pauses else None,
        _percent(results, is_stopped),
        _percent(results, lambda one: one.outcome is not Outcome.NOTHING),
        _percent(results, is_accepted),
        _percent(results, lambda one: one.went_on),
    )


def _disturbances(results: Sequence[Result]) -> Table:
    noises = [one for one in results if one.section == Section.NOISES and one.interrupts]
    open_ = [one for one in results if one.section == Section.NOISES and not one.interrupts]
    silent = [one for one in results if one.section == Section.ECHO]
    groups = {
        ALL_NOISES: noises,
        **{
            f"  {feature}": [one for one in noises if one.feature == feature]
            for feature in dict.fromkeys(one.feature for one in noises)
        },
        "noises while the bot listens": open_,
        ALL_ECHOES: [one for one in silent if one.condition in ECHO_LINES],
        **{
            f"  echo {level} dB": [one for one in silent if _has_echo(one, level)]
            for level in _echo_levels()
        },
        "a silent caller in noise": [one for one in silent if one.condition in NOISY_LINES],
        **{
            f"  {condition}": [one for one in silent if one.condition == condition]
            for condition in NOISY_LINES
        },
    }
    rows = {name: _disturbed(group) for name, group in groups.items() if group}
    return Table("what is no interruption", _DISTURBED, rows)


def _keys(results: Sequence[Result]) -> Table:
    keys = [one for one in results if one.section == Section.KEYS]
    rows: dict[str, tuple[float | None, ...]] = {}
    for name, times in {
        "a key to the first frame": [one.response_s for one in keys],
        "connected to the first frame": [one.first_frame_s for one in keys],
    }.items():
        if keys:
            rows[name] = (float(len(keys)), _ms(times, 0.5), _ms(times, 1.0))
    return Table("without a voice", ("n", "p50 ms", "max ms"), rows)


def _cost(cost: Cost) -> Table:
    per_s = 1000 / cost.call_s
    rows: dict[str, tuple[float | None, ...]] = {
        "ours: the recogniser": (cost.recogniser_s * per_s, None),
        "ours: voice, echo, endpoint": (cost.hearing_s * per_s, None),
        "ours: both": (cost.ours_s * per_s, 1.0),
        **{name: (of_s * per_s, cost.ours_s / of_s) for name, of_s in cost.bare_s.items()},
        "the dialogue, the line, virtual time": (cost.rest_s * per_s, None),
    }
    spoken = f"{100 * cost.speech_s / cost.call_s:.0f} % of {cost.call_s:.0f} s spoken"
    return Table(f"processor time ({spoken})", ("ms per s", "ours / it"), rows)


def score(results: Sequence[Result], cost: Cost | None = None) -> Score:
    """Count everything.

    Args:
        cost: where it was taken.
    """
    answers = [one for one in results if one.section == Section.ANSWERS]
    people = [one for one in results if one.section == Section.PEOPLE]
    of_ours = [one for one in answers if one.end_silence_s is None]
    ours = _by_class("answers on a clean line", of_ours)
    plain_ones = [
        _by_class(
            f"the same through a plain endpointer of {seconds * 1000:.0f} ms",
            [one for one in answers if one.end_silence_s == seconds],
        )
        for seconds in PLAIN_S
    ]
    lines, barge_in = _lines(results), _barge_in(results)
    disturbed, keys = _disturbances(results), _keys(results)
    tables = [ours, *plain_ones, _by_feature(of_ours), lines, barge_in, disturbed, keys]
    if people:
        spoken = [one for one in people if not one.interrupts]
        of_answers = [one for one in spoken if one.kind == Kind.ANSWER]
        tables += [
            _by_class("people's answers", of_answers),
            Table("people, all they say", _ON_LINES, {CLEAN: _on_a_line(spoken)}),
            Table(
                "people into a prompt",
                _INTERRUPTED,
                {CLEAN: _interrupted([one for one in people if one.interrupts])},
            ),
        ]
    figures = _figures(ours, lines, barge_in, disturbed, keys)
    if cost is not None:
        tables.append(_cost(cost))
        figures += tuple(
            Figure(
                f"processor time, ours against {name}", cost.ours_s / cost.bare_s[name], CPU, " x"
            )
            for name in (ALL_FREE, ALL_PHRASES, SPEECH_PHRASES)
            if name in cost.bare_s
        )
    return Score(tuple(table for table in tables if table.rows), figures)


def _figures(
    ours: Table, lines: Table, barge_in: Table, disturbed: Table, keys: Table
) -> tuple[Figure, ...]:
    """What was not asked for is no figure; what was, and could not be measured, is a promise broken."""
    found: list[Figure] = []

    def promise(name: str, at: tuple[Table, str, str], limit: float, unit: str) -> None:
        table, row, column = at
        if not table.cell(row, _ASKED.get(column, "n")):
            return
        counted = _COUNTED.get(column, "n")
        n = table.cell(row, counted if counted in table.columns else "n")
        found.append(Figure(name, table.cell(row, column), limit, unit, int(n or 0)))

    promise("closed question, p50", (ours, CLOSED, "p50 ms"), CLOSED_P50_MS, " ms")
    promise("closed question, p95", (ours, CLOSED, "p95 ms"), CLOSED_P95_MS, " ms")
    promise("closed question, cut-offs", (ours, CLOSED, "cut %"), CUT_OFFS, " %")
    promise("digits of fixed length, p50", (ours, FIXED, "p50 ms"), DIGITS_P50_MS, " ms")
    promise(
        "digits of fixed length, pauses between digits, cut-offs",
        (ours, f"  {FIXED}, pauses between", "cut %"), 0.0, " %",
    )  # fmt: skip
    promise("open answer, p50", (ours, OPEN_TEXT, "p50 ms"), OPEN_P50_MS, " ms")
    promise(
        "false accepts without near ones, clean line", (lines, CLEAN, ACCEPTED), FALSE_ACCEPTS, " %"
    )
    promise(
        "false rejects of what is sayable, clean line",
        (lines, CLEAN, REJECTED),
        FALSE_REJECTS,
        " %",
    )
    promise(
        "barge-in to silence, where it came, p95",
        (barge_in, "a clean line", "p95 ms"), BARGE_IN_MS, " ms",
    )  # fmt: skip
    promise("noises that stop the bot", (disturbed, ALL_NOISES, "stopped %"), FALSE_STOPS, " %")
    promise("echoes that stop the bot", (disturbed, ALL_ECHOES, "stopped %"), FALSE_STOPS, " %")
    promise("a key to the first frame", (keys, "a key to the first frame", "max ms"), KEY_MS, " ms")
    promise(
        "connected to the first frame",
        (keys, "connected to the first frame", "max ms"), FIRST_FRAME_MS, " ms",
    )  # fmt: skip
    return tuple(found)
