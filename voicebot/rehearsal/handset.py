"""The caller's end of a line in virtual time: what is sent in each slot of 20 ms, and what is heard.

Knows the socket, the messages on it, the impairments of the line and when each loud frame came.
Must not know dialogues, tests or engines.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from voicebot.line.audio import level_dbfs, resample, silence
from voicebot.line.audiosocket import Audio, Decoder, Hangup, Key, Message, encode
from voicebot.phone.report import LOUD_DBFS

if TYPE_CHECKING:
    import socket

    from voicebot.rehearsal.impairments import CallersLine

_READ_BYTES = 65536


class Handset:
    """One caller's telephone.

    Args:
        sock: non-blocking; it is closed by `hang_up`, or when the bot hangs up.
    """

    def __init__(self, sock: socket.socket, line: CallersLine, rate_hz: int) -> None:
        self._sock = sock
        self._line = line
        self._rate_hz = rate_hz
        self._decoder = Decoder()
        self._to_play: deque[bytes] = deque()
        """What came and is not played yet: an early frame waits for its slot."""
        self._said: list[bytes] = []
        self._played: list[bytes] = []
        self.frames = 0
        """How many frames of the bot have come."""
        self._loud: list[int] = []
        """The numbers of its loud frames, and when they came."""
        self._loud_s: list[float] = []
        self.open = True

    def send(self, speech: bytes | None) -> None:
        """Send what is said in this slot, while what the bot has said is played."""
        bot = self._to_play.popleft() if self._to_play else None
        self._played.append(bot or silence(self._rate_hz))
        frame = self._line.carry(speech, bot)
        self._said.append(frame or silence(self._rate_hz))
        if frame is not None:
            self._send(Audio(self._rate_hz, frame))

    def press(self, key: str) -> None:
        """Send a key; the network repeats these until one comes through, so none is lost."""
        self._send(Key(key))

    def _send(self, message: Audio | Key) -> None:
        if self.open:
            self._sock.send(encode(message))

    def hear(self, now_s: float) -> None:
        """Take in what the bot has sent."""
        while self.open:
            try:
                data = self._sock.recv(_READ_BYTES)
            except BlockingIOError:
                return
            for message in self._decoder.feed(data):
                self._take(message, now_s)
            if not data:
                self.hang_up()

    def _take(self, message: Message, now_s: float) -> None:
        if isinstance(message, Hangup):
            self.hang_up()
        elif isinstance(message, Audio):
            if level_dbfs(message.pcm) > LOUD_DBFS:
                self._loud.append(self.frames)
                self._loud_s.append(now_s)
            self.frames += 1
            # The bot begins at 8 kHz, whatever the caller's rate is.
            self._to_play.append(resample(message.pcm, message.rate_hz, self._rate_hz))

    def hang_up(self) -> None:
        """Close the connection, as Asterisk does when its caller hangs up."""
        self.open = False
        self._sock.close()

    def loud_s(self, frame: int) -> float | None:
        """When the first loud frame came, counted from the bot's frame of this number on."""
        at = bisect_left(self._loud, frame)
        return self._loud_s[at] if at < len(self._loud) else None

    def last_loud_s(self, before: int | None = None) -> float | None:
        """When the last loud frame came, of those before the bot's frame of this number."""
        at = len(self._loud) if before is None else bisect_left(self._loud, before)
        return self._loud_s[at - 1] if at else None

    def write_stereo(self, path: Path) -> None:
        """Write a WAV to listen to: left what the bot heard of the caller, right what he heard.

        Raises:
            OSError: it cannot be written there.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        left = np.frombuffer(b"".join(self._said), "<i2")
        size = len(left)
        right = np.frombuffer(b"".join(self._played), "<i2")[:size]
        soundfile.write(path, np.column_stack([left, right]), self._rate_hz, subtype="PCM_16")
