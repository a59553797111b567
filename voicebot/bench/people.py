"""Recordings of people as items of the bench.

Knows how folders of recordings name what is said in them, and which questions such words answer.
Must not know calls, flows, lines or scores.

Two kinds of folder are understood.  With a `transcripts.tsv`, a line of it is the name of a WAV, a tab
and its words; in a name of three parts ("cen1-fcaw-b") the second is the speaker.  Else a WAV named
`3_theo_17.wav` is a digit, its speaker and a number.  Nothing is ever written to such a folder, and
no recording is kept elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from voicebot.bench.corpus import PIECE_S, RATE_HZ, Item, Kind, Value, plain, trimmed
from voicebot.bench.voices import Half
from voicebot.flow.answers import DIGIT_NAMES
from voicebot.flow.spoken.numbers import in_words
from voicebot.line.audio import resample
from voicebot.phone.script import PhoneError, read_sound
from voicebot.speaking.synthesiser import Speech

TRANSCRIPTS: Final = "transcripts.tsv"
GAPS_S: Final = (0.15, 0.3, 0.5, 0.8, 1.2)
"""Between the digits of a string that is put together from single ones."""
LEAST_PAUSE_S: Final = 0.3
"""Less is how people speak."""
STRINGS: Final = 40
"""Of four digits, from each half of the speakers or recordings."""
LENGTHS: Final[Mapping[str, Container[int]]] = {
    "digits4": (4,), "digits": range(3, 13), "phone": (7, 10),
}  # fmt: skip
"""Of the strings of digits that a question takes."""
YEARS: Final = range(1900, 2000)
ABOVE_NOISE_DB: Final = 10.0

_DIGIT: Final = re.compile(r"(\d)_(\w+)_(\d+)")
_ZERO: Final = {"oh": "0", "o": "0"}
_DIGITS: Final = {name: str(value) for value, name in enumerate(DIGIT_NAMES)} | _ZERO
_MONTHS: Final = (
    "january february march april may june july august september october november december"
).split()
_YES_NO: Final[Mapping[str, bool]] = {
    "yes": True, "yes please": True, "yeah": True, "yep": True,
    "no": False, "no thanks": False, "no thank you": False, "nope": False,
}  # fmt: skip
_TOO_NEAR: Final = {
    "yes_no": "yes yeah yep yup sure ok okay correct right no nope nah not wrong".split(),
    "menu": "appointment prescription hours open operator someone somebody person bill billing "
    "invoice".split(),
}
"""By question: with one of these words it might be an answer to it, in words that are not known here."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One WAV."""

    name: str
    said: str
    speaker: str
    samples: NDArray[np.int16]


def people(folder: Path) -> tuple[Item, ...]:
    """Make items of a folder's recordings: of each one for every question that it can be played to.

    Speakers are in one half only; of a single speaker, recordings are.

    Raises:
        PhoneError: it holds no recordings that are understood, or one that cannot be read.
    """
    if (folder / TRANSCRIPTS).is_file():
        return tuple(_spoken_texts(_halved(_transcribed(folder))))
    digits = _halved(_single_digits(folder))
    if not digits:
        raise PhoneError(
            f"{folder}: no recordings: there is no {TRANSCRIPTS} and no WAV named as 3_theo_17.wav"
        )
    return tuple(_spoken_digits(digits))


def answers(said: str) -> Iterator[tuple[str, Value]]:
    """Give the questions that these words answer, each with the answer."""
    if said in _YES_NO:
        yield "yes_no", _YES_NO[said]
    if said in _numbers():
        yield "number", _numbers()[said]
    if said in _dates():
        yield "date", _dates()[said]
    words = said.split()
    digits = "".join(_DIGITS.get(word, "?") for word in words)
    if digits.isdigit():
        yield from ((question, digits) for question in LENGTHS if len(digits) in LENGTHS[question])
    elif all(len(word) == 1 for word in words):
        yield "spelling", said.replace(" ", "").upper()


def _transcribed(folder: Path) -> list[Recording]:
    made = []
    for line in (folder / TRANSCRIPTS).read_text("utf-8").splitlines():
        name, _, words = line.partition("\t")
        if words:
            parts = name.split("-")
            speaker = parts[1] if len(parts) == 3 else ""  # noqa: PLR2004 - as said above
            samples = _without_noise(_read(folder / f"{name}.wav"))
            made.append(Recording(name, plain(words), speaker, samples))
    return made


def _single_digits(folder: Path) -> list[Recording]:
    named = [
        (found, path) for path in folder.glob("*.wav") if (found := _DIGIT.fullmatch(path.stem))
    ]
    named.sort(key=lambda pair: (pair[0][2], int(pair[0][3]), pair[0][1]))
    return [
        Recording(path.stem, DIGIT_NAMES[int(found[1])], found[2], trimmed(_read(path), RATE_HZ))
        for found, path in named
    ]


