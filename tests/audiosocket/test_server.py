"""Taking calls over TCP: who comes in, many at once, faults, and the orderly end."""

import math
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID, uuid4

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.audiosocket.peer import CALL, VIRTUAL_S, FarEnd, frame
from voicebot.audiosocket import (
    Audio,
    Call,
    CallOver,
    CallSettings,
    Codec,
    Format,
    Handler,
    Hangup,
    Identified,
    Limits,
    Peer,
    Server,
    encode,
    serve,
    serve_listeners,
)
from voicebot.line.audio import pcm_to_ulaw


async def echo(call: Call) -> None:
    async for heard in call:
        await call.write(heard)


async def stay(call: Call) -> None:
    await call.wait_end()


@asynccontextmanager
async def serving(
    handler: Handler = stay,
    host: str = "127.0.0.1",
    *,
    settings: CallSettings | None = None,
    limits: Limits | None = None,
    admit: Callable[[UUID, Peer], CallSettings | None] | None = None,
    allow: list[str] | None = None,
) -> AsyncIterator[Server]:
    """A server; it is cancelled at the end, should it still be there."""
    start = partial(serve, settings=settings, limits=limits, admit=admit, allow=allow)
    with trio.fail_after(VIRTUAL_S):
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(start, handler, host, 0)
            yield server
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def dialled(
    server: Server, uuid: UUID | None = CALL, *, host: str = "127.0.0.1"
) -> AsyncIterator[FarEnd]:
    """A connection, identified unless `uuid` is None."""
    with socket.create_connection((host, server.port)) as sock:
        far = FarEnd(sock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(far.listen)
            if uuid is not None:
                far.send(Identified(uuid))
            yield far
            nursery.cancel_scope.cancel()


async def ended(far: FarEnd) -> str | None:
    with trio.fail_after(60):
        await far.over.wait()
    return far.ended


async def until_calls(server: Server, number: int) -> None:
    with trio.fail_after(60):
        while len(server.calls) != number:  # noqa: ASYNC110 - no event tells; the time is virtual
            await trio.sleep(0.01)


# What a handler is given.


async def test_a_call_is_taken_and_hung_up_when_the_handler_returns(
    autojump_clock: MockClock,
) -> None:
    async def greet(call: Call) -> None:
        assert call.uuid == CALL
        assert call.peer.host == "127.0.0.1"
        await call.write(frame(1) * 3)

    async with serving(greet) as server, dialled(server) as far:
        await far.hung_up.wait()
        far.sock.shutdown(socket.SHUT_WR)
        assert await ended(far) == "closed"
        assert far.said == [frame(1)] * 3
        await until_calls(server, 0)
        assert (server.stats.taken, server.stats.refused) == (1, 0)


async def test_silence_comes_before_any_audio_of_the_caller(autojump_clock: MockClock) -> None:
    async with serving() as server, dialled(server) as far:
        await trio.sleep(0.021)
        assert len(far.audio) >= 1


async def test_50_calls_at_once_hear_each_itself(autojump_clock: MockClock) -> None:
    async with serving(echo) as server:
        said: dict[int, list[bytes]] = {}

        async def talk(number: int) -> None:
            async with dialled(server, uuid4()) as far:
                await far.say(frame(number) * 20)
                await trio.sleep(0.1)
                said[number] = far.said

        async with trio.open_nursery() as nursery:
            for number in range(1, 51):
                nursery.start_soon(talk, number)
        assert said == {number: [frame(number)] * 20 for number in range(1, 51)}
        assert server.stats.taken == 50
        await until_calls(server, 0)


async def test_two_calls_may_have_one_identifier(autojump_clock: MockClock) -> None:
    async with serving(echo) as server, dialled(server) as one, dialled(server) as other:
        await one.say(frame(1) * 5)
        await other.say(frame(2) * 5)
        await trio.sleep(0.1)
        assert (one.said, other.said) == ([frame(1)] * 5, [frame(2)] * 5)
        assert [call.uuid for call in server.calls] == [CALL, CALL]


async def test_the_identifier_may_come_late_and_in_pieces(autojump_clock: MockClock) -> None:
    async with serving(echo) as server, dialled(server, None) as far:
        for byte in encode(Identified(CALL)) + encode(Audio(8000, frame(1))):
            far.send(bytes([byte]))
            await trio.sleep(0.001)
        await trio.sleep(0.1)
        assert far.said == [frame(1)]


# Who comes in.


async def test_a_silent_stranger_is_closed_after_five_seconds(autojump_clock: MockClock) -> None:
    with capture_logs() as logs:
        async with serving() as server, dialled(server, None) as far:
            assert await ended(far) == "closed"
            assert trio.current_time() == pytest.approx(5, abs=0.1)
            assert server.stats.refused == 1
    assert [(entry["event"], entry["after_s"]) for entry in logs] == [("line.no_uuid", 5.0)]


@pytest.mark.parametrize("wire", [b"GET / HTTP/1.1\r\n\r\n", encode(Hangup()), b"\x01\0\1x"])
async def test_what_is_no_audiosocket_is_closed(wire: bytes, autojump_clock: MockClock) -> None:
    with capture_logs() as logs:
        async with serving() as server, dialled(server, None) as far:
            far.send(wire)
            assert await ended(far) in {"closed", "reset"}
            assert server.stats.refused == 1
    assert [entry["event"] for entry in logs] == ["line.not_audiosocket"]


async def test_a_channel_that_is_not_answered_is_no_call_and_no_fault(
    autojump_clock: MockClock,
) -> None:
    with capture_logs() as logs:
        async with serving() as server, dialled(server, None) as far:
            far.sock.shutdown(socket.SHUT_WR)
            assert await ended(far) == "closed"
            assert (server.stats.taken, server.stats.refused) == (0, 0)
    assert logs == []


async def test_networks_that_are_not_allowed_are_closed(autojump_clock: MockClock) -> None:
    with capture_logs() as logs:
        async with serving(allow=["10.0.0.0/8", "::1"]) as server, dialled(server) as far:
            assert await ended(far) in {"closed", "reset"}
            assert (server.stats.taken, server.stats.refused) == (0, 1)
    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("listener.refused", "not in allow")
    ]


