"""How results are shown, on a terminal, in a file and to machines."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from voicebot.doctor.report import JsonReport, ScreenReport, screen
from voicebot.doctor.results import Report, fail, ok, skip, warn

LONG = "word " * 40


def fill(report: Report) -> None:
    report.section("Asterisk")
    report.busy("asking")
    report.add(ok("version", "22.10.1", {"major": 22}), warn("modules", LONG.strip()))
    report.section("The bot")
    report.add(skip("call", "none runs"))


def shown(*, terminal: bool, width: int) -> str:
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=terminal, width=width, highlight=False, color_system=None
    )
    with ScreenReport(console) as report:
        fill(report)
        assert not report.failed
        report.finish()
    return out.getvalue()


def test_in_a_file_each_result_is_one_line() -> None:
    assert shown(terminal=False, width=10_000).splitlines() == [
        "",
        "Asterisk",
        "  ok    version             22.10.1",
        f"  warn  modules             {LONG.strip()}",
        "",
        "The bot",
        "  skip  call                none runs",
        "",
        "1 ok, 1 warn, 1 skip",
    ]


def test_on_a_terminal_long_lines_hang_below_their_text() -> None:
    text = shown(terminal=True, width=60)
    lines = [line for line in text.splitlines() if "word" in line]
    assert len(lines) > 4
    assert all(line.startswith(" " * 28) for line in lines[1:])
    assert max(map(len, lines)) <= 60


def test_markup_in_a_text_is_text() -> None:
    out = io.StringIO()
    with ScreenReport(Console(file=out, width=200)) as report:
        report.section("[bold]x")
        report.add(fail("what", "chan@bed [extensions.conf:13]: [red]c(slin)[/red]"))
        assert report.failed
    assert "chan@bed [extensions.conf:13]: [red]c(slin)[/red]" in out.getvalue()


def test_machines_get_an_object() -> None:
    report = JsonReport()
    fill(report)
    told = json.loads(report.text())
    assert told["counts"] == {"ok": 1, "warn": 1, "fail": 0, "skip": 1}
    assert [one["section"] for one in told["sections"]] == ["Asterisk", "The bot"]
    assert told["sections"][0]["results"][0] == {
        "verdict": "ok", "what": "version", "text": "22.10.1", "figures": {"major": 22},
    }  # fmt: skip
    assert not report.failed
    report.add(fail("x", "y"))
    assert report.failed


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_no_terminal_has_no_width(terminal: bool) -> None:
    assert screen(terminal=terminal).is_terminal is terminal
    if not terminal:
        assert screen(terminal=False).width >= 10_000
