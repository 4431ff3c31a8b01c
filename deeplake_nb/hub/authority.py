"""API tokens: made, listed, revoked; and who it is that shows one."""

from __future__ import annotations

import hmac
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from deeplake_nb.errors import (
    HubConflictError,
    HubNotFoundError,
    HubTokenError,
    PermissionDeniedError,
    UnsupportedError,
)
from deeplake_nb.hub import audit, token_text
from deeplake_nb.hub.names import checked
from deeplake_nb.hub.protocol import Token
from deeplake_nb.hub.seat import RANK, Seat, User
from deeplake_nb.hub.tables import ORGS, SECRETS, TOKENS, USERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from deeplake_nb.credentials.provider import Secret
    from deeplake_nb.hub.domain import HubCore
    from deeplake_nb.hub.protocol import Role
    from deeplake_nb.hub.refusals import Refusals
    from deeplake_nb.hub.store import Store
    from deeplake_nb.hub.vault import Vault

_JWT_SECONDS = 365 * 24 * 3600
_NOTED = timedelta(minutes=1)
_LONGEST_SECONDS = 10 * _JWT_SECONDS
_LABEL = 200
_NBYTES = 32


class TokenKeys:
    """The keys that hash and sign tokens: random, kept sealed in the database, the same for all that share it."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store, self._vault = store, vault
        self._opened: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        """The key of that name, made at its first use."""
        if name not in self._opened:
            with self._store.read() as connection:
                sealed = self._kept(connection, name)
            self._opened[name] = self._vault.open(sealed or self._made(name), ("secrets", name, "sealed"))
        return self._opened[name]

    def ready(self) -> None:
        """Have both keys, as they are made in transactions of their own."""
        for name in ("token", "jwt"):
            self[name]

    def _made(self, name: str) -> bytes:

        with self._store.write() as connection:
            sealed = self._kept(connection, name)
            if sealed is None:
                sealed = self._vault.seal(os.urandom(_NBYTES), ("secrets", name, "sealed"))
                connection.execute(insert(SECRETS).values(name=name, sealed=sealed))
        return sealed

    @staticmethod
    def _kept(connection: Connection, name: str) -> bytes | None:
        return connection.execute(select(SECRETS.c.sealed).where(SECRETS.c.name == name)).scalar()


class Authority:
    """Knows users by their tokens, and puts on record those that it refuses. Thread-safe."""

    def __init__(self, store: Store, keys: TokenKeys, clock: Callable[[], datetime], refusals: Refusals) -> None:
        self._store, self._keys, self._clock, self._refusals = store, keys, clock, refusals

    def authenticate(self, token: Secret) -> User:
        """Who shows this token; one query.

        Raises:
            HubTokenError: malformed, unknown, expired or revoked.
        """
        try:
            token_id = token_text.id_of(token, self._keys["jwt"])
        except HubTokenError as error:
            raise self._refused(error) from None
        with self._store.read() as connection:
            row = connection.execute(_SHOWN, {"id": token_id}).first()
        kept = row.hash if row is not None else b""
        if row is None or not hmac.compare_digest(token_text.hashed(token, self._keys["token"]), kept):
            raise self._refused(HubTokenError("the hub does not know this token: make a new one"))
        now = self._clock()
        if row.revoked_at is not None:
            over = HubTokenError(f"the token {row.label!r} was revoked at {row.revoked_at}: make a new one")
            raise self._refused(over, row.name, token_id)
        if row.expires_at is not None and row.expires_at <= now:
            over = HubTokenError(f"the token {row.label!r} expired at {row.expires_at}: make a new one")
            raise self._refused(over, row.name, token_id)
        if row.used_at is None or now - row.used_at > _NOTED:
            with self._store.write() as connection:
                connection.execute(update(TOKENS).where(TOKENS.c.id == token_id).values(used_at=now))
        return User(row.user_id, row.name, row.is_administrator, row.scope, row.org, token_id, row.expires_at)

    def _refused(self, error: HubTokenError, user: str = "", token_id: str = "") -> HubTokenError:
        self._refusals.record(error, user, "authenticate", subject=token_id)
        return error


class Tokens(Seat):
    """The user's API tokens."""

    def create_token(
        self,
        label: str,
        *,
        scope: Role = "writer",
        org: str | None = None,
        ttl_seconds: int | None = None,
        as_jwt: bool = False,
    ) -> tuple[str, Token]:
        """A new API token, no wider than the one that asks for it."""
        if scope not in RANK:
            raise UnsupportedError(f"no scope {scope!r}: expected one of {', '.join(RANK)}")
        if ttl_seconds is not None and not 1 <= ttl_seconds <= _LONGEST_SECONDS:
            raise UnsupportedError(
                f"a token cannot live for {ttl_seconds} seconds: give 1 to {_LONGEST_SECONDS} (ten years), or None"
            )
        if not label.isprintable() or len(label) > _LABEL:
            raise UnsupportedError(f"a token's label is printable text of {_LABEL} characters at most")
        if RANK[scope] > RANK[self._user.scope]:
            raise PermissionDeniedError(f"a token of scope {self._user.scope!r} may not make one of scope {scope!r}")
        org = self._user.org if org is None else checked(org, "an organisation")
        if self._user.org is not None and org != self._user.org:
            raise PermissionDeniedError(f"a token for {self._user.org!r} may not make one for {org!r}")
        ttl_seconds = self._lasting(ttl_seconds, as_jwt=as_jwt)
        self._core.token_keys.ready()
        with self._core.store.write() as connection:
            org_id = None if org is None else self._allowed(connection, org, "reader", "make tokens").id
            made = issue(
                self._core, connection, self._user.id, self._user.name, label, scope, org_id, ttl_seconds, as_jwt=as_jwt
            )
            self._record(connection, "create token", "", f"{self._user.name} {made[0]}", mode=scope)
            row = connection.execute(_TOKENS.where(TOKENS.c.id == made[0])).one()
        return made[1].reveal(), _token(row)

    def _lasting(self, ttl_seconds: int | None, *, as_jwt: bool) -> int | None:
        """How long a new token lives: not longer than the one that asks."""
        wanted = _JWT_SECONDS if as_jwt and ttl_seconds is None else ttl_seconds
        if self._user.expires_at is None:
            return wanted
        most = max(1, int((self._user.expires_at - self._now()).total_seconds()))
        if ttl_seconds is not None and ttl_seconds > most:
            raise PermissionDeniedError(
                f"a token that ends at {self._user.expires_at} may not make one that would outlive it: give"
                f" {most} seconds at most"
            )
        return most if wanted is None else min(wanted, most)

    def tokens(self) -> Sequence[Token]:
        """The user's tokens that are not revoked, the oldest first."""
        found = _TOKENS.where(TOKENS.c.user_id == self._user.id, TOKENS.c.revoked_at.is_(None))
        if self._user.org is not None:
            found = found.where(ORGS.c.name == self._user.org)
        with self._core.store.read() as connection:
            return [_token(row) for row in connection.execute(found.order_by(TOKENS.c.created_at, TOKENS.c.id))]

    def revoke_token(self, token_id: str) -> None:
        """Refuse a token from now on; once more changes nothing."""
        with self._core.store.write() as connection:
            row = None
            if token_text.is_id(token_id):
                row = connection.execute(_TOKENS.where(TOKENS.c.id == token_id)).first()
            if row is None or row.user_id != self._user.id or self._user.org not in (None, row.org):
                raise HubNotFoundError("you have no such token: see tokens()")
            if RANK[row.scope] > RANK[self._user.scope]:
                raise PermissionDeniedError(f"a token of scope {self._user.scope!r} may not revoke a wider one")
            if row.revoked_at is None:
                connection.execute(update(TOKENS).where(TOKENS.c.id == token_id).values(revoked_at=self._now()))
                self._record(connection, "revoke token", "", f"{self._user.name} {token_id}")


