"""The worker's socket, with real engines behind it."""

import socket
from typing import Any, cast

import pytest
from wyoming.asr import Transcribe
from wyoming.audio import AudioStart, AudioStop
from wyoming.event import Event, read_event, write_event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice

from tests.speech.workers import LANGUAGE

pytestmark = pytest.mark.models


def ask(uri: str, *events: Event, answers: int = 1) -> list[Event | None]:
    """Send events on a connection of their own and read so many answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(uri.removeprefix("unix://"))
        with client.makefile("rwb") as stream:
            file = cast("Any", stream)
            for event in events:
                write_event(event, file)
            return [read_event(file) for _ in range(answers)]


def start(width: int = 2) -> Event:
    return AudioStart(rate=8000, width=width, channels=1).event()


def test_both_workers_describe_themselves(vosk_uri: str, piper_uri: str) -> None:
    (heard,) = ask(vosk_uri, Describe().event())
    (spoken,) = ask(piper_uri, Describe().event())
    assert heard is not None
    assert spoken is not None
    (model,) = Info.from_event(heard).asr[0].models
    (voice,) = Info.from_event(spoken).tts[0].voices
    assert (model.name, model.languages) == ("vosk-tiny-en-8k", [LANGUAGE])
    assert (voice.name, voice.languages) == ("voicebot-en_US-tiny", [LANGUAGE])


def test_two_utterances_on_one_connection(vosk_uri: str) -> None:
    one = [Transcribe(language=LANGUAGE).event(), start(), AudioStop().event()]
    for answer in ask(vosk_uri, *one, *one, answers=2):
        assert answer is not None
        assert (answer.type, answer.data["text"], answer.data["words"]) == ("transcript", "", [])


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([Transcribe(language="fr").event(), start()], "no model for fr is loaded"),
        ([start(width=1)], "only 16-bit mono audio is recognised"),
    ],
)
def test_the_recogniser_refuses(vosk_uri: str, events: list[Event], reason: str) -> None:
    error, end = ask(vosk_uri, *events, answers=2)
    assert error is not None
    assert (error.type, error.data["text"]) == ("error", reason)
    assert end is None


def test_the_synthesiser_refuses(piper_uri: str) -> None:
    (error,) = ask(piper_uri, Synthesize("bonjour", voice=SynthesizeVoice(language="fr")).event())
    assert error is not None
    assert (error.type, error.data["text"]) == ("error", "no voice for fr is loaded")


@pytest.mark.parametrize(
    "garbage",
    [b"", b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b"{}\n", b'{"type": "audio-start"}\n', bytes(5000)],
)
def test_garbage_harms_nobody(vosk_uri: str, garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(vosk_uri.removeprefix("unix://"))
        client.sendall(garbage)
    (info,) = ask(vosk_uri, Describe().event())
    assert info is not None
    assert info.type == "info"
