"""One line for each call in calls.jsonl: who called whom, when, how it went and what it left.

Knows what is in the line.  Must not know where the call's other files are kept, or audio.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from voicebot.records.codec import Json, as_dict
from voicebot.records.secrets import scrubbed


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What is known when a call is over; secrets are masked in `variables` already."""

    call: str
    flow: str
    caller: str
    called: str
    started: str
    """As ISO 8601, with its zone."""
    seconds: float
    reason: str
    """Why it ended."""
    variables: Mapping[str, object]
    tags: Mapping[str, str]
    response_ms: Mapping[str, int]
    """How long the caller waited for the answers, "p50" and "max"; empty where there were none."""
    turns: tuple[Mapping[str, object], ...]
    """The waterfall of each answer of the bot."""
    files: Mapping[str, Path]
    """By kind ("trace", "recording", "wire"), where they are."""

    def line(self, secrets: Collection[str]) -> bytes:
        """The record as JSON, with the end of the line."""
        written: Json = json.loads(json.dumps(asdict(self), default=str))
        shown = as_dict(scrubbed(written, secrets, numbers=False))
        return json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
