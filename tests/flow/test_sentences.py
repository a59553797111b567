"""Sentences of the page that fixes the flow language which no other test holds; CONTRACT.md has all.

Each test quotes in its docstring what it holds the language to.
"""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from tests.flow.script import Script, Starter
from tests.flow.test_contract import dentist
from voicebot.cli import cli
from voicebot.commands import testing
from voicebot.flow import events as ev
from voicebot.flow.check import checked_flow
from voicebot.flow.model import BargeIn

# The dentist -------------------------------------------------------------------------------------

WHICH = "Appointment, prescription, or opening hours?"
HELP = "You can say it or press a key."


def test_the_dentist_by_keys_alone() -> None:
    """Keys and speech are equals."""
    call = dentist().hears(WHICH).presses("1").hears("Which day?").presses("0309#")
    call.hears("At what time?").presses("1000").hears("Your nine digit number, please.")
    call.presses("123456789#").hears("Tuesday, March ninth at ten A M. Is that right?").presses("1")
    call.hears("One moment.").answers(200).hears("Booked.", "Goodbye.").ends()


@pytest.mark.parametrize("answer", ["opening hours", "when are you open", "hours", "3"])
def test_the_dentist_tells_the_hours_and_asks_again(answer: str) -> None:
    """do: [{say: "Monday to Friday, eight to five."}], then: repeat"""
    call = dentist().hears(WHICH)
    call = call.presses(answer) if answer.isdigit() else call.says(answer)
    call.hears("Monday to Friday, eight to five.", WHICH)


def test_the_dentist_misses() -> None:
    """1st, 2nd … miss; the last one stays.  failed: a question's attempts are used up"""
    call = dentist().hears(WHICH).says("blah").hears("Sorry?", WHICH)
    call.stays_silent().hears("Press 1, 2 or 3.", WHICH).says("blah").hears("I connect you.")
    call = dentist().hears(WHICH).stays_silent().hears("I did not hear you.", WHICH)
    call.says("blah").hears("Say appointment, or press 1.", WHICH)


def test_the_dentist_is_left() -> None:
    """hangup: {do: [{log: "caller left at ${call.node}"}]}"""
    call = dentist().hears(WHICH).presses("1").hears("Which day?").leaves().silence()
    assert call.logged == ["caller left at appointment"]


# Shape -------------------------------------------------------------------------------------------


def test_start_names_the_node_that_begins(start: Starter) -> None:
    """start: welcome"""
    nodes = "  other: [{say: Other}, hangup]\n  main: [{say: Main}, {goto: other}]\n"
    start(nodes, top="start: main\n").hears("Main", "Other").ends()


@pytest.mark.parametrize(
    "step",
    ["{set: {call: 1}}", "{set: {call.caller: 1}}", "{set: {call.id: x}}",
     "{ask: {to: call, type: text}}", "{ask: {to: call.caller, type: text}}",
     "{http: {get: 'http://h/', to: call}}", "{record: {to: call}}", "{call: end, to: call}",
     "{call: end, with: {call: 1}}", "{form: {slots: [{to: call, type: date, say: D}]}}"],
)  # fmt: skip
def test_variables_of_the_call_are_read_only(tmp_path: Path, step: str) -> None:
    """built in, read-only: call.id call.caller call.called call.started call.language"""
    path = tmp_path / "f.yaml"
    path.write_text(
        "voicebot: 1\non: {failed: {goto: end}}\nnodes:\n"
        f"  main: [{step}, {{call: end}}, {{goto: end}}]\n  end: [return]\n"
    )
    assert "cannot be a variable" in " ".join(f.message for f in checked_flow(path)[1])


QUESTIONS = {
    "menu": 'menu: {say: "Q", choices: [{answers: one, goto: end}]',
    "ask": 'ask: {to: x, type: yes_no, say: "Q"',
    "form": 'form: {slots: [{to: d, type: date, say: "Q"}, {to: t, type: time, say: "Q"}]',
}
HELPS = '{answers: [help], keys: "*", do: [{say: Help}], then: repeat}'