async def test_a_network_that_is_none_is_told_at_once() -> None:
    with pytest.raises(
        ValueError, match=r"'10\.0\.0' does not appear to be an IPv4 or IPv6 network"
    ):
        await serve(stay, "127.0.0.1", 0, allow=["10.0.0"])


async def test_calls_are_admitted_by_their_identifier(autojump_clock: MockClock) -> None:
    expected = uuid4()

    def admit(uuid: UUID, peer: Peer) -> CallSettings | None:
        assert peer.host == "127.0.0.1"
        codec = CallSettings(codec=Codec.ULAW, read=Format(16000))
        return codec if uuid == expected else None

    async def check(call: Call) -> None:
        assert call.read_format == Format(16000)
        await call.write(await call.read(), Format(16000))
        await call.wait_end()

    with capture_logs() as logs:
        async with serving(check, admit=admit) as server:
            async with dialled(server) as far:
                await far.hung_up.wait()
                assert far.audio == []
            async with dialled(server, expected) as far:
                await far.say(pcm_to_ulaw(frame(1000)) * 20)
                await trio.sleep(0.2)
                assert len(far.said) >= 1
            assert (server.stats.taken, server.stats.refused) == (1, 1)
    assert [entry["reason"] for entry in logs] == [f"call {CALL} is not admitted"]


async def test_an_admit_that_raises_refuses(autojump_clock: MockClock) -> None:
    def admit(uuid: UUID, peer: Peer) -> CallSettings | None:
        raise KeyError(uuid)

    with capture_logs() as logs:
        async with serving(admit=admit) as server, dialled(server) as far:
            await far.hung_up.wait()
            assert server.stats.refused == 1
    assert [entry["event"] for entry in logs] == ["connection.fault", "listener.refused"]


async def test_an_admit_that_returns_nonsense_ends_no_server(autojump_clock: MockClock) -> None:
    def admit(uuid: UUID, peer: Peer) -> CallSettings | None:
        return "yes" if uuid == CALL else CallSettings()  # type: ignore[return-value]

    with capture_logs() as logs:
        async with serving(admit=admit) as server:
            async with dialled(server) as far:
                assert await ended(far) in {"closed", "reset"}
            async with dialled(server, uuid4()):
                await until_calls(server, 1)
    assert [entry["event"] for entry in logs] == ["connection.fault"]


