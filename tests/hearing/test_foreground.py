"""What stands out from the noise of a line, and at once.  Made-up audio of known energy."""

import numpy as np
import pytest

from voicebot.hearing.foreground import WINDOW_FRAMES, WINDOWS, Foreground

RNG = np.random.default_rng(1)


def frames(dbfs: float, count: int) -> list[bytes]:
    """Steady noise at this level."""
    samples = RNG.standard_normal((count, 160)) * 32768 * 10 ** (dbfs / 20)
    return [frame.astype("<i2").tobytes() for frame in samples]


def heard(line: Foreground, pieces: list[bytes], *, speaking: bool = False) -> list[bool]:
    return [line.hear(frame, speaking=speaking) for frame in pieces]


@pytest.mark.parametrize("noise_dbfs", [-60, -45, -30])
def test_a_voice_stands_out_at_once_and_noise_does_not(noise_dbfs: float) -> None:
    line = Foreground()
    line.rest(frames(noise_dbfs, 15))
    assert not any(heard(line, frames(noise_dbfs, 200)))
    assert all(heard(line, frames(noise_dbfs + 10, 3)))
    assert not any(heard(line, frames(noise_dbfs, 20)))


def test_who_speaks_stands_out_with_less() -> None:
    line = Foreground()
    line.rest(frames(-40, 15))
    soft = frames(-35.5, 5)
    assert not any(heard(line, soft))
    line.begin()
    assert all(heard(line, soft, speaking=True))


def test_a_noise_that_lasts_is_the_line_itself() -> None:
    line = Foreground()
    line.rest(frames(-60, 15))
    loud = heard(line, frames(-35, (WINDOWS + 1) * WINDOW_FRAMES))
    assert all(loud[: WINDOW_FRAMES * (WINDOWS - 1)])
    assert not any(heard(line, frames(-35, 50)))


def test_what_was_no_voice_is_the_floor_at_once() -> None:
    line = Foreground()
    line.rest(frames(-60, 15))
    heard(line, frames(-30, 20))
    line.rest(frames(-35, 15))
    assert not any(heard(line, frames(-35, 20)))


def test_on_a_silent_line_an_utterance_ends_far_beneath_its_own_level() -> None:
    line = Foreground()
    line.rest([bytes(320)] * 15)
    line.begin()
    assert all(heard(line, frames(-20, 5), speaking=True))
    assert all(heard(line, frames(-45, 5), speaking=True))  # a soft ending
    assert not any(heard(line, frames(-55, 5), speaking=True))
    line.begin()
    assert all(heard(line, frames(-55, 5), speaking=True))  # a soft utterance


@pytest.mark.parametrize(("voice_dbfs", "noisy"), [(-20, False), (-40, True)])
def test_noise_hides_the_ends_of_words_where_the_voice_is_not_far_above(
    voice_dbfs: float, noisy: bool
) -> None:
    line = Foreground()
    line.rest(frames(-55, 15))
    line.begin()
    heard(line, frames(voice_dbfs, 5), speaking=True)
    assert line.is_noisy is noisy
    heard(line, frames(-55, 1), speaking=True)
    assert line.is_loud is noisy


def test_the_very_first_frame_is_no_voice() -> None:
    assert heard(Foreground(), frames(-20, 1)) == [False]
