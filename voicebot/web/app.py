"""The requests that are answered, as an ASGI application.

Knows the paths and the answers' form: one line of text, which Asterisk's CURL() puts into a variable
as it is, or JSON.  Must not know sockets.  Every request is short: it runs between two beats of the
media clock.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from voicebot.pbx.expected import Expected
from voicebot.pbx.finished import KEPT_S, Finished
from voicebot.web.announcing import BODY_MOST, Unusable, introduction_of, uuid_of

log = structlog.get_logger()

BODY_S: Final = 5.0
"""The whole body is there by then, or the caller has waited too long anyway."""
WAIT_S: Final = 1.0
"""For the results of a call that has not ended: a caller who hangs up is noticed here and in the
dialplan at once, and the dialplan asks within a millisecond."""
WAIT_MOST_S: Final = 10.0
DROPPED_MOST: Final = 1_000_000
"""Bytes that are read of a body that is too long: who still writes does not read the answer."""
PATHS: Final = "POST /calls/UUID, GET /calls/UUID, GET /calls/UUID/VOICEBOT_RESULT, GET /health"


@dataclass(frozen=True, slots=True)
class Desk:
    """Who answers."""

    expected: Expected
    finished: Finished
    flows: Callable[[], Collection[str]]
    """The names of the flows that are served now."""
    calls: Callable[[], int] | None = None
    """How many are under way."""

    async def announce(self, request: Request) -> Response:
        """A call is about to come: who calls."""
        uuid = uuid_of(request.path_params["uuid"])
        body = await _body(request)
        introduction = introduction_of(request.headers.get("content-type", ""), body, self.flows())
        self.expected.announce(uuid, introduction)
        log.info("web.announced", call=str(uuid), flow=introduction.flow)
        return PlainTextResponse("ok", 201)

    async def results(self, request: Request) -> Response:
        """All that the dialplan may know of a call that has ended."""
        return JSONResponse(dict(await self._results(request)))

    async def result(self, request: Request) -> Response:
        """One of these, empty where it is not set, as in the dialplan."""
        name = request.path_params["name"]
        if not name.startswith("VOICEBOT_"):
            raise Unusable(f"results are called VOICEBOT_RESULT and so on; {PATHS}", 404)
        text = (await self._results(request)).get(name, "")
        return PlainTextResponse(" ".join(text.splitlines()))

    async def health(self, _: Request) -> Response:
        """Whether there is a bot."""
        return PlainTextResponse("ok" if self.calls is None else f"ok calls={self.calls()}")

    async def unusable(self, _: Request, error: Exception) -> Response:
        """The request cannot be answered, and why."""
        status = error.status if isinstance(error, Unusable) else 400
        log.info("web.refused", status=status, reason=str(error))
        return PlainTextResponse(str(error), status)

    async def not_here(self, _: Request, error: Exception) -> Response:
        """No such path, or not with this method."""
        status, headers = 404, None
        if isinstance(error, HTTPException):
            status, headers = error.status_code, error.headers
        return PlainTextResponse(
            f"nothing is done here like this; what is: {PATHS}", status, headers
        )

    async def gone(self, _: Request, __: Exception) -> Response:
        """Nobody is there any more to read it."""
        return Response(status_code=400)

    async def _results(self, request: Request) -> Mapping[str, str]:
        uuid = uuid_of(request.path_params["uuid"])
        wait_s = _wait_s(request.query_params.get("wait"))
        with trio.move_on_after(wait_s):
            await self.finished.wait(uuid)
        results = self.finished.get(uuid)
        if results is None:
            minutes = round(KEPT_S / 60)
            raise Unusable(
                f"no call {uuid} has ended here within {minutes} minutes; it may go on still", 404
            )
        return results


def _wait_s(written: str | None) -> float:
    if written is None:
        return WAIT_S
    if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,3})?", written) or float(written) > WAIT_MOST_S:
        raise Unusable(f"wait is seconds, at most {WAIT_MOST_S:g}, such as wait=2")
    return float(written)


def make_app(desk: Desk) -> Starlette:
    """The application; it keeps no state of its own."""
    app = Starlette(
        routes=[
            Route("/calls/{uuid}", _safe(desk.announce), methods=["POST"]),
            Route("/calls/{uuid}", _safe(desk.results), methods=["GET"]),
            Route("/calls/{uuid}/{name}", _safe(desk.result), methods=["GET"]),
            Route("/health", _safe(desk.health), methods=["GET"]),
        ],
        exception_handlers={
            Unusable: desk.unusable,
            HTTPException: desk.not_here,
            ClientDisconnect: desk.gone,
        },
    )
    app.router.redirect_slashes = False  # CURL() would not follow
    return app


def _safe(answer: Callable[[Request], Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """A fault in an answer is logged here: further out it looks like one of the peer's."""

    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except (Unusable, HTTPException, ClientDisconnect):
            raise
        except Exception:
            log.exception("web.fault", path=request.url.path)
            return PlainTextResponse("voicebot has made a mistake; its log says more", 500)

    return answered


async def _body(request: Request) -> bytes:
    """The body, of one that is too long the beginning."""
    body, size = bytearray(), 0
    with trio.move_on_after(BODY_S) as limit:
        async for chunk in request.stream():
            size += len(chunk)
            if size > DROPPED_MOST:
                break
            if len(body) <= BODY_MOST:
                body += chunk
    if limit.cancelled_caught:
        raise Unusable(f"the request was not complete after {BODY_S:g} s", 408)
    return bytes(body)
