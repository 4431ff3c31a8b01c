"""The database: what was acknowledged stays, whoever writes beside, and older tables become today's."""

from __future__ import annotations

import gc
import os
import random
import sqlite3
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, text

from deeplake_nb import garbage
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import HubError
from deeplake_nb.hub import migrations
from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.hub.store import Store
from deeplake_nb.hub.tables import METADATA
from tests.fakes.killed import killed
from tests.fakes.postgres import postgres
from tests.hub.hubs import core_of

ROOT = Path(__file__).parents[2]
_WRITER = """
import sys
from deeplake_nb.hub.embedded import EmbeddedHub
folder, word = sys.argv[1:3]
hub = EmbeddedHub(folder, environ={})
print("begun", flush=True)
for number in range(int(sys.argv[3])):
    hub.create("lab", f"{word}{number}")
    print(f"{word}{number}", flush=True)
"""


def writer(folder, word, count):
    command = [sys.executable, "-c", _WRITER, str(folder), word, str(count)]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)


def names(hub):
    found, after = [], None
    while True:
        page = hub.datasets("lab", after=after)
        found += [entry.name for entry in page.entries]
        if (after := page.after) is None:
            return found


# ---------------------------------------------------------------------- SQLite


def test_the_file_is_for_its_owner_alone_and_writes_are_durable(tmp_path):
    path = tmp_path / "data" / "hub.db"
    store = Store.at(path)
    assert store.upgrade() == len(migrations.STEPS)
    assert store.upgrade() == 0
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with store.write() as connection:
        connection.execute(text("INSERT INTO hub_schema VALUES (1)"))
        assert {entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()} == {0o600}
        settings = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        assert {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in settings} == settings
    store.close()


def insert(store, name, then=lambda: None):
    with store.write() as connection:
        connection.execute(text("INSERT INTO secrets VALUES (:name, x'00')"), {"name": name})
        then()


def test_a_write_that_fails_leaves_nothing(tmp_path):
    store = Store.at(tmp_path / "hub.db")
    store.upgrade()
    with pytest.raises(ZeroDivisionError):
        insert(store, "a", lambda: 1 / 0)
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM secrets")).scalar() == 0
    insert(store, "a")
    with pytest.raises(HubError, match="IntegrityError: UNIQUE"):
        insert(store, "a")
    store.close()


def test_a_failure_shows_no_parameters(tmp_path):
    store = Store.at(tmp_path / "hub.db")
    with pytest.raises(HubError, match="no such table") as caught:
        insert(store, "cAnArY")
    seen = [caught.value, caught.value.__cause__, getattr(caught.value.__cause__, "orig", None)]
    assert not any("cAnArY" in f"{error!s}{error!r}" for error in seen)
    store.close()


def test_what_was_acknowledged_survives_kill_9(tmp_path):
    chance = random.Random(7)
    acknowledged = []
    for round_number in range(4):
        seconds = chance.uniform(0, 0.02)  # anywhere between one and the next
        begun, *said = killed(
            _WRITER, tmp_path, f"r{round_number}-", 10_000, lines=chance.randint(7, 21), seconds=seconds
        )
        assert begun == "begun"
        acknowledged += said
        hub = EmbeddedHub(tmp_path, environ={})
        found = names(hub)
        assert set(acknowledged) <= set(found)
        assert len(set(found) - set(acknowledged)) <= round_number + 1  # done, and killed before it could be told
        assert hub._core.check_record()["lab"] == len(found) + 1
        with hub._core.store.read() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        hub.close()
    assert len(acknowledged) > 20


def test_several_processes_write_at_once(tmp_path):
    running = [writer(tmp_path, word, 40) for word in "abc"]
    hub = EmbeddedHub(tmp_path, environ={})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: hub.create("lab", f"d{number}"), range(40)))
    for process in running:
        assert len(process.communicate(timeout=120)[0].splitlines()) == 41
        assert process.returncode == 0
    assert sorted(names(hub)) == sorted(f"{word}{number}" for word in "abcd" for number in range(40))
    assert hub._core.check_record()["lab"] == 161
    hub.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes that are copied")
def test_a_forked_process_has_connections_of_its_own(tmp_path):
    hub = EmbeddedHub(tmp_path, environ={})
    hub.create("lab", "parent")
    child = os.fork()
    if child == 0:
        try:
            hub.create("lab", "child")
        finally:
            os._exit(0 if "child" in names(hub) else 1)
    assert os.waitpid(child, 0)[1] == 0
    hub.create("lab", "parent2")
    assert names(hub) == ["child", "parent", "parent2"]
    hub.close()


# ---------------------------------------------------------------------- versions of the tables


