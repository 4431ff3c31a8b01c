"""A dataset against a dict of Python lists, through appends, flushes, failures, deaths, other writers and reopening."""

from __future__ import annotations

import os
from concurrent import futures
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deeplake_nb.dataset import amended
from deeplake_nb.errors import DynamicShapeError, SampleError, StorageError
from deeplake_nb.progress import job
from tests.dataset.stores import Failing, Inline, create, load, memory
from tests.eventually import collected

# ------------------------------------------------------------------ kinds of tensors: what goes in, what comes out

LZ4 = [{}, {"sample_compression": "lz4"}, {"chunk_compression": "lz4"}]


def arrays(dtype, rank, most=3, tail=()):
    shapes = st.lists(st.integers(0, most), min_size=rank, max_size=rank)
    return st.builds(
        lambda shape, fill: (np.arange(np.prod([*shape, *tail])) + fill).astype(dtype).reshape(*shape, *tail),
        shapes,
        st.integers(0, 200),
    )


BAD = object()  # no tensor takes it


@dataclass(frozen=True)
class Kind:
    """``stored`` turns a value that is appended into the value that is read."""

    options: dict
    compressions: list
    values: Any
    stored: Any = copy
    read: str = "numpy"
    bad: Any = BAD


def empty(rank):
    """A missing sample is as empty as the rank of the others says; not before one of them is there."""
    return lambda value: ("missing", rank) if value is None else value


words = st.text(st.characters(codec="utf-8"), max_size=9)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=2),
    max_leaves=5,
)
KINDS = {
    "fixed": Kind({"dtype": "int64"}, LZ4, st.integers(-9, 9).map(lambda at: np.array([at, at + 1]))),
    "wide": Kind({"dtype": "float32"}, LZ4, st.integers(0, 9).map(lambda at: np.full((6, 7), at, "float32"))),
    "varied": Kind({"dtype": "uint8"}, LZ4, st.none() | arrays("uint8", 2), empty(2)),
    "line": Kind({}, LZ4, st.none() | arrays("int16", 1, 9), empty(1), bad=["a"]),
    "text": Kind({"htype": "text"}, LZ4, st.none() | words, lambda value: value or "", "text"),
    "json": Kind({"htype": "json"}, LZ4, json_values, lambda value: {} if value is None else value, "json"),
    "list": Kind({"htype": "list"}, LZ4, st.lists(json_values, max_size=3), read="json"),
    "box": Kind({"htype": "bbox"}, LZ4, arrays("float32", 1, 3, (4,))),
    "image": Kind(
        {"htype": "image", "dtype": "uint8"},
        [{"sample_compression": name} for name in ("png", None, "lz4", "bmp")],
        st.none() | st.builds(lambda y, at: np.full((y, 3, 3), at, "uint8"), st.integers(1, 4), st.integers(0, 5)),
        empty(3),
    ),
    "label": Kind({"htype": "class_label"}, LZ4, st.sampled_from(["a", "b", "c", "d"]), read="label", bad={"a": 1}),
    "polygon": Kind({"htype": "polygon"}, LZ4, st.lists(arrays("float32", 1, 4, (2,)), max_size=2).map(
        lambda polygons: [one for one in polygons if len(one)])),
    "steps": Kind({"htype": "sequence[generic]", "dtype": "int32"}, LZ4, st.lists(arrays("int32", 1), max_size=3)),
    "lines": Kind({"htype": "sequence[text]"}, LZ4, st.lists(words, max_size=3), read="text"),
}  # fmt: skip
LIMITS = [None, 1, 40, 300]
PATCH_NBYTES, POOL = amended._PATCH_NBYTES, futures.ThreadPoolExecutor  # as they are to be for other tests


def found_in(tensor, kind, rows=None):
    """Rows as the model has them."""
    view = tensor if rows is None else tensor[rows]
    if kind.read in {"text", "json"}:
        return view.data()["value"]
    values = view.numpy(aslist=True)
    if kind.read == "label":
        names = tensor.info.class_names
        return [names[int(one[0])] for one in values]
    return values


def is_same(found, expected):
    if isinstance(expected, tuple):  # a missing sample
        return found.size == 0 and found.ndim in {1, expected[1]}
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and found.shape == expected.shape and np.array_equal(found, expected)
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(is_same, found, expected))
    return found == expected


@dataclass
class Column:
    kind: Kind
    rows: list = field(default_factory=list)
    flushed: int = 0  # so many rows are safe


def shows_no_more():
    """A block that nobody leaves any more, as in a process that ended, is no job of those that come after it."""
    if (left := job._HERE.job) is not None:
        (left.root or left).__exit__(None, None, None)


