"""A peer that speaks the manager interface, for what the real one does not do when asked: outages, garbage, slowness.

Knows AMI's bytes as they were seen on Asterisk 22.10.1.  Must not know the code under test.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import trio

from voicebot.config import Address

BANNER = "Asterisk Call Manager/11.0.0\r\n"
Fields = dict[str, str]
Sent = str | bytes | None
Answer = Callable[[Fields], Sent | Awaitable[Sent]]
"""What is sent for an action; None closes the connection."""


def block(**fields: str) -> str:
    """One message; an underscore at the end of a key is for Python alone."""
    return "".join(f"{key.rstrip('_')}: {value}\r\n" for key, value in fields.items()) + "\r\n"


def ok(action: Fields, **fields: str) -> str:
    return block(Response="Success", ActionID=action["ActionID"], **fields)


def error(action: Fields, message: str) -> str:
    return block(Response="Error", ActionID=action["ActionID"], Message=message)


def channels(action: Fields, *rows: Mapping[str, str]) -> str:
    """The whole answer to CoreShowChannels."""
    ident = action["ActionID"]
    text = ok(action, EventList="start", Message="Channels will follow")
    for row in rows:
        text += block(Event="CoreShowChannel", ActionID=ident, **row)
    return text + block(
        Event="CoreShowChannelsComplete",
        ActionID=ident,
        EventList="Complete",
        ListItems=str(len(rows)),
    )


class Peer:
    """Takes connections while `running_peer` lasts; `answers` says what to each action."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.got: list[Fields] = []
        """All actions, in the order in which they came."""
        self.last: tuple[str, ...] = ()
        """Actions after whose answer it closes the connection, as Asterisk does after a wrong Login."""
        self.connections = 0
        self.banner: str | bytes = BANNER
        self.open: set[trio.SocketStream] = set()

    def seen(self, action: str) -> list[Fields]:
        return [fields for fields in self.got if fields["Action"] == action]

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        self.open.add(stream)
        try:
            await self._serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.open.discard(stream)
            await stream.aclose()

    async def _serve(self, stream: trio.SocketStream) -> None:
        await stream.send_all(_bytes(self.banner))
        buffer = b""
        while data := await stream.receive_some():
            *whole, buffer = (buffer + bytes(data)).split(b"\r\n\r\n")
            for one in whole:
                lines = [line.partition(": ") for line in one.decode().split("\r\n")]
                action = {key: value for key, _, value in lines}
                self.got.append(action)
                answer = self.answers.get(action["Action"], ok)(action)
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer is None:
                    return
                await stream.send_all(_bytes(answer))
                if action["Action"] in self.last:
                    return

    async def hang_up(self) -> None:
        """Close every connection, as Asterisk does when it stops."""
        for stream in list(self.open):
            await stream.aclose()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


@asynccontextmanager
async def running_peer(peer: Peer, port: int = 0) -> AsyncIterator[Address]:
    """The peer's address, while it listens.  Leaving closes the port and all connections."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, peer.serve, port, host="127.0.0.1"))
        yield Address("127.0.0.1", listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()
