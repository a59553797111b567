"""§3: how a call ends, from either side, and what the dialplan makes of it.

Each test is a row of the table, run against every reader it says something of.
"""

import socket
from math import inf
from uuid import uuid4

import pytest
import trio
from trio.testing import MockClock

from tests.fake import (
    PROFILES,
    V20_20,
    V2020,
    Act,
    Form,
    HangUp,
    Leg,
    Mute,
    Profile,
    Redirect,
    Stray,
    Talk,
)
from voicebot.line.audiosocket import Kind
from voicebot.line.line import hang_up, identify

from .legs import OLD, READERS, STRICT, demand_all, server_for
from .server import Server, meet

EVERY_READER = pytest.mark.parametrize(("profile", "form"), READERS)
EVERY_PROFILE = pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
WITHIN_S = 0.05
"""Of virtual time: two beats."""


@EVERY_PROFILE
@pytest.mark.parametrize("unread", [False, True])
async def test_the_caller_hangs_up_in_the_app(
    profile: Profile, unread: bool, autojump_clock: MockClock
) -> None:
    """`Caller hangs up, app | FIN, or RST (ECONNRESET/EPIPE) if Asterisk has unread server audio; no
    0x00, no 0xff | app -1, h extension`"""
    leg = Leg(profile, acts=[Talk(0.5), HangUp(unread)])
    (exit_,) = await meet(server := server_for(profile), leg)
    (one,) = server.answered
    assert one.ended == ("peer reset" if unread else "caller hung up")
    assert one.closed_s - leg.closed_s < WITHIN_S
    assert Kind.HANGUP not in leg.record.kinds
    assert (exit_.result, exit_.goes_on) == (-1, False)


@EVERY_PROFILE
@pytest.mark.parametrize("unread", [False, True])
async def test_the_caller_hangs_up_in_dial_or_ari(
    profile: Profile, unread: bool, autojump_clock: MockClock
) -> None:
    """`Caller hangs up, Dial/ARI | same | normal hangup`"""
    leg = Leg(profile, Form.CHAN, [Talk(0.5), HangUp(unread)])
    await meet(server := server_for(profile), leg)
    (one,) = server.answered
    assert one.ended == ("peer reset" if unread else "caller hung up")
    assert one.closed_s - leg.closed_s < WITHIN_S


