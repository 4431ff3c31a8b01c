"""The hub in this process: the suite, and what only it does."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event, text

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import DatasetNotFoundError, HubError
from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.hub.protocol import Identity
from tests.hub.hubs import Arriving, costs_of_pages
from tests.suites.hub import KEYS, HubSuite


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    hub = EmbeddedHub(tmp_path_factory.mktemp("hub"), environ={})
    yield hub
    hub.close()


@pytest.fixture(scope="module")
def by_token(root):
    return partial(Arriving, root._core)


class TestEmbedded(HubSuite):
    is_local = True


def test_it_is_a_folder_for_its_owner_alone(tmp_path):
    hub = EmbeddedHub(environ={"DEEPLAKE_NB_DATA": str(tmp_path / "data")})
    assert hub.folder == tmp_path / "data"
    hub.create("me", "cars")
    assert sorted(path.name for path in hub.folder.iterdir() if not path.name.startswith("hub.db-")) == ["hub.db"]
    hub.add_key("me", "k", "aws-keys", KEYS)
    assert (hub.folder / "hub.key").exists()
    modes = {path.stat().st_mode & 0o777 for path in hub.folder.iterdir() if path.is_file()}
    assert (hub.folder.stat().st_mode & 0o777, modes) == (0o700, {0o600})
    hub.close()


def test_it_lies_where_the_system_keeps_such_things(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    hub = EmbeddedHub(environ={})
    assert hub.folder.is_relative_to(tmp_path)
    assert hub.folder.name == "deeplake_nb"
    hub.close()


def test_an_organisation_comes_into_being_by_being_written_to(tmp_path):
    hub = EmbeddedHub(tmp_path, environ={})
    assert hub.resolve("me", "cars", "r").is_new
    assert hub.resolve("me", "cars").is_new
    assert hub.datasets("me").entries == ()
    assert hub.default_storage("me").url == str(tmp_path / "datasets" / "me")
    assert hub.keys("me") == []
    for ask in (lambda: hub.dataset("me", "cars"), lambda: hub.rename("me", "cars", "vans")):
        with pytest.raises(DatasetNotFoundError):
            ask()
    assert hub.orgs() == ()
    assert hub.resolve("me", "cars", "w").url == str(tmp_path / "datasets" / "me" / "cars")
    assert hub.orgs() == ("me",)
    assert hub.whoami() == Identity("local", {"me": "admin"}, is_administrator=True)
    for number, write in enumerate(
        (
            lambda org: hub.create(org, "cars"),
            lambda org: hub.connect("s3://b/x", org),
            lambda org: hub.add_key(org, "k", "aws-keys", KEYS),
            lambda org: hub.set_default_storage(org, "s3://b/new"),
            hub.create_org,
        )
    ):
        write(f"org{number}")
        assert f"org{number}" in hub.orgs()
    hub.close()


def test_two_notebooks_have_one_hub(tmp_path):
    one, two = (EmbeddedHub(tmp_path, environ={}) for _ in range(2))
    made = one.create("me", "cars")
    assert two.dataset("me", "cars") == made
    two.rename("me", "cars", "vans")
    assert one.dataset("me", "cars").name == "vans"
    two.add_key("me", "k", "aws-keys", KEYS)
    assert one.lend("me", "k").creds["aws_secret_access_key"] == Secret(KEYS["aws_secret_access_key"])
    two.close()
    one.close()


def test_local_folders_are_connected_wherever_they_are_asked_for(tmp_path, monkeypatch):
    hub = EmbeddedHub(tmp_path / "hub", environ={})
    monkeypatch.chdir(tmp_path)
    assert hub.connect("cars", "me").url == str(tmp_path / "cars")
    assert hub.connect("~/vans", "me").url == str(Path.home() / "vans")
    assert hub.set_default_storage("me", "new").url == str(tmp_path / "new")
    assert hub.create("me", "trucks").url == str(tmp_path / "new" / "trucks")
    hub.close()


def test_the_database_of_a_newer_version_is_left_alone(tmp_path):
    hub = EmbeddedHub(tmp_path, environ={})
    with hub._core.store.write() as connection:
        connection.execute(text("UPDATE hub_schema SET version = 99"))
    hub.close()
    with pytest.raises(HubError, match="newer deeplake_nb"):
        EmbeddedHub(tmp_path, environ={})


def test_finding_a_dataset_costs_one_query(tmp_path):
    hub = EmbeddedHub(tmp_path, environ={})
    hub.create("me", "cars")
    asked, engine = [], hub._core.store._engine
    event.listen(engine, "before_cursor_execute", count := lambda *given: asked.append(given[2]))
    hub.resolve("me", "cars", "w")
    event.remove(engine, "before_cursor_execute", count)
    assert len(asked) == 1
    seconds = []
    for _ in range(50):
        began = time.perf_counter()
        hub.resolve("me", "cars", "w")
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.02
    hub.close()


def test_a_hundred_thousand_datasets_are_paged_at_constant_cost(tmp_path):
    hub = EmbeddedHub(tmp_path, environ={})
    first, last = costs_of_pages(hub._core, hub)
    assert last < 3 * first + 0.002
    hub.close()
