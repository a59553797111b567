"""Where callers come from that come without AGI(): who they are, and what is told when they leave.

Knows what has been announced over HTTP, and Asterisk's manager interface where there is one.  Must
not know how either is spoken, nor what happens within a call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import structlog
import trio

from voicebot.call.ending import Ending, Outcome
from voicebot.call.services import Connected
from voicebot.calls import Leg
from voicebot.flow import events as ev
from voicebot.flow.events import TransferKind
from voicebot.pbx.expected import Expected
from voicebot.pbx.finished import Finished
from voicebot.pbx.introduction import Introduction
from voicebot.pbx.legs import AwaitedLegs
from voicebot.pbx.lookup import Lookup
from voicebot.pbx.results import channel_variables

log = structlog.get_logger()


class Switchboard:
    """What all callers share before and after their calls."""

    def __init__(self, lookup: Lookup | None, context: str | None) -> None:
        """`context`: where transfers look for extensions that name none; None: in the caller's own."""
        self.legs = AwaitedLegs()
        self.expected = Expected()
        self.finished = Finished()
        self.context = context or ""
        self._lookup = lookup

    async def introduced(self, leg: Leg) -> tuple[Introduction, PlainExchange]:
        """Who calls on a leg that nobody has asked for."""
        known = self.expected.take(leg.uuid)
        if known is None and self._lookup is not None:
            known = await self._lookup.find(leg.uuid)
        known = known or Introduction()
        context = self.context or known.context
        exchange = PlainExchange(leg.uuid, known.channel, self.finished, self._lookup, context)
        return replace(known, flow=known.flow or leg.listener.flow), exchange


class PlainExchange:
    """The dialplan behind AudioSocket(): it goes on when the bot hangs up, and asks for the results,
    or is told them over the manager interface.  Nobody comes back from a transfer.

    Args:
        channel: the caller's; "" where it is not known.
        context: where his transfers look for extensions that name no context.
    """

    def __init__(
        self,
        uuid: UUID,
        channel: str,
        finished: Finished,
        lookup: Lookup | None,
        context: str,
    ) -> None:
        self._uuid = uuid
        self._channel = channel
        self._finished = finished
        self._lookup = lookup
        self._context = context

    async def transfer(
        self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
    ) -> Connected:
        """As `Exchange`."""
        del put_down
        await trio.lowlevel.checkpoint()
        if transfer.returns:
            log.warning("call.no_way_back", to=transfer.to,
                        remedy="only AGI() in the dialplan brings a caller back")  # fmt: skip
        return Connected()

    async def ending(self, ending: Ending) -> None:
        """As `Exchange`."""
        self._finished.put(self._uuid, channel_variables(str(self._uuid), ending))
        if self._lookup is not None and self._channel:
            await self._send_on(ending, self._lookup)

    async def _send_on(self, ending: Ending, lookup: Lookup) -> None:
        extension = _extension(ending)
        context = (ending.transfer and ending.transfer.context) or self._context
        # A redirection to where nothing is would end the call, and the dialplan with it.
        known = not extension or not context
        if not known and not await lookup.has(self._channel, context, extension):
            reason = f"the dialplan has no extension {extension} in [{context}]"
            log.warning("call.transfer_failed", to=extension, reason=reason)
            extension, ending = "", replace(ending, outcome=Outcome.TRANSFER_FAILED)
        variables = channel_variables(str(self._uuid), ending)
        self._finished.put(self._uuid, variables)
        await lookup.tell(self._channel, variables)
        if extension:
            await lookup.redirect(self._channel, context, extension)


def _extension(ending: Ending) -> str:
    """Where the caller is to be sent; "" where he is not, or where only the dialplan can."""
    transfer = ending.transfer
    is_extension = transfer is not None and transfer.kind is TransferKind.EXTENSION
    return transfer.to if transfer is not None and is_extension else ""
