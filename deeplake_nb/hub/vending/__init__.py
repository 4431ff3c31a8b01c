"""Lending: out of a managed key comes one that is short-lived and reaches no further than one dataset.

Each cloud has its own way to narrow a key, and one file here: AWS a session policy (``s3``, and ``policies`` for the
policy itself), Azure a shared access signature on a folder, Google a token with an access boundary, a web server
nothing but its token. `vend` gives what a client can open the storage with. Where a storage cannot narrow a key,
`vend` says so with ``creds=None``, and `presign` gives urls for single requests instead; only a key that its owner
has marked so (``lends_itself``) is handed out as it is.

What the modes cover, on every cloud:

* ``r`` reads and lists.
* ``a`` also creates objects, and replaces none where the cloud can tell the two apart (Azure and Google can; AWS can
  by its conditional writes; other storages cannot). It deletes nothing. It is for adding files beside each other, as
  those that links lead to. A dataset cannot be written with it: its lists and its last chunk are replaced when rows
  are added, and its lock is an object that is deleted when the writer is done.
* ``w`` also replaces and deletes. This is what a writer of a dataset needs, the lock included.

Nothing is kept here: each call asks the cloud, so callers keep what they got until it ends.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.credentials.provider import Environment, sealed
from deeplake_nb.errors import CredentialsError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.vending.grant import Cloud, Grant, Method, Vended
from deeplake_nb.registry import Registry
from deeplake_nb.storage.provider import check_key, check_prefix
from deeplake_nb.urls import Url, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from deeplake_nb.hub.protocol import KeyKind, Mode

__all__ = ["Method", "Vended", "presign", "vend"]

_CLOUDS: Registry[Cloud] = Registry(
    "storage with managed keys",
    {
        "s3": "deeplake_nb.hub.vending.s3:CLOUD",
        "azure": "deeplake_nb.hub.vending.azure:CLOUD",
        "gcs": "deeplake_nb.hub.vending.gcs:CLOUD",
        "https": "deeplake_nb.hub.vending.http:CLOUD",
    },
)
_ENVIRON = Environment(os.environ)


def vend(
    kind: KeyKind,
    fields: Mapping[str, Any],
    url: Url | str | Sequence[Url],
    mode: Mode,
    *,
    ttl_seconds: int = 3600,
    clock: Callable[[], datetime] = utc_now,
    lends_itself: bool = False,
    external_id: str | None = None,
    environ: Mapping[str, str] = _ENVIRON,
) -> Vended:
    """A key for one place, for a while; a few requests to the cloud.

    Args:
        kind: of the managed key.
        fields: what it is made of, as `kinds.read` gave it, or as that takes it.
        url: the dataset's folder, or several places of one storage (for links). That the key may be used there (its
            prefixes) is for the caller to have checked.
        mode: what may be done there.
        ttl_seconds: for how long; AWS gives 15 minutes at least and an hour at most for a role.
        clock: gives the time, aware of its zone.
        lends_itself: hand out the key itself where its storage cannot narrow it.
        external_id: which the role's owner has asked for.
        environ: where the hub's own identity is looked for; usually the process's environment.

    Raises:
        CredentialsError: the key cannot be used there, or cannot be narrowed to that.
        PermissionDeniedError: the cloud refused it.
        StorageError: the cloud could not be reached.
    """
    if ttl_seconds < 1:
        raise CredentialsError(f"a key cannot be lent for {ttl_seconds} seconds: give 1 or more")
    fields = sealed(fields)
    checked = kinds.read(kind, fields)
    places = _places(kind, checked, url)
    grant = Grant(kind, checked, places, mode, ttl_seconds, clock, environ, lends_itself, external_id)
    return _CLOUDS[kinds.KINDS[kind].scheme].vend(grant)


def presign(
    kind: KeyKind,
    fields: Mapping[str, Any],
    url: Url | str,
    method: Method,
    key: str,
    *,
    ttl_seconds: int = 3600,
    clock: Callable[[], datetime] = utc_now,
    external_id: str | None = None,
    environ: Mapping[str, str] = _ENVIRON,
) -> str:
    """An address that allows one kind of request for one object, to anybody who has it. It is a secret.

    Args:
        kind: of the managed key.
        fields: as for `vend`.
        url: the dataset's folder.
        method: of HTTP, or ``LIST``.
        key: the object, relative to the folder. For ``LIST`` the query of a listing, any of ``prefix``,
            ``delimiter``, ``continuation-token`` and ``max-keys``, with a prefix that is relative to the folder.
        ttl_seconds: for how long.
        clock: as for `vend`.
        external_id: as for `vend`.
        environ: as for `vend`.

    Raises:
        UrlError: no key of a dataset, or a listing of something else.
        UnsupportedError: the storage cannot narrow such a request.
        CredentialsError: as for `vend`.
    """
    if method == "LIST":
        from deeplake_nb.storage import s3_listing

        check_prefix(s3_listing.asked(key).get("prefix", ""))
    else:
        check_key(key)
    mode: Mode = "r" if method in ("GET", "HEAD", "LIST") else "w"
    fields = sealed(fields)
    checked = kinds.read(kind, fields)
    places = _places(kind, checked, url)
    grant = Grant(kind, checked, places, mode, ttl_seconds, clock, environ, False, external_id)
    return _CLOUDS[kinds.KINDS[kind].scheme].presign(grant, method, key)


def _places(kind: KeyKind, fields: Mapping[str, Any], url: Url | str | Sequence[Url]) -> tuple[Url, ...]:
    places = (parse(url),) if isinstance(url, Url | str) else tuple(map(parse, url))
    for place in places:
        if not kinds.reaches(kind, fields, place):
            raise CredentialsError(f"a key of kind {kind} does not open {place}: use one of that storage and account")
    if not places:
        raise CredentialsError(f"a key of kind {kind} is to be lent for no place at all: name one")
    return places