@pytest.mark.parametrize("kind", QUESTIONS)
def test_questions_share_their_keys(start: Starter, kind: str) -> None:
    """All share say, barge_in, no_input and no_match, attempts, failed, timeout, end_silence, max_speech."""
    keys = (
        "barge_in: keys, no_input: [i1, i2], no_match: [m1, m2], attempts: 3, timeout: 7s, "
        "end_silence: 750ms, max_speech: 9s, failed: {goto: own}"
    )
    nodes = f"  main: [{{{QUESTIONS[kind]}, {keys}}}}}, {{goto: end}}]\n"
    call = start(nodes + "  own: [{say: Own}, hangup]\n  end: [hangup]\n").hears("Q")
    listening = call.listening
    assert listening is not None
    assert listening.barge_in is BargeIn.KEYS
    assert (listening.end_silence_s, listening.max_speech_s) == (0.75, 9.0)
    call.listens().timer(ev.Timer.NO_INPUT, 7.0).says("blah").hears("m1", "Q").listens()
    call.stays_silent().hears("i2", "Q").listens().says("blah").hears("Own").ends()


@pytest.mark.parametrize("kind", QUESTIONS)
def test_events_are_heard_in_every_question(start: Starter, kind: str) -> None:
    """heard anywhere, in every question"""
    nodes = f"  main: [{{{QUESTIONS[kind]}}}}}, {{goto: end}}]\n  end: [hangup]\n"
    call = start(nodes, top=f"on: {{failed: {{goto: lost}}, help: {HELPS}}}\n")
    call.hears("Q").says("help").hears("Help", "Q").presses("*").hears("Help", "Q")


def test_events_are_heard_in_later_slots_and_at_the_confirmation(start: Starter) -> None:
    """heard anywhere, in every question"""
    slots = "{to: d, type: date, say: D}, {to: n, type: number, max: 9, say: N}"
    nodes = (
        f"  main: [{{form: {{slots: [{slots}], confirm: {{say: Right, mode: always}}}}}}, hangup]\n"
    )
    call = start(nodes, top=f"on: {{failed: {{goto: lost}}, help: {HELPS}}}\n").hears("D")
    call.says("tomorrow").hears("N").says("help").hears("Help", "N").presses("*").hears("Help", "N")
    call.says("four").hears("Right").says("help").hears("Help", "Right").presses("*")
    call.hears("Help", "Right").knows(d="2027-03-02", n=4).says("yes").ends()


def test_what_may_not_be_interrupted_is_said_even_to_who_typed_ahead(start: Starter) -> None:
    """barge_in (speech | keys | none)"""
    ask = "{ask: {to: x, type: digits, length: 2, say: Q, barge_in: MODE}}, {say: S}"
    nodes = f"  main: [{{wait: 1s}}, {ask}, hangup]\n"
    for mode in ("speech", "keys"):
        start(nodes.replace("MODE", mode)).presses("12").waits(1).hears("S").knows(x="12").ends()
    call = start(nodes.replace("MODE", "none")).presses("12").waits(1).hears("Q").silence()
    call.listens().hears("S").knows(x="12").ends()


EVENT_WAYS = [
    ("goto: there", ["T"]),
    ("do: [{say: D}], then: repeat", ["D", "Q"]),
    ("do: [{say: D}], then: {goto: there}", ["D", "T"]),
    ("do: [{say: D}], then: hangup", ["D"]),
    ("do: [{say: D}], then: {call: sub, with: {n: 7}, to: got, then: {goto: result}}",
     ["D", "n 7", "got r7"]),
    ("call: sub, with: {n: 7}, to: got, then: {goto: result}", ["n 7", "got r7"]),
    ("call: sub, with: {n: 7}, to: got, then: repeat", ["n 7", "Q"]),
    ("then: return", []),
]  # fmt: skip


def event(start: Starter, top: str) -> Script:
    nodes = (
        "  main: [{ask: {to: x, type: yes_no, say: Q, attempts: 1}}, {http: {get: 'http://h/'}}, "
        "{goto: there}]\n  there: [{say: T}, hangup]\n"
        '  sub: [{say: "n ${n}"}, {return: "r${n}"}]\n  result: [{say: "got ${got}"}, hangup]\n'
    )
    return start(nodes, top='vars: {n: "", got: ""}\n' + top).hears("Q")


