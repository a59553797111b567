"""What the dialplan is told of a call, and under which names."""

from pathlib import Path

import pytest

from tests.flow.script import Script, Starter
from voicebot.flow.channelnames import channel_variable
from voicebot.flow.check import checked_flow
from voicebot.flow.loader import load_flow

VARS = "vars: {a: first, b: null, n: 1, kept: 5}\n"


@pytest.mark.parametrize(
    ("steps", "results"),
    [
        ("{set: {a: x}}", {"a": "x"}),
        ("{set: {b: 2.0, n: true, a: 3.5}}", {"a": "3.5", "b": "2", "n": "yes"}),
        ("{set: {a: null}}", {}),
        ("{set: {a: ''}}", {"a": ""}),
        ("{set: {a: x}}, {set: {a: null}}", {}),
        ("{tag: {why: '${n}', case-id: 7}}", {"why": "1", "case-id": "7"}),
        ("{set: {a: x}}, {tag: {a: of the tag}}", {"a": "of the tag"}),
        ("{tag: {why: 1}}, {tag: {why: 2}}", {"why": "2"}),
        ("{call: other, with: {a: 3}}", {"inner": "3"}),
        ("{call: other, with: {a: 3}}, {set: {a: 4}}", {"a": "4", "inner": "3"}),
        ("{call: shared, with: {n: 9}, to: b}", {"a": "in the node"}),
    ],
)  # fmt: skip
def test_what_is_told(start: Starter, tmp_path: Path, steps: str, results: dict[str, str]) -> None:
    """Tags of all flows, and what questions and `set` have filled in the call's own."""
    (tmp_path / "other.yaml").write_text(
        "voicebot: 1\nvars: {a: 1, z: 1}\nnodes: {m: [{set: {z: 2}}, {tag: {inner: '${a}'}}, return]}\n"
    )
    shared = "  shared: [{set: {a: in the node}}, {return: 1}]\n"
    call = start(f"  main: [{steps}, hangup]\n{shared if 'shared' in steps else ''}", VARS)
    assert call.dialog.results() == results


def test_answers_are_told_and_what_else_fills_a_variable_is_not(start: Starter) -> None:
    call = start(
        "  main: [{ask: {to: day, type: date}}, {ask: {to: ok, type: yes_no}},"
        " {form: {slots: [{to: size, type: number}, {to: late, type: time}]}},"
        " {http: {get: 'http://h/', to: b}}, {record: {to: a, beep: false}}, hangup]\n",
        VARS,
    )
    call.says("march fifth").presses("1").says("twelve").says("ten thirty")
    call.answers(200, {"x": 1}).leaves_message("/x.wav").ends()
    assert call.dialog.results() == {
        "day": "2027-03-05", "ok": "yes", "size": "12", "late": "10:30",
    }  # fmt: skip


def test_an_answer_that_was_refused_is_not_told(start: Starter) -> None:
    nodes = '  main: [{ask: {to: n, type: number, check: "n > 5", retry: More.}}, hangup]\n'
    call = start(nodes).presses("3#").hears("More.")
    assert call.dialog.results() == {}
    call.presses("7#")
    assert call.dialog.results() == {"n": "7"}


ASKS_PIN = (
    "  main: [{ask: {to: pin, type: digits, length: 4, secret: true}}, {set: {copy: '${pin}!'}},"
    " {call: other, with: {x: '${pin}'}, to: b}, {set: {c: '${b}'}},"
    " {http: {post: 'http://h/', json: {pin: '${pin}'}, to: r}}, {set: {e: '${r.text}', f: fine}},"
    " {if: \"pin == '1234'\", then: [{set: {g: 'yes'}}]}, {tag: {t: '${r.text}', u: plain}}, hangup]\n"
)


def test_nothing_secret_is_told(start: Starter, tmp_path: Path) -> None:
    """Not what was asked, nor what is made of it, nor what a server sends back of it."""
    (tmp_path / "other.yaml").write_text(
        "voicebot: 1\nvars: {x: null}\nnodes: {m: [{return: '${x}'}]}\n", "utf-8"
    )
    call = start(ASKS_PIN).presses("1234").answers(200, {"echo": "pin 1234 is right"})
    call.ends()
    assert call.dialog.results() == {"f": "fine", "g": "yes", "u": "plain"}
    assert "1234" not in str(call.dialog.results())


