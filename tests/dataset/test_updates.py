"""Rows changed and removed: every kind of tensor, several at once, all or nothing, and as others then find them."""

from __future__ import annotations

from contextlib import suppress
from itertools import count

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.dataset import amended
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.errors import FormatError, ReadOnlyError, RowError, SampleError, StorageError, TensorNotFoundError
from deeplake_nb.format import keys
from deeplake_nb.format.diffs import CommitDiff
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.storage.wrappers import Counting
from tests.eventually import collected

from .stores import Failing, counting, create, load, memory, objects

CHUNK = 120


def picture(seed, height=3):
    return np.full((height, 4, 3), seed % 256, "uint8")


def row(at):
    return {
        "x": np.array([at, at + 1], "int32"),
        "varied": np.full((at % 3, 2), at, "uint8"),
        "packed": np.array([at, at], "int16"),
        "each": np.full(at % 4, at, "int16"),
        "text": f"row {at}" * (at % 3),
        "js": {"at": at},
        "list": list(range(at % 3)),
        "label": f"class {at % 5}",
        "image": picture(at, 2 + at % 3),
        "seq": [np.full(2, at + one, "int32") for one in range(at % 3)],
        "words": ["w"] * (at % 3),
        "polygon": [np.full((3, 2), at, "float32")] * (at % 2),
    }


def make(ds):
    with ds:
        ds.create_tensor("x", dtype="int32", max_chunk_size=CHUNK)
        ds.create_tensor("varied", dtype="uint8", max_chunk_size=CHUNK)
        ds.create_tensor("packed", dtype="int16", chunk_compression="lz4", max_chunk_size=CHUNK)
        ds.create_tensor("each", dtype="int16", sample_compression="lz4", max_chunk_size=CHUNK)
        ds.create_tensor("text", htype="text", max_chunk_size=CHUNK)
        ds.create_tensor("js", htype="json", chunk_compression="lz4", max_chunk_size=CHUNK)
        ds.create_tensor("list", htype="list", max_chunk_size=CHUNK)
        ds.create_tensor("label", htype="class_label", max_chunk_size=CHUNK)
        ds.create_tensor("image", htype="image", sample_compression="png", max_chunk_size=4 * CHUNK)
        ds.create_tensor("seq", htype="sequence[generic]", dtype="int32", max_chunk_size=CHUNK)
        ds.create_tensor("words", htype="sequence[text]", max_chunk_size=CHUNK)
        ds.create_tensor("polygon", htype="polygon", max_chunk_size=CHUNK)
    return ds


def filled(rows=30, store=None):
    ds = make(create(store or memory()))
    ds.extend({name: [row(at)[name] for at in range(rows)] for name in row(0)})
    return ds


def stored(tensor, at):
    if tensor.base_htype in {"text", "json", "list"}:
        return tensor[at].data()["value"]
    if tensor.base_htype == "class_label":
        return tensor.info.class_names[int(tensor[at].numpy()[0])]
    return tensor[at].numpy(aslist=True)


def same(found, expected):
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    return found == expected


def check(ds, seeds):
    """Row ``k`` of every tensor is ``row(seeds[k])``, also whole and by its companions."""
    for name, tensor in ds.tensors.items():
        assert len(tensor) == len(seeds), name
        for at, seed in enumerate(seeds):
            assert same(stored(tensor, at), row(seed)[name]), (name, at)
        tables = ds._state.tables(tensor._tensor)
        assert len(tables.ids) == tensor.meta.length, name
        for key, link in tensor.meta.links.items():
            companion = ds._state.tensors[key]
            assert companion.length == (tensor.meta.length if link["flatten_sequence"] else len(tensor)), key
        group = f"_{name}_shape"
        if group in ds._state.meta.tensor_names and name not in {"seq", "list", "polygon"}:
            shapes = [tuple(one.tolist()) for one in ds[group].numpy(aslist=True)]
            assert shapes == [one.shape for one in tensor.numpy(aslist=True)], name


@pytest.fixture(params=[4096, 0], ids=["whole", "patched"])
def patched(request, monkeypatch):
    """Chunks as small as these are stored whole, unless patches cost nothing."""
    monkeypatch.setattr(amended, "_PATCH_NBYTES", request.param)


