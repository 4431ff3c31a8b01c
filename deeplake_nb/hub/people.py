"""Organisations, their members, and the hub's users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from deeplake_nb.errors import HubConflictError, HubNotFoundError, PermissionDeniedError, UnsupportedError
from deeplake_nb.hub.authority import Tokens
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.seat import RANK
from deeplake_nb.hub.tables import MEMBERS, ORGS, USERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

    from deeplake_nb.hub.protocol import Role, Token


class People(Tokens):
    """Who there is, and who belongs where."""

    def orgs(self) -> tuple[str, ...]:
        """Organisations the user belongs to, by name."""
        return tuple(self.whoami().orgs)

    def create_org(self, org: str) -> None:
        """Make an organisation with the caller as its first admin."""
        checked(org, "an organisation")
        if not self._core.opens_orgs:
            self._administrator("make organisations")
        with self._core.store.write(org) as connection:
            if connection.execute(select(ORGS.c.id).where(ORGS.c.name == org)).first() is not None:
                raise HubConflictError(f"the organisation {org!r} is there already: choose another name")
            self._made(connection, org)

    def members(self, org: str) -> Mapping[str, Role]:
        """Users of an organisation with their roles, by name."""
        with self._core.store.read() as connection:
            access = self._allowed(connection, org, "reader", "see its members")
            found = select(USERS.c.name, MEMBERS.c.role).join_from(MEMBERS, USERS).order_by(USERS.c.name)
            rows = connection.execute(found.where(MEMBERS.c.org_id == access.id)).all()
        return {row.name: row.role for row in rows}

    def set_member(self, org: str, user: str, role: Role | None) -> None:
        """Give a user a role; None takes it away."""
        if role is not None and role not in RANK:
            raise UnsupportedError(f"no role {role!r}: expected one of {', '.join(RANK)}, or None")
        checked(user, "a user")
        with self._core.store.write(org) as connection:
            access = self._allowed(connection, org, "admin", "change its members")
            org_id, user_id = self._opened(connection, access), self._user_id(connection, user)
            if user_id is None:
                raise HubNotFoundError(f"no user {user!r}: an administrator of the hub makes users (create_user)")
            same = (MEMBERS.c.org_id == org_id, MEMBERS.c.user_id == user_id)
            held = connection.execute(select(MEMBERS.c.role).where(*same)).scalar()
            if held == role:
                return
            if held == "admin":
                _keep_an_admin(connection, org_id, org)
            if role is None:
                connection.execute(delete(MEMBERS).where(*same))
            elif held is None:
                connection.execute(insert(MEMBERS).values(org_id=org_id, user_id=user_id, role=role))
            else:
                connection.execute(update(MEMBERS).where(*same).values(role=role))
            self._record(connection, "set member", org, user, mode=role or "none")

    # ------------------------------------------------------------------ users

    def users(self) -> tuple[str, ...]:
        """Everybody the hub knows, by name."""
        self._administrator("see its users")
        with self._core.store.read() as connection:
            return tuple(connection.execute(select(USERS.c.name).order_by(USERS.c.name)).scalars())

    def create_user(self, user: str, *, is_administrator: bool = False) -> tuple[str, Token]:
        """Make a user, with a first token to hand over."""
        self._administrator("make users")
        return self._core.add_user(user, is_administrator=is_administrator, by=self._user.name)

    def delete_user(self, user: str) -> None:
        """Forget a user with all memberships and tokens."""
        self._administrator("delete users")
        if user == self._user.name:
            raise PermissionDeniedError(f"you cannot delete yourself ({user!r}): another administrator can")
        for org in self._orgs_of(user):
            with self._core.store.write(org) as connection:
                self._leave(connection, org, user)
        with self._core.store.write() as connection:
            others = select(USERS.c.id).where(USERS.c.is_administrator, USERS.c.name != user)
            if connection.execute(others.limit(1)).first() is None:  # whoever asks was forgotten meanwhile
                raise HubConflictError(f"the hub would have no administrator left: {user!r} is the last one")
            connection.execute(delete(USERS).where(USERS.c.name == user))
            self._record(connection, "delete user", "", user)

    def _orgs_of(self, user: str) -> list[str]:
        """Organisations of a user who is there, having made sure that each of them keeps an admin."""
        with self._core.store.read() as connection:
            user_id = self._user_id(connection, checked(user, "a user"))
            if user_id is None:
                raise HubNotFoundError(f"no user {user!r}")
            found = select(ORGS.c.id, ORGS.c.name, MEMBERS.c.role).join_from(MEMBERS, ORGS)
            rows = connection.execute(found.where(MEMBERS.c.user_id == user_id)).all()
            for row in rows:
                if row.role == "admin":
                    _keep_an_admin(connection, row.id, row.name)
        return [row.name for row in rows]

    def _leave(self, connection: Connection, org: str, user: str) -> None:
        found = select(ORGS.c.id, USERS.c.id, MEMBERS.c.role).select_from(MEMBERS).join(ORGS).join(USERS)
        row = connection.execute(found.where(ORGS.c.name == org, USERS.c.name == user)).first()
        if row is None:
            return
        org_id, user_id, role = row
        if role == "admin":
            _keep_an_admin(connection, org_id, org)
        connection.execute(delete(MEMBERS).where(MEMBERS.c.org_id == org_id, MEMBERS.c.user_id == user_id))
        self._record(connection, "set member", org, user, mode="none")


def _keep_an_admin(connection: Connection, org_id: int, org: str) -> None:
    count = select(func.count()).select_from(MEMBERS).where(MEMBERS.c.org_id == org_id, MEMBERS.c.role == "admin")
    if connection.execute(count).scalar_one() <= 1:
        raise HubConflictError(f"the organisation {org!r} would have no admin left: make somebody else admin before")
