"""Where new datasets go: the organisation's default storage or the hub's own folder, and places that are promised."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from deeplake_nb.errors import CredentialsError, DatasetExistsError, HubConflictError, UrlError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.managed import key_named, usable_at
from deeplake_nb.hub.protocol import Storage
from deeplake_nb.hub.seat import Seat
from deeplake_nb.hub.tables import DATASETS, KEYS, ORGS, RESERVATIONS
from deeplake_nb.urls import DiscreetText, Url, parse

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from deeplake_nb.hub.seat import Access

_PROMISED = timedelta(hours=1)  # as long as credentials live that were given with the promise


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dataset lies or will lie, and the managed key that opens it."""

    url: str
    key_id: str | None


def checked_url(text: str, *, is_local: bool) -> Url:
    """A place for datasets: without credentials in it, and one that other processes see too.

    Raises:
        UrlError: it cannot be one.
    """
    text = DiscreetText(text)
    url = parse(text)
    if not text.isprintable():
        raise UrlError("the place has characters that cannot be printed: remove them")
    if url.scheme in ("mem", "hub") or (url.scheme == "file" and not is_local):
        known = "a local folder, " if is_local else ""
        raise UrlError(f"a hub cannot keep {url}: expected {known}s3://, gcs://, azure:// or https://")
    if "@" in url.authority or url.query:
        raise UrlError(f"{url} has credentials in it: give it without, and name a managed key")
    if url.scheme == "file":
        from pathlib import Path

        return Url("file", path=str(Path(url.path).expanduser().absolute()))
    if not kinds.is_below(url, [url]):
        raise UrlError(f"{url} has '.' or '..' as a folder: write the place as it is")
    return url


def _is_in_dataset(connection: Connection, place: Url) -> bool:
    """Whether the place, or a folder above it, is a dataset's."""
    above = [place]
    while above[-1].parent != above[-1]:
        above.append(above[-1].parent)
    same = DATASETS.c.url.in_([url.reveal() for url in above])
    return connection.execute(select(DATASETS.c.id).where(same).limit(1)).first() is not None


class Places(Seat):
    """Default storages, and places for new datasets."""

    def default_storage(self, org: str) -> Storage:
        """Where new datasets of the organisation go."""
        with self._core.store.read() as connection:
            access = self._allowed(connection, org, "reader", "see the default storage")
            if access.storage_url is None:
                return Storage(self._own_folder(org).reveal(), None)
            name = connection.execute(select(KEYS.c.name).where(KEYS.c.id == access.storage_key_id)).scalar()
        return Storage(access.storage_url, name)

    def set_default_storage(self, org: str, url: str | None, creds_key: str | None = None) -> Storage:
        """Send new datasets below ``url``, or back to the hub's own folder."""
        url = None if url is None else DiscreetText(url)
        place = None if url is None else checked_url(url, is_local=self._core.is_local)
        if place is None and creds_key is not None:
            raise CredentialsError("the hub's own folder needs no managed key: give its url too, or leave the key out")
        if place is not None and place.scheme.startswith("http"):
            raise UrlError(f"new datasets cannot be written to {place}: expected s3://, gcs:// or azure://")
        with self._core.store.write(org) as connection:
            access = self._allowed(connection, org, "admin", "change the default storage")
            number = self._opened(connection, access)
            key_id = None
            if place is not None and creds_key is not None:
                key = key_named(connection, number, org, creds_key)
                usable_at(self._core, key, place)
                key_id = key.id
            text = None if place is None else place.reveal()
            if place is not None and _is_in_dataset(connection, place):
                raise DatasetExistsError(f"{place} is in a dataset, which others would be mixed with: choose another")
            changed = update(ORGS).where(ORGS.c.id == number).values(storage_url=text, storage_key_id=key_id)
            connection.execute(changed)
            self._record(connection, "set default storage", org, creds_key or "", text or "")
        return self.default_storage(org)

    def _own_folder(self, org: str) -> Url:
        if self._core.folder is None:
            raise HubConflictError(
                f"organisation {org!r} has no default storage, and this hub no folder of its own:"
                " an admin sets one (set_default_storage)"
            )
        return parse(self._core.folder).join(org)

    def _candidate(self, connection: Connection, access: Access, name: str) -> Place:
        """A place that is nobody's, the same until it is taken: named as the dataset, with a number if need be."""
        base = self._own_folder(access.org) if access.storage_url is None else parse(access.storage_url)
        numbered = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
        place = next(place for part in numbered if not self._is_taken(connection, place := base.join(part)))
        return Place(place.reveal(), access.storage_key_id)

    def _is_taken(self, connection: Connection, place: Url) -> bool:
        lower = func.lower(place.reveal())  # some file systems do not tell cases apart
        same = select(DATASETS.c.org_id).where(func.lower(DATASETS.c.url) == lower)
        promised = select(RESERVATIONS.c.org_id).where(
            func.lower(RESERVATIONS.c.url) == lower, RESERVATIONS.c.at > self._now() - _PROMISED
        )
        return any(connection.execute(found.limit(1)).first() for found in (same, promised))

    def _promised(self, connection: Connection, access: Access, name: str) -> Place | None:
        """The place that is promised to a new dataset of this name, if one is."""
        if access.id is None:
            return None
        found = select(RESERVATIONS).where(RESERVATIONS.c.org_id == access.id, RESERVATIONS.c.name == name)
        row = connection.execute(found).first()
        return Place(row.url, row.key_id) if row is not None and row.at > self._now() - _PROMISED else None

    def _promise(self, connection: Connection, access: Access, org_id: int, name: str) -> Place:
        """The same place again, or a new one, promised from now on."""
        place = self._promised(connection, access, name)
        self._forget_promise(connection, org_id, name)
        place = place or self._candidate(connection, access, name)
        row = {"org_id": org_id, "name": name, "url": place.url, "key_id": place.key_id, "at": self._now()}
        connection.execute(insert(RESERVATIONS), row)
        return place

    def _forget_promise(self, connection: Connection, org_id: int, name: str) -> None:
        same = (RESERVATIONS.c.org_id == org_id, RESERVATIONS.c.name == name)
        connection.execute(delete(RESERVATIONS).where(*same))
