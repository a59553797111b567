"""What a telephone line does to the caller's voice: level, noise, echo, G.711 and lost packets.

Knows samples, frames of 20 ms and a seed; the same seed gives the same line, sample by sample.  Must
not know calls, flows, engines or the time.

The order is that of a real line: the caller's voice at the level that telephone networks are planned
for, the noise of the room he is in, the bot's own voice coming back at his end (the echo), then the
codec, and at last the network, which loses whole packets.  The ratio of signal to noise counts the
active speech only, without its pauses, in the band of a telephone, and the noise as it is on average.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from voicebot.line.audio import (
    FRAMES_PER_S,
    FULL_SCALE,
    alaw_to_pcm,
    pcm_to_alaw,
    pcm_to_ulaw,
    ulaw_to_pcm,
)
from voicebot.speaking.loudness import SPEECH_DBFS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from voicebot.speaking.loudness import Samples

G711_HZ: Final = 8000
BAND_HZ: Final = (300.0, 3400.0)
"""What a telephone passes.  Noise beneath it would count in the ratio and disturb nobody."""
WIDE_BAND_HZ: Final = (50.0, 7000.0)
NOISE_SAMPLES: Final = 1 << 18
"""Half a minute at 8 kHz; it ends as it begins, so it goes on for ever without a click."""
TALKERS: Final = 6
"""In babble. With fewer there are words to be made out, with many it is a steady noise."""
CARS: Final = 6
"""That go by in a street while the noise is not yet repeated."""
RINGING_S: Final = 0.012
RINGING_DECAY_S: Final = 0.0015
"""A tenth of the loudness is left after 3.5 ms."""
ECHO_S: Final = (0.020, 0.400)
"""Shorter is the side tone that everybody has; longer is no telephone network."""

LTASS_DB: Final = (
    (63, 38.6), (80, 43.5), (100, 54.4), (125, 57.7), (160, 56.8), (200, 60.2), (250, 60.3),
    (315, 59.0), (400, 62.1), (500, 62.1), (630, 60.5), (800, 56.8), (1000, 53.7), (1250, 53.0),
    (1600, 52.0), (2000, 48.7), (2500, 48.1), (3150, 46.8), (4000, 45.6), (5000, 44.5),
    (6300, 44.3), (8000, 43.7),
)  # fmt: skip
"""The long-term average spectrum of speech over twelve languages, in thirds of an octave (Byrne et
al., "An international comparison of long-term average speech spectra", JASA 96, 1994)."""


class Codec(StrEnum):
    """How the caller's voice is carried."""

    ULAW = "ulaw"
    """G.711 of North America and Japan."""
    ALAW = "alaw"
    """G.711 of everybody else."""
    NONE = "none"
    """As it is, 16 bits."""


class Noise(StrEnum):
    """What the noise around the caller is like."""

    SPEECH = "speech"
    """The spectrum of many voices at once, always as loud."""
    BABBLE = "babble"
    """A few people talking at once: syllables and pauses of six voices, made, not recorded."""
    STREET = "street"
    """Traffic: cars that come near and go, over a rumble that stays."""
    PINK = "pink"
    """A fan, the wind."""
    WHITE = "white"
    """A bad line."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A caller's line.  Without any argument: what the shipped flows are tested with.

    Raises:
        ValueError: no line is like that; the text says what is allowed.
    """

    codec: Codec = Codec.ULAW
    snr_db: float | None = 20.0
    """Of active speech against noise; None: no noise."""
    noise: Noise = Noise.SPEECH
    loss: float = 0.0
    """The share of packets of 20 ms that never come, 0 to 1."""
    echo_db: float | None = None
    """How loud the bot comes back, against how loud it spoke: -24; None: not at all."""
    echo_delay_s: float = 0.12
    seed: int = 0
    """Of noise and losses.  Each test has its own of it, made with the test's name."""
    rate_hz: int = G711_HZ

    def __post_init__(self) -> None:
        if self.codec is not Codec.NONE and self.rate_hz != G711_HZ:
            raise ValueError(f"G.711 has {G711_HZ} Hz: {self.rate_hz} Hz go with codec none only")
        if not 0 <= self.loss < 1:
            raise ValueError(f"a loss of {self.loss:g} is none: 0 to 0.99 of all packets get lost")
        if self.echo_db is not None and self.echo_db > 0:
            raise ValueError(
                f"an echo of {self.echo_db:g} dB would be louder than the bot: 0 or less"
            )
        least, most = ECHO_S
        if not least <= self.echo_delay_s <= most:
            raise ValueError(
                f"an echo after {self.echo_delay_s * 1000:g} ms: {least * 1000:g} to "
                f"{most * 1000:g} ms can be had"
            )

    def __str__(self) -> str:
        parts = [self.codec.value if self.codec is not Codec.NONE else "16 bits"]
        if self.snr_db is not None:
            parts.append(f"{self.noise.value} noise at {self.snr_db:g} dB")
        if self.loss:
            parts.append(f"{self.loss:.1%} loss")
        if self.echo_db is not None:
            parts.append(f"echo {self.echo_db:g} dB after {self.echo_delay_s * 1000:g} ms")
        return ", ".join(parts)


