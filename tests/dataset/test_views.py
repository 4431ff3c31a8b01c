"""Selections of rows that are kept: made, found, read at their commit, copied, deleted, refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb.errors import (
    CommandError,
    DatasetExistsError,
    DatasetNotFoundError,
    FormatError,
    ReadOnlyError,
    SampleError,
    UnsupportedError,
    VersionNotFoundError,
)

from .stores import create, load, memory, objects


@pytest.fixture
def ds():
    ds = create(memory())
    with ds:
        ds.create_tensor("x", dtype="int64").extend(np.arange(20).reshape(10, 2))
        ds.create_tensor("text", htype="text").extend([f"row {at}" for at in range(10)])
        ds.create_tensor("label", htype="class_label", class_names=["a", "b"]).extend([at % 2 for at in range(10)])
        ds.create_tensor("seq", htype="sequence[generic]", dtype="int32").extend(
            [[[at]] * (at % 3) for at in range(10)]
        )
    ds.commit("one")
    return ds


def test_a_view_of_one_row_stays_one_when_it_is_optimized(ds):
    ds[2].save_view(id="numbers")
    ds[2].save_view(id="copied", optimize=True)
    ds[2:3].save_view(id="rows", optimize=True)
    first = ds.x[2].numpy().tolist()
    assert ds.load_view("numbers").x.numpy().tolist() == ds.load_view("copied").x.numpy().tolist() == first
    for _ in range(2):
        assert ds.load_view("numbers", optimize=True).x.numpy().tolist() == first
    assert ds.load_view("rows").x.numpy().tolist() == [first]
    metas = {
        key.split("/")[1]: json.loads(data)["default_index"]
        for key, data in objects(ds._state.storage).items()
        if key.startswith(".queries/") and key.endswith("dataset_meta.json")
    }
    assert [metas["copied"], metas["numbers_optimized"]] == [[0], [0]], "the original goes by that"
    assert isinstance(metas["rows"][0], dict)


def test_a_view_is_read_as_it_was_saved(ds):
    selections = {
        "slice": slice(2, 8, 2),
        "back": slice(None, None, -3),
        "list": [7, 1, 1],
        "all": slice(None),
        "none": [],
    }
    for name, index in selections.items():
        ds[index].save_view("words", id=name)
        ds[index].save_view(id=f"{name} copied", optimize=True)
    assert sorted(load(ds._state.storage).tensors) == ["label", "seq", "text", "x"], "nothing else has changed"
    ds.x[2] = [0, 0]
    ds.pop(7)
    ds.commit("two")
    again = load(ds._state.storage, read_only=True)
    for name, rows in [
        ("slice", [2, 4, 6]),
        ("back", [9, 6, 3, 0]),
        ("list", [7, 1, 1]),
        ("all", range(10)),
        ("none", []),
    ]:
        for view in (again.load_view(name), again.load_view(f"{name} copied")):
            assert view.read_only
            assert sorted(view.tensors) == ["label", "seq", "text", "x"]
            assert view.text.text() == [f"row {at}" for at in rows]
            assert [one.tolist() for one in view.x.numpy(aslist=True)] == [[2 * at, 2 * at + 1] for at in rows]
            assert [len(one) for one in view.seq.numpy(aslist=True)] == [at % 3 for at in rows]
    assert again.get_view("slice").message == "words"
    assert [entry.virtual for entry in again.get_views()] == [True, False] * 5


def test_a_single_row_and_parts_of_samples(ds):
    ds[4].save_view(id="single")
    assert ds.load_view("single").text.text() == "row 4"
    ds[1:3, 0].save_view(id="part")
    assert ds.load_view("part").x.numpy().tolist() == [2, 4]


def test_a_view_is_copied_later(ds):
    ds[[1, 3]].save_view(id="v")
    assert ds.load_view("v", optimize=True).text.text() == ["row 1", "row 3"]
    entry = ds.get_view("v")
    assert not entry.virtual
    assert entry.load().text.text() == ["row 1", "row 3"]
    entry.delete()
    assert not [key for key in objects(ds._state.storage) if key.startswith(".queries")]


def test_views_are_listed_and_deleted(ds):
    first = ds.commit_id
    ds[:2].save_view(id="one")
    ds.x.append([1, 1])
    ds.commit()
    ds[:3].save_view(id="two")
    assert [entry.id for entry in ds.get_views()] == ["one", "two"]
    assert [entry.id for entry in ds.get_views(first)] == ["one"]
    ds[:4].save_view(id="one", overwrite=True)
    assert len(ds.load_view("one")) == 4
    ds.delete_view("one")
    assert [entry.id for entry in ds.get_views()] == ["two"]
    assert not [key for key in objects(ds._state.storage) if "one" in key]
    assert ds[:1].save_view().startswith(ds.path)


def test_refusals(ds):
    ds[:2].save_view(id="v")
    before = objects(ds._state.storage)
    reading = load(ds._state.storage, read_only=True)
    for action, error in [
        (lambda: ds.get_view("w"), VersionNotFoundError),
        (lambda: ds.load_view("w"), VersionNotFoundError),
        (lambda: ds.delete_view("w"), VersionNotFoundError),
        (lambda: ds.save_view(id="v"), SampleError),
        (lambda: ds.save_view(id="a/b"), SampleError),
        (lambda: ds.save_view(path="mem://elsewhere"), UnsupportedError),
        (lambda: reading.save_view(id="w"), ReadOnlyError),
        (lambda: reading.delete_view("v"), ReadOnlyError),
    ]:
        with pytest.raises(error):
            action()
    assert objects(ds._state.storage) == before
    ds.x.append([1, 1])
    with pytest.raises(SampleError, match="commit them"):
        ds.save_view(id="w")
    ds._state.storage.put("queries.json", b"{}")
    with pytest.raises(FormatError, match=r"queries\.json"):
        ds.get_views()


def test_a_view_made_by_a_query_of_v3_is_that_query_of_its_rows(ds):
    ds[[1, 3, 6, 8]].save_view(id="made")
    storage, said = ds._state.storage, json.loads(bytes(ds._state.storage.get("queries.json")))
    for query, rows in (("select * where label == 'a' order by row desc", [8, 6]), ("select * limit 1 offset 2", [6])):
        storage.put("queries.json", json.dumps([said[0] | {"tql_query": query}]).encode())
        assert ds.get_view("made").tql_query == query
        assert ds.load_view("made").sample_indices == rows
    storage.put("queries.json", json.dumps([said[0] | {"tql_query": "select *, row + 1 as more"}]).encode())
    with pytest.raises(CommandError, match="SELECT takes"):
        ds.load_view("made")


def test_filter(ds):
    view = ds.filter(lambda row: row.label.numpy() == 1)
    assert view.text.text() == [f"row {at}" for at in range(1, 10, 2)]
    assert ds[2:].filter(lambda row: row.x.numpy()[0] > 14).text.text() == ["row 8", "row 9"]
    assert len(ds.filter(lambda _: False)) == 0
    ds.filter(lambda row: row.label.numpy() == 0, save_result=True)
    assert len(ds.get_views()) == 1
    assert ds.filter("label == 'b' and x.max > 15").text.text() == ["row 9"]
    assert ds[5:].filter("label == 'a'").text.text() == ["row 6", "row 8"]
    view = ds.filter("text == 'row 3'", save_result=True)
    assert view.sample_indices == [3]
    assert ds.get_views()[1].message == "text == 'row 3'"
    for wrong in ("lable == 'a'", "label ==", "text", "().__class__"):
        with pytest.raises(CommandError):
            ds.filter(wrong)


def test_queries(ds):
    assert ds.query("SELECT * WHERE label = 'b' ORDER BY row DESC LIMIT 2 OFFSET 1").sample_indices == [7, 5]
    assert ds.query("select * from dataset where contains(text, '3') OR x.min > 16").sample_indices == [3, 9]
    assert ds.query("select *").sample_indices == list(range(10))
    assert ds[3:].query("select * where NOT label = 'a' limit 1").sample_indices == [3]
    assert ds.query("select * where text = 'a AND b'").sample_indices == []
    for wrong in ("delete *", "select label, where row > 1", "select * where", "select * limit x"):
        with pytest.raises(CommandError):
            ds.query(wrong)
    with pytest.raises(UnsupportedError, match="queries run here"):
        ds.query("select *", runtime={"tensor_db": True})


def test_rows_drawn_by_weight(ds):
    drawn = ds.sample_by("label == 'b'", size=50)
    assert len(drawn) == 50
    assert set(drawn.sample_indices) <= {1, 3, 5, 7, 9}
    assert sorted(ds.sample_by([0, 1, 1] + [0] * 7, replace=False, size=2).sample_indices) == [1, 2]
    assert len(ds.sample_by("x.max + 1")) == 10
    for weights in ([1], [0] * 10, [-1] + [1] * 9, [float("nan")] * 10):
        with pytest.raises(SampleError, match="10 weights from 0 on, not all 0, are needed"):
            ds.sample_by(weights)
    with pytest.raises(SampleError, match="3 different rows are wanted"):
        ds.sample_by([0, 1, 1] + [0] * 7, replace=False, size=3)


def test_views_elsewhere(tmp_path):
    ds = deeplake.empty(tmp_path / "ds")
    with ds:
        ds.create_tensor("x", dtype="int32")
        ds.x.extend(np.arange(20).reshape(10, 2))
    ds.commit("ten")
    here = objects(ds._state.storage)
    place = ds[[3, 1]].save_view(path=tmp_path / "numbers", message="two")
    ds[4].save_view(path=tmp_path / "one")
    ds[5:7].save_view(path=tmp_path / "copies", optimize=True)
    assert objects(ds._state.storage) == here, "nothing is changed in the dataset itself"
    ds.x.append([7, 7])
    view = deeplake.load(place)
    assert view.x.numpy().tolist() == [[6, 7], [2, 3]]
    assert view.sample_indices == [3, 1]
    assert view.read_only
    assert deeplake.load(tmp_path / "one").x.numpy().tolist() == [8, 9]
    copies = deeplake.load(tmp_path / "copies")
    assert copies.x.numpy().tolist() == [[10, 11], [12, 13]]
    assert copies.sample_indices == [5, 6]
    assert copies.is_optimized
    ds.commit("eleven")
    with pytest.raises(DatasetExistsError):
        ds[:2].save_view(path=tmp_path / "numbers")
    deeplake.delete(tmp_path / "ds")
    with pytest.raises(DatasetNotFoundError):
        deeplake.load(place)


def test_random_split(ds):
    for lengths, sizes in [([5, 4, 1], [5, 4, 1]), ([0.5, 0.25, 0.25], [6, 2, 2]), ([1.0], [10])]:
        parts = ds.random_split(lengths)
        assert [len(part) for part in parts] == sizes
        rows = [text for part in parts for text in part.text.text()]
        assert sorted(rows) == sorted(ds.text.text())
    for lengths in ([5, 4], [0.5, 0.6], [0.5, -0.5], [11, -1]):
        with pytest.raises(SampleError):
            ds.random_split(lengths)
    ds.x.append([1, 1])
    with pytest.raises(SampleError, match="differ in length"):
        ds.random_split([0.5, 0.5])


def test_rows_of_the_longest_and_of_the_shortest_tensor():
    ds = create(memory())
    ds.create_tensor("x", dtype="int32").extend(np.ones((3, 2), "int32"))
    ds.create_tensor("text", htype="text").extend(["a"])
    ds.create_tensor("js", htype="json").append({"a": 1})
    ds.create_tensor("seq", htype="sequence[generic]", dtype="int32").append([1, 2])
    ds.create_tensor("nothing")
    view = ds.max_view
    assert (len(view), len(ds), len(ds.min_view)) == (3, 0, 0)
    assert {name: len(tensor) for name, tensor in view.tensors.items()} == dict.fromkeys(ds.tensors, 3)
    assert view.text.text() == ["a", "", ""]
    assert view[1].js.dict() == {}
    assert view[1:].x.numpy().tolist() == [[1, 1], [1, 1]]
    assert [len(one) for one in view.seq.numpy(aslist=True)] == [2, 0, 0]
    assert [one.size for one in view.nothing.numpy(aslist=True)] == [0, 0, 0]
    ds.x.pop(2)
    ds.text.extend(["b", "c", "d"])
    assert [one.shape for one in ds.max_view.x.numpy(aslist=True)] == [(2,), (2,), (0,), (0,)]
    assert ds.max_view[3].x.numpy().shape == (0,)
    with pytest.raises(ReadOnlyError):
        ds.max_view.append({})
    with pytest.raises(IndexError):
        view[4].x.numpy()
