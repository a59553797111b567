"""Just enough of Asterisk's manager interface: how far each call came in the dialplan, and CLI commands.

Knows AMI's lines and the UserEvents that the dialplan in configuration.py sends. A thread reads all the time.
"""

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID, uuid4

from .configuration import AMI_SECRET, AMI_USER


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call in the dialplan."""

    name: str
    """enter, back or gone; see configuration.py."""
    at_s: float
    """On time.monotonic(), when we were told."""
    fields: Mapping[str, str]
    """What else was told, such as Cause and DialStatus."""


class Ami:
    """One connection, logged in.

    Raises:
        OSError: nobody listens there.
    """

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._sock.settimeout(None)
        self._steps: dict[str, list[Step]] = {}
        self._answers: dict[str, dict[str, str]] = {}
        self._booted = self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="ami", daemon=True)
        self._thread.start()
        try:
            self._action("Login", Username=AMI_USER, Secret=AMI_SECRET)
        except OSError:
            self.close()
            raise

    def command(self, line: str) -> str:
        """What the CLI prints for a command such as `core show channels`."""
        return self._action("Command", Command=line).get("Output", "")

    def steps(self, call: UUID) -> list[Step]:
        """The steps of one call so far."""
        with self._changed:
            return list(self._steps.get(str(call), []))

    def wait_step(self, call: UUID, name: str, limit_s: float = 10.0) -> Step:
        """The first step of that name, once it is there.

        Raises:
            TimeoutError: it did not come; the message has the steps that did.
        """
        seen: list[Step] = []
        with self._changed:
            end_s = time.monotonic() + limit_s
            while not self._closed and (left_s := end_s - time.monotonic()) > 0:
                seen = self._steps.get(str(call), [])
                if found := next((step for step in seen if step.name == name), None):
                    return found
                self._changed.wait(left_s)
        raise TimeoutError(f"no step {name} of call {call}; seen: {[step.name for step in seen]}")

    def wait_booted(self, limit_s: float) -> bool:
        """Whether Asterisk is fully up within the limit."""
        with self._changed:
            self._changed.wait_for(lambda: self._booted or self._closed, limit_s)
            return self._booted

    def close(self) -> None:
        """Log off; also when Asterisk is gone already."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()

    def _action(self, name: str, **fields: str) -> dict[str, str]:
        ident = uuid4().hex
        lines = {"Action": name, "ActionID": ident, **fields}
        text = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        self._sock.sendall(f"{text}\r\n".encode())
        with self._changed:
            self._changed.wait_for(lambda: ident in self._answers or self._closed, 10)
            if ident not in self._answers:
                raise ConnectionError(f"no answer to the AMI action {name}")
            return self._answers.pop(ident)

    def _read(self) -> None:
        with suppress(OSError), self._sock.makefile("rb") as lines:
            lines.readline()  # the banner
            while message := _message(lines):
                with self._changed:
                    self._take(message)
                    self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, message: dict[str, str]) -> None:
        if "Response" in message:
            self._answers[message.get("ActionID", "")] = message
        elif message.get("Event") == "FullyBooted":
            self._booted = True
        elif message.get("UserEvent") == "Bed":
            step = Step(message["Step"], time.monotonic(), message)
            self._steps.setdefault(message["UUID"].lower(), []).append(step)


def _message(lines: BinaryIO) -> dict[str, str]:
    """The next message; of a field that comes several times, as Output does, one line for each. Empty: the end."""
    fields: dict[str, str] = {}
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            return fields
        key, _, value = line.partition(":")
        fields[key] = f"{fields[key]}\n{value.strip()}" if key in fields else value.strip()
    return {}
