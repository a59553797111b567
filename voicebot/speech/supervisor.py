"""Keeps a speech worker's process up.

Knows: how `voicebot.speech.worker` is started, that it says `ready` on stdout, that it ends with its stdin.
Must not know: Wyoming, what the engines do.
"""

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, cast

import structlog
import trio

log = structlog.get_logger()

STEADY_S = 5.0
"""A worker that lived this long was well: its death is an accident and it is replaced at once."""

FREE_RESTARTS = 3
"""So many short lives in a row are replaced at once, too; then the pauses begin, so that a crash loop does
not eat a core.
"""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0


class EngineUnavailable(Exception):
    """A worker cannot start at all; the text is one line for the person who wrote the configuration."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One worker process to run."""

    engine: Literal["vosk", "piper"]
    models: Mapping[str, Path]
    """Language tag to model folder (vosk) or .onnx file (piper)."""

    socket: Path
    """Where it will serve. The folder must exist and be ours alone; at most about 100 bytes, a limit of Unix
    sockets.
    """

    @property
    def uri(self) -> str:
        """Give what `remote` connects to."""
        return f"unix://{self.socket}"


class Worker:
    """What is known of a running worker; `run_worker` keeps it up to date."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        self.pid: int | None = None
        self.ready = False
        """The socket answers."""

        self.restarts = 0


def check_models(spec: WorkerSpec) -> None:
    """Look whether the files are there, before any process is started.

    Raises:
        EngineUnavailable: a model is missing.
    """
    if not spec.models:
        raise EngineUnavailable(f"no model is named for {spec.engine}")
    for language, path in spec.models.items():
        problem = _vosk_problem(path) if spec.engine == "vosk" else _piper_problem(path)
        if problem:
            raise EngineUnavailable(f"{spec.engine} model for {language}: {problem}")


def _vosk_problem(path: Path) -> str | None:
    if not path.is_dir():
        return f"there is no folder {path}"
    if not any((path / name).is_file() for name in ("am/final.mdl", "final.mdl")):
        return f"{path} is not a Vosk model: it has no am/final.mdl"
    return None


def _piper_problem(path: Path) -> str | None:
    if not path.is_file():
        return f"there is no file {path}"
    config = path.with_name(path.name + ".json")
    if not config.is_file():
        return f"the voice's settings {config} are missing; a Piper voice has two files"
    return None


async def run_worker(
    spec: WorkerSpec, *, task_status: trio.TaskStatus[Worker] = trio.TASK_STATUS_IGNORED
) -> NoReturn:
    """Run a worker until cancelled, starting it again when it dies.

    `task_status.started` gives the Worker when its socket answers for the first time. When cancelled the
    process is killed: it holds nothing worth saving.

    Raises:
        EngineUnavailable: a model is missing, or the engine cannot load it at the first start.
    """
    check_models(spec)
    worker = Worker(spec)
    short_lives = 0

    def on_ready() -> None:
        if not worker.restarts:
            task_status.started(worker)

    while True:
        began_s = trio.current_time()
        was_ready, how = await _one_life(worker, on_ready)
        if not was_ready and not worker.restarts:
            raise EngineUnavailable(f"{spec.engine} does not start: {how}")
        worker.restarts += 1
        short_lives = 0 if trio.current_time() - began_s >= STEADY_S else short_lives + 1
        pause_s = _pause_s(short_lives)
        log.warning("worker.died", engine=spec.engine, how=how, again_in_s=pause_s)
        await trio.sleep(pause_s)


def _pause_s(short_lives: int) -> float:
    beyond = short_lives - FREE_RESTARTS
    return min(FIRST_PAUSE_S * 2 ** (beyond - 1), LONGEST_PAUSE_S) if beyond > 0 else 0.0


async def _one_life(worker: Worker, on_ready: Callable[[], None]) -> tuple[bool, str]:
    """Run the process from start to end; give whether it ever was ready and how it ended."""
    spec = worker.spec
    began_s = trio.current_time()
    process = await _start(spec)
    pipes = [
        cast("trio.abc.AsyncResource", pipe)
        for pipe in (process.stdin, process.stdout, process.stderr)
    ]
    worker.pid = process.pid
    was_ready = False
    last_words: list[str] = []
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_log_stderr, spec, process, last_words)
            if await cast("trio.abc.ReceiveStream", process.stdout).receive_some():
                was_ready = worker.ready = True
                took_s = round(trio.current_time() - began_s, 3)
                log.info("worker.started", engine=spec.engine, pid=process.pid, took_s=took_s)
                on_ready()
            await process.wait()
    finally:
        worker.ready = False
        worker.pid = None
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            for pipe in pipes:
                await pipe.aclose()
    return was_ready, last_words[-1] if last_words and not was_ready else _how_it_ended(
        process.returncode
    )


async def _start(spec: WorkerSpec) -> trio.Process:
    models = [part for tag, path in spec.models.items() for part in ("--model", f"{tag}={path}")]
    return await trio.lowlevel.open_process(
        [
            sys.executable,
            "-m",
            "voicebot.speech.worker",
            spec.engine,
            "--socket",
            str(spec.socket),
            *models,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def _log_stderr(spec: WorkerSpec, process: trio.Process, last_words: list[str]) -> None:
    """Log what the engine and its native libraries say, a line each."""
    rest = b""
    async for data in cast("trio.abc.ReceiveStream", process.stderr):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").strip()
            if text:
                log.warning("worker.says", engine=spec.engine, text=text)
                last_words[:] = [text]


def _how_it_ended(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}"
    return f"exit {returncode}"
