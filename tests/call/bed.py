"""One call on a virtual clock: real line, ear, playback and dialogue; engines, servers and peer are fakes.

The peer sends what Asterisk would and keeps every frame it gets with its virtual time.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
import trio
import trio.testing
from numpy.typing import NDArray

from voicebot.call.asker import Answer, RequestFailed
from voicebot.call.call import Call
from voicebot.call.ending import Ending
from voicebot.call.services import Connected, MakeLine, Services, Switched
from voicebot.flow import events as ev
from voicebot.flow.check import checked_flow
from voicebot.flow.dialog import CallInfo
from voicebot.hearing.ear import CallerEar
from voicebot.hearing.recogniser import Transcript, Word
from voicebot.hearing.recording import Sound
from voicebot.line.audio import FRAME_S, level_dbfs, silence
from voicebot.line.audiosocket import Audio, Decoder, Hangup, Key, encode
from voicebot.line.clock import MediaClock
from voicebot.line.line import Line, LineEvent
from voicebot.speaking.playback import Playback
from voicebot.speaking.prompts import PromptStore
from voicebot.speaking.synthesiser import Speech, SynthesisError

FLOW = """
voicebot: 1
start: main
on: {failed: {goto: bye}, hangup: {do: [{log: "left at ${call.node}"}]}}
nodes:
  main:
    - menu:
        say: "A long question."
        choices:
          - {answers: [sales], keys: "1", goto: sales}
          - {answers: [support], keys: "2", goto: bye}
        no_input: "Nothing heard."
        no_match: "Sorry."
        timeout: 3s
  sales:
    - ask: {to: pin, type: digits, length: 2, say: "Your number."}
    - say: "It is ${pin | digits}."
    - goto: bye
  bye: [{say: "Goodbye."}, hangup]
"""
SECONDS = {"A long question.": 4.0}
PARTS = "First part, second part, third part."
PART_S, GAP_S = 1.2, 0.3
"""Each part of it, and the pause behind each."""


class Voice:
    """Says every text as a tone, at the rate asked for; `broken` texts fail."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.stuck: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.at_once = self.most_at_once = 0

    async def synthesise(self, text: str, language: str) -> Speech:
        self.asked.append((text, language))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._speak(text)
        finally:
            self.at_once -= 1

    @property
    def spoken(self) -> list[str]:
        return [text for text, _ in self.asked]

    async def _speak(self, text: str) -> Speech:
        await trio.sleep(0.03)
        if text in self.stuck:
            await trio.sleep_forever()
        if text in self.broken:
            raise SynthesisError(f"cannot say {text}")
        if text == PARTS:
            gap = np.zeros(int(8000 * GAP_S), "<i2")
            sound = np.concatenate([_tone(PART_S), gap, _tone(PART_S), gap, _tone(PART_S)])
        else:
            sound = _tone(SECONDS.get(text, 1.0))
        return Speech(8000, sound.tobytes())

    def fingerprint(self, language: str) -> str:
        return "tone"


def _tone(seconds: float) -> NDArray[np.int16]:
    t = np.arange(int(8000 * seconds)) / 8000
    return (np.sin(2 * np.pi * 400 * t) * 8000).astype("<i2")


class Said:
    """What has been understood of an utterance after so many seconds of its sound."""

    def __init__(self, *partials: tuple[float, str], final: str | None = None) -> None:
        self._partials = partials
        self._final = final
        """What it turns out to have been; None: the last of them."""

    def finally_(self, fed_s: float) -> str:
        return self.at(fed_s) if self._final is None else self._final

    def at(self, fed_s: float) -> str:
        return next((text for at_s, text in reversed(self._partials) if at_s <= fed_s), "")


