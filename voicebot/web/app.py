"""The requests that are answered, as an ASGI application.

Knows the paths and the answers' form: one line of text, which Asterisk's CURL() puts into a variable
as it is, or JSON.  Must not know sockets.  Every request is short: it runs between two beats of the
media clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
        return JSONResponse(dict(self._results(request)))

    async def result(self, request: Request) -> Response:
        """One of these, empty where it is not set, as in the dialplan."""
        name = request.path_params["name"]
        if not name.startswith("VOICEBOT_"):
            raise Unusable(f"results are called VOICEBOT_RESULT and so on; {PATHS}", 404)
        return PlainTextResponse(" ".join(self._results(request).get(name, "").splitlines()))

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

    def _results(self, request: Request) -> Mapping[str, str]:
        uuid = uuid_of(request.path_params["uuid"])
        results = self.finished.get(uuid)
        if results is None:
            minutes = round(KEPT_S / 60)
            raise Unusable(
                f"no call {uuid} has ended here within {minutes} minutes; it may go on still", 404
            )
        return results


def make_app(desk: Desk) -> Starlette:
    """The application; it keeps no state of its own."""
    app = Starlette(
        routes=[
            Route("/calls/{uuid}", desk.announce, methods=["POST"]),
            Route("/calls/{uuid}", desk.results, methods=["GET"]),
            Route("/calls/{uuid}/{name}", desk.result, methods=["GET"]),
            Route("/health", desk.health, methods=["GET"]),
        ],
        exception_handlers={
            Unusable: desk.unusable,
            HTTPException: desk.not_here,
            ClientDisconnect: desk.gone,
        },
    )
    app.router.redirect_slashes = False  # CURL() would not follow
    return app


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
