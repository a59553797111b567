"""The wall around the pure files: ruff's banned imports really fail there, and only there."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def complaints(path: str, code: str) -> int:
    """How many banned imports ruff sees when the code stands in that file."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251"]
    command += ["--output-format", "concise", "--stdin-filename", path, "-"]
    done = subprocess.run(
        command, cwd=ROOT, input=code, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.count("TID251")


@pytest.mark.parametrize(
    "path",
    [
        "voicebot/flow/dialog.py",
        "voicebot/flow/not_written_yet.py",
        "voicebot/line/audiosocket.py",
        "voicebot/line/audio.py",
        "voicebot/hearing/endpoint.py",
        "voicebot/pbx/ami.py",
        "voicebot/pbx/releases.py",
        "voicebot/speech/wire.py",
        "voicebot/web/announcing.py",
    ],
)
def test_pure_file_imports_no_loop_and_no_io(path: str) -> None:
    code = "import trio\nimport socket\nfrom time import time\n"
    code += "from voicebot import daemon\nimport voicebot.speech.vosk\n"
    assert complaints(path, code) == 5


def test_pure_file_asks_no_clock() -> None:
    code = (
        "from datetime import datetime\n\n\ndef today() -> datetime:\n    return datetime.now()\n"
    )
    assert complaints("voicebot/flow/dialog.py", code) == 1


def test_shell_may_import_what_it_needs() -> None:
    assert complaints("voicebot/line/line.py", "import trio\nimport socket\n") == 0
