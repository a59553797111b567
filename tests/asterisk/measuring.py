"""A measuring AudioSocket server on the voicebot's own lines and clock, without ears, prompts and flows; and what tones say.

Knows `Line` and keeps all that a call brings; says one signal to every caller. Must not know phones and Asterisk.

    with measuring(tones(400, 1000), out_rate_hz=16000) as server:
        ...                                 # a phone calls server.port with a UUID of its own
        call = server.wait_ended(uuid)
        spectrum = Spectrum(call.heard(), call.rate_hz)

Samples are int16 arrays, mono; levels are dB below a sine at full scale.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from operator import itemgetter
from uuid import UUID

import numpy as np
import trio
from numpy.typing import NDArray

from voicebot.line.audio import frame_bytes
from voicebot.line.clock import MediaClock
from voicebot.line.line import Ended, KeyPressed, Line, LineEvent, LineStats, RateChanged, identify
from voicebot.line.sockets import plain

from .rtp import Samples

Signal = Callable[[int], Samples]
"""What is said, at a rate in Hz."""


@dataclass(slots=True)
class MeasuredCall:
    """One call as the server had it."""

    rate_hz: int = 8000
    """Of the latest frame."""
    frames: list[tuple[int, bytes | None]] = field(default_factory=list)
    """What the ear was given: the rate, and 20 ms or None."""
    keys: str = ""
    ended: str = ""
    """Why it ended, or '' while it goes on."""
    stats: LineStats = field(default_factory=LineStats)

    def heard(self) -> Samples:
        """All that came at the latest rate; what did not come is left out."""
        parts = [pcm for rate_hz, pcm in self.frames if rate_hz == self.rate_hz and pcm is not None]
        return np.frombuffer(b"".join(parts), "<i2")


class MeasuringServer:
    """Takes calls until it is stopped; `measuring` runs one."""

    def __init__(self, signal: Signal | None, out_rate_hz: int | None) -> None:
        self.port = 0
        self._signal = signal
        self._out_rate_hz = out_rate_hz
        self._calls: dict[UUID, MeasuredCall] = {}
        self._grown = threading.Condition()

    def wait_ended(self, uuid: UUID, limit_s: float = 10) -> MeasuredCall:
        """The call of that name, once it is over."""

        def ended() -> MeasuredCall | None:
            call = self._calls.get(uuid)
            return call if call is not None and call.ended else None

        with self._grown:
            self._grown.wait_for(ended, limit_s)
            call = ended()
        assert call is not None, f"call {uuid} has not ended; there are {list(self._calls)}"
        return call

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Serve until cancelled."""
        clock = MediaClock()
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        async with trio.open_nursery() as nursery, listener:
            nursery.start_soon(clock.run)
            task_status.started()
            while True:
                stream = await listener.accept()
                nursery.start_soon(self._serve, stream.socket, clock)

    async def _serve(self, trio_socket: trio.socket.SocketType, clock: MediaClock) -> None:
        sock = plain(trio_socket)
        identified = await identify(sock)
        if identified is None:
            sock.close()
            return
        uuid, decoder = identified
        call = MeasuredCall()
        with self._grown:
            self._calls[uuid] = call
        over = trio.Event()

        def take(event: LineEvent) -> None:
            match event:
                case KeyPressed(digit):
                    call.keys += digit
                case RateChanged(rate_hz):
                    if self._out_rate_hz is None:
                        line.out_rate_hz = rate_hz
                case Ended():
                    over.set()

        ends = _Ends(call, self._signal)
        line = Line(
            sock,
            uuid,
            decoder=decoder,
            source=ends,
            ear=ends,
            on_event=take,
            rate_hz=None,
            now_s=trio.current_time(),
        )
        if self._out_rate_hz is not None:
            line.out_rate_hz = self._out_rate_hz
        clock.add(line, lambda error: over.set())
        await over.wait()
        clock.remove(line)
        await line.finish()
        with self._grown:
            call.stats, call.ended = line.stats, "over"
            self._grown.notify_all()


