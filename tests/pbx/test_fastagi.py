"""A caller at AGI() whose Asterisk does what a real one does rarely; the rest is in tests/asterisk."""

import math
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest
import structlog
import trio
from trio.testing import MockClock, memory_stream_pair

from voicebot.call.ending import Ending, Outcome
from voicebot.call.services import CallerLeft, Connected
from voicebot.calls import BackOn, Calls, Leg, Taken
from voicebot.config import Listener
from voicebot.config_values import Address
from voicebot.flow import events as ev
from voicebot.line.agi import AgiError, AgiSession
from voicebot.line.audiosocket import Decoder
from voicebot.pbx.fastagi import AgiCaller, Audio, introduction
from voicebot.pbx.switchboard import Switchboard

ENVIRONMENT = {
    "network_script": "dentist",
    "callerid": "15551234",
    "calleridname": "unknown",
    "extension": "7001",
    "dnid": "7000",
    "context": "from-internal",
    "channel": "PJSIP/1-1",
    "language": "en",
    "arg_1": "gold",
    "arg_2": "customer=47=11",
}


def test_who_calls() -> None:
    known = introduction(ENVIRONMENT)
    assert (known.caller, known.caller_name, known.called) == ("15551234", "", "7001")
    assert (known.flow, known.context, known.channel) == ("dentist", "from-internal", "PJSIP/1-1")
    assert known.args == {"arg1": "gold", "customer": "47=11"}


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"extension": "s"}, "called", "7000"),
        ({"extension": "s", "dnid": "unknown"}, "called", ""),
        ({"network_script": ""}, "flow", None),
        ({"network_script": "my%20flow?a=b&c="}, "flow", "my flow"),
        ({"network_script": "//[x"}, "flow", "[x"),
        ({"callerid": "unknown"}, "caller", ""),
    ],
)
def test_who_calls_where_something_is_not_known(
    changed: Mapping[str, str], field: str, value: str | None
) -> None:
    assert getattr(introduction({**ENVIRONMENT, **changed}), field) == value


def test_the_query_of_the_url_is_arguments_too() -> None:
    script = {"network_script": "f?a=b&c="}
    assert introduction({**ENVIRONMENT, **script}).args == {
        "a": "b",
        "c": "",
        "arg1": "gold",
        "customer": "47=11",
    }


BACK = ev.Transfer("400", None, 20.0, returns=True)


class Asterisk:
    """The other end of the session.

    `answers` has, by the beginning of a command, what is done with it: a text is the reply, None
    closes, and a function is awaited and gives the text.
    """

    def __init__(self, switchboard: Switchboard) -> None:
        self.ours, self._theirs = memory_stream_pair()
        self._switchboard = switchboard
        self.commands: list[str] = []
        self.answers: dict[str, str | Callable[[], Awaitable[str]] | None] = {
            "CHANNEL STATUS": "200 result=6",
            "EXEC": self.run_leg,
        }
        self.leg_over = trio.Event()
        """Set by the call, when it hangs up."""

    async def run(self) -> None:
        lines = "".join(f"agi_{name}: {value}\n" for name, value in ENVIRONMENT.items())
        await self._theirs.send_all(f"{lines}\n".encode())
        buffer = b""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                while b"\n" not in buffer:
                    data = await self._theirs.receive_some()
                    if not data:
                        return
                    buffer += data
                line, _, buffer = buffer.partition(b"\n")
                self.commands.append(line.decode())
                answer = next(
                    (a for c, a in self.answers.items() if line.decode().startswith(c)),
                    "200 result=1",
                )
                if answer is None:
                    await self._theirs.aclose()
                    return
                reply = answer if isinstance(answer, str) else await answer()
                await self._theirs.send_all(reply.encode() + b"\n")
        await self._theirs.aclose()

    async def run_leg(self) -> str:
        """What AudioSocket() does: connect, say who it is, and stay until it is hung up."""
        found = re.search(r"[0-9a-f-]{36}", self.commands[-1])
        assert found is not None
        ours, theirs = socket.socketpair()
        listener = Listener(address=Address("127.0.0.1", 0))
        assert self._switchboard.legs.deliver(
            Leg(listener, ours, UUID(found[0]), Decoder(), "127.0.0.1")
        )
        await self.leg_over.wait()
        self.leg_over = trio.Event()
        ours.close()
        theirs.close()
        return "200 result=0"

    def variables(self) -> dict[str, str]:
        pairs = (re.fullmatch(r'SET VARIABLE "(\w+)" "(.*)"', line) for line in self.commands)
        return {pair[1]: pair[2] for pair in pairs if pair}


