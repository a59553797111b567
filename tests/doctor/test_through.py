"""The call to the bot through a stand-in for Asterisk; tests/asterisk has the real one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from voicebot.config import Address
from voicebot.doctor import through
from voicebot.doctor.probe import signal
from voicebot.doctor.results import Verdict
from voicebot.doctor.through import by_agi, by_audiosocket, call_through
from voicebot.line.audio import silence
from voicebot.line.audiosocket import Audio, encode

from .exchange import Exchange

Bot = Callable[[trio.SocketStream], Awaitable[None]]
GREETING = encode(Audio(8000, signal(8000, 0.02, seed=1)))
SILENCE = encode(Audio(8000, silence(8000)))


async def greets(stream: trio.SocketStream) -> None:
    for message in (SILENCE, SILENCE, GREETING):
        await stream.send_all(message)
    await trio.sleep_forever()


async def is_silent(stream: trio.SocketStream) -> None:
    await stream.send_all(SILENCE)
    await trio.sleep_forever()


async def turns_away(stream: trio.SocketStream) -> None:
    await stream.aclose()


@pytest.mark.parametrize(
    ("bot", "verdict", "said"),
    [
        (greets, Verdict.OK, "is heard after"),
        (is_silent, Verdict.WARN, "says nothing"),
        (turns_away, Verdict.FAIL, "does not get through to"),
    ],
)
async def test_what_is_heard_is_told(
    bot: Bot, verdict: Verdict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(through, "GREETING_S", 0.5)
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, bot, [listener]))
        exchange = Exchange(nursery)
        result = await call_through(exchange, by_audiosocket(Address("127.0.0.1", port)))
        nursery.cancel_scope.cancel()
    assert result.verdict is verdict
    assert said in result.text
    ((channel, application, data),) = exchange.originated
    assert channel.endswith("/c(slin)")
    assert application == "AudioSocket"
    assert data.endswith(f",127.0.0.1:{port}")


async def test_an_asterisk_that_refuses_is_no_fault_of_the_bot() -> None:
    async with trio.open_nursery() as nursery:
        exchange = Exchange(nursery, refuses="Permission denied")
        result = await call_through(exchange, by_agi("agi://127.0.0.1/x"))
    assert (result.verdict, result.text) == (
        Verdict.SKIP,
        "Asterisk does not make the call: Permission denied",
    )


async def test_an_asterisk_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(through, "COME_S", 0.2)
    async with trio.open_nursery() as nursery:
        result = await call_through(
            Exchange(nursery, comes=0), by_audiosocket(Address("127.0.0.1", 9092))
        )
        nursery.cancel_scope.cancel()
    assert result.verdict is Verdict.FAIL
    assert "has not come to" in result.text
