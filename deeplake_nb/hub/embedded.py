"""The hub of one user on one machine: in this process, without a server and without an account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.credentials.provider import Environment
from deeplake_nb.hub.domain import Acting, HubCore
from deeplake_nb.hub.folders import DATABASE, data_folder
from deeplake_nb.hub.master_keys import master_keys
from deeplake_nb.hub.store import Store
from deeplake_nb.hub.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_USER = "local"


class EmbeddedHub(Acting):
    """A hub in a folder: ``hub.db`` (SQLite), ``hub.key`` (unless the system has a keyring) and ``datasets/``.

    The local user is its administrator; an organisation comes into being by being written to. Several processes may
    have the same folder open. Nothing leaves the process, so a managed key is used as it is where that is possible:
    the cloud is not asked for a narrower one. Only the kinds that are no key themselves (roles) are lent by it.

    Args:
        folder: where; None: the user's data folder. Made, for its owner alone, where it is not there.
        environ: usually ``os.environ``.
        clock: gives the time, aware of its zone.

    Raises:
        HubError: the folder cannot be used, or a newer version made it.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        environ = Environment(os.environ) if environ is None else environ
        self.folder = data_folder(environ) if folder is None else Path(folder).expanduser().absolute()
        store = Store.at(self.folder / DATABASE)
        store.upgrade()
        key_file = self.folder / "hub.key"
        vault = Vault(lambda: master_keys(environ, key_file, makes=True))
        datasets = str(self.folder / "datasets")
        core = HubCore(store, vault, folder=datasets, clock=clock, opens_orgs=True, is_local=True)
        super().__init__(core, core.local_user(_USER))

    def __repr__(self) -> str:
        return f"EmbeddedHub({str(self.folder)!r})"

    def close(self) -> None:
        """Close the database; using the hub again opens it."""
        self._core.store.close()
