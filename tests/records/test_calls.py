"""What real calls of the real daemon leave behind: traces that replay, recordings, and no secret."""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import soundfile
import trio
from click.testing import CliRunner

from tests.bot import Bot, eventually, running_bot, write_config
from voicebot.commands.replaying import replay as replay_command
from voicebot.phone import Press, Say, Step, Wait, WaitForBot, place_call
from voicebot.phone.voice import SHIPPED, CallerVoice

pytestmark = pytest.mark.models

FLOW = """
voicebot: 1
start: main
vars: {again: null}
on: {failed: {goto: bye}}
nodes:
  main:
    - menu:
        say: "Balance or orders?"
        choices:
          - {answers: ["balance [of my account]"], keys: "1", goto: pin}
          - {answers: [orders], keys: "2", goto: bye}
  pin:
    - ask: {to: pin, type: digits, length: 4, secret: true, say: "Your pin, please.", barge_in: none}
    - tag: {asked: balance}
    - set: {again: "${pin}"}
    - ask: {to: month, type: number, max: 12, say: "For which month?"}
    - goto: bye
  bye: [{say: "Goodbye."}, hangup]
"""
PIN = "4271"


class Bed:
    def __init__(self, bot: Bot, folder: Path) -> None:
        self.bot, self.folder = bot, folder

    def call(self, *steps: Step, voice: CallerVoice | None = None) -> "Left":
        uuid = uuid4()
        place = partial(place_call, uuid=uuid, voice=voice)
        trio.run(place, "127.0.0.1", self.bot.ports[0], list(steps))
        self.bot.wait_for("call.ended", call=str(uuid))
        return Left(self.folder, uuid)


class Left:
    """What one call left behind."""

    def __init__(self, folder: Path, uuid: UUID) -> None:
        self._calls, self._uuid = folder / "calls.jsonl", str(uuid)
        eventually(self._lines)  # written last
        [self.record] = self._lines()
        files = self.record["files"]
        self.trace, self.wav, self.wire = (
            Path(files[kind]) for kind in ("trace", "recording", "wire")
        )

    def _lines(self) -> list[dict[str, Any]]:
        text = self._calls.read_text("utf-8") if self._calls.exists() else ""
        return [one for one in map(json.loads, text.splitlines()) if one["call"] == self._uuid]

    def events(self) -> list[dict[str, Any]]:
        lines = map(json.loads, self.trace.read_text("utf-8").splitlines())
        return [line for line in lines if "event" in line]

    def sound(self, from_s: float, to_s: float) -> tuple[int, int]:
        """The loudest sample of either channel in that time."""
        samples, rate_hz = soundfile.read(self.wav, dtype="int16")
        assert rate_hz == 8000
        piece = np.abs(samples[int(from_s * rate_hz) : int(to_s * rate_hz)].astype(int))
        return int(piece[:, 0].max()), int(piece[:, 1].max())


def replayed(trace: Path) -> str:
    done = CliRunner().invoke(replay_command, [str(trace)], standalone_mode=False)
    return done.output if done.exception is None else str(done.exception)


def at_s(events: list[dict[str, Any]], do: str, **fields: object) -> float:
    """When the first action of that kind and with these fields was wanted."""
    return next(
        float(event["at_s"])
        for event in events
        for action in event["actions"]
        if action["do"] == do and fields.items() <= action.items()
    )


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("bot")
    extra = f"records: {{folder: {folder / 'kept'}, traces: true, calls: true, wire: true}}\n"
    config = write_config(folder, "{address: '127.0.0.1:0', flow: main}", extra=extra)
    (folder / "flows" / "main.yaml").write_text(FLOW)
    with running_bot(config) as running:
        yield Bed(running, folder / "kept")


@pytest.fixture(scope="module")
def voice() -> CallerVoice:
    return CallerVoice(SHIPPED)


@pytest.mark.parametrize(
    "pin", [[Press(PIN)], [Say("four two seven one")]], ids=["by keys", "by voice"]
)
def test_a_secret_is_in_nothing_that_a_call_leaves_behind(
    bed: Bed, voice: CallerVoice, pin: list[Step]
) -> None:
    left = bed.call(
        WaitForBot(), Say("balance of my account"), WaitForBot(), *pin, WaitForBot(), Say("march"),
        WaitForBot(), Press("3"), Wait(0.1), voice=voice,
    )  # fmt: skip
    variables = left.record["variables"]
    assert variables["pin"] == variables["again"] == "***", "it was understood"
    events = left.events()
    heard = [word for event in events for word, _ in event.get("words", ())]
    assert heard[0] == "balance"
    for name, text in {
        "the log": bed.bot.text(),
        "the trace": left.trace.read_text("utf-8"),
        "the record": json.dumps(left.record),
        "the wire": left.wire.read_text("utf-8"),
    }.items():
        # In base64, in a UUID and behind the point of a time the same four digits stand by chance.
        assert not re.search(rf"(?<![\w.+/-]){PIN}(?![\w+/-])", text), name
    assert not {"four", "seven", "one"} & set(heard)
    assert not [event for event in events if event.get("key") not in (None, "•")]
    assert replayed(left.trace) == f"{len(events)} events, identical\n"

    asked_s = at_s(events, "listen", secret=True)
    settled_s = next(
        event["at_s"]
        for event in events
        for action in event["actions"]
        if action["do"] == "note"
        and action["detail"].get("node") == "pin"
        and action["kind"] == "understood"
    )
    caller, bot = left.sound(asked_s - 0.4, settled_s + 0.4)
    assert caller == 0, "the caller's channel is digital silence"
    assert bot > 1000, "the question is heard"
    begun_s = next(
        event["at_s"]
        for event in events
        if event["at_s"] > asked_s and event["event"] in ("speech_started", "key_pressed")
    )
    assert left.sound(begun_s + 0.04, settled_s - 0.04) == (0, 0)
    assert left.sound(0.0, asked_s - 0.6)[0] > 1000, "the caller is heard elsewhere"


def test_a_call_leaves_a_record_a_recording_and_a_trace_that_replays(bed: Bed) -> None:
    left = bed.call(Wait(1.0), Press("2"))
    record = left.record
    assert (record["flow"], record["reason"]) == ("main", "bot hung up")
    [turn] = record["turns"]
    assert (turn["node"], turn["by"], turn["prompt"]) == ("main", "key", "rendered")
    assert 0 <= turn["decided_ms"] <= turn["response_ms"]
    assert record["response_ms"] == {"p50": turn["response_ms"], "max": turn["response_ms"]}
    traced = left.trace.read_text("utf-8").splitlines()
    assert [json.loads(line)["turn"] for line in traced if '"turn"' in line] == [turn]
    shown = CliRunner().invoke(replay_command, [str(left.trace), "--show"]).output
    assert f"answered after {turn['response_ms']} ms (decided {turn['decided_ms']}, key" in shown
    assert replayed(left.trace).endswith("events, identical\n")
    samples, _ = soundfile.read(left.wav)
    assert len(samples) / 8000 == pytest.approx(record["seconds"], abs=0.3)
    ways = [json.loads(line)["way"] for line in left.wire.read_text().splitlines()]
    assert ways.count("out") == pytest.approx(record["seconds"] * 50, abs=20)


def test_tags_are_in_the_record(bed: Bed) -> None:
    left = bed.call(Wait(0.3), Press("1" + PIN + "3"))
    assert left.record["tags"] == {"asked": "balance"}
    assert left.record["variables"]["month"] == 3
