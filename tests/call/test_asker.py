"""The HTTP client against a real server on this machine that answers as badly as servers do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio

from voicebot.call.asker import DEEPEST, MOST_BYTES, Answer, HttpAsker, RequestFailed
from voicebot.flow.events import Request

Handler = Callable[[trio.SocketStream, bytes], Awaitable[None]]


def http(status: str, body: bytes = b"", kind: str = "application/json", *extra: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *extra]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Server:
    """Answers each request with the next of `answers`; the last one stays.

    An answer is bytes, or a function that does with the connection what it likes.
    """

    def __init__(self, *answers: bytes | Handler) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        with trio.move_on_after(5):
            while (request := await self._request(stream)) is not None:
                self.requests.append(request)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if isinstance(answer, bytes):
                    await stream.send_all(answer)
                else:
                    await answer(stream, request)
                    return

    async def _request(self, stream: trio.SocketStream) -> bytes | None:
        data = b""
        try:
            while b"\r\n\r\n" not in data or len(data) < _whole(data):
                piece = await stream.receive_some()
                if not piece:
                    return None
                data += piece
        except trio.BrokenResourceError:
            return None
        return data

    def request(self, method: str = "GET", **changes: Any) -> Request:
        fields: dict[str, Any] = {
            "method": method, "url": f"http://127.0.0.1:{self.port}/book?name=Smith",
            "headers": {}, "json": None, "timeout_s": 2.0, "secret": False,
        }  # fmt: skip
        return Request(**{**fields, **changes})


def _whole(data: bytes) -> int:
    head, _, _ = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n")
                   if line.startswith(b"content-length:")), 0)  # fmt: skip
    return len(head) + 4 + length


@asynccontextmanager
async def asking(server: Server) -> AsyncIterator[HttpAsker]:
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        server.port = listeners[0].socket.getsockname()[1]
        async with HttpAsker((0.01, 0.05, 0.1)) as asker:
            yield asker
        nursery.cancel_scope.cancel()


async def reset(stream: trio.SocketStream, request: bytes) -> None:
    await stream.aclose()


async def never(stream: trio.SocketStream, request: bytes) -> None:
    await trio.sleep_forever()


async def drip(stream: trio.SocketStream, request: bytes) -> None:
    """A byte at a time: each comes in time, all of them never."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        await stream.send_all(b"x")
        await trio.sleep(0.01)


async def flood(stream: trio.SocketStream, request: bytes) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        while True:
            await stream.send_all(b"10000\r\n" + bytes(65536) + b"\r\n")
    except trio.BrokenResourceError:
        return


async def half(stream: trio.SocketStream, request: bytes) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await stream.aclose()


async def test_json_goes_out_and_comes_in() -> None:
    server = Server(http("201 Created", b'{"at": "10:00", "list": [1]}'))
    async with asking(server) as asker:
        answer = await asker.ask(
            server.request("POST", json={"day": "2027-03-01"}, headers={"X-Token": "Müller"})
        )
    assert answer == Answer(201, {"at": "10:00", "list": [1]}, '{"at": "10:00", "list": [1]}')
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /book?name=Smith HTTP/1.1")
    assert b"Content-Type: application/json" in head
    assert "X-Token: Müller".encode() in head
    assert json.loads(body) == {"day": "2027-03-01"}


async def test_the_connection_is_kept_and_no_cookie_is() -> None:
    server = Server(http("200 OK", b"{}", "application/json", "Set-Cookie: caller=1"))
    async with asking(server) as asker:
        for _ in range(3):
            await asker.ask(server.request())
    assert (server.connections, len(server.requests)) == (1, 3)
    assert not any(b"ookie" in request for request in server.requests)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_server_that_is_busy_is_asked_again(method: str) -> None:
    server = Server(http("503 Busy"), http("502 Bad"), http("200 OK", b"[]"))
    async with asking(server) as asker:
        assert (await asker.ask(server.request(method))).status == 200
    assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [http("503 Busy"), reset, half])
async def test_what_may_not_be_done_twice_is_not_sent_twice(answer: bytes | Handler) -> None:
    server = Server(answer, http("200 OK"))
    async with asking(server) as asker:
        if isinstance(answer, bytes):
            assert (await asker.ask(server.request("POST"))).status == 503
        else:
            with pytest.raises(RequestFailed):
                await asker.ask(server.request("POST"))
    assert len(server.requests) == 1


async def test_a_server_that_stays_busy_has_answered() -> None:
    server = Server(http("503 Busy", b"later", "text/plain"))
    async with asking(server) as asker:
        assert await asker.ask(server.request()) == Answer(503, None, "later")
        assert (await asker.ask(server.request(timeout_s=0.05))).status == 503


