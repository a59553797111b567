"""The same for threads: a socket-like server whose calls are read and written by plain functions.

Lives here: a trio loop in a thread of its own, and the way into it; names and call shapes of the
Python servers that people use (`Audiosocket`, `listen`, `read`, `write`). Must not know: the wire,
pacing, conversion; all that is in the `Call` that a `Connection` stands for.

    audiosocket = Audiosocket(("127.0.0.1", 9092))
    while True:
        connection = audiosocket.listen()
        threading.Thread(target=handle, args=(connection,)).start()

A call needs about twice the processor time that it needs with trio itself (an echo of 100 calls:
2.9 against 1.3 ms a call and second), as each frame wakes a thread.
"""

import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

import trio

from voicebot.audiosocket.call import Call, CallOver, CallSettings, Pcm, Peer
from voicebot.audiosocket.formats import Format
from voicebot.audiosocket.frames import Cutter, Frame
from voicebot.audiosocket.inbox import Heard
from voicebot.audiosocket.messages import Pace, audio_messages, reading
from voicebot.audiosocket.server import BACKLOG, Limits, Server, serve_listeners
from voicebot.line.audiosocket import Dialect, Message
from voicebot.line.line import KeyPressed
from voicebot.line.unlabelled import Codec

__all__ = ["Audiosocket", "Connection", "read_message", "send_audio"]

CD_HZ = 44100
# As many as the queues of the servers whose names these are: 500 frames.
AHEAD_S = 10.0

KEPT_FRAMES = 500
# What is converted in the thread that writes it; the media clock waits for no more than that.
SHORT_BYTES = 64 * 1024

Result = TypeVar("Result")


class Connection:
    """One call. Each function may be called from any thread, and none needs trio."""

    def __init__(self, call: Call, token: trio.lowlevel.TrioToken) -> None:
        """Stand for a call of the loop of `token`."""
        self.call = call
        """The call itself, whose attributes may be read from any thread."""
        self._token = token
        self._cutter = Cutter(call.read_format, call.began_s)
        self._heard: queue.SimpleQueue[Heard | None] = queue.SimpleQueue()
        self._ready: deque[Frame] = deque()
        self._reading = threading.Lock()
        call.divert(self._take)

    def __repr__(self) -> str:
        """Say which call, and whether it is over."""
        return repr(self.call)

    @property
    def uuid(self) -> str:
        """Which call this is: 32 hexadecimal digits without hyphens."""
        return self.call.uuid.hex

    @property
    def peer_addr(self) -> tuple[str, int]:
        """Who has connected."""
        host, port = self.call.peer
        return host, port

    @property
    def connected(self) -> bool:
        """Whether the call goes on."""
        return self.call.connected

    def read(self) -> Frame:
        """Return the next 20 ms of the caller; an empty frame at the end. See `Call.read`."""
        with self._reading:
            while not self._ready:
                heard = self._heard.get()
                if heard is not None:
                    self._ready.extend(self._cutter.push(heard))
                    continue
                self._heard.put(None)  # for who reads again
                self._ready.extend(self._cutter.finish())
                if not self._ready:
                    return Frame()
            return self._ready.popleft()

    def write(self, audio: Pcm) -> None:
        """Say audio of any length; waits while 10 s of it are not sent. Nothing happens at the end."""
        with suppress(CallOver):
            if len(audio) > SHORT_BYTES or not self.call.write_nowait(audio):
                self._wait_for(partial(self.call.write, audio), None)

    def drain(self) -> bool:
        """Wait until all that was written has been sent; False when not all of it was."""
        return self._wait_for(self.call.drain, default=False)

    def read_key(self, timeout: float | None = None) -> str | None:
        """Return the next key; None when the call is over, or after `timeout` seconds."""
        pressed = self._wait_for(partial(_within, timeout, self.call.read_key), None)
        return pressed.digit if pressed else None

    def flush(self) -> float:
        """Drop what was written and not sent; return how many seconds that was."""
        return self._do(self.call.flush, 0.0)

    def pause(self) -> None:
        """Send silence in place of what was written, until `resume`."""
        self._do(self.call.pause, None)

    def resume(self) -> None:
        """Go on where `pause` has stopped."""
        self._do(self.call.resume, None)

    def hangup(self) -> None:
        """End the call so that the dialplan goes on, when what was written has been played out."""
        self._wait_for(self.call.hangup, None)

    def _take(self, heard: Heard | None) -> bool:
        """Keep what was heard; the media clock calls this."""
        full = self._heard.qsize() >= KEPT_FRAMES and heard is not None
        if full:
            with suppress(queue.Empty):
                self._heard.get_nowait()
        self._heard.put(heard)
        return not full

    def _wait_for(self, what: Callable[[], Awaitable[Result]], default: Result) -> Result:
        with suppress(CallOver, trio.RunFinishedError, trio.Cancelled):
            return trio.from_thread.run(what, trio_token=self._token)
        return default

    def _do(self, what: Callable[[], Result], default: Result) -> Result:
        with suppress(trio.RunFinishedError):
            return trio.from_thread.run_sync(what, trio_token=self._token)
        return default


