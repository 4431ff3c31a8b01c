"""Every secret of a hub under its newest master key, so that the older ones may go. Servers may run meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from deeplake_nb.hub.tables import KEYS, SECRETS

if TYPE_CHECKING:
    from deeplake_nb.hub.store import Store
    from deeplake_nb.hub.vault import Vault

_SEALED = ((KEYS, "id", "fields"), (KEYS, "id", "former_fields"), (SECRETS, "name", "sealed"))
"""Table, its key, and the column that is sealed."""


def rewrap_all(store: Store, vault: Vault) -> int:
    """Wrap what is sealed anew; how many values that were.

    A value that somebody else changes meanwhile is theirs: run it again once all servers know the newest key.

    Raises:
        HubError: a value is under a master key that is not here, or was tampered with; none was changed.
    """
    count = 0
    with store.write() as connection:
        for table, name, column in _SEALED:
            found = select(table.c[name], table.c[column]).where(table.c[column].is_not(None))
            for row, sealed in connection.execute(found).all():
                anew = vault.rewrap(sealed, (table.name, row, column))
                same = (table.c[name] == row, table.c[column] == sealed)
                count += connection.execute(update(table).where(*same).values({column: anew})).rowcount
    return count
