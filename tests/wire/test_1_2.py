"""§1.2: what each reader makes of what a server sends; so, what ours sends.

Each test is a row of the table, run against every reader in both forms.
"""

import pytest
from trio.testing import MockClock

from tests.fake import FORK, Act, Form, Leg, Press, Profile, Stray, Talk
from voicebot.line.audio import frame_bytes
from voicebot.line.audiosocket import HANGUP, RATES, Kind

from .legs import CHANS, READERS, demand_all, frame, is_answered_fork, server_for
from .server import meet

EVERY_READER = pytest.mark.parametrize(("profile", "form"), READERS)


@EVERY_READER
async def test_audio_is_kind_0x10_and_heard_as_it_was_said(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`0x10, length ≥ 1 | voice frame, slin 8 kHz | same`"""
    server = server_for(profile, says_s=0.5)
    leg = Leg(profile, form, [Talk(1.0)])
    (exit_,) = await meet(server, leg)
    assert not exit_.caller_there  # he, and nothing else, has ended it
    demand_all(leg)
    assert leg.record.kinds.keys() <= {0x10, Kind.KEY}
    assert leg.record.pcm.startswith(b"".join(frame(n) for n in range(25)))


@pytest.mark.parametrize(("profile", "rate_hz"), CHANS)
async def test_higher_kinds_only_to_a_reader_that_knows_them(
    profile: Profile, rate_hz: int, autojump_clock: MockClock
) -> None:
    """`0x11..0x18 | read, discarded | … voice frame of that rate; between: fatal (unknown)`"""
    server = server_for(profile)
    leg = Leg(profile, Form.CHAN, [Talk(1.0)], rate_hz)
    (exit_,) = await meet(server, leg)
    assert not exit_.caller_there
    demand_all(leg)
    rates = {one.rate_hz for one in leg.record.audio}
    if profile.rates:
        assert leg.record.audio[-1].rate_hz == rate_hz
        assert rates <= {8000, rate_hz}
    else:
        assert rates == {8000}


@EVERY_READER
async def test_hangup_0x00(profile: Profile, form: Form, autojump_clock: MockClock) -> None:
    """`0x00 | reads 1 byte only → error → app returns -1; 2 unread bytes make the close an RST |
    reads all 3 header bytes, ignores length and payload → normal exit (app 0)`"""
    server = server_for(profile, hangs_up_s=0.5)
    leg = Leg(profile, form, [Talk(2.0)])
    (exit_,) = await meet(server, leg)
    demand_all(leg)
    assert leg.record.kinds[Kind.HANGUP] == 1
    assert exit_.caller_there
    assert exit_.result == (0 if profile.strict else -1)
    assert leg.record.unread == (b"" if profile.strict else HANGUP[1:])
    (one,) = server.answered
    assert one.ended is None
    assert one.closed_s - leg.closed_s < 0.1


@EVERY_READER
async def test_no_other_kind_is_sent_whatever_comes(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`0x03 (DTMF from server), 0x01, 0x02, 0xff, 0x19.. any other | … discarded | fatal`"""
    strange = [
        b"\2\0\0",
        b"\2\0\6\x015\0\0\0\0",
        b"\3\0\1x",
        b"\3\0\2ab",
        b"\x19\0\1a",
        b"\x7f\0\0",
    ]
    acts: list[Act] = [Press("19*#"), *map(Stray, strange), Talk(0.5)]
    leg = Leg(profile, form, acts)
    (exit_,) = await meet(server := server_for(profile, says_s=0.3), leg)
    assert not exit_.caller_there
    demand_all(leg)
    assert leg.record.kinds.keys() == ({0x10, Kind.KEY} if profile is FORK else {0x10})
    assert server.answered[0].ended == "caller hung up"


@EVERY_READER
@pytest.mark.parametrize("wire", [b"\xff\0\1\4", b"\1\0\x10" + bytes(16), b"\1\0\3abc"])
async def test_no_error_is_sent_to_a_peer_that_breaks_the_protocol(
    profile: Profile, form: Form, wire: bytes, autojump_clock: MockClock
) -> None:
    """The same row: our own side gives up with a hangup, which every reader takes for the end."""
    leg = Leg(profile, form, [Talk(0.5), Stray(wire), Talk(5.0)])
    (exit_,) = await meet(server := server_for(profile), leg)
    demand_all(leg)
    assert leg.record.kinds[Kind.HANGUP] == 1
    assert exit_.caller_there
    assert (server.answered[0].ended or "").startswith("protocol error")
    assert leg.closed_s - leg.identified_s < 0.7


@EVERY_READER
async def test_no_audio_of_length_0(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`audio, length 0 (10 00 00) | null frame, ignored | fatal "Invalid message length"`"""
    leg = Leg(profile, form, [Stray(b"\x10\0\0"), Talk(0.5), Stray(b"\x10\0\0"), Talk(0.5)])
    (exit_,) = await meet(server_for(profile, hangs_up_s=0.8), leg)
    assert exit_.result == (0 if profile.strict else -1)
    assert all(one.payload for one in leg.record.audio)


@pytest.mark.parametrize(("profile", "rate_hz"), CHANS)
async def test_no_odd_length_and_no_length_1(
    profile: Profile, rate_hz: int, autojump_clock: MockClock
) -> None:
    """`odd length | accepted; last byte lost`, `length 1 | 0 samples, translate.c: no samples`"""
    leg = Leg(profile, Form.CHAN, [Talk(0.3), Stray(b"\x10\0\1a\x10\0\3abc"), Talk(0.3)], rate_hz)
    await meet(server_for(profile, says_s=0.2), leg)
    assert leg.record.audio
    assert all(len(one.payload) % 2 == 0 for one in leg.record.audio)


@pytest.mark.parametrize(("profile", "rate_hz"), CHANS)
async def test_no_message_is_longer_than_20_ms(
    profile: Profile, rate_hz: int, autojump_clock: MockClock
) -> None:
    """`length up to 65535 | … > 8096 samples …: whole message silently lost | same`"""
    leg = Leg(profile, Form.CHAN, [Talk(0.5)], rate_hz)
    await meet(server_for(profile), leg)
    demand_all(leg)
    for one in leg.record.audio:
        assert len(one.payload) == frame_bytes(one.rate_hz or 0)
        assert not one.lost


@EVERY_READER
async def test_no_hangup_in_pieces(profile: Profile, form: Form, autojump_clock: MockClock) -> None:
    """`partial 0x00 (1 byte, then nothing) | hangs up | 20.14–20.16: hangs up; 20.17+: stalls`"""
    for hangs_up_s in (0.0, 0.011, 0.5):
        leg = Leg(profile, form, [Talk(2.0)])
        await meet(server_for(profile, hangs_up_s=hangs_up_s), leg)
        assert leg.record.kinds[Kind.HANGUP] == 1
        leg.record.demand_legal(
            answered_fork=is_answered_fork(leg) and Kind.KEY in leg.record.kinds
        )
        assert not leg.record.split
        assert not leg.stuck


def test_the_rates_of_the_contract() -> None:
    """`only legal server messages are audio kinds … and 00 00 00`: nine rates, no more."""
    assert len(RATES) == 9
    assert bytes(3) == HANGUP
