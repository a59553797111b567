"""What may be dialled: how an extension, a channel, a queue and a mailbox are written.

Knows texts only, and what comes of dialling them.  Must not know where they come from.  Whatever is
dialled becomes part of a command to Asterisk, where a comma begins the next argument, `@` another
context and `&` a second call: what a caller has said, keyed or sent with his call must never get so
far.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Final

from voicebot.flow.events import TransferKind
from voicebot.flow.yamlfile import did_you_mean

_PLAIN: Final = string.ascii_letters + string.digits + "_*#+.-"
_NAME: Final = _PLAIN + ":;"
_ALLOWED: Final[Mapping[TransferKind, str]] = {
    TransferKind.EXTENSION: _NAME,
    TransferKind.CHANNEL: _NAME + "@/&",
    TransferKind.QUEUE: _NAME,
    TransferKind.VOICEMAIL: _NAME + "@&",
}
_NOUNS: Final[Mapping[TransferKind, str]] = {
    TransferKind.EXTENSION: "an extension",
    TransferKind.CHANNEL: "a channel",
    TransferKind.QUEUE: "the name of a queue",
    TransferKind.VOICEMAIL: "a mailbox",
}
KEYS: Final[Mapping[TransferKind, str]] = {
    TransferKind.EXTENSION: "to",
    TransferKind.CHANNEL: "to",
    TransferKind.QUEUE: "queue",
    TransferKind.VOICEMAIL: "voicemail",
}
"""The key of a `transfer` step under which each is written."""
OUTCOMES: Final = ("busy", "no answer", "refused", "unreachable", "timeout", "full", "empty")
"""Why a transfer comes back, in the words that flows and their tests have for it; the last three are of
queues.  A dialplan may have others."""
_NAMED: Final = (TransferKind.QUEUE, TransferKind.VOICEMAIL)


def named(kind: str, to: str) -> str:
    """A target as a person writes it: 400, PJSIP/alice, queue support, voicemail 400@default."""
    return f"{kind} {to}" if kind in _NAMED else to


def other_outcome(text: str) -> str:
    """What was probably meant by the name of an outcome that there is not; "" where nothing is near."""
    near = did_you_mean(text.replace("_", " ").replace("-", " "), OUTCOMES)
    return "" if text in OUTCOMES else near


def problem(text: str, kind: TransferKind) -> str:
    """Why this is none of that kind, as a sentence; "" where it is one."""
    return _problem(text, _NOUNS[kind], _ALLOWED[kind])


def problem_of_context(text: str) -> str:
    """Why this is no context of the dialplan; "" where it is one."""
    return _problem(text, "a context", _NAME)


def problem_of_part(text: str) -> str:
    """Why a value may not be filled into a longer text that is dialled: there it has to be a plain
    number or name.  "" where it may."""
    return _problem(text, "what is filled into a longer text that is dialled", _PLAIN)


def _problem(text: str, noun: str, allowed: str) -> str:
    wrong = next((char for char in text if char not in allowed), None)
    if wrong is None:
        return ""
    signs = " ".join(sign for sign in allowed if not sign.isalnum())
    return f"{noun} has letters, digits and {signs}, and no {wrong!r}"
