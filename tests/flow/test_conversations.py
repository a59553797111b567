"""The tests of a flow as they are read: every form of a step, and every mistake at its place."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow import conversations as conv
from voicebot.flow import yamlfile
from voicebot.flow.circumstances import A_MONDAY, Circumstances, Reply, request_key
from voicebot.flow.conversations import Conversation, Conversations, read_file
from voicebot.flow.fields import Fields
from voicebot.flow.yamlfile import Mark, Severity


def read(text: str) -> tuple[tuple[Conversation, ...], list[str]]:
    root, findings = yamlfile.parse(text, "f.yaml")
    assert root is not None
    assert not findings
    fields = Fields(Path("f.yaml"))
    found = Conversations(fields).read(root)
    return found, [str(finding) for finding in yamlfile.sort_findings(fields.findings)]


def steps(*lines: str) -> tuple[conv.ConversationStep, ...]:
    text = "- name: x\n  steps:\n" + "".join(f"    - {line}\n" for line in lines)
    (test,), findings = read(text)
    assert not findings
    return test.steps


def mark(line: int, column: int = 7) -> Mark:
    return Mark("f.yaml", line, column)


# Steps -------------------------------------------------------------------------------------------

FIRST = mark(3)


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ('bot: "Which day?"', conv.BotSays("Which day?", None, FIRST)),
        ('bot: {says: "Which day?", within: 450ms}', conv.BotSays("Which day?", 0.45, FIRST)),
        ('{bot: "Which day?", within: 1s}', conv.BotSays("Which day?", 1.0, FIRST)),
        ('caller: "next tuesday"', conv.CallerSays("next tuesday", False, FIRST)),
        ("caller: hangup", conv.CallerSays("hangup", False, FIRST)),
        ("caller: 42", conv.CallerSays("42", False, FIRST)),
        ("caller: no", conv.CallerSays("no", False, FIRST)),
        ('caller: {say: "stop", early: true}', conv.CallerSays("stop", True, FIRST)),
        ('{caller: "stop", early: true}', conv.CallerSays("stop", True, FIRST)),
        ('caller: {keys: "12#"}', conv.CallerPresses("12#", False, FIRST)),
        ("caller: {keys: 0800}", conv.CallerPresses("0800", False, FIRST)),
        ('caller: {keys: "1 2 a", early: true}', conv.CallerPresses("12A", True, FIRST)),
        ('caller: ""', conv.CallerWaits(None, FIRST)),
        ("caller: {silence: true}", conv.CallerWaits(None, FIRST)),
        ("caller: {silence: 3s}", conv.CallerWaits(3.0, FIRST)),
        ("caller: {hangup: true}", conv.CallerHangsUp(FIRST)),
        ("ends", conv.Ends(None, None, None, {}, {}, {}, (), (), FIRST)),
        ("ends: caller", conv.Ends("caller", None, None, {}, {}, {}, (), (), FIRST)),
        ('ends: {to: "400"}', conv.Ends("transfer", "400", None, {}, {}, {}, (), (), FIRST)),
        (
            'ends: {by: bot, node: bye, vars: {n: 4, t: "10:00", x: null, ok: true}, tags: {why: 2},'
            ' results: {n: 4, pin: null}, logged: "booked", never_logged: ["123", "456"]}',
            conv.Ends(
                "bot", None, "bye", {"n": 4, "t": "10:00", "x": None, "ok": True},
                {"why": "2"}, {"n": 4, "pin": None}, ("booked",), ("123", "456"), FIRST,
            ),
        ),
    ],
)  # fmt: skip
def test_a_step(line: str, step: conv.ConversationStep) -> None:
    assert steps(line) == (step,)


def test_several_parts_of_one_turn_are_steps_of_their_own() -> None:
    assert steps('bot: {says: ["One", "two"], within: 1s}') == (
        conv.BotSays("One", 1.0, FIRST),
        conv.BotSays("two", None, mark(3, 27)),
    )


def test_a_recording_counts_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "yes.wav").touch()
    path = tmp_path / "tests.yaml"
    path.write_text(
        "voicebot: 1\nflow: dentist\ntests:\n"
        '  - name: x\n    steps: [{caller: {wav: yes.wav, text: "yes"}}]\n',
        encoding="utf-8",
    )
    flow, (test,), findings = read_file(path)
    assert (flow, findings) == ("dentist", [])
    assert test.steps == (
        conv.CallerPlays(str(tmp_path / "yes.wav"), "yes", False, Mark(str(path), 5, 13)),
    )


def test_a_missing_recording_is_a_warning() -> None:
    _, (finding,) = read('- {name: x, steps: [{caller: {wav: a.wav, text: "yes"}}]}')
    assert finding == (
        "f.yaml:1:36: warning: there is no sound file a.wav; the path counts from this file"
    )


# The call ----------------------------------------------------------------------------------------


def circumstances(call: str) -> Circumstances:
    (test,), findings = read(f"- name: x\n  call: {call}\n  steps: [ends]\n")
    assert not findings
    return test.call


def test_a_call_that_says_nothing() -> None:
    (test,), _ = read("- {name: x, steps: [ends]}")
    assert test.call == Circumstances("", "", "", "", "", {}, A_MONDAY, {}, {}, {}, 1)


def test_who_calls_and_when() -> None:
    call = circumstances('{caller: 15551234, called: "7001", at: "2027-03-02T09:30", seed: 7}')
    assert (call.caller, call.called, call.seed) == ("15551234", "7001", 7)
    assert call.at == datetime(2027, 3, 2, 9, 30)
    call = circumstances(
        "{caller_name: Emma Jones, channel: PJSIP/trunk-0000002a, channel_language: en,"
        " args: {arg1: vip, order: 0815}}"
    )
    assert (call.caller_name, call.channel) == ("Emma Jones", "PJSIP/trunk-0000002a")
    assert (call.channel_language, call.args) == ("en", {"arg1": "vip", "order": "0815"})
    zoned = circumstances('{at: "2027-03-02T09:30Z"}')
    assert zoned.at == datetime(2027, 3, 2, 9, 30, tzinfo=UTC)


def test_calendars_and_extensions() -> None:
    call = circumstances('{hours: {practice: false}, transfers: {"400": busy}}')
    assert call.hours == {"practice": False}
    assert call.transfers == {"400": "busy"}


@pytest.mark.parametrize(
    ("written", "request_", "replies"),
    [
        ('"POST /book": {status: 201}', "POST /book", (Reply(201),)),
        ('"post /book": 409', "POST /book", (Reply(409),)),
        ('"GET http://h:80/a/b?c=d": {}', "GET /a/b", (Reply(200),)),
        ('"GET https://h": down', "GET /", (Reply(0),)),
        ('"GET /": {status: 0}', "GET /", (Reply(0),)),
        ('"GET /": {json: {a: [1]}}', "GET /", (Reply(200, {"a": [1]}, '{"a": [1]}'),)),
        ('"GET /": {text: "[1]"}', "GET /", (Reply(200, [1], "[1]"),)),
        ('"GET /": {status: 500, text: "oh no"}', "GET /", (Reply(500, None, "oh no"),)),
        ('"GET /": [503, down, {status: 200}]', "GET /", (Reply(503), Reply(0), Reply(200))),
    ],
)
def test_what_a_server_answers(written: str, request_: str, replies: tuple[Reply, ...]) -> None:
    assert circumstances(f"{{http: {{{written}}}}}").http == {request_: replies}


@given(st.text(), st.text())
def test_any_request_has_a_key_or_none(method: str, url: str) -> None:
    key = request_key(method, url)
    assert not key or key.split(" ", 1)[0] in ("GET", "POST", "PUT", "PATCH", "DELETE")


# Mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ('bto: "x"', '3:7: error: a step of a test has no "bto"; did you mean "bot"?'),
        ("hangup", "3:7: error: a step of a test is `bot: part`, `caller: words` or `ends: {by: bot}`"),
        ("end", '3:7: error: a step of a test is `bot: part`, `caller: words` or `ends: {by: bot}`; did you mean "ends"?'),
        ('{bot: "x", caller: "y"}', '3:26: error: "bot" and "caller" are two steps: begin each with `-`'),
        ("{within: 3s}", "3:7: error: a step of a test needs `bot:`, `caller:` or `ends:`"),
        ('{caller: "x", within: 3s}', "3:29: error: `within` belongs to a step `bot:`"),
        ('{bot: "x", early: true}', "3:25: error: `early` belongs to a step `caller:`"),
        ("{ends: bot, early: true}", "3:26: error: `early` belongs to a step `caller:`"),
        ("bot: {within: 3s}", '3:12: error: write a part of what the bot says, or {says: "part", within: 450ms}'),
        ('bot: "…"', '3:12: error: nothing to listen for: write a part of what the bot says, or {says: "part", within: 450ms}'),
        ("bot: {says: x, within: 3}", '3:30: error: "3" is not a duration: write 5s, 300ms or 2m'),
        ("caller:", '3:14: error: nothing stands here: for saying nothing write ""'),
        ('caller: "?!"', '3:15: error: "?!" has no word that a caller could say'),
        ("caller: {early: true}", '3:15: error: write what the caller says, {keys: "12"}, {silence: true}, {hangup: true} or {wav: path, text: "words in it"}'),
        ('caller: {kyes: "1"}', '3:16: error: `caller` has no "kyes"; did you mean "keys"?'),
        ('caller: {say: a, keys: "1"}', '3:30: error: "say" and "keys" are two steps: begin each with `- caller:`'),
        ('caller: {keys: "1x"}', '3:22: error: "1X" are not keys: keys are 0-9, * and #, in quotes: {keys: "12"}'),
        ("caller: {say: a, text: b}", "3:30: error: `text` belongs to `wav`; what is spoken is `say`"),
        ("caller: {hangup: false}", "3:24: error: the caller hangs up or not: write `true`"),
        ("caller: {silence: false}", "3:25: error: write `true`, or how long: `{silence: 3s}`"),
        ("ends: {by: callr}", '3:18: error: a call ends by bot, caller or transfer, not by "callr"; did you mean "caller"?'),
        ('ends: {by: bot, to: "400"}', "3:27: error: `to` says where a call was transferred: `by: transfer`"),
        ("ends: {vras: {}}", '3:14: error: `ends` has no "vras"; did you mean "vars"?'),
        ('ends: {logged: ""}', "3:22: error: there is nothing here to look for: write a part of it"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_step(line: str, finding: str) -> None:
    _, findings = read(f"- name: x\n  steps:\n    - {line}\n")
    assert findings == [f"f.yaml:{finding}"]


@pytest.mark.parametrize(
    ("call", "finding"),
    [
        ("{callr: 1}", '2:10: error: `call` of a test has no "callr"; did you mean "caller"?'),
        ('{at: "tomorrow"}', '2:14: error: "tomorrow" is not a day and time: write "2027-03-01T10:00", in quotes'),
        ("{at: 2027-03-01}", '2:14: error: "2027-03-01" is not a day and time: write "2027-03-01T10:00", in quotes'),
        ("{http: {/book: {}}}", '2:17: error: "/book" is not a request: write the method and the path, such as "POST /book"'),
        ('{http: {"POST book": {}}}', '2:17: error: "POST book" is not a request: write the method and the path, such as "POST /book"'),
        ('{http: {"GET /": []}}', "2:26: error: the list is empty: add an answer, {status: 200}"),
        ('{http: {"GET /": {status: ok}}}', "2:35: error: a status is a number such as 200, or `down` for a server that is silent"),
        ('{http: {"GET /": {json: 1, text: x}}}', "2:42: error: an answer has `json` or `text`: remove one"),
        ("{hours: {practice: 8}}", "2:28: error: whether a calendar is open is true or false"),
        ("{transfers: {400: no-answer}}",
         '2:27: error: "no-answer" is nothing that a transfer comes to; did you mean "no answer"?'),
        ("{args: [vip]}", "2:16: error: args is written as names with values"),
        ("{caller_nam: x}", '2:10: error: `call` of a test has no "caller_nam"; did you mean "caller_name"?'),
        ("{seed: x}", "2:16: error: seed is a whole number, 0 or more"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_call(call: str, finding: str) -> None:
    _, findings = read(f"- name: x\n  call: {call}\n  steps: [ends]\n")
    assert findings == [f"f.yaml:{finding}"]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("x: y", "1:1: error: tests is a list: begin each with `-`"),
        ("- steps: [ends]", "1:3: error: a test needs `name:`, what it shows"),
        ("- name: x", "1:3: error: a test needs `steps:`, what the bot and the caller say in turn"),
        ("- {nmae: x, steps: [ends]}", '1:4: error: a test has no "nmae"; did you mean "name"?'),
        ("- {name: x, steps: []}", "1:20: error: steps is empty: add at least one"),
        (
            "- {name: x, steps: [ends]}\n- {name: x, steps: [ends]}",
            '2:3: error: the test "x" is already there at f.yaml:1:3; rename one',
        ),
        (
            '- {name: x, steps: [ends, bot: "y", bot: "z"]}',
            "1:27: error: nothing can follow `ends`",
        ),
        (
            '- {name: x, steps: [caller: {hangup: true}, bot: "y"]}',
            "1:45: error: only `ends` can follow: the caller has hung up",
        ),
    ],
)
def test_a_mistake_in_a_test(text: str, finding: str) -> None:
    assert read(text)[1] == [f"f.yaml:{finding}"]


def test_a_call_ends_after_the_caller_has_hung_up() -> None:
    assert len(steps("caller: {hangup: true}", "ends: caller")) == 2


# Files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("voicebot: 1\nflow: d\ntests: [{name: x, steps: [ends]}]\n", []),
        (
            "tests: [{name: x, steps: [ends]}]\n",
            [
                "1:1: error: the file needs a line `flow: name`, the flow that is tested",
                "1:1: error: the file needs a line `voicebot: 1`, the version of the language",
            ],
        ),
        (
            "voicebot: 2\nflow: d\ntests: [{name: x, steps: [ends]}]\n",
            ["1:11: error: this voicebot reads version 1 of the language: write `voicebot: 1`"],
        ),
        (
            "voicebot: 1\nflow: d\n",
            ["1:1: error: the file has no tests: add `tests:`, a list of them"],
        ),
        (
            "voicebot: 1\nflow: d\nnodes: {}\ntests: [{name: x, steps: [ends]}]\n",
            ['3:1: error: a file of tests has no "nodes"; there is voicebot, flow, tests'],
        ),
    ],
)
def test_a_file_of_tests(text: str, findings: list[str], tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text, encoding="utf-8")
    assert [str(f) for f in read_file(path)[2]] == [f"{path}:{finding}" for finding in findings]


def test_no_file_of_tests(tmp_path: Path) -> None:
    name, tests, (finding,) = read_file(tmp_path / "none.yaml")
    assert (name, tests) == ("", ())
    assert finding.severity is Severity.ERROR
