"""New master keys: everything sealed goes under the newest one, row by row, while the hub works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from deeplake_nb.hub.tables import KEYS, ORGS, SECRETS

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from deeplake_nb.hub.store import Store
    from deeplake_nb.hub.vault import Vault

_SEALED = {KEYS: ("id", ("fields", "former_fields")), SECRETS: ("name", ("sealed",))}


def rewrap_all(store: Store, vault: Vault) -> int:
    """Put every secret under the vault's newest key; gives how many were not. Can be repeated after a failure.

    Raises:
        HubError: a secret does not open; those before it are done.
    """
    with store.read() as connection:
        keys = connection.execute(
            select(KEYS.c.id, ORGS.c.name).join_from(KEYS, ORGS, ORGS.c.id == KEYS.c.org_id)
        ).all()
        rows = [(SECRETS, name, "") for name in connection.execute(select(SECRETS.c.name)).scalars()]
    count = 0
    for table, row, org in [*rows, *((KEYS, key_id, org) for key_id, org in keys)]:
        with store.write(org) as connection:
            count += sum(_rewrapped(connection, vault, table, row, column) for column in _SEALED[table][1])
    return count


def _rewrapped(connection: Connection, vault: Vault, table: Table, row: str, column: str) -> bool:
    same = table.c[_SEALED[table][0]] == row
    sealed = connection.execute(select(table.c[column]).where(same)).scalar()
    if sealed is None or vault.is_newest(sealed):
        return False
    wrapped = vault.rewrap(sealed, (table.name, row, column))
    connection.execute(update(table).where(same).values({column: wrapped}))
    return True