@EVERY_READER
async def test_the_channel_is_redirected(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`AMI Redirect / ARI redirect / TIMEOUT(absolute) | same as caller hangup | call continues at the
    target`: and the next leg, with the same identifier, is a call like any other."""
    uuid = uuid4()
    first = Leg(profile, form, [Talk(0.5), Redirect()], uuid=uuid)
    second = Leg(profile, form, [Talk(1.0)], uuid=uuid)
    exits = await meet(server := server_for(profile), first, second, apart_s=0.6)
    assert exits[0].why == "redirected"
    assert [one.ended for one in server.answered] == ["caller hung up"] * 2
    demand_all(second)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("profile", STRICT, ids=str)
async def test_our_hangup(profile: Profile, form: Form, autojump_clock: MockClock) -> None:
    """`Server sends 00 00 00, ≥ 20.14 | FIN within ms | app returns 0: next priority runs`"""
    leg = Leg(profile, form, [Talk(5.0)])
    (exit_,) = await meet(server := server_for(profile, hangs_up_s=1.0), leg)
    demand_all(leg)
    assert (exit_.result, exit_.why) == (0, "hangup message")
    assert exit_.goes_on
    (one,) = server.answered
    assert one.ended is None
    assert one.closed_s - leg.closed_s < WITHIN_S
    assert leg.closed_s - leg.identified_s == pytest.approx(1.0, abs=WITHIN_S)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("profile", OLD, ids=str)
async def test_our_hangup_in_2020(profile: Profile, form: Form, autojump_clock: MockClock) -> None:
    """`Server sends 00 00 00, 2020 | RST | app -1: call ends, unless TryExec(AudioSocket(...)):
    TRYSTATUS=FAILED and goes on`"""
    leg = Leg(profile, form, [Talk(5.0)])
    (exit_,) = await meet(server := server_for(profile, hangs_up_s=1.0), leg)
    demand_all(leg)
    assert (exit_.try_status, exit_.goes_on_within_try) == ("FAILED", True)
    assert exit_.goes_on == (form is Form.CHAN)
    assert server.answered[0].closed_s - leg.closed_s < WITHIN_S


@EVERY_READER
async def test_our_end_comes_with_all_input_read(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`Server FIN (shutdown/close with all input read), ≥ 20.14 | FIN back | as 0x00: app 0`, and
    `Server close() with unread input (kernel sends RST), ≥ 20.14 | "Connection reset by peer" → app
    -1, call dropped`: never the second, not even when nobody waits for the end."""
    for hasty in (False, True):
        leg = Leg(profile, form, [Talk(5.0)], ptime_ms=10)
        server = server_for(profile, hangs_up_s=1.003)
        server.hasty = hasty
        (exit_,) = await meet(server, leg)
        assert "reset" not in exit_.why.lower()
        assert exit_.result == (0 if profile.strict else -1)
        assert leg.record.kinds[Kind.HANGUP] == 1


@pytest.mark.parametrize("profile", [V2020, V20_20], ids=str)
async def test_a_hasty_end_with_input_in_the_buffer(
    profile: Profile, autojump_clock: MockClock
) -> None:
    """The same row, with much unread input at the very moment: the goodbye arrives first."""
    leg = Leg(profile, acts=[Talk(3.0)])
    exits = []

    async with trio.open_nursery() as nursery:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)

        @nursery.start_soon
        async def call() -> None:
            exits.append(await leg.call("127.0.0.1", listener.getsockname()[1]))

        with listener:
            await trio.lowlevel.wait_readable(listener)
            sock, _ = listener.accept()
        sock.setblocking(False)
        await identify(sock)
        await trio.sleep(1.0)  # 50 frames, none of them read
        with trio.CancelScope() as scope:
            scope.cancel()
            await hang_up(sock)
    assert exits[0].why == ("hangup message" if profile is V20_20 else "ended by remote")


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("profile", OLD, ids=str)
async def test_2020_is_never_left_with_a_mere_fin(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`Server FIN, 2020 | nothing: Asterisk never notices, spins at ~94 % CPU`: so a hangup or a reset
    comes, whatever our reason to end."""
    ends: dict[str, tuple[list[Act], float]] = {
        "hangup": ([Talk(5.0)], 0.5),
        "protocol error": ([Talk(0.5), Stray(b"\xff\0\1\1"), Talk(5.0)], inf),
        # Nothing unread then, for which the kernel would reset the connection.
        "a fault of ours": ([Talk(0.3), Mute(5.0)], inf),
    }
    for name, (acts, hangs_up_s) in ends.items():
        leg = Leg(profile, form, acts)
        server = server_for(profile, hangs_up_s=hangs_up_s)
        server.aborts = name == "a fault of ours"
        (exit_,) = await meet(server, leg)
        assert exit_.caller_there, name
        assert leg.closed_s - leg.identified_s < 1.0, name


@EVERY_READER
async def test_a_protocol_error_ends_it_at_once(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`Protocol error (§1.2), timeout, write failure | FIN/RST | app -1; under TryExec goes on`: what
    Asterisk does to a server of that kind, ours takes for the end, and stops sending."""
    for unread in (False, True):
        leg = Leg(profile, form, [Talk(0.5), HangUp(unread)])
        await meet(server := server_for(profile), leg)
        (one,) = server.answered
        sent = one.line.stats.frames_out
        assert sent <= 0.5 * 50 + 3
        assert one.ended in {"caller hung up", "peer reset"}


@EVERY_PROFILE
async def test_dial_without_and_with_g_and_ari(profile: Profile, autojump_clock: MockClock) -> None:
    """`Any server-side end, Dial(...) without g | FIN | call ends after Dial`, `… Dial(...,,g) | FIN |
    next priority, DIALSTATUS=ANSWER, HANGUPCAUSE=16, also on 2020 versions`, `… ARI externalMedia |
    FIN | only the AudioSocket channel leaves`"""
    leg = Leg(profile, Form.CHAN, [Talk(5.0)])
    (exit_,) = await meet(server_for(profile, hangs_up_s=0.5), leg)
    assert exit_.goes_on
    assert (exit_.dial_status, exit_.hangup_cause) == ("ANSWER", 16)


@EVERY_READER
async def test_the_clean_sequence(profile: Profile, form: Form, autojump_clock: MockClock) -> None:
    """`Clean server hangup: stop sending; wait for playout; send 00 00 00; shutdown(SHUT_WR); keep
    reading until EOF or ~1 s; close.`"""
    leg = Leg(profile, form, [Talk(5.0)])
    await meet(server := server_for(profile, says_s=0.5, hangs_up_s=0.8), leg)
    demand_all(leg)
    last = leg.record.arrivals[-1]
    assert last.kind == Kind.HANGUP
    # The goodbye does not come upon the heels of the last frame, and nothing comes behind it.
    assert leg.record.audio[-1].at_s <= last.at_s
    assert len(leg.record.pcm) >= 0.5 * 16000
    assert server.answered[0].closed_s - leg.closed_s < WITHIN_S


async def test_a_vanished_host(autojump_clock: MockClock) -> None:
    """`A vanished Asterisk host gives no FIN: the server needs its own idle limit + TCP keepalive.`
    Ours never stops sending, so the buffer that nobody acknowledges is the limit."""
    leg = Leg(form=Form.CHAN, acts=[Talk(1.0), Mute(600.0)])
    server = Server()

    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        nursery.start_soon(leg.call, "127.0.0.1", server.port)
        await trio.sleep(1.0)
        leg.vanish()
        await server.all_over(within_s=60.0)
        (one,) = server.answered
        assert one.ended == "peer does not read"
        assert one.closed_s - one.began_s < 30.0
        nursery.cancel_scope.cancel()


async def test_two_calls_with_one_uuid(autojump_clock: MockClock) -> None:
    """§4: `Two calls with one UUID | identical channel names; server must not key sockets by UUID`"""
    uuid = uuid4()
    legs = [Leg(acts=[Talk(1.0 + n)], uuid=uuid) for n in range(3)]
    exits = await meet(server := Server(), *legs)
    assert [one.uuid for one in server.answered] == [uuid] * 3
    for n, leg in enumerate(legs):
        demand_all(leg)
        assert leg.closed_s - leg.identified_s == pytest.approx(1.0 + n)
        assert not exits[n].caller_there
