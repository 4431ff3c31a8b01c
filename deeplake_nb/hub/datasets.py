"""Names of datasets: found, entered, connected, changed and forgotten. No data is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, insert, select, update

from deeplake_nb.errors import DatasetExistsError, DatasetNotFoundError, PermissionDeniedError
from deeplake_nb.hub.managed import Key, key_named, usable_at
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.places import Place, Places, checked_url
from deeplake_nb.hub.protocol import DatasetEntry, Page
from deeplake_nb.hub.seat import Access
from deeplake_nb.hub.tables import ALIASES, DATASETS, KEYS, MEMBERS, ORGS
from deeplake_nb.urls import DiscreetText

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from deeplake_nb.hub.protocol import Mode, Role

_PAGE = 1000


class Datasets(Places):
    """Datasets by name."""

    def dataset(self, org: str, name: str) -> DatasetEntry:
        """One dataset, also by a name it had before."""
        with self._core.store.read() as connection:
            access, row = self._found(connection, org, name)
        return _entry(access.org, self._seen(access, row, name))

    def datasets(self, org: str, *, after: str | None = None, limit: int = 100) -> Page[DatasetEntry]:
        """Datasets of an organisation by name."""
        limit = max(1, min(limit, _PAGE))
        with self._core.store.read() as connection:
            access = self._access(connection, org)
            if access.role is None and self._user.org not in (None, org):
                return Page(())
            found = _ENTRIES.where(DATASETS.c.org_id == access.id).order_by(DATASETS.c.name).limit(limit + 1)
            if access.role is None:
                found = found.where(DATASETS.c.is_public)
            if after is not None:
                found = found.where(DATASETS.c.name > checked(after, "a dataset"))
            rows = connection.execute(found).all()
        entries = tuple(_entry(org, row) for row in rows[:limit])
        return Page(entries, entries[-1].name if len(rows) > limit else None)

    def create(self, org: str, name: str, *, is_public: bool = False) -> DatasetEntry:
        """Enter a dataset at the place that was promised, or that is due."""
        with self._core.store.write(org) as connection:
            access, row = self._found(connection, org, name)
            promised = self._promised(connection, access, name)
            if row is not None and (row.name == name or promised is None):
                self._may(access, row, name, "writer", "create datasets")
                return _entry(org, row)
            self._new(access, name)
            org_id = self._opened(connection, access)
            place = promised or self._candidate(connection, access, name)
            self._enter(connection, org_id, name, place, is_public=is_public, is_connected=False)
            self._record(connection, "create", org, name, place.url, "w")
            return self._entry_named(connection, org, name)

    def connect(self, url: str, org: str, name: str | None = None, creds_key: str | None = None) -> DatasetEntry:
        """Give a dataset that lies at ``url`` a name."""
        url = DiscreetText(url)
        place = checked_url(url, is_local=self._core.is_local)
        name = checked(place.name if name is None else name, "a dataset")
        with self._core.store.write(org) as connection:
            access = self._allowed(connection, org, "writer", "connect datasets")
            row = self._found(connection, org, name)[1]
            org_id = self._opened(connection, access)
            key = None if creds_key is None else key_named(connection, org_id, org, creds_key)
            if key is not None:
                usable_at(self._core, key, place)
            wanted = Place(place.reveal(), None if key is None else key.id)
            if row is not None and row.name == name:
                if (row.url, row.key_id) != (wanted.url, wanted.key_id):
                    raise DatasetExistsError(f"hub://{org}/{name} is another dataset: choose a new name, or delete it")
                return _entry(org, row)
            self._enter(connection, org_id, name, wanted, is_public=False, is_connected=True)
            self._record(connection, "connect", org, name, wanted.url)
            return self._entry_named(connection, org, name)

    def rename(self, org: str, name: str, new_name: str) -> DatasetEntry:
        """Another name; the old one goes on meaning the dataset."""
        checked(new_name, "a dataset")
        with self._core.store.write(org) as connection:
            access, row = self._found(connection, org, name)
            row = self._may(access, row, name, "writer", "rename datasets")
            if row.name == new_name:
                return _entry(org, row)
            taken = select(DATASETS.c.id).where(DATASETS.c.org_id == access.id, DATASETS.c.name == new_name)
            if connection.execute(taken).first() is not None:
                raise DatasetExistsError(f"hub://{org}/{new_name} is another dataset: choose a new name, or delete it")
            self._use_name(connection, row.org_id, new_name)
            connection.execute(update(DATASETS).where(DATASETS.c.id == row.id).values(name=new_name))
            connection.execute(insert(ALIASES).values(org_id=row.org_id, name=row.name, dataset_id=row.id))
            self._record(connection, "rename", org, f"{row.name} to {new_name}")
            return self._entry_named(connection, org, new_name)

    def set_public(self, org: str, name: str, is_public: bool) -> DatasetEntry:
        """Let everybody with a token read it, or members only."""
        with self._core.store.write(org) as connection:
            access, row = self._found(connection, org, name)
            row = self._may(access, row, name, "writer", "make datasets public or private")
            if row.is_public != is_public:
                connection.execute(update(DATASETS).where(DATASETS.c.id == row.id).values(is_public=is_public))
                self._record(connection, "make public" if is_public else "make private", org, row.name)
            return self._entry_named(connection, org, row.name)

    def delete(self, org: str, name: str) -> None:
        """Forget a name, with the names it had before."""
        with self._core.store.write(org) as connection:
            access, row = self._found(connection, org, name)
            row = self._may(access, row, name, "writer", "delete datasets")
            connection.execute(delete(DATASETS).where(DATASETS.c.id == row.id))
            self._record(connection, "delete", org, row.name, row.url)

    # ------------------------------------------------------------------ finding, and what may be found

    def _found(self, connection: Connection, org: str, name: str) -> tuple[Access, Any | None]:
        """What the user may do in the organisation, and the dataset's row; one query, two for a former name."""
        checked(org, "an organisation")
        checked(name, "a dataset")
        row = connection.execute(_FOUND, {"user": self._user.id, "org": org, "name": name}).first()
        if row is None:
            return self._access_of(org, None), None
        access = Access(org, row.at_org, self._user.narrowed(row.role, org), row.storage_url, row.storage_key_id)
        if row.id is not None:
            return access, row
        return access, connection.execute(_FORMER, {"org": access.id, "name": name}).first()

    def _seen(self, access: Access, row: Any | None, name: str) -> Any:
        """The row, if the user may see it.

        Raises:
            DatasetNotFoundError: no such dataset, or not for this user.
        """
        is_seen = row is not None and (
            access.role is not None or (row.is_public and self._user.org in (None, access.org))
        )
        if not is_seen:
            raise DatasetNotFoundError(_nothing(access.org, name))
        return row

    def _may(self, access: Access, row: Any | None, name: str, role: Role, doing: str) -> Any:
        """The row, if the user has the role there.

        Raises:
            DatasetNotFoundError: as `_seen`.
            PermissionDeniedError: it may be seen, and no more.
        """
        row = self._seen(access, row, name)
        if not access.allows(role):
            who = f"a {access.role}" if access.role else "somebody who is no member"
            raise PermissionDeniedError(f"{who} of {access.org!r} may not {doing}: this needs the role {role!r}")
        return row

    def _new(self, access: Access, name: str, mode: Mode | None = "w") -> None:
        """Raise unless the user may make a dataset of that name, which is not there; ``mode`` is what was asked."""
        if access.role is None or (mode in (None, "r") and not access.allows("writer")):
            raise DatasetNotFoundError(_nothing(access.org, name))
        if not access.allows("writer"):
            raise PermissionDeniedError(
                f"a {access.role} of {access.org!r} may not create datasets: this needs the role 'writer'"
            )

    # ------------------------------------------------------------------ entering

    def _enter(
        self, connection: Connection, org_id: int, name: str, place: Place, *, is_public: bool, is_connected: bool
    ) -> None:
        self._use_name(connection, org_id, name)
        row = {"org_id": org_id, "name": name, "url": place.url, "key_id": place.key_id}
        row |= {"is_public": is_public, "is_connected": is_connected}
        connection.execute(insert(DATASETS), row | {"created_by": self._user.name, "created_at": self._now()})

    def _use_name(self, connection: Connection, org_id: int, name: str) -> None:
        """From now on it means something else than before."""
        connection.execute(delete(ALIASES).where(ALIASES.c.org_id == org_id, ALIASES.c.name == name))
        self._forget_promise(connection, org_id, name)

    def _entry_named(self, connection: Connection, org: str, name: str) -> DatasetEntry:
        found = _ENTRIES.join(ORGS, ORGS.c.id == DATASETS.c.org_id)
        return _entry(org, connection.execute(found.where(ORGS.c.name == org, DATASETS.c.name == name)).one())