class DatasetMachine(RuleBasedStateMachine):
    """One dataset; ``columns`` is what must be in it."""

    @initialize(patch_nbytes=st.sampled_from([PATCH_NBYTES, 0]), concurrency=st.sampled_from([1, 8]))
    def begin(self, patch_nbytes, concurrency):
        """Chunks as small as these are stored whole when they are changed, unless patches cost nothing.

        Where answers are waited for, much is written at once, or later.
        """
        amended._PATCH_NBYTES = patch_nbytes
        futures.ThreadPoolExecutor = Inline
        self.store = Failing(memory(), concurrency)
        self.ds = create(self.store)
        self.columns: dict[str, Column] = {}
        self.info: dict[str, Any] = {}
        self.stored_infos: list[dict[str, Any]] = [{}]  # the last one written, and what flushes that failed may have
        self.blocks = 0
        self.closed: dict[str, dict[str, list]] = {}  # what each commit holds

    # ---------------------------------------------------------------- helpers

    def is_flushed(self):
        """Everything in memory is written: outside a block after every change, in one after a flush or a read."""
        for column in self.columns.values():
            column.flushed = len(column.rows)
        self.stored_infos = [dict(self.info)]

    def changed(self):
        if not self.blocks:
            self.is_flushed()

    def pick(self, data):
        return data.draw(st.sampled_from(sorted(self.columns)), label="tensor")

    has_tensors = precondition(lambda self: bool(self.columns))

    # ---------------------------------------------------------------- changes

    @precondition(lambda self: len(self.columns) < 6)
    @rule(kind=st.sampled_from(sorted(KINDS)), limit=st.sampled_from(LIMITS), data=st.data())
    def create_tensor(self, kind, limit, data):
        row = KINDS[kind]
        name = f"{data.draw(st.sampled_from(['', 'group/', 'group/inner/']))}{kind}{len(self.columns)}"
        given = data.draw(st.sampled_from(row.compressions), label="compression")
        self.ds.create_tensor(name, max_chunk_size=limit, **row.options, **given)
        self.columns[name] = Column(row)
        self.changed()

    @has_tensors
    @rule(data=st.data())
    def append(self, data):
        name = self.pick(data)
        value = data.draw(self.columns[name].kind.values, label="value")
        self.ds[name].append(value)
        self.columns[name].rows.append(self.columns[name].kind.stored(value))
        self.changed()

    @has_tensors
    @rule(data=st.data(), form=st.sampled_from([list, tuple, iter]))
    def extend(self, data, form):
        name = self.pick(data)
        column = self.columns[name]
        values = data.draw(st.lists(column.kind.values, max_size=20), label="values")
        if form is iter and self.blocks:
            self.is_flushed()  # an iterator may read the dataset, so its rows are flushed first
        self.ds[name].extend(form(values))
        column.rows += map(column.kind.stored, values)
        self.changed()

    @has_tensors
    @rule(data=st.data(), count=st.integers(1, 40))
    def extend_by_an_array(self, data, count):
        name = self.pick(data)
        if not name.rpartition("/")[2].startswith(("fixed", "wide")):
            return
        column = self.columns[name]
        shape = (2,) if "fixed" in name else (6, 7)
        dtype = column.kind.options["dtype"]
        values = np.arange(count * np.prod(shape)).astype(dtype).reshape(count, *shape)
        self.ds[name].extend(values)
        column.rows += list(values)
        self.changed()

    @has_tensors
    @rule(data=st.data())
    def append_a_row_to_all(self, data):
        values = {name: data.draw(column.kind.values, label=name) for name, column in self.columns.items()}
        if len({len(column.rows) for column in self.columns.values()}) > 1:
            try:
                self.ds.append(values)
            except SampleError:
                return
            raise AssertionError("tensors of several lengths got a row")
        self.ds.append(values)
        for name, value in values.items():
            self.columns[name].rows.append(self.columns[name].kind.stored(value))
        self.changed()

    @has_tensors
    @rule(data=st.data())
    def a_batch_that_fails(self, data):
        name = self.pick(data)
        kind = self.columns[name].kind
        values = data.draw(st.lists(kind.values, max_size=9), label="values")
        try:
            self.ds[name].extend([*values, kind.bad])
        except SampleError:
            return
        raise AssertionError("a bad value was taken")

    @has_tensors
    @rule(data=st.data())
    def change_rows(self, data):
        name = self.pick(data)
        column = self.columns[name]
        if not column.rows:
            return
        rows = data.draw(st.lists(st.integers(0, len(column.rows) - 1), min_size=1, max_size=5), label="rows")
        values = [data.draw(column.kind.values, label="value") for _ in rows]
        self.ds[name][rows] = values
        for at, value in zip(rows, values, strict=True):
            column.rows[at] = column.kind.stored(value)
        assert is_same(list(found_in(self.ds[name], column.kind)), column.rows), "read before it is flushed"
        self.ds.flush()
        self.is_flushed()

    @has_tensors
    @rule(data=st.data())
    def change_one_row_of_all(self, data):
        row = data.draw(st.integers(0, 5), label="row")
        if any(len(column.rows) <= row for column in self.columns.values()):
            return
        values = {name: data.draw(column.kind.values, label=name) for name, column in self.columns.items()}
        bad = data.draw(st.sampled_from([None, *sorted(self.columns)]), label="bad")
        if bad is not None:
            try:
                self.ds[row].update({**values, bad: self.columns[bad].kind.bad})
            except SampleError:
                self.ds.flush()  # rows that waited were written before the values were looked at
                self.is_flushed()
                return
            raise AssertionError("a bad value was taken")
        self.ds[row].update(values)
        for name, value in values.items():
            self.columns[name].rows[row] = self.columns[name].kind.stored(value)
        self.ds.flush()
        self.is_flushed()

    @has_tensors
    @rule(data=st.data(), from_all=st.booleans())
    def remove_rows(self, data, from_all):
        name = self.pick(data)
        count = len(self.columns[name].rows)
        rows = data.draw(st.lists(st.integers(0, count - 1), max_size=4, unique=True), label="rows") if count else []
        (self.ds if from_all else self.ds[name]).pop(rows)
        for column in self.columns.values() if from_all else [self.columns[name]]:
            column.rows = [value for at, value in enumerate(column.rows) if at not in rows]
        self.ds.flush()
        self.is_flushed()

    @has_tensors
    @rule(data=st.data())
    def clear_a_tensor(self, data):
        name = self.pick(data)
        self.ds[name].clear()
        self.columns[name].rows = []
        self.ds.flush()
        self.is_flushed()

    @rule()
    def commit(self):
        self.closed[self.ds.commit(allow_empty=True)] = {
            name: list(column.rows) for name, column in self.columns.items()
        }
        self.is_flushed()

    @rule(key=st.sampled_from("abc"), value=json_values)
    def set_info(self, key, value):
        self.ds.info[key] = value
        self.info[key] = value
        self.changed()

    # ---------------------------------------------------------------- when it is written

    @rule()
    def flush(self):
        self.ds.flush()
        self.is_flushed()

    @precondition(lambda self: self.blocks < 2)
    @rule()
    def enter(self):
        self.ds.__enter__()
        self.blocks += 1

    @precondition(lambda self: self.blocks)
    @rule()
    def leave(self):
        self.blocks -= 1
        self.ds.__exit__(None, None, None)
        self.changed()

    @rule()
    def reopen(self):
        self.ds.close()
        self.ds, self.blocks = None, 0
        shows_no_more()
        collected()
        self.is_flushed()
        self.ds = load(self.store)

    @rule()
    def die(self):
        """The process ends here: what was flushed is there, and nothing else that was not being flushed."""
        self.ds, self.blocks = None, 0
        shows_no_more()
        collected()
        self.ds = load(self.store)
        self.take_what_is_there()

    def take_what_is_there(self):
        for name, column in list(self.columns.items()):
            if name not in self.ds.tensors:
                assert column.flushed == 0, f"{name} is gone"
                del self.columns[name]
                continue
            length = len(self.ds[name])
            assert column.flushed <= length <= len(column.rows), f"{name}: {column.flushed} <= {length}"
            del column.rows[length:]
            column.flushed = length
        assert dict(self.ds.info) in (*self.stored_infos, self.info)
        self.info = dict(self.ds.info)
        self.stored_infos = [dict(self.info)]

    @has_tensors
    @rule(put=st.integers(1, 30), for_good=st.booleans(), scattered=st.booleans(), data=st.data())
    def the_storage_fails(self, put, for_good, scattered, data):
        name = self.pick(data)
        column = self.columns[name]
        values = data.draw(st.lists(column.kind.values, max_size=30), label="values")
        before = len(column.rows)
        self.store.fail_at(put, for_good=for_good, scattered=scattered)
        try:
            self.ds[name].extend(values)
        except StorageError:
            taken = len(self.ds[name]) - before
            assert taken in {0, len(values)}, "all or nothing"
            column.rows += map(column.kind.stored, values[:taken])
            self.stored_infos.append(dict(self.info))
        else:
            column.rows += map(column.kind.stored, values)
            self.changed()
        self.store.countdown = None

    @rule(put=st.integers(1, 40), scattered=st.booleans())
    def a_flush_fails(self, put, scattered):
        self.store.fail_at(put, for_good=True, scattered=scattered)
        try:
            self.ds.flush()
        except StorageError:
            self.store.countdown = None
            self.stored_infos.append(dict(self.info))
            return
        self.store.countdown = None
        self.is_flushed()

    @precondition(lambda self: self.columns and not self.ds._writer.is_busy)
    @rule(data=st.data())
    def another_writer_appends(self, data):
        name = self.pick(data)
        value = data.draw(self.columns[name].kind.values, label="value")
        other = load(self.store)
        other[name].append(value)
        self.columns[name].rows.append(self.columns[name].kind.stored(value))
        self.columns[name].flushed += 1
        self.ds[name].extend([])  # which takes the lock back, and so reads what the other one wrote

    # ---------------------------------------------------------------- reading

    @has_tensors
    @rule(data=st.data())
    def read(self, data):
        name = self.pick(data)
        column = self.columns[name]
        count = len(column.rows)
        tensor = self.ds[name]
        index = data.draw(
            st.slices(count) | st.lists(st.integers(-count, count - 1), max_size=5) if count else st.slices(0)
        )
        rows = np.arange(count)[np.array(index, np.int64) if isinstance(index, list) else index]
        expected = [column.rows[at] for at in rows]
        assert is_same(list(found_in(tensor, column.kind, index)), expected)
        if count and column.kind.read == "numpy":
            at = data.draw(st.integers(0, count - 1), label="row")
            assert is_same(tensor[at].numpy(aslist=True), column.rows[at])
        self.is_flushed_if_dirty(name)

    def is_flushed_if_dirty(self, name):
        """Reading rows that were not flushed flushes everything."""
        if self.columns[name].flushed < len(self.columns[name].rows):
            self.is_flushed()

    @has_tensors
    @rule(data=st.data())
    def read_as_one_array(self, data):
        name = self.pick(data)
        column = self.columns[name]
        if column.kind.read != "numpy" or name.rpartition("/")[2].startswith(("polygon", "steps")):
            return
        try:
            found = self.ds[name].numpy()
        except DynamicShapeError:
            shapes = {one.shape if isinstance(one, np.ndarray) else None for one in column.rows}
            assert len(shapes) > 1
        else:
            assert len(found) == len(column.rows)
            assert is_same(list(found), column.rows)
        self.is_flushed_if_dirty(name)

    # ---------------------------------------------------------------- what always holds

    @invariant()
    def lengths_agree(self):
        assert {name: len(tensor) for name, tensor in self.ds.tensors.items()} == {
            name: len(column.rows) for name, column in self.columns.items()
        }

    @invariant()
    def others_see_what_was_flushed(self):
        other = load(self.store, read_only=True)
        for name, column in self.columns.items():
            length = len(other[name]) if name in other.tensors else 0
            assert column.flushed <= length <= len(column.rows), name
            if length and len(column.rows) % 5 == 0:
                assert is_same(list(found_in(other[name], column.kind)), column.rows[:length])

    def teardown(self):
        amended._PATCH_NBYTES = PATCH_NBYTES
        futures.ThreadPoolExecutor = POOL
        if not hasattr(self, "ds"):
            return
        self.store.countdown = None
        self.ds.close()
        self.ds = None
        shows_no_more()
        collected()
        again = load(self.store)
        assert dict(again.info) == self.info
        for commit, columns in self.closed.items():
            version = load(self.store, address=commit)
            assert {name: len(tensor) for name, tensor in version.tensors.items()} == {
                name: len(rows) for name, rows in columns.items()
            }
            for name, rows in columns.items():
                assert is_same(list(found_in(version[name], self.columns[name].kind)), rows), (commit, name)
        for name, column in self.columns.items():
            tensor = again[name]
            assert is_same(list(found_in(tensor, column.kind)), column.rows), name
            tensor.append(None if "label" not in name else "a")
            for key, link in tensor.meta.links.items():
                companion = again._state.tensors[key]
                assert companion.length == (tensor.meta.length if link["flatten_sequence"] else len(tensor)), key


is_long = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
DatasetMachine.TestCase.settings = settings(
    max_examples=1000 if is_long else 30, stateful_step_count=60 if is_long else 25, deadline=None
)
TestDataset = DatasetMachine.TestCase
