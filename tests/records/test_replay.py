"""A traced call once more: identical, or where it differs."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flow import test_any_call as any_call
from tests.records.traced import CALL, keys, said, trace_of
from voicebot.commands.replaying import replay as replay_command
from voicebot.flow import events as ev
from voicebot.flow.check import checked_flow
from voicebot.flow.model import Flow
from voicebot.records.codec import TraceError
from voicebot.records.reading import read_trace
from voicebot.records.replay import replayed, same, traced_flow

FLOW = """
voicebot: 1
start: main
vars: {name: Miller}
on: {failed: {goto: bye}}
nodes:
  main:
    - menu:
        say: "Sales or service?"
        choices:
          - {answers: [sales], keys: "1", goto: sales}
          - {answers: [service], keys: "2", goto: bye}
        no_match: "Sorry?"
  sales:
    - ask: {to: count, type: number, max: 50, say: "How many?"}
    - say: "${count} for ${name}."
    - goto: bye
  bye: [{say: "Goodbye."}, hangup]
"""
CALLED = [
    ev.Answered(0.0),
    ev.PromptsFinished(1.5),
    ev.SpeechStarted(2.0),
    said(2.8, "sales"),
    ev.PromptsFinished(3.5),
    *keys(4.0, "12"),
    ev.TimerFired(6.0, ev.Timer.KEYS),
    ev.PromptsFinished(8.0),
]

STAGES = {
    "endpoint": "complete",
    "silence_ms": 60,
    "endpoint_ms": 140,
    "text_ms": 150,
    "decided_ms": 151,
    "response_ms": 182,
}

Write = Callable[[str, str], Flow]


@pytest.fixture
def flow_of(tmp_path: Path) -> Write:
    def write(text: str, name: str = "flow.yaml") -> Flow:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        flow, findings = checked_flow(path)
        assert flow is not None, "\n".join(map(str, findings))
        return flow

    return write


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "call.trace.jsonl"


def run(*args: object) -> tuple[int, str]:
    done = CliRunner().invoke(replay_command, [str(arg) for arg in args], standalone_mode=False)
    if done.exception is not None:
        return getattr(done.exception, "exit_code", 99), str(done.exception)
    return done.return_value, done.output


def test_a_call_replays_identically_from_its_trace_alone(
    flow_of: Write, trace: Path, tmp_path: Path
) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    (tmp_path / "flow.yaml").unlink()
    assert run(trace) == (0, f"{len(CALLED)} events, identical\n")


def test_the_whole_conversation_is_shown_on_request(flow_of: Write, trace: Path) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    code, shown = run(trace, "--show")
    assert code == 0
    assert [line.rstrip() for line in shown.splitlines()] == [
        "    0.00  call   answered",
        "                 → main",
        '          bot    "Sales or service?"',
        '    2.80  caller "sales"',
        "                 understood: sales (by speech)",
        "                 → sales",
        '          bot    "How many?"',
        "    4.00  caller presses 1",
        "    4.10  caller presses 2",
        "                 understood: 12 (by keys)",
        '          bot    "12 for Miller."',
        "                 → bye",
        '          bot    "Goodbye."',
        "          bot    hangs up",
        f"{len(CALLED)} events, identical",
    ]


CONNECTS = """
voicebot: 1
nodes:
  main:
    - say: "Hello ${call.caller_name}, ${call.args.rank} in ${call.channel_language}."
    - transfer: {to: "${call.args.to}", whisper: "${call.caller_name}.", failed: {goto: queue}}
  queue: [{transfer: {queue: support, announce: "${call.transfer}.", failed: {goto: bye}}}]
  bye: [{tag: {why: "${call.transfer}"}}, hangup]
