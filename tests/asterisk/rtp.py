"""The phone's media: what it says and presses as RTP packets, and what the packets that come in amount to.

Knows RTP, RFC 4733 keys, the codecs and what a bad line does to packets; has no socket and no clock: the caller says
what time it is. G.711 is written anew here, from the codes' definition, so that a mistake in the voicebot's tables
would be heard.

Samples are int16 arrays, mono. Times are seconds since the call was answered.
"""

import heapq
import math
import random
import struct
import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

PACKET_S = 0.02
"""From a key's packet to its next, and from audio to audio unless the conditions say otherwise."""
EVENTS_TYPE = 101
"""Payload type of keys."""
KEYS = "0123456789*#ABCD"
KEY_PACKETS, KEY_GAP_PACKETS = 6, 5
"""A key is 100 ms from its first packet to its last: Asterisk would stretch it below 80 ms. Then 100 ms without."""
KEY_S, KEY_GAP_S = (KEY_PACKETS - 1) * PACKET_S, KEY_GAP_PACKETS * PACKET_S
LOUD = 500
"""A sample beyond this is heard: -36 dBFS."""
ANEW_S = 60.0
"""Timestamps that jump by so much have begun anew."""

_HEADER = struct.Struct(
    ">BBHII"
)  # version and flags, marker and payload type, sequence, timestamp, source


