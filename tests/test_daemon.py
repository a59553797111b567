"""The whole daemon with the real engines, called over AudioSocket by the scripted phone."""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import trio

from tests.bot import Bot, eventually, running_bot, write_config
from voicebot.config import Config
from voicebot.listeners import Port
from voicebot.phone import (
    CallReport,
    End,
    HangUp,
    Press,
    Say,
    Step,
    Wait,
    WaitForBot,
    place_call,
)
from voicebot.phone.voice import SHIPPED, CallerVoice
from voicebot.reception import Reception

pytestmark = pytest.mark.models

FLOW = """
voicebot: 1
start: main
defaults: {attempts: 3, no_input: 3s}
on:
  operator: {answers: ["[an] operator"], keys: "0", goto: operator}
  failed: {goto: operator}
  hangup: {do: [{log: "left at ${call.node}"}]}
nodes:
  main:
    - menu:
        say: "Welcome. Appointment, opening hours, or billing?"
        choices:
          - {answers: ["[an] appointment"], keys: "1", goto: number}
          - {answers: ["[opening] hours"], keys: "2", do: [{say: "Eight to five."}], then: repeat}
          - {answers: ["billing"], keys: "3", goto: bye}
        no_match: ["Sorry?", "Say appointment, or press one."]
        no_input: ["I did not hear you.", "Press one, two or three."]
  number:
    - ask: {to: number, type: digits, length: 3, say: "Your number?"}
    - ask: {to: ok, type: yes_no, say: "It is ${number | digits}. Is that right?"}
    - if: ok
      then: [{goto: bye}]
      else: [{goto: number}]
  operator: [{say: "I connect you."}, hangup]
  bye: [{say: "Goodbye."}, hangup]
"""


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("bot")
    everyone = "{address: '127.0.0.1:0', flow: main}"
    other = "{address: '127.0.0.1:0', flow: main, allow: [10.0.0.0/8]}"
    config = write_config(folder, everyone, other, extra="limits: {calls: 20}\n")
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


@pytest.fixture(scope="module")
def voice() -> CallerVoice:
    return CallerVoice(SHIPPED)


class Called:
    """One call that is over, from both ends."""

    def __init__(self, uuid: UUID, report: CallReport, ended: dict[str, object], bot: Bot) -> None:
        self.report = report
        self.ended = ended
        self._bot, self._uuid = bot, uuid

    def understood(self) -> list[tuple[str, str]]:
        found = self._bot.events("call.understood", call=str(self._uuid))
        return [(record["value"], record["by"]) for record in found]

    def said(self) -> list[str]:
        return [record["text"] for record in self._bot.events("call.said", call=str(self._uuid))]

    def logged(self) -> list[str]:
        return [record["text"] for record in self._bot.events("call.log", call=str(self._uuid))]


def call(bot: Bot, *steps: Step, rate_hz: int = 8000, voice: CallerVoice | None = None) -> Called:
    uuid = uuid4()
    place = partial(place_call, rate_hz=rate_hz, uuid=uuid, voice=voice)
    report = trio.run(place, "127.0.0.1", bot.ports[0], list(steps))
    ended = bot.wait_for("call.ended", call=str(uuid))
    return Called(uuid, report, ended, bot)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_caller_is_understood_by_voice_and_by_key(
    bot: Bot, voice: CallerVoice, rate_hz: int
) -> None:
    done = call(
        bot,
        WaitForBot(),
        Say("an appointment please"),
        WaitForBot(),
        Press("4"),
        Press("27"),
        WaitForBot(),
        Say("no"),
        WaitForBot(),
        Say("one two three"),
        WaitForBot(),
        Say("yes"),
        rate_hz=rate_hz,
        voice=voice,
    )
    assert done.understood() == [
        ("an appointment", "speech"),
        ("427", "keys"),
        ("no", "speech"),
        ("123", "speech"),
        ("yes", "speech"),
    ]
    assert done.report.ended is End.BOT_HUNG_UP
    assert not done.report.violations
    assert done.report.clean


def test_keys_typed_ahead_go_through_three_questions(bot: Bot) -> None:
    done = call(bot, Wait(0.3), Press("14271"))
    assert done.understood() == [("an appointment", "keys"), ("427", "keys"), ("yes", "keys")]
    assert done.said()[-1] == "Goodbye."


def test_who_says_nothing_is_told_what_to_do_and_then_connected(bot: Bot) -> None:
    done = call(bot)
    assert done.said()[1::2] == [
        "I did not hear you.",
        "Press one, two or three.",
        "I connect you.",
    ]
    assert done.report.ended is End.BOT_HUNG_UP


def test_who_says_something_else_is_asked_again(bot: Bot, voice: CallerVoice) -> None:
    done = call(bot, WaitForBot(), Say("my little red wagon is broken again"), WaitForBot(),
                Say("billing"), voice=voice)  # fmt: skip
    assert "Sorry?" in done.said()
    assert done.understood() == [("billing", "speech")]


