"""Speech engines as the rest of voicebot sees them: the two seams, over Wyoming, on trio.

Knows: Wyoming's asr and tts events, URIs, connections (one an utterance), several servers in turn.
Must not know: which engine answers, and whether it is our worker, another machine or a balancer.

Ours or not shows in one thing only: our worker sends `transcript-partial` events, and the words of a
transcript and the other ways to hear it.
A server that sends none of them works the same, only that an answer is known when the utterance is finished and not
before.
"""

import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import trio

from voicebot.hearing.recogniser import Alternative, RecognitionError, Transcript, Word
from voicebot.speaking.synthesiser import Speech, SynthesisError
from voicebot.speech.languages import for_language
from voicebot.speech.wire import Decoder, Event, ProtocolError, encode

PATIENCE_S = 2.0
"""How long a connection is tried for. A worker that died is back within a second."""

ATTEMPT_S = 0.5
"""How long one server is waited for before the next has its turn."""

RETRY_S = 0.02

RECEIVE_BYTES = 1 << 16

_Read = TypeVar("_Read")


class Servers:
    """Where one kind of engine answers: a URI or several that take turns."""

    def __init__(self, uris: Sequence[str]) -> None:
        """Take `unix:///path` and `tcp://host:port` URIs.

        Raises:
            ValueError: something else, or none at all; the text says what is allowed.
        """
        if not uris:
            raise ValueError("no server is named")
        self._addresses = [_address(uri) for uri in uris]
        self._turn = itertools.cycle(self._addresses)
        self.text = ", ".join(uris)

    async def connect(self) -> "Connection":
        """Connect to the server whose turn it is, or to the next that answers.

        Raises:
            ConnectionError: none did in PATIENCE_S.
        """
        problem: Exception | None = None
        with trio.move_on_after(PATIENCE_S):
            while True:
                for _ in self._addresses:
                    try:
                        with trio.fail_after(ATTEMPT_S):
                            return await _open(next(self._turn))
                    except (OSError, trio.TooSlowError) as error:
                        problem = error
                await trio.sleep(RETRY_S)
        raise ConnectionError(f"nothing answers at {self.text} ({problem})")


def _address(uri: str) -> str | tuple[str, int]:
    parts = urlsplit(uri)
    if parts.scheme == "unix" and parts.path and not parts.netloc:
        return parts.path
    if parts.scheme == "tcp" and parts.hostname and parts.port:
        return parts.hostname, parts.port
    raise ValueError(f"{uri!r} is not a server: tcp://HOST:PORT or unix:///PATH")


async def _open(address: str | tuple[str, int]) -> "Connection":
    if isinstance(address, tuple):
        # trio sets TCP_NODELAY on every TCP stream.
        return Connection(await trio.open_tcp_stream(*address))
    connection = Connection(await trio.open_unix_socket(address))
    try:
        await connection.greet()
    except BaseException:
        await trio.aclose_forcefully(connection)
        raise
    return connection


