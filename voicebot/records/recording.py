"""A whole call as a stereo WAV: the caller left, the bot right.

Knows frames as they pass, which of them are secret, and the file.  Must not know the line, engines
or what is said.

On the media clock a frame is appended to a list, no more.  The lists are held back for a second and
a half, because what was said a moment ago may turn out to be secret, and then go to the writer's
thread two seconds at a time.  The file is a whole WAV after each of them, whatever happens next.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final, Protocol

from voicebot.flow import events as ev
from voicebot.flow import model
from voicebot.line.audio import FRAMES_PER_S, SAMPLE_BYTES, resample
from voicebot.line.line import Ear
from voicebot.records.secrets import TAIL_S, TONE_S, SoundMask
from voicebot.records.writer import LateFile, Writer

CHUNK: Final = 2 * FRAMES_PER_S
"""Frames that are written at once."""
HELD: Final = round(TONE_S * FRAMES_PER_S) + FRAMES_PER_S // 2
"""Frames that stay in reach of a secret that is noticed late."""
JITTER: Final = 10
"""Frames that a channel may lag behind the other: 200 ms, the worst of a jittery line."""
TAIL: Final = round(TAIL_S * FRAMES_PER_S)

Frames = list[bytes | None]
"""20 ms each, at any rate; None is silence."""


class Mouth(Protocol):
    """What a line says, and whether that is a secret: a `Playback`."""

    @property
    def secret(self) -> bool:
        """Whether the frame that comes next is of something secret."""

    def next_frame(self, rate_hz: int) -> bytes | None:
        """The next 20 ms, or None."""


class Recording:
    """One call's sound.  It is the line's ear and source in place of the real ones, which it asks.

    Every beat of the line asks for one frame of the bot: that is the time.  The caller's frames
    may come late and together; where they stay away, and where both have missed a beat of a busy
    machine, silence takes their place.
    """

    def __init__(
        self, path: Path, flow: model.Flow, writer: Writer, *, ear: Ear, mouth: Mouth
    ) -> None:
        self.file = StereoFile(path)
        self._writer = writer
        self._hear, self._mouth = ear.hear, mouth
        self._mask = SoundMask(flow)
        self._caller: Frames = []
        self._bot: Frames = []
        self._caller_secret = self._bot_secret = False
        self._tail = 0
        """How many more frames of the caller are secret, though the question is closed."""

    # On the media clock -----------------------------------------------------------------------

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        """As an ear: take 20 ms of the caller, and pass it on."""
        self._hear(pcm, rate_hz)
        caller, lag = self._caller, len(self._bot) - len(self._caller)
        if pcm is None and lag < 0:
            return  # what was late has come after all
        if lag > JITTER:
            caller.extend([None] * lag)
        if self._tail:
            self._tail -= 1
            pcm = None
        caller.append(None if self._caller_secret else pcm)

    def next_frame(self, rate_hz: int) -> bytes | None:
        """As a source: the bot's next 20 ms."""
        secret = self._mouth.secret
        frame = self._mouth.next_frame(rate_hz)
        if secret:
            self._tail = TAIL  # the caller's line may echo it
        self._bot.append(None if secret or self._bot_secret else frame)
        if len(self._bot) >= HELD + CHUNK:
            self._hand_over(CHUNK)
        return frame

    # In the call's task -----------------------------------------------------------------------

    def told(self, event: ev.Event, actions: Sequence[ev.Action]) -> None:
        """Learn from what happens in the call what is secret."""
        was_secret = self._caller_secret
        back = round(self._mask.told(event, actions) * FRAMES_PER_S)
        if back:
            self._caller[-back:] = [None] * len(self._caller[-back:])
        self._caller_secret, self._bot_secret = self._mask.caller, self._mask.bot
        if back or (was_secret and not self._caller_secret):
            self._tail = TAIL

    def close(self) -> None:
        """The call is over: write what is left."""
        self._hand_over(max(len(self._bot), len(self._caller)))
        self._writer.do(self.file.close)

    def _hand_over(self, count: int) -> None:
        surplus = len(self._caller) - len(self._bot)
        if surplus > FRAMES_PER_S // 2:
            self._bot.extend([None] * surplus)  # beats that never came
        caller, self._caller = self._caller[:count], self._caller[count:]
        bot, self._bot = self._bot[:count], self._bot[count:]
        job = partial(self.file.write, caller, bot, count)
        if (caller or bot) and not self._writer.do(job):
            self.file.lost += count


