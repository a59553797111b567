"""§5: what the libraries have that people use today, and what they lack; ours has the first and not
the second.

Each test is a row of the section's tables, done to the public API of `voicebot.audiosocket`. The far
end is the fake Asterisk.
"""

import math
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from tests.fake import (
    PROFILES,
    V20_20,
    V2020,
    Act,
    Delivery,
    Form,
    HangUp,
    Leg,
    Mute,
    Press,
    Stray,
    Talk,
)
from tests.fake.asterisk import Exit
from tests.fake.record import MAX_LEAD_S
from voicebot.audiosocket import (
    KIND_OF_RATE,
    RATES,
    Audio,
    Call,
    CallOver,
    CallSettings,
    Codec,
    Dialect,
    ErrorCode,
    Format,
    Frame,
    Hangup,
    Identified,
    Key,
    Kind,
    Limits,
    PeerError,
    ProtocolError,
    decode,
    encode,
    error_code,
    frame_bytes,
    read_id,
    read_message,
    send_audio,
    serve,
)
from voicebot.audiosocket import blocking as threads
from voicebot.line.audio import pcm_to_ulaw, ulaw_to_pcm

from .legs import demand_all, frame, likeness, voice

STAYS_S = 0.6
"""Real time, for a leg whose server is one for threads."""


async def meet(
    handler: Callable[[Call], Awaitable[object]], *legs: Leg, **settings: Any
) -> list[Exit]:
    """Let the legs call a server of the library, all at once."""
    exits: dict[int, Exit] = {}

    async def call(n: int, leg: Leg, port: int) -> None:
        exits[n] = await leg.call("127.0.0.1", port)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve, handler, "127.0.0.1", 0, **settings))
        async with trio.open_nursery() as calling:
            for n, leg in enumerate(legs):
                calling.start_soon(call, n, leg, server.port)
        await trio.sleep(1.5)  # our side ends within a second
        assert server.calls == ()
        nursery.cancel_scope.cancel()
    return [exits[n] for n in range(len(legs))]


async def echo(call: Call) -> None:
    async for heard in call:
        await call.write(heard)


def said(leg: Leg) -> bytes:
    """What the library's side said, without the silence around it."""
    return b"".join(one.payload for one in leg.record.audio if any(one.payload))


# §5.1 Go


def test_message_kind_errorcode_types() -> None:
    """`type Message []byte, Kind, ErrorCode`"""
    for message in (Hangup(), Identified(uuid4()), Key("5"), Audio(8000, b"\1\2"), PeerError(4)):
        assert decode(encode(message)) == message


def test_kind_constants() -> None:
    """`KindHangup 0, KindID 1, KindSilence 2, KindSlin 0x10, KindError 0xff`"""
    assert (Kind.HANGUP, Kind.UUID, Kind.ERROR) == (0, 1, 0xFF)
    assert KIND_OF_RATE[8000] == 0x10
    # "Silence" is what nobody sends; the fork's keys have its kind.
    assert Kind.FORK_KEY.value == 2


def test_kind_dtmf() -> None:
    """`KindDTMF 3`"""
    assert Kind.KEY.value == 3
    assert decode(b"\3\0\x01#") == Key("#")


def test_error_constants() -> None:
    """`ErrNone 0, ErrAstHangup 1, ErrAstFrameForwarding 2, ErrAstMemory 4, ErrUnknown 0xff`"""
    assert [code.value for code in ErrorCode] == [0, 1, 2, 4, 0xFF]


def test_message_accessors() -> None:
    """`Message.ContentLength() / Kind() / Payload() / ErrorCode() / ID()`"""
    match decode(b"\x12\0\4abcd"):
        case Audio(rate_hz, pcm):
            assert (rate_hz, pcm, len(pcm)) == (16000, b"abcd", 4)
        case other:
            pytest.fail(f"{other}")
    assert error_code(decode(b"\xff\0\1\2")) is ErrorCode.FRAME_FORWARDING
    assert error_code(decode(b"\xff\0\0")) is ErrorCode.UNKNOWN
    assert error_code(Hangup()) is ErrorCode.NONE


