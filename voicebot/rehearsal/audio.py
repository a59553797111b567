"""`voicebot test --audio`: a flow's tests as real calls, in a time of their own.

The caller's words are spoken by a synthesiser (another voice than the bot's) or come from a
recording, go over a telephone line with its noise, losses and echo, and meet what a live call has:
the line, voice activity, endpointing, libvosk with the grammar of the question, the dialogue, the
playback.  Only the clock is another one: it goes on by 20 ms when all that was to do in the last
20 ms is done.  So a call of a minute takes seconds, its times are the same in every run, to the
millisecond, and `within: 450ms` is a promise that a busy machine cannot break.

What virtual time does not see is the cost of work: recognising, deciding and speaking take no time
here.  In a live call the flush of the recogniser (a few ms), the hand-over to its process and back,
a synthesised clause (tens of ms), a slow server and a busy machine come on top; `voicebot bench`
measures those.

Knows how such a call is put together.  Must not know how a test is written or judged.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import structlog.testing
import trio

from voicebot.call.asker import Answer, RequestFailed
from voicebot.call.call import Call
from voicebot.call.ending import Ending
from voicebot.call.services import Back, Connected, Services, Switched
from voicebot.flow import events as ev
from voicebot.flow.conversations import CallerSays, Conversation
from voicebot.hearing.vad import WEBRTC, MakeVerifier, verifier
from voicebot.phone.voice import as_sentence
from voicebot.rehearsal.caller import Caller, Stage
from voicebot.rehearsal.connection import Connection
from voicebot.rehearsal.engines import BOT, CALLER, InLineRecogniser, RepeatableVoice
from voicebot.rehearsal.handset import Handset
from voicebot.rehearsal.impairments import CallersLine, Sound
from voicebot.rehearsal.outcome import Failure, Mode, Outcome
from voicebot.rehearsal.peers import NoReply, Peers
from voicebot.rehearsal.speech import CallersSpeech
from voicebot.rehearsal.virtual import VirtualTime, in_order
from voicebot.rehearsal.watch import Watch
from voicebot.speaking.prompts import PromptStore

if TYPE_CHECKING:
    from voicebot.flow.model import Flow
    from voicebot.flow.values import Hours
    from voicebot.flow.yamlfile import Mark
    from voicebot.hearing.recording import Sound as Recorded

EVERYWHERE_HZ: Final = 8000
"""A call begins at this rate, whatever the caller's is."""


