"""A call and its caller, joined in virtual time: how they part."""

from typing import Any, cast

import pytest
import trio

from voicebot.call.call import Call
from voicebot.line.line import hang_up
from voicebot.rehearsal.connection import Connection
from voicebot.rehearsal.impairments import CallersLine, Sound
from voicebot.rehearsal.virtual import VirtualTime, in_order


class _Leaves:
    """A call that hangs up at once, with the caller's sound still unread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self) -> str:
        try:
            await trio.sleep(0.015)
        finally:
            with trio.CancelScope(shield=True):
                await hang_up(self._connection._ours)
        return "bot hung up"


class _Fails(_Leaves):
    async def run(self) -> str:
        await super().run()
        raise ValueError("a fault of ours")


def _met(kind: type[_Leaves], slots: int) -> float:
    """Let a caller speak for so many slots to such a call; give the time at which all was over."""
    virtual = VirtualTime()

    async def meet() -> None:
        connection = Connection(virtual, CallersLine(Sound(), "x"), 8000, lambda *_: None)
        async with connection.running(cast("Call", cast("Any", kind(connection)))):
            for _ in range(slots):
                connection.handset.send(bytes(320))
            await connection.slot()

    with in_order():
        trio.run(meet, clock=virtual.clock)
    return virtual.now()


@pytest.mark.parametrize("slots", [0, 1, 40])
def test_who_parts_at_the_same_time_does_not_wait_for_ever(slots: int) -> None:
    assert _met(_Leaves, slots) < 2


def test_a_fault_of_the_call_is_the_callers_too() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="a fault of ours")):
        _met(_Fails, 40)
