"""How Asterisk is asked: through its manager interface, or through `asterisk -rx` on this machine.

Knows both, and where Asterisk finds us.  Must not know what is asked, nor what answers mean.
"""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import trio

from voicebot.config import Ami, Config
from voicebot.pbx.ami_session import AmiRefused, AmiSession, AmiUnavailable, open_ami

ANSWER_S: Final = 10.0
"""The longest answer, a dialplan of thousands of lines, comes in a second."""
LOOPBACK: Final = "127.0.0.1"
_NOT_DONE: Final = ("Unable to connect", "No such command")
"""What the CLI prints instead of failing."""


class NoConsoleError(Exception):
    """Asterisk cannot be asked at all; one line that says what to do."""


class RefusedError(Exception):
    """Asterisk does not do this one thing; the text is what it says."""


class Console(Protocol):
    """Someone who can be asked."""

    name: str
    """As it is told to a person."""
    our_host: str
    """The address at which Asterisk finds this machine."""
    its_host: str
    """The address, or the name, that Asterisk was found at."""
    can_press: bool
    """Whether it can press keys."""

    async def version(self) -> str:
        """What names Asterisk's version.

        Raises:
            RefusedError: it is not allowed.
        """

    async def ask(self, line: str) -> str:
        """What the CLI prints for a command.

        Raises:
            RefusedError: it is not allowed, or there is no such command.
        """

    async def originate(self, channel: str, application: str, data: str) -> None:
        """Have Asterisk call a channel and put it into an application; may return before it is up.

        Raises:
            RefusedError: it is not allowed.
        """

    async def press(self, channel: str, key: str, *, received: bool) -> None:
        """Press a key on a channel.

        Args:
            received: as if the channel's own side had pressed it; else it is sent there.

        Raises:
            RefusedError: it is not allowed, or Asterisk cannot.
        """

    async def hang_up(self, channel: str) -> None:
        """Hang up a channel, if it is still there."""


class AmiConsole:
    """Through the manager interface."""

    can_press = True

    def __init__(self, session: AmiSession, its_host: str, our_host: str) -> None:
        self.name = "the manager interface"
        self.its_host = its_host
        self.our_host = our_host
        self._session = session

    async def version(self) -> str:
        """As `Console`; needs `reporting`, or `command`."""
        try:
            return (await self._action("reporting", "CoreSettings")).get("AsteriskVersion", "")
        except RefusedError:
            return await self.ask("core show version")

    async def ask(self, line: str) -> str:
        """As `Console`; needs `command`."""
        return (await self._action("command", "Command", Command=line)).get("Output", "")

    async def originate(self, channel: str, application: str, data: str) -> None:
        """As `Console`; needs `originate`."""
        wanted = {"Channel": channel, "Application": application, "Data": data, "Async": "true"}
        await self._action("originate", "Originate", **wanted)

    async def press(self, channel: str, key: str, *, received: bool) -> None:
        """As `Console`; needs `call`, and the module app_senddtmf."""
        wanted = {"Channel": channel, "Digit": key, "Receive": "true" if received else "false"}
        await self._action("call", "PlayDTMF", **wanted)

    async def hang_up(self, channel: str) -> None:
        """As `Console`; needs `call`."""
        with suppress(RefusedError):  # it has gone by itself
            await self._action("call", "Hangup", Channel=channel)

    async def _action(self, right: str, name: str, **fields: str) -> Mapping[str, str]:
        try:
            with trio.fail_after(ANSWER_S):
                return (await self._session.action(name, **fields)).fields
        except trio.TooSlowError:
            raise RefusedError(f"no answer to {name} within {ANSWER_S:g} s") from None
        except AmiUnavailable as error:
            raise RefusedError(f"the manager interface is gone: {error}") from None
        except AmiRefused as error:
            said = str(error)
            if "ermission" in said:
                said += f": add {right} to `write` of the manager user, in manager.conf"
            elif "orbidden" in said:
                said += ": add system to `write` of the manager user, in manager.conf"
            elif name == "PlayDTMF" and "unknown command" in said:
                said = "PlayDTMF is in the module app_senddtmf: `module load app_senddtmf.so`"
            raise RefusedError(said) from None


class CliConsole:
    """Through the command line of an Asterisk on this machine.

    Args:
        command: `asterisk`, or what else runs it; `-rx` and the line are put behind it.
    """

    name = "asterisk -rx"
    our_host = LOOPBACK
    its_host = LOOPBACK
    can_press = False

    def __init__(self, command: Sequence[str] = ("asterisk",)) -> None:
        self._command = tuple(command)

    async def version(self) -> str:
        """As `Console`."""
        return await self.ask("core show version")

    async def ask(self, line: str) -> str:
        """As `Console`."""
        try:
            with trio.fail_after(ANSWER_S):
                done = await trio.run_process(
                    [*self._command, "-rx", line],
                    capture_stdout=True,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
        except trio.TooSlowError:
            raise RefusedError(f"no answer to `{line}` within {ANSWER_S:g} s") from None
        except OSError as error:
            raise RefusedError(f"{self._command[0]} cannot be run: {error.strerror}") from None
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode or text.startswith(_NOT_DONE):
            raise RefusedError(" ".join(text.split()) or f"it ends with {done.returncode}")
        return text

    async def originate(self, channel: str, application: str, data: str) -> None:
        """As `Console`."""
        await self.ask(f"channel originate {channel} application {application} {data}")

    async def press(self, channel: str, key: str, *, received: bool) -> None:
        """Not possible here."""
        raise RefusedError(f"{self.name} presses no keys")

    async def hang_up(self, channel: str) -> None:
        """As `Console`."""
        with suppress(RefusedError):
            await self.ask(f"channel request hangup {channel}")


@asynccontextmanager
async def open_console(config: Config) -> AsyncIterator[Console]:
    """Whoever can be asked: the manager interface of the settings, else an Asterisk on this machine.

    Raises:
        NoConsoleError: nobody; the message says why.
    """
    ami = config.ami
    if ami is None:
        yield await _cli()
        return
    try:
        with trio.move_on_after(ANSWER_S) as limit:
            async with open_ami(ami.address, ami.user, ami.secret) as session:
                limit.deadline = math.inf  # it was for the beginning
                yield AmiConsole(session, ami.address.host, _our_host(config, ami))
    except (AmiUnavailable, AmiRefused) as error:
        raise NoConsoleError(str(error)) from None
    if limit.cancelled_caught:
        raise NoConsoleError(f"no answer from {ami.address} within {ANSWER_S:g} s")


async def _cli() -> CliConsole:
    if shutil.which("asterisk") is None:
        raise NoConsoleError(
            "no `ami` in the settings, and no asterisk on this machine's PATH: add "
            'ami: {address: "10.0.0.5:5038", user: voicebot, secret: "..."}'
        )
    console = CliConsole()
    try:
        await console.version()
    except RefusedError as error:
        raise NoConsoleError(f"asterisk -rx: {error}") from None
    return console


def _our_host(config: Config, ami: Ami) -> str:
    """The address at which an Asterisk elsewhere finds us: as the settings have it, or as routes lead there."""
    told = config.listen.agi.audiosocket if config.listen.agi is not None else None
    if told is not None:
        return told.host
    host, port = ami.address
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(address)  # sends nothing
            return str(sock.getsockname()[0])
    except OSError:
        return LOOPBACK
