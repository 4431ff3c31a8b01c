"""Hubs of the tests: over SQLite or PostgreSQL, in this process."""

from __future__ import annotations

from datetime import timedelta

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.hub.domain import HubCore
from deeplake_nb.hub.master_keys import fresh
from deeplake_nb.hub.store import Store
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
