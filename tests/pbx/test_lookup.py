"""Who calls, asked of the manager interface: which channel is the caller's, and outages of Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from tests.pbx.peer import Fields, Peer, channels, error, ok, running_peer
from voicebot.config import Address, Ami
from voicebot.pbx.ami import Event
from voicebot.pbx.introduction import Introduction
from voicebot.pbx.lookup import LIMIT_S, PAUSES_S, Lookup, caller_of

CALL = UUID("c3682a42-afda-4b53-9438-c850ebfa7914")
OTHER = UUID("1d394809-f554-4524-9293-e10c9ee47b9e")
UPPER = str(CALL).upper()

Row = Mapping[str, str]

SETTLED_S = 0.01
"""On a clock that jumps: nothing is under way in a socket any more."""


def row(channel: str, application: str = "", data: str = "", **fields: str) -> Row:
    """A row of CoreShowChannels, with the fields that Asterisk 22.10.1 sends."""
    return {
        "Channel": channel,
        "ChannelState": "6",
        "CallerIDNum": "1000",
        "CallerIDName": "Test Caller",
        "ConnectedLineNum": "<unknown>",
        "Language": "en",
        "Context": "bed",
        "Exten": "7001",
        "Uniqueid": f"id of {channel}",
        "Linkedid": f"id of {channel}",
        "Application": application,
        "ApplicationData": data,
        "BridgeId": "",
    } | fields


def bot_row(uuid: UUID, **fields: str) -> Row:
    """The bot's own channel, which Dial has made."""
    return row(
        f"AudioSocket/127.0.0.1:9092-{uuid}",
        "AppDial",
        "(Outgoing Line)",
        CallerIDNum="7001",
        **fields,
    )


def events(*rows: Row) -> list[Event]:
    return [Event("CoreShowChannel", "1", one) for one in rows]


@pytest.mark.parametrize(
    ("application", "data"),
    [
        ("AudioSocket", f"{CALL},127.0.0.1:9092"),
        ("AudioSocket", f"{UPPER},127.0.0.1:9092"),
        ("AudioSocket", f"{CALL} ,[::1]:9092"),
        ("Dial", f"AudioSocket/127.0.0.1:9092/{CALL}"),
        ("Dial", f"AudioSocket/127.0.0.1:9092/{CALL},,g"),
        ("Dial", f"AudioSocket/127.0.0.1:9092/{UPPER}/c(slin16),,g"),
        ("Dial", f"AudioSocket/[::1]:9092/{CALL}/c(slin16)"),
        ("Dial", f"PJSIP/alice&AudioSocket/bot:9092/{CALL}/c(slin)&PJSIP/bob,20,g"),
    ],
)
def test_the_caller_is_whose_channel_does_it(application: str, data: str) -> None:
    rows = events(
        row("PJSIP/b-2", "AudioSocket", f"{OTHER},127.0.0.1:9092"),
        bot_row(CALL, Linkedid="id of PJSIP/a-1"),
        row("PJSIP/a-1", application, data),
    )
    found = caller_of(rows, CALL)
    assert found is not None
    assert found.fields["Channel"] == "PJSIP/a-1"


@pytest.mark.parametrize(
    ("application", "data"),
    [
        ("AudioSocket", f"{OTHER},127.0.0.1:9092"),
        ("AudioSocket", f"x{CALL},127.0.0.1:9092"),
        ("Dial", f"AudioSocket/127.0.0.1:9092/{CALL}0"),
        ("Dial", f"PJSIP/{CALL}"),
        ("Playback", str(CALL)),
        ("", ""),
    ],
)
def test_who_does_something_else_is_not_the_caller(application: str, data: str) -> None:
    assert caller_of(events(row("PJSIP/a-1", application, data)), CALL) is None


def test_where_a_queue_has_called_the_bot_the_callers_channel_is_linked_to_it() -> None:
    rows = events(
        bot_row(CALL, Linkedid="id of PJSIP/a-1"),
        row("PJSIP/b-2", "Queue", "support"),
        row("PJSIP/a-1", "Queue", "support"),
    )
    found = caller_of(rows, CALL)
    assert found is not None
    assert found.fields["Channel"] == "PJSIP/a-1"
    # Nobody called: Asterisk itself has originated the bot's channel.
    assert caller_of(events(bot_row(CALL)), CALL) is None


class Asterisk(Peer):
    """A peer with channels and their functions."""

    def __init__(self, *rows: Row) -> None:
        super().__init__()
        self.rows = list(rows)
        self.functions = {"CALLERID(dnid)": "4711"}
        self.answers = {
            "CoreShowChannels": lambda action: channels(action, *self.rows),
            "Getvar": lambda action: ok(action, Value=self.functions.get(action["Variable"], "")),
        }


