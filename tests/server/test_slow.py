"""Work that takes too long is answered in time, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.hub.domain import HubCore
from deeplake_nb.hub.master_keys import fresh
from deeplake_nb.hub.store import Store
from deeplake_nb.hub.vault import Vault
from deeplake_nb.server.app import create_app
from deeplake_nb.server.settings import Settings


class Slow(HubCore):
    """A hub whose database hangs until it is let go."""

    def __init__(self, folder):
        store = Store.at(folder / "hub.db")
        store.upgrade()
        super().__init__(store, Vault([fresh()]))
        self.go = threading.Event()
        self.hangs = True

    def authenticate(self, token):
        if self.hangs:
            self.go.wait(30)
        return super().authenticate(token)


async def ask(app, path, token=""):
    """The status of the answer, and the seconds it took."""
    began, sent = time.perf_counter(), []
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers, "scheme": "http"}

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    await app(scope | {"root_path": "", "client": ("127.0.0.1", 1)}, receive, send)
    return sent[0]["status"], time.perf_counter() - began


@pytest.fixture
def core(tmp_path):
    core = Slow(tmp_path)
    yield core
    core.go.set()
    core.store.close()


def test_it_is_answered_in_time(core):
    token = Secret(core.add_user("ann")[0])
    app = create_app(core, Settings(seconds=5, threads=2))

    async def both():
        return await asyncio.gather(ask(app, "/api/v1/whoami", token.reveal()), ask(app, "/health"))

    (slow, taken), (quick, at_once) = asyncio.run(both())
    assert (slow, quick) == (408, 200)
    assert at_once < taken
    assert 4 < taken < 25, "the database hangs for 30"
    core.go.set()
    core.hangs = False
    assert asyncio.run(ask(app, "/api/v1/whoami", token.reveal()))[0] == 200
