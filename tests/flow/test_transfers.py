"""Transfers: where they go, what may be dialled, what the agent hears, and how a call comes back."""

import re
import string
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.script import CALL, Script, Starter, flow_of
from voicebot.flow import events as ev
from voicebot.flow import walk
from voicebot.flow.check import checked_flow
from voicebot.flow.dialled import named
from voicebot.flow.dialog import CallInfo, Dialog
from voicebot.flow.events import TransferKind
from voicebot.flow.loader import load_flow
from voicebot.flow.model import Flow

EXTENSION, CHANNEL, QUEUE, VOICEMAIL = TransferKind


def said(*texts: str) -> tuple[ev.Prompt, ...]:
    return tuple(ev.Prompt(text, "en-US") for text in texts)


# Where they go -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "transfer"),
    [
        ('"400"', ev.Transfer("400", None, 30.0, False)),
        ("PJSIP/alice", ev.Transfer("PJSIP/alice", None, 30.0, False, CHANNEL)),
        ('{to: "400", context: office}', ev.Transfer("400", "office", 30.0, False)),
        ('{to: "PJSIP/a&PJSIP/b", wait: 5s}', ev.Transfer("PJSIP/a&PJSIP/b", None, 5.0, False, CHANNEL)),
        ('{to: "PJSIP/${n}@trunk"}', ev.Transfer("PJSIP/4@trunk", None, 30.0, False, CHANNEL)),
        ("{queue: support}", ev.Transfer("support", None, 300.0, False, QUEUE)),
        ("{queue: '${s}', wait: 90s, failed: {then: hangup}}", ev.Transfer("sales", None, 90.0, True, QUEUE)),
        ('{voicemail: "40${n}@default"}', ev.Transfer("404@default", None, 30.0, False, VOICEMAIL)),
        ('{to: "${far}"}', ev.Transfer("SIP/x", None, 30.0, False, CHANNEL)),
        ('{to: "4${n}", whisper: ["A call.", "${s}"]}',
         ev.Transfer("44", None, 30.0, False, EXTENSION, said("A call.", "sales"))),
    ],
)  # fmt: skip
def test_a_transfer_goes_to(start: Starter, written: str, transfer: ev.Transfer) -> None:
    call = start(f"  main: [{{transfer: {written}}}]\n", "vars: {n: 4, s: sales, far: SIP/x}\n")
    assert call.transferred == transfer


MISTAKES = [
    ("{queue: a, voicemail: b}", 40, "a transfer goes to one place: take `queue` or this"),
    ('{to: "1", queue: a}', 35, "a transfer goes to one place: take `to` or this"),
    ("{queue: a, whisper: Hi.}", 38,
     "`whisper` is for the one who is called with `to`: a queue has prompts of its own"),
    ("{queue: a, context: b}", 38, "`context` belongs to an extension, not to a queue"),
    ("{voicemail: a, wait: 5s}", 39,
     "`wait` belongs to `to` and `queue`: a voicemail takes the call at once"),
    ("{to: SIP/a, context: b}", 39, "`context` belongs to an extension: a channel has none"),
    ('{to: ""}', 23, "there is nobody to transfer to: `to` is empty"),
    ('{queue: ""}', 26, "there is nobody to transfer to: `queue` is empty"),
    ('{to: "400,30"}', 23,
     '"400,30" cannot be dialled: an extension has letters, digits and _ * # + . - : ;, and no \',\''),
    ('{to: "400@office"}', 23,
     '"400@office" cannot be dialled: an extension has letters, digits and _ * # + . - : ;, and no '
     "'@': write the context behind `context:`"),
    ('{to: "SIP/a,30,g"}', 23,
     '"SIP/a,30,g" cannot be dialled: a channel has letters, digits and _ * # + . - : ; @ / &, and '
     "no ','"),
    ("{to: '400${x}|1'}", 23,
     '"400|1" cannot be dialled: an extension has letters, digits and _ * # + . - : ;, and no \'|\''),
    ("{queue: the office}", 26,
     '"the office" cannot be dialled: the name of a queue has letters, digits and _ * # + . - : ;, '
     "and no ' '"),
    ("{voicemail: '400,u'}", 30,
     '"400,u" cannot be dialled: a mailbox has letters, digits and _ * # + . - : ; @ &, and no \',\''),
    ("{to: '4', context: 'a,b'}", 37,
     '"a,b" is no context: a context has letters, digits and _ * # + . - : ;, and no \',\''),
    ("{too: '4'}", 19, 'transfer has no "too"; did you mean "to"?'),
]  # fmt: skip


