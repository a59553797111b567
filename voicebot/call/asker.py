"""What a flow asks of servers: one HTTP client for all calls.

Knows HTTP, how often to try again, and what of an answer is kept.  Must not know flows or calls; no
line of the log is written here, so no address and no body can get into one.

Redirects are not followed: any status is an answer, and what was meant for one server (a token in
a header, a caller's number) is not sent on to another because that one says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

import trio

from voicebot import __version__
from voicebot.flow.events import Request

if TYPE_CHECKING:
    import httpx2

MOST_BYTES: Final = 1_000_000
"""Of an answer.  A flow says a sentence of it; more is a mistake in the address."""
SAFE_TO_REPEAT: Final = frozenset({"GET", "PUT", "DELETE"})
"""Asked twice they do what they do once.  The others go out again only if they never went out."""
BUSY: Final = frozenset({502, 503, 504})
"""A server that restarts, or a proxy before one: it mostly answers at the next try."""
PAUSES_S: Final = (0.1, 0.3, 0.9)
"""Before the second, third and fourth try; a caller is waiting."""
LONG_BYTES: Final = 50_000
"""JSON longer than this takes a millisecond to read: not on the media clock's thread."""
DEEPEST: Final = 100
"""Levels of lists and members.  No flow reads deeper, and deeper ones break whoever writes them down."""
CONNECTIONS: Final = 100
"""At once, for all calls; further requests wait for one within their time."""
KEPT: Final = 20
KEPT_S: Final = 30.0


class RequestFailed(Exception):
    """There is no answer: no connection, not in time, too long.  One line, nothing secret in it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, whatever the status."""

    status: int
    json: object = None
    """The body where it is JSON, else None."""
    text: str = ""


class Asker(Protocol):
    """Whoever answers the requests of a flow."""

    async def ask(self, request: Request) -> Answer:
        """Send the request and wait for its answer, for `request.timeout_s` in all.

        Raises:
            RequestFailed: there is none.
        """


class HttpAsker:
    """The `Asker` of real calls, an asynchronous context: its connections are closed at the end."""

    def __init__(self, pauses_s: Sequence[float] = PAUSES_S) -> None:
        self._pauses_s = pauses_s
        self._client: httpx2.AsyncClient
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._client = await trio.to_thread.run_sync(_new_client)  # 60 ms
        await self._open.enter_async_context(self._client)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def ask(self, request: Request) -> Answer:
        """As `Asker` says."""
        busy: Answer | None = None
        with trio.move_on_after(request.timeout_s):
            for pause_s in (*self._pauses_s, None):
                try:
                    answer = await _sent(self._client, request)
                except (_NotSent, _Broken) as error:
                    safe = isinstance(error, _NotSent) or request.method in SAFE_TO_REPEAT
                    if pause_s is None or not safe:
                        raise RequestFailed(str(error)) from None
                else:
                    again = answer.status in BUSY and request.method in SAFE_TO_REPEAT
                    if pause_s is None or not again:
                        return answer
                    busy = answer
                await trio.sleep(pause_s)
        if busy is not None:
            return busy  # there is no time left to ask again
        raise RequestFailed(f"no answer within {request.timeout_s:g} s")


class _NotSent(Exception):
    """No connection was made."""


class _Broken(Exception):
    """The connection broke: the server may have done what it was asked, or not."""


def _new_client() -> httpx2.AsyncClient:
    import httpx2  # noqa: PLC0415 - 60 ms that only the daemon has to spend

    return httpx2.AsyncClient(
        # What the flow's file says is all there is: no proxies and passwords of the environment.
        trust_env=False,
        timeout=None,  # a cancel scope is around it all
        limits=httpx2.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=KEPT, keepalive_expiry=KEPT_S
        ),
        # What a server remembers of one caller is not shown to it with the next one.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        # A small answer is not made quicker by compressing it, and cannot swell up here.
        headers={"User-Agent": f"voicebot/{__version__}", "Accept-Encoding": "identity"},
    )


async def _sent(client: httpx2.AsyncClient, request: Request) -> Answer:
    """Ask once."""
    import httpx2  # noqa: PLC0415 - 60 ms that only the daemon has to spend

    body = None if request.json is None else json.dumps(request.json).encode()
    headers = _headers(request.headers, with_body=body is not None)
    try:
        async with client.stream(
            request.method, request.url, headers=headers, content=body
        ) as response:
            text = await _text(response)
            kind = response.headers.get("content-type", "")
            status = response.status_code
    except httpx2.ConnectError as error:
        raise _NotSent(_reason(error, "no connection")) from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as error:
        raise RequestFailed(_reason(error, "not a request of the web")) from None
    except UnicodeError:
        raise RequestFailed("there is a character in it that cannot be sent") from None
    except httpx2.HTTPError as error:
        raise _Broken(_reason(error, "the connection broke")) from None
    return Answer(status, await _json(text, kind), text)


async def _text(response: httpx2.Response) -> str:
    body = bytearray()
    with trio.CancelScope() as enough:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                enough.cancel()  # not raise: the library's generators would be left as they are
    if len(body) > MOST_BYTES:
        raise RequestFailed(f"the answer is longer than {MOST_BYTES // 1_000_000} MB")
    try:
        return body.decode(response.charset_encoding or "utf-8", "replace").removeprefix("\ufeff")
    except LookupError:
        return body.decode("utf-8", "replace")  # it names an encoding that there is not


async def _json(text: str, kind: str) -> object:
    """What the text says where it is JSON, also of a server that does not call it that."""
    if "json" not in kind and text.lstrip()[:1] not in {"{", "["}:
        return None
    if len(text) > LONG_BYTES:
        return await trio.to_thread.run_sync(_parsed, text)
    return _parsed(text)


def _parsed(text: str) -> object:
    try:
        read: object = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return read if _is_shallow(read) else None


def _is_shallow(read: object) -> bool:
    level = _nested([read])
    for _ in range(DEEPEST):
        if not level:
            return True
        level = [
            one
            for around in level
            for one in _nested(around.values() if isinstance(around, dict) else around)
        ]
    return not level


def _nested(values: Iterable[object]) -> list[dict[str, object] | list[object]]:
    return [one for one in values if isinstance(one, dict | list)]


def _no_constant(name: str) -> object:
    """NaN and Infinity are of JavaScript; no flow can compare them."""
    raise ValueError(name)


def _headers(own: Mapping[str, str], *, with_body: bool) -> list[tuple[bytes, bytes]]:
    """What goes before the body, as bytes: a name may have an umlaut in it."""
    headers = [
        (name.encode("utf-8", "replace"), value.encode("utf-8", "replace"))
        for name, value in own.items()
    ]
    if with_body and not any(name.lower() == b"content-type" for name, _ in headers):
        headers.append((b"Content-Type", b"application/json"))
    return headers


def _reason(error: BaseException, otherwise: str) -> str:
    """One line: the first of the errors behind it that says something.

    None of them repeats an address's query, a header or a body.
    """
    behind: BaseException | None = error
    while behind is not None:
        if str(behind):
            return " ".join(str(behind).split())
        behind = behind.__cause__ or behind.__context__
    return otherwise
