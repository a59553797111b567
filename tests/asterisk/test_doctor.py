"""`voicebot doctor` before a real Asterisk: what it asks, what it finds, and the calls that it has made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot import Bot, eventually, running_bot, write_config
from voicebot import cli
from voicebot.commands import codes
from voicebot.config import Address
from voicebot.doctor.console import AmiConsole, CliConsole, Console
from voicebot.doctor.loopback import KEYS, NotMadeError, loop
from voicebot.doctor.results import Verdict
from voicebot.pbx.ami_session import open_ami

from .bed import Bed
from .configuration import AMI_SECRET, AMI_USER

pytestmark = pytest.mark.asterisk

HERE = "127.0.0.1"
SIGNAL_S = 0.8

FLOW = """
voicebot: 1
on: {failed: {do: [hangup]}}
nodes:
  main:
    - menu:
        say: "Good day."
        choices:
          - {answers: [agent], keys: "1", do: [{transfer: "app"}]}
          - {answers: [nobody], keys: "2", do: [{transfer: "no-such-number"}]}
"""


def ami_port(bed: Bed) -> int:
    return bed._ports.ami


def cli_of(bed: Bed) -> CliConsole:
    """The command line of the bed's Asterisk, within its root."""
    configuration = f"/beds/{bed._folder.name}/etc/asterisk.conf"
    return CliConsole(["chroot", str(bed._root), "/usr/sbin/asterisk", "-C", configuration])


async def test_a_loop_back_call_through_the_command_line(bed: Bed) -> None:
    console: Console = cli_of(bed)
    assert (await console.version()).startswith("Asterisk ")
    made = await loop(console, 16000, signal_s=SIGNAL_S)
    assert made.rates_hz == {16000}
    assert made.peer == HERE
    for way in (made.there, made.back):
        assert (way.frames, way.lost) == (round(SIGNAL_S * 50), 0)
        assert abs(way.level_db) < 0.1
        assert 0 <= way.delay_ms < 500
    assert made.echo_db < -60
    assert made.keys is None
    assert made.keys_refused == "asterisk -rx presses no keys"


async def test_a_manager_user_without_the_right_is_told_which(bed: Bed) -> None:
    async with open_ami(Address(HERE, ami_port(bed)), "voicebot", "voicebot") as session:
        console = AmiConsole(session, HERE, HERE)
        with pytest.raises(NotMadeError, match=r"add originate to `write` of the manager user"):
            await loop(console, 8000, signal_s=SIGNAL_S)


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("doctor")
    config = write_config(folder, f"{{address: '{HERE}:0', flow: main}}", listen=f"agi: '{HERE}:0'")
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


def examined(config: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, list[Any]]]:
    """The exit code, and the results by section."""
    code = cli.main(["doctor", "-c", str(config), "--json"])
    told = json.loads(capsys.readouterr().out)
    return code, {one["section"]: one["results"] for one in told["sections"]}


def texts(results: list[Any], verdict: Verdict, what: str) -> list[str]:
    return [r["text"] for r in results if r["verdict"] == verdict.value and r["what"] == what]


@pytest.mark.models
def test_all_of_it(bed: Bed, bot: Bot, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(
        tmp_path,
        f"{{address: '{HERE}:{bot.ports[0]}', flow: main}}",
        f"{{address: '{HERE}:{bot.ports[0] + 1}', flow: main, dialect: fork, allow: ['10.0.0.0/8']}}",
        listen=f"agi: '{bot.address_of('agi')}'",
        extra=f"ami: {{address: '{HERE}:{ami_port(bed)}', user: {AMI_USER}, secret: {AMI_SECRET}}}\n"
        "transfer: {context: bed}\nlimits: {calls: 10}\n",
    )
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    code, found = examined(config, capsys)
    assert code == codes.FINDINGS
    ours, asterisk = found["This machine"], found["Asterisk"]
    assert any("served by voicebot" in text for text in texts(ours, Verdict.OK, "ports"))
    assert texts(ours, Verdict.OK, "voice")
    assert texts(ours, Verdict.OK, "recogniser") == ['en-US has heard "one two three four"']

    assert texts(asterisk, Verdict.OK, "version")[0].startswith("Asterisk ")
    assert texts(asterisk, Verdict.OK, "transmit_silence")
    assert not [r for r in asterisk if r["what"] == "modules" and r["verdict"] == "fail"]
    # The bed's dialplan has the mistake on purpose.
    (bare,) = texts(asterisk, Verdict.FAIL, "dialplan")
    assert bare.startswith("chan@bed (extensions.conf:")
    assert texts(asterisk, Verdict.OK, "transfer") == ["app@bed is in the dialplan"]
    (missing,) = texts(asterisk, Verdict.FAIL, "transfer")
    assert missing.startswith("flows transfer to no-such-number@bed, which is not in the dialplan")
    assert len(texts(asterisk, Verdict.FAIL, "dialect")) == 1

    calls = found["Loop-back call"]
    for kind in ("8 kHz", "16 kHz"):
        assert texts(calls, Verdict.OK, f"{kind} frames") == ["0 of 100 lost"]
        assert texts(calls, Verdict.OK, f"{kind} keys") == [f"{KEYS} came in order"]
        for measured in ("delay", "jitter", "level", "echo"):
            assert f"{kind} {measured}" in [r["what"] for r in calls]
        assert texts(calls, Verdict.OK, f"{kind} echo")
        assert texts(calls, Verdict.OK, f"{kind} level") == ["+0.0 dB there, +0.0 dB back"]
    (shut,) = texts(calls, Verdict.FAIL, "listen.allow")
    assert "may not connect to" in shut

    # One call from here, two through Asterisk.
    for greeting in found["The bot"]:
        assert greeting["verdict"] == "ok"
        assert greeting["figures"]["greeting_ms"] > 0
    assert [r["what"] for r in found["The bot"]][1:] == ["by AudioSocket()", "by AGI()"]
    eventually(lambda: len(bot.events("call.ended")) == 3)
    assert {event["reason"] for event in bot.events("call.ended")} == {"caller hung up"}
    eventually(lambda: "AudioSocket/" not in bed.ami.command("core show channels"))


@pytest.mark.models
def test_a_manager_interface_that_lets_nobody_in_is_a_finding(
    bed: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(
        tmp_path,
        f"{{address: '{HERE}:0', flow: main}}",
        extra=f"ami: {{address: '{HERE}:{ami_port(bed)}', user: {AMI_USER}, secret: wrong}}\n",
    )
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    code, found = examined(config, capsys)
    assert code == codes.FINDINGS
    (refused,) = texts(found["Asterisk"], Verdict.FAIL, "asterisk")
    assert "Authentication failed" in refused
    assert "wrong" not in refused
    assert [r["verdict"] for r in found["Loop-back call"]] == ["skip"]
