"""What leaves next: order, pausing, clips in the making, and the change of rate."""

import numpy as np

from voicebot.line.audio import frame_bytes
from voicebot.speaking.playback import Playback
from voicebot.speaking.prompts import Clip


def clip(level: int, frames: int, rate_hz: int = 8000) -> Clip:
    return Clip(str(level), rate_hz, np.full(rate_hz * frames // 50, level, "<i2").tobytes())


class Played:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.playback = Playback(
            lambda: self.told.append("started"), lambda: self.told.append("finished")
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


def test_a_pause_goes_on_where_it_stopped() -> None:
    played = Played()
    played.playback.add(clip(100, 3))
    assert played.frames(1) == [100]
    played.playback.paused = True
    assert played.frames(2) == [None, None]
    played.playback.paused = False
    assert played.frames(3) == [100, 100, None]


def test_clear_forgets_everything_even_a_pause() -> None:
    played = Played()
    played.playback.add(clip(100, 3))
    played.frames(1)
    played.playback.paused = True
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
