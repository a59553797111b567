"""The client side against peers that behave in every way but ours. No engine here: each peer is a script."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import wyoming.event

from voicebot.hearing.recogniser import Alternative, RecognitionError, Transcript, Utterance, Word
from voicebot.speaking.synthesiser import Speech, SynthesisError
from voicebot.speech.remote import RemoteRecogniser, RemoteSynthesiser, Servers
from voicebot.speech.wire import Decoder, Event, encode

INFO = {
    "tts": [
        {
            "name": "piper",
            "version": "1",
            "voices": [{"name": "anna", "version": "abc", "languages": ["de-DE", "de"]}, "odd"],
        }
    ]
}

Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The server's end of one connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.received: list[Event] = []
        self._decoder = Decoder()

    async def until(self, kind: str) -> None:
        """Receive up to an event of this kind, or to the end."""
        while not any(event.type == kind for event in self.received):
            data = await self.stream.receive_some()
            if not data:
                return
            self.received += self._decoder.feed(data)

    async def say(self, kind: str, payload: bytes = b"", **data: Any) -> None:
        await self.stream.send_all(encode(Event(kind, data, payload)))


@asynccontextmanager
async def serving(path: Path, *scripts: Script) -> AsyncIterator[list[Peer]]:
    """Serve on a Unix socket: the first connection follows the first script, and so on; the last one repeats."""
    peers: list[Peer] = []

    async def attend(stream: trio.SocketStream) -> None:
        peer = Peer(stream)
        await peer.until("describe")
        await peer.stream.send_all(encode(Event("info", INFO)))
        peer.received.clear()
        peers.append(peer)
        await scripts[min(len(peers), len(scripts)) - 1](peers[-1])
        await stream.aclose()

    listening = trio.socket.socket(trio.socket.AF_UNIX)
    await listening.bind(str(path))
    listening.listen()
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, attend, [trio.SocketListener(listening)])
        yield peers
        nursery.cancel_scope.cancel()


def listen(recogniser: RemoteRecogniser, partials: list[str] | None = None) -> Any:
    on_partial = (lambda text: None) if partials is None else partials.append
    return recogniser.listen(
        language="en-US", rate_hz=8000, phrases=["yes", "no"], on_partial=on_partial
    )


async def answer(peer: Peer) -> None:
    await peer.until("audio-stop")
    await peer.say("transcript", text="yes")


async def hang_up(peer: Peer) -> None:
    await peer.until("audio-chunk")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


async def test_a_server_that_sends_no_partials_works(path: Path) -> None:
    partials: list[str] = []
    async with (
        serving(path, answer) as peers,
        listen(RemoteRecogniser([f"unix://{path}"]), partials) as utterance,
    ):
        await utterance.feed(b"\1\0" * 160)
        await utterance.feed(b"\2\0" * 160)
        assert await utterance.finish() == Transcript("yes", ())
    assert partials == []
    assert [event.type for event in peers[0].received] == [
        "transcribe",
        "audio-start",
        "audio-chunk",
        "audio-chunk",
        "audio-stop",
    ]
    assert peers[0].received[0].data == {"language": "en-US", "transcript_terms": ["yes", "no"]}
    assert peers[0].received[2] == Event(
        "audio-chunk", {"rate": 8000, "width": 2, "channels": 1}, b"\1\0" * 160
    )


async def test_free_recognition_sends_no_terms(path: Path) -> None:
    recogniser = RemoteRecogniser([f"unix://{path}"])
    async with (
        serving(path, answer) as peers,
        recogniser.listen(
            language="de", rate_hz=16000, phrases=None, on_partial=print
        ) as utterance,
    ):
        await utterance.finish()
    assert peers[0].received[0].data == {"language": "de"}


async def test_partials_and_words_of_our_worker(path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.until("audio-chunk")
        await peer.say("transcript-partial", text="yes")
        await peer.say("transcript-start")
        await peer.until("audio-stop")
        words = [{"text": "yes", "confidence": 0.9, "start_s": 0.1, "end_s": 0.5}]
        ways = [{"text": "yes", "probability": 0.9}, {"text": "[unk]", "probability": 0.1}]
        await peer.say("transcript", text="yes", words=words, alternatives=ways)

    partials: list[str] = []
    async with (
        serving(path, script),
        listen(RemoteRecogniser([f"unix://{path}"]), partials) as utterance,
    ):
        await utterance.feed(b"\0\0")
        transcript = await utterance.finish()
    assert partials == ["yes"]
    alternatives = (Alternative("yes", 0.9), Alternative("[unk]", 0.1))
    assert transcript == Transcript("yes", (Word("yes", 0.9, 0.1, 0.5),), alternatives)


@pytest.mark.parametrize(
    "words", [5, [1], [{"text": "x"}], [{"text": "x", "confidence": "high"}], {"a": 1}]
)
async def test_foreign_words_do_no_harm(path: Path, words: Any) -> None:
    async def script(peer: Peer) -> None:
        await peer.until("audio-stop")
        await peer.say("transcript", text="yes", words=words, alternatives=words)

    async with serving(path, script), listen(RemoteRecogniser([f"unix://{path}"])) as utterance:
        assert await utterance.finish() == Transcript("yes", ())


async def test_bytes_of_the_wyoming_package_one_at_a_time(path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.until("audio-stop")
        file = io.BytesIO()
        wyoming.event.write_event(wyoming.event.Event("transcript", {"text": "nö"}), file)
        for byte in file.getvalue():
            await peer.stream.send_all(bytes([byte]))

    async with serving(path, script), listen(RemoteRecogniser([f"unix://{path}"])) as utterance:
        assert (await utterance.finish()).text == "nö"


async def refuse(peer: Peer) -> None:
    await peer.until("audio-start")
    await peer.say("error", text="no model for en-US is loaded")


async def babble(peer: Peer) -> None:
    await peer.until("audio-start")
    await peer.stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def until_refused(utterance: Utterance) -> None:
    await utterance.feed(bytes(320))
    await utterance.finish()


@pytest.mark.parametrize(
    ("script", "reason"),
    [(hang_up, "went away"), (refuse, "no model for en-US"), (babble, "not JSON")],
)
async def test_what_fails_costs_this_utterance_only(
    path: Path, script: Script, reason: str
) -> None:
    recogniser = RemoteRecogniser([f"unix://{path}"])
    async with serving(path, script, answer):
        async with listen(recogniser) as utterance:
            with pytest.raises(RecognitionError, match=reason):
                await until_refused(utterance)
            with pytest.raises(RecognitionError, match=reason):
                await utterance.feed(bytes(320))
        async with listen(recogniser) as utterance:
            assert (await utterance.finish()).text == "yes"


async def test_an_error_passes_the_context_as_it_is(path: Path) -> None:
    recogniser = RemoteRecogniser([f"unix://{path}"])

    async def one_utterance() -> None:
        async with listen(recogniser) as utterance:
            await until_refused(utterance)

    async with serving(path, hang_up):
        with pytest.raises(RecognitionError, match="went away"):
            await one_utterance()


async def test_a_failing_callback_is_the_callers(path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.say("transcript-partial", text="yes")
        await peer.until("audio-stop")

    def on_partial(text: str) -> None:
        raise ZeroDivisionError(text)

    recogniser = RemoteRecogniser([f"unix://{path}"])
    async with serving(path, script):
        with pytest.raises(ZeroDivisionError):
            async with recogniser.listen(
                language="en", rate_hz=8000, phrases=None, on_partial=on_partial
            ):
                await trio.sleep_forever()


async def test_leaving_without_finish_abandons(path: Path) -> None:
    gone = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.until("audio-stop")
        gone.set()

    async with serving(path, script):
        with trio.move_on_after(0.05) as patience:
            async with listen(RemoteRecogniser([f"unix://{path}"])) as utterance:
                await utterance.feed(b"\0\0")
                await trio.sleep_forever()
        assert patience.cancelled_caught
        await gone.wait()


async def test_servers_take_turns_and_a_dead_one_is_passed_over(tmp_path: Path) -> None:
    living = [tmp_path / "a", tmp_path / "b"]
    recogniser = RemoteRecogniser([f"unix://{path}" for path in [*living, tmp_path / "dead"]])
    async with serving(living[0], answer) as first, serving(living[1], answer) as second:
        for _ in range(6):
            async with listen(recogniser) as utterance:
                await utterance.finish()
    assert len(first) + len(second) == 6
    assert min(len(first), len(second)) >= 2


async def test_nobody_there(path: Path, autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(RecognitionError, match=f"nothing answers at unix://{path}"):
        async with listen(RemoteRecogniser([f"unix://{path}"])):
            pass
    assert trio.current_time() == 2.0


async def test_a_server_that_is_back_in_time_is_found(path: Path) -> None:
    async with trio.open_nursery() as nursery:

        async def return_later() -> None:
            await trio.sleep(0.1)
            async with serving(path, answer):
                await trio.sleep_forever()

        nursery.start_soon(return_later)
        async with listen(RemoteRecogniser([f"unix://{path}"])) as utterance:
            assert (await utterance.finish()).text == "yes"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "uri", ["", "http://x:1", "tcp://x", "tcp://:5", "unix://x/y", "unix://", "10.0.0.5:10300"]
)
def test_what_is_no_server(uri: str) -> None:
    with pytest.raises(ValueError, match=r"tcp://HOST:PORT or unix:///PATH"):
        RemoteRecogniser([uri])


def test_no_server_at_all() -> None:
    with pytest.raises(ValueError, match="no server"):
        RemoteRecogniser([])


async def test_tcp_without_delay() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, lambda stream: answer(Peer(stream)), 0)
        port = listeners[0].socket.getsockname()[1]
        async with await Servers([f"tcp://127.0.0.1:{port}"]).connect() as connection:
            assert connection._stream.getsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY)
        nursery.cancel_scope.cancel()


# The synthesiser


async def describe(peer: Peer) -> None:
    await peer.until("describe")
    await peer.stream.send_all(encode(Event("info", INFO)))


async def speak(peer: Peer) -> None:
    await peer.until("synthesize")
    await peer.say("audio-start", rate=16000, width=2, channels=1)
    await peer.say("audio-chunk", b"\1\0", rate=16000, width=2, channels=1)
    await peer.say("audio-chunk", b"\2\0", rate=16000, width=2, channels=1)
    await peer.say("audio-stop")


async def break_off(peer: Peer) -> None:
    await peer.until("synthesize")
    await peer.say("audio-start", rate=16000, width=2, channels=1)


async def test_speech_and_fingerprint(path: Path) -> None:
    async with serving(path, describe, speak) as peers:
        synthesiser = await RemoteSynthesiser.connect([f"unix://{path}"])
        assert await synthesiser.synthesise("hallo", "de-DE") == Speech(16000, b"\1\0\2\0")
    assert synthesiser.fingerprint("de-AT") == "piper 1 anna abc"
    assert synthesiser.fingerprint("fr") == f"unix://{path}"
    assert peers[1].received[0].data == {"text": "hallo", "voice": {"language": "de-DE"}}


async def test_a_crash_is_tried_once_more(path: Path) -> None:
    async with serving(path, describe, break_off, speak, break_off):
        synthesiser = await RemoteSynthesiser.connect([f"unix://{path}"])
        assert (await synthesiser.synthesise("hallo", "de")).pcm == b"\1\0\2\0"
        with pytest.raises(SynthesisError, match="went away"):
            await synthesiser.synthesise("hallo", "de")


async def test_refusals(path: Path) -> None:
    async def eight_bit(peer: Peer) -> None:
        await peer.until("synthesize")
        await peer.say("audio-start", rate=8000, width=1, channels=1)

    async def error(peer: Peer) -> None:
        await peer.until("synthesize")
        await peer.say("error", text="no voice for fr is loaded")

    async def nonsense(peer: Peer) -> None:
        await peer.stream.send_all(b"hello\n")

    async with serving(path, describe, eight_bit, error, nonsense):
        synthesiser = await RemoteSynthesiser.connect([f"unix://{path}"])
        for reason in ("16-bit mono", "no voice for fr", "not JSON"):
            with pytest.raises(SynthesisError, match=reason):
                await synthesiser.synthesise("x", "fr")