class Audiosocket:
    """A server: `listen` returns one call after the other. Close it, or use it in a `with`."""

    def __init__(
        self,
        bind_info: tuple[str, int],
        timeout: float | None = None,
        *,
        settings: CallSettings | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Listen on a host (IPv6 too; "" for all of IPv4) and a port (0 lets the system choose).

        Calls are answered from the first `listen` on.

        Args:
            timeout: how many seconds `listen` waits for a call.
            settings: what `prepare_input` and `prepare_output` do not say.
            limits: as for `serve`.

        Raises:
            TypeError: `bind_info` is no tuple.
            OSError: it cannot listen there.
        """
        if not isinstance(bind_info, tuple):
            raise TypeError(f"expected a tuple (host, port), received {bind_info!r}")
        host, port = bind_info
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.addr: str = host
        self.port: int = self._sock.getsockname()[1]
        """The port that it has, also where 0 was asked for."""
        self._timeout = timeout
        self._settings = settings or CallSettings(ahead_s=AHEAD_S)
        self._limits = limits
        self._waiting: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        """Calls that nobody has taken yet; None: it is closed."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._running: tuple[Server, trio.lowlevel.TrioToken] | None = None
        self._closed = False

    def prepare_input(
        self,
        inrate: int = CD_HZ,
        channels: int = 2,
        ulaw2lin: bool = False,
    ) -> None:
        """Say in which form audio will be written, in calls from now on: CD quality by default."""
        encoding = Codec.ULAW if ulaw2lin else Codec.SLIN
        self._settings = replace(self._settings, write=Format(inrate, channels, encoding))

    def prepare_output(
        self,
        outrate: int = CD_HZ,
        channels: int = 1,
        ulaw2lin: bool = False,
    ) -> None:
        """Say in which form audio is read, in calls from now on.

        Args:
            ulaw2lin: the caller's u-law arrives unconverted, as with `Dial` without `c(slin)`.
        """
        codec = Codec.ULAW if ulaw2lin else None
        self._settings = replace(self._settings, read=Format(outrate, channels), codec=codec)

    def listen(self) -> Connection:
        """Wait for the next call. Callers who have left meanwhile are passed over.

        Raises:
            TimeoutError: none came within `timeout`.
            OSError: the server is closed.
        """
        self._start()
        until_s = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            left_s = None if until_s is None else max(until_s - time.monotonic(), 0)
            try:
                connection = self._waiting.get(timeout=left_s)
            except queue.Empty:
                raise TimeoutError(f"no call within {self._timeout} s") from None
            if connection is None:
                self._waiting.put(None)  # for another thread that listens
                raise OSError("the server is closed")
            if connection.connected:
                return connection

    def close(self) -> None:
        """Hang up all calls, stop listening, and end the thread. Returns within about a second."""
        with self._lock:
            self._closed = True
            self._sock.close()
            if self._running is not None:
                server, token = self._running
                with suppress(trio.RunFinishedError):
                    trio.from_thread.run_sync(server.stop, 0.0, trio_token=token)
            if self._thread is not None:
                self._thread.join()
            else:
                self._waiting.put(None)

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _start(self) -> None:
        """Begin to answer."""
        with self._lock:
            if self._thread is not None or self._closed:
                return
            started: Future[tuple[Server, trio.lowlevel.TrioToken]] = Future()
            # A daemon thread: a program that ends without `close` must not hang.
            self._thread = threading.Thread(
                target=self._run, args=(started,), name="audiosocket", daemon=True
            )
            self._thread.start()
            self._running = started.result()

    def _run(self, started: "Future[tuple[Server, trio.lowlevel.TrioToken]]") -> None:
        """The thread."""
        try:
            trio.run(self._serve, started)
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise
        finally:
            self._waiting.put(None)

    async def _serve(self, started: "Future[tuple[Server, trio.lowlevel.TrioToken]]") -> None:
        token = trio.lowlevel.current_trio_token()

        async def keep(call: Call) -> None:
            self._waiting.put(Connection(call, token))
            await call.wait_end()

        def admit(_uuid: UUID, _peer: Peer) -> CallSettings:
            return self._settings

        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._sock.dup()))
        async with trio.open_nursery() as nursery:
            serving = partial(serve_listeners, limits=self._limits, admit=admit)
            server: Server = await nursery.start(serving, keep, [listener])
            started.set_result((server, token))


async def _within(
    timeout_s: float | None, wait_for: Callable[[], Awaitable[KeyPressed | None]]
) -> KeyPressed | None:
    with trio.move_on_after(timeout_s if timeout_s is not None else float("inf")):
        return await wait_for()
    return None


def read_message(sock: socket.socket, dialect: Dialect = Dialect.ASTERISK) -> Message | None:
    """Read the next message of a blocking socket, and not a byte more.

    Returns:
        None when the peer has closed, or reset the connection: both are how a call ends.

    Raises:
        ProtocolError: no AudioSocket, or the end came within a message.
    """
    steps = reading(dialect)
    wanted = next(steps)
    while True:
        try:
            data = sock.recv(wanted, socket.MSG_WAITALL)
        except ConnectionResetError:
            return None
        try:
            wanted = steps.send(data)
        except StopIteration as done:
            message: Message | None = done.value
            return message


def send_audio(sock: socket.socket, pcm: bytes, rate_hz: int = 8000) -> None:
    """Send PCM over a blocking socket at the pace at which it is heard; the last frame is padded.

    Raises:
        ValueError: no kind has this rate.
        OSError: the peer is gone.
    """
    pace = Pace(time.monotonic())
    for message in audio_messages(pcm, rate_hz):
        now_s = time.monotonic()
        time.sleep(max(pace.next_due_s(now_s) - now_s, 0))
        sock.sendall(message)
