"""What `voicebot dialplan` prints: which lines for which settings.  That Asterisk takes them, tests/asterisk shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicebot import cli
from voicebot.commands import codes
from voicebot.config import Config
from voicebot.flow.check import checked_flow
from voicebot.flow.events import TransferKind
from voicebot.pbx.dialplan import dialplan
from voicebot.pbx.wants import Goal, Wants, wants_of
from voicebot.pbx.ways import NoWayError

FLOW = """
voicebot: 1
flow: shop
on: {failed: {do: [hangup]}}
vars: {note: null, fixed: "x"}
nodes:
  main:
    - tag: {topic: "sales", result: "no"}
    - ask: {to: order, type: digits, length: 4, say: "Order?"}
    - ask: {to: pin, type: digits, length: 4, say: "PIN?", secret: true}
    - set: {note: "${order}"}
    - transfer: {to: "400", failed: {do: [{tag: {way_out: "1"}}], then: {goto: two}}}
  two:
    - transfer: {to: "PJSIP/alice", whisper: "A caller.", failed: {goto: three}}
  three:
    - transfer: {to: "${order}", context: inside}
"""


def config(**settings: object) -> Config:
    return Config.model_validate({"voicebot": 1, **settings})


def flows(*names: str) -> dict[str, Wants]:
    return {name: Wants(name) for name in names}


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(";")]


AGI = {"agi": "127.0.0.1:4573"}


def test_a_flow_is_read_for_what_it_wants(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(FLOW)
    flow, _ = checked_flow(path)
    assert flow is not None
    wants = wants_of(flow)
    assert wants.name == "shop"
    assert wants.results == (
        "VOICEBOT_NOTE", "VOICEBOT_ORDER", "VOICEBOT_TOPIC", "VOICEBOT_WAY_OUT",
    )  # fmt: skip
    assert set(wants.goals) == {
        Goal(TransferKind.EXTENSION, "400", None),
        Goal(TransferKind.CHANNEL, "PJSIP/alice", None),
        Goal(TransferKind.EXTENSION, None, "inside"),
    }
    assert wants.whispers


def test_agi_two_lines_and_what_comes_behind() -> None:
    text = dialplan(config(listen=AGI, routes=[{"flow": "shop"}]), flows("shop"))
    assert lines(text) == [
        "[voicebot]",
        "exten => 7001,1,Answer()",
        " same => n,AGI(agi://127.0.0.1/shop)",
        ' same => n,GotoIf($["${AGISTATUS}" = "SUCCESS" & "${VOICEBOT_RESULT}" =~ '
        '"^(hangup|transfer|call_time)$"]?done)',
        " same => n,Goto(voicebot-person,s,1)",
        " same => n(done),Hangup()",
        "[voicebot-person]",
        "exten => s,1,Dial(PJSIP/reception,30)                 ; an example: write who takes it",
        " same => n,Hangup()",
    ]
    assert "; shop: 7001 is an example, take any number" in text


def test_routes_give_the_numbers_and_examples_keep_out_of_their_way() -> None:
    routes = [{"called": "7001", "flow": "b"}, {"called": "+4930", "flow": "a"}, {"flow": "c"}]
    text = dialplan(config(listen=AGI, routes=routes), flows("a", "b", "c", "d"))
    heads = [line for line in lines(text) if "Answer()" in line]
    assert heads == [f"exten => {n},1,Answer()" for n in ("7001", "+4930", "7002", "7003")]
    assert "; b: 7001 is the number of its route" in text


@pytest.mark.parametrize("called", ["7001;x", "a,b", "_X.", "70\n01", "${EXTEN}"])
def test_a_number_that_the_dialplan_would_misread_is_never_written(called: str) -> None:
    routes = [{"called": called, "flow": "a"}]
    heads = [
        ln
        for ln in lines(dialplan(config(listen=AGI, routes=routes), flows("a")))
        if "Answer" in ln
    ]
    assert heads == ["exten => 7001,1,Answer()"]


def test_names_that_the_dialplan_would_misread_are_quoted() -> None:
    text = dialplan(config(listen=AGI), flows("a b,c;d)\ne"))
    assert " same => n,AGI(agi://127.0.0.1/a%20b%2Cc%3Bd%29%0Ae)" in lines(text)
    assert "; a b,c;d) e: 7001 is an example" in text
    assert "[voicebot-a-b-c-d--e]" in dialplan(
        config(listen=AGI), flows("a b,c;d)\ne"), freepbx=True
    )


@pytest.mark.parametrize(
    ("agi", "url"),
    [
        ("10.0.0.5:4574", "agi://10.0.0.5:4574/a"),
        ("[::1]:4573", "agi://[::1]/a"),
        ("0.0.0.0:4573", "agi://127.0.0.1/a"),
        ("[::]:9", "agi://[::1]:9/a"),
        ({"address": "0.0.0.0:4573", "audiosocket": "10.0.0.5:9092"}, "agi://10.0.0.5/a"),
    ],
)
def test_the_address_is_the_one_that_asterisk_finds(agi: object, url: str) -> None:
    text = dialplan(config(listen={"agi": agi}), flows("a"))
    assert f" same => n,AGI({url})" in lines(text)
    everywhere = str(agi).startswith(("0.0.0.0", "[::]", "{"))
    assert ("listen.agi listens on all addresses" in text) is everywhere


def test_only_one_flow() -> None:
    settings = config(listen=AGI, routes=[{"called": "7001", "flow": "b"}])
    text = dialplan(settings, flows("a", "b"), only="a")
    assert " same => n,AGI(agi://127.0.0.1/a)" in lines(text)
    assert "/b)" not in text
    assert "exten => 7001,1,Answer()" in lines(text)


def test_flows_that_others_call_have_no_number_unless_asked_for() -> None:
    many = {"a": Wants("a", calls=frozenset({"b"})), "b": Wants("b")}
    assert "/b)" not in dialplan(config(listen=AGI), many)
    assert "/b)" in dialplan(config(listen=AGI), many, only="b")


def test_without_agi_each_listener_has_both_forms() -> None:
    listen = {"audiosocket": ["127.0.0.1:9092", {"address": "[::1]:9094", "flow": "b"}]}
    text = dialplan(config(listen=listen, routes=[{"flow": "a"}]), flows("a", "b"))
    apps = [line.split(",", 1)[1] for line in lines(text) if "AudioSocket" in line]
    assert apps == [
        "TryExec(AudioSocket(${UUID()},127.0.0.1:9092))",
        "1,Dial(AudioSocket/127.0.0.1:9092/${UUID()}/c(slin16),,g)",
        "TryExec(AudioSocket(${UUID()},[::1]:9094))",
        "1,Dial(AudioSocket/[::1]:9094/${UUID()}/c(slin16),,g)",
    ]
    assert "20.12, 21.7 or 22.2" in text


@pytest.mark.parametrize(("rate", "codec"), [(8000, "slin"), (16000, "slin16"), (44100, "slin44")])
def test_a_listener_of_a_rate_is_dialled_in_that_rate_only(rate: int, codec: str) -> None:
    listen = {"audiosocket": [{"address": "127.0.0.1:9092", "flow": "a", "rate": rate}]}
    text = dialplan(config(listen=listen), flows("a"))
    assert [line for line in lines(text) if "AudioSocket" in line] == [
        f"exten => 7001,1,Dial(AudioSocket/127.0.0.1:9092/${{UUID()}}/c({codec}),,g)"
    ]


def test_the_dialect_of_the_fork_is_told() -> None:
    listen = {"audiosocket": [{"address": "127.0.0.1:9092", "flow": "a", "dialect": "fork"}]}
    text = dialplan(config(listen=listen), flows("a"))
    assert text.count("speaks the fork's dialect") == 2


def test_numbers_of_routes_count_without_agi_where_the_bot_is_told_them() -> None:
    routes = [{"called": "7005", "flow": "a"}, {"flow": "b"}]
    ami = {"user": "u", "secret": "s"}
    blind = dialplan(config(routes=routes), flows("a", "b"))
    told = dialplan(config(routes=routes, ami=ami), flows("a", "b"))
    assert "exten => 7005,1,Answer()" not in blind
    assert "exten => 7005,1,Answer()" in told


def test_the_manager_interface_tells_whether_a_person_is_needed() -> None:
    ami = {"user": "u", "secret": "s"}
    told = dialplan(config(routes=[{"flow": "a"}], ami=ami), flows("a"))
    assert '"${TRYSTATUS}" = "SUCCESS" & "${VOICEBOT_RESULT}" =~' in told


WEB = {"audiosocket": "127.0.0.1:9092", "web": "127.0.0.1:9093"}


def test_with_web_requests_go_before_and_behind() -> None:
    routes = [{"called": "7005", "flow": "a b"}]
    text = dialplan(config(listen=WEB, routes=routes), flows("a b"))
    assert lines(text)[1:11] == [
        "exten => 7005,1,Answer()",
        " same => n,Set(ID=${UUID()})",
        " same => n,Set(CURLOPT(conntimeout)=1)",
        " same => n,Set(CURLOPT(httptimeout)=2)",
        " same => n,Set(SAID=${CURL(http://127.0.0.1:9093/calls/${ID},flow=a%20b"
        "&caller=${URIENCODE(${CALLERID(num)})}&called=${URIENCODE(${EXTEN})})})",
        " same => n,TryExec(AudioSocket(${ID},127.0.0.1:9092))",
        " same => n,Set(VOICEBOT_RESULT=${CURL(http://127.0.0.1:9093/calls/${ID}/VOICEBOT_RESULT)})",
        ' same => n,GotoIf($["${VOICEBOT_RESULT}" =~ "^(hangup|call_time)$"]?done)',
        " same => n,Goto(voicebot-person,s,1)",
        " same => n(done),Hangup()",
    ]
    assert "${FROM_DID}" in dialplan(config(listen=WEB), flows("a"), freepbx=True)


@pytest.mark.parametrize(
    ("goals", "settings", "freepbx", "where"),
    [
        (["400@"], {}, False, ""),
        (["400@"], {"transfer": {"context": "inside"}}, False, "inside,"),
        (["400@"], {}, True, "from-internal,"),
        (["400@sales", "401@sales"], {}, False, "sales,"),
        (["400@sales", "401@"], {}, False, "CONTEXT,"),
    ],
)
def test_with_web_the_dialplan_transfers(
    goals: list[str], settings: dict[str, object], freepbx: bool, where: str
) -> None:
    wanted = [one.partition("@") for one in goals]
    many = with_goals(*(Goal(TransferKind.EXTENSION, to, c or None) for to, _, c in wanted))
    text = dialplan(config(listen=WEB, **settings), many, only="a", freepbx=freepbx)
    at = "${CURL(http://127.0.0.1:9093/calls/${ID}/VOICEBOT_TRANSFER"
    where = where.replace("CONTEXT", f"{at}_CONTEXT)}}")
    assert ' same => n,GotoIf($["${VOICEBOT_RESULT}" = "transfer"]?transfer)' in lines(text)
    assert f" same => n(transfer),Goto({where}{at})}},1)" in lines(text)
    assert "only extensions are reached" in text
    assert "(transfer)" not in dialplan(config(listen=WEB), many, only="b")


def test_freepbx_has_a_custom_destination_for_each_flow() -> None:
    text = dialplan(config(listen=AGI), flows("a"), freepbx=True)
    assert "Target voicebot-a,s,1   Description a   Return Yes" in text
    assert lines(text) == [
        "[voicebot-a]",
        "exten => s,1,Answer()",
        " same => n,AGI(agi://127.0.0.1/a)",
        ' same => n,GotoIf($["${AGISTATUS}" = "SUCCESS" & "${VOICEBOT_RESULT}" =~ '
        '"^(hangup|transfer|call_time)$"]?done)',
        " same => n,Return()",
        " same => n(done),Hangup()",
        "[from-internal-custom]",
        "exten => 7001,1,Gosub(voicebot-a,s,1)   ; a: 7001 is an example, take any number",
        " same => n,Hangup()",
    ]


def with_goals(*goals: Goal, whispers: bool = False) -> dict[str, Wants]:
    return {"a": Wants("a", goals=goals, whispers=whispers), "b": Wants("b")}


HERE_400 = Goal(TransferKind.EXTENSION, "400", None)


def test_freepbx_finds_extensions_of_transfers_in_from_internal() -> None:
    text = dialplan(config(listen=AGI), with_goals(HERE_400), freepbx=True)
    assert text.count("include => from-internal ") == 1
    assert ";   400 in [from-internal]" in text
    named = config(listen=AGI, transfer={"context": "inside"})
    text = dialplan(named, with_goals(HERE_400), freepbx=True)
    assert "include =>" not in text
    assert ";   400 in [inside]" in text


def test_transfers_in_the_context_of_the_call_get_examples() -> None:
    goals = (HERE_400, Goal(TransferKind.EXTENSION, None, None))
    text = dialplan(config(listen=AGI), with_goals(*goals))
    assert "exten => 400,1,Dial(PJSIP/400,30)" in lines(text)
    assert "; and others, which are known only in the call" in text


def test_transfers_elsewhere_are_told() -> None:
    goals = (
        Goal(TransferKind.EXTENSION, "1", "inside"),
        Goal(TransferKind.CHANNEL, "PJSIP/x", None),
        Goal(TransferKind.QUEUE, "support", None),
        Goal(TransferKind.VOICEMAIL, None, None),
    )
    text = dialplan(config(listen=AGI), with_goals(*goals))
    for told in (
        "1 in [inside]", "the channel PJSIP/x", "the queue support (queues.conf)",
        "the mailbox that is known only in the call (voicemail.conf)",
    ):  # fmt: skip
        assert f";   {told}\n" in text


def test_whispers_have_their_context_where_agi_is_served() -> None:
    settings = config(listen=AGI)
    assert lines(dialplan(settings, with_goals(HERE_400, whispers=True)))[-3:] == [
        "[voicebot-whisper]",
        "exten => s,1,AudioSocket(${ARG1},${ARG2})",
        " same => n,Return()",
    ]
    assert "whisper" not in dialplan(settings, with_goals(HERE_400))
    assert "whisper" not in dialplan(settings, with_goals(HERE_400, whispers=True), only="b")


def test_without_agi_transfers_are_told_to_need_it() -> None:
    routes = [{"flow": "a"}]
    text = dialplan(config(routes=routes), with_goals(HERE_400, whispers=True))
    assert "which needs FastAGI" in text
    assert "exten => 400" not in text
    assert "[voicebot-whisper]" not in text
    ami = dialplan(config(routes=routes, ami={"user": "u", "secret": "s"}), with_goals(HERE_400))
    assert "only extensions are reached" in ami
    assert "exten => 400" in ami
    queue = Goal(TransferKind.QUEUE, "support", None)
    web = dialplan(config(routes=routes, listen=WEB), with_goals(HERE_400, queue))
    assert "queue support" not in web


@pytest.mark.parametrize(
    ("settings", "only", "told"),
    [
        ({"listen": {"agi": "127.0.0.1:0"}}, None, "give listen.agi a port of its own"),
        ({"listen": {"audiosocket": "127.0.0.1:0"}, "routes": [{"flow": "a"}]}, None, "port 0"),
        ({}, None, "no route leads to a flow"),
        ({"routes": [{"flow": "a"}]}, "b", 'address: "127.0.0.1:9093", flow: b'),
    ],
)
def test_no_way_is_told_with_a_remedy(
    settings: dict[str, object], only: str | None, told: str
) -> None:
    with pytest.raises(NoWayError) as caught:
        dialplan(config(**settings), flows("a", "b"), only=only)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


# The verb ----------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "shop.yaml").write_text(FLOW)
    path = tmp_path / "config.yaml"
    path.write_text("voicebot: 1\nlisten: {agi: '127.0.0.1:4573'}\nroutes: [{flow: shop}]\n")
    return path


def test_the_verb_prints_the_lines(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dialplan", "-c", str(settings), "--flow", "shop"]) == codes.FINE
    out, err = capsys.readouterr()
    assert " same => n,AGI(agi://127.0.0.1/shop)\n" in out
    assert "; tells VOICEBOT_NOTE, VOICEBOT_ORDER" in out
    assert err == ""


def test_a_wrong_name_of_a_flow_is_told_with_the_nearest(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["dialplan", "-c", str(settings), "--flow", "shpo"]) == codes.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert 'did you mean "shop"?' in err


def test_a_flow_with_errors_prints_no_lines(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.parent / "flows" / "bad.yaml").write_text("voicebot: 1\nnodes: {main: [{goto: x}]}\n")
    assert cli.main(["dialplan", "-c", str(settings)]) == codes.FINDINGS
    out, err = capsys.readouterr()
    assert out == ""
    assert "bad.yaml:2:" in err


def test_a_route_to_no_flow_is_a_finding(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text("voicebot: 1\nroutes: [{flow: shpo}]\n")
    assert cli.main(["dialplan", "-c", str(settings)]) == codes.FINDINGS
    out, err = capsys.readouterr()
    assert out == ""
    assert 'no flow is called "shpo"' in err


def test_settings_that_leave_no_way_are_a_finding(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text("voicebot: 1\nlisten: {agi: '127.0.0.1:0'}\nroutes: [{flow: shop}]\n")
    assert cli.main(["dialplan", "-c", str(settings)]) == codes.FINDINGS
    err = capsys.readouterr().err
    assert (
        err
        == "voicebot dialplan: port 0 is another one at each start: give listen.agi a port of its own\n"
    )
