"""What a part of the bench hands back, and how it is shown and kept.

Knows nothing of servers and calls: a part is a table, some figures with the limits they are held to, and data.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "bench"
"""Compiled programs, logs, the rendered prompt and the last result; may be deleted at any time."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise: `value` is at most `limit`, both in `unit`. None: it could not be measured."""

    name: str
    value: float | None
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the promise is kept; what was not measured is not kept."""
        return self.value is not None and self.value <= self.limit

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.4g}{self.unit}"
        return f"{'PASS' if self.met else 'MISS'}  {self.name}: {value} (limit {self.limit:.4g}{self.unit})"


@dataclass(frozen=True, slots=True)
class Part:
    """The outcome of one part of the bench."""

    table: str
    figures: Sequence[Figure]
    data: Mapping[str, Any]
    """Everything measured, as JSON takes it."""


def table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]]) -> str:
    """Rows of numbers side by side under `head`, whose first word stands over the row names."""
    lines = [f"{head[0]:<40}" + "".join(f"{word:>16}" for word in head[1:])]
    for name, values in rows:
        cells = ("-" if value is None else f"{value:.4g}" for value in values)
        lines.append(f"{name:<40}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def write_json(path: Path, parts: Mapping[str, Part]) -> None:
    """Keep everything, with what is needed to compare it with another commit's result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
    }
    for name, part in parts.items():
        figures = [asdict(figure) | {"met": figure.met} for figure in part.figures]
        result[name] = {**part.data, "figures": figures}
    path.write_text(json.dumps(result, indent=1) + "\n")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.strip()


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
