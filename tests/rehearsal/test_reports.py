"""What is told of tests: the diff of a conversation, coverage, JUnit XML."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.rehearsal.flows import TAXI, flow_of, run
from voicebot.flow import conversations as conv
from voicebot.flow.yamlfile import Mark
from voicebot.rehearsal.coverage import Kind, coverage, coverage_lines, places
from voicebot.rehearsal.diff import failure_text, line_text, step_parts
from voicebot.rehearsal.junit import junit, write_junit
from voicebot.rehearsal.outcome import Line, Outcome, Who

MARK = Mark("f.yaml", 1, 1)


# Diff --------------------------------------------------------------------------------------------


def test_a_diff(tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        'bot: "Taxi"',
        'bot: "a message"',
        'caller: "a taxi"',
        'bot: "Which PIN"',
        'caller: {keys: "1234"}',
        'bot: "at ten"',
        "ends",
    )
    text = failure_text(outcome, 90).replace(str(tmp_path), "")
    assert (
        text
        == """\
/flow.yaml:46:9:
the bot does not say "Which PIN": it said "Your PIN?", and waits for an answer in order

  the test                                   │ the call
  bot    "Taxi"                              │ bot    Taxi service.  [main]
  bot    "a message"                         │ bot    A taxi, or a message?  [main]
  caller a taxi                              │ caller a taxi
