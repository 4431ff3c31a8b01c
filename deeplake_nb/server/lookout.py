"""Connections that this process makes: looked at once more as they are made, and ended when their time is over.

Between the look at an address and the connection a name may come to mean another machine, and an SDK may ask a name
below the one that was looked at. Python tells of each connection before it is made, whichever library makes it
(``sys.addaudithook``): there, the address itself is looked at. Rejected: connecting to the address that was looked at,
which each SDK would have to be taught.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PAUSE_SECONDS = 0.5


class _Here(threading.local):
    host = ""  # that was looked up last
    until: float | None = None
    made: list[socket.socket]


class Lookout:
    """All connections of this process, for as long as it lives: what listens to them cannot be taken away again."""

    def __init__(self) -> None:
        self._watched: dict[str, Callable[[str], bool]] = {}
        self._here = _Here()
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        sys.addaudithook(self._heard)

    def watch(self, host: str, is_allowed: Callable[[str], bool]) -> None:
        """Refuse connections to ``host``, and to names below it, at addresses that are not allowed."""
        self._watched[host] = is_allowed

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the connections that this thread makes meanwhile when the time is over, and let it make no more."""
        here = self._here
        here.until, here.made = time.monotonic() + seconds, []
        try:
            yield
        finally:
            here.until = None
            with self._lock:
                for one in here.made:
                    self._open.pop(one, None)
                    one.close()

    def _heard(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            host = given[0]
            host = host.decode("ascii", "replace") if isinstance(host, bytes) else host or ""
            self._here.host = host.lower().removesuffix(".")
        elif event == "socket.connect" and isinstance(given[1], tuple):
            self._check(str(given[1][0]))
            if self._here.until is not None:
                self._limit(given[0], self._here.until)

    def _check(self, address: str) -> None:
        parts = self._here.host.split(".")
        for start in range(len(parts)):
            is_allowed = self._watched.get(".".join(parts[start:]))
            if is_allowed is not None and not is_allowed(address):
                raise PermissionDeniedError(f"{self._here.host!r} leads into the hub's own network by now")

    def _limit(self, connection: Any, until: float) -> None:
        if time.monotonic() > until:
            raise TimeoutError("the time for this request is over")
        ours = connection.dup()  # TLS takes the one it is given apart
        with self._lock:
            self._here.made.append(ours)
            self._open[ours] = until
            if self._thread is None:
                self._thread = threading.Thread(target=self._end_in_time, name="hub-connections", daemon=True)
                self._thread.start()

    def _end_in_time(self) -> None:
        while True:
            time.sleep(_PAUSE_SECONDS)
            with self._lock:
                now = time.monotonic()
                for one in [one for one, until in self._open.items() if until < now]:
                    del self._open[one]
                    with contextlib.suppress(OSError):  # the other side has ended it
                        one.shutdown(socket.SHUT_RDWR)
                if not self._open:
                    self._thread = None
                    return


@cache
def lookout() -> Lookout:
    """This process's."""
    return Lookout()
