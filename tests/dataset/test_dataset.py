"""Datasets as users hold them: views, groups, info, blocks, copies in one process, and what requests cost."""

from __future__ import annotations

import json

import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb import errors as deeplake_errors
from deeplake_nb.errors import (
    LockedError,
    ReadOnlyError,
    RowError,
    SampleError,
    TensorNotFoundError,
    UnsupportedError,
)
from deeplake_nb.format import samples
from deeplake_nb.storage.wrappers import Counting

from .stores import create, load, memory, objects


@pytest.fixture
def store():
    return memory()


@pytest.fixture
def ds(store):
    ds = create(store)
    with ds:
        ds.create_tensor("x", dtype="int64")
        ds.create_tensor("text", htype="text")
        ds.create_tensor("varied", dtype="uint8")
    ds.extend({
        "x": [[at, at] for at in range(100)],
        "text": [f"row {at}" for at in range(100)],
        "varied": [np.full(at % 5, at, "uint8") for at in range(100)],
    })  # fmt: skip
    return ds


# ------------------------------------------------------------------ what is given, and where


@pytest.mark.parametrize("given", [None, [1, 2], 3, "x"])
def test_what_is_no_dictionary_of_tensors_is_said(ds, given):
    for call in (ds.append, ds.extend, ds[0].update):
        with pytest.raises(SampleError, match="takes a dictionary of tensors"):
            call(given)
    assert len(ds) == 100


def test_some_tensors_are_a_selection(ds):
    some = ds[["x", "text"]]
    assert some.is_view
    assert list(some.no_view_dataset.tensors) == ["x", "text", "varied"]
    for change in (
        lambda: some.append({"x": [1, 1], "text": "one"}),
        lambda: some.pop(0),
        some.clear,
        lambda: some.create_tensor("more"),
    ):
        with pytest.raises(ReadOnlyError, match="this is a selection of"):
            change()
    with pytest.raises(UnsupportedError):
        some.commit()
    with pytest.raises(TensorNotFoundError):
        some["varied"]
    with pytest.raises(TensorNotFoundError):
        ds[["x", "nothing"]]
    assert {len(tensor) for tensor in ds.tensors.values()} == {100}
    some[2].update({"x": [5, 5]})
    some.x[3:5] += 1
    assert ds.x[2:5].numpy().tolist() == [[5, 5], [4, 4], [5, 5]]


def test_read_only_can_be_set_and_holds_for_what_is_held(ds, store):
    x, part = ds.x, ds[3]
    with ds:
        ds.x.append([7, 7])
    ds.read_only = True
    for change in (lambda: x.append([1, 1]), lambda: part.update({"x": [1, 1]}), lambda: ds.append({}), ds.clear):
        with pytest.raises(ReadOnlyError):
            change()
    other = load(store)  # nobody holds the lock
    other.x.append([8, 8])
    other.close()
    ds.read_only = False
    x.append([9, 9])
    assert ds.x[100:].numpy().tolist() == [[7, 7], [8, 8], [9, 9]]
    with pytest.raises(UnsupportedError, match="the whole dataset's"):
        ds[1:3].read_only = True
    reading = load(store, read_only=True)
    reading.read_only = False
    reading.x.append([6, 6])
    assert len(reading.x) == 104


def test_a_tensor_is_not_hidden_by_what_is_set(ds):
    ds.x = np.zeros((100, 2), "int64")
    assert ds.x[5].numpy().tolist() == [0, 0]
    with pytest.raises(SampleError, match="5 values for 100 rows"):
        ds.x = np.zeros((5, 2), "int64")
    with pytest.raises(SampleError, match="has no tensor 'nothing'"):
        ds.nothing = np.zeros(3)
    ds.note = "of the user's own"
    assert ds.note == "of the user's own"


def test_rows_of_another_dataset_are_one_reading_for_many(ds, store):
    other = create(memory())
    for name, tensor in ds.tensors.items():
        other.create_tensor_like(name, tensor)
    counting = Counting(store)
    other.extend(load(counting, read_only=True)[10:90])
    assert counting.requests["get"] < 40
    assert other.varied[3].numpy().tolist() == [13] * 3
    with pytest.raises(SampleError):
        other.extend({"x": ds.text[:2], "text": ds.text[:2], "varied": ds.varied[:2]})
    assert {len(tensor) for tensor in other.tensors.values()} == {80}
    ds.text.extend(ds.text[:2])  # of itself
    ds.text[5] = ds.text[7]
    assert ds.text[100:].text() == ["row 0", "row 1"]
    assert ds.text[5].text() == "row 7"


