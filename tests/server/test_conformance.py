"""A hub on a server does what every hub does: over HTTP, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.suites.hub import HubSuite


class TestOverHttp(HubSuite):
    @pytest.fixture
    def root(self, server):
        return server.client()

    @pytest.fixture
    def by_token(self, server):
        return server.client
