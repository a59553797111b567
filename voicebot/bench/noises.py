"""Sounds that are no speech, or none that is meant for the bot: as a telephone at the ear hears them.

Knows how such sounds are built: noise and pulses, their spectrum and their course.  Must not know
sentences, voices, items.

Each is synthesised with a seed of its own, the same on every machine: a cough by its three phases
(the burst, the breath after it, a voiced end; Korpas et al., "Analysis of the cough sound", Pulm.
Pharmacol. 9, 1996), a door by the ringing of its wood, a hum by the harmonics of the mains.  Babble
is of voices, laid over one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Sound: TypeAlias = NDArray[np.float64]

RATE_HZ: Final = 8000
LONGEST_S: Final = 3.0
TAKES: Final = 4
"""Of each kind."""
PEAK: Final = 0.7


@dataclass(frozen=True, slots=True)
class Noise:
    """One sound; its level is not that of life yet."""

    kind: str
    samples: NDArray[np.int16]
    level_db: float
    """Against speech."""


def noises(talkers: Sequence[Sequence[NDArray[np.int16]]], seed: int) -> list[Noise]:
    """Make `TAKES` of each kind.

    Args:
        talkers: the speech of several people, for the babble.
        seed: another one, other sounds.
    """
    made = []
    for at, (kind, (make, level_db)) in enumerate(_KINDS.items()):
        for take in range(TAKES):
            rng = np.random.default_rng([seed, at, take])
            made.append(Noise(kind, _pcm(make(rng)), round(level_db + rng.uniform(-4, 4), 1)))
    if talkers:
        for take in range(TAKES):
            rng = np.random.default_rng([seed, len(_KINDS), take])
            level_db = round(-10 + rng.uniform(-4, 4), 1)
            made.append(Noise("babble", _pcm(_babble(rng, talkers)), level_db))
    return made


def _cough(rng: Generator) -> Sound:
    throat = _resonances(rng, (500, 1400, 2500), (250, 400, 600))
    bouts = []
    for _ in range(rng.integers(1, 4)):
        burst = _noise(rng, rng.uniform(0.03, 0.06), throat) * 1.0
        breath = _noise(rng, rng.uniform(0.12, 0.25), throat)
        breath *= 0.35 * np.exp(-4 * _course(breath))
        end = _voiced(rng, rng.uniform(0.05, 0.15), rng.uniform(110, 240), throat)
        end *= 0.4 * np.sin(np.pi * _course(end)) * rng.integers(0, 2)
        burst *= np.exp(-2.5 * _course(burst))
        bouts += [burst, breath, end, np.zeros(_samples(rng.uniform(0.05, 0.3)))]
    return np.concatenate(bouts[:-1])


def _throat(rng: Generator) -> Sound:
    """Somebody clears his throat: a rough voice, twice."""
    throat = _resonances(rng, (450, 1100, 2300), (200, 300, 500))
    parts = []
    for _ in range(2):
        part = _voiced(rng, rng.uniform(0.2, 0.35), rng.uniform(70, 130), throat, rough=0.25)
        part += 0.5 * _noise(rng, len(part) / RATE_HZ, throat)[: len(part)]
        parts += [part * np.sin(np.pi * _course(part)) ** 0.5, np.zeros(_samples(0.08))]
    return np.concatenate(parts[:-1])


def _breath(rng: Generator) -> Sound:
    sound = _noise(rng, rng.uniform(0.4, 1.3), _resonances(rng, (700, 1700, 2800), (500, 700, 800)))
    return sound * np.sin(np.pi * _course(sound) ** rng.uniform(0.6, 1.6))


def _sniff(rng: Generator) -> Sound:
    sound = _noise(rng, rng.uniform(0.15, 0.4), _resonances(rng, (1500, 2600), (700, 900)))
    return sound * _course(sound) ** 1.5


def _click(rng: Generator) -> Sound:
    clicks = []
    for _ in range(rng.integers(1, 4)):
        click = _noise(rng, 0.1, _resonances(rng, (rng.uniform(900, 2800),), (900,)))
        clicks.append(click * np.exp(-_seconds(click) / rng.uniform(0.002, 0.012)))
        clicks.append(np.zeros(_samples(rng.uniform(0.0, 0.2))))
    return np.concatenate(clicks[:-1])


def _door(rng: Generator) -> Sound:
    """The latch, then the wood and the room."""
    latch, slam = np.zeros(_samples(0.9)), np.zeros(_samples(0.9))
    seconds = _seconds(slam)
    for frequency in rng.uniform(90, 900, 9):
        decay_s = rng.uniform(0.03, 0.12)
        phase = rng.uniform(0, 2 * np.pi)
        slam += np.exp(-seconds / decay_s) * np.sin(2 * np.pi * frequency * seconds + phase)
    slam += 2 * _noise(rng, 0.9, _pink) * np.exp(-seconds / 0.15)
    click = _click(rng)[: _samples(0.15)]
    latch[: len(click)] += click * np.max(np.abs(slam)) * 0.3
    return np.concatenate([latch[: _samples(rng.uniform(0.05, 0.3))], slam])


def _hum(rng: Generator) -> Sound:
    seconds = np.arange(_samples(rng.uniform(1.0, LONGEST_S))) / RATE_HZ
    mains = rng.choice([50.0, 60.0])
    sound = np.zeros_like(seconds)
    for harmonic in range(1, 16):
        strength = rng.uniform(0.3, 1.0) / harmonic**0.7
        phase = rng.uniform(0, 2 * np.pi)
        sound += strength * np.sin(2 * np.pi * mains * harmonic * seconds + phase)
    return sound * np.clip(np.minimum(seconds, seconds[::-1]) / 0.05, 0, 1)


def _crackle(rng: Generator) -> Sound:
    """A loose contact: pulses at random times, some in bursts."""
    sound = np.zeros(_samples(rng.uniform(0.5, 2.5)))
    for _ in range(rng.integers(8, 80)):
        at = int(rng.integers(len(sound)))
        length = min(int(rng.integers(2, 30)), len(sound) - at)
        sound[at : at + length] += rng.standard_normal(length) * rng.exponential(1.0)
    return sound


def _rustle(rng: Generator) -> Sound:
    """The telephone is moved in the hand, or paper beside it."""
    sound = _noise(rng, rng.uniform(0.4, 1.8), _white)
    return sound * _wandering(rng, len(sound), 14) ** 2


def _knock(rng: Generator) -> Sound:
    """Something is put on the table, or keys are struck."""
    blows = []
    for _ in range(rng.integers(2, 7)):
        blow = _noise(rng, 0.12, _resonances(rng, (rng.uniform(250, 700), 1800), (200, 900)))
        blows.append(blow * np.exp(-_seconds(blow) / 0.02) * rng.uniform(0.4, 1))
        blows.append(np.zeros(_samples(rng.uniform(0.02, 0.25))))
    return np.concatenate(blows[:-1])


def _street(rng: Generator) -> Sound:
    """A car goes by, tyres above its engine."""
    seconds = rng.uniform(1.5, LONGEST_S)
    sound = _noise(rng, seconds, _pink)
    passing = np.exp(-(((_course(sound) - rng.uniform(0.3, 0.7)) / 0.22) ** 2))
    engine = _voiced(rng, seconds, rng.uniform(60, 120), _pink, rough=0.05)[: len(sound)]
    return (sound + 0.5 * engine) * (0.15 + passing)


def _horn(rng: Generator) -> Sound:
    seconds = np.arange(_samples(rng.uniform(0.25, 0.9))) / RATE_HZ
    low = rng.uniform(330, 440)
    sound = sum(
        np.sign(np.sin(2 * np.pi * pitch * seconds)) for pitch in (low, low * rng.uniform(1.2, 1.3))
    )
    shaped = np.asarray(sound, np.float64)
    return shaped * np.clip(np.minimum(seconds, seconds[::-1]) / 0.03, 0, 1)


def _babble(rng: Generator, talkers: Sequence[Sequence[NDArray[np.int16]]]) -> Sound:
    length = _samples(rng.uniform(0.5, LONGEST_S))
    sound = np.zeros(length)
    for talker in rng.permutation(len(talkers))[: rng.integers(3, 7)]:
        of_one = talkers[int(talker)]
        said: list[NDArray[np.int16]] = []
        while sum(map(len, said)) < 2 * length:
            said.append(of_one[int(rng.integers(len(of_one)))])
        speech = np.concatenate(said).astype(np.float64)
        speech = speech[int(rng.integers(length)) :][:length]
        sound += speech / (np.std(speech) + 1.0)
    return sound * np.clip(np.minimum(np.arange(length), np.arange(length)[::-1]) / 400, 0, 1)


_KINDS: Final[dict[str, tuple[Callable[[Generator], Sound], float]]] = {
    "cough": (_cough, -2.0),
    "throat": (_throat, -6.0),
    "breath": (_breath, -18.0),
    "sniff": (_sniff, -14.0),
    "click": (_click, -4.0),
    "door": (_door, -8.0),
    "knock": (_knock, -6.0),
    "rustle": (_rustle, -10.0),
    "crackle": (_crackle, -8.0),
    "hum": (_hum, -20.0),
    "street": (_street, -12.0),
    "horn": (_horn, -10.0),
}
"""How each is made and how loud it is against speech."""

Shape: TypeAlias = Callable[[Sound], Sound]


def _white(frequencies: Sound) -> Sound:
    return np.ones_like(frequencies)


def _pink(frequencies: Sound) -> Sound:
    return np.asarray(np.maximum(frequencies, 30.0) ** -0.5)


def _resonances(rng: Generator, centres: Sequence[float], widths: Sequence[float]) -> Shape:
    """A tube that rings at a few frequencies, in each head a little elsewhere."""
    moved = [centre * rng.uniform(0.85, 1.15) for centre in centres]

    def shape(frequencies: Sound) -> Sound:
        rings = [
            1 / (1 + ((frequencies - centre) / width) ** 2)
            for centre, width in zip(moved, widths, strict=True)
        ]
        return np.asarray(0.05 + sum(rings))

    return shape


def _noise(rng: Generator, seconds: float, shape: Shape) -> Sound:
    length = _samples(seconds)
    spectrum = np.fft.rfft(rng.standard_normal(length))
    sound = np.fft.irfft(spectrum * shape(_frequencies(length)), length)
    return np.asarray(sound / (np.std(sound) + 1e-9))


def _voiced(
    rng: Generator, seconds: float, pitch_hz: float, shape: Shape, rough: float = 0.08
) -> Sound:
    """Pulses of vocal cords, not quite in time, through a throat."""
    length = _samples(seconds)
    pulses, at = np.zeros(length), 0.0
    while at < length:
        pulses[int(at)] = rng.uniform(1 - 2 * rough, 1)
        at += RATE_HZ / pitch_hz * rng.uniform(1 - rough, 1 + rough)
    spectrum = np.fft.rfft(pulses) * shape(_frequencies(length))
    sound = np.fft.irfft(spectrum, length)
    return np.asarray(sound / (np.std(sound) + 1e-9))


def _wandering(rng: Generator, length: int, times_a_second: float) -> Sound:
    """A level that comes and goes, 0 to 1."""
    points = max(3, round(length / RATE_HZ * times_a_second))
    levels = rng.uniform(0, 1, points)
    levels[[0, -1]] = 0
    return np.interp(np.arange(length), np.linspace(0, length - 1, points), levels)


def _course(sound: Sound) -> Sound:
    """0 at the beginning, 1 at the end."""
    return np.linspace(0, 1, len(sound))


def _seconds(sound: Sound) -> Sound:
    return np.asarray(np.arange(len(sound)) / RATE_HZ)


def _frequencies(length: int) -> Sound:
    return np.fft.rfftfreq(length, 1 / RATE_HZ).astype(np.float64)


def _samples(seconds: float) -> int:
    return max(round(seconds * RATE_HZ), 1)


def _pcm(sound: Sound) -> NDArray[np.int16]:
    cut = sound[: _samples(LONGEST_S)]
    whole = np.rint(cut / (np.max(np.abs(cut)) + 1e-9) * PEAK * 32767)
    return np.asarray(whole.astype(np.int16))
