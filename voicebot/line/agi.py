"""FastAGI: lines to environments and replies, commands to lines, and one session over a stream.

Lives here: the protocol as Asterisk's res/res_agi.c speaks it.  Must not know: what is asked of
Asterisk and why, AudioSocket, calls.

Asterisk connects and sends its environment, `agi_name: value` a line, up to an empty line.  Then it
takes a command a line, one at a time, and answers each with a reply:

    200 result=1 (value)          done; what is in the brackets depends on the command
    510, 511, 520                 no such command, the channel is gone, wrong usage (in several lines)
    HANGUP                        between the replies: the caller has hung up, commands go on
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import trio

MAX_LINE_BYTES: Final = 16 * 1024
MAX_ENVIRONMENT: Final = 256
"""Lines; Asterisk sends some twenty, and one for each argument."""
MAX_COMMAND_BYTES: Final = 2000
"""Asterisk reads a command into 2048 bytes; what is longer would be taken for two commands."""
AUDIOSOCKET: Final = b"\x01\x00\x10"
"""How the other protocol of Asterisk begins, for who mistakes the port."""
DEAD_CHANNEL: Final = 511
DONE: Final = 200

_REPLY = re.compile(r"(\d{3})([ -])(?:result=(-?[^\s(]*))?\s*(?:\((.*)\))?(.*)", re.DOTALL)
_RECV_BYTES: Final = 4096


class AgiError(Exception):
    """The peer does not speak AGI, or there is nobody any more."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What Asterisk says first, without `agi_` before the names; the arguments are `arg_1` and up."""

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command."""

    code: int
    result: str = ""
    value: str | None = None
    """What is in the brackets: of GET VARIABLE, the variable's value."""

    @property
    def done(self) -> bool:
        return self.code == DONE

    @property
    def channel_gone(self) -> bool:
        return self.code == DEAD_CHANNEL


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller has hung up.  Asterisk still answers commands that need no living channel."""


Message: TypeAlias = Environment | Reply | HungUp


class AgiDecoder:
    """Turns received bytes into messages, however TCP split or joined them."""

    def __init__(self) -> None:
        self._held = b""
        self._environment: dict[str, str] | None = {}
        """None once it is complete."""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        Raises:
            AgiError: these are not the bytes of an Asterisk.
        """
        if self._environment == {} and (self._held + data).startswith(AUDIOSOCKET):
            raise AgiError("this is AudioSocket and no AGI: each has a port of its own")
        *lines, self._held = (self._held + data).split(b"\n")
        if max(map(len, (*lines, self._held))) > MAX_LINE_BYTES:
            raise AgiError(f"a line is longer than {MAX_LINE_BYTES} bytes")
        messages: list[Message] = []
        for line in lines:
            message = self._message(line.decode("utf-8", "replace").rstrip("\r"))
            if message is not None:
                messages.append(message)
        return messages

    def _message(self, line: str) -> Message | None:
        if self._environment is not None:
            return self._environment_line(line, self._environment)
        if line == "HANGUP":
            return HungUp()
        match = _REPLY.fullmatch(line)
        if match is None:
            return None  # the middle of the usage that a 520 brings
        code, more, result, value, _rest = match.groups()
        if more == "-" or code.startswith("1"):
            return None  # the reply itself is to come
        return Reply(int(code), result or "", value)

    def _environment_line(self, line: str, environment: dict[str, str]) -> Message | None:
        if not line:
            self._environment = None
            return Environment(environment)
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise AgiError(f"{line[:80]!r} is no line of AGI's environment")
        if len(environment) >= MAX_ENVIRONMENT:
            raise AgiError(f"the environment has more than {MAX_ENVIRONMENT} lines")
        # What Asterisk says itself comes before the arguments, in which the dialplan may have put
        # a caller's text, line breaks and all.
        environment.setdefault(name.removeprefix("agi_"), value.strip())
        return None


def encode(*words: str) -> bytes:
    r"""The line of a command: `encode("SET VARIABLE", "NAME", "any text")`.

    The first word is written as it is, the others in quotes, so that each is one argument whatever
    is in it; control characters, which the protocol has no room for, become spaces.

    Raises:
        ValueError: it is longer than Asterisk takes.
    """
    command, *arguments = words
    line = " ".join([command, *map(_quoted, arguments)]).encode() + b"\n"
    if len(line) > MAX_COMMAND_BYTES:
        raise ValueError(f"a command of {len(line)} bytes; Asterisk takes {MAX_COMMAND_BYTES}")
    return line


def _quoted(text: str) -> str:
    plain = "".join(char if char.isprintable() else " " for char in text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class AgiSession:
    """One caller's AGI(), from Asterisk's connection to its end.

    The stream is the session's from now on; `aclose` gives the caller back to the dialplan.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._decoder = AgiDecoder()
        self._messages: list[Message] = []
        self._replying = False
        """The reply to a command is still to come."""
        self.hung_up = False
        """The caller has hung up, as far as Asterisk has said so."""

    async def environment(self) -> Mapping[str, str]:
        """What Asterisk says first; to be awaited once, before any command.

        Raises:
            AgiError: it is not Asterisk, or it has closed.
        """
        while True:
            message = await self._next()
            if isinstance(message, Environment):
                return message.values

    async def command(self, *words: str) -> Reply:
        """Give a command, as `encode` takes it, and wait for its reply.

        One at a time; a session whose command was cancelled is good for nothing but closing, for
        Asterisk would carry out the next one whenever it is done with that.

        Raises:
            AgiError: Asterisk has closed, what it says is no AGI, or a command was cancelled.
            ValueError: as `encode`.
        """
        line = encode(*words)
        if self._replying:
            raise AgiError("Asterisk is still busy with a command that nobody waits for")
        self._replying = True
        try:
            await self._stream.send_all(line)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise AgiError("Asterisk has closed the session") from None
        while True:
            message = await self._next()
            if isinstance(message, Reply):
                self._replying = False
                self.hung_up = self.hung_up or message.channel_gone
                return message

    async def variable(self, expression: str) -> str:
        """The value of a dialplan expression such as `${CHANNEL(language)}`; "" when it has none.

        Raises:
            AgiError: as `command`.
        """
        reply = await self.command("GET FULL VARIABLE", expression)
        return reply.value or ""

    async def aclose(self) -> None:
        """End the session: the dialplan goes on."""
        await self._stream.aclose()

    async def _next(self) -> Message:
        while not self._messages:
            try:
                data = await self._stream.receive_some(_RECV_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                raise AgiError("Asterisk has closed the session")
            self._messages += self._decoder.feed(bytes(data))
        message = self._messages.pop(0)
        if isinstance(message, HungUp):
            self.hung_up = True
        return message