@pytest.mark.usefixtures("patched")
@pytest.mark.parametrize("rows", [[0], [29], [13], list(range(30)), [3, 4, 5], [1, 28, 7, 7]])
def test_rows_of_every_kind_are_changed(rows):
    ds = filled()
    seeds = list(range(30))
    for name in ds.tensors:
        ds[name][rows] = [row(100 + at)[name] for at in range(len(rows))]
    for number, at in enumerate(rows):
        seeds[at] = 100 + number
    check(ds, seeds)
    check(load(ds._state.storage), seeds)
    ds.append(row(99))
    check(load(ds._state.storage), [*seeds, 99])


@pytest.mark.parametrize("rows", [[0], [29], [13], list(range(30)), [3, 4, 5], [28, 1, 7]])
def test_rows_of_every_kind_are_removed(rows):
    ds = filled()
    ids = ds["_x_id"].numpy()
    ds.pop(rows)
    seeds = [at for at in range(30) if at not in rows]
    check(ds, seeds)
    check(load(ds._state.storage), seeds)
    assert np.array_equal(ds["_x_id"].numpy().reshape(-1), np.delete(ids, rows, axis=0).reshape(-1))
    ds.append(row(99))
    check(load(ds._state.storage), [*seeds, 99])


@pytest.mark.usefixtures("patched")
def test_changes_within_a_block_are_written_once_and_read_before():
    store = Failing(memory())
    ds = filled(store=store)
    store.puts.clear()
    with ds:
        for at in range(0, 30, 2):
            ds[at].update(row(at + 50))
            assert ds.x[at].numpy().tolist() == [at + 50, at + 51]
            assert ds.text[at].text() == row(at + 50)["text"]
        assert not store.puts
        ds.append(row(30))
        ds.pop(1)
        ds.x[0] = [7, 8]
        ds.x[0] += 1
        assert ds.x[0].numpy().tolist() == [8, 9]
        ds.x[0] = row(50)["x"]
    seeds = [at + 50 if at % 2 == 0 else at for at in range(30) if at != 1] + [30]
    check(ds, seeds)
    check(load(store), seeds)


def test_the_last_row_is_the_one_without_a_number():
    ds = filled(3)
    ds.x.pop()
    assert ds.x.numpy()[:, 0].tolist() == [0, 1]
    ds.pop()  # x has no such row any more
    assert {len(tensor) for tensor in ds.tensors.values()} == {2}
    check(ds, [0, 1])


def test_all_rows_go():
    ds = filled(9)
    ds.x.clear()
    assert (len(ds.x), ds.x.meta.min_shape, ds.x.meta.max_shape) == (0, (), ())
    ds.clear()
    check(ds, [])
    ds.append(row(5))
    check(load(ds._state.storage), [5])
    ds.pop(0)
    check(load(ds._state.storage), [])


# ------------------------------------------------------------------ how they are written down


@pytest.mark.usefixtures("patched")
def test_in_place_arithmetic():
    ds = create(memory())
    ds.create_tensor("x", dtype="float32").extend(np.zeros((6, 2), "float32"))
    ds.create_tensor("i", dtype="int16").extend([np.arange(at) for at in range(4)])
    ds.x += 1
    ds.x[2:4] *= 5
    ds["x"] -= 0.5
    ds.x[0] /= np.array([1, 2])
    ds.i[1:] += 1
    ds.x[4:6] += np.array([[1, 1], [2, 2]], "float32")
    assert ds.x.numpy().tolist() == [[0.5, 0.25], [0.5, 0.5], [4.5, 4.5], [4.5, 4.5], [1.5, 1.5], [2.5, 2.5]]
    assert [one.tolist() for one in ds.i.numpy(aslist=True)] == [[], [1], [1, 2], [1, 2, 3]]
    with pytest.raises(SampleError):
        ds.i[1] += 0.5
    assert ds.i[1].numpy().tolist() == [1]


