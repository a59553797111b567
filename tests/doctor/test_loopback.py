"""The loop-back call against a stand-in for Asterisk; tests/asterisk has the real one."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from voicebot.doctor import loopback
from voicebot.doctor.loopback import KEYS, Loop, NoLoopError, loop

from .exchange import Exchange

SIGNAL_S = 0.3
FRAMES = 15


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "AROUND_S", 0.1)
    monkeypatch.setattr(loopback, "KEY_S", 0.3)


async def looped(rate_hz: int, **behaviour: object) -> tuple[Loop, Exchange]:
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            exchange = Exchange(nursery, **behaviour)  # type: ignore[arg-type]
            made = await loop(exchange, rate_hz, signal_s=SIGNAL_S)
            await exchange.ended.wait()
            nursery.cancel_scope.cancel()
    return made, exchange


@pytest.mark.parametrize(
    ("rate_hz", "codec", "application"), [(8000, "slin", "AudioSocket"), (16000, "slin16", "Dial")]
)
async def test_what_is_sent_comes_through_both_ways(
    rate_hz: int, codec: str, application: str
) -> None:
    made, exchange = await looped(rate_hz)
    ((channel, ran, data),) = exchange.originated
    assert channel.endswith(f"/c({codec})")
    assert ran == application
    assert data.endswith("/c(slin16)") is (application == "Dial")
    assert made.rates_hz == {rate_hz}
    assert made.peer == "127.0.0.1"
    for way in (made.there, made.back):
        assert (way.frames, way.lost) == (FRAMES, 0)
        assert abs(way.level_db) < 0.01
    assert made.echo_db < -90
    assert made.keys == KEYS


async def test_losses_echo_and_missing_keys_are_seen() -> None:
    made, _ = await looped(8000, loses=5, swallows="9", echoes=True)
    assert made.there.lost == made.back.lost == FRAMES // 5
    assert made.echo_db > -3
    assert made.keys == "15"


async def test_strangers_are_sent_away() -> None:
    async with trio.open_nursery() as nursery:
        exchange = Exchange(nursery)
        exchange.wrong_first = True
        made = await loop(exchange, 8000, signal_s=SIGNAL_S)
        nursery.cancel_scope.cancel()
    assert made.there.lost == 0


@pytest.mark.parametrize("comes", [0, 1])
async def test_an_asterisk_that_does_not_come(comes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "COME_S", 0.3)
    async with trio.open_nursery() as nursery:
        exchange = Exchange(nursery, comes=comes)
        with pytest.raises(NoLoopError, match=r"has not come to 127\.0\.0\.1:\d+"):
            await loop(exchange, 8000, signal_s=SIGNAL_S)
        nursery.cancel_scope.cancel()


async def test_an_asterisk_that_refuses() -> None:
    async with trio.open_nursery() as nursery:
        exchange = Exchange(nursery, refuses="Permission denied")
        with pytest.raises(NoLoopError, match="does not make the call: Permission denied"):
            await loop(exchange, 8000, signal_s=SIGNAL_S)


async def test_a_call_that_is_given_up_leaves_nothing_behind() -> None:
    async with trio.open_nursery() as nursery:
        exchange = Exchange(nursery)
        with trio.move_on_after(0.2) as limit:
            await loop(exchange, 8000, signal_s=5.0)
        assert limit.cancelled_caught
        with trio.fail_after(5):
            await exchange.ended.wait()
