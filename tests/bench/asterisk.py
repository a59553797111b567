"""The bench's part over a real Asterisk: the turns of the part `live`, fewer of them, as a SIP phone has them.

Knows the bed and its phone, and what the phone does. All times are the phone's, in its RTP: from the packet with the
last voiced 10 ms, or a key's last packet, to the first loud packet of the bot. What the voicebot itself says of the
same turns (`call.turn` in its log) stands below: what lies between the two is Asterisk's, and the error of the ear that
tells when the caller spoke last.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import trio

from tests.asterisk.bed import Bed
from tests.asterisk.phone import Phone, bot_headers
from tests.asterisk.root import BedUnavailable, ready_root
from tests.asterisk.rtp import CODECS, KEY_PACKETS, PACKET_S
from voicebot.line.audiosocket import Audio
from voicebot.phone import Play, Say, Turn
from voicebot.phone.report import Action, BotChannel, measure
from voicebot.phone.script import Clip, prepare
from voicebot.phone.voice import SHIPPED, CallerVoice

from . import servers
from .live import (
    BARGE_IN_MS,
    FIRST_FRAME_MS,
    FLOW,
    KEY_MS,
    VOICE_P50_MS,
    VOICE_P95_MS,
    WORDS,
    Callers,
    at_speech_level,
)
from .report import BUILD, Figure, Part, percentile, table

FORMS = {"app": "ulaw", "chan-slin16": "slin16"}
"""The two ways to reach the voicebot, with the codec of the phone."""
TITLES = {"app": "AudioSocket(), u-law", "chan-slin16": "Dial(AudioSocket/…/c(slin16))"}
HELD_S = (KEY_PACKETS - 1) * PACKET_S
"""From a key's first packet to its last."""
LIMIT_S = 600.0
STAGES = ("silence_ms", "endpoint_ms", "text_ms", "decided_ms", "response_ms")


@dataclass(slots=True)
class _Measured:
    voice: dict[str, list[float]] = field(default_factory=lambda: {form: [] for form in FORMS})
    people: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)
    barge_in: list[float] = field(default_factory=list)
    first_frame: list[float] = field(default_factory=list)
    unanswered: int = 0
    by_voice: set[UUID] = field(default_factory=set)
    """The calls whose turns in the log are those of `voice`."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the phone calls."""

    bed: Bed
    port: int


def run(callers: Callers) -> Part:
    """Call the voicebot through Asterisk and measure its turns.

    Raises:
        ServerFailed: there is no Asterisk on this machine, or the voicebot does not start.
    """
    measured = _Measured()
    with running_bed() as bed, servers.voicebot(FLOW) as server:
        _calls(_Place(bed, server.port), callers, measured)
    rows = [
        *((f"voice, {TITLES[form]}", ms) for form, ms in measured.voice.items()),
        ("voice, people's recordings", measured.people),
        ("key's last packet to first frame", measured.keys),
        ("barge-in to silence", measured.barge_in),
        ("answer to first prompt frame", measured.first_frame),
    ]
    stages = _stages(measured.by_voice)
    rows += [(f"  by the voicebot: {name.removesuffix('_ms')}", ms) for name, ms in stages.items()]
    shown = [
        (name, [float(len(ms)), *(percentile(ms, share) for share in (0.5, 0.95, 1.0))])
        for name, ms in rows
        if ms
    ]
    voice = [ms for by_form in measured.voice.values() for ms in by_form]
    figures = [
        Figure("closed question by voice, p50", percentile(voice, 0.5), VOICE_P50_MS, " ms"),
        Figure("closed question by voice, p95", percentile(voice, 0.95), VOICE_P95_MS, " ms"),
        Figure("key to first frame, p95", percentile(measured.keys, 0.95), KEY_MS, " ms"),
        Figure("barge-in to silence, p95", percentile(measured.barge_in, 0.95), BARGE_IN_MS, " ms"),
        Figure("answer to first prompt frame", percentile(measured.first_frame, 1.0),
               FIRST_FRAME_MS, " ms"),
        Figure("answers that brought no turn", float(measured.unanswered), 0),
    ]  # fmt: skip
    data: dict[str, Any] = {name.strip(): ms for name, ms in rows}
    return Part(table(["Through Asterisk, ms", "n", "p50", "p95", "max"], shown), figures, data)


@contextmanager
def running_bed(calls: int = 50) -> Iterator[Bed]:
    """An Asterisk for so many calls at once.

    Raises:
        ServerFailed: there is none on this machine.
    """
    try:
        with Bed(ready_root(), rtp_ports=2 * calls) as bed:
            yield bed
    except BedUnavailable as error:
        raise servers.ServerFailed(f"no Asterisk to measure through: {error}") from None


