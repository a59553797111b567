"""What Asterisk's answers mean: modules, settings, lines of the dialplan, versions."""

from __future__ import annotations

import pytest

from voicebot.config import Config
from voicebot.doctor import asterisk
from voicebot.doctor.asterisk import (
    dialled,
    dialplan_lines,
    goals_to_look_up,
    judge_dialect,
    judge_dialplan,
    judge_doors,
    judge_goal,
    judge_modules,
    judge_settings,
    needs,
)
from voicebot.doctor.releases import judge_version
from voicebot.doctor.results import Verdict
from voicebot.flow.events import TransferKind
from voicebot.pbx.releases import Release
from voicebot.pbx.wants import Goal, Wants

# As Asterisk 22.10.1 prints it.
MODULES = """\
Module                         Description                              Use Count  Status      Support Level
app_audiosocket.so             AudioSocket Application                  0          Running          extended
app_dial.so                    Dialing Application                      0          Running              core
chan_audiosocket.so            AudioSocket Channel                      0          Not Running      extended
res_audiosocket.so             AudioSocket support                      2          Running          extended
res_pjsip_endpoint_identifier_anonymous.so PJSIP Anonymous endpoint identifier 0 Running       core
5 modules loaded
"""
SETTINGS = """\

PBX Core settings
-----------------
Version:                     22.10.1+dfsg+~cs6.17.60671434-1
Maximum calls:               Not set
Maximum open file handles:   20000
System name:
Transmit silence during rec: Enabled
Min DTMF duration::          80
"""
DIALPLAN = """\
[ Context 'bed' created by 'pbx_config' ]
  'app' =>          1. Gosub(bed-sub,prepare,1)                   [extensions.conf:2]
                    2. AudioSocket(${UUID},${SERVER})             [extensions.conf:4]
     [done]         3. Goto(bed-back,s,1)                         [extensions.conf:5]
  'chan' =>         1. Dial(AudioSocket/${SERVER}/${UUID},,g)     [extensions.conf:13]
  '_cha[n]-.' =>    1. Dial(AudioSocket/${SERVER}/${UUID}/c(${EXTEN:5}),,g) [extensions.conf:16]
  Include =>        'parkedcalls'                                 [extensions.conf:20]

[ Context 'other' created by 'pbx_config' ]
'7001' =>         1. Answer()                                   [voicebot.conf:3]
2. AGI(agi://127.0.0.1/company)               [voicebot.conf:4]
'7002' => hint: PJSIP/alice [extensions.conf:30]
'7003' =>         1. TryExec(AudioSocket(${UUID()},127.0.0.1:9092)) [voicebot.conf:9]

-= 6 extensions (9 priorities) in 2 contexts. =-
"""


def config(**settings: object) -> Config:
    return Config.model_validate({"voicebot": 1, **settings})


def told(results: object) -> list[tuple[str, str]]:
    return [(r.verdict.value, r.what) for r in results]  # type: ignore[attr-defined]


# Modules -----------------------------------------------------------------------------------------


def test_modules_that_run_are_read() -> None:
    assert asterisk.loaded_modules(MODULES) == {
        "app_audiosocket", "app_dial", "res_audiosocket", "res_pjsip_endpoint_identifier_anonymous",
    }  # fmt: skip


def test_what_is_missing_is_told_with_its_use() -> None:
    wanted = [
        asterisk.Need("res_audiosocket", "AudioSocket", Verdict.FAIL),
        asterisk.Need("chan_audiosocket", "Dial(AudioSocket/...)", Verdict.WARN),
        asterisk.Need("res_agi", "AGI()", Verdict.FAIL),
    ]
    results = list(judge_modules(MODULES, wanted))
    assert told(results) == [("warn", "modules"), ("fail", "modules")]
    assert results[1].text.startswith("res_agi is not loaded (AGI()): `module load res_agi.so`")
    (well,) = judge_modules(MODULES, wanted[:1])
    assert well.verdict is Verdict.OK
    assert told(judge_modules("", wanted)) == [("skip", "modules")]


