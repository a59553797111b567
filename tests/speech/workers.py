"""Real workers with the shipped models, for every test that needs one. A missing model fails the test."""

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from voicebot.line.audio import resample
from voicebot.speech.supervisor import WorkerSpec, check_models

with warnings.catch_warnings():
    # wyoming takes audioop where Python still has it, and Python warns of that.
    warnings.simplefilter("ignore", DeprecationWarning)
    import wyoming.audio  # noqa: F401

ROOT = Path(__file__).parents[2]
LANGUAGE = "en-US"
VOSK_MODEL = ROOT / "models/vosk-tiny-en-8k"
PIPER_VOICE = ROOT / "models/voicebot-en_US-tiny.onnx"
DIGITS = ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SPOKEN = "seven four two nine"
FRAME = 320  # bytes in 20 ms at 8 kHz


def vosk_spec(socket: Path) -> WorkerSpec:
    return WorkerSpec("vosk", {LANGUAGE: VOSK_MODEL}, socket)


def piper_spec(socket: Path) -> WorkerSpec:
    return WorkerSpec("piper", {LANGUAGE: PIPER_VOICE}, socket)


@contextmanager
def running(spec: WorkerSpec) -> Iterator[str]:
    """Run a worker without its supervisor; give its URI."""
    check_models(spec)
    models = [f"--model={tag}={path}" for tag, path in spec.models.items()]
    command = [
        sys.executable,
        "-m",
        "voicebot.speech.worker",
        spec.engine,
        "--socket",
        str(spec.socket),
        *models,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"loaded\n"
        process.stdin.write(b"serve\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        yield spec.uri
        process.kill()


@pytest.fixture(scope="session")
def vosk_uri() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, running(vosk_spec(Path(folder) / "vosk")) as uri:
        yield uri


@pytest.fixture(scope="session")
def piper_uri() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(piper_spec(Path(folder) / "piper")) as uri,
    ):
        yield uri


def spoken_pcm(text: str) -> bytes:
    """Let the shipped voice say `text`, at 8 kHz, cut where the last word ends."""
    from voicebot.speech import piper  # noqa: PLC0415 - slow to import, and only these tests need it

    engine = piper.load({LANGUAGE: PIPER_VOICE})
    voice = engine._voices[LANGUAGE]
    pcm = resample(b"".join(voice.speak(text)), voice.rate_hz, 8000)
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")) > 300)
    return pcm[: (int(loud[-1]) + 1) * 2]


@pytest.fixture(scope="session")
def digits_pcm() -> bytes:
    return spoken_pcm(SPOKEN)
