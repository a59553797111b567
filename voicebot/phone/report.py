"""What a scripted caller heard of the bot, and what the call was like.

This file knows times, frames and levels. It must not know sockets, trio or a clock: every time is
an argument, in seconds after the UUID was sent. `call.py` feeds it while the call goes on; the
tests feed it by hand.

How the bot's channel is laid out: each message starts where the one before it ended, as a phone
plays it. It starts when it came if that was more than 40 ms later (what is missing is silence), and
at the beginning of a spurt of speech if that was less than 40 ms earlier or later.

How a turn is measured (socket to socket):

* the caller's side: the frame with the last voiced 10 ms of what was said, or the last key's
  message, when it was sent;
* the bot's side: the first loud message of a spurt of speech, when it came. A spurt ends with 200
  ms without a loud message.

A message of the bot is loud above -45 dBFS. What is voiced of the caller is in `script.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
import soundfile

from voicebot.line.audio import level_dbfs, resample
from voicebot.line.audiosocket import (
    Audio,
    Hangup,
    Identified,
    Key,
    Message,
    PeerError,
    Unknown,
)

LOUD_DBFS = -45.0
GAP_S = 0.04
"""Two messages further apart than this are a gap that a phone's jitter buffer may not hide."""
PAUSE_S = 0.2
"""Silence that ends a spurt: longer than the closure of a plosive, shorter than a barge-in."""
TALKED_OVER_S = 0.5
"""A bot that goes on this long after the caller was done was not stopped by what the caller did."""
_SAMPLE_BYTES = 2
_TOUCHING_S = 0.001


class End(StrEnum):
    """Who ended the call, and how."""

    CALLER_HUNG_UP = "the caller hung up"
    LIMIT = "the caller hung up: the bot had not ended the call within the time limit"
    BOT_HUNG_UP = "the bot hung up"
    BOT_CLOSED = "the bot closed the connection without a hangup message"
    BOT_RESET = "the bot reset the connection"
    BOT_DEAF = "the caller hung up: the bot had stopped reading"
    BOT_BABBLED = "the caller hung up: the bot sent what is not AudioSocket"

    @property
    def by_caller(self) -> bool:
        """Whether it was the caller who ended it, be it out of patience."""
        return self not in {End.BOT_HUNG_UP, End.BOT_CLOSED, End.BOT_RESET}


_CLEAN_ENDS = frozenset({End.CALLER_HUNG_UP, End.LIMIT, End.BOT_HUNG_UP})


@dataclass(frozen=True, slots=True)
class Spurt:
    """Bot speech without a pause of 200 ms: when its first and its last loud message came.

    `sound_s` is when the first message came that was not digital silence, as a prompt may begin
    with a breath or the closure of a plosive. It is at most 200 ms before `start_s`.
    """

    start_s: float
    end_s: float
    sound_s: float


@dataclass(frozen=True, slots=True)
class Action:
    """Something the caller did: when its first and its last voiced frame or key message left."""

    what: str
    onset_s: float
    done_s: float
    by_key: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """An action of the caller and how the bot took it.

    `answer_s` is when the bot's answer began, `response_s` how long after `done_s` that was: below
    zero when the bot began before the caller was done. Both are None when no answer came before the
    caller's next action, and when the bot talked on over the caller, since then an answer cannot be
    told by its sound. `first_frame_s` is the response time, too, but up to the first message of the
    answer that was not digital silence. `stopped_s` is the barge-in figure: from the caller's onset
    to the last loud message of what the bot was saying; None when the bot was not speaking, or was
    not stopped by a key (or went straight on to something new).
    """

    what: str
    onset_s: float
    done_s: float
    answer_s: float | None
    response_s: float | None
    first_frame_s: float | None
    stopped_s: float | None


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call as the caller heard it. Times are seconds after the UUID was sent.

    `caller_pcm` and `bot_pcm` are of one length, 16-bit mono at `rate_hz`. `gaps` counts the bot's
    messages that came more than 40 ms after the one before; `max_ahead_s` is how far the bot's
    audio ran ahead of the clock. `violations` are things an Asterisk would have dropped the call
    for or lost; `expired` are the waits whose time limit passed.
    """

    uuid: UUID
    rate_hz: int
    ended: End
    duration_s: float
    caller_pcm: bytes
    bot_pcm: bytes
    first_frame_s: float | None
    first_loud_s: float | None
    turns: tuple[Turn, ...]
    spurts: tuple[Spurt, ...]
    frames_received: int
    gaps: int
    max_ahead_s: float
    violations: tuple[str, ...]
    expired: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether the bot answered, kept to the protocol, and the call ended as a call should."""
        return self.frames_received > 0 and not self.violations and self.ended in _CLEAN_ENDS

    def write_stereo(self, path: Path) -> None:
        """Write a sound file, the caller left and the bot right; its name's ending is its format.

        Raises:
            OSError: the file cannot be written.
        """
        channels = [np.frombuffer(pcm, "<i2") for pcm in (self.caller_pcm, self.bot_pcm)]
        try:
            soundfile.write(path, np.column_stack(channels), self.rate_hz, subtype="PCM_16")
        except (soundfile.SoundFileError, TypeError) as error:  # TypeError: no such format
            raise OSError(f"{path}: cannot be written: {error}") from error


@dataclass(frozen=True, slots=True)
class _Played:
    start_s: float
    rate_hz: int
    pcm: bytes

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.pcm) / (_SAMPLE_BYTES * self.rate_hz)