@pytest.mark.parametrize(
    ("settings", "module", "verdict"),
    [
        ({}, "app_audiosocket", Verdict.FAIL),
        ({}, "chan_audiosocket", Verdict.WARN),
        ({}, "app_exec", Verdict.WARN),
        ({"listen": {"agi": "127.0.0.1:4573"}}, "res_agi", Verdict.FAIL),
        ({"listen": {"agi": "127.0.0.1:4573"}}, "app_audiosocket", Verdict.FAIL),
        (
            {"listen": {"agi": {"address": "127.0.0.1:4573", "audio": "slin16"}}},
            "chan_audiosocket",
            Verdict.FAIL,
        ),
    ],
)
def test_which_modules_are_needed_depends_on_the_settings(
    settings: dict[str, object], module: str, verdict: Verdict
) -> None:
    by_name = {need.module: need.verdict for need in needs(config(**settings), [])}
    assert by_name[module] is verdict


def test_transfers_need_their_applications() -> None:
    plain = {need.module for need in needs(config(), [])}
    goals = (Goal(TransferKind.QUEUE, "x", None), Goal(TransferKind.VOICEMAIL, "1", None))
    wants = [Wants("a", goals=goals, whispers=True)]
    more = {need.module for need in needs(config(), wants)} - plain
    assert more == {"app_queue", "app_voicemail", "app_dial", "bridge_simple", "app_stack"}


# Settings ----------------------------------------------------------------------------------------


def test_settings_that_are_well() -> None:
    assert told(judge_settings(SETTINGS, 200)) == [("ok", "transmit_silence")]


@pytest.mark.parametrize(
    ("found", "instead", "results"),
    [
        ("rec: Enabled", "rec: Disabled", [("warn", "transmit_silence")]),
        ("Transmit silence", "Another setting", [("skip", "transmit_silence")]),
        ("Not set", "50", [("ok", "transmit_silence"), ("warn", "maxcalls")]),
        ("20000", "1024", [("ok", "transmit_silence"), ("warn", "maxfiles")]),
    ],
)
def test_settings_that_are_not(found: str, instead: str, results: list[tuple[str, str]]) -> None:
    assert told(judge_settings(SETTINGS.replace(found, instead), 200)) == results


# The dialplan ------------------------------------------------------------------------------------


def test_lines_of_the_dialplan_are_read() -> None:
    lines = [(str(line), line.app) for line in dialplan_lines(DIALPLAN)]
    assert ("app@bed (extensions.conf:4)", "AudioSocket(${UUID},${SERVER})") in lines
    assert ("app@bed (extensions.conf:5)", "Goto(bed-back,s,1)") in lines
    assert ("7001@other (voicebot.conf:4)", "AGI(agi://127.0.0.1/company)") in lines
    assert ("7001@other (voicebot.conf:3)", "Answer()") in lines


@pytest.mark.parametrize(
    ("app", "destinations"),
    [
        ("Dial(AudioSocket/h:1/${UUID()}/c(slin16),,g)", ["h:1/${UUID()}/c(slin16)"]),
        ("Dial(AudioSocket/h:1/u,,g)", ["h:1/u"]),
        ("Dial(AudioSocket/[::1]:1/u)", ["[::1]:1/u"]),
        ("Dial(PJSIP/a&AudioSocket/h:1/u/c(slin)&PJSIP/b,30)", ["h:1/u/c(slin)"]),
        ("Dial(AudioSocket/h:1/u&AudioSocket/h:2/v,30)", ["h:1/u", "h:2/v"]),
        ("AudioSocket(u,h:1)", []),
    ],
)
def test_destinations_end_where_the_argument_does(app: str, destinations: list[str]) -> None:
    assert list(dialled(app)) == destinations