def test_a_tag_that_was_made_of_a_secret_may_be_given_another_value(
    start: Starter, tmp_path: Path
) -> None:
    """The check refuses such a tag; where a value turns out to be secret in the call, it is kept."""
    path = tmp_path / "f.yaml"
    path.write_text(
        "voicebot: 1\nvars: {p: null}\non: {failed: {then: hangup}}\n"
        "nodes: {a: [{ask: {to: p, type: digits, length: 1, secret: true}}, {tag: {t: '${p}'}},"
        " {ask: {to: q, type: yes_no}}, {tag: {t: open}}, hangup]}\n",
        "utf-8",
    )
    flow, findings = checked_flow(path)
    assert flow is None
    assert [one.rule for one in findings] == ["secret-told"]
    flow, _ = load_flow(path)
    assert flow is not None
    call = Script(flow).presses("7")
    assert (call.dialog.tags, call.dialog.results()) == ({"t": "7"}, {})
    call.presses("1").ends()
    assert call.dialog.results() == {"q": "yes", "t": "open"}


def test_results_while_the_call_goes_on_and_after_the_caller_has_left(start: Starter) -> None:
    top = "on: {failed: {goto: lost}, hangup: {do: [{set: {end: early}}, {tag: {left: 'yes'}}]}}\n"
    call = start("  main: [{set: {a: 1}}, {ask: {to: b, type: yes_no}}, hangup]\n", top)
    assert call.dialog.results() == {"a": "1"}
    call.leaves()
    assert call.dialog.results() == {"a": "1", "end": "early", "left": "yes"}


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("day", "VOICEBOT_DAY"), ("case-id", "VOICEBOT_CASE_ID"), ("a b.c", "VOICEBOT_A_B_C"),
        ("größe", "VOICEBOT_GR_SSE"), ("$(x)", "VOICEBOT___X_"), ("2nd", "VOICEBOT_2ND"),
    ],
)  # fmt: skip
def test_the_name_in_the_dialplan(name: str, variable: str) -> None:
    assert channel_variable(name) == variable


NAMES = [
    ("{tag: {result: 1}}", ['4:22: warning: the dialplan is not told the tag "result": VOICEBOT_RESULT is '
     "the call's own; rename it [taken-name]"]),
    ("{tag: {Transfer: 1}}", ['4:24: warning: the dialplan is not told the tag "Transfer": '
     "VOICEBOT_TRANSFER is the call's own; rename it [taken-name]"]),
    ("{tag: {case-id: 1}}, {tag: {case_id: 2}}, {tag: {case-id: 3}}",
     ['4:44: warning: the tag "case_id" and "case-id" at FILE:4:23 are both VOICEBOT_CASE_ID in the '
      "dialplan: rename one [same-name]"]),
    ("{set: {Day: 1}}, {tag: {day: 1}}",
     ['4:36: warning: the tag "day" and "Day" at FILE:4:19 are both VOICEBOT_DAY in the dialplan: '
      "rename one [same-name]"]),
    ("{tag: {day: 1}}, {ask: {to: DAY, type: date}}",
     ['4:30: warning: the variable "DAY" and "day" at FILE:4:19 are both VOICEBOT_DAY in the dialplan: '
      "rename one [same-name]"]),
    ("{set: {result: 1}}", []),
    ("{set: {day: 1}}, {tag: {day: '${day}'}}", []),
    ("{ask: {to: PIN, type: digits, length: 4, secret: true}}, {tag: {pin: none}}", []),
    ("{call: other}, {tag: {the-end: 1}}",
     ['OTHER:1:43: warning: the tag "the_end" and "the-end" at FILE:4:38 are both VOICEBOT_THE_END in the '
      "dialplan: rename one [same-name]"]),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "told"), NAMES)
def test_names_that_the_dialplan_would_not_tell_apart(
    tmp_path: Path, steps: str, told: list[str]
) -> None:
    path, other = tmp_path / "f.yaml", tmp_path / "other.yaml"
    other.write_text(
        "{voicebot: 1, nodes: {m: [{tag: {the_end: 1}}, {set: {DAY: 1}}, return]}}", "utf-8"
    )
    path.write_text(
        f"voicebot: 1\non: {{failed: {{then: hangup}}}}\nnodes:\n  a: [{steps}, hangup]\n", "utf-8"
    )
    flow, findings = checked_flow(path)
    assert flow is not None
    lines = [f"{str(one).removeprefix(f'{path}:')} [{one.rule}]" for one in findings]
    assert [one.replace(str(path), "FILE").replace(str(other), "OTHER") for one in lines] == told
