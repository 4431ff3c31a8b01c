"""What a client may send before anything is known of it: little, and soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

HEAD_NBYTES = 32 << 10
HEAD_SECONDS = 15.0


class Connection(HttpToolsProtocol):
    """One connection, closed where the head of a request (its address and headers) is too long or does not come.

    The server's own parser bounds neither, so that anybody could fill the memory or hold all connections without a
    token. What follows a head is bounded by `limits`, and the pause between two requests by the server.
    """

    _nbytes = 0
    _awaits_head = True
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as its own
        """Wait for the first request."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        if self._awaits_head and not self.transport.is_closing():
            self._nbytes += len(data)
            if self._nbytes > HEAD_NBYTES:
                self.send_400_response(f"The head of a request has at most {HEAD_NBYTES} bytes.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._arrived()
        self._awaits_head, self._nbytes = True, 0
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those after a body mean nothing here."""
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._awaits_head = False
        self._arrived()
        super().on_headers_complete()

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
