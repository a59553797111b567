"""The bench's result on a screen and in a file: tables, promises, misses, and what an older run had.

Knows scores, results and JSON.  Must not know how anything was measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

from voicebot.bench.judging import is_miss
from voicebot.bench.plays import Outcome, Result
from voicebot.bench.report import NAME_WIDTH, Figure
from voicebot.bench.scoring import Score, Table

PART: Final = "turns"
"""Its name in the file."""
LEGEND: Final = """
Times are on the wire, in steps of a 20 ms frame, and without what the processor takes: `make bench` has them live.
p50, p95      answers: from the caller's last voiced 10 ms to the first loud frame of the bot, right or wrong; without
              those that were cut off or got no answer (timed n are left). right p95: only those understood rightly.
cut %         decided on while the caller was still to go on; cut wrong %: and misunderstood, too.
right %       understood as it was meant; of open text, so many of its words. none %: the bot did not react.
sayable %     right if every word was heard as it was said: no recogniser gets the others.
rejected %    of answers that are sayable, not taken for one. wrong %: of all answers, taken for another one.
accepted %    of utterances that are no answer, taken for one. near: no answer, but sounds like one ("grain" for
              "green"); they are counted apart, and are not in accepted %.
barge-in      from the caller's first voiced 10 ms until the prompt paused (paused p95), and to its last loud frame
              (p50, p95, max); without those that never stopped it (missed %) or began in a pause of it.
no interruption  stopped %: the prompt was given up. answered %: taken for speech. went on %: the prompt went on.
plain endpointer  the same bot and recogniser, but the silence that ends any answer is always as long.
processor     ms for each second of a call. ours: recogniser and hearing; ours / it: how many times as much as a bare
              Vosk, given all of the call or what our recogniser was given, free or with the question's phrases.
