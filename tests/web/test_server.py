"""The port for requests over real sockets: what is answered, and what cannot disturb it."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID, uuid4

import httpx2
import pytest
import trio
from structlog.testing import capture_logs

from voicebot.config import Config, Listen, Web
from voicebot.listeners import StartError
from voicebot.pbx.expected import Expected
from voicebot.pbx.finished import Finished
from voicebot.pbx.introduction import Introduction
from voicebot.web import app, connection, server
from voicebot.web.announcing import BODY_MOST
from voicebot.web.server import serve_web

CALL = UUID("c3682a42-afda-4b53-9438-c850ebfa7914")
LIMIT_S = 20


def settings(address: str, **more: object) -> Config:
    web = Web.model_validate({"address": address, **more})
    return Config(voicebot=1, listen=Listen(web=web))


@dataclass
class Served:
    """A running server and what stands behind it."""

    expected: Expected = field(default_factory=Expected)
    finished: Finished = field(default_factory=Finished)
    flows: list[str] = field(default_factory=lambda: ["company", "dentist"])
    address: str = ""

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream(*self.place)

    async def raw(self, data: bytes) -> bytes:
        """All that is answered to these bytes."""
        async with await self.connect() as stream:
            await stream.send_all(data)
            return await rest(stream)

    async def get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=f"http://{self.address}") as client:
            return await client.get(path)

    async def post(self, path: str, fields: Mapping[str, str]) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=f"http://{self.address}") as client:
            return await client.post(path, data=dict(fields))


async def rest(stream: trio.SocketStream) -> bytes:
    data = b""
    try:
        async for chunk in stream:
            data += chunk
    except trio.BrokenResourceError:
        pass  # closed before it had read all
    return data


@asynccontextmanager
async def serving(config: Config | None = None) -> AsyncIterator[Served]:
    served = Served()
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            (served.address,) = await nursery.start(
                partial(serve_web, calls=lambda: 3),
                config or settings("127.0.0.1:0"),
                served.expected,
                served.finished,
                lambda: served.flows,
            )
            yield served
            nursery.cancel_scope.cancel()


async def test_a_call_is_announced_by_a_form_and_by_json() -> None:
    async with serving() as served:
        said = await served.post(f"/calls/{CALL}", {"caller": "+4930", "flow": "dentist", "a": "1"})
        assert (said.status_code, said.text) == (201, "ok")
        assert said.headers["content-type"] == "text/plain; charset=utf-8"
        assert "server" not in said.headers
        told = Introduction(caller="+4930", flow="dentist", args={"a": "1"})
        assert served.expected.take(CALL) == told
        async with httpx2.AsyncClient(base_url=f"http://{served.address}") as client:
            fields = {"caller": "+4930", "flow": "dentist", "a": 1}
            said = await client.post(f"/calls/{str(CALL).upper()}", json=fields)
        assert said.status_code == 201
        assert served.expected.take(CALL) == told
        # A flow that has come with a reload.
        served.flows.append("survey")
        assert (await served.post(f"/calls/{CALL}", {"flow": "survey"})).status_code == 201


async def test_results_are_read_one_by_one_or_all() -> None:
    async with serving() as served:
        results = {"VOICEBOT_RESULT": "transfer", "VOICEBOT_NOTE": "two\r\nlines", "VOICEBOT_X": ""}
        served.finished.put(CALL, results)
        for name, text in (("RESULT", "transfer"), ("NOTE", "two lines"), ("X", ""), ("NO", "")):
            said = await served.get(f"/calls/{CALL}/VOICEBOT_{name}")
            assert (said.status_code, said.text) == (200, text)
        said = await served.get(f"/calls/{CALL}")
        assert said.json() == results
        said = await served.get(f"/calls/{uuid4()}/VOICEBOT_RESULT?wait=0")
        assert said.status_code == 404
        assert "has ended here within 10 minutes; it may go on still" in said.text


async def test_who_asks_before_the_call_has_ended_waits_a_moment() -> None:
    async with serving() as served:
        answers: list[str] = []

        async def ask(query: str) -> None:
            answers.append((await served.get(f"/calls/{CALL}/VOICEBOT_RESULT{query}")).text)

        async with trio.open_nursery() as nursery:
            for query in ("", "?wait=10", "?wait=2.5"):
                nursery.start_soon(ask, query)
            await trio.sleep(0.1)
            assert answers == []
            served.finished.put(CALL, {"VOICEBOT_RESULT": "caller_hung_up"})
        assert answers == ["caller_hung_up"] * 3
        for query in ("?wait=11", "?wait=-1", "?wait=x", "?wait=", "?wait=1e1", "?wait=nan"):
            said = await served.get(f"/calls/{CALL}{query}")
            assert (said.status_code, said.text) == (
                400,
                "wait is seconds, at most 10, such as wait=2",
            )


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/health", 200, "ok calls=3"),
        ("POST", "/calls/7001", 400, '"7001" is not a UUID such as '),
        ("GET", "/calls/7001", 400, '"7001" is not a UUID such as '),
        ("GET", f"/calls/{CALL}/RESULT", 404, "results are called VOICEBOT_RESULT"),
        ("GET", "/", 404, "what is: POST /calls/UUID, GET /calls/UUID,"),
        ("GET", "/calls", 404, "what is: POST /calls/UUID,"),
        ("GET", "/calls/", 404, "what is: POST /calls/UUID,"),
        ("GET", f"/calls/{CALL}/", 404, "what is: POST /calls/UUID,"),
        ("GET", "/../../etc/passwd", 404, "what is: POST /calls/UUID,"),
        ("GET", "/calls/%2e%2e%2fetc", 404, "results are called VOICEBOT_RESULT"),
        ("DELETE", f"/calls/{CALL}", 405, "what is: POST /calls/UUID,"),
        ("POST", "/health", 405, "what is: POST /calls/UUID,"),
    ],
)
async def test_a_request_is_answered_with_a_line(
    method: str, path: str, status: int, said: str
) -> None:
    async with serving() as served:
        answer = await served.raw(f"{method} {path} HTTP/1.1\r\nHost: bot\r\n\r\n".encode())
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert said in body
    assert "\n" not in body


async def test_a_body_that_is_too_long_is_refused_and_not_kept() -> None:
    async with serving() as served:
        for size in (BODY_MOST + 1, app.DROPPED_MOST - 10):
            said = await served.post(f"/calls/{CALL}", {"x": "a" * size})
            assert said.status_code == 413
            assert said.text == "this is too long: at most 16384 bytes are read"
    assert len(served.expected) == 0


async def test_many_announce_at_once() -> None:
    calls = [uuid4() for _ in range(150)]
    async with serving() as served:
        codes: list[int] = []

        async def announce(call: UUID) -> None:
            head = f"POST /calls/{call} HTTP/1.1\r\nHost: bot\r\nContent-Length: 11\r\n"
            head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            answer = await served.raw(head.encode() + b"caller=4711")
            codes.append(int(answer.split()[1]))

        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(announce, call)
        assert codes == [201] * len(calls)
        assert all(served.expected.take(call) == Introduction(caller="4711") for call in calls)


async def test_who_may_not_connect_is_turned_away_unheard() -> None:
    with capture_logs() as logs:
        async with serving(settings("127.0.0.1:0", allow=["10.0.0.0/8"])) as served:
            assert await served.raw(b"GET /health HTTP/1.1\r\nHost: bot\r\n\r\n") == b""
    assert [(one["event"], one["reason"]) for one in logs] == [
        ("listener.refused", "not in listen.allow")
    ]


async def test_no_more_than_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 5)
    health = b"GET /health HTTP/1.1\r\nHost: b\r\n\r\n"
    async with serving() as served:
        waiting = [await served.connect() for _ in range(5)]
        # They are taken in one after the other, so this one comes after them.
        assert await served.raw(health) == b""
        await waiting.pop().aclose()
        while await served.raw(health) == b"":
            pass  # until it is noticed that one has left
        await waiting[0].send_all(health)
        assert b" 200 " in await rest(waiting[0])
        for stream in waiting:
            await stream.aclose()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HT",
        b"POST /calls/x HTTP/1.1\r\nHost: b\r\nContent-Length: 9\r\n\r\nca",
    ],
)
async def test_who_is_slow_is_given_up(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_S", 0.2)
    monkeypatch.setattr(app, "BODY_S", 0.2)
    async with serving() as served:
        served_path = sent.replace(b"/x ", f"/{CALL} ".encode())
        answer = await served.raw(served_path)
        assert answer == b"" or b" 408 " in answer


async def test_who_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTION_S", 0.3)
    with capture_logs() as logs:
        async with serving() as served, await served.connect() as stream:
            await stream.send_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            assert b"HTTP/1.1" not in await rest(stream)
    assert [one["event"] for one in logs] == ["web.cut_off"]


async def test_who_does_not_read_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer does not fit into the sockets' buffers; the daemon ends all the same."""
    monkeypatch.setattr(server, "GRACE_S", 0.1)
    async with serving() as served:
        served.finished.put(CALL, {"VOICEBOT_X": "x" * 20_000_000})
        stream = await served.connect()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await stream.send_all(f"GET /calls/{CALL} HTTP/1.1\r\nHost: b\r\n\r\n".encode())
        await stream.receive_some(10)
        assert (await served.get("/health")).status_code == 200
        began_s = trio.current_time()
    assert trio.current_time() - began_s < 5
    await stream.aclose()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0" * 100,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 300,  # TLS
        b"\x01\x00\x10" + CALL.bytes,  # AudioSocket at the wrong port
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"x" * 100_000,
        b"GET /health HTTP/1.1\r\nHost: b\r\n" + b"A: b\r\n" * 10_000,
        b"POST /health HTTP/1.1\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
        b"POST /calls/x HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe%ff%00 HTTP/1.1\r\nHost: b\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\0" * 100,
        b"GET /health HTTP/1.1\r\nHost: b\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: !!!\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n",
    ],
)
async def test_garbage_disturbs_nobody(garbage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_S", 0.3)
    monkeypatch.setattr(server, "CONNECTION_S", 0.6)
    async with serving() as served:
        with capture_logs() as logs:
            await served.raw(garbage)
        assert not [one for one in logs if one["log_level"] == "error"]
        assert (await served.get("/health")).text == "ok calls=3"


async def test_who_resets_disturbs_nobody() -> None:
    async with serving() as served:
        for sent in (b"", b"GET /hea", f"GET /calls/{CALL} HTTP/1.1\r\nHost: b\r\n\r\n".encode()):
            stream = await served.connect()
            await stream.send_all(sent)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await stream.aclose()
        assert (await served.get("/health")).status_code == 200


async def test_a_fault_is_one_answer_and_a_line_in_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with capture_logs() as logs:
        async with serving() as served:
            served.flows = None  # type: ignore[assignment]
            said = await served.post(f"/calls/{CALL}", {"flow": "x"})
            assert (said.status_code, said.text) == (
                500,
                "voicebot has made a mistake; its log says more",
            )
            assert (await served.get("/health")).status_code == 200
    assert [(one["event"], one["exc_info"]) for one in logs] == [("web.fault", True)]
    assert capfd.readouterr() == ("", "")


async def test_a_port_that_is_taken_is_told_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told = f"^{address} is in use by another program.* give another port under listen.web$"
        with pytest.RaisesGroup(pytest.RaisesExc(StartError, match=told)):
            async with serving(settings(address)):
                pytest.fail("it is taken")


async def test_without_the_setting_there_is_no_port() -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(
                serve_web, Config(voicebot=1), Expected(), Finished(), list[str]
            )
            assert addresses == []


async def test_it_listens_on_ipv6_too() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with serving(settings("[::1]:0")) as served:
        assert (await served.get("/health")).status_code == 200


def test_nobody_pays_for_it_who_does_not_use_it() -> None:
    code = "import sys, voicebot.cli, voicebot.web.server; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"hypercorn", "starlette", "h2"}


async def test_results_are_json_whatever_is_in_them() -> None:
    async with serving() as served:
        results = {"VOICEBOT_A": '"<script>\u2028\0', "VOICEBOT_B": "ß"}
        served.finished.put(CALL, results)
        said = await served.get(f"/calls/{CALL}")
    assert said.headers["content-type"] == "application/json"
    assert json.loads(said.text) == results
