"""The face for threads, in real time: what is asserted of times is generous."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from uuid import uuid4

import pytest

from tests.audiosocket.peer import CALL, frame, pitch_hz, tone
from voicebot.audiosocket import (
    Audio,
    CallSettings,
    Codec,
    Hangup,
    Identified,
    Key,
    Limits,
    Message,
    ProtocolError,
    encode,
)
from voicebot.audiosocket.blocking import Audiosocket, Connection, read_message, send_audio
from voicebot.line.audio import pcm_to_ulaw

PATIENCE_S = 30.0


@contextmanager
def dialled(server: Audiosocket) -> Iterator[socket.socket]:
    """Call a server, as Asterisk would."""
    host = server.addr or "127.0.0.1"
    with socket.create_connection((host, server.port), timeout=PATIENCE_S) as sock:
        sock.sendall(encode(Identified(CALL)))
        yield sock


@contextmanager
def called(server: Audiosocket) -> Iterator[tuple[Connection, socket.socket]]:
    with dialled(server) as sock:
        yield server.listen(), sock


@contextmanager
def thread(target: object, *args: object) -> Iterator[None]:
    assert callable(target)
    running = Thread(target=target, args=args)
    running.start()
    try:
        yield
    finally:
        running.join(PATIENCE_S)
        assert not running.is_alive()


def echo(connection: Connection) -> None:
    """As in the README of the servers whose names these are."""
    while connection.connected:
        connection.write(connection.read())


def speech(sock: socket.socket, frames: int) -> list[bytes]:
    """The next frames that are not silence."""
    heard: list[bytes] = []
    while len(heard) < frames:
        message = read_message(sock)
        assert isinstance(message, Audio)
        if any(message.pcm):
            heard.append(message.pcm)
    return heard


def rest(sock: socket.socket) -> list[Message]:
    """All that comes until the end."""
    messages = []
    while message := read_message(sock):
        messages.append(message)
    return messages


@pytest.fixture
def server() -> Iterator[Audiosocket]:
    with Audiosocket(("127.0.0.1", 0), timeout=PATIENCE_S) as audiosocket:
        yield audiosocket


def test_an_echo(server: Audiosocket) -> None:
    with called(server) as (connection, sock), thread(echo, connection):
        assert connection.connected
        assert connection.uuid == CALL.hex
        assert connection.peer_addr == sock.getsockname()
        send_audio(sock, b"".join(frame(n) for n in range(1, 11)))
        assert speech(sock, 10) == [frame(n) for n in range(1, 11)]
        sock.shutdown(socket.SHUT_WR)
        assert all(isinstance(message, Audio) for message in rest(sock))
    assert not connection.connected


def test_calls_in_threads_of_their_own(server: Audiosocket) -> None:
    def answer() -> None:
        threads = [Thread(target=echo, args=(server.listen(),)) for _ in range(5)]
        for running in threads:
            running.start()
        for running in threads:
            running.join(PATIENCE_S)

    with thread(answer):
        socks = []
        for number in range(1, 6):
            sock = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
            sock.sendall(encode(Identified(uuid4())) + encode(Audio(8000, frame(number))))
            socks.append(sock)
        assert [speech(sock, 1)[0] for sock in socks] == [frame(n) for n in range(1, 6)]
        for sock in socks:
            sock.close()


def test_audio_is_prepared_in_both_directions(server: Audiosocket) -> None:
    server.prepare_output(outrate=44100, channels=2)
    server.prepare_input(inrate=44100, channels=2)
    with called(server) as (connection, sock), thread(send_audio, sock, tone(1000, 8000, 0.6)):
        heard = b""
        while len(heard) < 44100 * 4 // 2:
            piece = connection.read()
            assert len(piece) == 3528
            heard += b"" if piece.gap else piece
        left = b"".join(heard[at : at + 2] for at in range(0, len(heard), 4))
        assert pitch_hz(left, 44100) == pytest.approx(1000, abs=6)
        with thread(connection.write, heard):
            assert pitch_hz(b"".join(speech(sock, 20)), 8000) == pytest.approx(1000, abs=6)


def test_the_callers_ulaw_is_decoded(server: Audiosocket) -> None:
    server.prepare_output(outrate=8000, channels=1, ulaw2lin=True)
    with called(server) as (connection, sock):
        sock.sendall(encode(Audio(8000, pcm_to_ulaw(frame(100)))))
        heard = connection.read()
        assert len(heard) == 320
        assert struct.unpack_from("<h", heard)[0] == pytest.approx(100, abs=4)


def test_ulaw_is_written(server: Audiosocket) -> None:
    server.prepare_input(inrate=8000, channels=1, ulaw2lin=True)
    with called(server) as (connection, sock):
        connection.write(pcm_to_ulaw(frame(100)))
        (pcm,) = speech(sock, 1)
        assert struct.unpack_from("<h", pcm)[0] == pytest.approx(100, abs=4)


def test_a_long_piece_is_said_to_its_end_and_the_call_hung_up_cleanly(
    server: Audiosocket,
) -> None:
    with called(server) as (connection, sock):
        connection.write(b"".join(frame(n) for n in range(1, 51)))
        with thread(connection.hangup):
            began_s = time.monotonic()
            assert speech(sock, 50) == [frame(n) for n in range(1, 51)]
            assert time.monotonic() - began_s > 0.7
            *silence, last = rest_until_hangup(sock)
            sock.shutdown(socket.SHUT_WR)
        assert last == Hangup()
        assert len(silence) >= 5
        assert not connection.connected
        connection.hangup()


def rest_until_hangup(sock: socket.socket) -> list[Message | None]:
    messages: list[Message | None] = []
    while not messages or isinstance(messages[-1], Audio):
        messages.append(read_message(sock))
    return messages


def test_who_reads_late_loses_the_oldest(server: Audiosocket) -> None:
    with called(server) as (connection, sock):
        lost = connection.call.stats.lost
        sock.sendall(encode(Audio(8000, frame(1) * 30)) * 20)
        until_s = time.monotonic() + PATIENCE_S
        while connection.call.stats.lost - lost < 10 and time.monotonic() < until_s:
            time.sleep(0.02)
        assert connection.call.stats.lost - lost >= 10
        assert connection.read() == frame(1)


def test_keys_pause_flush_and_drain(server: Audiosocket) -> None:
    with called(server) as (connection, sock):
        assert connection.read_key(timeout=0) is None
        sock.sendall(encode(Key("5")))
        assert connection.read_key(PATIENCE_S) == "5"
        connection.pause()
        connection.write(frame(1) * 5)
        assert connection.flush() == pytest.approx(0.1)
        connection.write(frame(2) * 2)
        connection.resume()
        assert connection.drain() is True
        assert speech(sock, 2) == [frame(2)] * 2


def test_when_the_caller_has_left_nothing_hangs_and_nothing_raises(server: Audiosocket) -> None:
    with called(server) as (connection, sock):
        sock.close()
        while connection.connected:
            connection.read()
        assert connection.read() == b""
        connection.write(frame(1) * 1000)
        assert connection.drain() is False
        assert connection.read_key() is None
        connection.hangup()
    assert "caller hung up" in repr(connection)


def test_a_caller_who_has_left_is_not_handed_out(server: Audiosocket) -> None:
    with called(server) as (first, sock):
        sock.shutdown(socket.SHUT_WR)
        while first.connected:
            first.read()
        with dialled(server) as gone:
            gone.shutdown(socket.SHUT_WR)
            rest(gone)
        with called(server) as (connection, _):
            assert connection.connected


def test_nobody_calls() -> None:
    with (
        Audiosocket(("127.0.0.1", 0), timeout=0.05) as server,
        pytest.raises(TimeoutError, match=r"no call within 0\.05 s"),
    ):
        server.listen()


def test_closed_it_hangs_up_and_listens_no_more(server: Audiosocket) -> None:
    with called(server) as (connection, sock):
        with thread(server.close):
            messages = rest_until_hangup(sock)
            sock.shutdown(socket.SHUT_WR)
        assert messages[-1] == Hangup()
        assert not connection.connected
        assert connection.read() == b""
        connection.write(frame(1))
        connection.pause()
        assert connection.flush() == 0.0
        with pytest.raises(OSError, match="the server is closed"):
            server.listen()
        server.close()


def test_closing_ends_a_listen_that_waits() -> None:
    server = Audiosocket(("127.0.0.1", 0))

    def listen() -> None:
        with pytest.raises(OSError, match="the server is closed"):
            server.listen()

    with thread(listen):
        server.close()


def test_closed_before_it_ever_listened() -> None:
    server = Audiosocket(("127.0.0.1", 0))
    server.close()
    with pytest.raises(OSError, match="the server is closed"):
        server.listen()


def test_ipv6_limits_and_settings() -> None:
    settings = CallSettings(codec=Codec.ALAW)
    with (
        Audiosocket(("::1", 0), PATIENCE_S, settings=settings, limits=Limits(calls=1)) as server,
        called(server) as (connection, _),
        dialled(server) as second,
    ):
        assert connection.peer_addr[0] == "::1"
        assert read_message(second) == Hangup()


def test_where_it_cannot_listen(server: Audiosocket) -> None:
    with pytest.raises(OSError, match="Address already in use"):
        Audiosocket(("127.0.0.1", server.port))
    with pytest.raises(TypeError, match="expected a tuple"):
        Audiosocket("127.0.0.1:9092")  # type: ignore[arg-type]


def test_messages_of_a_plain_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire = encode(Identified(CALL)) + encode(Audio(8000, frame(1)))

        def dribble() -> None:
            for byte in wire:
                theirs.sendall(bytes([byte]))

        with thread(dribble):
            assert read_message(ours) == Identified(CALL)
            assert read_message(ours) == Audio(8000, frame(1))
        theirs.sendall(b"\x10\x01")
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ProtocolError, match="closed within a message"):
            read_message(ours)


def test_a_reset_is_an_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    with ours:
        assert read_message(ours) is None
