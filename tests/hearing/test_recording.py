"""A caller's message: when it is over, and what is left of it in the file."""

import errno
import os
from pathlib import Path

import pytest
import soundfile

from tests.hearing.test_ear import buzz
from voicebot.hearing.ear import CallerEar
from voicebot.hearing.endpoint import Patience
from voicebot.hearing.recording import Recording, RecordingFolder, Sound, write_wav
from voicebot.line.audio import resample, silence

FRAME = bytes(320)


class Message:
    """A recording that is told which frames are speech."""

    def __init__(self, max_s: float = 60.0, silence_s: float = 2.0) -> None:
        self.over_after: int | None = None
        self.frames = 0
        self.recording = Recording(max_s, silence_s)
        self.recording.on_over = self._over

    def _over(self) -> None:
        assert self.over_after is None, "it is over once"
        self.over_after = self.frames

    def hear(self, frames: int, *, voiced: bool, rate_hz: int = 8000) -> "Message":
        for _ in range(frames):
            self.frames += 1
            self.recording.hear(bytes(rate_hz // 25), rate_hz, voiced=voiced)
        return self

    @property
    def kept_s(self) -> float | None:
        sound = self.recording.kept()
        return None if sound is None else sound.duration_s


def test_silence_ends_it_and_most_of_that_silence_is_cut() -> None:
    message = Message().hear(50, voiced=False).hear(150, voiced=True).hear(500, voiced=False)
    assert message.over_after == 50 + 150 + 100
    assert message.kept_s == pytest.approx(4.0 + 0.3, abs=0.03)  # what came before is kept


def test_a_pause_does_not_end_it() -> None:
    message = Message().hear(50, voiced=True)
    for _ in range(5):
        message.hear(95, voiced=False).hear(10, voiced=True)
    assert message.over_after is None


def test_nobody_speaks() -> None:
    message = Message().hear(500, voiced=False)
    assert message.over_after == 100
    assert message.kept_s is None


def test_a_click_is_nobody() -> None:
    message = Message().hear(50, voiced=False).hear(2, voiced=True).hear(500, voiced=False)
    assert message.over_after == 100
    assert message.kept_s is None


def test_the_beep_that_comes_back_is_nobody() -> None:
    message = Message().hear(15, voiced=True).hear(500, voiced=False)
    assert message.kept_s is None


def test_the_longest_is_cut_where_it_is_over() -> None:
    message = Message(max_s=3).hear(500, voiced=True)
    assert message.over_after == 150
    assert message.kept_s == pytest.approx(3.0)


def test_a_line_that_changes_its_rate_is_one_sound_at_the_higher() -> None:
    message = Message().hear(50, voiced=True).hear(50, voiced=True, rate_hz=16000)
    sound = message.recording.kept()
    assert sound is not None
    assert sound.rate_hz == 16000
    assert sound.duration_s == pytest.approx(2.0)


# With the real detector


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_the_ear_records_silence_speech_and_gaps(rate_hz: int) -> None:
    over: list[bool] = []
    recording = Recording(60, 1.0)
    recording.on_over = lambda: over.append(True)
    ear = CallerEar(lambda utterance: None)
    for _ in range(20):
        ear.hear(silence(rate_hz), rate_hz)
    ear.record(recording)
    frames: list[bytes | None] = [*[silence(rate_hz)] * 20, *buzz(rate_hz, 50), None, None]
    for frame in [*frames, *buzz(rate_hz, 20), *[silence(rate_hz)] * 48]:
        ear.hear(frame, rate_hz)
        assert not over
    for _ in range(20):
        ear.hear(silence(rate_hz), rate_hz)
    assert over == [True]
    ear.record(None)
    sound = recording.kept()
    assert sound is not None
    assert sound.duration_s == pytest.approx((20 + 50 + 2 + 20) * 0.02 + 0.3, abs=0.2)


def test_a_recording_and_an_answer_do_not_disturb_each_other() -> None:
    begun: list[object] = []
    ear = CallerEar(begun.append)
    recording = Recording(60, 5.0)
    for _ in range(20):
        ear.hear(silence(8000), 8000)
    ear.record(recording)
    ear.open(Patience(), 10)
    for frame in [*buzz(8000, 30), *[silence(8000)] * 100]:
        ear.hear(frame, 8000)
    assert len(begun) == 1
    ear.close()
    for frame in buzz(8000, 30):
        ear.hear(frame, 8000)
    sound = recording.kept()
    assert sound is not None
    assert sound.duration_s == pytest.approx(160 * 0.02)


# The file


async def test_a_file_that_any_program_reads(tmp_path: Path) -> None:
    pcm = resample(b"".join(buzz(8000, 50)), 8000, 8000)
    path = await RecordingFolder(tmp_path / "a/b").keep("1-2", Sound(8000, pcm))
    assert path == tmp_path / "a/b/1-2.wav"
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype) == (8000, 1, "PCM_16")
    assert soundfile.read(path, dtype="int16")[0].tobytes() == pcm
    assert path.stat().st_mode & 0o007 == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["1-2.wav"]


async def test_a_call_of_the_same_name_overwrites_nothing(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path)
    paths = [await folder.keep("1-1", Sound(8000, FRAME * n)) for n in (1, 2, 3)]
    assert [path.name for path in paths] == ["1-1.wav", "1-1-again-2.wav", "1-1-again-3.wav"]
    assert [soundfile.info(path).frames for path in paths] == [160, 320, 480]


def test_no_place_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_wav(tmp_path / "file/1.wav", Sound(8000, FRAME))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".1.wav.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_wav(tmp_path / "1.wav", Sound(8000, FRAME * 100))
    assert list(tmp_path.iterdir()) == []
