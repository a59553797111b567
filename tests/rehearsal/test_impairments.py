"""The caller's line: what it adds and takes away, by the numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicebot.line.audio import level_dbfs
from voicebot.rehearsal.impairments import (
    BAND_HZ,
    NOISE_SAMPLES,
    CallersLine,
    Codec,
    Noise,
    Sound,
    coded,
    hybrid,
    noise,
    seed_of,
)
from voicebot.speaking.loudness import SPEECH_DBFS

PLAIN = Sound(codec=Codec.NONE, snr_db=None)
SPEECH = (np.sin(np.arange(160) * 0.7) * 4000).astype("<i2").tobytes()


def carried(sound: Sound, frames: int, name: str = "a test") -> list[bytes | None]:
    line = CallersLine(sound, name)
    return [line.carry(None, None) for _ in range(frames)]


def test_a_line_without_impairments_changes_nothing() -> None:
    assert CallersLine(PLAIN, "a test").carry(SPEECH, None) == SPEECH


@pytest.mark.parametrize("snr_db", [30.0, 20.0, 10.0, 0.0])
@pytest.mark.parametrize("kind", Noise)
def test_noise_is_so_far_below_active_speech(kind: Noise, snr_db: float) -> None:
    sound = Sound(codec=Codec.NONE, snr_db=snr_db, noise=kind)
    heard = b"".join(frame or b"" for frame in carried(sound, NOISE_SAMPLES // 160))
    assert level_dbfs(heard) == pytest.approx(SPEECH_DBFS - snr_db, abs=0.3)


@pytest.mark.parametrize("kind", Noise)
def test_noise_is_in_the_band_of_a_telephone(kind: Noise) -> None:
    samples = noise(kind, 8000, seed=1)
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(NOISE_SAMPLES, 1 / 8000)
    within = (frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1])
    assert power[within].sum() / power.sum() > 0.999


def test_noises_differ_in_colour() -> None:
    def low_share(kind: Noise) -> float:
        power = np.abs(np.fft.rfft(noise(kind, 8000, seed=1))) ** 2
        return float(power[: power.size // 4].sum() / power.sum())  # up to 1 kHz

    assert low_share(Noise.SPEECH) > 0.8 > low_share(Noise.PINK) > 0.4 > low_share(Noise.WHITE)


def loudness(kind: Noise) -> NDArray[np.floating]:
    """Each tenth of a second, in dB around the mean."""
    pieces = noise(kind, 8000, seed=1)[: NOISE_SAMPLES // 800 * 800].reshape(-1, 800)
    return np.asarray(10 * np.log10(np.mean(pieces**2, axis=1)))


def test_babble_and_traffic_come_and_go_and_other_noises_stay() -> None:
    steady = np.std(loudness(Noise.SPEECH))
    assert np.std(loudness(Noise.BABBLE)) > 1.5 > steady
    street = loudness(Noise.STREET)
    assert np.std(street) > 1.5
    assert street.max() > 4  # a car is near
    # Traffic changes in seconds, talk from one syllable to the next.
    assert np.std(np.diff(loudness(Noise.BABBLE))) > 1.5 * np.std(np.diff(street))


def test_babble_has_the_spectrum_of_speech() -> None:
    def thirds(kind: Noise) -> NDArray[np.floating]:
        power = np.abs(np.fft.rfft(noise(kind, 8000, seed=1))) ** 2
        frequencies = np.fft.rfftfreq(NOISE_SAMPLES, 1 / 8000)
        edges = [(low, low * 1.26) for low in (400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500)]
        return np.array(
            [10 * np.log10(power[(frequencies >= a) & (frequencies < b)].sum()) for a, b in edges]
        )

    apart = thirds(Noise.BABBLE) - thirds(Noise.SPEECH)
    assert np.abs(apart - apart.mean()).max() < 6


@pytest.mark.parametrize("kind", Noise)
def test_noise_goes_on_for_ever_without_a_seam(kind: Noise) -> None:
    samples = noise(kind, 8000, seed=1)
    assert abs(samples[0] - samples[-1]) < np.abs(np.diff(samples)).max()
    frames = carried(Sound(codec=Codec.NONE, snr_db=10, noise=kind), NOISE_SAMPLES // 160 + 50)
    heard = np.frombuffer(b"".join(frame or b"" for frame in frames), "<i2")
    assert (heard[:160] == heard[NOISE_SAMPLES : NOISE_SAMPLES + 160]).all()


def test_the_same_seed_is_the_same_line_and_another_test_has_another() -> None:
    sound = Sound(loss=0.1, seed=3)
    assert carried(sound, 200) == carried(sound, 200)
    assert carried(sound, 200) != carried(sound, 200, "another test")
    assert carried(sound, 200) != carried(Sound(loss=0.1, seed=4), 200)


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seed_of(0, "a test") == 14803318870584658543


def test_that_share_of_the_packets_is_lost_whole() -> None:
    frames = carried(Sound(loss=0.02), 10_000)
    assert sum(frame is None for frame in frames) == pytest.approx(200, abs=45)
    assert {len(frame) for frame in frames if frame is not None} == {320}


def test_noise_does_not_move_the_losses() -> None:
    quiet, loud = (carried(Sound(loss=0.05, snr_db=snr_db), 500) for snr_db in (30, 10))
    assert [f is None for f in quiet] == [f is None for f in loud]


@pytest.mark.parametrize("delay_s", [0.02, 0.0375, 0.12, 0.4])
def test_the_bot_comes_back_later_and_quieter(delay_s: float) -> None:
    sound = Sound(codec=Codec.NONE, snr_db=None, echo_db=-20, echo_delay_s=delay_s)
    line = CallersLine(sound, "a test")
    said = [SPEECH] * 3 + [None] * 30
    heard = np.frombuffer(b"".join(line.carry(None, bot) or b"" for bot in said), "<i2")
    late = round(delay_s * 8000)
    rung = np.convolve(np.frombuffer(SPEECH * 3, "<i2"), hybrid(8000, 0) / 10)
    assert not heard[:late].any()
    assert np.abs(heard[late : late + rung.size] - rung).max() <= 1
    assert not heard[late + rung.size :].any()


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("seed", range(5))
def test_speech_is_as_loud_behind_a_hybrid(rate_hz: int, seed: int) -> None:
    speech = noise(Noise.SPEECH, rate_hz, 1)
    rung = np.convolve(speech, hybrid(rate_hz, seed))
    assert abs(20 * np.log10(np.std(rung) / np.std(speech))) < 1.5


@pytest.mark.parametrize("codec", [Codec.ULAW, Codec.ALAW])
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
def test_a_codec_changes_a_sample_by_its_step_and_only_once(
    codec: Codec, samples: list[int]
) -> None:
    pcm = np.array(samples, "<i2").tobytes()
    once = coded(pcm, codec)
    assert coded(once, codec) == once
    error = np.abs(np.frombuffer(once, "<i2").astype(int) - samples)
    assert (error <= np.maximum(np.abs(samples) / 16, 16) + 128).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate_hz": 16000}, "G.711 has 8000 Hz"),
        ({"loss": 1.0}, "a loss of 1"),
        ({"echo_db": 3.0}, "louder than the bot"),
        ({"echo_db": -20.0, "echo_delay_s": 0.5}, "20 to 400 ms"),
    ],
)
def test_a_line_that_cannot_be_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sound(**wrong)  # type: ignore[arg-type]


def test_a_line_tells_what_it_is_like() -> None:
    sound = Sound(loss=0.01, echo_db=-24)
    assert str(sound) == "ulaw, speech noise at 20 dB, 1.0% loss, echo -24 dB after 120 ms"
    assert str(PLAIN) == "16 bits"
