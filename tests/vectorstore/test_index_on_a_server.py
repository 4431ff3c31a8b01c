"""The hub's server makes an index beside the data, lets nobody wait for it, and has it again after it was restarted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deeplake_nb import VectorStore
from deeplake_nb.server.outgoing import Outgoing
from deeplake_nb.server.queries import Queries
from deeplake_nb.vectorstore.engines import LEAST_ROWS
from deeplake_nb.vectorstore.index import VectorIndex
from deeplake_nb.vectorstore.managed import written
from deeplake_nb.vectorstore.metrics import METRICS
from deeplake_nb.vectorstore.searching import Search
from tests.eventually import eventually
from tests.fakes.hub import hub_server

WIDTH = 12
COUNT = LEAST_ROWS + 500
VECTORS = np.random.default_rng(0).standard_normal((COUNT, WIDTH), "float32")
BESIDE = ".deeplake_nb/hnsw/embedding/cos/head.json"


@pytest.fixture(scope="module")
def hub():
    pytest.importorskip("faiss")
    with hub_server() as server:
        server.client().create_org("team")
        yield server


@pytest.fixture
def name(request, hub, monkeypatch):
    """A store with enough rows for an index, by its name."""
    monkeypatch.setenv("DEEPLAKE_NB_HUB", hub.url)
    monkeypatch.setenv("DEEPLAKE_NB_TOKEN", hub.token.reveal())
    name = request.node.name.replace("_", "-")
    store = VectorStore(f"hub://team/{name}", verbose=False, runtime={"tensor_db": True})
    ids = [f"id{at}" for at in range(COUNT)]
    store.add(text=ids, metadata=[{}] * COUNT, embedding=VECTORS, id=ids)
    store.dataset.close()
    return name


def folder(hub, name):
    return Path(hub.client().resolve("team", name, "r").url.removeprefix("file://"))


def query(at):
    return written(Search("embedding", VECTORS[at], 3, METRICS["cos"]), None)


def test_a_search_leaves_an_index_beside_the_data(hub, name):
    beside = folder(hub, name) / BESIDE
    assert not beside.exists()
    store = VectorStore(f"hub://team/{name}", read_only=True)
    assert store.search(embedding=VECTORS[7], k=1)["id"] == ["id7"]
    eventually(beside.exists)
    stored = beside.read_bytes()
    assert store.search(embedding=VECTORS[8], k=1)["id"] == ["id8"]
    hub.kill()
    hub.start()
    assert store.search(embedding=VECTORS[9], k=1)["id"] == ["id9"]
    assert beside.read_bytes() == stored


def test_nobody_waits_for_an_index(hub, name, monkeypatch):
    """Every vector is looked at until it is there; then none is, and a few new rows are taken in at once."""
    scanned, scan = [], Search.exact
    monkeypatch.setattr(Search, "exact", lambda *given: scanned.append(1) or scan(*given))
    queries, root = Queries(Outgoing()), hub.client()

    def found(at):
        return queries.run(root, "team", name, query(at), None)["indices"][0]

    assert found(1) == 1
    assert len(scanned) == 1
    eventually((folder(hub, name) / BESIDE).exists)
    (engines,) = queries._engines.values()
    (index,) = engines._indexes.values()
    eventually(lambda: not index._lock.locked())
    assert found(2) == 2
    assert len(scanned) == 1

    store = VectorStore(f"hub://team/{name}", verbose=False)
    store.add(text=["new"], metadata=[{}], embedding=[[9.0] * WIDTH], id=["new"])
    store.dataset.close()
    near = written(Search("embedding", np.full(WIDTH, 9, "float32"), 1, METRICS["cos"]), None)
    assert queries.run(root, "team", name, near, None)["indices"] == [COUNT]
    assert len(scanned) == 1


def test_a_reader_leaves_nothing(hub, name):
    reader = hub.user("reader")
    hub.client().set_member("team", "reader", "reader")
    queries = Queries(Outgoing())

    def ask(who):
        return queries.run(who, "team", name, query(5), None)["indices"][0]

    assert ask(reader) == 5
    (engines,) = queries._engines.values()
    (index,) = engines._indexes.values()
    assert isinstance(index, VectorIndex)
    eventually(lambda: index._seen is not None and not index._lock.locked())
    assert ask(reader) == 5
    assert not (folder(hub, name) / ".deeplake_nb" / "hnsw").exists()
    assert ask(hub.client()) == 5  # who may write leaves what the reader's query has made
    assert (folder(hub, name) / BESIDE).exists()
