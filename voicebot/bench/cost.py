"""What hearing a caller costs, beside a bare Vosk that hears the same.

Knows processor time, where in a call it is taken, and how others use Vosk.  Must not know what was
said or what is right.

Counted as ours are the recogniser (all that is done within the seam to libvosk) and the rest of
hearing: echo, voice activity, endpointing, and what the words so far may still become.  The caller,
his line and his noise are the bench's own and are counted nowhere.  What is left of a call is the
dialogue, the playback and the line together with the scheduler of virtual time, which a live call
does not have; `python -m tests.bench load` has the cost of those as it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from voicebot.bench.questions import LANGUAGE
from voicebot.hearing.recogniser import UNKNOWN_WORD, Recogniser, Utterance
from voicebot.line.audio import FRAME_S, silence
from voicebot.speech.languages import for_language

if TYPE_CHECKING:
    from wyoming.event import Event

    from voicebot.bench.playing import Player
    from voicebot.bench.plays import Play
    from voicebot.line.line import Ear
    from voicebot.rehearsal.impairments import CallersLine
    from voicebot.speech.vosk import Hearing, VoskEngine

SILENT: Final = -2


@dataclass(slots=True)
class Heard:
    """One utterance as the recogniser was given it."""

    phrases: Sequence[str]
    rate_hz: int
    pieces: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Meter:
    """Takes the processor time of one call, and what was heard in it."""

    recogniser_s: float = 0.0
    hearing_s: float = 0.0
    caller_s: float = 0.0
    frames: list[bytes] = field(default_factory=list)
    """All that came from the caller."""
    utterances: list[Heard] = field(default_factory=list)

    @contextmanager
    def recognising(self) -> Iterator[None]:
        """Count what is done within as the recogniser's."""
        began = time.process_time()
        yield
        self.recogniser_s += time.process_time() - began

    def ear(self, ear: Ear) -> Ear:
        """Put the meter before an ear."""
        return _Ear(self, ear)

    def engine(self, engine: VoskEngine) -> VoskEngine:
        """Put it around an engine."""
        return cast("VoskEngine", _Engine(self, engine))

    def recogniser(self, recogniser: Recogniser) -> _Recogniser:
        """Put it around what is told of partial results."""
        return _Recogniser(self, recogniser)

    def line(self, line: CallersLine) -> CallersLine:
        """Put it around the caller's line, which is nothing of ours."""
        return cast("CallersLine", _Line(self, line))


class _Ear:
    def __init__(self, meter: Meter, ear: Ear) -> None:
        self._meter, self._ear = meter, ear

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        self._meter.frames.append(silence(rate_hz) if pcm is None else pcm)
        began = time.process_time()
        self._ear.hear(pcm, rate_hz)
        self._meter.hearing_s += time.process_time() - began


class _Engine:
    def __init__(self, meter: Meter, engine: VoskEngine) -> None:
        self._meter, self._engine = meter, engine

    def listen(self, language: str | None, rate_hz: int, phrases: Sequence[str]) -> _Hearing:
        with self._meter.recognising():
            hearing = self._engine.listen(language, rate_hz, phrases)
        heard = Heard(phrases, rate_hz)
        self._meter.utterances.append(heard)
        return _Hearing(self._meter, hearing, heard)


class _Hearing:
    def __init__(self, meter: Meter, hearing: Hearing, heard: Heard) -> None:
        self._meter, self._hearing, self._heard = meter, hearing, heard

    def hear(self, pcm: bytes) -> str | None:
        self._heard.pieces.append(pcm)
        with self._meter.recognising():
            return self._hearing.hear(pcm)

    def finish(self) -> Event:
        with self._meter.recognising():
            return self._hearing.finish()


class _Recogniser:
    def __init__(self, meter: Meter, recogniser: Recogniser) -> None:
        self._meter, self._recogniser = meter, recogniser
        self.partials = recogniser.partials

    @asynccontextmanager
    async def listen(
        self,
        *,
        on_partial: Callable[[str], None],
        **of: Any,  # noqa: ANN401 - passed on
    ) -> AsyncIterator[Utterance]:
        def timed(text: str) -> None:
            began = time.process_time()
            on_partial(text)
            self._meter.hearing_s += time.process_time() - began

        async with self._recogniser.listen(on_partial=timed, **of) as utterance:
            yield utterance


