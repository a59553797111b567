"""How a call ended, and what is told of it to whoever goes on with the caller.

Knows the outcomes.  Must not know who is told, nor under which names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from voicebot.flow import events as ev


class Outcome(StrEnum):
    """Why the bot is no longer in the call; the texts are what the dialplan reads."""

    HANGUP = "hangup"
    """The flow came to its end."""
    TRANSFER = "transfer"
    """The caller talks with somebody else, or has."""
    TRANSFER_FAILED = "transfer_failed"
    """The flow has sent him on for good, and there is nobody."""
    CALLER_HUNG_UP = "caller_hung_up"
    CALL_TIME = "call_time"
    """limits.call_time was over."""
    STOPPED = "stopped"
    """The daemon was."""
    FAULT = "fault"
    REFUSED = "refused"
    """limits.calls was reached."""
    NO_FLOW = "no_flow"
    """No route leads to one."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a call's dialogue; nothing in it is secret."""

    outcome: Outcome
    results: Mapping[str, str] = field(default_factory=dict)
    """What the flow has found out, by the names that it has in the flow."""
    transfer: ev.Transfer | None = None
    """Where the caller is to go on; None: where the dialplan says."""
