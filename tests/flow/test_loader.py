"""Flow files: what is read, and the mistakes that people make, each told once, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicebot.flow import model
from voicebot.flow.loader import load_flow
from voicebot.flow.model import BargeIn, Choices, Digits, Flow, FreeText, Number, Question
from voicebot.flow.yamlfile import Finding


def findings_of(text: str, folder: Path) -> list[Finding]:
    path = folder / "f.yaml"
    path.write_text(text, encoding="utf-8")
    return load_flow(path)[1]


def loaded(text: str, folder: Path) -> Flow:
    path = folder / "f.yaml"
    path.write_text(text, encoding="utf-8")
    flow, findings = load_flow(path)
    assert findings == []
    assert flow is not None
    return flow


def steps_of(steps: str, folder: Path) -> model.Block:
    return loaded(f"voicebot: 1\nnodes:\n  a: {steps}\n", folder).nodes["a"].steps


def question_of(ask: str, folder: Path) -> Question:
    (question,) = steps_of(f"[{{ask: {{to: x, {ask}}}}}]", folder)
    assert isinstance(question, Question)
    return question


def node(steps: str) -> str:
    """A file with one node; its steps begin in line 3, column 6."""
    return f"voicebot: 1\nnodes:\n  a: {steps}\n"


def menu(choices: str) -> str:
    """Choices begin in line 3, column 23."""
    return node(f"[{{menu: {{choices: [{choices}]}}}}]")


def ask(keys: str) -> str:
    """Keys begin in line 3, column 14."""
    return node(f"[{{ask: {{{keys}}}}}]")


HEAD = "voicebot: 1\nnodes: {a: hangup}\n"

# Name, text, line, column, message.  One finding each.
MISTAKES = [
    # The file
    ("no version", "nodes: {a: hangup}\n", 1, 1, "the file needs a line `voicebot: 1`, the version of the language"),
    ("version 2", "voicebot: 2\nnodes: {a: hangup}\n", 1, 11, "this voicebot reads version 1 of the language: write `voicebot: 1`"),
    ("version as text", 'voicebot: "1"\nnodes: {a: hangup}\n', 1, 11, "this voicebot reads version 1 of the language: write `voicebot: 1`"),
    ("a list", "- voicebot: 1\n", 1, 1, "a flow is written as keys with values: voicebot, flow, language, start, vars, prompts, answers, defaults, on, nodes, tests"),
    ("top key misspelled", "voicebot: 1\nnods: {a: hangup}\n", 2, 1, 'a flow has no "nods"; did you mean "nodes"?'),
    ("no nodes", "voicebot: 1\n", 1, 1, "the flow has no nodes: add `nodes:` with at least one node"),
    ("empty nodes", "voicebot: 1\nnodes:\n", 2, 7, "the flow has no nodes: add at least one"),
    ("nodes as a list", "voicebot: 1\nnodes: [a]\n", 2, 8, "nodes is written as names with values"),
    ("unknown language", HEAD + "language: xx-XX\n", 3, 11, 'the language "xx-XX" is not known here: write one such as en-US, de-DE or es-ES'),
    ("empty node", node("[]"), 3, 6, "there is no step here: add one, for example `- hangup`"),
    ("node without a value", node(""), 3, 5, "there is no step here: add one, for example `- hangup`"),
    # Variables, prompts, answers, defaults
    ("variable with a dash", HEAD + "vars: {my-name: 1}\n", 3, 8, '"my-name" cannot be a variable: use letters, digits and _, and no word of the expressions ("call", "if", "not", …)'),
    ("variable called if", HEAD + "vars: {if: 1}\n", 3, 8, '"if" cannot be a variable: use letters, digits and _, and no word of the expressions ("call", "if", "not", …)'),
    ("variable that is a list", HEAD + "vars: {x: [1]}\n", 3, 11, 'the variable "x" starts as a text, a number, true, false or null'),
    ("prompt without variations", HEAD + "prompts: {hi: []}\n", 3, 15, "there is nothing to say: write a text"),
    ("sound without words", HEAD + "prompts: {hi: {file: a.wav}}\n", 3, 15, "a sound file needs `text:`, the words that are in it"),
    ("prompt key misspelled", HEAD + "prompts: {hi: {fiel: a.wav, text: hi}}\n", 3, 16, 'a prompt has no "fiel"; did you mean "file"?'),
    ("answer not closed", HEAD + 'answers: {"yes": "(yes|yeah"}\n', 3, 18, '"(yes|yeah" is not an answer: the "(" is never closed'),
    ("answer without words", HEAD + 'answers: {"yes": ["", "yes"]}\n', 3, 19, "there is no answer here: write what the caller says"),
    ("answer that refers to itself", HEAD + 'answers: {a: "<a> b"}\n', 3, 14, "<a> refers to itself"),
    ("answer with braces", HEAD + 'answers: {a: "{b}"}\n', 3, 14, "{lists} are not part of an answer: write (a|b)"),
    ("timeout among the defaults", HEAD + "defaults: {timeout: 5s}\n", 3, 12, "among the defaults it is called `no_input: 5s`"),
    ("default misspelled", HEAD + "defaults: {attemps: 5}\n", 3, 12, 'defaults has no "attemps"; did you mean "attempts"?'),
    # Events
    ("event that is never heard", HEAD + "on: {no_match: {goto: a}}\n", 3, 16, '"no_match" is never heard: give it answers or keys'),
    ("event misspelled", HEAD + "on: {fialed: {goto: a}}\n", 3, 14, '"fialed" is never heard: give it answers or keys; did you mean "failed"?'),
    ("event as a name", HEAD + "on: {failed: a}\n", 3, 14, "on: failed is a way on: write {goto: a}"),
    # Steps
    ("verb misspelled", node("[{sya: hi}]"), 3, 8, '"sya" is not a verb; did you mean "say"?'),
    ("no verb at all", node("[{xxx: hi}]"), 3, 8, '"xxx" is not a verb; there is say, menu, ask, form, set, if, goto, call, return, http, transfer, record, wait, log, tag, language, hangup, repeat'),
    ("step as a word", node("[hang up]"), 3, 7, '"hang up" is not a step; there is hangup, repeat, return, and `verb: value`; did you mean "hangup"?'),
    ("verb without a value", node("[say]"), 3, 7, '"say" needs a value: write `- say: …`'),
    ("two verbs in one step", node("[{say: hi, goto: a}]"), 3, 17, 'a step has one verb, this one has "say" and "goto": begin a new step with `- goto:`'),
    ("one dash too many", node("[[hangup]]"), 3, 7, "a step is one verb with its values, not a list: take out one `-`"),
    ("step behind a return with a list", node("[{return: [1]}, {xxx: 1}]"), 3, 23, '"xxx" is not a verb; there is say, menu, ask, form, set, if, goto, call, return, http, transfer, record, wait, log, tag, language, hangup, repeat'),
    ("http without a method", node("[{http: {to: x}}]"), 3, 14, "http needs a method and a URL, such as `get: http://…`"),
    ("http with two methods", node("[{http: {get: 'http://a', put: 'http://b'}}]"), 3, 37, "one request, one method: take `get` or this"),
    ("URL without http", node("[{http: {get: 'localhost/x'}}]"), 3, 20, '"localhost/x" is not a URL: begin it with http:// or https://'),
    ("http with an unknown key", node("[{http: {get: 'http://a', body: 1}}]"), 3, 32, 'http has no "body"; there is get, post, put, patch, delete, query, headers, json, timeout, hold, to, failed'),
    ("transfer to nobody", node("[{transfer: {wait: 5s}}]"), 3, 18, 'transfer needs `to:`, an extension such as "400" or a channel such as "PJSIP/alice"; or `queue:`, or `voicemail:`'),
    ("record without a variable", node("[{record: {max: 5s}}]"), 3, 16, "record needs `to:`, the variable for the file's path"),
    ("tag without values", node("[{tag: x}]"), 3, 13, "`tag` is written as names with values: `tag: {x: 1}`"),
    ("with without call", menu("{keys: 1, with: {a: 1}, goto: a}"), 3, 41, "`with` belongs to a `call`"),
    ("call beside goto", menu("{keys: 1, call: b, goto: a}"), 3, 41, "`call` beside `goto`: write `do: […]` and `then: {goto: …}`"),
    ("form without slots", node("[{form: {say: hi}}]"), 3, 14, "a form needs `slots:`, a list of what is asked"),
    ("slot twice", node("[{form: {slots: [{to: x, type: date}, {to: x, type: time}]}}]"), 3, 49, 'the slot "x" is there already (line 3): give each a variable of its own'),
    ("slot without a type", node("[{form: {slots: [{to: x}]}}]"), 3, 23, "a slot needs `type:`, one of yes_no, digits, number, amount, date, time, phone, spelling, choice, text"),
    ("mode misspelled", node("[{form: {slots: [{to: x, type: date}], confirm: {say: s, mode: allways}}}]"), 3, 69, 'mode is always, by_confidence or never; did you mean "always"?'),
    ("confirm without words", node("[{form: {slots: [{to: x, type: date}], confirm: {mode: always}}}]"), 3, 54, "confirm needs `say:`, which reads back what was understood"),
    ("finish and delete are one", ask("to: x, type: digits, length: 3, finish: '*', delete: '*'"), 3, 67, '`finish` and `delete` are both "*": take two keys'),
    ("pattern that is none", ask("to: x, type: digits, pattern: '[1'"), 3, 44, '"[1" is not a regular expression: unterminated character set'),
    ("another checksum", ask("to: x, type: digits, length: 9, checksum: iban"), 3, 56, "checksum is luhn"),
    ("currency in words", ask("to: x, type: amount, currency: dollars"), 3, 45, '"dollars" is not a currency that can be said here; there is AUD, CAD, CHF, EUR, GBP, INR, JPY, MXN, USD'),
    ("future and past", ask("to: x, type: date, future: true, past: true"), 3, 53, "a date is in the future or in the past: take one"),
    ("empty step", node("[{}]"), 3, 7, "an empty step: it needs a verb, one of say, menu, ask, form, set, if, goto, call, return, http, transfer, record, wait, log, tag, language, hangup, repeat"),
    ("nothing to say", node('[{say: ""}]'), 3, 13, "there is nothing to say: write a text"),
    ("if without then", node("[{if: x}]"), 3, 7, "an `if` needs `then:` or `else:` with steps"),
    ("then misspelled", node("[{if: 'x', than: [hangup]}]"), 3, 17, 'a step `if` has no "than"; did you mean "then"?'),
    ("expression in ${}", node("[{if: '${x}', then: hangup}]"), 3, 12, 'an expression stands here without ${}: write "x"'),
    ("one = in a condition", node("[{if: 'x = 1', then: hangup}]"), 3, 12, '"x = 1" is not an expression: two values are compared with =='),
    ("brace not closed", node("[{say: 'a ${x'}]"), 3, 13, '"${x" has no closing }'),
    ("empty expression", node("[{say: 'a ${}'}]"), 3, 13, "there is no expression here: write one, for example ${name}"),
    ("function misspelled", node("[{if: 'lenn(x)', then: hangup}]"), 3, 12, '"lenn(x)": no function is called "lenn"; did you mean "len"?'),
    ("filter misspelled", node("[{say: '${x | digit}'}]"), 3, 13, '"x | digit": no filter is called "digit"; did you mean "digits"?'),
    ("member of call misspelled", node("[{say: '${call.callr}'}]"), 3, 13, '"call.callr": call has no "callr"; did you mean "caller"?'),
    ("duration without a unit", node("[{wait: 5}]"), 3, 14, '"5" is not a duration: write 5s, 300ms or 2m'),
    ("set without a name", node("[{set: x}]"), 3, 13, "`set` is written as names with values: `set: {x: 1}`"),
    ("goto a list", node("[{goto: [a]}]"), 3, 14, "goto is a text"),
    # Menus
    ("menu as a text", node("[{menu: hi}]"), 3, 14, "a menu is written as keys with values: say, barge_in, no_input, no_match, attempts, failed, timeout, end_silence, max_speech, inter_digit, choices"),
    ("menu without choices", node("[{menu: {say: hi}}]"), 3, 14, "a menu needs `choices:`, a list of answers and where they lead"),
    ("choices misspelled", node("[{menu: {choises: []}}]"), 3, 15, 'a menu has no "choises"; did you mean "choices"?'),
    ("choices without a dash", node("[{menu: {choices: {answers: a}}}]"), 3, 24, "choices is a list: begin each with `-`"),
    ("no choices", menu(""), 3, 24, "choices is empty: add at least one"),
    ("choice that cannot be made", menu("{goto: a}"), 3, 25, "this choice can never be made: give it answers or keys"),
    ("answers misspelled", menu("{anwsers: x, goto: a}"), 3, 26, 'a choice has no "anwsers"; did you mean "answers"?'),
    ("unknown name in an answer", menu('{answers: "<yse>", goto: a}'), 3, 35, "<yse> is not one of the flow's answers"),
    ("key that is none", menu("{keys: one, goto: a}"), 3, 32, '"one" is not a key: keys are 0-9, * and #, in quotes'),
    ("key in a comment", "voicebot: 1\nnodes:\n  a:\n    menu:\n      choices:\n        - keys: #\n          goto: a\n", 6, 16, 'there is no value here, a # after a space starts a comment; for the key write "#"'),
    ("do beside goto", menu("{keys: 1, goto: a, do: [hangup]}"), 3, 48, "`do` beside `goto`: write `do: […]` and `then: {goto: …}`"),
    ("then with a node's name", menu("{keys: 1, then: a}"), 3, 41, '"a" is not a way on: write `then: repeat` or `then: {goto: a}`'),
    ("then with steps", menu("{keys: 1, then: [hangup]}"), 3, 41, "steps stand in `do: […]`; `then` is one way on"),
    ("then with a step", menu("{keys: 1, then: {say: hi}}"), 3, 41, "steps stand in `do: […]`; `then` is one way on"),
    ("failed with a node's name", node("[{menu: {choices: [{keys: 1}], failed: a}}]"), 3, 45, "failed is a way on: write {goto: a}"),
    # Asks
    ("ask without type", ask("to: x"), 3, 13, "an ask needs `type:`, one of yes_no, digits, number, amount, date, time, phone, spelling, choice, text"),
    ("ask without to", ask("type: text"), 3, 13, "an ask needs `to:`, the variable for the answer"),
    ("type misspelled", ask("to: x, type: yesno"), 3, 27, 'no type is called "yesno"; did you mean "yes_no"?; there is yes_no, digits, number, amount, date, time, phone, spelling, choice, text'),
    ("length misspelled", ask("to: x, type: digits, lenght: 4"), 3, 35, 'an ask has no "lenght"; did you mean "length"?'),
    ("how many digits", ask("to: x, type: digits"), 3, 13, 'how many digits? give `length: 4`, or `min:` and `max:`, or `finish: "#"`'),
    ("length and max", ask("to: x, type: digits, length: 4, max: 5"), 3, 43, "give either `length` or `min` and `max`"),
    ("max below min", ask("to: x, type: number, min: 5, max: 4"), 3, 48, "max 4 is less than min 5"),
    ("length as a word", ask("to: x, type: digits, length: four"), 3, 43, "length is a whole number, 1 or more"),
    ("finish as a word", ask("to: x, type: number, finish: hash"), 3, 43, '`finish` is the key "#" or "*", in quotes'),
    ("key of another type", ask("to: x, type: yes_no, length: 4"), 3, 43, "`length` has no meaning for the type yes_no"),
    ("choice without choices", ask("to: x, type: choice"), 3, 13, "a choice needs `choices:`, a list"),
    ("attempts 0", ask("to: x, type: text, attempts: 0"), 3, 43, "attempts is a whole number, 1 or more"),
    ("barge_in true", ask("to: x, type: text, barge_in: true"), 3, 43, "barge_in is speech, keys or none"),
    ("secret yes", ask("to: x, type: text, secret: yes"), 3, 41, "secret is true or false"),
    ("time as a prompt", ask("to: x, type: text, no_input: 5s"), 3, 43, "in a question `no_input` is what is said; for the time write `timeout: 5s`"),
    ("to a word of the expressions", ask("to: not, type: text"), 3, 18, '"not" cannot be a variable: use letters, digits and _, and no word of the expressions ("call", "if", "not", …)'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [row[1:] for row in MISTAKES],
    ids=[row[0] for row in MISTAKES],
)
def test_mistake_is_told_once_at_its_place(
    tmp_path: Path, text: str, line: int, column: int, message: str
) -> None:
    found = [str(finding) for finding in findings_of(text, tmp_path)]
    assert found == [f"{tmp_path / 'f.yaml'}:{line}:{column}: error: {message}"]


def test_all_mistakes_of_a_file_are_told_at_once_in_order(tmp_path: Path) -> None:
    text = node("[{sya: hi}, {wait: 5}, {goto: [a]}]") + "vars: {if: 1}\n"
    found = findings_of(text, tmp_path)
    assert [(f.mark.line, f.mark.column) for f in found] == [(3, 8), (3, 25), (3, 36), (4, 8)]


def test_file_that_is_no_yaml_gives_the_readers_findings(tmp_path: Path) -> None:
    assert "not closed" in str(findings_of("voicebot: [1\n", tmp_path)[0])
    assert load_flow(tmp_path / "none.yaml")[0] is None


def test_every_verb(tmp_path: Path) -> None:
    steps = """
    - say: Hi
    - menu: {choices: [{answers: [x], goto: a}]}
    - ask: {to: x, type: yes_no}
    - set: {x: 1, y: "${x}"}
    - if: x
      then: hangup
      else: [repeat]
    - log: x
    - wait: 300ms
    - repeat
    - goto: a
    - hangup:
    - repeat:
"""
    kinds = [type(step).__name__ for step in steps_of(steps, tmp_path)]
    assert kinds == ("Say Question Question Set If Log Wait Repeat Goto HangUp Repeat").split()


def test_defaults_of_a_file(tmp_path: Path) -> None:
    flow = loaded("voicebot: 1\nnodes: {b: hangup, a: hangup}\n", tmp_path)
    assert (flow.name, flow.language, flow.start) == ("f", "en-US", "b")
    assert (flow.failed, flow.error, flow.hangup, flow.universals) == (None, None, None, ())


def test_defaults_of_a_question(tmp_path: Path) -> None:
    question = question_of("type: yes_no", tmp_path)
    assert (question.attempts, question.timeout_s, question.barge_in) == (3, 5.0, BargeIn.SPEECH)
    assert (question.failed, question.check, question.secret) == (None, None, False)
    assert (question.inter_digit_s, question.end_silence_s) == (None, None)


def test_question_overrides_the_defaults_of_the_flow(tmp_path: Path) -> None:
    defaults = "defaults: {attempts: 2, no_input: 9s, barge_in: none, end_silence: 1s}\n"
    nodes = "nodes: {a: [{ask: {to: x, type: text}}, {ask: {to: x, type: text, attempts: 1, timeout: 1s}}]}\n"
    flow = loaded("voicebot: 1\n" + defaults + nodes, tmp_path)
    first, second = flow.nodes["a"].steps
    assert isinstance(first, Question)
    assert isinstance(second, Question)
    assert (first.attempts, first.timeout_s, first.barge_in) == (2, 9.0, BargeIn.NONE)
    assert (second.attempts, second.timeout_s, second.end_silence_s) == (1, 1.0, 1.0)


@pytest.mark.parametrize(
    ("keys", "wants"),
    [
        ("type: digits, length: 4", Digits(4, 4, "#")),
        ("type: digits, min: 2, max: 5, finish: '*'", Digits(2, 5, "*")),
        ("type: digits, max: 5, finish: null", Digits(1, 5, None)),
        ("type: digits, finish: '#'", Digits(1, None, "#")),
        ("type: number", Number(0, None, "#")),
        ("type: number, min: 1, max: 9", Number(1, 9, "#")),
        ("type: text", FreeText()),
    ],
)
def test_types(tmp_path: Path, keys: str, wants: object) -> None:
    assert question_of(keys, tmp_path).wants == wants


def test_yes_no_takes_the_flows_own_words(tmp_path: Path) -> None:
    text = (
        'voicebot: 1\nanswers: {yes: [aye], no: "nay"}\nnodes: {a: {ask: {to: x, type: yes_no}}}\n'
    )
    ((question, _),) = loaded(text, tmp_path).expectations
    assert isinstance(question.wants, Choices)
    yes, no = question.wants.choices
    assert ("aye",) in yes.phrases["en-US"]
    assert ("nay",) in no.phrases["en-US"]
    assert (yes.value, yes.keys, no.value, no.keys) == (True, ("1",), False, ("2",))


def test_string_choice_that_reads_like_a_digit_is_a_key(tmp_path: Path) -> None:
    wants = question_of('type: choice, choices: ["1", two, "*"]', tmp_path).wants
    assert isinstance(wants, Choices)
    assert [choice.keys for choice in wants.choices] == [("1",), (), ()]
    said = [choice.phrases["en-US"] for choice in wants.choices]
    assert said == [(("one",),), (("two",),), (("*",),)]


def test_numbers_are_keys_and_answers_without_quotes(tmp_path: Path) -> None:
    (question,) = steps_of("[{menu: {choices: [{keys: [1, 0], answers: 5}]}}]", tmp_path)
    assert isinstance(question, Question)
    assert isinstance(question.wants, Choices)
    assert question.wants.choices[0].keys == ("1", "0", "5")


def test_sound_file_is_relative_to_the_flow(tmp_path: Path) -> None:
    (say,) = steps_of("[{say: {file: s/a.wav, text: Hi}}]", tmp_path)
    assert isinstance(say, model.Say)
    assert isinstance(say.prompts[0], model.FilePrompt)
    assert say.prompts[0].path == tmp_path / "s/a.wav"


def test_secrets_are_what_is_asked_and_what_is_made_of_it(tmp_path: Path) -> None:
    text = node(
        '[{ask: {to: pin, type: text, secret: true}}, {set: {c: "${b}", b: "${pin}1", d: 1}}]'
    )
    assert loaded(text, tmp_path).secrets == {"pin", "b", "c"}