async def test_getid(autojump_clock: MockClock) -> None:
    """`GetID(r) | reads one message, must be 0x01, else error`"""
    uuid = uuid4()
    ours, theirs = memory_stream_pair()
    await theirs.send_all(encode(Identified(uuid)) + encode(Key("1")))
    assert await read_id(ours) == uuid
    with pytest.raises(ProtocolError):
        await read_id(ours)


async def test_nextmessage(autojump_clock: MockClock) -> None:
    """`NextMessage(r) | ReadFull header, then payload (before, short reads broke framing)`"""
    ours, theirs = memory_stream_pair()
    wire = encode(Audio(8000, frame(1))) + encode(Key("1"))

    async def dribble() -> None:
        for byte in wire:
            await theirs.send_all(bytes([byte]))
        await theirs.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dribble)
        assert await read_message(ours) == Audio(8000, frame(1))
        assert await read_message(ours) == Key("1")
        assert await read_message(ours) is None


def test_builders() -> None:
    """`MessageFromData / HangupMessage / IDMessage / SlinMessage | … SlinMessage panics > 65535`"""
    assert encode(Hangup()) == bytes(3)
    assert encode(Audio(8000, bytes(65535)))[:3] == b"\x10\xff\xff"
    with pytest.raises(ValueError, match="65535"):
        encode(Audio(8000, bytes(65536)))


async def test_sendslinchunks(autojump_clock: MockClock) -> None:
    """`DefaultSlinChunkSize = 320, SendSlinChunks(w, size, pcm) | 20 ms ticker, blocking, last chunk
    short, not cancellable, no catch-up`: ours pads the last one, and can be cancelled."""
    ours, theirs = memory_stream_pair()
    began_s = trio.current_time()
    with trio.move_on_after(0.5) as scope:
        await send_audio(ours, b"\1" * 16000 * 10)
    assert scope.cancelled_caught
    await send_audio(ours, b"\1" * 400)
    assert trio.current_time() - began_s == pytest.approx(0.54, abs=0.03)
    await ours.aclose()
    messages = [message async for message in _messages(theirs)]
    assert {len(message.pcm) for message in messages} == {320}
    assert messages[-1].pcm == b"\1" * 80 + bytes(240)


async def _messages(stream: trio.abc.ReceiveStream) -> Any:
    while (message := await read_message(stream)) is not None:
        yield message


@pytest.mark.parametrize("rate_hz", RATES)
async def test_audioformat(rate_hz: int, autojump_clock: MockClock) -> None:
    """`AudioFormat{Kind,ChunkSize}, FormatSlin, FormatSlin16, …, SendAudioChunks(w, fmt, pcm) | Go+
    (0x11 = 16 kHz draft)`: 0x11 is 12 kHz, as in every release."""
    ours, theirs = memory_stream_pair()
    await send_audio(ours, frame(1, rate_hz), rate_hz)
    assert await read_message(theirs) == Audio(rate_hz, frame(1, rate_hz))
    assert frame_bytes(rate_hz) == rate_hz // 50 * 2
    assert KIND_OF_RATE[12000] == 0x11


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
async def test_what_go_has_no_name_for(profile: Any, autojump_clock: MockClock) -> None:
    """`No server, no connection object, no hangup handshake, no resampling`"""
    dialect = Dialect.FORK if profile.fork else Dialect.ASTERISK
    settings = CallSettings(write=Format(24000), dialect=dialect)
    for form in Form:
        leg = Leg(profile, form, [Talk(5.0)])

        async def speak(call: Call) -> None:
            assert call.connected
            await call.play(voice(0.5, 24000))

        (exit_,) = await meet(speak, leg, settings=settings)
        demand_all(leg)
        assert exit_.caller_there
        assert exit_.result == (0 if profile.strict else -1)
        assert likeness(said(leg)[3200:6400], voice(0.5, 8000)) > 0.98


