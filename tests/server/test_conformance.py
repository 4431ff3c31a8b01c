"""A hub on a server does what every hub does: over HTTP, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.fakes.hub import hub_server
from tests.suites.hub import HubSuite


class TestOverHttp(HubSuite):
    @pytest.fixture
    def root(self, server):
        return server.client()

    @pytest.fixture
    def by_token(self, server):
        return server.client


@pytest.fixture(scope="module")
def team_server(team_database):
    with hub_server(team_database.database()) as running:
        yield running


class TestOverHttpOnPostgres(HubSuite):
    @pytest.fixture
    def root(self, team_server):
        return team_server.client()

    @pytest.fixture
    def by_token(self, team_server):
        return team_server.client
