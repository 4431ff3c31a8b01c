"""The hub as one ASGI application."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route, Router

from deeplake_nb.hub import routes
from deeplake_nb.server.answers import answer, failure, refusal
from deeplake_nb.server.api import api
from deeplake_nb.server.compat import compat
from deeplake_nb.server.guard import Guard
from deeplake_nb.server.limits import Limits
from deeplake_nb.server.lookout import lookout
from deeplake_nb.server.openapi import document
from deeplake_nb.server.outgoing import Outgoing
from deeplake_nb.server.requests import Acting
from deeplake_nb.server.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from deeplake_nb.hub.domain import HubCore

_log = logging.getLogger(__name__)
_NOBODY = "-"


class App:
    """Everything behind one address: routes, and around them the limits, the guard and the log of requests.

    Attributes:
        routes: every route, for tests and for documents.
    """

    def __init__(self, core: HubCore, settings: Settings) -> None:
        acting = Acting(core, settings.threads, settings.seconds)
        outgoing = Outgoing(settings.reach, watch=lookout().watch)
        self.routes: list[Route] = [
            *_of_its_own(acting),
            *api(acting, outgoing),
            *compat(acting, outgoing),
        ]
        self._router = Router(self.routes, redirect_slashes=False)
        self._front: ASGIApp = Guard(Limits(self._routed, settings), settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and write one line about it: never its query, its headers or its body."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._front(scope, receive, noted)
        finally:
            client = (scope.get("client") or (_NOBODY,))[0]
            taken = (time.perf_counter() - began) * 1000
            _log.info("%s %s %r %d %.1f ms", client, scope["method"], scope["path"], status, taken)

    async def _routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # so that the router raises where nothing fits
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            says = f"there is nothing for {scope['method']} at this address: see {routes.BASE}/openapi.json"
            await refusal(error.status_code, says, error.headers)(scope, receive, send)


def create_app(core: HubCore, settings: Settings | None = None) -> App:
    """The application over a hub; ``settings`` of their own, or the defaults."""
    return App(core, settings or Settings())


def _of_its_own(acting: Acting) -> list[Route]:
    described = document()

    async def openapi(request: Request) -> Response:
        del request
        return JSONResponse(described)

    async def health(request: Request) -> Response:
        """For a proxy: whether this process gets at its database."""
        del request
        try:
            await acting.apart(acting.core.check)
        except Exception as error:  # noqa: BLE001 - whatever it is, the proxy is told
            return failure(error)
        return answer({"status": "up"})

    return [
        Route(f"{routes.BASE}/openapi.json", openapi, methods=["GET"], name="openapi"),
        Route("/health", health, methods=["GET"], name="health"),
    ]
