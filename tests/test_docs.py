"""README.md tells the truth: its flows check, and whatever a user can write or meet is named in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from voicebot import config
from voicebot.calendars import Calendar
from voicebot.cli import VERBS, cli
from voicebot.config import load_config
from voicebot.flow import circumstances, conversations, expressions, loader, questions, steps
from voicebot.flow.check import checked_flow
from voicebot.flows import load_flows

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
FLOWS = [
    block for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "nodes:" in block
]
MARKED = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
_LOGGED = re.compile(r'\blog\.(?:debug|info|warning|error|exception)\(\s*"([a-z_]+\.[a-z_]+)"')
_RENDERED = re.compile(r'"event": "([a-z_.]+)"|\n\s*"(library\.[a-z_]+)",')
_NOTED = re.compile(r'ev\.Note\(\s*"([a-z_]+)"')


def log_events() -> set[str]:
    events: set[str] = set()
    for path in (ROOT / "voicebot").rglob("*.py"):
        text = path.read_text("utf-8")
        events.update(_LOGGED.findall(text))
        events.update(f"call.{kind}" for kind in _NOTED.findall(text))
        if path.name == "logs.py":
            events.update(one or other for one, other in _RENDERED.findall(text))
    return events


def config_keys() -> Iterator[str]:
    sections: list[type[BaseModel]] = [
        config.Config, config.Listen, config.Listener, config.Route, config.Asr, config.Tts,
        config.Limits, config.Records, config.Log, Calendar,
    ]  # fmt: skip
    for section in sections:
        for name, field in section.model_fields.items():
            yield field.alias or name


def flow_keys() -> Iterator[str]:
    yield from loader.TOP
    yield from loader.ENDINGS
    yield from (*steps.VERBS, *steps.HTTP, *steps.TRANSFER, *steps.RECORD)
    yield from (*questions.WAY, *questions.DEFAULTS, *questions.COMMON, *questions.ASK)
    yield from (*questions.TYPES, *questions.OF_TYPES, *questions.FORM, *questions.CONFIRM)
    yield from (*expressions.FILTERS, *(f"call.{name}" for name in expressions.CALL_NAMES))
    yield from (*circumstances.CALL, *conversations.TEST, *conversations.STEPS)
    yield from (*conversations.CALLER, *conversations.ENDS)


def commands() -> Iterator[str]:
    context = click.Context(cli)
    for name in (*VERBS, "version"):
        command = cli.get_command(context, name)
        assert command is not None
        yield f"voicebot {name}"
        yield from (param.opts[-1] for param in command.params if param.param_type_name == "option")


def named(word: str) -> bool:
    """Within code marks, as a word of its own."""
    return any(re.search(rf"(?<![\w-]){re.escape(word)}(?!\w)", code) for code in MARKED)


@pytest.mark.parametrize("number", range(len(FLOWS)))
def test_flows_of_the_readme_have_no_findings(number: int, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(FLOWS[number], "utf-8")
    assert checked_flow(path)[1] == []


def test_the_flow_in_20_lines_has_20() -> None:
    assert len(FLOWS[0].splitlines()) <= 20


def test_shipped_flows_and_settings_have_no_findings() -> None:
    settings, findings = load_config(ROOT / "config.yaml")
    assert settings is not None
    assert findings + load_flows(settings)[1] == []


@pytest.mark.parametrize("word", sorted(set(commands())))
def test_commands_are_in_the_readme(word: str) -> None:
    assert named(word)


@pytest.mark.parametrize("word", sorted(set(config_keys())))
def test_settings_are_in_the_readme(word: str) -> None:
    assert named(word)


@pytest.mark.parametrize("word", sorted(set(flow_keys())))
def test_the_flow_language_is_in_the_readme(word: str) -> None:
    assert named(word)


@pytest.mark.parametrize("word", sorted(expressions.FUNCTIONS))
def test_functions_are_in_the_readme(word: str) -> None:
    assert re.search(rf"`{word}\([^`]*\)`", README)


def test_log_events_are_found() -> None:
    assert {"call.started", "call.understood", "library.logged", "log.dropped"} <= log_events()


@pytest.mark.parametrize("event", sorted(log_events()))
def test_log_events_are_in_the_readme(event: str) -> None:
    assert f"| `{event}` |" in README


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
