"""Single rows of large chunks: they cost requests for those rows, and not the chunks."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import numpy as np
import pytest

from deeplake_nb.dataset.cache import ChunkCache
from deeplake_nb.errors import FormatError, KeyNotFoundError, LakeError, StorageError
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.wrappers import Wrapper
from deeplake_nb.urls import parse

from .stores import create, load, memory

ROWS, WIDTH = 4_000, 256
VECTORS = np.random.default_rng(0).random((ROWS, WIDTH), "float32")
TEXTS = [f"{number} " * (number % 40 + 20) for number in range(20_000)]


class Watched(Wrapper):
    """Remembers what was asked for; with a ``concurrency`` of its own, as one that waits for its answers."""

    concurrency = 8

    def __init__(self, inner):
        super().__init__(inner)
        self.reads = []

    def get(self, key, byte_range=None):
        data = super().get(key, byte_range)
        self.reads.append((key, byte_range is not None, len(data)))
        return data

    @property
    def nbytes(self):
        return sum(size for key, _, size in self.reads if "/chunks/" in key)

    def forget(self):
        self.reads.clear()


class Local(Watched):
    concurrency = 1


@pytest.fixture(scope="module")
def kept():
    store = memory()
    with create(store) as ds:
        ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000).extend(VECTORS)
        ds.create_tensor("text", htype="text", max_chunk_size=1_000_000).extend(TEXTS)
        ds.create_tensor("packed", dtype="float32", chunk_compression="lz4", max_chunk_size=1_000_000).extend(VECTORS)
    return store


@pytest.mark.parametrize(("kind", "most"), [(Watched, 1_000_000), (Local, 40_000)])  # of 4 MB; near ranges are joined
def test_rows_at_random_cost_their_own_bytes(kept, kind, most):
    store = kind(kept)
    rows = np.random.default_rng(1).integers(0, 3_000, 12).tolist()
    x = load(store).x
    assert np.array_equal(x[rows].numpy(), VECTORS[rows])
    assert store.nbytes < most
    texts = load(store).text
    store.forget()
    assert texts[rows].data()["value"] == [TEXTS[row] for row in rows]
    assert store.nbytes < 600_000  # headers of different lengths, in which each text has a line


@pytest.mark.parametrize("kind", [Watched, Local])
def test_one_row_after_another(kept, kind):
    store = kind(kept)
    x = load(store).x
    for row in (5, 2_999, 1_001):
        assert np.array_equal(x[row].numpy(), VECTORS[row])
    assert store.nbytes < 100_000
    assert load(store).text[7].numpy()[0] == TEXTS[7]


@pytest.mark.parametrize("kind", [Watched, Local])
def test_a_chunk_that_is_asked_for_again_and_again_is_read_once(kept, kind):
    store = kind(kept)
    x = load(store).x
    for row in range(400):
        assert np.array_equal(x[row].numpy(), VECTORS[row])
    assert len([key for key, is_part, _ in store.reads if "/chunks/" in key and not is_part]) == 1
    before = len(store.reads)
    x[0:400].numpy()
    assert len(store.reads) == before


def test_a_quarter_of_a_chunk_is_all_of_it(kept):
    store = Watched(kept)
    x = load(store).x
    x[list(range(0, 900, 2))].numpy()
    assert not any(is_part for key, is_part, _ in store.reads if "/chunks/" in key)


def test_packed_chunks_are_read_whole(kept):
    store = Watched(kept)
    assert np.array_equal(load(store).packed[3].numpy(), VECTORS[3])
    assert not any(is_part for key, is_part, _ in store.reads if "/chunks/" in key)


def test_a_batch_of_64_random_rows_takes_two_rounds(kept):
    store = Watched(kept)
    rows = np.random.default_rng(2).permutation(3_000)[:64].tolist()
    x = load(store).x
    len(x)
    store.forget()
    assert np.array_equal(x[rows].numpy(), VECTORS[rows])
    heads = [number for number, (_, is_part, size) in enumerate(store.reads) if is_part and size == 1024]
    rest = [number for number, (_, is_part, size) in enumerate(store.reads) if is_part and size != 1024]
    assert max(heads) < min(rest)  # all headers first, then all rows
    assert len(heads) <= 8  # of as many chunks


def test_headers_that_are_kept_are_bounded(kept):
    """Rows far apart of a long tensor: the headers seen longest ago are forgotten, and what is read stays right."""
    limit = 130_000  # two of these headers
    ds = load(Watched(kept))
    heads = (cache := ChunkCache(heads_limit=limit)).heads
    ds._state.chunks = cache
    for rows in ([5, 9_000], [12_000, 3_000, 7_000], [5, 12_001]):
        assert ds.text[rows].text() == [TEXTS[row] for row in rows]
        assert len(heads._values) == 2
        assert heads._nbytes == sum(nbytes for _, nbytes in heads._values.values()) <= limit
    assert [ds.text[row].text() for row in range(0, 20_000, 700)] == TEXTS[::700]
    assert heads._nbytes <= limit


@pytest.mark.parametrize("damage", ["gone", "short", "header"])
@pytest.mark.parametrize("kind", [Watched, Local])
def test_a_damaged_chunk_is_told_as_ever(kind, damage):
    inner = memory()
    with create(inner) as ds:
        ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000).extend(VECTORS)
    for entry in list(inner.list("x/chunks/")):
        data = bytes(inner.get(entry.key))
        changed = {"gone": None, "short": data[: len(data) // 2], "header": b"\xff" * 40 + data[40:]}[damage]
        if changed is None:
            inner.delete(entry.key)
        else:
            inner.put(entry.key, changed)
    x = load(kind(inner)).x
    with pytest.raises(LakeError) as told:
        x[900].numpy()
    assert "x/chunks/" in str(told.value)
    with pytest.raises((FormatError, LakeError)):
        load(kind(inner)).x[[900, 1900, 2900]].numpy()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="leases of files are Linux's")
def test_many_rows_of_a_file_are_copied_from_where_the_system_has_them(tmp_path):
    with create(LocalStorage(parse(str(tmp_path / "ds")))) as ds:
        ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000).extend(VECTORS)
        ds.create_tensor("packed", dtype="float32", chunk_compression="lz4", max_chunk_size=1_000_000).extend(VECTORS)
    store = Local(LocalStorage(parse(str(tmp_path / "ds"))))
    rows = [*np.random.default_rng(3).integers(0, 3_000, 150).tolist(), 0, 7, 7]
    x = load(store).x
    assert np.array_equal(x[rows].numpy(), VECTORS[rows])
    assert not store.nbytes
    assert not any(x._state.chunks.get(key) for key, *_ in store.reads)
    assert np.array_equal(load(store).packed[rows].numpy(), VECTORS[rows])
    few = rows[:9]  # of four chunks: less than a mapping costs
    store.forget()
    assert np.array_equal(load(store).x[few].numpy(), VECTORS[few])
    assert 0 < store.nbytes < 100_000


def test_many_rows_of_a_file_that_the_system_does_not_lend(tmp_path):
    with create(LocalStorage(parse(str(tmp_path / "ds")))) as ds:
        ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000).extend(VECTORS)
    rows = np.random.default_rng(4).integers(0, ROWS, 150).tolist()
    with ExitStack() as files:
        for path in (tmp_path / "ds/x/chunks").iterdir():
            files.enter_context(path.open("r+b"))  # open for writing: no lease
        assert np.array_equal(load(LocalStorage(parse(str(tmp_path / "ds")))).x[rows].numpy(), VECTORS[rows])


def test_rows_of_a_chunk_that_is_replaced_after_its_header_was_read(tmp_path):
    """As a writer does with the last one: what is read is of one version, or the rows are looked for again."""

    class Replacing(Wrapper):
        replaced = 0

        def get(self, key, byte_range=None):
            data = super().get(key, byte_range)
            if "/chunks/" in key and byte_range is not None and not self.replaced:
                self.replaced += 1
                self.put(key, other[key])
            return data

    def filled(path, vectors):
        store = LocalStorage(parse(str(path)))
        with create(store) as ds:
            ds.create_tensor("x", htype="embedding", dtype="float32").extend(VECTORS[:900])
            ds.x.extend(vectors)
        return store

    store, longer = filled(tmp_path / "one", []), filled(tmp_path / "two", VECTORS[:1, :9])
    (key,), (from_key,) = ([entry.key for entry in one.list("x/chunks/")] for one in (store, longer))
    other = {key: bytes(longer.get(from_key))}
    watched = Replacing(store)
    assert np.array_equal(load(watched).x[[3, 700, 20]].numpy(), VECTORS[[3, 700, 20]])
    assert watched.replaced
    assert np.array_equal(load(store).x[[3, 700, 20]].numpy(), VECTORS[[3, 700, 20]])


@pytest.mark.parametrize("kind", [Watched, Local])
def test_a_row_of_a_chunk_that_another_writer_has_replaced_is_told_of(kind):
    inner = memory()
    with create(inner) as ds:
        ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000).extend(VECTORS)
    changed, lost = (load(kind(inner)) for _ in range(2))
    for reader in (changed, lost):
        np.testing.assert_array_equal(reader.x[3].numpy(), VECTORS[3])
        assert reader._state.chunks.heads._values, "only the header of its chunk is kept"
    path = changed._state.chunk_key(changed._state.tensor("x"), int(changed._state.tensor("x").tables.ids.ids[0]))
    stored = bytes(inner.get(path))
    inner.delete(path)
    with pytest.raises(FormatError, match=f"{path} is missing, though the tensor's table names it"):
        lost.x[4].numpy()
    inner.put(path, stored)
    ds = load(inner)
    ds.x[5] = VECTORS[6]
    ds.close()
    with pytest.raises(KeyNotFoundError):
        inner.get(path)
    with pytest.raises(StorageError, match="another writer has changed tensor 'x' since it was loaded"):
        changed.x[4].numpy()
    np.testing.assert_array_equal(load(inner).x[5].numpy(), VECTORS[6])
