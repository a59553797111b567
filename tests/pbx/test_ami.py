"""The manager interface: its codec over any bytes, and a session over a real socket."""

from __future__ import annotations

import socket
from itertools import pairwise

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.pbx.peer import Fields, Peer, block, channels, error, ok, running_peer
from voicebot.config import Address
from voicebot.pbx.ami import (
    LINE_MOST,
    RECEIVED_MOST,
    Banner,
    Decoder,
    Event,
    Message,
    ProtocolError,
    Response,
    encode,
)
from voicebot.pbx.ami_session import AmiRefused, AmiUnavailable, open_ami

# What Asterisk 22.10.1 sent, cut down.
SENT = (
    b"Asterisk Call Manager/11.0.0\r\n"
    b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
    b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"
    b"Response: Success\r\nActionID: 2\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n"
    b"Event: CoreShowChannel\r\nActionID: 2\r\nChannel: PJSIP/a-00000000\r\nAccountCode: \r\n\r\n"
    b"Event: CoreShowChannelsComplete\r\nActionID: 2\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
    b"Response: Success\r\nActionID: 3\r\nMessage: Command output follows\r\n"
    b"Output: Channel   State\r\nOutput:   up: 1\r\nOutput: \r\n\r\n"
    b"Response: Error\r\nActionID: 4\r\nMessage: No such channel\r\n\r\n"
    b"Response: Success\r\nActionID: 5\r\nVariable: V\r\nValue: one\ntwo: 2\r\n\r\n"
    b"Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n"
)


def read_all(data: bytes) -> list[Message]:
    return Decoder().feed(data)


def test_what_asterisk_sends_is_understood() -> None:
    banner, login, booted, listing, row, complete, command, gone, variable, bye = read_all(SENT)
    assert banner == Banner("11.0.0")
    assert isinstance(login, Response)
    assert (login.success, login.action_id, login.message) == (True, "1", "Authentication accepted")
    assert isinstance(booted, Event)
    assert (booted.name, booted.action_id) == ("FullyBooted", "")
    assert isinstance(listing, Response)
    assert listing.fields["EventList"] == "start"
    assert isinstance(row, Event)
    assert (row.name, row.action_id) == ("CoreShowChannel", "2")
    assert row.fields["Channel"] == "PJSIP/a-00000000"
    assert row.fields["AccountCode"] == ""
    assert isinstance(complete, Event)
    assert isinstance(command, Response)
    assert command.fields["Output"] == "Channel   State\n  up: 1\n"
    assert isinstance(gone, Response)
    assert (gone.success, gone.message) == (False, "No such channel")
    assert isinstance(variable, Response)
    assert variable.fields["Value"] == "one\ntwo: 2"
    assert isinstance(bye, Response)
    assert bye.success


@given(st.lists(st.integers(0, len(SENT))))
def test_it_does_not_matter_how_tcp_cuts_it(cuts: list[int]) -> None:
    decoder, got = Decoder(), []
    places = [0, *sorted(cuts), len(SENT)]
    for begin, end in pairwise(places):
        got += decoder.feed(SENT[begin:end])
    assert got == read_all(SENT)


@given(st.binary(max_size=300), st.integers(1, 50), st.booleans())
def test_any_bytes_give_messages_or_one_error(data: bytes, size: int, greeted: bool) -> None:
    decoder = Decoder()
    data = b"Asterisk Call Manager/x\r\n" + data if greeted else data
    for at in range(0, len(data), size):
        try:
            decoder.feed(data[at : at + size])
        except ProtocolError:
            with pytest.raises(ProtocolError):
                decoder.feed(b"\r\n")
            return
        if decoder.error is not None:
            return


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 400", b"\0\1", b"Asterisx"]
)
def test_another_server_is_told_by_its_first_bytes(greeting: bytes) -> None:
    with pytest.raises(ProtocolError, match="does not begin"):
        read_all(greeting)


def test_what_came_before_a_fault_is_given_first() -> None:
    decoder = Decoder()
    assert len(decoder.feed(SENT + b"no colon\r\n")) == 10
    with pytest.raises(ProtocolError, match="no colon: 'no colon'"):
        decoder.feed(b"")


