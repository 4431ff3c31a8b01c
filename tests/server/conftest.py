"""One server for the tests that do not ask for their own."""

from __future__ import annotations

import pytest

from tests.fakes.hub import hub_server


@pytest.fixture(scope="package")
def server():
    with hub_server() as running:
        yield running
