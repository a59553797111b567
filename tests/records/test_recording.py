"""A call's sound, frame by frame, into a WAV that is whole at any time."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile
from structlog.testing import capture_logs

from tests.records.test_secrets import ANSWERED, KEY, OPEN, SECRET, listen, understood
from voicebot.flow import events as ev
from voicebot.line.audio import frame_bytes
from voicebot.records.recording import CHUNK, HELD, JITTER, Recording, StereoFile
from voicebot.records.writer import Writer


class AtOnce:
    """A writer that does each job at once; `behind`: a disk that takes none."""

    def __init__(self) -> None:
        self.behind = False

    def do(self, job: Callable[[], None]) -> bool:
        if not self.behind:
            job()
        return not self.behind


class Ends:
    """The real ear and mouth behind the recording."""

    def __init__(self) -> None:
        self.heard: list[bytes | None] = []
        self.says: bytes | None = None
        self.secret = False

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        self.heard.append(pcm)

    def next_frame(self, rate_hz: int) -> bytes | None:
        return self.says


def frame(value: int, rate_hz: int = 8000) -> bytes:
    return np.full(frame_bytes(rate_hz) // 2, value, "<i2").tobytes()


class Bed:
    def __init__(self, path: Path, *, secret: bool = False) -> None:
        self.ends, self.writer = Ends(), AtOnce()
        self.recording = Recording(
            path,
            SECRET if secret else OPEN,
            cast("Writer", self.writer),
            ear=self.ends,
            mouth=self.ends,
        )

    def beats(self, count: int, caller: int | None, bot: int | None = None) -> None:
        self.ends.says = None if bot is None else frame(bot)
        for _ in range(count):
            self.recording.hear(None if caller is None else frame(caller), 8000)
            self.recording.next_frame(8000)

    def channels(self) -> tuple[list[int], list[int]]:
        """The first sample of each frame, left and right."""
        samples, rate_hz = soundfile.read(self.recording.file.path, dtype="int16")
        assert rate_hz == 8000
        return samples[::160, 0].tolist(), samples[::160, 1].tolist()


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path / "call.wav")


@pytest.fixture
def secret_bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path / "call.wav", secret=True)


def test_the_caller_is_left_and_the_bot_right_and_both_get_through(bed: Bed) -> None:
    bed.beats(10, 100, None)
    bed.beats(10, None, 200)
    bed.recording.close()
    assert bed.channels() == ([100] * 10 + [0] * 10, [0] * 10 + [200] * 10)
    assert bed.ends.heard == [frame(100)] * 10 + [None] * 10


def test_the_file_is_whole_before_the_call_is_over(bed: Bed) -> None:
    bed.beats(HELD + CHUNK, 100, 200)
    left, right = bed.channels()
    assert left == [100] * CHUNK
    assert right == [200] * CHUNK
    bed.recording.close()


def test_frames_that_come_late_and_together_stay_where_they_belong(bed: Bed) -> None:
    bed.beats(5, 100)
    for _ in range(3):
        bed.recording.next_frame(8000)
    for _ in range(3):
        bed.recording.hear(frame(100), 8000)
    bed.beats(5, 50)
    bed.recording.close()
    assert bed.channels()[0] == [100] * 8 + [50] * 5


def test_where_the_caller_was_not_heard_there_is_silence(bed: Bed) -> None:
    bed.beats(5, 100)
    for _ in range(JITTER + 5):
        bed.recording.next_frame(8000)
    bed.beats(5, 50)
    bed.recording.close()
    left, right = bed.channels()
    assert left[-5:] == [50] * 5
    assert len(left) == len(right) == 5 + JITTER + 5 + 5


def test_a_beat_that_never_came_does_not_shift_the_bot(bed: Bed) -> None:
    """A stall of the machine: the caller's frames were in the socket, ours were not sent."""
    bed.beats(5, 100, 200)
    for _ in range(30):
        bed.recording.hear(frame(100), 8000)
    bed.recording.close()
    left, right = bed.channels()
    assert left == [100] * 35
    assert right == [200] * 5 + [0] * 30


def test_a_secret_answer_is_digital_silence_in_both_channels(secret_bed: Bed) -> None:
    bed = secret_bed
    bed.beats(50, 100, 200)
    bed.recording.told(ANSWERED, [listen(secret=True)])
    bed.beats(50, 101, 201)  # the question: the caller may answer into it
    bed.recording.told(ev.SpeechStarted(2.0), [])
    bed.beats(50, 102, 202)
    bed.recording.told(ev.SpeechHeard(3.0, ()), [understood(), listen(secret=False)])
    bed.beats(100, 103, 203)
    bed.recording.close()
    left, right = bed.channels()
    assert left == [100] * 25 + [0] * (25 + 50 + 50 + 25) + [103] * 75
    assert right == [200] * 50 + [201] * 50 + [0] * 50 + [203] * 100


def test_the_tone_of_a_key_is_silence_even_where_it_was_recorded_before(secret_bed: Bed) -> None:
    bed = secret_bed
    bed.beats(100, 100, 200)
    bed.recording.told(KEY, [])  # typed ahead of a question that is not asked yet
    bed.beats(100, 101, 200)
    bed.recording.close()
    left, right = bed.channels()
    assert left == [100] * 50 + [0] * (50 + 25) + [101] * 75
    assert right == [200] * 200


def test_a_secret_that_the_bot_says_is_silence_and_so_is_its_echo(bed: Bed) -> None:
    bed.beats(10, 100, 200)
    bed.ends.secret = True
    bed.beats(10, 100, 200)
    bed.ends.secret = False
    bed.beats(50, 100, 200)
    bed.recording.close()
    left, right = bed.channels()
    assert right == [200] * 10 + [0] * 10 + [200] * 50
    # The line's listening comes before its speaking: the first echo of a frame is in the next beat.
    assert left == [100] * 11 + [0] * (9 + 25) + [100] * 25


def test_another_rate_is_resampled(tmp_path: Path) -> None:
    file = StereoFile(tmp_path / "a.wav")
    wide = np.sin(np.arange(320) / 320 * 2 * np.pi * 8) * 8000
    file.write([frame(1)] * 25 + [frame(1, 16000)] * 25, [wide.astype("<i2").tobytes()] * 50, 50)
    file.write([frame(1)] * 50, [frame(1)] * 50, 50)
    file.close()
    samples, rate_hz = soundfile.read(file.path, dtype="int16")
    assert rate_hz == 16000
    assert len(samples) == 32000


def test_a_disk_that_is_too_slow_is_counted(bed: Bed) -> None:
    bed.writer.behind = True
    bed.beats(HELD + CHUNK, 100)
    assert bed.recording.file.lost == CHUNK


def test_what_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    file = StereoFile(tmp_path / "taken" / "c.wav")
    with capture_logs() as logged:
        file.write([frame(1)], [frame(1)], 1)
        file.write([frame(1)], [frame(1)], 1)
        file.close()
    assert [line["event"] for line in logged] == ["records.not_written"]
