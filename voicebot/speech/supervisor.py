"""Keeps a speech worker up: a process that serves, and a spare that takes over when it dies.

Knows: how `voicebot.speech.worker` is started, what it says on stdout, that it ends with its stdin.
Must not know: Wyoming, what the engines do.
"""

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

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

SPARE_LIMIT_BYTES = 200 << 20
"""Up to this size of the model's files a second process is kept loaded, which takes over in milliseconds and costs
the model's memory twice. Larger models come back when they are loaded again.
"""


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
        """The process that serves."""

        self.ready = False
        """The socket answers."""

        self.spare = False
        """Another process is loaded and takes over when this one dies."""

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
) -> None:
    """Run a worker until cancelled, replacing it when it dies.

    `task_status.started` gives the Worker when its socket answers for the first time. When cancelled its
    processes are killed: they hold nothing worth saving.

    Raises:
        EngineUnavailable: a model is missing, or the engine cannot load it at the first start.
    """
    check_models(spec)
    worker = Worker(spec)
    pair = _Pair(worker)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pair.live, nursery.cancel_scope)
        await pair.first_ready.wait()
        task_status.started(worker)
        if _model_bytes(spec) <= SPARE_LIMIT_BYTES:
            # Not earlier: the first start should not have to share the cores with its spare.
            nursery.start_soon(pair.live, nursery.cancel_scope)
    if pair.unavailable is not None:
        raise EngineUnavailable(pair.unavailable)


def _model_bytes(spec: WorkerSpec) -> int:
    files = (
        file
        for path in spec.models.values()
        for file in (path.rglob("*") if path.is_dir() else [path])
    )
    return sum(file.stat().st_size for file in files if file.is_file())


class _Pair:
    """The process that serves and the spare that is loaded and waits for its turn: two tasks that do the same."""

    def __init__(self, worker: Worker) -> None:
        self.first_ready = trio.Event()
        self.unavailable: str | None = None
        self._worker = worker
        self._turn = trio.Lock()
        self._short_lives = 0

    async def live(self, everything: trio.CancelScope) -> None:
        """Run one process after another; each serves when it is its turn."""
        while True:
            how = await self._one_life()
            if not self.first_ready.is_set():
                self.unavailable = f"{self._worker.spec.engine} does not start: {how}"
                everything.cancel()
            await trio.sleep(_pause_s(self._short_lives))

    async def _one_life(self) -> str:
        """Run a process from start to end; say how it ended."""
        process = await _Process.start(self._worker.spec)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(process.log_stderr)
                if await process.says(b"loaded"):
                    self._worker.spare = self._turn.locked()
                    async with self._turn:
                        self._worker.spare = False
                        await self._serve(process)
                how = await process.end()
        finally:
            with trio.CancelScope(shield=True):
                await process.kill()
        # Before it was loaded, what it said last is the reason; afterwards it said other things, too.
        return how if process.loaded else process.last_words or how

    async def _serve(self, process: "_Process") -> None:
        worker = self._worker
        began_s = trio.current_time()
        if await process.says(b"ready", after=b"serve"):
            worker.pid, worker.ready = process.pid, True
            log.info(
                "worker.started", engine=worker.spec.engine, pid=process.pid, after_s=process.age_s
            )
            self.first_ready.set()
        try:
            how = await process.end()
        finally:
            worker.pid, worker.ready = None, False
        worker.restarts += 1
        lived_s = trio.current_time() - began_s
        self._short_lives = 0 if lived_s >= STEADY_S else self._short_lives + 1
        pause_s = _pause_s(self._short_lives)
        log.warning("worker.died", engine=worker.spec.engine, how=how, again_in_s=pause_s)
        await trio.sleep(pause_s)


class _Process:
    """A worker's process and the few words that are exchanged with it."""

    def __init__(self, spec: WorkerSpec, process: trio.Process) -> None:
        self.pid = process.pid
        self.loaded = False
        self.last_words = ""
        self._engine = spec.engine
        self._process = process
        self._began_s = trio.current_time()
        self._stdin = cast("trio.abc.SendStream", process.stdin)
        self._stdout = cast("trio.abc.ReceiveStream", process.stdout)
        self._stderr = cast("trio.abc.ReceiveStream", process.stderr)

    @classmethod
    async def start(cls, spec: WorkerSpec) -> "_Process":
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
        pipe = subprocess.PIPE
        return cls(
            spec, await trio.lowlevel.open_process(command, stdin=pipe, stdout=pipe, stderr=pipe)
        )

    @property
    def age_s(self) -> float:
        """Time since it was started, to the millisecond."""
        return round(trio.current_time() - self._began_s, 3)

    async def says(self, word: bytes, after: bytes = b"") -> bool:
        """Wait for a word, after telling the process one; False when it ends without saying it."""
        try:
            if after:
                await self._stdin.send_all(after + b"\n")
            heard = (await self._stdout.receive_some()).strip() == word
        except trio.BrokenResourceError:
            return False
        self.loaded = self.loaded or heard
        return heard

    async def end(self) -> str:
        """Wait until it is over; say how it ended."""
        code = await self._process.wait()
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()
        for pipe in (self._stdin, self._stdout, self._stderr):
            await pipe.aclose()

    async def log_stderr(self) -> None:
        """Log what the engine and its native libraries say, a line each."""
        rest = b""
        async for data in self._stderr:
            *lines, rest = (rest + data).split(b"\n")
            for line in filter(None, (line.decode(errors="replace").strip() for line in lines)):
                log.warning("worker.says", engine=self._engine, text=line)
                self.last_words = line


def _pause_s(short_lives: int) -> float:
    beyond = short_lives - FREE_RESTARTS
    return min(FIRST_PAUSE_S * 2 ** (beyond - 1), LONGEST_PAUSE_S) if beyond > 0 else 0.0
