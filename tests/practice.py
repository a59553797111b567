"""The dentist of the language's own page, with the server that keeps the book: for real calls.

Knows the flow's files and what it asks of the server.  Must not know who calls.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.bot import write_config

DENTIST = Path(__file__).parent / "flow" / "dentist"
NUMBER = "982406513"


class Practice:
    """The dentist's server: books whatever is asked for, and remembers it."""

    def __init__(self) -> None:
        self.booked: list[dict[str, Any]] = []
        booked = self.booked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                booked.append({"path": self.path, **json.loads(body)})
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def practice() -> Iterator[Practice]:
    running = Practice()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.05,))
    thread.start()
    yield running
    running.server.shutdown()
    thread.join()
    running.server.server_close()


def dentist_config(folder: Path, practice: Practice) -> Path:
    """Settings that serve the dentist, always open, with this server."""
    extra = "calendars: {practice: {hours: {mon-sun: '00:00-24:00'}}}\nrecords: {traces: true}\n"
    config = write_config(folder, "{address: '127.0.0.1:0', flow: dentist}", extra=extra)
    for name in ("dentist", "prescription"):
        text = (DENTIST / f"{name}.yaml").read_text("utf-8")
        served = text.replace(":8080", f":{practice.server.server_port}")
        (folder / "flows" / f"{name}.yaml").write_text(served)
    (folder / "flows" / "sounds").symlink_to(DENTIST / "sounds")
    return config
