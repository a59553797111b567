"""The codec of FastAGI, and a session with an Asterisk that is a memory stream."""

from itertools import pairwise
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import memory_stream_pair

from voicebot.line.agi import (
    MAX_COMMAND_BYTES,
    AgiDecoder,
    AgiError,
    AgiSession,
    Environment,
    HungUp,
    Message,
    Reply,
    encode,
)

ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: dentist?x=1\nagi_request: agi://127.0.0.1/dentist\n"
    b"agi_channel: PJSIP/trunk-0000002a\nagi_callerid: +4930123456\nagi_calleridname: Miller: Jan\n"
    b"agi_arg_1: \nagi_extension: 7001\n\n"
)
VALUES = {
    "network": "yes",
    "network_script": "dentist?x=1",
    "request": "agi://127.0.0.1/dentist",
    "channel": "PJSIP/trunk-0000002a",
    "callerid": "+4930123456",
    "calleridname": "Miller: Jan",
    "arg_1": "",
    "extension": "7001",
}

# What Asterisk 22.10.1 was seen to write.
REPLIES: list[tuple[bytes, Message]] = [
    (b"200 result=0\n", Reply(200, "0")),
    (b"200 result=1 (ulaw)\n", Reply(200, "1", "ulaw")),
    (b"200 result=1 (a (b) c)\n", Reply(200, "1", "a (b) c")),
    (b"200 result=1 ()\n", Reply(200, "1", "")),
    (b"200 result=-1\n", Reply(200, "-1")),
    (b"200 result=0 (timeout) endpos=160\n", Reply(200, "0", "timeout")),
    (b"510 Invalid or unknown command\n", Reply(510)),
    (b"511 Command Not Permitted on a dead channel or intercept routine\n", Reply(511)),
    (
        b"520-Invalid command syntax.  Proper usage follows:\nUsage: SET CONTEXT <desired context>\n"
        b"\tSets the context.\n520 End of proper usage.\n",
        Reply(520),
    ),
    (b"100 result=0 Trying...\n200 result=0\n", Reply(200, "0")),
    (b"HANGUP\n", HungUp()),
]


def decoded(*pieces: bytes) -> list[Message]:
    decoder = AgiDecoder()
    return [message for piece in pieces for message in decoder.feed(piece)]


@pytest.mark.parametrize(("wire", "message"), REPLIES, ids=lambda row: str(row)[:40])
def test_decodes_replies_whole_and_byte_by_byte(wire: bytes, message: Message) -> None:
    stream = ENVIRONMENT + wire
    assert decoded(stream) == [Environment(VALUES), message]
    assert decoded(*(bytes([byte]) for byte in stream)) == [Environment(VALUES), message]


@given(st.lists(st.sampled_from(REPLIES), max_size=5), st.lists(st.integers(0, 2000), max_size=5))
def test_any_split_gives_the_same_messages(
    rows: list[tuple[bytes, Message]], cuts: list[int]
) -> None:
    stream = ENVIRONMENT + b"".join(wire for wire, _ in rows)
    edges = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    pieces = [stream[begin:end] for begin, end in pairwise(edges)]
    assert decoded(*pieces) == [Environment(VALUES), *(message for _, message in rows)]


@given(st.binary(max_size=400))
def test_any_bytes_give_messages_or_the_one_error(junk: bytes) -> None:
    for begin in (b"", ENVIRONMENT):
        try:
            decoded(begin + junk)
        except AgiError:
            assert not begin  # behind the environment whatever is no reply is passed over


@pytest.mark.parametrize(
    "wire",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x01\x00\x10" + bytes(16),
        b"agi_x" * 5000,
        b"".join(b"agi_arg_%d: x\n" % n for n in range(300)),
    ],
    ids=["http", "AudioSocket", "endless line", "endless environment"],
)
def test_what_is_no_asterisk_is_told_at_once(wire: bytes) -> None:
    with pytest.raises(AgiError):
        decoded(wire)


def test_each_argument_is_one_argument_whatever_is_in_it() -> None:
    assert encode("ANSWER") == b"ANSWER\n"
    assert encode("SET VARIABLE", "X", 'a "b" \\ c\nHANGUP') == (
        b'SET VARIABLE "X" "a \\"b\\" \\\\ c HANGUP"\n'
    )


@given(st.text())
def test_no_text_can_end_its_line(text: str) -> None:
    assert encode("SET VARIABLE", "X", text).count(b"\n") == 1


def test_a_command_that_asterisk_would_cut_in_two_is_refused() -> None:
    with pytest.raises(ValueError, match="2000"):
        encode("SET VARIABLE", "X", "ä" * (MAX_COMMAND_BYTES // 2))


async def asterisk(stream: trio.abc.Stream, *replies: bytes) -> list[bytes]:
    """Say what Asterisk would, a reply to each command; returns the commands."""
    commands = []
    for reply in replies:
        commands.append(bytes(await stream.receive_some(4096)))
        await stream.send_all(reply)
    await stream.aclose()
    return commands


async def test_a_session_asks_and_hears_of_the_hangup_in_between() -> None:
    ours, theirs = memory_stream_pair()
    session = AgiSession(ours)
    said: list[Any] = []

    async def talk() -> None:
        await theirs.send_all(ENVIRONMENT)
        said.extend(await asterisk(theirs, b"200 result=1 (ulaw)\n", b"HANGUP\n200 result=-1\n"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        assert (await session.environment())["extension"] == "7001"
        assert await session.variable("${CHANNEL(audionativeformat)}") == "ulaw"
        before = session.hung_up
        assert (await session.command("EXEC", "AudioSocket", "x,y")).result == "-1"
        assert (before, session.hung_up) == (False, True)
        with pytest.raises(AgiError, match="closed"):
            await session.command("CHANNEL STATUS")
    assert said == [
        b'GET FULL VARIABLE "${CHANNEL(audionativeformat)}"\n',
        b'EXEC "AudioSocket" "x,y"\n',
    ]


async def test_behind_a_command_that_nobody_waits_for_there_is_no_other() -> None:
    ours, theirs = memory_stream_pair()
    session = AgiSession(ours)
    with trio.CancelScope() as waiting:
        waiting.cancel()
        await session.command("EXEC", "Dial", "PJSIP/1")
    with pytest.raises(AgiError, match="still busy"):
        await session.command("SET VARIABLE", "NAME", "text")
    await ours.aclose()
    assert b"SET" not in await theirs.receive_some()


def test_no_argument_says_who_calls() -> None:
    lines = b"agi_callerid: 15551234\nagi_arg_1: a\nagi_callerid: 999\n\n"
    assert AgiDecoder().feed(lines) == [Environment({"callerid": "15551234", "arg_1": "a"})]


async def test_a_dead_channel_is_a_caller_who_has_left() -> None:
    ours, theirs = memory_stream_pair()
    session = AgiSession(ours)
    await theirs.send_all(ENVIRONMENT + b"511 Command Not Permitted on a dead channel\n")
    await session.environment()
    assert not (await session.command("ANSWER")).done
    assert session.hung_up