@pytest.mark.usefixtures("patched")
def test_parts_of_samples():
    ds = create(memory())
    x = ds.create_tensor("x", dtype="int32")
    x.extend(np.zeros((4, 3, 4), "int32"))
    model = np.zeros((4, 3, 4), "int32")
    for place, value in [
        ((0, 1), 5),
        ((slice(1, 3), 0, slice(1, 3)), 7),
        ((3, slice(None), 0), np.arange(3)),
        ((slice(None), 2), np.arange(4)),
    ]:
        x[place] = value
        model[place] = value
    x[2][1][3] = 9
    model[2, 1, 3] = 9
    x[0, 0] += 3
    model[0, 0] += 3
    assert np.array_equal(x.numpy(), model)
    image = ds.create_tensor("image", htype="image", sample_compression="png")
    image.append(picture(1))
    image[0][0:2, 1:3] = 200
    assert image[0].numpy()[:, :, 0].tolist() == [[1, 200, 200, 1], [1, 200, 200, 1], [1, 1, 1, 1]]
    for place, value in [((0, 9), 1), ((0, 0), [1, 2, 3]), ((0, 0), "a"), ((0, 0), 0.5)]:
        with pytest.raises(SampleError):
            x[place] = value
    assert np.array_equal(x.numpy(), model)
    text = ds.create_tensor("text", htype="text")
    text.append("abc")
    with pytest.raises(SampleError, match="only arrays have parts"):
        text[0][0] = "x"


def test_parts_are_changed_of_what_others_have_written_by_then():
    storage = memory()
    ds = create(storage)
    ds.create_tensor("x", dtype="int32").extend(np.zeros((3, 2), "int32"))
    ds.create_tensor("seq", htype="sequence", dtype="int32").extend([[[0], [0]]] * 3)
    ds.close()
    other = load(storage)
    assert not other.x.numpy().any()
    assert not np.array(other.seq.numpy(aslist=True)).any()
    ds.x[1, 0], ds.seq[1, 0] = 5, [5]
    ds.close()
    other.x[1, 1], other.seq[1, 1] = 6, [6]
    other.close()
    found = load(storage)
    assert found.x.numpy().tolist() == [[0, 0], [5, 6], [0, 0]]
    assert np.array(found.seq[1].numpy(aslist=True)).ravel().tolist() == [5, 6]
    ds.pop(2)
    ds.close()
    with pytest.raises(RowError, match="row 2"):
        other.x[2, 0] = 7


@pytest.mark.parametrize(
    ("htype", "rows", "new"),
    [
        ("text", [["a", "b"], ["c", "d"]], ["x", "y"]),
        ("json", [[{"a": 1}, {}], [[1], {"b": 2}]], [{"x": 1}, {"y": 2}]),
        ("list", [[[1], ["a"]], [[], [2]]], [["x"], [1, 2]]),
        ("class_label", [["a", "b"], ["c", "d"]], ["x", "a"]),
        ("bbox", [[np.ones((n, 4), "float32") for n in (1, 2)]] * 2, [np.zeros((n, 4), "float32") for n in (3, 0)]),
    ],
)
def test_items_of_sequences_are_replaced(htype, rows, new):
    storage = memory()
    x = create(storage).create_tensor("x", htype=f"sequence[{htype}]")
    other = create(memory()).create_tensor("x", htype=f"sequence[{htype}]")
    x.extend(rows)
    x[0][1] = new[0]
    x[:, 0] = new
    x[1][0:2] = new
    with pytest.raises(SampleError, match="index 2 is out of bounds"):
        x[0][2] = new[0]
    other.extend([[new[0], new[0]], new])
    values = [repr(one.data(aslist=True).get("text") or one.numpy(aslist=True)) for one in (load(storage).x, other)]
    assert values[0] == values[1]


def test_items_that_stay_are_the_files_that_they_were(tmp_path):
    for name, seed in [("a.jpg", 1), ("b.jpg", 2), ("c.jpg", 3)]:
        Image.fromarray(picture(seed)).save(tmp_path / name)
    ds = create(memory())
    x = ds.create_tensor("x", htype="sequence[image]", sample_compression="jpeg")
    x.append([deeplake.read(tmp_path / "a.jpg"), deeplake.read(tmp_path / "b.jpg"), None])
    x[0][1] = deeplake.read(tmp_path / "c.jpg")
    assert [x[0][at].tobytes() for at in (0, 1)] == [(tmp_path / name).read_bytes() for name in ("a.jpg", "c.jpg")]
    assert [info.get("filename") for info in x[0].sample_info] == ["a.jpg", "c.jpg", None]
    assert x[0][1].sample_info["filename"] == "c.jpg"
    with pytest.raises(RowError, match="takes one row"):
        x[0].tobytes()
    linked = ds.create_tensor("linked", htype="sequence[link[image]]", sample_compression="jpeg")
    links = [deeplake.link(str(tmp_path / name)) for name in ("a.jpg", "b.jpg", "c.jpg")]
    linked.append(links[:2])
    linked[0][1] = links[2]
    assert [one.tolist() for one in linked[0].path()] == [[links[0].path], [links[2].path]]
    assert linked[0][1].path().tolist() == [links[2].path]
    assert linked[0][1].creds_key() is None


