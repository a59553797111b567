"""What is known of a call before its audio is there: who calls, whom, and which flow is meant.

AudioSocket carries an identifier and nothing else; FastAGI, `POST /calls/UUID` or Asterisk's manager
interface bring the rest.  Must not know how it came, nor what a flow does with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PSEUDO: Final = frozenset({"", "s", "i", "t", "h", "o", "a"})
"""Extensions that nobody has dialled."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """Who calls.  All of it may be unknown."""

    caller: str = ""
    """The caller's number."""
    caller_name: str = ""
    called: str = ""
    """The number that was dialled."""
    channel: str = ""
    """The caller's channel in Asterisk, such as `PJSIP/trunk-0000002a`."""
    channel_language: str = ""
    """Of the channel, as Asterisk writes it: `en`, `de`."""
    context: str = ""
    """Of the dialplan, that the channel is in."""
    args: Mapping[str, str] = field(default_factory=dict)
    """What the dialplan passes on, by name."""
    flow: str | None = None
    """The flow that is asked for by name; None: the listener or the routes choose."""


def called_number(extension: str, dialled: str) -> str:
    """The extension, which is what the dialplan says now; where it says nothing, what was dialled."""
    return dialled if extension in PSEUDO else extension
