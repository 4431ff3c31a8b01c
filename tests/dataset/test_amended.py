"""Samples overwritten in stored chunks: only they are kept and written, and the storage copies the rest."""

from __future__ import annotations

import os
import random
import time
from threading import Thread

import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb.dataset import amended
from deeplake_nb.errors import FormatError, KeyNotFoundError, StorageError
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.wrappers import Counting
from deeplake_nb.urls import parse
from tests.fakes.killed import killed

from .stores import Failing, create, load, memory

ROWS, WIDTH = 4000, 256
CHUNK = 1 << 20  # about 1000 rows
START = np.arange(ROWS * WIDTH, dtype="float32").reshape(ROWS, WIDTH)


@pytest.fixture(params=["memory", "local"])
def store(request, tmp_path):
    return Counting(memory() if request.param == "memory" else LocalStorage(parse(tmp_path / "ds")))


def filled(store, **options):
    ds = create(store)
    ds.create_tensor("x", dtype="float32", max_chunk_size=CHUNK, **options).extend(START)
    ds.close()
    ds = load(store)
    store.reset()
    return ds


def new_rows(count, seed=0):
    chance = np.random.default_rng(seed)
    return chance.integers(0, ROWS, count), chance.random((count, WIDTH), "float32")


def all_of(number, count):
    return np.full((count, WIDTH), number, "float32")


def test_only_what_changes_is_read_and_written(store):
    ds, model = filled(store), START.copy()
    rows, values = new_rows(60)
    with ds:
        for row, value in zip(rows.tolist(), values, strict=True):
            ds.x[row] = value
            model[row] = value
    assert store.nbytes["put"] < values.nbytes + 50_000
    assert store.nbytes["get"] < CHUNK / 4
    assert np.array_equal(load(store).x.numpy(), model)
    assert np.array_equal(ds.x.numpy(), model)


def test_what_waits_is_read_before_it_is_written(store):
    ds, model = filled(store), START.copy()
    with ds:
        for turn in range(3):
            rows, values = new_rows(30, turn)
            for row, value in zip(rows.tolist(), values, strict=True):
                ds.x[row] = value
                model[row] = value
            if turn:
                assert np.array_equal(ds.x[int(rows[-1])].numpy(), model[rows[-1]])
                ds.x[5] += 1
                model[5] += 1
        assert np.array_equal(ds.x.numpy(), model)
        ds.x[7:9] = model[7:9] = all_of(3, 2)
        assert np.array_equal(ds.x[6:10].numpy(), model[6:10])
        assert store.requests["put"] <= 1, "nothing but the lock"
    assert np.array_equal(load(store).x.numpy(), model)
    ds.x.append(START[0])
    ds.x.pop(1)
    assert np.array_equal(load(store).x.numpy(), np.delete(np.vstack([model, START[:1]]), 1, 0))


def test_a_value_that_is_changed_afterwards_has_been_taken(store):
    ds = filled(store)
    mine = np.full((2, WIDTH), 4, "float32")
    with ds:
        ds.x[[3, 2000]] = mine
        mine[:] = 8
    assert load(store).x[[3, 2000]].numpy().tolist() == [[4] * WIDTH] * 2


@pytest.mark.parametrize("count", [1, ROWS])
def test_many_changes_of_one_chunk_make_it_be_written_whole(store, count):
    """A row again and again, or all of them: what waits does not outgrow the chunk."""
    ds, model = filled(store), START.copy()
    most = 0
    with ds:
        for turn in range(1500):
            row = turn * 7 % count
            ds.x[[row, (row + 2) % ROWS]] = all_of(turn, 2)
            model[[row, (row + 2) % ROWS]] = turn
            if turn % 300 == 0:
                held = ds._writer.appenders[ds.x.key].rewriter._held.values()
                most = max([most, *(one.nbytes for one in held)])
    assert most < 2.5 * CHUNK
    assert np.array_equal(load(store).x.numpy(), model)


def test_all_rows_at_once(store):
    ds = filled(store)
    ds.x[:] = START + 1
    assert np.array_equal(load(store).x.numpy(), START + 1)