def test_what_is_known_of_a_file_follows_it(tmp_path):
    for name, seed in [("a.png", 1), ("b.png", 2)]:
        Image.fromarray(picture(seed)).save(tmp_path / name)
    ds = create(memory())
    image = ds.create_tensor("image", htype="image", sample_compression="png")
    image.extend([deeplake.read(tmp_path / "a.png"), picture(9)])
    image[1] = deeplake.read(tmp_path / "b.png")
    assert image[1].sample_info["filename"] == "b.png"
    assert image[1].tobytes() == (tmp_path / "b.png").read_bytes()
    image[0][0, 0] = 77
    assert (image[0].sample_info["filename"], image[0].sample_info["modified"]) == ("a.png", True)
    image[0] = picture(3)
    assert image[0].sample_info == {}


def test_links_are_replaced(tmp_path):
    for name, seed in [("a.png", 1), ("b.png", 2)]:
        Image.fromarray(picture(seed, 2 + seed)).save(tmp_path / name)
    ds = create(memory())
    linked = ds.create_tensor("linked", htype="link[image]", sample_compression="png")
    linked.extend([deeplake.link(str(tmp_path / "a.png"))] * 3)
    linked[1] = deeplake.link(str(tmp_path / "b.png"))
    linked.pop(0)
    assert [one.shape for one in linked.numpy(aslist=True)] == [(4, 4, 3), (3, 4, 3)]
    assert linked.meta.max_shape == (4, 4, 3)
    assert ds["_linked_shape"].numpy().tolist() == [[4, 4, 3], [3, 4, 3]]


def test_a_row_beyond_the_end_is_added():
    ds = create(memory())
    ds.create_tensor("x", dtype="int32").extend([[1, 1], [2, 2]])
    ds.create_tensor("text", htype="text")
    ds.x[4] = [5, 5]
    ds.text[2] = "two"
    assert [one.tolist() for one in ds.x.numpy(aslist=True)] == [[1, 1], [2, 2], [], [], [5, 5]]
    assert ds.text.text() == ["", "", "two"]


def test_a_tensor_of_missing_samples_gets_its_shape():
    ds = create(memory())
    x = ds.create_tensor("x", dtype="int32")
    x.extend([None, None, None])
    x[1] = np.ones((2, 3), "int32")
    assert (x.meta.min_shape, x.meta.max_shape) == ((0, 0), (2, 3))
    again = load(ds._state.storage).x
    assert [one.shape for one in again.numpy(aslist=True)] == [(0, 0), (2, 3), (0, 0)]
    x[1] = None
    assert load(ds._state.storage).x[1].shape == (0, 0)


def test_chunks_that_grow_are_cut_and_empty_ones_go():
    ds = create(memory())
    x = ds.create_tensor("x", dtype="uint8", max_chunk_size=1000)
    x.extend([np.full(10, at, "uint8") for at in range(40)])
    before = len(ds._state.tables(x._tensor).ids.ids)
    for at in range(0, 40, 3):
        x[at] = np.full(400, at, "uint8")
    ids = ds._state.tables(x._tensor).ids
    assert len(ids.ids) > before
    assert [one.tolist() for one in load(ds._state.storage).x.numpy(aslist=True)] == [
        [at] * (400 if at % 3 == 0 else 10) for at in range(40)
    ]
    x.pop(list(range(1, 40)))
    assert len(ds._state.tables(x._tensor).ids.ids) == 1
    ds.close()
    named = [key for key in objects(ds._state.storage) if key.startswith("x/chunks/")]
    assert len(named) == 1, "nothing of what was replaced is left"


# ------------------------------------------------------------------ all or nothing

BAD = {
    "x": [np.zeros((2, 2), "int32"), [0.5, 1.5], "a"],
    "varied": [np.zeros(2, "uint8")],
    "text": [b"3"],
    "js": [object()],
    "list": [5],
    "image": [np.zeros((2, 2, 3), "float32"), "a"],
    "seq": [5, [[1, 2], [3.5, 1]]],
    "label": [{"a": 1}],
    "polygon": [5],
}


