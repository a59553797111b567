"""What a caller says into a `record` step: when it is over, what of it is kept, and the file.

Knows frames that are speech or not, and WAV files.  Must not know the clock (time is counted in
frames), engines, or the flow.  A recording is kept in memory until it is over, 2 MB for two minutes
at 8 kHz: it is taken in within the media clock, where nothing may write.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path
from typing import Final, Protocol

import trio

from voicebot.hearing.endpoint import FRAME_S, ONSET_FRAMES, ONSET_WINDOW
from voicebot.line.audio import SAMPLE_BYTES, resample

KEPT_SILENCE_S: Final = 0.3
"""Behind the last word; the rest of the silence that ended it says nothing."""
ECHO_S: Final = 0.3
"""The beep may come back for so long, and is not the caller."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_MODE: Final = 0o640
"""What a caller says is not for every user of the machine."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What was recorded: 16-bit little-endian mono."""

    rate_hz: int
    pcm: bytes

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / self.rate_hz


class Recording:
    """One message of a caller, from the end of the beep on.

    Args:
        max_s: the longest it may be.
        silence_s: the silence that ends it, also where nobody has spoken.
    """

    def __init__(self, max_s: float, silence_s: float) -> None:
        self._max_frames = round(max_s / FRAME_S)
        self._silence_frames = round(silence_s / FRAME_S)
        self.on_over: Callable[[], None] = lambda: None
        """Called once, within the media clock, when it is over; nothing is taken then any more."""
        self._frames: list[tuple[int, bytes]] = []
        """With the rate of each."""
        self._voiced = 0
        """Which of the last frames were speech, a bit each, the newest the lowest."""
        self._last_voiced = 0
        """How many frames there were with the last one of speech; 0: nobody has spoken."""
        self._over = False

    def hear(self, frame: bytes, rate_hz: int, *, voiced: bool) -> None:
        """Take 20 ms."""
        if self._over:
            return
        self._frames.append((rate_hz, frame))
        frames = len(self._frames)
        self._voiced = (self._voiced << 1 | voiced) & ((1 << ONSET_WINDOW) - 1)
        # As at the beginning of an answer: a click is shorter.
        loud = voiced and self._voiced.bit_count() >= ONSET_FRAMES
        if loud and frames > ECHO_S / FRAME_S:
            self._last_voiced = frames
        if frames >= self._max_frames or frames - self._last_voiced >= self._silence_frames:
            self._over = True
            self.on_over()

    def kept(self) -> Sound | None:
        """What was said, with its last silence cut; None when nothing was."""
        if not self._last_voiced:
            return None
        frames = self._frames[: self._last_voiced + round(KEPT_SILENCE_S / FRAME_S)]
        rate_hz = max(rate for rate, _ in frames)
        pieces = [
            resample(b"".join(frame for _, frame in same), rate, rate_hz)
            for rate, same in groupby(frames, key=lambda pair: pair[0])
        ]
        return Sound(rate_hz, b"".join(pieces))


class Recordings(Protocol):
    """Wherever recordings are kept."""

    async def keep(self, name: str, sound: Sound) -> Path:
        """Keep a recording under this name.

        Returns:
            Its file.

        Raises:
            OSError: there is no place for it.
        """


class RecordingFolder:
    """The `Recordings` of real calls: WAV files in a folder that is made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()  # whoever is told of a file may work in another folder

    async def keep(self, name: str, sound: Sound) -> Path:
        """As `Recordings` says; a call that is cancelled meanwhile still leaves its recording."""
        return await trio.to_thread.run_sync(self._write, name, sound)

    def _write(self, name: str, sound: Sound) -> Path:
        path = self._folder / f"{name}.wav"
        for number in count(2):
            if not path.exists():
                break
            path = path.with_name(f"{name}-again-{number}.wav")  # a dialplan may use one UUID twice
        write_wav(path, sound)
        return path


def write_wav(path: Path, sound: Sound) -> None:
    """Write a WAV file in one step: who finds it finds all of it.

    Raises:
        OSError: it cannot be written there; nothing is left of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with os.fdopen(os.open(temporary, _NEW, _MODE), "wb") as file:
            with wave.open(file, "wb") as writer:
                writer.setnchannels(1)
                writer.setsampwidth(SAMPLE_BYTES)
                writer.setframerate(sound.rate_hz)
                writer.writeframes(sound.pcm)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