@pytest.mark.parametrize("patch_nbytes", [0, 4096])
def test_samples_of_several_shapes(store, monkeypatch, patch_nbytes):
    """Those that keep their shape are overwritten; one that does not moves all after it."""
    monkeypatch.setattr(amended, "_PATCH_NBYTES", patch_nbytes)
    ds = create(store)
    rows = [np.full((at % 3 + 1, 2), at, "int16") for at in range(50)]
    words = [f"word {at:03}" for at in range(50)]
    ds.create_tensor("x", dtype="int16", max_chunk_size=200).extend(rows)
    ds.create_tensor("text", htype="text", max_chunk_size=100).extend(words)
    ds.close()
    ds = load(store)
    for changed in ([4], [1, 4, 7], [0, 1, 2], [2, 3, 49], list(range(2, 50, 3))):
        for at in changed:
            rows[at] = np.full_like(rows[at], at + 100)
            words[at] = f"verb {at:03}"
        rows[changed[0]] = np.zeros((4, 2), "int16") if changed[0] == 0 else rows[changed[0]]
        words[changed[0]] += "!" if changed[0] == 0 else ""
        ds.x[changed] = [rows[at] for at in changed]
        ds.text[changed] = [words[at] for at in changed]
        for one in (ds, load(store)):
            assert all(map(np.array_equal, one.x.numpy(aslist=True), rows))
            assert one.text.text() == words


def test_a_chunk_that_is_cut_off_stops_the_change(tmp_path):
    store = Counting(LocalStorage(parse(tmp_path / "ds")))
    ds = filled(store)
    for path in (tmp_path / "ds/x/chunks").iterdir():  # not each has rows that are changed
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 1)
    before = {one: one.read_bytes() for one in (tmp_path / "ds").rglob("*") if one.is_file() and one.suffix != ".lock"}
    with pytest.raises(FormatError, match="the chunk is cut off"):
        ds.x[::700] = all_of(5, 6)
    ds.close()
    assert before == {
        one: one.read_bytes() for one in (tmp_path / "ds").rglob("*") if one.is_file() and one.suffix != ".lock"
    }


def test_a_flush_that_fails_is_made_up_for_by_the_next():
    for put in range(1, 9):
        store = Failing(memory())
        ds, model = filled(Counting(store)), START.copy()
        rows, values = new_rows(20)
        with ds:
            for row, value in zip(rows.tolist(), values, strict=True):
                ds.x[row] = value
                model[row] = value
            store.fail_at(put)
            with pytest.raises(StorageError):
                ds.flush()
            assert np.array_equal(ds.x.numpy(), model)
            if put < 5:
                assert np.array_equal(load(store, read_only=True).x.numpy(), START)
        assert np.array_equal(load(store).x.numpy(), model)


def test_a_chunk_that_is_gone_is_said_by_who_reads_it(tmp_path):
    ds = filled(Counting(LocalStorage(parse(tmp_path / "ds"))))
    chunks = tmp_path / "ds/x/chunks"
    with ds:
        ds.x[[3, 2000]] = all_of(2, 2)
        chunks.rename(tmp_path / "away")
        with pytest.raises(KeyNotFoundError):
            ds.x[3].numpy()
        (tmp_path / "away").rename(chunks)
        assert ds.x[3].numpy().tolist() == [2] * WIDTH
    assert load(ds._state.storage).x[[3, 2000]].numpy().tolist() == [[2] * WIDTH] * 2


def test_others_look_while_a_writer_goes_on(store):
    """Each row is all one number, and no reader finds one that never was there."""
    ds = create(store)
    x = ds.create_tensor("x", dtype="float32", max_chunk_size=CHUNK)
    x.extend(np.zeros((ROWS, WIDTH), "float32"))
    ds.close()
    ds = load(store)
    over, found = [], []

    def look():
        while not over:
            got = ds.x[[0, 1, 2000]].numpy()
            found.append(got.max() <= 20 and got.min() >= 0)

    readers = [Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        with ds:
            for turn in range(1, 20):
                ds.x[[0, 2000]] = all_of(turn, 2)
                ds.x[[1]] = all_of(turn, 1)
                time.sleep(0.01)
    finally:
        over.append(True)
        for reader in readers:
            reader.join()
    assert found
    assert all(found)
    assert load(store).x[[0, 1, 2000]].numpy()[:, 0].tolist() == [19, 19, 19]


def test_kill_9_leaves_a_change_whole_or_not_made(tmp_path):
    place, chance = str(tmp_path / "ds"), random.Random(int.from_bytes(os.urandom(4)))
    ds = deeplake.empty(place)
    ds.create_tensor("x", dtype="float32", max_chunk_size=CHUNK).extend(np.zeros((ROWS, WIDTH), "float32"))
    ds.close()
    del ds
    code = """
        import sys
        import deeplake_nb, numpy
        ds = deeplake_nb.load(sys.argv[1])
        turn = int(ds.x[0].numpy()[0])
        while True:
            turn += 1
            ds.x[::40] = numpy.full((100, 256), turn, 'float32')
            print(turn, flush=True)
    """
    flushed = 0
    for _ in range(3):
        flushed = max(flushed, *map(int, killed(code, place, lines=2, seconds=chance.uniform(0, 0.1))))
        found = deeplake.load(place, read_only=True).x.numpy()
        (turn,) = np.unique(found[::40])
        assert flushed <= turn <= flushed + 1
        found[::40] = 0
        assert not found.any()