# §5.2 The Python servers


@contextmanager
def called_by(server: threads.Audiosocket, *legs: Leg) -> Iterator[None]:
    """Legs that call in real time, each in a thread, and are over at the end."""
    calls = [
        threading.Thread(target=trio.run, args=(leg.call, "127.0.0.1", server.port)) for leg in legs
    ]
    for one in calls:
        one.start()
    yield
    for one in calls:
        one.join(20)
        assert not one.is_alive()


@contextmanager
def serving() -> Iterator[threads.Audiosocket]:
    with threads.Audiosocket(("127.0.0.1", 0), timeout=10) as server:
        yield server


async def test_audiosocket_host_port_and_its_end(autojump_clock: MockClock) -> None:
    """`Audiosocket((host, port), timeout=None); .addr .port (port 0 → OS choice) | no IPv6, no
    close/stop, backlog 1`"""
    with serving() as server:
        assert server.addr == "127.0.0.1"
        assert server.port > 0
        port = server.port
    exit_ = await Leg().call("127.0.0.1", port)
    assert not exit_.connected
    legs = [Leg(acts=[Talk(0.5)]) for _ in range(30)]
    await meet(echo, *legs)
    assert all(leg.record.audio for leg in legs)


async def test_listen_and_the_state_of_resampling(autojump_clock: MockClock) -> None:
    """`.listen() → Connection + thread per call | resample state shared by all calls`"""
    heard: dict[str, bytes] = {}

    async def keep(call: Call) -> None:
        heard[str(call.uuid)] = b"".join([piece async for piece in call if not piece.gap])

    low, high = voice(1.0), voice(1.0)[::-1]
    alone, other = Leg(acts=[Talk(1.0, low)]), Leg(acts=[Talk(1.0, high)])
    settings = CallSettings(read=Format(16000))
    await meet(keep, alone, settings=settings)
    together = Leg(acts=[Talk(1.0, low)])
    await meet(keep, together, other, settings=settings)
    one, two, three = (np.frombuffer(heard[str(leg.uuid)], "<i2").astype(int)
                       for leg in (alone, together, other))  # fmt: skip
    assert len(one) == len(two) == len(three)
    assert np.abs(one - two).max() <= 2  # it is dithered
    assert np.abs(one - three).max() > 1000


async def test_prepare_input(autojump_clock: MockClock) -> None:
    """`.prepare_input(inrate=44000, channels=2, ulaw2lin=False) | default 44000 is not 44100; audioop
    is gone in Python 3.13`"""
    assert threads.CD_HZ == 44100
    pcm = np.repeat(np.frombuffer(voice(0.5, 44100), "<i2"), 2).tobytes()
    leg = Leg(acts=[Talk(2.0)])

    async def speak(call: Call) -> None:
        await call.play(pcm)

    await meet(speak, leg, settings=CallSettings(write=Format(44100, 2)))
    assert likeness(said(leg)[3200:6400], voice(0.5, 8000)) > 0.98


async def test_prepare_output_and_ulaw(autojump_clock: MockClock) -> None:
    """`.prepare_output(…, ulaw2lin=False) | 160-byte ulaw padded with 160 zero bytes (= loud samples)
    before decoding`"""
    heard: list[Frame] = []

    async def keep(call: Call) -> None:
        heard.extend([piece async for piece in call])

    leg = Leg(form=Form.CHAN, acts=[Talk(0.5, voice(0.5))], codec=pcm_to_ulaw)
    await meet(keep, leg, settings=CallSettings(codec=Codec.ULAW))
    pcm = b"".join(piece for piece in heard if not piece.gap)
    assert pcm == ulaw_to_pcm(pcm_to_ulaw(voice(0.5)))