class OneCall:
    """`Calls` with a call that does what the test says."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._asterisk = asterisk
        self.answered: Taken | Outcome = Taken(cast("Any", None), introduction(ENVIRONMENT))
        self.ending = Ending(Outcome.HANGUP, {"code": "42"})
        self.transfer: ev.Transfer | None = None
        self.switched: list[Connected | BackOn | CallerLeft] = []
        self.legs: list[Leg] = []
        self.stays_s = 0.0
        self.limit_s = math.inf
        """How long it waits for the transfer."""
        self.places: list[str] = []

    def answer(self, *_: object) -> Taken | Outcome:
        return self.answered

    @contextmanager
    def place(self) -> Iterator[None]:
        self.places.append("kept")
        yield
        self.places.append("given back")

    async def run(self, _taken: Taken, leg: Leg, exchange: AgiCaller) -> Ending:
        self.legs.append(leg)
        self.places.append("taken")

        async def put_down() -> None:
            await trio.lowlevel.checkpoint()
            self._asterisk.leg_over.set()

        if self.transfer is not None:
            with trio.move_on_after(self.limit_s):
                switched = await exchange.transfer(self.transfer, put_down)
                self.switched.append(switched)
                if isinstance(switched, BackOn):
                    self.legs.append(switched.leg)
        await put_down()
        await trio.sleep(self.stays_s)
        return self.ending


class Scene:
    def __init__(self) -> None:
        switchboard = Switchboard(None, None)
        self.asterisk = Asterisk(switchboard)
        self.calls = OneCall(self.asterisk)
        self._session = AgiSession(self.asterisk.ours)
        self._caller = AgiCaller(
            self._session,
            cast("Calls", self.calls),
            switchboard,
            audio=Audio(Address("127.0.0.1", 9092)),
            peer="127.0.0.1",
        )

    async def play(self) -> list[dict[str, Any]]:
        """Returns what was logged."""
        with structlog.testing.capture_logs() as logs:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.asterisk.run)
                with trio.fail_after(60):
                    await self._caller.run(await self._session.environment())
                await self.asterisk.ours.aclose()
        return cast("list[dict[str, Any]]", logs)


async def test_the_leg_is_an_application_and_the_results_are_variables(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    await scene.play()
    [leg] = [line for line in scene.asterisk.commands if line.startswith("EXEC")]
    assert re.fullmatch(r'EXEC "AudioSocket" "[0-9a-f-]{36},127.0.0.1:9092"', leg)
    told = scene.asterisk.variables()
    assert (told["VOICEBOT_RESULT"], told["VOICEBOT_CODE"]) == ("hangup", "42")
    assert told["VOICEBOT_CALL"] == str(scene.calls.legs[0].uuid)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.NO_FLOW])
async def test_a_call_that_is_not_taken_only_gets_its_result(
    autojump_clock: MockClock, outcome: Outcome
) -> None:
    scene = Scene()
    scene.calls.answered = outcome
    await scene.play()
    assert scene.asterisk.variables()["VOICEBOT_RESULT"] == outcome.value
    assert not any(line.startswith("EXEC") for line in scene.asterisk.commands)


async def test_an_asterisk_without_the_module_is_told_what_to_load(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.asterisk.answers["EXEC"] = "200 result=-2"
    logs = await scene.play()
    assert "app_audiosocket.so" in str(logs)
    assert {entry["event"] for entry in logs} == {"agi.no_application", "agi.no_leg"}
    assert scene.asterisk.variables()["VOICEBOT_RESULT"] == "fault"


@pytest.mark.parametrize("reply", ["HANGUP\n200 result=-1", "200 result=-1\nHANGUP"])
async def test_a_caller_who_leaves_before_his_leg_is_there_is_no_fault(
    autojump_clock: MockClock, reply: str
) -> None:
    scene = Scene()
    scene.asterisk.answers["EXEC"] = reply
    assert await scene.play() == []
    assert scene.asterisk.variables()["VOICEBOT_RESULT"] == "caller_hung_up"


async def test_a_session_that_ends_does_not_end_the_call(autojump_clock: MockClock) -> None:
    scene = Scene()

    async def lose_the_session() -> str:
        await scene.asterisk.run_leg()
        raise trio.BrokenResourceError

    scene.asterisk.answers["EXEC"] = lose_the_session
    scene.calls.stays_s = 10
    assert await scene.play() == []
    assert len(scene.calls.legs) == 1
    # Said before the first leg, for the case that there is nobody to say more.
    assert scene.asterisk.variables() == {"VOICEBOT_RESULT": "fault"}


async def test_a_transfer_comes_back_on_a_leg_of_its_own(autojump_clock: MockClock) -> None:
    scene = Scene()
    scene.calls.transfer = ev.Transfer("400", None, 20.0, returns=True)
    scene.asterisk.answers = {
        'EXEC "Dial"': "200 result=0",
        'GET FULL VARIABLE "${DIALSTATUS}"': "200 result=1 (BUSY)",
        **scene.asterisk.answers,
    }
    await scene.play()
    [back] = scene.calls.switched
    assert isinstance(back, BackOn)
    assert back.reason == "busy"
    assert 'EXEC "Dial" "Local/400@from-internal,20,g"' in scene.asterisk.commands
    first, second = scene.calls.legs
    assert first.uuid != second.uuid


@pytest.mark.parametrize(
    ("transfer", "answers", "reason"),
    [
        (
            ev.Transfer("nowhere", None, 20.0, True, ev.TransferKind.QUEUE),
            {'EXEC "Queue"': "200 result=-2"},
            "unreachable",
        ),
        (
            ev.Transfer("PJSIP/1", None, 20.0, True, ev.TransferKind.CHANNEL),
            {
                'EXEC "Dial"': "200 result=0",
                'GET FULL VARIABLE "${DIALSTATUS}"': "200 result=1 (CHANUNAVAIL)",
                'GET FULL VARIABLE "${HANGUPCAUSE}"': "200 result=1 (21)",
            },
            "refused",
        ),
        (
            ev.Transfer("400@default", None, 20.0, True, ev.TransferKind.VOICEMAIL),
            {
                'EXEC "VoiceMail"': "200 result=0",
                'GET FULL VARIABLE "${VMSTATUS}"': "200 result=1 (FAILED)",
            },
            "unreachable",
        ),
    ],
    ids=["no such application", "603", "no such mailbox"],
)
async def test_why_nobody_took_the_call(
    autojump_clock: MockClock, transfer: ev.Transfer, answers: Any, reason: str
) -> None:
    scene = Scene()
    scene.calls.transfer = transfer
    scene.asterisk.answers = {**answers, **scene.asterisk.answers}
    await scene.play()
    [back] = scene.calls.switched
    assert isinstance(back, BackOn)
    assert back.reason == reason


async def test_a_session_that_ends_while_the_other_rings_leaves_nobody_behind(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.calls.transfer = replace(BACK, whisper=(ev.Prompt("A caller.", "en-US"),))
    scene.asterisk.answers = {'EXEC "Dial"': None, **scene.asterisk.answers}
    assert await scene.play() == []
    assert scene.calls.switched == [CallerLeft()]


async def test_who_is_gone_before_anybody_is_called_was_not_transferred(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.calls.transfer = BACK
    scene.asterisk.answers = {
        'EXEC "Dial"': "511 Command Not Permitted on a dead channel or intercept routine",
        'GET FULL VARIABLE "${DIALSTATUS}"': "200 result=1 ()",
        **scene.asterisk.answers,
    }
    await scene.play()
    assert scene.calls.switched == [CallerLeft()]


async def test_a_caller_who_cannot_be_fetched_back_is_the_dialplans(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.calls.transfer = BACK

    async def dial() -> str:
        await trio.lowlevel.checkpoint()
        scene.asterisk.answers['EXEC "AudioSocket"'] = "200 result=-1"
        return "200 result=0"

    scene.asterisk.answers = {
        'EXEC "Dial"': dial,
        'EXEC "AudioSocket"': scene.asterisk.run_leg,
        'GET FULL VARIABLE "${DIALSTATUS}"': "200 result=1 (BUSY)",
        **scene.asterisk.answers,
    }
    logs = await scene.play()
    assert scene.calls.switched == [CallerLeft("no leg", Outcome.FAULT)]
    assert [entry["event"] for entry in logs] == ["agi.no_leg"]


async def test_a_bot_that_dies_on_the_second_leg_has_not_transferred(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.calls.transfer = BACK
    scene.asterisk.answers = {
        'EXEC "Dial"': "200 result=0",
        'GET FULL VARIABLE "${DIALSTATUS}"': "200 result=1 (BUSY)",
        **scene.asterisk.answers,
    }
    await scene.play()
    said = [line for line in scene.asterisk.commands if "VOICEBOT_RESULT" in line or "EXEC" in line]
    words = [line.split('"')[1 if line.startswith("EXEC") else 3] for line in said]
    assert words == ["fault", "AudioSocket", "transfer", "Dial", "fault", "AudioSocket", "hangup"]


async def test_a_call_that_is_stopped_says_nothing_into_the_talk_of_its_caller(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.calls.transfer = BACK
    scene.calls.limit_s, scene.calls.ending = 5, Ending(Outcome.STOPPED)

    async def talk() -> str:
        await trio.sleep(10)
        return "200 result=0"

    scene.asterisk.answers = {'EXEC "Dial"': talk, **scene.asterisk.answers}
    await scene.play()
    assert scene.asterisk.variables()["VOICEBOT_RESULT"] == "transfer"
    assert 'EXEC "Dial"' in scene.asterisk.commands[-1]


@pytest.mark.parametrize("returns", [True, False])
async def test_a_target_that_no_command_has_room_for_is_nobody(
    autojump_clock: MockClock, *, returns: bool
) -> None:
    scene = Scene()
    many = "&".join(f"PJSIP/{number}" for number in range(300))
    transfer = ev.Transfer(many, None, 20.0, returns, ev.TransferKind.CHANNEL)
    if returns:
        scene.calls.transfer = transfer
    else:
        scene.calls.ending = Ending(Outcome.TRANSFER, {}, transfer)
    logs = await scene.play()
    if returns:
        [back] = scene.calls.switched
        assert isinstance(back, BackOn)
        assert "Asterisk takes 2000" in back.reason
    else:
        [line] = [entry for entry in logs if entry["event"] == "call.transfer_failed"]
        assert "Asterisk takes 2000" in line["reason"]
        assert scene.asterisk.variables()["VOICEBOT_RESULT"] == "transfer_failed"


async def test_who_is_sent_on_and_leaves_while_it_rings_has_hung_up(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.calls.ending = Ending(
        Outcome.TRANSFER, {}, ev.Transfer("PJSIP/1", None, 20.0, False, ev.TransferKind.CHANNEL)
    )
    scene.asterisk.answers = {
        'EXEC "Dial"': "200 result=-1\nHANGUP",
        'GET FULL VARIABLE "${DIALSTATUS}"': "200 result=1 (CANCEL)",
        **scene.asterisk.answers,
    }
    assert await scene.play() == []
    assert scene.asterisk.variables()["VOICEBOT_RESULT"] == "caller_hung_up"


async def test_a_place_is_kept_until_the_leg_is_there(autojump_clock: MockClock) -> None:
    scene = Scene()
    await scene.play()
    assert scene.calls.places == ["kept", "given back", "taken"]


async def test_what_a_queue_said_the_last_time_is_forgotten(autojump_clock: MockClock) -> None:
    scene = Scene()
    scene.calls.transfer = ev.Transfer("sales", None, 20.0, True, ev.TransferKind.QUEUE)
    scene.asterisk.answers = {'EXEC "Queue"': "200 result=0", **scene.asterisk.answers}
    await scene.play()
    commands = scene.asterisk.commands
    queue = next(n for n, line in enumerate(commands) if "Queue" in line)
    assert 'SET VARIABLE "QUEUESTATUS" ""' in commands[:queue]


@pytest.mark.parametrize(
    ("codecs", "version", "rate_hz"),
    [
        ("(slin16)", "22.10.1~dfsg", 16000),
        ("(ulaw|g722)", "20.17.0", 16000),
        ("(ulaw)", "22.10.1", None),
        ("(g722)", "20.16.0", None),
        ("(g722)", "", None),
    ],
)
async def test_who_can_hear_more_than_8_khz_hears_it(
    autojump_clock: MockClock, codecs: str, version: str, rate_hz: int | None
) -> None:
    scene = Scene()
    scene.asterisk.answers |= {
        'GET FULL VARIABLE "${CHANNEL(': f"200 result=1 ({codecs})",
        'GET FULL VARIABLE "${VERSION': f"200 result=1 ({version})",
    }
    await scene.play()
    assert scene.calls.legs[0].out_rate_hz == rate_hz


@pytest.mark.parametrize("status", ["ANSWER", ""])
async def test_who_has_talked_is_hung_up(autojump_clock: MockClock, status: str) -> None:
    scene = Scene()
    scene.calls.transfer = ev.Transfer("400", "office", 20.0, returns=True)
    scene.calls.ending = Ending(Outcome.TRANSFER, {}, scene.calls.transfer)
    scene.asterisk.answers = {
        'EXEC "Dial"': "200 result=0",
        'GET FULL VARIABLE "${DIALSTATUS}"': f"200 result=1 ({status})",
        **scene.asterisk.answers,
    }
    await scene.play()
    assert scene.asterisk.commands[-1] == "HANGUP"
    assert scene.asterisk.variables()["VOICEBOT_RESULT"] == "transfer"


@pytest.mark.parametrize("returns", [True, False])
async def test_who_leaves_a_mailbox_by_key_goes_where_it_sends_him(
    autojump_clock: MockClock, *, returns: bool
) -> None:
    scene = Scene()
    mailbox = ev.Transfer("400@default", None, 20.0, returns, ev.TransferKind.VOICEMAIL)
    scene.calls.transfer, scene.calls.ending = mailbox, Ending(Outcome.TRANSFER, {}, mailbox)
    scene.asterisk.answers = {
        'EXEC "VoiceMail"': "200 result=0",
        'GET FULL VARIABLE "${VMSTATUS}"': "200 result=1 (USEREXIT)",
        **scene.asterisk.answers,
    }
    await scene.play()
    assert scene.asterisk.variables()["VOICEBOT_RESULT"] == "transfer"
    assert "HANGUP" not in scene.asterisk.commands


async def test_a_caller_who_leaves_while_it_rings(autojump_clock: MockClock) -> None:
    scene = Scene()
    scene.calls.transfer = ev.Transfer("400", None, 20.0, returns=True)
    scene.asterisk.answers = {
        'EXEC "Dial"': "HANGUP\n200 result=-1",
        'GET FULL VARIABLE "${DIALSTATUS}"': "200 result=1 (CANCEL)",
        **scene.asterisk.answers,
    }
    await scene.play()
    assert scene.calls.switched == [CallerLeft()]


async def test_an_extension_that_there_is_not_gives_the_caller_back(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.calls.ending = Ending(
        Outcome.TRANSFER, {}, ev.Transfer("400", "office", 20.0, returns=False)
    )
    scene.asterisk.answers['GET FULL VARIABLE "${DIALPLAN_EXISTS(office,400,1)}"'] = (
        "200 result=1 (0)"
    )
    logs = await scene.play()
    assert scene.asterisk.variables()["VOICEBOT_RESULT"] == "transfer_failed"
    assert "no extension 400 in [office]" in str(logs)
    assert not any(line.startswith("SET CONTEXT") for line in scene.asterisk.commands)


async def test_a_variable_that_is_too_long_is_left_out(autojump_clock: MockClock) -> None:
    scene = Scene()
    scene.calls.ending = Ending(Outcome.HANGUP, {"long": "x" * 3000, "short": "y"})
    logs = await scene.play()
    told = scene.asterisk.variables()
    assert "VOICEBOT_LONG" not in told
    assert told["VOICEBOT_SHORT"] == "y"
    assert [entry["event"] for entry in logs] == ["agi.variable_too_long"]


async def test_a_session_that_is_over_at_once_is_an_error_for_the_log(
    autojump_clock: MockClock,
) -> None:
    scene = Scene()
    scene.asterisk.answers["CHANNEL STATUS"] = None
    with pytest.RaisesGroup(AgiError):
        await scene.play()
    assert scene.calls.legs == []
