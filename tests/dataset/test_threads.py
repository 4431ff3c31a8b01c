"""Reading while another thread writes: rows are there whole or not at all, and nobody waits for a long append."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deeplake_nb.storage.wrappers import Wrapper

from .stores import create, load, memory


class Slow(Wrapper):
    """A storage whose requests take a moment, so that threads meet."""

    def get(self, key, byte_range=None):
        time.sleep(0.0005)
        return super().get(key, byte_range)

    def put(self, key, data, *, if_absent=False):
        time.sleep(0.0005)
        super().put(key, data, if_absent=if_absent)


@pytest.fixture
def ds():
    ds = create(Slow(memory()))
    with ds:
        ds.create_tensor("x", dtype="int64", max_chunk_size=2000)
        ds.create_tensor("varied", dtype="int32", max_chunk_size=2000)
        ds.create_tensor("text", htype="text", max_chunk_size=2000)
        ds.create_tensor("seq", htype="sequence[generic]", dtype="int16", max_chunk_size=2000)
    ds.extend(batch(0, 10))
    return ds


def batch(start, stop):
    rows = range(start, stop)
    return {
        "x": [np.arange(at, at + 5) for at in rows],
        "varied": [np.full(at % 7, at, "int32") for at in rows],
        "text": [f"row {at}" for at in rows],
        "seq": [[np.full(2, at, "int16")] * (at % 3) for at in rows],
    }


def read_all(ds):
    """Read every tensor in several ways; each answer must be right for as many rows as it has."""
    x = ds.x.numpy()
    assert np.array_equal(x, np.arange(len(x))[:, None] + np.arange(5))
    varied = ds.varied.numpy(aslist=True)
    assert all(np.array_equal(one, np.full(at % 7, at)) for at, one in enumerate(varied))
    text = ds.text.text()
    assert text == [f"row {at}" for at in range(len(text))]
    seq = ds.seq.numpy(aslist=True)
    assert [len(row) for row in seq] == [at % 3 for at in range(len(seq))]
    assert all((item == at).all() for at, row in enumerate(seq) for item in row)
    assert ds.x[5].numpy().tolist() == [5, 6, 7, 8, 9]
    assert ds.text[3].text() == "row 3"
    return min(len(x), len(varied), len(text), len(seq))


def test_readers_see_whole_rows_while_a_writer_appends(ds):
    done, seen = threading.Event(), []

    def read():
        counts = []
        while not done.is_set():
            counts.append(read_all(ds))
        return counts

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for start in range(10, 200, 10):
                ds.extend(batch(start, start + 10))
            with ds:
                for at in range(200, 260):
                    ds.append({name: values[0] for name, values in batch(at, at + 1).items()})
        finally:
            done.set()
        seen = [reader.result() for reader in readers]
    assert all(counts == sorted(counts) for counts in seen), "rows that were seen do not go away"
    assert read_all(ds) == read_all(load(ds._state.storage)) == 260


def test_a_reader_in_another_thread_does_not_wait_for_a_long_append(ds):
    started, go_on = threading.Event(), threading.Event()

    def values():
        yield from batch(10, 600)["x"]
        started.set()
        assert go_on.wait(30)
        yield from batch(600, 610)["x"]

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: ds.x.extend(values()))
        assert started.wait(30)
        assert len(ds.x.numpy()) == 10
        assert ds.x[9].numpy()[0] == 9
        assert ds.text.text()[:2] == ["row 0", "row 1"]
        go_on.set()
        writing.result()
    assert len(ds.x.numpy()) == 610


def test_a_thread_sees_its_own_rows_at_once(ds):
    def write_and_read(name):
        for _ in range(20):
            before = len(tensors[name])
            tensors[name].append(before)
            assert int(tensors[name][before].numpy()[0]) == before

    tensors = {name: ds.create_tensor(name, dtype="int64") for name in ("a", "b", "c")}
    with ThreadPoolExecutor(3) as pool:
        for one in [pool.submit(write_and_read, name) for name in tensors]:
            one.result()
    again = load(ds._state.storage)
    assert all(again[name].numpy().ravel().tolist() == list(range(20)) for name in tensors)


def test_appends_of_several_threads_are_all_kept(ds):
    def write(name):
        for at in range(30):
            ds.append({**{key: values[0] for key, values in batch(at, at + 1).items()}, "text": f"{name} {at}"})

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(write, name) for name in "abcd"]:
            one.result()
    found = load(ds._state.storage).text.text()[10:]
    assert sorted(found) == sorted(f"{name} {at}" for name in "abcd" for at in range(30))


def test_a_chunk_read_just_before_it_is_rewritten_is_not_kept(ds):
    """The bytes of a chunk arrive after a flush has replaced it: they must not stand for the new ones."""
    late = ds._state
    (path,) = {late.chunk_key(ds.x._tensor, int(one)) for one in late.tables(ds.x._tensor).ids.ids}
    ds.x.numpy()
    old = late.chunks.get(path) or late.load_chunks(ds.x._tensor, [0])[0]
    ds.x.extend(batch(10, 15)["x"])
    late.chunks.put(path, old)
    assert len(old.chunk) == 10
    assert ds.x[14].numpy()[0] == 14
    late.chunks.put(path, old)
    assert ds.x[[12, 3]].numpy()[:, 0].tolist() == [12, 3]
    late.chunks.put(path, old)
    assert len(ds.x.numpy()) == 15


def test_a_chunk_that_changes_between_two_requests_gives_no_other_bytes():
    """A bulk read asks for the head of a chunk, then for its samples: a writer may get in between."""

    class Between(Wrapper):
        act = None

        def get(self, key, byte_range=None):
            found = super().get(key, byte_range)
            if self.act is not None and byte_range is not None and "/chunks/" in key:
                act, self.act = self.act, None
                act()
            return found

    storage = Between(memory())
    ds = create(storage)
    array = np.arange(700_000, dtype="int64").reshape(7000, 100)
    ds.create_tensor("x", dtype="int64").extend(array)
    ds.close()
    for rows in (slice(0, 7000), slice(100, 6900)):
        reader, writer = load(storage, read_only=True), load(storage)
        storage.act = lambda writer=writer: writer.x.append(np.zeros(7, "int64"))
        assert np.array_equal(reader.x[:7000][rows].numpy(), array[rows])
        storage.act = None
