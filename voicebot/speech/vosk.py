"""Vosk behind the worker: Transcribe and audio in, partial results and a Transcript out.

Knows: libvosk through its Python package (0.3.45), the layout of a Vosk model folder.
Must not know: sockets, processes, calls. The only file of the bot that imports vosk; bench/cost.py does, to put
a bare one beside this.

Extensions to Wyoming's events, which other clients ignore:
- `transcript-partial` with `text`, all the words so far, each time they change;
- `words` in the data of `transcript`: text, confidence, start_s, end_s;
- `alternatives` there: text, probability; the likeliest first, for an utterance with expected phrases.
`transcript_names` and `transcript_terms` are taken as the only phrases that may be said, with `[unk]` for the rest.
"""

import importlib.metadata
import json
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import vosk
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Info

from voicebot.hearing.recogniser import UNKNOWN_WORD
from voicebot.speech.engine import Refused
from voicebot.speech.languages import for_language

PARTIAL = "transcript-partial"

RUN_UP_S = 0.1
"""Silence put before every utterance. A model knows speech as something that comes out of silence: of 100 recorded
digits that begin at once it hears 87, with 25 to 100 ms before them 99 or 100.
"""

ALTERNATIVES: Final = 10
"""Ways to hear an utterance that libvosk is asked for. Most of what it could mean is in the first three."""
LEAST_PROBABLE: Final = 0.02
"""A way less probable than this is not told."""

OUTSIDE: Final = 3
"""How often speech outside the phrases is expected, against all phrases together. libvosk gives `[unk]` the weight
of one phrase, so that any of forty would be heard in a foreign word."""
MOST_OUTSIDE: Final = 3000
"""It takes time to tell libvosk of each; where there are so many phrases they are long and hardly heard by mistake."""

log = logging.getLogger("vosk")


def load(models: Mapping[str, Path]) -> "VoskEngine":
    """Load a model folder for each language.

    Raises:
        Exception: libvosk cannot read one; the text names it.
    """
    vosk.SetLogLevel(-1)
    return VoskEngine({language: _Model(path) for language, path in models.items()})


_Word: TypeAlias = Mapping[str, Any]
"""As libvosk gives it: word, start, end, and conf where there are no alternatives."""


class _Model:
    """One loaded model folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rate_hz = _model_rate_hz(path)
        try:
            self._model = vosk.Model(str(path))
        except Exception as error:
            raise RuntimeError(f"{path} is not a Vosk model that libvosk can load") from error
        self._strange: set[str] = set()

    def recogniser(self, rate_hz: int, phrases: Sequence[str]) -> Any:  # noqa: ANN401 - vosk has no types
        """Make a libvosk recogniser; with phrases, one that hears nothing else. Takes 0.5 to 3 ms."""
        if phrases:
            grammar = json.dumps(self._grammar(phrases), ensure_ascii=False)
            recogniser = vosk.KaldiRecognizer(self._model, rate_hz, grammar)
            recogniser.SetMaxAlternatives(ALTERNATIVES)
        else:
            recogniser = vosk.KaldiRecognizer(self._model, rate_hz)
        recogniser.SetWords(True)
        return recogniser

    def _grammar(self, phrases: Sequence[str]) -> list[str]:
        """Give the phrases without the words that the model lacks, which libvosk would complain of each time.

        One that comes several times weighs as much more.
        """
        known = {phrase: " ".join(self._known_words(phrase)) for phrase in dict.fromkeys(phrases)}
        heard = [known[phrase] for phrase in phrases if known[phrase]]
        return [*heard, *[UNKNOWN_WORD] * max(min(len(heard) * OUTSIDE, MOST_OUTSIDE), 1)]

    def _known_words(self, phrase: str) -> Iterator[str]:
        for word in phrase.split():
            if self._model.vosk_model_find_word(word) >= 0:
                yield word
            elif self._model.vosk_model_find_word(word.lower()) >= 0:
                yield word.lower()
            elif word not in self._strange:
                self._strange.add(word)
                log.warning(
                    "%s does not know the word %r: it cannot be heard", self.path.name, word
                )


def _model_rate_hz(path: Path) -> int:
    """Read the rate that the model was trained at; Kaldi's default when it does not say."""
    for name in ("conf/mfcc.conf", "mfcc.conf"):
        conf = path / name
        if conf.is_file():
            found = re.search(r"^--sample-frequency=(\d+)", conf.read_text(), re.MULTILINE)
            if found:
                return int(found[1])
    return 16000


