"""Prompts as sound: rendered once, kept on disk and in memory, ready at every rate.

Knows: texts with their markup, voices by their fingerprint, files, rates.
Must not know: which engine speaks, calls, lines, when anything is played.

On disk there is one WAV a prompt, at the voice's own rate: 16 bits, levelled and trimmed, under a name made of
the voice's fingerprint, the language, what is really spoken (the words and pauses that the text stands for) and
RENDER_VERSION. Its comment holds a digest of the samples.
Other rates are resampled from it in memory, a millisecond for four seconds, so a new rate costs no rendering
and less disk.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import soundfile
import structlog
import trio

from voicebot.flow.spoken import language_of, markup
from voicebot.flow.spoken.markup import Mark
from voicebot.line.audio import FRAMES_PER_S, FULL_SCALE, SAMPLE_BYTES, frame_bytes, resample
from voicebot.speaking.loudness import Samples, clauses_s, levelled, trimmed
from voicebot.speaking.synthesiser import Speech, Synthesiser

log = structlog.get_logger()

Spoken: TypeAlias = tuple[str | float | Mark, ...]
"""Words as the synthesiser reads them, pauses in seconds, and marks."""

RENDER_VERSION = 3
"""To be raised when levelling or trimming changes: what is cached is then rendered again."""

LONG_PIECE = 40
"""Characters. A sentence is only cut at a comma behind at least so many, else its melody suffers for nothing."""

SENTENCE_PAUSE_S = 0.30
CLAUSE_PAUSE_S = 0.12
_CLAUSE_ENDS = ".!?…,;:\u3002\uff01\uff1f"

LONGEST_ABBREVIATION = 8
"""Characters, with what stands before it. Looking for one in all of a long text would hold up the calls."""

SILENT_HZ = 8000
"""Of a clip without a voice in it."""


class PromptError(Exception):
    """A prompt file cannot be used; the text is one line for the author of the flow."""


class Clip:
    """The sound of one prompt or clause."""

    def __init__(
        self, text: str, rate_hz: int, pcm: bytes, marks: tuple[tuple[int, str], ...] = ()
    ) -> None:
        """Take the sound as 16-bit little-endian mono at any rate.

        Args:
            marks: names, each with the frame that it stands before.
        """
        self.text = text
        self.marks = marks
        self.duration_s = len(pcm) / SAMPLE_BYTES / rate_hz
        self.rate_hz = rate_hz
        """The rate it was made at."""
        self.master = pcm
        """The sound at that rate, not filled up."""
        self._framed: dict[int, bytes] = {}
        self._frames: dict[int, tuple[bytes, ...]] = {}

    def pcm(self, rate_hz: int) -> bytes:
        """Give the sound at `rate_hz`, filled up with silence to whole 20 ms frames.

        The first time for a rate it is resampled, whole; afterwards it is at hand.
        """
        framed = self._framed.get(rate_hz)
        if framed is None:
            pcm = resample(self.master, self.rate_hz, rate_hz)
            framed = self._framed[rate_hz] = pcm + bytes(-len(pcm) % frame_bytes(rate_hz))
        return framed

    def with_pause(self, seconds: float) -> "Clip":
        """Give the same sound with a silence behind it, as between two clauses spoken apart."""
        return _joined(self.text, [self, seconds]) if seconds else self

    def with_marks(self, names: Sequence[str]) -> "Clip":
        """Give the same sound with marks before it."""
        return _joined(self.text, [*map(Mark, names), self]) if names else self

    def frames(self, rate_hz: int) -> Sequence[bytes]:
        """Give the sound at `rate_hz` as 20 ms frames, cut once: the media clock only counts them off."""
        frames = self._frames.get(rate_hz)
        if frames is None:
            pcm, size = self.pcm(rate_hz), frame_bytes(rate_hz)
            frames = tuple(pcm[at : at + size] for at in range(0, len(pcm), size))
            self._frames[rate_hz] = frames
        return frames

    def marks_in(self, frames: int) -> tuple[tuple[int, str], ...]:
        """Give the marks, each with how many of so many frames have left when it is passed."""
        return tuple((min(at + 1, frames), name) for at, name in self.marks)

    def has(self, rate_hz: int) -> bool:
        """Say whether `pcm` is at hand for this rate."""
        return rate_hz in self._framed

    @cached_property
    def clauses(self) -> tuple[tuple[int, int], ...]:
        """The frames in which each clause begins and ends, the same at every rate. The first time it is looked for,
        which takes a millisecond for ten seconds.
        """
        found = clauses_s(_to_samples(self.master), self.rate_hz)
        return tuple((int(begin * FRAMES_PER_S), ceil(end * FRAMES_PER_S)) for begin, end in found)


class PromptStore:
    """All prompts of one configuration. What a call needs is in memory: `get` and `file` touch nothing else."""

    def __init__(self, synthesiser: Synthesiser, cache_dir: Path, rates: Sequence[int]) -> None:
        """Prepare an empty store.

        Args:
            synthesiser: speaks what is not cached.
            cache_dir: made when it is missing; may be deleted at any time.
            rates: rates in use, for which prompts are resampled while they are rendered.
        """
        self._synthesiser = synthesiser
        self._cache_dir = cache_dir
        self._rates = tuple(rates)
        self._clips: dict[tuple[str, str], Clip] = {}
        """By text and language, as the flow has them."""
        self._spoken: dict[tuple[Spoken, str], Clip] = {}
        """The same clips by what is spoken in them."""
        self._files: dict[Path, Clip] = {}
        self.foresight = trio.CapacityLimiter(1)
        """For what may never be said: one call at a time, so that what is to be said finds the synthesiser free."""

    async def render(
        self,
        texts: Iterable[tuple[str, str]],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Have these (text, language) prompts ready in memory, from disk or from the synthesiser.

        Args:
            texts: with their markup; repetitions and what is there already cost nothing.
            progress: called with how many are done and how many there are, first with 0.

        Raises:
            SynthesisError: a text cannot be spoken. What was rendered before stays.
        """
        wanted = dict.fromkeys((_squeezed(text), language) for text, language in texts)
        progress(0, len(wanted))
        for done, (text, language) in enumerate(wanted, start=1):
            if (text, language) not in self._clips:
                self._clips[text, language] = await self._render(text, language)
            progress(done, len(wanted))

    def get(self, text: str, language: str) -> Clip | None:
        """Give a rendered prompt, None when it was not rendered."""
        return self._clips.get((_squeezed(text), language))

    async def clip(self, clause: str, language: str) -> Clip:
        """Speak one clause of `portions` now, unless it was rendered. What depends on a call is not kept.

        Raises:
            SynthesisError: it cannot be spoken.
        """
        if not clause:
            return Clip("", SILENT_HZ, b"")
        ready = self._spoken.get(((clause,), language))
        # No thread for the millisecond of levelling: handing over costs as much, and the media clock can spare it.
        return ready or _finished(clause, await self._synthesiser.synthesise(clause, language))

    def load_file(self, path: Path) -> Clip:
        """Read a sound file of any format, rate and number of channels that soundfile knows, and keep it for `file`.

        It is played as it was recorded: neither levelled nor trimmed. Blocks while it reads.

        Raises:
            PromptError: it cannot be read.
        """
        clip = _read_file(path)
        self._get_ready(clip)
        self._files[path] = clip
        return clip

    def file(self, path: Path) -> Clip | None:
        """Give a sound file that was loaded, None when it was not."""
        return self._files.get(path)

    async def _render(self, text: str, language: str) -> Clip:
        pieces = spoken(text, language)
        clip = self._spoken.get((pieces, language))
        if clip is not None:
            return clip
        if any(isinstance(piece, Mark) for piece in pieces):
            # The cache knows sound only: what stands between the marks is kept there, each by itself.
            parts = [
                await self._kept((piece,), language, text) if isinstance(piece, str) else piece
                for piece in pieces
            ]
            clip = _joined(text, parts)
        else:
            clip = await self._kept(pieces, language, text)
        await trio.to_thread.run_sync(self._get_ready, clip)
        self._spoken[pieces, language] = clip
        return clip

    async def _kept(self, pieces: Spoken, language: str, text: str) -> Clip:
        path = self._cache_path(pieces, language)
        clip = await trio.to_thread.run_sync(_read_cached, path, text)
        if clip is None:
            parts = [
                await self.clip(piece, language) if isinstance(piece, str) else piece
                for piece in pieces
            ]
            clip = _joined(text, parts)
            await trio.to_thread.run_sync(_write_cached, path, clip)
        return clip

    def _get_ready(self, clip: Clip) -> None:
        for rate_hz in self._rates:
            clip.pcm(rate_hz)
        _ = clip.clauses

    def _cache_path(self, pieces: Spoken, language: str) -> Path:
        key = [RENDER_VERSION, self._synthesiser.fingerprint(language), language, pieces]
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        return self._cache_dir / f"{digest[:32]}.wav"


