"""docs/flows.md tells the truth: each step is a flow that runs, and each command says what the page shows."""

from __future__ import annotations

import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from voicebot.cli import main
from voicebot.config import Config, load_config
from voicebot.flow.check import checked_flow
from voicebot.rehearsal.audio import AudioStage
from voicebot.rehearsal.impairments import Sound
from voicebot.rehearsal.suite import rehearse

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "flows.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(yaml|console)\n(.*?)```", PAGE, re.DOTALL)
STEPS = [text for kind, text in BLOCKS if kind == "yaml"]
WITH_MISTAKES = 2
"""The step whose findings are shown."""
APART = 3
"""The last steps, which show something else each."""
RIGHT = [number for number in range(1, len(STEPS) + 1) if number != WITH_MISTAKES]


@pytest.fixture(scope="module")
def settings() -> Config:
    config, _ = load_config(ROOT / "config.yaml")
    assert config is not None
    return config


def step(number: int, folder: Path) -> Path:
    """The flow as it is after a step, in a folder with those that it calls."""
    shutil.copy(ROOT / "flows" / "callback.yaml", folder)
    path = folder / "voicemail.yaml"
    path.write_text(STEPS[number - 1], "utf-8")
    return path


@pytest.mark.parametrize("number", RIGHT)
def test_a_step_has_no_findings_and_passes_its_tests(
    number: int, settings: Config, tmp_path: Path
) -> None:
    flow, findings = checked_flow(step(number, tmp_path), calendars=settings.calendars)
    assert flow is not None
    outcomes, wrong = rehearse(flow, settings.calendars)
    assert findings + wrong == []
    assert [(o.name, o.failure) for o in outcomes if not o.passed] == []
    assert bool(outcomes) == (number > WITH_MISTAKES)


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("number", RIGHT)
def test_a_step_passes_its_tests_in_audio(number: int, settings: Config, tmp_path: Path) -> None:
    flow, _ = checked_flow(step(number, tmp_path))
    assert flow is not None
    calendars, models, voices = settings.calendars, settings.asr.models, settings.tts.voices
    with AudioStage(models, voices, tmp_path / "cache", calendars=calendars) as stage:
        outcomes = [stage.run(flow, test, Sound()) for test in flow.tests]
    assert [(o.name, o.failure) for o in outcomes if not o.passed] == []


def shown() -> list[tuple[str, str, str]]:
    """What the page shows of commands: (flow, command line, output); a lone command shows none."""
    found = []
    flow = ""
    for kind, text in BLOCKS:
        if kind == "yaml":
            flow = text
        else:
            command, _, output = text.partition("\n")
            found.append((flow, command.removeprefix("$ voicebot "), output))
    return found


@pytest.mark.parametrize("number", range(len(shown())))
def test_commands_say_what_the_page_shows(
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flow, command, output = shown()[number]
    (tmp_path / "voicemail.yaml").write_text(flow, "utf-8")
    monkeypatch.chdir(tmp_path)
    code = main([*shlex.split(command), "-c", str(ROOT / "config.yaml")])
    out = capsys.readouterr().out
    assert code == (1 if "error:" in output else 0), out
    if output:
        assert out == output


def test_a_page_of_steps() -> None:
    """From eight lines on, each longer than what was said before about it, and only known commands."""
    assert len(STEPS[0].splitlines()) <= 8
    assert all(len(a) < len(b) for a, b in pairwise(STEPS[:-APART]))
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
