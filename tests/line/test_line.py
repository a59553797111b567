"""One leg on a real socket pair, beat by beat at made-up times; its beginning and its end on trio."""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from voicebot.line.audio import FRAME_S, frame_bytes, pcm_to_ulaw, silence, ulaw_to_pcm
from voicebot.line.audiosocket import (
    FORK_ANSWER,
    HANGUP,
    RATES,
    Audio,
    Decoder,
    Dialect,
    Hangup,
    Identified,
    Key,
    Message,
    PeerError,
    ProtocolError,
    encode,
)
from voicebot.line.line import Ended, KeyPressed, Line, LineEvent, RateChanged, identify
from voicebot.line.unlabelled import Codec

CALL = UUID("00112233-4455-6677-8899-aabbccddeeff")
SILENT_MESSAGE = b"\x10\x01\x40" + bytes(320)


def frame(number: int, rate_hz: int = 8000) -> bytes:
    """Return a frame that is not like the others."""
    return struct.pack("<h", number) * (frame_bytes(rate_hz) // 2)


class Leg:
    """A line with both of its ends in the test's hands."""

    def __init__(
        self,
        sockets: tuple[socket.socket, socket.socket],
        rate_hz: int | None = None,
        dialect: Dialect = Dialect.ASTERISK,
        codec: Codec | None = None,
    ) -> None:
        self.heard: list[bytes | None] = []
        self.rates: list[int] = []
        self.events: list[LineEvent] = []
        self.to_say: list[bytes] = []
        self.now_s = 100.0
        self.ours, self.peer = sockets
        self.line = Line(
            self.ours,
            CALL,
            decoder=Decoder(dialect),
            source=self,
            ear=self,
            on_event=self.events.append,
            rate_hz=rate_hz,
            now_s=self.now_s,
            codec=codec,
        )

    def next_frame(self, rate_hz: int) -> bytes | None:
        assert rate_hz == self.line.out_rate_hz
        return self.to_say.pop(0) if self.to_say else None

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        self.heard.append(pcm)
        self.rates.append(rate_hz)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.now_s += FRAME_S
            self.line.listen(self.now_s)
            self.line.speak()

    def sends(self, *messages: Identified | Audio | Key | Hangup | PeerError) -> None:
        self.peer.send(b"".join(map(encode, messages)))

    def received(self) -> bytes:
        """Return what the line has sent since the last time."""
        got = b""
        while True:
            try:
                piece = self.peer.recv(1 << 20)
            except BlockingIOError:
                return got
            if not piece:
                return got
            got += piece

    def said(self) -> list[Message]:
        return Decoder().feed(self.received())


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return our end and the peer's of a non-blocking connection."""
    ours, peer = socket.socketpair()
    with ours, peer:
        ours.setblocking(False)
        peer.setblocking(False)
        yield ours, peer


@pytest.fixture
def tcp() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the same over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with ours, peer:
        ours.setblocking(False)
        peer.setblocking(False)
        yield ours, peer


@pytest.fixture
def leg(sockets: tuple[socket.socket, socket.socket]) -> Leg:
    return Leg(sockets)


def reset(sock: socket.socket) -> None:
    """Close so that the other end sees a reset, not an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_to_the_end(sock: socket.socket) -> None:
    while sock.recv(1 << 20):
        pass


# What is said.


def test_silence_from_the_first_beat_without_any_audio_in(leg: Leg) -> None:
    leg.tick(3)
    assert leg.received() == SILENT_MESSAGE * 3
    assert leg.line.stats.frames_out == 3


def test_says_what_the_source_has_one_frame_a_beat(leg: Leg) -> None:
    leg.to_say = [frame(1), frame(2)]
    for expected in (frame(1), frame(2), silence(8000)):
        leg.tick()
        assert leg.said() == [Audio(8000, expected)]


def test_each_frame_is_one_send() -> None:
    ours, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, peer:
        ours.setblocking(False)
        leg = Leg((ours, peer))
        leg.to_say = [frame(1)]
        leg.tick(2)
        assert peer.recv(9999) == encode(Audio(8000, frame(1)))
        assert peer.recv(9999) == SILENT_MESSAGE


@pytest.mark.parametrize("rate_hz", RATES)
def test_nine_rates_in_and_out(leg: Leg, rate_hz: int) -> None:
    leg.line.out_rate_hz = rate_hz
    leg.to_say = [frame(7, rate_hz)]
    for number in range(3):
        leg.sends(Audio(rate_hz, frame(number, rate_hz)))
        leg.tick()
    # Before the rate is known a recv is small.
    leg.tick(3)
    assert leg.heard == [frame(number, rate_hz) for number in range(3)]
    assert set(leg.rates) == {rate_hz}
    assert leg.line.in_rate_hz == rate_hz
    assert leg.events == ([] if rate_hz == 8000 else [RateChanged(rate_hz)])
    assert leg.said() == [
        Audio(rate_hz, frame(7, rate_hz)),
        *[Audio(rate_hz, silence(rate_hz))] * 5,
    ]


def test_a_frame_of_a_wrong_length_never_reaches_the_wire(leg: Leg) -> None:
    leg.to_say = [bytes(318)]
    with pytest.raises(ValueError, match="a frame of 318 bytes at 8000 Hz"):
        leg.tick()
    assert leg.received() == b""


def test_the_fork_is_answered_first(sockets: tuple[socket.socket, socket.socket]) -> None:
    leg = Leg(sockets, dialect=Dialect.FORK)
    leg.tick(2)
    assert leg.received() == FORK_ANSWER + SILENT_MESSAGE * 2


# What is heard.


def test_whole_frames_are_heard_as_they_come(leg: Leg) -> None:
    for number in range(4):
        leg.sends(Audio(8000, frame(number)))
        leg.tick()
    assert leg.heard == [frame(number) for number in range(4)]
    assert leg.line.stats.frames_in == 4
    assert leg.events == []


@pytest.mark.parametrize("size", [64, 160, 276, 318, 322, 480, 640, 960, 1600, 8000])
def test_any_message_length_is_cut_into_frames(leg: Leg, size: int) -> None:
    pcm = b"".join(frame(number) for number in range(50))
    for start in range(0, len(pcm), size):
        leg.sends(Audio(8000, pcm[start : start + size]))
        leg.tick((start + size) // 320 - start // 320)
        leg.received()
    leg.tick(5)
    assert b"".join(piece for piece in leg.heard if piece) == pcm
    assert {len(piece) for piece in leg.heard if piece} == {320}


def test_an_odd_length_does_not_turn_what_follows_into_noise(leg: Leg) -> None:
    leg.sends(Audio(8000, frame(1) + b"\x55"), Audio(8000, frame(2)), Audio(8000, b""))
    leg.tick()
    assert leg.heard == [frame(1), frame(2)]


def test_bytes_one_by_one(leg: Leg) -> None:
    wire = b"".join(encode(Audio(8000, frame(number))) for number in range(2))
    for byte in wire:
        leg.peer.send(bytes([byte]))
        leg.tick()
        leg.received()
    assert [piece for piece in leg.heard if piece] == [frame(0), frame(1)]
    # Then the fast path again.
    leg.sends(Audio(8000, frame(5)))
    leg.tick()
    assert leg.heard[-1] == frame(5)
    assert leg.events == []


def test_keys_and_audio_keep_their_order(leg: Leg) -> None:
    leg.sends(Key("1"), Audio(8000, frame(1)), Key("#"))
    leg.tick()
    assert leg.events == [KeyPressed("1", leg.now_s), KeyPressed("#", leg.now_s)]
    assert leg.heard == [frame(1)]


def test_unknown_kinds_are_skipped_and_counted(leg: Leg) -> None:
    leg.peer.send(b"\x19\0\2ab" + encode(Audio(8000, frame(1))) + b"\x02\0\0")
    leg.tick()
    assert leg.heard == [frame(1)]
    assert leg.line.stats.unknown == 2


def test_a_flood_waits_in_the_kernel_and_nothing_is_lost(leg: Leg) -> None:
    leg.sends(*(Audio(8000, frame(number)) for number in range(40)))
    leg.tick()
    assert len(leg.heard) == 8
    assert leg.line.stats.frames_out == 1
    leg.tick(10)
    assert [piece for piece in leg.heard if piece] == [frame(number) for number in range(40)]


def test_a_flood_of_keys_is_bounded_too(leg: Leg) -> None:
    leg.sends(*(Key("5") for _ in range(60)), Audio(8000, frame(1)))
    leg.tick()
    assert len(leg.events) == 8
    leg.tick(10)
    assert len(leg.events) == 60
    assert [piece for piece in leg.heard if piece] == [frame(1)]


def test_a_flood_of_empty_messages_costs_no_more(leg: Leg) -> None:
    leg.peer.send(b"\x10\0\0\x19\0\0" * 20 + encode(Key("1")))
    leg.tick()
    came_s = leg.now_s
    leg.tick(4)
    assert leg.events == []
    leg.tick()
    assert leg.events == [KeyPressed("1", came_s)]


def test_a_fixed_rate_is_what_kind_0x10_means(sockets: tuple[socket.socket, socket.socket]) -> None:
    leg = Leg(sockets, rate_hz=16000)
    assert leg.line.in_rate_hz == 16000
    leg.sends(Audio(8000, frame(1, 16000)))
    leg.tick()
    leg.sends(Audio(16000, frame(2, 16000)))
    leg.tick()
    assert leg.heard == [frame(1, 16000), frame(2, 16000)]
    assert set(leg.rates) == {16000}
    assert leg.events == []
    # An Asterisk that labels 16 kHz as 0x10 takes 0x10 for 8 kHz all the same.
    assert leg.received() == SILENT_MESSAGE * 2


def test_a_change_of_rate_in_the_middle(leg: Leg) -> None:
    leg.sends(Audio(8000, frame(1)), Audio(16000, frame(2, 16000)), Audio(8000, frame(3)))
    leg.tick()
    assert leg.heard == [frame(1), frame(2, 16000), frame(3)]
    assert leg.rates == [8000, 16000, 8000]
    assert leg.events == [RateChanged(16000), RateChanged(8000)]


# When nothing comes.


def test_wall_time_goes_on_when_the_audio_stops(leg: Leg) -> None:
    leg.sends(Audio(8000, frame(1)))
    leg.tick()
    leg.tick(5)
    assert leg.heard == [frame(1)]
    leg.tick(3)
    assert leg.heard == [frame(1), None, None, None]
    assert leg.line.stats.gaps == 1
    leg.sends(Audio(8000, frame(2)))
    leg.tick(6)
    assert leg.heard[4:] == [frame(2)]
    leg.tick()
    assert leg.heard[5:] == [None]
    assert leg.line.stats.gaps == 2


def test_a_caller_who_never_sends_is_heard_as_nothing(leg: Leg) -> None:
    leg.tick(10)
    assert leg.heard == [None] * 5
    assert leg.line.stats.frames_out == 10


def test_what_a_gap_cut_off_is_heard_padded(leg: Leg) -> None:
    leg.sends(Audio(8000, frame(1)[:276]))
    leg.tick(7)
    assert leg.heard == [frame(1)[:276] + bytes(44), None]
    leg.sends(Audio(8000, frame(2)))
    leg.tick()
    assert leg.heard[-1] == frame(2)


def test_keys_are_no_audio(leg: Leg) -> None:
    for _ in range(7):
        leg.sends(Key("1"))
        leg.tick()
    assert leg.heard == [None, None]


def test_late_beats_are_counted(leg: Leg) -> None:
    leg.tick()
    leg.line.listen(leg.now_s + 0.029)
    leg.line.listen(leg.now_s + 0.029 + 0.031)
    assert leg.line.stats.late == 1


# Sending early.


def test_an_early_frame_takes_the_place_of_the_next(leg: Leg) -> None:
    leg.tick()
    leg.received()
    leg.to_say = [frame(1), frame(2)]
    leg.line.send_early(leg.now_s + 0.004)
    leg.line.send_early(leg.now_s + 0.005)
    assert leg.said() == [Audio(8000, frame(1))]
    leg.tick()
    assert leg.said() == []
    leg.tick()
    assert leg.said() == [Audio(8000, frame(2))]


def test_no_early_frame_shortly_before_the_next(leg: Leg) -> None:
    leg.tick()
    leg.received()
    leg.line.send_early(leg.now_s + 0.013)
    assert leg.received() == b""
    leg.tick()
    assert leg.received() == SILENT_MESSAGE


def test_early_frames_never_run_ahead(leg: Leg) -> None:
    """However often the call speaks up, n beats carry at most n + 1 frames, and no gap is > 40 ms."""
    sent_at: list[float] = []
    for beat in range(1, 50):
        leg.tick()
        for after_s in (0.0, 0.003, 0.011, 0.015):
            sent_at += [leg.now_s] * len(leg.said())
            leg.line.send_early(leg.now_s + after_s)
        assert len(sent_at) <= beat + 1
    gaps = [after - before for before, after in pairwise(sent_at)]
    assert max(gaps) <= 0.0401


# How it ends.


def test_the_caller_hangs_up(leg: Leg) -> None:
    leg.sends(Audio(8000, frame(1)))
    leg.peer.shutdown(socket.SHUT_WR)
    leg.tick(3)
    assert leg.heard == [frame(1)]
    assert leg.events == [Ended("caller hung up")]
    assert leg.line.stats.frames_out == 1


def test_a_hangup_message_ends_it_and_what_follows_is_not_read(leg: Leg) -> None:
    leg.sends(Audio(8000, frame(1)), Hangup(), Key("1"), Audio(8000, frame(2)))
    leg.tick(3)
    assert leg.heard == [frame(1)]
    assert leg.events == [Ended("caller hung up")]
    assert leg.received() == b""


def test_closed_in_the_middle_of_a_header(leg: Leg) -> None:
    leg.peer.send(b"\x10\x01")
    leg.peer.shutdown(socket.SHUT_WR)
    leg.tick(3)
    assert leg.events == [Ended("caller hung up")]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"\x01\0\x11", "the identifier (kind 0x01) has 17 bytes, it must have 16"),
        (encode(Identified(CALL)), "a second identifier"),
        (encode(PeerError(4)), "the peer reports error 4"),
        (encode(Audio(8000, frame(1))) + b"\x01\0\0", "the identifier (kind 0x01) has 0 bytes"),
    ],
)
def test_broken_protocol_ends_it(leg: Leg, wire: bytes, reason: str) -> None:
    leg.peer.send(wire)
    leg.tick(3)
    (ended,) = leg.events
    assert isinstance(ended, Ended)
    assert ended.reason.startswith(f"protocol error: {reason}")
    assert leg.received() == b""


def test_a_reset_ends_it(tcp: tuple[socket.socket, socket.socket]) -> None:
    leg = Leg(tcp)
    leg.tick(2)
    reset(leg.peer)
    leg.tick(3)
    assert leg.events == [Ended("peer reset")]


def test_a_broken_pipe_ends_it(leg: Leg) -> None:
    leg.tick()
    leg.peer.close()
    leg.line.send_early(leg.now_s)
    leg.tick()
    assert leg.events == [Ended("peer reset")]


def test_a_peer_that_never_reads_is_given_up_after_two_seconds(leg: Leg) -> None:
    leg.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    while not leg.line.stats.dropped:
        leg.tick()
    sent = leg.line.stats.frames_out
    assert sent > 0
    leg.tick(98)
    assert leg.events == []
    leg.tick(2)
    assert leg.events == [Ended("peer does not read")]
    assert leg.line.stats.dropped == 100
    assert leg.line.stats.frames_out == sent


def test_a_full_buffer_drops_whole_frames_and_splits_none(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    leg = Leg(tcp)
    leg.line.out_rate_hz = 192000
    leg.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    said = 0
    received = b""
    while leg.line.stats.dropped < 50:
        leg.to_say = [frame(said % 30000, 192000)]
        leg.tick()
        said += 1
    for _ in range(200):
        received += leg.received()
        leg.tick()
    received += leg.received()
    messages = Decoder().feed(received)
    assert len(messages) == leg.line.stats.frames_out
    assert all(isinstance(message, Audio) and len(message.pcm) == 7680 for message in messages)
    assert leg.events == []


class ShortSends(socket.socket):
    """A socket that takes only so many bytes at a time."""

    room = 0

    def send(self, data: object, flags: int = 0) -> int:
        taken = bytes(data)[: self.room]  # type: ignore[call-overload]
        if not taken:
            raise BlockingIOError
        self.room -= len(taken)
        return super().send(taken, flags)


def test_the_rest_of_a_partial_send_goes_first(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours = ShortSends(fileno=sockets[0].detach())
    with ours:
        ours.setblocking(False)
        leg = Leg((ours, sockets[1]))
        leg.to_say = [frame(1), frame(2), frame(3)]
        ours.room = 100
        leg.tick()
        ours.room = 50
        leg.tick()
        assert leg.line.stats.dropped == 1
        ours.room = 1000
        leg.tick()
        assert leg.said() == [Audio(8000, frame(1)), Audio(8000, frame(3))]
        assert leg.line.stats.frames_out == 2


def test_after_abort_a_stray_beat_does_nothing(leg: Leg) -> None:
    leg.line.abort()
    leg.tick()
    leg.line.send_early(leg.now_s)
    leg.line.abort()
    assert leg.events == []
    assert leg.received() == HANGUP


def test_abort_says_goodbye_where_nothing_is_half_written(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    leg = Leg(tcp)
    leg.tick()
    leg.line.abort()
    assert leg.received() == SILENT_MESSAGE + HANGUP
    assert leg.peer.recv(1) == b""


def test_abort_says_goodbye_after_broken_protocol_too(leg: Leg) -> None:
    leg.sends(PeerError(4))
    leg.tick()
    leg.line.abort()
    assert leg.received() == HANGUP


async def test_abort_after_the_end_does_nothing(leg: Leg) -> None:
    leg.peer.shutdown(socket.SHUT_WR)
    leg.tick()
    leg.line.abort()
    leg.line.abort()
    await leg.line.finish()
    assert leg.received() == b""


def test_abort_resets_where_a_message_is_half_written(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    """A mere end is never noticed by the Asterisk of 2020."""
    ours = ShortSends(fileno=tcp[0].detach())
    ours.setblocking(False)
    leg = Leg((ours, tcp[1]))
    ours.room = 100
    leg.tick()
    assert leg.received() == SILENT_MESSAGE[:100]
    leg.line.abort()
    with pytest.raises(ConnectionResetError):
        leg.peer.recv(1)


@pytest.mark.parametrize("rate_hz", RATES)
def test_each_message_fits_into_a_segment(rate_hz: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
        peer.connect(listener.getsockname())
        ours, _ = listener.accept()
        with ours:
            ours.setblocking(False)
            peer.setblocking(False)
            leg = Leg((ours, peer))
            leg.line.out_rate_hz = rate_hz
            said = frame(7, rate_hz)[:-2] + b"\x22\x11"
            leg.to_say = [said]
            leg.tick(2)
            messages = [message for message in leg.said() if isinstance(message, Audio)]
            assert leg.line.stats.frames_out == 2
    assert b"".join(message.pcm for message in messages) == said + silence(rate_hz)
    assert {message.rate_hz for message in messages} == {rate_hz}
    (size,) = {len(message.pcm) for message in messages}
    assert size == frame_bytes(rate_hz) or rate_hz > 32000
    assert size + 3 <= 1448
    assert size % 2 == 0


def test_a_frame_of_several_messages_is_never_sent_in_part() -> None:
    """What the socket refuses goes out later, from where it stopped."""
    a, b = socket.socketpair()
    ours = ShortSends(fileno=a.detach())
    with ours, b:
        ours.setblocking(False)
        b.setblocking(False)
        leg = Leg((ours, b))
        leg.line._segment_bytes = 1448
        leg.line.out_rate_hz = 96000
        leg.to_say = [frame(1, 96000), frame(2, 96000), frame(3, 96000)]
        ours.room = 2500
        leg.tick()
        ours.room = 0
        leg.tick()
        assert leg.line.stats.dropped == 1
        ours.room = 100_000
        leg.tick()
        pcm = b"".join(message.pcm for message in leg.said() if isinstance(message, Audio))
        assert pcm == frame(1, 96000) + frame(3, 96000)


def test_an_ear_that_raises_is_not_the_peers_fault(leg: Leg) -> None:
    def hear(pcm: bytes | None, rate_hz: int) -> None:
        raise RuntimeError("ear")

    leg.hear = hear  # type: ignore[method-assign]
    leg.sends(Audio(8000, frame(1)))
    with pytest.raises(RuntimeError, match="ear"):
        leg.tick()
    assert leg.events == []


# The caller's own codec, labelled as slin.


def voice(seconds: float) -> bytes:
    times = np.arange(round(seconds * 8000)) / 8000
    wave = np.sin(2 * np.pi * 200 * times) * 8000 + np.sin(2 * np.pi * 1900 * times) * 4000
    return bytes((wave + np.random.default_rng(1).normal(0, 50, times.size)).astype("<i2"))


def warnings_over(leg: Leg, payloads: bytes, per_tick: int) -> list[str]:
    """Send 160-byte messages, so many a beat; return the remedies that were logged."""
    with capture_logs() as logs:
        for start in range(0, len(payloads) - 160 * per_tick + 1, 160 * per_tick):
            for number in range(per_tick):
                at = start + 160 * number
                leg.sends(Audio(8000, payloads[at : at + 160]))
            leg.tick()
    assert {entry["event"] for entry in logs} <= {"line.not_slin"}
    assert {entry["uuid"] for entry in logs} <= {str(CALL)}
    return [entry["remedy"] for entry in logs]


def test_ulaw_labelled_as_slin_is_named_once(leg: Leg) -> None:
    (remedy,) = warnings_over(leg, pcm_to_ulaw(voice(5)), per_tick=1)
    assert "c(slin)" in remedy


def test_packets_of_10_ms_are_no_ulaw(leg: Leg) -> None:
    assert warnings_over(leg, voice(5), per_tick=2) == []


def test_loud_noise_in_packets_of_10_ms_is_no_ulaw(leg: Leg) -> None:
    noise = np.random.default_rng(2).integers(-30000, 30000, 8000 * 3).astype("<i2").tobytes()
    assert warnings_over(leg, noise, per_tick=2) == []


def test_short_slin_messages_at_half_the_pace_are_no_ulaw(leg: Leg) -> None:
    assert warnings_over(leg, voice(5), per_tick=1) == []


def test_ulaw_in_packets_of_40_ms_looks_like_slin_at_half_the_pace(leg: Leg) -> None:
    said = pcm_to_ulaw(voice(4))
    with capture_logs() as logs:
        for start in range(0, len(said), 320):
            leg.sends(Audio(8000, said[start : start + 320]))
            leg.tick(2)
            leg.received()
    assert [entry["codec"] for entry in logs] == ["u-law"]
    heard = b"".join(piece for piece in leg.heard[-50:] if piece)
    assert len(heard) > 320 * 45
    assert heard in ulaw_to_pcm(said)


def test_the_pace_is_seen_however_late_the_beats_are(leg: Leg) -> None:
    """A busy machine: beats come late, and then two at once."""
    said, sent, chance = pcm_to_ulaw(voice(4)), 0, np.random.default_rng(5)
    with capture_logs() as logs:
        for beat in range(200):
            due_s = 0.02 * beat + chance.choice([0.0, 0.02])
            while sent * 0.04 <= due_s:
                leg.sends(Audio(8000, said[sent * 320 : sent * 320 + 320]))
                sent += 1
            leg.tick()
            leg.received()
    assert [entry["codec"] for entry in logs if entry["event"] == "line.not_slin"] == ["u-law"]


def test_a_caller_with_pauses_is_not_suspected(leg: Leg) -> None:
    said = voice(4)
    for start in range(0, len(said), 320):
        leg.sends(Audio(8000, said[start : start + 320]))
        leg.tick(1 if start % 6400 else 20)
        leg.received()
    assert not leg.line._base.suspected


def test_two_packets_at_once_of_an_old_asterisk_are_not_suspected(leg: Leg) -> None:
    said = voice(2)
    for start in range(0, len(said), 640):
        leg.sends(
            Audio(8000, said[start : start + 320]), Audio(8000, said[start + 320 : start + 640])
        )
        leg.tick(2)
        leg.received()
    assert b"".join(piece for piece in leg.heard if piece) == said
    assert leg.line._base.is_plain
    assert not leg.line._base.suspected


def test_unlabelled_16_khz_is_understood_and_nothing_higher_is_sent(leg: Leg) -> None:
    with capture_logs() as logs:
        for number in range(60):
            leg.sends(Audio(8000, frame(number, 16000)))
            leg.tick()
    (entry,) = logs
    assert (entry["event"], entry["rate_hz"]) == ("line.unlabelled_rate", 16000)
    assert "rate: 16000" in entry["remedy"]
    assert leg.rates[-1] == 16000
    assert leg.heard[-1] == frame(59, 16000)
    # To that Asterisk 0x10 is 8 kHz, and 0x12 is nothing at all.
    assert leg.events == []
    assert leg.line.out_rate_hz == 8000
    assert set(leg.said()) == {Audio(8000, silence(8000))}


def test_a_codec_that_is_known_is_decoded_from_the_first_packet(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    leg = Leg(sockets, codec=Codec.ULAW)
    said = pcm_to_ulaw(voice(0.2))
    for start in range(0, len(said), 160):
        leg.sends(Audio(8000, said[start : start + 160]))
        leg.tick()
    assert b"".join(piece for piece in leg.heard if piece) == ulaw_to_pcm(said)


# The beginning.


async def test_identify(tcp: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = tcp
    peer.send(encode(Identified(CALL)))
    identified = await identify(ours)
    assert identified is not None
    uuid, decoder = identified
    assert uuid == CALL
    assert decoder.dialect is Dialect.ASTERISK
    assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_what_came_with_the_identifier_is_not_lost(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, peer = sockets
    peer.send(encode(Identified(CALL)) + encode(Key("1")) + encode(Audio(8000, frame(1))))
    identified = await identify(ours, Dialect.FORK)
    assert identified is not None
    assert identified[1].dialect is Dialect.FORK
    leg = Leg(sockets)
    leg.tick()
    assert leg.events == [KeyPressed("1", leg.now_s)]
    assert leg.heard == [frame(1)]


async def test_identifier_byte_by_byte(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, peer = sockets
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def dribble() -> None:
            for byte in encode(Identified(CALL)):
                peer.send(bytes([byte]))
                await trio.testing.wait_all_tasks_blocked()

        identified = await identify(ours)
    assert identified is not None
    assert identified[0] == CALL


async def test_a_connection_without_a_byte_is_none(
    sockets: tuple[socket.socket, socket.socket], tcp: tuple[socket.socket, socket.socket]
) -> None:
    sockets[1].close()
    assert await identify(sockets[0]) is None
    reset(tcp[1])
    assert await identify(tcp[0]) is None


@pytest.mark.parametrize(
    ("wire", "what"),
    [
        (b"\x10", "kind 0x10 came before the identifier"),
        (b"GET / HTTP/1.1\r\n\r\n", "kind 0x47 came before the identifier"),
        (HANGUP, "kind 0x00 came before the identifier"),
        (b"agi_network: yes\n", "this is AGI"),
        (b"\x01\x00\x24" + b"0" * 36, "has 36 bytes, it must have 16"),
        (b"\x01", "closed after 1 bytes of the identifier"),
        (b"\x01\x00\x10123", "closed after 6 bytes of the identifier"),
    ],
)
async def test_anything_else_first_is_refused(
    sockets: tuple[socket.socket, socket.socket], wire: bytes, what: str
) -> None:
    ours, peer = sockets
    peer.send(wire)
    peer.shutdown(socket.SHUT_WR)
    with pytest.raises(ProtocolError, match=what):
        await identify(ours)


async def test_the_time_limit_is_the_callers(
    sockets: tuple[socket.socket, socket.socket], autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    sockets[1].send(b"\x01\x00")
    with trio.move_on_after(5) as scope:
        await identify(sockets[0])
    assert scope.cancelled_caught
    assert sockets[0].fileno() >= 0


# The clean end.


async def test_finish_hangs_up_and_drains_until_the_peer_closes(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    leg = Leg(tcp)
    leg.tick()
    leg.sends(Audio(8000, frame(1)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leg.line.finish)
        await trio.testing.wait_all_tasks_blocked()
        assert leg.received() == SILENT_MESSAGE + HANGUP
        leg.sends(Audio(8000, frame(2)))
        leg.tick()
        assert leg.ours.fileno() >= 0
        leg.peer.shutdown(socket.SHUT_WR)
    assert leg.ours.fileno() == -1
    # An end, not a reset.
    assert leg.peer.recv(1) == b""
    assert leg.events == []


async def test_finish_sends_the_rest_of_a_frame_before_the_hangup(
    sockets: tuple[socket.socket, socket.socket], autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    ours = ShortSends(fileno=sockets[0].detach())
    ours.setblocking(False)
    leg = Leg((ours, sockets[1]))
    ours.room = 100
    leg.tick()
    ours.room = 1000
    await leg.line.finish()
    assert leg.received() == SILENT_MESSAGE + HANGUP


async def test_finish_takes_a_second_at_most(
    sockets: tuple[socket.socket, socket.socket], autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    leg = Leg(sockets)
    begin_s = trio.current_time()
    await leg.line.finish()
    assert trio.current_time() - begin_s == pytest.approx(1.0)
    assert leg.ours.fileno() == -1


async def test_finish_gives_a_flood_a_second_too(
    sockets: tuple[socket.socket, socket.socket], autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    leg = Leg(sockets)
    begin_s = trio.current_time()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def flood() -> None:
            while trio.current_time() < begin_s + 2:
                with suppress(OSError):
                    leg.sends(Audio(8000, frame(1)))
                await trio.sleep(0.005)

        await leg.line.finish()
        assert trio.current_time() - begin_s == pytest.approx(1.0)
    assert leg.ours.fileno() == -1


async def test_finish_after_the_peer_has_gone_just_closes(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    leg = Leg(tcp)
    leg.tick()
    reset(leg.peer)
    await leg.line.finish()
    assert leg.ours.fileno() == -1


async def test_finish_of_an_ended_line_sends_nothing(leg: Leg) -> None:
    leg.peer.shutdown(socket.SHUT_WR)
    leg.tick()
    await leg.line.finish()
    assert leg.received() == b""
    assert leg.ours.fileno() == -1


async def test_finish_after_broken_protocol_says_goodbye(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    """The Asterisk of 2020 would never notice a mere end."""
    leg = Leg(tcp)
    leg.sends(PeerError(4))
    leg.tick()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(leg.line.finish)
        await trio.testing.wait_all_tasks_blocked()
        assert leg.received() == HANGUP
        leg.peer.shutdown(socket.SHUT_WR)
    assert leg.peer.recv(1) == b""


async def test_finish_for_a_peer_that_does_not_read_keeps_nothing_in_the_kernel(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    leg = Leg(tcp)
    leg.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    leg.line.out_rate_hz = 192000
    while not leg.events:
        leg.tick()
    assert leg.events == [Ended("peer does not read")]
    await leg.line.finish()
    with pytest.raises(ConnectionResetError):
        read_to_the_end(leg.peer)


async def test_a_cancelled_finish_waits_a_moment_for_the_goodbye_to_be_read(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    """Closed at once, the kernel would reset the connection, and Asterisk's next write would fail before
    it has read why."""
    leg = Leg(tcp)
    leg.sends(*(Audio(8000, frame(n)) for n in range(20)))
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def finish() -> None:
            with trio.CancelScope() as scope:
                scope.cancel()
                await leg.line.finish()

        await trio.testing.wait_all_tasks_blocked()
        for n in (20, 21):  # a closed socket would answer the first with a reset
            leg.sends(Audio(8000, frame(n)))
    assert leg.received() == HANGUP
    assert leg.peer.recv(1) == b""


async def test_a_cancelled_finish_has_hung_up_and_closed(leg: Leg) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await leg.line.finish()
    assert leg.received() == HANGUP
    assert leg.ours.fileno() == -1
