"""Tests in text: every kind of step, what makes one fail, and what is told of it."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rehearsal.flows import TAXI, flow_of, run
from voicebot.flow import conversations as conv
from voicebot.flow.circumstances import A_MONDAY, Circumstances, Reply
from voicebot.flow.loader import load_flow
from voicebot.flow.model import Flow
from voicebot.flow.yamlfile import Mark
from voicebot.rehearsal.diff import failure_text
from voicebot.rehearsal.outcome import Who
from voicebot.rehearsal.text import run_text
from voicebot.rehearsal.verdict import same

MARK = Mark("f.yaml", 1, 1)
_FLOWS: list[Flow] = []
"""Checked once for all examples."""
ORDER = 'http: {"POST /order": {json: {at: "10:00"}}}'

PASSING = {
    "speech, secret keys, a request": (
        [
            'bot: ["Taxi service", "a message"]', 'caller: "a taxi please"', 'bot: "PIN"',
            'caller: {keys: "1234"}', 'bot: "One moment"', 'bot: "comes at 10:00"', 'bot: "Goodbye"',
            'ends: {by: bot, node: order, vars: {pin: "1234"}, tags: {order: 200}, logged: "with 200",'
            " never_logged: 1234}",
        ],
        f"{{{ORDER}}}",
    ),
    "a spoken secret": (
        ['caller: "taxi"', 'caller: "one two three four"', "ends: {never_logged: [1234, one two]}"],
        f"{{{ORDER}}}",
    ),
    "keys wait for more keys": (
        ['caller: {keys: "1"}', 'bot: "PIN"'],
        "{}",
    ),
    "keys one after the other": (
        ['caller: {keys: "1"}', 'caller: {keys: "2"}', 'bot: "after the beep"'],
        "{}",
    ),
    "type-ahead": (
        ['caller: {keys: "1", early: true}', 'caller: {keys: "1234", early: true}', 'bot: "comes at"'],
        f"{{{ORDER}}}",
    ),
    "barge-in": (['bot: "Taxi service"', '{caller: "taxi", early: true}', 'bot: "PIN"'], "{}"),
    "silence": (
        ['caller: ""', 'bot: "Are you there"', "caller: {silence: true}", 'bot: "Call again"', "ends: bot"],
        "{}",
    ),
    "a short silence is none": (
        ["caller: {silence: 2s}", 'caller: "taxi"', 'bot: "PIN"'],
        "{}",
    ),
    "a long silence": (["caller: {silence: 20s}", 'bot: ["Are you there", "again"]', "ends"], "{}"),
    "a miss": (['caller: "bananas"', 'bot: "Sorry"', 'bot: "A taxi, or"'], "{}"),
    "hangup": (
        ['caller: "taxi"', "caller: {hangup: true}", 'ends: {by: caller, logged: "left at order"}'],
        "{}",
    ),
    "a transfer": (['caller: "operator"', 'ends: {by: transfer, to: "400"}'], "{}"),
    "a transfer to nobody": (
        ['caller: {keys: "0"}', 'bot: "I connect"', 'bot: "Nobody is there"', "ends: bot"],
        '{transfers: {"400": busy}}',
    ),
    "a recording": (
        ['caller: "a message"', 'bot: "beep"', 'caller: "hello it is me"', 'bot: "Thank you"',
         'ends: {vars: {message: "recording-1.wav"}}'],
        "{}",
    ),
    "a recording ended by its key": (
        ['caller: "message"', 'caller: "hello"', 'caller: {keys: "#"}', 'bot: "Thank you"', "ends"],
        "{}",
    ),
    "a recording of nothing": (
        ['caller: "message"', 'caller: ""', 'bot: "Thank you"', "ends: {vars: {message: null}}"],
        "{}",
    ),
    "a recording that the caller leaves": (
        ['caller: "message"', 'caller: "hello"', "caller: {hangup: true}",
         'ends: {by: caller, vars: {message: "recording-1.wav"}}'],
        "{}",
    ),
    "a server that is down": (
        ['caller: "taxi"', 'caller: {keys: "1234"}', 'bot: "broke"', "ends: bot"],
        '{http: {"POST /order": down}}',
    ),
    "a server with another address": (
        ['caller: "taxi"', 'caller: {keys: "1234"}', 'bot: "No taxi"'],
        '{http: {"POST https://elsewhere:1/order?x=y": 503}}',
    ),
}  # fmt: skip


DESK = """\
voicebot: 1
vars: {day: null, pin: null}
on: {failed: {goto: bye}}
nodes:
  main:
    - say: "Hello ${call.caller_name} on ${call.channel} in ${call.channel_language}."
    - if: "call.args.queue != null"
      then: [{transfer: {queue: "${call.args.queue}", failed: {goto: mailbox}}}]
    - goto: desk
  desk:
    - ask: {to: day, type: date, say: "Which day?"}
    - ask: {to: pin, type: digits, length: 4, secret: true, say: "Your PIN?"}
    - transfer: {to: PJSIP/desk, announce: "I connect you.", whisper: "It is about ${day | date}.", failed: {goto: mailbox}}
  mailbox:
    - say: "Sorry, ${call.transfer}."
    - if: "call.transfer == 'empty'"
      then: [{goto: desk}]
    - transfer: {voicemail: "400@default", failed: {goto: bye}}
  bye: [{tag: {end: "${call.transfer}"}}, {say: "Goodbye."}, hangup]
