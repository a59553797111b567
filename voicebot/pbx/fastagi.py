"""One caller whose dialplan has come to AGI(): his legs, his transfers, his results.

    exten => 7001,1,Answer()
     same => n,AGI(agi://127.0.0.1/dentist)

Asterisk waits in AGI() while the session tells it what to do with the channel: run AudioSocket(),
which is the call's leg; when that has ended, Dial() somebody else, and AudioSocket() again if nobody
is there; at last set the variables and go on.  One command at a time, and the one that is under way
for most of the call is the leg's.

Knows legs, and the order of all this.  Must not know AGI's commands, sockets, or what happens within
a call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, unquote
from uuid import UUID, uuid4

import structlog
import trio

from voicebot.call.ending import Ending, Outcome
from voicebot.call.services import CallerLeft, Connected
from voicebot.calls import BackOn, Calls, Leg, Taken
from voicebot.config_values import Address
from voicebot.flow import events as ev
from voicebot.flow.dialled import named
from voicebot.flow.events import TransferKind
from voicebot.line.agi import AgiError, AgiSession
from voicebot.pbx.channel import REFUSED, Channel
from voicebot.pbx.introduction import Introduction, called_number
from voicebot.pbx.results import RESULT, channel_variables
from voicebot.pbx.switchboard import Switchboard
from voicebot.pbx.wants import WHISPER
from voicebot.pbx.whisper import whisper

log = structlog.get_logger()

APP: Final = "app"
"""The leg is AudioSocket(); else it is Dial(AudioSocket/…) with that codec."""
GRACE_S: Final = 1.0
"""A leg whose application has ended already may still be saying who it is."""
UNKNOWN: Final = frozenset({"", "unknown"})


@dataclass(frozen=True, slots=True)
class Audio:
    """How a leg is to be made."""

    address: Address
    """Where Asterisk finds our AudioSocket."""
    form: str = APP
    """`app`, or a codec."""


def introduction(environment: Mapping[str, str]) -> Introduction:
    """Who calls, by AGI's environment; the path of the URL names the flow.

    Arguments that are `name=value`, also in the URL's query, go by their names, the others are
    `arg1`, `arg2` and so on.
    """
    script, _, query = environment.get("network_script", "").partition("?")
    path = unquote(script).strip("/")
    args = dict(parse_qsl(query, keep_blank_values=True))
    number = 1
    while (text := environment.get(f"arg_{number}")) is not None:
        name, equals, value = text.partition("=")
        args |= {name.strip(): value} if equals and name.strip() else {f"arg{number}": text}
        number += 1
    return Introduction(
        caller=_known(environment.get("callerid", "")),
        caller_name=_known(environment.get("calleridname", "")),
        called=called_number(environment.get("extension", ""), _known(environment.get("dnid", ""))),
        channel=environment.get("channel", ""),
        channel_language=environment.get("language", ""),
        context=environment.get("context", ""),
        args=args,
        flow=path or None,
    )


def _known(text: str) -> str:
    return "" if text in UNKNOWN else text


class AgiCaller:
    """One caller; an `Exchange` of his call.

    Args:
        audio: how his legs are made.
    """

    def __init__(
        self,
        session: AgiSession,
        calls: Calls,
        switchboard: Switchboard,
        *,
        audio: Audio,
        peer: str,
    ) -> None:
        self._uuid = uuid4()
        self._channel = Channel(session, str(self._uuid))
        self._calls = calls
        self._legs = switchboard.legs
        self._audio = audio
        self._peer = peer
        self._context = switchboard.context
        """Where extensions are looked for that name none."""
        self._gone = False
        """The session is over: there is nobody to tell anything."""
        self._leg_over = trio.Event()
        self._talked = False
        """He has been connected, and the talk is over."""
        self._whispered: bool | None = None
        """Whether the one who is called has heard out what he is told; None: he is told nothing."""
        self._out_rate_hz: int | None = None
        self._nursery: trio.Nursery

    async def run(self, environment: Mapping[str, str]) -> None:
        """Take the caller through his call, and give him back to the dialplan.

        Raises:
            AgiError: the session ended at a moment when that ends nothing else.
        """
        known = introduction(environment)
        self._context = self._context or known.context
        answer = self._calls.answer(self._uuid, known, self._peer)
        if not isinstance(answer, Taken):
            await self._set_variables(Ending(answer))
            return
        with ExitStack() as taken:
            taken.enter_context(self._calls.place())
            await self._prepare()
            async with trio.open_nursery() as self._nursery:
                leg = await self._new_leg(self._uuid)
                taken.close()
                if leg is None:
                    ending = Ending(Outcome.CALLER_HUNG_UP if self._left else Outcome.FAULT)
                else:
                    ending = await self._calls.run(answer, leg, self)
                await self._leg_over.wait()
                if not self._gone:
                    await self._go_on(ending)

    async def _prepare(self) -> None:
        """All that comes before the first leg."""
        await self._channel.answer()
        # Whatever an earlier call of the same channel has left: it holds until there is a result.
        await self._channel.set(RESULT, Outcome.FAULT.value)
        if self._audio.form == APP:
            self._out_rate_hz = await self._channel.hears_at()

    # As an Exchange ---------------------------------------------------------------------------

    async def transfer(
        self, transfer: ev.Transfer, put_down: Callable[[], Awaitable[None]]
    ) -> Connected | BackOn | CallerLeft:
        """As `Exchange`; without a way back the caller is connected when the call has ended."""
        if not transfer.returns:
            return Connected()
        await put_down()
        await self._leg_over.wait()
        try:
            reason = await self._connect(transfer)
            left = self._channel.hung_up
            # Who hangs up in a queue leaves no word whether he had talked by then.
            if reason is None and not (left and transfer.kind is TransferKind.QUEUE):
                self._talked = True
                return Connected()
            if reason is None or left:
                return CallerLeft()
            await self._channel.set(RESULT, Outcome.FAULT.value)  # as before the first leg
        except AgiError:
            self._gone = True
            return CallerLeft()
        leg = await self._new_leg(uuid4())
        if leg is not None:
            return BackOn(reason, leg)
        return CallerLeft() if self._left else CallerLeft("no leg", Outcome.FAULT)

    async def ending(self, ending: Ending) -> None:
        """As `Exchange`: the variables are set when the leg is over, since it is AGI's command."""
        del ending
        await trio.lowlevel.checkpoint()

    # Legs -------------------------------------------------------------------------------------

    @property
    def _left(self) -> bool:
        return self._gone or self._channel.hung_up

    async def _new_leg(self, uuid: UUID) -> Leg | None:
        """Have Asterisk connect; None where it does not, and the caller is gone or it is logged."""
        self._leg_over = trio.Event()
        with self._legs.awaited(uuid) as coming, trio.CancelScope() as waiting:
            self._nursery.start_soon(self._execute_leg, uuid, waiting)
            return replace(await coming.receive(), out_rate_hz=self._out_rate_hz)
        try:
            await self._channel.notice_hangup()
        except AgiError:
            self._gone = True
        if not self._left:
            log.error("agi.no_leg", call=str(self._uuid), channel_gets=str(self._audio.address),
                      remedy="Asterisk could not connect there (listen.agi.audiosocket says where), or "
                      "lacks AudioSocket: see its log, and voicebot doctor")  # fmt: skip
        return None

    async def _execute_leg(self, uuid: UUID, waiting: trio.CancelScope) -> None:
        """Run the application that is the leg, to its end."""
        address, form = self._audio.address, self._audio.form
        try:
            if form == APP:
                await self._channel.execute("AudioSocket", f"{uuid},{address}")
            else:
                await self._channel.execute("Dial", f"AudioSocket/{address}/{uuid}/c({form}),,g")
        except AgiError:
            self._gone = True
        self._leg_over.set()
        waiting.deadline = trio.current_time() + GRACE_S

    # Somebody else ----------------------------------------------------------------------------

    async def _connect(self, transfer: ev.Transfer) -> str | None:
        """Connect the caller with somebody, and wait until they have talked.

        Returns:
            Why they have not; None: they have.

        Raises:
            AgiError: the session is over.
        """
        # For the case that we are not there any more when the talk is over.
        await self._channel.set(RESULT, Outcome.TRANSFER.value)
        seconds = max(1, round(transfer.wait_s))
        if transfer.kind is TransferKind.QUEUE:
            return await self._channel.connect(
                "Queue", f"{transfer.to},,,,{seconds}", "QUEUESTATUS"
            )
        if transfer.kind is TransferKind.VOICEMAIL:
            return await self._channel.connect("VoiceMail", f"{transfer.to},u", "VMSTATUS")
        target = transfer.to
        if transfer.kind is TransferKind.EXTENSION:
            target = f"Local/{transfer.to}@{transfer.context or self._context}"
        whispering = trio.CancelScope()
        try:
            options = await self._whisper(transfer, whispering)
            reason = await self._channel.connect(
                "Dial", f"{target},{seconds},g{options}", "DIALSTATUS"
            )
        finally:
            whispering.cancel()
        return REFUSED if reason is None and self._whispered is False else reason

    async def _whisper(self, transfer: ev.Transfer, whispering: trio.CancelScope) -> str:
        """The option of Dial that has the other side hear something first; "" for nothing."""
        self._whispered = None
        if not transfer.whisper:
            return ""
        if not await self._channel.has_extension(WHISPER, "s"):
            log.warning("agi.no_whisper", call=str(self._uuid),
                        remedy=f"the dialplan lacks [{WHISPER}]: see voicebot dialplan")  # fmt: skip
            return ""
        uuid = uuid4()
        self._nursery.start_soon(self._whisper_leg, uuid, transfer, whispering)
        return f"U({WHISPER}^{uuid}^{self._audio.address})"

    async def _whisper_leg(
        self, uuid: UUID, transfer: ev.Transfer, whispering: trio.CancelScope
    ) -> None:
        with self._legs.awaited(uuid) as coming, whispering:  # cancelled: nobody has answered
            leg = await coming.receive()
            self._whispered = False
            try:
                self._whispered = await whisper(transfer.whisper, leg, self._calls.services)
            except Exception:  # the two can talk nevertheless
                self._whispered = True
                log.exception("call.whisper_fault", call=str(self._uuid))

    # The way back to the dialplan -------------------------------------------------------------

    async def _go_on(self, ending: Ending) -> None:
        try:
            await self._set_variables(ending)
            transfer = ending.transfer
            if self._talked:
                await self._channel.hang_up()
            elif transfer is not None and not self._left:
                await self._leave(transfer)
        except AgiError as error:
            log.info("agi.session_over", call=str(self._uuid), reason=str(error))

    async def _leave(self, transfer: ev.Transfer) -> None:
        """Send the caller where the flow says, for good; where there is nobody the dialplan goes on."""
        if transfer.kind is TransferKind.EXTENSION and not transfer.whisper:
            reason = await self._channel.send_to(transfer.context or self._context, transfer.to)
        else:
            reason = await self._connect(transfer)
            if reason is None:
                await self._channel.hang_up()
        if reason is not None and self._left:
            await self._channel.set(RESULT, Outcome.CALLER_HUNG_UP.value)
        elif reason is not None:
            to = named(transfer.kind, transfer.to)
            log.warning("call.transfer_failed", call=str(self._uuid), to=to, reason=reason)
            await self._channel.set(RESULT, Outcome.TRANSFER_FAILED.value)

    async def _set_variables(self, ending: Ending) -> None:
        for name, text in channel_variables(str(self._uuid), ending).items():
            await self._channel.set(name, text)
