"""`voicebot talk`: what is typed, and what is shown of it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.rehearsal.flows import TAXI
from voicebot import cli
from voicebot.commands import codes
from voicebot.commands.talking import talk

FORM = """\
voicebot: 1
flow: form
vars: {day: null}
on: {failed: {do: [hangup]}}
nodes:
  a:
    - if: "hours('desk')"
      then: [{say: "Open, ${call.caller}."}]
    - form: {slots: [{to: day, type: date, say: "Which day?"}]}
    - say: "It is ${day | date}."
    - hangup
"""


def talked(folder: Path, *lines: str, flow: str = TAXI, options: tuple[str, ...] = ()) -> list[str]:
    path = folder / "flow.yaml"
    path.write_text(flow, encoding="utf-8")
    result = CliRunner().invoke(
        talk, [str(path), *options], input="".join(f"{line}\n" for line in lines)
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return [line.strip() for line in result.output.splitlines()]


def test_a_call_by_voice_and_keys(tmp_path: Path) -> None:
    shown = talked(tmp_path, "a taxi", "#1234", '200 {"at": "10:00"}', options=("--mock",))
    assert shown[1:] == [
        "node main",
        "bot      Taxi service.",
        "bot      A taxi, or a message?",
        "waits for an answer in main  (no_input in 5.0 s)",
        "caller > a taxi",
        'understood "a taxi" by speech',
        "node order",
        "bot      Your PIN?",
        "waits for an answer in order  (no_input in 5.0 s)",
        "caller > #1234",
        'understood "***" by keys',
        "bot      One moment.",
        "asks POST http://localhost/order",
        'with {"from": ""}',
        'POST http://localhost/order → status, such as 200 {"a": 1}> 200 {"at": "10:00"}',
        'the server answers 200 {"at": "10:00"}',
        "tag order = 200",
        "log: ordered with 200",
        "bot      It comes at 10:00.",
        "waits 2 s",
        "bot      Goodbye.",
        'pin = "***"',
        'result = "status 200"',
        shown[-2],
        "VOICEBOT_ORDER = 200",
    ]
    assert shown[-2].startswith("the bot hung up, after ")


def test_silence_and_a_hang_up(tmp_path: Path) -> None:
    shown = talked(tmp_path, "")
    assert "nothing was said, attempt 1" in shown
    assert shown[-2] == "log: left at main"
    assert shown[-1].startswith("the caller hung up, after ")


def test_keys(tmp_path: Path) -> None:
    shown = talked(tmp_path, "#", "#1x", "#12", "hello", "##")
    assert shown.count("keys stand behind a #: #12 is 1 and 2, ## is the key # itself") == 2
    assert "a recording begins with a beep" in shown
    assert "bot      Thank you." in shown
    assert 'message = "recording.wav"' in shown


def test_a_recording_of_nothing(tmp_path: Path) -> None:
    shown = talked(tmp_path, "message", "")
    assert "bot      Thank you." in shown
    assert not any(line.startswith("message =") for line in shown)


def test_what_is_no_word(tmp_path: Path) -> None:
    assert "there is no word in it" in talked(tmp_path, "?!")


def test_a_transfer_is_told(tmp_path: Path) -> None:
    shown = talked(tmp_path, "operator")
    assert "transfer to 400: in a call, Asterisk connects the caller now" in shown
    assert shown[-1].startswith("the call was transferred to 400, after ")


WHISPERS = """\
voicebot: 1
vars: {rank: null}
nodes:
  a:
    - set: {rank: "${call.args.rank}"}
    - transfer: {to: PJSIP/a, whisper: ["Rank ${rank}.", "Order <break time='1s'/>${call.args.order}."], failed: {goto: b}}
  b: [{transfer: {queue: support, announce: "Please wait."}}]
"""


def test_what_the_agent_hears_and_the_dialplan_is_told(tmp_path: Path) -> None:
    options = ("--mock", "--arg", "rank=gold", "--arg", "order=a=b")
    shown = talked(tmp_path, "no answer", flow=WHISPERS, options=options)
    assert shown[2:] == [
        "transfer to PJSIP/a: in a call, Asterisk connects the caller now",
        "there is heard first: Rank gold.",
        "there is heard first: Order a=b.",
        "empty line: it is taken; or why not, such as busy> no answer",
        "error: no answer, a",
        "node b",
        "bot      Please wait.",
        "transfer to queue support: in a call, Asterisk connects the caller now",
        'rank = "gold"',
        shown[-2],
        "VOICEBOT_RANK = gold",
    ]
    assert shown[-2].startswith("the call was transferred to queue support, after ")


def test_an_argument_without_a_value(tmp_path: Path) -> None:
    shown = talked(tmp_path, flow=WHISPERS, options=("--arg", "rank"))
    assert any('"rank" is not NAME=VALUE, such as customer=4711' in line for line in shown)


def test_a_transfer_to_nobody(tmp_path: Path) -> None:
    shown = talked(tmp_path, "operator", "busy", options=("--mock",))
    assert "bot      Nobody is there." in shown


def test_who_plays_the_server_makes_mistakes(tmp_path: Path) -> None:
    shown = talked(tmp_path, "taxi", "#1234", "ok", "200 {", "down", options=("--mock",))
    assert 'write a status such as 200, with JSON behind it or not, or "down"' in shown
    assert any(line.startswith("this is not JSON: ") for line in shown)
    assert "no answer: the server is down" in shown
    assert "bot      Something broke." in shown


def test_a_server_is_really_asked(tmp_path: Path) -> None:
    nobody = TAXI.replace("localhost", "127.0.0.1:1")
    shown = talked(tmp_path, "taxi", "#1234", flow=nobody)
    assert any(line.startswith("no answer: ") for line in shown)
    assert "bot      Something broke." in shown


def test_when_and_who(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # without settings every calendar is open
    options = ("--at", "2027-03-01T10:00", "--caller", "15551234")
    shown = talked(tmp_path, "tomorrow", flow=FORM, options=options)
    assert "bot      Open, 15551234." in shown
    assert 'understood day: "2027-03-02" by speech' in shown
    assert "bot      It is Tuesday, March second." in [
        line.replace(", twenty twenty seven", "") for line in shown
    ]


def test_a_flow_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(TAXI, encoding="utf-8")
    (tmp_path / "config.yaml").write_text("voicebot: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(talk, ["taxi"], input="")
    assert "bot      Taxi service." in result.output
    assert cli.main(["talk", "taxy"]) == codes.USAGE
    assert 'there is no flow "taxy" in flows; did you mean "taxi"?' in capsys.readouterr().err


def test_a_broken_flow(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("voicebot: 1\nnodes: {a: [{goto: b}]}\n", encoding="utf-8")
    result = CliRunner().invoke(talk, [str(path)])
    assert result.exit_code == 1
    assert "2:" in result.output