class _Line:
    def __init__(self, meter: Meter, line: CallersLine) -> None:
        self._meter, self._line = meter, line

    def carry(self, speech: bytes | None, bot: bytes | None) -> bytes | None:
        began = time.process_time()
        try:
            return self._line.carry(speech, bot)
        finally:
            self._meter.caller_s += time.process_time() - began


# Side by side ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Cost:
    """Seconds of processor time, all calls together."""

    call_s: float = 0.0
    speech_s: float = 0.0
    """Of the calls, what went to our recogniser."""
    recogniser_s: float = 0.0
    hearing_s: float = 0.0
    rest_s: float = 0.0
    bare_s: dict[str, float] = field(default_factory=dict)
    """Bare Vosk, by what it was fed with."""

    @property
    def ours_s(self) -> float:
        return self.recogniser_s + self.hearing_s


ALL_FREE: Final = "bare Vosk, all of the call, free"
ALL_PHRASES: Final = "bare Vosk, all of the call, the phrases"
SPEECH_FREE: Final = "bare Vosk, the utterances, free"
SPEECH_PHRASES: Final = "bare Vosk, the utterances, the phrases"


def measure(
    player: Player,
    plays: Sequence[Play],
    models: Mapping[str, Path],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Cost:
    """Play, and give what was heard to a bare Vosk at once: what else the machine does hits both.

    Raises:
        RuntimeError: there is no model.
    """
    path = for_language(models, LANGUAGE)
    if path is None:
        raise RuntimeError(f"no model for {LANGUAGE}: there is nothing to compare with")
    bare, cost = _BareVosk(path), Cost()
    # What is loaded with the first call, and the first utterance, is no call's.
    player.play(plays[0])
    bare.hears(plays[0].sound.rate_hz, (), [silence(plays[0].sound.rate_hz)])
    for done, play in enumerate(plays, start=1):
        meter = Meter()
        began = time.process_time()
        player.play(play, meter)
        total_s = time.process_time() - began
        cost.call_s += len(meter.frames) * FRAME_S
        cost.recogniser_s += meter.recogniser_s
        cost.hearing_s += meter.hearing_s
        cost.rest_s += total_s - meter.recogniser_s - meter.hearing_s - meter.caller_s
        cost.speech_s += sum(len(heard.pieces) for heard in meter.utterances) * FRAME_S
        _beside(bare, meter, play.sound.rate_hz, cost)
        progress(done, len(plays))
    return cost


def _beside(bare: _BareVosk, meter: Meter, rate_hz: int, cost: Cost) -> None:
    phrases = meter.utterances[0].phrases if meter.utterances else ()
    whole = Heard(phrases, rate_hz, meter.frames)
    fed = [(ALL_FREE, ALL_PHRASES, whole)]
    fed += [(SPEECH_FREE, SPEECH_PHRASES, heard) for heard in meter.utterances]
    for free, bound, heard in fed:
        for name, said in ((free, ()), (bound, heard.phrases)):
            began = time.process_time()
            bare.hears(heard.rate_hz, said, heard.pieces)
            cost.bare_s[name] = cost.bare_s.get(name, 0.0) + time.process_time() - began


class _BareVosk:
    """What everybody writes: a recogniser, audio in, partial results, a result."""

    def __init__(self, path: Path) -> None:
        import vosk  # noqa: PLC0415 - a second, which `--help` does not wait for

        vosk.SetLogLevel(SILENT)  # of phrases with words that the model lacks it tells each time
        self._model, self._recogniser = vosk.Model(str(path)), vosk.KaldiRecognizer

    def hears(self, rate_hz: int, phrases: Sequence[str], pieces: Iterable[bytes]) -> None:
        grammar = (json.dumps([*phrases, UNKNOWN_WORD]),) if phrases else ()
        recogniser = self._recogniser(self._model, rate_hz, *grammar)
        for pcm in pieces:
            if recogniser.AcceptWaveform(pcm):
                recogniser.Result()
            else:
                recogniser.PartialResult()
        recogniser.FinalResult()
