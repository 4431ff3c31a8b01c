"""Tensors that differ in length, as while a dataset is being filled: each has its own rows."""

from __future__ import annotations

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.errors import RowError

from .stores import create, memory


@pytest.fixture
def ds():
    made = create(memory())
    for name, count in (("a", 5), ("b", 3), ("c", 0)):
        made.create_tensor(name, dtype="int64").extend(np.arange(count) * 10)
    return made


def values(tensor):
    return [one.tolist() for one in tensor.numpy(aslist=True)]


@pytest.mark.parametrize(
    ("item", "a", "b"),
    [
        (slice(1, None), [[10], [20], [30], [40]], [[10], [20]]),
        (slice(None, 2), [[0], [10]], [[0], [10]]),
        (slice(-2, None), [[30], [40]], [[10], [20]]),
        (slice(None, None, -2), [[40], [20], [0]], [[20], [0]]),
        ([2, 0], [[20], [0]], [[20], [0]]),
        ([-1], [[40]], [[20]]),
    ],
)
def test_rows_are_those_of_each_tensor(ds, item, a, b):
    view = ds[item]
    assert values(view.a) == a
    assert values(view.b) == b
    assert repr(view).startswith("Dataset('mem://")


def test_a_row_that_one_tensor_has(ds):
    assert ds[3].a.numpy().tolist() == [30]
    assert ds[-1].a.numpy().tolist() == [40]
    assert ds[-1].b.numpy().tolist() == [20]
    assert ds[1:][2].a.numpy().tolist() == [30]
    assert "rows=1" in repr(ds[3])
    for row, name in ((3, "b"), (0, "c"), (-1, "c")):
        with pytest.raises(RowError, match=f"tensor '{name}': row {row} is out of range"):
            ds[row][name].numpy()
    for row in (5, -6):
        with pytest.raises(RowError, match="there are 5 rows"):
            ds[row]
    with pytest.raises(RowError, match="tensor 'b': row 3 is out of range; there are 3 rows"):
        ds[[3, 1]].b.numpy()


def test_rows_of_all_tensors_are_counted(ds):
    assert (len(ds), len(ds[1:]), len(ds[["a", "b"]]), len(ds[["a", "b"]][1:])) == (0, 0, 3, 2)
    assert [row.a.numpy().tolist() for row in ds[["a", "b"]][1:]] == [[10], [20]]
    ds.c.extend([1, 2])
    assert (len(ds), len(ds[1:]), len(ds[3:])) == (2, 1, 0)
    assert [row.c.numpy().tolist() for row in ds] == [[1], [2]]


def test_a_copy_has_the_rows_of_each(ds, tmp_path):
    source = deeplake_nb.empty(tmp_path / "whole")
    for name, tensor in ds.tensors.items():
        source.create_tensor(name, dtype="int64").extend(tensor.numpy())
    copied = source[1:].copy(tmp_path / "copy", progressbar=False)
    assert [values(copied[name]) for name in "abc"] == [[[10], [20], [30], [40]], [[10], [20]], []]


def test_writing_goes_to_the_rows_that_are_read(ds):
    ds[1:3].a[0] = 7
    assert values(ds.a)[:3] == [[0], [7], [20]]
    ds[["a", "b"]][2].update({"a": 1, "b": 2})
    assert (ds.a[2].numpy().tolist(), ds.b[2].numpy().tolist()) == ([1], [2])
    with pytest.raises(RowError, match="count rows from the front"):
        ds[["a", "b"]][-1].update({"a": 5, "b": 5})
    with pytest.raises(RowError, match="tensor 'b': row 3"):
        ds[["a", "b"]][3].update({"a": 5})
    assert values(ds.a) == [[0], [7], [1], [30], [40]]