"""
ASKED = ('caller: "march fifth"', 'caller: {keys: "1234"}', 'bot: "I connect you"')
CONNECTED = {
    "a channel": ((*ASKED, "ends: {to: PJSIP/desk}"), "{}"),
    "the dialplan is told": (
        (*ASKED, 'ends: {results: {day: "2027-03-05", pin: null, end: null}, never_logged: "1234"}'),
        "{}",
    ),
    "who calls": (
        ('bot: "Hello Emma on PJSIP/a-1 in de"', "caller: {hangup: true}", "ends"),
        "{caller_name: Emma, channel: PJSIP/a-1, channel_language: de}",
    ),
    "a queue": (("ends: {to: queue support}",), "{args: {queue: support}}"),
    "a queue by its name": (("ends: {by: transfer, to: support}",), "{args: {queue: support}}"),
    "a queue that is full, then a mailbox": (
        ('bot: "Sorry, full"', "ends: {to: voicemail 400@default}"),
        "{args: {queue: support}, transfers: {queue support: full}}",
    ),
    "nobody anywhere": (
        ('bot: ["Sorry, timeout", "Goodbye"]', "ends: {by: bot, results: {end: unreachable}}"),
        '{args: {queue: support}, transfers: {support: timeout, "400@default": unreachable}}',
    ),
    "a number that cannot be dialled": (
        ('bot: "Sorry, unreachable"', "ends: {to: 400@default}"),
        '{args: {queue: "support,t"}}',
    ),
    "keys before and while it rings are gone": (
        (*ASKED, 'caller: {keys: "12", early: true}', 'bot: ["Sorry, empty", "Which day"]',
         'caller: "march sixth"', 'bot: "Your PIN"', "caller: {hangup: true}",
         'ends: {results: {day: "2027-03-06"}}'),
        "{transfers: {PJSIP/desk: empty}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONNECTED)
def test_a_call_that_is_connected(name: str, tmp_path: Path) -> None:
    steps, call = CONNECTED[name]
    outcome = run(tmp_path, *steps, call=call, flow=DESK)
    assert outcome.passed, outcome.failure


def test_who_is_not_connected_hears_all_of_the_announcement_before(tmp_path: Path) -> None:
    flow = (
        "voicebot: 1\nnodes:\n"
        "  a: [{transfer: {to: '400', announce: [Hold on., I try.], failed: {goto: b}}}]\n"
        "  b: [{say: Nobody is there.}, hangup]\n"
    )
    outcome = run(tmp_path, "ends: {by: bot}", call="{transfers: {'400': busy}}", flow=flow)
    assert outcome.passed
    assert [line.text for line in outcome.exchange] == [
        "Hold on.", "I try.", "transfer to 400: busy", "Nobody is there.", "the bot hung up",
    ]  # fmt: skip


def test_the_caller_does_not_hear_what_the_agent_hears(tmp_path: Path) -> None:
    outcome = run(tmp_path, *ASKED, "ends: {to: PJSIP/desk}", flow=DESK)
    assert outcome.passed
    assert [line.text for line in outcome.exchange if line.who is not Who.CALLER] == [
        "Hello on in .", "Which day?", "Your PIN?", "I connect you.",
        "the call was transferred to PJSIP/desk",
    ]  # fmt: skip
    outcome = run(tmp_path, *ASKED, 'bot: "It is about"', flow=DESK)
    assert outcome.failure is not None
    assert 'the bot does not say "It is about"' in outcome.failure.message


NOT_CONNECTED = [
    (("ends: {to: queue sales}",), "{args: {queue: support}}",
     "the call was transferred to queue support, not to queue sales"),
    ((*ASKED, 'ends: {results: {day: "2027-03-06", pin: "1234", end: x}}'), "{}",
     'result day is "2027-03-05", not "2027-03-06"; there is no result "pin"; there is no result "end"'),
    ((*ASKED, "ends: {results: {day: null}}"), "{}", 'the dialplan is told day, "2027-03-05"'),
    ((*ASKED, 'ends: {never_logged: "march fifth"}'), "{}",
     '"march fifth" is not to be kept, but what the caller said or pressed has it: "march fifth"'),
    ((*ASKED, 'ends: {never_logged: "It is about"}'), "{}",
     '"It is about" is not to be kept, but what the agent hears has it: "It is about Friday, March fifth."'),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "call", "message"), NOT_CONNECTED)
def test_a_call_that_is_connected_otherwise(
    steps: tuple[str, ...], call: str, message: str, tmp_path: Path
) -> None:
    outcome = run(tmp_path, *steps, call=call, flow=DESK)
    assert outcome.failure is not None
    assert outcome.failure.message == message


@pytest.mark.parametrize("name", PASSING)
def test_passes(name: str, tmp_path: Path) -> None:
    steps, call = PASSING[name]
    outcome = run(tmp_path, *steps, call=call)
    assert outcome.passed, outcome.failure


FAILING = [
    (
        ['bot: "Taxy"'], "{}",
        'the bot does not say "Taxy": it said "Taxi service." "A taxi, or a message?", and waits for an answer in main',
    ),
    (
        ['bot: "a message"', 'bot: "service"'], "{}",
        'the bot does not say "service": it said "Taxi service." "A taxi, or a message?", and waits for an answer in main',
    ),
    (
        ['caller: "operator"', 'bot: "Goodbye"'], "{}",
        'the bot does not say "Goodbye": it said "I connect you.", and the call was transferred to 400',
    ),
    (
        ['caller: "operator"', 'caller: "hello"'], "{}",
        'the caller cannot say "hello": it said "I connect you.", and the call was transferred to 400',
    ),
    (
        ['caller: "taxi"', 'caller: {keys: "1234"}'], "{}",
        "the flow asks POST /order, and the test does not say what the server answers: "
        'add to `call:` of the test  http: {"POST /order": {status: 200, json: {}}}',
    ),
    (
        ['caller: "taxi"', 'caller: {keys: "1234"}'], '{http: {"POST /orders": 200}}',
        "the flow asks POST /order, and the test does not say what the server answers; "
        'did you mean "POST /orders"?: '
        'add to `call:` of the test  http: {"POST /order": {status: 200, json: {}}}',
    ),
    (["ends"], "{}", "the call has not ended, it is in main"),
    (
        ["ends: caller"], "{}",
        "the call has not ended, it is in main: add `- caller: {hangup: true}` before",
    ),
    (["caller: {hangup: true}", "ends: bot"], "{}", "the caller hung up, not the bot"),
    (
        ['caller: "operator"', 'ends: {to: "500", node: main}'], "{}",
        "the call was transferred to 400, not to 500; it ended in operator, not in main",
    ),
    (
        ['caller: "message"', 'caller: "hello"', 'ends: {vars: {mesage: x}, tags: {a: b}, logged: "x"}'], "{}",
        'there is no variable "mesage"; did you mean "message"?; there is no tag "a"; '
        'no log line has "x"; there is none',
    ),
    (
        ['caller: "message"', 'caller: "hello"', "ends: {vars: {message: null}}"], "{}",
        'variable message is "recording-1.wav", not null',
    ),
    (
        ['caller: "taxi"', 'caller: {keys: "1234"}', "ends: {vars: {pin: 4321}}"], f"{{{ORDER}}}",
        'variable pin is "***", not 4321',
    ),
    (
        ['caller: "taxi"', 'caller: {keys: "1234"}', 'ends: {never_logged: "with 200"}'], f"{{{ORDER}}}",
        '"with 200" is not to be kept, but a log line has it: "ordered with 200"',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "call", "message"), FAILING)
def test_fails(steps: list[str], call: str, message: str, tmp_path: Path) -> None:
    outcome = run(tmp_path, *steps, call=call)
    assert outcome.failure is not None
    assert outcome.failure.message == message
    assert outcome.failure.mark.line == TAXI.count("\n") + 4 + len(steps)


def test_speech_cannot_interrupt_where_the_question_forbids_it(tmp_path: Path) -> None:
    patient = TAXI.replace("defaults: {", "defaults: {barge_in: keys, ")
    outcome = run(tmp_path, 'bot: "Taxi"', '{caller: "taxi", early: true}', flow=patient)
    assert outcome.failure is not None
    assert outcome.failure.message == '"taxi" cannot interrupt: the question says `barge_in: keys`'


FLOWERS = """\
voicebot: 1
flow: flowers
start: main
vars: {flower: null}
on: {failed: {do: [hangup]}}
nodes:
  main:
    - say: {text: "This call is recorded.", barge_in: none}
    - menu:
        say: '<mark name="roses"/>We have roses. <mark name="tulips"/>We have tulips. <mark name="lilies"/>And lilies.'
        no_match: "Sorry?"
        choices:
          - {answers: ["that one"], keys: "1", do: [{set: {flower: "${call.mark}"}}], then: hangup}
