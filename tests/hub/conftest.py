"""A hub over the ``core`` that each of these modules has."""

from __future__ import annotations

from functools import partial

import pytest

from tests.hub.hubs import Arriving


@pytest.fixture(scope="module")
def root(core):
    return Arriving(core, core.add_user("root", is_administrator=True)[0])


@pytest.fixture(scope="module")
def by_token(core):
    return partial(Arriving, core)