def spoken(text: str, language: str) -> Spoken:
    """Give what is said for a text of a flow: its figures in words, its markup as pauses."""
    known = language_of(language)
    if known is None:
        return (markup.plain(text),)
    pieces = markup.pieces(text, known)
    return tuple(_with_pauses(pieces)) if any(isinstance(p, Mark) for p in pieces) else pieces


def _with_pauses(pieces: Spoken) -> Iterator[str | float | Mark]:
    """Put the pauses back that a mark between two clauses costs: what is around it is spoken apart."""
    for piece, behind in zip(pieces, (*pieces[1:], ""), strict=True):
        yield piece
        if isinstance(piece, str) and isinstance(behind, Mark):
            pause_s = pause_after_s(piece) if piece[-1] in _CLAUSE_ENDS else 0.0
            yield from (pause_s,) if pause_s else ()


class Portion(NamedTuple):
    """A clause that is spoken by itself, the pause behind it, and the marks before it; "": a pause alone."""

    text: str
    pause_s: float
    marks: tuple[str, ...] = ()


def portions(text: str, language: str) -> list[Portion]:
    """Cut a text into clauses to be spoken one by one."""
    cut: list[Portion] = []
    marks: tuple[str, ...] = ()
    for piece in spoken(text, language):
        if isinstance(piece, Mark):
            marks += (piece.name,)
        elif isinstance(piece, str):
            *before, last = clauses(piece) or [""]
            first, *others = [*((clause, pause_after_s(clause)) for clause in before), (last, 0.0)]
            cut += [Portion(*first, marks), *(Portion(*other) for other in others)]
            marks = ()
        else:
            behind = cut.pop() if cut and not marks else Portion("", 0.0, marks)
            cut.append(behind._replace(pause_s=behind.pause_s + piece))
            marks = ()
    cut.append(Portion("", 0.0, marks))
    return [portion for portion in cut if any(portion)]


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _joined(text: str, parts: Sequence[Clip | float | Mark]) -> Clip:
    """Put clips of one voice, silences of so many seconds and marks together."""
    rate_hz = next(
        (part.rate_hz for part in parts if isinstance(part, Clip) and part.master), SILENT_HZ
    )
    pcm = bytearray()
    marks: list[tuple[int, str]] = []
    for part in parts:
        frame = len(pcm) // frame_bytes(rate_hz)
        if isinstance(part, Mark):
            marks.append((frame, part.name))
        elif isinstance(part, Clip):
            marks += [(frame + at, name) for at, name in part.marks]
            pcm += resample(part.master, part.rate_hz, rate_hz)
        else:
            pcm += bytes(round(rate_hz * part) * SAMPLE_BYTES)
    return Clip(text, rate_hz, bytes(pcm), tuple(marks))


