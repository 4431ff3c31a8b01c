"""From a name to a place that can be opened: the reason why there is a hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select, update

from deeplake_nb.errors import CredentialsError, MissingCredentialsError, PermissionDeniedError, UnsupportedError
from deeplake_nb.hub import kinds, vending
from deeplake_nb.hub.datasets import Datasets, key_of
from deeplake_nb.hub.lending import TTL
from deeplake_nb.hub.managed import Key, find_key, opened, prefixes_of, usable_at
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.places import checked_url
from deeplake_nb.hub.protocol import Lent, Mode, Resolved
from deeplake_nb.hub.tables import KEYS, ORGS
from deeplake_nb.urls import DiscreetText, parse

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from deeplake_nb.hub.seat import Access

_RANK: dict[Mode, int] = {"r": 1, "a": 2, "w": 3}
_NEEDS: dict[str, Mode] = {"GET": "r", "HEAD": "r", "LIST": "r", "PUT": "a", "DELETE": "w"}
_TTL_SECONDS = int(TTL.total_seconds())  # nothing that leaves the hub is good for longer


@dataclass(frozen=True, slots=True)
class _Target:
    """A place that a user may have, and the key that opens it."""

    org: str
    name: str
    url: str
    key: Key | None
    mode: Mode
    is_new: bool = False
    is_members: bool = True


class Resolving(Datasets):
    """Names as places, with credentials."""

    def resolve(
        self, org: str, name: str, mode: Mode | None = None, *, fresh: bool = False, anew: bool = False
    ) -> Resolved:
        """Where a dataset lies (or will lie), with credentials scoped to it; one query for one that is there."""
        _check_mode(mode)
        with self._core.store.read() as connection:
            target = self._there(connection, org, name, mode, anew=anew)
            if target is None and mode in (None, "r"):  # maybe nothing will be written, so nothing is promised
                target = self._due(connection, org, name, mode)
        if target is None:
            with self._core.store.write(org) as connection:
                target = self._there(connection, org, name, mode, anew=anew)  # made by another meanwhile
                target = target or self._due(connection, org, name, mode, is_promised=True)
        return self._lent(target, fresh=fresh)  # no connection is held while a cloud is asked

    def _there(self, connection: Connection, org: str, name: str, mode: Mode | None, *, anew: bool) -> _Target | None:
        """A dataset that is there, as far as the user may have it."""
        access, row = self._found(connection, org, name)
        if row is None or (anew and row.name != name):
            return None
        row = self._seen(access, row, name)
        granted = self._granted(access, mode)
        return _Target(org, row.name, row.url, key_of(row), granted, is_members=access.role is not None)

    def _due(
        self, connection: Connection, org: str, name: str, mode: Mode | None, *, is_promised: bool = False
    ) -> _Target:
        """Where a new dataset will lie, if the user may make one."""
        access = self._access(connection, org)
        self._new(access, name, mode)
        if is_promised:
            place = self._promise(connection, access, self._opened(connection, access), name)
        else:
            promised = self._promised(connection, access, name)
            place = promised if promised is not None else self._candidate(connection, access, name)
        key = connection.execute(select(KEYS).where(KEYS.c.id == place.key_id)).first() if place.key_id else None
        return _Target(org, name, place.url, None if key is None else Key(*key), mode or "w", is_new=True)

    def _granted(self, access: Access, mode: Mode | None) -> Mode:
        most: Mode = "w" if access.allows("writer") else "r"
        if mode is not None and _RANK[mode] > _RANK[most]:
            who = f"a {access.role}" if access.role else "somebody who is no member"
            raise PermissionDeniedError(f"{who} of {access.org!r} may only read: writing needs the role 'writer'")
        return mode or most

    def _lent(self, target: _Target, *, fresh: bool) -> Resolved:
        if target.key is None:
            return Resolved(target.org, target.name, target.url, {}, target.mode, is_new=target.is_new)
        vended = self._core.lender.lend(
            self._user.id,
            target.key if target.is_members else _narrow(target.key),
            (parse(target.url),),
            target.mode,
            fresh=fresh,
            on_record=lambda: self._on_record("vend", target.org, target.name, target.url, target.mode),
        )
        return Resolved(
            target.org,
            target.name,
            target.url,
            vended.creds or {},
            target.mode,
            expires_at=vended.expires_at,
            presigned=vended.creds is None,
            is_new=target.is_new,
        )

    def _on_record(self, action: str, org: str, subject: str, prefix: str, mode: str) -> None:
        with self._core.store.write(org) as connection:
            self._record(connection, action, org, subject, prefix, mode)
            own = KEYS.c.org_id == select(ORGS.c.id).where(ORGS.c.name == org).scalar_subquery()
            over = KEYS.c.overlaps_until <= self._now()  # former keys that help nobody any more
            connection.execute(update(KEYS).where(own, over).values(former_fields=None, overlaps_until=None))

    def presign(self, org: str, name: str, method: str, key: str, *, ttl_seconds: int = 3600) -> str:
        """A url that allows one request for one object; on record once for each stretch of them."""
        if method not in _NEEDS:
            raise UnsupportedError(f"no requests with {method!r}: expected one of {', '.join(_NEEDS)}")
        with self._core.store.read() as connection:
            target = self._there(connection, org, name, _NEEDS[method], anew=False)
            target = target or self._due(connection, org, name, _NEEDS[method])
        managed, url = target.key, target.url
        if managed is None:
            raise CredentialsError(f"hub://{org}/{name} needs no managed key: open {url} as it is")
        address = self._signed(managed, url, method, key, ttl_seconds)
        mode = _NEEDS[method]
        self._core.lender.note(
            (self._user.id, managed.id, managed.revision, url, mode),
            lambda: self._on_record("presign", org, target.name, url, mode),
        )
        return address

    def presign_link(self, org: str, name: str, url: str, *, ttl_seconds: int = 3600) -> str:
        """A url that allows one GET of a linked file; on record once for each folder and stretch of them."""
        place = checked_url(DiscreetText(url), is_local=False)
        key = self._usable(org, name, "r")
        usable_at(self._core, key, place)
        folder = place.parent.reveal()
        address = self._signed(key, folder, "GET", place.name, ttl_seconds)
        self._core.lender.note(
            (self._user.id, key.id, key.revision, folder, "link"),
            lambda: self._on_record("presign link", org, key.name, folder, "r"),
        )
        return address

    def _signed(self, key: Key, folder: str, method: str, name: str, ttl_seconds: int) -> str:
        arguments: dict[str, Any] = {
            "ttl_seconds": max(1, min(ttl_seconds, _TTL_SECONDS)),
            "clock": self._core.clock,
            "external_id": key.external_id or None,
        }
        fields = opened(self._core.vault, key)
        if kinds.asks(key.kind, fields):  # they may lead elsewhere than when the key was entered
            self._core.check_addresses(fields, key, (parse(folder),))
        return vending.presign(key.kind, fields, folder, cast("vending.Method", method), name, **arguments)

    def lend(self, org: str, name: str, *, url: str | None = None, mode: Mode = "r", fresh: bool = False) -> Lent:
        """Credentials of a managed key: for reading below its prefixes, or for ``url`` only."""
        _check_mode(mode)
        url = None if url is None else DiscreetText(url)
        key = self._usable(org, name, mode)
        prefixes = places = prefixes_of(key)
        if url is not None:
            places = (checked_url(url, is_local=False),)
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

    def _usable(self, org: str, name: str, mode: Mode) -> Key:
        """A key that the user may have for reading, or writing."""
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
        return key


def _narrow(key: Key) -> Key:
    """A key as it is lent to somebody who is no member of its organisation: never as it is.

    Raises:
        PermissionDeniedError: it cannot be lent otherwise.
    """
    if key.kind == "http-token":
        raise PermissionDeniedError(
            f"the managed key {key.name!r} is the token of a web server, which cannot be narrowed: it is for members"
        )
    return key._replace(lends_itself=False)


def _check_mode(mode: Mode | None) -> None:
    if mode is not None and mode not in _RANK:
        raise UnsupportedError(f"no mode {mode!r}: expected 'r', 'a' or 'w'")
