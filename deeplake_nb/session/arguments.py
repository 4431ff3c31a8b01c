"""What callers hand in: paths and credentials without their secrets in sight, and v3's arguments."""

from __future__ import annotations

import os
from typing import Any

from deeplake_nb.credentials.provider import Secret, sealed
from deeplake_nb.errors import UnsupportedError, UrlError
from deeplake_nb.session.places import Access
from deeplake_nb.urls import DiscreetText, Url

Path = str | os.PathLike[str] | Url

_WITHOUT_EFFECT = {
    "verbose",  # nothing is printed
    "memory_cache_size",  # chunks are kept in memory up to a limit of our own
    "local_cache_size",
    "lock_enabled",  # one writer at a time, always
    "lock_timeout",
    "runtime",  # of a closed service
    "index_params",
    "num_workers",  # what can be done at once is
    "scheduler",
    "connect_kwargs",
}
_REFUSED: dict[str, tuple[set[Any], str]] = {
    "access_method": ({None, "stream"}, "data is streamed; copy() the dataset to a folder to have it there"),
    "unlink": ({None, False}, "linked files are read as they are needed; copy(unlink=True) keeps them in the copy"),
    "indra": ({None, False}, "that engine is closed; leave the argument out"),
}
"""Arguments of v3 that are refused but for these values, and what to do instead."""


def discreet(path: Path, creds: Any) -> tuple[Path, Any]:
    """The same, so that no frame of a traceback below shows a secret."""
    return DiscreetText(path) if isinstance(path, str) else path, sealed(creds)


def sealed_token(token: str | Secret | None) -> Secret | None:
    """The same, so that no frame of a traceback below shows it."""
    return Secret(token) if isinstance(token, str) else token


def access_of(options: dict[str, Any]) -> Access:
    """Who asks a hub; arguments of v3 that have no meaning here are accepted, anything else is a mistake.

    Raises:
        UrlError: an argument that nobody knows.
        UnsupportedError: one of v3 that asks for what there is not.
    """
    given = sealed({name: options.get(name) or None for name in ("org_id", "token")})
    unknown = sorted(set(options) - _WITHOUT_EFFECT - set(_REFUSED) - set(given))
    refused = [name for name, (fine, _) in _REFUSED.items() if options.get(name) not in fine]
    options.clear()  # a token among them is nothing for a traceback
    if unknown:
        raise UrlError(f"unknown argument {unknown[0]!r}")
    if refused:
        raise UnsupportedError(f"{refused[0]}: {_REFUSED[refused[0]][1]}")
    return Access(given["org_id"].reveal() if given["org_id"] else None, given["token"])