# ------------------------------------------------------------------ views

VIEWS = {
    "a slice": slice(10, 50),
    "a slice with steps": slice(90, 10, -7),
    "from the end": slice(-10, None),
    "a list": [1, 5, 99, 5],
    "negative numbers": [-1, 0, -100],
    "a mask": np.arange(100) % 9 == 0,
    "nothing": slice(0, 0),
    "an array": np.array([3, 4], "uint8"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_the_selected_rows_of_every_tensor(ds, name):
    item = VIEWS[name]
    rows = np.arange(100)[item]
    view = ds[item]
    assert len(view) == len(rows)
    assert view.x.numpy().shape == (len(rows), 2)
    assert view.x.numpy()[:, 0].tolist() == rows.tolist()
    assert view.text.text() == [f"row {at}" for at in rows]
    assert [one.size for one in view.varied.numpy(aslist=True)] == [at % 5 for at in rows]
    assert [int(row.x.numpy()[0]) for row in view] == rows.tolist()
    if len(rows):
        assert view[-1].text.text() == f"row {rows[-1]}"
        assert view[0:1]["x"].numpy()[0, 0] == rows[0]


def test_a_single_row(ds):
    row = ds[7]
    assert (row.x.numpy().tolist(), row.text.text(), row.varied.numpy().tolist()) == ([7, 7], "row 7", [7, 7])
    assert row.x.shape == (2,)
    with pytest.raises(SampleError, match="this is a single row"):
        row[0]


def test_rows_that_are_not_there(ds):
    for item in (100, -101, [0, 100], np.ones(99, bool), "nothing", 1.5):
        with pytest.raises((RowError, TensorNotFoundError)):
            ds[item]
    with pytest.raises(RowError, match="there are 10 rows"):
        ds[10:20][10]


def test_a_dataset_is_as_long_as_its_shortest_tensor(ds):
    ds.x.append([5, 5])
    assert (len(ds), ds.max_len, len(ds.x)) == (100, 101, 101)
    assert len(list(ds)) == 100
    with pytest.raises(SampleError, match=r"tensors have different numbers of rows already.*'x': 101"):
        ds.append({"x": [1, 1], "text": "", "varied": np.zeros(1, "uint8")})
    assert len(create(memory())) == 0


def test_what_python_shows(ds):
    assert repr(ds).startswith("Dataset('mem://")
    assert "rows=100, tensors=['x', 'text', 'varied'])" in repr(ds)
    assert "x" in ds
    assert "none" not in ds
    assert {"x", "text", "append"} <= set(dir(ds))
    assert repr(ds.x) == "Tensor('x', htype='generic', dtype=int64, length=100)"
    assert not hasattr(ds, "_repr_html_nothing")
    assert np.asarray(ds.x).shape == (100, 2)


# ------------------------------------------------------------------ groups


def test_groups(store):
    ds = create(store)
    ds.create_tensor("train/left/image", htype="image", sample_compression="png")
    ds["train"].create_tensor("label", htype="class_label")
    ds.create_tensor("top")
    assert set(ds.tensors) == {"train/left/image", "train/label", "top"}
    assert list(ds.groups) == ["train"]
    train = ds.train
    assert set(train.tensors) == {"left/image", "label"}
    assert list(train.groups) == ["left"]
    train.left.append({"image": np.zeros((2, 2, 3), "uint8")})
    train.label.append("cat")
    again = load(store)
    assert again.train.left.image.numpy().shape == (1, 2, 2, 3)
    assert again["train/label"].data()["text"] == [["cat"]]
    assert again.train[0].label.data()["text"] == ["cat"]
    assert "_image_shape" in again["train/left/_image_shape"].name
    image = {f"train/left/_image_{what}" for what in ("id", "info", "shape")}
    assert {key for key in again._state.tensors if "/_" in key} == {"train/_label_id", "train/_label_shape", *image}
    with pytest.raises(TensorNotFoundError, match=r"no tensor or group 'lable'.*did you mean 'label'"):
        train["lable"]


# ------------------------------------------------------------------ info


def test_info_of_datasets_and_tensors(ds, store):
    ds.info["about"] = {"made": [1, 2.5, None], "array": np.arange(3), "bytes": b"ab"}
    ds.info.update(owner="me", scale=1.5)
    ds.x.info["unit"] = "m"
    ds.x.info.note = "by attribute"
    again = load(store)
    assert again.info["about"]["made"] == [1, 2.5, None]
    assert again.info.about["array"].tolist() == [0, 1, 2]
    assert (again.info.owner, set(again.info)) == ("me", {"about", "owner", "scale"})
    assert dict(again.x.info) == {"unit": "m", "note": "by attribute"}
    assert dict(again.text.info) == {}
    del ds.info["owner"]
    assert "owner" not in load(store).info
    with pytest.raises(AttributeError, match="info has no 'none'; it has about, scale"):
        _ = ds.info.none
    with pytest.raises(KeyError):
        _ = ds.info["none"]


@pytest.mark.parametrize("bad", [object(), {1, 2}, {(1, 2): 3}])
def test_info_that_cannot_be_stored_changes_nothing(ds, store, bad):
    ds.info["kept"] = 1
    before = objects(store)
    with pytest.raises(SampleError, match=r"^info: "):
        ds.info.update(good=2, bad=bad)
    assert dict(ds.info) == {"kept": 1}
    assert objects(store) == before


def test_info_does_not_share_what_the_caller_changes(ds, store):
    mine = [1]
    ds.info["list"] = mine
    mine.append(2)
    assert ds.info["list"] == [1]
    assert load(store).info["list"] == [1]


# ------------------------------------------------------------------ with


def test_rows_within_with_are_there_for_their_own_process_and_flushed_at_its_end(ds, store):
    with ds:
        ds.x.append([100, 100])
        assert len(ds.x) == 101
        assert len(load(store, read_only=True).x) == 100
        with ds:
            ds.x.append([101, 101])
        assert len(load(store, read_only=True).x) == 100, "the inner block does not flush"
        assert ds.x[101].numpy().tolist() == [101, 101]
        assert len(load(store, read_only=True).x) == 102, "reading them does"
        ds.x.append([102, 102])
        assert ds.x.shape == (103, 2)
    assert load(store).x.numpy()[:, 0].tolist() == list(range(103))


def test_a_flush_within_with(ds, store):
    with ds:
        ds.x.append([100, 100])
        ds.flush()
        assert len(load(store, read_only=True).x) == 101
        ds.x.append([101, 101])
    assert len(load(store).x) == 102


def test_many_appends_within_with_write_little(store):
    counting = Counting(store)
    ds = create(counting)
    x = ds.create_tensor("x", dtype="int64")
    counting.reset()
    with ds:
        for at in range(500):
            x.append(at)
    assert counting.requests["put"] < 20
    assert counting.requests["get"] < 20


# ------------------------------------------------------------------ several copies in one process


def test_a_memory_store_is_shared_by_name():
    first = deeplake.empty("mem://shared-by-name/a", overwrite=True)
    first.create_tensor("x").extend([1, 2])
    assert deeplake.load("mem://shared-by-name/a").x.numpy().tolist() == [[1], [2]]
    assert deeplake.exists("mem://shared-by-name/a")
    assert not deeplake.exists("mem://shared-by-name/b")
    assert not deeplake.exists("mem://shared-by-name")


def test_writers_of_one_process_take_turns(ds, store):
    other = load(store)
    other.x.append([100, 100])
    ds.x.append([101, 101])
    other.x.append([102, 102])
    assert load(store).x.numpy()[100:, 0].tolist() == [100, 101, 102]
    with ds:
        ds.x.append([103, 103])
        with pytest.raises(LockedError, match="another Dataset object of this process has unwritten rows"):
            other.x.append([104, 104])
    other.x.append([104, 104])
    assert load(store).x.numpy()[103:, 0].tolist() == [103, 104]


def test_a_refresh_that_fails_is_made_up_for(ds, store):
    """The first write reads what others wrote meanwhile: if that fails, the next write must do it again."""
    from .stores import Failing

    class Unread(Failing):
        broken = False

        def get(self, key, byte_range=None):
            if self.broken and key == "dataset_meta.json":
                from deeplake_nb.errors import StorageError

                raise StorageError("no answer")
            return super().get(key, byte_range)

    storage = Unread(store)
    late = load(storage)
    ds.x.append([100, 100])
    ds.close()
    storage.broken = True
    with pytest.raises(OSError, match="no answer"):
        late.x.append([101, 101])
    storage.broken = False
    late.x.append([101, 101])
    assert load(store).x.numpy()[100:, 0].tolist() == [100, 101]


# ------------------------------------------------------------------ what it costs


@pytest.fixture
def counting(store):
    ds = create(store)
    with ds:
        for at in range(6):
            ds.create_tensor(f"x{at}", dtype="int64", max_chunk_size=8000)
            ds.create_tensor(f"seq{at}", htype="sequence[generic]", dtype="int64")
    ds.extend({name: [[[at]] if "seq" in name else [at] for at in range(2000)] for name in ds.tensors})
    ds.close()
    return Counting(store)


def rounds_of(monkeypatch, action):
    """Rounds of requests: those of one ``get_many`` go side by side, and so count once."""
    from deeplake_nb.dataset import journal, state

    rounds = []
    get_many = state.get_many

    def counted(provider, requests, **options):
        if requests:
            rounds.append(len(requests))
        return get_many(provider, requests, **options)

    for module in (state, journal):
        monkeypatch.setattr(module, "get_many", counted)
    action()
    monkeypatch.undo()
    return rounds


def test_opening_takes_two_rounds_of_requests_and_one_for_sequences(counting, monkeypatch):
    rounds = rounds_of(monkeypatch, lambda: load(counting))
    assert len(rounds) <= 3
    assert counting.requests["get"] == sum(rounds)
    assert counting.requests["list"] == counting.requests["put"] == 0


def test_reading_takes_one_round_for_the_tables_and_each_chunk_once(counting):
    ds = load(counting, read_only=True)
    counting.reset()
    assert ds.x0.numpy().shape == (2000, 1)
    chunks = len(ds._state.tables(ds.x0._tensor).ids.ids)
    assert chunks == 4
    assert counting.requests["get"] <= 2 + 2 * chunks
    counting.reset()
    assert ds.x1[700:1100].numpy()[0, 0] == 700
    assert counting.requests["get"] <= 2 + 2 * 2
    counting.reset()
    for at in range(700, 800):
        assert ds.x2[at].numpy()[0] == at
    assert counting.requests["get"] <= 2 + 1


def test_appending_reads_nothing_again(counting):
    ds = load(counting)
    ds.x0.append(1)
    counting.reset()
    for at in range(10):
        ds.x0.append(at)
    assert counting.requests["get"] == 0
    assert counting.requests["put"] <= 10 * 3 * 4
    counting.reset()
    ds.flush()
    assert sum(counting.requests.values()) == 0, "there is nothing to flush"


def test_uniform_rows_are_read_without_work_per_row(store, monkeypatch):
    ds = create(store)
    ds.create_tensor("x", dtype="float32").extend(np.ones((1000, 8), "float32"))
    ds.create_tensor("packed", chunk_compression="lz4").extend(np.ones((1000, 8), "float32"))
    again = load(store)
    monkeypatch.setattr(samples.StoredSample, "__init__", lambda *_, **__: pytest.fail("a sample was made"))
    for tensor in (again.x, again.packed):
        assert tensor.numpy().sum() == 8000
        assert tensor[10:900:3].numpy().shape == (297, 8)
        assert tensor[[5, 3, 900]].numpy().shape == (3, 8)
        assert tensor[100:200, 2:4].numpy().shape == (100, 2)


def test_a_view_or_its_length_reads_nothing(counting):
    ds = load(counting)
    counting.reset()
    assert len(ds[10:500][::2]) == 245
    assert [len(one.x0) for one in (ds[5:10], ds[[1, 2]])] == [5, 2]
    assert ds.x3.shape == (2000, 1)
    assert sum(counting.requests.values()) == 0


def test_what_is_known_of_many_files_is_read_at_once(store, tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((2, 2, 3), "uint8")).save(tmp_path / "a.png")
    counting = Counting(store)
    ds = create(counting)
    ds.create_tensor("x", htype="image", sample_compression="png").extend([deeplake.read(tmp_path / "a.png")] * 200)
    ds.create_tensor("seq", htype="sequence[image]", sample_compression="png").append(
        [deeplake.read(tmp_path / "a.png")] * 3
    )
    ds.close()
    again = load(counting, read_only=True)
    counting.reset()
    assert [one["filename"] for one in again.x.sample_info] == ["a.png"] * 200
    assert counting.requests["get"] <= 5
    assert [[one["filename"] for one in row] for row in again.seq.sample_info] == [["a.png"] * 3]
    assert again.x[5].sample_info["format"] == "png"


@pytest.mark.parametrize("count", [1, 40])
def test_files_are_described_alike_however_many_come_at_once(tmp_path, count):
    """Also by bytes: what is written at once is made another way."""
    from PIL import Image

    shapes = [(4, 5, 3), (7, 2), (6, 6, 3), (1, 1)]
    names = ["a.png", 'b "quoted" \\ é \U0001f600.png', "c\n.png", "d.png"]
    for name, shape in zip(names, shapes, strict=True):
        Image.fromarray(np.zeros(shape, "uint8")).save(tmp_path / name, "png")
    files = [deeplake.read(str(tmp_path / name)) for name in names] * count
    ds = deeplake.empty(str(tmp_path / "ds"))
    for name in ("together", "singly"):
        ds.create_tensor(name, htype="image", sample_compression="png")
    ds.together.extend(files)
    with ds:
        for file in files:
            ds.singly.append(file)
    expected = [
        {
            "exif": {},
            "shape": [*shape, 1][:3],
            "format": "png",
            "filename": name.replace("\\", "/").rpartition("/")[2],
            "modified": False,
        }
        for name, shape in zip(names, shapes, strict=True)
    ]
    assert ds.together.sample_info == ds.singly.sample_info == expected * count
    chunks = [b"".join(file.read_bytes() for file in (tmp_path / f"ds/_{name}_info/chunks").iterdir())
              for name in ("together", "singly")]  # fmt: skip
    assert len(chunks[0]) == len(chunks[1])
    assert all(json.dumps(one).encode() in chunks[0] for one in expected)


# ------------------------------------------------------------------ what is not written by accident


def test_a_selection_is_not_appended_to(ds, store):
    before = objects(store)
    for action in (
        lambda: ds[10:20].append({"x": [1, 1], "text": "", "varied": [1]}),
        lambda: ds[0].create_tensor("new"),
        lambda: ds.x[0:5].append([1, 1]),
        lambda: ds[5].x.extend([[1, 1]]),
        lambda: ds.x[0].info.update(a=1),
    ):
        with pytest.raises(deeplake_errors.ReadOnlyError, match="this is a selection of"):
            action()
    assert objects(store) == before


def test_properties_of_an_htype_keep_their_kind(store):
    ds = create(store)
    x = ds.create_tensor("x", htype="class_label", class_names=["a"])
    for bad in (5, "abc", {"a": 1}, None):
        with pytest.raises(SampleError, match="field 'class_names' has an unexpected value"):
            x.info.class_names = bad
    assert x.info.class_names == ["a"]
    x.info.class_names = ["b", "c"]
    del x.info["class_names"]
    assert x.info.class_names == []
    x.append("d")
    assert load(store).x.info.class_names == ["d"]


@pytest.mark.parametrize("given", [{}, {"chunk_compression": "lz4"}, {"sample_compression": "lz4"}])
def test_a_sample_larger_than_the_format_allows_is_refused_before_it_is_taken(ds, store, given):
    """Zeros that nobody touches take no memory."""
    ds.create_tensor("large", dtype="uint8", tiling_threshold=-1, **given)
    before = objects(store)
    huge = np.zeros((1, 2**32), "uint8")
    with pytest.raises(deeplake_errors.UnsupportedError, match="4294967296"):
        ds.large.extend(huge)
    assert objects(store) == before
    ds.large.append(np.ones(3, "uint8"))
    assert load(store).large.numpy().tolist() == [[1, 1, 1]]


def test_a_search_index_that_does_not_know_the_new_rows_is_forgotten(store):
    import json

    ds = create(store)
    ds.create_tensor("text", htype="text").extend(["a", "b"])
    ds.close()
    meta = json.loads(bytes(store.get("text/tensor_meta.json")))
    assert meta["vdb_indexes"] == []
    meta["vdb_indexes"] = [{"id": "hnsw_1", "type": "hnsw", "distance": "l2_norm", "additional_params": {}}]
    store.put("text/tensor_meta.json", json.dumps(meta).encode())
    again = load(store)
    again.text.info["note"] = 1
    assert len(json.loads(bytes(store.get("text/tensor_meta.json")))["vdb_indexes"]) == 1
    again.text.append("c")
    assert json.loads(bytes(store.get("text/tensor_meta.json")))["vdb_indexes"] == []
