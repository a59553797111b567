"""What a part of the bench hands back, and how it is shown and kept.

Knows figures with the limits they are held to, tables and a file.  Must not know what was measured,
servers or calls.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
NAME_WIDTH: Final = 40


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise: `value` is at most `limit`, both in `unit`. None: it could not be measured."""

    name: str
    value: float | None
    limit: float
    unit: str = ""
    n: int | None = None
    """Of so many, where it is a percentile or a share."""

    @property
    def met(self) -> bool:
        """Whether the promise is kept; what was not measured is not kept."""
        return self.value is not None and self.value <= self.limit

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.4g}{self.unit}"
        limit = f"limit {self.limit:.4g}{self.unit}" + ("" if self.n is None else f", n {self.n}")
        return f"{'PASS' if self.met else 'MISS'}  {self.name}: {value} ({limit})"


@dataclass(frozen=True, slots=True)
class Part:
    """The outcome of one part of the bench."""

    table: str
    figures: Sequence[Figure]
    data: Mapping[str, Any]
    """Everything measured, as JSON takes it."""


def table(
    head: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]], width: int = 16
) -> str:
    """Put rows of numbers side by side under `head`, whose first word stands over the row names."""
    lines = [f"{head[0]:<{NAME_WIDTH}}" + "".join(f"{word:>{width}}" for word in head[1:])]
    for name, values in rows:
        cells = ("-" if value is None else f"{value:.4g}" for value in values)
        lines.append(f"{name:<{NAME_WIDTH}}" + "".join(f"{cell:>{width}}" for cell in cells))
    return "\n".join(lines)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of all is at most; None: there are none."""
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def write_json(path: Path, parts: Mapping[str, Part], *, indent: int | None = 1) -> None:
    """Keep everything, with what is needed to compare it with another commit's result.

    Raises:
        OSError: it cannot be written there.
    """
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
    path.write_text(json.dumps(result, indent=indent) + "\n", "utf-8")


def _git(*words: str) -> str:
    """What git says of the tree that this file is in; nothing where it was installed."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, *words], cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
