"""`voicebot doctor` on a machine without Asterisk: what is looked at, what is skipped, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bot import write_config
from voicebot import cli
from voicebot.commands import codes

FLOW = "voicebot: 1\nflow: main\nnodes: {main: [{say: Hello}, hangup]}\n"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))  # whatever this machine has, it has no asterisk
    path = write_config(
        tmp_path, "{address: '127.0.0.1:0', flow: main}", extra="limits: {calls: 10}\n"
    )
    (tmp_path / "flows" / "main.yaml").write_text(FLOW)
    return path


def results(out: str) -> dict[str, list[Any]]:
    return {one["section"]: one["results"] for one in json.loads(out)["sections"]}


@pytest.mark.models
def test_what_cannot_be_done_is_skipped_with_its_reason(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor", "-c", str(settings), "--json"]) == codes.FINE
    found = results(capsys.readouterr().out)
    assert [r["verdict"] for r in found["Asterisk"]] == ["skip"]
    assert "no `ami` in the settings" in found["Asterisk"][0]["text"]
    assert [r["verdict"] for r in found["Loop-back call"]] == ["skip"]
    assert [r["verdict"] for r in found["The bot"]] == ["skip"]
    whats = [r["what"] for r in found["This machine"]]
    assert whats == [
        "python", "settings", "flows", "ports", "cache", "records.folder", "open files", "processors",
        "engines", "voice", "recogniser",
    ]  # fmt: skip


def test_settings_with_errors_come_first(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text("voicebot: 1\nlisten: {audiosocket: 9092}\n")
    assert cli.main(["doctor", "-c", str(settings), "--json"]) == codes.FINDINGS
    (section,) = results(capsys.readouterr().out).values()
    assert [(r["verdict"], r["what"]) for r in section[1:]] == [
        ("fail", "settings"),
        ("skip", "all else"),
    ]


def test_a_voice_that_is_not_there_is_a_fault_and_nothing_is_started(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = settings.read_text().replace("voicebot-en_US-tiny.onnx", "nobody.onnx")
    settings.write_text(text)
    assert cli.main(["doctor", "-c", str(settings), "--json"]) == codes.FINDINGS
    ours = results(capsys.readouterr().out)["This machine"]
    (missing,) = [r for r in ours if r["verdict"] == "fail"]
    assert "there is no Piper voice" in missing["text"]
    assert [r["what"] for r in ours if r["verdict"] == "skip"] == ["engines"]


@pytest.mark.models
def test_an_engine_that_cannot_be_reached_is_a_fault(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\n".join(
        "tts: {engine: wyoming, uri: 'tcp://127.0.0.1:1'}" if line.startswith("tts:") else line
        for line in settings.read_text().splitlines()
    )
    settings.write_text(text)
    assert cli.main(["doctor", "-c", str(settings), "--json"]) == codes.FINDINGS
    ours = results(capsys.readouterr().out)["This machine"]
    (refused,) = [r for r in ours if r["verdict"] == "fail"]
    assert refused["what"] == "engines"
    assert "127.0.0.1:1" in refused["text"]


@pytest.mark.models
def test_results_come_line_by_line_and_ctrl_c_ends_them(settings: Path) -> None:
    command = [sys.executable, "-m", "voicebot", "doctor", "-c", str(settings)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as doctor:
        assert doctor.stdout is not None
        assert doctor.stderr is not None
        lines: list[str] = []
        while "processors" not in "".join(lines):
            lines.append(doctor.stdout.readline())
            assert lines[-1]
        assert lines[:2] == ["\n", "This machine\n"]
        assert lines[2].startswith("  ok    python              voicebot ")
        doctor.send_signal(signal.SIGINT)
        assert doctor.wait(20) in {codes.INTERRUPTED, codes.FINE}
        assert doctor.stderr.read().strip() == ""
