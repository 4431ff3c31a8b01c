"""Committing, branching, resetting and comparing versions: what is kept, what goes on, what is refused."""

from __future__ import annotations

import json
from itertools import count

import pytest

import deeplake_nb as deeplake
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.errors import (
    LockedError,
    ReadOnlyError,
    SampleError,
    StorageError,
    UnsupportedError,
    VersionNotFoundError,
)
from deeplake_nb.format import keys
from deeplake_nb.format.versions import VersionTree
from deeplake_nb.storage.wrappers import Wrapper
from tests.eventually import collected

from .stores import Failing, create, load, memory, objects


def fill(ds, rows=10):
    with ds:
        ds.create_tensor("x", dtype="int64", max_chunk_size=100)
        ds.create_tensor("label", htype="class_label", class_names=["a"])
        ds.create_tensor("seq", htype="sequence[text]")
        ds.info["v"] = 0
    add(ds, rows)
    return ds


def add(ds, rows):
    start = len(ds.x)
    ds.extend({
        "x": [[at] for at in range(start, start + rows)],
        "label": ["a"] * rows,
        "seq": [["t"] * (at % 3) for at in range(start, start + rows)],
    })  # fmt: skip


def values(ds):
    return ds.x.numpy()[:, 0].tolist()


def tree(store):
    return VersionTree.decode(store.get(keys.VERSION_CONTROL), "v")


def test_a_commit_stays_as_it_is_and_its_branch_goes_on():
    store = memory()
    ds = fill(create(store))
    held = ds.x
    assert ds.commit_id is None
    first = ds.commit("one")
    assert (first, ds.commit_id, ds.branch, ds.read_only) == (keys.FIRST_COMMIT, first, "main", False)
    assert ds.pending_commit_id != first
    before = {key: data for key, data in objects(store).items() if not key.startswith("versions/")}
    add(ds, 5)
    ds.info["v"] = 1
    second = ds.commit("two")
    add(ds, 1)
    assert values(ds) == list(range(16))
    assert len(held) == 16, "a tensor at hand follows its branch"
    after = {key: data for key, data in objects(store).items() if not key.startswith("versions/")}
    assert {key for key in before if before[key] != after[key]} == {keys.VERSION_CONTROL}
    for address, rows, info in [(first, 10, 0), (second, 15, 1), ("main", 16, 1)]:
        one = load(store, address=address)
        assert (values(one), one.info["v"], len(one.seq)) == (list(range(rows)), info, rows)
    assert [(one["commit"], one["message"], one["author"]) for one in ds.commits] == [
        (second, "two", "public"),
        (first, "one", "public"),
    ]


def test_the_tree_and_its_copies_say_the_same():
    store = memory()
    ds = fill(create(store))
    first = ds.commit("one")
    nodes = json.loads(bytes(store.get(keys.VERSION_CONTROL)))["commits"]
    assert set(nodes) == {first, ds.pending_commit_id}
    for commit, node in nodes.items():
        assert json.loads(bytes(store.get(keys.commit_info(commit)))) == node
    assert nodes[first]["children"] == [ds.pending_commit_id]
    assert nodes[ds.pending_commit_id]["commit_time"] is None
    assert not any("lock" in key for key in objects(store))


