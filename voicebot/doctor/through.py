"""A short call to the bot through Asterisk: does it find the bot, and is the greeting heard behind it?

    we  --- our port ---  a channel AudioSocket/...  ---  AudioSocket() or AGI()  --- the bot

What a call from this machine cannot show: whether Asterisk, from where it runs, gets to the bot.  Knows sockets and
levels.  Must not know what the bot should say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import trio

from voicebot.config import Address
from voicebot.doctor.console import Console, RefusedError
from voicebot.doctor.legs import Door, End, open_door, who_comes
from voicebot.doctor.loopback import COME_S, NARROW_HZ
from voicebot.doctor.probe import Heard
from voicebot.doctor.results import Result, fail, ok, skip, warn
from voicebot.line.audio import level_dbfs
from voicebot.line.line import hang_up

GREETING_S: Final = 10.0
LOUD_DBFS: Final = -45.0
"""As of a scripted caller."""


@dataclass(frozen=True, slots=True)
class Way:
    """How Asterisk is to get to the bot."""

    what: str
    application: str
    data: str
    place: str
    """Where it has to get, for a person."""


def by_audiosocket(address: Address) -> Way:
    """Straight to the bot's port, at the address where Asterisk finds it."""
    return Way("by AudioSocket()", "AudioSocket", f"{uuid4()},{address}", str(address))


def by_agi(url: str) -> Way:
    """As the two lines of the dialplan do."""
    return Way("by AGI()", "AGI", url, url)


async def call_through(console: Console, way: Way) -> Result:
    """Have Asterisk connect us with the bot, wait for a word of it, and hang up.

    Args:
        console: who has the call originated.
        way: how Asterisk gets to the bot.
    """
    async with open_door(console.our_host) as door:
        end = await _met(console, door, way)
        if isinstance(end, Result):
            return end
        try:
            greeting_s, ended = await _greeting(end)
        finally:
            with trio.CancelScope(shield=True):
                await hang_up(end.sock)
    return _judged(way, greeting_s, ended=ended)


async def _met(console: Console, door: Door, way: Way) -> End | Result:
    """Our end of the call, or why there is none."""
    channel = f"AudioSocket/{door.address}/{door.uuid}/c(slin)"
    try:
        with trio.fail_after(COME_S):
            await console.originate(channel, way.application, way.data)
            return await who_comes(door, NARROW_HZ)
    except RefusedError as error:
        return skip(way.what, f"Asterisk does not make the call: {error}")
    except trio.TooSlowError:
        return fail(way.what, f"Asterisk has not come to {door.address} within {COME_S:g} s")


async def _greeting(end: End) -> tuple[float | None, bool]:
    """When something was heard, None: not at all; and whether the other side has hung up before."""
    began_s = trio.current_time()
    loud = trio.Event()

    def listen(heard: Heard) -> None:
        if level_dbfs(heard.pcm) > LOUD_DBFS:
            loud.set()

    async def give_up(scope: trio.CancelScope) -> None:
        await end.over.wait()
        scope.cancel()

    end.on_heard = listen
    with trio.move_on_after(GREETING_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end.listen)
            nursery.start_soon(end.speak)
            nursery.start_soon(give_up, nursery.cancel_scope)
            await loud.wait()
            nursery.cancel_scope.cancel()
    return (trio.current_time() - began_s if loud.is_set() else None), end.over.is_set()


def _judged(way: Way, greeting_s: float | None, *, ended: bool) -> Result:
    if greeting_s is not None:
        figures = {"greeting_ms": round(1000 * greeting_s, 1)}
        return ok(
            way.what, f"through Asterisk the greeting is heard after {greeting_s:.2f} s", figures
        )
    if not ended:
        return warn(
            way.what, f"{way.place} has taken the call, but says nothing for {GREETING_S:g} s"
        )
    return fail(
        way.what,
        f"Asterisk does not get through to {way.place}: does the bot listen on an address that Asterisk reaches, "
        "is Asterisk in listen.allow, and the port open in the firewall? What the bot logs (agi.no_leg …) tells more",
    )