# Statements that are asked at every turn are built once.
_KEY = [column.label(f"managed_{column.name}") for column in KEYS.c]
_ENTRIES = select(*DATASETS.c, KEYS.c.name.label("managed_name")).join_from(DATASETS, KEYS, isouter=True)
_FOUND = (
    select(ORGS.c.id.label("at_org"), ORGS.c.storage_url, ORGS.c.storage_key_id, MEMBERS.c.role, *DATASETS.c, *_KEY)
    .select_from(
        ORGS.join(MEMBERS, and_(MEMBERS.c.org_id == ORGS.c.id, MEMBERS.c.user_id == bindparam("user")), isouter=True)
        .join(DATASETS, and_(DATASETS.c.org_id == ORGS.c.id, DATASETS.c.name == bindparam("name")), isouter=True)
        .join(KEYS, KEYS.c.id == DATASETS.c.key_id, isouter=True)
    )
    .where(ORGS.c.name == bindparam("org"))
)
_FORMER = (
    select(*DATASETS.c, *_KEY)
    .select_from(ALIASES.join(DATASETS).join(KEYS, KEYS.c.id == DATASETS.c.key_id, isouter=True))
    .where(ALIASES.c.org_id == bindparam("org"), ALIASES.c.name == bindparam("name"))
)


def key_of(row: Any) -> Key | None:
    """The managed key of a dataset that was found."""
    return None if row.key_id is None else Key(*row[-len(_KEY) :])


def _entry(org: str, row: Any) -> DatasetEntry:
    return DatasetEntry(
        org,
        row.name,
        row.url,
        row.managed_name,
        is_public=row.is_public,
        is_connected=row.is_connected,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def _nothing(org: str, name: str) -> str:
    return f"no dataset hub://{org}/{name} that you may see: check the name, and who you are (whoami)"