def test_the_time_of_a_commit_is_told_in_utc(monkeypatch):
    import time
    from datetime import UTC, datetime

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        ds = fill(create(memory()))
        ds.commit()
        told = datetime.strptime(ds.commits[0]["time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        assert abs((datetime.now(UTC) - told).total_seconds()) < 60
    finally:
        monkeypatch.undo()
        time.tzset()


def test_nothing_to_commit():
    ds = create(memory())
    assert ds.has_head_changes, "the first version is not committed yet"
    ds.commit("empty, but the first")
    assert not ds.has_head_changes
    with pytest.raises(SampleError, match="allow_empty=True"):
        ds.commit()
    assert ds.commit(allow_empty=True)
    ds.create_tensor("x")
    assert ds.has_head_changes
    ds.commit()
    ds.x.extend([])
    assert not ds.has_head_changes
    ds.x.append(1)
    assert ds.has_head_changes
    ds.commit()
    ds.info["a"] = 1
    assert ds.has_head_changes
    ds.commit()
    ds.x.info["a"] = 1
    assert ds.has_head_changes
    assert not load(ds._state.storage, address=ds.commit_id).has_head_changes


def test_rows_held_back_are_committed():
    store = memory()
    ds = fill(create(store))
    with ds:
        add(ds, 3)
        first = ds.commit()
        add(ds, 2)
    assert len(load(store, address=first).x) == 13
    assert values(load(store)) == list(range(15))


def test_branches():
    store = memory()
    ds = fill(create(store))
    assert ds.checkout("dev", create=True) == keys.FIRST_COMMIT
    assert (ds.branch, sorted(ds.branches)) == ("dev", ["dev", "main"])
    assert ds.commits[0]["message"] == "auto commit before checkout to dev"
    add(ds, 2)
    assert ds.checkout("main") == keys.FIRST_COMMIT
    assert values(ds) == list(range(10))
    ds.checkout("twin", create=True)
    assert len(tree(store).commits) == 4, "without changes there is nothing to commit before"
    add(ds, 1)
    ds.checkout("dev")
    assert values(ds) == list(range(12))
    ds.checkout(keys.FIRST_COMMIT)
    assert not ds.is_head_node
    ds.checkout("late", create=True)
    add(ds, 4)
    assert {one: len(load(store, address=one).x) for one in ds.branches} == {
        "main": 10,
        "dev": 12,
        "twin": 11,
        "late": 14,
    }
    for name, error in [("dev", SampleError), (keys.FIRST_COMMIT, SampleError), ("", SampleError), (3, SampleError)]:
        with pytest.raises(error):
            ds.checkout(name, create=True)
    with pytest.raises(VersionNotFoundError):
        ds.checkout("nowhere")


def test_reset_forgets_what_is_not_committed():
    store = memory()
    ds = fill(create(store))
    first = ds.commit()
    kept = objects(store).keys() - {key for key in objects(store) if key.startswith("versions/")}
    add(ds, 5)
    ds.create_tensor("y").append(1)
    ds.info["v"] = 9
    old = ds.pending_commit_id
    ds.reset()
    assert (values(ds), sorted(ds.tensors), ds.info["v"]) == (list(range(10)), ["label", "seq", "x"], 0)
    assert ds.commit_id == first
    assert ds.pending_commit_id != old
    assert not [key for key in objects(store) if old in key]
    assert kept <= objects(store).keys()
    add(ds, 1)
    assert values(load(store)) == list(range(11))
    assert len(tree(store).commits) == 2


def test_reset_of_what_was_never_committed_leaves_an_empty_dataset():
    store = memory()
    ds = fill(create(store))
    ds.reset()
    assert (dict(ds.tensors), dict(ds.info)) == ({}, {})
    assert objects(store).keys() == {keys.DATASET_META, keys.VERSION_CONTROL}
    fill(ds)
    assert values(load(store)) == list(range(10))


def test_a_version_that_cannot_be_read_is_reset_on_the_way():
    store = memory()
    ds = fill(create(store))
    ds.checkout("dev", create=True)
    head = ds.pending_commit_id
    ds.checkout("main")
    store.put(keys.tensor_meta(head, "x"), b"{")
    with pytest.raises(deeplake.LakeError):
        ds.checkout("dev")
    assert ds.branch == "main"
    ds.checkout("dev", reset=True)
    assert (ds.branch, values(ds)) == ("dev", list(range(10)))
    assert ds.pending_commit_id != head


def test_a_version_that_cannot_be_read_right_now_is_not_reset():
    class Offline(Wrapper):
        down = False

        def get(self, key, byte_range=None):
            if self.down and "versions/" in key:
                raise StorageError("the network is gone")
            return super().get(key, byte_range)

    store = Offline(memory())
    ds = fill(create(store))
    ds.checkout("dev", create=True)
    add(ds, 2)
    ds.checkout("main")
    before = objects(store)
    store.down = True
    with pytest.raises(StorageError, match="the network is gone"):
        ds.checkout("dev", reset=True)
    store.down = False
    assert objects(store) == before
    ds.checkout("dev")
    assert len(ds) == 12


def test_refusals():
    store = memory()
    ds = fill(create(store))
    ds.create_tensor("g/y")
    for one in (ds[:3], ds["g"]):
        with pytest.raises(UnsupportedError, match="whole dataset"):
            one.commit()
    first = ds.commit()
    before = objects(store)
    closed = load(store, address=first)
    reading = load(store, read_only=True)
    for action in (closed.reset, reading.commit, reading.reset):
        with pytest.raises(ReadOnlyError):
            action()
    with pytest.raises(SampleError, match="nothing has changed"):
        closed.commit()
    with pytest.raises(ReadOnlyError):
        reading.checkout("new", create=True)
    reading.checkout(first)
    reading.checkout("main")
    assert reading.read_only, "asked for reading only, it stays so"
    assert objects(store) == before


def test_two_writers_do_not_commit_twice(tmp_path):
    one = fill(deeplake.empty(tmp_path / "ds"))
    one.close()
    other = deeplake.load(tmp_path / "ds")
    one.commit("by one")
    other.x.append([77])
    assert other.commit_id == keys.FIRST_COMMIT
    other.commit("by other")
    assert [node["message"] for node in other.commits] == ["by other", "by one"]
    with one:
        one.x.append([1])
        with pytest.raises(LockedError):
            other.commit(allow_empty=True)
    one.commit()
    assert len(deeplake.load(tmp_path / "ds").commits) == 3


ACTS = {"commit": Dataset.commit, "branch": lambda ds: ds.checkout("b", create=True), "reset": Dataset.reset}


def test_dying_at_any_put_of_a_commit_or_branch():
    """Either it is there, or nothing is: and the branch can be written to and committed."""
    for act, do in ACTS.items():
        for put in count(1):
            store = memory()
            failing = Failing(store)
            ds = fill(create(failing))
            ds.commit("before")
            add(ds, 3)
            failing.fail_at(put, for_good=True)
            try:
                do(ds)
                break
            except StorageError:
                del ds
                collected()
            again = load(store)
            rows = len(again.x)
            assert rows == 13 or (act == "reset" and rows == 10)
            for branch in again.branches:
                assert len(load(store, address=branch).x) == rows
            again = load(store)
            add(again, 1)
            again.commit("after")
            assert values(load(store)) == list(range(rows + 1))
        assert put > 5


def test_diff():
    store = memory()
    ds = fill(create(store))
    found = ds.diff(as_dict=True)
    assert set(found) == {"dataset", "tensor"}
    assert found["tensor"][0]["x"] == {
        "created": True,
        "cleared": False,
        "info_updated": False,
        "data_added": [0, 10],
        "data_updated": set(),
        "data_deleted": set(),
        "data_transformed_in_place": False,
    }
    first = ds.commit("one")
    add(ds, 2)
    second = ds.commit("two")
    ds.checkout(first)
    ds.checkout("dev", create=True)
    add(ds, 1)
    left, right = ds.diff("main", as_dict=True)["tensor"]
    assert [one["commit_id"] for one in left] == [ds.pending_commit_id]
    assert [one["x"]["data_added"] for one in right] == [[0, 0], [10, 12]]
    assert [one["message"] for one in ds.diff(second, first, as_dict=True)["dataset"][0]] == ["two"]
    with pytest.raises(VersionNotFoundError):
        ds.diff(id_2=first)
    with pytest.raises(VersionNotFoundError):
        ds.diff("nowhere")


def test_what_is_printed(capsys):
    ds = fill(create(memory()))
    first = ds.commit("one")
    add(ds, 2)
    ds.log()
    said = capsys.readouterr().out
    assert f"Commit : {first} (main)" in said
    assert "Message: one" in said
    assert "uncommitted changes" in said
    assert ds.diff() is None
    assert "* Added 2 samples: [10-12]" in capsys.readouterr().out
    ds.diff(first)
    assert "UNCOMMITTED HEAD" in capsys.readouterr().out


def test_what_a_dead_writer_left_is_not_committed():
    """Tables and companions longer than the metadata says are taken for damage by the original."""
    seen = 0
    for put in count(1):
        store = memory()
        failing = Failing(store)
        ds = fill(create(failing))
        failing.fail_at(put, for_good=True)
        try:
            add(ds, 5)
            break
        except StorageError:
            del ds
            collected()
        again = load(store)
        lengths = {name: len(tensor) for name, tensor in again.tensors.items()}
        again.commit()
        state = load(store, address=keys.FIRST_COMMIT)._state
        state.load_all_tables()
        assert not any(tensor.tables.is_cut for tensor in state.tensors.values())
        for tensor in state.tensors.values():
            for companion, link in tensor.meta.links.items():
                rows = tensor.meta.length if link["flatten_sequence"] else tensor.length
                assert state.tensors[companion].meta.length == rows
        assert {name: len(tensor) for name, tensor in load(store).tensors.items()} == lengths
        seen += again.commit_id == keys.FIRST_COMMIT
    assert seen > 10
