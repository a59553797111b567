"""What the check proves of a flow: each proof by a flow that is broken and by one that is sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicebot.flow import walk
from voicebot.flow.check import checked_flow, constants

ON = "on: {failed: {goto: bye}}\n"
BYE = "  bye: [{say: Bye.}, hangup]\n"


def findings_of(
    text: str, folder: Path, vocabulary: frozenset[str] | None = None
) -> list[tuple[int, int, str, str]]:
    path = folder / "f.yaml"
    path.write_text(text, encoding="utf-8")
    found = checked_flow(path, vocabulary)[1]
    return [(f.mark.line, f.mark.column, f.severity.value, f.message) for f in found]


def flow(nodes: str, top: str = "") -> str:
    """One line of `on:`, then `top`, then the nodes, which begin in line 4 (5 with a `top`)."""
    return f"voicebot: 1\n{ON}{top}nodes:\n{nodes}{BYE}"


# Name, text, line, column, severity, message.  One finding each.
BROKEN = [
    ("start", flow("  a: [{goto: bye}]\n", "start: main\n"), 3, 8, "error", 'there is no node "main"'),
    ("goto", flow("  a: [{goto: byee}]\n", "start: a\n"), 5, 14, "error", 'there is no node "byee"; did you mean "bye"?'),
    ("prompt", flow("  a: [{say: {prompt: hallo}}, {goto: bye}]\n", "prompts: {hello: Hi.}\n"), 5, 22, "error", 'there is no prompt "hallo" in `prompts:`; did you mean "hello"?'),
    ("prompt of prompts", flow("  a: [{goto: bye}]\n", "prompts: {hello: Hi., b: {prompt: hello}}\n"), 3, 35, "error", 'the prompt "b" is another prompt: give its text'),
    ("variable", flow("  a: [{say: 'Hi ${nmae}'}, {goto: bye}]\n", "vars: {name: x}\n"), 5, 13, "error", 'nothing sets the variable "nmae"; did you mean "name"?'),
    ("read too early", flow("  a: [{say: '${x}'}, {set: {x: 1}}, {goto: bye}]\n"), 4, 13, "error", '"x" is read before anything sets it: give it a value in `vars:`'),
    ("read in the other branch", flow("  a: [{if: 1 > 2, then: {set: {x: 1}}, else: {log: '${x}'}}, {goto: bye}]\n"), 4, 52, "error", '"x" is read before anything sets it: give it a value in `vars:`'),
    ("read before its question", flow("  a: [{ask: {to: y, type: text, say: 'Not?'}}, {ask: {to: x, type: text, failed: {goto: b}}}, {goto: bye}]\n  b: [{say: '${x}'}, {goto: bye}]\n"), 5, 13, "error", '"x" is read before anything sets it: give it a value in `vars:`'),
    ("variable in an if", flow("  a: [{if: x > 1, then: hangup}, {goto: bye}]\n"), 4, 12, "error", 'nothing sets the variable "x"'),
    ("variable in a check", flow("  a: [{ask: {to: n, type: number, check: m > 1}}, {goto: bye}]\n"), 4, 13, "error", 'nothing sets the variable "m"'),
    ("falls off", flow("  a: [{say: Hi.}]\n  b: [{goto: a}]\n", "start: b\n"), 5, 13, "error", 'the node "a" falls off its end: end it with goto, hangup, return, transfer, or a menu whose every choice leads on'),
    ("choice falls off", flow("  a: [{menu: {choices: [{keys: 1, goto: bye}, {keys: 2, do: [{say: Hi.}]}]}}]\n"), 4, 47, "error", 'the node "a" falls off its end after this choice: give it a `goto`, or `then: repeat`'),
    ("else falls off", flow("  a: [{if: 1 > 2, then: hangup}]\n"), 4, 12, "error", 'the node "a" falls off its end where this is not so: add an `else:` or a step behind it, such as goto'),
    ("failed leads nowhere", f"voicebot: 1\non: {{failed: {{do: [{{say: Hi.}}]}}}}\nnodes:\n{BYE}", 2, 26, "error", 'the event "failed" leads nowhere: give it a `goto`'),
    ("hangup that speaks", f"voicebot: 1\non: {{failed: {{goto: bye}}, hangup: {{do: [{{say: Hi.}}]}}}}\nnodes:\n{BYE}", 2, 47, "warning", "the caller has left: here only set, log, tag and if are done"),
    ("step behind a goto", flow("  a: [{goto: bye}, {say: Hi.}, {goto: bye}]\n"), 4, 26, "warning", "this step is never reached"),
    ("unreachable", flow("  a: [{goto: bye}]\n  b: [hangup]\n"), 5, 6, "warning", 'no way leads to the node "b"'),
    ("circle", flow("  a: [{say: Hi.}, {goto: b}]\n  b: [{wait: 1s}, {if: 1 > 2, then: hangup}, {goto: a}]\n"), 5, 53, "error", "a → b → a goes round without a question: the bot would talk for ever"),
    ("given up", f"voicebot: 1\nnodes:\n  a: [{{ask: {{to: x, type: text}}}}, {{goto: bye}}]\n{BYE}", 3, 13, "error", "where does this question lead after its attempts? add `failed: {goto: …}` here, or for all questions under `on:`"),
    ("same answer", flow("  a: [{menu: {choices: [{answers: x, goto: bye}, {answers: [y, x], goto: bye}]}}]\n"), 4, 50, "error", 'the answer "x" is also that of "x" (line 4)'),
    ("same key", flow("  a: [{menu: {choices: [{keys: 1, goto: bye}, {keys: 1, goto: bye, answers: b}]}}]\n"), 4, 47, "error", 'the key "1" is also that of "1" (line 4)'),
    ("yes is no", flow("  a: [{ask: {to: x, type: yes_no}}, {goto: bye}]\n", "answers: {no: yeah}\n"), 5, 13, "error", 'the answer "yeah" is both yes and no'),
    ("prefix", flow("  a: [{menu: {choices: [{keys: 1, goto: bye}, {keys: 12, goto: bye}]}}]\n"), 4, 25, "warning", 'the key "1" is the beginning of "12": who presses 1 waits 1.5 s'),
    ("prefix with its own wait", flow("  a: [{menu: {inter_digit: 4s, choices: [{keys: 1, goto: bye}, {keys: 12, goto: bye}]}}]\n"), 4, 42, "warning", 'the key "1" is the beginning of "12": who presses 1 waits 4 s'),
    ("sound", flow("  a: [{say: {file: no.wav, text: Hi.}}, {goto: bye}]\n"), 4, 20, "error", "there is no sound file {folder}/no.wav"),
    ("secret said", flow("  a: [{ask: {to: p, type: text, secret: true}}, {say: 'It is ${p}.'}, {goto: bye}]\n"), 4, 55, "error", '"p" is secret and may not be said'),
    ("secret logged by way of another variable", flow("  a: [{ask: {to: p, type: text, secret: true}}, {set: {q: '${p}'}}, {log: 'x${q}'}, {goto: bye}]\n"), 4, 75, "error", '"q" is secret and may not be logged'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "column", "severity", "message"),
    [row[1:] for row in BROKEN],
    ids=[row[0] for row in BROKEN],
)
def test_broken_flow_has_this_finding(
    tmp_path: Path, text: str, line: int, column: int, severity: str, message: str
) -> None:
    message = message.replace("{folder}", str(tmp_path))
    found = findings_of(text, tmp_path)
    assert (line, column, severity, message) in found
    # Where a node is misspelled, the one that was meant is told as unreachable too.
    assert [f for f in found if not f[3].startswith("no way leads")] == [
        f for f in [(line, column, severity, message)] if not message.startswith("no way leads")
    ]


SOUND = {
    "start is the first node": flow("  a: [{goto: bye}]\n"),
    "variable that is set later in the file": flow(
        "  a: [{set: {x: 1}}, {goto: b}]\n  b: [{say: '${x}'}, {goto: bye}]\n"
    ),
    "variable that is set on one of the ways": flow(
        "  a: [{if: 1 > 2, then: {set: {x: 1}}}, {say: '${x}'}, {goto: bye}]\n"
    ),
    "variable that is set before the question is repeated": flow(
        "  a: [{menu: {say: '${x}', choices: [{keys: 1, do: [{set: {x: 1}}], then: repeat}]}}]\n"
    ),
    "variable that an event sets": (
        "voicebot: 1\non: {failed: {goto: b}, help: {keys: '*', do: [{set: {x: 1}}]}}\n"
        "nodes: {a: [{ask: {to: y, type: text, say: '${x}'}}, hangup], b: [{log: '${x}'}, hangup]}\n"
    ),
    "variable in its own check": flow(
        "  a: [{ask: {to: n, type: number, check: n > 1}}, {log: '${n}'}, {goto: bye}]\n"
    ),
    "variable that the hangup reads": (
        "voicebot: 1\non: {failed: {goto: a}, hangup: {do: [{log: '${x}'}]}}\n"
        "nodes: {a: [{ask: {to: x, type: text}}, hangup]}\n"
    ),
    "every choice leads on": flow(
        "  a: [{menu: {choices: [{keys: 1, goto: bye}, {keys: 2, then: repeat}]}}]\n"
    ),
    "every branch ends": flow("  a: [{if: 1 > 2, then: hangup, else: {goto: bye}}]\n"),
    "circle with a question": flow("  a: [{ask: {to: x, type: yes_no}}, {goto: a}]\n"),
    "node that only an event leads to": (
        "voicebot: 1\non: {failed: {goto: b}, help: {keys: '*', goto: c}}\n"
        "nodes: {a: [{ask: {to: x, type: yes_no}}, hangup], b: hangup, c: hangup}\n"
    ),
    "failed of the question": (
        "voicebot: 1\nnodes: {a: [{ask: {to: x, type: yes_no, failed: {then: hangup}}}, hangup]}\n"
    ),
    "hangup that logs": (
        "voicebot: 1\non: {hangup: {do: [{log: x}, {set: {x: 1}}, {if: x, then: [{log: y}]}]}}\n"
        "nodes: {a: hangup}\n"
    ),
    "same answer in two questions": flow(
        "  a: [{ask: {to: x, type: yes_no}}, {ask: {to: y, type: yes_no}}, {goto: bye}]\n"
    ),
    "digits beside a universal's digit": (
        "voicebot: 1\non: {failed: {goto: a}, zero: {keys: '0', goto: a}}\n"
        "nodes: {a: [{ask: {to: x, type: digits, length: 4}}, hangup]}\n"
    ),
    "secret that is only asked": flow(
        "  a: [{ask: {to: p, type: text, secret: true}}, {if: len(p) > 3, then: hangup}, {goto: bye}]\n"
    ),
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND.keys())
def test_sound_flow_has_no_finding(tmp_path: Path, text: str) -> None:
    assert findings_of(text, tmp_path) == []


def test_universal_that_is_hidden_by_an_own_answer_or_key(tmp_path: Path) -> None:
    text = (
        "voicebot: 1\non: {failed: {goto: a}, help: {answers: help, keys: '*', goto: a}}\nnodes:\n"
        "  a: [{menu: {choices: [{answers: help, then: hangup}, {keys: '*', then: hangup}]}}]\n"
    )
    not_heard = 'is also that of the event "help", which is not heard in this question'
    assert findings_of(text, tmp_path) == [
        (4, 25, "warning", f'"help" {not_heard}'),
        (4, 56, "warning", f'"key *" {not_heard}'),
    ]


def test_key_of_a_universal_that_begins_another_is_told_once(tmp_path: Path) -> None:
    menu = "{menu: {choices: [{keys: '*1', then: hangup}]}}"
    text = f"voicebot: 1\non: {{failed: {{goto: a}}, help: {{keys: '*', goto: a}}}}\nnodes:\n  a: [{menu}]\n"
    message = 'the key "*" is the beginning of "*1": who presses * waits 1.5 s'
    assert findings_of(text, tmp_path) == [(2, 31, "warning", message)]


def test_words_that_the_recogniser_lacks(tmp_path: Path) -> None:
    menu = "{menu: {choices: [{answers: '[a] prescription', goto: bye}, {answers: '* bye', goto: bye}]}}"
    text = flow(f"  a: [{menu}]\n", "answers: {yes: affirmative}\n").replace(
        "  bye:", "  b: [{ask: {to: x, type: yes_no}}, {goto: bye}]\n  bye:"
    )
    found = findings_of(text, tmp_path, frozenset({"a", "bye", "yes", "no"}))
    lacks = "the recogniser does not know"
    assert [f for f in found if f[3].startswith(lacks)] == [
        (5, 25, "warning", f'{lacks} "prescription": it cannot be heard here'),
        (6, 13, "warning", f'{lacks} "affirmative": it cannot be heard here'),
    ]


def test_flow_with_an_error_is_not_given_out(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(flow("  a: [{goto: nowhere}]\n"))
    assert checked_flow(path)[0] is None
    path.write_text(flow("  a: [{goto: bye}]\n  b: [hangup]\n"))
    given, findings = checked_flow(path)
    assert given is not None
    assert len(findings) == 1


def test_constants_are_what_no_step_changes(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    nodes = "  a: [{ask: {to: x, type: text}}, {set: {y: 1}}, {goto: bye}]\n"
    path.write_text(flow(nodes, "vars: {x: 1, y: 2, z: 3}\n"))
    given, _ = checked_flow(path)
    assert given is not None
    assert constants(given) == {"z": 3}


def test_prompts_of_are_all_that_may_be_said(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    ask = "{ask: {to: x, type: yes_no, say: A, no_match: [B, [C, D]], no_input: E, retry: F}}"
    path.write_text(
        flow(f"  a: [{ask}, {{say: {{prompt: lib}}}}, {{goto: bye}}]\n", "prompts: {lib: [G, H]}\n")
    )
    given, _ = checked_flow(path)
    assert given is not None
    assert sorted(
        str(prompt.text.parts[0]) for prompt in walk.words_of(walk.survey(given).prompts)
    ) == [
        *"AB",
        "Bye.",
        *"CDEFGH",
    ]
