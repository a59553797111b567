"""A stand-in for Asterisk as the loop-back call meets it: connects to both doors and passes on what comes.

Knows the wire.  Must not know what is measured.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack, suppress
from uuid import UUID

import trio

from voicebot.doctor.console import RefusedError
from voicebot.line.audiosocket import (
    Audio,
    Decoder,
    Hangup,
    Identified,
    Key,
    Message,
    Unknown,
    encode,
)

_DOOR = re.compile(r"AudioSocket/127\.0\.0\.1:(\d+)/([0-9a-f-]{36})/c\((slin\d*)\)")
_APP = re.compile(r"([0-9a-f-]{36}),127\.0\.0\.1:(\d+)")


class Exchange:
    """A `Console` whose calls are bridged by this process.

    Args:
        nursery: where its calls run.
        comes: to how many of the two doors it comes.
        loses: every so manieth frame is lost; 0: none.
        swallows: the keys that do not arrive.
        echoes: what comes in goes back to where it came from, too.
        refuses: what it says to whatever it is asked to do.
    """

    name = "a stand-in"
    our_host = its_host = "127.0.0.1"
    can_press = True

    def __init__(
        self,
        nursery: trio.Nursery,
        *,
        comes: int = 2,
        loses: int = 0,
        swallows: str = "",
        echoes: bool = False,
        refuses: str = "",
    ) -> None:
        self.originated: list[tuple[str, str, str]] = []
        self.wrong_first = False
        """A stranger comes to the first door before."""
        self._nursery = nursery
        self._comes = comes
        self._loses = loses
        self._swallows = swallows
        self._echoes = echoes
        self._refuses = refuses
        self._far: trio.SocketStream | None = None
        self._sending = trio.Lock()
        self.ended = trio.Event()

    async def version(self) -> str:
        return "Asterisk 22.10.1"

    async def ask(self, line: str) -> str:
        raise RefusedError(f"No such command {line}")

    async def originate(self, channel: str, application: str, data: str) -> None:
        if self._refuses:
            raise RefusedError(self._refuses)
        self.originated.append((channel, application, data))
        near = _DOOR.fullmatch(channel)
        assert near is not None
        doors = [(int(near[1]), UUID(near[2]))]
        if application == "AudioSocket":
            far = _APP.fullmatch(data)
            assert far is not None
            doors.append((int(far[2]), UUID(far[1])))
        else:
            dialled = _DOOR.fullmatch(data)
            assert dialled is not None
            doors.append((int(dialled[1]), UUID(dialled[2])))
        self._nursery.start_soon(self._call, doors[: self._comes])

    async def press(self, channel: str, key: str, *, received: bool) -> None:
        assert received
        if key not in self._swallows and self._far is not None:
            await self._send(self._far, Key(key))

    async def hang_up(self, channel: str) -> None:
        raise AssertionError("the loop-back call hangs up as a bot does")

    async def _call(self, doors: list[tuple[int, UUID]]) -> None:
        async with AsyncExitStack() as stack:
            if self.wrong_first:
                stranger = await trio.open_tcp_stream("127.0.0.1", doors[0][0])
                await (await stack.enter_async_context(stranger)).send_all(
                    b"GET / HTTP/1.0\r\n\r\n"
                )
            streams = []
            for port, uuid in doors:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
                streams.append(await stack.enter_async_context(stream))
                await self._send(stream, Identified(uuid))
            if len(streams) < 2:
                await trio.sleep_forever()
            near, far = streams
            self._far = far
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._bridge, near, far, nursery.cancel_scope)
                nursery.start_soon(self._bridge, far, near, nursery.cancel_scope)
        self.ended.set()

    async def _send(self, stream: trio.SocketStream, message: Message) -> None:
        async with self._sending:
            assert not isinstance(message, Unknown)
            await stream.send_all(encode(message))

    async def _bridge(
        self, source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope
    ) -> None:
        decoder = Decoder()
        count = 0
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                for message in decoder.feed(bytes(data)):
                    if isinstance(message, Hangup):
                        scope.cancel()
                        return
                    assert isinstance(message, Audio)
                    loud = any(message.pcm)
                    count += loud
                    lost = loud and self._loses and not count % self._loses
                    # An echo is mixed into what comes anyway: here it takes the place of silence.
                    if not lost and (loud or not self._echoes):
                        await self._send(sink, message)
                    if self._echoes and loud:
                        await self._send(source, message)
        scope.cancel()
