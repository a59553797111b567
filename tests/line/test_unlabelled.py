"""Which codec came labelled as slin: told from the bytes, soon, and never wrongly."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebot.line.audio import pcm_to_alaw, pcm_to_ulaw
from voicebot.line.unlabelled import Codec, Unlabelled

Samples = NDArray[np.float64]

RATE_HZ = 8000
CHANCE = np.random.default_rng(1)
AT_S = np.arange(4 * RATE_HZ) / RATE_HZ


def voice(level: float) -> Samples:
    """Like a vowel whose pitch and loudness change, in a room that is not quite silent."""
    pitch = np.cumsum(110 + 20 * np.sin(2 * np.pi * 0.7 * AT_S)) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * n * pitch) / n for n in range(1, 25))
    loudness = 0.55 - 0.45 * np.cos(2 * np.pi * 3 * AT_S)
    said: Samples = level * loudness * tones + CHANCE.normal(0, 8, len(AT_S))
    return said


def noise(level: float) -> Samples:
    return CHANCE.normal(0, level, len(AT_S))


def tone(hz: float) -> Samples:
    said: Samples = 8000 * np.sin(2 * np.pi * hz * AT_S)
    return said


SOUNDS = {
    "voice": voice(5000),
    "quiet voice": voice(150),
    "hiss": noise(20),
    "loud noise": noise(8000),
    "clipped noise": noise(20000),
    "dial tone": tone(350) / 2 + tone(440) / 2,
    "tone": tone(425),
}

CODED: dict[Codec, Callable[[bytes], bytes]] = {
    Codec.SLIN: lambda pcm: pcm,
    Codec.ULAW: pcm_to_ulaw,
    Codec.ALAW: pcm_to_alaw,
}


def pcm(sound: Samples) -> bytes:
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


def judged(
    coded: bytes, size: int, codec: Codec, began_s: float = 5.0
) -> tuple[Codec | None, float]:
    """The first verdict, and after how many seconds; None if there is none."""
    watch = Unlabelled()
    step_s = size / (16_000 if codec is Codec.SLIN else 8_000)
    at_s = 0.0
    for start in range(0, len(coded) - size + 1, size):
        if verdict := watch.judge(coded[start : start + size], began_s + at_s):
            return verdict, at_s
        at_s += step_s
    return None, at_s


@pytest.mark.parametrize("size", [80, 160, 240, 320, 480])
@pytest.mark.parametrize("codec", CODED)
@pytest.mark.parametrize("sound", SOUNDS)
def test_sound_is_told_by_its_bytes(sound: str, codec: Codec, size: int) -> None:
    verdict, after_s = judged(CODED[codec](pcm(SOUNDS[sound])), size, codec)
    assert verdict is codec
    assert after_s < (0.4 if "voice" in sound else 2)


@pytest.mark.parametrize("codec", CODED)
def test_a_tone_that_repeats_every_eight_samples_is_taken_for_nothing_that_it_is_not(
    codec: Codec,
) -> None:
    assert judged(CODED[codec](pcm(tone(1000))), 80, codec)[0] in (codec, None)


@pytest.mark.parametrize("silence", [b"\xff", b"\xd5", b"\x7f"])
def test_silence_tells_nothing_and_then_the_voice_does(silence: bytes) -> None:
    codec = Codec.ALAW if silence == b"\xd5" else Codec.ULAW
    quiet = silence * 16_000
    assert judged(quiet, 160, codec)[0] is None
    verdict, after_s = judged(quiet + CODED[codec](pcm(SOUNDS["voice"])), 160, codec)
    assert verdict is codec
    assert 2 < after_s < 2.4


def test_silent_slin_is_told_by_its_pace() -> None:
    verdict, after_s = judged(bytes(32_000), 160, Codec.SLIN)
    assert verdict is Codec.SLIN
    assert after_s == pytest.approx(1.0, abs=0.02)


def test_bytes_without_any_order_are_g722() -> None:
    # Asterisk's own G.722 is judged in tests/asterisk; its bytes are as good as random.
    verdict, after_s = judged(CHANCE.bytes(16_000), 160, Codec.G722)
    assert verdict is Codec.G722
    assert after_s == pytest.approx(1.0, abs=0.05)


def test_the_repeating_codes_of_silence_in_g722_are_no_quiet_ulaw() -> None:
    # What Asterisk's encoder makes of digital zero goes round in a few codes near those of quiet u-law.
    codes = np.frombuffer(b"\xfa\xfe\x7d\x7b\xde\xdb", np.uint8)
    assert judged(CHANCE.choice(codes, 16_000).tobytes(), 160, Codec.G722)[0] is None


def test_a_burst_after_a_stall_does_not_make_clipped_noise_of_g722() -> None:
    watch = Unlabelled()
    verdicts = {watch.judge(CHANCE.bytes(160), 5.0) for _ in range(25)}
    verdicts |= {watch.judge(CHANCE.bytes(160), 5.0 + 0.02 * n) for n in range(60)}
    assert verdicts == {None, Codec.G722}


def test_noise_that_clips_is_slin_where_it_comes_as_fast_as_slin() -> None:
    assert judged(CHANCE.bytes(32_000), 160, Codec.SLIN)[0] is Codec.SLIN
