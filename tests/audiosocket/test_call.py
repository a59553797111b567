"""One call on a socket pair, in virtual time: what is sent when, what is read, and every end."""

import socket
from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
import trio
import trio.lowlevel
import trio.testing
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.audiosocket.peer import CALL, FarEnd, connected, frame, pitch_hz, rms, tone
from voicebot.audiosocket import (
    RATES,
    Audio,
    Call,
    CallOver,
    CallSettings,
    Codec,
    Dialect,
    Format,
    Frame,
    Hangup,
    Identified,
    Key,
    PeerError,
    encode,
    frame_bytes,
)
from voicebot.audiosocket.inbox import Heard
from voicebot.line.audio import pcm_to_alaw, pcm_to_ulaw, ulaw_to_pcm
from voicebot.line.audiosocket import FORK_ANSWER


async def echo(call: Call) -> None:
    async for heard in call:
        await call.write(heard)


async def read(call: Call, frames: int) -> list[Frame]:
    return [await call.read() for _ in range(frames)]


# What is said, and when.


async def test_silence_comes_from_the_beginning_and_never_stops(autojump_clock: MockClock) -> None:
    async with connected() as (_, far):
        await trio.sleep(3.01)
    assert len(far.audio) == 150
    assert far.said == []
    assert all(b - a == pytest.approx(0.02) for (a, _), (b, _) in pairwise(far.came))


@pytest.mark.parametrize("rate_hz", RATES)
async def test_what_is_written_at_once_is_sent_at_the_pace_of_speech(
    rate_hz: int, autojump_clock: MockClock
) -> None:
    pcm = b"".join(frame(number, rate_hz) for number in range(1, 151))
    settings = CallSettings(write=Format(rate_hz), out_rate_hz=rate_hz)
    async with connected(settings) as (call, far):
        await call.play(pcm)
        await trio.sleep(0.5)
    assert b"".join(far.said) == pcm
    times = far.times_of_said()
    assert all(b - a == pytest.approx(0.02) for a, b in pairwise(times))
    assert times[-1] - times[0] == pytest.approx(149 * 0.02)
    assert {(m.rate_hz, len(m.pcm)) for m in far.audio} == {(rate_hz, frame_bytes(rate_hz))}
    # Never ahead of the clock, silence included.
    assert all(at >= (n + 0.99) * 0.02 for n, (at, _) in enumerate(far.came))


@pytest.mark.parametrize("size", [1, 2, 77, 160, 320, 321, 1000, 48001])
async def test_pieces_of_any_length_make_one_stream(size: int, autojump_clock: MockClock) -> None:
    pcm = b"".join(frame(number) for number in range(1, 31))
    async with connected() as (call, far):
        for start in range(0, len(pcm), size):
            await call.write(pcm[start : start + size])
        await call.drain()
        await trio.sleep(0.05)
    assert b"".join(far.said) == pcm
    assert all(b - a == pytest.approx(0.02) for a, b in pairwise(far.times_of_said()))


async def test_write_waits_while_so_much_is_not_sent(autojump_clock: MockClock) -> None:
    async with connected(CallSettings(ahead_s=0.2)) as (call, _):
        began_s = trio.current_time()
        await call.write(frame(1) * 100)
        assert trio.current_time() - began_s == pytest.approx(1.8, abs=0.11)
        assert call.queued_s <= 0.3
        assert call.played_s + call.queued_s == pytest.approx(2)


