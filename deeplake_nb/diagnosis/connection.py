"""The way to an endpoint: its name, its port, its certificate and its clock."""

from __future__ import annotations

import ssl
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deeplake_nb.credentials import transport
from deeplake_nb.diagnosis.report import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.credentials.chain import Clock

_SKEW_SECONDS = 300  # AWS refuses signatures that are off by fifteen minutes, and tokens last for an hour
_NEXT = {  # by the name of urllib3's class; the nearest base class that is listed counts
    "SSLError": "its certificate is not trusted: name your own authority's in SSL_CERT_FILE (AWS_CA_BUNDLE for S3)",
    "ProxyError": "correct the proxy in HTTPS_PROXY, or take it away",
    "NameResolutionError": "check the spelling of the endpoint, and that this machine is on the network",
    "NewConnectionError": "nobody listens there: check the endpoint and its port",
    "ConnectTimeoutError": "a firewall may be in the way: does this machine need a proxy (HTTPS_PROXY)?",
    "ReadTimeoutError": "something listens and says nothing: is this the right port?",
    "HTTPError": "check the endpoint, and that this machine is on the network",
}


def connection(endpoint: str, clock: Clock) -> Iterator[Line]:
    """Two lines, ``TLS`` and ``clock``; one request without credentials."""
    from urllib3.exceptions import HTTPError

    try:
        with transport.connections(endpoint) as pool:
            answer = pool.request("HEAD", endpoint, preload_content=False, redirect=False, retries=False)
            try:
                yield _encryption(endpoint, getattr(answer.connection, "sock", None))
                yield _skew(answer.headers.get("Date", ""), clock)
            finally:
                answer.drain_conn()
    except (HTTPError, ValueError) as error:
        names = [base.__name__ for base in type(error).__mro__]
        following = next((_NEXT[name] for name in names if name in _NEXT), _NEXT["HTTPError"])
        yield Line("failed", "connection", f"cannot reach {endpoint} ({names[0]})", following, "reached")


def _encryption(endpoint: str, sock: Any) -> Line:
    if urlsplit(endpoint).scheme != "https":
        said = f"{endpoint} is not encrypted: fine on this machine or a private network only"
        return Line("ok", "TLS", said, step="reached")
    if not isinstance(sock, ssl.SSLSocket):
        return Line("unknown", "TLS", f"{endpoint} answers, encrypted in a way that is not told", step="reached")
    end = (sock.getpeercert() or {}).get("notAfter", "unknown")
    said = f"{sock.version()} with {endpoint}, whose certificate is trusted until {end}"
    return Line("ok", "TLS", said, step="reached")


def _skew(date: str, clock: Clock) -> Line:
    try:
        seconds = (clock() - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):  # none, or of no zone
        return Line("unknown", "clock", "the server names no time to compare with", step="clock")
    said = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the server's"
    if abs(seconds) > _SKEW_SECONDS:
        return Line(
            "failed", "clock", said, "set this machine's clock: what is signed at another time is refused", "clock"
        )
    return Line("ok", "clock", said, step="clock")
