"""The hub in this process: the suite, and what only it does."""

from __future__ import annotations

from functools import partial

import pytest

from deeplake_nb.hub.embedded import EmbeddedHub
from tests.hub.hubs import Arriving
from tests.suites.hub import HubSuite


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
