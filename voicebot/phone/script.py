"""What a scripted caller does, step by step, and the sound of it, ready to be sent.

Knows: steps, sound files, frames, levels. Must not know: connections, clocks, the bot.

A 10 ms piece of a clip is voiced when it is louder than -45 dBFS and at most 35 dB below the clip's
loudest piece: of the two floors the higher, which never flatters a response time.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import trio

from voicebot.line.audio import FRAME_S, frame_bytes, resample
from voicebot.line.audiosocket import KEYS
from voicebot.speaking.synthesiser import Speech

VOICED_DBFS = -45.0
BELOW_PEAK_DB = 35.0
PIECE_S = 0.01

Voice = Callable[[str], Awaitable[Speech]]
"""Turns a text into speech, as `CallerVoice` does."""


class PhoneError(Exception):
    """The script cannot be carried out; the message says what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Say:
    """Say a text with the caller's voice."""

    text: str

    def __str__(self) -> str:
        return f'say "{self.text}"'


@dataclass(frozen=True, slots=True)
class Play:
    """Play a sound file of any rate and format, or speech at hand."""

    sound: Path | Speech

    def __str__(self) -> str:
        return f"play {self.sound.name if isinstance(self.sound, Path) else 'sound'}"


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys one after the other: 100 ms down, then the message, then a gap of 100 ms."""

    keys: str

    def __str__(self) -> str:
        return f"press {self.keys}"


@dataclass(frozen=True, slots=True)
class Wait:
    """Be silent for a time."""

    seconds: float

    def __str__(self) -> str:
        return f"wait {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class WaitForBot:
    """Be silent until the bot has been heard and then was quiet for `quiet_s` (0: until it speaks).

    Only what it says after the caller's last action counts, or after the last such wait. When
    `limit_s` passes first, the script goes on and the report names the wait.
    """

    quiet_s: float = 0.6
    limit_s: float = 30.0

    def __str__(self) -> str:
        return "wait for the bot"


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call as Asterisk does when its caller hangs up."""

    def __str__(self) -> str:
        return "hang up"


Step = Say | Play | Press | Wait | WaitForBot | HangUp


@dataclass(frozen=True, slots=True)
class Clip:
    """A step's audio in whole frames; `onset` and `last` hold its first and last voiced 10 ms."""

    frames: tuple[bytes, ...] = ()
    onset: int = 0
    last: int = 0


async def prepare(
    steps: Sequence[Step], rate_hz: int, voice: Voice | None
) -> list[tuple[Step, Clip]]:
    """Make the audio of all steps at `rate_hz`; a step without sound has an empty clip.

    Raises:
        PhoneError: a key that no telephone has, a sound that cannot be read, `Say` without a voice.
    """
    for step in steps:
        if isinstance(step, Press) and (complaint := check_keys(step.keys)):
            raise PhoneError(complaint)
    return [(step, _clip(await _sound(step, voice), rate_hz)) for step in steps]


async def _sound(step: Step, voice: Voice | None) -> Speech | None:
    match step:
        case Say(text):
            if voice is None:
                msg = f'there is no voice to say "{text}" with: play a sound file instead'
                raise PhoneError(msg)
            return await voice(text)
        case Play(Path() as path):
            return await trio.to_thread.run_sync(read_sound, path)
        case Play(Speech() as speech):
            return speech
        case _:
            return None


def check_keys(keys: str) -> str:
    """What is wrong with keys to be pressed; nothing when a telephone has them all."""
    if keys and all(key in KEYS for key in keys):
        return ""
    return f'"{keys}" cannot be pressed: the keys of a telephone are {KEYS}'


def _clip(speech: Speech | None, rate_hz: int) -> Clip:
    if speech is None:
        return Clip()
    pcm = resample(speech.pcm, speech.rate_hz, rate_hz)
    size = frame_bytes(rate_hz)
    padded = pcm + bytes(-len(pcm) % size)
    frames = tuple(padded[i : i + size] for i in range(0, len(padded), size))
    # Without a voiced piece there is still an action: then the whole clip is it.
    start_s, end_s = voiced(pcm, rate_hz) or (0.0, len(frames) * FRAME_S)
    # The quarter of a frame is for the rounding of times that are whole pieces of 10 ms.
    onset = math.floor(start_s / FRAME_S + 0.25)
    return Clip(frames, onset, math.ceil(end_s / FRAME_S - 0.25) - 1)


def read_sound(path: Path) -> Speech:
    """Read a sound file, several channels mixed into one.

    Raises:
        PhoneError: it cannot be read.
    """
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        msg = f"{path}: cannot be read as sound: {error}"
        raise PhoneError(msg) from error
    mono = np.clip(samples.mean(axis=1) * 32768, -32768, 32767)
    return Speech(rate_hz, mono.astype("<i2").tobytes())


def voiced(pcm: bytes, rate_hz: int) -> tuple[float, float] | None:
    """Tell where a clip's first voiced 10 ms start and its last end, in seconds; None: nowhere."""
    size = round(rate_hz * PIECE_S)
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    samples = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size) / 32768
    power = np.mean(samples**2, axis=1)
    floor = max(10 ** (VOICED_DBFS / 10), power.max(initial=0.0) * 10 ** (-BELOW_PEAK_DB / 10))
    (pieces,) = np.nonzero(power > floor)
    if not len(pieces):
        return None
    return float(pieces[0]) * PIECE_S, float(pieces[-1] + 1) * PIECE_S