def _finished(text: str, speech: Speech) -> Clip:
    if not speech.pcm:
        # Nothing to say, as in "...": some engines do not even name a rate then.
        return Clip(text, speech.rate_hz or SILENT_HZ, b"")
    samples = trimmed(levelled(_to_samples(speech.pcm), speech.rate_hz), speech.rate_hz)
    return Clip(text, speech.rate_hz, _to_pcm(samples))


def _to_samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)


def _to_pcm(samples: Samples) -> bytes:
    scaled = np.round(samples * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()


def _read_file(path: Path) -> Clip:
    if not path.is_file():
        raise PromptError(f"{path}: there is no such file")
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise PromptError(
            f"{path}: not a sound file that can be read; WAV, FLAC, OGG and MP3 work"
        ) from error
    if not len(samples):
        raise PromptError(f"{path}: the file holds no sound")
    return Clip(path.name, rate_hz, _to_pcm(np.nan_to_num(samples.mean(axis=1))))


def _read_cached(path: Path, text: str) -> Clip | None:
    """Read a rendered prompt; None when there is none or it is not what was written."""
    try:
        with soundfile.SoundFile(path) as file:
            pcm = file.read(dtype="int16").tobytes()
            rate_hz, digest = file.samplerate, file.comment
    except (OSError, RuntimeError):
        return None
    if digest != _digest(pcm):
        log.warning("prompts.damaged", path=str(path), text=text)
        return None
    return Clip(text, rate_hz, pcm)


def _digest(pcm: bytes) -> str:
    return hashlib.sha256(pcm).hexdigest()


def _write_cached(path: Path, clip: Clip) -> None:
    """Write a rendered prompt in one step. Without a place to write, prompts are just not kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            with soundfile.SoundFile(
                temporary, "w", clip.rate_hz, 1, "PCM_16", format="WAV"
            ) as file:
                file.comment = _digest(clip.master)
                file.write(np.frombuffer(clip.master, "<i2"))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        log.warning("prompts.not_cached", path=str(path), reason=str(error))


_ABBREVIATION = re.compile(
    r"(?:^|\W)(?:mr|mrs|ms|dr|prof|st|no|vs|jr|sr|e\.g|i\.e|[^\W\d_])\.$", re.IGNORECASE
)
# The second half are the full-width marks of Chinese and Japanese, which no space follows.
_CUT = re.compile(r"(?:(?<![.!?…])[.!?…]++[\"'”’)\]]*|[,;:])(?=\s)|[\u3002\uff01\uff1f]+")


def clauses(text: str) -> list[str]:
    """Cut a text where speech may be cut: at the ends of sentences, in long ones at commas and the like.

    Joined with spaces (none after a full-width mark) the pieces give the text back.
    """
    text = _squeezed(text)
    pieces: list[str] = []
    start = 0
    for cut in _CUT.finditer(text):
        if _may_cut(text, start, cut.end()):
            pieces.append(text[start : cut.end()].strip())
            start = cut.end()
    rest = text[start:].strip()
    return [*pieces, rest] if rest else pieces


def _may_cut(text: str, start: int, end: int) -> bool:
    if text[end - 1] in ",;:":
        return len(text[start:end].strip()) > LONG_PIECE
    return not _ABBREVIATION.search(text[max(start, end - LONGEST_ABBREVIATION) : end])


def pause_after_s(clause: str) -> float:
    """Give the pause that belongs behind a clause when the next one was spoken apart from it.

    A clip ends at most 60 ms after its speech, so the pause that the voice would have made has to be put back.
    """
    if not clause:
        return 0.0
    return CLAUSE_PAUSE_S if clause[-1] in ",;:" else SENTENCE_PAUSE_S