@pytest.mark.parametrize("answer", [reset, half])
async def test_a_connection_that_breaks_is_tried_again(answer: Handler) -> None:
    server = Server(answer, http("200 OK"))
    async with asking(server) as asker:
        assert (await asker.ask(server.request())).status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_there(method: str) -> None:
    server = Server(b"")
    async with asking(server) as asker:
        closed = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = closed[0].socket.getsockname()[1]
        await closed[0].aclose()
        with pytest.raises(RequestFailed, match=r"(?i)connect") as caught:
            await asker.ask(server.request(method, url=f"http://127.0.0.1:{port}/x?name=Smith"))
    assert "Smith" not in str(caught.value)


async def test_a_server_without_tls_says_what_is_wrong() -> None:
    async def answer_at_once(stream: trio.SocketStream) -> None:
        await stream.send_all(http("400 Bad"))
        await stream.receive_some()

    server = Server(b"")
    server.serve = answer_at_once  # type: ignore[method-assign]
    async with asking(server) as asker:
        with pytest.raises(RequestFailed, match="SSL"):
            await asker.ask(server.request(url=f"https://127.0.0.1:{server.port}/"))


async def test_a_server_that_comes_up_meanwhile_gets_even_a_post() -> None:
    server = Server(http("200 OK", b"{}"))
    async with asking(server) as asker:
        later = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = later[0].socket.getsockname()[1]
        await later[0].aclose()

        async def come_up() -> None:
            await trio.sleep(0.05)
            await trio.serve_tcp(server.serve, port, host="127.0.0.1")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(come_up)
            answer = await asker.ask(server.request("POST", url=f"http://127.0.0.1:{port}/"))
            nursery.cancel_scope.cancel()
    assert answer.status == 200
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [never, drip])
async def test_the_time_is_for_all_of_it(answer: Handler) -> None:
    server = Server(answer)
    async with asking(server) as asker:
        began_s = trio.current_time()
        with pytest.raises(RequestFailed, match=r"no answer within 0\.3 s"):
            await asker.ask(server.request(timeout_s=0.3))
        assert trio.current_time() - began_s < 1


async def test_an_answer_without_end_is_cut_off() -> None:
    server = Server(flood)
    async with asking(server) as asker:
        with pytest.raises(RequestFailed, match="longer than 1 MB"):
            await asker.ask(server.request())


@pytest.mark.parametrize(
    ("body", "kind", "parsed"),
    [
        (b'{"a": 1}', "text/plain", {"a": 1}),
        (b' [1, "\xc3\xa4"]', "", [1, "ä"]),
        (b'"yes"', "application/problem+json; charset=utf-8", "yes"),
        (b"\xef\xbb\xbf{}", "application/json", {}),
        (b'{"a": "\xe4"}', "application/json; charset=iso-8859-1", {"a": "ä"}),
        (b'{"a": "\xc3\xa4"}', "application/json; charset=klingon", {"a": "ä"}),
        (b"12", "text/plain", None),
        (b"", "application/json", None),
        (b"{not json", "application/json", None),
        (b'{"a": NaN}', "application/json", None),
        (b"[" * 100_000, "application/json", None),
        (
            b"[" * DEEPEST + b"]" * DEEPEST,
            "application/json",
            json.loads("[" * DEEPEST + "]" * DEEPEST),
        ),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "application/json", None),
        (b'{"a":[' * 60 + b"]}" * 60, "application/json", None),
        (b"<html>", "text/html", None),
    ],
)
async def test_what_is_json_and_what_is_not(body: bytes, kind: str, parsed: object) -> None:
    server = Server(http("200 OK", body, kind))
    async with asking(server) as asker:
        assert (await asker.ask(server.request())).json == parsed


async def test_the_largest_answer() -> None:
    body = json.dumps("x" * (MOST_BYTES - 2)).encode()
    server = Server(http("200 OK", body))
    async with asking(server) as asker:
        assert (await asker.ask(server.request())).json == "x" * (MOST_BYTES - 2)


async def test_a_redirect_is_an_answer() -> None:
    server = Server(http("302 Found", b"", "text/html", "Location: http://127.0.0.1:1/"))
    async with asking(server) as asker:
        assert (await asker.ask(server.request())).status == 302


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "127.0.0.1/x"},
        {"url": "ftp://127.0.0.1/x"},
        {"url": "http://127.0.0.1:99999/"},
        {"url": "http://"},
        {"url": "http://[::1/"},
        {"headers": {"X": "a\r\nb: c"}},
        {"headers": {"\ud800": "\ud800"}},
        {"url": "http://127.0.0.1:1/\ud800"},
        {"url": "http://" + "ü" * 100 + "/"},
    ],
)
async def test_what_is_no_request_fails_at_once(changes: dict[str, Any]) -> None:
    server = Server(b"")
    async with asking(server) as asker:
        with pytest.raises(RequestFailed):
            await asker.ask(server.request(**changes))


async def test_a_call_that_ends_takes_its_request_along() -> None:
    server = Server(never)
    async with asking(server) as asker:
        with trio.move_on_after(0.1) as gone:
            await asker.ask(server.request())
        assert gone.cancelled_caught
        server.answers = [http("200 OK")]
        assert (await asker.ask(server.request())).status == 200
