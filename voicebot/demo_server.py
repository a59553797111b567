"""The server of `voicebot demo`: keeps the book of a practice, in which the first wish is never free.

Knows what flows/appointment.yaml asks for, and HTTP. Must not know: calls, flows, the screen.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, TypeAlias

NEXT_FREE: Final = "11:30"

OnAnswer: TypeAlias = Callable[[str, HTTPStatus, str], None]
"""Is told what was asked, and status and body of the answer; in the thread of the request."""


@contextmanager
def appointment_book(on_answer: OnAnswer) -> Iterator[str]:
    """Serve on a free port of this machine; gives the URL."""
    book = _Book(on_answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), book.handler())
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Book:
    def __init__(self, on_answer: OnAnswer) -> None:
        self._on_answer = on_answer
        self._asked = 0

    def answer(self, wish: Mapping[str, object]) -> tuple[HTTPStatus, Mapping[str, object]]:
        """The first time asked for is taken; the next one is not."""
        self._asked += 1
        if self._asked == 1:
            return HTTPStatus.CONFLICT, {"day": wish.get("day"), "time": NEXT_FREE}
        return HTTPStatus.CREATED, {}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """What `http.server` makes an instance of for each request."""
        book = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server looks for
                text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                status, found = book.answer(json.loads(text))
                body = json.dumps(found)
                book._on_answer(f"POST {self.path} {text}", status, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Nothing on standard error: `on_answer` is told."""

        return Handler
