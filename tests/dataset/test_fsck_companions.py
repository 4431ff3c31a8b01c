"""Chunks of hidden tensors that are lost or damaged: made anew from the samples, where that harms no other version."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake

from .stores import create, load, memory, objects
from .test_fsck import contents, fsck, kept_aside, restored, row

DAMAGE = {"lost": None, "empty": b"", "noise": b"\x05" * 60}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Objects of a dataset with tensors of many kinds, in three versions and a branch."""
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(np.full((3, 4, 3), 7, "uint8")).save(folder / "a.png")
    store = memory()
    ds = create(store)
    with ds:
        ds.create_tensor("x", dtype="int32", max_chunk_size=80)
        ds.create_tensor("varied", dtype="uint8")
        ds.create_tensor("packed", dtype="int16", chunk_compression="lz4")
        ds.create_tensor("group/text", htype="text")
        ds.create_tensor("label", htype="class_label", class_names=["a", "b"])
        ds.create_tensor("image", htype="image", sample_compression="png")
        ds.create_tensor("large", dtype="uint8", tiling_threshold=200)
        ds.create_tensor("seq", htype="sequence[text]")
        ds.create_tensor("boxes", htype="sequence[bbox]")
        ds.create_tensor("list", htype="list")
        ds.create_tensor("linked", htype="link[image]", sample_compression="png")
    add(ds, folder, 5)
    ds.commit("five")
    ds.pop()
    ds.varied[1] = np.ones((7, 7), "uint8")
    add(ds, folder, 3)
    ds.commit("eight")
    ds.checkout("side", create=True)
    add(ds, folder, 2)
    ds.checkout("main")
    ds.pop(1)
    add(ds, folder, 1)
    ds.close()
    return objects(store)


def add(ds, folder, count):
    with ds:
        for at in range(count):
            more = {
                "large": np.full((40 + at, 10), at, "uint8"),
                "boxes": [np.ones((at, 4), "float32")] * 2,
                "list": list(range(at)),
                "linked": deeplake.link(str(folder / "a.png")),
            }
            ds.append({**row(at), **more}, skip_ok=True)


def chunks(found, ending):
    return [key for key in found if "/chunks/" in key and key.split("/chunks/")[0].endswith(ending)]


def hurt(store, path, data):
    store.delete(path) if data is None else store.put(path, data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_shapes_are_what_the_samples_say(whole, damage):
    store = restored(whole)
    expected, some = contents(store), chunks(whole, "_shape")
    assert len(some) > 20
    for path in some:
        hurt(store, path, DAMAGE[damage])
        name = path.split("/chunks/")[0].rpartition("/")[2]
        before = objects(store)
        found = fsck(store)
        assert f"it is one of tensor '{'group/' if 'text' in name else ''}{name}'" in repr(found), path
        assert "fsck(repair=True) can make it anew from tensor" in repr(found)
        assert objects(store) == before
        assert fsck(store, repair=True), path
        assert bytes(store.get(path)) == whole[path], path
    assert list(fsck(store)) == []
    assert contents(store) == expected
    assert set(kept_aside(store)) == (set() if damage == "lost" else set(some))


def test_shapes_of_samples_that_are_lost_too_are_not_made_up(whole):
    store = restored(whole)
    lost = [*chunks(whole, "varied"), *chunks(whole, "_varied_shape")]
    for path in lost:
        store.delete(path)
    before = objects(store)
    found = fsck(store, repair=True)
    assert not found
    assert {one.key for one in found.wrong} == set(lost)
    assert "to make it anew from tensor 'varied' was tried, and failed: " in repr(found)
    assert objects(store) == before


@pytest.fixture
def single():
    """Objects of a dataset with one version."""
    store = memory()
    ds = create(store)
    ds.create_tensor("x", dtype="int32", max_chunk_size=80).extend(np.arange(20).reshape(10, 2))
    ds.create_tensor("seq", htype="sequence[text]").extend([["a"], [], ["b", "c"]])
    ds.close()
    return objects(store)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["x", "seq"])
def test_rows_get_new_ids_where_nobody_knows_others(single, name, damage):
    store = restored(single)
    (path,) = chunks(single, f"_{name}_id")
    hurt(store, path, DAMAGE[damage])
    assert fsck(store, repair=True)
    assert list(fsck(store)) == []
    ds = load(store)
    ids = [int(one) for (one,) in ds[f"_{name}_id"].numpy()]
    assert len(set(ids)) == len(ids) == len(ds[name]), "one for each row, not for each item"
    ds.commit("repaired")
    ds.checkout("side", create=True)
    ds.x[0] = [7, 7]
    ds.x.append([8, 8])
    ds.commit("side")
    ds.checkout("main")
    ds.x.pop(9)
    ds.merge("side")
    assert ds.x.numpy().tolist() == [[7, 7], *np.arange(2, 18).reshape(8, 2).tolist(), [8, 8]]


def test_ids_that_all_versions_find_in_one_chunk_are_made_anew_for_all(single):
    store = restored(single)
    ds = load(store)
    ds.commit("one")
    ds.seq.append(["d"])
    ds.commit("two")
    ds.close()
    (path,) = chunks(objects(store), "_x_id")
    store.delete(path)
    assert fsck(store, repair=True)
    assert list(fsck(store)) == []


def test_ids_by_which_other_versions_know_the_rows_are_not_made_up(whole):
    store = restored(whole)
    store.delete(chunks(whole, "_label_id")[0])
    before = objects(store)
    found = fsck(store, repair=True)
    assert not found
    assert "other versions know these rows by the ids that were lost" in repr(found)
    assert objects(store) == before


def test_a_quick_check_makes_nothing_anew(single):
    store = restored(single)
    (path,) = chunks(single, "_x_shape")
    store.delete(path)
    found = fsck(store, repair=True, quick=True)
    assert f"wrong: {path}: this chunk is missing" in repr(found)
    assert path not in objects(store)