class VoskEngine:
    """All models of one worker."""

    def __init__(self, models: Mapping[str, _Model]) -> None:
        self._models = models

    @cached_property
    def info(self) -> Info:
        """Describe the models for Wyoming's `describe`."""
        maker = Attribution(name="Alpha Cephei", url="https://alphacephei.com/vosk/")
        version = importlib.metadata.version("vosk")
        models = [
            AsrModel(
                name=model.path.name,
                attribution=maker,
                installed=True,
                description=None,
                version=None,
                languages=[language],
            )
            for language, model in self._models.items()
        ]
        program = AsrProgram(
            name="vosk",
            attribution=maker,
            installed=True,
            description="Vosk with partial results",
            version=version,
            models=models,
        )
        return Info(asr=[program])

    def converse(self, events: Iterable[Event]) -> Iterator[Event]:
        """Recognise one utterance after another: Transcribe, AudioStart, AudioChunk…, AudioStop."""
        request = Transcribe()
        hearing: Hearing | None = None
        for event in events:
            if Transcribe.is_type(event.type):
                request = Transcribe.from_event(event)
            elif AudioStart.is_type(event.type):
                hearing = self._hearing(request, AudioStart.from_event(event))
            elif AudioChunk.is_type(event.type) and hearing is not None:
                text = hearing.hear(event.payload or b"")
                if text is not None:
                    yield Event(PARTIAL, {"text": text})
            elif AudioStop.is_type(event.type) and hearing is not None:
                yield hearing.finish()
                hearing = None

    def _hearing(self, request: Transcribe, start: AudioStart) -> "Hearing":
        if (start.width, start.channels) != (2, 1):
            raise Refused("only 16-bit mono audio is recognised")
        return self.listen(request.language, start.rate, _phrases(request))

    def listen(self, language: str | None, rate_hz: int, phrases: Sequence[str]) -> "Hearing":
        """Begin an utterance; without phrases, anything may be said.

        Raises:
            Refused: no model for this language is loaded.
        """
        model = for_language(self._models, language)
        if model is None:
            raise Refused(f"no model for {language} is loaded")
        return Hearing(model, rate_hz, phrases)


def _phrases(request: Transcribe) -> list[str]:
    return [*(request.transcript_names or ()), *(request.transcript_terms or ())]


class Hearing:
    """One utterance. libvosk's own endpointer may close stretches of it; they are joined again here."""

    def __init__(self, model: _Model, rate_hz: int, phrases: Sequence[str]) -> None:
        self._upsample: Any = None
        if rate_hz < model.rate_hz:
            # libvosk takes a higher rate than the model's, but aborts the decoding of a lower one (vosk-api#1726).
            from voicebot.line.audio import StreamResampler  # noqa: PLC0415 - 0.1 s that most models never need

            self._upsample = StreamResampler(rate_hz, model.rate_hz)
            rate_hz = model.rate_hz
        self._phrases = phrases
        self._recogniser = model.recogniser(rate_hz, phrases)
        self._recogniser.AcceptWaveform(bytes(int(rate_hz * RUN_UP_S) * 2))
        self._stretches: list[list[_Path]] = []
        self._settled: list[str] = []
        self._said = ""

    def hear(self, pcm: bytes) -> str | None:
        """Decode one piece; give all the text so far when it has changed."""
        if self._upsample is not None:
            pcm = self._upsample.push(pcm)
        latest = ""
        if self._recogniser.AcceptWaveform(pcm):
            self._settle(self._recogniser.Result())
        else:
            latest = json.loads(self._recogniser.PartialResult())["partial"]
        text = " ".join(filter(None, [*self._settled, latest]))
        if text == self._said:
            return None
        self._said = text
        return text

    def finish(self) -> Event:
        """Flush the decoder (about 3 ms) and give the transcript."""
        if self._upsample is not None:
            self._recogniser.AcceptWaveform(self._upsample.finish())
        self._settle(self._recogniser.FinalResult())
        paths = _joined(self._stretches)
        transcript = Transcript(text=paths[0].text).event()
        transcript.data["words"] = [
            {
                "text": word["word"],
                "confidence": round(_confidence(word, paths), 4),
                "start_s": max(round(word["start"] - RUN_UP_S, 2), 0.0),
                "end_s": max(round(word["end"] - RUN_UP_S, 2), 0.0),
            }
            for word in paths[0].words
        ]
        if self._phrases and paths[0].words:
            transcript.data["alternatives"] = [
                {"text": path.text, "probability": round(path.probability, 4)}
                for path in paths
                if path.probability >= LEAST_PROBABLE
            ]
        return transcript

    def _settle(self, result: str) -> None:
        stretch = _paths(json.loads(result))
        self._stretches.append(stretch)
        if stretch[0].text:
            self._settled.append(stretch[0].text)


@dataclass(frozen=True, slots=True)
class _Path:
    """One way through a stretch of speech."""

    words: tuple[_Word, ...]
    probability: float

    @property
    def text(self) -> str:
        return " ".join(word["word"] for word in self.words)


def _paths(result: Mapping[str, Any]) -> list[_Path]:
    """Read a result of libvosk, in either of its forms."""
    alternatives = result.get("alternatives")
    if alternatives is None:
        return [_Path(tuple(result.get("result", ())), 1.0)]
    # What is called their confidence is the logarithm of a likelihood.
    best = max(one["confidence"] for one in alternatives)
    shares = [math.exp(one["confidence"] - best) for one in alternatives]
    return [
        _Path(tuple(one.get("result", ())), share / sum(shares))
        for one, share in zip(alternatives, shares, strict=True)
    ]


def _joined(stretches: Sequence[Sequence[_Path]]) -> list[_Path]:
    """Give the ways through all stretches, the most probable first."""
    paths = [_Path((), 1.0)]
    for stretch in stretches:
        both = [
            _Path((*one.words, *other.words), one.probability * other.probability)
            for one in paths
            for other in stretch
        ]
        paths = sorted(both, key=lambda path: -path.probability)[:ALTERNATIVES]
    return paths


def _confidence(word: _Word, paths: Sequence[_Path]) -> float:
    """Tell how probable it is that this word was said then, or, without other paths, what libvosk makes of it."""
    if "conf" in word:
        return float(word["conf"])
    middle = (word["start"] + word["end"]) / 2
    return sum(
        path.probability
        for path in paths
        if any(w["word"] == word["word"] and w["start"] <= middle <= w["end"] for w in path.words)
    )