@pytest.mark.parametrize(("way", "heard"), EVENT_WAYS)
def test_ways_on_of_an_event(start: Starter, way: str, heard: list[str]) -> None:
    """Ways on of a choice or event: goto, or do steps with then, or call with with, to, then."""
    universal = f"{{answers: [go], {way}}}"
    call = event(start, f"on: {{failed: {{goto: lost}}, go: {universal}}}\n").says("go")
    call.hears(*heard).silence()
    event(start, f"on: {{failed: {{{way}}}}}\n").says("blah").hears(*heard).silence()
    call = event(start, f"on: {{failed: {{goto: lost}}, error: {{{way}}}}}\n").says("yes").is_down()
    call.hears(*heard).silence()


# Values and texts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "keys", "check"),
    [("date", "0309#", "x > '2027-02-28' and x < '2027-10-01'"),
     ("time", "0930", "x < '10:00' and x > '09:00'"), ("number", "10#", "x > 9"),
     ("amount", "10*50#", "x > 9.5"), ("digits, length: 2", "10", "int(x) > 9 and x == '10'"),
     ("yes_no", "1", "x == true"), ("yes_no", "2", "x == false and not x")],
)  # fmt: skip
def test_values_compare_as_they_should(start: Starter, kind: str, keys: str, check: str) -> None:
    """yes_no true or false (keys 1 and 2); date and time ISO strings, which compare as they should"""
    ask = f'{{ask: {{to: x, say: Q, type: {kind}}}}}, {{if: "{check}", then: {{say: So}}}}'
    start(f"  main: [{ask}, hangup]\n").hears("Q").presses(keys).waits(3).hears("So").ends()


@pytest.mark.parametrize(
    ("kind", "keys", "value"),
    [("date, future: true", "0201#", "2028-02-01"), ("date, past: true", "0401#", "2026-04-01")],
)  # fmt: skip
def test_a_date_is_in_the_future_or_the_past(
    start: Starter, kind: str, keys: str, value: str
) -> None:
    """date{future|past}"""
    nodes = f"  main: [{{ask: {{to: x, say: Q, no_match: M, type: {kind}}}}}, hangup]\n"
    start(nodes).hears("Q").presses(keys).knows(x=value).ends()
    other = {"future": "01022020", "past": "01022030"}[kind.split()[1].rstrip(":")]
    start(nodes).hears("Q").presses(other).hears("M", "Q")


@pytest.mark.parametrize(
    "source",
    ["s.__class__", "call.__class__", "len.__self__", "n.real", "s.upper", "(lambda: 1)()",
     "s.format(n)", "call.caller.__class__", "call.args.x.__class__", "__import__('os')", "getattr(s, 'upper')"],
)  # fmt: skip
def test_no_attribute_of_python_is_reachable(tmp_path: Path, source: str) -> None:
    """Parsed, name- and type-checked at load; no attribute of Python is reachable."""
    path = tmp_path / "f.yaml"
    path.write_text(
        f'voicebot: 1\nvars: {{s: bob, n: 1}}\nnodes: {{a: [{{log: "${{{source}}}"}}, hangup]}}\n'
    )
    assert checked_flow(path)[0] is None


@pytest.mark.parametrize(
    "source",
    ["r.json.__class__", "r.json.keys", "r.json.a.append", "r.json.a.__len__", "r.json.s.upper",
     "r.json['__class__']", "''.__class__", "().__class__", "call.args.__class__"],
)  # fmt: skip
def test_members_of_http_results_are_those_of_the_answer(start: Starter, source: str) -> None:
    """members of http results; no attribute of Python is reachable"""
    call = start(
        '  main: [{http: {get: "http://h/", to: r}}, {set: {x: "${' + source + '}"}}, hangup]\n',
        top="vars: {x: unset}\non: {failed: {goto: lost}, error: {goto: lost}}\n",
    )
    call.answers(200, {"a": [1], "s": "bob"})
    assert call.dialog.variables["x"] in (None, "unset")


# Commands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["run", "check", "talk", "test", "call", "graph", "replay"])
def test_verbs_that_need_settings_take_those_of_the_folder(verb: str) -> None:
    """All take -c config.yaml (default: the one in the current folder)"""
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    (config,) = [param for param in command.params if "-c" in param.opts]
    assert config.default in ("config.yaml", Path("config.yaml"))


def test_long_work_shows_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """long work shows progress"""
    testing._progress(3, 7)
    assert capsys.readouterr().err == "", "nobody watches"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    testing._progress(3, 7)
    assert "3 of 7" in capsys.readouterr().err