def _halved(recordings: Sequence[Recording]) -> list[tuple[Recording, Half]]:
    speakers = sorted({recording.speaker for recording in recordings})
    halves = list(Half)
    if len(speakers) > 1:
        return [(one, halves[speakers.index(one.speaker) % 2]) for one in recordings]
    # The parts of a name behind its digit, so that each half has all digits.
    numbers = sorted({_number(one) for one in recordings})
    return [(one, halves[numbers.index(_number(one)) % 2]) for one in recordings]


def _number(recording: Recording) -> str:
    found = _DIGIT.fullmatch(recording.name)
    return found[3].zfill(9) if found else recording.name


def _spoken_texts(recordings: Sequence[tuple[Recording, Half]]) -> Iterator[Item]:
    for one, half in recordings:
        for question, expected in answers(one.said):
            yield _item(one, half, question, Kind.ANSWER, expected)
        for question, words in _TOO_NEAR.items():
            if not set(words) & set(one.said.split()):
                yield _item(one, half, question, Kind.OUTSIDE, None)


def _spoken_digits(recordings: Sequence[tuple[Recording, Half]]) -> Iterator[Item]:
    for one, half in recordings:
        yield _item(one, half, "digit", Kind.ANSWER, _DIGITS[one.said])
        for question in _TOO_NEAR:
            yield _item(one, half, question, Kind.OUTSIDE, None)
    for half in Half:
        ours = [one for one, of_one in recordings if of_one is half]
        rng = Random(f"strings of {half}")
        for number in range(STRINGS if ours else 0):
            yield _string(number, ours, half, rng)


def _string(number: int, recordings: Sequence[Recording], half: Half, rng: Random) -> Item:
    """Four digits of one speaker, with a pause between each two."""
    speaker = rng.choice(recordings).speaker
    of_speaker = [one for one in recordings if one.speaker == speaker]
    digits = [rng.choice(of_speaker) for _ in range(4)]
    gaps = [rng.choice(GAPS_S) for _ in digits[1:]]
    sound = digits[0].samples
    for gap, digit in zip(gaps, digits[1:], strict=True):
        sound = np.concatenate([sound, np.zeros(round(gap * RATE_HZ), np.int16), digit.samples])
    said = " ".join(one.said for one in digits)
    joined = Recording(f"string-{half}-{number:03d}", said, speaker, sound)
    expected = "".join(_DIGITS[one.said] for one in digits)
    return _item(joined, half, "digits4", Kind.ANSWER, expected, max(gaps))


def _item(
    recording: Recording,
    half: Half,
    question: str,
    kind: Kind,
    expected: Value,
    pause_s: float = 0.0,
) -> Item:
    return Item(
        name=f"people-{question}-{kind}-{recording.name}",
        question=question,
        kind=kind,
        said=recording.said,
        expected=expected,
        feature="pause" if pause_s >= LEAST_PAUSE_S else "plain",
        voice=recording.speaker,
        half=half,
        sound=Speech(RATE_HZ, recording.samples.astype("<i2").tobytes()),
        pause_s=pause_s,
    )


def _read(path: Path) -> NDArray[np.int16]:
    speech = read_sound(path)
    return np.frombuffer(resample(speech.pcm, speech.rate_hz, RATE_HZ), "<i2")


def _without_noise(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Cut what comes before and after the speech in a recording with the noise of its room."""
    size = round(RATE_HZ * PIECE_S)
    pieces = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    power = np.mean(pieces**2, axis=1)
    floor = float(np.percentile(power, 10)) * 10 ** (ABOVE_NOISE_DB / 10)
    (loud,) = np.nonzero(power > min(floor, power.max(initial=0.0) / 10))
    if not loud.size:
        return samples
    return trimmed(samples[int(loud[0]) * size : (int(loud[-1]) + 1) * size], RATE_HZ)


@cache
def _numbers() -> Mapping[str, int]:
    return {in_words(value, "en"): value for value in range(10, 1000)}


@cache
def _dates() -> Mapping[str, str]:
    """Days of the last century, which birthdays are, as in "march seven nineteen sixty seven"."""
    return {
        f"{month} {day} nineteen {in_words(year % 100, 'en')}": f"{year}-{at:02d}-{number:02d}"
        for at, month in enumerate(_MONTHS, 1)
        for number in range(1, 32)
        for day in (in_words(number, "en"), in_words(number, "en", "spellout-ordinal"))
        for year in YEARS
    }
