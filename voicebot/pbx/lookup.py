"""What Asterisk's manager interface knows of a call that came with nothing but an identifier.

Knows which of Asterisk's channels belongs to an identifier, and keeps one connection for all calls.
Must not know calls or flows.  Nothing is raised into a call: what goes wrong is logged, and the call
goes on without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog
import trio

from voicebot.config import Ami
from voicebot.pbx.ami import Event
from voicebot.pbx.ami_session import AmiRefused, AmiSession, AmiUnavailable, open_ami
from voicebot.pbx.introduction import Introduction, called_number

log = structlog.get_logger()

LIMIT_S: Final = 1.0
"""For each thing that is asked here: a caller is waiting."""
AGAIN_S: Final = 0.1
"""A second look, for an Asterisk that has not yet written down what the channel does."""
LOG_IN_S: Final = 5.0
PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Before each new try to connect; the last goes on."""
NOW_S: Final = 0.2
"""For a connection that is made because a call has come: Asterisk must be there, then."""
QUIET_S: Final = 30.0
"""After which it is asked whether Asterisk is still there: a dead machine closes nothing."""
COMPLAINTS: Final = 10
"""Different ones, of one connection or one outage.  What Asterisk says is not ours to bound."""
UNKNOWN: Final = "<unknown>"
_GONE: Final = re.compile("no such channel|channel does not exist", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Lookup:
    """Asks Asterisk about calls, while `run` runs."""

    def __init__(self, ami: Ami) -> None:
        self._ami = ami
        self._session: AmiSession | None = None
        self._wanted = trio.Event()
        """A call has come while there is no connection."""
        self._trying = False
        self._tried = trio.Event()
        """The try to connect that has begun, or else the next, is over."""
        self._listing = trio.Lock()
        self._next: _Listing | None = None
        """Asked for, and not yet begun."""
        self._told: set[str] = set()
        """What has been complained of since the connection was made or lost."""

    async def run(self) -> None:
        """Keep the connection, and make it again when it breaks, until cancelled."""
        tries = 0
        while True:
            self._trying = True
            try:
                with trio.fail_after(LOG_IN_S) as limit:
                    async with open_ami(
                        self._ami.address, self._ami.user, self._ami.secret
                    ) as session:
                        limit.deadline = float("inf")
                        tries = 0
                        await self._keep(session)
            except AmiRefused as error:
                self._complain("ami.away", f"{error}; compare ami in config.yaml with manager.conf")
            except ValueError as error:
                self._complain("ami.away", f"{error}; correct ami in config.yaml")
            except AmiUnavailable as error:
                self._complain("ami.away", str(error), kind="away")
            except trio.TooSlowError:
                self._complain("ami.away", f"no answer from {self._ami.address}", kind="away")
            self._wake_waiting()
            with trio.move_on_after(PAUSES_S[min(tries, len(PAUSES_S) - 1)]):
                await self._wanted.wait()
            self._wanted = trio.Event()
            tries += 1

    async def find(self, uuid: UUID) -> Introduction | None:
        """Who calls with this identifier; None when Asterisk does not know, or not within `LIMIT_S`."""
        with trio.move_on_after(LIMIT_S) as limit:
            try:
                return await self._find(uuid)
            except AmiUnavailable:
                return None  # told where the connection is made
            except AmiRefused as error:
                self._complain("ami.refused", str(error))
        if limit.cancelled_caught:
            self._complain("ami.slow", f"no answer within {LIMIT_S:g} s")
        return None

    async def tell(self, channel: str, variables: Mapping[str, str]) -> bool:
        """Set variables of a channel; whether all of them are set.

        Line breaks become spaces, for the manager interface has none.  A variable that cannot be set
        is left out.
        """
        settings = []
        for name, value in variables.items():
            if _VARIABLE.fullmatch(name):
                line = " ".join(value.replace("\0", " ").splitlines())
                settings.append({"Variable": name, "Value": line})
            else:
                log.warning(
                    "ami.not_done", action="Setvar", reason=f"no variable is called {name!r}"
                )
        return await self._do("Setvar", channel, *settings) and len(settings) == len(variables)

    async def has(self, channel: str, context: str, exten: str) -> bool:
        """Whether the dialplan has that extension for the channel; also where Asterisk does not say."""
        with trio.move_on_after(LIMIT_S), suppress(AmiUnavailable, AmiRefused, ValueError):
            response = await self._connected().action(
                "Getvar", Channel=channel, Variable=f"DIALPLAN_EXISTS({context},{exten},1)"
            )
            return response.fields.get("Value") != "0"
        return True

    async def redirect(self, channel: str, context: str, exten: str) -> bool:
        """Send a channel to the first priority of an extension; whether Asterisk has done it."""
        return await self._do(
            "Redirect", channel, {"Context": context, "Exten": exten, "Priority": "1"}
        )

    async def _keep(self, session: AmiSession) -> None:
        """Be there for calls until the connection is lost.

        Raises:
            AmiUnavailable, trio.TooSlowError: it is.
        """
        self._session = session
        self._told.clear()
        self._wake_waiting()
        log.info("ami.connected", address=str(self._ami.address), version=session.version)
        try:
            while True:
                with trio.move_on_after(QUIET_S):
                    raise AmiUnavailable(await session.wait_lost())
                with trio.fail_after(LOG_IN_S):
                    await session.action("Ping")
        finally:
            self._session = None
            self._told.clear()

    def _wake_waiting(self) -> None:
        self._trying = False
        self._tried.set()
        self._tried = trio.Event()

    async def _find(self, uuid: UUID) -> Introduction | None:
        if self._session is None:
            self._wanted.set()
            # A try that has begun before the call came may have come too early.
            with trio.move_on_after(NOW_S):
                for _ in range(2 if self._trying else 1):
                    if self._session is None:
                        await self._tried.wait()
        caller = caller_of(await self._channels(), uuid)
        if caller is None:
            await trio.sleep(AGAIN_S)
            caller = caller_of(await self._channels(), uuid)
        return None if caller is None else await self._introduced(caller)

    async def _introduced(self, row: Event) -> Introduction:
        fields = {key: "" if value == UNKNOWN else value for key, value in row.fields.items()}
        channel = fields.get("Channel", "")
        dialled = await self._variable(channel, "CALLERID(dnid)")
        called = called_number(fields.get("Exten", ""), dialled) or dialled
        language = fields.get("Language") or await self._variable(channel, "CHANNEL(language)")
        return Introduction(
            caller=fields.get("CallerIDNum", ""),
            caller_name=fields.get("CallerIDName", ""),
            called=called,
            channel=channel,
            channel_language=language,
            context=fields.get("Context", ""),
        )

    async def _variable(self, channel: str, name: str) -> str:
        """A variable or function of a channel; "" when the channel is gone, or we may not ask."""
        try:
            response = await self._connected().action("Getvar", Channel=channel, Variable=name)
        except AmiRefused as error:
            self._complain("ami.refused", str(error))
            return ""
        return response.fields.get("Value", "")

    async def _channels(self) -> Iterable[Event]:
        """All channels, looked up after this was called.

        One look serves everybody who has asked before it began: a hundred calls at once cost two.
        """
        if self._next is not None:
            listing = self._next
            await listing.over.wait()
            return listing.rows
        listing = self._next = _Listing()
        try:
            async with self._listing:
                self._next = None
                listing.rows = await self._connected().listed("CoreShowChannels")
        finally:
            if self._next is listing:
                self._next = None
            listing.over.set()
        return listing.rows

    def _connected(self) -> AmiSession:
        if self._session is None:
            raise AmiUnavailable("not connected")
        return self._session

    async def _do(self, action: str, channel: str, *each: Mapping[str, str]) -> bool:
        """Do this to a channel, once for each set of fields; whether all of it is done."""
        if not channel:
            # Asterisk would take it for a global variable.
            log.warning("ami.not_done", action=action, reason="the channel is not known")
            return False
        reason = f"no answer within {LIMIT_S:g} s"
        with trio.move_on_after(LIMIT_S):
            try:
                return await self._done(action, channel, each)
            except AmiUnavailable as error:
                reason = str(error)
            except AmiRefused as error:
                reason = str(error)
                if _GONE.search(reason):
                    log.info("ami.caller_gone", action=action, channel=channel)
                    return False
        log.warning("ami.not_done", action=action, channel=channel, reason=reason)
        return False

    async def _done(self, action: str, channel: str, each: Iterable[Mapping[str, str]]) -> bool:
        done = True
        for fields in each:
            try:
                await self._connected().action(action, Channel=channel, **fields)
            except ValueError as error:
                log.warning("ami.not_done", action=action, channel=channel, reason=str(error))
                done = False
        return done

    def _complain(self, event: str, reason: str, kind: str = "") -> None:
        """Say it once in a connection or an outage, not for every call that it concerns.

        Complaints of one kind are one, whatever the reason; those without differ by it.
        """
        if (kind or reason) not in self._told and len(self._told) < COMPLAINTS:
            self._told.add(kind or reason)
            log.warning(event, reason=reason)


@dataclass(slots=True)
class _Listing:
    """A look at all channels that several calls wait for."""

    over: trio.Event = field(default_factory=trio.Event)
    rows: Iterable[Event] = ()
    """Stays empty when it fails."""


def caller_of(channels: Iterable[Event], uuid: UUID) -> Event | None:
    """The caller's row among those of CoreShowChannels; not the bot's own.

    With `AudioSocket(UUID,HOST:PORT)`, also within TryExec, and with
    `Dial(AudioSocket/HOST:PORT/UUID/c(CODEC))` the identifier stands in what the caller's channel is
    doing.  Where something else has called the bot (a queue, say), the bot's channel has it in its
    name, and belongs together with the caller's.
    """
    rows = list(channels)
    written = str(uuid)
    own: Event | None = None
    for row in rows:
        if row.fields.get("Channel", "").lower().startswith("audiosocket/"):
            own = row if row.fields["Channel"].lower().endswith(f"-{written}") else own
        elif _is_doing(row, written):
            return row
    if own is None:
        return None
    first = own.fields.get("Linkedid")
    return next(
        (row for row in rows if row is not own and row.fields.get("Uniqueid") == first), None
    )


def _is_doing(row: Event, written: str) -> bool:
    data = row.fields.get("ApplicationData", "").lower()
    application = row.fields.get("Application", "").lower()
    if application == "audiosocket":
        return data.partition(",")[0].strip(' "') == written
    # Of several that ring at once, divided by &, the bot may be any.
    pattern = rf"audiosocket/[^/&,]+/{written}(?![0-9a-f-])"
    return application == "dial" and re.search(pattern, data) is not None
