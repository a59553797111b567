"""§2.1: which format comes, and which may go.

Each test is a row or a sentence of the section.
"""

import random

import pytest
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.fake import PROFILES, V20_20, V2020, Form, Leg, Mute, Press, Profile, Talk
from voicebot.line.audio import alaw_to_pcm, pcm_to_alaw, pcm_to_ulaw, ulaw_to_pcm
from voicebot.line.audiosocket import RATES, Kind
from voicebot.line.unlabelled import Codec

from .legs import KNOW_RATES, demand_all, level, likeness, server_for, voice
from .server import Server, meet

EVERY_PROFILE = pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
NO_RATES = [one for one in PROFILES.values() if not one.rates]
DECODERS = {"u-law": ulaw_to_pcm, "A-law": alaw_to_pcm}
ENCODERS = {"u-law": pcm_to_ulaw, "A-law": pcm_to_alaw}


@EVERY_PROFILE
async def test_the_app_is_slin_at_8_khz_whatever_the_caller_has(
    profile: Profile, autojump_clock: MockClock
) -> None:
    """`AudioSocket(uuid,host:port): … Asterisk → server is always 0x10 slin8`"""
    leg = Leg(profile, Form.APP, [Talk(0.5)], rate_hz=16000)
    await meet(server := server_for(profile), leg)
    demand_all(leg)
    assert {rate_hz for _, _, rate_hz in server.answered[0].heard} == {8000}
    assert {one.rate_hz for one in leg.record.audio} == {8000}


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("profile", KNOW_RATES, ids=str)
async def test_the_app_may_be_sent_any_rate(
    profile: Profile, rate_hz: int, autojump_clock: MockClock
) -> None:
    """`Server → Asterisk may be any rate kind on 20.17+ … So a 16 kHz TTS can be sent as 0x12 to the
    app … while the input stays 8 kHz`"""
    server = Server(out_rate_hz=rate_hz)
    leg = Leg(profile, Form.APP, [Talk(0.5)])
    (exit_,) = await meet(server, leg)
    assert not exit_.caller_there
    demand_all(leg)
    assert {one.rate_hz for one in leg.record.audio} == {rate_hz}
    assert {hz for _, _, hz in server.answered[0].heard} == {8000}


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("profile", [V2020, V20_20], ids=str)
async def test_without_c_ulaw_and_alaw_come_as_0x10(
    profile: Profile, codec: str, ptime_ms: int, autojump_clock: MockClock
) -> None:
    """`ulaw/alaw caller → kind 0x10, 160 bytes of ulaw/alaw per 20 ms … offer an explicit override,
    detect 160-byte messages and warn loudly`: decoded, once it is certain which."""
    said = voice(4.0)
    leg = Leg(profile, Form.CHAN, [Talk(4.0, said)], codec=ENCODERS[codec], ptime_ms=ptime_ms)
    with capture_logs() as logs:
        await meet(server := server_for(profile), leg)
    demand_all(leg)
    (warning,) = (entry for entry in logs if entry["event"] == "line.not_slin")
    assert warning["codec"] == codec
    assert "c(slin)" in warning["remedy"]
    heard = b"".join(pcm for at_s, pcm, _ in server.answered[0].heard if pcm and at_s > 1.5)
    assert len(heard) > 2.0 * 16000
    assert likeness(heard[:8000], DECODERS[codec](ENCODERS[codec](said))) > 0.999


@pytest.mark.parametrize("codec", ENCODERS)
async def test_the_wrong_codec_is_never_heard_as_noise_for_long(
    codec: str, autojump_clock: MockClock
) -> None:
    """The same row: what comes before it is certain is not loud noise in the bot's ear."""
    leg = Leg(form=Form.CHAN, acts=[Talk(2.0, voice(2.0))], codec=ENCODERS[codec])
    await meet(server := Server(), leg)
    loud = [at_s for at_s, pcm, _ in server.answered[0].heard if pcm and level(pcm) > 9000]
    assert len(loud) <= 2


