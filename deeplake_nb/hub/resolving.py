"""From a name to a place that can be opened: the reason why there is a hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select

from deeplake_nb.errors import CredentialsError, MissingCredentialsError, PermissionDeniedError, UnsupportedError
from deeplake_nb.hub import vending
from deeplake_nb.hub.datasets import Datasets
from deeplake_nb.hub.managed import find_key, opened, prefixes_of, usable_at
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.protocol import Lent, Mode, Resolved
from deeplake_nb.hub.tables import KEYS
from deeplake_nb.urls import parse

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from deeplake_nb.hub.places import Place
    from deeplake_nb.hub.seat import Access

_RANK: dict[Mode, int] = {"r": 1, "a": 2, "w": 3}
_NEEDS: dict[str, Mode] = {"GET": "r", "HEAD": "r", "LIST": "r", "PUT": "a", "DELETE": "w"}
_TTL_SECONDS = 12 * 3600


class Resolving(Datasets):
    """Names as places, with credentials."""

    def resolve(
        self, org: str, name: str, mode: Mode | None = None, *, fresh: bool = False, anew: bool = False
    ) -> Resolved:
        """Where a dataset lies (or will lie), with credentials scoped to it; one query where no key is needed."""
        _check_mode(mode)
        with self._core.store.read() as connection:
            access, row = self._found(connection, org, name)
            if row is not None and not (anew and row.name != name):
                row = self._seen(access, row, name)
                granted = self._granted(access, mode)
                return self._resolved(connection, access, row.name, row, granted, fresh=fresh)
        return self._new_place(org, name, mode, fresh=fresh)

    def _new_place(self, org: str, name: str, mode: Mode | None, *, fresh: bool) -> Resolved:
        if mode is None or mode == "r":  # maybe nothing will be written, so nothing is promised
            with self._core.store.read() as connection:
                access = self._access(connection, org)
                self._new(access, name)
                place = self._promised(connection, access, name)
                if place is None:
                    place = self._candidate(connection, access, name)
                return self._resolved(connection, access, name, place, mode or "w", fresh=fresh, is_new=True)
        with self._core.store.write(org) as connection:
            access = self._access(connection, org)
            self._new(access, name)
            place = self._promise(connection, access, self._opened(connection, access), name)
        with self._core.store.read() as connection:
            return self._resolved(connection, access, name, place, mode, fresh=fresh, is_new=True)

    def _granted(self, access: Access, mode: Mode | None) -> Mode:
        most: Mode = "w" if access.allows("writer") else "r"
        if mode is not None and _RANK[mode] > _RANK[most]:
            who = f"a {access.role}" if access.role and self._user.scope != "reader" else "a reader"
            raise PermissionDeniedError(f"{who} of {access.org!r} may only read: this needs the role 'writer'")
        return mode or most

    def _resolved(
        self,
        connection: Connection,
        access: Access,
        name: str,
        place: Place | Any,
        mode: Mode,
        *,
        fresh: bool,
        is_new: bool = False,
    ) -> Resolved:
        if place.key_id is None:
            return Resolved(access.org, name, place.url, {}, mode, is_new=is_new)
        key = connection.execute(select(KEYS).where(KEYS.c.id == place.key_id)).one()
        connection.close()  # no connection is held while a cloud is asked
        url = parse(place.url)
        usable_at(self._core, key, url)
        vended = self._core.lender.lend(
            self._user.id,
            key,
            (url,),
            mode,
            fresh=fresh,
            on_record=lambda: self._on_record("vend", access.org, name, place.url, mode),
        )
        return Resolved(
            access.org,
            name,
            place.url,
            vended.creds or {},
            mode,
            expires_at=vended.expires_at,
            presigned=vended.creds is None,
            is_new=is_new,
        )

    def _on_record(self, action: str, org: str, subject: str, prefix: str, mode: str) -> None:
        with self._core.store.write(org) as connection:
            self._record(connection, action, org, subject, prefix, mode)

    def presign(self, org: str, name: str, method: str, key: str, *, ttl_seconds: int = 3600) -> str:
        """A url that allows one request for one object; on record once for each stretch of them."""
        if method not in _NEEDS:
            raise UnsupportedError(f"no requests with {method!r}: expected one of {', '.join(_NEEDS)}")
        with self._core.store.read() as connection:
            access, row = self._found(connection, org, name)
            place = self._promised(connection, access, name) if row is None and access.allows("writer") else row
            if row is not None or place is None:
                place = self._seen(access, row, name)
                self._granted(access, _NEEDS[method])
            managed = connection.execute(select(KEYS).where(KEYS.c.id == place.key_id)).first()
        if managed is None:
            raise CredentialsError(f"hub://{org}/{name} needs no managed key: open {place.url} as it is")
        url = parse(place.url)
        usable_at(self._core, managed, url)
        fields = opened(self._core.vault, managed)
        ttl_seconds = max(1, min(ttl_seconds, _TTL_SECONDS))
        arguments: dict[str, Any] = {"ttl_seconds": ttl_seconds, "clock": self._core.clock}
        address = vending.presign(
            managed.kind,
            fields,
            url,
            cast("vending.Method", method),
            key,
            **arguments,
            external_id=managed.external_id or None,
        )
        mode = _NEEDS[method]
        self._core.lender.note(
            (self._user.id, managed.id, managed.revision, place.url, mode),
            lambda: self._on_record("presign", org, name, place.url, mode),
        )
        return address

    def lend(self, org: str, name: str, *, url: str | None = None, mode: Mode = "r", fresh: bool = False) -> Lent:
        """Credentials of a managed key: for reading below its prefixes, or for ``url`` only."""
        _check_mode(mode)
        checked(name, "a key")
        with self._core.store.read() as connection:
            access = self._access(connection, org)
            key = find_key(connection, access.id, name) if access.role is not None else None
        if key is None:
            raise MissingCredentialsError(
                f"no managed key {name!r} in organisation {org!r} that you may use: ask an admin for it, or populate"
                " it with credentials of your own (populate_creds)"
            )
        self._granted(access, mode)
        prefixes = places = prefixes_of(key)
        if url is not None:
            places = (parse(url),)
            usable_at(self._core, key, places[0])
        vended = self._core.lender.lend(
            self._user.id,
            key,
            places,
            mode,
            fresh=fresh,
            on_record=lambda: self._on_record("lend", org, key.name, " ".join(map(str, places)), mode),
        )
        if vended.creds is None:
            raise CredentialsError(
                f"the managed key {key.name!r} cannot be narrowed by its storage, and may not be lent as it is:"
                " an admin adds it with lends_itself=True"
            )
        return Lent(vended.creds, vended.expires_at, tuple(map(str, prefixes)))


def _check_mode(mode: Mode | None) -> None:
    if mode is not None and mode not in _RANK:
        raise UnsupportedError(f"no mode {mode!r}: expected 'r', 'a' or 'w'")