class BotChannel:
    """All that the bot sent, laid on the call's time by when it came."""

    def __init__(self) -> None:
        self.frames_received = 0
        self.first_frame_s: float | None = None
        self.gaps = 0
        self.max_ahead_s = 0.0
        self.hung_up = False
        self.violations: list[str] = []
        self.spurts: list[Spurt] = []
        self._played: list[_Played] = []
        self._arrived_s = -math.inf
        self._edge_s = -math.inf
        self._sounding_s = math.inf

    def take(self, message: Message, at_s: float) -> None:
        """Take in one message of the bot that came at `at_s`."""
        if self.hung_up:
            self.note_violation(at_s, f"{type(message).__name__} after the hangup")
        match message:
            case Audio(rate_hz=rate_hz, pcm=pcm):
                self._take_audio(rate_hz, pcm, at_s)
            case Hangup():
                self.hung_up = True
            case Unknown(kind=kind, length=length):
                self.note_violation(at_s, f"kind 0x{kind:02x} with {length} bytes")
            case Identified() | Key() | PeerError():
                self.note_violation(at_s, f"{type(message).__name__} from a server")

    def note_violation(self, at_s: float, what: str) -> None:
        """Remember something that an Asterisk would have dropped the call for, or lost."""
        self.violations.append(f"{at_s:.3f}: {what}")

    def _take_audio(self, rate_hz: int, pcm: bytes, at_s: float) -> None:
        if not pcm:
            self.note_violation(at_s, "audio of no bytes")
            return
        if len(pcm) % _SAMPLE_BYTES:
            self.note_violation(at_s, f"audio of {len(pcm)} bytes: an odd number")
            pcm = pcm[:-1]
        self.frames_received += 1
        if self.first_frame_s is None:
            self.first_frame_s = at_s
        elif at_s - self._arrived_s > GAP_S:
            self.gaps += 1
        self._arrived_s = at_s
        if not any(pcm):
            self._sounding_s = math.inf
        elif at_s < self._sounding_s:
            self._sounding_s = at_s
        lead_s = self._edge_s - at_s
        self.max_ahead_s = max(self.max_ahead_s, lead_s)
        begins = level_dbfs(pcm) > LOUD_DBFS and self._note_loud(at_s)
        settles = begins and lead_s <= GAP_S
        start_s = at_s if lead_s < -GAP_S or settles else self._edge_s
        self._played.append(_Played(start_s, rate_hz, pcm))
        self._edge_s = self._played[-1].end_s

    def _note_loud(self, at_s: float) -> bool:
        """Whether a spurt begins."""
        if self.spurts and at_s - self.spurts[-1].end_s < PAUSE_S:
            self.spurts[-1] = replace(self.spurts[-1], end_s=at_s)
            return False
        sound_s = self._sounding_s if at_s - self._sounding_s < PAUSE_S else at_s
        self.spurts.append(Spurt(at_s, at_s, sound_s))
        return True

    @property
    def last_loud_s(self) -> float:
        """When the last loud message came; minus infinity before the first."""
        return self.spurts[-1].end_s if self.spurts else -math.inf

    def pcm(self, rate_hz: int) -> bytes:
        """The channel from the UUID on, at `rate_hz`."""
        out = np.zeros(max(round(self._edge_s * rate_hz), 0) if self._played else 0, "<i2")
        for start_s, run in self._runs(rate_hz):
            at = round(start_s * rate_hz)
            # A run is cut where the next one settled a little earlier than this one's quiet end.
            out[at : at + len(run)] = run[: len(out) - at]
        return out.tobytes()

    def _runs(self, rate_hz: int) -> list[tuple[float, npt.NDArray[np.int16]]]:
        """What was played without a hole or a change of rate, each run resampled whole."""
        starts = [
            i
            for i, frame in enumerate(self._played)
            if i == 0
            or frame.rate_hz != self._played[i - 1].rate_hz
            or abs(frame.start_s - self._played[i - 1].end_s) > _TOUCHING_S
        ]
        runs = []
        for first, end in pairwise([*starts, len(self._played)]):
            run = self._played[first:end]
            pcm = resample(b"".join(frame.pcm for frame in run), run[0].rate_hz, rate_hz)
            runs.append((run[0].start_s, np.frombuffer(pcm, "<i2")))
        return runs


def is_answer(spurt: Spurt, onset_s: float, done_s: float) -> bool:
    """Whether a spurt is the bot's reaction to something done from `onset_s` to `done_s`.

    It began after the caller did and was not cut short by it, or it went on over the caller
    regardless.
    """
    if spurt.start_s > onset_s:
        return spurt.end_s >= done_s
    return spurt.end_s > done_s + TALKED_OVER_S


def measure(actions: Sequence[Action], spurts: Sequence[Spurt]) -> tuple[Turn, ...]:
    """One turn for each action, both lists in the order of time."""
    next_onsets = [*(action.onset_s for action in actions[1:]), math.inf]
    return tuple(
        _turn(action, spurts, until_s)
        for action, until_s in zip(actions, next_onsets, strict=False)
    )


def _turn(action: Action, spurts: Sequence[Spurt], until_s: float) -> Turn:
    over = next((s for s in spurts if s.start_s <= action.onset_s <= s.end_s), None)
    talked_on = over is not None and is_answer(over, action.onset_s, action.done_s)
    answer = None
    if not talked_on:
        answer = next(
            (
                s
                for s in spurts
                if action.onset_s < s.start_s < until_s
                and is_answer(s, action.onset_s, action.done_s)
            ),
            None,
        )
    stopped = over is not None and not (talked_on and action.by_key)
    return Turn(
        what=action.what,
        onset_s=action.onset_s,
        done_s=action.done_s,
        answer_s=answer.start_s if answer else None,
        response_s=answer.start_s - action.done_s if answer else None,
        first_frame_s=answer.sound_s - action.done_s if answer else None,
        stopped_s=over.end_s - action.onset_s if over and stopped else None,
    )
