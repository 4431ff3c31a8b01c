"""Exact search of what lies on this machine: mapped or read, by either library's products, it finds the same."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deeplake_nb.dataset import blocks
from deeplake_nb.dataset.cache import Recent
from deeplake_nb.errors import FormatError, LakeError, StorageError
from deeplake_nb.storage import leases
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.wrappers import Counting, innermost
from deeplake_nb.vectorstore import products, scan
from deeplake_nb.vectorstore.metrics import METRICS
from deeplake_nb.vectorstore.nearest import Nearest
from deeplake_nb.vectorstore.store import VectorStore
from tests.vectorstore.test_nearest import brute, is_descending

WIDTH = 40
COUNT = 9000


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Vectors in several chunks, each of which is read anew."""
    monkeypatch.setattr(blocks, "_CACHED_NBYTES", 0)
    tensors = [{"name": "embedding", "htype": "embedding", "dtype": "float32", "max_chunk_size": 400_000}]
    VectorStore(tmp_path / "store", tensor_params=tensors, verbose=False).add(embedding=vectors())
    return VectorStore(tmp_path / "store", read_only=True, verbose=False)


def vectors():
    values = np.random.default_rng(3).standard_normal((COUNT, WIDTH), "float32")
    values[5000:5010] = values[17]
    values[6000] = np.nan
    return values


@pytest.fixture(params=["lent", "read"])
def way(request, monkeypatch):
    if request.param == "read":
        monkeypatch.setattr(LocalStorage, "lend", lambda *_: contextlib.nullcontext())
    return request.param


@pytest.fixture(params=["faiss", "numpy"])
def library(request, monkeypatch):
    monkeypatch.setattr(products, "_LIBRARY", {})
    if request.param == "faiss":
        pytest.importorskip("faiss")
        products.load()
        assert products._LIBRARY
    return request.param


@pytest.mark.parametrize("metric", METRICS)
def test_however_it_is_looked_at_it_finds_the_same(store, way, library, metric):
    query = vectors()[17]
    found = store.search(embedding=query, k=30, distance_metric=metric, exec_option="python", return_view=True)
    scores = brute(metric, vectors(), query)
    order = np.lexsort((np.arange(COUNT), -scores if is_descending(metric) else scores))
    rows = found.index.resolve(COUNT).tolist()
    assert rows == order[:30].tolist()
    assert rows[:11] == [17, *range(5000, 5010)] or metric == "dot"


def test_among_chosen_rows(store, way, library):
    ids = store.dataset.id.data(aslist=True)["value"]
    wanted = {"id": ids[100:8000:7]}
    query = vectors()[0]
    found = store.search(embedding=query, k=9, filter=wanted, exec_option="python")
    scores = brute("cos", vectors(), query)[100:8000:7]
    assert found["id"] == [wanted["id"][at] for at in np.argsort(-scores, kind="stable")[:9]]


def test_few_rows_are_read_by_themselves(store, way, library):
    state = store.dataset._state
    ids = store.dataset.id.data(aslist=True)["value"]
    state.storage = counting = Counting(state.storage)
    wanted = {"id": [ids[at] for at in (3, 17, 5003, 6000, 8999)]}
    found = store.search(embedding=vectors()[17], k=5, filter=wanted, exec_option="python", return_tensors=["id"])
    assert found["id"] == [ids[17], ids[5003], *found["id"][2:4], ids[6000]]  # which is NaN
    assert counting.nbytes["get"] < COUNT * WIDTH


