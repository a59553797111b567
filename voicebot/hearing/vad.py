"""Is this 20 ms frame speech?  WebRTC's voice activity detector at the line's rate.

Knows webrtcvad and the rates it takes.  Must not know what speech begins or ends.
"""

from __future__ import annotations

from typing import Final

import webrtcvad

from voicebot.line.audio import Rechunker, StreamResampler, frame_bytes

NATIVE_HZ: Final = (8000, 16000, 32000)
"""Rates that go in as they are.  48 kHz is native too, but costs five times as much inside."""
COMMON_HZ: Final = 16000
"""What every other rate is brought to."""
AGGRESSIVENESS: Final = 2
"""0 hears speech in everything, 3 in little."""


class Vad:
    """One caller's detector; it adapts to his line, so each call has its own.

    Frames of a rate that WebRTC cannot take are resampled first; `hear` hands them back at
    `rate_hz`, so that nobody resamples them again.
    """

    def __init__(self, line_rate_hz: int) -> None:
        self._vad = webrtcvad.Vad(AGGRESSIVENESS)
        self._is_speech = self._vad.is_speech
        self.rate_hz = line_rate_hz if line_rate_hz in NATIVE_HZ else COMMON_HZ
        self._resampler: StreamResampler | None = None
        if self.rate_hz != line_rate_hz:
            self._resampler = StreamResampler(line_rate_hz, COMMON_HZ)
            self._frames = Rechunker(frame_bytes(COMMON_HZ))

    def hear(self, pcm: bytes) -> list[tuple[bytes, bool]]:
        """Take one 20 ms frame at the line's rate.

        Returns:
            Frames of 20 ms at `rate_hz`, mostly one, each with whether it is speech.
        """
        if self._resampler is None:
            return [(pcm, self._is_speech(pcm, self.rate_hz))]
        frames = self._frames.push(self._resampler.push(pcm))
        return [(frame, self._is_speech(frame, COMMON_HZ)) for frame in frames]
