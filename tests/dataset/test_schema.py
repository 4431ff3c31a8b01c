"""Tensors and groups made, renamed and deleted, in this version only, whatever happens."""

from __future__ import annotations

import gc
from itertools import count

import numpy as np
import pytest

from deeplake_nb.errors import (
    HtypeError,
    ReadOnlyError,
    SampleError,
    StorageError,
    TensorExistsError,
    TensorNotFoundError,
    UnsupportedError,
)
from deeplake_nb.format import keys

from .stores import Failing, create, load, memory, objects


def filled(store=None):
    ds = create(store or memory())
    with ds:
        ds.create_tensor("x", dtype="int64")
        ds.create_tensor("g/label", htype="class_label", class_names=["a", "b"])
        ds.create_tensor("g/inner/text", htype="text")
        ds.x.extend([1, 2, 3])
        ds["g/label"].extend(["a", "b", "c"])
        ds["g/inner/text"].extend(["p", "q", "r"])
    return ds


def names(ds):
    return sorted(ds._state.meta.tensor_names), sorted(ds._state.meta.groups)


def test_a_tensor_is_renamed_with_its_companions():
    ds = filled()
    assert ds.rename_tensor("x", "y").name == "y"
    assert ds["g"].rename_tensor("label", "class").name == "g/class"
    again = load(ds._state.storage)
    assert names(again)[0] == sorted([
        *("y", "_y_id", "_y_shape", "g/class", "g/_class_id", "g/_class_shape"),
        *("g/inner/text", "g/inner/_text_id"),
    ])  # fmt: skip
    assert (again.y.key, again.y.numpy().reshape(-1).tolist()) == ("x", [1, 2, 3])
    assert again["g/class"].info.class_names == ["a", "b", "c"]
    again.y.append(4)
    assert load(ds._state.storage)["_y_shape"].numpy().shape == (4, 1)
    again.create_tensor("x").append(7)
    assert again.x.key != "x"
    third = load(ds._state.storage)
    assert (len(third.y), len(third.x)) == (4, 1)


def test_a_group_is_renamed_with_all_in_it():
    ds = filled()
    ds.create_group("g/empty")
    ds.rename_group("g", "h")
    again = load(ds._state.storage)
    assert sorted(again.groups) == ["h"]
    assert sorted(again["h"].groups) == ["empty", "inner"]
    assert again["h/inner/text"].text() == ["p", "q", "r"]
    assert again["h/inner/text"].name == "h/inner/text"
    again["h"].rename_group("inner", "deep")
    assert sorted(load(ds._state.storage)["h/deep"].tensors) == ["text"]


def test_a_tensor_is_deleted_with_its_companions():
    ds = filled()
    ds.delete_tensor("x")
    ds["g"].delete_tensor("label")
    assert names(load(ds._state.storage))[0] == ["g/inner/_text_id", "g/inner/text"]
    assert not [key for key in objects(ds._state.storage) if key.startswith(("x/", "_x", "g/label", "g/_label"))]
    ds.create_tensor("x", dtype="float32").append(0.5)
    assert load(ds._state.storage).x.numpy().tolist() == [[0.5]]


def test_a_group_is_deleted_with_all_in_it():
    ds = filled()
    ds.delete_group("g")
    assert names(load(ds._state.storage)) == (["_x_id", "_x_shape", "x"], [])


def test_older_commits_keep_what_they_have():
    store = memory()
    ds = filled(store)
    first = ds.commit()
    ds.rename_tensor("x", "y")
    ds.rename_tensor("y", "z")
    ds.delete_group("g")
    ds.create_tensor("new")
    ds.delete_tensor("new")
    ds.create_tensor("other")
    ds.rename_tensor("other", "another")
    (dataset,), (tensors,) = ds.diff(as_dict=True).values()
    assert dataset["renamed"] == {"x": "z"}
    assert sorted(dataset["deleted"]) == ["g/inner/text", "g/label"]
    assert sorted(tensors) == ["another", "commit_id", "z"]
    ds.commit()
    assert ds.z.numpy().reshape(-1).tolist() == [1, 2, 3]
    old = load(store, address=first)
    assert sorted(old.tensors) == ["g/inner/text", "g/label", "x"]
    assert old["g/label"].data()["text"] == [["a"], ["b"], ["c"]]
    ds.delete_tensor("z")
    assert ds.diff(as_dict=True)["dataset"][0]["deleted"] == ["z"]
    ds.commit()
    assert [one["deleted"] for one in ds.diff(first, as_dict=True)["dataset"][0]][1] == ["z"]


def test_groups():
    ds = filled()
    ds.create_group("a/b")
    assert (sorted(ds.groups), sorted(ds["a"].groups)) == (["a", "g"], ["b"])
    assert ds["g"].create_group("more").create_tensor("t").name == "g/more/t"
    ds.create_group("a", exist_ok=True)
    for name in ("a", "x", "g/label", "x/y"):
        with pytest.raises(TensorExistsError):
            ds.create_group(name)
    assert sorted(load(ds._state.storage).groups) == ["a", "g"]