def judged(app: str, settings: Config | None = None) -> list[tuple[str, str]]:
    shown = f"[ Context 'x' created by 'pbx_config' ]\n'1' =>  1. {app}  [a.conf:1]\n"
    return told(judge_dialplan(shown, settings or config()))


@pytest.mark.parametrize(
    ("app", "verdict"),
    [
        ("Dial(AudioSocket/127.0.0.1:9092/${UUID()},,g)", "fail"),
        ("Dial(AudioSocket/127.0.0.1:9092/${UUID()}/c(ulaw),,g)", "fail"),
        ("Dial(AudioSocket/127.0.0.1:9092/${UUID()}/c(slin),,g)", "ok"),
        ("Dial(AudioSocket/127.0.0.1:9092/${UUID()}/c(slin48),,g)", "ok"),
        ("Dial(AudioSocket/127.0.0.1:9092/${UUID()}/c(${CODEC}),,g)", "ok"),
        ("AudioSocket(${UUID()},127.0.0.1:9092)", "warn"),
        ("TryExec(AudioSocket(${UUID()},127.0.0.1:9092))", "ok"),
        ("TryExec(AudioSocket(${UUID()},[::1]:9092))", "ok"),
        ("AGI(agi://127.0.0.1/company)", "ok"),
    ],
)
def test_lines_are_judged(app: str, verdict: str) -> None:
    settings = config(listen={"agi": "127.0.0.1:4573"})
    assert judged(app, settings)[0] == (verdict, "dialplan")


@pytest.mark.parametrize(
    "app",
    [
        "TryExec(AudioSocket(${UUID()},127.0.0.1:9999))",
        "AGI(agi://127.0.0.1/company)",
        "AGI(agi://127.0.0.1:4574/company)",
        "Dial(PJSIP/alice)",
    ],
)
def test_a_dialplan_that_leads_elsewhere_is_told(app: str) -> None:
    assert judged(app, config(listen={"agi": "127.0.0.1:4570"})) == [("warn", "dialplan")]


def test_places_are_named() -> None:
    results = list(judge_dialplan(DIALPLAN, config(listen={"agi": "127.0.0.1:4573"})))
    assert told(results) == [("fail", "dialplan"), ("warn", "dialplan"), ("ok", "dialplan")]
    assert results[0].text.startswith("chan@bed (extensions.conf:13): ")
    assert results[1].text.startswith("app@bed (extensions.conf:4): ")
    assert results[2].text == (
        "calls come to the bot at 7001@other (voicebot.conf:4), 7003@other (voicebot.conf:9)"
    )
    assert told(judge_dialplan("", config())) == [("skip", "dialplan")]


# Transfers and dialects --------------------------------------------------------------------------


def test_extensions_are_looked_up_where_their_context_is_known() -> None:
    goals = (
        Goal(TransferKind.EXTENSION, "400", None),
        Goal(TransferKind.EXTENSION, "401", "inside"),
        Goal(TransferKind.EXTENSION, None, "inside"),
        Goal(TransferKind.CHANNEL, "PJSIP/x", None),
    )
    wants = [Wants("a", goals=goals), Wants("b", goals=goals)]
    known = Goal(TransferKind.EXTENSION, "401", "inside")
    assert goals_to_look_up(config(), wants) == [known]
    other = Goal(TransferKind.EXTENSION, "400", "x")
    assert goals_to_look_up(config(transfer={"context": "x"}), wants) == [other, known]


def test_the_context_of_a_whisper_is_looked_up_where_agi_is_served() -> None:
    wants = [Wants("a", whispers=True)]
    assert goals_to_look_up(config(), wants) == []
    [goal] = goals_to_look_up(config(listen={"agi": "127.0.0.1:4573"}), wants)
    result = judge_goal(goal, "There is no existence of 'voicebot-whisper' context")
    assert (result.verdict, result.what) == (Verdict.FAIL, "whisper")


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        ("[ Context 'inside' created by 'pbx_config' ]\n'401' => 1. Answer()", Verdict.OK),
        ("There is no existence of 'inside' context", Verdict.FAIL),
        ("There is no existence of 401@inside extension", Verdict.FAIL),
    ],
)
def test_an_extension_is_there_or_not(shown: str, verdict: Verdict) -> None:
    result = judge_goal(Goal(TransferKind.EXTENSION, "401", "inside"), shown)
    assert result.verdict is verdict
    assert "401@inside" in result.text