def test_speech_interrupts_a_prompt_and_is_understood(bot: Bot, voice: CallerVoice) -> None:
    done = call(bot, Wait(1.1), Say("billing"), voice=voice)  # amid "appointment", in no pause
    assert done.understood() == [("billing", "speech")]
    assert done.report.turns[0].stopped_s is not None


def test_a_universal_is_heard_in_every_question(bot: Bot, voice: CallerVoice) -> None:
    done = call(bot, Press("1"), WaitForBot(), Say("operator"), voice=voice)
    assert done.said()[-1] == "I connect you."


def test_who_hangs_up_in_a_prompt_is_logged(bot: Bot) -> None:
    done = call(bot, Wait(0.5), HangUp())
    assert done.ended["reason"] in ("caller hung up", "peer reset")
    assert done.logged() == ["left at main"]


def test_one_call_too_many_is_refused_so_that_the_dialplan_goes_on(bot: Bot) -> None:
    async def many() -> list[CallReport]:
        reports: list[CallReport] = []

        async def one() -> None:
            reports.append(await place_call("127.0.0.1", bot.ports[0], [Wait(1.5), HangUp()]))

        async with trio.open_nursery() as nursery:
            for _ in range(21):
                nursery.start_soon(one)
        return reports

    reports = trio.run(many)
    refused = [r for r in reports if r.ended is End.BOT_HUNG_UP]
    assert len(refused) == 1
    assert refused[0].duration_s < 1
    assert all(not report.violations for report in reports)
    for report in reports:
        if report is not refused[0]:
            bot.wait_for("call.ended", call=str(report.uuid))


def hello(uuid: UUID) -> bytes:
    return struct.pack(">BH", 1, 16) + uuid.bytes


def test_what_is_not_asterisk_costs_nobody_a_frame(bot: Bot) -> None:
    """Garbage, half messages, silent and flooding peers beside a call."""

    def peer(data: bytes) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", bot.ports[0]))
        sock.settimeout(0.2)
        sock.sendall(data)
        return sock

    peers = [
        peer(b""),
        peer(b"GET / HTTP/1.1\r\n\r\n"),
        peer(b"\x01\x00"),
        peer(hello(uuid4()) + b"\x10\x01"),
        peer(hello(uuid4()) + os.urandom(20_000)),
        peer(hello(uuid4()) + b"\x10\xff\xff" + bytes(65535)),
        peer(hello(uuid4()) + b"\x03\x00\x01" + b"#"),
    ]
    flood = peer(hello(uuid4()))
    flood.setblocking(False)
    chunk = (struct.pack(">BH", 0x10, 320) + bytes(320)) * 100

    async def call_amid_floods() -> CallReport:
        report: list[CallReport] = []

        async def flooding() -> None:
            while True:
                with suppress(OSError):
                    flood.send(chunk)
                await trio.sleep(0.001)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flooding)
            report.append(await place_call("127.0.0.1", bot.ports[0], [Wait(3), HangUp()]))
            nursery.cancel_scope.cancel()
        return report[0]

    report = trio.run(call_amid_floods)
    assert report.gaps == 0
    assert not report.violations
    assert report.frames_received >= 145
    for sock in (*peers, flood):
        sock.close()


async def test_a_connection_that_was_reset_before_it_was_accepted_stops_nothing() -> None:
    """A port scan does that."""
    [sockets] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = sockets.socket.getsockname()
    with socket.create_connection(address) as gone:
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    listen = Config(voicebot=1).listen
    nothing = cast("Any", None)  # no call comes so far
    reception = Reception([Port(listen.audiosocket[0], listen.allow, sockets)], nothing, nothing)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reception.serve)
        with trio.fail_after(5):
            async with await trio.open_tcp_stream(*address) as stream:
                await stream.send_all(b"GET")
                assert await stream.receive_some() == b""
        reception.stop()


def test_a_connection_that_never_says_who_it_is_is_closed(bot: Bot) -> None:
    with socket.create_connection(("127.0.0.1", bot.ports[0])) as sock:
        sock.settimeout(8)
        assert sock.recv(10) == b""
    bot.wait_for("line.no_uuid")


def test_who_is_not_on_the_list_is_turned_away(bot: Bot) -> None:
    with socket.create_connection(("127.0.0.1", bot.ports[1])) as sock:
        sock.settimeout(5)
        assert sock.recv(10) == b""
    bot.wait_for("listener.refused", peer="127.0.0.1")


def test_a_dead_recogniser_costs_one_utterance(bot: Bot, voice: CallerVoice) -> None:
    """The worker is killed in a call: keys go on, and the next call is heard again."""
    pid = bot.events("worker.started", engine="vosk")[-1]["pid"]
    os.kill(pid, signal.SIGKILL)
    done = call(bot, Wait(0.2), Press("3"))
    assert done.understood() == [("billing", "keys")]
    eventually(lambda: bot.events("worker.started", engine="vosk")[-1]["pid"] != pid)
    done = call(bot, WaitForBot(), Say("billing"), voice=voice)
    assert done.understood() == [("billing", "speech")]


