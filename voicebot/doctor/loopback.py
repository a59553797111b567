"""A call of Asterisk's from us to us: two AudioSocket servers of our own, and a known signal both ways.

    we  --- port 1 ---  a channel AudioSocket/...  ---  AudioSocket() or Dial()  --- port 2 ---  we

No telephone, no trunk, no line of the dialplan takes part.  Knows sockets, frames and times.  Must not know what the
figures mean (verdicts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import trio

from voicebot.doctor.console import Console, RefusedError
from voicebot.doctor.legs import Door, End, open_door, who_comes
from voicebot.doctor.probe import Passage, echo_db, passage, signal
from voicebot.line.audiosocket import RATES
from voicebot.line.line import hang_up

NARROW_HZ: Final = RATES[0]
COME_S: Final = 5.0
"""Asterisk gives up a connection after 2 s, and comes within milliseconds if it can."""
SIGNAL_S: Final = 1.0
AROUND_S: Final = 0.3
"""Silence around the signal: longer than any delay that a call bears."""
KEYS: Final = "1590*#"
KEY_S: Final = 2.0


class NoLoopError(Exception):
    """There is no call; one line that says why and what to do."""


class NotMadeError(NoLoopError):
    """Asterisk was not willing to make one: nothing is known of the way."""


@dataclass(frozen=True, slots=True)
class Loop:
    """What one call was like."""

    rate_hz: int
    peer: str
    """The address that Asterisk came from."""
    there: Passage
    """From port 1 to port 2."""
    back: Passage
    echo_db: float
    """The louder of both."""
    keys: str | None
    """Those that came of `KEYS`; None: none could be pressed."""
    keys_refused: str
    """Why not."""
    rates_hz: frozenset[int]
    """What audio came in."""


async def loop(console: Console, rate_hz: int, *, signal_s: float = SIGNAL_S) -> Loop:
    """Have Asterisk make the call, measure, and hang up.

    Args:
        console: who has it originated.
        rate_hz: 8000 goes through AudioSocket(), 16000 through Dial() with c(slin16).
        signal_s: the length of the signal, each way.

    Raises:
        NoLoopError: Asterisk does not call, or does not come.
    """
    async with open_door(console.our_host) as near, open_door(console.our_host) as far:
        call = _Call(console, near, far, rate_hz)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call.originate, nursery.cancel_scope)
                await call.run(nursery, signal_s)
                nursery.cancel_scope.cancel()
            await call.hang_up()
        finally:
            call.close()
    if call.loop is None:
        raise (NotMadeError if call.refused else NoLoopError)(call.failure)
    return call.loop


class _Call:
    """One call, from its origination to its end."""

    def __init__(self, console: Console, near: Door, far: Door, rate_hz: int) -> None:
        self.failure = ""
        self.refused = False
        self.loop: Loop | None = None
        self._console = console
        self._near = near
        self._far = far
        self._rate_hz = rate_hz
        self._ends: list[End] = []

    async def originate(self, scope: trio.CancelScope) -> None:
        """Have Asterisk call us; `scope` is cancelled if it does not."""
        codec = f"c(slin{self._rate_hz // 1000})" if self._rate_hz != NARROW_HZ else "c(slin)"
        near, far = self._near, self._far
        if self._rate_hz == NARROW_HZ:
            application, data = "AudioSocket", f"{far.uuid},{far.address}"
        else:
            application, data = "Dial", f"AudioSocket/{far.address}/{far.uuid}/{codec}"
        channel = f"AudioSocket/{near.address}/{near.uuid}/{codec}"
        try:
            await self._console.originate(channel, application, data)
        except RefusedError as error:
            self.failure, self.refused = f"Asterisk does not make the call: {error}", True
            scope.cancel()

    async def run(self, nursery: trio.Nursery, signal_s: float) -> None:
        """Meet Asterisk at both doors and measure."""
        for door in (self._near, self._far):
            with trio.move_on_after(COME_S) as limit:
                end = await who_comes(door, self._rate_hz)
            if limit.cancelled_caught:
                self.failure = (
                    f"Asterisk has taken the call, but within {COME_S:g} s it has not come to {door.address}: "
                    "is that address this machine's, as Asterisk sees it, and no firewall between?"
                )
                return
            self._ends.append(end)
            nursery.start_soon(end.listen)
            nursery.start_soon(end.speak)
        near, far = self._ends
        there, echo_there = await _through(near, far, signal_s, seed=1)
        back, echo_back = await _through(far, near, signal_s, seed=2)
        keys, refused = await self._press(far)
        self.loop = Loop(
            rate_hz=self._rate_hz,
            peer=near.peer,
            there=there,
            back=back,
            echo_db=max(echo_there, echo_back),
            keys=keys,
            keys_refused=refused,
            rates_hz=frozenset(near.rates_hz | far.rates_hz),
        )

    async def _press(self, far: End) -> tuple[str | None, str]:
        """Press keys at our end of port 1; they have to come at port 2."""
        for number, key in enumerate(KEYS, 1):
            try:
                await self._console.press(self._near.channel, key, received=True)
            except RefusedError as error:
                return None, str(error)
            with trio.move_on_after(KEY_S) as limit:
                await far.wait_keys(number)
            if limit.cancelled_caught:
                break
        return far.keys, ""

    async def hang_up(self) -> None:
        """End the call as a bot does."""
        for end in reversed(self._ends):
            await hang_up(end.sock)

    def close(self) -> None:
        """Close what is still open: the call ends with it."""
        for end in self._ends:
            end.sock.close()


async def _through(
    sender: End, receiver: End, signal_s: float, *, seed: int
) -> tuple[Passage, float]:
    """Send a signal one way; return what became of it, and its echo."""
    await trio.sleep(AROUND_S)
    for end in (sender, receiver):
        end.heard.clear()
    sent = await sender.say(signal(sender.rate_hz, signal_s, seed))
    await trio.sleep(AROUND_S)
    return passage(sent, tuple(receiver.heard)), echo_db(sent, tuple(sender.heard))
