"""The hub as one user sees it begins with this: who asks, and what that user may do where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, insert, select

from deeplake_nb.errors import HubNotFoundError, PermissionDeniedError
from deeplake_nb.hub import audit
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.protocol import Identity
from deeplake_nb.hub.tables import MEMBERS, ORGS, USERS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from deeplake_nb.errors import LakeError
    from deeplake_nb.hub.domain import HubCore
    from deeplake_nb.hub.protocol import Role

RANK: dict[Role, int] = {"reader": 1, "writer": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, by which token.

    Attributes:
        scope: the most that the token allows, whatever the user's role.
        org: the only organisation that the token knows; None: all of the user's.
        token_id: of the token; empty where nobody had to show one.
        expires_at: when the token ends; None: never.
    """

    id: int
    name: str
    is_administrator: bool
    scope: Role = "admin"
    org: str | None = None
    token_id: str = ""
    expires_at: datetime | None = None

    def narrowed(self, role: str | None, org: str) -> Role | None:
        """The role in an organisation, as far as the token goes."""
        if role is None or self.org not in (None, org):
            return None
        held: Role = role  # type: ignore[assignment] # the table holds roles only
        return min(held, self.scope, key=RANK.__getitem__)


@dataclass(frozen=True, slots=True)
class Access:
    """What the user may do in an organisation. ``id`` None: it is not there yet, and the first write makes it."""

    org: str
    id: int | None
    role: Role | None
    storage_url: str | None = None
    storage_key_id: str | None = None

    def allows(self, role: Role) -> bool:
        """Whether the role is this one or more."""
        return self.role is not None and RANK[self.role] >= RANK[role]


class Seat:
    """What every part of the hub needs: the core, the user, and the checks."""

    def __init__(self, core: HubCore, user: User) -> None:
        self._core = core
        self._user = user

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._core.url!r}, {self._user.name!r})"

    @property
    def url(self) -> str:
        """Where the hub is."""
        return self._core.url

    def whoami(self) -> Identity:
        """The user, with a role in each organisation."""
        found = select(ORGS.c.name, MEMBERS.c.role).join_from(MEMBERS, ORGS).where(MEMBERS.c.user_id == self._user.id)
        with self._core.store.read() as connection:
            rows = connection.execute(found.order_by(ORGS.c.name)).all()
        roles = {name: role for name, held in rows if (role := self._user.narrowed(held, name)) is not None}
        return Identity(self._user.name, roles, self._is_administrator)

    @property
    def _is_administrator(self) -> bool:
        return self._user.is_administrator and self._user.scope == "admin" and self._user.org is None

    def _administrator(self, doing: str) -> None:
        if not self._is_administrator:
            raise PermissionDeniedError(f"only an administrator of the hub may {doing}: ask one")

    def _now(self) -> datetime:
        return self._core.clock()

    # ------------------------------------------------------------------ organisations

    def _access(self, connection: Connection, org: str) -> Access:
        """What the user may do there, which may be nothing."""
        checked(org, "an organisation")
        joined = and_(MEMBERS.c.org_id == ORGS.c.id, MEMBERS.c.user_id == self._user.id)
        row = connection.execute(
            select(ORGS.c.id.label("org_id"), ORGS.c.storage_url, ORGS.c.storage_key_id, MEMBERS.c.role)
            .join_from(ORGS, MEMBERS, joined, isouter=True)
            .where(ORGS.c.name == org)
        ).first()
        return self._access_of(org, row)

    def _access_of(self, org: str, row: Any | None) -> Access:
        if row is None:
            return Access(org, None, self._user.narrowed("admin", org) if self._core.opens_orgs else None)
        return Access(org, row.org_id, self._user.narrowed(row.role, org), row.storage_url, row.storage_key_id)

    def _allowed(self, connection: Connection, org: str, role: Role, doing: str) -> Access:
        """What the user may do there, at least ``role``.

        Raises:
            HubNotFoundError: no such organisation, or the user is no member.
            PermissionDeniedError: the role is less.
        """
        access = self._access(connection, org)
        if access.role is None:
            raise HubNotFoundError(f"no organisation {org!r} that you belong to: ask one of its admins")
        if not access.allows(role):
            raise PermissionDeniedError(f"a {access.role} of {org!r} may not {doing}: this needs the role {role!r}")
        return access

    def _opened(self, connection: Connection, access: Access) -> int:
        """The organisation's id; made now, with the user as its admin, if it comes into being by being written to."""
        if access.id is not None:
            return access.id
        return self._made(connection, access.org)

    def _made(self, connection: Connection, org: str) -> int:
        made = insert(ORGS).values(name=org, created_by=self._user.name, created_at=self._now())
        number = int(connection.execute(made.returning(ORGS.c.id)).scalar_one())
        connection.execute(insert(MEMBERS).values(org_id=number, user_id=self._user.id, role="admin"))
        self._record(connection, "create organisation", org)
        return number

    def _record(  # noqa: PLR0917 - as the columns of the record
        self, connection: Connection, action: str, org: str, subject: str = "", prefix: str = "", mode: str = ""
    ) -> None:
        audit.record(connection, self._now(), self._user.name, action, org, subject, prefix, mode)

    def is_member(self, org: str) -> bool:
        """Whether the user belongs to an organisation, as far as the token goes."""
        with self._core.store.read() as connection:
            return self._access(connection, org).role is not None

    def refused(self, error: LakeError, *what: str) -> None:
        """Put on record that the user was refused something."""
        self._core.refusals.record(error, self._user.name, *what)

    def _user_id(self, connection: Connection, user: str) -> int | None:
        found = connection.execute(select(USERS.c.id).where(USERS.c.name == user)).scalar()
        return None if found is None else int(found)
