"""A listener on this machine for the one browser that comes back from a sign-in."""

from __future__ import annotations

import html
import http
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_IDLE_SECONDS = 10
_RECEIVED = "Received: you can close this page. The sign-in goes on where you started it."


class Listener(ThreadingHTTPServer):
    """Listens on 127.0.0.1, on a port that is free, and on no other address; close it, or `start` it.

    Args:
        take: is given the query of each address that is asked for, and raises CredentialsError if it means nothing.
    """

    daemon_threads = True
    block_on_close = False
    timeout = _POLL_SECONDS

    def __init__(self, take: Callable[[Secret], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.take = take

    @property
    def address(self) -> str:
        """Where the browser is to be sent."""
        return f"http://127.0.0.1:{self.server_port}/"

    def start(self, until: Callable[[], bool]) -> None:
        """Answer in a thread of its own, until that says so; the listener is closed then."""
        threading.Thread(target=self._listen, args=(until,), name="sign-in", daemon=True).start()

    def _listen(self, until: Callable[[], bool]) -> None:
        with self:
            while not until():
                self.handle_request()

    def handle_error(self, *_: object) -> None:
        """A browser that hangs up is no news."""
        _log.debug("a connection of the browser broke")


class _Handler(BaseHTTPRequestHandler):
    """One request; whatever is not the answer gets an error page and changes nothing."""

    server: Listener
    timeout = _IDLE_SECONDS  # browsers open connections in advance

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path != "/":
            self._say(http.HTTPStatus.NOT_FOUND, "There is nothing here.")
            return
        try:
            self.server.take(Secret(address.query))
        except CredentialsError as error:
            self._say(http.HTTPStatus.BAD_REQUEST, f"This is no answer to the sign-in: {error}.")
        else:
            self._say(http.HTTPStatus.OK, _RECEIVED)

    def _say(self, status: http.HTTPStatus, text: str) -> None:
        page = f"<!doctype html><meta charset='utf-8'><title>Sign-in</title><p>{html.escape(text)}</p>".encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(page)),
            "Content-Security-Policy": "default-src 'none'",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Connection": "close",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Nothing: the address holds the code."""
