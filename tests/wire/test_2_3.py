"""§2.3: keys on the wire.

Each test is a sentence of the section, run against every reader it says something of.
"""

import pytest
from trio.testing import MockClock

from tests.fake import PROFILES, V2020, Form, HangUp, Leg, Press, Profile, Talk, talk
from voicebot.line.line import GAP_TICKS, KeyPressed

from .legs import READERS, demand_all, server_for
from .server import Answered, Server, meet

EVERY_READER = pytest.mark.parametrize(("profile", "form"), READERS)


def has_keys(profile: Profile, form: Form) -> bool:
    """Whether this one tells of keys at all."""
    return profile.sends_keys or (profile.fork and form is Form.CHAN)


def pressed(one: Answered) -> list[tuple[str, float]]:
    """Each key and when it came, since the identifier."""
    return [(event.digit, event.at_s - one.began_s) for event in one.events
            if isinstance(event, KeyPressed)]  # fmt: skip


@EVERY_READER
async def test_no_audio_while_a_key_is_down(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`From key press to release Asterisk replaces voice by null frames: audio … 1.305 | gap 310 ms |
    03 00 01 35 at 1.615 | audio 1.625 for a 300 ms key, same for app and Dial`"""
    leg = Leg(profile, form, [Talk(1.3), Press("5", held_s=0.3), Talk(1.0)])
    await meet(server := server_for(profile), leg)
    demand_all(leg)
    (one,) = server.answered
    assert "".join(key for key, _ in pressed(one)) == ("5" if has_keys(profile, form) else "")
    for _, at_s in pressed(one):
        assert at_s == pytest.approx(1.58, abs=0.03)
    gap = [at_s for at_s, pcm, _ in one.heard if pcm is None]
    assert one.line.stats.gaps == 1
    # The timeline is the wall's: so much of the gap is heard as such as was more than jitter.
    assert len(gap) == pytest.approx(0.3 * 50 - GAP_TICKS, abs=2)
    assert 1.3 < gap[0] < gap[-1] < 1.7


@EVERY_READER
async def test_the_wall_clock_goes_on_under_a_long_key(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """The same; asterisk-observed: `none is made up later: audio time < wall time`"""
    leg = Leg(profile, form, [Talk(0.5), Press("#", held_s=5.0), Talk(1.0)])
    (exit_,) = await meet(server := server_for(profile), leg)
    assert not exit_.caller_there, exit_.why
    demand_all(leg)
    (one,) = server.answered
    assert len(one.heard) == pytest.approx(6.6 * 50, abs=2 * GAP_TICKS)
    assert one.pcm[: 320 * 10] in talk(0.5, 8000)


@EVERY_READER
async def test_keys_are_in_stream_order_with_audio(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`Digits are in stream order with audio.`"""
    leg = Leg(profile, form, [Talk(0.5), Press("1"), Talk(0.5), Press("2"), Talk(0.5)])
    await meet(server := server_for(profile), leg)
    (one,) = server.answered
    if not has_keys(profile, form):
        assert pressed(one) == []
        return
    (first, first_s), (second, second_s) = pressed(one)
    assert first + second == "12"
    between = [pcm for at_s, pcm, _ in one.heard if pcm and first_s < at_s <= second_s + 0.001]
    assert b"".join(between) == talk(0.1, 8000) + talk(0.5, 8000)


@EVERY_READER
async def test_short_and_quick_keys_come_late_and_all(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """`Press shorter than dtmfminduration (80 ms) is stretched; digits < 45 ms apart are deferred.`"""
    leg = Leg(profile, form, [Talk(1.0), Press("555#*0", held_s=0.06, pause_s=0.04), Talk(0.5)])
    await meet(server := server_for(profile), leg)
    demand_all(leg)
    (one,) = server.answered
    if has_keys(profile, form):
        assert one.keys == "555#*0"
        times = [at_s for _, at_s in pressed(one)]
        assert times == sorted(times)
        assert times[-1] - times[0] == pytest.approx(5 * 0.128, abs=0.03)


@pytest.mark.parametrize("profile", [one for one in PROFILES.values() if one.sends_keys], ids=str)
async def test_every_key_there_is(profile: Profile, autojump_clock: MockClock) -> None:
    """§1.1: `0x03 DTMF | 1 ASCII byte 0-9 * # A-D, no duration, sent at key release`"""
    await meet(server := Server(), Leg(profile, acts=[Press("0123456789*#ABCD"), Talk(0.1)]))
    assert server.answered[0].keys == "0123456789*#ABCD"


@pytest.mark.parametrize("form", Form)
async def test_a_2020_asterisk_has_no_keys_at_all(form: Form, autojump_clock: MockClock) -> None:
    """`2020 versions: no digits at all`: a gap in the audio is all there is, and no fault of it."""
    leg = Leg(V2020, form, [Talk(0.5), Press("123"), Talk(0.5)])
    await meet(server := Server(), leg)
    demand_all(leg)
    (one,) = server.answered
    assert one.events[-1:] == one.events  # nothing but the end
    assert one.ended == "caller hung up"


@EVERY_READER
async def test_a_key_held_at_the_hangup_is_never_told(
    profile: Profile, form: Form, autojump_clock: MockClock
) -> None:
    """asterisk-observed: `Key still held at hangup: never reported.`"""
    leg = Leg(profile, form, [Talk(0.3), Press("9", held_s=1.0, pause_s=-0.5), HangUp()])
    await meet(server := server_for(profile), leg)
    (one,) = server.answered
    assert one.keys == ""
    assert one.ended == "caller hung up"