@pytest.mark.parametrize(
    ("dialect", "release", "verdicts"),
    [
        ("asterisk", Release(22, 10), []),
        ("fork", Release(22, 10), ["fail"]),
        ("fork", Release(20, 13), ["warn"]),
        ("fork", None, ["warn"]),
    ],
)
def test_the_dialect_of_the_fork_kills_calls_of_newer_releases(
    dialect: str, release: Release | None, verdicts: list[str]
) -> None:
    listen = {"audiosocket": {"address": "127.0.0.1:9092", "dialect": dialect}}
    (listener,) = config(listen=listen).listen.audiosocket
    assert [r.verdict.value for r in judge_dialect(listener, release)] == verdicts


ELSEWHERE = "10.1.2.3"


@pytest.mark.parametrize(
    ("listen", "peer", "verdicts"),
    [
        ({}, "127.0.0.1", ["ok listen.allow"]),
        ({}, "::1", ["ok listen.allow"]),
        ({}, ELSEWHERE, ["fail listen.allow", "fail listen"]),
        ({"audiosocket": "0.0.0.0:9092"}, ELSEWHERE, ["fail listen.allow"]),
        ({"audiosocket": "0.0.0.0:9092", "allow": ["10.0.0.0/8"]}, ELSEWHERE, ["ok listen.allow"]),
        ({"audiosocket": "localhost:9092", "allow": ["10.0.0.0/8"]}, ELSEWHERE, ["fail listen"]),
        (
            {
                "audiosocket": "0.0.0.0:9092",
                "allow": ["10.0.0.0/8"],
                "agi": {"address": "0.0.0.0:4573", "allow": ["127.0.0.1"]},
            },
            ELSEWHERE,
            ["fail listen.allow"],
        ),
        ({}, "pbx.example", ["skip listen.allow"]),
    ],
)
def test_asterisk_must_get_in(listen: dict[str, object], peer: str, verdicts: list[str]) -> None:
    results = judge_doors(config(listen=listen), peer)
    assert [f"{r.verdict.value} {r.what}" for r in results] == verdicts


def test_the_remedy_names_the_list_that_counts() -> None:
    agi = {"address": "0.0.0.0:4573", "allow": ["127.0.0.1"]}
    listen = {"audiosocket": "0.0.0.0:9092", "agi": agi}
    whole, own = judge_doors(config(listen=listen), ELSEWHERE)
    assert whole.text.endswith(f'0.0.0.0:9092: add it to listen.allow: ["{ELSEWHERE}"]')
    assert own.text.endswith(f'0.0.0.0:4573: add it to its allow: ["{ELSEWHERE}"]')


# The version -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "verdicts"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17 built by nobody", ["ok"]),
        ("Asterisk 16.28.0~dfsg-0+deb11u4", ["fail"]),
        ("Asterisk GIT-master-f0c1c1a7", ["warn"]),
        ("Asterisk 20.19.0", ["warn", "warn"]),
    ],
)
def test_versions_are_judged(shown: str, verdicts: list[str]) -> None:
    results = list(judge_version(shown))
    assert [r.verdict.value for r in results] == verdicts
    assert results[0].what == "version"


def test_each_bug_has_its_remedy() -> None:
    first, *bugs = judge_version("certified/20.7")
    assert first.text.startswith(f"Asterisk certified/20.7 has {len(bugs)} known bugs")
    assert all(": " in bug.text for bug in bugs)
    assert "keys" in {bug.what for bug in bugs}
