"""`asterisk -rx` by a program that stands in for it, and who is asked at all."""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path

import pytest
import trio

from voicebot.config import Config
from voicebot.doctor.console import CliConsole, NoConsoleError, RefusedError, open_console

ASTERISK = """#!/bin/sh
case "$2" in
  "core show version") echo "Asterisk 20.9.3 built by mockbuild";;
  "channel originate"*) echo "$2" >> "$0.log";;
  "channel request hangup"*) echo "$2" >> "$0.log"; exit 1;;
  "fail") echo "Unable to connect to remote asterisk (does /run/asterisk.ctl exist?)"; exit 1;;
  *) echo "No such command '$2' (type 'core show help $2' for other possible commands)";;
esac
"""


@pytest.fixture
def asterisk(tmp_path: Path) -> Path:
    path = tmp_path / "asterisk"
    path.write_text(ASTERISK)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def config(**settings: object) -> Config:
    return Config.model_validate({"voicebot": 1, **settings})


async def test_the_command_line_is_asked(asterisk: Path) -> None:
    console = CliConsole([str(asterisk)])
    assert await console.version() == "Asterisk 20.9.3 built by mockbuild\n"
    await console.originate("AudioSocket/h:1/u/c(slin)", "Dial", "x y")
    await console.hang_up("c")
    assert asterisk.with_suffix(".log").read_text().splitlines() == [
        "channel originate AudioSocket/h:1/u/c(slin) application Dial x y",
        "channel request hangup c",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [("fail", "Unable to connect to remote asterisk"), ("dialplan shwo", "No such command")],
)
async def test_what_the_command_line_cannot_do_is_told(
    asterisk: Path, line: str, said: str
) -> None:
    with pytest.raises(RefusedError, match=said):
        await CliConsole([str(asterisk)]).ask(line)


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be run: No such file"):
        await CliConsole([str(tmp_path / "nothing")]).ask("core show version")


async def test_without_a_manager_interface_the_asterisk_on_the_path_is_asked(
    asterisk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(asterisk.parent), prepend=":")
    async with open_console(config()) as console:
        assert console.name == "asterisk -rx"


async def test_without_either_nobody_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoConsoleError, match="no `ami` in the settings"):
        async with open_console(config()):
            pass


ANSWERS = {
    "Login": "Response: Success",
    "CoreSettings": "Response: Error\r\nMessage: Permission denied",
    "Command": "Response: Success\r\nOutput: Asterisk 22.10.1\r\nOutput: built by nobody",
    "Originate": "Response: Error\r\nMessage: Permission denied",
    "PlayDTMF": "Response: Error\r\nMessage: Invalid/unknown command: PlayDTMF. Use Action: ListCommands",
    "Hangup": "Response: Error\r\nMessage: No such channel",
}


async def manager_interface(stream: trio.SocketStream) -> None:
    """Answers each action as `ANSWERS` has it; hangs up at one that it does not know."""
    await stream.send_all(b"Asterisk Call Manager/11.0.0\r\n")
    held = b""
    async for data in stream:
        *actions, held = (held + bytes(data)).split(b"\r\n\r\n")
        for action in actions:
            fields = dict(line.split(": ", 1) for line in action.decode().split("\r\n"))
            if fields["Action"] not in ANSWERS:
                return
            answer, _, rest = ANSWERS[fields["Action"]].partition("\r\n")
            lines = [answer, f"ActionID: {fields['ActionID']}", *([rest] if rest else [])]
            await stream.send_all("\r\n".join([*lines, "", ""]).encode())


async def test_the_manager_interface_is_asked(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    nursery.start_soon(partial(trio.serve_listeners, manager_interface, [listener]))
    ami = {"address": f"127.0.0.1:{port}", "user": "u", "secret": "s"}
    async with open_console(config(ami=ami)) as console:
        assert (console.name, console.our_host) == ("the manager interface", "127.0.0.1")
        assert await console.version() == "Asterisk 22.10.1\nbuilt by nobody"
        with pytest.raises(RefusedError, match="Permission denied: add originate to `write`"):
            await console.originate("AudioSocket/x", "AudioSocket", "y")
        with pytest.raises(RefusedError, match=r"`module load app_senddtmf\.so`"):
            await console.press("c", "1", received=True)
        await console.hang_up("c")
        monkeypatch.delitem(ANSWERS, "Command")
        with pytest.raises(RefusedError, match="the manager interface is gone"):
            await console.ask("core show version")
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        ({}, "127.0.0.1"),
        ({"agi": {"address": "127.0.0.1:1", "audiosocket": "10.0.0.5:2"}}, "10.0.0.5"),
    ],
)
async def test_our_address_is_that_of_the_settings_or_of_the_way_to_asterisk(
    listen: dict[str, object], host: str, nursery: trio.Nursery
) -> None:
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    nursery.start_soon(partial(trio.serve_listeners, manager_interface, [listener]))
    ami = {"address": f"127.0.0.1:{port}", "user": "u", "secret": "s"}
    async with open_console(config(ami=ami, listen=listen)) as console:
        assert console.our_host == host
    nursery.cancel_scope.cancel()


async def test_a_manager_interface_that_says_nothing() -> None:
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    ami = {"address": f"127.0.0.1:{port}", "user": "u", "secret": "s"}
    await listener.aclose()
    with pytest.raises(NoConsoleError, match="Connection refused"):
        async with open_console(config(ami=ami)):
            pass


async def test_a_manager_interface_that_does_not_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        ami = {"address": f"127.0.0.1:{port}", "user": "u", "secret": "s"}
        with pytest.raises(NoConsoleError, match=r"no answer from 127\.0\.0\.1:\d+ within 10 s"):
            async with open_console(config(ami=ami)):
                pass
