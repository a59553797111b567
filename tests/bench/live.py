"""The bench's second part: how fast the voicebot answers, live: in calls that go on at real time.

Knows a flow that asks the same closed question again and again, and the scripted caller who answers it by voice, by
key, and into the prompt.  All times are the caller's, from socket to socket: from the last voiced 10 ms, or the key
message, to the first frame of the bot's answer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import soundfile
import trio

from voicebot.phone import (
    CallReport,
    HangUp,
    Play,
    Press,
    Say,
    Step,
    Turn,
    Wait,
    WaitForBot,
    place_call,
)
from voicebot.phone.voice import SHIPPED, CallerVoice
from voicebot.speaking.loudness import levelled
from voicebot.speaking.synthesiser import Speech

from . import servers
from .report import Figure, Part, percentile, table

DIGITS = "zero one two three four five six seven eight nine".split()
WORDS = ("sales", "support", "billing", "opening hours", "yes", "no")

CHOICES = "".join(
    f"          - {{answers: [{word}], keys: '{n}', goto: again}}\n"
    for n, word in enumerate((*DIGITS, *WORDS))
)
FLOW = f"""\
voicebot: 1
flow: bench
nodes:
  long:
    - menu:
        say: "{servers.PROMPT}"
        choices: &choices
{CHOICES}        failed: {{goto: again}}
  again:
    - menu: {{say: "All right. Which one?", choices: *choices, failed: {{goto: again}}, attempts: 99}}
"""

VOICE_P50_MS, VOICE_P95_MS, KEY_MS, BARGE_IN_MS, FIRST_FRAME_MS = 200.0, 350.0, 40.0, 200.0, 40.0


@dataclass(frozen=True, slots=True)
class Callers:
    """What is measured: so many turns of each kind, in calls at once."""

    turns: int = 40
    calls: int = 2
    recordings: Sequence[Path] = ()
    """WAVs of single digits by people, named {digit}_…: said in place of the synthetic caller's words."""


@dataclass(slots=True)
class _Measured:
    voice: list[float] = field(default_factory=list)
    people: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)
    barge_in: list[float] = field(default_factory=list)
    first_frame: list[float] = field(default_factory=list)
    unanswered: int = 0


def run(callers: Callers) -> Part:
    """Call the voicebot and measure its turns.

    Raises:
        ServerFailed: it does not start.
    """
    measured = _Measured()
    with servers.voicebot(FLOW) as server:
        trio.run(_calls, server.port, callers, measured)
    rows: list[tuple[str, Callable[[], list[float]]]] = [
        ("voice, synthetic caller", lambda: measured.voice),
        ("voice, people's recordings", lambda: measured.people),
        ("key to first frame", lambda: measured.keys),
        ("barge-in to silence", lambda: measured.barge_in),
        ("UUID to first prompt frame", lambda: measured.first_frame),
    ]
    shown = [
        (name, [float(len(ms)), percentile(ms, 0.5), percentile(ms, 0.95), percentile(ms, 1.0)])
        for name, get in rows
        if (ms := get())
    ]
    figures = [
        Figure(
            "closed question by voice, p50", percentile(measured.voice, 0.5), VOICE_P50_MS, " ms"
        ),
        Figure(
            "closed question by voice, p95", percentile(measured.voice, 0.95), VOICE_P95_MS, " ms"
        ),
        Figure("key to first frame, p95", percentile(measured.keys, 0.95), KEY_MS, " ms"),
        Figure("barge-in to silence, p95", percentile(measured.barge_in, 0.95), BARGE_IN_MS, " ms"),
        Figure(
            "UUID to first prompt frame",
            percentile(measured.first_frame, 1.0),
            FIRST_FRAME_MS,
            " ms",
        ),
        Figure("answers that brought no turn", float(measured.unanswered), 0),
    ]
    if measured.people:
        figures += [
            Figure(
                "people's digits by voice, p50",
                percentile(measured.people, 0.5),
                VOICE_P50_MS,
                " ms",
            ),
            Figure(
                "people's digits by voice, p95",
                percentile(measured.people, 0.95),
                VOICE_P95_MS,
                " ms",
            ),
        ]
    data: dict[str, Any] = {name: get() for name, get in rows}
    return Part(table(["Turns, ms", "n", "p50", "p95", "max"], shown), figures, data)


async def _calls(port: int, callers: Callers, measured: _Measured) -> None:
    voice = CallerVoice(SHIPPED)
    share = callers.turns // callers.calls
    jobs: list[tuple[list[Step], Callable[[CallReport], None]]] = []
    for n in range(callers.calls):
        words: Iterator[Step] = (Say(word) for word in islice(cycle(WORDS), n, None))
        jobs.append((_answers(words, share), lambda r: _take(r, "say", measured.voice, measured)))
        keys: Iterator[Step] = (Press(str(key)) for key in cycle(range(2, 10)))
        jobs.append((_answers(keys, share), lambda r: _take(r, "press", measured.keys, measured)))
    jobs += [
        (
            [WaitForBot(0), Wait(1 + n / 10), Say(word), WaitForBot(), HangUp()],
            lambda r: _stopped(r, measured),
        )
        for n, word in enumerate(islice(cycle(WORDS), callers.turns // 2))
    ]
    people: Iterator[Step] = (Play(at_speech_level(path)) for path in callers.recordings)
    if callers.recordings:
        jobs.append(
            (_answers(people, len(callers.recordings)),
             lambda r: _take(r, "play", measured.people, measured))
        )  # fmt: skip
    limiter = trio.CapacityLimiter(callers.calls)

    async def one(steps: list[Step], take: Callable[[CallReport], None]) -> None:
        async with limiter:
            report = await place_call("127.0.0.1", port, steps, voice=voice)
        if report.first_frame_s is not None:
            measured.first_frame.append(report.first_frame_s * 1000)
        take(report)

    async with trio.open_nursery() as nursery:
        for steps, take in jobs:
            nursery.start_soon(one, steps, take)


def at_speech_level(path: Path) -> Speech:
    """A recording as loud as a telephone call is: recordings may be 25 dB quieter."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    pcm = (levelled(samples, rate_hz) * 32767).astype("<i2").tobytes()
    return Speech(rate_hz, pcm)


def _answers(steps: Iterator[Step], count: int) -> list[Step]:
    """Answer so many times, each after the bot has asked and is silent."""
    script: list[Step] = [WaitForBot(0), Press("1"), WaitForBot()]
    for step in islice(steps, count):
        script += [step, WaitForBot()]
    return [*script, HangUp()]


def _take(report: CallReport, verb: str, into: list[float], measured: _Measured) -> None:
    turns = [turn for turn in report.turns if turn.what.startswith(verb)]
    if verb == "press":
        turns = turns[1:]  # the first one is into the long prompt
    for turn in turns:
        answered_s = _answered_s(turn, verb)
        if answered_s is None:
            measured.unanswered += 1
        else:
            into.append(answered_s * 1000)


def _answered_s(turn: Turn, verb: str) -> float | None:
    return turn.first_frame_s if verb == "press" else turn.response_s


def _stopped(report: CallReport, measured: _Measured) -> None:
    for turn in report.turns:
        if turn.stopped_s is not None:
            measured.barge_in.append(turn.stopped_s * 1000)
        elif turn.answer_s is None:  # else the caller happened to speak in a pause of the prompt
            measured.unanswered += 1