def issue(  # noqa: PLR0917
    core: HubCore,
    connection: Connection,
    user_id: int,
    user: str,
    label: str,
    scope: Role,
    org_id: int | None = None,
    ttl_seconds: int | None = None,
    *,
    as_jwt: bool = False,
) -> tuple[str, Secret]:
    """A new token, entered: its id, and its text."""
    now = core.clock()
    if as_jwt and ttl_seconds is None:
        ttl_seconds = _JWT_SECONDS
    expires_at = None if ttl_seconds is None else now + timedelta(seconds=ttl_seconds)
    token_id = token_text.new_id()
    if as_jwt and expires_at is not None:
        token = token_text.jwt(token_id, user, now, expires_at, core.token_keys["jwt"])
    else:
        token = token_text.opaque(token_id)
    row: dict[str, Any] = {"id": token_id, "user_id": user_id, "label": label, "scope": scope}
    row |= {"tail": token_text.tail(token), "hash": token_text.hashed(token, core.token_keys["token"])}
    connection.execute(insert(TOKENS), row | {"org_id": org_id, "created_at": now, "expires_at": expires_at})
    return token_id, token


def add_user(core: HubCore, user: str, *, is_administrator: bool, by: str) -> tuple[str, Token]:
    """Make a user, and a first token of every right that the user has."""
    checked(user, "a user")
    core.token_keys.ready()
    with core.store.write() as connection:
        if connection.execute(select(USERS.c.id).where(USERS.c.name == user)).first() is not None:
            raise HubConflictError(f"the user {user!r} is there already: choose another name")
        made = insert(USERS).values(name=user, is_administrator=is_administrator, created_at=core.clock())
        user_id = int(connection.execute(made.returning(USERS.c.id)).scalar_one())
        token_id, token = issue(core, connection, user_id, user, "first", "admin")
        subject = f"{user}, an administrator" if is_administrator else user
        audit.record(connection, core.clock(), by, "create user", "", subject)
        row = connection.execute(_TOKENS.where(TOKENS.c.id == token_id)).one()
    return token.reveal(), _token(row)


_SHOWN = (
    select(TOKENS, USERS.c.name, USERS.c.is_administrator, ORGS.c.name.label("org"))
    .select_from(TOKENS.join(USERS).join(ORGS, ORGS.c.id == TOKENS.c.org_id, isouter=True))
    .where(TOKENS.c.id == bindparam("id"))
)
_TOKENS = select(TOKENS, ORGS.c.name.label("org")).join_from(TOKENS, ORGS, isouter=True)


def _token(row: Any) -> Token:
    return Token(row.id, row.label, row.tail, row.scope, row.org, row.created_at, row.expires_at, row.used_at)