""".strip()
"""How to read the tables."""
CELL_WIDTH: Final = 12
COMPARED_WIDTH: Final = 19


_Key: TypeAlias = "tuple[str, str, str, str, float | None, bool]"
"""What was played."""


class NotComparable(Exception):
    """A file is none that this bench has written; the text says which."""


@dataclass(frozen=True, slots=True)
class Older:
    """An earlier result."""

    commit: str
    tables: Mapping[str, Table]
    figures: Mapping[str, float | None]
    results: Mapping[_Key, Result]
    about: Mapping[str, str]


def head(about: Mapping[str, str], older: Older | None = None) -> Iterator[str]:
    """Say what was played, and where it is something else than before."""
    for name, value in about.items():
        before = value if older is None else older.about.get(name, "not known")
        yield f"{name}: {value}" + ("" if before == value else f" (BEFORE: {before})")


def lines(score: Score, older: Older | None = None) -> Iterator[str]:
    """Show tables and promises; behind each number, in brackets, by how much it is more than before."""
    if older is not None:
        yield f"in brackets: against {older.commit[:12] or 'the older result'}"
    for table in score.tables:
        yield ""
        yield from _table_lines(table, None if older is None else older.tables.get(table.title))
    yield from ("", LEGEND, "")
    for figure in score.figures:
        yield _figure_line(figure, older)


def _table_lines(table: Table, older: Table | None) -> Iterator[str]:
    width = CELL_WIDTH if older is None else COMPARED_WIDTH
    yield f"{table.title:<{NAME_WIDTH}}"
    yield " " * NAME_WIDTH + "".join(f"{column:>{width}}" for column in table.columns)
    for row in table.rows:
        cells = (
            _cell(table.cell(row, column), _cell_of(older, row, column)) for column in table.columns
        )
        yield f"{row:<{NAME_WIDTH}}" + "".join(f"{cell:>{width}}" for cell in cells)


def _cell_of(table: Table | None, row: str, column: str) -> float | None:
    if table is None or column not in table.columns:
        return None
    return table.cell(row, column)


def _cell(value: float | None, older: float | None) -> str:
    if value is None:
        return "-"
    shown = f"{value:.4g}"
    return shown if older is None else f"{shown} ({value - older:+.3g})"


def _figure_line(figure: Figure, older: Older | None) -> str:
    before = None if older is None else older.figures.get(figure.name)
    if before is None or figure.value is None:
        return str(figure)
    return f"{figure}, was {before:.4g}{figure.unit} ({figure.value - before:+.3g})"


# Misses ------------------------------------------------------------------------------------------


def misses(results: Iterable[Result]) -> Iterator[str]:
    """What went wrong, a line each and one with its waterfall."""
    for one in results:
        if one.end_silence_s is None and is_miss(one):
            yield from _told(one)


def changes(results: Iterable[Result], older: Older) -> Iterator[str]:
    """What went right before and goes wrong now, and what is mended."""
    for one in results:
        before = older.results.get(_key(one))
        if before is None or one.end_silence_s is not None or is_miss(one) is is_miss(before):
            continue
        yield "BROKEN" if is_miss(one) else "MENDED"
        yield from _told(one)
        yield f"    before: {_what(before)}, {_heard(before)}"


def _key(result: Result) -> _Key:
    return (
        result.section, result.item, result.question, result.condition, result.end_silence_s,
        result.interrupts,
    )  # fmt: skip


def _told(one: Result) -> Iterator[str]:
    who = f"{one.section}  {one.item} [{one.feature}, {one.voice}] {one.condition}"
    wanted = "" if one.expected is None else f", wanted {_json(one.expected)}"
    yield f'{who}: "{one.said}": {_what(one)}{wanted}'
    yield f"    {_heard(one)}; {_json(dict(one.waterfall))}"


def _what(one: Result) -> str:
    what = "CUT OFF" if one.cut_off else str(one.outcome)
    if one.outcome is Outcome.UNDERSTOOD:
        what += f" {_json(one.value)}"
    if one.interrupts:
        stop = "not stopped" if one.stopped_s is None else f"stopped after {one.stopped_s:.2f} s"
        what += f", {stop}, paused {one.paused_s:.2f} s"
    return what


def _heard(one: Result) -> str:
    heard = ", ".join(one.heard) or "nothing"
    return f"heard {heard}; decided {_s(one.settled_s)}, answered {_s(one.response_s)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _s(value: float | None) -> str:
    return "never" if value is None else f"after {value:.2f} s"


# The file ----------------------------------------------------------------------------------------


def data(score: Score, results: Sequence[Result], about: Mapping[str, str]) -> dict[str, Any]:
    """What is kept, as JSON takes it; of each result only what is not as usual.

    Args:
        about: what was played, in words.
    """
    return {
        "about": dict(about),
        "tables": [asdict(table) for table in score.tables],
        "results": [_kept(result) for result in results],
    }


def _kept(result: Result) -> dict[str, Any]:
    kept = {}
    for field in fields(result):
        value = getattr(result, field.name)
        usual = field.default_factory() if field.default_factory is not MISSING else field.default
        if value != usual:
            kept[field.name] = value
    return kept


def read(path: Path) -> Older:
    """Read what `data` has kept.

    Raises:
        NotComparable: the file has nothing of the kind.
        OSError: there is none.
    """
    try:
        whole = json.loads(path.read_text("utf-8"))
        part = whole[PART]
        tables = {
            one["title"]: Table(
                one["title"],
                tuple(one["columns"]),
                {name: tuple(cells) for name, cells in one["rows"].items()},
            )
            for one in part["tables"]
        }
        figures = {one["name"]: one["value"] for one in part["figures"]}
        results = [_result(one) for one in part["results"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotComparable(f"{path} is no result of this bench: it cannot be compared") from None
    by_key = {_key(result): result for result in results}
    return Older(str(whole.get("commit", "")), tables, figures, by_key, part.get("about", {}))


def _result(kept: dict[str, Any]) -> Result:
    """A result as it was; of an older version, as far as there was something of the kind."""
    known = {field.name: None for field in fields(Result) if field.default is MISSING}
    del known["waterfall"]
    told = {**known, **{name: kept[name] for name in kept if name in Result.__slots__}}
    told |= {"outcome": Outcome(kept["outcome"]), "heard": tuple(kept.get("heard", ()))}
    return Result(**told)
