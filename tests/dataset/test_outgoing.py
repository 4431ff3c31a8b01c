"""Full chunks that are written while more samples come."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from deeplake_nb.dataset import outgoing as module
from deeplake_nb.dataset.outgoing import Outgoing
from deeplake_nb.errors import SampleError, StorageError
from deeplake_nb.storage.wrappers import Wrapper
from tests.eventually import eventually

from .stores import create, load, memory

LARGE = bytes(1 << 20)
VECTORS = np.random.default_rng(0).random((12_000, 256), "float32")  # 12 MB


class Slow(Wrapper):
    """A storage that is waited for; puts of chunks wait until four are under way or they are let go, and some fail."""

    concurrency = 4

    def __init__(self, inner):
        super().__init__(inner)
        self.go, self.fails = threading.Event(), lambda number: False
        self.now = self.most = self.begun = 0
        self.lock = threading.Lock()

    def put(self, key, data, *, if_absent=False):
        if "chunks/" not in key:
            super().put(key, data, if_absent=if_absent)
            return
        with self.lock:
            self.begun += 1
            self.now += 1
            self.most = max(self.most, self.now)
            number = self.begun
            if self.now == self.concurrency:
                self.go.set()
        try:
            self.go.wait(20)
            if self.fails(number):
                raise StorageError("the storage is full")
            super().put(key, data, if_absent=if_absent)
        finally:
            with self.lock:
                self.now -= 1


def keys(storage):
    return sorted(entry.key for entry in storage.list() if "chunks/" in entry.key)


def test_objects_go_side_by_side_and_are_there_after_waiting():
    storage = Slow(memory())
    out = Outgoing(storage)
    for number in range(6):
        out.put(f"chunks/{number}", [LARGE, b"end"], len(LARGE) + 3)
    out.wait()
    assert storage.most == 4
    assert keys(storage) == [f"chunks/{number}" for number in range(6)]
    assert storage.inner.size("chunks/5") == len(LARGE) + 3


def test_what_is_under_way_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST_NBYTES", 3 * len(LARGE))
    storage = Slow(memory())
    out, put = Outgoing(storage), []
    thread = threading.Thread(
        target=lambda: [put.append(out.put(f"chunks/{number}", [LARGE], len(LARGE))) for number in range(9)]
    )
    thread.start()
    eventually(lambda: len(put) == 3)
    time.sleep(0.3)
    assert len(put) == 3, "the fourth waits for room"
    storage.go.set()
    thread.join(60)
    out.wait()
    assert storage.most == 3
    assert len(keys(storage)) == 9
    huge = 10 * len(LARGE)
    out.put("chunks/huge", [LARGE] * 10, huge)  # alone
    out.wait()
    assert storage.inner.size("chunks/huge") == huge


def test_the_first_error_is_raised_and_nothing_is_under_way_after_stopping():
    storage = Slow(memory())
    storage.fails = lambda number: number >= 2
    out = Outgoing(storage)
    for number in range(9):
        out.put(f"chunks/{number}", [LARGE], len(LARGE))
    storage.go.set()
    with pytest.raises(StorageError, match="full"):
        out.wait()
    out.drop([f"chunks/{number}" for number in range(9)])
    assert storage.now == 0
    assert 2 < storage.begun <= 18
    assert len(keys(storage)) == 1
    storage.fails = lambda number: False
    out.put("chunks/again", [LARGE], len(LARGE))
    out.wait()
    assert "chunks/again" in keys(storage)


def test_what_could_not_be_written_is_kept_and_tried_again():
    storage = Slow(memory())
    storage.go.set()
    storage.fails = lambda number: number == 1
    out = Outgoing(storage)
    for number in range(4):
        out.put(f"chunks/{number}", [LARGE], len(LARGE))
    out.wait()  # twice is enough
    assert storage.begun == 5
    storage.fails = lambda number: number in {6, 7}
    out.put("chunks/4", [LARGE], len(LARGE))
    with pytest.raises(StorageError, match="full"):
        out.wait()
    out.wait()
    assert storage.begun == 8
    assert keys(storage) == [f"chunks/{number}" for number in range(5)]


def test_what_could_not_be_written_is_not_piled_up(monkeypatch):
    monkeypatch.setattr(module, "_MOST_NBYTES", 3 * len(LARGE))
    storage = Slow(memory())
    storage.go.set()
    storage.fails = lambda number: True
    out = Outgoing(storage)
    for number in range(3):
        out.put(f"chunks/{number}", [LARGE], len(LARGE))
    for number in range(5):
        with pytest.raises(StorageError, match="full"):
            out.put(f"chunks/more{number}", [LARGE], len(LARGE))
    storage.fails = lambda number: False
    out.wait()
    assert keys(storage) == [f"chunks/{number}" for number in range(3)]


def test_small_objects_of_a_disk_are_written_at_once():
    storage = memory()
    out = Outgoing(storage)
    out.put("chunks/small", [b"x"], 1)
    assert keys(storage) == ["chunks/small"]
    assert out._pool is None, "no threads for it"


def test_an_extend_writes_its_chunks_side_by_side():
    storage = Slow(memory())
    with create(storage) as ds:
        ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000)
        ds.x.extend(VECTORS)
    assert storage.most == 4
    assert np.array_equal(load(storage).x.numpy(), VECTORS)


@pytest.mark.parametrize("concurrency", [1, 4], ids=["a disk", "a cloud"])
def test_values_may_be_changed_after_an_extend(concurrency):
    storage, given = Slow(memory()), VECTORS.copy()
    storage.concurrency = concurrency
    with create(storage) as ds:
        ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000)
        ds.x.extend(given)
        given[:] = 0
    assert np.array_equal(load(storage).x.numpy(), VECTORS)


@pytest.mark.parametrize("given", [bytes, bytearray])
def test_nobody_waits_for_what_cannot_be_changed(given):
    """On a disk, where nothing is copied before it is written."""
    storage = Slow(memory())  # puts wait for others here
    out = Outgoing(type("Disk", (Wrapper,), {"concurrency": 1})(storage))
    out.put("chunks/one", [memoryview(given(LARGE)), b"end"], len(LARGE))
    threading.Timer(0.3, storage.go.set).start()
    out.let_go()
    assert storage.go.is_set() == (given is bytearray)
    out.wait()
    assert keys(storage) == ["chunks/one"]


def test_a_dataset_that_has_got_another_name_waits_for_its_chunks_there():
    old = Slow(memory())
    old.go.set()
    new = Slow(old.inner)
    with create(old) as ds:
        x = ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000)
        x.extend(VECTORS[:3000])
    begun = old.begun
    ds._move(new)
    x = ds.x
    with ds:
        x.extend(VECTORS[3000:])
        threading.Timer(0.3, new.go.set).start()
    assert (old.begun, new.now) == (begun, 0)
    assert new.begun > 5
    assert np.array_equal(load(old).x.numpy(), VECTORS)


@pytest.mark.parametrize("which", [1, 3, 10])
@pytest.mark.parametrize("concurrency", [1, 4], ids=["a disk", "a cloud"])
def test_a_chunk_that_cannot_be_written_leaves_nothing_of_its_extend(which, concurrency):
    storage = Slow(memory())
    storage.concurrency = concurrency
    storage.go.set()
    ds = create(storage)
    x = ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_100_000)  # on a thread of its own
    x.extend(VECTORS[:100])
    before, begun = keys(storage), storage.begun
    storage.fails = lambda number: number >= begun + which
    with pytest.raises(StorageError, match="full"):
        x.extend(VECTORS)
    assert len(x) == 100
    assert keys(storage) == before
    storage.fails = lambda number: False
    x.extend(VECTORS[100:])
    ds.close()
    assert np.array_equal(load(storage).x.numpy(), VECTORS)


def test_a_chunk_that_cannot_be_written_within_a_block_is_written_by_the_next_flush():
    """Its extend has ended by then, so its rows stay; others hear of nothing before all of it is there."""
    storage = Slow(memory())
    storage.go.set()
    ds = create(storage)
    x = ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000)
    given = VECTORS[:3000].copy()
    with ds:
        storage.fails = lambda number: True
        x.extend(given)
        given[:] = 0
        for _ in range(2):
            with pytest.raises(StorageError, match="full"):
                ds.flush()
            assert len(load(storage, read_only=True).x) == 0
            assert len(ds._state.tensors["x"].snapshot().tables.ids) == 3000
        storage.fails = lambda number: False
        x.extend(VECTORS[3000:])
    assert np.array_equal(load(storage).x.numpy(), VECTORS)


def test_an_extend_that_fails_within_a_block_leaves_the_chunks_of_others():
    storage = Slow(memory())
    storage.go.set()
    with create(storage) as ds:
        x = ds.create_tensor("x", htype="embedding", dtype="float32", max_chunk_size=1_000_000)
        x.extend(VECTORS)
        with pytest.raises(SampleError):
            x.extend([*VECTORS, "no vector"])
    assert np.array_equal(load(storage).x.numpy(), VECTORS)
    assert len(keys(storage)) == sum(
        len(load(storage)._state.tables(one).ids.ids) for one in ds._state.tensors.values()
    )


def test_tiles_are_written_side_by_side():
    storage = Slow(memory())
    picture = np.random.default_rng(1).integers(0, 255, (3000, 3000, 3), "uint8")
    with create(storage) as ds:
        ds.create_tensor("x", dtype="uint8", max_chunk_size=4_000_000, tiling_threshold=4_000_000)
        ds.x.append(picture)
    assert storage.most == 4
    assert np.array_equal(load(storage).x[0].numpy(), picture)
