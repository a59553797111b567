"""What callers say to the bench's questions, and what they say, or is heard, that is no answer.

Knows sentences, voices, items and how they are kept.  Must not know calls, flows, lines or scores.

An item is one utterance of one voice.  Items are in two halves: thresholds are fitted on one and
judged on the other.  No voice is in both halves, and no text, but for the bare answers of closed
questions ("yes", "red"): without them neither half would be of any use.  Corpora of the same
voices are the same, byte for byte.  Days are meant from the Monday on which the
calls of tests take place.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp
from typing import Final, Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voicebot.bench.noises import noises
from voicebot.bench.voices import Found, Half, Style, find
from voicebot.flow.circumstances import A_MONDAY
from voicebot.line.audio import resample
from voicebot.speaking.synthesiser import Speech, SynthesisError

RATE_HZ: Final = 8000
TODAY: Final = A_MONDAY.date()
"""From which "tomorrow" and "on friday" are meant."""
VERSION: Final = 1
"""Of the way in which items are made; another number, another corpus."""

Value = str | int | float | bool | Mapping[str, str | int] | None


class Kind(StrEnum):
    """What an item is to its question."""

    ANSWER = "answer"
    OUTSIDE = "outside"
    """Speech, but no answer to the question."""
    NOISE = "noise"
    """No speech, or none that is meant for us."""


@dataclass(frozen=True, slots=True)
class Item:
    """One utterance."""

    name: str
    question: str
    """The node that asks for it; a noise has none, it goes with all of them."""
    kind: Kind
    said: str
    """The words, or what makes the noise."""
    expected: Value
    """What the question's variable is then, or those of a form; None: there is no answer."""
    feature: str
    """plain, filler, hesitation, correction, pause, quiet, fast, slow; of a noise: what it is."""
    voice: str
    half: Half
    sound: Speech
    level_db: float = 0.0
    """How much louder than usual it is said, against the level that a player gives all speech."""
    pause_s: float = 0.0
    """The longest pause within."""