@asynccontextmanager
async def looking_up(address: Address) -> AsyncIterator[Lookup]:
    async with trio.open_nursery() as nursery:
        lookup = Lookup(Ami(address=address, user="voicebot", secret="s3cret"))  # noqa: S106
        nursery.start_soon(lookup.run)  # noqa: ASYNC113 - it connects when it does
        yield lookup
        nursery.cancel_scope.cancel()


async def until_connected(peer: Peer, connections: int = 1) -> None:
    """Logged in so many times: the connection is there for calls a moment later."""
    with trio.fail_after(10):
        while len(peer.seen("Login")) < connections:  # noqa: ASYNC110 - a state, not an event
            await trio.sleep(0.005)
    await trio.testing.wait_all_tasks_blocked(0.02)


async def test_a_call_is_introduced() -> None:
    asterisk = Asterisk(row("PJSIP/a-1", "AudioSocket", f"{UPPER},127.0.0.1:9092"))
    with trio.fail_after(10):
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)
            assert await lookup.find(CALL) == Introduction(
                caller="1000",
                caller_name="Test Caller",
                called="7001",
                channel="PJSIP/a-1",
                channel_language="en",
                context="bed",
            )
            # In a subroutine: what was dialled stays.
            asterisk.rows = [row("PJSIP/a-1", "AudioSocket", str(CALL), Exten="s")]
            found = await lookup.find(CALL)
            assert found is not None
            assert found.called == "4711"
            # Not set, or an Asterisk that does not tell the language in the list.
            asterisk.functions = {"CHANNEL(language)": "de"}
            asterisk.rows = [
                row("PJSIP/a-1", "AudioSocket", str(CALL), Language="", CallerIDNum="<unknown>")
            ]
            found = await lookup.find(CALL)
            assert found is not None
            assert (found.caller, found.called, found.channel_language) == ("", "7001", "de")


async def test_nobody_calls_with_that_identifier() -> None:
    asterisk = Asterisk(row("PJSIP/a-1", "Playback", "hello"))
    with trio.fail_after(10):
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)
            assert await lookup.find(CALL) is None
    assert len(asterisk.seen("CoreShowChannels")) == 2


async def test_a_channel_that_is_written_down_a_moment_later_is_found() -> None:
    asterisk = Asterisk()

    def later(action: Fields) -> str:
        answer = channels(action, *asterisk.rows)
        asterisk.rows = [row("PJSIP/a-1", "AudioSocket", str(CALL))]
        return answer

    asterisk.answers["CoreShowChannels"] = later
    with trio.fail_after(10):
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)
            found = await lookup.find(CALL)
    assert found is not None
    assert found.channel == "PJSIP/a-1"


async def test_a_hundred_calls_at_once_share_the_looks() -> None:
    calls = [UUID(int=n) for n in range(100)]
    asterisk = Asterisk(
        *(row(f"PJSIP/a-{call.int}", "AudioSocket", f"{call},h:1") for call in calls)
    )
    found: dict[UUID, str] = {}
    with trio.fail_after(10):
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)

            async def find(call: UUID) -> None:
                introduction = await lookup.find(call)
                assert introduction is not None
                found[call] = introduction.channel

            async with trio.open_nursery() as nursery:
                for call in calls:
                    nursery.start_soon(find, call)
    assert found == {call: f"PJSIP/a-{call.int}" for call in calls}
    assert len(asterisk.seen("CoreShowChannels")) <= 2


async def test_who_began_a_look_may_leave_without_taking_the_others_along() -> None:
    asterisk = Asterisk(row("PJSIP/a-1", "AudioSocket", str(CALL)))
    asked, go_on = trio.Event(), trio.Event()

    async def slow(action: Fields) -> str:
        asked.set()
        await go_on.wait()
        return channels(action, *asterisk.rows)

    asterisk.answers["CoreShowChannels"] = slow
    found: list[Introduction | None] = []
    with trio.fail_after(10):
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)

            async def find() -> None:
                found.append(await lookup.find(CALL))

            async with trio.open_nursery() as nursery:
                async with trio.open_nursery() as leaving:
                    leaving.start_soon(find)
                    await asked.wait()
                    leaving.start_soon(find)  # begins the next look, when this one is over
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.start_soon(find)  # waits for that next one
                    await trio.testing.wait_all_tasks_blocked()
                    leaving.cancel_scope.cancel()
                go_on.set()
    assert [one and one.channel for one in found] == ["PJSIP/a-1"]