"""


@pytest.mark.parametrize(
    ("part", "flower"), [("We have roses", "roses"), ("We have tulips", "tulips"), ("lilies", "lilies")]
)  # fmt: skip
def test_how_far_a_prompt_was_heard(tmp_path: Path, part: str, flower: str) -> None:
    steps = [f'bot: "{part}"', '{caller: "that one", early: true}']
    ends = f"ends: {{by: bot, vars: {{flower: {flower}}}}}"
    assert run(tmp_path, *steps, ends, flow=FLOWERS).failure is None


def test_a_prompt_says_itself_that_nobody_may_interrupt_it(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'bot: "This call"', '{caller: "that one", early: true}', flow=FLOWERS)
    assert outcome.failure is not None
    assert outcome.failure.message == (
        '"that one" cannot interrupt: the prompt says `barge_in: none`'
    )


def test_keys_wait_for_the_end_of_a_prompt_that_nobody_may_interrupt(tmp_path: Path) -> None:
    steps = ['bot: "This call"', 'caller: {keys: "1", early: true}', "ends: {vars: {flower: null}}"]
    outcome = run(tmp_path, *steps, flow=FLOWERS)
    assert outcome.failure is None
    assert outcome.call_s == pytest.approx(4 * 0.35)  # all of the notice, and no more


def test_what_is_no_answer_is_no_miss_while_the_bot_speaks(tmp_path: Path) -> None:
    steps = ['bot: "We have roses"', '{caller: "where is my car", early: true}']
    outcome = run(tmp_path, *steps, 'caller: "that one"', "ends: {by: bot}", flow=FLOWERS)
    assert outcome.failure is None
    assert [line.text for line in outcome.exchange if line.who is Who.BOT] == [
        "This call is recorded.",
        "We have roses. We have tulips. And lilies.",
    ]


def test_what_was_not_heard_is_not_in_the_exchange(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'bot: "Taxi service"', '{caller: "taxi", early: true}', 'bot: "PIN"')
    assert [(line.who, line.text) for line in outcome.exchange] == [
        (Who.BOT, "Taxi service."),
        (Who.CALLER, "taxi"),
        (Who.BOT, "Your PIN?"),
    ]


def test_answers_of_a_server_come_in_order(tmp_path: Path) -> None:
    again = TAXI.replace('say: "No taxi is free."', "goto: order")
    outcome = run(
        tmp_path,
        'caller: "taxi"',
        'caller: {keys: "1234"}',
        'caller: {keys: "1234"}',
        'bot: "comes at"',
        'ends: {logged: ["with 503", "with 200"]}',
        call='{http: {"POST /order": [503, {json: {at: "10:00"}}]}}',
        flow=again,
    )
    assert outcome.passed, outcome.failure


@pytest.mark.parametrize(("is_open", "said"), [("true", "open"), ("false", "closed")])
def test_a_test_says_whether_a_calendar_is_open(is_open: str, said: str, tmp_path: Path) -> None:
    flow = """\
