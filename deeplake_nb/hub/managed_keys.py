"""Managed keys: kept, shown without their secrets, rotated, renamed, deleted, tried out."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from deeplake_nb.credentials.provider import read_time, sealed
from deeplake_nb.diagnosis.report import Line
from deeplake_nb.errors import CredentialsError, HubConflictError, UnsupportedError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.managed import Key, closed, key_named, opened, prefixes_of, usable_at
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.places import Places, checked_url
from deeplake_nb.hub.protocol import ManagedKey, Trial
from deeplake_nb.hub.tables import DATASETS, KEY_ALIASES, KEYS, ORGS, RESERVATIONS
from deeplake_nb.hub.wire import from_json, to_json
from deeplake_nb.urls import DiscreetText

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from deeplake_nb.hub.protocol import KeyKind
    from deeplake_nb.urls import Url

_LISTED = 100
_CLAIMS = ":claims"  # no organisation's name
_OVERLAP = 30 * 24 * 3600


class ManagedKeys(Places):
    """Managed keys of organisations."""

    def keys(self, org: str) -> Sequence[ManagedKey]:
        """Managed keys of an organisation, by name."""
        with self._core.store.read() as connection:
            access = self._allowed(connection, org, "writer", "see its managed keys")
            rows = connection.execute(select(KEYS).where(KEYS.c.org_id == access.id).order_by(KEYS.c.name)).all()
            return [self._shown(connection, org, Key(*row)) for row in rows]

    def add_key(
        self,
        org: str,
        name: str,
        kind: KeyKind,
        fields: Mapping[str, Any],
        *,
        prefixes: Sequence[str] = (),
        lends_itself: bool = False,
    ) -> ManagedKey:
        """Keep a key, encrypted."""
        fields, prefixes = sealed(fields), [DiscreetText(prefix) for prefix in prefixes]
        checked(name, "a key")
        read = kinds.read(kind, fields)
        bound = [checked_url(prefix, is_local=False) for prefix in prefixes]
        self._check_bound(kind, read, bound)
        self._guard(read, bound)
        with self._core.store.write(org, _CLAIMS) as connection:
            access = self._allowed(connection, org, "admin", "add managed keys")
            org_id = self._opened(connection, access)
            self._check_claim(connection, org_id, kind, read)
            if connection.execute(select(KEYS.c.id).where(KEYS.c.org_id == org_id, KEYS.c.name == name)).first():
                raise HubConflictError(f"the managed key {name!r} is there already: rotate it, or choose another name")
            self._use_key_name(connection, org_id, name)
            key_id = secrets.token_hex(16)
            row = self._kept(kind, key_id, read) | {"id": key_id, "org_id": org_id, "name": name, "kind": kind}
            row |= {"prefixes": json.dumps([url.reveal() for url in bound]), "lends_itself": lends_itself}
            row |= {"external_id": secrets.token_hex(16) if kind == "aws-role" else "", "revision": 1}
            connection.execute(insert(KEYS), row | {"created_by": self._user.name, "created_at": self._now()})
            self._record(connection, "add key", org, name, " ".join(map(str, bound)), kind)
            return self._shown(connection, org, key_named(connection, org_id, org, name))

    def rotate_key(self, org: str, name: str, fields: Mapping[str, Any], *, overlap_seconds: int = 0) -> ManagedKey:
        """New secrets under the old name; while they overlap the former ones help where the new ones are refused."""
        fields = sealed(fields)
        if not 0 <= overlap_seconds <= _OVERLAP:
            raise UnsupportedError(f"keys cannot overlap by {overlap_seconds} seconds: give 0 to {_OVERLAP} (30 days)")
        with self._core.store.write(org, _CLAIMS) as connection:
            row = self._key(connection, org, name, "rotate managed keys")
            read = kinds.read(row.kind, fields)
            self._check_bound(row.kind, read, prefixes_of(row))
            self._guard(read, ())
            self._check_claim(connection, row.org_id, row.kind, read)
            values = self._kept(row.kind, row.id, read) | {"revision": row.revision + 1, "rotated_at": self._now()}
            values |= {"tried_at": None, "tried_good": None, "tried_said": None, "tried_steps": None}
            values |= {"former_fields": None, "overlaps_until": None}
            if overlap_seconds:
                former = closed(self._core.vault, row.id, opened(self._core.vault, row), "former_fields")
                until = self._now() + timedelta(seconds=overlap_seconds)
                values |= {"former_fields": former, "overlaps_until": until}
            connection.execute(update(KEYS).where(KEYS.c.id == row.id).values(**values))
            self._record(connection, "rotate key", org, row.name)
            return self._shown(connection, org, key_named(connection, row.org_id, org, row.name))

    def rename_key(self, org: str, name: str, new_name: str) -> ManagedKey:
        """Another name; the old one goes on meaning the key."""
        checked(new_name, "a key")
        with self._core.store.write(org) as connection:
            row = self._key(connection, org, name, "rename managed keys")
            if row.name != new_name:
                same = select(KEYS.c.id).where(KEYS.c.org_id == row.org_id, KEYS.c.name == new_name)
                if connection.execute(same).first() is not None:
                    raise HubConflictError(f"the managed key {new_name!r} is there already: choose another name")
                self._use_key_name(connection, row.org_id, new_name)
                connection.execute(update(KEYS).where(KEYS.c.id == row.id).values(name=new_name))
                connection.execute(insert(KEY_ALIASES).values(org_id=row.org_id, name=row.name, key_id=row.id))
                self._record(connection, "rename key", org, f"{row.name} to {new_name}")
            return self._shown(connection, org, key_named(connection, row.org_id, org, new_name))

    def delete_key(self, org: str, name: str, *, force: bool = False) -> None:
        """Forget a key; with ``force`` what used it has none from now on."""
        with self._core.store.write(org) as connection:
            row = self._key(connection, org, name, "delete managed keys")
            used = self._used_by(connection, org, row.id)
            if used and not force:
                raise CredentialsError(
                    f"the managed key {row.name!r} is used by {', '.join(used)}: give these another one, or force=True"
                )
            for table, column in ((DATASETS, "key_id"), (RESERVATIONS, "key_id"), (ORGS, "storage_key_id")):
                connection.execute(update(table).where(table.c[column] == row.id).values({column: None}))
            connection.execute(delete(KEYS).where(KEYS.c.id == row.id))
            self._record(connection, "delete key", org, row.name)

    def try_key(self, org: str, name: str, url: str | None = None) -> Trial:
        """Try a key out with real requests; the outcome is remembered."""
        from deeplake_nb.hub.trial import tried

        url = None if url is None else DiscreetText(url)
        with self._core.store.read() as connection:
            row = self._key(connection, org, name, "try managed keys")
        prefixes = prefixes_of(row)
        if url is None and not prefixes:
            raise CredentialsError(f"the managed key {row.name!r} is bound to no urls: say where to try it (url)")
        place = prefixes[0] if url is None else checked_url(url, is_local=False)
        usable_at(self._core, row, place)
        trial = tried(self._core, row, place)
        with self._core.store.write(org) as connection:
            values = {"tried_at": trial.at, "tried_good": trial.is_good, "tried_said": trial.said}
            values |= {"tried_steps": json.dumps(to_json(trial.steps))}
            connection.execute(update(KEYS).where(KEYS.c.id == row.id, KEYS.c.revision == row.revision).values(values))
            self._record(connection, "try key", org, row.name, place.reveal(), "good" if trial.is_good else "failed")
        return trial

    def provisioning(self, org: str, name: str) -> str:
        """What the owner of the cloud must run once."""
        with self._core.store.read() as connection:
            row = self._key(connection, org, name, "provision managed keys")
        from deeplake_nb.hub.provisioning import provisioning

        return str(
            provisioning(row.kind, opened(self._core.vault, row), prefixes_of(row), external_id=row.external_id or None)
        )

    # ------------------------------------------------------------------ what is kept, and what is shown

    def _key(self, connection: Connection, org: str, name: str, doing: str) -> Key:
        access = self._allowed(connection, org, "admin", doing)
        return key_named(connection, access.id, org, name)

    def _guard(self, fields: Mapping[str, Any], prefixes: Sequence[Url]) -> None:
        if self._core.guard is not None:
            self._core.guard(fields, [url.reveal() for url in prefixes])

    def _check_bound(self, kind: KeyKind, fields: Mapping[str, Any], prefixes: Sequence[Url]) -> None:
        if kinds.KINDS[kind].needs_prefixes and not prefixes:
            raise CredentialsError(f"a key of kind {kind} must be bound to urls: name them as prefixes")
        for prefix in prefixes:
            if not kinds.reaches(kind, fields, prefix):
                raise CredentialsError(f"a key of kind {kind} does not open {prefix}: leave out this prefix")

    def _check_claim(self, connection: Connection, org_id: int, kind: KeyKind, fields: Mapping[str, Any]) -> None:
        """Refuse an identity that another organisation's keys use: that cloud lets the hub in, not whoever asks it."""
        wanted = kinds.claim(kind, fields)
        if not wanted or self._core.is_local:
            return
        others = select(KEYS.c.shown).where(KEYS.c.kind == kind, KEYS.c.org_id != org_id)
        if any(kinds.claim(kind, json.loads(shown)) == wanted for shown in connection.execute(others).scalars()):
            raise HubConflictError(
                f"the hub acts as {wanted} for another organisation, and for one only: make an identity of your own"
            )

    def _kept(self, kind: KeyKind, key_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        expires_at = read_time(fields["expires_at"]) if "expires_at" in fields else None
        return {
            "fields": closed(self._core.vault, key_id, fields),
            "shown": json.dumps(kinds.shown(kind, fields)),
            "expires_at": expires_at,
        }

    def _use_key_name(self, connection: Connection, org_id: int, name: str) -> None:
        connection.execute(delete(KEY_ALIASES).where(KEY_ALIASES.c.org_id == org_id, KEY_ALIASES.c.name == name))

    def _used_by(self, connection: Connection, org: str, key_id: str) -> tuple[str, ...]:
        """Paths of the datasets that a key opens, the first hundred of them, and the default storage."""
        named = select(DATASETS.c.name).where(DATASETS.c.key_id == key_id).order_by(DATASETS.c.name)
        used = [f"hub://{org}/{name}" for name in connection.execute(named.limit(_LISTED)).scalars()]
        if len(used) == _LISTED:
            count = select(func.count()).select_from(DATASETS).where(DATASETS.c.key_id == key_id)
            more = connection.execute(count).scalar_one() - _LISTED
            used += [f"{more} more datasets"] if more else []
        if connection.execute(select(ORGS.c.id).where(ORGS.c.storage_key_id == key_id)).first() is not None:
            used.append("default storage")
        return tuple(used)

    def _shown(self, connection: Connection, org: str, row: Key) -> ManagedKey:
        shown = json.loads(row.shown)
        if row.external_id:
            shown["external_id"] = row.external_id
        overlaps = row.overlaps_until if row.overlaps_until is not None and row.overlaps_until > self._now() else None
        return ManagedKey(
            org,
            row.name,
            row.kind,
            shown,
            tuple(json.loads(row.prefixes)),
            lends_itself=row.lends_itself,
            used_by=self._used_by(connection, org, row.id),
            trial=_trial(row),
            expires_at=row.expires_at,
            created_by=row.created_by,
            created_at=row.created_at,
            rotated_at=row.rotated_at,
            overlaps_until=overlaps,
        )


def _trial(row: Key) -> Trial | None:
    if row.tried_at is None:
        return None
    steps = from_json(tuple[Line, ...], json.loads(row.tried_steps or "[]"))
    return Trial(row.tried_at, bool(row.tried_good), row.tried_said or "", steps)
