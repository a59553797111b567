"""The short call to a bot: what is said of it.  The real bot is called in tests/asterisk."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
import trio

from voicebot.config import Address, Config
from voicebot.doctor.calling import call_the_bot, judge_call, listeners_that_serve, nobody
from voicebot.doctor.here import Port
from voicebot.doctor.ports import Holder, State
from voicebot.doctor.results import Verdict
from voicebot.phone import CallReport, End

GOOD = CallReport(
    uuid=uuid4(), rate_hz=8000, ended=End.CALLER_HUNG_UP, duration_s=3, caller_pcm=b"", bot_pcm=b"",
    first_frame_s=0.02, first_loud_s=0.4, turns=(), spurts=(), frames_received=150, gaps=0,
    max_ahead_s=0, violations=(), expired=(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("report", "verdict", "said"),
    [
        (GOOD, Verdict.OK, "first frame after 20 ms, greeting from 0.40 s on"),
        (replace(GOOD, first_frame_s=None), Verdict.FAIL, "is this machine in listen.allow"),
        (replace(GOOD, violations=("0.1: audio of no bytes",)), Verdict.FAIL, "audio of no bytes"),
        (replace(GOOD, first_loud_s=None), Verdict.WARN, "no greeting within 10 s"),
        (replace(GOOD, first_frame_s=0.9), Verdict.WARN, "slow to answer"),
    ],
)
def test_a_call_is_judged(report: CallReport, verdict: Verdict, said: str) -> None:
    result = judge_call("call", report)
    assert result.verdict is verdict
    assert said in result.text


def config(*listeners: object) -> Config:
    return Config.model_validate({"voicebot": 1, "listen": {"audiosocket": list(listeners)}})


def test_only_ports_where_a_bot_may_be_are_called() -> None:
    settings = config("127.0.0.1:9092", "127.0.0.1:9093", "127.0.0.1:9094")
    bot, nginx = Holder(1, ("voicebot", "run")), Holder(2, ("nginx",))
    ports = [
        Port("listen.audiosocket", Address("127.0.0.1", 9092), State.TAKEN, bot),
        Port("listen.audiosocket", Address("127.0.0.1", 9093), State.TAKEN, nginx),
        Port("listen.audiosocket", Address("127.0.0.1", 9094), State.FREE, None),
        Port("listen.agi", Address("127.0.0.1", 4573), State.TAKEN, bot),
    ]
    assert [one.address.port for one in listeners_that_serve(settings, ports)] == [9092]
    text = nobody(ports).text
    assert text.startswith("no voicebot runs at 127.0.0.1:9092, 127.0.0.1:9093, 127.0.0.1:9094")


async def test_a_port_of_the_fork_is_not_called() -> None:
    (listener,) = config({"address": "127.0.0.1:9", "dialect": "fork"}).listen.audiosocket
    assert (await call_the_bot(listener)).verdict is Verdict.SKIP


async def test_a_port_that_closes_at_once_is_told() -> None:
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]

    async def hang_up_on(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, hang_up_on, [listener])
        (called,) = config(f"0.0.0.0:{port}").listen.audiosocket
        result = await call_the_bot(called)
        nursery.cancel_scope.cancel()
    assert result.verdict is Verdict.FAIL
    assert "not a single frame" in result.text


async def test_nobody_there_is_told() -> None:
    listener, *_ = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    (called,) = config(f"127.0.0.1:{port}").listen.audiosocket
    result = await call_the_bot(called)
    assert result.verdict is Verdict.FAIL
    assert "nobody listens" in result.text
