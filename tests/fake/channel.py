"""The caller, as what reaches the AudioSocket module: audio packets, keys, and when.

Pure: times are seconds since the leg began. Must not know sockets or the server.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from voicebot.line.audio import SAMPLE_BYTES

DTMF_MIN_S = 0.080
"""`dtmfminduration`: a shorter key is stretched to this."""
KEY_APART_S = 0.128
"""From the release of one key to that of the next, at least: 80 ms, and 45 ms between keys."""
KEY_LATE_S = 0.020
"""The end of a key is seen with its last packet but one."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Audio at the channel's pace: `pcm`, or so many seconds of a sound that is unlike itself."""

    seconds: float
    pcm: bytes | None = None


@dataclass(frozen=True, slots=True)
class Mute:
    """Nothing comes from the caller: mute, hold, silence suppression."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Press:
    """Keys, each held and then let go of; the caller's audio goes on between them."""

    keys: str
    held_s: float = 0.1
    pause_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Stray:
    """Bytes that no released Asterisk writes, in the middle of the stream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller leaves."""

    unread: bool = False
    """Audio of the server's is not read yet then, so that the kernel resets the connection."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """AMI or ARI takes the channel away to somewhere else; so does TIMEOUT(absolute)."""


Act = Talk | Mute | Press | Stray | HangUp | Redirect


@dataclass(frozen=True, slots=True)
class Packet:
    """Audio of one packet of the caller's, as slin."""

    at_s: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class KeyDown:
    """The caller presses a key: from here to its end there is no audio."""

    at_s: float
    key: str


@dataclass(frozen=True, slots=True)
class KeyUp:
    """Asterisk has seen the end of the key."""

    at_s: float
    key: str
    held_s: float


@dataclass(frozen=True, slots=True)
class Gone:
    """The channel is gone from the application."""

    at_s: float
    redirected: bool
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Strayed:
    """These bytes are written as they are."""

    at_s: float
    data: bytes


Happening = Packet | KeyDown | KeyUp | Strayed | Gone


def talk(seconds: float, rate_hz: int) -> bytes:
    """A sound no two samples of which are alike for eight seconds at 8 kHz."""
    return np.arange(round(seconds * rate_hz)).astype("<i2").tobytes()


def happenings(acts: Sequence[Act], rate_hz: int, ptime_ms: int = 20) -> list[Happening]:
    """What reaches the module when the caller does this, in order of time; `HangUp` at the end."""
    at_s, found = 0.0, list[Happening]()
    ptime_s = ptime_ms / 1000
    for act in acts:
        match act:
            case Talk():
                found += _packets(act, at_s, rate_hz, ptime_s)
                at_s += act.seconds
            case Mute(seconds):
                at_s += seconds
            case Press():
                found += _keys(act, at_s)
                for n in range(1, len(act.keys) + 1):
                    pause_s = at_s + n * (act.held_s + act.pause_s) - act.pause_s
                    found += _packets(Talk(act.pause_s), pause_s, rate_hz, ptime_s)
                at_s += len(act.keys) * (act.held_s + act.pause_s)
            case _:
                found.append(_at_once(act, at_s))
        if isinstance(act, HangUp | Redirect):
            break
    if not found or not isinstance(found[-1], Gone):
        found.append(Gone(at_s, redirected=False))
    found.sort(key=lambda happening: round(happening.at_s, 6))
    return list(_without_audio_under_keys(found))


def _at_once(act: Stray | HangUp | Redirect, at_s: float) -> Happening:
    if isinstance(act, Stray):
        return Strayed(at_s, act.data)
    unread = isinstance(act, HangUp) and act.unread
    return Gone(at_s, redirected=isinstance(act, Redirect), unread=unread)


def _keys(act: Press, from_s: float) -> Iterator[Happening]:
    """Short keys are stretched, and each is released some time after the one before."""
    released_s = -1.0
    for n, key in enumerate(act.keys):
        at_s = from_s + n * (act.held_s + act.pause_s)
        held_s = max(act.held_s, DTMF_MIN_S)
        released_s = max(at_s + held_s - KEY_LATE_S, released_s + KEY_APART_S)
        yield KeyDown(at_s, key)
        yield KeyUp(released_s, key, held_s)


def _packets(act: Talk, from_s: float, rate_hz: int, ptime_s: float) -> Iterator[Packet]:
    size = round(rate_hz * ptime_s) * SAMPLE_BYTES
    pcm = talk(act.seconds, rate_hz) if act.pcm is None else act.pcm
    for n, start in enumerate(range(0, len(pcm), size)):
        yield Packet(from_s + (n + 1) * ptime_s, pcm[start : start + size])


def _without_audio_under_keys(found: Sequence[Happening]) -> Iterator[Happening]:
    """Asterisk replaces voice by null frames from the press of a key to its release."""
    down = 0
    for happening in found:
        down += isinstance(happening, KeyDown) - isinstance(happening, KeyUp)
        if isinstance(happening, Gone):
            yield happening
            return
        if not down or not isinstance(happening, Packet):
            yield happening


def gaps(found: Sequence[Happening]) -> list[float]:
    """From packet to packet, in seconds."""
    times = [one.at_s for one in found if isinstance(one, Packet)]
    return [after - before for before, after in pairwise(times)]
