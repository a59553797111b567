"""Every message of a connection, for the cases that only its bytes explain.

Knows a socket and what passes through it.  Must not know the protocol but for what a frame of audio
looks like, nor calls.  A secret is not written here either: of what came while one was told, or may
have been, only the first bytes are kept, which say of what kind and how long it was.
"""

from __future__ import annotations

import socket
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voicebot.flow import events as ev
from voicebot.flow import model
from voicebot.line.audio import FRAMES_PER_S
from voicebot.line.audiosocket import HEADER
from voicebot.records.secrets import TONE_S, SoundMask
from voicebot.records.writer import Appended, Writer

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHUNK: Final = 4 * FRAMES_PER_S
"""Messages that are written at once: two seconds, both ways."""
HELD: Final = round(1.5 * TONE_S * 2 * FRAMES_PER_S)
"""Messages that stay in reach of a secret that is noticed late."""
SHORTEST_AUDIO: Final = 160
"""Bytes.  What is shorter may hold a key."""

Message = tuple[float, str, bytes, int]
"""When, "in" or "out", the bytes, and how many of them may be written."""


class TappedSocket(socket.socket):
    """A socket whose bytes are told to somebody.  It takes over the one that it is made of."""

    def __init__(self, sock: socket.socket, tell: Callable[[str, bytes], None]) -> None:
        super().__init__(fileno=sock.detach())
        self.setblocking(False)
        self._tell = tell

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        data = super().recv(bufsize, flags)
        self._tell("in", data)
        return data

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        sent = super().send(data, flags)
        self._tell("out", bytes(data)[:sent])
        return sent


class Wire:
    """One call's messages on their way to its file."""

    def __init__(
        self,
        path: Path,
        flow: model.Flow,
        writer: Writer,
        *,
        now: Callable[[], float],
        saying_secret: Callable[[], bool],
    ) -> None:
        """Prepare a file there; nothing is written yet.

        Args:
            now: the time since the call began, in seconds.
            saying_secret: whether the frame that the bot says next is of something secret.
        """
        self.file = Appended(path)
        self._writer = writer
        self._now = now
        self._mask = SoundMask(flow)
        self._keys_are_secret = flow.asks_secret
        self._saying_secret = saying_secret
        self._said_secret = False
        self._messages: list[Message] = []

    def tapped(self, sock: socket.socket) -> socket.socket:
        """The socket to use in place of this one."""
        return TappedSocket(sock, self._take)

    def told(self, event: ev.Event, actions: Sequence[ev.Action]) -> None:
        """Learn from what happens in the call what is secret."""
        since_s = self._now() - self._mask.told(event, actions)
        if since_s < self._now():
            for index in range(len(self._messages) - 1, -1, -1):
                at_s, way, data, _ = self._messages[index]
                if at_s < since_s:
                    break
                if way == "in":
                    self._messages[index] = (at_s, way, data, HEADER.size)

    def close(self) -> None:
        """The call is over: write what is left."""
        self._hand_over(len(self._messages))
        self._writer.do(self.file.close)

    def _take(self, way: str, data: bytes) -> None:
        self._messages.append((self._now(), way, data, self._shown(way, data)))
        if len(self._messages) >= HELD + CHUNK:
            self._hand_over(CHUNK)

    def _shown(self, way: str, data: bytes) -> int:
        if way == "in":
            maybe_key = self._keys_are_secret and len(data) < SHORTEST_AUDIO
            secret = self._mask.caller or maybe_key
        else:
            # The frame that is sent has been taken already: what comes next may be no secret.
            said, self._said_secret = self._said_secret, self._saying_secret()
            secret = self._mask.bot or said or self._said_secret
        return HEADER.size if secret else len(data)

    def _hand_over(self, count: int) -> None:
        messages, self._messages = self._messages[:count], self._messages[count:]
        if messages:
            self._writer.do(partial(self._write, messages))

    def _write(self, messages: Sequence[Message]) -> None:
        self.file.write(b"".join(map(_line, messages)))


def _line(message: Message) -> bytes:
    """A line of JSON.  Nothing in it needs escaping, and there are a hundred a second for each call."""
    at_s, way, data, shown = message
    hidden = f',"hidden":{len(data) - shown}' if shown < len(data) else ""
    base64 = b2a_base64(data[:shown], newline=False).decode()
    return f'{{"at_s":{at_s:.4f},"way":"{way}","data":"{base64}"{hidden}}}\n'.encode()