def test_sigterm_lets_a_call_finish_and_takes_no_new_one(tmp_path: Path) -> None:
    config = write_config(tmp_path, "{address: '127.0.0.1:0', flow: main}")
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as bot:
        port = bot.ports[0]

        async def call_and_stop() -> CallReport:
            reports: list[CallReport] = []

            async def calling() -> None:
                steps: list[Step] = [Wait(1), Press("3")]
                reports.append(await place_call("127.0.0.1", port, steps))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(calling)
                await trio.sleep(0.5)
                bot.process.send_signal(signal.SIGTERM)
                await trio.sleep(0.2)
                with pytest.raises(OSError, match=r"refused|all attempts"):
                    await trio.open_tcp_stream("127.0.0.1", port)
            return reports[0]

        report = trio.run(call_and_stop)
        assert report.ended is End.BOT_HUNG_UP
        assert report.clean
        assert bot.process.wait(10) == 0


def test_a_second_sigterm_hangs_up_as_if_the_callers_had_left(tmp_path: Path) -> None:
    config = write_config(tmp_path, "{address: '127.0.0.1:0', flow: main}")
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as bot:
        port = bot.ports[0]

        async def call_and_stop() -> CallReport:
            reports: list[CallReport] = []

            async def calling() -> None:
                reports.append(await place_call("127.0.0.1", port, [Wait(20)]))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(calling)
                await trio.to_thread.run_sync(bot.wait_for, "call.started")
                bot.process.send_signal(signal.SIGTERM)
                await trio.to_thread.run_sync(bot.wait_for, "daemon.stopping")
                bot.process.send_signal(signal.SIGTERM)
            return reports[0]

        report = trio.run(call_and_stop)
        assert report.ended is End.BOT_HUNG_UP
        assert bot.process.wait(10) == 0
        assert bot.wait_for("call.log")["text"] == "left at main"
        assert bot.wait_for("call.ended")["reason"] == "the daemon was stopped"


def voicebot_run(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "voicebot", "run", "-c", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_busy_port_is_one_line_that_says_what_to_do(bot: Bot, tmp_path: Path) -> None:
    config = write_config(tmp_path, f"{{address: '127.0.0.1:{bot.ports[0]}', flow: main}}")
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    done = voicebot_run(config)
    assert done.returncode == 3
    assert f"127.0.0.1:{bot.ports[0]} is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_model_is_told_with_its_place(tmp_path: Path) -> None:
    config = write_config(tmp_path, "{address: '127.0.0.1:0', flow: main}")
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    config.write_text(config.read_text().replace("vosk-tiny-en-8k", "nowhere"))
    done = voicebot_run(config)
    assert done.returncode == 1
    assert "config.yaml:4:" in done.stderr
    assert "nowhere" in done.stderr


def test_a_flow_with_errors_is_not_served(tmp_path: Path) -> None:
    config = write_config(tmp_path, "{address: '127.0.0.1:0', flow: main}")
    (tmp_path / "flows" / "main.yaml").write_text(FLOW.replace("goto: bye", "goto: by", 1))
    done = voicebot_run(config)
    assert done.returncode == 1
    assert 'there is no node "by"; did you mean "bye"?' in done.stderr


def test_an_unreadable_sound_file_is_told_with_its_place(tmp_path: Path) -> None:
    config = write_config(tmp_path, "{address: '127.0.0.1:0', flow: main}")
    sound = '{file: broken.wav, text: "Goodbye."}'
    (tmp_path / "flows" / "main.yaml").write_text(FLOW.replace('"Goodbye."', sound))
    (tmp_path / "flows" / "broken.wav").write_text("this is no sound")
    done = voicebot_run(config)
    assert done.returncode == 1
    assert re.search(r"main.yaml:\d+:\d+: error: .*broken.wav: not a sound file", done.stderr)


def test_routes_choose_the_flow_and_a_call_has_its_longest_time(tmp_path: Path) -> None:
    """First match; without `called`, any call.  A listener may carry its own flow.  call_time"""
    extra = "routes: [{called: '7001', flow: no}, {flow: b}, {flow: a}]\nlimits: {call_time: 2s}\n"
    own = "{address: '127.0.0.1:0', flow: a}"
    config = write_config(tmp_path, own, "'127.0.0.1:0'", extra=extra)
    for name in ("a", "b", "no"):
        flow = f'voicebot: 1\nflow: {name}\nnodes: {{m: [{{say: "Hi."}}, {{wait: 1m}}, hangup]}}\n'
        (tmp_path / "flows" / f"{name}.yaml").write_text(flow)
    with running_bot(config) as bot:

        async def both() -> None:
            async with trio.open_nursery() as nursery:
                for port in bot.ports:
                    nursery.start_soon(place_call, "127.0.0.1", port, [Wait(4)])
                    await trio.sleep(0.2)

        trio.run(both)
        assert [started["flow"] for started in bot.events("call.started")] == ["a", "b"]
        ended = partial(bot.events, "call.ended", reason="limits.call_time is over")
        eventually(lambda: len(ended()) == 2)
        assert all(1.9 < call["seconds"] < 3 for call in ended())
