"""What the figures of a loop-back call mean."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from voicebot.doctor.loopback import KEYS, Loop
from voicebot.doctor.probe import Passage
from voicebot.doctor.results import Verdict
from voicebot.doctor.verdicts import judge_loop

WAY = Passage(
    frames=75,
    lost=0,
    delay_ms=0.4,
    delay_p95_ms=1.0,
    gap_ms=20,
    gap_p95_ms=21,
    gap_max_ms=25,
    level_db=0,
)
GOOD = Loop(
    rate_hz=8000, peer="127.0.0.1", there=WAY, back=WAY, echo_db=-96, keys=KEYS, keys_refused="",
    rates_hz=frozenset({8000}),
)  # fmt: skip


def verdicts(loop: Loop) -> dict[str, str]:
    return {result.what: result.verdict.value for result in judge_loop(loop)}


def test_all_is_well() -> None:
    assert verdicts(GOOD) == dict.fromkeys(
        ("8 kHz delay", "8 kHz jitter", "8 kHz frames", "8 kHz level", "8 kHz echo", "8 kHz keys"),
        "ok",
    )
    texts = [result.text for result in judge_loop(GOOD)]
    assert texts[0] == "0.4 ms there, 0.4 ms back (95 %: 1.0 ms)"
    assert texts[2] == "0 of 150 lost"


@pytest.mark.parametrize(
    ("loop", "what", "verdict"),
    [
        (replace(GOOD, back=replace(WAY, delay_ms=120)), "delay", "warn"),
        (replace(GOOD, there=replace(WAY, delay_ms=900)), "delay", "fail"),
        (replace(GOOD, there=replace(WAY, gap_max_ms=140)), "jitter", "warn"),
        (replace(GOOD, there=replace(WAY, lost=1)), "frames", "warn"),
        (replace(GOOD, back=replace(WAY, lost=20)), "frames", "fail"),
        (replace(GOOD, back=replace(WAY, level_db=-6)), "level", "warn"),
        (replace(GOOD, echo_db=-20), "echo", "warn"),
        (replace(GOOD, keys="15"), "keys", "fail"),
        (replace(GOOD, keys="5190*#"), "keys", "fail"),
        (replace(GOOD, keys=None, keys_refused="Invalid/unknown command"), "keys", "skip"),
        (replace(GOOD, rates_hz=frozenset({16000})), "rate", "warn"),
    ],
)
def test_one_thing_is_wrong(loop: Loop, what: str, verdict: str) -> None:
    found = verdicts(loop)
    assert found.pop(f"8 kHz {what}") == verdict
    assert set(found.values()) == {"ok"}


def test_a_signal_that_does_not_come_through_is_all_there_is_to_say() -> None:
    none = replace(WAY, lost=75, delay_ms=math.nan, delay_p95_ms=math.nan, level_db=-96)
    (result,) = judge_loop(replace(GOOD, rate_hz=16000, back=none))
    assert (result.verdict, result.what) == (Verdict.FAIL, "16 kHz")
    assert "through Dial()" in result.text


def test_figures_go_with_it_for_machines() -> None:
    figures = {result.what: result.data()["figures"] for result in judge_loop(GOOD)}
    assert figures["8 kHz delay"] == {"there_ms": 0.4, "back_ms": 0.4, "p95_ms": 1.0}
    assert figures["8 kHz keys"] == {"pressed": KEYS, "came": KEYS}