def _ulaw_value(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -value if code & 0x80 else value


def _alaw_value(code: int) -> int:
    code ^= 0x55
    exponent, value = (code & 0x70) >> 4, (code & 0x0F) << 4
    value += 0x108 if exponent else 8
    value <<= max(0, exponent - 1)
    return value if code & 0x80 else -value


class Codec:
    """One way to put samples into packets."""

    def __init__(self, payload_type: int, sdp_name: str, values: list[int] | None = None) -> None:
        self.payload_type = payload_type
        self.sdp_name = sdp_name
        self.rate_hz = int(sdp_name.partition("/")[2])
        if values is None:
            self._values = None  # the samples themselves, in network order
            return
        self._values = np.array(values, np.int16)
        self._codes = np.argsort(self._values, kind="stable").astype(np.uint8)
        ascending = self._values[self._codes].astype(np.int32)
        self._borders = (ascending[1:] + ascending[:-1]) / 2

    def encode(self, samples: Samples) -> bytes:
        """One payload; G.711 takes the code whose value is nearest."""
        if self._values is None:
            return samples.astype(">i2").tobytes()
        return self._codes[np.searchsorted(self._borders, samples)].tobytes()

    def decode(self, payload: bytes) -> Samples:
        """The samples of one payload."""
        if self._values is None:
            return np.frombuffer(payload[: len(payload) // 2 * 2], ">i2").astype(np.int16)
        return self._values[np.frombuffer(payload, np.uint8)]


RATES = {
    "slin": 8000, "slin12": 12000, "slin16": 16000, "slin24": 24000, "slin32": 32000,
    "slin44": 44100, "slin48": 48000, "slin96": 96000, "slin192": 192000,
}  # fmt: skip
"""Asterisk's names for linear audio, and their rates in Hz."""

CODECS = {
    "ulaw": Codec(0, "PCMU/8000", [_ulaw_value(code) for code in range(256)]),
    "alaw": Codec(8, "PCMA/8000", [_alaw_value(code) for code in range(256)]),
    # Its codes as they are, one "sample" each: who has some can send them, and what comes can be kept.
    "g722": Codec(9, "G722/8000", list(range(256))),
    **{name: Codec(110 + n, f"L16/{rate_hz}") for n, (name, rate_hz) in enumerate(RATES.items())},
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the caller's phone and line are like."""

    ptime_ms: int = 20
    """Audio in a packet; a multiple of 10."""
    loss: float = 0.0
    """The share of all packets, keys' too, that never arrive."""
    jitter_s: float = 0.0
    """Each packet is late by up to this, so that they overtake one another."""
    suppresses_silence: bool = False
    """It sends nothing while there is nothing but digital silence to send."""


GOOD = Conditions()


class Outgoing:
    """What the phone says and presses, on a timeline of ticks; silence in between.

    `say`, `press` and `mute` may be called from any thread, before the call or in it.
    """

    def __init__(self, codec: Codec, conditions: Conditions = GOOD) -> None:
        self.keys_sent: list[tuple[str, float]] = []
        """Each key and when it went down."""
        self._codec = codec
        self._suppresses_silence = conditions.suppresses_silence
        tick_ms = math.gcd(conditions.ptime_ms, round(1000 * PACKET_S))
        self._tick_s = tick_ms / 1000
        self._packet_ticks = conditions.ptime_ms // tick_ms
        self._key_ticks = round(1000 * PACKET_S) // tick_ms
        self._step = round(codec.rate_hz * self._tick_s)
        self._clips: list[tuple[int, Samples]] = []  # first sample, samples
        self._keys: list[_Key] = []
        self._mutes: list[tuple[int, int]] = []  # first tick, tick after the last
        self._tick = 0
        self._pausing = True
        self._sequence = random.getrandbits(15)
        self._base = random.getrandbits(31)
        self._source = random.getrandbits(32)
        self._lock = threading.Lock()

    @property
    def due_s(self) -> float:
        """When the next packets are due."""
        return self._tick * self._tick_s

    def say(self, samples: Samples, at_s: float | None) -> float:
        """Say this at that time, or now; returns when it begins."""
        with self._lock:
            next_packet = -(-self._tick // self._packet_ticks) * self._packet_ticks
            first = next_packet * self._step
            if at_s is not None:
                first = max(first, round(at_s * self._codec.rate_hz))
            self._clips.append((first, samples))
            return first / self._codec.rate_hz

    def press(self, keys: str, at_s: float | None, held_s: float, gap_s: float) -> float:
        """Press these one after the other, from that time on or from now, after those already under way.

        Returns:
            When the last of them goes down.
        """
        with self._lock:
            first = self._tick if at_s is None else max(self._tick, self._ticks(at_s))
            for key in keys.upper():
                if self._keys:
                    first = max(first, self._keys[-1].free)
                packets = round(held_s / PACKET_S) + 1
                free = first + packets * self._key_ticks + self._ticks(gap_s)
                self._keys.append(_Key(key, first, packets, free))
            return first * self._tick_s

    def mute(self, at_s: float | None, for_s: float) -> float:
        """Send no audio from that time on or from now, for so long; returns when it begins."""
        with self._lock:
            first = self._tick if at_s is None else self._ticks(at_s)
            self._mutes.append((first, first + self._ticks(for_s)))
            return first * self._tick_s

    def next_packets(self) -> list[bytes]:
        """What goes out now: a packet, or three at the end of a key, as RFC 4733 asks, or none."""
        with self._lock:
            tick, self._tick = self._tick, self._tick + 1
            held = (
                key for key in self._keys if 0 <= tick - key.first < key.packets * self._key_ticks
            )
            if key := next(held, None):
                at, between = divmod(tick - key.first, self._key_ticks)
                return [] if between else self._key_packets(key, at + 1)
            return [] if tick % self._packet_ticks else self._audio(tick)

    def _ticks(self, time_s: float) -> int:
        return round(time_s / self._tick_s)

    def _audio(self, tick: int) -> list[bytes]:
        samples = self._samples(tick * self._step, self._packet_ticks * self._step)
        muted = any(first <= tick < after for first, after in self._mutes)
        if muted or (self._suppresses_silence and not samples.any()):
            self._pausing = True
            return []
        marker, self._pausing = self._pausing, False
        payload = self._codec.encode(samples)
        return [self._rtp(marker, self._codec.payload_type, tick * self._step, payload)]

    def _key_packets(self, key: "_Key", count: int) -> list[bytes]:
        if count == 1:
            self.keys_sent.append((key.name, key.first * self._tick_s))
        end = count == key.packets
        length = count * self._key_ticks * self._step
        event = struct.pack(">BBH", KEYS.index(key.name), 0x80 * end | 10, min(length, 0xFFFF))
        stamp = key.first * self._step
        return [self._rtp(count == 1, EVENTS_TYPE, stamp, event) for _ in range(3 if end else 1)]

    def _samples(self, at: int, count: int) -> Samples:
        out = np.zeros(count, np.int32)
        for first, samples in self._clips:
            start, stop = max(at, first), min(at + count, first + len(samples))
            if start < stop:
                out[start - at : stop - at] += samples[start - first : stop - first]
        return np.clip(out, -32768, 32767).astype(np.int16)

    def _rtp(self, marker: bool, payload_type: int, stamp: int, payload: bytes) -> bytes:
        self._sequence = self._sequence + 1 & 0xFFFF
        stamp = self._base + stamp & 0xFFFFFFFF
        second = 0x80 * marker | payload_type
        return _HEADER.pack(0x80, second, self._sequence, stamp, self._source) + payload


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    first: int
    """The tick at which it goes down."""
    packets: int
    free: int
    """The first tick at which the next may go down."""


class Network:
    """What happens to packets on their way: some are lost, some are late, and so they overtake one another."""

    def __init__(self, conditions: Conditions) -> None:
        self._loss, self._jitter_s = conditions.loss, conditions.jitter_s
        self._chance = random.Random(1)  # the same losses each time
        self._under_way: list[tuple[float, int, bytes]] = []  # when it arrives, order, packet
        self._count = 0

    @property
    def next_s(self) -> float:
        """When the next of those under way arrives; infinite when none is."""
        return self._under_way[0][0] if self._under_way else math.inf

    def put(self, packet: bytes, now_s: float) -> None:
        """It leaves the phone."""
        if self._chance.random() >= self._loss:
            self._count += 1
            at_s = now_s + self._chance.random() * self._jitter_s
            heapq.heappush(self._under_way, (at_s, self._count, packet))

    def arrived(self, now_s: float) -> list[bytes]:
        """What arrives by now, in that order."""
        out: list[bytes] = []
        while self.next_s <= now_s:
            out.append(heapq.heappop(self._under_way)[2])
        return out


@dataclass(frozen=True, slots=True)
class Packet:
    """An audio packet that came in."""

    at_s: float
    """When it came."""
    play_s: float
    """Where its timestamp puts it, the first packet of the stream being on time."""
    payload: bytes


@dataclass(slots=True)
class Incoming:
    """What came in."""

    codec: Codec
    packets: list[Packet] = field(default_factory=list)
    keys: str = ""
    """Keys that the other side pressed."""
    last_loud_s: float = float("-inf")
    """When a packet with something to hear came last."""
    missing: int = 0
    """Packets that never came, by their sequence numbers."""
    _last: tuple[int, int] | None = None  # source and sequence number
    _stream: tuple[int, float, int] | None = None  # source, time and timestamp of its first packet

    def take(self, data: bytes, at_s: float) -> None:
        """One datagram; what is no RTP of ours is dropped."""
        if len(data) < _HEADER.size or data[0] >> 6 != 2:
            return
        _, second, sequence, stamp, source = _HEADER.unpack_from(data)
        if self._last is not None and self._last[0] == source:
            self.missing += (sequence - self._last[1] - 1) & 0xFFFF
        self._last = source, sequence
        payload = data[_HEADER.size :]
        if second & 0x7F == EVENTS_TYPE and second & 0x80:
            self.keys += KEYS[payload[0]]
        if second & 0x7F != self.codec.payload_type:
            return
        play_s = self._play_s(source, stamp, at_s)
        self.packets.append(Packet(at_s, play_s, payload))
        if np.abs(self.codec.decode(payload).astype(np.int32)).max(initial=0) > LOUD:
            self.last_loud_s = at_s

    def heard(self) -> Samples:
        """Every packet at its timestamp's place; sample 0 is the moment of the answer."""
        rate_hz = self.codec.rate_hz
        placed = [(round(p.play_s * rate_hz), self.codec.decode(p.payload)) for p in self.packets]
        out = np.zeros(max((at + len(part) for at, part in placed), default=0), np.int16)
        for at, part in placed:
            out[at : at + len(part)] = part
        return out

    def _play_s(self, source: int, stamp: int, at_s: float) -> float:
        if self._stream is not None and self._stream[0] == source:
            _, first_s, first_stamp = self._stream
            distance = (stamp - first_stamp + (1 << 31)) % (1 << 32) - (1 << 31)  # it may wrap
            play_s = first_s + distance / self.codec.rate_hz
            if abs(play_s - at_s) < ANEW_S:
                return max(0.0, play_s)
        self._stream = source, at_s, stamp
        return at_s
