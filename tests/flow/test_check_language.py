"""What the check proves of calls, forms, requests, secrets, values and languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.test_check import flow
from voicebot.flow.check import checked_flow

# The flows that the flows below call.
CALLED = {
    'pay.yaml': "voicebot: 1\nvars: {number: null}\nnodes:\n  ask: [{ask: {to: code, type: text, failed: {then: hangup}}}, {return: '${number}'}]\n",
    'mute.yaml': 'voicebot: 1\nnodes: {a: [{log: x}, return]}\n',
    'never.yaml': 'voicebot: 1\nnodes: {a: [{say: Hi.}, hangup]}\n',
    'open.yaml': 'voicebot: 1\nnodes: {a: [{ask: {to: x, type: text}}, return]}\n',
    'broken.yaml': 'voicebot: 1\nnodes: {a: [{goto: b}]}\n',
    'pin.yaml': "voicebot: 1\nvars: {x: null}\nnodes: {a: [{ask: {to: p, type: text, secret: true, failed: {then: return}}}, {log: '${x}'}, {return: '${p}'}]}\n",
}  # fmt: skip

# Name, text, and every line that is told.
BROKEN = [
    ('unknown flow', flow('  a: [{call: pya}, {goto: bye}]\n'),
     ['f.yaml:4:14: error: there is no node "pya", and no flow of that name beside this file; did you mean "pay"? [unknown-flow]']),
    ('unknown mark', flow("  a: [{say: '<mark name=\"red\"/>Red. <mark name=\"blue\"/>Blue.'}, {if: \"call.mark == 'bleu' or call.mark in ['red', 'x', null]\", then: {goto: bye}}, {goto: bye}]\n"),
     ['f.yaml:4:70: warning: "call.mark == \'bleu\' or call.mark in [\'red\', \'x\', null]": no prompt has a <mark name="bleu"/>; did you mean "blue"? [never-equal]',
      'f.yaml:4:70: warning: "call.mark == \'bleu\' or call.mark in [\'red\', \'x\', null]": no prompt has a <mark name="x"/>; there is blue, red [never-equal]']),
    ('mark where there is none', flow("  a: [{set: {x: \"${1 if 'a' == call.mark else 2}\"}}, {goto: bye}]\n"),
     ['f.yaml:4:17: warning: "1 if \'a\' == call.mark else 2": no prompt has a <mark name="a"/> [never-equal]']),
    ('mark in a sound file', flow("  a: [{say: {file: a.wav, text: '<mark name=\"a\"/>A'}}, {goto: bye}]\n"),
     ['f.yaml:4:20: warning: a sound file has no marks: cut it into one for each [markup]',
      'f.yaml:4:20: error: there is no sound file FOLDER/a.wav [missing-sound]']),
    ('call.marks', flow("  a: [{log: '${call.marks}'}, {goto: bye}]\n"),
     ['f.yaml:4:13: error: "call.marks": call has no "marks"; did you mean "mark"? [shape]']),
    ('unknown arg', flow('  a: [{call: pay, with: {nubmer: 1}}, {goto: bye}]\n'),
     ['f.yaml:4:26: error: the flow "pay" has no variable "nubmer"; did you mean "number"? [unknown-argument]']),
    ('call to unread', flow("  a: [{say: '${r}'}, {call: pay, to: r}, {goto: bye}]\n"),
     ['f.yaml:4:13: error: "r" is read before anything sets it: give it a value in `vars:` [read-before-set]']),
    ('call falls', flow('  a: [{call: pay}]\n'),
     ['f.yaml:4:14: error: the node "a" falls off its end: end it with goto, hangup, return, transfer, or a menu whose every choice leads on [falls-off]']),
    ('call never returns', flow('  a: [{call: never}, {goto: bye}]\n'),
     ['f.yaml:4:29: warning: this step is never reached: "never" never comes back with `return` [unreachable-step]']),
    ('called node never returns', flow('  a: [{call: b}, {goto: bye}]\n  b: [{goto: bye}]\n'),
     ['f.yaml:4:25: warning: this step is never reached: "b" never comes back with `return` [unreachable-step]']),
    ('recursion', flow('  a: [{call: b}, {goto: bye}]\n  b: [{if: 1 > 2, then: return}, {call: b}, return]\n'),
     ['f.yaml:5:41: error: b → b goes round without a question: the bot would talk for ever [endless-circle]']),
    ('circle through silent call', flow('  a: [{call: b}, {goto: a}]\n  b: [{log: x}, return]\n'),
     ['f.yaml:4:25: error: a → a goes round without a question: the bot would talk for ever [endless-circle]']),
    ('circle through silent flow', flow('  a: [{call: mute}, {goto: a}]\n'),
     ['f.yaml:4:28: error: a → a goes round without a question: the bot would talk for ever [endless-circle]']),
    ('circle http', flow("  a: [{http: {get: 'http://x/', to: r}}, {goto: a}]\n"),
     ['f.yaml:4:49: error: a → a goes round without a question: the bot would talk for ever [endless-circle]']),
    ('circle http failed', flow("  a: [{http: {get: 'http://x/', failed: {goto: a}}}, {goto: bye}]\n"),
     ['f.yaml:4:48: error: a → a goes round without a question: the bot would talk for ever [endless-circle]']),
    ('circle http error event', "voicebot: 1\non: {error: {goto: a}}\nnodes:\n  a: [{http: {get: 'http://x/'}}, hangup]\n",
     ['f.yaml:2:20: error: a → a goes round without a question: the bot would talk for ever [endless-circle]']),
    ('circle transfer', flow("  a: [{transfer: {to: '400', failed: {goto: a}}}]\n"),
     ['f.yaml:4:45: error: a → a goes round without a question: the bot would talk for ever [endless-circle]']),
    ('transfer failed falls', flow("  a: [{transfer: {to: '400', failed: {do: [{say: Hi.}]}}}]\n"),
     ['f.yaml:4:38: error: the node "a" falls off its end after this `failed`: give it a `goto` [falls-off]']),
    ('transfer dead', flow("  a: [{transfer: '400'}, {goto: bye}]\n"),
     ['f.yaml:4:33: warning: this step is never reached [unreachable-step]']),
    ('form slot no way', 'voicebot: 1\nnodes:\n  a: [{form: {slots: [{to: d, type: date, say: D}], confirm: {say: ok}}}, hangup]\n',
     ['f.yaml:3:23: error: where does this question lead after its attempts? add `failed: {goto: …}` here, or for all questions under `on:` [no-way-out]', 'f.yaml:3:62: error: where does this question lead after its attempts? add `failed: {goto: …}` here, or for all questions under `on:` [no-way-out]']),
    ('form reads later', flow("  a: [{form: {say: '${d}', slots: [{to: d, type: date, say: D}]}}, {goto: bye}]\n"),
     ['f.yaml:4:20: error: "d" is read before anything sets it: give it a value in `vars:` [read-before-set]']),
    ('http failed to not set', flow("  a: [{http: {get: 'http://x/', to: r, failed: {do: [{log: '${r.status}'}], then: {goto: bye}}}}, {log: '${r.status}'}, {goto: bye}]\n"),
     ['f.yaml:4:60: error: "r" is read before anything sets it: give it a value in `vars:` [read-before-set]']),
    ('sub no way out none', 'voicebot: 1\nnodes:\n  a: [{call: open}, hangup]\n',
     ['open.yaml:2:19: error: where does this question lead after its attempts? add `failed: {goto: …}` here, or for all questions under `on:` [no-way-out]']),
    ('sub broken', flow('  a: [{call: broken}, {goto: bye}]\n'),
     ['broken.yaml:2:20: error: there is no node "b" [unknown-node]']),
    ('secret url', flow("  a: [{ask: {to: p, type: text, secret: true}}, {http: {get: 'http://x/${p}'}}, {goto: bye}]\n"),
     ['f.yaml:4:56: error: "p" is secret and may not be put into a URL: put it into `json` or `headers` [secret-told]']),
    ('secret query', flow("  a: [{ask: {to: p, type: text, secret: true}}, {http: {get: 'http://x/', query: {a: '${p}'}}}, {goto: bye}]\n"),
     ['f.yaml:4:56: error: "p" is secret and may not be put into a URL: put it into `json` or `headers` [secret-told]']),
    ('secret tag', flow("  a: [{ask: {to: p, type: text, secret: true}}, {tag: {a: '${p}'}}, {goto: bye}]\n"),
     ['f.yaml:4:59: error: "p" is secret and may not be made a tag [secret-told]']),
    ('secret dialled', flow("  a: [{ask: {to: p, type: text, secret: true}}, {transfer: '${p}'}]\n"),
     ['f.yaml:4:60: error: "p" is secret and may not be dialled [secret-told]']),
    ('secret whisper', flow("  a: [{ask: {to: p, type: text, secret: true}}, {transfer: {to: '4', whisper: ['Hi.', 'It is ${p}.']}}]\n"),
     ['f.yaml:4:87: error: "p" is secret and may not be said [secret-told]']),
    ('secret queue', flow("  a: [{ask: {to: p, type: text, secret: true}}, {transfer: {queue: '${p}'}}]\n"),
     ['f.yaml:4:60: error: "p" is secret and may not be dialled [secret-told]']),
    ('whisper to nobody', flow("  a: [{transfer: {to: '4', whisper: ['<mark name=\"m\"/>Hi.', {text: Ho., barge_in: none}, {prompt: lib, barge_in: keys}, {prompt: nil}]}}]\n", "prompts: {lib: Library.}\n"),
     ['f.yaml:5:38: warning: the caller does not hear the <mark name="m"/> [markup]',
      'f.yaml:5:68: warning: the caller does not hear a whisper: `barge_in` means nothing [whisper]',
      'f.yaml:5:99: warning: the caller does not hear a whisper: `barge_in` means nothing [whisper]',
      'f.yaml:5:130: error: there is no prompt "nil" in `prompts:` [unknown-prompt]']),
    ('whisper unset', flow("  a: [{transfer: {to: '4', whisper: '${x}'}}]\n"),
     ['f.yaml:4:37: error: nothing sets the variable "x" [unknown-variable]']),
    ('whisper before set', flow("  a: [{transfer: {to: '4', whisper: '${x}', failed: {goto: b}}}]\n  b: [{set: {x: 1}}, {goto: bye}]\n"),
     ['f.yaml:4:37: error: "x" is read before anything sets it: give it a value in `vars:` [read-before-set]']),
    ('call.caller == ', flow("  a: [{if: 'call.caller == 5', then: hangup}, {if: '4711 in [call.args.order] or call.args.order != 4711', then: hangup}, {goto: bye}]\n"),
     ['f.yaml:4:12: warning: "call.caller == 5": call.caller is a text, not a number: write "5" in quotes, or int(call.caller) [never-equal]',
      'f.yaml:4:52: warning: "4711 in [call.args.order] or call.args.order != 4711": call.args.order is a text, not a number: write "4711" in quotes, or int(call.args.order) [never-equal]']),
    ('call.transfer == ', flow("  a: [{if: \"call.transfer in ['busy', 'no_answer', 'CHANUNAVAIL']\", then: hangup}, {goto: bye}]\n"),
     ["f.yaml:4:12: warning: \"call.transfer in ['busy', 'no_answer', 'CHANUNAVAIL']\": call.transfer is never \"no_answer\"; did you mean \"no answer\"? [never-equal]"]),
    ('result', flow("  a: [{tag: {result: good}}, {goto: bye}]\n"),
     ['f.yaml:4:22: warning: the dialplan is not told the tag "result": VOICEBOT_RESULT is the call\'s own; rename it [taken-name]']),
    ('secret with', flow("  a: [{ask: {to: q, type: text, secret: true}}, {call: pin, with: {x: '${q}'}}, {goto: bye}]\n"),
     ['pin.yaml:3:85: error: "x" is secret and may not be logged [secret-told]']),
    ('secret return', flow("  a: [{call: pin, to: r}, {log: '${r}'}, {goto: bye}]\n"),
     ['f.yaml:4:33: error: "r" is secret and may not be logged [secret-told]']),
    ('secret record', flow("  a: [{record: {to: p, secret: true}}, {log: '${p}'}, {goto: bye}]\n"),
     ['f.yaml:4:46: error: "p" is secret and may not be logged [secret-told]']),
    ('secret expression', flow('  a: [{ask: {to: p, type: text, secret: true}}, {say: "${\'x\' if p == \'a\' else \'y\'}"}, {goto: bye}]\n'),
     ['f.yaml:4:55: error: "p" is secret and may not be said [secret-told]']),
    ('member of text', flow("  a: [{ask: {to: p, type: digits, length: 4}}, {if: 'p.status == 200', then: hangup}, {goto: bye}]\n"),
     ['f.yaml:4:53: error: "p.status == 200": p is a text of digits, which has no members [never-works]']),
    ('member of http', flow("  a: [{http: {get: 'http://x/', to: r}}, {if: 'r.stauts == 200', then: hangup}, {goto: bye}]\n"),
     ['f.yaml:4:47: error: "r.stauts == 200": the answer of a server has no "stauts"; did you mean "status"? [never-works]']),
    ('filter', flow("  a: [{ask: {to: p, type: yes_no}}, {say: '${p | date}'}, {goto: bye}]\n"),
     ['f.yaml:4:43: error: "p | date": p is true or false, which `| date` cannot say [never-works]']),
    ('yes == ', flow('  a: [{ask: {to: p, type: yes_no}}, {if: "p == \'yes\'", then: hangup}, {goto: bye}]\n'),
     ['f.yaml:4:42: warning: "p == \'yes\'": p is true or false, never "yes": write just p, or not p [never-equal]']),
    ('digits ==', flow("  a: [{ask: {to: p, type: digits, length: 1}}, {if: 'p == 4', then: hangup}, {goto: bye}]\n"),
     ['f.yaml:4:53: warning: "p == 4": p is a text, not a number: write int(p) [never-equal]']),
    ('digits < ', flow("  a: [{ask: {to: p, type: digits, length: 1}}, {if: 'p < 5', then: hangup}, {goto: bye}]\n"),
     ['f.yaml:4:53: warning: "p < 5": p is a text, not a number: write int(p) [never-equal]']),
    ('number == str', flow('  a: [{ask: {to: p, type: number}}, {if: "p == \'5\'", then: hangup}, {goto: bye}]\n'),
     ['f.yaml:4:42: warning: "p == \'5\'": p is a number, not a text: write 5 without quotes [never-equal]']),
    ('choice', flow('  a: [{ask: {to: p, type: choice, choices: [small, large]}}, {if: "p == \'smal\'", then: hangup}, {goto: bye}]\n'),
     ['f.yaml:4:67: warning: "p == \'smal\'": p is never "smal"; did you mean "small"? [never-equal]']),
    ('date', flow('  a: [{ask: {to: p, type: date}}, {if: "p == \'tomorrow\'", then: hangup}, {goto: bye}]\n'),
     ['f.yaml:4:40: warning: "p == \'tomorrow\'": p is a date, written as "2027-03-01": it is never "tomorrow" [never-equal]']),
    ('time', flow('  a: [{ask: {to: p, type: time}}, {if: "p < \'9:00\'", then: hangup}, {goto: bye}]\n'),
     ['f.yaml:4:40: warning: "p < \'9:00\'": p is a time, written as "09:30": it is never "9:00" [never-equal]']),
    ('in', flow("  a: [{ask: {to: p, type: digits, length: 1}}, {if: 'p in [1, 2]', then: hangup}, {goto: bye}]\n"),
     ['f.yaml:4:53: warning: "p in [1, 2]": p is a text, not a number: write int(p) [never-equal]']),
    ('untranslated', flow('  a: [{say: {en-US: Hi, de-DE: Hallo}}, {say: {en-US: Bye}}, {language: de-DE}, {language: es-ES}, {goto: bye}]\n'),
     ['f.yaml:4:13: warning: this prompt is not translated to es-ES [not-translated]', 'f.yaml:4:47: warning: this prompt is not translated to de-DE, es-ES [not-translated]', 'f.yaml:4:92: warning: no prompt is translated to es-ES [not-translated]']),
    ('markup', flow('  a: [{say: \'<brake time="300ms"/>Hi\'}, {say: \'a <break time="${1}00ms"/>\'}, {goto: bye}]\n'),
     ['f.yaml:4:13: warning: <brake> is not known in prompts: did you mean <break>? [markup]']),
]  # fmt: skip

SOUND = {
    'marks': flow("  a: [{say: '<mark name=\"red\"/>Red.'}, {if: \"call.mark == 'red' and call.mark_time < 2 or call.mark == null\", then: {goto: bye}}, {goto: bye}]\n"),
    'marks of any name': flow("  a: [{say: '<mark name=\"${x}\"/>Red.'}, {if: \"call.mark == 'blue'\", then: {goto: bye}}, {goto: bye}]\n", "vars: {x: red}\n"),
    'marks of whoever calls': flow("  a: [{if: \"call.mark == 'blue'\", then: return}, {goto: bye}]\n"),
    'called node': flow('  a: [{call: b}, {goto: bye}]\n  b: [{log: x}, return]\n'),
    'recursion with question': flow('  a: [{call: b}, {goto: bye}]\n  b: [{ask: {to: x, type: yes_no}}, {if: x, then: return}, {call: b}, return]\n'),
    'circle broken by asking flow': flow('  a: [{call: pay}, {goto: a}]\n'),
    'circle record ok': flow('  a: [{record: {to: m}}, {goto: a}]\n'),
    'transfer ends': flow("  a: [{transfer: '400'}]\n"),
    'transfer comes back': flow("  a: [{transfer: {voicemail: '400', failed: {goto: b}}}]\n  b: [{transfer: {queue: q, failed: {goto: bye}}}]\n"),
    'call texts': flow("  a: [{if: \"call.caller == '5' or int(call.args.n) > 4 or call.args.n == null\", then: hangup}, {goto: bye}]\n"),
    'return ends': flow('  a: [{call: b}, {goto: bye}]\n  b: [{return: 1}]\n'),
    'form ok': flow("  a: [{form: {slots: [{to: d, type: date, say: D, check: 'd > today()'}, {to: t, type: time, say: '${d | date}'}], confirm: {say: '${d | date} ${t | time}'}}}, {goto: bye}]\n"),
    'sub no way out inherits': flow('  a: [{call: open}, {goto: bye}]\n'),
    'secret json ok': flow("  a: [{ask: {to: p, type: text, secret: true}}, {http: {post: 'http://x/', json: {a: ['${p}']}, headers: {b: '${p}'}}}, {goto: bye}]\n"),
    'ok compare': flow('  a: [{ask: {to: p, type: digits, length: 1}}, {if: \'int(p) == 4 or p == "4" or p == null\', then: hangup}, {goto: bye}]\n'),
    'events': 'voicebot: 1\non: {error: {then: return}, failed: {then: hangup}}\nnodes: {a: hangup}\n',
    'unread called': flow("  a: [{call: b, with: {v: 1}, to: w}, {log: '${v} ${w}'}, {goto: bye}]\n  b: [{log: '${v}'}, {return: 2}]\n"),
    'returned sets': flow("  a: [{call: b}, {log: '${z}'}, {goto: bye}]\n  b: [{set: {z: 1}}, return]\n"),
}  # fmt: skip


def told(text: str, folder: Path) -> list[str]:
    for name, called in CALLED.items():
        (folder / name).write_text(called)
    path = folder / "f.yaml"
    path.write_text(text)
    return [
        f"{Path(f.mark.file).name}:{f.mark.line}:{f.mark.column}: {f.severity}: "
        f"{f.message.replace(str(folder), 'FOLDER')} [{f.rule}]"
        for f in checked_flow(path)[1]
    ]


@pytest.mark.parametrize(
    ("text", "lines"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_broken_flow_has_these_findings(text: str, lines: list[str], tmp_path: Path) -> None:
    assert told(text, tmp_path) == lines


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND.keys())
def test_sound_flow_has_no_finding(text: str, tmp_path: Path) -> None:
    assert told(text, tmp_path) == []


def test_called_flow_may_be_given_anything(tmp_path: Path) -> None:
    nodes = "nodes: {a: [{log: '${x.status}'}, END]}\n"
    path = tmp_path / "f.yaml"
    path.write_text(f"voicebot: 1\nvars: {{x: none}}\n{nodes}".replace("END", "return"))
    assert checked_flow(path)[1] == []
    path.write_text(f"voicebot: 1\nvars: {{x: none}}\n{nodes}".replace("END", "hangup"))
    assert [f.message for f in checked_flow(path)[1]] == [
        '"x.status": x is a text, which has no members'
    ]


def test_sound_file_needs_its_words(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    text = flow("  a: [{say: {file: a.wav, text: ' '}}, {goto: bye}]\n")
    assert told(text, tmp_path) == [
        "f.yaml:4:20: error: a sound file needs `text:`, the words that are in it [sound-text]"
    ]


HOURS = flow("  a: [{if: \"hours('shop')\", then: hangup}, {goto: bye}]\n")


def test_calendar_that_is_not_in_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(HOURS)
    assert checked_flow(path)[1] == []
    assert checked_flow(path, calendars=["shop"])[1] == []
    assert [str(f) for f in checked_flow(path, calendars=["shops", "bar"])[1]] == [
        f'{path}:4:12: error: no calendar is called "shop" in the settings; did you mean "shops"?'
    ]
    assert [str(f) for f in checked_flow(path, calendars=["bar"])[1]] == [
        f'{path}:4:12: error: no calendar is called "shop" in the settings; there is bar'
    ]


def test_language_that_the_settings_lack(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        flow("  a: [{say: {en-US: Hi., de-DE: Hallo.}}, {language: de-DE}, {goto: bye}]\n")
    )
    assert checked_flow(path, languages=["de-DE", "en-US"])[1] == []
    assert [str(f) for f in checked_flow(path, languages=["en-US"])[1]] == [
        f"{path}:4:54: error: the settings have no voice and model for de-DE, only for en-US: add them under asr.models and tts.voices"
    ]
    assert [str(f) for f in checked_flow(path, languages=["de-DE"])[1]] == [
        f"{path}:1:1: error: the settings have no voice and model for en-US, only for de-DE: add them under asr.models and tts.voices"
    ]


def test_finding_of_a_called_flow_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").write_text("voicebot: 1\nnodes: {a: [return], b: [return]}\n")
    path = tmp_path / "f.yaml"
    path.write_text(
        flow("  a: [{call: sub}, {call: c}, {goto: bye}]\n  c: [{call: sub}, return]\n")
    )
    assert [str(f) for f in checked_flow(path)[1]] == [
        f'{tmp_path / "sub.yaml"}:2:25: warning: no way leads to the node "b"'
    ]


def test_called_flow_is_proved_with_the_events_of_its_caller(tmp_path: Path) -> None:
    sub = "voicebot: 1\nnodes: {a: [{menu: {choices: [{answers: help, keys: 1, then: return}]}}]}\n"
    (tmp_path / "sub.yaml").write_text(sub)
    path = tmp_path / "f.yaml"
    path.write_text(
        "voicebot: 1\non: {failed: {goto: a}, help: {answers: help, keys: 12, then: repeat}}\n"
        "nodes: {a: [{call: sub}, hangup]}\n"
    )
    assert [(f.mark.line, f.mark.column, f.message) for f in checked_flow(path)[1]] == [
        (2, 31, '"help" is also that of the event "help", which is not heard in this question'),
        (2, 31, 'the key "1" is the beginning of "12": who presses 1 waits 1.5 s'),
    ]


def test_two_languages_have_answers_of_their_own(tmp_path: Path) -> None:
    def menu(first: str, second: str) -> str:
        return flow(
            f"  a: [{{menu: {{choices: [{{answers: {first}, goto: bye}}, {{answers: {second}, goto: bye}}]}}}}]\n"
        )

    assert told(menu("{en-US: x, de-DE: y}", "{en-US: y, de-DE: x}"), tmp_path) == []
    assert told(menu("{en-US: x, de-DE: y}", "{en-US: z, de-DE: y}"), tmp_path) == [
        'f.yaml:4:69: error: the answer "y" is also that of "x" (line 4) [same-answer]'
    ]