@pytest.mark.parametrize("name", BAD)
def test_a_value_that_does_not_fit_changes_nothing(name):
    ds = filled(6)
    before = objects(ds._state.storage)
    for bad in BAD[name]:
        with pytest.raises(SampleError):
            ds[name][2] = bad
        with pytest.raises(SampleError):
            ds[name][1:3] = [row(50)[name], bad]
        with pytest.raises(SampleError):
            ds[2].update({**row(50), name: bad})
        with ds:
            ds.packed[0] = [5, 5]
            with pytest.raises(SampleError):
                ds[2].update({**row(50), name: bad})
            ds.packed[0] = [0, 0]
    check(ds, range(6))
    ds.close()
    assert counting(ds._state.storage).keys() <= before.keys() | counting(ds._state.storage).keys()
    check(load(ds._state.storage), range(6))


def test_wrong_requests():
    ds = filled(6)
    store = ds._state.storage
    ds.close()
    before = objects(store)
    for action, error in [
        (lambda: ds.x.__setitem__(slice(0, 3), [[1, 2]] * 2), SampleError),
        (lambda: ds.x.__setitem__(-7, [1, 2]), RowError),
        (lambda: ds.x.__setitem__([1, 9], [[1, 2]] * 2), RowError),
        (lambda: ds.update({"x": [[1, 2]] * 5}), SampleError),
        (lambda: ds[2].update({"nothing": 1}), TensorNotFoundError),
        (lambda: ds.x.pop(6), RowError),
        (lambda: ds.x.pop(-1), RowError),
        (lambda: ds.x.pop([1, 1]), RowError),
        (lambda: ds.pop(99), RowError),
        (lambda: ds[:3].x.pop(0), ReadOnlyError),
        (ds[:3].x.clear, ReadOnlyError),
        (lambda: load(store, read_only=True).x.__setitem__(0, [1, 2]), ReadOnlyError),
        (lambda: load(store, read_only=True).x.pop(0), ReadOnlyError),
        (lambda: load(store, read_only=True).pop(0), ReadOnlyError),
        (lambda: load(store, read_only=True)[0].update({"x": [1, 2]}), ReadOnlyError),
    ]:
        with pytest.raises(error):
            action()
    ds.close()
    assert objects(store) == before


def test_a_chunk_that_cannot_be_read_stops_all():
    ds = filled(6)
    store = ds._state.storage
    ds.close()
    key = next(entry.key for entry in store.list("text/chunks/"))
    store.delete(key)
    ds = load(store)
    with pytest.raises(FormatError, match="is missing"):
        ds[0].update(row(50))
    assert ds.x[0].numpy().tolist() == [0, 1]
    assert load(store).x[0].numpy().tolist() == [0, 1]


def acts():
    """Changes, and the seeds of the rows after them."""
    yield (
        lambda ds: ds[3:9].update({name: [row(50 + at)[name] for at in range(6)] for name in row(0)}),
        [
            *range(3),
            *range(50, 56),
            *range(9, 12),
        ],
    )
    yield lambda ds: ds.pop([0, 5, 11]), [1, 2, 3, 4, 6, 7, 8, 9, 10]
    yield Dataset.clear, []


@pytest.mark.parametrize(("number", "patch_nbytes"), [(0, 4096), (0, 0), (1, 4096), (2, 4096)])
def test_dying_at_any_put_leaves_all_or_nothing_of_a_change(number, patch_nbytes, monkeypatch):
    monkeypatch.setattr(amended, "_PATCH_NBYTES", patch_nbytes)
    change, after = list(acts())[number]
    seen = set()
    for put in count(1, 3):
        store = memory()
        failing = Failing(store)
        ds = filled(12, failing)
        failing.fail_at(put, for_good=True)
        try:
            change(ds)
            break
        except StorageError:
            del ds
            collected()
        seeds = list(range(12)) if len(load(store).x) == 12 and load(store).x[3].numpy()[0] == 3 else after
        check(load(store, read_only=True), seeds)
        seen.add(len(seeds) == 12 and seeds[3] == 3)
        again = load(store)
        again.append(row(40))
        assert not [key for key in objects(store) if "journal" in key]
        check(load(store), [*seeds, 40])
    assert seen == {True, False}, "before the journal nothing counts, after it everything"


@pytest.mark.usefixtures("patched")
def test_a_failed_flush_is_made_up_for_by_the_next():
    for put in count(1, 5):
        store = Failing(memory())
        ds = filled(8, store)
        with ds:
            ds[2:5].update({name: [row(60 + at)[name] for at in range(3)] for name in row(0)})
            store.fail_at(put)
            try:
                ds.flush()
            except StorageError:
                check(ds, [0, 1, 60, 61, 62, 5, 6, 7])
        if store.countdown is not None:
            break
        check(load(store), [0, 1, 60, 61, 62, 5, 6, 7])
    assert put > 20


