"""A short call to the bot that runs: does it answer, and is its greeting heard?

Knows how a call is placed.  Must not know what the bot should say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from voicebot.config import Config, Listener
from voicebot.doctor.here import Port
from voicebot.doctor.results import Result, fail, ok, skip, warn
from voicebot.line.audiosocket import Dialect
from voicebot.phone import (
    CallReport,
    HangUp,
    Limits,
    NobodyAnswersError,
    Step,
    WaitForBot,
    place_call,
)

GREETING_S: Final = 10.0
FIRST_FRAME_S: Final = 0.5
_SCRIPT: Final[Sequence[Step]] = (WaitForBot(limit_s=GREETING_S), HangUp())
_LIMITS: Final = Limits(connect_s=3.0, stay_s=0.0, call_s=20.0)
ALL_ADDRESSES: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - called, not listened on
"""Hosts that stand for all addresses, with the one that is called from here."""


def listeners_that_serve(config: Config, ports: Sequence[Port]) -> list[Listener]:
    """Those where a bot may be."""
    serving = {port.address for port in ports if port.serves}
    return [one for one in config.listen.audiosocket if one.address in serving]


async def call_the_bot(listener: Listener) -> Result:
    """Call one port, wait until the bot has greeted, and hang up."""
    host, port = listener.address
    what = f"call to {listener.address}"
    if listener.dialect is Dialect.FORK:
        return skip(what, "it speaks the fork's dialect, which this caller does not")
    try:
        report = await place_call(ALL_ADDRESSES.get(host, host), port, _SCRIPT, limits=_LIMITS)
    except NobodyAnswersError as error:
        return fail(what, str(error))
    return judge_call(what, report)


def judge_call(what: str, report: CallReport) -> Result:
    """What a call was like that should have brought a greeting."""
    if report.first_frame_s is None:
        return fail(
            what,
            f"not a single frame ({report.ended}): is this machine in listen.allow, and a route there? The "
            "bot's log tells: listener.refused or call.refused",
        )
    figures = {"first_frame_ms": round(1000 * report.first_frame_s, 1)}
    text = f"first frame after {figures['first_frame_ms']:.0f} ms"
    if report.violations:
        return fail(
            what, f"{text}; Asterisk would have dropped the call: {report.violations[0]}", figures
        )
    if report.first_loud_s is None:
        return warn(
            what,
            f"{text}, but no greeting within {GREETING_S:g} s ({report.ended}): does the flow begin with "
            "a question, or is the voice silent?",
            figures,
        )
    figures["greeting_ms"] = round(1000 * report.first_loud_s, 1)
    text += f", greeting from {report.first_loud_s:.2f} s on"
    if report.first_frame_s > FIRST_FRAME_S:
        return warn(
            what, f"{text}: the bot is slow to answer; look for load on its machine", figures
        )
    return ok(what, text, figures)


def nobody(ports: Sequence[Port]) -> Result:
    """Why no call is made."""
    addresses = ", ".join(str(port.address) for port in ports if port.place == "listen.audiosocket")
    return skip(
        "call", f"no voicebot runs at {addresses or 'a port that is known'}: start voicebot run"
    )