async def test_play_returns_when_the_last_frame_was_sent(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        assert await call.play(frame(1) * 50 + b"\1\0") is True
        await trio.lowlevel.checkpoint()
        assert trio.current_time() == pytest.approx(far.times_of_said()[-1], abs=0.001)
        assert len(far.said) == 51
        assert far.said[-1] == b"\1\0" + bytes(318)
        assert call.played_s == pytest.approx(1.02)


async def test_write_nowait_takes_all_or_nothing(autojump_clock: MockClock) -> None:
    async with connected(CallSettings(ahead_s=0.1)) as (call, far):
        assert call.write_nowait(frame(1) * 10) is True
        assert call.write_nowait(frame(2)) is False
        await trio.sleep(0.11)
        assert call.write_nowait(frame(3, 16000), Format(16000)) is False
        await trio.sleep(0.02)
        assert call.write_nowait(pcm_to_ulaw(frame(300)), Format(encoding=Codec.ULAW)) is True
        await call.drain()
        await trio.lowlevel.checkpoint()
        assert far.said[:10] == [frame(1)] * 10
        assert len(far.said) == 11
        await call.hangup()
        with pytest.raises(CallOver, match="hung up"):
            call.write_nowait(frame(1))


async def test_threads_write_while_the_clock_runs() -> None:
    """In real time: what four threads write is said, all of it."""
    async with connected(CallSettings(ahead_s=10)) as (call, far):

        def speak(number: int) -> None:
            for _ in range(100):
                assert call.write_nowait(frame(number)[:32])

        async with trio.open_nursery() as nursery:
            for number in range(1, 5):
                nursery.start_soon(trio.to_thread.run_sync, speak, number)
        await call.drain()
        await trio.lowlevel.checkpoint()
        samples = np.frombuffer(b"".join(far.said), "<i2")
        assert [int((samples == number).sum()) for number in range(1, 5)] == [1600] * 4


async def test_a_bytearray_or_memoryview_is_audio_too(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        await call.write(bytearray(frame(1)))
        await call.play(memoryview(frame(2)).cast("H"))
        await trio.sleep(0.1)
    assert far.said == [frame(1), frame(2)]


async def test_any_rate_and_number_of_channels_is_written(autojump_clock: MockClock) -> None:
    stereo = Format(44100, 2)
    left_right = np.frombuffer(tone(1000, 44100, 1), "<i2").repeat(2).tobytes()
    async with connected() as (call, far):
        await call.play(left_right, stereo)
        await call.play(pcm_to_ulaw(frame(100)), Format(encoding=Codec.ULAW))
        await call.play(pcm_to_alaw(frame(100)), Format(encoding=Codec.ALAW))
        await trio.sleep(0.1)
    speech = b"".join(far.said[:50])
    assert pitch_hz(speech, 8000) == pytest.approx(1000, abs=2)
    assert rms(speech) == pytest.approx(8000 / 2**0.5, rel=0.03)
    assert [abs(int.from_bytes(pcm[:2], "little") - 100) < 10 for pcm in far.said[50:]] == [
        True
    ] * 2


async def test_two_writers_take_turns(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.write, frame(1) * 60)
            nursery.start_soon(call.write, frame(2) * 60)
        await call.drain()
        await trio.lowlevel.checkpoint()
    assert sorted([far.said[:60], far.said[60:]]) == [[frame(1)] * 60, [frame(2)] * 60]


async def test_flush_ends_what_is_said_and_what_waits_to_be(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        ended: list[bool] = []
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def speak() -> None:
                ended.append(await call.play(frame(1) * 500))

            mark = call.mark()
            await trio.sleep(1.005)
            last = call.mark()
            assert 0 < call.flush() <= 0.3
        assert ended == [False]
        assert trio.current_time() == pytest.approx(1.005)
        assert await mark.wait() is True
        assert await last.wait() is False
        await call.play(frame(2))
        await trio.sleep(0.1)
    assert far.said == [frame(1)] * 50 + [frame(2)]


async def test_a_drain_that_is_flushed_says_so(autojump_clock: MockClock) -> None:
    async with connected() as (call, _), trio.open_nursery() as nursery:
        await call.write(frame(1) * 5)

        @nursery.start_soon
        async def drain() -> None:
            assert await call.drain() is False

        await trio.testing.wait_all_tasks_blocked()
        call.flush()


async def test_pause_sends_silence_and_resume_goes_on(autojump_clock: MockClock) -> None:
    async with connected() as (call, far), trio.open_nursery() as nursery:
        nursery.start_soon(call.write, b"".join(frame(n) for n in range(1, 21)))
        await trio.sleep(0.105)
        call.pause()
        assert call.paused
        await trio.sleep(1)
        assert len(far.said) == 5
        assert call.played_s == pytest.approx(0.1)
        call.resume()
        await trio.sleep(0.5)
        assert far.said == [frame(n) for n in range(1, 21)]
        assert len(far.audio) == 80
        nursery.cancel_scope.cancel()


async def test_marks_tell_how_far_it_was_played(autojump_clock: MockClock) -> None:
    async with connected() as (call, _):
        began_s = trio.current_time()
        marks = []
        for _ in range(3):
            await call.write(frame(1) * 4)
            marks.append(call.mark())
        times = []
        for mark in marks:
            assert await mark.wait() is True
            times.append(trio.current_time() - began_s)
        assert times == pytest.approx([0.08, 0.16, 0.24])


# What is heard.


async def test_the_caller_is_read_frame_by_frame(autojump_clock: MockClock) -> None:
    async with connected() as (call, far), trio.open_nursery() as nursery:
        nursery.start_soon(far.speak, 10)
        frames = await read(call, 10)
        assert frames == [frame(n) for n in range(1, 11)]
        assert [heard.gap for heard in frames] == [False] * 10
        assert [heard.at_s for heard in frames] == pytest.approx([n * 0.02 for n in range(1, 11)])
        assert {heard.rate_hz for heard in frames} == {8000}


async def test_silence_of_ours_is_told_from_the_callers(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        far.send(Audio(8000, bytes(320)))
        first = await call.read()
        assert (first, first.gap) == (bytes(320), False)
        assert first.at_s == pytest.approx(0.02)
        second, third = await read(call, 2)
        assert (second, second.gap) == (bytes(320), True)
        assert second.at_s == pytest.approx(0.14)
        assert third.at_s == pytest.approx(0.16)
        far.send(Audio(8000, frame(1)))
        assert (await call.read()).gap is False
        assert (call.stats.gaps, call.stats.gap_frames) == (1, 2)


@pytest.mark.parametrize("line_hz", RATES)
async def test_any_rate_is_read_at_any_rate(line_hz: int, autojump_clock: MockClock) -> None:
    pcm = tone(1000, line_hz, 1)
    async with connected(CallSettings(read=Format(16000))) as (call, far):
        await far.say(pcm, line_hz)
        far.sock.shutdown(socket.SHUT_WR)
        frames = [heard async for heard in call]
        assert call.rate_hz == line_hz
    spoken = b"".join(heard for heard in frames if not heard.gap)
    assert {len(heard) for heard in frames[:-1]} == {640}
    assert len(spoken) / 32000 == pytest.approx(1, abs=0.041)
    assert pitch_hz(spoken, 16000) == pytest.approx(1000, abs=3)


async def test_frames_are_read_as_stereo_and_the_form_may_change(autojump_clock: MockClock) -> None:
    async with connected(CallSettings(read=Format(channels=2))) as (call, far):
        far.send(Audio(8000, frame(3)))
        assert await call.read() == frame(3) * 2
        call.read_format = Format(encoding=Codec.ULAW)
        assert call.read_format == Format(encoding=Codec.ULAW)
        far.send(Audio(8000, frame(3)))
        assert await call.read() == pcm_to_ulaw(frame(3))


async def test_who_reads_late_loses_the_oldest(autojump_clock: MockClock) -> None:
    async with connected(CallSettings(keep_s=0.2)) as (call, far):
        await far.speak(30)
        await trio.sleep(0.02)
        assert call.stats.lost == 20
        assert await read(call, 10) == [frame(n) for n in range(21, 31)]


async def test_what_is_heard_is_diverted(autojump_clock: MockClock) -> None:
    taken: list[bytes | None] = []

    def take(heard: Heard | None) -> bool:
        taken.append(heard.pcm if heard else None)
        return len(taken) != 3

    async with connected() as (call, far):
        await far.speak(2)
        await trio.sleep(0.02)
        call.divert(take)
        await far.speak(2, first=3)
        far.sock.shutdown(socket.SHUT_WR)
        await call.wait_end()
        assert taken == [*(frame(n) for n in range(1, 5)), None]
        assert call.stats.lost == 1
        assert await call.read() == Frame()


async def test_keys_come_with_their_time(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        await trio.sleep(0.51)
        far.send(Audio(8000, frame(1)), Key("1"), Key("#"))
        first = await call.read_key()
        assert first is not None
        assert first.digit == "1"
        assert first.at_s == pytest.approx(0.52)
        far.sock.shutdown(socket.SHUT_WR)
        assert [key.digit async for key in call.keys] == ["#"]
        assert await call.read_key() is None


async def test_keys_that_nobody_reads_do_no_harm(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        for _ in range(15):
            far.send(*[Key("5")] * 8)
            await trio.sleep(0.02)
        await trio.sleep(1)
        assert call.stats.lost_keys == 20


async def test_odd_pieces_of_the_wire_are_one_stream(autojump_clock: MockClock) -> None:
    pcm = b"".join(frame(number) for number in range(1, 6))
    wire = encode(Audio(8000, pcm[:500])) + encode(Key("9")) + encode(Audio(8000, pcm[500:]))
    async with connected() as (call, far):
        for byte in wire[:600]:
            far.send(bytes([byte]))
            await trio.sleep(0.001)
        far.send(wire[600:])
        frames = [heard for heard in await read(call, 30) if not heard.gap]
        assert b"".join(frames) == pcm
        key = await call.read_key()
        assert key is not None
        assert key.digit == "9"


# Rates and codecs of the line.


async def test_an_echo_follows_the_line_to_its_rate(autojump_clock: MockClock) -> None:
    async with connected() as (call, far), trio.open_nursery() as nursery:
        nursery.start_soon(echo, call)
        await trio.sleep(0.1)
        await far.speak(10, 16000)
        await trio.sleep(0.1)
        assert far.said == [frame(n, 16000) for n in range(1, 11)]
        assert (call.rate_hz, call.out_rate_hz) == (16000, 16000)
        kinds = [message.rate_hz for message in far.audio]
        assert kinds == sorted(kinds)
        assert set(kinds) == {8000, 16000}
        nursery.cancel_scope.cancel()


async def test_an_echo_may_answer_at_another_rate(autojump_clock: MockClock) -> None:
    async with (
        connected(
            CallSettings(out_rate_hz=16000, read=Format(44100, 2), write=Format(44100, 2))
        ) as (call, far),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(echo, call)
        await far.say(tone(500, 8000, 1))
        await trio.sleep(0.1)
        assert {message.rate_hz for message in far.audio} == {16000}
        spoken = b"".join(far.said)
        assert len(spoken) / 32000 == pytest.approx(1, abs=0.15)
        assert pitch_hz(spoken, 16000) == pytest.approx(500, abs=3)
        # No hole was made by the two conversions.
        times = far.times_of_said()
        assert all(b - a == pytest.approx(0.02) for a, b in pairwise(times[:-2]))
        nursery.cancel_scope.cancel()


async def test_the_rate_may_be_set_for_what_is_said_from_now_on(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        await call.write(frame(1))
        call.out_rate_hz = 48000
        await call.play(frame(2, 48000), Format(48000))
        await trio.sleep(0.05)
        assert [m for m in far.audio if any(m.pcm)] == [
            Audio(8000, frame(1)),
            Audio(48000, frame(2, 48000)),
        ]
        with pytest.raises(ValueError, match="AudioSocket has no 11025 Hz"):
            call.out_rate_hz = 11025


async def test_unlabelled_16_khz_of_an_old_asterisk(autojump_clock: MockClock) -> None:
    async with connected(CallSettings(in_rate_hz=16000)) as (call, far):
        far.send(Audio(8000, frame(1, 16000)))
        heard = await call.read()
        assert (heard, heard.rate_hz) == (frame(1, 16000), 16000)
        await call.play(tone(1000, 16000, 0.5))
        await trio.lowlevel.checkpoint()
        # It takes 0x10 for 8 kHz all the same.
        assert {message.rate_hz for message in far.audio} == {8000}
        assert pitch_hz(b"".join(far.said), 8000) == pytest.approx(1000, abs=5)


async def test_ulaw_under_the_label_of_slin(autojump_clock: MockClock) -> None:
    pcm = tone(440, 8000, 0.1)
    async with connected(CallSettings(codec=Codec.ULAW)) as (call, far):
        for start in range(0, len(pcm), 320):
            far.send(Audio(8000, pcm_to_ulaw(pcm[start : start + 320])))
            await trio.sleep(0.02)
        frames = await read(call, 12)
    assert b"".join(frames[:5]) == ulaw_to_pcm(pcm_to_ulaw(pcm))
    # What follows is digital silence, not the loud samples that zeros stand for in u-law.
    assert frames[5:] == [bytes(320)] * 7


async def test_half_a_frame_of_ulaw_before_a_gap_is_padded_with_silence(
    autojump_clock: MockClock,
) -> None:
    async with connected(CallSettings(codec=Codec.ULAW)) as (call, far):
        far.send(Audio(8000, pcm_to_ulaw(frame(100)[:160])))
        heard = await call.read()
    assert heard == ulaw_to_pcm(pcm_to_ulaw(frame(100)[:160])) + bytes(160)


async def test_a_40_ms_packet_of_ulaw_is_no_frame_of_slin(autojump_clock: MockClock) -> None:
    pcm = frame(100) * 2
    async with connected(CallSettings(codec=Codec.ULAW)) as (call, far):
        for _ in range(3):
            far.send(Audio(8000, pcm_to_ulaw(pcm)))
            await trio.sleep(0.04)
        assert b"".join(await read(call, 6)) == ulaw_to_pcm(pcm_to_ulaw(pcm)) * 3


async def test_the_fork_is_answered_and_its_keys_are_understood(autojump_clock: MockClock) -> None:
    async with connected(CallSettings(dialect=Dialect.FORK), listening=False) as (call, far):
        far.send(encode(Key("7"), Dialect.FORK))
        key = await call.read_key()
        assert key is not None
        assert key.digit == "7"
        assert far.sock.recv(1000).startswith(FORK_ANSWER + b"\x10\x01\x40")


@pytest.mark.parametrize("name", ["in_rate_hz", "out_rate_hz"])
def test_settings_name_the_rates_there_are(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"{name}: AudioSocket has no 22050 Hz; it has 8000, 12000"
    ):
        CallSettings(**{name: 22050})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["keep_s", "ahead_s"])
def test_settings_take_times_that_pass(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is a time in seconds, more than 0"):
        CallSettings(**{name: 0.0})  # type: ignore[arg-type]


def test_settings_do_not_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="what carries u-law is not strictly AudioSocket"):
        CallSettings(strict=True, codec=Codec.ULAW)


async def test_frames_of_another_call_keep_their_rate(autojump_clock: MockClock) -> None:
    async with connected() as (wide, far_wide), connected() as (narrow, far_narrow):
        await far_wide.say(tone(1000, 16000, 0.5), 16000)
        for heard in await read(wide, 25):
            await narrow.write(heard)
        await narrow.drain()
        await trio.lowlevel.checkpoint()
        speech = b"".join(far_narrow.said)
        assert {message.rate_hz for message in far_narrow.audio} == {8000}
        assert len(speech) / 16000 == pytest.approx(0.5, abs=0.021)
        assert pitch_hz(speech, 8000) == pytest.approx(1000, abs=5)


# The conversion of one call is its own.


async def test_two_calls_at_once_sound_as_each_alone(autojump_clock: MockClock) -> None:
    low, high = tone(300, 8000, 0.5), tone(1900, 8000, 0.5)
    settings = CallSettings(read=Format(44100, 2))

    async def heard(call: Call, far: FarEnd, pcm: bytes) -> bytes:
        got = b""
        await far.say(pcm)
        far.sock.shutdown(socket.SHUT_WR)
        async for piece in call:
            got += piece
        return got

    alone: list[bytes] = []
    for pcm in (low, high):
        async with connected(settings) as (call, far):
            alone.append(await heard(call, far, pcm))
    together: dict[int, bytes] = {}
    async with connected(settings) as (one, far_one), connected(settings) as (other, far_other):

        async def put(number: int, call: Call, far: FarEnd, pcm: bytes) -> None:
            together[number] = await heard(call, far, pcm)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(put, 0, one, far_one, low)
            nursery.start_soon(put, 1, other, far_other, high)
    for number in (0, 1):
        assert len(together[number]) == pytest.approx(len(alone[number]), abs=4 * 900)
        for got in (together[number], alone[number]):
            left = b"".join(got[at : at + 2] for at in range(0, len(got), 4))
            assert pitch_hz(left, 44100) == pytest.approx((300, 1900)[number], abs=5)


# How it ends.


async def test_hangup_plays_out_and_is_clean(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        await call.write(b"".join(frame(n) for n in range(1, 6)))
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def close_as_asterisk_does() -> None:
                await far.hung_up.wait()
                far.sock.shutdown(socket.SHUT_WR)

            await call.hangup()
        assert (call.connected, call.reason) == (False, "hung up")
        await far.over.wait()
    assert far.said == [frame(n) for n in range(1, 6)]
    (*_, (said_at, _)) = [
        entry for entry in far.came if isinstance(entry[1], Audio) and any(entry[1].pcm)
    ]
    *before, (hangup_at, last) = far.came
    assert last == Hangup()
    assert hangup_at - said_at >= 0.2
    # Silence until the very end, and nothing behind it.
    assert all(b - a == pytest.approx(0.02) for (a, _), (b, _) in pairwise(before))
    assert hangup_at - before[-1][0] <= 0.02
    assert far.ended == "closed"


async def test_hangup_with_nothing_said_does_not_wait(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        far.sock.shutdown(socket.SHUT_WR)
        await trio.lowlevel.checkpoint()
        began_s = trio.current_time()
        await call.hangup()
        assert trio.current_time() == began_s


async def test_hangup_now_drops_what_waits(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        await call.write(frame(1) * 10)
        await trio.sleep(0.05)
        await call.hangup(now=True)
        await far.over.wait()
    assert len(far.said) == 2
    assert far.came[-1][1] == Hangup()


async def test_hangup_takes_no_longer_than_a_second_with_a_peer_that_stays(
    autojump_clock: MockClock,
) -> None:
    async with connected() as (call, _):
        began_s = trio.current_time()
        await call.hangup()
        assert trio.current_time() - began_s == pytest.approx(1)
        await call.hangup()
        await call.close()
        assert trio.current_time() - began_s == pytest.approx(1)


async def test_hangup_while_paused_drops_what_is_held(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        await call.write(frame(1) * 5)
        call.pause()
        await call.hangup()
    assert far.said == []


async def test_who_writes_while_the_call_is_hung_up_is_told(autojump_clock: MockClock) -> None:
    async with connected() as (call, far), trio.open_nursery() as nursery:
        told: list[str] = []

        @nursery.start_soon
        async def speak() -> None:
            with pytest.raises(CallOver) as caught:
                await call.write(frame(1) * 500)
            told.append(str(caught.value))

        await trio.sleep(0.1)
        await call.hangup()
        assert told == ["hung up"]
        assert 5 <= len(far.said) <= 20


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Ours and theirs: only over TCP there is a reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    return ours, theirs


@pytest.mark.parametrize("how", ["closed", "reset", "message"])
async def test_the_caller_hangs_up(how: str, autojump_clock: MockClock) -> None:
    ours, theirs = tcp_pair()
    async with connected(sockets=(ours, theirs), listening=False) as (call, far):
        far.send(Audio(8000, frame(1)))
        assert await call.read() == frame(1)
        match how:
            case "closed":
                theirs.close()
            case "reset":
                far.reset()
            case _:
                far.send(Hangup())
        assert await call.wait_end() == "caller hung up"
        assert not call.connected
        # At once, whatever the program still does.
        await trio.testing.wait_all_tasks_blocked()
        assert ours.fileno() == -1
        assert await call.read() == Frame()
        with pytest.raises(CallOver, match="caller hung up"):
            await call.write(frame(1))
        with pytest.raises(CallOver, match="caller hung up"):
            await call.drain()
        await call.hangup()


async def test_the_last_words_of_a_caller_can_still_be_read(autojump_clock: MockClock) -> None:
    async with connected(CallSettings(read=Format(16000))) as (call, far):
        await far.speak(5)
        far.sock.shutdown(socket.SHUT_WR)
        await call.wait_end()
        assert sum([len(heard) async for heard in call]) == 5 * 640


async def test_who_waits_is_told_of_the_end(autojump_clock: MockClock) -> None:
    async with connected() as (call, far), trio.open_nursery() as nursery:
        told: list[str] = []
        await call.write(frame(1))
        call.pause()

        async def wait(name: str) -> None:
            try:
                match name:
                    case "write":
                        await call.write(frame(1) * 1000)
                    case "drain":
                        await call.drain()
                    case "read":
                        assert [heard async for heard in call if not heard.gap] == []
                    case _:
                        assert await call.read_key() is None
            except CallOver:
                told.append(f"{name}: over")
            else:
                told.append(name)

        for name in ("write", "drain", "read", "key"):
            nursery.start_soon(wait, name)
        await trio.sleep(0.5)
        assert told == []
        far.sock.shutdown(socket.SHUT_WR)
        await call.wait_end()
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(told) == ["drain: over", "key", "read", "write: over"]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (encode(Identified(CALL)), "protocol error: a second identifier"),
        (encode(PeerError(4)), "protocol error: the peer reports error 4"),
        (b"\x01\0\1x", "protocol error: the identifier (kind 0x01) has 1 bytes"),
    ],
)
async def test_broken_protocol_ends_the_call(
    wire: bytes, reason: str, autojump_clock: MockClock
) -> None:
    async with connected() as (call, far):
        far.send(wire)
        assert (await call.wait_end()).startswith(reason)
        # The dialplan goes on all the same.
        await far.hung_up.wait()


async def test_a_peer_that_never_reads_ends_and_memory_does_not_grow(
    autojump_clock: MockClock,
) -> None:
    async with connected(listening=False) as (call, _):
        call._line._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        with trio.fail_after(60), pytest.raises(CallOver, match="peer does not read"):
            await call.write(frame(1) * 100_000)
        assert call.queued_s == 0
        assert call.stats.dropped == 100


async def test_a_peer_that_floods_is_taken_at_its_pace_and_bounded(
    autojump_clock: MockClock,
) -> None:
    async with connected(CallSettings(keep_s=1.0)) as (call, far):
        wire = encode(Audio(8000, frame(1))) * 100
        sent = 0
        for _ in range(50):
            try:
                sent += far.sock.send(wire)
            except BlockingIOError:
                break
        await trio.sleep(0.51)
        assert call.stats.frames_in <= 8 * 25
        assert len(far.audio) == 25
        assert call.stats.lost == call.stats.frames_in - 50
        assert sent > 8 * 25 * 323


async def test_unknown_messages_are_skipped_and_counted(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        far.send(b"\x19\0\2ab", b"\x02\0\0", Audio(8000, frame(1)))
        assert await call.read() == frame(1)
        assert call.stats.unknown == 2


async def test_a_strict_call_ends_over_them(autojump_clock: MockClock) -> None:
    async with connected(CallSettings(strict=True)) as (call, far):
        far.send(Audio(8000, frame(1)), b"\x19\0\2ab", Audio(8000, frame(2)))
        assert await call.wait_end() == "protocol error: kind 0x19 with 2 bytes means nothing"
        assert [heard async for heard in call] == [frame(1)]


async def test_a_fault_of_ours_ends_the_call_and_is_logged(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        with capture_logs() as logs:
            call._on_fault(RuntimeError("ours"))
        assert await call.wait_end() == "fault"
        assert [entry["event"] for entry in logs] == ["connection.fault"]
        await call.close()
        await far.over.wait()
        assert far.came[-1][1] == Hangup()


async def test_what_is_counted(autojump_clock: MockClock) -> None:
    async with connected() as (call, far):
        await far.speak(10)
        await call.play(frame(1) * 3)
        await trio.lowlevel.checkpoint()
        stats = call.stats
    assert (stats.frames_in, stats.bytes_in) == (10, 3200)
    assert (stats.frames_out, stats.bytes_out) == (len(far.audio), 960)
    assert (stats.late, stats.dropped, stats.unknown, stats.lost) == (0, 0, 0, 0)


async def test_a_call_says_who_it_is(autojump_clock: MockClock) -> None:
    uuid = UUID(int=5)
    async with connected(uuid=uuid) as (call, far):
        assert repr(call) == f"<Call {uuid} from 127.0.0.1, connected>"
        far.sock.shutdown(socket.SHUT_WR)
        await call.wait_end()
        assert repr(call) == f"<Call {uuid} from 127.0.0.1, caller hung up>"


async def test_lateness_of_the_clock_does_not_shift_what_follows(
    autojump_clock: MockClock,
) -> None:
    """A stall of 200 ms: three frames are made up, then each is where it belongs."""
    async with connected() as (call, far):
        await call.write(frame(1) * 4)
        await trio.sleep(0.045)
        autojump_clock.jump(0.2)
        await trio.sleep(0.2)
    times = [round(at, 3) for at, _ in far.came]
    assert times[:2] == [0.02, 0.04]
    assert times[2:5] == [0.245] * 3
    assert times[5:] == pytest.approx([0.26 + n * 0.02 for n in range(len(times) - 5)])
