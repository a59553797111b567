"""What the figures of a loop-back call mean for a person who talks to a bot.

Knows limits.  Must not know how anything was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from voicebot.doctor.loopback import KEYS, NARROW_HZ, Loop
from voicebot.doctor.probe import Passage
from voicebot.doctor.results import Result, Verdict, fail, ok, skip, warn

DELAY_MS: Final = (50.0, 300.0)
"""More is a warning, and a fault.  ITU-T G.114 has 150 ms for a whole call; half a loop is a part of it."""
GAP_MS: Final = 60.0
"""A phone's jitter buffer hides less than that."""
LOST: Final = (0.0, 0.05)
"""Shares of the frames."""
LEVEL_DB: Final = 1.0
"""Linear audio is passed on as it is: any difference is somebody's."""
ECHO_DB: Final = -40.0
"""The bot's ear takes out what is quieter."""


def judge_loop(loop: Loop) -> Iterator[Result]:
    """The lines of one call."""
    form = "AudioSocket()" if loop.rate_hz == NARROW_HZ else "Dial()"
    kind = f"{loop.rate_hz // 1000} kHz"
    ways = (loop.there, loop.back)
    if any(way.lost == way.frames for way in ways):
        yield fail(kind, f"the call was there, through {form}, but the signal did not come through")
        return
    wrong = loop.rates_hz - {loop.rate_hz}
    if wrong:
        came = ", ".join(f"{rate_hz} Hz" for rate_hz in sorted(wrong))
        yield warn(f"{kind} rate", f"audio came labelled as {came}: write c(slin) in the dialplan")
    yield _delay(kind, loop)
    yield _jitter(kind, ways)
    yield _lost(kind, ways)
    yield _level(kind, ways)
    yield _echo(kind, loop.echo_db)
    yield _keys(kind, loop)


def _delay(kind: str, loop: Loop) -> Result:
    there, back = loop.there.delay_ms, loop.back.delay_ms
    worst = max(there, back)
    figures = {
        "there_ms": _rounded(there),
        "back_ms": _rounded(back),
        "p95_ms": _rounded(max(loop.there.delay_p95_ms, loop.back.delay_p95_ms)),
    }
    text = f"{there:.1f} ms there, {back:.1f} ms back (95 %: {figures['p95_ms']:.1f} ms)"
    warned, failed = DELAY_MS
    verdict = Verdict.OK
    if worst > warned:
        verdict = Verdict.FAIL if worst > failed else Verdict.WARN
        text += ": bring the bot nearer to Asterisk, or look for what else these machines do"
    return Result(verdict, f"{kind} delay", text, figures)


def _jitter(kind: str, ways: tuple[Passage, Passage]) -> Result:
    median = max(way.gap_ms for way in ways)
    p95 = max(way.gap_p95_ms for way in ways)
    most = max(way.gap_max_ms for way in ways)
    text = f"a frame every {median:.1f} ms (95 %: {p95:.1f} ms, longest gap {most:.1f} ms)"
    figures = {"median_ms": _rounded(median), "p95_ms": _rounded(p95), "max_ms": _rounded(most)}
    if most <= GAP_MS:
        return ok(f"{kind} jitter", text, figures)
    return warn(
        f"{kind} jitter",
        f"{text}: callers may hear gaps; look for load on this machine, Asterisk's or the network",
        figures,
    )


def _lost(kind: str, ways: tuple[Passage, Passage]) -> Result:
    lost, frames = sum(way.lost for way in ways), sum(way.frames for way in ways)
    text = f"{lost} of {frames} lost"
    figures: dict[str, float | str] = {"lost": lost, "frames": frames}
    warned, failed = LOST
    if lost / frames <= warned:
        return ok(f"{kind} frames", text, figures)
    verdict = Verdict.FAIL if lost / frames > failed else Verdict.WARN
    remedy = "AudioSocket is TCP, so Asterisk has dropped them: look into its log for this call"
    return Result(verdict, f"{kind} frames", f"{text}: {remedy}", figures)


def _level(kind: str, ways: tuple[Passage, Passage]) -> Result:
    there, back = (way.level_db for way in ways)
    text = f"{there:+.1f} dB there, {back:+.1f} dB back"
    figures = {"there_db": _rounded(there), "back_db": _rounded(back)}
    if max(abs(there), abs(back)) <= LEVEL_DB:
        return ok(f"{kind} level", text, figures)
    return warn(
        f"{kind} level", f"{text}: somebody changes it; look for VOLUME() and AGC() in the dialplan",
        figures,
    )  # fmt: skip


def _echo(kind: str, echo_db: float) -> Result:
    figures = {"echo_db": _rounded(echo_db)}
    if echo_db <= ECHO_DB:
        return ok(f"{kind} echo", f"none (below {max(echo_db, -90):.0f} dB)", figures)
    return warn(
        f"{kind} echo",
        f"{echo_db:.0f} dB of what is sent comes back: nothing within Asterisk should do that",
        figures,
    )


def _keys(kind: str, loop: Loop) -> Result:
    what = f"{kind} keys"
    if loop.keys is None:
        return skip(what, f"none could be pressed: {loop.keys_refused}")
    figures = {"pressed": KEYS, "came": loop.keys}
    if loop.keys == KEYS:
        return ok(what, f"{KEYS} came in order", figures)
    return fail(
        what,
        f'{KEYS} was pressed, "{loop.keys}" came: before 20.14, 21.9 and 22.4 Asterisk passes on none; '
        "else look whether a feature code takes them (features.conf)",
        figures,
    )


def _rounded(value: float) -> float:
    return -1.0 if math.isnan(value) else round(value, 2)
