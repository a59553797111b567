"""Under which names Asterisk's dialplan is told what a call has found out.

Knows names only.  Must not know what has such a name, or how it gets to the channel.
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "VOICEBOT_"
OF_THE_CALL: Final = ("RESULT", "CALL", "TRANSFER", "TRANSFER_CONTEXT")
"""Names, behind the prefix, under which the dialplan is told of the call itself."""


def channel_variable(name: str) -> str:
    """The channel variable of a name of the flow: what is no letter, digit or underscore becomes one."""
    return PREFIX + re.sub(r"[^A-Z0-9_]", "_", name.upper())
