"""Rates, channels and companding, in both directions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audiosocket.peer import frame, pitch_hz, rms, tone
from voicebot.audiosocket import RATES, Codec, Format
from voicebot.audiosocket.formats import FromLine, ToLine
from voicebot.line.audio import alaw_to_pcm, pcm_to_alaw, pcm_to_ulaw, ulaw_to_pcm


def stereo(left: bytes, right: bytes) -> bytes:
    return np.stack([np.frombuffer(left, "<i2"), np.frombuffer(right, "<i2")], axis=1).tobytes()


@pytest.mark.parametrize(
    ("form", "size"),
    [
        (Format(), 320),
        (Format(16000), 640),
        (Format(44100, 2), 3528),
        (Format(44000, 2), 3520),
        (Format(8000, 1, Codec.ULAW), 160),
        (Format(48000, 6), 11520),
        (Format(11025), 440),
    ],
)
def test_the_bytes_of_20_ms(form: Format, size: int) -> None:
    assert form.frame_bytes(8000) == size


@pytest.mark.parametrize("rate_hz", [0, -8000, 999, 10**7])
def test_no_such_rate(rate_hz: int) -> None:
    with pytest.raises(ValueError, match=f"{rate_hz} Hz is no rate for audio: give 1000 to 768000"):
        Format(rate_hz)


@pytest.mark.parametrize("channels", [0, -1, 33])
def test_no_such_number_of_channels(channels: int) -> None:
    with pytest.raises(ValueError, match=f"{channels} channels: give 1 to 32"):
        Format(channels=channels)


# Writing.


@pytest.mark.parametrize("line_hz", RATES)
@pytest.mark.parametrize("given_hz", [8000, 11025, 22050, 44100, 48000])
def test_any_rate_becomes_that_of_the_line(given_hz: int, line_hz: int) -> None:
    stream = ToLine(Format(given_hz), given_hz, line_hz)
    pcm = tone(1000, given_hz, 1)
    out = stream.push(pcm) + stream.finish()
    assert len(out) // 2 == pytest.approx(line_hz, abs=2)
    assert pitch_hz(out, line_hz) == pytest.approx(1000, abs=2)
    assert rms(out) == pytest.approx(rms(pcm), rel=0.03)


def test_stereo_becomes_the_mean_of_both() -> None:
    stream = ToLine(Format(8000, 2), 8000, 8000)
    assert stream.push(stereo(frame(100), frame(300))) == frame(200)


def test_two_loud_channels_do_not_overflow() -> None:
    stream = ToLine(Format(8000, 2), 8000, 8000)
    assert stream.push(stereo(frame(32767), frame(32767))) == frame(32767)
    assert stream.push(stereo(frame(-32768), frame(-32768))) == frame(-32768)


def test_companded_bytes_are_decoded() -> None:
    codes = bytes(range(256))
    assert ToLine(Format(None, 1, Codec.ULAW), 8000, 8000).push(codes) == ulaw_to_pcm(codes)
    assert ToLine(Format(None, 1, Codec.ALAW), 8000, 8000).push(codes) == alaw_to_pcm(codes)


@given(st.lists(st.integers(1, 700), min_size=1, max_size=30), st.sampled_from([8000, 44100]))
def test_wherever_a_stream_is_cut_it_sounds_the_same(sizes: list[int], given_hz: int) -> None:
    pcm = stereo(tone(700, given_hz, 0.1), tone(900, given_hz, 0.1))
    whole = ToLine(Format(given_hz, 2), given_hz, 8000)
    cut = ToLine(Format(given_hz, 2), given_hz, 8000)
    pieces, start = [], 0
    for size in [*sizes, len(pcm)]:
        pieces.append(cut.push(pcm[start : start + size]))
        start += size
    expected = np.frombuffer(whole.push(pcm) + whole.finish(), "<i2").astype(int)
    got = np.frombuffer(b"".join(pieces) + cut.finish(), "<i2").astype(int)
    assert got.size == expected.size
    assert np.abs(got - expected).max() <= 3  # the filter dithers


def test_converters_steadily_give_20_ms_for_20_ms() -> None:
    for from_hz, to_hz in [(8000, 16000), (16000, 8000), (44100, 8000), (8000, 48000)]:
        stream = ToLine(Format(from_hz), from_hz, to_hz)
        pcm = tone(440, from_hz, 0.02)
        sizes = [len(stream.push(pcm)) for _ in range(50)]
        assert set(sizes[2:]) == {to_hz // 50 * 2}
        assert sum(sizes) >= (50 - 2) * (to_hz // 50 * 2)


# Reading.


@pytest.mark.parametrize("line_hz", RATES)
def test_the_caller_at_44100_hz_stereo(line_hz: int) -> None:
    stream = FromLine(Format(44100, 2), line_hz)
    pcm = tone(1000, line_hz, 1)
    out = np.frombuffer(stream.push(pcm) + stream.finish(), "<i2").reshape(-1, 2)
    assert out.shape[0] == pytest.approx(44100, abs=2)
    assert np.array_equal(out[:, 0], out[:, 1])
    left = out[:, 0].tobytes()
    assert pitch_hz(left, 44100) == pytest.approx(1000, abs=2)
    assert rms(left) == pytest.approx(rms(pcm), rel=0.03)


def test_the_caller_as_he_is() -> None:
    stream = FromLine(Format(), 16000)
    pcm = frame(5, 16000)
    assert stream.push(pcm) is pcm
    assert stream.finish() == b""


def test_the_caller_companded() -> None:
    pcm = tone(300, 8000, 0.1)
    assert FromLine(Format(encoding=Codec.ULAW), 8000).push(pcm) == pcm_to_ulaw(pcm)
    assert FromLine(Format(encoding=Codec.ALAW), 8000).push(pcm) == pcm_to_alaw(pcm)