"""
CONNECTED: list[ev.Event] = [
    ev.Answered(0.0),
    ev.PromptsFinished(2.0),
    ev.TransferFailed(9.0, "busy"),
    ev.PromptsFinished(10.0),
    ev.TransferFailed(40.0, "timeout"),
]
FROM_THE_DIALPLAN = replace(
    CALL, caller_name="Emma", channel="PJSIP/a-1", channel_language="de",
    args={"rank": "gold", "to": "SIP/alice"},
)  # fmt: skip


def test_what_the_dialplan_has_passed_on_is_in_the_trace(flow_of: Write, trace: Path) -> None:
    trace_of(flow_of(CONNECTS, "flow.yaml"), CONNECTED, trace, call=FROM_THE_DIALPLAN)
    code, shown = run(trace, "--show")
    assert code == 0
    assert [line.strip() for line in shown.splitlines() if "→" not in line] == [
        "0.00  call   answered",
        'bot    "Hello Emma, gold in de."',
        "bot    transfers to SIP/alice",
        'agent  hears "Emma."',
        "9.00  call   is back from its transfer: busy",
        "note (kind error, detail {'reason': 'busy', 'node': 'main'})",
        'bot    "busy."',
        "bot    transfers to queue support",
        "40.00  call   is back from its transfer: timeout",
        "note (kind error, detail {'reason': 'timeout', 'node': 'queue'})",
        "tag why: timeout",
        "bot    hangs up",
        f"{len(CONNECTED)} events, identical",
    ]


def test_a_trace_from_before_there_was_a_dialplan_is_replayed(flow_of: Write, trace: Path) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    call = json.loads(trace.read_text("utf-8").splitlines()[0])["call"]
    for name in ("caller_name", "channel", "channel_language", "args"):
        del call[name]
    changed_header(trace, {"trace": 2, "call": call})
    assert run(trace) == (0, f"{len(CALLED)} events, identical\n")


@pytest.mark.parametrize(
    "line",
    [
        {"turn": {"by": "speech", **STAGES}, "at_s": 3.01},
        {"fact": "turn", "at_s": 3.01, "by": "speech", **STAGES},
    ],
    ids=["format 2", "format 1"],
)
def test_a_waterfall_is_shown_beside_its_turn(
    flow_of: Write, trace: Path, line: dict[str, object]
) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    lines = trace.read_text("utf-8").splitlines(keepends=True)
    at = 1 + next(n for n, event in enumerate(CALLED) if event.at_s > 3.0)
    trace.write_text("".join([*lines[:at], json.dumps(line) + "\n", *lines[at:]]), "utf-8")
    code, shown = run(trace, "--show")
    assert code == 0
    shown_lines = [text.strip() for text in shown.splitlines()]
    answer = shown_lines.index('bot    "How many?"')
    assert shown_lines[answer + 1] == (
        "answered after 182 ms (silence 60, endpoint 140, text 150, decided 151, complete)"
    )
    assert run(trace)[1] == f"{len(CALLED)} events, identical\n"


def test_a_changed_flow_shows_the_first_turn_that_differs_and_stops_there(
    flow_of: Write, trace: Path
) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    # A comment moves every line, which is no difference; the farewell differs, too, but later.
    changed = "# New\n" + FLOW.replace("How many?", "How many pieces?").replace("Goodbye", "Bye")
    changed_path = flow_of(changed, "changed.yaml").path
    code, shown = run(trace, "--flow", changed_path)
    assert code == 1
    assert [line.rstrip() for line in shown.splitlines()] == [
        "Turn 2 differs, at 2.80 s in main (event 4 of 9): - then, + now",
        "",
        "    0.00  call   answered",
        "                 → main",
        '          bot    "Sales or service?"',
        '    2.80  caller "sales"',
        "                 understood: sales (by speech)",
        "                 → sales",
        '-         bot    "How many?"',
        '+         bot    "How many pieces?"',
    ]


def test_a_difference_that_nobody_hears_is_shown_too(flow_of: Write, trace: Path) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    patient = FLOW.replace('no_match: "Sorry?"', 'no_match: "Sorry?"\n        timeout: 9s')
    code, shown = run(trace, "--flow", flow_of(patient, "changed.yaml").path)
    assert code == 1
    assert "-                start timer (timer no_input, after_s 5.0)" in shown
    assert "+                start timer (timer no_input, after_s 9.0)" in shown


def test_a_change_that_this_call_never_met_is_no_difference(flow_of: Write, trace: Path) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    changed = flow_of(FLOW.replace("Sorry?", "Pardon?"), "changed.yaml")
    assert run(trace, "--flow", changed.path) == (0, f"{len(CALLED)} events, identical\n")


def test_a_flow_that_is_called_comes_with_the_trace(
    flow_of: Write, trace: Path, tmp_path: Path
) -> None:
    flow_of(
        'voicebot: 1\nflow: sub\non: {failed: {then: hangup}}\nnodes:\n  a: [{ask: {to: x, type: yes_no, say: "Sure?"}}, {return: "${x}"}]\n',
        "sub.yaml",
    )
    flow = flow_of(
        'voicebot: 1\nvars: {r: null}\nnodes:\n  a: [{call: sub, to: r}, {say: "${r}"}, hangup]\n',
        "main.yaml",
    )
    trace_of(flow, [ev.Answered(0.0), said(1.0, "yes")], trace)
    for path in tmp_path.glob("*.yaml"):
        path.unlink()
    assert run(trace)[0] == 0


def test_calendars_answer_as_they_did(flow_of: Write, trace: Path) -> None:
    flow = flow_of(
        "voicebot: 1\nnodes:\n  a:\n    - if: \"hours('day')\"\n      then: [{say: Open.}]\n      else: [{say: Closed.}]\n    - hangup\n",
        "flow.yaml",
    )

    class Open:
        def open_at(self, moment: datetime) -> bool:
            return True

    zone = ZoneInfo("Europe/Berlin")
    call = replace(CALL, started=datetime(2027, 3, 28, 1, 59, tzinfo=zone), hours={"day": Open()})
    trace_of(flow, [ev.Answered(90.0)], trace, call=call)
    done = replayed(read := read_trace(trace), traced_flow(read))
    assert done.difference is None
    assert read.header.started.tzinfo == zone
    assert [told.hours for told in read.told] == [(("day", "2027-03-28T02:00:30+01:00", True),)]


# What is no good trace -------------------------------------------------------------------------


def test_a_trace_whose_last_line_is_torn_is_replayed_as_far_as_it_goes(
    flow_of: Write, trace: Path
) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace, end=None)
    whole = trace.read_bytes()
    trace.write_bytes(whole[:-20])
    assert run(trace) == (
        0,
        f"{len(CALLED) - 1} events, identical\nThe trace is torn: the call went on after 6.00 s.\n",
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.integers(0, 4000))
def test_a_trace_may_be_torn_anywhere(flow_of: Write, trace: Path, cut: int) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    whole = trace.read_bytes()
    trace.write_bytes(whole[:cut])
    if cut <= whole.index(b"\n"):
        with pytest.raises(TraceError, match="no trace of a call"):
            read_trace(trace)
    else:
        read = read_trace(trace)
        assert read.torn == (cut < len(whole))
        assert replayed(read, traced_flow(read)).difference is None


def changed_header(trace: Path, changes: dict[str, object]) -> None:
    first, *rest = trace.read_text("utf-8").splitlines(keepends=True)
    trace.write_text(json.dumps({**json.loads(first), **changes}) + "\n" + "".join(rest), "utf-8")


@pytest.mark.parametrize(
    ("changes", "said_then"),
    [
        ({"trace": 99, "voicebot": "9.1"}, "voicebot 9.1, which is newer than this one"),
        ({"files": {"flow.yaml": "voicebot: 1\nnodes: {a: [{shout: hi}]}\n"}}, "cannot read it"),
        ({"files": {}}, "holds no flow"),
        ({"files": {"../../flow.yaml": "voicebot: 1\n"}}, "outside its folder"),
        ({"call": {}}, "header is damaged"),
        (
            {
                "call": {
                    "id": "1",
                    "started": "2027-03-01",
                    "caller": "",
                    "called": "",
                    "calendars": [],
                    "args": ["x"],
                }
            },
            "header is damaged",
        ),
        ({"seed": "x"}, "header is damaged"),
    ],
)
def test_a_trace_that_cannot_be_replayed_is_one_clear_line(
    flow_of: Write, trace: Path, changes: dict[str, object], said_then: str
) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    changed_header(trace, changes)
    code, message = run(trace)
    assert code == 1
    assert said_then in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("line", "said_then"),
    [
        ("{broken", ":2: this line is damaged"),
        ("[]", ":2: this voicebot knows no such line"),
        ('{"event": "knocked", "at_s": 0}', ":2: this voicebot knows no event 'knocked'"),
        ('{"lost": 3}', ":2: the disk was too slow for 3 lines"),
        ('{"event": "answered", "at_s": 0, "hours": [1]}', "not what a calendar answers"),
        ('{"event": "answered", "at_s": 0, "actions": 1}', "damaged"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_place(
    flow_of: Write, trace: Path, line: str, said_then: str
) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    first, *rest = trace.read_text("utf-8").splitlines(keepends=True)
    trace.write_text(first + line + "\n" + "".join(rest), "utf-8")
    code, message = run(trace)
    assert code == 1
    assert said_then in message


def test_a_changed_flow_with_errors_is_one_clear_line(
    flow_of: Write, trace: Path, tmp_path: Path
) -> None:
    trace_of(flow_of(FLOW, "flow.yaml"), CALLED, trace)
    broken = tmp_path / "broken.yaml"
    broken.write_text(FLOW.replace("goto: bye", "goto: by"))
    code, message = run(trace, "--flow", broken)
    assert code == 1
    assert 'there is no node "by"; did you mean "bye"?' in message
    assert "and 2 more" in message
    assert f"voicebot check {broken}" in message


# Secrets ---------------------------------------------------------------------------------------

ASKS_PIN = """
voicebot: 1
start: main
vars: {result: null}
on: {failed: {then: hangup}}
nodes:
  main:
    - ask: {to: pin, type: digits, length: 4, secret: true, say: "Your PIN."}
    - if: "pin == '4271'"
      then: [{say: "Right."}]
      else: [{goto: main}]
    - http: {post: "http://bank/login", json: {pin: "${pin}"}, to: result}
    - ask: {to: sum, type: number, max: 100, say: "How much?"}
    - say: "${sum} it is."
    - hangup
