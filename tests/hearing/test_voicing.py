"""When a caller spoke last, by his loudness."""

from collections.abc import Sequence

import numpy as np
import pytest

from voicebot.hearing.voicing import Voicing
from voicebot.phone.script import voiced

RNG = np.random.default_rng(1)


def frame(dbfs: float) -> bytes:
    return (RNG.standard_normal(160) * 32768 * 10 ** (dbfs / 20)).astype("<i2").tobytes()


def last_s(frames: Sequence[bytes]) -> float | None:
    voicing = Voicing()
    for number, pcm in enumerate(frames, start=1):
        voicing.hear(pcm, number * 0.02)
    return voicing.last_s()


@pytest.mark.parametrize(
    ("levels", "last"),
    [
        ([-70] * 15 + [-20] * 10 + [-70] * 7, 25),
        ([-70] * 15 + [-20] * 10 + [-40] * 3 + [-70] * 7, 28),  # a soft end
        ([-35] * 15 + [-20] * 10 + [-35] * 7, 25),  # amid noise
        ([-20] * 10 + [-70] * 7 + [-25] * 5 + [-70] * 7, 22),  # two words
        ([-70] * 15 + [-50] * 10, None),  # nothing that a caller would call his voice
        ([], None),
    ],
)
def test_the_last_voice_is_the_last_loud_frame(levels: list[float], last: int | None) -> None:
    found = last_s([frame(level) for level in levels])
    assert found == (None if last is None else pytest.approx(last * 0.02))


def test_it_is_what_the_scripted_caller_takes_for_voiced() -> None:
    frames = [frame(level) for level in (-70, -70, -30, -15, -18, -28, -44, -47, -52, -70, -70)]
    span = voiced(b"".join(frames), 8000)
    assert span is not None
    assert last_s(frames) == pytest.approx(span[1], abs=0.02)
