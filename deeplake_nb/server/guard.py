"""Who may ask from where: the name the server is asked under, pages of browsers, and headers that keep answers safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from deeplake_nb.server.answers import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from deeplake_nb.server.settings import Settings

_SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ENCRYPTED = {"Strict-Transport-Security": "max-age=31536000"}
_ASKED = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


class Guard:
    """Refuses requests under names that are not the server's, and from pages that were not allowed.

    A name that an attacker's own DNS gives to this machine does not get in (rebinding), and no page that a user happens
    to visit asks in their name. Only origins that the settings name get CORS headers; there is no wildcard.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = frozenset(settings.hosts)
        self._origins = frozenset(settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "").lower()
        added = _SAFE | (_ENCRYPTED if scope["scheme"] == "https" else {})
        if origin in self._origins:
            added |= {"Access-Control-Allow-Origin": origin, "Cross-Origin-Resource-Policy": "cross-origin"}

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in added.items():
                    out[name] = value
                out.add_vary_header("Origin")
            await send(message)

        await self._chosen(scope, headers, origin)(scope, receive, safely)

    def _chosen(self, scope: Scope, headers: Headers, origin: str) -> ASGIApp:
        host = headers.get("host", "").lower()
        if _without_port(host) not in self._hosts:
            return refusal(
                400, "this hub is not asked under that name: add it to DEEPLAKE_NB_HUB_HOSTS if it is the server's"
            )
        if origin and origin not in self._origins and origin != f"{scope['scheme']}://{host}":
            return refusal(
                403, "pages of that origin may not ask this hub: add it to DEEPLAKE_NB_HUB_ORIGINS if they should"
            )
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return (
                Response(status_code=204, headers=_ASKED)
                if origin in self._origins
                else refusal(403, "pages of other origins ask nothing here")
            )
        return self._app


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