class Connection(trio.abc.AsyncResource):
    """Events to and from one server."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._decoder = Decoder()
        self._received: deque[Event] = deque()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def greet(self) -> None:
        """Ask for a sign of life: a process that is being killed still takes connections for a moment.

        Raises:
            ConnectionError: there is none.
        """
        try:
            await self.send(Event("describe"))
            while (event := await self.receive()) is not None:
                if event.type == "info":
                    return
        except (trio.BrokenResourceError, ProtocolError) as error:
            raise ConnectionError(str(error)) from error
        raise ConnectionResetError("the server went away")

    async def send(self, *events: Event) -> None:
        """Send events in one go. Raises trio.BrokenResourceError when the server is gone."""
        await self._stream.send_all(b"".join(map(encode, events)))

    async def receive(self) -> Event | None:
        """Give the next event; None when the server has closed, in order or not.

        Raises:
            ProtocolError: the server does not speak Wyoming.
        """
        while not self._received:
            try:
                data = await self._stream.receive_some(RECEIVE_BYTES)
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._received.extend(self._decoder.feed(data))
        return self._received.popleft()


class RemoteRecogniser:
    """The Recogniser seam over Wyoming servers; each utterance has a connection of its own."""

    def __init__(self, uris: Sequence[str], *, partials: bool = False) -> None:
        """Take the servers' URIs, and whether they are known to send partial results.

        Raises:
            ValueError: a URI is none.
        """
        self._servers = Servers(uris)
        self.partials = partials
        """Whether they do; seen once, known for good."""

    def listen(
        self,
        *,
        language: str,
        rate_hz: int,
        phrases: Sequence[str] | None,
        on_partial: Callable[[str], None],
    ) -> AbstractAsyncContextManager["RemoteUtterance"]:
        """Open an utterance, see `hearing.recogniser.Recogniser.listen`."""
        request: dict[str, Any] = {"language": language}
        if phrases is not None:
            request["transcript_terms"] = list(phrases)

        def partial(text: str) -> None:
            self.partials = True
            on_partial(text)

        return self._listen(request, rate_hz, partial)

    @asynccontextmanager
    async def _listen(
        self, request: dict[str, Any], rate_hz: int, on_partial: Callable[[str], None]
    ) -> AsyncIterator["RemoteUtterance"]:
        try:
            connection = await self._servers.connect()
        except ConnectionError as error:
            raise RecognitionError(str(error)) from error
        utterance = RemoteUtterance(connection, rate_hz, on_partial)
        alone: BaseException | None = None
        try:
            async with connection, trio.open_nursery() as nursery:
                await utterance.begin(request)
                nursery.start_soon(utterance.receive)
                yield utterance
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) > 1:
                raise
            alone = group.exceptions[0]
        if alone is not None:
            # The nursery is ours, not the caller's: an error from the caller's own lines goes on as it was.
            raise alone


class RemoteUtterance:
    """One utterance on its connection."""

    def __init__(
        self, connection: Connection, rate_hz: int, on_partial: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._format = {"rate": rate_hz, "width": 2, "channels": 1}
        self._on_partial = on_partial
        self._over = trio.Event()
        self._transcript: Transcript | None = None
        self._problem = "the recogniser went away in the middle of the utterance"

    async def begin(self, request: dict[str, Any]) -> None:
        """Send the request, so that the engine is set up before the first audio comes."""
        await self._send(Event("transcribe", request), Event("audio-start", self._format))

    async def feed(self, pcm: bytes) -> None:
        """Send the next piece of audio, see `hearing.recogniser.Utterance.feed`."""
        await self._send(Event("audio-chunk", self._format, pcm))

    async def finish(self) -> Transcript:
        """End the speech and wait for the transcript, see `hearing.recogniser.Utterance.finish`."""
        await self._send(Event("audio-stop"))
        await self._over.wait()
        if self._transcript is None:
            raise RecognitionError(self._problem)
        return self._transcript

    async def receive(self) -> None:
        """Take what the server says until the transcript is there or nothing more can come."""
        try:
            while (event := await self._connection.receive()) is not None:
                if self._take(event):
                    break
        except ProtocolError as error:
            self._problem = str(error)
        self._over.set()

    def _take(self, event: Event) -> bool:
        """Take one event; True when it is the last that matters."""
        if event.type == "transcript-partial":
            self._on_partial(_text(event))
        elif event.type == "transcript":
            self._transcript = transcript_of(event.data)
            return True
        elif event.type == "error":
            self._problem = _text(event) or "the recogniser refused without a reason"
            return True
        return False

    async def _send(self, *events: Event) -> None:
        if self._over.is_set():
            raise RecognitionError(self._problem)
        try:
            await self._connection.send(*events)
        except trio.BrokenResourceError:
            pass
        else:
            return
        # What the server said last, if it said anything, is the better reason.
        with trio.move_on_after(ATTEMPT_S):
            await self._over.wait()
        raise RecognitionError(self._problem)


def _text(event: Event) -> str:
    text = event.data.get("text")
    return text if isinstance(text, str) else ""


def transcript_of(data: Mapping[str, Any]) -> Transcript:
    """Read the data of `transcript`; a foreign server's idea of our extensions is no reason to fail."""
    text = data.get("text")
    words, alternatives = (_objects(data.get(name)) for name in ("words", "alternatives"))
    return Transcript(
        text if isinstance(text, str) else "",
        _all_read(
            lambda one: Word(
                str(one["text"]),
                float(one["confidence"]),
                float(one["start_s"]),
                float(one["end_s"]),
            ),
            words,
        ),
        _all_read(
            lambda one: Alternative(str(one["text"]), float(one["probability"])), alternatives
        ),
    )


