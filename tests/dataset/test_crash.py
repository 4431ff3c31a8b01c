"""A writer that dies anywhere leaves a dataset that opens, with all that was flushed, and that can be appended to."""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from itertools import count

import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb.dataset.fsck.examination import examine
from deeplake_nb.errors import DatasetNotFoundError, StorageError
from tests.eventually import collected
from tests.fakes.killed import killed

from .stores import Dying, Failing, Killed, create, dies, lengths, load, memory

# ------------------------------------------------------------------ what is written

CHUNK = 400
STEP = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "slow" else 23  # of several hundred puts to die at


def make(ds):
    with ds:
        ds.create_tensor("number", dtype="int64", max_chunk_size=CHUNK)
        ds.create_tensor("varied", dtype="uint8", chunk_compression="lz4", max_chunk_size=CHUNK)
        ds.create_tensor("words", htype="text", max_chunk_size=CHUNK)
        ds.create_tensor("label", htype="class_label")
        ds.create_tensor("image", htype="image", sample_compression="png", max_chunk_size=CHUNK)
        ds.create_tensor("steps", htype="sequence[bbox]", max_chunk_size=CHUNK)
        ds.create_tensor("group/json", htype="json", sample_compression="lz4", max_chunk_size=CHUNK)


def row(at):
    """The values of row ``at``, by tensor."""
    return {
        "number": np.arange(at, at + 6),
        "varied": np.full((at % 4, at % 3), at % 256, "uint8"),
        "words": f"row {at} " * (at % 7),
        "label": f"class {at % 5}",
        "image": np.full((2 + at % 3, 3, 3), at % 256, "uint8"),
        "steps": [np.full((1, 4), at + step, "float32") for step in range(at % 5)],
        "group/json": {"at": at, "list": list(range(at % 4))},
    }


def stored(tensor, at):
    """Row ``at`` of a tensor as it was given to ``append``."""
    if tensor.base_htype == "text":
        return tensor[at].text()
    if tensor.base_htype == "json":
        return tensor[at].dict()
    if tensor.base_htype == "class_label":
        return tensor.info.class_names[int(tensor[at].numpy()[0])]
    return tensor[at].numpy(aslist=True)


def is_same(found, expected):
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(np.array_equal, found, expected))
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    return found == expected


def check(ds, flushed, most):
    """At least ``flushed`` rows, at most ``most``, all of them right, and each in all tensors."""
    assert flushed <= ds.min_len == ds.max_len <= most, f"{ds.min_len} to {ds.max_len} rows of {flushed} to {most}"
    for name, tensor in ds.tensors.items():
        for at in range(len(tensor)):
            expected = row(at)[name]
            assert is_same(stored(tensor, at), expected), f"row {at} of {name}"
        assert is_whole(tensor)


def is_whole(tensor):
    """Whole reads agree with single ones."""
    if tensor.base_htype in {"text", "json", "class_label"}:
        return len(tensor.data()["value"]) == len(tensor)
    return len(tensor.numpy(aslist=True)) == len(tensor)


def go_on(ds, rows):
    """Append rows until there is one more than ``rows``; then all companions are as long as their tensors."""
    with ds:
        for at in range(len(ds), rows + 1):
            ds.append(row(at))
    every = lengths(ds)
    for key, tensor in ds._state.tensors.items():
        for companion, link in tensor.meta.links.items():
            assert every[companion] == (tensor.meta.length if link["flatten_sequence"] else tensor.length), companion
            assert ds._state.tensors[companion].meta.length == every[companion]
        assert len(ds._state.tables(tensor).ids) == tensor.meta.length, key


def check_companions(ds):
    for tensor in ds.tensors.values():
        group, _, name = tensor.name.rpartition("/")
        shapes = f"{group}/_{name}_shape".lstrip("/")
        if shapes in ds._state.meta.tensor_names and not tensor.is_sequence:
            found = [tuple(one.tolist()) for one in ds[shapes].numpy(aslist=True)]
            assert found == [tuple(one.shape) for one in tensor.numpy(aslist=True)]


# ------------------------------------------------------------------ dying at each put


def write(ds, flushed):
    """A life of a dataset; ``flushed`` is told how many rows are safe."""
    make(ds)
    flushed(0)
    for at in range(3):
        ds.append(row(at))
        flushed(at + 1)
    with ds:
        for at in range(3, 12):
            ds.append(row(at))
    flushed(12)
    ds.extend({name: [row(at)[name] for at in range(12, 20)] for name in row(0)})
    flushed(20)


@pytest.mark.parametrize("concurrency", [1, 8], ids=["near", "far"])
def test_dying_at_any_put_loses_nothing_that_was_flushed(concurrency):
    """Of what is under way at once some gets through."""
    deaths = 0
    for put in count(1, STEP):
        storage = memory()
        failing, safe = Failing(storage, concurrency), []
        failing.fail_at(put, for_good=True, scattered=concurrency > 1)
        try:
            write(create(failing), safe.append)
            break
        except StorageError:
            collected()  # the writer is gone, as with its process
            deaths += 1
        if not safe:
            _check_unborn(storage)
            continue
        assert not deeplake.fsck(str(storage.url)).wrong
        ds = load(storage)
        check(ds, safe[-1], 20)
        go_on(ds, 20)
        again = load(storage)
        check(again, 21, 21)
        check_companions(again)
    assert deaths > 400 / STEP, "every put of the story was one to die at"
    check(load(storage), 20, 20)


