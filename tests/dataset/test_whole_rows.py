"""Whoever opens a dataset while it is changed finds it as it was before or as it is after: never half of an append."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import partial
from itertools import count

import pytest

import deeplake_nb as deeplake
from deeplake_nb.errors import DatasetNotFoundError
from deeplake_nb.storage.wrappers import Wrapper

from .stores import create, dies, load, memory


class Meanwhile(Wrapper):
    """Does something before the n-th read, wherever that is asked from."""

    def __init__(self, inner, read, act, concurrency=1):
        super().__init__(inner)
        self.left, self.act, self._concurrency = read, act, concurrency
        self._counting = threading.Lock()

    @property
    def concurrency(self):
        return self._concurrency

    def get(self, key, byte_range=None):
        with self._counting:  # others wait for what is done
            self.left -= 1
            if not self.left:
                self.act()
        return super().get(key, byte_range)


def opened_meanwhile(make, change, look, concurrency=1):
    """What ``look`` says of a dataset that is opened while it is changed, between any two reads of its opening."""
    for read in count(1):
        storage = memory()
        make(storage)
        meanwhile = Meanwhile(storage, read, partial(change, storage), concurrency)
        yield look(load(meanwhile, read_only=True))
        if meanwhile.left > 0:
            assert read > 4
            break


# ------------------------------------------------------------------ a row


NAMES = ("x", "y", "z")
STEP = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "slow" else 16  # of some fifty puts to die at


def tensors(storage, rows, commits=0):
    ds = create(storage)
    with ds:
        ds.create_tensor("x")
        ds.create_tensor("y", create_id_tensor=False, create_shape_tensor=False)
        ds.create_tensor("z", htype="sequence[text]")
        ds.create_tensor("bare", htype="sequence[generic]", create_id_tensor=False, create_shape_tensor=False)
        if rows:
            ds.append({"x": 0, "y": [0, 0], "z": [], "bare": [[1]]})
    for _ in range(commits):
        ds.commit()
    ds.close()


def append(ds):
    ds.append({"x": 1, "y": [1], "z": [], "bare": []})


def append_first(ds):
    ds.append({"x": 1, "y": [1], "z": ["a"], "bare": [[2], [3]]})


@pytest.mark.parametrize("concurrency", [1, 8], ids=["near", "far"])
@pytest.mark.parametrize("commits", [0, 1])
@pytest.mark.parametrize("put", [None, *range(2, 60, STEP)])
@pytest.mark.parametrize(("rows", "add"), [(1, append), (0, append), (0, append_first)])
def test_a_row_is_in_all_tensors_or_in_none(put, commits, rows, add, concurrency):
    """While a writer adds one, or dies at that."""
    make = partial(tensors, rows=rows, commits=commits)
    for lengths in opened_meanwhile(make, lambda storage: dies(storage, put, add), lengths_of, concurrency):
        assert len(set(lengths.values())) == 1, lengths


def lengths_of(ds):
    return {name: len(tensor) for name, tensor in ds.tensors.items()}


# ------------------------------------------------------------------ anything else


def numbers(storage):
    ds = create(storage)
    with ds:
        for name in NAMES:
            ds.create_tensor(name, htype="sequence[generic]" if name == "z" else "generic", dtype="int64")
        ds.extend({"x": [1, 2], "y": [3, 4], "z": [[5], []]})
    ds.commit()
    ds.z.extend([[6, 7]] * 4)
    ds.close()


def add_a_tensor(ds):
    with ds:
        ds.create_tensor("new", dtype="int64").extend([1, 2, 3])
        ds.x.append(3)


CHANGES = {
    "a tensor is made": add_a_tensor,
    "a tensor is deleted": lambda ds: ds.delete_tensor("x"),
    "a tensor is renamed": lambda ds: ds.rename_tensor("x", "other"),
    "rows are removed": lambda ds: ds.pop(0),
    "rows are added to one tensor": lambda ds: ds.z.extend([[8], [], [9]]),
    "a commit": lambda ds: ds.commit(),
    "a reset": lambda ds: ds.reset(force=True),
    "a branch": lambda ds: ds.checkout("other", create=True),
}


@pytest.mark.parametrize("concurrency", [1, 8], ids=["near", "far"])
@pytest.mark.parametrize("what", CHANGES)
def test_a_dataset_is_as_before_or_as_after(what, concurrency):
    def change(storage):
        ds = load(storage)
        CHANGES[what](ds)
        ds.close()

    storage = memory()
    numbers(storage)
    states = [lengths_of(load(storage, read_only=True))]
    change(storage)
    states.append(lengths_of(load(storage, read_only=True)))
    found = list(opened_meanwhile(numbers, change, lengths_of, concurrency))
    assert not [one for one in found if one not in states]
    assert found[0] == states[1]
    assert found[-1] == states[0]


def uneven(storage):
    """Tensors of two rows and of none."""
    ds = create(storage)
    with ds:
        for name in NAMES:
            ds.create_tensor(name, htype="sequence[generic]" if name == "z" else "generic", dtype="int64")
        ds.x.extend([1, 2])
    ds.close()


def to_other_lengths(ds):
    with ds:
        ds.x.extend([3, 4, 5])
        ds.y.extend([6, 7])
        ds.z.extend([[8], []])


def by_one_each(ds):
    """Twice, and the second time of other tensors."""
    with ds:
        ds.x.append(3)
        ds.y.append(4)
    with ds:
        ds.y.append(5)
        ds.z.extend([[], []])


@pytest.mark.parametrize("concurrency", [1, 8], ids=["near", "far"])
@pytest.mark.parametrize("act", [to_other_lengths, by_one_each])
def test_tensors_of_different_lengths_are_of_one_moment(act, concurrency):
    """Half of the change leaves all of them equally long: y and z get as many rows as x had."""

    def change(storage):
        ds = load(storage)
        act(ds)
        ds.close()

    storage = memory()
    uneven(storage)
    states = [lengths_of(load(storage, read_only=True))]
    change(storage)
    states.append(lengths_of(load(storage, read_only=True)))
    found = list(opened_meanwhile(uneven, change, lengths_of, concurrency))
    assert not [one for one in found if one not in states]
    assert found[0] == states[1]
    assert found[-1] == states[0]


# ------------------------------------------------------------------ another process

WRITER = """
import sys
import numpy as np
import deeplake_nb as deeplake
folder, count = sys.argv[1], int(sys.argv[2])
rows = range(8)
values = {
    "images": [np.full((5, 6, 3), at, "uint8") for at in rows],
    "labels": [f"class {at % 3}" for at in rows],
    "text": [f"row {at}" for at in rows],
    "boxes": [np.full((at % 3, 4), at, "float32") for at in rows],
    "seq": [[at] * (at % 3) for at in rows],
}
for number in range(count):
    ds = deeplake.empty(f"{folder}/{number}")
    ds.create_tensor("images", htype="image", sample_compression="png")
    ds.create_tensor("labels", htype="class_label")
    ds.create_tensor("text", htype="text")
    ds.create_tensor("boxes", htype="bbox")
    ds.create_tensor("seq", htype="sequence[generic]", dtype="int64")
    ds.extend(values)
    ds.extend(values)
    ds.close()