async def test_without_c_g722_comes_as_0x10(autojump_clock: MockClock) -> None:
    """`g722 caller → 0x10, 160 bytes of g722`: named, not heard, and his keys still are."""
    chance = random.Random(7)
    leg = Leg(form=Form.CHAN, acts=[Talk(3.0), Press("42"), Talk(0.5)],
              codec=lambda pcm: chance.randbytes(len(pcm) // 2))  # fmt: skip
    with capture_logs() as logs:
        await meet(server := Server(), leg)
    (warning,) = (entry for entry in logs if entry["event"] == "line.not_slin")
    assert warning["codec"] == "G.722"
    assert "c(slin)" in warning["remedy"]
    (one,) = server.answered
    assert len([pcm for at_s, pcm, _ in one.heard if pcm and at_s > 0.2]) == 0
    assert one.keys == "42"


@pytest.mark.parametrize("rate_hz", RATES)
async def test_without_c_a_wideband_caller_comes_as_his_rate(
    rate_hz: int, autojump_clock: MockClock
) -> None:
    """`slin16 caller → 0x12, 640 B`, and ARI: `externalMedia … format=slin16 → dials with that one
    format`"""
    leg = Leg(V20_20, Form.CHAN, [Talk(1.0)], rate_hz)
    await meet(server := Server(), leg)
    demand_all(leg)
    (one,) = server.answered
    assert {hz for _, pcm, hz in one.heard if pcm} == {rate_hz}
    assert leg.record.audio[-1].rate_hz == rate_hz


@pytest.mark.parametrize("rate_hz", [8000, 12000, 16000, 48000, 192000])
@pytest.mark.parametrize("profile", NO_RATES, ids=str)
async def test_before_the_rates_c_slin16_is_unlabelled(
    profile: Profile, rate_hz: int, autojump_clock: MockClock
) -> None:
    """`Before the rates patch c(slin16) gives kind 0x10 with 640 B and server audio is always taken
    as 8 kHz: … configurable per listener, inferable from length (640 B at 50 msg/s ⇒ 16 kHz)`"""
    said = voice(2.0, rate_hz)
    # Nobody has the highest ones: these are taken only as the configuration says.
    for configured in (None, rate_hz) if rate_hz <= 48000 else (rate_hz,):
        server = server_for(profile)
        server.rate_hz = configured
        leg = Leg(profile, Form.CHAN, [Talk(2.0, said)], rate_hz)
        with capture_logs() as logs:
            (exit_,) = await meet(server, leg)
        assert not exit_.caller_there
        demand_all(leg)
        assert {one.rate_hz for one in leg.record.audio} == {8000}
        (one,) = server.answered
        late = [(pcm, hz) for at_s, pcm, hz in one.heard if pcm and at_s > 1.0]
        assert {hz for _, hz in late} == {rate_hz}
        assert likeness(b"".join(pcm for pcm, _ in late[:10]), said) > 0.999
        named = [entry for entry in logs if entry["event"] == "line.unlabelled_rate"]
        assert len(named) == (1 if configured is None and rate_hz != 8000 else 0)
        assert all(f"rate: {rate_hz}" in entry["remedy"] for entry in named)


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
@EVERY_PROFILE
async def test_another_packet_length_is_no_other_rate(
    profile: Profile, ptime_ms: int, autojump_clock: MockClock
) -> None:
    """The same row, and §2.2: `The caller's packetisation passes through … never assume 320`"""
    said = voice(3.0)
    leg = Leg(profile, Form.CHAN, [Talk(1.2, said[: 16000 * 12 // 10]), Mute(0.7),
                                   Talk(1.8, said[16000 * 12 // 10 :])], ptime_ms=ptime_ms)  # fmt: skip
    with capture_logs() as logs:
        await meet(server := server_for(profile), leg)
    assert not [entry for entry in logs if entry["event"].startswith("line.")]
    (one,) = server.answered
    assert {hz for _, _, hz in one.heard} == {8000}
    assert len(one.pcm) >= len(said) - 3 * 960
    assert likeness(one.pcm[:16000], said) > 0.999


@pytest.mark.parametrize("codec", ENCODERS)
async def test_what_is_sent_is_slin_all_the_same(codec: str, autojump_clock: MockClock) -> None:
    """`Server audio is always slin in every version; sending ulaw bytes is heard as noise.`"""
    leg = Leg(form=Form.CHAN, acts=[Talk(2.0, voice(2.0))], codec=ENCODERS[codec])
    await meet(server_for(V20_20, says_s=1.0), leg)
    demand_all(leg)
    assert {len(one.payload) for one in leg.record.audio} == {320}


async def test_a_frame_of_another_rate_than_the_channels(autojump_clock: MockClock) -> None:
    """`A frame of another rate than the channel's is accepted and resampled, not dropped`: so silence
    at 8 kHz may go out before it is known that the leg has 16 kHz."""
    leg = Leg(V20_20, Form.CHAN, [Mute(0.5), Talk(0.5)], 16000)
    (exit_,) = await meet(Server(), leg)
    assert not exit_.caller_there
    demand_all(leg)
    rates = [one.rate_hz for one in leg.record.audio]
    assert rates == sorted(rates, key=lambda hz: hz or 0)
    assert set(rates) == {8000, 16000}


async def test_an_explicit_codec_is_decoded_from_the_first_packet(
    autojump_clock: MockClock,
) -> None:
    """`offer an explicit override`"""
    said = voice(1.0)
    for codec, encode in ENCODERS.items():
        server = Server(codec=Codec(codec))
        leg = Leg(form=Form.CHAN, acts=[Talk(1.0, said)], codec=encode)
        await meet(server, leg)
        assert server.answered[0].pcm == DECODERS[codec](encode(said))
        assert Kind.ERROR not in leg.record.kinds
