"""`voicebot demo`: once for real, as a person would run it, and its verdict on made-up calls."""

import fnmatch
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import soundfile

from voicebot.demo import TURNS, Turn, complaint
from voicebot.phone import CallReport, End, Press, Say
from voicebot.phone import Turn as Measured

CALLER = Turn(Say("yes"), ("yes",), interrupts=True)
PRESSER = Turn(Press("12"), ("1?",))


@pytest.fixture
def report() -> CallReport:
    measured = Measured(
        what="", onset_s=1.0, done_s=2.0, answer_s=2.2, response_s=0.2, first_frame_s=0.2, stopped_s=0.1
    )  # fmt: skip
    return CallReport(
        uuid=UUID(int=1),
        rate_hz=8000,
        ended=End.BOT_HUNG_UP,
        duration_s=3.0,
        caller_pcm=b"",
        bot_pcm=b"",
        first_frame_s=0.0,
        first_loud_s=0.0,
        turns=(measured, measured),
        spurts=(),
        frames_received=1,
        gaps=0,
        max_ahead_s=0.0,
        violations=(),
        expired=(),
    )


def understood(value: str, by: str) -> dict[str, Any]:
    return {"event": "call.understood", "value": value, "by": by}


YES, TWELVE = understood("yes", "speech"), understood("12", "keys")
MISSED = {"event": "call.missed", "why": "no_match"}
NOISE = {"event": "call.said", "text": "yes"}


def test_understood_in_every_turn(report: CallReport) -> None:
    assert complaint(report, [NOISE, YES, NOISE, TWELVE], [CALLER, PRESSER]) is None


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ([], 'says "yes", and the bot did not react'),
        ([YES], "presses 12, and the bot did not react"),
        ([MISSED, YES], 'says "yes", and the bot did not understand it (no_match)'),
        ([understood("no", "speech"), TWELVE], 'understood "no" by speech, not "yes" by speech'),
        ([YES, understood("12", "speech")], 'understood "12" by speech, not "1?" by keys'),
        ([YES, TWELVE, TWELVE], "the bot understood more than the caller said"),
    ],
)
def test_misunderstandings(report: CallReport, events: list[dict[str, Any]], wrong: str) -> None:
    assert wrong in str(complaint(report, events, [CALLER, PRESSER]))


def test_a_bot_that_cannot_be_interrupted(report: CallReport) -> None:
    deaf = replace(report, turns=tuple(replace(turn, stopped_s=None) for turn in report.turns))
    assert complaint(deaf, [YES, TWELVE], [CALLER, PRESSER]) == (
        'the caller says "yes", and the bot talked on'
    )


def test_a_call_that_ends_badly(report: CallReport) -> None:
    reset = replace(report, ended=End.BOT_RESET, violations=("1.0: odd",))
    assert complaint(reset, [YES, TWELVE], [CALLER, PRESSER]) == (
        "the call did not end well: the bot reset the connection; 1.0: odd"
    )


def demo(*args: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "voicebot", "demo", *args],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},  # no prompt is cached there
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.models
@pytest.mark.slow
def test_for_real(tmp_path: Path) -> None:
    """The caller is understood by voice and by key; the exit code says so, and so do the lines and the recording."""
    with demo("--out", "call.wav", folder=tmp_path) as process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), out
    for turn in TURNS:
        assert turn.told in out
        for value in turn.means:
            assert fnmatch.filter(out.splitlines(), f"*understood by *: {value}")
    for remark in ("by voice", "by key", "is interrupted", "answered after", "the bot hung up"):
        assert remark in out
    assert "exten => 7001,1,Answer()" in out
    assert "AGI(agi://127.0.0.1/company)" in out
    assert "\x1b" not in out
    samples, rate_hz = soundfile.read(tmp_path / "call.wav")
    assert (samples.shape[1], rate_hz) == (2, 8000)
    assert all(np.abs(samples[:, side]).max() > 0.1 for side in (0, 1))


@pytest.mark.models
def test_ctrl_c(tmp_path: Path) -> None:
    """It ends at once, without a traceback; there is nothing to write."""
    with demo(folder=tmp_path) as process:
        assert process.stdout is not None
        assert "loaded" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not (tmp_path / "demo.wav").exists()
