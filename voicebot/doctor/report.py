"""What is found, on the screen as it comes, or as JSON at the end.

Knows a terminal.  Must not know what is examined.
"""

from __future__ import annotations

import json
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.text import Text

from voicebot.doctor.results import Result, Verdict

STYLES: Final = {
    Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red", Verdict.SKIP: "dim",
}  # fmt: skip
_WHAT_WIDTH: Final = 18
_WIDE: Final = 10_000
"""Where nobody looks at it, a line is a line however long."""


class _Count:
    """How many results there were of each verdict."""

    def __init__(self) -> None:
        self.of = dict.fromkeys(Verdict, 0)

    def __str__(self) -> str:
        shown = [f"{self.of[one]} {one.value}" for one in Verdict if self.of[one]]
        return ", ".join(shown) or "nothing was looked at"


class ScreenReport:
    """Lines on a terminal, or in a file.  Use it within `with`: it shows what is being done meanwhile."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._count = _Count()
        self._status: Status | None = None

    def __enter__(self) -> ScreenReport:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Take away what shows progress."""
        self._still()

    @property
    def failed(self) -> bool:
        """Whether a result was a fault."""
        return self._count.of[Verdict.FAIL] > 0

    def section(self, title: str) -> None:
        """See `Report`."""
        self._still()
        self._console.print(Text(f"\n{title}", "bold"))

    def add(self, *results: Result) -> None:
        """See `Report`."""
        for result in results:
            self._still()
            self._count.of[result.verdict] += 1
            self._console.print(self._line(result))

    def busy(self, doing: str) -> None:
        """See `Report`.  Shown on a terminal only."""
        self._still()
        if self._console.is_terminal:
            self._status = self._console.status(f"{doing} ...")
            self._status.start()

    def finish(self) -> None:
        """Say how many results there were."""
        self._still()
        self._console.print(f"\n{self._count}")

    def _line(self, result: Result) -> Padding | Text:
        verdict = Text(f"{result.verdict.value:<4}", STYLES[result.verdict])
        if not self._console.is_terminal:
            return Text(f"  {verdict}  {result.what:<{_WHAT_WIDTH}}  {result.text}")
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=4)
        line.add_column(width=_WHAT_WIDTH, overflow="fold")
        line.add_column(overflow="fold")
        line.add_row(verdict, result.what, result.text)
        return Padding(line, (0, 0, 0, 2))

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def screen(*, terminal: bool | None = None) -> Console:
    """The console that `ScreenReport` writes to; what is no terminal gets each line whole."""
    console = Console(highlight=False, force_terminal=terminal)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


class JsonReport:
    """All results as one JSON object."""

    def __init__(self) -> None:
        self._sections: list[dict[str, Any]] = []
        self._count = _Count()

    @property
    def failed(self) -> bool:
        """Whether a result was a fault."""
        return self._count.of[Verdict.FAIL] > 0

    def section(self, title: str) -> None:
        """See `Report`."""
        self._sections.append({"section": title, "results": []})

    def add(self, *results: Result) -> None:
        """See `Report`."""
        for result in results:
            self._count.of[result.verdict] += 1
            self._sections[-1]["results"].append(result.data())

    def busy(self, doing: str) -> None:
        """See `Report`.  Machines need no progress."""

    def text(self) -> str:
        """The object: `sections`, each with its `results`, and `counts` by verdict."""
        counts = {verdict.value: count for verdict, count in self._count.of.items()}
        return json.dumps({"sections": self._sections, "counts": counts}, indent=2)