def test_a_journal_that_somebody_else_has_written_past_does_not_count():
    store = memory()
    failing = Failing(store)
    ds = filled(6, failing)
    ds.close()
    for put in count(20):
        failing.fail_at(put, for_good=True)
        with suppress(StorageError):
            ds.pop(0)
        if keys.journal(keys.FIRST_COMMIT) in objects(store):
            break
        del ds  # on some Pythons its error holds it in a circle
        collected()
        ds = load(failing)
    journal = bytes(store.get(keys.journal(keys.FIRST_COMMIT)))
    del ds
    collected()
    store.delete(keys.journal(keys.FIRST_COMMIT))
    failing.countdown = None
    kept = load(store)
    length = len(kept.x)
    kept.append(row(70))
    kept.close()
    store.put(keys.journal(keys.FIRST_COMMIT), journal)
    again = load(store)
    assert len(again.x) == length + 1
    again.append(row(71))
    again.close()
    assert keys.journal(keys.FIRST_COMMIT) not in objects(store)
    assert len(load(store).x) == length + 2


# ------------------------------------------------------------------ what it costs, and what others see


def test_a_thousand_rows_at_random_rewrite_each_chunk_once():
    store = Counting(memory())
    ds = create(store)
    x = ds.create_tensor("x", dtype="float32", max_chunk_size=200_000)
    x.extend(np.zeros((20_000, 16), "float32"))
    chunks = len(ds._state.tables(x._tensor).ids.ids)
    rows = np.random.default_rng(1).permutation(20_000)[:1000]
    values = np.random.default_rng(2).random((1000, 16), "float32")
    store.reset()
    with ds:
        for at in range(0, 1000, 50):
            x[rows[at : at + 50]] = values[at : at + 50]
    assert store.requests["put"] == chunks + len(["lock", "journal", "ids of chunks", "difference", "metadata"])
    model = np.zeros((20_000, 16), "float32")
    model[rows] = values
    assert np.array_equal(load(store).x.numpy(), model)


def test_shapes_are_written_anew_only_where_a_sample_has_another_one():
    store = memory()
    ds = create(store)
    x = ds.create_tensor("x", dtype="float32")
    x.extend(np.zeros((5, 2, 3), "float32"))
    before = bytes(store.get("_x_shape/chunks_index/unsharded"))
    x[1:3] = np.ones((2, 2, 3), "float32")
    assert bytes(store.get("_x_shape/chunks_index/unsharded")) == before
    x[3] = np.ones((4, 3), "float32")
    assert bytes(store.get("_x_shape/chunks_index/unsharded")) != before
    again = load(store)
    assert again["_x_shape"].numpy().tolist() == [list(one.shape) for one in again.x.numpy(aslist=True)]
    assert again["_x_shape"].numpy().tolist() == [[2, 3], [2, 3], [2, 3], [4, 3], [2, 3]]


@pytest.mark.usefixtures("patched")
def test_rows_of_an_older_commit_are_changed_in_this_one_only():
    store = memory()
    ds = filled(12, store)
    first = ds.commit()
    before = {key: data for key, data in objects(store).items() if not key.startswith("versions/")}
    ds[2].update(row(80))
    ds.pop(0)
    ds.append(row(81))
    seeds = [1, 80, *range(3, 12), 81]
    check(load(store), seeds)
    check(load(store, address=first), range(12))
    after = {key: data for key, data in objects(store).items() if not key.startswith("versions/")}
    assert {key for key in before if before[key] != after[key]} == set()
    diff = CommitDiff.decode(bytes(store.get(keys.commit_diff(ds.pending_commit_id, "x"))), "d")
    assert (diff.updated, diff.deleted, diff.added_first, diff.added_stop) == ([1], [0], 11, 12)
    assert len(diff.deleted_ids) == 8
    second = ds.commit()
    ds.pop([0, 1])
    check(load(store, address=second), seeds)
    check(load(store), seeds[2:])


