"""Callers who speak, cough or have a television on while the bot speaks: real ears, real recogniser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.bot import MODELS
from voicebot.bench import noises
from voicebot.flow.check import checked_flow
from voicebot.rehearsal.audio import AudioStage
from voicebot.rehearsal.engines import CALLER, RepeatableVoice
from voicebot.rehearsal.impairments import Sound
from voicebot.rehearsal.outcome import Outcome, Who

VOSK = {"en-US": MODELS / "vosk-tiny-en-8k"}
PIPER = {"en-US": MODELS / "voicebot-en_US-tiny.onnx"}

FLOW = """
voicebot: 1
flow: shop
start: main
on: {failed: {do: [{say: "Goodbye."}, hangup]}}
nodes:
  main:
    - menu:
        say: "Thank you for calling. You can have an appointment, a prescription, or talk to an operator."
        choices:
          - {answers: ["[an] appointment"], keys: "1", goto: day}
          - {answers: ["[a] prescription"], keys: "2", goto: bye}
          - {answers: ["[an] operator"], keys: "3", goto: bye}
        no_match: "Sorry?"
  day:
    - menu:
        say: "Do you want to make a new one, to move one, or to cancel the one that you have?"
        choices:
          - {answers: [new, make], goto: bye}
          - {answers: [move], goto: bye}
          - {answers: [cancel], goto: bye}
        no_match: "Sorry?"
  bye: [{say: "Goodbye."}, hangup]
tests:
"""
TELEVISION = "The weather tomorrow will be cold and windy in the north, and wet in the south."
PROMPT = (
    "Thank you for calling. You can have an appointment, a prescription, or talk to an operator."
)

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AudioStage]:
    with AudioStage(VOSK, PIPER, tmp_path_factory.mktemp("cache")) as stage:
        yield stage


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a cough, a door and a television in it."""
    folder = tmp_path_factory.mktemp("flows")
    for noise in noises.noises((), seed=1):
        soundfile.write(folder / f"{noise.kind}.wav", noise.samples, noises.RATE_HZ)
    speech = RepeatableVoice(PIPER, folder, CALLER).speak(TELEVISION, "en-US")
    soundfile.write(
        folder / "television.wav", np.frombuffer(speech.pcm, "<i2"), speech.rate_hz, "PCM_16"
    )
    return folder


def played(stage: AudioStage, folder: Path, *steps: str) -> Outcome:
    path = folder / "shop.yaml"
    lines = "".join(f"      - {step}\n" for step in steps)
    path.write_text(f"{FLOW}  - name: a test\n    steps:\n{lines}")
    flow, findings = checked_flow(path)
    assert flow is not None, findings
    outcome = stage.run(flow, flow.tests[0], Sound())
    assert outcome.failure is None, f"{outcome.failure}\n" + "\n".join(map(str, outcome.exchange))
    return outcome


def said(outcome: Outcome) -> list[str]:
    return [line.text for line in outcome.exchange if line.who is Who.BOT]


def into_the_prompt(sound: str) -> str:
    return f'caller: {{wav: "{sound}.wav", text: noise, early: true}}'


@pytest.mark.parametrize("noise", ["cough", "door", "breath", "knock"])
def test_a_noise_is_no_miss_and_the_prompt_is_said_to_its_end(
    stage: AudioStage, folder: Path, noise: str
) -> None:
    answer = ['caller: "a prescription"', "bot: Goodbye", "ends: {by: bot}"]
    without = played(stage, folder, "bot: Thank you", *answer)
    outcome = played(stage, folder, "bot: Thank you", into_the_prompt(noise), *answer)
    assert said(outcome) == [PROMPT, "Goodbye."]
    # The caller, who waits for the end of the prompt, comes later by the pause and what is repeated.
    assert 0.2 <= outcome.call_s - without.call_s <= 3.0


def test_a_television_is_no_miss_and_does_not_silence_the_bot(
    stage: AudioStage, folder: Path
) -> None:
    steps = ("bot: Thank you", into_the_prompt("television"), 'caller: {keys: "2"}', "bot: Goodbye")
    outcome = played(stage, folder, *steps, "ends: {by: bot}")
    assert said(outcome) == [PROMPT, "Goodbye."]


def test_an_answer_into_the_prompt_is_followed(stage: AudioStage, folder: Path) -> None:
    steps = ("bot: Thank you", 'caller: {say: "a prescription", early: true}')
    outcome = played(
        stage, folder, *steps, "bot: {says: Goodbye, within: 350ms}", "ends: {by: bot}"
    )
    assert outcome.call_s < 5


@pytest.mark.parametrize("tail", ["please", "thank you"])
def test_what_comes_behind_an_answer_does_not_stop_the_next_prompt(
    stage: AudioStage, folder: Path, tail: str
) -> None:
    answer = ("bot: Do you want", "caller: cancel", "bot: Goodbye", "ends: {by: bot}")
    without = played(stage, folder, "bot: Thank you", "caller: appointment", *answer)
    outcome = played(stage, folder, "bot: Thank you", f"caller: appointment {tail}", *answer)
    assert said(outcome) == said(without)
    assert asked_for_s(outcome) == pytest.approx(asked_for_s(without), abs=0.1)


def asked_for_s(outcome: Outcome) -> float:
    """From the beginning of the second question to the caller's answer, who hears it out."""
    lines = list(outcome.exchange)
    began_s = next(line.at_s for line in lines if line.text.startswith("Do you want"))
    return next(line.at_s for line in lines if line.text == "cancel") - began_s
