"""The servers that the bench puts side by side: a bare echo in C, a bare echo on asyncio, and the voicebot.

Each runs alone, as a process of its own on a free port, and is a context manager that gives a Server. Knows how to
start and stop them and what processor time they take; must not know what is measured with them.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .report import BUILD, HERE

MODELS = HERE.parents[1] / "models"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# About a minute of speech, longer than any call of the bench; what it says is all the same.
MONTHS = (
    "January February March April May June July August September October November December"
).split()
PROMPT = " ".join(
    f"In {month} we are open from eight to five, and on Saturdays from nine to twelve."
    for month in MONTHS
)

UUID_AND_SILENCE = b"\x01\x00\x10" + bytes(16) + b"\x10\x01\x40" + bytes(320)
"""The least call: a server and an echo alike have something to say to it."""

CONFIG = """\
voicebot: 1
listen: {{audiosocket: "127.0.0.1:{port}"}}
flows: flows
routes: [{{flow: bench}}]
asr: {{engine: vosk, models: {{en-US: "{models}/vosk-tiny-en-8k"}}}}
tts: {{engine: piper, voices: {{en-US: "{models}/voicebot-en_US-tiny.onnx"}}}}
limits: {{calls: 300}}
cache: "{cache}"
"""

# The minute is the menu's own prompt: it plays, and the caller may speak into it all the time.
FLOW = f"""\
voicebot: 1
flow: bench
language: en-US
start: talk
nodes:
  talk:
    - menu:
        say: "{PROMPT}"
        barge_in: speech
        choices:
          - {{answers: ["yes"], keys: "1", goto: bye}}
          - {{answers: ["no"], keys: "2", goto: bye}}
        failed: {{goto: bye}}
  bye: [hangup]
"""


class ServerFailed(Exception):
    """A server or a program of the bench could not be made or started; the message says why in full."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs and takes calls on 127.0.0.1."""

    name: str
    port: int
    pid: int

    def cpu_s(self) -> float:
        """Processor time, user and system, of the process and all that descend from it, in seconds."""
        return sum(cpu_s(pid) for pid in family(self.pid))


def cpu_s(pid: int) -> float:
    """User and system time of one process so far, in seconds; 0 when it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S if fields else 0.0


def family(pid: int) -> set[int]:
    """The process and all that descend from it."""
    parents = {int(p.name): _stat(int(p.name)) for p in Path("/proc").iterdir() if p.name.isdigit()}
    members = {pid}
    while True:
        more = {child for child, fields in parents.items() if fields and int(fields[1]) in members}
        if more <= members:
            return members
        members |= more


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat that follow the name, so [0] is field 3; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def compiled(source: str) -> Path:
    """The program made of a C file beside this one, compiled anew when the file is newer.

    Raises:
        ServerFailed: there is no C compiler or it refuses the file.
    """
    path, program = HERE / source, BUILD / Path(source).stem
    if program.exists() and program.stat().st_mtime > path.stat().st_mtime:
        return program
    BUILD.mkdir(parents=True, exist_ok=True)
    command = ["cc", "-O2", "-Wall", "-Wextra", str(path), "-o", str(program), "-lm"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ServerFailed("the bench needs a C compiler: install gcc") from None
    except subprocess.CalledProcessError as error:
        raise ServerFailed(f"cc refuses {source}:\n{error.stderr}") from None
    return program


def c_echo() -> AbstractContextManager[Server]:
    """The bare echo in C."""
    port = free_port()
    return running("C echo", [str(compiled("echo_epoll.c")), str(port)], port)


def asyncio_echo() -> AbstractContextManager[Server]:
    """The bare echo on asyncio."""
    port = free_port()
    return running("asyncio echo", [sys.executable, str(HERE / "echo_asyncio.py"), str(port)], port)


def voicebot(flow: str = FLOW) -> AbstractContextManager[Server]:
    """`voicebot run` with the shipped models and one flow."""
    port, folder = free_port(), BUILD / "voicebot"
    (folder / "flows").mkdir(parents=True, exist_ok=True)
    (folder / "flows" / "bench.yaml").write_text(flow)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(port=port, models=MODELS, cache=BUILD / "cache"))
    command = [sys.executable, "-m", "voicebot", "run", "-c", str(config)]
    return running("voicebot", command, port, patience_s=120)


SERVERS: Mapping[str, Callable[[], AbstractContextManager[Server]]] = {
    "c-echo": c_echo,
    "asyncio-echo": asyncio_echo,
    "voicebot": voicebot,
}


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def running(name: str, command: list[str], port: int, patience_s: float = 10.0) -> Iterator[Server]:
    """Run a server until the end of the block.

    Raises:
        ServerFailed: it ends by itself or answers no call within `patience_s`.
    """
    log = BUILD / f"{name.replace(' ', '-')}.log"
    BUILD.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait_answering(name, process, port, patience_s, log)
        yield Server(name, port, process.pid)
    finally:
        _end(process)


def _wait_answering(
    name: str, process: subprocess.Popen[bytes], port: int, patience_s: float, log: Path
) -> None:
    """Until a call is answered: a port may be open long before its server is ready."""
    end_s = time.monotonic() + patience_s
    while process.poll() is None and time.monotonic() < end_s:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as caller:
            caller.sendall(UUID_AND_SILENCE)
            if caller.recv(1):
                return
        time.sleep(0.1)
    last_lines = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
    ended = "ended" if process.poll() is not None else f"answers no call for {patience_s:.0f} s"
    raise ServerFailed(f"{name} {ended}; it said:\n{last_lines or '(nothing)'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
