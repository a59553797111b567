"""The recogniser and the synthesiser of a configuration, with the worker processes behind them.

Knows which workers config.yaml wants and where they are reached.  Must not know calls or flows.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from voicebot.config import Config
from voicebot.hearing.recogniser import Recogniser
from voicebot.speech.remote import RemoteRecogniser, RemoteSynthesiser
from voicebot.speech.supervisor import WorkerSpec, run_worker


@asynccontextmanager
async def engines(config: Config) -> AsyncIterator[tuple[Recogniser, RemoteSynthesiser]]:
    """The recogniser and the synthesiser of the configuration, their workers kept running."""
    with tempfile.TemporaryDirectory(prefix="voicebot-") as folder:
        async with trio.open_nursery() as nursery:
            specs = list(_workers(config, Path(folder)))
            async with trio.open_nursery() as starting:
                for spec in specs:
                    starting.start_soon(nursery.start, run_worker, spec)
            hearing = [config.asr.uri] if config.asr.uri else _uris(specs, "vosk")
            speaking = [config.tts.uri] if config.tts.uri else _uris(specs, "piper")
            ours = config.asr.engine == "vosk"
            yield (
                RemoteRecogniser(hearing, partials=ours),
                await RemoteSynthesiser.connect(speaking),
            )
            nursery.cancel_scope.cancel()


def _workers(config: Config, folder: Path) -> Iterable[WorkerSpec]:
    if config.asr.engine == "vosk":
        for n in range(config.asr.workers):
            yield WorkerSpec("vosk", config.asr.models, folder / f"vosk-{n}.sock")
    if config.tts.engine == "piper":
        for n in range(config.tts.workers):
            yield WorkerSpec("piper", config.tts.voices, folder / f"piper-{n}.sock")


def _uris(specs: Iterable[WorkerSpec], engine: str) -> list[str]:
    return [spec.uri for spec in specs if spec.engine == engine]
