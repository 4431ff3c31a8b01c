"""Objects of a dataset damaged in every way: it is found, said in plain words, and mended where nothing is lost."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb import session
from deeplake_nb.dataset.fsck.examination import examine
from deeplake_nb.dataset.lock import Holder
from deeplake_nb.errors import LakeError, StorageError
from deeplake_nb.format import keys
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.meta import TensorMeta
from tests.eventually import collected

from .stores import load, memory, objects


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Objects of a dataset with tensors of each kind, two commits, a branch, a merge and views."""
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(np.full((3, 4, 3), 7, "uint8")).save(folder / "a.png")
    ds = deeplake.empty("mem://fsck")
    with ds:
        ds.create_tensor("x", dtype="int32", max_chunk_size=80)
        ds.create_tensor("varied", dtype="uint8")
        ds.create_tensor("packed", dtype="int16", chunk_compression="lz4")
        ds.create_tensor("group/text", htype="text")
        ds.create_tensor("label", htype="class_label", class_names=["a", "b"])
        ds.create_tensor("image", htype="image", sample_compression="png")
        ds.create_tensor("seq", htype="sequence[text]")
        ds.create_tensor("linked", htype="link[image]", sample_compression="png")
        ds.info["about"] = "fsck"
    add(ds, folder, 5)
    ds.commit("five")
    ds.save_view(id="all")
    ds[1:3].save_view(id="two", optimize=True)
    add(ds, folder, 3)
    ds.x[1] = [9, 9, 9]
    ds.commit("eight")
    ds.checkout("side", create=True)
    add(ds, folder, 2)
    ds.commit("ten")
    ds.checkout("main")
    ds.merge("side")
    add(ds, folder, 1)
    ds.close()
    return objects(ds._state.storage), folder


def row(at):
    """Row ``at`` of the tensors that most damage is done to."""
    return {
        "x": [at, at + 1, at + 2],
        "varied": np.full((at, 2), at, "uint8"),
        "packed": np.full(50, at, "int16"),
        "group/text": f"row {at}",
        "label": at % 2,
        "image": np.full((2, 3, 3), at, "uint8"),
        "seq": ["a", "b"][: at % 3],
    }


def add(ds, folder, count):
    with ds:
        for at in range(count):
            ds.append({**row(at), "linked": deeplake.link(str(folder / "a.png"))})


@pytest.fixture
def store(whole):
    return restored(whole[0])


def fsck(store, **options):
    return examine(store, _open, **options)


def _open(links, managed):
    return list(session.default().open_links(links, managed))


def contents(store, *, infos=True):
    """All that can be read of all versions; errors as their kinds."""
    out = {}
    for address in load(store, read_only=True)._state.tree.commits:
        ds = load(store, address=address, read_only=True)
        out[address, "info"] = str(dict(ds.info)) if infos else ""
        for name, tensor in ds.tensors.items():
            found = tensor.path() if tensor.is_link else tensor.data(aslist=True)["value"]
            out[address, name] = str([np.asarray(one).tolist() if not isinstance(one, str) else one for one in found])
    return out


def test_nothing_is_wrong_with_a_dataset_as_it_is_written(store):
    before = objects(store)
    found = fsck(store)
    assert list(found) == []
    assert found
    assert "nothing is wrong" in repr(found)
    assert objects(store) == before
    assert list(fsck(store, repair=True)) == []
    assert objects(store) == before


@pytest.fixture(scope="module")
def small(whole):
    """Objects of a dataset with two tensors, two versions and a view."""
    ds = deeplake.empty("mem://fsck-small")
    with ds:
        ds.create_tensor("x", dtype="int32", max_chunk_size=80)
        ds.create_tensor("linked", htype="link[image]", sample_compression="png")
        ds.info["about"] = "fsck"
    for _ in range(3):
        ds.append({"x": [1, 2, 3], "linked": deeplake.link(str(whole[1] / "a.png"))})
    ds.commit("three")
    ds[1:].save_view(id="two")
    ds.append({"x": [1, 2, 3], "linked": None})
    ds.close()
    return objects(ds._state.storage)


def restored(found):
    storage = memory()
    for key, data in found.items():
        storage.put(key, data)
    return storage