async def test_variables_are_set_and_the_call_is_sent_on() -> None:
    asterisk = Asterisk()
    with trio.fail_after(10):
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)
            told = {"VOICEBOT_RESULT": "transfer", "VOICEBOT_NOTE": "two\r\nlines\0"}
            assert await lookup.tell("PJSIP/a-1", told)
            assert await lookup.redirect("PJSIP/a-1", "from-internal", "400")
    got = [{k: v for k, v in one.items() if k != "ActionID"} for one in asterisk.got[-3:]]
    assert got == [
        {
            "Action": "Setvar",
            "Channel": "PJSIP/a-1",
            "Variable": "VOICEBOT_RESULT",
            "Value": "transfer",
        },
        {
            "Action": "Setvar",
            "Channel": "PJSIP/a-1",
            "Variable": "VOICEBOT_NOTE",
            "Value": "two lines ",
        },
        {
            "Action": "Redirect",
            "Channel": "PJSIP/a-1",
            "Context": "from-internal",
            "Exten": "400",
            "Priority": "1",
        },
    ]


async def test_an_extension_is_there_unless_asterisk_says_no() -> None:
    asterisk = Asterisk()
    asterisk.answers["Getvar"] = lambda action: ok(
        action, Value="0" if ",401," in action["Variable"] else "1"
    )
    with trio.fail_after(10):
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            assert await lookup.has("PJSIP/a-1", "office", "401")  # nobody to ask so far
            await until_connected(asterisk)
            assert await lookup.has("PJSIP/a-1", "office", "400")
            assert not await lookup.has("PJSIP/a-1", "office", "401")
            assert asterisk.got[-1]["Variable"] == "DIALPLAN_EXISTS(office,401,1)"
            asterisk.answers["Getvar"] = lambda action: error(action, "No such channel")
            assert await lookup.has("PJSIP/a-1", "office", "401")
            assert await lookup.has("PJSIP/a-1", "office", "40\n1")


async def test_what_cannot_be_done_is_logged_and_the_rest_is_done() -> None:
    asterisk = Asterisk()
    asterisk.answers["Redirect"] = lambda action: error(action, "Invalid extension")
    with trio.fail_after(10), capture_logs() as logs:
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)
            told = {"SHELL(reboot)": "x", "LONG": "x" * 2000, "VOICEBOT_RESULT": "hangup"}
            assert not await lookup.tell("PJSIP/a-1", told)
            assert not await lookup.tell("", {"VOICEBOT_RESULT": "hangup"})
            assert not await lookup.tell("PJSIP/a\r\nAction: Originate", {"VOICEBOT_RESULT": "x"})
            assert not await lookup.redirect("PJSIP/a-1", "c", "400\r\nPriority: 9")
            assert not await lookup.redirect("PJSIP/a-1", "c", "400")
    assert [one["Variable"] for one in asterisk.seen("Setvar")] == ["VOICEBOT_RESULT"]
    assert len(asterisk.seen("Redirect")) == 1
    reasons = [one["reason"] for one in logs if one["event"] == "ami.not_done"]
    assert [reason.partition(":")[0] for reason in reasons] == [
        "no variable is called 'SHELL(reboot)'",
        "the value of Value is too long",
        "the channel is not known",
        "the value of Channel has a line break or a NUL in it",
        "the value of Exten has a line break or a NUL in it",
        "Invalid extension",
    ]


async def test_a_caller_who_has_hung_up_is_no_fault() -> None:
    asterisk = Asterisk()
    asterisk.answers["Setvar"] = lambda action: error(action, "No such channel")
    asterisk.answers["Redirect"] = lambda action: error(action, "Channel does not exist: x")
    with trio.fail_after(10), capture_logs() as logs:
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)
            assert not await lookup.tell(
                "PJSIP/a-1", {"VOICEBOT_RESULT": "x", "VOICEBOT_CALL": "y"}
            )
            assert not await lookup.redirect("PJSIP/a-1", "c", "400")
    assert [(one["event"], one["log_level"]) for one in logs[1:]] == [
        ("ami.caller_gone", "info")
    ] * 2
    assert len(asterisk.seen("Setvar")) == 1