class CallersLine:
    """One caller's line, from his mouth to the bot: a frame of 20 ms in, one or none out.

    Args:
        name: of the test; two tests with one seed have different noise and losses.
    """

    def __init__(self, sound: Sound, name: str) -> None:
        self._codec = sound.codec
        self._samples = sound.rate_hz // FRAMES_PER_S
        self._silence = np.zeros(self._samples, np.float32)
        rng = np.random.default_rng(seed_of(sound.seed, name))
        self._at = int(rng.integers(NOISE_SAMPLES))
        self._noise = None if sound.snr_db is None else _noise_of(sound)
        self._loss, self._rng = sound.loss, rng
        self._echo = Echo(sound) if sound.echo_db is not None else None

    def carry(self, speech: bytes | None, bot: bytes | None) -> bytes | None:
        """Carry one frame.

        Args:
            speech: what the caller says, 16-bit mono; None: nothing.
            bot: what he hears at the same time; None: nothing.

        Returns:
            What reaches the bot's end; None: the packet was lost.
        """
        heard = self._silence if speech is None else _samples(speech)
        if self._noise is not None:
            heard = heard + self._next_noise()
        if self._echo is not None:
            heard = heard + self._echo.after(bot)
        # Drawn in each slot, lost or not, so that a little more noise does not move the losses.
        if self._loss and self._rng.random() < self._loss:
            return None
        return coded(_pcm(heard), self._codec)

    def _next_noise(self) -> Samples:
        noise = cast("Samples", self._noise)
        at = self._at
        self._at = (at + self._samples) % NOISE_SAMPLES
        if at + self._samples <= NOISE_SAMPLES:
            return noise[at : at + self._samples]
        return np.concatenate([noise[at:], noise[: self._at]])


class Echo:
    """The bot's voice, as it comes back in the caller's: later, quieter, and through a hybrid."""

    def __init__(self, sound: Sound) -> None:
        assert sound.echo_db is not None  # noqa: S101 - for the type
        gain = np.float32(10 ** (sound.echo_db / 20))
        self._response = hybrid(sound.rate_hz, sound.seed) * gain
        self._before = np.zeros(self._response.size - 1, np.float32)
        self._samples = sound.rate_hz // FRAMES_PER_S
        delay = round(sound.echo_delay_s * sound.rate_hz)
        frames, rest = divmod(delay, self._samples)
        # A piece of `rest` samples before whole frames puts the seams where they belong.
        self._late = np.zeros(rest, np.float32)
        self._frames = deque([np.zeros(self._samples, np.float32)] * frames)

    def after(self, bot: bytes | None) -> Samples:
        """Take what the bot says now; give what comes back now."""
        said = np.zeros(self._samples, np.float32) if bot is None else _samples(bot)
        said = np.concatenate([self._before, said])
        self._before = said[self._samples :]
        joined = np.concatenate([self._late, np.convolve(said, self._response, "valid")])
        self._frames.append(joined[: self._samples])
        self._late = joined[self._samples :]
        return self._frames.popleft()


