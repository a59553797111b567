"""One connection to Asterisk's manager interface, logged in: actions out, their answers back.

Knows a socket and the codec.  Must not know calls, nor when to try again: that is the user's.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final, assert_never

import trio

from voicebot.config import Address
from voicebot.pbx.ami import Banner, Decoder, Event, Message, ProtocolError, Response, encode

CHUNK: Final = 16_384
"""Bytes read at a time: half a millisecond's decoding, between two beats of the media clock."""
LIST_MOST: Final = 50_000
"""Rows of a list: more channels than any Asterisk bears."""


class AmiUnavailable(Exception):
    """There is no connection, or no more.  One line."""


class AmiRefused(Exception):
    """Asterisk has answered with an error.  The text is what it says, such as `No such channel`."""


@dataclass(slots=True)
class _Asked:
    """An action whose answer is waited for."""

    response: Response | None = None
    rows: list[Event] = field(default_factory=list)
    whole: bool = False
    """The answer is there, the list with it."""
    over: trio.Event = field(default_factory=trio.Event)
    """It is whole, or will never be."""

    def end(self) -> None:
        self.whole = True
        self.over.set()


class AmiSession:
    """Build it with `open_ami`.  Any number of tasks may ask at once."""

    def __init__(self, stream: trio.abc.Stream, on_event: Callable[[Event], None] | None) -> None:
        self._stream = stream
        self._on_event = on_event
        self._decoder = Decoder()
        self._numbers = count(1)
        self._asked: dict[str, _Asked] = {}
        self._sending = trio.Lock()
        self._lost = ""
        """Why nothing can be asked any more."""
        self._gone = trio.Event()
        self.version = ""
        """Of the protocol, as the banner has it: `11.0.0`."""

    async def action(self, name: str, **fields: str | Iterable[str]) -> Response:
        """Do something: `action("Getvar", Channel=channel, Variable="CALLERID(dnid)")`.

        Raises:
            AmiUnavailable: the connection is gone.
            AmiRefused: Asterisk says no.
            ValueError: a field holds what no action can.
        """
        return (await self._ask(name, fields))[0]

    async def listed(self, name: str, **fields: str | Iterable[str]) -> list[Event]:
        """The rows of a list: `listed("CoreShowChannels")`, without the event that ends it.

        Raises:
            AmiUnavailable, AmiRefused, ValueError: as `action`.
        """
        return (await self._ask(name, fields))[1]

    async def command(self, line: str) -> str:
        """What the CLI prints for a command such as `core show version`.

        Raises:
            AmiUnavailable, AmiRefused, ValueError: as `action`.
        """
        return (await self.action("Command", Command=line)).fields.get("Output", "")

    async def wait_lost(self) -> str:
        """Wait until the connection is lost; return why."""
        await self._gone.wait()
        return self._lost

    async def read(self) -> None:
        """Take in what comes, until the connection is lost.  `open_ami` starts it."""
        while not self._lost:
            try:
                data = await self._stream.receive_some(CHUNK)
                messages = self._decoder.feed(bytes(data))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._lose(_reason(error))
                return
            except ProtocolError as error:
                self._lose(str(error))
                return
            for message in messages:
                self._take(message)
            if not data:
                self._lose("Asterisk has closed the connection")
            elif self._decoder.error is not None:
                self._lose(str(self._decoder.error))

    async def _ask(
        self, name: str, fields: Mapping[str, str | Iterable[str]]
    ) -> tuple[Response, list[Event]]:
        action_id = f"voicebot-{next(self._numbers)}"
        data = encode(name, action_id, fields)
        asked = self._asked[action_id] = _Asked()
        try:
            await self._send(data)
            await asked.over.wait()
        finally:
            del self._asked[action_id]  # what still comes finds nobody, and is dropped
        response = asked.response
        if response is None or not asked.whole:
            raise AmiUnavailable(self._lost)
        if not response.success:
            # Of a command that went wrong the message is only "Command output follows".
            said = " ".join(response.fields.get("Output", response.message).split())
            raise AmiRefused(said or f"{name} failed")
        return response, asked.rows

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            if self._lost:
                raise AmiUnavailable(self._lost)
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                self._lose(_reason(error))
                raise AmiUnavailable(self._lost) from None
            except trio.Cancelled:
                # Maybe half an action is out: the next one would be taken for its second half.
                self._lose("an action was cut off")
                raise

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why
        self._gone.set()
        for asked in self._asked.values():
            asked.over.set()

    def _take(self, message: Message) -> None:
        match message:
            case Banner(version):
                self.version = version
            case Response(action_id=action_id):
                if (asked := self._asked.get(action_id)) is not None:
                    asked.response = message
                    if message.fields.get("EventList") != "start":
                        asked.end()
            case Event(action_id=action_id):
                if (asked := self._asked.get(action_id)) is not None:
                    self._take_row(asked, message)
                elif self._on_event is not None:
                    self._on_event(message)
            case _:
                assert_never(message)

    def _take_row(self, asked: _Asked, row: Event) -> None:
        if "EventList" in row.fields:
            asked.end()  # "Complete", or "cancelled"
        elif len(asked.rows) < LIST_MOST:
            asked.rows.append(row)


@asynccontextmanager
async def open_ami(
    address: Address,
    user: str,
    secret: str,
    *,
    on_event: Callable[[Event], None] | None = None,
) -> AsyncIterator[AmiSession]:
    """A session of that manager user while the context lasts.  Waits as long as it is let.

    Args:
        address: where Asterisk's manager interface is.
        user: a section of manager.conf.
        secret: its password; goes over the line as it is, so the line must be a safe one.
        on_event: what to do with events; must not raise.  None: Asterisk is asked to send none.

    Raises:
        AmiUnavailable: nobody is there, or it is not Asterisk.
        AmiRefused: Asterisk does not let this user in.
    """
    try:
        stream = await trio.open_tcp_stream(address.host, address.port)
    except OSError as error:
        raise AmiUnavailable(f"no connection to {address}: {_why(error)}") from None
    session = AmiSession(stream, on_event)
    events = "off" if on_event is None else "on"
    try:
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(session.read)
            await _log_in(session, address, Username=user, Secret=secret, Events=events)
            yield session
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _alone(group) from None


def _alone(group: BaseExceptionGroup) -> BaseException:
    """The user's own error: the reader raises none, so there is no need for a group around it."""
    return group.exceptions[0] if len(group.exceptions) == 1 else group


async def _log_in(session: AmiSession, address: Address, **fields: str) -> None:
    try:
        await session.action("Login", **fields)
    except AmiUnavailable as error:
        raise AmiUnavailable(f"no manager interface at {address}: {error}") from None
    except AmiRefused as error:
        raise AmiRefused(
            f'Asterisk at {address} does not let the manager user "{fields["Username"]}" in: {error}'
        ) from None


def _why(error: OSError) -> str:
    """What happened, in the words of the system where it has some."""
    leaf = error if error.errno else error.__cause__
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    number = leaf.errno if isinstance(leaf, OSError) else None
    return os.strerror(number) if number and number > 0 else str(leaf or error)


def _reason(error: Exception) -> str:
    return str(error.__cause__ or error) or "the connection is closed"