@pytest.mark.parametrize("missing", [0, 4321])
def test_few_rows_some_of_which_have_no_sample(tmp_path, way, monkeypatch, missing):
    monkeypatch.setattr(blocks, "_CACHED_NBYTES", 0)
    tensors = [{"name": "embedding", "htype": "embedding", "dtype": "float32", "max_chunk_size": 400_000}]
    made = VectorStore(tmp_path / "gaps", tensor_params=tensors, verbose=False)
    given = list(vectors())
    given[missing] = None
    made.add(embedding=given, id=[str(at) for at in range(COUNT)])
    again = VectorStore(tmp_path / "gaps", read_only=True, verbose=False)
    wanted = {"id": ["17", "5003", str(missing)]}
    found = again.search(embedding=vectors()[17], k=3, filter=wanted, exec_option="python", return_tensors=["id"])
    assert found["id"] == ["17", "5003", str(missing)]
    assert np.isnan(found["score"]).tolist() == [False, False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_local_files_are_lent(store, monkeypatch):
    lent = []
    lend = LocalStorage.lend

    @contextlib.contextmanager
    def counted(self, key, most):
        with lend(self, key, most) as found:
            lent.append(0 if found is None else len(found.data))
            yield found

    monkeypatch.setattr(LocalStorage, "lend", counted)
    store.search(embedding=vectors()[0], exec_option="python")
    chunks = len(blocks.Blocks.of(store.dataset.embedding).spans())
    assert chunks > 3
    assert len(lent) >= chunks
    assert min(lent) > 0


def test_a_chunk_that_is_cut_off_is_an_error(store, way):
    storage = innermost(store.dataset._state.storage)
    sizes = {entry.key: entry.nbytes for entry in storage.list("embedding/chunks/")}
    largest = max(sizes, key=sizes.get)
    storage.put(largest, bytes(storage.get(largest))[:-1000])
    with pytest.raises(LakeError, match="embedding"):
        store.search(embedding=vectors()[0], exec_option="python")


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_chunk_that_goes_between_two_blocks_of_it_is_told_of(store, monkeypatch, is_lost):
    monkeypatch.setattr(LocalStorage, "lend", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(blocks, "BLOCK_NBYTES", 10_000)
    seen = blocks.Blocks.of(store.dataset.embedding)
    span = seen.spans()[0]
    reading = seen.read(span)
    assert next(reading).first == 0
    chunk = seen.state.chunk_key(seen.tensor, int(seen.tensor.tables.ids.ids[span.entry]))
    if is_lost:
        innermost(seen.state.storage).delete(chunk)
    else:
        ds = VectorStore(store.path, verbose=False).dataset
        ds.embedding[5] = vectors()[6]
        ds.close()
    expected = FormatError if is_lost else StorageError
    with pytest.raises(expected, match=f"{chunk} is missing" if is_lost else "another writer has changed tensor"):
        list(reading)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
@pytest.mark.parametrize("metric", ["cos", "dot"])
def test_lengths_are_known_the_second_time_and_never_of_other_vectors(store, library, metric, monkeypatch):
    monkeypatch.setattr(leases, "_SETTLED_NS", 0)
    monkeypatch.setattr(scan, "_LENGTHS", Recent(1 << 20))
    seen = []
    see = Nearest.see
    monkeypatch.setattr(Nearest, "see", lambda *given: seen.append(given[3] is not None) or see(*given))

    def check(values):
        seen.clear()
        query = values[17]
        found = store.search(embedding=query, k=30, distance_metric=metric, exec_option="python", return_view=True)
        order = np.lexsort((np.arange(COUNT), -brute(metric, values, query)))
        assert found.index.resolve(COUNT).tolist() == order[:30].tolist()
        return sum(seen), len(seen)

    known, blocks_seen = check(vectors())
    assert known == 0
    again = check(vectors())
    assert 4 < again[0] < again[1] == blocks_seen  # the last chunk has no stamp
    folder = innermost(store.dataset._state.storage).url.path + "/embedding/chunks"
    path = max(Path(folder).iterdir(), key=lambda file: file.stat().st_size)
    content = bytearray(path.read_bytes())
    longer = np.frombuffer(content, np.float32, offset=len(content) % 4)[-20 * WIDTH :] * np.float32(0.001)
    content[-20 * WIDTH * 4 :] = longer.tobytes()
    path.write_bytes(content)  # in place: shorter vectors, which point where they did
    changed = VectorStore(store.path, read_only=True, verbose=False).dataset.embedding.numpy()
    assert (changed != vectors()).any()
    assert check(changed)[0] < again[0]


REWRITES = """
import pathlib, sys, time
chunks = {path: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}
print("ready", flush=True)
while True:
    for path, content in chunks.items():
        path.write_bytes(content)  # in place, as the original library writes
    time.sleep(0.005)
"""


def test_somebody_who_rewrites_the_chunks_in_place_kills_no_search(store, tmp_path):
    folder = tmp_path / "store" / "embedding" / "chunks"
    writer = subprocess.Popen([sys.executable, "-c", REWRITES, folder], stdout=subprocess.PIPE)
    query, found = vectors()[17], 0
    try:
        writer.stdout.readline()
        for _ in range(60):
            with contextlib.suppress(LakeError):  # a chunk that is half written
                rows = store.search(embedding=query, k=11, exec_option="python", return_view=True).index.resolve(COUNT)
                found += rows.tolist() == [17, *range(5000, 5010)]
    finally:
        writer.kill()
        writer.communicate()
    assert found


def test_an_error_ends_it_before_the_rest_is_read(store, monkeypatch):
    started = []

    def failing(_, span):
        started.append(span)
        raise StorageError("the disk went away")

    monkeypatch.setattr(scan, "_LARGE_NBYTES", 0)
    monkeypatch.setattr(scan, "_cores", lambda: 2)
    monkeypatch.setattr(blocks.Blocks, "read", failing)
    with pytest.raises(StorageError):
        store.search(embedding=vectors()[0], exec_option="python")
    assert len(started) <= 3 < len(blocks.Blocks.of(store.dataset.embedding).spans())


def test_it_reads_each_vector_once(store):
    state = store.dataset._state
    counting = Counting(state.storage)
    state.storage = counting
    store.search(embedding=vectors()[0], exec_option="python", return_tensors=["embedding"], k=1)
    assert counting.nbytes["get"] < 1.3 * COUNT * WIDTH * 4