@cache
def hybrid(rate_hz: int, seed: int) -> Samples:
    """Give the response of a place where what the caller hears gets into what he says.

    No sound comes back as it was: it rings for a few milliseconds (ITU-T G.168 has such responses, of
    8 to 12 ms) and has lost its lows and highs.  What speech loses in it is made up for, so that an
    echo of -12 dB is as loud as that.
    """
    rng = np.random.default_rng(seed)
    late_s = np.arange(round(RINGING_S * rate_hz)) / rate_hz
    response = rng.standard_normal(late_s.size) * np.exp(-late_s / RINGING_DECAY_S)
    size = 4 * response.size
    frequencies = np.fft.rfftfreq(size, 1 / rate_hz)
    low, high = BAND_HZ if rate_hz == G711_HZ else WIDE_BAND_HZ
    passed = frequencies**2 / (frequencies**2 + BAND_HZ[0] ** 2) / (1 + (frequencies / high) ** 8)
    spectrum = np.fft.rfft(response, size) * passed
    rung = np.fft.irfft(spectrum, size)[: response.size]
    said = _shape(Noise.SPEECH, frequencies) ** 2
    said[(frequencies < low) | (frequencies > high)] = 0
    heard = said * np.abs(np.fft.rfft(rung, size)) ** 2
    rung = (rung * np.sqrt(said.sum() / heard.sum())).astype(np.float32)
    rung.flags.writeable = False  # all calls of a run share it
    return cast("Samples", rung)


def coded(pcm: bytes, codec: Codec) -> bytes:
    """Give the sound as it is after the codec, at either end the same."""
    match codec:
        case Codec.ULAW:
            return ulaw_to_pcm(pcm_to_ulaw(pcm))
        case Codec.ALAW:
            return alaw_to_pcm(pcm_to_alaw(pcm))
        case Codec.NONE:
            return pcm


def seed_of(seed: int, name: str) -> int:
    """Make a test's own seed, the same on every machine and in every order of the tests."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def noise(kind: Noise, rate_hz: int, seed: int) -> Samples:
    """Give `NOISE_SAMPLES` of noise of the telephone's band, at an RMS of 1, that repeat without a seam."""
    rng = np.random.default_rng(seed)
    frequencies = np.fft.rfftfreq(NOISE_SAMPLES, 1 / rate_hz)
    match kind:
        case Noise.BABBLE:
            spectrum = np.fft.rfft(_babble(rng, rate_hz)) * _shape(Noise.SPEECH, frequencies)
        case Noise.STREET:
            spectrum = np.fft.rfft(_street(rng, frequencies))
        case _:
            spectrum = _spectrum(rng, frequencies) * _shape(kind, frequencies)
    low, high = BAND_HZ if rate_hz == G711_HZ else WIDE_BAND_HZ
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    samples = np.fft.irfft(spectrum, NOISE_SAMPLES)
    return cast("Samples", (samples / np.sqrt(np.mean(samples**2))).astype(np.float32))


def _babble(rng: np.random.Generator, rate_hz: int) -> NDArray[np.float64]:
    """Give what several people say, in no language, before it has the spectrum of speech.

    Each has a pitch of his own and goes on in syllables of 120 to 280 ms, four in ten with a hiss before
    the vowel, and rests every few words.  Vowels are pulses through two formants.
    """
    sound = np.zeros(NOISE_SAMPLES)
    for _ in range(TALKERS):
        pitch_hz, loud = rng.uniform(90, 230), 10 ** (rng.uniform(-4, 4) / 20)
        at = begin = int(rng.integers(NOISE_SAMPLES))
        while at < begin + NOISE_SAMPLES:
            syllable = loud * _syllable(rng, pitch_hz * rng.uniform(0.85, 1.15), rate_hz)
            place = np.arange(at, at + syllable.size) % NOISE_SAMPLES
            sound[place] += syllable
            at += syllable.size
            if rng.random() < _REST:
                at += round(rng.uniform(0.15, 0.9) * rate_hz)
    return sound


