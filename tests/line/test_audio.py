"""Sizes, companding, levels, framing and resampling of telephone audio."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.line.audio import (
    Rechunker,
    StreamResampler,
    alaw_to_pcm,
    frame_bytes,
    level_dbfs,
    pcm_to_ulaw,
    resample,
    silence,
    ulaw_to_pcm,
)
from voicebot.line.audiosocket import RATES

FRAME_BYTES = [320, 480, 640, 960, 1280, 1764, 1920, 3840, 7680]


def tone(hz: float, rate_hz: int, seconds: float, peak: float = 0.5) -> bytes:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (np.sin(2 * np.pi * hz * times) * peak * 32767).astype("<i2").tobytes()


def voice(seconds: float = 1.0, peak: float = 0.9) -> bytes:
    """Return a vowel at 8 kHz: a gliding fundamental with two formants, and a little noise."""
    times = np.arange(round(seconds * 8000)) / 8000
    phase = 2 * np.pi * (120 * times + 20 * times**2)
    hz = np.arange(1, 25) * 130
    weights = np.exp(-(((hz - 600) / 300) ** 2)) + 0.5 * np.exp(-(((hz - 1700) / 300) ** 2))
    wave = np.sum([weights[n - 1] * np.sin(n * phase) for n in range(1, 25)], axis=0)
    wave += np.random.default_rng(1).normal(0, 0.01, times.size)
    return bytes((wave / np.abs(wave).max() * peak * 32767).astype("<i2"))


@pytest.mark.parametrize(("rate_hz", "size"), list(zip(RATES, FRAME_BYTES, strict=True)))
def test_frame_sizes(rate_hz: int, size: int) -> None:
    assert frame_bytes(rate_hz) == size
    assert silence(rate_hz) == bytes(size)
    assert silence(rate_hz) is silence(rate_hz)


def test_ulaw_and_alaw_codes_as_in_g711() -> None:
    assert np.frombuffer(ulaw_to_pcm(b"\xff\x7f\x00\x80\x01\xf0"), "<i2").tolist() == [
        0,
        0,
        -32124,
        32124,
        -31100,
        120,
    ]
    assert np.frombuffer(alaw_to_pcm(b"\xd5\x55\xaa\x2a\xd4"), "<i2").tolist() == [
        8,
        -8,
        32256,
        -32256,
        24,
    ]


def test_ulaw_round_trip() -> None:
    codes = bytes(range(256))
    # 0x7f is minus zero, and comes back as plain zero.
    assert pcm_to_ulaw(ulaw_to_pcm(codes)) == codes.replace(b"\x7f", b"\xff")
    # No sample is off by more than half a step of its segment, the clipped ones apart.
    samples = np.arange(-32600, 32600, 7)
    coded = np.frombuffer(ulaw_to_pcm(pcm_to_ulaw(samples.astype("<i2").tobytes())), "<i2")
    assert (np.abs(samples - coded) <= (np.abs(samples) + 132) / 32).all()
    assert pcm_to_ulaw(b"\xff\x7f\x00\x80") == b"\x80\x00"


def test_levels() -> None:
    assert level_dbfs(bytes(320)) == -96.0
    assert level_dbfs(b"") == -96.0
    assert level_dbfs(b"\xff\xff" * 160) == pytest.approx(-90.3, abs=0.1)
    assert level_dbfs(b"\x00\x80" * 160) == 0.0
    assert level_dbfs(tone(1000, 8000, 0.1)) == pytest.approx(20 * math.log10(0.5) - 3.01, abs=0.05)


@pytest.mark.parametrize("to_hz", RATES)
def test_resamples_a_whole_signal(to_hz: int) -> None:
    pcm = tone(440, 16000, 0.5)
    got = resample(pcm, 16000, to_hz)
    assert len(got) == to_hz // 2 * 2
    assert level_dbfs(got) == pytest.approx(level_dbfs(pcm), abs=0.2)
    assert (got is pcm) == (to_hz == 16000)
    assert resample(b"", 16000, to_hz) == b""


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8000, 16000), (44100, 8000), (16000, 16000)])
def test_a_stream_is_resampled_as_the_whole_would_be(from_hz: int, to_hz: int) -> None:
    pcm = tone(440, from_hz, 0.4)
    stream = StreamResampler(from_hz, to_hz)
    size = frame_bytes(from_hz)
    pieces = [stream.push(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    got = np.frombuffer(b"".join(pieces) + stream.finish(), "<i2").astype(int)
    whole = np.frombuffer(resample(pcm, from_hz, to_hz), "<i2").astype(int)
    assert got.size == whole.size
    assert np.abs(got - whole).max() <= 2


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8000, 16000), (44100, 8000), (8000, 48000)])
def test_a_steady_stream_gives_20_ms_for_20_ms(from_hz: int, to_hz: int) -> None:
    noise = np.random.default_rng(1).normal(0, 4000, from_hz * 2 // 5)
    pcm = noise.astype("<i2").tobytes()
    stream = StreamResampler(from_hz, to_hz, steady=True)
    size = frame_bytes(from_hz)
    pieces = [stream.push(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    assert {len(piece) for piece in pieces[2:]} == {frame_bytes(to_hz)}
    got = b"".join(pieces) + stream.finish()
    whole = resample(pcm, from_hz, to_hz)
    assert len(got) == len(whole)
    assert level_dbfs(got) == pytest.approx(level_dbfs(whole), abs=0.3)
    # Where the other has it, to a sample or two.
    spectra = [np.fft.rfft(np.frombuffer(each, "<i2").astype(float)) for each in (got, whole)]
    shift = int(np.fft.irfft(spectra[0] * spectra[1].conj()).argmax())
    assert min(shift, len(got) // 2 - shift) <= 2


def test_rechunker_gives_its_rest_as_it_is() -> None:
    rechunker = Rechunker(4)
    assert rechunker.push(b"abcdef") == [b"abcd"]
    assert rechunker.rest() == b"ef"
    assert rechunker.rest() == b""
    assert not rechunker.pending


@given(st.lists(st.binary(max_size=70)), st.sampled_from([2, 20, 32]))
def test_rechunker_loses_nothing(pieces: list[bytes], size: int) -> None:
    rechunker = Rechunker(size)
    frames = [frame for piece in pieces for frame in rechunker.push(piece)]
    assert {len(frame) for frame in frames} <= {size}
    total = sum(map(len, pieces))
    assert len(frames) == total // size
    assert rechunker.pending == bool(total % size)
    last = rechunker.flush()
    assert b"".join([*frames, last or b""]) == b"".join(pieces).ljust(
        -(-total // size) * size, b"\0"
    )
    assert not rechunker.pending
    assert rechunker.flush() is None


def test_rechunker_passes_a_whole_frame_uncopied() -> None:
    frame = bytes(range(20))
    assert Rechunker(20).push(frame)[0] is frame