class StereoFile:
    """A WAV that grows, and is a whole one at any time.  Its methods are jobs: they wait for the disk.

    Its rate is the caller's as it is after the first seconds; what has another is resampled.

    Each `write` is two system calls, and mixes without numpy, which lets go of the interpreter for
    a copy: a thread that does so ten times for each call and second takes more of the media clock's
    time by its coming and going than by its work (measured: four times as much).
    """

    def __init__(self, path: Path) -> None:
        self._file = LateFile(path, os.O_EXCL)
        self.lost = 0
        """Frames that the disk was too slow for."""
        self._rate_hz = 0
        self._bytes = 0
        """Of sound."""

    @property
    def path(self) -> Path:
        return self._file.path

    def write(
        self, left: Sequence[bytes | None], right: Sequence[bytes | None], count: int
    ) -> None:
        """Append so many frames; a channel that has fewer is filled up with silence."""
        if self._file.broken:
            return
        self._rate_hz = self._rate_hz or _rate_hz(left) or _rate_hz(right) or 8000
        samples = count * self._rate_hz // FRAMES_PER_S
        both = array("h", bytes(samples * FRAME_BYTES))
        both[0::2] = _samples(left, self._rate_hz, samples)
        both[1::2] = _samples(right, self._rate_hz, samples)
        self._file.attempt(lambda fd: self._write(fd, both.tobytes()))

    def close(self) -> None:
        self._file.close()

    def _write(self, fd: int, sound: bytes) -> None:
        # First the sound, then the header that says how long it is: between the two it is whole, too.
        at = HEADER.size + self._bytes
        while sound:
            done = os.pwrite(fd, sound, at)
            sound, at = sound[done:], at + done
        self._bytes = at - HEADER.size
        os.pwrite(fd, _header(self._rate_hz, self._bytes), 0)


HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
"""RIFF, fmt and data, each with its length; between them the format of the samples."""
PCM: Final = 1
CHANNELS: Final = 2
FRAME_BYTES: Final = CHANNELS * SAMPLE_BYTES
LONGEST: Final = 2**32 - 1 - HEADER.size
"""What the header can say: six days at 8 kHz."""


def _header(rate_hz: int, sound_bytes: int) -> bytes:
    length = min(sound_bytes, LONGEST)
    return HEADER.pack(
        b"RIFF", HEADER.size - 8 + length, b"WAVE",
        b"fmt ", 16, PCM, CHANNELS, rate_hz, rate_hz * FRAME_BYTES, FRAME_BYTES, 8 * SAMPLE_BYTES,
        b"data", length,
    )  # fmt: skip


def _samples(frames: Iterable[bytes | None], rate_hz: int, count: int) -> array[int]:
    """So many samples; those that the frames do not have are silence."""
    pcm = _joined(frames, rate_hz)
    return array("h", pcm.ljust(count * SAMPLE_BYTES, b"\0")[: count * SAMPLE_BYTES])


def _rate_hz(frames: Iterable[bytes | None]) -> int:
    """The rate of the last frame that is not silence; 0: there is none."""
    last = 0
    for frame in frames:
        last = len(frame) if frame else last
    return last // SAMPLE_BYTES * FRAMES_PER_S


def _joined(frames: Iterable[bytes | None], rate_hz: int) -> bytes:
    return b"".join(_stretches(frames, rate_hz))


def _stretches(frames: Iterable[bytes | None], rate_hz: int) -> Iterator[bytes]:
    """Each run of frames of one rate as one piece at `rate_hz`."""
    size = rate_hz // FRAMES_PER_S * SAMPLE_BYTES
    for length, run in groupby(frames, key=lambda frame: len(frame) if frame else 0):
        if not length:
            yield bytes(size * sum(1 for _ in run))
        else:
            pcm = b"".join(frame for frame in run if frame)
            yield resample(pcm, length // SAMPLE_BYTES * FRAMES_PER_S, rate_hz)
