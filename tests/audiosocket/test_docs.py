"""README.md and docs/audiosocket.md tell the truth: each program in them runs, against a caller."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

import voicebot.audiosocket
from tests.audiosocket.peer import frame
from voicebot.audiosocket import Audio, Hangup, Identified, Key, encode
from voicebot.audiosocket.blocking import read_message, send_audio

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "audiosocket.md").read_text("utf-8")
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)
(ECHO,) = PROGRAM.findall(README)
ECHO_AGAIN, INTERRUPTED, ADMITTED, THREADS, CALLER = PROGRAM.findall(PAGE)

EXPECTED = UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
PATIENCE_S = 30.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(program: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """A program as it stands in the text, but for its port."""
    assert program.count("9092") == 1
    command = [sys.executable, "-c", program.replace("9092", str(port))]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def dialled(process: subprocess.Popen[str], port: int) -> Iterator[socket.socket]:
    """A call, as soon as the program listens."""
    sock = None
    until_s = time.monotonic() + PATIENCE_S
    while sock is None:
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        except ConnectionRefusedError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until_s
            time.sleep(0.02)
    with sock:
        sock.sendall(encode(Identified(EXPECTED)))
        yield sock


def speech(sock: socket.socket, frames: int) -> list[bytes]:
    heard: list[bytes] = []
    while len(heard) < frames:
        message = read_message(sock)
        assert isinstance(message, Audio)
        if any(message.pcm):
            heard.append(message.pcm)
    return heard


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_echo_of_the_readme_has_ten_lines() -> None:
    assert len(ECHO.splitlines()) == 10
    assert ECHO_AGAIN == ECHO


def test_the_echo_of_the_readme_echoes() -> None:
    port = free_port()
    with running(ECHO, port) as process, dialled(process, port) as sock:
        pcm = b"".join(frame(n) for n in range(1, 11))
        send_audio(sock, pcm)
        assert b"".join(speech(sock, 10)) == pcm
        assert process.poll() is None


def test_a_key_interrupts() -> None:
    port = free_port()
    with running(INTERRUPTED, port) as process:
        with dialled(process, port) as sock:
            speech(sock, 20)
            sock.sendall(encode(Key("5")))
            assert re.fullmatch(r"5 after \d\.\d s: 0\.\d s are not said", line_of(process))
            assert re.fullmatch(r"interrupted at [0-2]\.\d s", line_of(process))
            message = read_message(sock)
            while isinstance(message, Audio):
                message = read_message(sock)
            assert message == Hangup()
        assert process.poll() is None


def test_an_expected_call_is_admitted_and_the_server_stops_when_it_is_told() -> None:
    port = free_port()
    with running(ADMITTED, port) as process:
        with dialled(process, port) as sock:
            assert line_of(process) == f"listening at [('127.0.0.1', {port})]"
            send_audio(sock, frame(1) * 25)
            sock.shutdown(socket.SHUT_WR)
            assert re.fullmatch(rf"{EXPECTED}: 0\.[45] s, caller hung up", line_of(process))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_the_program_for_threads() -> None:
    port = free_port()
    with running(THREADS, port) as process:
        with dialled(process, port) as sock:
            send_audio(sock, frame(1000) * 10)
            assert len(speech(sock, 5)) == 5
            host, own_port = sock.getsockname()
        assert line_of(process) == f"Connection with ('{host}', {own_port}) is over"


def test_the_caller() -> None:
    port = free_port()
    with running(ECHO, port) as echo:
        with dialled(echo, port):
            pass  # it listens
        with running(CALLER, port) as process:
            assert process.wait(PATIENCE_S) == 0
            assert line_of(process) == "50 frames came back"


@pytest.mark.parametrize("name", sorted(voicebot.audiosocket.__all__))
def test_every_public_name_is_in_the_page(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
