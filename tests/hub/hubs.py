"""Hubs of the tests: over SQLite or PostgreSQL, in this process."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import insert, select

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.hub.domain import HubCore
from deeplake_nb.hub.master_keys import fresh
from deeplake_nb.hub.store import Store
from deeplake_nb.hub.tables import DATASETS, ORGS
from deeplake_nb.hub.vault import Vault


class Arriving:
    """A hub that asks for the token at each call, as a server does."""

    def __init__(self, core, text):
        self._core, self._text = core, text

    def __getattr__(self, name):
        return getattr(self._core.acting(self._core.authenticate(Secret(self._text))), name)


class Clock:
    """Stands still until it is moved, by minutes."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now

    def __add__(self, minutes):
        self.now += timedelta(minutes=minutes)
        return self


def core_at(path, **options):
    return core_of(Store.at(path), **options)


def core_of(store, **options):
    store.upgrade()
    return HubCore(store, Vault([fresh()]), **options)


def costs_of_pages(core, hub, count=100_000):
    """Seconds that the first and the last full page of an organisation take."""
    hub.create_org("large")
    with core.store.write("large") as connection:
        org_id = connection.execute(select(ORGS.c.id).where(ORGS.c.name == "large")).scalar_one()
        row = {"org_id": org_id, "url": "s3://b/x", "is_public": False, "is_connected": True, "created_by": "x"}
        row["created_at"] = core.clock()
        connection.execute(insert(DATASETS), [row | {"name": f"n{number:06}"} for number in range(count)])

    def cost(after):
        began = time.perf_counter()
        assert len(hub.datasets("large", after=after).entries) == 100
        return time.perf_counter() - began

    assert hub.datasets("large", after=f"n{count - 2:06}").entries[-1].name == f"n{count - 1:06}"
    times = [(cost(None), cost(f"n{count - 101:06}")) for _ in range(100)]  # in turns: a machine is busy at times
    return tuple(map(min, zip(*times, strict=True)))
