"""Every message of a connection, without its secrets."""

import base64
import json
import socket
from pathlib import Path
from typing import cast

import pytest

from tests.records.test_secrets import ANSWERED, KEY, OPEN, SECRET, listen, understood
from tests.records.traced import AtOnce
from voicebot.line.audiosocket import Audio, Key, encode
from voicebot.records.wire import CHUNK, HELD, TappedSocket, Wire
from voicebot.records.writer import Writer

AUDIO = encode(Audio(8000, bytes(range(160)) * 2))


class Bed:
    def __init__(self, path: Path, *, secret: bool) -> None:
        self.now_s = 0.0
        self.saying_secret = False
        self.wire = Wire(
            path,
            SECRET if secret else OPEN,
            cast("Writer", AtOnce()),
            now=lambda: self.now_s,
            saying_secret=lambda: self.saying_secret,
        )
        ours, self.theirs = socket.socketpair()
        self.sock = self.wire.tapped(ours)

    def receives(self, data: bytes) -> None:
        self.now_s += 0.02
        self.theirs.send(data)
        assert self.sock.recv(4096) == data

    def sends(self, data: bytes) -> None:
        assert self.sock.send(data) == len(data)
        self.theirs.recv(4096)

    def written(self) -> list[tuple[str, bytes, int]]:
        """Way, bytes, and how many were hidden, of each message."""
        self.wire.close()
        self.sock.close()
        self.theirs.close()
        lines = map(json.loads, self.wire.file.path.read_text().splitlines())
        return [(x["way"], base64.b64decode(x["data"]), x.get("hidden", 0)) for x in lines]


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path / "w.jsonl", secret=False)


@pytest.fixture
def secret_bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path / "w.jsonl", secret=True)


def test_all_that_passes_is_written_both_ways(bed: Bed) -> None:
    assert isinstance(bed.sock, TappedSocket)
    bed.receives(AUDIO)
    bed.sends(AUDIO)
    bed.receives(encode(Key("5")))
    assert bed.written() == [("in", AUDIO, 0), ("out", AUDIO, 0), ("in", encode(Key("5")), 0)]


def test_it_is_written_as_the_call_goes_on(bed: Bed) -> None:
    for _ in range(HELD + CHUNK):
        bed.receives(AUDIO)
    assert len(bed.wire.file.path.read_text().splitlines()) == CHUNK
    bed.written()


def test_keys_and_their_tones_are_not_written_in_a_flow_with_a_secret(secret_bed: Bed) -> None:
    bed = secret_bed
    for _ in range(60):
        bed.receives(AUDIO)
    bed.receives(encode(Key("5")))
    bed.wire.told(KEY, [])
    bed.receives(AUDIO)
    written = bed.written()
    hidden = [hidden for _, _, hidden in written]
    assert hidden[:9] == [0] * 9
    assert hidden[11:] == [320] * 49 + [1, 0]
    assert written[-2] == ("in", encode(Key("5"))[:3], 1)


def test_a_secret_answer_is_not_written(secret_bed: Bed) -> None:
    bed = secret_bed
    bed.wire.told(ANSWERED, [listen(secret=True)])
    bed.receives(AUDIO)
    bed.sends(AUDIO)
    bed.wire.told(KEY, [understood()])
    bed.receives(AUDIO)
    assert [hidden for _, _, hidden in bed.written()] == [320, 0, 0]


def test_a_secret_that_the_bot_says_is_not_written(bed: Bed) -> None:
    bed.sends(AUDIO)
    bed.saying_secret = True  # what comes next is secret, so this may be its first frame
    bed.sends(AUDIO)
    bed.saying_secret = False
    bed.sends(AUDIO)
    bed.sends(AUDIO)
    assert [hidden for _, _, hidden in bed.written()] == [0, 320, 320, 0]
