"""The rules over SQLite: the suite, and what time does."""

from __future__ import annotations

from functools import partial

import pytest

from tests.hub.hubs import Arriving, core_at
from tests.suites.hub import HubSuite


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    core = core_at(tmp_path_factory.mktemp("hub") / "hub.db")
    yield core
    core.store.close()


@pytest.fixture(scope="module")
def root(core):
    return Arriving(core, core.add_user("root", is_administrator=True)[0])


@pytest.fixture(scope="module")
def by_token(core):
    return partial(Arriving, core)


class TestSqlite(HubSuite):
    pass
