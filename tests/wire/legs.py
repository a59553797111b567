"""What the row tests share: every reader in every form, and a server that fits it."""

import struct

import numpy as np
import pytest

from tests.fake import FORK, PROFILES, V20_20, Form, Leg, Profile
from voicebot.line.audio import frame_bytes
from voicebot.line.audiosocket import RATES, Dialect

from .server import Server

READERS = [
    pytest.param(one, form, id=f"{one}-{form}") for one in PROFILES.values() for form in Form
]
"""Every profile as AudioSocket() and as Dial(AudioSocket/…)."""
STRICT = [one for one in PROFILES.values() if one.strict]
KNOW_RATES = [one for one in PROFILES.values() if one.rates]
OLD = [one for one in PROFILES.values() if not one.strict]
CHANS = [
    pytest.param(one, hz, id=f"{one}-{hz}")
    for one in PROFILES.values()
    for hz in (RATES if one is V20_20 else RATES[:3])
]
"""Every profile as Dial(AudioSocket/…/c(slinN)); the rates that nobody has, with one of them."""


def server_for(
    profile: Profile, *, says_s: float = 0.0, hangs_up_s: float = float("inf")
) -> Server:
    """As its listener is configured: a fork has its own dialect."""
    dialect = Dialect.FORK if profile is FORK else Dialect.ASTERISK
    says = [frame(n) for n in range(round(says_s * 50))]
    return Server(dialect=dialect, says=says, hangs_up_s=hangs_up_s)


def frame(number: int, rate_hz: int = 8000) -> bytes:
    """A frame that is not like the others."""
    return struct.pack("<h", number + 1) * (frame_bytes(rate_hz) // 2)


def is_answered_fork(leg: Leg) -> bool:
    """Whether the first message has to be the fork's answer."""
    return leg.profile is FORK


def demand_all(leg: Leg, slack_s: float = 0.0) -> None:
    """All that a server owes any Asterisk while a leg is up."""
    leg.record.demand_legal(answered_fork=is_answered_fork(leg))
    leg.record.demand_whole()
    leg.record.demand_paced(slack_s)
    assert not leg.stuck


def voice(seconds: float, rate_hz: int = 8000) -> bytes:
    """Something like speech: two tones that swell and fade, over a little noise."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    wave = np.sin(2 * np.pi * 200 * times) * 8000 + np.sin(2 * np.pi * 1900 * times) * 4000
    wave *= 0.6 + 0.4 * np.sin(2 * np.pi * 3 * times)
    noise = np.random.default_rng(1).normal(0, 50, times.size)
    return bytes((wave + noise).astype("<i2"))


def level(pcm: bytes) -> float:
    """The mean size of the samples."""
    return float(np.abs(np.frombuffer(pcm, "<i2").astype(np.float64)).mean())


def likeness(heard: bytes, said: bytes) -> float:
    """How alike two signals are, 1.0 at most, wherever in `said` the heard one begins."""
    a = np.frombuffer(heard, "<i2").astype(np.float64)
    b = np.frombuffer(said, "<i2").astype(np.float64)
    assert len(a) <= len(b)
    size = 1 << (len(a) + len(b)).bit_length()
    match = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    power = np.cumsum(np.concatenate(([1.0], b * b)))
    match = match[: len(b) - len(a) + 1] / np.sqrt(power[len(a) :] - power[: -len(a)])
    best = int(np.argmax(match))
    here = b[best : best + len(a)]
    return float(a @ here / np.sqrt((a @ a) * (here @ here)))