def test_a_reader_that_is_overtaken_is_told_so():
    ds = filled(12)
    reader = load(ds._state.storage, read_only=True)
    ds.x.pop(0)
    with pytest.raises(StorageError, match="another writer has changed tensor 'x'"):
        reader.x.numpy()
    reader = load(ds._state.storage, read_only=True)
    assert reader.x.numpy().shape == (11, 2)
    reader._state.load_all_tables()
    ds.text[3] = "changed"
    ds.close()
    with pytest.raises(StorageError, match="another writer has changed tensor 'text'"):
        reader.text.text()
    assert load(ds._state.storage, read_only=True).text[3].text() == "changed"


def test_a_reader_of_several_tensors_is_told_of_the_one_that_was_overtaken():
    ds = filled(12)
    reader = load(ds._state.storage, read_only=True)
    ds.pop(0)
    ds.close()
    with pytest.raises(StorageError, match=r"another writer has changed tensor '_?x[a-z_]*' since it was loaded"):
        reader._state.load_all_tables()
    path = keys.chunk_ids(ds._state.commit.id, "x")
    ds._state.storage.put(path, ChunkIds().encode())
    with pytest.raises(FormatError, match="the dataset is damaged"):
        load(ds._state.storage, read_only=True)._state.load_all_tables()


def test_a_reader_of_a_tensor_that_was_made_anew_is_told_so():
    ds = create(memory())
    with ds:
        ds.create_tensor("x", dtype="int64").extend(np.zeros((9, 4), "int64"))
    reader = load(ds._state.storage, read_only=True)
    with ds:
        ds.delete_tensor("x")
        ds.create_tensor("x", dtype="float32").extend(np.ones((9, 3), "float32"))
    with pytest.raises(StorageError, match="another writer has changed tensor 'x' since it was loaded"):
        reader.x.numpy()
    late = load(ds._state.storage, read_only=True)
    with ds:
        ds.x.append(np.ones(3, "float32"))
    (chunk,) = (key for key in objects(ds._state.storage) if key.startswith("x/chunks/"))
    ds._state.storage.put(chunk, b"damaged")
    with pytest.raises(FormatError, match=chunk):
        late.x.numpy()


@pytest.mark.parametrize("counts", [{3: 5}, {3: 3, 4: 1}, {3: 1}])
def test_a_reader_of_sequences_never_mixes_items_of_two_moments(counts):
    ds = create(memory())
    ds.create_tensor("x", htype="sequence", dtype="int64")
    with ds:
        ds.x.extend([[row, row] for row in range(9)])
    reader, again = (load(ds._state.storage, read_only=True) for _ in range(2))
    with ds:
        ds.x.append([9, 9, 9])
    assert [row.tolist() for row in again.x.numpy()] == [[[row], [row]] for row in range(9)], "that is before them"
    with ds:
        for row, count in counts.items():
            ds.x[row] = [-1] * count
    with pytest.raises(StorageError, match="another writer has changed tensor 'x' since it was loaded"):
        reader.x.numpy()
    assert len(load(ds._state.storage, read_only=True).x[3].numpy()) == counts[3]


def test_a_tensor_read_from_memory_belongs_to_the_reader():
    ds = create(memory())
    x = ds.create_tensor("x", dtype="int32")
    x.extend(np.zeros((4, 3), "int32"))
    with ds:
        x[1] = [1, 1, 1]
        got = x[1].numpy()
        got[:] = 9
        many = x.numpy()
        many[:] = 9
        assert x.numpy().tolist() == [[0] * 3, [1] * 3, [0] * 3, [0] * 3]
        mine = np.full(3, 4, "int32")
        x[2] = mine
        mine[:] = 8
    assert load(ds._state.storage).x.numpy().tolist() == [[0] * 3, [1] * 3, [4] * 3, [0] * 3]


@pytest.mark.usefixtures("patched")
def test_rows_that_a_dead_writer_left_in_a_chunk_do_not_come_back():
    """Its chunk is longer than the table says; an update of all its rows must not count the others."""
    for put in count(1):
        store = memory()
        failing = Failing(store)
        ds = create(failing)
        ds.create_tensor("x", dtype="int64").extend([[1, 1], [2, 2]])
        failing.fail_at(put, for_good=True)
        try:
            ds.x.extend([[3, 3], [4, 4]])
            break
        except StorageError:
            del ds
            collected()
        again = load(store)
        rows = len(again.x)
        again.x[:] = np.full((rows, 2), 7)
        again.x.append([8, 8])
        assert load(store).x.numpy().tolist() == [[7, 7]] * rows + [[8, 8]]
    assert put > 3