def shape(store):
    """What the tables are like, by names."""
    with store.read() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
        seen = inspect(connection)
        found = {}
        for table in set(seen.get_table_names()) - {"hub_schema"}:
            columns = {
                column["name"]: (str(column["type"].as_generic()).split("(")[0], column["nullable"])
                for column in seen.get_columns(table)
                if column["name"] != "id"  # SQLite calls it differently where it numbers rows by itself
            }
            keys = {
                (*key["constrained_columns"], key["referred_table"], key["options"].get("ondelete"))
                for key in seen.get_foreign_keys(table)
            }
            if store.is_sqlite:  # there only the database itself knows all of a reference
                rows = connection.execute(text(f"PRAGMA foreign_key_list({table})")).mappings()
                keys = {(row["from"], row["table"], row["on_delete"]) for row in rows}
            unique = {tuple(unique["column_names"]) for unique in seen.get_unique_constraints(table)}
            found[table] = (columns, keys, unique, set(seen.get_pk_constraint(table)["constrained_columns"]))
        return found


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store(request, tmp_path):
    """A store with nothing in it, and a function that makes another."""
    if request.param == "sqlite":
        yield lambda: Store.at(tmp_path / f"{random.getrandbits(64)}.db")
    else:
        server = request.getfixturevalue("server")
        yield lambda: Store(Secret(server.database()))


@pytest.fixture(scope="module")
def server():
    with postgres() as server:
        yield server


def test_the_steps_lead_to_the_tables_as_they_are(empty_store):
    stepped, made = empty_store(), empty_store()
    stepped.upgrade()
    with made.write() as connection:
        METADATA.create_all(connection)
    assert shape(stepped) == shape(made)
    catalogue = "sqlite_master WHERE type = 'index'" if stepped.is_sqlite else "pg_class WHERE relkind = 'i'"
    column = "name" if stepped.is_sqlite else "relname"
    with stepped.read() as connection:
        indexes = set(connection.execute(text(f"SELECT {column} FROM {catalogue}")).scalars())
    assert indexes >= {str(index.name) for table in METADATA.tables.values() for index in table.indexes}
    stepped.close()
    made.close()


def test_the_first_version_becomes_this_one_with_all_it_holds(empty_store):
    store = empty_store()
    with store.write() as connection:
        assert migrations.upgrade(connection, 1) == 1
        for line in (
            "INSERT INTO users (name, is_administrator, created_at) VALUES ('ada', TRUE, 1)",
            "INSERT INTO orgs (name, created_by, created_at) VALUES ('lab', 'ada', 2)",
            "INSERT INTO members VALUES (1, 1, 'admin')",
            """INSERT INTO datasets (org_id, name, url, is_public, is_connected, created_by, created_at)
                VALUES (1, 'cars', 's3://b/cars', FALSE, FALSE, 'ada', 3)""",
        ):
            connection.execute(text(line))
    with pytest.raises(HubError, match=r"version 1, this program needs \d+: run `deeplake-nb hub upgrade`"):
        store.check()
    assert store.upgrade() == len(migrations.STEPS) - 1
    store.check()
    core = core_of(store)
    hub = core.acting(core.local_user("ada"))
    assert hub.dataset("lab", "cars").url == "s3://b/cars"
    assert hub.set_default_storage("lab", "s3://b/new").url == "s3://b/new"
    assert hub.create("lab", "vans").url == "s3://b/new/vans"
    store.close()


def test_many_upgrade_at_once(empty_store):
    store = empty_store()
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: store.upgrade(), range(4))) == [0, 0, 0, len(migrations.STEPS)]
    store.close()


def test_a_newer_database_is_left_alone(empty_store):
    store = empty_store()
    store.upgrade()
    with store.write() as connection:
        connection.execute(text("UPDATE hub_schema SET version = 99"))
    for ask in (store.upgrade, store.check):
        with pytest.raises(HubError, match="version 99"):
            ask()
    store.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://me:cAnArY@host/db", "sqlite", "cAnArY"])
def test_other_databases_are_refused(url):
    with pytest.raises(HubError, match="sqlite:///") as caught:
        Store(Secret(url))
    assert "cAnArY" not in str(caught.value)


def test_a_database_that_is_none(tmp_path):
    (tmp_path / "hub.db").write_text("no database" * 1000)
    store = Store.at(tmp_path / "hub.db")
    with pytest.raises(HubError, match="not a database"):
        store.upgrade()
    store.close()


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "hub.db", tmp_path):
        with pytest.raises(HubError, match="DEEPLAKE_NB_DATA"):
            Store.at(path)


def test_a_hub_that_is_dropped_closes_its_database(tmp_path):
    hub = EmbeddedHub(tmp_path, environ={})
    borrowed = hub._core.store._engine.raw_connection()
    connection = borrowed.dbapi_connection
    borrowed.close()
    assert connection.execute("SELECT 1").fetchone() == (1,)
    del hub, borrowed
    gc.collect()
    assert garbage.settled()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_collection_waits_for_no_lock_of_a_dropped_store(tmp_path):
    """Whoever collects may hold any lock, and closing a connection takes several."""
    store, held, closed = Store.at(tmp_path / "hub.db"), threading.Lock(), []

    @event.listens_for(store._engine, "close")
    def _(*_):
        with held:
            closed.append(threading.current_thread().name)

    with store.read() as connection:
        connection.execute(text("SELECT 1"))
    store.itself = store
    with held:
        del store
        gc.collect()
        assert closed == []
    assert garbage.settled()
    assert closed == ["deeplake-nb-garbage"]
