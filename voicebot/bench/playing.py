"""A call of the bench: a real one, in virtual time, with one question and one caller.

Knows how such a call is put together and what the engines are.  Must not know what the caller does,
what is right, or tables.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Self

import structlog.testing
import trio

from voicebot.bench.caller import Caller, Watch, spoken_by
from voicebot.bench.plays import Play, Result
from voicebot.bench.questions import call_about, flow_with, meant, same
from voicebot.call.asker import RequestFailed
from voicebot.call.call import Call
from voicebot.call.services import Services
from voicebot.flow import events as ev
from voicebot.hearing.vad import WEBRTC, MakeVerifier, verifier
from voicebot.rehearsal.connection import Connection
from voicebot.rehearsal.engines import BOT, InLineRecogniser, RepeatableVoice
from voicebot.rehearsal.impairments import G711_HZ, CallersLine, seed_of
from voicebot.rehearsal.virtual import VirtualTime, in_order
from voicebot.speaking.prompts import PromptStore

if TYPE_CHECKING:
    from voicebot.bench.cost import Meter
    from voicebot.flow.model import Flow
    from voicebot.hearing.recogniser import Recogniser
    from voicebot.hearing.recording import Sound as Recorded
    from voicebot.speaking.prompts import Clip
    from voicebot.speech.vosk import VoskEngine


class Player:
    """Plays items; a context, that loads the engines once.

    Args:
        models: Vosk models by language.
        voices: Piper voices by language, for the bot.
        cache: a folder; it may be deleted at any time.
        vad: of the settings.
    """

    def __init__(
        self,
        models: Mapping[str, Path],
        voices: Mapping[str, Path],
        cache: Path,
        vad: str = WEBRTC,
    ) -> None:
        self._vad = vad
        self._models, self._cache = models, cache / "bench"
        voice = RepeatableVoice(voices, self._cache / "bot", BOT)
        self._prompts = PromptStore(voice, self._cache / "prompts", [G711_HZ])
        self._flows: dict[float | None, Flow] = {}
        self._sayable: dict[tuple[str, str], object] = {}
        self._engine: VoskEngine
        self._verifier: MakeVerifier | None

    def __enter__(self) -> Self:
        """Load the recogniser.

        Raises:
            RuntimeError: libvosk cannot read a model, or the detector is not installed; the text
                says which.
        """
        from voicebot.speech import vosk  # noqa: PLC0415 - a second, which `--help` does not wait for

        # What the recogniser does not know is the check's to tell, and here each process would tell it.
        logging.getLogger("vosk").setLevel(logging.ERROR)
        self._engine = vosk.load(self._models)
        self._verifier = verifier(self._vad)
        return self

    def __exit__(self, *_: object) -> None:
        self._flows.clear()

    def prepare(self, end_silences_s: Iterable[float | None]) -> None:
        """Read the questions with these endpointers, and have the bot's voice say its part."""
        for end_silence_s in end_silences_s:
            self._flow(end_silence_s)

    def play(self, play: Play, meter: Meter | None = None) -> Result:
        """Play one item.

        Args:
            meter: takes the processor time.

        Raises:
            SynthesisError: the bot's voice cannot speak.
        """
        flow = self._flow(play.end_silence_s)
        virtual = VirtualTime()
        with ExitStack() as stack:
            stack.enter_context(in_order())
            stack.enter_context(structlog.testing.capture_logs())
            return trio.run(self._play, play, flow, virtual, meter, clock=virtual.clock)

    def _flow(self, end_silence_s: float | None) -> Flow:
        from voicebot.flows import render_prompts  # noqa: PLC0415 - which rehearses flows, too

        flow = self._flows.get(end_silence_s)
        if flow is None:
            flow = self._flows[end_silence_s] = flow_with(end_silence_s)
            with structlog.testing.capture_logs():
                trio.run(render_prompts, self._prompts, [flow])
        return flow

    async def _play(
        self, play: Play, flow: Flow, virtual: VirtualTime, meter: Meter | None
    ) -> Result:
        question, sound = play.question, play.sound
        line = CallersLine(sound, play.name)
        rate_hz = sound.rate_hz
        if meter is None:
            recogniser: Recogniser = InLineRecogniser(self._engine)
            connection = Connection(virtual, line, rate_hz, _unseen)
        else:
            recogniser = meter.recogniser(InLineRecogniser(meter.engine(self._engine)))
            connection = Connection(virtual, meter.line(line), rate_hz, _unseen, meter.ear)
        services = Services(
            connection.media,
            recogniser,
            self._prompts,
            _NOBODY,
            _NOBODY,
            verifier=self._verifier,
        )
        info = call_about(question, long=play.interrupts)
        watch = Watch(question, connection)
        call = Call(flow, info, services, connection.make_line, seed=1, witness=watch)
        watch.dialog = call.dialog
        caller = Caller(
            connection, watch, spoken_by(play.item, sound.rate_hz), seed_of(1, play.name)
        )
        async with connection.running(call):
            if play.key is not None:
                await caller.presses(play.key)
            elif play.interrupts:
                await caller.interrupts()
            else:
                await caller.answers()
        return caller.result(play, sayable=self._is_sayable(flow, play))

    def _is_sayable(self, flow: Flow, play: Play) -> bool:
        said = play.question, play.item.said
        if said not in self._sayable:
            self._sayable[said] = meant(flow, *said) if said[1] else None
        return same(play.item.expected, self._sayable[said])


def _unseen(_clip: Clip, _frame: int) -> None:
    """Which prompt a frame is of is no matter here."""


class _Nobody:
    """Nothing is asked or kept in the bench."""

    async def ask(self, request: ev.Request) -> NoReturn:
        await trio.lowlevel.checkpoint()
        raise RequestFailed(f"nobody answers {request.url}")

    async def keep(self, name: str, sound: Recorded) -> NoReturn:
        del sound
        await trio.lowlevel.checkpoint()
        raise OSError(f"there is no place for {name}")


_NOBODY: Final = _Nobody()
