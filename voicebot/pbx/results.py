"""What the dialplan is told of a call: the channel variables `VOICEBOT_…`.

Knows the names.  Must not know how they get to the channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from voicebot.call.ending import Ending
from voicebot.flow.channelnames import channel_variable

RESULT: Final = channel_variable("RESULT")
"""An `Outcome`."""
CALL: Final = channel_variable("CALL")
"""The call's identifier, by which log and records know it."""
TRANSFER: Final = channel_variable("TRANSFER")
"""Where the caller is to go on, or went."""
TRANSFER_CONTEXT: Final = channel_variable("TRANSFER_CONTEXT")


def channel_variables(call: str, ending: Ending) -> Mapping[str, str]:
    """The variables of a call that has ended; those of the call itself go before those of the flow."""
    told = {channel_variable(name): text for name, text in ending.results.items()}
    told |= {RESULT: ending.outcome.value, CALL: call}
    if ending.transfer is not None:
        told[TRANSFER] = ending.transfer.to
        told[TRANSFER_CONTEXT] = ending.transfer.context or ""
    return told