def _all_read(
    read: Callable[[Mapping[str, Any]], _Read], found: Sequence[Any]
) -> tuple[_Read, ...]:
    try:
        return tuple(read(one) for one in found)
    except (KeyError, TypeError, ValueError):
        return ()


class RemoteSynthesiser:
    """The Synthesiser seam over Wyoming servers. Make it with `connect`, which learns the voices' names."""

    def __init__(self, servers: Servers, fingerprints: Mapping[str, str]) -> None:
        self._servers = servers
        self._fingerprints = fingerprints

    @classmethod
    async def connect(cls, uris: Sequence[str]) -> "RemoteSynthesiser":
        """Ask the servers for their voices, so that cached prompts can be told from those of other voices.

        Raises:
            ValueError: a URI that is none.
            SynthesisError: no server answers.
        """
        servers = Servers(uris)
        info = Event("info")
        async with _conversation(servers, Event("describe")) as connection:
            while (event := await connection.receive()) is not None:
                if event.type == "info":
                    info = event
                    break
        return cls(servers, _fingerprints(info))

    def fingerprint(self, language: str) -> str:
        """Name the voice that serves `language`; a server that names no voices goes by its address."""
        return for_language(self._fingerprints, language) or self._servers.text

    async def synthesise(self, text: str, language: str) -> Speech:
        """Speak, see `speaking.synthesiser.Synthesiser.synthesise`."""
        request = Event("synthesize", {"text": text, "voice": {"language": language}})
        try:
            return await self._ask(request)
        except ServerGone:
            # Somebody else's crash, most likely. The worker is back by the time the second connection is made.
            return await self._ask(request)

    async def _ask(self, request: Event) -> Speech:
        rate_hz = 0
        pcm: list[bytes] = []
        async with _conversation(self._servers, request) as connection:
            while (event := await connection.receive()) is not None:
                if event.type == "audio-start":
                    rate_hz = _rate_hz(event)
                elif event.type == "audio-chunk":
                    pcm.append(event.payload)
                elif event.type == "audio-stop":
                    return Speech(rate_hz, b"".join(pcm))
                elif event.type == "error":
                    raise SynthesisError(_text(event) or "the synthesiser refused without a reason")
        raise ServerGone(f"the synthesiser at {self._servers.text} went away")


class ServerGone(SynthesisError):
    """The connection ended before the answer did."""


@asynccontextmanager
async def _conversation(servers: Servers, request: Event) -> AsyncIterator[Connection]:
    """Connect and send one request; the connection gives the events that answer it."""
    try:
        connection = await servers.connect()
    except ConnectionError as error:
        raise SynthesisError(str(error)) from error
    async with connection:
        try:
            await connection.send(request)
            yield connection
        except trio.BrokenResourceError as error:
            raise ServerGone(f"the synthesiser at {servers.text} went away") from error
        except ProtocolError as error:
            raise SynthesisError(f"{servers.text}: {error}") from error


def _rate_hz(event: Event) -> int:
    rate_hz, width, channels = (event.data.get(key) for key in ("rate", "width", "channels"))
    if type(rate_hz) is not int or rate_hz <= 0 or (width, channels) != (2, 1):
        raise SynthesisError(
            f"16-bit mono audio is needed, the synthesiser sends {dict(event.data)}"
        )
    return rate_hz


def _fingerprints(info: Event) -> dict[str, str]:
    """Read language → voice from an `info` event, as far as it is what the protocol says."""
    found: dict[str, str] = {}
    for program in _objects(info.data.get("tts")):
        for voice in _objects(program.get("voices")):
            names = (
                program.get("name"),
                program.get("version"),
                voice.get("name"),
                voice.get("version"),
            )
            for language in voice.get("languages") or ():
                found.setdefault(str(language), " ".join(map(str, names)))
    return found


def _objects(data: object) -> list[dict[str, Any]]:
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
