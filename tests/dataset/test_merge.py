"""Merging: what another version changed is done here; what contradicts is refused, and then nothing changes."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from deeplake_nb.errors import MergeError, ReadOnlyError, VersionNotFoundError

from .stores import Dying, Killed, create, load, memory, objects

COLUMNS = ("x", "text", "label", "image", "seq")


def row(at):
    return {
        "x": np.array([at, at], "int64"),
        "text": f"row {at}",
        "label": f"class {at % 7}",
        "image": np.full((2 + at % 2, 3, 3), at, "uint8"),
        "seq": [np.full(2, at, "int32")] * (at % 3),
    }


def seeds(ds):
    """Which rows are there: every column must say the same."""
    found = ds.x.numpy()[:, 0].tolist() if len(ds.x) else []
    for at, seed in enumerate(found):
        expected = row(seed)
        assert ds.text[at].text() == expected["text"]
        assert ds.label.info.class_names[int(ds.label[at].numpy()[0])] == expected["label"]
        assert np.array_equal(ds.image[at].numpy(), expected["image"])
        assert len(ds.seq[at].numpy(aslist=True)) == seed % 3
    assert len({len(tensor) for tensor in ds.tensors.values() if tensor.name in COLUMNS}) == 1
    ids = ds["_x_id"].numpy().reshape(-1)
    assert len(set(ids.tolist())) == len(found), "no row twice"
    return found


@pytest.fixture
def ds():
    """Rows 0 to 5 in a commit; `main` and `dev` go on from there."""
    ds = create(memory())
    with ds:
        ds.create_tensor("x", dtype="int64", max_chunk_size=100)
        ds.create_tensor("text", htype="text")
        ds.create_tensor("label", htype="class_label")
        ds.create_tensor("image", htype="image", sample_compression="png")
        ds.create_tensor("seq", htype="sequence[generic]", dtype="int32")
    ds.extend({name: [row(at)[name] for at in range(6)] for name in row(0)})
    ds.commit("base")
    ds.checkout("dev", create=True)
    return ds


def test_rows_added_on_both_sides(ds):
    ds.append(row(10))
    ds.append(row(11))
    ids = ds["_x_id"].numpy()
    ds.checkout("main")
    ds.append(row(20))
    ds.merge("dev")
    assert seeds(ds) == [0, 1, 2, 3, 4, 5, 20, 10, 11]
    assert np.array_equal(ds["_x_id"].numpy()[-2:], ids[-2:])
    assert ds.commits[0]["message"].startswith("Merge ")
    assert not ds.has_head_changes
    before = objects(ds._state.storage)
    ds.merge("dev")
    again = load(ds._state.storage)
    assert seeds(again) == [0, 1, 2, 3, 4, 5, 20, 10, 11], "merged once"
    assert before.keys() <= objects(ds._state.storage).keys()
    ds.checkout("dev")
    assert seeds(ds) == [0, 1, 2, 3, 4, 5, 10, 11]
    ds.merge("main")
    assert sorted(seeds(ds)) == [0, 1, 2, 3, 4, 5, 10, 11, 20]


def test_rows_changed_on_one_side(ds):
    ds[1].update(row(31))
    ds.commit()
    ds[2].update(row(32))
    ds.checkout("main")
    ds[4].update(row(44))
    ds.merge("dev")
    assert seeds(ds) == [0, 31, 32, 3, 44, 5]
    diff = ds.diff("dev", as_dict=True)["tensor"][0][1]["x"]
    assert diff["data_updated"] == {1, 2, 4}
    ds.merge("dev")
    assert seeds(ds) == [0, 31, 32, 3, 44, 5]


@pytest.mark.parametrize(("how", "expected"), [("ours", 41), ("theirs", 31)])
def test_rows_changed_on_both_sides(ds, how, expected):
    ds[1].update(row(31))
    ds[3].update(row(33))
    ds.checkout("main")
    ds[1].update(row(41))
    ds.commit()
    before = objects(ds._state.storage)
    with pytest.raises(MergeError, match="'ours' or 'theirs'"):
        ds.merge("dev")
    after = objects(ds._state.storage)
    assert {key for key in before if not key.endswith(".json") and before[key] != after[key]} == set()
    assert not ds.has_head_changes
    with pytest.raises(MergeError, match="got 'mine'"):
        ds.merge("dev", conflict_resolution="mine")
    ds.merge("dev", conflict_resolution=how)
    assert seeds(ds) == [0, expected, 2, 33, 4, 5]


def test_the_same_change_on_both_sides_is_no_conflict(ds):
    ds[1].update(row(31))
    ds.checkout("main")
    ds[1].update(row(31))
    ds.merge("dev")
    assert seeds(ds) == [0, 31, 2, 3, 4, 5]


def test_rows_removed(ds):
    ds.pop(0)
    ds[0].update(row(31))  # row 1
    ds.append(row(10))
    ds.checkout("main")
    ds.pop([1, 2])
    ds.merge("dev")
    assert seeds(ds) == [0, 3, 4, 5, 31, 10], "what was changed there is back, what was not stays away"


@pytest.mark.parametrize("is_committed", [False, True])
def test_rows_that_came_by_a_merge_and_were_removed_stay_gone(ds, is_committed):
    ds.extend({name: [row(at)[name] for at in (10, 11)] for name in row(0)})
    ds.commit("dev")
    ds.checkout("main")
    ds.merge("dev")
    ds.pop(6)
    ds.pop(0)
    if is_committed:
        ds.commit("popped")
    ds.checkout("dev")
    ds.append(row(12))
    ds.commit("dev again")
    ds.checkout("main")
    ds.merge("dev")
    assert seeds(ds) == [1, 2, 3, 4, 5, 11, 12]
    ds.checkout("dev")
    ds[6].update(row(16))
    ds.commit("changed")
    ds.checkout("main")
    ds.merge("dev")
    assert seeds(ds) == [1, 2, 3, 4, 5, 11, 12, 16], "what was changed there is back"


@pytest.mark.parametrize("is_by_merge", [False, True])
def test_rows_that_are_back_are_so_in_all_tensors(ds, is_by_merge):
    """A row removed here is back where it was changed there: whole, though only one of its values was changed."""
    ds.append(row(10))
    ds.append(row(11))
    ds.commit("dev")
    ds.x[6] = row(16)["x"]
    ds.x[2] = row(12)["x"]
    ds.commit("changed")
    ds.checkout("main")
    if is_by_merge:
        ds.merge("dev")
        ds.pop(6)
    ds.pop(2)
    ds.merge("dev")
    assert {name: len(tensor) for name, tensor in ds.tensors.items()} == dict.fromkeys(ds.tensors, len(ds))
    firsts = ds.x.numpy()[:, 0].tolist()
    for changed, before in ((12, 2), (16, 10)):
        ds.x[firsts.index(changed)] = row(before)["x"]
    assert sorted(seeds(ds)) == [0, 1, 2, 3, 4, 5, 10, 11]


def test_tensors_added_renamed_and_deleted(ds):
    ds.create_tensor("group/new", htype="class_label", class_names=["p"]).extend(["p", "q"])
    ds.rename_tensor("text", "words")
    ds.delete_tensor("seq")
    ds.words.append("more")
    ds.checkout("main")
    ds.text.append("mine")
    ds.merge("dev")
    assert sorted(ds.tensors) == ["group/new", "image", "label", "seq", "words", "x"]
    assert ds.words.text() == [*(f"row {at}" for at in range(6)), "mine", "more"]
    assert ds["group/new"].data()["text"] == [["p"], ["q"]]
    assert sorted(ds.groups) == ["group"]
    ds["group/new"].append("r")
    ds["group/new"][0] = "q"
    again = load(ds._state.storage)
    assert again["group/new"].data()["text"] == [["q"], ["q"], ["r"]]
    assert len(again["group/_new_id"]) == 3
    ds.checkout("dev")
    assert ds["group/new"].data()["text"] == [["p"], ["q"]]
    ds.x.append([9, 9])
    ds.checkout("main")
    ds.merge("dev", delete_removed_tensors=True)
    assert "seq" not in ds.tensors


def test_names_that_contradict(ds):
    ds.rename_tensor("text", "words")
    ds.checkout("main")
    ds.rename_tensor("text", "prose")
    with pytest.raises(MergeError, match="renamed to 'words' there and is renamed to 'prose' here"):
        ds.merge("dev")
    ds.merge("dev", force=True)
    assert ds.words.text() == ds.prose.text()


def test_a_name_that_is_another_tensor_here(ds):
    ds.rename_tensor("text", "words")
    ds.words.append("theirs")
    ds.checkout("main")
    ds.create_tensor("words", htype="text").append("mine")
    with pytest.raises(MergeError, match="another 'words' is here"):
        ds.merge("dev")
    ds.merge("dev", force=True)
    assert ds.words.text()[0] == "mine"
    assert "theirs" in ds.words.text()


def test_a_tensor_deleted_here_comes_back_if_it_was_changed_there(ds):
    ds.text.append("more")
    ds.checkout("main")
    ds.delete_tensor("text")
    ds.delete_tensor("seq")
    ds.merge("dev")
    assert ds.text.text()[-1] == "more"
    assert "seq" not in ds.tensors


def test_kinds_that_contradict(ds):
    ds.create_tensor("y", htype="text")
    ds.checkout("main")
    ds.create_tensor("y", htype="json")
    head = ds.pending_commit_id
    ds.close()
    before = {key: data for key, data in objects(ds._state.storage).items() if head in key}
    with pytest.raises(MergeError, match="tensor 'y': its htype is json here and text there"):
        ds.merge("dev")
    ds.close()
    assert {key: data for key, data in objects(ds._state.storage).items() if head in key} == before
    ds.create_tensor("bare", create_id_tensor=False)
    ds.checkout("dev")
    ds.delete_tensor("y")
    ds.create_tensor("bare", create_id_tensor=False)
    ds.checkout("main")
    with pytest.raises(MergeError, match="without ids"):
        ds.merge("dev")


def test_what_cannot_be_merged(ds):
    with pytest.raises(VersionNotFoundError):
        ds.merge("nowhere")
    first = ds.commit_id
    ds.merge(first)
    assert len(ds.commits) == 1, "an ancestor has nothing new"
    with pytest.raises(ReadOnlyError):
        load(ds._state.storage, read_only=True).merge("main")


def test_a_branch_is_deleted(ds):
    store = ds._state.storage
    ds.append(row(9))
    ds.commit()
    head = ds.pending_commit_id
    with pytest.raises(ReadOnlyError, match="checked out"):
        ds.delete_branch("dev")
    ds.checkout("sub", create=True)
    ds.checkout("main")
    with pytest.raises(ReadOnlyError, match="'sub' starts on it"):
        ds.delete_branch("dev")
    with pytest.raises(VersionNotFoundError):
        ds.delete_branch("nowhere")
    with pytest.raises(ReadOnlyError):
        load(store, read_only=True).delete_branch("sub")
    ds.delete_branch("sub")
    ds.delete_branch("dev")
    assert ds.branches == ["main"]
    assert not [key for key in objects(store) if head in key]
    ds.append(row(8))
    assert seeds(load(store)) == [0, 1, 2, 3, 4, 5, 8]
    ds.commit()
    ds.checkout("other", create=True)
    with pytest.raises(ReadOnlyError, match="main one"):
        ds.delete_branch("main")


def test_a_branch_whose_chunks_are_in_use_stays(ds):
    ds.create_tensor("new", dtype="int64").extend([1, 2, 3])
    ds.checkout("main")
    ds.merge("dev")
    with pytest.raises(ReadOnlyError, match="it was merged"):
        ds.delete_branch("dev")
    assert load(ds._state.storage).new.numpy().reshape(-1).tolist() == [1, 2, 3]


def changed_in_every_way(ds):
    """Rows that are new and rows that are changed on `dev`, a tensor renamed and one that is new there."""
    ds[1].update(row(31))
    ds[4].update(row(34))
    ds.extend({name: [row(at)[name] for at in (10, 11, 12)] for name in row(0)})
    ds.create_tensor("more/new").extend([1, 2])
    ds.commit("dev")
    ds.checkout("main")
    ds.append(row(20))
    ds.commit("main")
    return objects(ds._state.storage)


BEFORE, NEW, ALL = [0, 1, 2, 3, 4, 5, 20], [0, 1, 2, 3, 4, 5, 20, 10, 11, 12], [0, 31, 2, 3, 34, 5, 20, 10, 11, 12]


def test_a_merge_that_is_killed_anywhere_left_all_tensors_alike_and_is_done_again(ds):
    stored, seen, is_over = changed_in_every_way(ds), [], False
    for steps in range(1, 300):
        storage = Dying(memory())
        for key, data in stored.items():
            storage.put(key, data)
        merging = load(storage)
        storage.kill_at(steps)
        with suppress(Killed):
            merging.merge("dev")
            is_over = True
        del merging
        for key in [key for key in objects(storage.inner) if key.endswith(".lock")]:
            storage.inner.delete(key)  # as when they have run out
        found = load(storage.inner)
        seen.append(seeds(found))
        assert ("more/new" in found) == (seen[-1] == ALL)
        found.merge("dev")
        assert seeds(found) == ALL
        assert not found.has_head_changes
        if is_over:
            break
    assert is_over
    assert [rows for at, rows in enumerate(seen) if rows not in seen[:at]] == [BEFORE, NEW, ALL]


@pytest.mark.parametrize("change", [lambda ds: ds[1].update(row(31)), lambda ds: ds.append(row(10))])
def test_one_kind_of_change_is_merged_in_one_step(ds, change):
    change(ds)
    ds.commit("dev")
    ds.checkout("main")
    writer, flushes = ds._writer, []
    real = writer._write
    writer._write = lambda puts: flushes.append(len(puts)) or real(puts)
    ds.merge("dev")
    assert len(flushes) == 1
