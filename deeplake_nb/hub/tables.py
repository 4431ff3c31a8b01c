"""The hub's tables as SQLAlchemy knows them; ``migrations`` makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    func,
)
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """An aware time, kept as microseconds since 1970: the same in every database, and in order."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """The number to keep."""
        del dialect
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The time that was kept, in UTC."""
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


METADATA = MetaData()
_NAME = String().with_variant(String(collation="C"), "postgresql")  # pages are in one order everywhere


def _id() -> Column[int]:
    return Column("id", BigInteger, primary_key=True)


def _org() -> Column[int]:
    return Column("org_id", ForeignKey("orgs.id"), nullable=False)


USERS = Table(
    "users",
    METADATA,
    _id(),
    Column("name", _NAME, nullable=False, unique=True),
    Column("is_administrator", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
)
ORGS = Table(
    "orgs",
    METADATA,
    _id(),
    Column("name", _NAME, nullable=False, unique=True),
    Column("storage_url", String),  # of new datasets; null: the hub's own folder
    Column("storage_key_id", ForeignKey("managed_keys.id")),
    Column("created_by", String, nullable=False),
    Column("created_at", Moment, nullable=False),
)
MEMBERS = Table(
    "members",
    METADATA,
    Column("org_id", ForeignKey("orgs.id"), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String, nullable=False),
    Index("members_user", "user_id"),
)
TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String, primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("label", String, nullable=False),
    Column("tail", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("org_id", ForeignKey("orgs.id")),
    Column("hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    Index("tokens_user", "user_id"),
)
KEYS = Table(
    "managed_keys",
    METADATA,
    Column("id", String, primary_key=True),
    _org(),
    Column("name", _NAME, nullable=False),
    Column("kind", String, nullable=False),
    Column("fields", LargeBinary, nullable=False),  # sealed
    Column("former_fields", LargeBinary),  # sealed: of before the rotation, until the overlap ends
    Column("revision", BigInteger, nullable=False),
    Column("shown", String, nullable=False),  # JSON
    Column("prefixes", String, nullable=False),  # JSON
    Column("lends_itself", Boolean, nullable=False),
    Column("external_id", String, nullable=False),
    Column("tried_at", Moment),
    Column("tried_good", Boolean),
    Column("tried_said", String),
    Column("tried_steps", String),  # JSON
    Column("expires_at", Moment),
    Column("created_by", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("rotated_at", Moment),
    Column("overlaps_until", Moment),
    UniqueConstraint("org_id", "name"),
)
KEY_ALIASES = Table(
    "key_aliases",
    METADATA,
    Column("org_id", ForeignKey("orgs.id"), primary_key=True),
    Column("name", _NAME, primary_key=True),
    Column("key_id", ForeignKey("managed_keys.id", ondelete="CASCADE"), nullable=False),
    Index("key_aliases_key", "key_id"),
)
DATASETS = Table(
    "datasets",
    METADATA,
    _id(),
    _org(),
    Column("name", _NAME, nullable=False),
    Column("url", String, nullable=False),
    Column("key_id", ForeignKey("managed_keys.id")),
    Column("is_public", Boolean, nullable=False),
    Column("is_connected", Boolean, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("org_id", "name"),
    Index("datasets_public", "org_id", "is_public", "name"),
    Index("datasets_key", "key_id"),
)
Index("datasets_place", func.lower(DATASETS.c.url))
ALIASES = Table(
    "aliases",
    METADATA,
    Column("org_id", ForeignKey("orgs.id"), primary_key=True),
    Column("name", _NAME, primary_key=True),
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Index("aliases_dataset", "dataset_id"),
)
RESERVATIONS = Table(
    "reservations",
    METADATA,
    Column("org_id", ForeignKey("orgs.id"), primary_key=True),
    Column("name", _NAME, primary_key=True),
    Column("url", String, nullable=False),
    Column("key_id", ForeignKey("managed_keys.id", ondelete="CASCADE")),
    Column("at", Moment, nullable=False),
)
Index("reservations_place", func.lower(RESERVATIONS.c.url))
AUDIT = Table(
    "audit",
    METADATA,
    Column("org", _NAME, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("who", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("prefix", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("refused", String, nullable=False),
)
AUDIT_HEADS = Table(
    "audit_heads",
    METADATA,
    Column("org", _NAME, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("digest", String, nullable=False),
)
SECRETS = Table(
    "secrets",
    METADATA,
    Column("name", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