def test_a_tensor_like_another():
    ds = filled()
    other = create(memory())
    for name in ("x", "g/label", "g/inner/text"):
        new = other.create_tensor_like(name, ds[name])
        assert (new.htype, new.meta.dtype, len(new), dict(new.info)) == (
            ds[name].htype,
            ds[name].meta.dtype,
            0,
            dict(ds[name].info),
        )
    assert names(other)[0] == names(ds)[0]
    linked = ds.create_tensor("l", htype="link[image]", sample_compression="png")
    assert other.create_tensor_like("l", linked).htype == "link[image]"
    assert other.create_tensor_like("i", linked, unlink=True).htype == "image"


def test_refusals_change_nothing():
    ds = filled()
    store = ds._state.storage
    ds.close()
    before = objects(store)
    for action, error in [
        (lambda: ds.rename_tensor("nothing", "y"), TensorNotFoundError),
        (lambda: ds.rename_tensor("x", "g"), TensorExistsError),
        (lambda: ds["g"].rename_tensor("label", "inner"), TensorExistsError),
        (lambda: ds.rename_tensor("x", "g/x"), HtypeError),
        (lambda: ds.rename_tensor("x", "a:b"), HtypeError),
        (lambda: ds.rename_group("nothing", "h"), TensorNotFoundError),
        (lambda: ds.rename_group("g", "x"), TensorExistsError),
        (lambda: ds.delete_tensor("g"), TensorNotFoundError),
        (lambda: ds.delete_group("x"), TensorNotFoundError),
        (lambda: ds.create_group(""), HtypeError),
        (lambda: load(store, read_only=True).delete_tensor("x"), ReadOnlyError),
        (lambda: load(store, read_only=True).rename_tensor("x", "y"), ReadOnlyError),
    ]:
        with pytest.raises(error):
            action()
    ds.close()
    assert objects(store) == before


def test_what_is_large_is_deleted_on_request_only(monkeypatch):
    from deeplake_nb.dataset import structured

    ds = filled()
    assert ds.size_approx() >= ds["g"].size_approx() > 0
    monkeypatch.setattr(structured, "LARGE", 10)
    with pytest.raises(UnsupportedError, match="large_ok=True"):
        ds.delete_tensor("x")
    with pytest.raises(UnsupportedError, match="large_ok=True"):
        ds.delete_group("g")
    ds.delete_tensor("x", large_ok=True)
    ds.delete_group("g", large_ok=True)
    assert names(load(ds._state.storage)) == ([], [])


ACTS = {
    "rename": lambda ds: ds.rename_tensor("x", "y"),
    "rename group": lambda ds: ds.rename_group("g", "h"),
    "delete": lambda ds: ds.delete_tensor("x"),
    "delete group": lambda ds: ds.delete_group("g"),
}


@pytest.mark.parametrize("act", ACTS)
def test_dying_at_any_put_leaves_the_old_names_or_the_new(act):
    done = filled()
    ACTS[act](done)
    old, new = names(filled()), names(done)
    for put in count(1):
        store = memory()
        failing = Failing(store)
        ds = filled(failing)
        failing.fail_at(put, for_good=True)
        try:
            ACTS[act](ds)
            break
        except StorageError:
            del ds
            gc.collect()
        again = load(store)
        assert names(again) in (old, new)
        for tensor in again.tensors.values():
            assert len(tensor) == 3
            assert len(tensor.numpy()) == 3
            tensor.append("z" if tensor.base_htype != "generic" else 9)
        again.create_tensor("fresh").append(1)
        assert keys.journal(keys.FIRST_COMMIT) not in objects(store)
        assert len(load(store).fresh) == 1
    assert put > 2


def test_rows_with_tensors_left_out():
    ds = create(memory())
    for name in ("a", "b"):
        ds.create_tensor(name, dtype="int64")
    ds.append({"a": 1, "b": 2})
    with pytest.raises(SampleError, match="no value for tensor 'b'; a row needs"):
        ds.append({"a": 1})
    with pytest.raises(SampleError, match="no value for tensors 'a', 'b'; a row needs"):
        ds.append({})
    ds.append({"a": 3}, append_empty=True)
    assert [one.tolist() for one in ds.b.numpy(aslist=True)] == [[2], []]
    ds.append({"a": 4}, skip_ok=True)
    assert (len(ds.a), len(ds.b)) == (3, 2)
    ds.extend({"b": [5]}, skip_ok=True)
    ds.extend({"a": [1, "bad", 2], "b": [1, 2, 0.5]}, ignore_errors=True)
    assert [len(one) for one in ds.tensors.values()] == [4, 4]
    ds.a.extend([6, "bad", 7], ignore_errors=True)
    assert ds.a.numpy().reshape(-1).tolist() == [1, 3, 4, 1, 6, 7]
    assert np.array_equal(load(ds._state.storage).a.numpy(), ds.a.numpy())