async def test_an_outage_is_told_once_and_is_over_by_itself(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED_S
    asterisk = Asterisk(row("PJSIP/a-1", "AudioSocket", str(CALL)))
    with capture_logs() as logs:
        async with running_peer(asterisk) as address:
            pass
        async with looking_up(address) as lookup:
            for _ in range(20):
                assert await lookup.find(CALL) is None
                await trio.sleep(2)
            assert not await lookup.tell("PJSIP/a-1", {"VOICEBOT_RESULT": "x"})
            async with running_peer(asterisk, address.port):
                await trio.sleep(PAUSES_S[-1] + 1)
                found = await lookup.find(CALL)
                assert found is not None
                await asterisk.hang_up()
                await trio.sleep(PAUSES_S[0] + 1)
                assert await lookup.find(CALL) == found
            assert await lookup.find(CALL) is None
    assert [one["event"] for one in logs] == [
        "ami.away",
        "ami.not_done",
        "ami.connected",
        "ami.away",
        "ami.connected",
        "ami.away",
    ]
    assert logs[0]["reason"] == f"no connection to {address}: Connection refused"
    assert logs[3]["reason"] == "Asterisk has closed the connection"


async def test_a_call_makes_the_connection_before_the_pause_is_over() -> None:
    asterisk = Asterisk(row("PJSIP/a-1", "AudioSocket", str(CALL)))
    with trio.fail_after(10):
        async with running_peer(asterisk) as address:
            pass
        async with looking_up(address) as lookup:
            for _ in range(5):  # the pause is ten seconds then
                assert await lookup.find(CALL) is None
            async with running_peer(asterisk, address.port):
                assert await lookup.find(CALL) is not None


async def test_a_wrong_password_is_told_once_with_what_to_do(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED_S
    asterisk = Asterisk()
    asterisk.answers["Login"] = lambda action: error(action, "Authentication failed")
    with capture_logs() as logs:
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await trio.sleep(60)
            assert await lookup.find(CALL) is None
    assert asterisk.connections > 5
    (told,) = logs
    assert told["reason"] == (
        f'Asterisk at {address} does not let the manager user "voicebot" in: '
        "Authentication failed; compare ami in config.yaml with manager.conf"
    )


async def test_a_password_that_no_line_can_hold_is_told_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED_S
    with capture_logs() as logs:
        async with running_peer(Asterisk()) as address:
            lookup = Lookup(Ami(address=address, user="voicebot", secret="two\nlines"))  # noqa: S106
            with trio.move_on_after(60):
                await lookup.run()
    (told,) = logs
    assert told["reason"] == (
        "the value of Secret has a line break or a NUL in it; correct ami in config.yaml"
    )


async def test_a_right_that_is_missing_is_told_once() -> None:
    asterisk = Asterisk(row("PJSIP/a-1", "AudioSocket", str(CALL)))
    with trio.fail_after(10), capture_logs() as logs:
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)
            # The list alone is enough for a caller's number.
            asterisk.answers["Getvar"] = lambda action: error(action, "Permission denied")
            found = await lookup.find(CALL)
            assert found is not None
            assert found.called == "7001"
            asterisk.answers["CoreShowChannels"] = lambda action: error(action, "Permission denied")
            for _ in range(3):
                assert await lookup.find(CALL) is None
    assert [one["event"] for one in logs] == ["ami.connected", "ami.refused"]


async def test_an_asterisk_that_does_not_answer_costs_a_call_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = SETTLED_S
    asterisk = Asterisk()
    for action in ("CoreShowChannels", "Setvar", "Ping"):
        asterisk.answers[action] = lambda _: ""
    with capture_logs() as logs:
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await trio.sleep(0.5)
            for _ in range(2):
                began_s = trio.current_time()
                assert await lookup.find(CALL) is None
                assert trio.current_time() - began_s == pytest.approx(LIMIT_S)
            began_s = trio.current_time()
            assert not await lookup.tell("PJSIP/a-1", dict.fromkeys("ABCDE", "x"))
            assert trio.current_time() - began_s == pytest.approx(LIMIT_S)
            await trio.sleep(40)  # it is asked whether it is still there, and given up
            began_s = trio.current_time()
            assert await lookup.find(CALL) is None
            assert trio.current_time() - began_s < LIMIT_S or asterisk.connections > 1
    events_told = [one["event"] for one in logs]
    assert events_told[:4] == ["ami.connected", "ami.slow", "ami.not_done", "ami.away"]


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"\xff" * 5000 + b"\r\n", None])
async def test_garbage_ends_the_connection_and_not_the_call(answer: bytes | None) -> None:
    asterisk = Asterisk()
    asterisk.answers["CoreShowChannels"] = lambda _: answer
    with trio.fail_after(10), capture_logs() as logs:
        async with running_peer(asterisk) as address, looking_up(address) as lookup:
            await until_connected(asterisk)
            assert await lookup.find(CALL) is None
            asterisk.rows = [row("PJSIP/a-1", "AudioSocket", str(CALL))]
            asterisk.answers["CoreShowChannels"] = lambda action: channels(action, *asterisk.rows)
            await until_connected(asterisk, 2)
            assert await lookup.find(CALL) is not None
    assert [one["event"] for one in logs] == ["ami.connected", "ami.away", "ami.connected"]