class Ears:
    """Understands each utterance as the next of `texts`; an exception there is raised.

    A text may be a `Said`, whose words come one after the other.
    """

    def __init__(self) -> None:
        self.partials = True
        self.confidence = 1.0
        self.stuck = False
        self.texts: list[str | Said | Exception] = []
        self.phrases: list[Sequence[str] | None] = []
        self.languages: list[str] = []

    @asynccontextmanager
    async def listen(
        self,
        *,
        language: str,
        rate_hz: int,
        phrases: Sequence[str] | None,
        on_partial: Callable[[str], None],
    ) -> AsyncIterator[Ears]:
        self.phrases.append(phrases)
        self.languages.append(language)
        text = self.texts.pop(0)
        if isinstance(text, Exception):
            raise text
        self._said = text if isinstance(text, Said) else Said((0.0, text))
        self._on_partial = on_partial
        self._fed_s = 0.0
        yield self

    async def feed(self, pcm: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.stuck:
            await trio.sleep_forever()
        self._on_partial(self._said.at(self._fed_s))
        self._fed_s += FRAME_S

    async def finish(self) -> Transcript:
        await trio.sleep(0.005)
        text = self._said.finally_(self._fed_s)
        return Transcript(text, tuple(Word(w, self.confidence, 0, 0) for w in text.split()))


class Peer:
    """The other end: sends a frame every 20 ms, keeps what it gets."""

    def __init__(self, sock: socket.socket, rate_hz: int = 8000) -> None:
        self.sock = sock
        self.rate_hz = rate_hz
        self.say: list[bytes] = []
        self.got: list[tuple[float, bool, int]] = []
        """(time, loud, rate) of each frame."""
        self.hung_up_at: float | None = None

    async def run(self) -> None:
        decoder = Decoder()
        while self.hung_up_at is None and self.sock.fileno() != -1:
            frame = self.say.pop(0) if self.say else silence(self.rate_hz)
            self.sock.send(encode(Audio(self.rate_hz, frame)))
            for _ in range(4):
                await trio.sleep(0.005)
                self._take(decoder)

    def _take(self, decoder: Decoder) -> None:
        try:
            data = self.sock.recv(65536)
        except OSError:
            return  # nothing there, or closed by the test
        now = trio.current_time()
        for message in decoder.feed(data):
            if isinstance(message, Audio):
                self.got.append((now, level_dbfs(message.pcm) > -45, message.rate_hz))
            elif isinstance(message, Hangup):
                self.hung_up_at = now

    def press(self, key: str) -> float:
        self.sock.send(encode(Key(key)))
        return trio.current_time()

    def loud_since(self, time: float) -> float:
        """When the first loud frame after `time` came."""
        return next(at for at, loud, _ in self.got if loud and at >= time)

    def loud_between(self, start: float, end: float) -> int:
        return sum(loud for at, loud, _ in self.got if start <= at < end)


class Server:
    """Answers each request with the next of `answers` after `wait_s`; an exception there is raised."""

    def __init__(self) -> None:
        self.wait_s = 1.0
        self.answers: list[Answer | RequestFailed] = []
        self.asked: list[ev.Request] = []

    async def ask(self, request: ev.Request) -> Answer:
        self.asked.append(request)
        await trio.sleep(self.wait_s)
        answer = self.answers.pop(0)
        if isinstance(answer, RequestFailed):
            raise answer
        return answer


class Shelf:
    """Where recordings go."""

    def __init__(self) -> None:
        self.kept: dict[str, Sound] = {}
        self.full = False

    async def keep(self, name: str, sound: Sound) -> Path:
        await trio.sleep(0.1)
        if self.full:
            raise OSError("no space left")
        self.kept[name] = sound
        return Path("/shelf", f"{name}.wav")


class Exchange:
    """Connects callers, or says why not."""

    def __init__(self) -> None:
        self.switched: Switched = Connected()
        self.puts_down = False
        self.transfers: list[ev.Transfer] = []
        self.endings: list[Ending] = []

    async def transfer(
        self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
    ) -> Switched:
        self.transfers.append(transfer)
        if self.puts_down:
            await put_down()
        await trio.sleep(2)
        return self.switched

    async def ending(self, ending: Ending) -> None:
        self.endings.append(ending)


class Notes:
    """A witness."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.facts: list[tuple[str, Mapping[str, object]]] = []

    def told(
        self,
        event: ev.Event,
        actions: Sequence[ev.Action],
        verdicts: Sequence[object],
        secrets: frozenset[str],
    ) -> None:
        self.events.append(event)

    def fact(self, name: str, at_s: float, fields: Mapping[str, object]) -> None:
        self.facts.append((name, fields))

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def leg_of(sock: socket.socket) -> MakeLine:
    """A leg that has said who it is."""

    def make_line(source: Playback, ear: CallerEar, on_event: Callable[[LineEvent], None]) -> Line:
        return Line(
            sock,
            UUID(int=1),
            decoder=Decoder(),
            source=source,
            ear=ear,
            on_event=on_event,
            rate_hz=None,
            now_s=trio.current_time(),
        )

    return make_line


class Bed:
    """One call and all that is around it."""

    def __init__(self, path: Path, flow: str, prompts: PromptStore, rate_hz: int) -> None:
        path.write_text(flow)
        checked, findings = checked_flow(path)
        assert checked is not None, findings
        self.flow = checked
        self.ears, self.clock, self.prompts = Ears(), MediaClock(), prompts
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self.ours, self.peer = ours, Peer(theirs, rate_hz)
        self.server, self.shelf, self.switch = Server(), Shelf(), Exchange()
        self.notes = Notes()
        self.ended: str | None = None
        self.began_s = 0.0
        self.call: Call

    async def run(self) -> None:
        make_line = leg_of(self.ours)
        services = Services(
            self.clock, self.ears, self.prompts, self.server, self.shelf, self.switch
        )
        info = CallInfo("1", datetime(2027, 3, 1, 10, tzinfo=UTC))
        self.began_s = trio.current_time()
        self.call = Call(self.flow, info, services, make_line, seed=1, witness=self.notes)
        self.ended = await self.call.run()


@asynccontextmanager
async def a_call(bed: Bed) -> AsyncIterator[Peer]:
    async with trio.open_nursery() as nursery:
        # All three have begun before the caller goes on: wait_all_tasks_blocked.
        nursery.start_soon(bed.clock.run)  # noqa: ASYNC113
        nursery.start_soon(bed.peer.run)  # noqa: ASYNC113
        nursery.start_soon(bed.run)  # noqa: ASYNC113
        await trio.testing.wait_all_tasks_blocked()
        yield bed.peer
        nursery.cancel_scope.cancel()


Beds: TypeAlias = Callable[..., Bed]


def logged(logs: Sequence[Mapping[str, Any]], event: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in line.items() if name not in ("event", "log_level")}
        for line in logs
        if line["event"] == event
    ]
