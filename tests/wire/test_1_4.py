"""§1.4: order, sockets, reads, writes, timeouts.

Each test is a row or a sentence of the section, run against every reader it says something of.
"""

from uuid import UUID

import pytest
from trio.testing import MockClock

from tests.fake import (
    PROFILES,
    V20_20,
    Act,
    Delivery,
    Form,
    HangUp,
    Leg,
    Mute,
    Press,
    Profile,
    Talk,
    talk,
)
from tests.fake.record import MAX_LEAD_S
from voicebot.line.audiosocket import RATES, Kind

from .legs import CHANS, KNOW_RATES, READERS, demand_all, frame, server_for
from .server import IDENTIFY_S, Server, meet

EVERY_READER = pytest.mark.parametrize(("profile", "form"), READERS)
EVERY_PROFILE = pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
OTHER_PATH_MSS = 1448
"""MTU 1500, with timestamps."""


# Order


@EVERY_PROFILE
async def test_a_connection_with_zero_bytes_then_fin(
    profile: Profile, autojump_clock: MockClock
) -> None:
    """`channel must be UP, else close: a connection with zero bytes, then FIN`"""
    server = server_for(profile)
    silent, next_one = Leg(profile, answered=False), Leg(profile, acts=[Talk(0.2)])
    exits = await meet(server, silent, next_one, apart_s=0.1)
    assert exits[0].why == "Channel is not answered"
    assert server.refused == ["not a byte"]
    assert [one.uuid for one in server.answered] == [next_one.uuid]


@EVERY_READER
async def test_the_identifier_then_audio_both_ways(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`UUID → audio/DTMF. UUID arrived 0–11 ms after accept`; ours begins within a frame of it."""
    leg = Leg(profile, form, [Talk(0.5)])
    await meet(server := server_for(profile), leg)
    (one,) = server.answered
    assert one.uuid == leg.uuid
    assert leg.record.audio[0].at_s <= 0.02
    # The fork's channel has to be answered first.
    heard, said = one.pcm, talk(0.5, 8000)
    assert said.endswith(heard)
    assert len(heard) >= len(said) - 2 * 320


@EVERY_PROFILE
@pytest.mark.parametrize("late_s", [0.5, IDENTIFY_S - 0.1])
async def test_the_identifier_may_be_late(
    profile: Profile, late_s: float, autojump_clock: MockClock
) -> None:
    """`Chan order: TCP connect at request, UUID at call; …normally ms apart, may be longer`"""
    leg = Leg(profile, Form.CHAN, [Talk(0.5)], uuid_late_s=late_s)
    await meet(server := server_for(profile), leg)
    demand_all(leg)
    assert server.answered[0].ended == "caller hung up"


async def test_no_identifier_for_too_long(autojump_clock: MockClock) -> None:
    """The same row, and §7: `expect 0x01/16 first within ~5 s; anything else → close`"""
    leg = Leg(form=Form.CHAN, acts=[Talk(0.5)], uuid_late_s=IDENTIFY_S + 0.1)
    (exit_,) = await meet(server := Server(), leg)
    assert server.refused == ["no identifier"]
    assert exit_.why == "end"


@pytest.mark.parametrize(
    "text",
    [
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "12345678-0000-0000-0000-015551234567",
    ],
)
async def test_any_uuid_passes(text: str, autojump_clock: MockClock) -> None:
    """`Any 36-char 8-4-4-4-12 hex UUID passes: no version check, nil ok, upper case ok (case lost)`"""
    await meet(server := Server(), Leg(acts=[Talk(0.1)], uuid=UUID(text)))
    assert str(server.answered[0].uuid) == text.lower()


@EVERY_READER
async def test_a_caller_who_gives_no_audio_ever(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`First audio: when the channel has a frame; muted/DTX/held callers give none, ever`"""
    leg = Leg(profile, form, [Mute(10.0)])
    (exit_,) = await meet(server := server_for(profile), leg)
    assert not exit_.caller_there
    demand_all(leg)
    (one,) = server.answered
    assert one.pcm == b""
    # Wall time goes on nevertheless, once it is more than jitter.
    assert len(one.heard) == pytest.approx(10.0 * 50, abs=8)


@EVERY_READER
async def test_frames_in_pairs_every_40_ms(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`TCP_NODELAY on Asterisk's socket only since 20.15…; before, frames arrive in pairs`"""
    leg = Leg(profile, form, [Talk(2.0), Mute(0.04)], delivery=Delivery(join=2))
    await meet(server := server_for(profile), leg)
    demand_all(leg)
    (one,) = server.answered
    assert one.pcm in talk(2.0, 8000)
    assert len(one.pcm) >= 2 * 8000 * 2 - 5 * 320
    assert one.line.stats.gaps == 0


# Writes of Asterisk's


@EVERY_READER
async def test_a_server_never_stops_reading(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`a short write or EAGAIN is an error…: A server that stops reading loses the call`"""
    leg = Leg(profile, form, [Talk(30.0)], send_bytes=4096)
    (exit_,) = await meet(server := server_for(profile), leg)
    assert not exit_.caller_there, exit_.why
    demand_all(leg)
    assert len(server.answered[0].pcm) >= 30.0 * 16000 - 5 * 320


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 322])
@EVERY_PROFILE
async def test_the_last_message_may_be_cut(
    profile: Profile, cut: int, autojump_clock: MockClock
) -> None:
    """`with small rmem it is seconds. The last message may be cut.`"""
    leg = Leg(profile, acts=[Talk(0.04)], delivery=Delivery(cut=cut, late_s=1.0))
    await meet(server := server_for(profile), leg)
    assert server.refused in ([], [f"closed after {cut} bytes of the identifier"])
    assert [one.ended for one in server.answered] in ([], ["caller hung up"])


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 100, 322])
@pytest.mark.parametrize("late_s", [0.003, 0.019])
async def test_what_arrives_in_pieces(cut: int, late_s: float, autojump_clock: MockClock) -> None:
    """§7: `optional coalescing of several messages in one segment and splitting at every byte`"""
    leg = Leg(
        acts=[Talk(1.0), Press("5"), Talk(1.0), Mute(0.1)],
        delivery=Delivery(cut=cut, late_s=late_s),
    )
    await meet(server := Server(), leg)
    demand_all(leg)
    (one,) = server.answered
    assert one.keys == "5"
    assert one.pcm == talk(1.0, 8000) + talk(0.1, 8000) + talk(1.0, 8000)