✗ bot    "Which PIN"                         │ bot    Your PIN?  [order]  0 ms
… caller [1234]                              │
… bot    "at ten"                            │"""
    )


def test_long_lines_are_wrapped_and_what_is_not_mentioned_stands_alone(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'bot: "a message"', 'caller: "bananas"', "ends: bot")
    rows = failure_text(outcome, 63).partition("the call\n")[2].splitlines()
    assert [tuple(part.strip() for part in row.split("│")) for row in rows] == [
        ("", "bot    Taxi service.  [main]"),
        ('bot    "a message"', "bot    A taxi, or a message?"),
        ("", "[main]"),
        ("caller bananas", "caller bananas"),
        ("✗ ends   by the bot", "bot    Sorry?  [main]  0 ms"),
        ("", "bot    A taxi, or a message?"),
        ("", "[main]"),
    ]
    assert len({row.index("│") for row in rows}) == 1


def test_two_parts_of_one_prompt_are_two_rows(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'bot: ["A taxi", "message"]', "ends")
    rows = failure_text(outcome, 90).splitlines()[4:]
    assert [row.partition(" │")[0].strip() for row in rows] == [
        "",
        'bot    "A taxi"',
        'bot    "message"',
        "✗ ends",
    ]


def test_a_test_that_passed_has_no_diff(tmp_path: Path) -> None:
    assert failure_text(run(tmp_path, 'bot: "Taxi"')) == ""


@pytest.mark.parametrize(
    ("step", "parts"),
    [
        (conv.BotSays("x", 0.45, MARK), ("bot", '"x"  (within 450 ms)')),
        (conv.CallerSays("x", True, MARK), ("caller", "x  (early)")),
        (conv.CallerPlays("a.wav", "x", False, MARK), ("caller", "x (a.wav)")),
        (conv.CallerPresses("12", True, MARK), ("caller", "[12]  (early)")),
        (conv.CallerWaits(None, MARK), ("caller", "(says nothing)")),
        (conv.CallerWaits(3.0, MARK), ("caller", "(says nothing for 3 s)")),
        (conv.CallerHangsUp(MARK), ("caller", "(hangs up)")),
        (
            conv.Ends("transfer", "400", "a", {"x": 1}, {"y": "2"}, {"z": 3}, ("l",), ("n",), MARK),
            (
                "ends",
                'transfer, to 400, in a, x: 1, y: 2, told z: 3, logged "l", never logged "n"',
            ),
        ),
    ],
)
def test_steps_in_script_form(step: conv.ConversationStep, parts: tuple[str, str]) -> None:
    assert step_parts(step) == parts


def test_a_line_of_the_exchange() -> None:
    line = Line(Who.BOT, "Hello.", 12.5, "main", 320)
    assert line_text(line) == "  12.50  bot    Hello.  [main]  320 ms"


# Coverage ----------------------------------------------------------------------------------------


def test_the_places_of_a_flow(tmp_path: Path) -> None:
    flow = flow_of(TAXI, tmp_path)
    assert [(place.kind, place.name, place.mark.line) for place in places(flow)] == [
        (Kind.EVENT, "operator", 8),
        (Kind.EVENT, "error", 9),
        (Kind.EVENT, "hangup", 10),
        (Kind.NODE, "main", 13),
        (Kind.CHOICE, "main: a taxi", 17),
        (Kind.CHOICE, "main: a message", 18),
        (Kind.FAILED, "main: menu", 21),
        (Kind.NODE, "order", 23),
        (Kind.FAILED, "order: pin", 23),
        (Kind.NODE, "message", 34),
        (Kind.NODE, "operator", 38),
        (Kind.FAILED, "operator: transfer", 38),
    ]


def test_tests_together_cover_more(tmp_path: Path) -> None:
    one = run(tmp_path, 'caller: "message"', 'caller: ""', "ends")
    other = run(tmp_path, 'caller: ""', 'caller: ""', "ends: bot")
    flow = flow_of(TAXI, tmp_path)
    assert coverage(flow, [one.taken]).count() == (3, 12)
    both = coverage(flow, [one.taken, other.taken])
    assert both.count() == (4, 12)
    assert both.count(Kind.NODE) == (2, 4)
    assert round(both.percent) == 33
    lines = coverage_lines(both)
    assert lines[:6] == [
        "            taken     of",
        "nodes           2      4    50 %",
        "choices         1      2    50 %",
        "events          0      3     0 %",
        "failed          1      3    33 %",
        "all             4     12    33 %",
    ]
    assert lines[6:8] == ["not taken:", f"  {tmp_path}/flow.yaml:8:13: event operator"]
    assert len(lines) == 7 + 8


def test_every_place_can_be_taken(tmp_path: Path) -> None:
    """What the coverage counts is what the dialogue marks."""
    pin = 'caller: {keys: "1234"}'
    down = '{http: {"POST /order": down}}'
    busy = '{transfers: {"400": busy}}'
    calls = [
        run(tmp_path, 'caller: "operator"', "ends", call=busy),
        run(tmp_path, 'caller: "taxi"', pin, "ends", call=down),
        run(tmp_path, 'caller: "taxi"', 'caller: ""', 'caller: ""', "ends"),
        run(tmp_path, 'caller: "message"', "caller: {hangup: true}"),
        run(tmp_path, 'caller: ""', 'caller: ""', "ends"),
    ]
    assert all(call.passed for call in calls)
    covered = coverage(flow_of(TAXI, tmp_path), [call.taken for call in calls])
    assert covered.missed == ()
    assert covered.percent == 100


def test_flows_that_are_called_count(tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").write_text(
        "voicebot: 1\nflow: sub\nnodes: {a: [{say: Hello.}, return]}\n", encoding="utf-8"
    )
    flow = flow_of("voicebot: 1\nflow: top\nnodes: {b: [{call: sub}, hangup]}\n", tmp_path)
    assert [(place.flow, place.name) for place in places(flow)] == [("top", "b"), ("sub", "a")]


# JUnit -------------------------------------------------------------------------------------------


def test_junit(tmp_path: Path) -> None:
    good = run(tmp_path, 'bot: "Taxi"')
    bad = run(tmp_path, 'bot: "Taxy & <b>"')
    path = tmp_path / "junit.xml"
    write_junit(path, [good, bad], {"taxi": 33.33})
    root = ET.parse(path).getroot()  # noqa: S314 - written above
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.attrib | {"time": ""} == {
        "name": "taxi", "tests": "2", "failures": "1", "errors": "0", "skipped": "0", "time": "",
    }  # fmt: skip
    assert [p.attrib for p in suite.findall("properties/property")] == [
        {"name": "coverage", "value": "33.3"}
    ]
    passed, failed = suite.findall("testcase")
    assert passed.attrib["classname"] == "taxi.text"
    assert passed.attrib["line"] == "40"
    assert passed.find("properties/property[@name='mode']") is not None
    assert passed.find("failure") is None
    failure = failed.find("failure")
    assert failure is not None
    assert 'the bot does not say "Taxy & <b>"' in failure.attrib["message"]
    assert "│ bot    Taxi service." in (failure.text or "")
    assert "Taxi service." in (failed.findtext("system-out") or "")


def test_junit_has_no_character_that_xml_has_not(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'bot: "Taxi"', call='{caller: "1"}')
    line = Line(Who.BOT, "a\x00b\x1b[1m", 0.0)
    odd = Outcome(
        outcome.flow, outcome.conversation, outcome.mode, (line,), None, frozenset(), 0.0, 0.0
    )
    assert "a\N{REPLACEMENT CHARACTER}b" in ET.tostring(junit([odd], {}), "unicode")