class _Ends:
    """The ear and the mouth of one call."""

    def __init__(self, call: MeasuredCall, signal: Signal | None) -> None:
        self._call = call
        self._signal = signal
        self._rate_hz = 0
        self._left = b""

    def hear(self, pcm: bytes | None, rate_hz: int) -> None:
        self._call.rate_hz = rate_hz
        self._call.frames.append((rate_hz, pcm))

    def next_frame(self, rate_hz: int) -> bytes | None:
        if self._signal is None:
            return None
        if rate_hz != self._rate_hz:  # from the beginning, at the new rate
            self._rate_hz, self._left = rate_hz, self._signal(rate_hz).astype("<i2").tobytes()
        size = frame_bytes(rate_hz)
        frame, self._left = self._left[:size], self._left[size:]
        return frame if len(frame) == size else None


@contextmanager
def measuring(
    signal: Signal | None = None, out_rate_hz: int | None = None
) -> Iterator[MeasuringServer]:
    """Run a server on a free port of 127.0.0.1.

    Args:
        signal: What it says to each caller, from the first beat on; None: silence.
        out_rate_hz: The rate at which it speaks; None: the one at which it hears.
    """
    server = MeasuringServer(signal, out_rate_hz)
    ready = threading.Event()
    stop = trio.CancelScope()
    tokens: list[trio.lowlevel.TrioToken] = []

    async def serve() -> None:
        tokens.append(trio.lowlevel.current_trio_token())
        with stop:
            async with trio.open_nursery() as nursery:
                await nursery.start(server.run)
                ready.set()

    thread = threading.Thread(target=trio.run, args=(serve,), name="measuring server")
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        tokens[0].run_sync_soon(stop.cancel)
        thread.join()


AMPLITUDE = 3000
"""Of each tone that `tones` has: -20.8 dB."""
WINDOW_S = 0.1


@dataclass(frozen=True, slots=True)
class Tone:
    """One tone within what was heard."""

    hz: float
    level_db: float
    """Relative to what `tones` says."""


def tones(*hz: float, seconds: float = 3.0) -> Signal:
    """These tones at once, each as loud as the others."""
    return partial(_tones, hz, seconds)


@cache
def _tones(hz: tuple[float, ...], seconds: float, rate_hz: int) -> Samples:
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    said = sum(np.sin(2 * np.pi * one * at_s + n) for n, one in enumerate(hz))
    return np.round(AMPLITUDE * said).astype(np.int16)


def tone_near(heard: Samples, rate_hz: int, hz: float) -> Tone:
    """The strongest tone within 3 % of a frequency, in windows of 100 ms.

    The quarter of the windows in which it is strongest counts: those that a busy machine has cut nothing out of.
    """
    size = round(WINDOW_S * rate_hz)
    window = np.hanning(size)
    found = [
        _peak(heard[at : at + size] * window, rate_hz, hz)
        for at in range(size, len(heard) - 2 * size, size // 2)  # not the edges
    ]
    assert found, f"only {len(heard) / rate_hz:.2f} s were heard"
    found.sort(key=itemgetter(1), reverse=True)
    middle = np.median(np.array(found[: -(-len(found) // 4)]), axis=0)
    level = 2 * middle[1] / window.sum() / AMPLITUDE
    return Tone(float(middle[0]), float(20 * np.log10(max(level, 1e-6))))


def _peak(windowed: NDArray[np.float64], rate_hz: int, hz: float) -> tuple[float, float]:
    """Frequency and magnitude of the highest point near a frequency, between the bins by a parabola."""
    spectrum = np.abs(np.fft.rfft(windowed)) + 1e-9
    bin_hz = rate_hz / len(windowed)
    low, high = int(hz * 0.97 / bin_hz), int(hz * 1.03 / bin_hz) + 2
    top = low + int(np.argmax(spectrum[low:high]))
    before, at, after = np.log(spectrum[top - 1 : top + 2])
    curve = before - 2 * at + after
    shift = (before - after) / curve / 2 if curve else 0.0
    return (top + shift) * bin_hz, float(np.exp(at - (before - after) * shift / 4))
