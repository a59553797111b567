"""The voice of the scripted caller: the bot's Piper voice, made to sound like another person.

Knows: the description (`.onnx.json`) that lies beside a Piper voice, and the Piper engine.
Must not know: calls, scripts, AudioSocket.

The same weights are loaded under a second description, whose sample rate is lower and whose length
scale is shorter by the same factor: pitch and formants sink together, as between a smaller and a
larger speaker, and the tempo stays.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
from wyoming.audio import AudioChunk, AudioStart
from wyoming.error import Error
from wyoming.tts import Synthesize

from voicebot.shipped import shipped
from voicebot.speaking.synthesiser import Speech, SynthesisError
from voicebot.speech import piper

SHIPPED = shipped("models/voicebot-en_US-tiny.onnx")
PITCH = 0.82
"""Three and a half semitones down: 178 Hz became 147 Hz with the shipped voice. With its Vosk
model, 129 IVR answers in grammars were recognised as without it: 126 right, 3 times `yeah` as
`yes`; free speech had no errors either way."""


class CallerVoice:
    """Speaks texts with a lowered Piper voice, in this process. An instance is what `place_call`
    wants as `voice`."""

    def __init__(self, model: Path, pitch: float = PITCH) -> None:
        """Load the voice `model`, an `.onnx` file with its `.onnx.json` beside it, lowered to
        `pitch` of its own.

        Raises:
            SynthesisError: it is not a Piper voice that can be loaded.
        """
        with TemporaryDirectory(prefix="voicebot-caller-") as folder:
            lowered = Path(folder) / model.name
            try:
                description = json.loads(_description_of(model).read_text("utf-8"))
                _lower(description, pitch)
                _description_of(lowered).write_text(json.dumps(description), "utf-8")
                lowered.symlink_to(model.resolve())
                self._engine = piper.load({"": lowered})
            except (OSError, ValueError, KeyError, RuntimeError) as error:
                msg = f"{model}: cannot be loaded as the caller's voice: {error}"
                raise SynthesisError(msg) from error

    async def __call__(self, text: str) -> Speech:
        """Speak a text.

        Raises:
            SynthesisError: the engine refused.
        """
        return await trio.to_thread.run_sync(self.speak, as_sentence(text))

    def speak(self, text: str) -> Speech:
        """Speak a text in this thread.

        Raises:
            SynthesisError: the engine refused.
        """
        rate_hz, pcm = 0, b""
        for event in self._engine.converse([Synthesize(text).event()]):
            if AudioStart.is_type(event.type):
                rate_hz = AudioStart.from_event(event).rate
            elif AudioChunk.is_type(event.type):
                pcm += AudioChunk.from_event(event).audio
            elif Error.is_type(event.type):
                raise SynthesisError(Error.from_event(event).text)
        return Speech(rate_hz, pcm)


def as_sentence(text: str) -> str:
    """With its full stop: without one a Piper voice breaks off, and a "yeah" is heard as "nine"."""
    return f"{text}." if text[-1:].isalnum() else text


def _description_of(model: Path) -> Path:
    return model.with_name(model.name + ".json")


def _lower(description: dict[str, dict[str, float]], pitch: float) -> None:
    """Change a voice's description in place."""
    audio = description["audio"]
    audio["sample_rate"] = round(audio["sample_rate"] * pitch)
    inference = description.setdefault("inference", {})
    inference["length_scale"] = inference.get("length_scale", 1.0) * pitch