class Voice(Protocol):
    """A voice that speaks in one half of the corpus."""

    @property
    def name(self) -> str: ...
    @property
    def half(self) -> Half: ...
    @property
    def weight(self) -> int: ...
    @property
    def signature(self) -> str: ...
    def speak(self, text: str, style: Style = ...) -> Speech: ...


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text for a question, to be said by several voices."""

    question: str
    kind: Kind
    feature: str
    takes: int
    """Voices that say it."""
    expected: Value
    text: str
    """With its pauses, as in "two {0.4} hundred"."""
    half: Half


_HEAD: Final = re.compile(r"\[(\S+) (answer|outside) (\S+) x(\d+)( both)?\]")
_PAUSE: Final = re.compile(r"\s*\{([\d.]+)\}\s*")
_STYLES: Final = ("quiet", "fast", "slow")
QUIET_DB: Final = (-18.0, -12.0)
USUAL_DB: Final = (-4.0, 3.0)
EDGE_DB: Final = 40.0
"""So far beneath its loudest 10 ms a sound ends, and begins."""
PIECE_S: Final = 0.01
INDEX: Final = "items.json"


def sentences() -> tuple[Sentence, ...]:
    """Read `sentences.txt`, which says itself how it is written."""
    text = (files("voicebot.bench") / "sentences.txt").read_text("utf-8")
    read: list[Sentence] = []
    halves: dict[str, Half] = {}
    head: re.Match[str] | None = None
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if found := _HEAD.fullmatch(line):
            head = found
            continue
        assert head is not None, line  # noqa: S101 - a mistake in our own file
        questions, kind, features, takes, both = head.groups()
        value, _, words = line.rpartition(" = ")
        of_text = list(Half)[len(halves) % 2]
        half = halves.setdefault(plain(words), of_text)
        read += [
            Sentence(
                question,
                Kind(kind),
                feature,
                int(takes),
                json.loads(value) if value else plain(words) if kind == "answer" else None,
                words,
                one,
            )
            for question in questions.split(",")
            for feature in (_STYLES if features == "styles" else (features,))
            for one in (Half if both else (half,))
        ]
    return tuple(read)


def plain(text: str) -> str:
    """Give the words of a text, without its pauses and marks."""
    return " ".join(re.sub(r"[,.?!]", " ", _PAUSE.sub(" ", text)).lower().split())


def ready(
    cache: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Path, Found]:
    """Give the folder of the corpus, made now if it is not in the cache, and the voices it has.

    Args:
        progress: as of `generate`; not called for a corpus that is there.

    Raises:
        SynthesisError: no corpus can be made on this machine; the text says why in one line.
    """
    found = find(cache)
    if not found.voices:
        raise SynthesisError(
            f"no voices for the callers: {found.reason or 'none can be had'}; "
            "with espeak-ng and flite installed there are some"
        )
    folder = cache / "bench" / fingerprint(found.voices)
    if not (folder / INDEX).is_file():
        generate(folder, sentences(), found.voices, progress)
    return folder, found


def generate(
    folder: Path,
    lines: Sequence[Sentence],
    voices: Sequence[Voice],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Have sentences said and make the noises; write WAVs and `items.json`.

    Args:
        folder: to be made; it is there when all of it is done.  One that is there is left as it is.
        progress: called with how many items are made and how many there will be.

    Raises:
        SynthesisError: there are no voices for one of the halves, or one of them failed.
    """
    for half in Half:
        if not any(voice.half is half for voice in voices):
            raise SynthesisError(f"no voice for the {half} half of the corpus")
    takes = [take for sentence in lines for take in _takes(sentence, voices)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(mkdtemp(prefix="corpus-", dir=folder.parent))
    try:
        # The work is in other processes: a thread for each core keeps it busy.
        items: list[Item] = []
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            for item in workers.map(_said, range(len(takes)), *zip(*takes, strict=True)):
                items.append(item)
                progress(len(items), len(takes))
        _write([*items, *(noise for half in Half for noise in _noises(half, items))], partial)
        if not folder.exists():  # else somebody else was faster: it is the same
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(items: Sequence[Item], folder: Path) -> None:
    for item in items:
        samples = np.frombuffer(item.sound.pcm, "<i2")
        soundfile.write(folder / f"{item.name}.wav", samples, item.sound.rate_hz, "PCM_16")
    lines = [json.dumps(_described(item)) for item in items]
    (folder / INDEX).write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")


def load(folder: Path) -> tuple[Item, ...]:
    """Read what `generate` wrote.

    Raises:
        OSError: it is not there, or not whole.
    """
    items = []
    for described in json.loads((folder / INDEX).read_text("utf-8")):
        samples, rate_hz = soundfile.read(folder / f"{described['name']}.wav", dtype="int16")
        described |= {
            "kind": Kind(described["kind"]),
            "half": Half(described["half"]),
            "sound": Speech(rate_hz, samples.tobytes()),
        }
        items.append(Item(**described))
    return tuple(items)


def _described(item: Item) -> dict[str, object]:
    names = (field.name for field in fields(item) if field.name != "sound")
    return {name: getattr(item, name) for name in names}


def fingerprint(voices: Sequence[Voice]) -> str:
    """Name the corpus that these voices give: by how they sound, what is said and how it is made."""
    made = hashlib.sha256((files("voicebot.bench") / "sentences.txt").read_bytes())
    made.update(f"{VERSION} {np.__version__} {soxr.__version__}".encode())
    for voice in voices:
        made.update(f"{voice.name} {voice.half} {voice.weight} {voice.signature}".encode())
    return made.hexdigest()[:16]


def _takes(sentence: Sentence, voices: Sequence[Voice]) -> list[tuple[Sentence, Voice]]:
    rng = _rng(sentence.question, sentence.kind, sentence.feature, sentence.text)
    ours = [voice for voice in voices if voice.half is sentence.half]
    order = sorted(ours, key=lambda voice: rng.random() ** (1 / voice.weight), reverse=True)
    return [(sentence, order[at % len(order)]) for at in range(sentence.takes)]


def _rng(*of: object) -> random.Random:
    """The same for the same words, on every machine and whatever else there is."""
    return random.Random(" ".join(map(str, of)))


def _said(number: int, sentence: Sentence, voice: Voice) -> Item:
    rng = _rng(sentence.text, sentence.feature, voice.name)
    rate, level_db = rng.uniform(0.92, 1.15), rng.uniform(*USUAL_DB)
    match sentence.feature:
        case "quiet":
            level_db = rng.uniform(*QUIET_DB)
        case "fast":
            rate = rng.uniform(1.3, 1.5)
        case "slow":
            rate = rng.uniform(0.7, 0.8)
        case _:
            pass
    style = Style(round(rate, 2), round(rng.uniform(0.9, 1.12), 2))
    *before, last = _PAUSE.split(sentence.text)[::2]
    pauses = [float(pause) for pause in _PAUSE.split(sentence.text)[1::2]]
    # The comma keeps the voice up where it goes on after the pause.
    pieces = [_spoken(voice, text, style) for text in (*(f"{text}," for text in before), last)]
    for at, pause in enumerate(pauses):
        pieces.insert(2 * at + 1, np.zeros(round(pause * RATE_HZ), np.int16))
    return Item(
        name=f"{sentence.question}-{sentence.kind}-{number:04d}",
        question=sentence.question,
        kind=sentence.kind,
        said=plain(sentence.text),
        expected=sentence.expected,
        feature=sentence.feature,
        voice=voice.name,
        half=sentence.half,
        sound=Speech(RATE_HZ, np.concatenate(pieces).astype("<i2").tobytes()),
        level_db=round(level_db, 1),
        pause_s=max(pauses, default=0.0),
    )


def _noises(half: Half, items: Sequence[Item]) -> list[Item]:
    talkers: dict[str, list[NDArray[np.int16]]] = {}
    for item in items:
        if item.half is half:
            talkers.setdefault(item.voice, []).append(np.frombuffer(item.sound.pcm, "<i2"))
    return [
        Item(
            name=f"{Kind.NOISE}-{half}-{number:03d}",
            question="",
            kind=Kind.NOISE,
            said=noise.kind,
            expected=None,
            feature=noise.kind,
            voice="",
            half=half,
            sound=Speech(RATE_HZ, trimmed(noise.samples, RATE_HZ).astype("<i2").tobytes()),
            level_db=noise.level_db,
        )
        for number, noise in enumerate(noises(list(talkers.values()), list(Half).index(half)))
    ]


def _spoken(voice: Voice, text: str, style: Style) -> NDArray[np.int16]:
    speech = voice.speak(text, style)
    return trimmed(np.frombuffer(resample(speech.pcm, speech.rate_hz, RATE_HZ), "<i2"), RATE_HZ)


def trimmed(samples: NDArray[np.int16], rate_hz: int) -> NDArray[np.int16]:
    """Cut the silence before and after a sound of any level."""
    size = round(rate_hz * PIECE_S)
    pieces = np.pad(samples.astype(np.float64), (0, -len(samples) % size)).reshape(-1, size)
    power = np.mean(pieces**2, axis=1)
    (loud,) = np.nonzero(power > power.max(initial=0.0) * 10 ** (-EDGE_DB / 10))
    if not loud.size:
        return samples[:0]
    return samples[int(loud[0]) * size : (int(loud[-1]) + 1) * size]
