"""Metadata and tables of tensors that are lost: built anew from what else says the same, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import HtypeError
from deeplake_nb.format import keys
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.meta import FLUSH, ROWS, TensorMeta

from .stores import create, load, memory, objects
from .test_fsck import contents, fsck, kept_aside, restored, row


@pytest.fixture(scope="module")
def whole():
    """Objects of a dataset with tensors of many kinds, in three versions and a branch."""
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
        ds.create_tensor("empty", htype="bbox")
    add(ds, 5)
    ds.commit("five")
    add(ds, 3)
    ds.commit("eight")
    ds.checkout("side", create=True)
    add(ds, 2)
    ds.checkout("main")
    add(ds, 1)
    ds.close()
    return objects(store)


def add(ds, count):
    with ds:
        for at in range(count):
            ds.append({**row(at), "large": np.full((40 + at, 10), at, "uint8")}, skip_ok=True)


def versions(store):
    return list(load(store, read_only=True)._state.tree.commits)


def metas(store, commit):
    """What is said of all tensors, but by which flush."""
    state = load(store, address=commit, read_only=True)._state
    return {key: replace(tensor.meta, extra=without_flush(tensor.meta.extra)) for key, tensor in state.tensors.items()}


def without_flush(extra):
    return {name: value for name, value in extra.items() if name not in {FLUSH, ROWS}}


DAMAGE = [None, b"", b"{", b"{}"]


def hurt(store, path, damage):
    store.delete(path) if damage is None else store.put(path, damage)


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_metadata_of_a_tensor(whole, damage):
    store = restored(whole)
    commit = versions(store)[-1]
    for key in ("x", "packed", "image", "_image_info"):
        path, meta = keys.tensor_meta(commit, key), metas(store, commit)[key]
        hurt(store, path, damage)
        found = fsck(store, quick=True)
        assert {one.key for one in found.wrong} == {path}
        found = fsck(store, repair=True, quick=True)
        assert [one.key for one in found.mended] == [path]
        assert found
        assert metas(store, commit)[key] == meta
        assert damage is None or damage in kept_aside(store).values()


@pytest.mark.parametrize("at", range(4))
def test_the_metadata_of_all_tensors_of_a_version(whole, at):
    store = restored(whole)
    expected = contents(store)
    commit = versions(store)[at]
    before = metas(store, commit)
    for number, key in enumerate(before):
        hurt(store, keys.tensor_meta(commit, key), DAMAGE[number % 3])
    assert fsck(store, repair=True)
    assert metas(store, commit) == before
    assert contents(store) == expected
    assert list(fsck(store)) == []


def test_hidden_tensors_of_a_dataset_without_a_history():
    store = memory()
    with create(store) as ds:
        ds.create_tensor("x", htype="image", sample_compression="png")
        ds.create_tensor("seq", htype="sequence[generic]", dtype="int32")
        ds.x.extend([np.full((2, 3 + at, 3), at, "uint8") for at in range(4)])
        ds.seq.extend([[[1], [2]], [], [[3]]])
    ds.close()
    expected = contents(store)
    before = metas(store, keys.FIRST_COMMIT)
    hidden = [key for key, meta in before.items() if meta.hidden]
    assert len(hidden) == 5
    for key in hidden:
        store.delete(keys.tensor_meta(keys.FIRST_COMMIT, key))
    assert fsck(store, repair=True)
    assert metas(store, keys.FIRST_COMMIT) == before
    assert contents(store) == expected
    store.delete(keys.tensor_meta(keys.FIRST_COMMIT, "x"))
    found = fsck(store, repair=True)
    assert not found
    assert "what the tensor is (htype, dtype, compression) stands nowhere else -> restore it from a backup" in repr(
        found
    )


def test_a_tensor_made_anew_is_not_what_one_of_its_name_was():
    store = memory()
    ds = create(store)
    ds.create_tensor("x", dtype="int32", max_chunk_size=80).extend(np.arange(9))
    ds.commit()
    ds.delete_tensor("x")
    ds.create_tensor("x", htype="text").extend(["a", "b"])
    ds.close()
    state = load(store)._state
    store.delete(keys.tensor_meta(state.commit.id, state.tensor("x").key))
    found = fsck(store, repair=True)
    assert not found
    assert "stands nowhere else -> go back to the last commit" in repr(found)


@pytest.mark.parametrize("at", range(4))
def test_tables_of_chunks(whole, at):
    """Of the first version, of one that adds a chunk, and of one that adds nothing: what can be built is as it was."""
    store = restored(whole)
    expected, mended = contents(store), set()
    commit = versions(store)[at]
    for number, key in enumerate(sorted(metas(store, commit))):
        path = keys.chunk_ids(commit, key)
        if path not in whole:
            continue
        hurt(store, path, DAMAGE[number % 3])
        found = fsck(store, repair=True, quick=True)
        if found:
            assert [one.remedy for one in found.mended] == ["build it from the chunks"]
            assert bytes(store.get(path)) == whole[path]
            mended.add(key)
        else:
            assert found.wrong
            store.put(path, whole[path])
    assert mended > {"varied", "packed", "group/text", "label", "image", "seq", "_x_id"}
    assert not mended & {"large"}, "tiles"
    assert contents(store) == expected


def test_the_order_of_several_chunks_is_not_guessed():
    store = memory()
    ds = create(store)
    ds.create_tensor("x", dtype="int64", max_chunk_size=64).extend(np.arange(40))
    ds.close()
    path = keys.chunk_ids(keys.FIRST_COMMIT, "x")
    assert len(ChunkIds.decode(store.get(path), path).ids) > 5
    before = objects(store)
    store.delete(path)
    found = fsck(store, repair=True)
    assert not found
    assert "rows are lost: restore it from a backup" in repr(found)
    assert path not in objects(store)
    store.put(path, before[path])
    assert load(store).x.numpy().reshape(-1).tolist() == list(range(40))


@pytest.mark.parametrize("key", ["x", "_x_shape"])
def test_a_chunk_that_came_in_the_place_of_another_is_not_guessed(key):
    store = memory()
    ds = create(store)
    ds.create_tensor("x", dtype="int64").extend([[at] * (at + 1) for at in range(4)])
    ds.commit()
    ds.x[1] = [9, 9, 9, 9, 9]
    ds.close()
    path = keys.chunk_ids(load(store)._state.commit.id, key)
    store.delete(path)
    found = fsck(store, repair=True)
    assert not found
    assert path in {one.key for one in found.wrong}
    assert path not in objects(store)


# ------------------------------------------------------------------ as its user remembers

MADE_WITH = {
    "x": {"dtype": "int32", "max_chunk_size": 80},
    "varied": {"dtype": "uint8"},
    "packed": {"dtype": "int16", "chunk_compression": "lz4"},
    "group/text": {"htype": "text"},
    "label": {"htype": "class_label"},
    "image": {"htype": "image", "sample_compression": "png"},
    "large": {"dtype": "uint8", "tiling_threshold": 200},
    "seq": {"htype": "sequence[text]"},
    "empty": {"htype": "bbox"},
    "linked": {"htype": "link[image]", "sample_compression": "png"},
    "canvas": {"htype": "image", "chunk_compression": "png"},
    "boxes": {"htype": "bbox", "coords": {"type": "pixel", "mode": "LTRB"}},
    "shapes": {"htype": "polygon"},
    "zipped": {"htype": "json", "sample_compression": "lz4"},
}


@pytest.fixture(scope="module")
def only(tmp_path_factory):
    """Objects of a dataset that has one version."""
    file = tmp_path_factory.mktemp("linked") / "a.png"
    Image.fromarray(np.zeros((4, 5, 3), "uint8")).save(file)
    store = memory()
    ds = create(store)
    for name, made in MADE_WITH.items():
        names = {"class_names": ["a", "b"]} if name == "label" else {}
        ds.create_tensor(name, **made, **names)
    add(ds, 6)
    for at in range(1, 4):
        ds.linked.append(deeplake.link(str(file)))
        ds.canvas.append(np.full((at, 4, 3), at, "uint8"))
        ds.boxes.append(np.full((at - 1, 4), at, "float32"))
        ds.shapes.append([np.full((at + 2, 2), at, "float32")])
        ds.zipped.append({"at": at})
    ds.close()
    return objects(store)


@pytest.mark.parametrize("name", MADE_WITH)
def test_what_was_said_of_a_tensor_that_stands_nowhere_else(only, name):
    store = restored(only)
    before, known = contents(store), metas(store, keys.FIRST_COMMIT)
    key = next(key for key, meta in known.items() if meta.name == name)
    path = keys.tensor_meta(keys.FIRST_COMMIT, key)
    store.delete(path)
    assert f"say what it was made with: fsck(..., tensors={{{name!r}" in repr(fsck(store))
    found = fsck(store, tensors={name: MADE_WITH[name]})
    assert [one.key for one in found.mended] == []
    assert path not in objects(store), "it was only asked"
    found = fsck(store, repair=True, tensors={name: MADE_WITH[name]})
    assert [one.key for one in found.mended] == [path], repr(found)
    assert found.mended[0].remedy == "build it from what was said, and the chunks"
    assert TensorMeta.decode(store.get(path), path, key) == known[key]
    assert contents(store) == before
    assert list(fsck(store)) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x", {"dtype": "int64"}),
        ("x", {"htype": "text"}),
        ("packed", {"dtype": "int16"}),
        ("packed", {"dtype": "int32", "chunk_compression": "lz4"}),
        ("group/text", {"dtype": "int32"}),
        ("group/text", {"htype": "json"}),
        ("image", {"htype": "image", "sample_compression": None, "dtype": "uint8"}),
        ("canvas", {"htype": "image", "sample_compression": "png"}),
        ("boxes", {"htype": "bbox", "dtype": "float64"}),
        ("shapes", {"htype": "bbox"}),
        ("zipped", {"htype": "json"}),
    ],
)
def test_what_was_said_wrongly_changes_nothing(only, name, said):
    store = restored(only)
    known = metas(store, keys.FIRST_COMMIT)
    path = keys.tensor_meta(keys.FIRST_COMMIT, next(key for key, meta in known.items() if meta.name == name))
    store.delete(path)
    hurt_store = objects(store)
    found = fsck(store, repair=True, tensors={name: said})
    assert path in {one.key for one in found.wrong}
    assert "its samples cannot be read" in repr(found)
    assert objects(store) == hurt_store


@pytest.mark.parametrize("said", [{"htype": "nothing"}, {}, {"htype": "image"}, {"dtype": "int32", "other": 1}])
def test_what_no_tensor_can_be_made_with_is_refused(only, said):
    store = restored(only)
    with pytest.raises(HtypeError):
        fsck(store, repair=True, tensors={"x": said})
    assert objects(store) == only
