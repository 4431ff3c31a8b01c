"""What the hub answers, as the original client takes it: its names of places and fields, times as seconds."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import UnsupportedError, UrlError
from deeplake_nb.hub.wire import to_json
from deeplake_nb.urls import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from deeplake_nb.hub.protocol import Lent, Resolved

_FOR_EVER_SECONDS = 12 * 3600  # the original asks again then
_SCHEMES = {"azure": "az"}  # it knows this one only
_FIELDS = {
    "gcs": {"token": "gcs_oauth_token"},
    "http": {"token": "access_token"},
    "https": {"token": "access_token"},
}
_LOCAL = "__local-managed-entry__"


def resolved(found: Resolved) -> dict[str, Any]:
    """The answer to the question where a dataset lies.

    Raises:
        UnsupportedError: its storage lends no keys: the original makes no use of presigned requests.
    """
    if found.presigned:
        raise UnsupportedError(
            f"hub://{found.org}/{found.name} lies on a storage that lends no short-lived keys, and this client cannot "
            "do without: let the managed key lend itself, or use deeplake_nb"
        )
    place = parse(found.url)
    scheme = _SCHEMES.get(place.scheme, place.scheme)
    path = place.path if scheme == "file" else f"{scheme}://{place.authority}/{place.path}"
    creds = _creds(place.scheme, found.creds, found.expires_at) if found.creds else None
    return {"path": path, "creds": creds, "mode": found.mode, "repository": f"protected/{found.org}"}


def lent(found: Lent) -> dict[str, Any]:
    """The credentials of a managed key."""
    scheme = parse(found.prefixes[0]).scheme if found.prefixes else "gcs"  # of tokens, only those of Google need none
    creds = _creds(scheme, found.creds, found.expires_at)
    if "access_token" in creds:
        creds["expires_in"] = max(0, creds["expiration"] - int(time.time()))
    return creds


def _creds(scheme: str, creds: Mapping[str, Any], expires_at: datetime | None) -> dict[str, Any]:
    names = _FIELDS.get(scheme, {})
    kept = {names.get(name, name): value for name, value in to_json(creds).items() if name != "expires_at"}
    kept["expiration"] = int(expires_at.timestamp()) if expires_at else int(time.time()) + _FOR_EVER_SECONDS
    if (
        "gcs_oauth_token" in kept
    ):  # its SDK wants a project where there is none of the machine's, and uses it for nothing
        kept["project_id"] = kept.get("user_project") or "none"
    return {name: value for name, value in kept.items() if value is not None}


def local_entry(path: str) -> str:
    """A name that holds a local path of the one who asks: nothing of it is kept, and nobody else gets at it."""
    return base64.urlsafe_b64encode(path.encode()).decode().rstrip("=") + _LOCAL


def is_local_entry(name: str) -> bool:
    """Whether a name was made by `local_entry`."""
    return name.endswith(_LOCAL)


def local_path(name: str) -> str:
    """The path in a name that `local_entry` made.

    Raises:
        UrlError: it was not.
    """
    text = name.removesuffix(_LOCAL)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise UrlError("that is no name of a local entry: connect its path again") from None
