"""One turn's waterfall: when the caller ended, when that was text, decided on, and answered.

Knows times in seconds since the call began.  Must not know what was said or heard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from voicebot.call.log import CallLog


@dataclass(frozen=True, slots=True)
class _Turn:
    by: str
    end_s: float
    """The last voiced frame, or the key."""
    endpoint: str
    text_s: float
    decided_s: float | None = None


class Waterfall:
    """What the caller did last and the bot has not yet answered; logged when it has."""

    def __init__(self, log: CallLog) -> None:
        self.log = log
        self._turn: _Turn | None = None

    @property
    def running(self) -> bool:
        """Whether the caller waits for an answer."""
        return self._turn is not None

    def key(self, at_s: float) -> None:
        """A key was pressed."""
        self._turn = _Turn("key", at_s, "key", at_s)

    def speech(self, voice_s: float, endpoint: str, text_s: float) -> None:
        """The caller spoke last at `voice_s`, and what it was is known since `text_s`."""
        self._turn = _Turn("speech", voice_s, endpoint, text_s)

    def forget(self) -> None:
        """Nothing answers a key that settles nothing."""
        self._turn = None

    def decided(self, now_s: float) -> None:
        """The dialogue has said what is to be done; only the first time counts."""
        if self._turn is not None and self._turn.decided_s is None:
            self._turn = replace(self._turn, decided_s=now_s)

    def answered(self, at_s: float) -> None:
        """The first frame of speech has left: the turn is complete."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self.log.info(
                "call.turn",
                by=turn.by,
                endpoint=turn.endpoint,
                response_ms=_ms(at_s - turn.end_s),
                text_ms=_ms(turn.text_s - turn.end_s),
                decided_ms=_ms((turn.decided_s or 0.0) - turn.end_s),
            )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