@pytest.mark.parametrize(("written", "column", "message"), MISTAKES)
def test_a_transfer_that_is_none_is_told_at_its_place(
    tmp_path: Path, written: str, column: int, message: str
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(
        f"voicebot: 1\nvars: {{x: 1}}\nnodes:\n  a: [{{transfer: {written}}}]\n", "utf-8"
    )
    flow, findings = load_flow(path)
    assert flow is None
    assert [(one.mark.line, one.mark.column, one.message) for one in findings] == [
        (4, column, message)
    ]


@pytest.mark.parametrize(
    ("kind", "shown"),
    [(EXTENSION, "400"), (CHANNEL, "400"), (QUEUE, "queue 400"), (VOICEMAIL, "voicemail 400")],
)
def test_a_target_as_a_person_writes_it(kind: TransferKind, shown: str) -> None:
    assert named(kind, "400") == shown


# What may be dialled -----------------------------------------------------------------------------

FILLED = """\
voicebot: 1
on: {failed: {goto: bye}, error: {goto: wrong}}
nodes:
  a: [{transfer: {TARGET, failed: {goto: bye}}}]
  bye: [{say: "Goodbye."}, hangup]
  wrong: [{say: "Wrong."}, hangup]
"""
_NAME = string.ascii_letters + string.digits + "_*#+.-:;"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Flow]:
    targets = (
        'to: "${call.args.x}"', 'to: "${call.args.x}", context: office', 'to: "SIP/${call.args.x}"',
        'to: "9${call.args.x}"', 'to: "400", context: "${call.args.x}"', 'queue: "${call.args.x}"',
        'voicemail: "${call.args.x}@default"',
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("filled")
    return {one: flow_of(FILLED.replace("TARGET", one), folder) for one in targets}


def transferred(flow: Flow, value: str) -> ev.Transfer | None:
    """Where the call goes; None: it goes the way of `failed`."""
    actions = Dialog(flow, replace(CALL, args={"x": value}), 1).handle(ev.Answered(0.0))
    if any(isinstance(one, ev.HangUp) for one in actions):
        said = [one.prompts[0].text for one in actions if isinstance(one, ev.Speak)]
        assert said == ["Goodbye."]
        return None
    return next(one for one in actions if isinstance(one, ev.Transfer))


@pytest.mark.parametrize(
    ("target", "value", "dialled"),
    [
        ('to: "${call.args.x}"', "400", "400"),
        ('to: "${call.args.x}"', "PJSIP/alice", "PJSIP/alice"),
        ('to: "${call.args.x}"', "PJSIP/a&PJSIP/b", "PJSIP/a&PJSIP/b"),
        ('to: "${call.args.x}"', "400@outside", None),
        ('to: "${call.args.x}"', "400&500", None),
        ('to: "${call.args.x}"', "400,30,g", None),
        ('to: "${call.args.x}"', "", None),
        ('to: "${call.args.x}", context: office', "SIP/a", None),
        ('to: "SIP/${call.args.x}"', "alice", "SIP/alice"),
        ('to: "SIP/${call.args.x}"', "a&SIP/b", None),
        ('to: "SIP/${call.args.x}"', "a@outside", None),
        ('to: "9${call.args.x}"', "1/x", None),
        ('to: "400", context: "${call.args.x}"', "office", "400"),
        ('to: "400", context: "${call.args.x}"', "a,b", None),
        ('queue: "${call.args.x}"', "support", "support"),
        ('queue: "${call.args.x}"', "support,t", None),
        ('voicemail: "${call.args.x}@default"', "400", "400@default"),
        ('voicemail: "${call.args.x}@default"', "400@secret&1", None),
    ],
)
def test_what_is_filled_in_is_dialled_only_where_it_can_be(
    filled: dict[str, Flow], target: str, value: str, dialled: str | None
) -> None:
    transfer = transferred(filled[target], value)
    assert dialled == (None if transfer is None else transfer.to)


@settings(deadline=None)
@given(st.data(), st.text(st.sampled_from("4a/@&,|(){}$^\"' \\\n;:-é٣\0"), max_size=8))
def test_nothing_that_a_caller_brings_gets_into_the_dialplan(
    filled: dict[str, Flow], data: st.DataObject, value: str
) -> None:
    target = data.draw(st.sampled_from(sorted(filled)))
    transfer = transferred(filled[target], value)
    if transfer is None:
        return
    assert transfer.to
    assert set(transfer.context or "") <= set(_NAME)
    allowed = {CHANNEL: "@/&", VOICEMAIL: "@&"}.get(transfer.kind, "")
    assert set(transfer.to) <= set(_NAME + allowed)
    if transfer.kind is VOICEMAIL:
        assert re.fullmatch(r"[^@&]*@default", transfer.to)
    if target.startswith('to: "SIP/'):
        assert re.fullmatch(r"SIP/[^/@&]*", transfer.to)


def test_without_failed_what_cannot_be_dialled_is_an_error(start: Starter) -> None:
    nodes = '  main: [{transfer: "${to}"}]\n  wrong: [{say: "${call.transfer}"}, hangup]\n'
    top = 'vars: {to: "4,5"}\non: {error: {goto: wrong}, failed: {goto: lost}}\n'
    call = start(nodes, top).hears("unreachable")
    (error,) = call.noted("error")
    assert error["reason"] == (
        "this cannot be dialled: an extension has letters, digits and _ * # + . - : ;, and no ','"
    )


def test_what_cannot_be_dialled_again_and_again_ends_the_call(start: Starter) -> None:
    call = start(
        '  main: [{transfer: {to: "${to}", failed: {do: [repeat]}}}]\n', 'vars: {to: "a b"}\n'
    )
    call.ends()
    nodes = '  main: [{log: again}, {transfer: {to: "${to}", failed: {goto: main}}}]\n'
    flow, findings = checked_flow(_file(start, nodes))
    assert flow is None
    assert "goes round without a question" in findings[-1].message


def _file(start: Starter, nodes: str) -> Path:
    path = start._folder / "round.yaml"
    path.write_text(f'voicebot: 1\nvars: {{to: "a b"}}\nnodes:\n{nodes}', "utf-8")
    return path


# What the agent hears ----------------------------------------------------------------------------

WHISPERED = """\
  main: [{transfer: {to: "400", announce: "I connect you.", whisper: WHISPER, failed: {goto: lost}}}]
"""


@pytest.mark.parametrize(
    ("written", "whisper"),
    [
        ('"A call from ${call.caller}."', said("A call from 15551234.")),
        ('["One.", {prompt: two}]', said("One.", "Two.")),
        ('{en-US: "Hi.", de-DE: "Hallo."}', said("Hi.")),
        ('"${nothing}"', ()),
    ],
)
def test_a_whisper_is_said_to_the_agent_alone(
    start: Starter, written: str, whisper: tuple[ev.Prompt, ...]
) -> None:
    call = start(
        WHISPERED.replace("WHISPER", written), 'vars: {nothing: null}\nprompts: {two: "Two."}\n'
    )
    call.hears("I connect you.").silence()
    assert call.transferred is not None
    assert call.transferred.whisper == whisper
    call.is_not_taken().hears("Lost.").ends()


def test_a_whisper_may_be_a_recording_and_is_rendered_with_the_other_prompts(
    start: Starter, tmp_path: Path
) -> None:
    (tmp_path / "hello.wav").touch()
    call = start(
        WHISPERED.replace("WHISPER", '[{file: hello.wav, text: "Hello."}, "A call for the bot."]')
    )
    assert call.transferred is not None
    assert [one.file for one in call.transferred.whisper] == [tmp_path / "hello.wav", None]
    spoken = [words.text.parts[0] for words, _ in walk.spoken(call.dialog._flow)]
    assert "A call for the bot." in spoken


def test_a_whisper_that_cannot_be_said_keeps_nobody_from_talking(start: Starter) -> None:
    call = start(WHISPERED.replace("WHISPER", '"${n / 0}"'), "vars: {n: 1}\n")
    assert call.transferred is not None
    assert call.transferred.whisper == ()


# Coming back -------------------------------------------------------------------------------------

BACK = """\
  main: [{menu: {say: Go?, choices: [{answers: [go], keys: "1", goto: out}], failed: {goto: lost}}}]
  out: [{transfer: {TARGET, announce: Wait., failed: {goto: again}}}]
  again: [{say: "${call.transfer} in ${call.node}."}, {menu: {say: Next?, no_input: Hm., choices: [
    {answers: [go], keys: "1", goto: out}, {answers: [stop], keys: "2", do: [{say: Stopped.}], then: repeat}]}}]
"""
HELP = 'on: {failed: {goto: lost}, help: {answers: [help], keys: "*", do: [{say: Help.}], then: repeat}}\n'
TARGETS = ('to: "400"', "to: SIP/a", "queue: support", 'voicemail: "400"')


def back(start: Starter, target: str, keys: str = "") -> Script:
    call = start(BACK.replace("TARGET", target), HELP).hears("Go?").presses("1" + keys)
    return call.hears("Wait.").listens()


@pytest.mark.parametrize("target", TARGETS)
def test_a_call_that_comes_back_goes_on_as_any_other(start: Starter, target: str) -> None:
    call = back(start, target).is_not_taken("no answer").hears("no answer in again.", "Next?")
    call.asks("again").says("help").hears("Help.", "Next?")
    call.presses("*").hears("Help.", "Next?").stays_silent().hears("Hm.", "Next?")
    call.says("stop").hears("Stopped.", "Next?").presses("1").hears("Wait.").listens()
    call.is_not_taken("busy").hears("busy in again.", "Next?").goes_on()


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_keyed_before_or_meanwhile_was_not_for_the_bot(
    start: Starter, target: str
) -> None:
    call = back(start, target, keys="22").presses("2")
    call.is_not_taken().hears("busy in again.", "Next?").silence().asks("again")
    call.presses("2").hears("Stopped.", "Next?")


def test_the_time_to_answer_begins_anew(start: Starter) -> None:
    call = back(start, TARGETS[0]).waits(60.0).is_not_taken().hears("busy in again.", "Next?")
    call.timer(ev.Timer.NO_INPUT, None).listens().timer(ev.Timer.NO_INPUT, 5.0)


def test_who_comes_back_before_the_announcement_was_told_to_be_over(start: Starter) -> None:
    """As where the leg is gone, and with it all that was to be said."""
    call = start(BACK.replace("TARGET", TARGETS[0]), HELP).hears("Go?").presses("1").hears("Wait.")
    call.is_not_taken().hears("busy in again.", "Next?").listens()
    call.timer(ev.Timer.NO_INPUT, 5.0)


def test_a_caller_who_hangs_up_while_he_is_connected_has_left(start: Starter) -> None:
    nodes = '  main: [{transfer: {to: "400", failed: {goto: lost}}}]\n'
    top = "on: {failed: {goto: lost}, hangup: {do: [{log: 'left in ${call.node}'}]}}\n"
    call = start(nodes, top).leaves().silence()
    assert call.logged == ["left in main"]
    call.is_not_taken().silence()


def test_before_any_transfer_there_is_no_reason(start: Starter) -> None:
    start("  main: [{say: '${call.transfer == null}'}, hangup]\n").hears("yes").ends()


# Who calls ---------------------------------------------------------------------------------------

KNOWN = CallInfo(
    "a-call", datetime(2027, 3, 1, 10, tzinfo=UTC), "15551234", "7001",
    caller_name="Emma Jones", channel="PJSIP/trunk-0000002a", channel_language="de",
    args={"arg1": "vip", "case-id": "7", "order": "0815"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "value", "unknown"),
    [
        ("call.caller_name", "Emma Jones", ""),
        ("call.channel", "PJSIP/trunk-0000002a", ""),
        ("call.channel_language", "de", ""),
        ("call.language", "en-US", "en-US"),
        ("call.args.arg1", "vip", ""),
        ("call.args['case-id']", "7", ""),
        ("call.args.order | digits", "zero eight one five", ""),
        ("call.args.none == null", "yes", "yes"),
        ("default(call.args.customer, 'nobody')", "nobody", "nobody"),
        ("len(call.args)", "3", "0"),
        ("'order' in call.args", "yes", "no"),
    ],
)
def test_what_is_known_of_the_call(
    tmp_path: Path, expression: str, value: str, unknown: str
) -> None:
    flow = flow_of(f'voicebot: 1\nnodes: {{a: [{{log: "${{{expression}}}"}}, hangup]}}\n', tmp_path)
    assert Script(flow, call=KNOWN).logged == [value]
    assert Script(flow).logged == [unknown]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("call.calller", 'call has no "calller"; did you mean "caller"?'),
        ("call.arg", 'call has no "arg"; did you mean "args"?'),
        ("call.caller.name",
         'call.caller has no members, so no .name; did you mean "caller_name"?'),
        ("call.transfer.x", "call.transfer has no members, so no .x"),
        ("call.args.x.y", "call.args.x has no members, so no .y"),
        ("call.args['x'].y", "call.args['x'] has no members, so no .y"),
    ],
)  # fmt: skip
def test_what_is_not_known_of_any_call(tmp_path: Path, expression: str, message: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(f'voicebot: 1\nnodes: {{a: [{{log: "${{{expression}}}"}}, hangup]}}\n', "utf-8")
    flow, findings = checked_flow(path)
    assert flow is None
    assert [one.message for one in findings] == [f'"{expression}": {message}']
