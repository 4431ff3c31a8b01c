"""What is to be lent, and what comes of it: two values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.credentials.provider import Secret
    from deeplake_nb.hub.protocol import KeyKind, Mode
    from deeplake_nb.urls import Url

Method = Literal["GET", "PUT", "HEAD", "DELETE", "LIST"]

_EARLY = timedelta(seconds=90)
_SHARE = 10


@dataclass(frozen=True, slots=True)
class Grant:
    """What is to be lent of a managed key.

    Attributes:
        kind: of the key.
        fields: as `deeplake_nb.hub.kinds.read` gave them.
        places: what it is for: folders, none of them with a slash at its end. All of one storage.
        mode: what may be done there.
        ttl_seconds: for how long; a cloud may give less or more.
        clock: gives the time, aware of its zone.
        environ: where the hub's own identity is looked for, for the kinds that let it in.
        lends_itself: the key itself may be lent where its storage has no narrower one.
        external_id: of a role of AWS.
    """

    kind: KeyKind
    fields: Mapping[str, Secret | str]
    places: tuple[Url, ...]
    mode: Mode
    ttl_seconds: int
    clock: Callable[[], datetime]
    environ: Mapping[str, str] = field(repr=False)
    lends_itself: bool = False
    external_id: str | None = None

    def chosen(self, *names: str) -> dict[str, Secret | str]:
        """Some of the fields, those that are there."""
        return {name: self.fields[name] for name in names if name in self.fields}


@dataclass(frozen=True, slots=True)
class Vended:
    """What a client gets.

    Attributes:
        creds: as ``creds=`` takes them for the storage, secrets sealed, all else text; None: the storage has no key
            that is narrow enough, and objects are reached one by one through `presign`.
        expires_at: when they end, told a little early, so that nobody is caught with one that has just ended; None
            for those that don't.
    """

    creds: dict[str, Any] | None = field(repr=False)
    expires_at: datetime | None = None


class Cloud(NamedTuple):
    """How one cloud lends: the two functions of the package, for it."""

    vend: Callable[[Grant], Vended]
    presign: Callable[[Grant, Method, str], str]


def lent(creds: Mapping[str, Secret | str], ends: datetime | None, now: datetime) -> Vended:
    """Credentials that end then; both they and the answer say so early: by 90 seconds, or a tenth of a short life."""
    if ends is None:
        return Vended(dict(creds))
    told = ends - min(_EARLY, max(ends - now, timedelta()) / _SHARE)
    return Vended({**creds, "expires_at": told.isoformat()}, told)
