"""A caller who came without AGI(), when the bot is done with him."""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import pytest
import structlog
import trio

from voicebot.call.ending import Ending, Outcome
from voicebot.flow import events as ev
from voicebot.pbx.finished import Finished
from voicebot.pbx.switchboard import PlainExchange

CALL = UUID(int=1)


class Dialplan:
    """As `Lookup`, with these extensions."""

    def __init__(self, *places: tuple[str, str]) -> None:
        self._places = places
        self.done: list[tuple[str, ...]] = []
        self.told: Mapping[str, str] = {}

    async def has(self, _channel: str, context: str, exten: str) -> bool:
        await trio.lowlevel.checkpoint()
        return (context, exten) in self._places

    async def tell(self, channel: str, variables: Mapping[str, str]) -> None:
        await trio.lowlevel.checkpoint()
        self.done.append(("tell", channel))
        self.told = variables

    async def redirect(self, channel: str, context: str, exten: str) -> None:
        await trio.lowlevel.checkpoint()
        self.done.append(("redirect", channel, context, exten))


def sent_on(to: str, kind: ev.TransferKind = ev.TransferKind.EXTENSION) -> Ending:
    return Ending(Outcome.TRANSFER, {"topic": "sales"}, ev.Transfer(to, None, 20.0, False, kind))


@pytest.mark.parametrize("context", ["office", ""])
async def test_who_is_transferred_is_told_and_sent_on(context: str) -> None:
    dialplan, finished = Dialplan(("office", "400")), Finished()
    exchange = PlainExchange(CALL, "PJSIP/1", finished, cast("Any", dialplan), context)
    await exchange.ending(sent_on("400"))
    assert dialplan.done == [("tell", "PJSIP/1"), ("redirect", "PJSIP/1", context, "400")]
    assert dialplan.told == finished.get(CALL)
    assert dialplan.told["VOICEBOT_RESULT"] == "transfer"


async def test_who_would_be_sent_to_where_nothing_is_stays_with_the_dialplan() -> None:
    dialplan, finished = Dialplan(("office", "400")), Finished()
    exchange = PlainExchange(CALL, "PJSIP/1", finished, cast("Any", dialplan), "office")
    with structlog.testing.capture_logs() as logs:
        await exchange.ending(sent_on("401"))
    assert dialplan.done == [("tell", "PJSIP/1")]
    assert dialplan.told == finished.get(CALL)
    assert dialplan.told["VOICEBOT_RESULT"] == "transfer_failed"
    assert [line["reason"] for line in logs] == ["the dialplan has no extension 401 in [office]"]


async def test_a_queue_is_the_dialplans() -> None:
    dialplan = Dialplan()
    exchange = PlainExchange(CALL, "PJSIP/1", Finished(), cast("Any", dialplan), "office")
    await exchange.ending(sent_on("sales", ev.TransferKind.QUEUE))
    assert dialplan.done == [("tell", "PJSIP/1")]
    assert dialplan.told["VOICEBOT_TRANSFER"] == "sales"


async def test_whose_channel_is_not_known_only_leaves_his_results() -> None:
    dialplan, finished = Dialplan(), Finished()
    exchange = PlainExchange(CALL, "", finished, cast("Any", dialplan), "office")
    await exchange.ending(sent_on("400"))
    assert dialplan.done == []
    assert finished.get(CALL) is not None
