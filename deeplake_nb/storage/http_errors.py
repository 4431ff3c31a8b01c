"""What web servers answer when they refuse, and how connections to them fail, as our errors: two tables."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import without_frames
from deeplake_nb.errors import (
    KeyNotFoundError,
    LakeError,
    PermissionDeniedError,
    RefusedCredentialsError,
    StorageError,
    UrlError,
)
from deeplake_nb.storage.bodies import BodyError
from deeplake_nb.storage.retries import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OK = 400  # from here on statuses are refusals
_NETWORK = "check the address and the network"
_DENIED = "nothing says who you are: use an address that is signed or public, or pass creds={'token': …}"
_REFUSED = "the token is wrong, was revoked, or its time is over: get a new one"
_RIGHT = "the token does not cover this: ask the server's owner, or use another token"
_BUSY = "the server is overloaded or broken: try again in a moment"
_BY_STATUS: dict[int, tuple[type[LakeError], str]] = {
    401: (PermissionDeniedError, _DENIED),
    403: (PermissionDeniedError, _DENIED),
    404: (KeyNotFoundError, ""),
    407: (StorageError, "the proxy wants a user and password: put them into HTTPS_PROXY"),
    408: (TransientError, _BUSY),
    410: (KeyNotFoundError, ""),
    429: (TransientError, _BUSY),
    500: (TransientError, _BUSY),
    502: (TransientError, _BUSY),
    503: (TransientError, _BUSY),
    504: (TransientError, _BUSY),
}
_OF_TOKENS: dict[int, tuple[type[LakeError], str]] = {
    401: (RefusedCredentialsError, _REFUSED),
    403: (PermissionDeniedError, _RIGHT),
}
# By the name of urllib3's class; the nearest base class that is listed counts.
_BY_CLASS: dict[str, tuple[type[LakeError], str]] = {
    "SSLError": (StorageError, "its certificate is not trusted: check the address, or set SSL_CERT_FILE"),
    "ProxyError": (TransientError, "check the proxy in HTTPS_PROXY"),
    "NameResolutionError": (TransientError, "there is no such host, or no network: check the address"),
    "LocationValueError": (UrlError, "the address is not valid"),
    "HTTPError": (TransientError, f"the connection broke: {_NETWORK}"),
}


def check(answer: Any, action: str, *, has_token: bool = False) -> None:
    """Nothing, for an answer with what was asked for.

    Args:
        answer: urllib3's.
        action: what was asked, on which redacted address: ``get https://host/key``.
        has_token: whether a token went with it.

    Raises:
        LakeError: by the table above.
    """
    encoding = answer.headers.get("Content-Encoding", "identity")
    if answer.status < _OK:
        if encoding != "identity":
            raise StorageError(f"cannot {action}: the server sends it as {encoding}, though it was asked not to")
        return
    known = _OF_TOKENS if has_token and answer.status in _OF_TOKENS else _BY_STATUS
    kind, advice = known.get(answer.status, (StorageError, _NETWORK))
    if kind is KeyNotFoundError:
        raise kind(f"no object {action.partition(' ')[2]}")
    raise kind(f"cannot {action} ({answer.status} {answer.reason or ''}): {advice}".replace(" )", ")"))


@contextlib.contextmanager
def ours(action: str) -> Iterator[None]:
    """All errors of urllib3 end here."""
    from urllib3.exceptions import HTTPError

    try:
        yield
    except BodyError as error:
        raise TransientError(f"cannot {action} ({error}): the connection broke: {_NETWORK}") from error.__cause__
    except (HTTPError, UnicodeError) as error:  # UnicodeError: a host name that cannot be encoded
        names = [base.__name__ for base in type(error).__mro__]
        kind, advice = next((_BY_CLASS[name] for name in names if name in _BY_CLASS), _BY_CLASS["LocationValueError"])
        raise kind(f"cannot {action} ({names[0]}): {advice}") from without_frames(error)
