"""Where the bench of the servers keeps what it makes; how a part is shown and kept is the package's.

Knows nothing of servers and calls.
"""

from pathlib import Path

from voicebot.bench.report import Figure, Part, percentile, table, write_json

__all__ = ["BUILD", "HERE", "Figure", "Part", "percentile", "table", "write_json"]

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "bench"
"""Compiled programs, logs, the rendered prompt and the last result; may be deleted at any time."""
