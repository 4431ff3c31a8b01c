"""Connections for what is asked over plain HTTP: proxies, certificates and timeouts as this machine has them set."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import Environment
from deeplake_nb.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 10
READ_SECONDS = 60
_NEVER_BY_PROXY = frozenset({"169.254.169.254", "metadata.google.internal"})  # the machine's own metadata
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_QUERY = re.compile(r"\?.*")
_ENVIRON = Environment(os.environ)


def connections(address: str, *, size: int = 1, environ: Mapping[str, str] = _ENVIRON, is_direct: bool = False) -> Any:
    """A pool (urllib3's) for requests to the host of ``address``; nothing is asked yet. Thread-safe, not fork-safe.

    Args:
        address: an http or https url.
        size: connections to keep.
        environ: where the name of a certificate bundle is looked for; the proxies are the process's own.
        is_direct: use no proxy, whatever the machine says.

    Raises:
        MissingDependencyError: no urllib3.
        ValueError: a proxy or an address that cannot be read.
    """
    from urllib.parse import unquote
    from urllib.request import getproxies, proxy_bypass

    sdk = urllib3()
    where = sdk.util.parse_url(address)
    settings = {
        "maxsize": size,
        "timeout": sdk.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        "ca_certs": certificates(environ),
    }
    proxies = getproxies()
    proxy = proxies.get(where.scheme or "http") or proxies.get("all")
    if is_direct or not proxy or where.host in _NEVER_BY_PROXY or proxy_bypass(where.netloc or ""):
        return sdk.PoolManager(**settings)
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    user = sdk.util.parse_url(proxy).auth
    headers = sdk.make_headers(proxy_basic_auth=unquote(user)) if user else None
    return sdk.ProxyManager(proxy, proxy_headers=headers, **settings)


def google_request(url: str, method: str = "GET", body: Any = None, headers: Any = None, **more: Any) -> Any:
    """What Google's SDK takes for its transport: one request, answered with status, headers and data.

    Raises:
        google.auth.exceptions.TransportError: the other side cannot be reached.
    """
    from google.auth.exceptions import TransportError

    try:
        with connections(url) as pool:
            kept = {name: more[name] for name in ("timeout", "retries") if more.get(name) is not None}
            # No redirect is followed: of the address alone it is known that it may be asked.
            return pool.request(method, url, body=body, headers=headers, redirect=False, **kept)
    except (urllib3().exceptions.HTTPError, ValueError) as error:
        reason = type(getattr(error, "reason", None) or error).__name__
        raise TransportError(reason) from error  # type: ignore[no-untyped-call]


def urllib3() -> Any:
    """The library, imported at the first call (a tenth of a second).

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import urllib3
        import urllib3.exceptions
    except ImportError as error:
        raise MissingDependencyError("whatever is asked over http needs urllib3: run `pip install urllib3`") from error
    logging.getLogger("urllib3.connectionpool").addFilter(_without_queries)
    return urllib3


def _without_queries(record: logging.LogRecord) -> bool:
    """Takes the queries out of the lines with which urllib3 logs its requests: signatures and upload ids are there."""
    if isinstance(record.args, tuple):
        record.args = tuple(_QUERY.sub("?***", arg) if isinstance(arg, str) else arg for arg in record.args)
    return True


def certificates(environ: Mapping[str, str] = _ENVIRON) -> str | None:
    """The file with the certificates to trust; ``None`` leaves it to Python."""
    named = next((environ[name] for name in _BUNDLES if environ.get(name)), None)
    if named is not None:
        return named
    try:
        import certifi  # Google's SDK brings it
    except ImportError:
        return None
    return certifi.where()
