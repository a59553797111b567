"""The real daemon as a subprocess, for tests that talk to it over its sockets.

Knows how to start `voicebot run`, wait until it is ready and read its log.  Must not know flows.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MODELS = Path(__file__).parents[1] / "models"

READY_S = 60
STOP_S = 20


class Bot:
    """A running daemon.  `log` grows as it logs: one dict for each line.

    `module` is what runs it, if not the program itself.
    """

    def __init__(self, config: Path, module: str = "voicebot") -> None:
        self.log: list[dict[str, Any]] = []
        self._over = False
        self._grown = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "run", "-c", str(config)],
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            record = json.loads(line) if line.startswith("{") else {"event": "", "text": line}
            with self._grown:
                self.log.append(record)
                self._grown.notify_all()
        with self._grown:
            self._over = True
            self._grown.notify_all()

    def wait_for(self, event: str, limit_s: float = 10, **fields: object) -> dict[str, Any]:
        """The first log line of that event with those fields, waited for."""

        def found() -> dict[str, Any] | None:
            return next(iter(self.events(event, **fields)), None)

        with self._grown:
            self._grown.wait_for(lambda: found() or self._over, limit_s)
            record = found()
        assert record is not None, f"no {event} {fields} in:\n" + self.text()
        return record

    def events(self, event: str, **fields: object) -> list[dict[str, Any]]:
        return [
            record
            for record in list(self.log)
            if record["event"] == event and fields.items() <= record.items()
        ]

    def text(self) -> str:
        return "\n".join(map(str, self.log))

    @property
    def ports(self) -> list[int]:
        """The port of each listener, in the order of the configuration."""
        listening = self.wait_for("daemon.ready", READY_S)["listening"].split(", ")
        return [int(address.rpartition(":")[2]) for address in listening]

    def address_of(self, port: str) -> str:
        """Where it really listens for `agi` or `web`."""
        address: str = self.wait_for("daemon.ready", READY_S)[port]
        return address

    def stop(self) -> int:
        """End it as systemd would; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        finally:
            self.process.kill()
            self._reader.join(STOP_S)
            assert self.process.stderr is not None
            self.process.stderr.close()


def write_config(folder: Path, *listeners: str, listen: str = "", extra: str = "") -> Path:
    """A configuration with these listeners (`{address: …, flow: …}`), flows in folder/flows.

    `listen` is what else stands there, such as `agi: '127.0.0.1:0'`.
    """
    (folder / "flows").mkdir(exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(
        "voicebot: 1\n"
        f"listen: {{audiosocket: [{', '.join(listeners)}], {listen}}}\n"
        "flows: flows\n"
        f"asr: {{models: {{en-US: {MODELS / 'vosk-tiny-en-8k'}}}}}\n"
        f"tts: {{voices: {{en-US: {MODELS / 'voicebot-en_US-tiny.onnx'}}}}}\n"
        "log: {format: json}\n"
        f"cache: {folder / 'cache'}\n" + extra
    )
    return path


@contextmanager
def running_bot(config: Path, module: str = "voicebot") -> Iterator[Bot]:
    bot = Bot(config, module)
    try:
        assert bot.ports  # waits until it is ready
        yield bot
    finally:
        bot.stop()


def eventually(true: Any, limit_s: float = 5) -> None:
    """Wait until `true()` is; fails after the limit."""
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)
