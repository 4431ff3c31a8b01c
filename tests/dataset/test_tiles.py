"""Samples in tiles: written, read and changed in parts, by the tiles these touch and no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deeplake_nb as deeplake
from deeplake_nb.errors import RowError, SampleError, StorageError
from deeplake_nb.format.encoders import Tiling
from deeplake_nb.format.samples import PartialSample, Sample
from deeplake_nb.format.tiles import bounds, box_of, pieces, tile_shape, whole
from deeplake_nb.storage.wrappers import Counting
from tests.format.fuzz import at_most

from .stores import Failing, create, load, memory

KINDS = {
    "plain": {},
    "lz4": {"sample_compression": "lz4"},
    "lz4 chunks": {"chunk_compression": "lz4"},
    "png": {"htype": "image", "sample_compression": "png"},
    "png chunks": {"htype": "image", "chunk_compression": "png"},
    "raw pictures": {"htype": "image", "sample_compression": None},
}
SMALL = np.arange(4 * 4 * 3, dtype="uint8").reshape(4, 4, 3)
LARGE = (np.arange(40 * 30 * 3) % 251).astype("uint8").reshape(40, 30, 3)


def made(store, kind="plain", **options):
    ds = create(store)
    ds.create_tensor("x", **{"dtype": "uint8", "tiling_threshold": 300, **KINDS[kind], **options})
    return ds


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_sample_is_cut_and_comes_back(kind):
    store = memory()
    with made(store, kind) as ds:
        ds.x.extend([SMALL, LARGE, SMALL])
        ds.x.append(LARGE[:, :20])
        ds.x.extend(np.stack([LARGE, LARGE[::-1]]))
        ds.x.append(SMALL)
    expected = [SMALL, LARGE, SMALL, LARGE[:, :20], LARGE, LARGE[::-1], SMALL]
    for one in (ds, load(store)):
        assert all(map(np.array_equal, one.x.numpy(aslist=True), expected))
        assert one.x[3].shape == (40, 20, 3)
        assert np.array_equal(one.x[[5, 1]].numpy(), np.stack([LARGE[::-1], LARGE]))
        assert one.x.shapes().tolist() == [list(array.shape) for array in expected]
    again = load(store)
    found = again._state.tables(again._state.tensors["x"])
    assert sorted(found.tiles) == [1, 3, 4, 5]
    assert len(found.ids.ids) > 20
    assert again.x[0].sample_info == ({} if KINDS[kind].get("htype") == "image" else None)


def test_no_sample_is_cut_where_that_is_forbidden():
    store = memory()
    made(store, tiling_threshold=-1).x.append(LARGE)
    assert not load(store)._state.tables(load(store)._state.tensors["x"]).tiles
    assert np.array_equal(load(store).x[0].numpy(), LARGE)


def test_a_side_may_be_as_long_as_the_format_counts():
    """It counts in four bytes without a sign. One shape alone is in the metadata, several are in chunks."""
    ds = create(memory())
    x = ds.create_tensor("x", dtype="uint8")
    lengths = [2**31 + 5, 2**32 - 1]
    for at, length in enumerate(lengths, 1):
        x.append(deeplake.tiled((length,)))
        assert x.shapes().tolist() == [[one] for one in lengths[:at]]


def test_text_and_lists_are_never_cut():
    ds = create(memory())
    for name, value in {"text": "a" * 2000, "json": {"a": "b" * 2000}, "list": ["c" * 2000]}.items():
        ds.create_tensor(name, htype=name, tiling_threshold=100).append(value)
        assert not ds._state.tables(ds._state.tensors[name]).tiles
    assert ds.text[0].text() == "a" * 2000


def test_a_large_file_is_cut_after_it_is_decoded():
    import io

    from PIL import Image

    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
    Image.fromarray(noise).save(out, "PNG")
    store = memory()
    with made(store, "png") as ds:
        ds.x.append(Sample(out.getvalue(), path="dir/noise.png"))
    again = load(store)
    assert np.array_equal(again.x[0].numpy(), noise)
    assert again.x[0].sample_info["filename"] == "noise.png"
    assert list(again._state.tables(again._state.tensors["x"]).tiles) == [0]


def counted(store):
    counting = Counting(store)
    ds = load(counting)
    assert np.array_equal(ds.x[0].numpy(), SMALL)  # so that all tables are here
    return ds, counting


def requests(counting):
    return counting.requests["get"]


PARTS = [
    (slice(0, 5), slice(0, 5)),
    (slice(35, 40), slice(-3, None)),
    (39, 29, 2),
    (slice(None, None, -1), 4),
    (slice(10, 2, -3), slice(20, 3, -2), 0),
    (Ellipsis, 1),
    (slice(3, 3),),
    (7,),
    (slice(0, 40), slice(0, 30)),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_read_and_changed(part, kind):
    store = memory()
    with made(store, kind) as ds:
        ds.x.extend([SMALL, LARGE, SMALL])
    ds, counting = counted(store)
    before = requests(counting)
    assert np.array_equal(ds.x[(1, *part)].numpy(), LARGE[part])
    tiling = ds._state.tables(ds._state.tensors["x"]).tiles[1]
    touched = len(list(pieces(tiling, bounds(tiling.shape, part)[0])))
    assert requests(counting) - before == touched, "a request for each tile that the part touches"
    expected = LARGE.copy()
    expected[part] = 9
    writing = load(store)
    names = set(store._objects)
    writing.x[(1, *part)] = 9
    fresh = {name for name in set(store._objects) - names if name.startswith("x/chunks/")}
    assert len(fresh) == touched, "a new chunk for each tile that the part touches"
    for one in (writing, load(store)):
        assert np.array_equal(one.x[1].numpy(), expected)
        assert np.array_equal(one.x[0].numpy(), SMALL)
        assert np.array_equal(one.x[2].numpy(), SMALL)


def test_parts_in_two_brackets_and_arithmetic():
    store = memory()
    ds = made(store, "png")
    ds.x.extend([SMALL, LARGE])
    ds.x[1][0:4, 5:9] = SMALL
    ds.x[1][10:12][0] = 7
    ds.x[1, 20:22] += 3
    expected = LARGE.copy()
    expected[0:4, 5:9], expected[10] = SMALL, 7
    expected[20:22] += 3
    assert np.array_equal(load(store).x[1].numpy(), expected)
    assert np.array_equal(load(store).x[1][20:30][1, 3:5].numpy(), expected[20:30][1, 3:5])
    assert [one.shape for one in load(store).x[:, :3].numpy(aslist=True)] == [(3, 4, 3), (3, 30, 3)]
    picked = [0, 39, 3]
    assert np.array_equal(load(store).x[1, picked].numpy(), expected[picked]), "an index that needs the whole"
    ds.x[1, picked] = 5
    expected[picked] = 5
    assert np.array_equal(load(store).x[1].numpy(), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_cut_when_it_replaces_another_and_goes_when_it_is_removed(kind):
    store = memory()
    ds = made(store, kind)
    ds.x.extend([SMALL, LARGE, SMALL, SMALL])
    ds.x[2] = LARGE[::-1]
    ds.x[1] = SMALL
    ds.x[3] = LARGE
    expected = [SMALL, SMALL, LARGE[::-1], LARGE]
    for one in (ds, load(store)):
        assert all(map(np.array_equal, one.x.numpy(aslist=True), expected))
    ds.x.pop(0)
    ds.x.pop(1)
    assert all(map(np.array_equal, load(store).x.numpy(aslist=True), [SMALL, LARGE]))
    ds.x.append(SMALL)
    ds.x.pop(1)
    ds.x.append(LARGE)
    assert all(map(np.array_equal, load(store).x.numpy(aslist=True), [SMALL, SMALL, LARGE]))
    chunks = [name for name in store._objects if name.startswith("x/chunks/")]
    ds.close()
    left = [name for name in store._objects if name.startswith("x/chunks/")]
    named = load(store)._state.tables(load(store)._state.tensors["x"])
    assert len(left) <= len(chunks)
    assert named is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_of_zeros_takes_no_room_until_parts_of_it_are_set(kind):
    store = memory()
    ds = made(store, kind)
    ds.x.append(PartialSample((40, 30, 3), (10, 10, 3)))
    ds.x.append(PartialSample((40, 30, 3)))
    assert not ds.x.numpy(aslist=True)[0].any()
    assert max(len(data) for name, data in store._objects.items() if name.startswith("x/chunks/")) < 60
    ds.x[0][5:15, 5:25] = LARGE[5:15, 5:25]
    ds.x[1][39, 29] = [1, 2, 3]
    expected = np.zeros_like(LARGE)
    expected[5:15, 5:25] = LARGE[5:15, 5:25]
    again = load(store)
    assert np.array_equal(again.x[0].numpy(), expected)
    assert again.x[1].numpy().sum() == 6
    tiling = again._state.tables(again._state.tensors["x"]).tiles[0]
    assert tiling == ((40, 30, 3), (10, 10, 3))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (PartialSample((4, 0, 3), (1, 1, 1)), "do not cover"),
        (PartialSample((4, 4, 3), (1, 1)), "do not cover"),
        (PartialSample((4, 4, 3), (0, 1, 1)), "do not cover"),
    ],
)
def test_tiles_that_cover_nothing_are_refused(value, message):
    ds = made(memory())
    with pytest.raises(SampleError, match=message):
        ds.x.append(value)
    assert len(ds.x) == 0


@pytest.mark.parametrize("value", [np.zeros((3, 3, 3), "uint8"), 256, "text", np.zeros((2, 2, 3), "float32")])
def test_a_part_that_does_not_fit_changes_nothing(value):
    store = memory()
    ds = made(store)
    ds.x.extend([SMALL, LARGE])
    before = dict(store._objects)
    with pytest.raises(SampleError):
        ds.x[1, 0:2, 0:2] = value
    with pytest.raises(RowError):
        ds.x[1, 40] = 3
    with pytest.raises(RowError):
        ds.x[1, 40].numpy()
    ds.close()
    changed = {name for name, data in store._objects.items() if bytes(before.get(name, b"")) != bytes(data)}
    assert changed <= {"dataset_lock.lock"}


def test_a_sample_that_cannot_be_stored_leaves_the_rows_before_it():
    store = memory()
    ds = made(store, "png")
    ds.x.append(LARGE)
    for value in (np.zeros((40, 30, 7), "uint8"), np.zeros((40, 30), "float64")):
        with pytest.raises(SampleError):
            ds.x.extend([SMALL, value])
        with pytest.raises(SampleError):
            ds.x[0] = value
        with pytest.raises(SampleError):
            ds.x[0, 0:3, 0:3] = value
    assert len(ds.x) == len(load(store).x) == 1
    assert np.array_equal(load(store).x[0].numpy(), LARGE)
    ds.x.append(SMALL)
    assert np.array_equal(load(store).x[1].numpy(), SMALL)


# ------------------------------------------------------------------ geometry

SHAPES = st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple)


@st.composite
def indices(draw, shape):
    out = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        number = st.integers(-size, size - 1)
        edge = st.none() | st.integers(-size - 2, size + 2)
        step = st.none() | st.sampled_from([1, 2, -1, -3])
        out.append(draw(number | st.builds(slice, edge, edge, step)))
    if draw(st.booleans()) and len(out) < len(shape):
        out.insert(draw(st.integers(0, len(out))), Ellipsis)
    return tuple(out)


@given(SHAPES, st.data())
@settings(max_examples=300)
def test_the_tiles_of_any_part(shape, data):
    """Pasted into the smallest box that holds it, they give what numpy gives."""
    array = np.arange(np.prod(shape)).reshape(shape)
    tiling = Tiling((shape, tuple(data.draw(st.integers(1, 13)) for _ in shape)))
    items = data.draw(indices(shape))
    box, inner = bounds(shape, items)
    out = np.full(tuple(one.stop - one.start for one in box), -1)
    for piece in pieces(tiling, box):
        tile = array[box_of(tiling, piece.number)]
        out[piece.within] = tile[piece.inside]
    assert np.array_equal(out, array[box])
    assert np.array_equal(out[inner], array[items])
    everything = [piece.number for piece in pieces(tiling, whole(shape))]
    assert everything == list(range(int(np.prod(tiling.grid))))


@given(SHAPES, st.integers(1, 4000), st.integers(1, 500), st.booleans())
def test_tiles_are_as_small_as_was_asked(shape, nbytes, limit, keep_last):
    tile = tile_shape(shape, nbytes, limit, keep_last=keep_last)
    assert all(0 < one <= size for one, size in zip(tile, shape, strict=True))
    if keep_last and len(shape) > 1:
        assert tile[-1] == shape[-1]
    if nbytes <= limit:
        assert tile == shape


@pytest.mark.parametrize("items", [(None,), ([0, 1],), (np.array([True, False]),), (slice(None),) * 4])
def test_an_index_that_needs_the_whole(items):
    assert bounds((2, 3, 4), items) is None


def test_the_shape_of_tiles_is_the_originals():
    assert tile_shape((21, 17), 21 * 17 * 4, 400, keep_last=False) == (11, 9)
    assert tile_shape((20, 15, 3), 900, 300, keep_last=False) == (10, 8, 3)
    assert tile_shape((33, 29, 3), 33 * 29 * 3 * 0.5, 700, keep_last=True) == (17, 15, 3)


# ------------------------------------------------------------------ storage that fails, sequences, versions


@pytest.mark.parametrize("kind", ["plain", "png chunks"])
def test_a_storage_that_fails_leaves_what_was_there(kind):
    """At whichever object it fails: nothing of the sample is seen, and it can be appended again."""
    for put in range(1, 40):
        store = memory()
        failing = Failing(store)
        ds = made(failing, kind)
        ds.x.append(SMALL)
        before = set(store._objects)
        failing.fail_at(put)
        try:
            ds.x.extend([LARGE, SMALL])
        except StorageError:
            assert len(load(store).x) == 1
            assert np.array_equal(load(store).x[0].numpy(), SMALL)
        else:
            assert put > 10, "each tile is an object"
            return
        ds.x.extend([LARGE, SMALL])
        ds.close()
        again = load(store)
        assert all(map(np.array_equal, again.x.numpy(aslist=True)[-3:], [SMALL, LARGE, SMALL]))
        assert before <= {*store._objects, "dataset_lock.lock"}
    pytest.fail("there was no end of failures")


def test_what_a_failed_flush_says_of_tiles_is_not_said_of_later_rows():
    """Whichever put fails, and whether its row is taken back or waits: no other row is taken for it."""
    for put in range(1, 40):
        store = memory()
        failing = Failing(store)
        ds = made(failing)
        ds.x.append(SMALL)
        failing.fail_at(put)
        try:
            ds.x.append(LARGE)
        except StorageError:
            ds.x.extend([SMALL, SMALL])
            ds.close()
            found = load(store).x.numpy(aslist=True)
            rows = [SMALL, *[LARGE] * (len(found) - 3), SMALL, SMALL]
            assert all(map(np.array_equal, found, rows))
        else:
            assert put > 10, "each tile is an object"
            return
    pytest.fail("there was no end of failures")


def test_who_has_no_tiles_writes_no_table_of_them():
    store = memory()
    ds = made(store)
    ds.x.append(SMALL)
    assert not [key for key in store._objects if "tiles_index" in key]
    ds.x.append(LARGE)
    assert [key for key in store._objects if "tiles_index" in key] == ["x/tiles_index/unsharded"]


def test_a_storage_that_fails_while_a_part_is_changed():
    for put in range(1, 30):
        store = memory()
        failing = Failing(store)
        ds = made(failing)
        ds.x.append(LARGE)
        failing.fail_at(put, for_good=True)
        try:
            ds.x[0, 5:25, 5:25] = 0
        except StorageError:
            found = load(store).x[0].numpy()
            changed = LARGE.copy()
            changed[5:25, 5:25] = 0
            assert np.array_equal(found, LARGE) or np.array_equal(found, changed), "all of it or nothing"
        else:
            assert put > 5
            return
    pytest.fail("there was no end of failures")


@pytest.mark.parametrize("kind", KINDS)
def test_items_of_sequences_are_cut(kind):
    store = memory()
    how = {"dtype": "uint8", "tiling_threshold": 300, **KINDS[kind]}
    how["htype"] = f"sequence[{how.get('htype', 'generic')}]"
    ds = create(store)
    ds.create_tensor("x", **how)
    ds.x.extend([[LARGE, SMALL], [], [SMALL, LARGE[::-1]]])
    ds.x[0] = [SMALL, LARGE, LARGE]
    ds.x[2, 1, 0:3] = 7
    ds.x.pop(1)
    expected = LARGE[::-1].copy()
    expected[:3] = 7
    for one in (ds, load(store)):
        assert all(map(np.array_equal, one.x[0].numpy(aslist=True), [SMALL, LARGE, LARGE]))
        assert all(map(np.array_equal, one.x[1].numpy(aslist=True), [SMALL, expected]))
        assert np.array_equal(one.x[1, 1, 2:5].numpy(aslist=True), expected[2:5])


@pytest.mark.parametrize("kind", KINDS)
def test_versions_keep_what_they_had(kind):
    """Commits share tiles that did not change; a merge brings over what another branch has."""
    store = memory()
    ds = made(store, kind)
    ds.x.extend([SMALL, LARGE])
    first = ds.commit("first")
    chunks = {name for name in store._objects if "/chunks/" in name}
    ds.x[1, 0:3, 0:3] = 1
    assert len({name for name in store._objects if name.startswith("versions/") and "x/chunks/" in name}) == 1
    ds.commit("second")
    ds.checkout("other", create=True)
    ds.x.append(LARGE[::-1])
    ds.x[0] = LARGE
    ds.commit("third")
    ds.checkout("main")
    ds.merge("other", conflict_resolution="theirs")
    changed = LARGE.copy()
    changed[0:3, 0:3] = 1
    assert all(map(np.array_equal, load(store).x.numpy(aslist=True), [LARGE, changed, LARGE[::-1]]))
    ds.checkout(first)
    assert all(map(np.array_equal, ds.x.numpy(aslist=True), [SMALL, LARGE]))
    assert chunks <= set(store._objects)


@pytest.mark.slow
def test_a_file_of_numbers_goes_in_and_parts_come_out_in_bounded_memory(tmp_path):
    """A quarter of a gigabyte that is mapped, not read: tiles are made, read and changed some at a time."""
    shape, most = (16_384, 16_384), 160 << 20
    large = np.lib.format.open_memmap(tmp_path / "large.npy", mode="w+", dtype="uint8", shape=shape)
    for start in range(0, shape[0], 1024):
        large[start : start + 1024] = (np.arange(start, start + 1024)[:, None] * 7 + np.arange(shape[1])) % 251
    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("x", dtype="uint8")
    with at_most(most):
        ds.append({"x": large})
    again = deeplake.load(tmp_path / "ds", read_only=True)
    with at_most(16 << 20):  # one tile
        assert np.array_equal(again.x[0, 9_000:9_100, 11_000:11_100].numpy(), large[9_000:9_100, 11_000:11_100])
    with at_most(most):
        assert np.array_equal(again.x[0, ::3_000, 5].numpy(), large[::3_000, 5])
        ds.x[0, 100:200, 100:200] = 7
        assert (ds.x[0, 90:210:20, 150].numpy() == [*large[90:100, 150][:1], 7, 7, 7, 7, 7]).all()
