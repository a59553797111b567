"""One turn's waterfall: when the caller ended, and what happened until the bot's first frame.

Knows times in seconds since the call began.  Must not know what was said or heard.

A turn begins with the caller's last voice, as he would say it himself, or key.  Its stages, each in
ms from there: `silence` (the ear noticed it), `endpoint` (it was decided that he is done, and by
what), `text` (his words were there), `decided` (the dialogue has said what comes), `response` (the
first frame of that has left).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicebot.call.log import CallLog, in_ms


@dataclass(slots=True)
class _Turn:
    node: str
    by: str
    end_s: float
    """The last voice, or the key."""
    endpoint: str
    stages: dict[str, float] = field(default_factory=dict)
    """When each was reached, in their order."""
    prompt: str = ""
    """How the answer came to be sound."""
    stopped_ms: int | None = None


class Waterfall:
    """What the caller did last and the bot has not yet answered; logged when it has."""

    def __init__(self, log: CallLog) -> None:
        self.log = log
        self._turn: _Turn | None = None
        self._open: _Turn | None = None
        """A key that settles nothing, unless no other follows."""

    @property
    def running(self) -> bool:
        """Whether the caller waits for an answer."""
        return self._turn is not None

    def key(self, at_s: float, node: str) -> None:
        """A key was pressed in this node."""
        self._turn, self._open = _Turn(node, "key", at_s, "key"), None

    def forget(self) -> None:
        """Nothing answers a key that settles nothing."""
        self._turn, self._open = None, self._turn

    def no_more_keys(self, now_s: float) -> None:
        """The last key was the last one."""
        if self._open is not None:
            self._turn, self._open = self._open, None
            self._turn.endpoint = "no more keys"
            self._turn.stages = {"endpoint": now_s}

    def speech(
        self,
        voice_s: float,
        node: str,
        endpoint: str,
        stages: Mapping[str, float],
        stopped_ms: int | None = None,
    ) -> None:
        """The caller spoke last at `voice_s`, and what it was is known.

        Args:
            stages: when each was reached, up to `text`.
            stopped_ms: how long the bot still spoke when he began; None: it was silent.
        """
        turn = _Turn(node, "speech", voice_s, endpoint, dict(stages), stopped_ms=stopped_ms)
        self._turn = turn
        self._open = None

    def decided(self, now_s: float) -> None:
        """The dialogue has said what is to be done; only the first time counts."""
        if self._turn is not None:
            self._turn.stages.setdefault("decided", now_s)

    def says(self, prompt: str) -> None:
        """Something is said, which is there or made in this way; only the first time counts."""
        if self._turn is not None:
            self._turn.prompt = self._turn.prompt or prompt

    def answered(self, at_s: float) -> None:
        """The first frame of speech has left: the turn is complete."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.stages["response"] = at_s
            more: dict[str, Any] = {
                f"{name}_ms": in_ms(when_s - turn.end_s) for name, when_s in turn.stages.items()
            }
            if turn.prompt:
                more["prompt"] = turn.prompt
            if turn.stopped_ms is not None:
                more["stopped_ms"] = turn.stopped_ms
            self.log.info(
                "call.turn",
                node=turn.node,
                by=turn.by,
                at_s=round(turn.end_s, 3),
                endpoint=turn.endpoint,
                **more,
            )