@pytest.mark.parametrize("join", [2, 3, 8, 25])
async def test_what_arrives_in_one_piece(join: int, autojump_clock: MockClock) -> None:
    """The same row."""
    leg = Leg(acts=[Talk(1.9), Press("5"), Talk(1.0)], delivery=Delivery(join=join))
    await meet(server := Server(), leg)
    demand_all(leg)
    (one,) = server.answered
    whole = talk(1.9, 8000) + talk(0.1, 8000) + talk(1.0, 8000)
    assert whole.startswith(one.pcm)
    assert len(one.pcm) > 2 * 320 * 50


# Reads of Asterisk's


@pytest.mark.parametrize(("profile", "rate_hz"), CHANS)
async def test_each_message_in_one_send(
    profile: Profile, rate_hz: int, autojump_clock: MockClock
) -> None:
    """All three lines of the table: `EAGAIN at byte 0`, `1–2 header bytes, rest later`, `header or
    part of payload, rest later`, fatal here or there: none of them ever happens."""
    leg = Leg(profile, Form.CHAN, [Talk(1.0), Press("1"), Talk(0.5)], rate_hz)
    (exit_,) = await meet(server_for(profile, says_s=0.7, hangs_up_s=1.4), leg)
    assert exit_.caller_there
    demand_all(leg)
    assert leg.record.kinds[Kind.HANGUP] == 1


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("profile", KNOW_RATES, ids=str)
async def test_a_message_fits_into_a_segment_of_the_path(
    profile: Profile, rate_hz: int, autojump_clock: MockClock
) -> None:
    """`on lossy links keep header+payload ≤ one MSS (true up to 32 kHz/20 ms; 44.1 kHz+ needs 2+
    segments; use 10 ms messages there if the path is not local)`"""
    server = server_for(profile, says_s=0.5)
    leg = Leg(profile, Form.CHAN, [Talk(1.0)], rate_hz, segment_bytes=OTHER_PATH_MSS)
    await meet(server, leg)
    demand_all(leg)
    late = [one for one in leg.record.audio if one.rate_hz == rate_hz]
    assert late
    assert max(len(one.payload) for one in late) + 3 <= OTHER_PATH_MSS
    played_s = sum(one.seconds for one in leg.record.audio)
    assert played_s == pytest.approx(1.0, abs=0.05)


@EVERY_READER
async def test_no_thread_of_asterisk_is_stuck(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`While stuck in the header wait the thread … does not notice the caller's hangup (zombie until
    the server writes or closes)`"""
    ways: list[list[Act]] = [[Talk(0.5)], [Talk(0.5), HangUp(unread=True)], [Mute(0.5)]]
    for acts in ways:
        leg = Leg(profile, form, acts)
        (exit_,) = await meet(server_for(profile), leg)
        assert not exit_.caller_there
        assert leg.closed_s - leg.identified_s == pytest.approx(0.5)
        assert not leg.stuck


# Time


@EVERY_READER
async def test_nobody_is_idle_for_two_seconds(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`Idle: app only: neither the channel nor the socket readable for 2000 ms → ERROR, -1, call
    over … ⇒ stream silence continuously`"""
    leg = Leg(profile, form, [Talk(0.3), Mute(20.0), Talk(0.3)])
    (exit_,) = await meet(server := server_for(profile, says_s=1.0), leg)
    assert not exit_.caller_there, exit_.why
    demand_all(leg)
    assert len(leg.record.audio) == pytest.approx(20.6 * 50, abs=2)
    assert server.answered[0].ended == "caller hung up"


@EVERY_READER
async def test_a_server_does_not_flood_even_after_a_stall(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`the server's socket has priority over the channel: a flooding server is always served first`,
    §2.4: `after a stall send at most 2–3 frames to catch up, then re-anchor`"""
    server = server_for(profile, says_s=3.0)
    leg = Leg(profile, form, [Talk(0.5), Mute(2.0)])
    for at_s in (0.305, 0.909, 1.517):
        server.stall(at_s, 0.25, autojump_clock)
    await meet(server, leg)
    leg.record.demand_legal(answered_fork=profile.fork)
    assert max(leg.record.gaps_s) == pytest.approx(0.25, abs=0.05)
    assert leg.record.lead_s <= MAX_LEAD_S + 0.001
    assert sum(gap < 0.015 for gap in leg.record.gaps_s) <= 3 * 3


async def test_two_thousand_frames_never_drift(autojump_clock: MockClock) -> None:
    """§2.4: `absolute monotonic deadline (t0 + n·20 ms), not sleep(20 ms)`"""
    leg = Leg(V20_20, acts=[Mute(40.0)])
    await meet(Server(says=[frame(n) for n in range(2000)]), leg)
    first_s = leg.record.audio[0].at_s
    late_s = [one.at_s - first_s - n * 0.02 for n, one in enumerate(leg.record.audio)]
    assert max(map(abs, late_s)) < 0.001
    assert len(leg.record.audio) == pytest.approx(2000, abs=1)
