"""The rules over PostgreSQL: the suite, on a real server."""

from __future__ import annotations

import pytest

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import HubError
from deeplake_nb.hub.store import Store
from tests.fakes.postgres import postgres
from tests.hub.hubs import core_of, costs_of_pages
from tests.suites.hub import HubSuite


@pytest.fixture(scope="module")
def server():
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def core(server):
    core = core_of(Store(Secret(server.database())))
    yield core
    core.store.close()


class TestPostgres(HubSuite):
    pass


def test_a_server_that_is_away_is_told_without_its_password():
    store = Store(Secret("postgresql://hub:cAnArY@127.0.0.1:9/hub"))
    with pytest.raises(HubError, match="database failed") as caught:
        store.upgrade()
    assert "cAnArY" not in f"{caught.value}{store!r}"


def test_a_hundred_thousand_datasets_are_paged_at_constant_cost(core, root):
    first, last = costs_of_pages(core, root)
    assert last < 3 * first + 0.002
