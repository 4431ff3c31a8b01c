"""Exact search with sketches: the same answers to the last bit, while files change or room is short."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faiss")

from deeplake_nb.dataset import blocks
from deeplake_nb.dataset.blocks import Blocks
from deeplake_nb.errors import DynamicShapeError
from deeplake_nb.storage import leases
from deeplake_nb.storage.wrappers import innermost
from deeplake_nb.vectorstore import products, scan, sketches
from deeplake_nb.vectorstore.metrics import METRICS
from deeplake_nb.vectorstore.nearest import Nearest
from deeplake_nb.vectorstore.sketches import Sketches
from deeplake_nb.vectorstore.store import VectorStore
from tests.vectorstore.vectors import kinds, queries

pytestmark = pytest.mark.skipif(not hasattr(__import__("fcntl"), "F_SETLEASE"), reason="leases are Linux's")

WIDTH, COUNT, K = 40, 6000, 10
LARGE = 10**9


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """Sketches of any tensor, all of them after the second search."""
    monkeypatch.setattr(blocks, "_CACHED_NBYTES", 0)
    monkeypatch.setattr(leases, "_SETTLED_NS", 0)
    monkeypatch.setattr(scan, "_LARGE_NBYTES", 0)
    monkeypatch.setattr(sketches, "_AT_ONCE_NBYTES", LARGE)
    return fresh(monkeypatch)


def fresh(monkeypatch, limit=LARGE):
    made = Sketches(limit)
    monkeypatch.setattr(scan, "SKETCHES", made)
    return made


@pytest.fixture
def seen(monkeypatch):
    """How many vectors each search looked at."""
    counts = []
    see = Nearest.see

    def counting(self, rows, *given):
        counts.append(len(rows))
        return see(self, rows, *given)

    monkeypatch.setattr(Nearest, "see", counting)

    def so_far():
        total = sum(counts)
        counts.clear()
        return total

    return so_far


def stored(path, values, name="store"):
    tensors = [{"name": "embedding", "htype": "embedding", "dtype": "float32", "max_chunk_size": 200_000}]
    VectorStore(path / name, tensor_params=tensors, verbose=False).add(embedding=values)
    return VectorStore(path / name, read_only=True, verbose=False)


def search(store, query, metric="cos", k=K, rows=None):
    found = scan.scan(Blocks.of(store.dataset.embedding), METRICS[metric], query, k, rows)
    return found.rows.tolist(), found.scores().tobytes()


def clustered():
    """As embeddings lie."""
    rng = np.random.default_rng(2)
    centres = 3 * rng.standard_normal((200, WIDTH), "float32")
    return centres[rng.integers(0, 200, COUNT)] + rng.standard_normal((COUNT, WIDTH), "float32")


def chunks(store):
    folder = Path(innermost(store.dataset._state.storage).url.path, "embedding", "chunks")
    return sorted(folder.iterdir(), key=lambda file: (-file.stat().st_size, file.name))


@pytest.mark.parametrize("kind", kinds(5, 2))
def test_it_finds_the_same(tmp_path, kind, kept, monkeypatch):
    values = kinds(COUNT, WIDTH)[kind]
    store = stored(tmp_path, values)
    metrics = ("l2", "cos", "dot", "l1")
    asked = [(query, metric, k) for query in queries(values) for metric in metrics for k in (1, K, 300)]
    some = np.sort(np.random.default_rng(5).choice(COUNT, COUNT // 2, replace=False))
    with monkeypatch.context() as without:
        without.setattr(products, "load", lambda: None)
        wanted = [search(store, *one) for one in asked], [search(store, *one, some) for one in asked]
    search(store, values[0])
    search(store, values[0])
    assert len(kept.of(Blocks.of(store.dataset.embedding))) == len(Blocks.of(store.dataset.embedding).spans()) - 1
    assert [search(store, *one) for one in asked] == wanted[0]
    fresh(monkeypatch)  # all may have been given up on the way
    search(store, values[0])
    search(store, values[0])
    assert [search(store, *one, some) for one in asked] == wanted[1]


def test_from_the_third_search_on_few_are_looked_at(tmp_path, seen):
    values = clustered()
    store = stored(tmp_path, values)
    query = values[17]
    taken = []
    for _ in range(4):
        search(store, query)
        taken.append(seen())
    assert taken[:2] == [COUNT, COUNT]
    assert K < taken[2] < COUNT / 3
    assert taken[3] == taken[2]


def test_it_makes_a_few_after_each_search(tmp_path, kept, monkeypatch):
    monkeypatch.setattr(sketches, "_AT_ONCE_NBYTES", 1)
    values = clustered()
    store = stored(tmp_path, values)
    found, counts = [], []
    for _ in range(12):
        found.append(search(store, values[17]))
        counts.append(len(kept.of(Blocks.of(store.dataset.embedding))))
    assert counts == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9]  # the last chunk may be written to, and has none
    assert found == found[:1] * 12


def test_a_file_that_changed_is_looked_at(tmp_path, kept):
    values = clustered()
    store = stored(tmp_path, values)
    for _ in range(3):
        search(store, values[17])
    path = chunks(store)[0]
    content = bytearray(path.read_bytes())
    content[-WIDTH * 4 :] = values[17].tobytes()
    path.write_bytes(content)  # in place, as the original writes
    again = VectorStore(store.path, read_only=True, verbose=False)
    now = VectorStore(store.path, read_only=True, verbose=False).dataset.embedding.numpy()
    assert (now != values).any(axis=1).sum() == 1
    (new,) = np.flatnonzero((now != values).any(axis=1))
    before = len(kept.of(Blocks.of(again.dataset.embedding)))
    for _ in range(3):
        assert search(again, values[17], k=2)[0] == sorted([17, int(new)])
    assert len(kept.of(Blocks.of(again.dataset.embedding))) == before + 1


def test_a_file_that_changes_meanwhile_is_looked_at(tmp_path, monkeypatch):
    values = clustered()
    store = stored(tmp_path, values)
    for _ in range(3):
        search(store, values[17])
    narrowed = scan.left

    def changing(*given):
        found = narrowed(*given)
        path = chunks(store)[0]
        content = bytearray(path.read_bytes())
        content[-WIDTH * 4 :] = (2 * values[17]).tobytes()
        path.write_bytes(content)
        return found

    monkeypatch.setattr(scan, "left", changing)
    rows, _ = search(store, values[17], k=2)
    assert set(rows) != {17}
    assert np.array_equal(store.dataset.embedding[max(rows, key=lambda row: row != 17)].numpy(), 2 * values[17])


def test_a_vector_of_another_length_is_told_as_ever(tmp_path):
    store = stored(tmp_path, clustered())
    for _ in range(3):
        search(store, clustered()[17])
    writer = VectorStore(store.path, verbose=False)
    writer.dataset.embedding.append(np.ones(WIDTH + 1, "float32"))
    writer.dataset.flush()
    again = VectorStore(store.path, read_only=True, verbose=False)
    with pytest.raises(DynamicShapeError):
        search(again, np.ones(WIDTH + 1, "float32"))


def test_rows_that_were_added(tmp_path):
    values = clustered()
    store = stored(tmp_path, values)
    for _ in range(3):
        search(store, values[17])
    VectorStore(store.path, verbose=False).add(embedding=values[:2000])
    again = VectorStore(store.path, read_only=True, verbose=False)
    for _ in range(4):
        assert search(again, values[17], k=2)[0] == [17, COUNT + 17]


def test_they_never_take_more_than_there_is(tmp_path, kept, monkeypatch):
    values = clustered()
    one, other = stored(tmp_path, values, "one"), stored(tmp_path, values[::-1], "other")
    kept = fresh(monkeypatch, 180_000)
    monkeypatch.setattr(sketches, "_REST", 5)
    for _ in range(3):
        search(one, values[17])
    of_one = len(kept.of(Blocks.of(one.dataset.embedding)))
    assert of_one == 3
    assert kept.room > 0
    for _ in range(3):  # the other's are not worth these, which were just used
        search(other, values[17])
        search(one, values[17])
    assert not kept.of(Blocks.of(other.dataset.embedding))
    for _ in range(12):
        assert search(other, values[17], k=1)[0] == [COUNT - 1 - 17]
        assert kept.room >= 0
    assert len(kept.of(Blocks.of(other.dataset.embedding))) == 3
    assert not kept.of(Blocks.of(one.dataset.embedding))


def test_what_gains_nothing_is_given_up_for_a_while(tmp_path, kept, seen, monkeypatch):
    monkeypatch.setattr(sketches, "_REST", 7)
    values = kinds(COUNT, WIDTH)["plain"]  # of 40 numbers and without any order: all are about as near
    store = stored(tmp_path, values)
    query = np.random.default_rng(9).standard_normal(WIDTH, "float32")
    known = []
    for _ in range(16):
        search(store, query, k=300)
        known.append(len(kept.of(Blocks.of(store.dataset.embedding))))
    assert known[:6] == [0, 9, 9, 9, 0, 0]
    assert known[-1] in {0, 9}
    assert 9 in known[6:]
    assert min(seen() for _ in range(1)) >= 16 * COUNT / 2


def test_few_rows_are_read_without_them(tmp_path, seen, monkeypatch):
    values = clustered()
    store = stored(tmp_path, values)
    for _ in range(3):
        search(store, values[17])
    seen()
    monkeypatch.setattr(scan, "left", None)
    monkeypatch.setattr(scan, "_LARGE_NBYTES", COUNT * WIDTH)
    rows = np.arange(5, COUNT, 100)
    assert search(store, values[105], k=1, rows=rows)[0] == [105]
    assert seen() == len(rows)


def test_searches_at_once(tmp_path):
    values = clustered()
    store = stored(tmp_path, values)
    wanted = {metric: search(store, values[17], metric) for metric in METRICS}
    wrong = []

    def work():
        for _ in range(6):
            wrong.extend(metric for metric in METRICS if search(store, values[17], metric) != wanted[metric])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