def test_every_object_deleted_is_noticed_or_needed_by_nobody(small):
    """Whatever is lost: the check says so, or everything reads as before."""
    store = restored(small)
    expected, silent = contents(store, infos=False), []
    for key, data in small.items():
        store.delete(key)
        found = fsck(store)
        if not list(found):
            silent.append(key)
            assert contents(store, infos=False) == expected, key  # nobody knows whether there was an info
        store.put(key, data)
    allowed = (
        "commit_diff",
        "dataset_diff",
        "chunk_set",
        "_info.json",
        "tiles_index/unsharded",
        "creds_index/unsharded",
    )
    assert [key for key in silent if not key.endswith(allowed) and not key.startswith(".queries/two/")] == []


@pytest.mark.parametrize("damage", ["empty", "half", "noise"])
def test_every_object_damaged_is_noticed_or_reads_as_before(small, damage):
    store, rng = restored(small), np.random.default_rng(0)
    expected, silent = contents(store), []
    for key, data in small.items():
        bad = {"empty": b"", "half": data[: len(data) // 2], "noise": rng.bytes(len(data))}[damage]
        if bad == data:
            continue
        store.put(key, bad)
        found = fsck(store)
        if not list(found):
            silent.append(key)
            try:
                now = contents(store)
            except LakeError as error:
                raise AssertionError(f"{key}: not noticed, and then {error}") from error
            assert now == expected or "chunks/" in key, key
        store.put(key, data)
    noise_in_values = [key for key in silent if "/chunks/" in key]
    assert len(noise_in_values) == 0


def mended(store, message, how, **options):
    """The check finds it and changes nothing; a repair mends it, and nothing is wrong after that."""
    before = objects(store)
    found = fsck(store)
    assert message in repr(found), found
    assert objects(store) == before
    found = fsck(store, repair=True)
    assert any(how in one.remedy for one in found.mended), found
    assert found, found
    assert list(fsck(store)) == []
    return found


def kept_aside(store):
    return {key.split("/", 2)[2]: data for key, data in objects(store).items() if key.startswith(".fsck/")}


def test_a_commit_tree_is_built_from_the_copies_of_its_nodes(store, whole):
    expected = contents(store)
    for bad in (None, b"", b"{}", b'{"commits": {}, "branches": {}}'):
        if bad is None:
            store.delete(keys.VERSION_CONTROL)
        else:
            store.put(keys.VERSION_CONTROL, bad)
        mended(store, "wrong: version_control_info.json: ", "build it from the copies of its nodes")
        assert contents(store) == expected
        if bad:
            assert bad in kept_aside(store).values()
        for key in [key for key in objects(store) if key.startswith(".fsck/")]:
            store.delete(key)


def test_versions_that_are_their_own_ancestors(store):
    expected = contents(store)
    tree = json.loads(bytes(store.get(keys.VERSION_CONTROL)))
    tree["commits"][keys.FIRST_COMMIT]["parent"] = tree["branches"]["main"]
    store.put(keys.VERSION_CONTROL, json.dumps(tree).encode())
    mended(store, "the parents of versions form a circle", "build it from the copies of its nodes")
    assert contents(store) == expected
    store.put(keys.VERSION_CONTROL, json.dumps(tree).encode())
    copy = json.loads(bytes(store.get(keys.commit_info(keys.FIRST_COMMIT))))
    store.put(keys.commit_info(keys.FIRST_COMMIT), json.dumps({**copy, "parent": tree["branches"]["main"]}).encode())
    found = fsck(store, repair=True)
    assert "the nodes of some versions are lost, too: restore it from a backup" in repr(found)


def test_a_commit_tree_of_which_all_heads_are_lost_is_said_to_be_lost(tmp_path):
    with deeplake.empty(tmp_path / "ds") as ds:
        ds.create_tensor("x").append(1)
        ds.commit("one")
    ds.close()
    (tmp_path / "ds" / keys.VERSION_CONTROL).write_bytes(b"{}")
    shutil.rmtree(tmp_path / "ds" / "versions")
    found = deeplake.fsck(tmp_path / "ds", repair=True)
    assert "the nodes of some versions are lost, too: restore it from a backup" in repr(found)


def test_a_version_of_which_nothing_is_left_is_not_built_of_nothing(store):
    head = load(store, address="side").pending_commit_id
    before = objects(store)
    for key in before:
        if key.startswith(f"versions/{head}/"):
            store.delete(key)
    for options in ({}, {"repair": True}):
        found = fsck(store, **options)
        assert f"wrong: versions/{head}/dataset_meta.json: the list of this version's tensors is missing" in repr(found)
        assert "restore it from a backup, or go back to the last commit: checkout(branch, reset=True)" in repr(found)
        assert not [key for key in objects(store) if key == keys.dataset_meta(head)]
    ds = load(store)
    ds.checkout("side", reset=True)
    assert len(ds.x) == 10
    ds.close()
    assert not [one for one in fsck(store) if "dataset_meta" in one.key]


def test_metadata_of_the_dataset_is_built_from_the_tensors(store):
    expected = contents(store)
    names = load(store)._state.meta.tensor_names
    for key in [key for key in objects(store) if key.endswith("dataset_meta.json") and ".queries" not in key]:
        store.put(key, b"{")
        mended(store, f"wrong: {key}: ", "build it from the tensors")
        assert contents(store) == expected
    assert load(store)._state.meta.tensor_names == names


def test_lists_of_chunks(store):
    expected = contents(store)
    for key in [key for key in objects(store) if key.endswith("/chunk_set") and "/x/" in key]:
        store.delete(key)
    found = fsck(store, repair=True)
    assert not found or contents(store) == expected


def test_copies_of_nodes_and_diffs(store):
    for key in [key for key in objects(store) if key.endswith(("commit_info.json", "commit_diff"))]:
        store.put(key, b"x")
    found = fsck(store, repair=True)
    assert found
    assert len(found.mended) > 10
    assert list(fsck(store)) == []
    ds = load(store)
    ds.diff()
    ds.commit("goes on")


def test_locks(store):
    store.put(keys.write_lock(keys.FIRST_COMMIT), struct.pack("<6sdI", b"abcdef", time.time() - 1, 7))
    store.put(keys.VERSION_CONTROL_LOCK, b"no lock")
    found = fsck(store)
    assert found, "a lock that has run out harms nobody"
    assert [one.state for one in found] == ["note", "note"]
    assert "process 7 left its lock behind" in repr(found)
    assert len(fsck(store, repair=True).mended) == 2
    store.put(keys.write_lock(keys.FIRST_COMMIT), struct.pack("<6sdI", b"abcdef", time.time() + 99, 7))
    assert "process 7 on machine 66:65:64:63:62:61 is writing" in repr(fsck(store))


def test_a_lock_of_a_process_that_has_ended(tmp_path):
    deeplake.empty(tmp_path).close()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    holder = replace(Holder.here(time.time() + 99), process=ended.pid)
    (tmp_path / keys.write_lock(keys.FIRST_COMMIT)).write_bytes(holder.encode())
    said = f"process {ended.pid} left its lock behind; it has ended"
    (note,) = deeplake.fsck(tmp_path)
    assert (note.state, note.message) == ("note", said)
    (mend,) = deeplake.fsck(tmp_path, repair=True)
    assert (mend.state, mend.message) == ("mended", said)
    assert list(deeplake.fsck(tmp_path)) == []


def test_orphans_are_kept_aside(store):
    strange = {
        "x/chunks/abc": b"chunk",
        "gone/chunk_set": b"",
        "versions/0123/x/chunks/1": b"left by a commit that never was",
        "notes.txt": b"mine",
    }
    for key, data in strange.items():
        store.put(key, data)
    found = fsck(store)
    assert found, "they harm nobody"
    assert len(found.notes) == 3
    assert len(fsck(store, repair=True).mended) == 3
    assert kept_aside(store) == strange
    assert list(fsck(store)) == []


def test_companions_are_filled_up(store):
    ds = load(store)
    expected = contents(store)
    infos = ds.image.sample_info
    state = ds._state
    for name in ("_image_shape", "_image_id", "_image_info", "_seq_id", "_x_shape"):
        tensor = state.tensor(name)
        path = keys.tensor_meta(state.commit.id, tensor.key)
        meta = TensorMeta.decode(store.get(path), path, tensor.key)
        data = meta.encode().replace(f'"length": {meta.length}'.encode(), f'"length": {meta.length - 2}'.encode())
        store.put(path, data)
    found = fsck(store)
    assert "it has 9 rows, but tensor 'image' has 11" in repr(found)
    assert fsck(store, repair=True)
    assert list(fsck(store)) == []
    again = load(store)
    assert contents(store) == expected
    assert again.image.shapes().tolist() == [[2, 3, 3]] * 11
    assert again.image.sample_info[:9] == infos[:9]
    again.append(dict.fromkeys(again.tensors))
    again.commit("goes on")


def test_bounds_of_shapes(store):
    path = f"{keys.root(load(store)._state.commit.id)}varied/tensor_meta.json"
    meta = TensorMeta.decode(store.get(path), path, "varied")
    store.put(path, replace(meta, min_shape=(2, 2), max_shape=(2, 2)).encode())
    mended(store, "the original would read them wrongly", "write what the samples say")
    assert load(store).varied.shape_interval.upper[1:] == (4, 2)


def test_rows_that_were_never_counted_are_cut(store):
    path = f"{keys.root(load(store)._state.commit.id)}x/chunks_index/unsharded"
    ids = ChunkIds.decode(store.get(path), path)
    store.put(path, ChunkIds(ids.ids, np.where(ids.lasts == ids.lasts[-1], ids.lasts + 3, ids.lasts)).encode())
    found = fsck(store)
    assert found, "readers leave them out"
    mended(store, "were never counted", "cut the tables")


def test_a_missing_chunk_is_said_with_its_tensor_and_version(store):
    path = next(key for key in objects(store) if "x/chunks/" in key and key.startswith("versions/"))
    store.delete(path)
    found = fsck(store, repair=True)
    assert not found
    assert f"wrong: {path}: this chunk is missing: rows of tensor 'x' in version" in repr(found)
    assert "restore it from a backup, or pop() the rows" in repr(found)


def test_broken_links_are_told_by_path_and_reason(store, whole, monkeypatch):
    folder = whole[1]
    picture = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(b"no picture")
    try:
        found = fsck(store)
        assert list(fsck(store, quick=True)) == []
    finally:
        (folder / "a.png").write_bytes(picture)
    assert not found
    assert "of tensor 'linked' 11 links cannot be opened" in repr(found)
    assert str(folder / "a.png") in repr(found)


def test_views(store):
    before = store.get(keys.VIEWS_LIST)
    store.put(keys.VIEWS_LIST, b"[")
    assert fsck(store, repair=True)
    assert {one.id for one in load(store).get_views()} == {"all", "two"}
    store.put(keys.VIEWS_LIST, before)
    for key in [key for key in objects(store) if key.startswith(".queries/two/")]:
        store.delete(key)
    mended(store, "views are listed that are not there", "list those that are there")
    assert [one.id for one in load(store).get_views()] == ["all"]


def test_a_change_that_was_not_finished_is_finished(store):
    ds = load(store)
    real, puts = store.put, []

    def dying(key, data, **options):
        if puts and "journal" in puts[-1]:
            raise StorageError("the process is gone")
        puts.append(key)
        return real(key, data, **options)

    store.put = dying
    with pytest.raises(StorageError):
        ds.x[0] = [5, 5, 5]
    store.put, ds = real, None
    collected()
    assert any(key.endswith("dataset_journal") for key in objects(store))
    mended(store, "a writer died in the middle of a change", "finish the change")
    assert load(store).x[0].numpy().tolist() == [5, 5, 5]


def test_a_dataset_object_is_checked_and_goes_on(tmp_path):
    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("x", dtype="int32")
    ds.x.extend([1, 2, 3])
    (tmp_path / "ds" / "x" / "chunks" / "ab").write_bytes(b"orphan")
    assert len(ds.fsck().notes) == 1
    assert len(ds.fsck(repair=True).mended) == 1
    ds.x.append(4)
    assert ds.x.numpy().reshape(-1).tolist() == [1, 2, 3, 4]
    assert list(deeplake.fsck(tmp_path / "ds")) == []
    assert "<table>" in ds.fsck()._repr_html_()
    with pytest.raises(LakeError, match="no dataset at"):
        deeplake.fsck(tmp_path / "nothing")
    with pytest.raises(LakeError, match="only a whole dataset"):
        ds[:2].fsck()
    ds.close()
    (tmp_path / "ds" / "dataset_meta.json").write_text("{")
    with pytest.raises(LakeError):
        deeplake.load(tmp_path / "ds")
    assert deeplake.fsck(tmp_path / "ds", repair=True)
    assert len(deeplake.load(tmp_path / "ds")) == 4
