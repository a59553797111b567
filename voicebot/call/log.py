"""What is told of one call: to the log, and to whoever keeps a trace.

Knows the call's clock, its witness, and which texts are secret.  Must not know what happens in a
call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

import structlog

from voicebot.flow import events as ev
from voicebot.flow.masking import MASK, pattern_of

LONGEST_SHOWN: Final = 2000
"""Characters.  More is a server's answer, not a sentence: the log would fill with it, and rendering
a line of a megabyte holds up every call."""


class Witness(Protocol):
    """Writes down what happens in a call.

    Neither method waits or raises; both are called in the call's own task.
    """

    def told(
        self,
        event: ev.Event,
        actions: Sequence[ev.Action],
        verdicts: Sequence[object],
        secrets: frozenset[str],
    ) -> None:
        """The dialogue was told an event; its actions are about to be carried out."""

    def fact(self, name: str, at_s: float, fields: Mapping[str, object]) -> None:
        """What the log line `call.NAME` says, and sometimes more."""


class CallLog:
    """The log of one call.

    Args:
        now: the seconds since the call began.
        secrets: the secret texts that the call holds; no line has one of them as a word.
    """

    def __init__(
        self,
        now: Callable[[], float],
        secrets: Callable[[], Collection[str]],
        witness: Witness | None,
    ) -> None:
        self._log = structlog.get_logger()
        self._now = now
        self._secrets = secrets
        self._witness = witness

    def info(
        self, event: str, /, *, more: Mapping[str, object] | None = None, **fields: object
    ) -> None:
        """Log an event.

        Args:
            more: what the witness is told besides.
        """
        self._log.info(event, **self._fact(event, more, fields))

    def note(self, event: str, /, fields: Mapping[str, object]) -> None:
        """Log a note of the dialogue; the witness has it among the actions."""
        secrets = self._secrets()
        write = self._log.warning if event == "call.error" else self._log.info
        write(event, **{name: _shown(scrubbed(one, secrets)) for name, one in fields.items()})

    def warning(self, event: str, /, **fields: object) -> None:
        """Log what somebody should look at."""
        self._log.warning(event, **self._fact(event, None, fields))

    def _fact(
        self, event: str, more: Mapping[str, object] | None, fields: dict[str, object]
    ) -> dict[str, object]:
        secrets = self._secrets()
        fields = {name: _shown(scrubbed(one, secrets)) for name, one in fields.items()}
        if self._witness is not None:
            name = event.removeprefix("call.")
            self._witness.fact(name, self._now(), {**fields, **(more or {})})
        return fields


def scrubbed(value: object, secrets: Collection[str]) -> object:
    """The value, where it is a text without the secrets that stand in it."""
    found = pattern_of(secrets) if isinstance(value, str) else None
    return value if found is None or not isinstance(value, str) else found.sub(MASK, value)


def _shown(value: object) -> object:
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return f"{value[:LONGEST_SHOWN]}… ({len(value)} characters)"
    return value


def shown_url(url: str, *, secret: bool) -> str:
    """An address as a log may have it: no query, no password; of a secret one only the server."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "?"
    server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return server if secret else server + parts.path


def in_ms(seconds: float) -> int:
    """A time as the log has it."""
    return round(seconds * 1000)
