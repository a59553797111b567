"""What comes as kind 0x10: payloads and made-up times in, what is heard out."""

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from voicebot.line.audio import alaw_to_pcm, frame_bytes, pcm_to_alaw, pcm_to_ulaw, ulaw_to_pcm
from voicebot.line.base_kind import BaseKind
from voicebot.line.unlabelled import Codec

CHANCE = random.Random(3)
ENCODERS: dict[Codec, Callable[[bytes], bytes]] = {
    Codec.SLIN: bytes,
    Codec.ULAW: pcm_to_ulaw,
    Codec.ALAW: pcm_to_alaw,
    Codec.G722: lambda pcm: CHANCE.randbytes(len(pcm) // 2),
}
DECODERS: dict[Codec, Callable[[bytes], bytes]] = {
    Codec.SLIN: bytes,
    Codec.ULAW: ulaw_to_pcm,
    Codec.ALAW: alaw_to_pcm,
}


def voice(seconds: float) -> bytes:
    times = np.arange(round(seconds * 8000)) / 8000
    wave = np.sin(2 * np.pi * 200 * times) * 8000 + np.sin(2 * np.pi * 1900 * times) * 4000
    return bytes((wave + np.random.default_rng(1).normal(0, 50, times.size)).astype("<i2"))


def packets(codec: Codec, seconds: float, ptime_s: float) -> Iterator[tuple[float, bytes]]:
    """When each payload of a caller comes, and the payload."""
    data = ENCODERS[codec](voice(seconds))
    size = round(ptime_s * 8000) * (2 if codec is Codec.SLIN else 1)
    for n, start in enumerate(range(0, len(data), size)):
        # Beats are 20 ms apart: what comes between two comes with the second.
        yield round((n + 1) * ptime_s * 50 + 0.49) / 50, data[start : start + size]


@pytest.mark.parametrize("ptime_s", [0.01, 0.02, 0.03])
@pytest.mark.parametrize("codec", ENCODERS)
def test_the_codec_is_learnt_and_told_once(codec: Codec, ptime_s: float) -> None:
    base = BaseKind(None, None)
    told, heard = [], []
    for at_s, payload in packets(codec, 3.0, ptime_s):
        found = base.learn(payload, at_s)
        told += [] if found is None else [found]
        heard.append(base.pcm(payload, at_s))
    if codec is Codec.SLIN and ptime_s == 0.02:
        assert told == []  # whole frames are what is expected
    else:
        assert told == [codec]
    assert base.is_plain == (codec is Codec.SLIN)
    last = ENCODERS[codec](voice(3.0))[-80:]
    if codec is Codec.G722:
        assert heard[-1] is None
    else:
        assert (heard[-1] or b"").endswith(DECODERS[codec](last))


def test_until_it_is_known_slin_is_heard_and_the_rest_is_not() -> None:
    heard: dict[Codec, int] = {}
    for codec in (Codec.SLIN, Codec.G722):
        base = BaseKind(None, None)
        early = [
            (at_s, payload)
            for at_s, payload in packets(codec, 0.1, 0.01 if codec is Codec.SLIN else 0.02)
        ]
        for at_s, payload in early:
            base.learn(payload, at_s)
            heard[codec] = heard.get(codec, 0) + (base.pcm(payload, at_s) is not None)
    assert heard[Codec.SLIN] == 10
    assert heard[Codec.G722] <= 2  # a frame: no voice detector takes it for speech


@pytest.mark.parametrize("codec", DECODERS)
def test_a_codec_that_is_given_is_not_judged(codec: Codec) -> None:
    base = BaseKind(codec, None)
    payload = ENCODERS[codec](voice(0.02))
    assert base.learn(payload, 0.0) is None
    assert base.pcm(payload, 0.0) == DECODERS[codec](payload)
    assert base.is_plain == (codec is Codec.SLIN)


def test_a_rate_that_is_given_is_not_judged() -> None:
    base = BaseKind(None, 16000)
    for at_s, payload in packets(Codec.ULAW, 2.0, 0.02):
        assert base.learn(payload, at_s) is None
        assert base.pcm(payload, at_s) == payload
    assert base.rate_hz == 16000


def test_whole_frames_are_judged_once_they_are_suspected() -> None:
    """u-law in packets of 40 ms is as long as slin in packets of 20 ms."""
    base = BaseKind(None, None)
    stream = list(packets(Codec.ULAW, 3.0, 0.04))
    assert {len(payload) for _, payload in stream} == {320}
    assert [base.learn(payload, at_s) for at_s, payload in stream[:20]] == [None] * 20
    plain = [base.is_plain]
    base.suspect()
    assert [*plain, base.is_plain] == [True, False]
    assert Codec.ULAW in [base.learn(payload, at_s) for at_s, payload in stream[20:]]


@pytest.mark.parametrize("rate_hz", [12000, 16000, 24000, 32000, 44100, 48000])
def test_an_unlabelled_rate_is_learnt_by_its_pace(rate_hz: int) -> None:
    base = BaseKind(None, None)
    payload = voice(0.2)[: frame_bytes(rate_hz)].ljust(frame_bytes(rate_hz), b"\1")
    told = [base.learn(payload, n * 0.02) for n in range(60)]
    assert [one for one in told if isinstance(one, int)] == [rate_hz]
    assert base.rate_hz == rate_hz
    assert base.pcm(payload, 2.0) == payload


@pytest.mark.parametrize("ptime_s", [0.03, 0.04, 0.06])
def test_longer_packets_are_no_rate(ptime_s: float) -> None:
    base = BaseKind(None, None)
    for at_s, payload in packets(Codec.SLIN, 10.0, ptime_s):
        base.learn(payload, at_s)
    assert base.rate_hz == 8000


def test_a_burst_after_a_stall_is_no_rate() -> None:
    """30 packets of 40 ms at once, and then on time."""
    base = BaseKind(None, None)
    for n, (at_s, payload) in enumerate(packets(Codec.SLIN, 10.0, 0.04)):
        base.learn(payload, max(at_s, 1.2) if n < 30 else at_s)
    assert base.rate_hz == 8000


def test_pauses_only_make_it_late() -> None:
    base = BaseKind(None, None)
    payload = voice(0.02) * 2
    times = [n * 0.02 + n // 20 * 0.7 for n in range(60)]
    assert [base.learn(payload, at_s) for at_s in times].count(16000) == 0
    after = [base.learn(payload, 10 + n * 0.02) for n in range(60)]
    assert after.count(16000) == 1