def _calls(place: _Place, callers: Callers, measured: _Measured) -> None:
    voice = CallerVoice(SHIPPED)
    people = [Play(at_speech_level(path)) for path in callers.recordings]
    said = {
        form: _sounds([*map(Say, WORDS), *people], CODECS[codec].rate_hz, voice)
        for form, codec in FORMS.items()
    }
    share = callers.turns // len(FORMS)
    with ThreadPoolExecutor(callers.calls) as pool:
        calls: list[Future[None]] = []
        for n, (form, sounds) in enumerate(said.items()):
            words = list(islice(cycle(sounds[: len(WORDS)]), n, n + share))
            calls.append(pool.submit(_answers, place, form, words, measured))
        recorded = said["app"][len(WORDS) :]
        if recorded:
            calls.append(pool.submit(_people, place, recorded, measured))
        calls.append(pool.submit(_keys, place, share, measured))
        # Not the first two: an "s" is heard before it is loud enough to count as the caller's onset.
        for n, clip in enumerate(islice(cycle(said["app"][2 : len(WORDS)]), share)):
            calls.append(pool.submit(_barge_in, place, clip, 1 + n / 10, measured))
        for call in calls:
            call.result()


def _sounds(steps: Sequence[Say | Play], rate_hz: int, voice: CallerVoice) -> list[Clip]:
    return [clip for _, clip in trio.run(prepare, steps, rate_hz, voice)]


class _Caller:
    """A phone in a call with the bot, and what was done with it."""

    def __init__(self, place: _Place, form: str = "app") -> None:
        self.uuid = uuid4()
        self._codec = FORMS[form]
        self._phone = Phone(self._codec)
        self._actions: list[Action] = []
        headers = bot_headers(place.port, self.uuid)
        self._phone.start_call(place.bed.sip, form, headers=headers, hang_up_s=LIMIT_S)

    def say(self, clip: Clip, at_s: float | None = None) -> None:
        """Say it, and hear the bot out."""
        began_s = self._phone.say(np.frombuffer(b"".join(clip.frames), "<i2"), at_s)
        onset_s, done_s = began_s + clip.onset * PACKET_S, began_s + clip.last * PACKET_S
        self._actions.append(Action("say", onset_s, done_s, by_key=False))
        self._phone.listen()

    def press(self, key: str, at_s: float | None = None) -> None:
        """Press it, and hear the bot out."""
        down_s = self._phone.press(key, at_s)
        self._actions.append(Action("press", down_s, down_s + HELD_S, by_key=True))
        self._phone.listen()

    def done(self, measured: _Measured) -> tuple[Turn, ...]:
        """Hang up.

        Returns:
            The turns.
        """
        self._phone.hang_up()
        report = self._phone.join()
        if report.failed:
            raise servers.ServerFailed(f"a call through Asterisk failed: {report.failed}")
        bot, codec = BotChannel(), CODECS[self._codec]
        for packet in report.packets:
            pcm = codec.decode(packet.payload).astype("<i2").tobytes()
            bot.take(Audio(codec.rate_hz, pcm), packet.at_s)
        if bot.spurts:
            measured.first_frame.append(bot.spurts[0].sound_s * 1000)
        return measure(self._actions, bot.spurts)


def _answers(place: _Place, form: str, words: Sequence[Clip], measured: _Measured) -> None:
    caller = _Caller(place, form)
    measured.by_voice.add(caller.uuid)
    _take(_answered(caller, words, measured), measured.voice[form], measured)


def _people(place: _Place, recorded: Sequence[Clip], measured: _Measured) -> None:
    _take(_answered(_Caller(place), recorded, measured), measured.people, measured)


def _answered(caller: _Caller, clips: Sequence[Clip], measured: _Measured) -> Sequence[Turn]:
    caller.press("2", 1.0)  # out of the long prompt
    for clip in clips:
        caller.say(clip)
    return caller.done(measured)[1:]


def _keys(place: _Place, count: int, measured: _Measured) -> None:
    caller = _Caller(place)
    caller.press("2", 1.0)
    for key in islice(cycle(map(str, range(2, 10))), count):
        caller.press(key)
    for turn in caller.done(measured)[1:]:
        if turn.first_frame_s is None:
            measured.unanswered += 1
        else:
            measured.keys.append(turn.first_frame_s * 1000)


def _barge_in(place: _Place, clip: Clip, at_s: float, measured: _Measured) -> None:
    caller = _Caller(place)
    caller.say(clip, at_s)
    [turn] = caller.done(measured)
    if turn.stopped_s is not None:
        measured.barge_in.append(turn.stopped_s * 1000)
    elif turn.answer_s is None:  # else the caller happened to speak in a pause of the prompt
        measured.unanswered += 1


def _take(turns: Sequence[Turn], into: list[float], measured: _Measured) -> None:
    for turn in turns:
        if turn.response_s is None:
            measured.unanswered += 1
        else:
            into.append(turn.response_s * 1000)


def _stages(calls: set[UUID]) -> dict[str, list[float]]:
    """The stages of the turns by voice in these calls, as the voicebot has logged them."""
    text = (BUILD / "voicebot.log").read_text("utf-8", "replace")
    turns = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in text.splitlines()]
    known = set(map(str, calls))
    ours = [
        turn
        for turn in turns
        if (turn.get("event"), turn.get("by")) == ("call.turn", "speech")
        and turn.get("call") in known
    ]
    return {name: [float(turn[name]) for turn in ours if name in turn] for name in STAGES}