class AudioStage:
    """Where tests are played in audio; a context, that loads the engines once.

    Args:
        models: Vosk models by language.
        voices: Piper voices by language; the caller has them, too, with another pitch.
        cache: a folder for rendered speech; it may be deleted at any time.
        calendars: those of the settings, for `hours` that a test leaves open.
        wav_folder: a stereo WAV of each call is written there, the caller on the left.
        vad: of the settings.
    """

    def __init__(
        self,
        models: Mapping[str, Path],
        voices: Mapping[str, Path],
        cache: Path,
        *,
        calendars: Mapping[str, Hours] | None = None,
        wav_folder: Path | None = None,
        vad: str = WEBRTC,
    ) -> None:
        self._models, self._cache = models, cache / "rehearsal"
        self._calendars, self._wav_folder = calendars or {}, wav_folder
        self._bot = RepeatableVoice(voices, self._cache / "bot", BOT)
        self._caller = RepeatableVoice(voices, self._cache / "caller", CALLER)
        self._stores: dict[int, PromptStore] = {}
        self._ready: set[tuple[int, Flow]] = set()
        self._vad = vad
        self._recogniser: InLineRecogniser
        self._verifier: MakeVerifier | None

    def __enter__(self) -> Self:
        """Load the recogniser.

        Raises:
            RuntimeError: libvosk cannot read a model, or the detector is not installed; the text
                says which.
        """
        from voicebot.speech import vosk  # noqa: PLC0415 - tests in text do not wait for it

        self._recogniser = InLineRecogniser(vosk.load(self._models))
        self._verifier = verifier(self._vad)
        return self

    def __exit__(self, *_: object) -> None:
        self._stores.clear()

    def prepare(
        self,
        flows: Iterable[Flow],
        conversations: Iterable[tuple[Flow, Conversation]] = (),
        progress: Callable[[int, int], None] = lambda done, total: None,
        rate_hz: int = EVERYWHERE_HZ,
    ) -> None:
        """Have the voices say beforehand what can be known; `run` does it for what is left.

        Args:
            progress: called with how much is done and how much there is.

        Raises:
            SynthesisError: a text cannot be spoken, or there is no voice for its language.
            FlowErrors: a sound file of a flow cannot be read.
        """
        flows = list(flows)
        words = [
            (step.text, flow.language)
            for flow, conversation in conversations
            for step in conversation.steps
            if isinstance(step, CallerSays)
        ]
        total = len(flows) + len(words)
        for done, flow in enumerate(flows):
            progress(done, total)
            self._render(flow, rate_hz)
        for done, (text, language) in enumerate(words, start=len(flows)):
            progress(done, total)
            self._caller.speak(as_sentence(text), language)
        progress(total, total)

    def run(self, flow: Flow, conversation: Conversation, sound: Sound) -> Outcome:
        """Play one test.

        Args:
            flow: without errors.

        Raises:
            SynthesisError, FlowErrors: as `prepare`.
        """
        began = time.perf_counter()
        prompts = self._render(flow, sound.rate_hz)
        with ExitStack() as stack:
            stack.enter_context(in_order())
            log = stack.enter_context(structlog.testing.capture_logs())
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="voicebot-test-"))
            scene = _Scene(flow, conversation, sound, Path(folder), log)
            virtual = VirtualTime()
            played = trio.run(self._play, scene, prompts, virtual, clock=virtual.clock)
        if self._wav_folder is not None:
            self._wav_folder.mkdir(parents=True, exist_ok=True)
            played.handset.write_stereo(self._wav_folder / wav_name(flow.name, conversation.name))
        return Outcome(
            flow=flow.name,
            conversation=conversation,
            mode=Mode.AUDIO,
            exchange=played.watch.exchange(played.handset.loud_s),
            failure=played.failure,
            taken=played.taken,
            call_s=round(virtual.now(), 3),
            seconds=time.perf_counter() - began,
        )

    def _render(self, flow: Flow, rate_hz: int) -> PromptStore:
        from voicebot.flows import render_prompts  # noqa: PLC0415 - which rehearses flows, too

        store = self._stores.get(rate_hz)
        if store is None:
            rates = sorted({EVERYWHERE_HZ, rate_hz})
            store = self._stores[rate_hz] = PromptStore(self._bot, self._cache / "prompts", rates)
        if (rate_hz, flow) not in self._ready:
            with structlog.testing.capture_logs():
                trio.run(render_prompts, store, [flow])
            self._ready.add((rate_hz, flow))
        return store

    async def _play(self, scene: _Scene, prompts: PromptStore, virtual: VirtualTime) -> _Played:
        """Put the call together, let the caller act, and take it down again."""
        sound, conversation = scene.sound, scene.conversation
        peers = _LivePeers(Peers(conversation.call, self._calendars), scene.folder)
        watch = Watch(prompts, virtual.now)
        line = CallersLine(sound, conversation.name)
        connection = Connection(virtual, line, sound.rate_hz, watch.clip_begins)
        services = Services(
            connection.media, self._recogniser, prompts, peers, peers, peers, self._verifier
        )
        info, seed = peers.of_test.call(), conversation.call.seed
        call = Call(scene.flow, info, services, connection.make_line, seed=seed, witness=watch)
        watch.dialog = call.dialog
        speech = CallersSpeech(self._caller, sound.rate_hz, scene.flow.language)
        stage = Stage(connection, watch, speech, peers.complaint, scene.log)
        async with connection.running(call):
            failure = await Caller(stage).play(conversation)
        handset = connection.handset
        return _Played(watch, handset, failure, frozenset(call.dialog.taken))


@dataclass(frozen=True, slots=True)
class _Scene:
    flow: Flow
    conversation: Conversation
    sound: Sound
    folder: Path
    log: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class _Played:
    watch: Watch
    handset: Handset
    failure: Failure | None
    taken: frozenset[Mark]


class _LivePeers:
    """The peers of a test as a live call wants them: its `Asker`, `Recordings` and `Switch`."""

    def __init__(self, of_test: Peers, folder: Path) -> None:
        self.of_test = of_test
        self._folder = folder
        self._complaint: str | None = None

    def complaint(self) -> str | None:
        """What the test does not say and a server would have to."""
        return self._complaint

    async def ask(self, request: ev.Request) -> Answer:
        """As `asker.Asker`."""
        try:
            event = self.of_test.answer(request, 0.0)
        except NoReply as reason:
            self._complaint = str(reason)
            raise RequestFailed("the test does not say what the server answers") from None
        await trio.sleep(event.at_s)
        if isinstance(event, ev.HttpFailed):
            raise RequestFailed(event.reason)
        return Answer(event.status, event.json, event.text)

    async def keep(self, _name: str, sound: Recorded) -> Path:
        """As `recording.Recordings`; the path is the one that the test has in text, too."""
        from voicebot.hearing.recording import write_wav  # noqa: PLC0415

        path = Path(self.of_test.recording())
        await trio.to_thread.run_sync(write_wav, self._folder / path, sound)
        return path

    async def transfer(
        self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
    ) -> Switched:
        """As `services.Switch`; the leg stays, as nobody else is to have it."""
        del put_down
        refusal = self.of_test.refusal(transfer, 0.0)
        if refusal is None:
            return Connected()
        await trio.sleep(refusal.at_s)
        return Back(refusal.reason)

    async def ending(self, ending: Ending) -> None:
        """As `services.Switch`."""


def wav_name(flow: str, test: str) -> str:
    """Give a test's WAV a name that every file system takes."""
    plain = re.sub(r"\W+", "-", f"{flow} {test}".casefold()).strip("-")
    return f"{plain}.wav"
