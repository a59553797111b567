"""The codec of Asterisk's manager interface (AMI): actions to bytes, bytes to responses and events.

Lives here: lines, fields, messages and their limits.  Must not know: sockets, clocks, tasks, what an
action does, or any other module of ours.

    Asterisk Call Manager/11.0.0 CR LF              the banner, once
    Key: value CR LF  Key: value CR LF  CR LF       a message, either way

As in asterisk/asterisk, main/manager.c; seen on Asterisk 22.10.1.  A value of Asterisk's may hold a
bare LF (a variable of several lines); one of ours holds neither CR nor LF, for those would begin a
field, or another action.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

BANNER: Final = b"Asterisk Call Manager/"
END: Final = b"\r\n"
LINE_MOST: Final = 1_023
"""Bytes of a line of ours without its end: Asterisk reads no longer ones (`inbuf[1025]`)."""
FIELDS_MOST: Final = 120
"""Lines of an action: Asterisk reads 128 (AST_MAX_MANHEADERS)."""
RECEIVED_MOST: Final = 4_000_000
"""Bytes of a message of Asterisk's.  A CLI command's output over thousands of channels is a tenth."""

Fields: TypeAlias = Mapping[str, str]
"""By key, as Asterisk writes it.  One that comes several times, as `Output` does, has its values each
on a line of its own."""


class ProtocolError(Exception):
    """The peer's bytes are not AMI.  What follows them cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Banner:
    """The first line of every connection."""

    version: str
    """Of the protocol: `11.0.0`."""


@dataclass(frozen=True, slots=True)
class Response:
    """What became of an action."""

    success: bool
    action_id: str
    message: str
    """What Asterisk says of it: `Permission denied`."""
    fields: Fields


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, or a row of the list that an action has asked for."""

    name: str
    action_id: str
    """Of the action that has asked for the list; "" for what happened by itself."""
    fields: Fields


Message: TypeAlias = Banner | Response | Event


class Decoder:
    """Turns received bytes into messages, however TCP split or joined them.

    `error` is set once the peer has broken the protocol; nothing is decoded after that.
    """

    __slots__ = ("_begun", "_fields", "_held", "_size", "error")

    def __init__(self) -> None:
        self.error: ProtocolError | None = None
        self._held = b""
        """The beginning of a line."""
        self._begun = False
        """The banner is through."""
        self._fields: dict[str, list[str]] = {}
        self._size = 0
        """Bytes of the message that is not yet complete."""

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that `data` completes.

        Raises:
            ProtocolError: the bytes are not AMI.  What was decoded before the fault is returned first
                (`error` is set then) and the next call raises.
        """
        if self.error is not None:
            raise self.error
        messages: list[Message] = []
        try:
            self._decode(data, messages)
        except ProtocolError as error:
            self.error = error
            if not messages:
                raise
        return messages

    def _decode(self, data: bytes, messages: list[Message]) -> None:
        self._size += len(data)
        # A line that is not over only grows: it is looked through again at its end, and not before.
        if self._held and END not in self._held[-1:] + data:
            self._held += data
            self._check_size()
            return
        *lines, self._held = (self._held + data).split(END)
        for line in lines:
            message = self._line(line)
            if message is not None:
                self._size = 0
                messages.append(message)
        self._size = max(self._size, len(self._held))
        self._check_size()

    def _check_size(self) -> None:
        if not self._begun and not (self._held.startswith(BANNER) or BANNER.startswith(self._held)):
            raise ProtocolError("it does not begin as Asterisk's manager interface does")
        if self._size > RECEIVED_MOST or (not self._begun and self._size > LINE_MOST):
            raise ProtocolError(f"a message has more than {RECEIVED_MOST} bytes")

    def _line(self, line: bytes) -> Message | None:
        """Take in a line; return the message that it ends."""
        if not self._begun:
            if not line.startswith(BANNER):
                raise ProtocolError("it does not begin as Asterisk's manager interface does")
            self._begun = True
            return Banner(line[len(BANNER) :].decode("utf-8", "replace"))
        if line:
            key, colon, value = line.decode("utf-8", "replace").partition(":")
            if not colon:
                raise ProtocolError(f"a line has no colon: {key[:60]!r}")
            self._fields.setdefault(key, []).append(value.removeprefix(" "))
            return None
        fields, self._fields = self._fields, {}
        return _message({key: "\n".join(values) for key, values in fields.items()})


def _message(fields: Fields) -> Message | None:
    """None: an empty one, or of a kind that means nothing to us."""
    action_id = fields.get("ActionID", "")
    if "Response" in fields:
        # "Goodbye" is the answer to Logoff; every failure is called Error.
        success = fields["Response"] != "Error"
        return Response(success, action_id, fields.get("Message", ""), fields)
    return Event(fields["Event"], action_id, fields) if "Event" in fields else None


def encode(action: str, action_id: str, fields: Mapping[str, str | Iterable[str]]) -> bytes:
    """Return the bytes of an action.

    Args:
        action: its name: `CoreShowChannels`.
        action_id: comes back in its response.
        fields: what it takes; several values of one key are written one after the other.

    Raises:
        ValueError: a value has a line break or a NUL in it, or Asterisk would not read so much.
    """
    pairs = [("Action", action), ("ActionID", action_id)]
    for key, value in fields.items():
        pairs += [(key, one) for one in ([value] if isinstance(value, str) else value)]
    if len(pairs) > FIELDS_MOST:
        raise ValueError(f"an action has at most {FIELDS_MOST} lines, not {len(pairs)}")
    return b"".join([_encoded(key, value) for key, value in pairs] + [END])


def _encoded(key: str, value: str) -> bytes:
    if not key.isascii() or not key.isalnum():
        raise ValueError(f"{key[:60]!r} cannot be the key of a field")
    if any(sign in value for sign in "\r\n\0"):
        raise ValueError(f"the value of {key} has a line break or a NUL in it")
    line = f"{key}: {value}".encode("utf-8", "replace")
    if len(line) > LINE_MOST:
        raise ValueError(
            f"the value of {key} is too long: a line has at most {LINE_MOST} bytes, not {len(line)}"
        )
    return line + END