@pytest.mark.parametrize("ptime_ms", [10, 20, 60])
async def test_conn_read(ptime_ms: int, autojump_clock: MockClock) -> None:
    """`conn.read() | returned silence is indistinguishable from caller silence; only 8 kHz/20 ms;
    > 320 B frames are misparsed`"""
    heard: list[Frame] = []

    async def keep(call: Call) -> None:
        heard.extend([piece async for piece in call])

    acts: list[Act] = [Talk(0.6, voice(0.6)), Mute(0.5), Talk(0.6, bytes(9600))]
    await meet(keep, Leg(V20_20, Form.CHAN, acts, ptime_ms=ptime_ms))
    assert {len(piece) for piece in heard} == {320}
    assert voice(0.6).startswith(b"".join(heard[:25]))
    gap = [piece.gap for piece in heard]
    assert 15 <= sum(gap) <= 25
    assert not any(any(piece) for piece in heard if piece.gap)
    assert sum(not piece.gap and not any(piece) for piece in heard) >= 25  # the caller's own


@pytest.mark.parametrize("size", [1, 100, 320, 321, 32000])
async def test_conn_write(size: int, autojump_clock: MockClock) -> None:
    """`conn.write(pcm) | sender takes [:320], rest of a longer chunk is lost`"""
    pcm = voice(1.0)[:3200] if size == 1 else voice(1.0)
    leg = Leg(acts=[Talk(3.0)])

    async def speak(call: Call) -> None:
        for start in range(0, len(pcm), size):
            await call.write(pcm[start : start + size])
        await call.drain()

    await meet(speak, leg)
    demand_all(leg)
    assert pcm in leg.record.pcm


async def test_pacing_without_a_callers_audio(autojump_clock: MockClock) -> None:
    """`pacing | one frame out per frame in, silence when queue empty | dead when the caller is silent;
    drifts with ptime ≠ 20 ms`"""
    for acts, ptime_ms in (([Mute(3.0)], 20), ([Talk(3.0)], 60), ([Talk(3.0)], 10)):
        leg = Leg(acts=acts, ptime_ms=ptime_ms)

        async def speak(call: Call) -> None:
            await call.play(voice(1.0))
            await call.wait_end()

        await meet(speak, leg)
        demand_all(leg)
        assert len(leg.record.audio) == pytest.approx(150, abs=2)
        assert voice(1.0) in leg.record.pcm


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
async def test_conn_hangup(profile: Any, autojump_clock: MockClock) -> None:
    """`conn.hangup() | 00 00 00 under lock, sleep 0.2; the RST | lock is held by the blocking recv`"""
    leg = Leg(profile, acts=[Talk(5.0)])

    async def leave(call: Call) -> None:
        await call.write(voice(0.3))
        await call.hangup()
        assert not call.connected

    (exit_,) = await meet(leave, leg)
    leg.record.demand_legal()
    assert leg.record.kinds[Kind.HANGUP] == 1
    assert voice(0.3) in leg.record.pcm
    assert exit_.goes_on == profile.strict


@pytest.mark.parametrize(
    "delivery", [Delivery(join=4), Delivery(cut=1, late_s=0.01), Delivery(cut=17, late_s=0.01)]
)
async def test_conn_uuid_connected_peer(delivery: Delivery, autojump_clock: MockClock) -> None:
    """`conn.uuid (32 hex chars), .connected, .peer_addr | recv(323) = one message assumption; UUID
    + audio coalesced or split breaks everything`"""
    told: list[Any] = []

    async def look(call: Call) -> None:
        told.append((call.uuid, call.connected, call.peer.host))
        told.append(b"".join([piece async for piece in call if not piece.gap]))
        told.append((call.connected, call.reason))

    leg = Leg(acts=[Talk(1.0, voice(1.0)), Mute(0.1)], delivery=delivery)
    await meet(look, leg)
    assert told[0] == (leg.uuid, True, "127.0.0.1")
    assert told[2] == (False, "caller hung up")
    assert len(told[1]) >= 15000
    assert voice(1.0).startswith(told[1])


