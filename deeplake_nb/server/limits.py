"""How much, how long and how often one may ask."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from deeplake_nb.server.answers import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from deeplake_nb.server.settings import Settings

_NETWORK_NBYTES = 8  # of an address of IPv6
_AT_ONCE = 10  # seconds' worth
_REMEMBERED = 20_000
_REFUSED_COSTS = 20  # a token that is refused, in requests: guessing is slow
_TOO_LARGE, _TOO_MANY, _TOO_SLOW, _UNAUTHORIZED = 413, 429, 408, 401


class Buckets:
    """Token buckets by name, the least lately used forgotten: a forgotten one is full again. For one thread.

    Args:
        per_second: what each gains, up to ten seconds' worth.
        clock: seconds that never go back.
        remembered: how many are kept.
    """

    def __init__(
        self, per_second: float, clock: Callable[[], float] = time.monotonic, remembered: int = _REMEMBERED
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._remembered = remembered
        self._kept: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, name: bytes, cost: float = 1.0, *, owing: bool = False) -> float:
        """Take ``cost`` out: 0.0, or seconds to wait where there is too little; ``owing`` takes it in any case."""
        now, most = self._clock(), self._per_second * _AT_ONCE
        left, at = self._kept.pop(name, (most, now))
        left = min(most, left + (now - at) * self._per_second)
        wait = 0.0 if owing or left >= cost else (cost - left) / self._per_second
        self._kept[name] = (left if wait else max(left - cost, -most), now)
        if len(self._kept) > self._remembered:
            self._kept.popitem(last=False)
        return wait


class Limits:
    """Refuses what is too large (413), too slow (408) or too often (429, with when to come back)."""

    def __init__(self, app: ASGIApp, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._settings = settings
        self._by_token = Buckets(settings.per_token, clock)
        self._by_address = Buckets(settings.per_address, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, address = Headers(scope=scope), _address(scope)
        wait = self._by_address.take(address)
        if not wait and (token := headers.get("authorization", "")):
            wait = self._by_token.take(hashlib.sha256(token.encode()).digest())  # none is kept in memory
        length = headers.get("content-length", "0")
        if wait:
            pause = str(int(wait) + 1)
            response = refusal(
                _TOO_MANY, f"too many requests: come back in {pause} s", {"Retry-After": pause, "Connection": "close"}
            )
            await response(scope, receive, send)
        elif not length.isdecimal() or int(length) > self._settings.body_nbytes:
            await refusal(_TOO_LARGE, self._says_too_large(), {"Connection": "close"})(scope, receive, send)
        else:
            await self._limited(scope, receive, send, address)

    async def _limited(self, scope: Scope, receive: Receive, send: Send, address: bytes) -> None:
        seen, has_begun = 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._settings.body_nbytes:
                raise HTTPException(_TOO_LARGE, self._says_too_large(), {"Connection": "close"})
            return message

        async def watched(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                if message["status"] == _UNAUTHORIZED:
                    self._by_address.take(address, _REFUSED_COSTS, owing=True)
            await send(message)

        try:
            async with asyncio.timeout(self._settings.seconds):
                await self._app(scope, counted, watched)
        except TimeoutError:
            if has_begun:
                raise
            says = f"a request takes at most {self._settings.seconds} seconds"
            await refusal(_TOO_SLOW, says, {"Connection": "close"})(scope, receive, send)

    def _says_too_large(self) -> str:
        return f"a request has at most {self._settings.body_nbytes:,} bytes"


def _address(scope: Scope) -> bytes:
    """Of the one who asks; those of IPv6 by their network, as one machine has many."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host.encode()
    return address.packed[:_NETWORK_NBYTES] if address.version == 6 and not address.ipv4_mapped else host.encode()  # noqa: PLR2004
