"""What `voicebot dialplan` prints, loaded by a real Asterisk as it is, and called."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.bot import Bot, running_bot, write_config
from voicebot import cli
from voicebot.commands import codes
from voicebot.config import load_config
from voicebot.doctor.asterisk import Line, dialplan_lines, judge_dialplan
from voicebot.doctor.results import Verdict
from voicebot.pbx.dialplan import PERSON

from .bed import Bed

pytestmark = [pytest.mark.asterisk, pytest.mark.models]

HERE = "127.0.0.1"
FLOW = """
voicebot: 1
flow: main
on: {failed: {do: [hangup]}}
nodes:
  main:
    - tag: {topic: "sales"}
    - say: "Goodbye."
    - hangup
"""
TRANSFERS = """
voicebot: 1
flow: desk
on: {failed: {do: [hangup]}}
nodes:
  main:
    - transfer: {to: "400", whisper: "A caller.", failed: {do: [{transfer: {queue: support}}], then: hangup}}
"""


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    folder = tmp_path_factory.mktemp("dialplan")
    config = write_config(
        folder, f"{{address: '{HERE}:0', flow: main}}", listen=f"agi: '{HERE}:0', web: '{HERE}:0'"
    )
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield running


def closed_port() -> int:
    with socket.create_server((HERE, 0)) as server:
        return int(server.getsockname()[1])


def printed(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *args: str,
    port: int,
    listen: str = "",
    extra: str = "",
) -> str:
    """What the verb prints for a bot on these ports."""
    config = write_config(
        folder, f"{{address: '{HERE}:{port}', flow: main}}", listen=listen, extra=extra
    )
    (folder / "flows" / "main.yaml").write_text(FLOW)
    (folder / "flows" / "desk.yaml").write_text(TRANSFERS)
    assert cli.main(["dialplan", "-c", str(config), *args]) == codes.FINE
    return capsys.readouterr().out


@contextmanager
def loaded(bed: Bed, text: str) -> Iterator[list[Line]]:
    """The text as a file that the bed's extensions.conf includes; gives what Asterisk has made of it."""
    folder = bed._folder / "etc"
    extensions = folder / "extensions.conf"
    before = extensions.read_text()
    log_before = len(bed.log())
    (folder / "voicebot.conf").write_text(text)
    # Its own context for whispers would be a second one.
    without = re.sub(r"^\[voicebot-whisper\]\n(?:(?!\[).*\n)*", "", before, flags=re.MULTILINE)
    extensions.write_text(without + "\n#include voicebot.conf\n")
    try:
        bed.ami.command("dialplan reload")
        end = time.monotonic() + 5
        while "voicebot.conf" not in (shown := bed.ami.command("dialplan show")):
            assert time.monotonic() < end, f"it is not loaded:\n{text}"
        complaints = re.findall(
            r"(?:WARNING|ERROR)\S* \S*(?:pbx|config)\S*:.*", bed.log()[log_before:]
        )
        assert complaints == []
        yield [line for line in dialplan_lines(shown) if "voicebot.conf" in line.at]
    finally:
        extensions.write_text(before)
        bed.ami.command("dialplan reload")


def observable(text: str) -> str:
    """A person who can be seen to take the call, and an end that can be seen, too."""
    seen = "UserEvent(Bed,Step: {},UUID: ${{CALLID}},Result: ${{VOICEBOT_RESULT}},Topic: ${{VOICEBOT_TOPIC}})"
    assert PERSON in text
    text = text.replace(PERSON, seen.format("person"))
    return (
        text
        + f"\n[voicebot]\nexten => h,1,{seen.format('gone')}\n"
        + (f"[voicebot-person]\nexten => h,1,{seen.format('gone')}\n")
    )


def call(bed: Bed, number: str, context: str = "voicebot") -> UUID:
    """Have somebody call a number; the other half of his channel only waits."""
    ident = uuid4()
    bed.ami._action(
        "Originate", Channel=f"Local/{number}@{context}/n", Application="Wait", Data="20",
        Variable=f"_CALLID={ident}", Async="true",
    )  # fmt: skip
    return ident