async def test_error_decode(autojump_clock: MockClock) -> None:
    """`error decode | prints text for codes 0/1/2/4 | never happens`: an end, with the code"""
    reasons = []

    async def look(call: Call) -> None:
        reasons.append(await call.wait_end())

    await meet(look, Leg(acts=[Talk(0.2), Stray(b"\xff\0\1\2"), Talk(3.0)]))
    assert reasons == ["protocol error: the peer reports error 2"]


def test_examples_echo_and_threads() -> None:
    """`examples | echo, multithread, DeepSpeech live STT`: as they are written there"""

    def echo_for_threads(connection: threads.Connection) -> None:
        while connection.connected:
            connection.write(connection.read())

    legs = [Leg(acts=[Talk(STAYS_S, bytes([n + 1, 1]) * round(8000 * STAYS_S))]) for n in range(3)]
    with serving() as server, called_by(server, *legs):
        running = []
        for _ in legs:
            connection = server.listen()
            assert len(connection.uuid) == 32
            running.append(threading.Thread(target=echo_for_threads, args=(connection,)))
            running[-1].start()
        for one in running:
            one.join(20)
    for n, leg in enumerate(legs):
        leg.record.demand_legal()
        assert set(said(leg)[0::2]) == {n + 1}


# §5.3 Others


