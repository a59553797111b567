"""The library stands alone: who uses it pays for nothing else of the voicebot."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
USED = {"numpy", "soxr", "structlog", "trio"}
SHOWN_BY_STRUCTLOG = {"rich"}
MODULES = {"piper-tts": "piper", "pyyaml": "yaml", "webrtcvad-wheels": "webrtcvad",
           "text2num": "text_to_num", "unicode-rbnf": "unicode_rbnf"}  # fmt: skip


def imported(module: str) -> set[str]:
    code = f"import {module}, json, sys; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", ["voicebot.audiosocket", "voicebot.audiosocket.blocking"])
def test_it_imports_the_line_and_four_packages(module: str) -> None:
    modules = imported(module)
    ours = {name for name in modules if name.split(".")[0] == "voicebot"}
    rooms = {".".join(name.split(".")[:2]) for name in ours}
    assert rooms == {"voicebot", "voicebot.audiosocket", "voicebot.line"}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = {re.split("[<>=]", one)[0] for one in settings["project"]["dependencies"]}
    assert packages > USED
    unused = {MODULES.get(name, name) for name in packages - USED - SHOWN_BY_STRUCTLOG}
    assert unused & modules == set()
    assert modules >= USED


def test_it_says_that_it_is_typed() -> None:
    assert (ROOT / "voicebot" / "py.typed").read_bytes() == b""
