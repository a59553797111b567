"""What leaves next: order, pausing, clips in the making, and the change of rate."""

import math

import numpy as np
import pytest

from voicebot.flow.model import BargeIn
from voicebot.line.audio import frame_bytes
from voicebot.speaking.playback import LEFT_FRAMES, Playback
from voicebot.speaking.prompts import Clip


def clip(level: int, frames: int, rate_hz: int = 8000) -> Clip:
    return Clip(str(level), rate_hz, np.full(rate_hz * frames // 50, level, "<i2").tobytes())


def spoken(*stretches: tuple[int, int]) -> Clip:
    """Levels, each for so many frames."""
    levels = np.concatenate([np.full(160 * frames, level, "<i2") for level, frames in stretches])
    return Clip("", 8000, levels.tobytes())


class Played:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.playback = Playback(
            lambda: self.told.append("started"),
            lambda: self.told.append("finished"),
            lambda name: self.told.append(f"mark {name}"),
            lambda: self.told.append(f"barge-in {self.playback.barge_in}"),
        )

    def frames(self, count: int, rate_hz: int = 8000) -> list[int | None]:
        """The level of each of the next frames; None is silence."""
        levels: list[int | None] = []
        for _ in range(count):
            frame = self.playback.next_frame(rate_hz)
            assert frame is None or len(frame) == frame_bytes(rate_hz)
            levels.append(None if frame is None else int(np.frombuffer(frame, "<i2")[-1]))
        return levels


def test_clips_leave_in_order_and_then_silence() -> None:
    played = Played()
    played.playback.add(clip(100, 2))
    played.playback.add(clip(200, 1))
    assert played.frames(5) == [100, 100, 200, None, None]
    assert played.told == ["started", "finished"]
    assert not played.playback.busy


def test_a_clip_in_the_making_is_waited_for() -> None:
    played = Played()
    slot = played.playback.add()
    played.playback.add(clip(200, 1))
    assert played.frames(2) == [None, None]
    assert played.told == []
    slot.fill(clip(100, 1))
    assert played.frames(3) == [100, 200, None]


def test_a_clip_that_could_not_be_made_is_passed_over() -> None:
    played = Played()
    slot = played.playback.add()
    played.playback.add(clip(200, 1))
    slot.fill(None)
    assert played.frames(2) == [200, None]


def test_a_queue_of_nothing_finishes_too() -> None:
    played = Played()
    played.playback.add().fill(None)
    assert played.frames(2) == [None, None]
    assert played.told == ["finished"]


def test_an_empty_clip_is_passed_over() -> None:
    played = Played()
    played.playback.add(Clip("", 8000, b""))
    played.playback.add(clip(200, 1))
    assert played.frames(2) == [200, None]


def test_a_pause_between_two_clauses_goes_on_there() -> None:
    played = Played()
    played.playback.add(spoken((100, 30), (0, 10), (200, 30)))
    assert played.frames(35) == [100] * 30 + [0] * 5
    played.playback.pause()
    assert played.frames(2) == [0, None]  # faded out
    assert played.playback.resume() == 0.0  # between two clauses: nothing is said again
    assert played.frames(36) == [0] * 5 + [200] * 30 + [None]


PARTS = ((100, 30), (0, 10), (200, 30), (0, 10), (300, 30))
"""Three clauses of 600 ms with 200 ms between them."""


@pytest.mark.parametrize(
    ("paused_at", "goes_on_at"),
    [
        (20, 0),  # in the first clause
        (35, 35),  # between the first and the second
        (45, 40),  # a syllable into the second
        (69, 40),  # amid its last word
        (72, 72),
        (95, 80),
        (96, 96),  # what is left is not worth it
    ],
)
def test_a_pause_goes_on_at_the_clause_it_came_into(paused_at: int, goes_on_at: int) -> None:
    played = Played()
    played.playback.add(spoken(*PARTS))
    whole = [level for level, frames in PARTS for _ in range(frames)]
    assert played.frames(paused_at) == whole[:paused_at]
    played.playback.pause()
    assert played.frames(5) == [0, None, None, None, None]
    back_s = played.playback.resume()
    assert back_s == pytest.approx((paused_at - goes_on_at) * 0.02)
    assert played.frames(120) == [*whole[goes_on_at:], *[None] * (goes_on_at + 10)]
    assert played.told == ["started", "finished"]


def test_a_recording_without_pauses_goes_on_where_it_stopped() -> None:
    """Music, say: nobody wants to hear the last six seconds again."""
    played = Played()
    played.playback.add(spoken((100, 1000)))
    played.frames(400)
    played.playback.pause()
    assert played.playback.resume() == 0.0
    assert played.frames(601)[-2:] == [100, None]


def test_a_pause_in_a_later_clip_goes_on_in_that_one() -> None:
    played = Played()
    played.playback.add(clip(100, 30))
    played.playback.add(clip(200, 30))
    played.playback.add().fill(None)
    played.playback.add(clip(300, 30))
    played.frames(40)
    played.playback.pause()
    assert played.playback.resume() == pytest.approx(0.2)
    assert played.frames(61) == [200] * 30 + [300] * 30 + [None]


def test_there_is_no_click_at_a_pause() -> None:
    played = Played()
    played.playback.add(spoken((10000, 100)))
    played.frames(50)
    played.playback.pause()
    last = np.frombuffer(played.playback.next_frame(8000) or b"", "<i2")
    played.playback.next_frame(8000)
    played.playback.resume()
    first = np.frombuffer(played.playback.next_frame(8000) or b"", "<i2")
    second = np.frombuffer(played.playback.next_frame(8000) or b"", "<i2")
    for frame in (last, first):
        assert len(frame) == 160
        assert abs(np.diff(frame.astype(int))).max() < 400
    assert (last[0], last[-1]) == (10000, 0)
    assert (first[0], first[-1], second[0]) == (0, 10000, 10000)


def test_pausing_again_and_again() -> None:
    played = Played()
    played.playback.add(spoken(*PARTS))
    assert played.playback.resume() == 0.0
    played.playback.pause()
    played.playback.pause()
    assert played.frames(2) == [None, None]
    assert played.playback.resume() == 0.0
    played.frames(50)
    for _ in range(3):
        played.playback.pause()
        played.playback.resume()
    assert played.frames(71) == [200] * 30 + [0] * 10 + [300] * 30 + [None]


def test_how_much_was_heard() -> None:
    played = Played()
    playback = played.playback
    assert (playback.heard, playback.remaining_s) == (0.0, 0.0)
    playback.add(clip(100, 25))
    playback.add(clip(200, 75))
    assert (playback.heard, playback.remaining_s) == (0.0, 2.0)
    played.frames(50)
    assert playback.heard == pytest.approx(0.5)
    assert playback.remaining_s == pytest.approx(1.0)
    place = playback.add()
    assert math.isinf(playback.remaining_s)
    place.fill(None)
    played.frames(40)
    assert playback.heard_out
    played.frames(20)
    assert (playback.heard, playback.remaining_s) == (0.0, 0.0)


# Marks, and who may interrupt ------------------------------------------------------------------


def marked(frames: int, *marks: tuple[int, str], level: int = 100) -> Clip:
    return Clip("", 8000, clip(level, frames).master, marks)


def test_a_mark_is_passed_with_the_frame_behind_it() -> None:
    played = Played()
    played.playback.add(marked(30, (0, "a"), (10, "b"), (10, "c"), (30, "d")))
    seen = []
    for _ in range(31):
        played.frames(1)
        seen.append([told for told in played.told if told.startswith("mark")])
    assert [len(names) for names in seen] == [1] * 10 + [3] * 19 + [4] * 2
    assert seen[-1] == ["mark a", "mark b", "mark c", "mark d"]
    assert played.told[-1] == "finished"


def test_a_mark_without_sound_is_passed() -> None:
    played = Played()
    played.playback.add(Clip("", 8000, b"", ((0, "a"),)))
    played.playback.add(clip(100, 1))
    assert played.frames(2) == [100, None]
    assert played.told == ["mark a", "started", "finished"]


def test_what_is_said_again_passes_its_mark_again() -> None:
    played = Played()
    played.playback.add(marked(30, (5, "a"), (20, "b")))
    played.frames(12)
    played.playback.pause()
    played.playback.resume()
    played.frames(31)
    assert played.told == ["started", "mark a", "mark a", "mark b", "finished"]


def test_marks_at_another_rate() -> None:
    played = Played()
    played.playback.add(marked(30, (5, "a"), (30, "b")))
    played.frames(3)
    played.frames(30, rate_hz=16000)
    assert played.told == ["started", "mark a", "mark b", "finished"]


def test_who_may_interrupt_is_told_when_it_changes() -> None:
    played = Played()
    playback = played.playback
    assert playback.barge_in is None
    for barge_in in (None, BargeIn.KEYS, BargeIn.KEYS, None):
        playback.add(clip(100, 1), barge_in=barge_in)
    assert playback.barge_in is None
    played.frames(5)
    assert played.told == ["started", "barge-in keys", "barge-in None", "finished"]


def test_what_comes_before_a_guarded_prompt_is_guarded_too() -> None:
    """An interruption forgets all that is queued: the legal notice would not be heard."""
    played = Played()
    for barge_in in (None, BargeIn.NONE, BargeIn.SPEECH):
        played.playback.add(clip(100, 1), barge_in=barge_in)
    assert played.playback.barge_in is BargeIn.NONE
    played.frames(4)
    assert played.told == ["started", "barge-in speech", "finished"]


def test_clear_forgets_everything_even_a_pause() -> None:
    played = Played()
    played.playback.add(clip(100, 3))
    played.frames(1)
    played.playback.pause()
    played.playback.clear()
    assert not played.playback.busy
    played.playback.add(clip(200, 1))
    assert played.frames(2) == [200, None]
    assert played.told == ["started", "started", "finished"]


def test_the_rate_may_change_in_the_middle_of_a_clip() -> None:
    played = Played()
    played.playback.add(clip(100, 4))
    assert played.frames(2) == [100, 100]
    assert len(played.frames(2, rate_hz=16000)) == 2
    assert played.frames(1, rate_hz=16000) == [None]


def test_whether_the_next_frame_is_secret() -> None:
    played = Played()
    playback = played.playback
    assert not playback.secret
    playback.add(clip(100, 2))
    playback.add().fill(None)
    playback.add(Clip("", 8000, b""))
    slot = playback.add(secret=True)
    playback.add(clip(300, 1))
    told = []
    for level in (100, 100, None):
        told.append(playback.secret)
        assert played.frames(1) == [level]
    slot.fill(clip(200, 2))
    for level in (200, 200, 300, None):
        told.append(playback.secret)
        assert played.frames(1) == [level]
    assert told == [False, False, True, True, True, False, False]


def test_what_has_left_is_known_silence_too() -> None:
    played = Played()
    played.playback.add(clip(100, 3))
    played.frames(2)
    played.playback.pause()
    given = [played.playback.next_frame(8000) for _ in range(3)]
    assert list(played.playback.left)[2:] == given
    assert given[0] is not None, "the last frame is faded out"
    played.frames(LEFT_FRAMES)
    assert list(played.playback.left) == [None] * LEFT_FRAMES