async def test_fastaudiosocket(autojump_clock: MockClock) -> None:
    """`pablodz/fastaudiosocket (Go) | silence markers when nothing arrives, monitor, Play,
    PlayStreaming, PlayControlled (pause/resume/position), Hangup, DTMF`"""
    positions: list[float] = []
    keys: list[str] = []
    leg = Leg(acts=[Talk(0.5), Mute(1.0), Press("7"), Talk(2.0)])

    async def control(call: Call) -> None:
        await call.write(voice(0.1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.play, voice(1.0))
            await trio.sleep(0.5)
            call.pause()
            positions.append(call.played_s)
            await trio.sleep(0.5)
            positions.append(call.played_s)
            call.resume()
        positions.append(call.played_s)
        key = await call.read_key()
        keys.append(key.digit if key else "")
        assert call.stats.gap_frames > 20
        assert call.stats.gaps >= 1

    await meet(control, leg)
    assert positions[0] == positions[1] == pytest.approx(0.5, abs=0.05)
    assert positions[2] == pytest.approx(1.1)
    assert keys == ["7"]


async def test_ictinnovations(autojump_clock: MockClock) -> None:
    """`ictinnovations/asterisk-audiosocket (TS) | deadline-paced play() promise, flushPlayback()
    (barge-in), port 0, setNoDelay | no DTMF, no rates`"""
    leg = Leg(acts=[Talk(1.0), Press("1"), Talk(1.0)])
    dropped: list[float] = []

    async def interrupted(call: Call) -> None:
        async with trio.open_nursery() as nursery:
            played: list[bool] = []

            @nursery.start_soon
            async def play() -> None:
                played.append(await call.play(voice(10.0)))

            await call.read_key()
            dropped.append(call.flush())
        assert played == [False]

    await meet(interrupted, leg)
    demand_all(leg)
    assert dropped[0] >= 0.1
    assert len(said(leg)) < 1.3 * 16000


async def test_reactphp(autojump_clock: MockClock) -> None:
    """`7-zete-7/reactphp-audiosocket | send/pause/resume/end/close, back-pressure (drain, soft limit),
    end-flush-then-hangup | drops messages after UUID in the same chunk`"""
    leg = Leg(acts=[Talk(3.0, voice(3.0))], delivery=Delivery(join=3))
    waited: list[float] = []
    heard: list[Frame] = []

    async def end(call: Call) -> None:
        heard.extend([await call.read() for _ in range(10)])
        began_s = trio.current_time()
        await call.write(voice(2.0))  # waits: only so much is taken in advance
        waited.append(trio.current_time() - began_s)

    await meet(end, leg)
    assert 1.0 < waited[0] < 2.0
    assert voice(2.0) in leg.record.pcm  # played out before the hangup
    assert leg.record.kinds[Kind.HANGUP] == 1
    assert voice(3.0).startswith(b"".join(piece for piece in heard if not piece.gap))


async def test_ivan770(autojump_clock: MockClock) -> None:
    """`ivan770/audiosocket (Rust) | typed errors | no DTMF/rates: unknown kind = error`"""
    counted = []

    async def count(call: Call) -> None:
        reason = await call.wait_end()
        counted.append((call.stats.unknown, reason))

    acts: list[Act] = [Talk(0.2), Stray(b"\x19\0\1a\2\0\0"), Talk(0.2)]
    await meet(count, Leg(acts=acts))
    await meet(count, Leg(acts=acts), settings=CallSettings(strict=True))
    assert counted[0] == (2, "caller hung up")
    assert counted[1][1].startswith("protocol error")


def test_audiosocket_net() -> None:
    """`abozaralizadeh/AudioSocket.Net | SendKindId writes a 1-byte length`"""
    assert encode(Identified(uuid4()))[:3] == b"\1\0\x10"


async def test_ava(autojump_clock: MockClock) -> None:
    """`AVA src/audio/audiosocket_server.py | rates, on_uuid accept/reject, on_dtmf, metrics, NODELAY |
    rejects by sending 0xff`"""
    wanted, other = Leg(acts=[Talk(1.0)]), Leg(acts=[Talk(1.0)])

    def admit(uuid: object, peer: object) -> CallSettings | None:
        return CallSettings() if uuid == wanted.uuid else None

    exits = await meet(echo, wanted, other, admit=admit)
    assert not exits[0].caller_there
    assert exits[1].goes_on
    assert other.record.kinds == {Kind.HANGUP: 1}
    demand_all(wanted)


async def test_the_superset(autojump_clock: MockClock) -> None:
    """`Superset list: … max calls … UUID timeout; zero-byte connections tolerated; … marks … bounded
    receive queue that drops oldest and keeps reading; … stats; ECONNRESET/EPIPE = normal hangup`"""
    ends: list[str] = []

    async def look(call: Call) -> None:
        mark = call.mark()
        assert await mark.wait()
        ends.append(await call.wait_end())
        with pytest.raises(CallOver):
            await call.write(frame(1))
        assert call.stats.lost > 0

    legs = [Leg(acts=[Talk(3.0), HangUp(unread)], send_bytes=8192) for unread in (False, True)]
    legs += [Leg(answered=False), Leg(form=Form.CHAN, uuid_late_s=2.0, acts=[Talk(0.1)])]
    limits = Limits(calls=2, uuid_s=1.0)
    exits = await meet(look, *legs, limits=limits, settings=CallSettings(keep_s=1.0))
    assert ends == ["caller hung up"] * 2
    assert exits[3].why == "end"
    # Two are up: the third is hung up, and his dialplan goes on.
    legs = [Leg(profile, acts=[Talk(0.5)]) for profile in (V20_20, V20_20, V2020)]
    exits = await meet(echo, *legs, limits=limits)
    assert sum(Kind.HANGUP in leg.record.kinds for leg in legs) == 1


async def test_pace_of_the_library(autojump_clock: MockClock) -> None:
    """`paced sender with continuous silence, catch-up cap, flush, pause`"""
    leg = Leg(acts=[Mute(2.0)])

    async def burst(call: Call) -> None:
        await call.play(voice(1.0))
        await call.wait_end()

    await meet(burst, leg)
    assert leg.record.lead_s <= MAX_LEAD_S
    gaps = [after.at_s - before.at_s for before, after in pairwise(leg.record.audio)]
    assert all(math.isclose(gap, 0.02, abs_tol=0.005) for gap in gaps)
