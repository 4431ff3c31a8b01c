"""Servers and a PostgreSQL for the tests that do not ask for their own."""

from __future__ import annotations

import pytest

from tests.fakes.hub import hub_server
from tests.fakes.postgres import postgres


@pytest.fixture(scope="package")
def server():
    with hub_server() as running:
        yield running


@pytest.fixture(scope="package")
def team_database():
    """A PostgreSQL server; its ``database()`` is the address of a new one."""
    with postgres() as running:
        yield running