async def test_one_call_too_many_is_hung_up(autojump_clock: MockClock) -> None:
    async with (
        serving(limits=Limits(calls=2)) as server,
        dialled(server, uuid4()),
        dialled(server, uuid4()) as second,
    ):
        await until_calls(server, 2)
        async with dialled(server, uuid4()) as third:
            await third.hung_up.wait()
            assert third.audio == []
        second.sock.shutdown(socket.SHUT_WR)
        await until_calls(server, 1)
        async with dialled(server, uuid4()):
            await until_calls(server, 2)


async def test_strangers_are_bounded(autojump_clock: MockClock) -> None:
    async with (
        serving(limits=Limits(strangers=2)) as server,
        dialled(server, None) as first,
        dialled(server, None),
    ):
        await trio.sleep(0.1)
        async with dialled(server, None) as third:
            assert await ended(third) in {"closed", "reset"}
        first.send(Identified(CALL))
        await until_calls(server, 1)
        async with dialled(server):
            await until_calls(server, 2)


async def test_ipv6(autojump_clock: MockClock) -> None:
    async with serving(echo, "::1") as server:
        assert server.addresses == [("::1", server.port)]
        async with dialled(server, host="::1") as far:
            await far.say(frame(1) * 3)
            await trio.sleep(0.1)
            assert far.said == [frame(1)] * 3
            assert server.calls[0].peer.host == "::1"


