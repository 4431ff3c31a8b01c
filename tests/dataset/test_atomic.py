"""An append is all or nothing: whatever fails in its middle, memory and storage are as before, and the next works."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb import link, read
from deeplake_nb.errors import LakeError, LinkError, SampleError, StorageError

from .stores import Failing, counting, create, lengths, load, memory, objects

CHUNK = 240  # bytes, so that a few rows fill several chunks


@pytest.fixture
def store():
    return Failing(memory())


@pytest.fixture
def ds(store, tmp_path):
    Image.fromarray(np.full((3, 4, 3), 7, "uint8")).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture at all")
    ds = create(store)
    with ds:
        ds.create_tensor("x", dtype="int32", max_chunk_size=CHUNK)
        ds.create_tensor("text", htype="text", max_chunk_size=CHUNK)
        ds.create_tensor("js", htype="json", max_chunk_size=CHUNK)
        ds.create_tensor("label", htype="class_label", class_names=["a"], max_chunk_size=CHUNK)
        ds.create_tensor("image", htype="image", sample_compression="png", max_chunk_size=CHUNK)
        ds.create_tensor("seq", htype="sequence[bbox]", max_chunk_size=CHUNK)
        ds.create_tensor("linked", htype="link[image]", sample_compression="png")
        ds.create_tensor("untyped")
    for _ in range(3):
        ds.append(row(tmp_path))
    return ds


def row(folder):
    return {
        "x": np.arange(10, dtype="int32"),
        "text": "some words",
        "js": {"a": [1, 2]},
        "label": "a",
        "image": np.zeros((3, 4, 3), "uint8"),
        "seq": [np.ones((2, 4), "float32")] * 2,
        "linked": deeplake.link(str(folder / "good.png")),
        "untyped": 5,
    }


def seen(ds):
    """What a user can see of every tensor."""
    return {
        name: (len(tensor), tensor.htype, str(tensor.dtype), tensor.shape_interval, dict(tensor.info), values(tensor))
        for name, tensor in ds.tensors.items()
    }


def values(tensor):
    if tensor.base_htype in {"text", "json"}:
        return tensor.data()["value"]
    flat = [one for row in tensor.numpy(aslist=True) for one in (row if isinstance(row, list) else [row])]
    return [(one.shape, one.dtype.str, one.tobytes()) for one in flat]


def interrupted(values, error):
    yield from values
    raise error


def many(value, count=20):
    return [value] * count


TEN = np.arange(10, dtype="int32")
PICTURE = np.ones((3, 4, 3), "uint8")
BOXES = np.ones((2, 4))

BAD_BATCHES = {
    "third value of another dtype": ("x", lambda _: [*many(TEN), np.zeros(10), 1], SampleError),
    "third value of another rank": ("x", lambda _: [*many(TEN), np.zeros((2, 2), "int32")], SampleError),
    "a value too large": ("x", lambda _: [*many(TEN), [2**40]], SampleError),
    "a ragged list": ("x", lambda _: [[1, 2], [[1], [2, 3]]], SampleError),
    "a word among numbers": ("x", lambda _: [[1], "word"], SampleError),
    "a list among texts": ("text", lambda _: [*many("text"), [5]], SampleError),
    "half a surrogate": ("text", lambda _: [*many("text"), "\ud800"], SampleError),
    "what is no JSON": ("js", lambda _: [*many({"a": 1}), {"b": object()}], SampleError),
    "JSON without an end": ("js", lambda _: [{"a": 1}, _endless()], SampleError),
    "a class that is no name": ("label", lambda _: ["b", "c", {"d": 1}], SampleError),
    "a label below zero": ("label", lambda _: [0, 1, -1], SampleError),
    "a picture of floats": ("image", lambda _: [*many(PICTURE), np.zeros((3, 4, 3))], SampleError),
    "a picture of five channels": ("image", lambda _: [PICTURE, np.zeros((3, 4, 5), "uint8")], SampleError),
    "a file that is no picture": ("image", lambda p: [read(p / "good.png"), read(p / "bad.png")], LakeError),
    "a file that is not there": ("image", lambda p: [read(p / "good.png"), read(p / "none.png")], LinkError),
    "an item of another rank": ("seq", lambda _: [[BOXES], [BOXES, np.ones(4)]], SampleError),
    "a row that is no list": ("seq", lambda _: [[BOXES], 5], SampleError),
    "a link that leads nowhere": ("linked", lambda p: [link(p / "good.png"), link(p / "none.png")], LinkError),
    "a link to no picture": ("linked", lambda p: [link(p / "good.png"), link(p / "bad.png")], LinkError),
    "a link that is a text": ("linked", lambda p: [link(p / "good.png"), str(p / "good.png")], SampleError),
    "a generator interrupted": ("x", lambda _: interrupted(many(TEN, 200), KeyboardInterrupt()), KeyboardInterrupt),
    "a generator that fails": (
        "text",
        lambda _: interrupted(many("word", 20000), ZeroDivisionError()),
        ZeroDivisionError,
    ),
    "what is no batch": ("x", lambda _: 5, SampleError),
    "a text for a batch": ("text", lambda _: "text", SampleError),
    "a mapping for a batch": ("x", lambda _: {"a": 1}, SampleError),
}


def _endless():
    out = []
    out.append(out)
    return out


@pytest.mark.parametrize("held", [False, True], ids=["alone", "within with"])
@pytest.mark.parametrize("why", BAD_BATCHES)
def test_a_batch_that_fails_in_its_middle_changes_nothing(ds, store, tmp_path, why, held):
    name, batch, expected = BAD_BATCHES[why]
    before, stored, rows = seen(ds), objects(store), lengths(ds)
    if held:
        with ds, pytest.raises(expected):
            ds[name].extend(batch(tmp_path))
    else:
        with pytest.raises(expected):
            ds[name].extend(batch(tmp_path))
    assert lengths(ds) == rows
    assert objects(store) == stored
    assert seen(ds) == before
    ds.append(row(tmp_path))
    assert lengths(load(store)) == lengths(ds)
    assert seen(load(store)) == seen(ds)
    assert {name: len(tensor) for name, tensor in ds.tensors.items()} == dict.fromkeys(before, 4)


def test_a_row_whose_last_tensor_fails_changes_no_tensor(ds, store, tmp_path):
    before, stored = seen(ds), objects(store)
    for name, value in [("linked", 5), ("seq", 3), ("js", object()), ("untyped", "text")]:
        with pytest.raises(SampleError):
            ds.append({**row(tmp_path), name: value})
        assert objects(store) == stored
    assert seen(ds) == before
    ds.append(row(tmp_path))
    assert seen(load(store)) == seen(ds)


def test_a_failed_first_batch_leaves_an_untyped_tensor_untyped(store):
    ds = create(store)
    ds.create_tensor("x")
    stored = objects(store)
    for batch in ([1, "a"], [[1, 2], [[3]]], ["a", [1]], [{"a": 1}, object()], [np.zeros(3), np.zeros((3, 3))]):
        with pytest.raises(SampleError):
            ds.x.extend(batch)
        assert (ds.x.dtype, ds.x.meta.htype, len(ds.x)) == (None, None, 0)
    assert objects(store) == stored
    ds.x.append("text")
    assert (ds.x.htype, ds.x.text()) == ("text", ["text"])


@pytest.mark.parametrize("for_good", [False, True], ids=["one put fails", "the storage is gone"])
def test_a_put_that_fails_within_a_batch_changes_nothing(ds, store, tmp_path, for_good):
    before, stored, rows = seen(ds), counting(store), lengths(ds)
    batch = [np.arange(10, dtype="int32")] * 100
    for put in range(1, 40):
        store.fail_at(put, for_good=for_good)
        try:
            with ds:  # so that only full chunks are written, and no flush happens
                ds.x.extend(batch)
                store.countdown = None
                break
        except StorageError:
            store.countdown = None
            assert lengths(ds) == rows
            assert counting(store) == stored
            assert seen(ds) == before
    else:
        pytest.fail("every put failed")
    assert put > 20, "many chunks are written by one batch"
    assert len(ds.x) == len(load(store).x) == 103
    assert seen(load(store)) == seen(ds)


def test_rows_appended_within_with_survive_a_batch_that_fails_there(ds, store):
    with ds:
        ds.x.append(np.full(10, 1, "int32"))
        with pytest.raises(SampleError):
            ds.x.extend([np.full(10, 2, "int32")] * 30 + ["no"])
        ds.x.append(np.full(10, 3, "int32"))
    assert [int(one[0]) for one in load(store).x.numpy(aslist=True)[3:]] == [1, 3]


def test_an_error_within_with_keeps_the_rows_before_it(ds, store):
    def block():
        with ds:
            ds.x.append(np.full(10, 1, "int32"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert len(load(store).x) == 4
    ds.x.append(np.full(10, 2, "int32"))
    assert len(load(store).x) == 5


def test_values_may_be_read_from_the_dataset_they_are_appended_to(ds, store):
    with ds:
        ds.x.extend([np.full(10, at, "int32") for at in range(30)])
        ds.untyped.extend(int(one.numpy()[0]) for one in ds.x[3:])
        ds.x.extend(one.numpy() + 100 for one in ds.x[3:])
    expected = [*range(30), *range(100, 130)]
    assert [int(one[0]) for one in load(store).x.numpy(aslist=True)[3:]] == expected
    assert load(store).untyped.numpy().ravel().tolist()[3:] == list(range(30))


def test_values_that_are_read_while_a_batch_fails_change_nothing(ds, store):
    before, stored = seen(ds), objects(store)

    def doubled():
        for one in ds.x:
            yield from [one.numpy() * 2] * 80
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ds.x.extend(doubled())
    assert objects(store) == stored
    assert seen(ds) == before


def test_values_that_append_to_the_dataset_are_refused(ds):
    def values():
        yield np.arange(10, dtype="int32")
        ds.text.append("nested")

    before = lengths(ds)
    with pytest.raises(SampleError, match="while it is being extended"):
        ds.x.extend(values())
    assert lengths(ds) == before


@pytest.mark.parametrize("held", [False, True], ids=["a flush", "a block"])
def test_values_that_write_the_dataset_do_not_write_half_a_batch(ds, store, held):
    before, stored = seen(ds), counting(store)

    def values():
        yield from [TEN] * 2000
        if not held:
            ds.flush()
        with ds:
            pass
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError if held else SampleError):
        ds.x.extend(values())
    assert counting(store) == stored
    assert seen(ds) == before


def test_an_array_that_changes_after_an_append_does_not_change_the_row(store):
    ds = create(store)
    x, varied = ds.create_tensor("x", dtype="int64"), ds.create_tensor("varied", dtype="int64")
    buffer, file = np.zeros(3, "int64"), bytearray(_png(1))
    ds.create_tensor("image", htype="image", sample_compression="png")
    with ds:
        for at in range(3):
            buffer[:] = at
            x.append(buffer)
            varied.extend([buffer, buffer[:2], buffer])
            file[:] = _png(at)
            ds.image.append(deeplake.Sample(file))
        buffer[:] = 99
        file[:] = bytes(len(file))
    assert x.numpy()[:, 0].tolist() == [0, 1, 2]
    assert [int(one[0]) for one in varied.numpy(aslist=True)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [int(one[0, 0, 0]) for one in ds.image.numpy()] == [0, 1, 2]


def _png(value):
    import io

    out = io.BytesIO()
    Image.fromarray(np.full((3, 3), value, "uint8")).save(out, "PNG")
    return out.getvalue()


def test_many_small_appends_within_with_take_time_in_proportion(store):
    import time

    ds = create(store)
    x = ds.create_tensor("x", dtype="int64", create_shape_tensor=False, create_id_tensor=False)

    def seconds(count):
        with ds:
            started = time.thread_time()
            for at in range(count):
                x.append(at)
            return time.thread_time() - started

    seconds(100)
    few = min(seconds(500) for _ in range(3))
    seconds(8000)
    many = min(seconds(500) for _ in range(3))
    assert many < 10 * few + 0.05, "an append does not cost more where the chunk holds more"
