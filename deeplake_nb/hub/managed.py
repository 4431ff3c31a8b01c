"""A managed key as it is kept, and how it is read: by its name or a former one, opened only where it is used."""

from __future__ import annotations

import json
from datetime import datetime  # noqa: TC003 - columns are read by their types
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import select

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError, MissingCredentialsError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.protocol import KeyKind  # noqa: TC001
from deeplake_nb.hub.tables import KEY_ALIASES, KEYS
from deeplake_nb.urls import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from deeplake_nb.hub.domain import HubCore
    from deeplake_nb.hub.vault import Vault
    from deeplake_nb.urls import Url


class Key(NamedTuple):
    """A row of ``managed_keys``, column by column."""

    id: str
    org_id: int
    name: str
    kind: KeyKind
    fields: bytes
    former_fields: bytes | None
    revision: int
    shown: str
    prefixes: str
    lends_itself: bool
    external_id: str
    tried_at: datetime | None
    tried_good: bool | None
    tried_said: str | None
    tried_steps: str | None
    expires_at: datetime | None
    created_by: str
    created_at: datetime
    rotated_at: datetime | None
    overlaps_until: datetime | None


def find_key(connection: Connection, org_id: int | None, name: str) -> Key | None:
    """A key by its name, or by one it had before."""
    row = connection.execute(select(KEYS).where(KEYS.c.org_id == org_id, KEYS.c.name == name)).first()
    if row is None:
        former = select(KEYS).join_from(KEYS, KEY_ALIASES)
        row = connection.execute(former.where(KEY_ALIASES.c.org_id == org_id, KEY_ALIASES.c.name == name)).first()
    return None if row is None else Key(*row)


def key_named(connection: Connection, org_id: int | None, org: str, name: str) -> Key:
    """A key by its name, or by one it had before.

    Raises:
        UrlError: no name of a key.
        MissingCredentialsError: no such key.
    """
    key = find_key(connection, org_id, checked(name, "a key"))
    if key is None:
        raise MissingCredentialsError(f"no managed key {name!r} in organisation {org!r}: an admin adds it (add_key)")
    return key


def prefixes_of(key: Key) -> tuple[Url, ...]:
    """The urls below which a key may be used; none: anywhere."""
    return tuple(parse(prefix) for prefix in json.loads(key.prefixes))


def usable_at(core: HubCore, key: Key, url: Url) -> None:
    """Raise unless a key may be used at a place.

    Raises:
        CredentialsError: it may not; says why.
    """
    prefixes = prefixes_of(key)
    if prefixes and not kinds.is_below(url, prefixes):
        raise CredentialsError(
            f"the managed key {key.name!r} may not be used at {url}: it is bound to {', '.join(map(str, prefixes))}"
        )
    fields = opened(core.vault, key)
    if not prefixes and kinds.names_server(fields, url):
        raise CredentialsError(
            f"the managed key {key.name!r} is bound to no urls, and is not shown to a server that a url names: an admin"
            f" binds one to {url}"
        )
    if not kinds.reaches(key.kind, fields, url):
        raise CredentialsError(f"the managed key {key.name!r} of kind {key.kind} does not open {url}: use another key")


def opened(vault: Vault, key: Key, column: Literal["fields", "former_fields"] = "fields") -> Mapping[str, Secret | str]:
    """What a key is made of.

    Raises:
        HubError: it does not open.
    """
    text = Secret(vault.open(getattr(key, column), ("managed_keys", key.id, column)).decode())
    return kinds.read(key.kind, {name: Secret(value) for name, value in json.loads(text.reveal()).items()})


def closed(vault: Vault, key_id: str, fields: Mapping[str, Secret | str], column: str = "fields") -> bytes:
    """Fields as they are kept."""
    plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items()}
    return vault.seal(json.dumps(plain).encode(), ("managed_keys", key_id, column))
