"""The hub's database: SQLite for one machine, PostgreSQL for a team. What a write acknowledged is on the disk."""

from __future__ import annotations

import contextlib
import logging
import os
import weakref
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from deeplake_nb.errors import HubError
from deeplake_nb.garbage import when_gone
from deeplake_nb.hub import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

    from deeplake_nb.credentials.provider import Secret

_log = logging.getLogger(__name__)
_BUSY_SECONDS = 30
_CONNECTIONS = 20
_LOCK = 0x644C_6E62  # any number: it sets our advisory locks apart from those of others in the same database
_READS: dict[str, dict[str, Any]] = {"sqlite": {"is_reading": True}, "postgresql": {"isolation_level": "AUTOCOMMIT"}}
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers never wait
    "PRAGMA synchronous = FULL",  # a commit that returned survives a power cut
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}",
)


class Store:
    """Transactions on the hub's tables. Thread-safe; several processes may use one database at once.

    Args:
        url: ``sqlite:///folder/hub.db`` or ``postgresql://user:password@host/name``, in a `Secret` as it may hold one.

    Raises:
        HubError: another kind of database, or its driver is missing.
    """

    def __init__(self, url: Secret) -> None:
        self._engine = _engine(url)
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        self._reads = self._engine.execution_options(**_READS[self._engine.dialect.name])
        when_gone(self, self._engine.dispose)  # whoever drops a hub need not close it
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_Forked(self._engine))

    def __repr__(self) -> str:
        return f"Store({self._engine.url.render_as_string(hide_password=True)!r})"

    @classmethod
    def at(cls, path: Path) -> Store:
        """A SQLite file that only its owner may read; it is made, with its folder, where it is not there.

        Raises:
            HubError: it cannot be.
        """
        from deeplake_nb.credentials.provider import Secret

        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise HubError(
                f"the hub's database cannot be kept in {path} ({error.strerror}): give another folder, or set"
                " DEEPLAKE_NB_DATA to one that can be written to"
            ) from error
        return cls(Secret(f"sqlite:///{path}"))

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for single queries; each sees what was committed before it.

        Raises:
            HubError: the database failed.
        """
        with self._failures(), self._reads.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, *orgs: str) -> Iterator[Connection]:
        """A transaction that no other write to the same organisations overlaps; committed when the block ends well.

        Without a name it is about the hub itself. Whoever gives several gives them in the same order as all others.

        In SQLite no write overlaps another. What was read inside the block still holds when it commits.

        Raises:
            HubError: the database failed; nothing was written.
        """
        with self._failures(), self._engine.connect() as connection, connection.begin():
            if not self.is_sqlite:
                lock = text("SELECT pg_advisory_xact_lock(:ours, hashtext(:org))")
                for org in orgs or ("",):
                    connection.execute(lock, {"ours": _LOCK, "org": org})
            yield connection

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            from deeplake_nb.credentials.provider import without_frames

            said, reason = type(error).__name__, str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            if self.is_sqlite:
                said = f"{said}: {reason}"
            else:  # a server's reasons name its host and user, which are not for those who ask the hub
                _log.warning("the hub's database failed: %s", reason)
            raise HubError(f"the hub's database failed ({said})") from without_frames(error)

    def upgrade(self) -> int:
        """Bring the tables to this version, in one transaction; gives the number of steps taken."""
        with self.read() as connection:
            if migrations.version(connection) == len(migrations.STEPS):
                return 0
        with self.write() as connection:
            return migrations.upgrade(connection)

    def check(self) -> None:
        """Raise unless the tables are of this version.

        Raises:
            HubError: they are not; says what to do.
        """
        with self.read() as connection:
            present = migrations.version(connection)
        if present != len(migrations.STEPS):
            raise HubError(
                f"the hub's database has version {present}, this program needs {len(migrations.STEPS)}:"
                " run `deeplake-nb hub upgrade`"
            )

    def close(self) -> None:
        """Close all connections; using the store again opens new ones."""
        self._engine.dispose()


def _engine(url: Secret) -> Engine:
    try:
        place = make_url(url.reveal())
    except ArgumentError:
        place = None
    drivers = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    kind = place.drivername.partition("+")[0] if place is not None else ""
    if place is None or kind not in drivers:
        raise HubError("a hub's database is sqlite:///folder/hub.db or postgresql://user:password@host/name")
    place = place.set(drivername=drivers[kind])
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": _CONNECTIONS, "max_overflow": 2 * _CONNECTIONS}
    if kind != "sqlite":
        options["pool_pre_ping"] = True  # the server was started anew
    try:
        engine = create_engine(place, **options)
    except ModuleNotFoundError:
        raise HubError("PostgreSQL needs its driver: pip install 'deeplake-nb[server]'") from None
    if kind == "sqlite":
        if place.database and not place.database.startswith((":memory:", "file:")):
            with contextlib.suppress(OSError):  # the first query says what is wrong
                os.close(os.open(place.database, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite would let others read
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, record: Any) -> None:
    del record
    connection.isolation_level = None  # the driver begins no transactions: we do
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get("is_reading"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # a write waits here, not when it is half done


class _Forked:
    """A child process must not use its parent's connections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = weakref.ref(engine)

    def __call__(self) -> None:
        engine = self._engine()
        if engine is not None:
            engine.dispose(close=False)