@pytest.mark.parametrize("filling", [b"x", b"Key: value\r\n"])
def test_a_message_without_an_end_is_bounded(filling: bytes) -> None:
    decoder = Decoder()
    decoder.feed(b"Asterisk Call Manager/11\r\n")
    chunk = filling * (16_384 // len(filling))
    for _ in range(RECEIVED_MOST // len(chunk)):
        decoder.feed(chunk)
    with pytest.raises(ProtocolError, match="more than"):
        decoder.feed(chunk)
    # The whole of a chunk counts for its last message: so long a stream of short ones is no fault.
    decoder = Decoder()
    decoder.feed(b"Asterisk Call Manager/11\r\n")
    for _ in range(RECEIVED_MOST // 16_000 + 1):
        assert len(decoder.feed(block(Event="E", V="v" * 15_980).encode())) == 1


def test_an_action_is_lines() -> None:
    assert (
        encode("Setvar", "7", {"Channel": "PJSIP/ä-1", "Variable": "V", "Value": ""})
        == (
            "Action: Setvar\r\nActionID: 7\r\nChannel: PJSIP/ä-1\r\nVariable: V\r\nValue: \r\n\r\n"
        ).encode()
    )
    assert encode("Originate", "8", {"Variable": ["A=1", "B=2"]}).endswith(
        b"Variable: A=1\r\nVariable: B=2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Value": "a\r\nAction: Originate"}, "line break"),
        ({"Value": "a\nb"}, "line break"),
        ({"Value": "a\rb"}, "line break"),
        ({"Value": "a\0b"}, "line break or a NUL"),
        ({"Value": "ä" * LINE_MOST}, "too long"),
        ({"Value\r\nAction": "x"}, "key of a field"),
        ({"": "x"}, "key of a field"),
        ({"Variable": ["V=1"] * 200}, "at most 120 lines"),
    ],
)
def test_no_value_becomes_another_line(fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode("Setvar", "1", fields)


KEYS = st.sampled_from(["Channel", "Variable", "Value"]) | st.text()


@given(st.dictionaries(KEYS, st.lists(st.text(), max_size=3), max_size=3), st.text())
def test_an_action_is_refused_or_has_a_line_for_each_value(
    fields: dict[str, list[str]], name: str
) -> None:
    try:
        data = encode(name, "1", fields)
    except ValueError:
        return
    assert data.endswith(b"\r\n\r\n")
    lines = data.decode()[:-4].split("\r\n")
    assert len(lines) == 2 + sum(map(len, fields.values()))
    assert not any(sign in line for line in lines for sign in "\r\n\0")


async def test_a_session_asks_and_is_answered() -> None:
    peer = Peer()

    def listing(action: Fields) -> str:
        return channels(action, {"Channel": "PJSIP/a-1"}, {"Channel": "PJSIP/b-2"})

    def command(action: Fields) -> str:
        return ok(action, Output="one\r\nOutput: two")

    peer.answers = {"CoreShowChannels": listing, "Command": command}
    with trio.fail_after(10):
        async with (
            running_peer(peer) as address,
            open_ami(address, "voicebot", "s3cret") as session,
        ):
            assert session.version == "11.0.0"
            assert [one.fields["Channel"] for one in await session.listed("CoreShowChannels")] == [
                "PJSIP/a-1",
                "PJSIP/b-2",
            ]
            assert await session.command("core show version") == "one\ntwo"
            with pytest.raises(ValueError, match="line break"):
                await session.action("Setvar", Value="a\r\nb")
            await session.action("Ping")
    login = peer.seen("Login")[0]
    assert (login["Username"], login["Secret"], login["Events"]) == ("voicebot", "s3cret", "off")


async def test_many_ask_at_once_and_each_gets_its_own() -> None:
    peer = Peer()
    held: list[Fields] = []

    def hold(action: Fields) -> str:
        # The answers come in the reverse order, all in one go.
        held.append(action)
        if len(held) < 50:
            return ""
        return "".join(ok(one, Value=one["Variable"]) for one in reversed(held))

    peer.answers = {"Getvar": hold}
    got: dict[str, str] = {}
    with trio.fail_after(10):
        async with (
            running_peer(peer) as address,
            open_ami(address, "u", "s") as session,
            trio.open_nursery() as nursery,
        ):

            async def ask(name: str) -> None:
                got[name] = (await session.action("Getvar", Variable=name)).fields["Value"]

            for n in range(50):
                nursery.start_soon(ask, f"V{n}")
    assert got == {f"V{n}": f"V{n}" for n in range(50)}


async def test_an_answer_that_comes_too_late_finds_nobody() -> None:
    peer = Peer()
    slow = trio.Event()

    async def late(action: Fields) -> str:
        await slow.wait()
        return ok(action, Value="late")

    peer.answers = {"Getvar": late}
    with trio.fail_after(10):
        async with running_peer(peer) as address, open_ami(address, "u", "s") as session:
            with trio.move_on_after(0.05) as limit:
                await session.action("Getvar", Variable="V")
            assert limit.cancelled_caught
            slow.set()
            assert (await session.action("Ping")).fields.get("Value") is None


async def test_events_are_handed_on() -> None:
    peer = Peer()
    seen: list[Event] = []

    def ping(action: Fields) -> str:
        return block(Event="Hangup", Channel="PJSIP/a-1") + ok(action)

    peer.answers = {"Ping": ping}
    with trio.fail_after(10):
        async with (
            running_peer(peer) as address,
            open_ami(address, "u", "s", on_event=seen.append) as session,
        ):
            await session.action("Ping")
    assert [(event.name, event.fields["Channel"]) for event in seen] == [("Hangup", "PJSIP/a-1")]
    assert peer.seen("Login")[0]["Events"] == "on"


async def test_a_refusal_has_asterisks_words() -> None:
    peer = Peer()

    def no(action: Fields) -> str:
        return error(action, "Permission denied")

    def unknown(action: Fields) -> str:
        text = error(action, "Command output follows").removesuffix("\r\n")
        return text + "Output: No such command 'x'\r\nOutput: \r\n\r\n"

    peer.answers = {"CoreShowChannels": no, "Command": unknown}
    with trio.fail_after(10):
        async with running_peer(peer) as address, open_ami(address, "u", "s") as session:
            with pytest.raises(AmiRefused, match=r"^Permission denied$"):
                await session.listed("CoreShowChannels")
            with pytest.raises(AmiRefused, match=r"^No such command 'x'$"):
                await session.command("x")


async def test_a_wrong_password_is_told_with_address_and_user() -> None:
    peer = Peer()

    def no(action: Fields) -> str:
        return error(action, "Authentication failed")

    peer.answers = {"Login": no}
    with trio.fail_after(10):
        async with running_peer(peer) as address:
            told = (
                f'Asterisk at {address} does not let the manager user "v" in: Authentication failed'
            )
            with pytest.raises(AmiRefused, match=f"^{told}$"):
                async with open_ami(address, "v", "wrong"):
                    pytest.fail("it was let in")


async def test_an_answer_that_comes_with_the_end_is_an_answer() -> None:
    peer = Peer()
    peer.last = ("Login", "Ping")
    peer.answers = {"Login": lambda action: error(action, "Authentication failed")}
    with trio.fail_after(10):
        async with running_peer(peer) as address:
            for _ in range(20):
                with pytest.raises(AmiRefused, match="Authentication failed"):
                    async with open_ami(address, "v", "wrong"):
                        pytest.fail("it was let in")
            peer.answers, peer.last = {}, ("Ping",)
            async with open_ami(address, "u", "s") as session:
                assert (await session.action("Ping")).success


async def test_nobody_there_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("127.0.0.1", server.getsockname()[1])
    with pytest.raises(AmiUnavailable, match=f"^no connection to {address}: Connection refused$"):
        async with open_ami(address, "u", "s"):
            pytest.fail("nobody listens there")


@pytest.mark.parametrize(
    ("banner", "why"),
    [
        (b"220 mail.example.org ESMTP\r\n", "does not begin"),
        (b"Asterisk Call Manager/11\r\nwhat\r\n", "no colon"),
    ],
)
async def test_something_else_there_is_one_line(banner: bytes, why: str) -> None:
    peer = Peer()
    peer.banner = banner
    with trio.fail_after(10):
        async with running_peer(peer) as address:
            with pytest.raises(
                AmiUnavailable, match=f"^no manager interface at {address}: .*{why}"
            ):
                async with open_ami(address, "u", "s"):
                    pytest.fail("that is no Asterisk")


async def test_what_the_user_raises_comes_out_as_it_is() -> None:
    peer = Peer()
    with trio.fail_after(10):
        async with running_peer(peer) as address:
            with pytest.raises(KeyError, match="mine"):
                async with open_ami(address, "u", "s"):
                    raise KeyError("mine")
            with trio.move_on_after(0.05) as limit:
                async with open_ami(address, "u", "s"):
                    await trio.sleep_forever()
            assert limit.cancelled_caught


async def test_a_connection_that_is_lost_is_lost_for_all_who_wait() -> None:
    peer = Peer()
    came = trio.Event()
    lost = 0

    def close(action: Fields) -> None:
        came.set()

    def hold(action: Fields) -> str:
        return ""

    peer.answers = {"Getvar": hold, "Logoff": close}
    with trio.fail_after(10):
        async with running_peer(peer) as address, open_ami(address, "u", "s") as session:

            async def ask(name: str) -> None:
                nonlocal lost
                with pytest.raises(AmiUnavailable, match="Asterisk has closed the connection"):
                    await session.action(name, Variable="V")
                lost += 1

            async def wait() -> None:
                nonlocal lost
                assert await session.wait_lost() == "Asterisk has closed the connection"
                lost += 1

            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                for name in ("Getvar", "Getvar", "Logoff"):
                    nursery.start_soon(ask, name)
            assert lost == 4
            with pytest.raises(AmiUnavailable):
                await session.action("Ping")