async def test_ipv4_that_comes_mapped_into_ipv6_is_ipv4(autojump_clock: MockClock) -> None:
    sock = trio.socket.socket(socket.AF_INET6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    await sock.bind(("::", 0))
    sock.listen()
    start = partial(serve_listeners, allow=["127.0.0.0/8"])
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(start, stay, [trio.SocketListener(sock)])
        async with dialled(server):
            await until_calls(server, 1)
            assert server.calls[0].peer.host == "127.0.0.1"
        nursery.cancel_scope.cancel()


async def test_a_full_table_of_files_ends_no_server(autojump_clock: MockClock) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with capture_logs() as logs:
        async with serving() as server, dialled(server):
            lowest_free = os.dup(0)
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            try:
                await trio.sleep(0.25)
                assert server.calls == ()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await until_calls(server, 1)
    assert {(entry["event"], entry["reason"]) for entry in logs} == {
        ("listener.accept_failed", "[Errno 24] Too many open files")
    }


async def test_a_port_that_is_taken() -> None:
    async with serving() as server:
        with pytest.raises(OSError, match="Address already in use"):
            await serve(stay, "127.0.0.1", server.port)


# Faults, and the end.


async def test_a_handler_that_raises_ends_its_call_alone(autojump_clock: MockClock) -> None:
    async def fail(call: Call) -> None:
        heard = await call.read()
        if heard == frame(13):
            raise RuntimeError("13")
        await echo(call)

    with capture_logs() as logs:
        async with serving(fail) as server, dialled(server, uuid4()) as good:
            async with dialled(server) as bad:
                await bad.say(frame(13))
                await bad.hung_up.wait()
            await good.say(frame(1) * 5)
            await trio.sleep(0.1)
            assert good.said[-4:] == [frame(1)] * 4
            await until_calls(server, 1)
    assert [(entry["event"], entry["uuid"]) for entry in logs] == [("connection.fault", str(CALL))]


async def test_to_write_to_a_caller_who_has_left_is_a_normal_end(
    autojump_clock: MockClock,
) -> None:
    ends: list[str] = []

    async def speak(call: Call) -> None:
        try:
            async with trio.open_nursery() as nursery:
                for number in (1, 2):
                    nursery.start_soon(call.write, frame(number) * 10_000)
        finally:
            ends.append(call.reason or "")

    with capture_logs() as logs:
        async with serving(speak) as server:
            async with dialled(server):
                await trio.sleep(0.5)
            await until_calls(server, 0)
    assert (ends, logs) == (["caller hung up"], [])


async def test_who_returns_while_another_task_hangs_up_cuts_nothing_short(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:

        async def leave_to_another(call: Call) -> None:
            nursery.start_soon(call.hangup)
            await call.wait_end()

        async with serving(leave_to_another) as server, dialled(server) as far:
            await far.hung_up.wait()
            await trio.sleep(0.1)
            # What comes now is still drained: closed with it unread, the connection were reset.
            await far.say(frame(1) * 10)
            far.sock.shutdown(socket.SHUT_WR)
            assert await ended(far) == "closed"
            (call,) = server.calls
            await call.close()
            assert trio.current_time() < 0.5


async def test_a_caller_who_has_left_is_closed_while_the_handler_goes_on(
    autojump_clock: MockClock,
) -> None:
    async def write_a_report(call: Call) -> None:
        await call.wait_end()
        await trio.sleep(100)

    async with serving(write_a_report) as server, dialled(server) as far:
        await until_calls(server, 1)
        far.sock.shutdown(socket.SHUT_WR)
        assert await ended(far) == "closed"
        assert trio.current_time() < 1
        assert len(server.calls) == 1


async def test_a_bridge_of_two_calls_ends_with_either(autojump_clock: MockClock) -> None:
    waiting: list[Call] = []

    async def bridge(call: Call) -> None:
        if not waiting:
            waiting.append(call)
            await call.wait_end()
            return
        other = waiting.pop()

        async def carry(one: Call, two: Call) -> None:
            async for heard in one:
                await two.write(heard)
            raise CallOver

        async with trio.open_nursery() as nursery:
            nursery.start_soon(carry, call, other)
            nursery.start_soon(carry, other, call)

    async with serving(bridge) as server, dialled(server, uuid4()) as one:
        await until_calls(server, 1)
        async with dialled(server, uuid4()) as other:
            await until_calls(server, 2)
            await one.say(frame(1) * 5)
            await other.say(frame(2) * 5)
            await trio.sleep(0.1)
            assert (one.said, other.said) == ([frame(2)] * 5, [frame(1)] * 5)
            one.sock.shutdown(socket.SHUT_WR)
            await other.hung_up.wait()


async def test_cancelled_it_hangs_all_calls_up_cleanly(autojump_clock: MockClock) -> None:
    scope = trio.CancelScope()

    async def run(*, task_status: trio.TaskStatus[Server]) -> None:
        with scope:
            async with trio.open_nursery() as inner:
                task_status.started(await inner.start(serve, stay, "127.0.0.1", 0))

    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(run)
        async with dialled(server) as one, dialled(server) as other:
            await until_calls(server, 2)
            scope.cancel()
            for far in (one, other):
                await far.hung_up.wait()
                far.sock.shutdown(socket.SHUT_WR)
                assert await ended(far) == "closed"


async def test_stopped_it_takes_no_more_and_lets_calls_end(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve, echo, "127.0.0.1", 0)
        async with dialled(server) as far, dialled(server, None) as stranger:
            await until_calls(server, 1)
            server.stop()
            assert await ended(stranger) == "closed"
            assert trio.current_time() < 1
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port))
            await far.say(frame(1) * 50)
            await trio.sleep(0.1)
            assert len(far.said) == 50
    # The nursery ends: serve has returned.
    assert server.calls == ()


async def test_stopped_with_grace_it_hangs_up_who_is_still_there(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve, echo, "127.0.0.1", 0)
        async with dialled(server) as far:
            await until_calls(server, 1)
            stopped_s = trio.current_time()
            server.stop(grace_s=3.0)
            await far.hung_up.wait()
            assert trio.current_time() - stopped_s == pytest.approx(3, abs=0.1)
            far.sock.shutdown(socket.SHUT_WR)
            assert await ended(far) == "closed"


async def test_a_thousand_beats_are_counted(autojump_clock: MockClock) -> None:
    async with serving() as server, dialled(server):
        await until_calls(server, 1)
        await trio.sleep(20)
        lateness = server.stats.lateness
        assert lateness.beats == pytest.approx(1000, abs=2)
        assert lateness.skipped == 0
        assert lateness.max_s == pytest.approx(0)
        assert math.isfinite(lateness.p99_s)


async def test_nothing_is_left_of_many_short_calls(autojump_clock: MockClock) -> None:
    async with serving(echo) as server:
        for _ in range(100):
            async with dialled(server) as far:
                await far.say(frame(1) * 2)
        await until_calls(server, 0)
        assert server.stats.taken == 100
        assert len(server._clock) == 0
        assert server._strangers == set()
