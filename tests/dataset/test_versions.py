"""Branches and commits: each is read as it was, heads can be written to, and what is closed stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb.errors import FormatError, ReadOnlyError, UnsupportedError, VersionNotFoundError
from deeplake_nb.format import keys
from deeplake_nb.format.diffs import CommitDiff
from deeplake_nb.format.versions import decode_chunk_set

from .history import branch, commit
from .stores import create, load, memory, objects


@pytest.fixture
def store():
    storage = memory()
    ds = create(storage)
    with ds:
        ds.create_tensor("x", dtype="int64", max_chunk_size=200)
        ds.create_tensor("text", htype="text")
        ds.create_tensor("seq", htype="sequence[generic]", dtype="int16")
        ds.create_tensor("label", htype="class_label", class_names=["a"])
    add(ds, 0, 20)
    ds.close()
    return storage


def add(ds, start, stop):
    rows = range(start, stop)
    ds.extend({
        "x": [[at, at] for at in rows],
        "text": [f"row {at}" for at in rows],
        "seq": [[np.int16(at)] * (at % 3) for at in rows],
        "label": ["a"] * len(rows),
    })  # fmt: skip


def check(ds, count, offset=0):
    expected = [*range(min(count, 20)), *range(20 + offset, count + offset)]
    assert ds.x.numpy()[:, 0].tolist() == expected
    assert ds.text.text() == [f"row {at}" for at in expected]
    assert [len(row) for row in ds.seq.numpy(aslist=True)] == [at % 3 for at in expected]
    assert len(ds) == count


def test_rows_of_a_commit_are_read_after_it(store):
    first = commit(store)
    ds = load(store)
    check(ds, 20)
    assert (ds.branch, ds.commit_id, ds.read_only) == ("main", first, False)
    assert [one["message"] for one in ds.commits] == ["made by hand"]


def test_a_head_after_a_commit_is_appended_to(store):
    first = commit(store)
    before = {key: data for key, data in objects(store).items() if not key.startswith("versions/")}
    ds = load(store)
    head = ds.pending_commit_id
    add(ds, 20, 50)
    add(ds, 50, 51)
    check(ds, 51)
    check(load(store), 51)
    check(load(store, address=first), 20)
    after = {key: data for key, data in objects(store).items() if not key.startswith("versions/")}
    assert after == before, "nothing of a closed commit is touched"
    diff = CommitDiff.decode(bytes(store.get(keys.commit_diff(head, "x"))), "d")
    assert (diff.created, diff.added_first, diff.added_stop) == (False, 20, 51)
    names = decode_chunk_set(store.get(keys.chunk_set(head, "x")))
    stored = {entry.key.rpartition("/")[2] for entry in store.list(f"versions/{head}/x/chunks/")}
    assert set(names) == stored
    assert len(stored) > 5


def test_branches_go_their_own_ways(store):
    first = commit(store)
    branch(store, "other", first)
    main, other = load(store), load(store, address="other")
    assert set(main.branches) == {"main", "other"}
    add(main, 20, 30)
    add(other, 120, 125)
    check(load(store), 30)
    check(load(store, address="other"), 25, 100)
    second = commit(store, "other")
    third = load(store, address="other")
    add(third, 125, 130)
    check(third, 30, 100)
    check(load(store, address=second), 25, 100)
    check(load(store, address=first), 20)
    assert third.branch == "other"


def test_two_commits_deep(store):
    commits = []
    for at in range(20, 50, 10):
        commits.append(commit(store))
        ds = load(store)
        add(ds, at, at + 10)
        ds.close()
    for number, one in enumerate(commits):
        check(load(store, address=one), 20 + 10 * number)
    check(load(store), 50)
    assert [one["commit"] for one in load(store).commits] == commits[::-1]


CHANGES = {
    "append": lambda ds: ds.append({"x": [1, 1]}, append_empty=True),
    "tensor": lambda ds: ds.create_tensor("new"),
    "info": lambda ds: ds.info.update(a=1),
    "update": lambda ds: ds.x.__setitem__(0, [5, 5]),
    "pop": lambda ds: ds.pop(0),
    "delete": lambda ds: ds.delete_tensor("x"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_closed_commit_starts_a_branch(store, name, caplog):
    first = commit(store)
    before = objects(store)
    ds = load(store, address=first)
    x, rows = ds.x, len(ds)
    with ds:
        ds.flush()
    assert objects(store) == before
    CHANGES[name](ds)
    assert ds.branch.startswith("auto_")
    assert ds.is_head_node
    assert ds.commit_id == first
    assert ds.has_head_changes
    assert f"changes go to the new branch {ds.branch}" in caplog.text
    assert x._state is ds._state, "tensors that are held follow"
    after = objects(store)
    known = {"version_control_info.json", "commit_info.json"}
    assert {key: after[key] for key in before if key not in known} == {k: before[k] for k in before if k not in known}
    assert len(load(store, address=first)) == rows
    again = load(store, address=ds.branch)
    assert list(again.tensors) == list(ds.tensors)
    assert again.commit("aside") in {one["commit"] for one in load(store, address=ds.branch).commits}


def test_a_closed_commit_opened_for_reading_stays_so(store):
    first = commit(store)
    before = objects(store)
    for ds in (load(store, address=first, read_only=True), load(store, read_only=True)):
        ds.checkout(first)
        for change in CHANGES.values():
            with pytest.raises(ReadOnlyError):
                change(ds)
    assert objects(store) == before


def test_a_head_that_another_writer_closes_is_followed(store):
    commit(store)
    ds = load(store)
    add(ds, 20, 25)
    ds.close()
    closed = commit(store)
    before = {key: data for key, data in objects(store).items() if key.startswith(f"versions/{closed}/")}
    add(ds, 25, 30)
    assert ds.pending_commit_id not in {closed, keys.FIRST_COMMIT}
    check(load(store), 30)
    check(load(store, address=closed), 25)
    assert {key: data for key, data in objects(store).items() if key.startswith(f"versions/{closed}/")} == before


def test_going_from_one_version_to_another(store):
    first = commit(store)
    branch(store, "other", first)
    ds = load(store)
    add(ds, 20, 30)
    assert ds.checkout("other") == first
    check(ds, 20)
    add(ds, 120, 122)
    ds.checkout(first)
    check(ds, 20)
    assert not ds.is_head_node
    ds.checkout("main")
    check(ds, 30)
    assert not ds.read_only
    with pytest.raises(VersionNotFoundError, match="no branch or commit 'none'"):
        ds.checkout("none")
    check(ds, 30)


def test_a_version_of_a_path(tmp_path):
    place = tmp_path / "ds"
    ds = deeplake.empty(place)
    ds.create_tensor("x").extend([1, 2])
    ds.close()
    storage = ds._state.storage
    first = commit(storage)
    branch(storage, "feature-1", first)
    deeplake.load(place).x.append(3)
    assert len(deeplake.load(f"{place}@{first}").x) == 2
    assert len(deeplake.load(f"{place}@main").x) == 3
    assert deeplake.load(f"{place}@feature-1").branch == "feature-1"
    with pytest.raises(VersionNotFoundError, match=r"no branch or commit 'feature-2' \(did you mean 'feature-1'\?\)"):
        deeplake.load(f"{place}@feature-2")
    assert deeplake.exists(f"{place}@main")


def test_a_folder_with_an_at_sign_is_no_version(tmp_path):
    place = tmp_path / "mail@home"
    deeplake.empty(place).create_tensor("x").append(1)
    assert len(deeplake.load(place).x) == 1
    assert len(deeplake.load(f"{place}@main").x) == 1


def test_a_chunk_that_was_copied_into_a_later_commit_has_the_nearest_content(store):
    commit(store)
    head = load(store).pending_commit_id
    entries = [entry.key for entry in store.list("text/chunks/")]
    (path,) = entries
    name = path.rpartition("/")[2]
    store.put(keys.chunk(head, "text", name), bytes(store.get(path)).replace(b"row 3", b"ROW 3"))
    store.put(keys.chunk_set(head, "text"), name.encode())
    assert load(store).text[3].text() == "ROW 3"
    ds = load(store)
    ds.text.append("more")
    assert load(store).text.text()[3:5] == ["ROW 3", "row 4"]
    assert load(store).text[20].text() == "more"


def test_a_commit_that_lost_its_metadata_is_named(store):
    commit(store)
    head = load(store).pending_commit_id
    store.delete(keys.dataset_meta(head))
    with pytest.raises(FormatError, match=f"versions/{head}/dataset_meta.json is missing"):
        load(store)


def test_a_summary_says_which_commit_is_looked_at(capsys):
    ds = deeplake.empty("mem://versions-summary", overwrite=True)
    ds.create_tensor("x").append(1)
    first = ds.commit("one")
    ds.summary()
    assert "branch main\n" in capsys.readouterr().out
    deeplake.load(f"mem://versions-summary@{first}").summary()
    assert f"branch main, commit {first[:12]}\n" in capsys.readouterr().out


@pytest.mark.parametrize("part", [lambda ds: ds[2:4], lambda ds: ds[["x"]], lambda ds: ds.group])
@pytest.mark.parametrize("address", ["side", "new"])
def test_a_part_of_a_dataset_goes_to_no_other_version(store, part, address):
    ds = load(store)
    ds.create_tensor("group/inner").append(1)
    first = ds.commit("one")
    ds.checkout("side", create=True)
    ds.checkout("main")
    with pytest.raises(UnsupportedError, match="versions are the whole dataset's"):
        part(ds).checkout(address, create=address == "new")
    assert (ds.branch, ds.branches, ds.commit_id) == ("main", ["main", "side"], first)
    ds.x.append([1, 1])
