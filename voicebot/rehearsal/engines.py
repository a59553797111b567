"""The speech engines of a rehearsal: in this process, answering at once, and alike in every run.

Knows the two seams (`hearing.recogniser`, `speaking.synthesiser`) and the engines behind them.  Must
not know calls, flows, lines or the time.

A call in virtual time cannot wait for another process: that one lives in real time.  So libvosk and
Piper are called in line here, and what they cost is not seen by the call.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import soundfile
import trio

from voicebot.hearing.recogniser import RecognitionError, Transcript
from voicebot.phone.voice import PITCH, CallerVoice
from voicebot.speaking.synthesiser import Speech, SynthesisError
from voicebot.speech import piper
from voicebot.speech.engine import Refused
from voicebot.speech.languages import for_language
from voicebot.speech.remote import transcript_of

if TYPE_CHECKING:
    from voicebot.speech.vosk import Hearing, VoskEngine

BOT: Final = 1.0
CALLER: Final = PITCH
"""The pitch of the two: one voice, but the caller is another person."""
SEED: Final = 1
"""Of the voices' liveliness."""


class InLineRecogniser:
    """The `Recogniser` of a rehearsal: libvosk called in this thread, piece by piece."""

    partials = True

    def __init__(self, engine: VoskEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def listen(
        self,
        *,
        language: str,
        rate_hz: int,
        phrases: Sequence[str] | None,
        on_partial: Callable[[str], None],
    ) -> AsyncIterator[InLineUtterance]:
        """As `hearing.recogniser.Recogniser.listen`."""
        await trio.lowlevel.checkpoint()
        try:
            hearing = self._engine.listen(language, rate_hz, phrases or ())
        except Refused as error:
            raise RecognitionError(str(error)) from error
        yield InLineUtterance(hearing, on_partial)


class InLineUtterance:
    """One utterance, as `hearing.recogniser.Utterance`."""

    def __init__(self, hearing: Hearing, on_partial: Callable[[str], None]) -> None:
        self._hearing, self._on_partial = hearing, on_partial

    async def feed(self, pcm: bytes) -> None:
        """Decode the next piece; what it brings is told before this returns."""
        text = self._hearing.hear(pcm)
        if text is not None:
            self._on_partial(text)
        await trio.lowlevel.checkpoint()

    async def finish(self) -> Transcript:
        """Flush the decoder."""
        data = self._hearing.finish().data
        await trio.lowlevel.checkpoint()
        return transcript_of(data)


class RepeatableVoice:
    """A `Synthesiser`: a Piper voice that says a text with the same sound every time, kept on disk.

    Piper's voices are never the same twice, and so the length of a prompt, and with it all times
    of a call, would differ with what was said before.  Here each text is the first that a freshly
    loaded and seeded voice says; that takes a tenth of a second, the first time.

    Args:
        voices: by language, `.onnx` files.
        folder: where speech is kept; may be deleted at any time.
        pitch: BOT or CALLER.
    """

    def __init__(self, voices: Mapping[str, Path], folder: Path, pitch: float = BOT) -> None:
        self._voices, self._folder, self._pitch = dict(voices), folder, pitch
        self._fingerprints: dict[str, str] = {}
        self._kept: dict[Path, Speech] = {}

    def fingerprint(self, language: str) -> str:
        """Name the voice, its pitch and the versions that its sound depends on."""
        known = self._fingerprints.get(language)
        if known is None:
            known = self._fingerprints[language] = self._new_fingerprint(language)
        return known

    async def synthesise(self, text: str, language: str) -> Speech:
        """As `speaking.synthesiser.Synthesiser.synthesise`."""
        await trio.lowlevel.checkpoint()
        return self.speak(text, language)

    def speak(self, text: str, language: str) -> Speech:
        """Give the sound of a text, from memory, from disk or from the voice.

        Raises:
            SynthesisError: it cannot be spoken, or there is no voice for this language.
        """
        path = self._path(text, language)
        speech = self._kept.get(path) or _read(path)
        if speech is None:
            piper.seed(SEED)
            speech = CallerVoice(self._voice(language), self._pitch).speak(text)
            _write(path, speech)
        self._kept[path] = speech
        return speech

    def _voice(self, language: str) -> Path:
        voice = for_language(self._voices, language)
        if voice is None:
            known = ", ".join(sorted(self._voices)) or "none"
            raise SynthesisError(
                f"no voice speaks {language} (there is: {known}): add one under tts.voices"
            )
        return voice

    def _new_fingerprint(self, language: str) -> str:
        voice = self._voice(language)
        try:
            content = hashlib.sha256(voice.read_bytes())
            content.update(voice.with_name(voice.name + ".json").read_bytes())
        except OSError as error:
            raise SynthesisError(f"{voice}: cannot be read: {error.strerror}") from error
        versions = [importlib.metadata.version(name) for name in ("piper-tts", "onnxruntime")]
        return " ".join(
            ["rehearsal", str(SEED), f"{self._pitch:g}", *versions, content.hexdigest()]
        )

    def _path(self, text: str, language: str) -> Path:
        key = json.dumps([self.fingerprint(language), language, text]).encode()
        return self._folder / f"{hashlib.sha256(key).hexdigest()[:32]}.wav"


def _read(path: Path) -> Speech | None:
    try:
        samples, rate_hz = soundfile.read(path, dtype="int16")
    except (OSError, RuntimeError):
        return None
    return Speech(rate_hz, samples.tobytes())


def _write(path: Path, speech: Speech) -> None:
    """In one step, since two rehearsals may run at once.  Without a place, it is just not kept."""
    partial = path.with_suffix(f".{id(speech):x}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.frombuffer(speech.pcm, "<i2")
        soundfile.write(partial, samples, speech.rate_hz, "PCM_16", format="WAV")
        partial.replace(path)
    except (OSError, RuntimeError):
        partial.unlink(missing_ok=True)