"""


@pytest.mark.parametrize(
    "answer", [keys(2.0, "4271"), [said(2.0, "four two seven one")]], ids=["keys", "voice"]
)
def test_a_trace_holds_no_secret_and_replays_identically(
    flow_of: Write, trace: Path, answer: list[ev.Event]
) -> None:
    flow = flow_of(ASKS_PIN, "flow.yaml")
    wrong = keys(1.0, "1234")
    events = [
        ev.Answered(0.0),
        *wrong,
        *answer,
        ev.HttpAnswered(3.0, 200, {"pin": 4271, "known": ["4271"]}, "4271 is right"),
        *keys(4.0, "42"),
        ev.TimerFired(7.0, ev.Timer.KEYS),
    ]
    dialog = trace_of(flow, events, trace)
    assert dialog.variables["pin"] == "4271"
    assert dialog.variables["sum"] == 42
    written = trace.read_text("utf-8").partition("\n")[2]
    for secret in ("4271", "1234", "four", "seven", '"key":"4"'):
        assert secret not in written
    assert run(trace) == (0, f"{len(events)} events, identical\n")


def test_another_decision_about_a_secret_is_a_difference(flow_of: Write, trace: Path) -> None:
    trace_of(flow_of(ASKS_PIN, "flow.yaml"), [ev.Answered(0.0), *keys(1.0, "4271")], trace)
    changed = flow_of(ASKS_PIN.replace("Right.", "Wrong."), "changed.yaml")
    code, shown = run(trace, "--flow", changed.path)
    assert code == 1
    assert '+         bot    "Wrong."' in shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=any_call.secret_flow | any_call.any_flow, makers=any_call.event_lists)
def test_any_call_replays_identically_from_its_trace(
    folder: Path, text: str, makers: list[object]
) -> None:
    flow = any_call.parsed(text, folder)
    path = folder / "any.trace.jsonl"
    trace_of(flow, any_call.events_of(makers), path, call=any_call.CALL)  # type: ignore[arg-type]
    read = read_trace(path)
    assert replayed(read, traced_flow(read)).difference is None


@pytest.mark.parametrize(
    ("then", "now", "alike"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("the *** one", "the 12 one", True),
        ("12", "***", True),
        ("***", 12, True),
        (["a"], ["a", "b"], False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": [1, "***"]}, {"a": [1, 2]}, True),
        (1, True, False),
        (0, 0.0, False),
        (None, None, True),
        ("a.c", "abc", False),
    ],
)
def test_a_mask_stands_for_what_it_hid(then: object, now: object, alike: bool) -> None:
    assert same(then, now) is alike