voicebot: 1
nodes:
  a:
    - if: "hours('desk')"
      then: [{say: "We are open."}]
      else: [{say: "We are closed."}]
    - hangup
"""
    call = f"{{hours: {{desk: {is_open}}}}}"
    outcome = run(tmp_path, f'bot: "{said}"', "ends", call=call, flow=flow)
    assert outcome.passed, outcome.failure


def test_a_silence_is_one_silence(tmp_path: Path) -> None:
    """Also where the bot says nothing to it."""
    flow = """\
voicebot: 1
on: {failed: {do: [{say: "Call again."}, hangup]}}
nodes:
  a: [{ask: {to: x, type: yes_no, say: []}}, {say: "Well."}, hangup]
"""
    flow = flow.replace("say: []", 'say: "${call.caller}"')
    outcome = run(tmp_path, 'caller: ""', 'caller: "yes"', "bot: well", "ends", flow=flow)
    assert outcome.passed, outcome.failure


def test_a_call_may_end_in_a_flow_that_was_called(tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").write_text(
        "voicebot: 1\nflow: sub\nvars: {y: 2}\nnodes: {b: [{set: {y: 3}}, hangup]}\n",
        encoding="utf-8",
    )
    flow = "voicebot: 1\nvars: {x: 1}\nnodes: {a: [{call: sub}, hangup]}\n"
    outcome = run(tmp_path, "ends: {node: b, vars: {x: 1, y: 3}}", flow=flow)
    assert outcome.passed, outcome.failure


def test_an_unknown_calendar_is_open(tmp_path: Path) -> None:
    flow = "voicebot: 1\nnodes: {a: [{if: \"hours('x')\", then: [{say: Open.}]}, hangup]}\n"
    assert run(tmp_path, "bot: open", "ends", flow=flow).passed


def test_today_is_the_day_of_the_test(tmp_path: Path) -> None:
    flow = 'voicebot: 1\nnodes: {a: [{say: "Today is ${today() | date}."}, hangup]}\n'
    outcome = run(
        tmp_path, 'bot: "march fifth"', "ends", call='{at: "2027-03-05T10:00"}', flow=flow
    )
    assert outcome.passed, outcome.failure


def test_a_bot_that_asks_nothing_is_stopped(tmp_path: Path) -> None:
    """The check finds this one; other circles it cannot see."""
    path = tmp_path / "flow.yaml"
    path.write_text(
        'voicebot: 1\nnodes: {a: [{say: "Hello."}, {wait: 1s}, {goto: a}]}\n'
        'tests: [{name: x, steps: [caller: "yes"]}]\n',
        encoding="utf-8",
    )
    flow, _ = load_flow(path)
    assert flow is not None
    outcome = run_text(flow, flow.tests[0])
    assert outcome.failure is not None
    assert outcome.failure.message == (
        "the bot goes on and on and asks nothing: it needs a question or an end"
    )


def test_what_a_call_came_through(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'caller: "operator"', "ends")
    lines = {mark.line for mark in outcome.taken}
    where = [n for n, line in enumerate(TAXI.splitlines(), start=1) if "operator:" in line]
    assert lines >= {where[0], where[1] + 1}


STEPS = st.one_of(
    st.builds(conv.BotSays, st.sampled_from(["taxi", "PIN", "no"]), st.none(), st.just(MARK)),
    st.builds(
        conv.CallerSays,
        st.sampled_from(["taxi", "message", "operator", "one two three four", "well"]),
        st.booleans(),
        st.just(MARK),
    ),
    st.builds(
        conv.CallerPresses, st.text("0123456789*#", min_size=1), st.booleans(), st.just(MARK)
    ),
    st.builds(conv.CallerWaits, st.none() | st.floats(0, 60), st.just(MARK)),
    st.builds(conv.CallerHangsUp, st.just(MARK)),
)


@given(steps=st.lists(STEPS, max_size=12), refused=st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_test_has_an_outcome(
    steps: list[conv.ConversationStep], refused: bool, tmp_path: Path
) -> None:
    if not _FLOWS:
        _FLOWS.append(flow_of(TAXI, tmp_path))
    transfers = {"400": "busy"} if refused else {}
    replies = {"POST /order": (Reply(200, {"at": "10:00"}),)}
    call = Circumstances("", "", "", "", "", {}, A_MONDAY, replies, {}, transfers, 1)
    test = conv.Conversation("any", call, tuple(steps), MARK)
    outcome = run_text(_FLOWS[0], test)
    assert [line.at_s for line in outcome.exchange] == sorted(
        line.at_s for line in outcome.exchange
    )
    assert run_text(_FLOWS[0], test).exchange == outcome.exchange
    if outcome.failure is not None:
        assert failure_text(outcome)


def test_a_test_takes_milliseconds(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'caller: ""', 'caller: ""', "ends: bot")
    assert outcome.passed
    assert outcome.call_s > 10
    assert outcome.seconds < 1


@pytest.mark.parametrize(
    ("wanted", "found", "is_same"),
    [
        ("4", "4", True), (4, "4", True), (4, 4.0, True), (True, True, True), (True, 1, False),
        (None, None, True), (None, "", False), (1, True, False),
        ([1], [1], True), ({"a": 1}, {"a": 2}, False),
    ],
)  # fmt: skip
def test_values_as_yaml_has_them(wanted: object, found: object, is_same: bool) -> None:
    assert same(wanted, found) is is_same
