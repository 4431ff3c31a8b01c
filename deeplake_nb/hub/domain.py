"""The hub itself: a store, a vault and the rules between them. ``acting`` shows it as one user sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.hub import audit, authority
from deeplake_nb.hub.lending import Lender
from deeplake_nb.hub.managed_keys import ManagedKeys
from deeplake_nb.hub.people import People
from deeplake_nb.hub.refusals import Refusals, on_record
from deeplake_nb.hub.resolving import Resolving
from deeplake_nb.hub.seat import User
from deeplake_nb.hub.tables import ORGS, USERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from deeplake_nb.credentials.provider import Secret
    from deeplake_nb.hub.managed import Key
    from deeplake_nb.hub.protocol import AuditEntry, Hub, Token
    from deeplake_nb.hub.store import Store
    from deeplake_nb.hub.vault import Vault
    from deeplake_nb.urls import Url


class HubCore:
    """What all users of a hub share. Thread-safe; several processes may have one over the same database.

    Args:
        store: its tables, of this version.
        vault: seals the managed keys.
        folder: the hub's own folder (a path or url) for new datasets; None: organisations name their storage.
        url: where the hub is, for users.
        clock: gives the time, aware of its zone.
        opens_orgs: an organisation comes into being when anybody first writes to it.
        is_local: users are on this machine: datasets may lie in folders of it, and managed keys are used as they are.
        guard: raises for a managed key's fields that would have the hub ask addresses it should not.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        *,
        folder: str | None = None,
        url: str = "embedded",
        clock: Callable[[], datetime] = utc_now,
        opens_orgs: bool = False,
        is_local: bool = False,
        guard: Callable[[Mapping[str, Any], Sequence[str]], None] | None = None,
    ) -> None:
        self.store = store
        self.vault = vault
        self.folder = folder
        self.url = url
        self.clock = clock
        self.opens_orgs = opens_orgs
        self.is_local = is_local
        self.guard = guard
        self.lender = Lender(vault, clock, self.check_addresses, lends_all=is_local)
        self.token_keys = authority.TokenKeys(store, vault)
        self.refusals = Refusals(store, clock)
        self._authority = authority.Authority(store, self.token_keys, clock, self.refusals)

    def acting(self, user: User) -> Hub:
        """The hub as this user sees it; costs nothing."""
        return Acting(self, user)

    def authenticate(self, token: Secret) -> User:
        """Who shows this token; one query.

        Raises:
            HubTokenError: malformed, unknown, expired or revoked. It goes on record.
        """
        return self._authority.authenticate(token)

    def add_user(self, user: str, *, is_administrator: bool = False, by: str = "hub init") -> tuple[str, Token]:
        """Make a user; the text of a first token, shown this once, and its record. Asks nobody for leave.

        Raises:
            UrlError: a name that cannot be.
            HubConflictError: there is such a user.
        """
        return authority.add_user(self, user, is_administrator=is_administrator, by=by)

    def check(self) -> None:
        """Raise unless the hub can do its work: its database answers and is of this version, its keys are there.

        Raises:
            HubError: what is in the way.
        """
        self.store.check()
        self.token_keys.ready()

    def check_addresses(self, fields: Mapping[str, Any], key: Key, urls: Sequence[Url]) -> None:
        """Raise if the addresses of a managed key, used at ``urls``, are not to be asked, as the ``guard`` says."""
        if self.guard is not None:
            self.guard(fields, [*json.loads(key.prefixes), *(url.reveal() for url in urls)])

    def local_user(self, name: str) -> User:
        """The user of a hub without accounts, its administrator; entered at the first call."""
        with self.store.read() as connection:
            found = connection.execute(select(USERS).where(USERS.c.name == name)).first()
        if found is None:
            with self.store.write() as connection:
                found = connection.execute(select(USERS).where(USERS.c.name == name)).first()
                if found is None:
                    made = insert(USERS).values(name=name, is_administrator=True, created_at=self.clock())
                    found = connection.execute(made.returning(*USERS.c)).one()
        return User(found.id, found.name, found.is_administrator)

    def check_record(self) -> dict[str, int]:
        """Follow what is on record, organisation by organisation (``""``: the hub itself); the number of entries.

        Raises:
            HubError: it was tampered with.
        """
        with self.store.read() as connection:
            orgs = ["", *connection.execute(select(ORGS.c.name).order_by(ORGS.c.name)).scalars()]
            return {org: audit.check(connection, org) for org in orgs}


@on_record
class Acting(Resolving, ManagedKeys, People):
    """The whole of `deeplake_nb.hub.protocol.Hub`, as one user sees it."""

    def audit(self, org: str, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """What was done and refused in an organisation, oldest first."""
        with self._core.store.read() as connection:
            if org:
                self._allowed(connection, org, "admin", "see what was done")
            else:
                self._administrator("see what was done in it")
            return audit.entries(connection, org, max(0, min(after, _LAST)), max(1, min(limit, _ENTRIES)))


_ENTRIES = 10_000
_LAST = 2**62