def test_agi_lines_bring_the_call_and_its_result(
    bed: Bed, bot: Bot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agi = bot.address_of("agi")
    text = printed(tmp_path, capsys, "--flow", "main", port=bot.ports[0], listen=f"agi: '{agi}'")
    with loaded(bed, observable(text)) as lines:
        assert [line.app for line in lines if line.exten == "7001"][:2] == [
            "Answer()",
            f"AGI(agi://{agi}/main)",
        ]
        ident = call(bed, "7001")
        gone = bed.ami.wait_step(ident, "gone", 20)
        assert gone.fields["Result"] == "hangup"
        assert gone.fields["Topic"] == "sales"
        assert [step.name for step in bed.ami.steps(ident)] == ["gone"]


def test_agi_lines_bring_a_person_when_the_bot_is_down(
    bed: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listen = f"agi: '{HERE}:{closed_port()}'"
    text = printed(tmp_path, capsys, "--flow", "main", port=closed_port(), listen=listen)
    with loaded(bed, observable(text)):
        ident = call(bed, "7001")
        bed.ami.wait_step(ident, "gone", 20)
        assert [step.name for step in bed.ami.steps(ident)] == ["person", "gone"]


def test_agi_lines_bring_a_person_when_the_bot_dies(
    bed: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, f"'{HERE}:0'", listen=f"agi: '{HERE}:0'")
    (tmp_path / "flows" / "main.yaml").write_text(
        FLOW.replace("- hangup", "- wait: 20s\n    - hangup")
    )
    with running_bot(config) as mortal:
        listen = f"agi: '{mortal.address_of('agi')}'"
        text = printed(tmp_path, capsys, "--flow", "main", port=mortal.ports[0], listen=listen)
        with loaded(bed, observable(text)):
            ident = call(bed, "7001")
            mortal.wait_for("call.started")
            mortal.process.kill()
            assert bed.ami.wait_step(ident, "person", 20).fields["Result"] == "fault"
            bed.ami.wait_step(ident, "gone")


@pytest.mark.parametrize("number", ["7001", "7002"])
def test_audiosocket_lines_end_with_the_bot(
    bed: Bed, bot: Bot, number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(tmp_path, capsys, port=bot.ports[0])
    with loaded(bed, observable(text)):
        ident = call(bed, number)
        bed.ami.wait_step(ident, "gone", 20)
        assert [step.name for step in bed.ami.steps(ident)] == ["gone"]


@pytest.mark.parametrize("number", ["7001", "7002"])
def test_audiosocket_lines_bring_a_person_when_the_bot_is_down(
    bed: Bed, number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(tmp_path, capsys, port=closed_port())
    with loaded(bed, observable(text)):
        ident = call(bed, number)
        bed.ami.wait_step(ident, "gone", 20)
        assert [step.name for step in bed.ami.steps(ident)] == ["person", "gone"]


def test_lines_with_requests_bring_the_result(
    bed: Bed, bot: Bot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listen = f"web: '{bot.address_of('web')}'"
    text = printed(tmp_path, capsys, "--flow", "main", port=bot.ports[0], listen=listen)
    with loaded(bed, observable(text)):
        ident = call(bed, "7001")
        assert bed.ami.wait_step(ident, "gone", 20).fields["Result"] == "hangup"
        assert [step.name for step in bed.ami.steps(ident)] == ["gone"]


def test_freepbx_lines_are_a_custom_destination(
    bed: Bed, bot: Bot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agi = bot.address_of("agi")
    extra = "transfer: {context: from-internal}\n"
    up = printed(
        tmp_path, capsys, "--freepbx", port=bot.ports[0], listen=f"agi: '{agi}'", extra=extra
    )
    # As FreePBX does with a Custom Destination that returns.
    seen = "UserEvent(Bed,Step: {},UUID: ${{CALLID}})"
    gui = (
        "\n[gui]\nexten => s,1,Gosub(voicebot-main,s,1)\n"
        f" same => n,{seen.format('returned')}\nexten => h,1,{seen.format('gone')}\n"
        f"[voicebot-main]\nexten => h,1,{seen.format('gone')}\n"
    )
    with loaded(bed, up + gui) as lines:
        assert {"voicebot-main", "voicebot-desk", "from-internal-custom", "voicebot-whisper"} <= {
            line.context for line in lines
        }
        ident = call(bed, "s", "gui")
        bed.ami.wait_step(ident, "gone", 20)
        assert [step.name for step in bed.ami.steps(ident)] == ["gone"]
    down = up.replace(agi, f"{HERE}:{closed_port()}")
    with loaded(bed, down + gui):
        ident = call(bed, "s", "gui")
        bed.ami.wait_step(ident, "gone", 20)
        assert [step.name for step in bed.ami.steps(ident)] == ["returned", "gone"]


def test_all_that_the_shipped_flows_want_is_loaded(
    bed: Bed, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = str(Path(__file__).parents[2] / "config.yaml")
    assert cli.main(["dialplan", "-c", settings]) == codes.FINE
    with loaded(bed, capsys.readouterr().out) as lines:
        numbers = {line.exten for line in lines if "AGI(agi://127.0.0.1/" in line.app}
        assert {"7001", "7002", "7003", "7004", "7005"} <= numbers
        # And doctor finds its way through it.
        config, _ = load_config(settings)
        assert config is not None
        *_, ways = judge_dialplan(bed.ami.command("dialplan show"), config)
        assert ways.verdict is Verdict.OK
        assert "7001@voicebot (voicebot.conf:" in ways.text