"""


def test_a_dataset_that_is_made_by_another_process_is_never_seen_torn(tmp_path):
    """Opened again and again, by real files, from before it is there until both its appends are."""
    count = 12
    seen = set()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(count)]) as writer:
        for number in range(count):
            rows = 0
            while rows < 16:
                gone = writer.poll() is not None
                try:
                    ds = deeplake.load(str(tmp_path / str(number)), read_only=True)
                except DatasetNotFoundError:
                    assert not gone, "the writer died"
                    continue
                lengths = lengths_of(ds)
                assert len(set(lengths.values())) <= 1, lengths
                rows = len(ds)
                assert rows == 16 or not gone
                check(ds, rows)
                seen.add((len(lengths), rows))
        assert writer.wait(60) == 0
    assert {(5, 0), (5, 8), (5, 16)} <= seen, "each state of it was met"


def check(ds, rows):
    """All that is there can be read, and is right."""
    numbers = [at % 8 for at in range(rows)]
    if rows:
        assert ds.text.text() == [f"row {at}" for at in numbers]
        assert ds.labels.data()["text"] == [[f"class {at % 3}"] for at in numbers]
        assert ds.images.numpy()[:, 0, 0, 0].tolist() == numbers
        assert [len(one) for one in ds.boxes.numpy(aslist=True)] == [at % 3 for at in numbers]
        assert [len(row) for row in ds.seq.numpy(aslist=True)] == [at % 3 for at in numbers]
