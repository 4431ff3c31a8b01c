"""How many times a far storage is waited for, reading and writing: counted by the provider, and on the wire of S3."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, partialmethod

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import StorageError
from deeplake_nb.session import default
from deeplake_nb.storage.parallel import get_many, in_parallel
from deeplake_nb.storage.ranges import ByteRange
from deeplake_nb.storage.wrappers import Wrapper
from tests.eventually import collected
from tests.fakes import moto
from tests.fakes.proxy import fault_proxy

from .stores import create, load, memory

ROWS = 2000


_here = threading.local()  # each thread's clock: how many requests, one after the other, led to where it is


def now():
    return getattr(_here, "clock", 0)


class Depth(Wrapper):
    """How many requests had to wait for one another: each is one deeper than what was known when it was asked for."""

    concurrency = 256

    def __init__(self, inner):
        super().__init__(inner)
        self._lock = threading.Lock()
        self.reset()

    def reset(self):
        self.depth = self.count = _here.clock = 0

    def get(self, key, byte_range=None):
        return self._asked(lambda: super(Depth, self).get(key, byte_range))

    def get_into(self, key, buffer, start=0):
        return self._asked(lambda: super(Depth, self).get_into(key, buffer, start))

    def put(self, key, data, *, if_absent=False):
        self._asked(lambda: super(Depth, self).put(key, data, if_absent=if_absent))

    def delete(self, key):
        self._asked(lambda: super(Depth, self).delete(key))

    def list(self, prefix="", *, delimiter=""):
        return self._asked(lambda: super(Depth, self).list(prefix, delimiter=delimiter))

    def _asked(self, request):
        _here.clock = now() + 1
        with self._lock:
            self.count += 1
            self.depth = max(self.depth, _here.clock)
        return request()


@pytest.fixture(autouse=True)
def clocks(monkeypatch):
    """Clocks go along with what is handed to a thread, and with its answer: what counts is what waited for what.

    When a thread began, and how fast it was, changes nothing.
    """
    submit, waits = ThreadPoolExecutor.submit, {"result": Future.result, "exception": Future.exception}

    def submitted(pool, work, /, *args, **options):
        clock = [now()]

        def run():
            _here.clock = clock[0]
            try:
                return work(*args, **options)
            finally:
                clock[0] = now()

        future = submit(pool, run)
        future.clock = clock
        return future

    def received(wait, future, timeout=None):
        try:
            return wait(future, timeout)
        finally:
            _here.clock = max(now(), *getattr(future, "clock", ()))

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submitted)
    for name, wait in waits.items():
        monkeypatch.setattr(Future, name, partialmethod(partial(received, wait)))


def test_what_waits_for_an_answer_is_deeper_and_what_runs_beside_it_is_not():
    store = Depth(memory())
    store.put("a", b"data")
    store.reset()
    for _ in range(3):
        store.get("a")
    assert (store.depth, store.count) == (3, 3)
    store.reset()
    for _ in range(2):
        assert [bytes(one) for one in get_many(store, [("a", ByteRange(at, at + 1)) for at in (0, 3)] * 40)]
    assert store.depth == 2
    for _ in in_parallel(lambda _: list(get_many(store, [("a", None)] * 2)), range(3), 3):
        pass
    assert store.depth == 3


@pytest.fixture(scope="module")
def storages():
    """The same rows in a dataset without history, and in one of many commits."""
    out = {}
    for name, commits in (("plain", 1), ("history", 12)):
        ds = deeplake.empty(f"mem://round-trips-{name}", overwrite=True)
        with ds:
            ds.create_tensor("x", dtype="float32", max_chunk_size=64_000)
            ds.create_tensor("varied", dtype="uint8", max_chunk_size=16_000)
            ds.create_tensor("text", htype="text", max_chunk_size=8_000)
            ds.create_tensor("image", htype="image", sample_compression="png", max_chunk_size=64_000)
            ds.create_tensor("seq", htype="sequence[generic]", dtype="int32")
            for at in range(30):
                ds.create_tensor(f"more/t{at}")
        for part in np.array_split(np.arange(ROWS), commits):
            with ds:
                ds.x.extend(np.repeat(part[:, None], 32, 1).astype("float32"))
                ds.varied.extend([np.full((at % 7 + 1, 9), at % 250, "uint8") for at in part.tolist()])
                ds.text.extend([f"row {at}" for at in part.tolist()])
                ds.seq.extend([[[at]] * (at % 3) for at in part.tolist()])
                pixels = [np.full((4 + at % 5, 6, 3), at % 250, "uint8") for at in part.tolist()]
                ds.image.extend(pixels)
            if commits > 1:
                ds.commit()
        ds.close()
        out[name] = ds._state.storage
    return out


@pytest.fixture(params=["plain", "history"])
def store(request, storages):
    return Depth(storages[request.param])


def test_opening_takes_four_round_trips_at_most_however_many_tensors(store):
    ds = load(store, read_only=True)
    assert len(ds.tensors) == 35
    assert store.depth <= 4
    assert store.count <= 3 + 2 + 2 * len(ds._state.tensors)


@pytest.fixture(scope="module")
def worst(tmp_path_factory):
    """A branch of many tensors of all lengths, sequences and links among them, with a view saved there."""
    file = tmp_path_factory.mktemp("linked") / "picture.png"
    Image.fromarray(np.zeros((4, 4, 3), "uint8")).save(file)
    ds = deeplake.empty("mem://round-trips-worst", overwrite=True)
    ds.create_tensor("first").append(1)
    ds.commit()
    ds.checkout("branch", create=True)
    ds.add_creds_key("key")
    ds.populate_creds("key", from_environment=True)
    with ds:
        ds.create_tensor("linked", htype="link[image]", sample_compression="png")
        ds.create_tensor("bare", htype="sequence[text]", create_id_tensor=False, create_shape_tensor=False)
        for at in range(40):
            ds.create_tensor(f"group/t{at}", htype="generic" if at % 3 else "sequence[generic]")
        ds.linked.append(deeplake.link(str(file), creds_key="key"))
        ds.bare.extend([["a"], []])
        for at in range(40):
            ds[f"group/t{at}"].extend([[1]] * at)
    ds.commit()
    ds.save_view(message="a view")
    ds["group/t39"].append([])
    ds.close()
    return ds._state.storage


@pytest.mark.parametrize("is_unfinished", [False, True], ids=["whole", "a writer died"])
def test_opening_takes_four_round_trips_however_bad_it_is(worst, is_unfinished):
    store = memory()
    store._objects.update(worst._objects)
    if is_unfinished:
        ds = load(Announced(store), address="branch")
        with pytest.raises(StorageError):
            add_rows(ds)
        del ds
        collected()
    depth = Depth(store)
    ds = load(depth, address="branch", read_only=True)
    assert depth.depth == 4
    assert len(ds.tensors) == 43
    assert len(ds["group/t39"]) == 40 + is_unfinished
    assert len(ds.bare) == 2 + is_unfinished
    assert depth.count <= 3 + 2 + 2 * len(ds._state.tensors) + 40 * is_unfinished


def add_rows(ds):
    with ds:
        for tensor in ds.tensors.values():
            if tensor.name != "linked":
                tensor.append(None)


class Announced(Wrapper):
    """Ends when a journal is written, and nothing of what it announces."""

    is_over = False

    def put(self, key, data, *, if_absent=False):
        self._live()
        super().put(key, data, if_absent=if_absent)
        self.is_over = key.endswith("dataset_journal")

    def delete(self, key):
        self._live()
        super().delete(key)

    def _live(self):
        if self.is_over:
            raise StorageError("the storage is gone")


@pytest.mark.parametrize("name", ["x", "varied", "text", "image", "seq"])
def test_64_random_rows_take_three_round_trips_at_most(store, name):
    rows = np.random.default_rng(0).choice(ROWS, 64, replace=False).tolist()
    ds = load(store, read_only=True)
    store.reset()
    found = ds[name][rows].numpy(aslist=True)
    if name == "x":
        assert [int(one[0]) for one in found] == rows
    assert store.depth <= 3
    again = store.count
    ds[name][rows].numpy(aslist=True)
    assert store.count <= 2 * again, "what was read is not forgotten"


def test_shapes_of_many_samples_take_three_round_trips(store):
    ds = load(store, read_only=True)
    store.reset()
    assert ds.image.shapes().shape == (ROWS, 3)
    assert store.depth <= 3


def test_on_the_wire_there_are_as_many_requests_as_are_counted():
    with moto.moto_server() as endpoint, fault_proxy(endpoint) as front:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        creds = {**moto.ADMIN, "endpoint_url": front.endpoint}
        ds = deeplake.empty("s3://bucket/ds", creds=creds)
        with ds:
            ds.create_tensor("x", dtype="int64", max_chunk_size=1000)
            ds.create_tensor("y", htype="text")
            ds.extend({"x": np.arange(500), "y": ["text"] * 500})
        ds.commit("one")
        ds.close()
        counted = Depth(default().storage("s3://bucket/ds", creds))
        before = len(front.seen)
        ds = load(counted, read_only=True)
        assert counted.depth <= 4
        assert len(front.seen) - before == counted.count
        counted.reset()
        before = len(front.seen)
        rows = np.random.default_rng(0).choice(500, 64, replace=False).tolist()
        assert ds.x[rows].numpy().reshape(-1).tolist() == rows
        assert counted.depth <= 3
        assert len(front.seen) - before == counted.count


# ------------------------------------------------------------------ writing

FIVE = {
    "image": {"htype": "image", "sample_compression": "png"},
    "x": {"dtype": "int64"},
    "text": {"htype": "text"},
    "box": {"htype": "bbox"},
    "seq": {"htype": "sequence[generic]", "dtype": "int32"},
}


def five(count):
    return {
        "image": [np.zeros((4, 4, 3), "uint8")] * count,
        "x": list(range(count)),
        "text": ["a"] * count,
        "box": [np.zeros((2, 4), "float32")] * count,
        "seq": [[1, 2]] * count,
    }


def created(ds):
    with ds:
        for name, options in FIVE.items():
            ds.create_tensor(name, **options)


def test_a_flush_takes_as_many_rounds_as_its_order_needs():
    store = Depth(memory())
    ds = create(store)
    assert rounds(store, lambda: created(ds)) == 1 + 5 + 2, "the version; each tensor; what is new, and that it is"
    assert rounds(store, lambda: ds.extend(five(3))) == 5, "samples; tables; a journal; what counts; no journal"
    assert rounds(store, lambda: ds.append({name: rows[0] for name, rows in five(1).items()})) == 5
    assert store.count == 4 * 15 + 1 + 2, "four objects of each tensor, rows of a sequence, a journal; nothing is read"
    assert rounds(store, lambda: ds.x.append(1)) == 4, "samples; tables; companions; what counts"
    assert rounds(store, lambda: ds.seq.append([1])) == 4
    assert rounds(store, lambda: ds[1].update({"text": "b", "box": np.ones((1, 4), "float32")})) == 1 + 4, (
        "read; written"
    )
    assert rounds(store, lambda: ds.x.pop(0)) == 2 + 4, "ids; chunks; written"
    ds.seq.pop(0)

    def block():
        with ds:
            ds.create_tensor("new").extend([1] * 4)
            ds.extend({**five(3), "new": [2] * 3})

    assert rounds(store, block) == 2 + 5, "the new one; ends of those whose rows were removed"
    ds.close()
    ds = load(store)
    row = {name: rows[0] for name, rows in {**five(1), "new": [1]}.items()}
    assert rounds(store, lambda: ds.append(row)) == 2 + 2 + 5, "opened; tables; ends"
    ds.commit()
    assert rounds(store, lambda: ds.append(row)) == 3 + 1 + 5, "it begins chunks of its own"
    assert load(store).max_len == load(store).min_len


def rounds(store, act):
    store.reset()
    act()
    return store.depth


def test_an_append_asks_for_no_more_after_many_commits():
    store = Depth(memory())
    ds = create(store)
    created(ds)
    row = {name: rows[0] for name, rows in five(1).items()}
    counts = []
    for _ in range(6):
        ds.append(row)
        ds.commit()
        ds.append(row)
        ds.close()
        ds = load(store)
        assert rounds(store, partial(ds.append, row)) <= 4 + 2 + 6
        counts.append(store.count)
    assert len(set(counts[1:])) == 1
    assert ds.x.numpy().shape == (18, 1)


def test_chunks_of_a_block_go_on_while_further_samples_come():
    """Each extend fills chunks; none of them is waited for, but all are there before anything of them counts."""
    store = Depth(memory())
    ds = create(store)
    ds.create_tensor("x", dtype="int64", max_chunk_size=1000, create_id_tensor=False, create_shape_tensor=False)
    ds.x.append(np.zeros(10, "int64"))

    def block():
        with ds:
            for at in range(20):
                ds.x.extend(np.full((100, 10), at))

    assert rounds(store, block) == 3, "chunks; tables; what counts"
    assert load(store).x.numpy()[1:, 0].tolist() == [at // 100 for at in range(2000)]


def test_a_memory_store_is_not_waited_for():
    assert memory().concurrency == 1