_REST: Final = 0.12
_HISS: Final = 0.4


def _syllable(rng: np.random.Generator, pitch_hz: float, rate_hz: int) -> NDArray[np.float64]:
    size = round(rng.uniform(0.12, 0.28) * rate_hz)
    pulses = np.zeros(size)
    pulses[np.arange(0, size, rate_hz / pitch_hz).astype(int)] = np.sqrt(rate_hz / pitch_hz)
    frequencies = np.fft.rfftfreq(size, 1 / rate_hz)
    first, second = rng.uniform(300, 800), rng.uniform(900, 2400)
    formants = 0.1 + sum(
        1 / (1 + ((frequencies - centre) / width) ** 2)
        for centre, width in ((first, 90), (second, 160))
    )
    vowel = np.fft.irfft(np.fft.rfft(pulses) * formants, size)
    vowel *= np.sin(np.pi * np.linspace(0, 1, size)) ** 0.7 * rng.uniform(0.4, 1.0)
    if rng.random() > _HISS:
        return vowel
    hiss = np.diff(rng.standard_normal(round(rng.uniform(0.04, 0.1) * rate_hz)))
    return np.concatenate([0.3 * hiss * np.sin(np.pi * np.linspace(0, 1, hiss.size)), vowel])


def _street(rng: np.random.Generator, frequencies: NDArray[np.floating]) -> NDArray[np.float64]:
    """Give the rumble of a town and, over it, cars, each as near and as fast as it happens to be."""

    def hiss(slope: float) -> NDArray[np.float64]:
        spectrum = _spectrum(rng, frequencies) * np.maximum(frequencies, 1.0) ** slope
        samples = np.fft.irfft(spectrum, NOISE_SAMPLES)
        return cast("NDArray[np.float64]", samples / np.std(samples))

    sound = 0.4 * hiss(-1.0)
    tyres = hiss(-0.4)
    for car in range(CARS):
        middle = (car + rng.uniform(0.2, 0.8)) / CARS
        away = np.arange(NOISE_SAMPLES) / NOISE_SAMPLES - middle
        away -= np.rint(away)  # the end is the beginning
        near = (1 + (away / rng.uniform(0.015, 0.04)) ** 2) ** -0.5  # sound falls with distance
        sound += rng.uniform(0.5, 1.2) * near * tyres
    return sound


def _spectrum(
    rng: np.random.Generator, frequencies: NDArray[np.floating]
) -> NDArray[np.complexfloating]:
    bins = rng.standard_normal((2, frequencies.size))
    return cast("NDArray[np.complexfloating]", bins[0] + 1j * bins[1])


@cache
def _scaled_noise(kind: Noise, rate_hz: int, seed: int, dbfs: float) -> Samples:
    samples = noise(kind, rate_hz, seed) * np.float32(10 ** (dbfs / 20))
    samples.flags.writeable = False  # all calls of a run share it
    return samples


def _noise_of(sound: Sound) -> Samples:
    assert sound.snr_db is not None  # noqa: S101 - for the type
    return _scaled_noise(sound.noise, sound.rate_hz, sound.seed, SPEECH_DBFS - sound.snr_db)


def _shape(kind: Noise, frequencies: NDArray[np.floating]) -> NDArray[np.floating]:
    """How strong each frequency is, up to a factor."""
    if kind is Noise.WHITE:
        return np.ones_like(frequencies)
    audible = np.maximum(frequencies, 1.0)
    if kind is Noise.PINK:
        return cast("NDArray[np.floating]", audible**-0.5)
    thirds, levels = np.array(LTASS_DB).T
    level_db = np.interp(np.log(audible), np.log(thirds), levels)
    # A third of an octave is the wider, the higher it is: per hertz there is less in it.
    return cast("NDArray[np.floating]", 10 ** (level_db / 20) * audible**-0.5)


def _samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)


def _pcm(samples: Samples) -> bytes:
    whole = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    return whole.astype("<i2").tobytes()