def _check_unborn(storage):
    """Death before the tensors were all there: what is there opens, and making the tensors anew works."""
    try:
        ds = load(storage)
    except DatasetNotFoundError:
        ds = create(storage)
    if not ds.tensors:
        make(ds)
    check(ds, 0, 0)
    go_on(ds, 5)
    check(load(storage), 6, 6)
    check_companions(load(storage))


@pytest.mark.parametrize("mend", ["commit", "fsck"])
def test_what_cuts_leftovers_away_keeps_rows_of_several_items(mend):
    """Of sequences there are more items than rows: what is cut is counted in items."""
    items = [["a", "b", "c"], ["d", "e"], ["f", "g"], ["h", "i", "j"]]
    cut = 0
    for change in count(1):
        storage = Dying(memory())
        ds = create(storage)
        ds.create_tensor("seq", htype="sequence[text]").extend(items[:2])
        ds.commit("one")
        ds.seq.append(items[2])
        storage.kill_at(change)
        with suppress(Killed):
            ds.seq.append(items[3])
        is_over = storage.left > 0
        del ds
        ds = load(storage.inner)
        before = [ds.seq[at].text() for at in range(len(ds.seq))]
        assert before in (items, items[:3])
        cut += ds._state.tables(ds._state.tensor("seq")).is_cut
        if mend == "commit":
            ds.commit("two")
        else:
            assert examine(storage.inner, ds._state.open_links, repair=True)
        again = load(storage.inner)
        assert [again.seq[at].text() for at in range(len(again.seq))] == before
        again.seq.append(["k"])
        assert load(storage.inner).seq[-1].text() == ["k"]
        if is_over:
            break
    assert cut


def test_leftovers_of_a_tensor_that_was_never_finished_do_not_show_up():
    def die(storage, put):
        ds = create(storage)
        with ds:
            ds.create_tensor("x", htype="class_label", class_names=["old"])
            ds.x.extend([0] * 50)
            storage.fail_at(put, for_good=True)

    unfinished = 0
    for put in count(1):
        storage = memory()
        try:
            die(Failing(storage), put)
            break
        except StorageError:
            collected()
        ds = load(storage)
        if "x" in ds.tensors:
            continue
        unfinished += 1
        ds.create_tensor("x", dtype="float32")
        again = load(storage)
        assert (len(again.x), dict(again.x.info)) == (0, {})
        ds.x.append(1.5)
        assert load(storage).x.numpy().tolist() == [[1.5]]
    assert unfinished > 10


@pytest.mark.parametrize("concurrency", [1, 8], ids=["near", "far"])
def test_a_failed_flush_is_made_up_for_by_the_next(concurrency):
    for put in count(1, min(STEP, 3)):
        storage = Failing(memory(), concurrency)
        ds = create(storage)
        make(ds)
        ds.append(row(0))
        with ds:
            for at in range(1, 6):
                ds.append(row(at))
            storage.fail_at(put)
            try:
                ds.flush()
            except StorageError:
                check(load(storage, read_only=True), 1, 6)
        if storage.countdown is not None:
            break
        check(load(storage), 6, 6)
        go_on(ds, 6)
        check_companions(load(storage))
    assert put > 20


def test_a_second_death_loses_nothing_either():
    """The first may leave companions longer than their tensor; the next writer cuts them, and dies at that."""
    deaths = 0
    for first in count(1):
        for second in count(1):
            storage = memory()
            ds = create(storage)
            ds.create_tensor("x", dtype="int64").extend([0, 1])
            ds.close()
            is_first = dies(storage, first, lambda ds: ds.x.extend([2, 3, 4, 5, 6]))
            known = len(load(storage, read_only=True).x)
            is_second = dies(storage, second, lambda ds: ds.x.append(len(ds.x)))
            ds = load(storage)
            assert known <= len(ds.x) <= known + 1
            ds.x.append(len(ds.x))
            assert ds.x.numpy().reshape(-1).tolist() == list(range(len(ds.x)))
            assert len(set(lengths(ds).values())) == 1
            ds.close()
            assert not list(deeplake.fsck(str(storage.url)))
            deaths += is_second
            if not is_second:
                break
        if not is_first:
            break
    assert deaths > 50


# ------------------------------------------------------------------ kill -9

CHILD = """
import sys
import deeplake_nb as deeplake
from tests.dataset.test_crash import row
from tests.eventually import collected
ds = deeplake.load(sys.argv[1])
batch = int(sys.argv[2])
at = len(ds)
print(at, flush=True)
while True:
    with ds:
        for _ in range(batch):
            ds.append(row(at))
            at += 1
    print(at, flush=True)
"""


@pytest.mark.parametrize("batch", [1, 7])
def test_kill_9_at_random_moments_loses_nothing_that_was_flushed(tmp_path, batch):
    place, seed = str(tmp_path / "ds"), int.from_bytes(os.urandom(4))
    chance = random.Random(seed)
    ds = deeplake.empty(place)
    make(ds)
    ds.close()
    del ds
    flushed = 0
    for _ in range(int(os.environ.get("CRASHES", "3"))):
        said = killed(CHILD, place, batch, lines=chance.randint(2, 4), seconds=chance.uniform(0, 0.1))
        flushed = max(flushed, *map(int, said))
        check(deeplake.load(place, read_only=True), flushed, flushed + batch)
    ds = deeplake.load(place)
    rows = len(ds)
    go_on(ds, rows)
    check(deeplake.load(place), rows + 1, rows + 1)
    check_companions(deeplake.load(place))
    assert json.loads((tmp_path / "ds" / "number" / "tensor_meta.json").read_text())["length"] == rows + 1
    assert rows > 0, f"seed {seed}"
