"""Piper behind the worker: Synthesize in, audio out, one chunk a sentence.

Knows: piper-tts and onnxruntime, the two files of a Piper voice.
Must not know: sockets, processes, calls, levels (`voicebot/speaking/prompts.py` levels). The only file that
imports piper.
"""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import onnxruntime  # type: ignore[import-untyped]
from piper import PiperConfig, PiperVoice, SynthesisConfig
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Attribution, Info, TtsProgram, TtsVoice
from wyoming.tts import Synthesize

from voicebot.speech.engine import Refused
from voicebot.speech.languages import for_language

# Piper would scale each sentence to full peak, which makes every sentence differently loud.
_AS_MADE = SynthesisConfig(normalize_audio=False)


def load(models: Mapping[str, Path]) -> "PiperEngine":
    """Load a voice (`x.onnx` with `x.onnx.json` beside it) for each language.

    Raises:
        Exception: a file is missing or not a Piper voice; the text names it.
    """
    voices = {language: _Voice(path) for language, path in models.items()}
    for voice in voices.values():
        # The first sentence takes twice as long as all others; no caller should be the one who waits for it.
        list(voice.speak("Hello."))
    return PiperEngine(voices)


def seed(number: int) -> None:
    """Let each voice that is loaded from now on say the same texts, in the same order, with the same sound.

    Piper's voices are a little different each time: the noise that makes them lively is drawn in onnxruntime.
    """
    onnxruntime.set_seed(number)


class _Voice:
    """One loaded voice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # One thread: a second one gains 12 ms on a sentence, but spins, and takes the core that the media clock is on.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            config = PiperConfig.from_dict(json.loads(self._config_path.read_text("utf-8")))
            session = onnxruntime.InferenceSession(
                str(path), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise RuntimeError(
                f"{path} is not a Piper voice that can be loaded: {error}"
            ) from error
        self.rate_hz = config.sample_rate
        self._voice = PiperVoice(session=session, config=config)

    def speak(self, text: str) -> Iterator[bytes]:
        """Give the sound of each sentence."""
        for chunk in self._voice.synthesize(text, _AS_MADE):
            yield chunk.audio_int16_bytes

    @property
    def _config_path(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @cached_property
    def digest(self) -> str:
        """The content of the voice in 16 hex digits."""
        content = hashlib.sha256(self.path.read_bytes())
        content.update(self._config_path.read_bytes())
        return content.hexdigest()[:16]


class PiperEngine:
    """All voices of one worker."""

    def __init__(self, voices: Mapping[str, _Voice]) -> None:
        self._voices = voices

    @cached_property
    def info(self) -> Info:
        """Describe the voices; each one's version is its content's digest."""
        maker = Attribution(
            name="Open Home Foundation", url="https://github.com/OHF-Voice/piper1-gpl"
        )
        voices = [
            TtsVoice(
                name=voice.path.stem,
                attribution=maker,
                installed=True,
                description=None,
                version=voice.digest,
                languages=[language],
            )
            for language, voice in self._voices.items()
        ]
        program = TtsProgram(
            name="piper",
            attribution=maker,
            installed=True,
            description="Piper",
            version=importlib.metadata.version("piper-tts"),
            voices=voices,
        )
        return Info(tts=[program])

    def converse(self, events: Iterable[Event]) -> Iterator[Event]:
        """Answer each Synthesize with AudioStart, a chunk a sentence, AudioStop."""
        for event in events:
            if not Synthesize.is_type(event.type):
                continue
            request = Synthesize.from_event(event)
            language = request.voice.language if request.voice else None
            voice = for_language(self._voices, language)
            if voice is None:
                raise Refused(f"no voice for {language} is loaded")
            yield AudioStart(rate=voice.rate_hz, width=2, channels=1).event()
            for pcm in voice.speak(request.text):
                yield AudioChunk(rate=voice.rate_hz, width=2, channels=1, audio=pcm).event()
            yield AudioStop().event()
