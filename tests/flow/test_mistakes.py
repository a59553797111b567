"""Mistakes that people really make in a flow: each is told once, at its place, with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicebot.flow.check import checked_flow

FLOW = """\
voicebot: 1
flow: shop
vars: {name: null}
prompts: {hello: "Hi."}
on: {failed: {goto: bye}, help: {answers: help, keys: "*", do: [{say: Press 1.}], then: repeat}}
nodes:
  main:
    - say: {prompt: hello}
    - ask: {to: name, type: text, say: "Your name?"}
    - menu:
        say: "Sales or support?"
        choices:
          - {answers: [sales], keys: "1", goto: sales}
          - {answers: [support], keys: "2", goto: support}
  sales:
    - say: "Hello ${name}."
    - goto: bye
  support: [{say: "One moment."}, {goto: bye}]
  bye: [{say: Goodbye.}, hangup]
"""

# What is done wrong: what stood there before, what stands there now, and the whole line that tells it.
MISTAKES = [
    ('a tab', '    - goto: bye\n  support', '\t- goto: bye\n  support',
     '17:1: error: a tab cannot indent YAML; use spaces'),
    ('a step that is not indented enough', '    - goto: bye\n  support', '   - goto: bye\n  support',
     '17:4: error: the indentation matches no line above; align this line with its neighbours'),
    ('a step that is indented too deep', '    - goto: bye\n  support', '     - goto: bye\n  support',
     '17:6: error: the indentation matches no line above; align this line with its neighbours'),
    ('misspelt verb', '- say: "Hello ${name}."', '- sya: "Hello ${name}."',
     '16:7: error: "sya" is not a verb; did you mean "say"?'),
    ('missing node', 'keys: "1", goto: sales', 'keys: "1", goto: salse',
     '13:49: error: there is no node "salse"; did you mean "sales"?'),
    ('a node in capitals', 'keys: "1", goto: sales', 'keys: "1", goto: Sales',
     '13:49: error: there is no node "Sales"; did you mean "sales"?'),
    ('unbalanced ${', '"Hello ${name}."', '"Hello ${name."',
     '16:12: error: "${name." has no closing }'),
    ('wrong type', 'type: text', 'type: string',
     '9:29: error: no type is called "string"; there is yes_no, digits, number, amount, date, time, phone, spelling, choice, text'),
    ('misspelt type', 'type: text', 'type: tekst',
     '9:29: error: no type is called "tekst"; did you mean "text"?; there is yes_no, digits, number, amount, date, time, phone, spelling, choice, text'),
    ('colliding key', 'keys: "2"', 'keys: "1"',
     '14:13: error: the key "1" is also that of "sales" (line 13)'),
    ('colon space', 'say: "One moment."', 'say: One moment: I connect you.',
     '18:29: error: expected "," or "}" here; put a text with one of : , [ ] { } in quotes'),
    ('colon space block', '- say: "Hello ${name}."', '- say: Hello: ${name}.',
     '16:17: error: a colon and a space inside a text without quotes; put the text in quotes: "..."'),
    ('keys 11a', 'keys: "2"', 'keys: "11a"',
     '14:40: error: "11a" is not a key: keys are 0-9, * and #, in quotes'),
    ('duplicate node', '  bye: [', '  sales: [{goto: bye}]\n  bye: [',
     '19:3: error: the key "sales" is already there at {file}:15:3; remove or rename one'),
    ('then without if', '    - goto: bye\n  support', '    - then: [{goto: bye}]\n  support',
     '17:7: error: `then` belongs to an `if`: put both into one step'),
    ('else without if', '    - goto: bye\n  support', '    - else: [hangup]\n    - goto: bye\n  support',
     '17:7: error: `else` belongs to an `if`: put both into one step'),
    ('if without then', '    - goto: bye\n  support', '    - if: "name"\n    - goto: bye\n  support',
     '17:7: error: an `if` needs `then:` or `else:` with steps'),
    ('menu without choices', '        choices:\n          - {answers: [sales], keys: "1", goto: sales}\n          - {answers: [support], keys: "2", goto: support}\n', '',
     '11:9: error: a menu needs `choices:`, a list of answers and where they lead'),
    ('missing colon', '  sales:\n', '  sales\n',
     '15:3: error: expected "key: value"; indent this line if it goes on with the text above'),
    ('missing space', '- goto: bye\n  support', '- goto:bye\n  support',
     '17:7: error: "goto:bye" is not a step; there is hangup, repeat, return, and `verb: value`; did you mean "goto"?'),
    ('mapping for list', '          - {answers: [sales], keys: "1", goto: sales}\n          - {answers: [support], keys: "2", goto: support}', '          {answers: [sales], keys: "1", goto: sales}',
     '13:11: error: choices is a list: begin each with `-`'),
    ('node mapping', '  sales:\n    - say: "Hello ${name}."\n    - goto: bye', '  sales:\n    say: "Hello ${name}."\n    goto: bye',
     '17:5: error: a step has one verb, this one has "say" and "goto": begin a new step with `- goto:`'),
    ('nodes list', 'nodes:\n  main:\n    - say: {prompt: hello}\n    - ask: {to: name, type: text, say: "Your name?"}\n    - menu:\n        say: "Sales or support?"\n        choices:\n          - {answers: [sales], keys: "1", goto: sales}\n          - {answers: [support], keys: "2", goto: support}\n  sales:\n    - say: "Hello ${name}."\n    - goto: bye\n  support: [{say: "One moment."}, {goto: bye}]\n  bye: [{say: Goodbye.}, hangup]\n', 'nodes:\n  - main: [hangup]\n',
     '7:3: error: nodes is written as names with values'),
    ('http without url', '    - goto: bye\n  support', '    - http: {to: name}\n    - goto: bye\n  support',
     '17:13: error: http needs a method and a URL, such as `get: http://…`'),
    ('http misspelt', '    - goto: bye\n  support', "    - http: {pots: 'http://x/'}\n    - goto: bye\n  support",
     '17:14: error: http has no "pots"; did you mean "post"?'),
    ('url without scheme', '    - goto: bye\n  support', "    - http: {get: 'server/x'}\n    - goto: bye\n  support",
     '17:19: error: "server/x" is not a URL: begin it with http:// or https://'),
    ('duration', '    - goto: bye\n  support', '    - wait: 5\n    - goto: bye\n  support',
     '17:13: error: "5" is not a duration: write 5s, 300ms or 2m'),
    ('return misspelt', '- goto: bye\n  support', '- retrun\n  support',
     '17:7: error: "retrun" is not a step; there is hangup, repeat, return, and `verb: value`; did you mean "return"?'),
    ('hangup misspelt', 'hangup]', 'hang_up]',
     '19:26: error: "hang_up" is not a step; there is hangup, repeat, return, and `verb: value`; did you mean "hangup"?'),
    ('slot without type', '    - goto: bye\n  support', '    - form: {slots: [{to: day, say: When?}]}\n    - goto: bye\n  support',
     '17:22: error: a slot needs `type:`, one of yes_no, digits, number, amount, date, time, phone, spelling, choice, text'),
    ('confirm mode', '    - goto: bye\n  support', '    - form: {slots: [{to: day, type: date, say: When?}], confirm: {say: ok?, mode: allways}}\n    - goto: bye\n  support',
     '17:84: error: mode is always, by_confidence or never; did you mean "always"?'),
    ('filter', '"Hello ${name}."', '"Hello ${name | dijits}."',
     '16:12: error: "name | dijits": no filter is called "dijits"; did you mean "digits"?'),
    ('= for ==', '    - goto: bye\n  support', '    - if: "name = \'x\'"\n      then: hangup\n    - goto: bye\n  support',
     '17:11: error: "name = \'x\'" is not an expression: two values are compared with =='),
    ('&&', '    - goto: bye\n  support', '    - if: "name == \'x\' && name"\n      then: hangup\n    - goto: bye\n  support',
     '17:11: error: "name == \'x\' && name" is not an expression: write `and`, not &&'),
    ('${} in if', '    - goto: bye\n  support', '    - if: "${name}"\n      then: hangup\n    - goto: bye\n  support',
     '17:11: error: an expression stands here without ${}: write "name"'),
    ('secret in say', 'type: text,', 'type: text, secret: true,',
     '16:12: error: "name" is secret and may not be said'),
    ('calendar', '    - goto: bye\n  support', '    - if: "hours(\'practise\')"\n      then: hangup\n    - goto: bye\n  support',
     '17:11: error: no calendar is called "practise" in the settings; did you mean "practice"?'),
    ('unknown function', '    - goto: bye\n  support', '    - if: "houres(\'practice\')"\n      then: hangup\n    - goto: bye\n  support',
     '17:11: error: "houres(\'practice\')": no function is called "houres"; did you mean "hours"?'),
    ('unknown variable', '${name}', '${nmae}',
     '16:12: error: nothing sets the variable "nmae"; did you mean "name"?'),
    ('prompt', 'prompt: hello', 'prompt: helo',
     '8:21: error: there is no prompt "helo" in `prompts:`; did you mean "hello"?'),
    ('answers misspelt', 'answers: [support]', 'answer: [support]',
     '14:14: error: a choice has no "answer"; did you mean "answers"?'),
    ('top misspelt2', 'vars: {name: null}\n', 'var: {name: null}\n',
     '3:1: error: a flow has no "var"; did you mean "vars"?'),
    ('prompts misspelt', 'prompts: {hello', 'promts: {hello',
     '4:1: error: a flow has no "promts"; did you mean "prompts"?'),
    ('unknown library name', 'answers: [support]', 'answers: [<suport>]',
     "14:24: error: <suport> is not one of the flow's answers"),
    ('bracket in template', 'answers: [support]', "answers: ['[the support']",
     '14:24: error: "[the support" is not an answer: the "[" is never closed'),
    ('brace not closed', 'keys: "1", goto: sales}', 'keys: "1", goto: sales',
     '13:13: error: this "{" is not closed; add "}"'),
    ('comma missing', '[sales], keys', '[sales] keys',
     '13:31: error: expected "," or "}" here; put a text with one of : , [ ] { } in quotes'),
    ('quote not closed', 'say: "Sales or support?"', 'say: "Sales or support?',
     '11:14: error: this " is not closed on its line and takes in the lines below; add the closing quote'),
    ('version missing', 'voicebot: 1\n', '',
     '1:1: error: the file needs a line `voicebot: 1`, the version of the language'),
    ('version 2', 'voicebot: 1\n', 'voicebot: 2\n',
     '1:11: error: this voicebot reads version 1 of the language: write `voicebot: 1`'),
    ('falls off', '    - goto: bye\n  support', '  support',
     '16:12: error: the node "sales" falls off its end: end it with goto, hangup, return, transfer, or a menu whose every choice leads on'),
    ('choice without answers', '{answers: [support], keys: "2", goto: support}', '{goto: support}',
     '14:13: error: this choice can never be made: give it answers or keys'),
    ('no value for to', 'to: name, ', '',
     '9:12: error: an ask needs `to:`, the variable for the answer'),
    ('digits without length', 'type: text', 'type: digits',
     '9:12: error: how many digits? give `length: 4`, or `min:` and `max:`, or `finish: "#"`'),
    ('length text', 'type: text', 'type: digits, length: four',
     '9:45: error: length is a whole number, 1 or more'),
    ('barge_in', 'type: text', 'type: text, barge_in: yes',
     '9:45: error: barge_in is speech, keys or none'),
    ('timeout in no_input', 'type: text', 'type: text, no_input: 5s',
     '9:45: error: in a question `no_input` is what is said; for the time write `timeout: 5s`'),
    ('goto list', '- goto: bye\n  support', '- goto: [bye]\n  support',
     '17:13: error: goto is a text'),
    ('goto as text', '- goto: bye\n  support', '- goto bye\n  support',
     '17:7: error: a colon is missing: write `goto: bye`'),
    ('the hash key without quotes', 'keys: "2"', 'keys: #',
     '14:40: error: a # after a space starts a comment; for the key write "#"'),
    ('the star key without quotes', 'keys: "2"', 'keys: *',
     '14:40: error: a text cannot start with * unless it is in quotes'),
    ('transfer without to', '- goto: bye\n  support', '- transfer: {wait: 30s}\n  support',
     '17:17: error: transfer needs `to:`, an extension such as "400" or a channel such as "PJSIP/alice"; or `queue:`, or `voicemail:`'),
    ('sound missing', 'prompt: hello', 'file: hello.wav, text: Hi.',
     '8:19: error: there is no sound file {folder}/hello.wav'),
    ('reserved', 'vars: {name: null}', 'vars: {name: null, call: 1}',
     '3:20: error: "call" cannot be a variable: use letters, digits and _, and no word of the expressions ("call", "if", "not", …)'),
    ('start', 'flow: shop', 'start: man',
     '2:8: error: there is no node "man"; did you mean "main"?'),
    ('two verbs', '    - say: "Hello ${name}."\n    - goto: bye', '    - say: "Hello ${name}."\n      goto: bye',
     '17:7: error: a step has one verb, this one has "say" and "goto": begin a new step with `- goto:`'),
    ('language', 'flow: shop', 'language: english',
     '2:11: error: the language "english" is not known here: write one such as en-US, de-DE or es-ES'),
    ('say empty', 'say: "One moment."', 'say: ""',
     '18:19: error: there is nothing to say: write a text'),
    ('dollar only', '"Hello ${name}."', '"Hello ${}."',
     '16:12: error: there is no expression here: write one, for example ${name}'),
    ('braces without a dollar', '"Hello ${name}."', '"Hello {name}."',
     '16:12: warning: "{name}" is said as it stands: write ${name}'),
    ('min > max', 'type: text', 'type: number, min: 9, max: 1',
     '9:50: error: max 1 is less than min 9'),
    ('checksum', 'type: text', 'type: digits, length: 16, checksum: luhm',
     '9:59: error: checksum is luhn; did you mean "luhn"?'),
    ('goto self', '    - goto: bye\n  support', '    - goto: sales\n  support',
     '17:13: error: sales → sales goes round without a question: the bot would talk for ever'),
    ('else misspelt', '    - goto: bye\n  support', '    - if: name\n      then: hangup\n      esle: hangup\n    - goto: bye\n  support',
     '19:7: error: a step `if` has no "esle"; did you mean "else"?'),
    ('call unknown', '    - goto: bye\n  support', '    - call: paymnt\n    - goto: bye\n  support',
     '17:13: error: there is no node "paymnt", and no flow of that name beside this file'),
]  # fmt: skip


def told(text: str, folder: Path) -> list[str]:
    path = folder / "f.yaml"
    path.write_text(text, "utf-8")
    findings = checked_flow(path, calendars=["practice"])[1]
    return [str(finding).replace(f"{path}:", "", 1) for finding in findings]


def test_the_flow_is_right_without_a_mistake(tmp_path: Path) -> None:
    assert told(FLOW, tmp_path) == []


@pytest.mark.parametrize(
    ("right", "wrong", "line"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_mistake_is_told_once_with_its_remedy(
    right: str, wrong: str, line: str, tmp_path: Path
) -> None:
    assert right in FLOW
    line = line.replace("{file}", str(tmp_path / "f.yaml")).replace("{folder}", str(tmp_path))
    assert told(FLOW.replace(right, wrong, 1), tmp_path) == [line]


# What looks like a mistake to a reader of other YAML, and is none here.
FINE = {
    "a key without quotes": ('keys: "2"', "keys: 2"),
    "a space before a colon": ("vars: {", "vars : {"),
    "yes and no as names": ("flow: shop", "flow: shop\nanswers: {yes: sure, no: never}"),
    "a single step without a list": ("  bye: [{say: Goodbye.}, hangup]", "  bye: hangup"),
    "text beyond ASCII": ("say: Goodbye.", "say: “Adiós” – até já 😀"),
}


@pytest.mark.parametrize(("right", "other"), FINE.values(), ids=FINE.keys())
def test_no_mistake(right: str, other: str, tmp_path: Path) -> None:
    assert right in FLOW
    assert told(FLOW.replace(right, other, 1), tmp_path) == []


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    text = FLOW.replace("type: text", "type: tekst").replace("goto: support", "goto: suport")
    text = text.replace("prompt: hello", "prompt: helo").replace('keys: "1"', 'keys: "11a"')
    assert [line.partition(" ")[0] for line in told(text, tmp_path)] == [
        "8:21:", "9:29:", "13:38:", "14:51:",
    ]  # fmt: skip


def test_column_counts_characters(tmp_path: Path) -> None:
    text = FLOW.replace("[{say: Goodbye.}, hangup]", '[{say: "“Adiós” 😀"}, {goto: nowhere}]')
    assert told(text, tmp_path) == ['19:36: error: there is no node "nowhere"']
