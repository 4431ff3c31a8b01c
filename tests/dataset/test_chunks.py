"""Chunks as the original makes them and this package only reads: tiles, canvases; and bulk reads of plain ones."""

from __future__ import annotations

import io
import json
import math
import struct
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import FormatError, LakeError, SampleError, UnsupportedError
from deeplake_nb.format import keys
from deeplake_nb.format.chunk import ChunkBuilder
from deeplake_nb.format.codecs import TABLE, lz4
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.keys import FORMAT_VERSION
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.urls import parse

from .stores import create, load, memory

HEAD = bytes([len(FORMAT_VERSION)]) + FORMAT_VERSION.encode()


def whole(shape, data):
    """A chunk with a shape and no positions: a tile."""
    return HEAD + struct.pack(f"<ii{len(shape) + 1}Ii", 1, len(shape) + 1, *shape, 0, 0) + data


def plain(array):
    builder = ChunkBuilder()
    builder.add_uniform(array.tobytes(), 1, array.shape, array.nbytes)
    return b"".join(builder.build())


def png(array):
    out = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(out, "PNG")
    return out.getvalue()


PACK = {
    "plain": ({}, lambda tile: tile.tobytes()),
    "lz4": ({"sample_compression": "lz4"}, lambda tile: lz4.compress(tile.tobytes())),
    "lz4 chunk": ({"chunk_compression": "lz4"}, lambda tile: lz4.compress(tile.tobytes())),
    "png": ({"sample_compression": "png"}, png),
    "png chunk": ({"chunk_compression": "png"}, png),
}
SMALL = np.full((2, 3, 3), 9, "uint8")
LARGE = np.arange(21 * 17 * 3).reshape(21, 17, 3).astype("uint8")
TILE = (11, 9, 3)


def tiled(store, kind="plain", *, tile=TILE, shape=LARGE.shape, empty=()):
    """A tensor whose second sample is cut into tiles; ``empty`` ones were never filled."""
    given, pack = PACK[kind]
    ds = create(store)
    ds.create_tensor("x", htype="generic", dtype="uint8", **given)
    ds.close()
    names, lasts = [], []

    def put(data, last):
        names.append(len(names) + 1)
        lasts.append(last)
        store.put(keys.chunk(keys.FIRST_COMMIT, "x", keys.chunk_name(names[-1])), data)

    def small(last):
        if kind == "plain":
            put(plain(SMALL), last)
        elif kind == "png chunk":
            put(whole(SMALL.shape, png(SMALL)), last)
        else:
            builder = ChunkBuilder()
            data = SMALL.tobytes() if kind == "lz4 chunk" else pack(SMALL)
            builder.add_uniform(data, 1, SMALL.shape, len(data))
            put(b"".join(builder.build(lz4.compress if kind == "lz4 chunk" else None)), last)

    small(0)
    for at in np.ndindex(*(-(-size // step) for size, step in zip(LARGE.shape, tile, strict=True))):
        part = LARGE[tuple(slice(one * step, (one + 1) * step) for one, step in zip(at, tile, strict=True))]
        put(whole(part.shape, b"" if at in empty else pack(np.ascontiguousarray(part))), 1)
    small(2)
    table = ChunkIds(np.array(names, np.uint64), np.array(lasts))
    store.put(keys.chunk_ids(keys.FIRST_COMMIT, "x"), table.encode())
    store.put(keys.tiles(keys.FIRST_COMMIT, "x"), HEAD + struct.pack("<9Q", 1, 3, 1, *shape, *tile))
    for key, fields in {
        "x": {"length": 3, "min_shape": list(SMALL.shape), "max_shape": list(LARGE.shape)},
        "_x_shape": {"length": 0},
        "_x_id": {"length": 0},
    }.items():
        path = keys.tensor_meta(keys.FIRST_COMMIT, key)
        record = json.loads(bytes(store.get(path)))
        record.update(fields)
        if key == "x":
            record["links"] = {}
        store.put(path, json.dumps(record).encode())
    return load(store)


CUTS = [(kind, tile) for kind in PACK for tile in (TILE, LARGE.shape)]


@pytest.mark.parametrize(("kind", "tile"), [*CUTS, ("plain", (5, 17, 1)), ("lz4", (5, 17, 1))])
def test_a_sample_in_tiles_is_pasted_together(kind, tile):
    ds = tiled(memory(), kind, tile=tile)
    for _ in range(2):
        assert np.array_equal(ds.x[1].numpy(), LARGE)
        assert [one.shape for one in ds.x.numpy(aslist=True)] == [SMALL.shape, LARGE.shape, SMALL.shape]
        assert np.array_equal(ds.x[[2, 1]].numpy(aslist=True)[1], LARGE)
        assert np.array_equal(ds.x[1, 10:13, 8].numpy(), LARGE[10:13, 8])
    assert ds.x[1].shape == LARGE.shape
    assert ds.x.shape == (3, None, None, 3)


def test_tiles_that_were_never_filled_are_zero():
    expected = LARGE.copy()
    expected[:11, 9:] = 0
    assert np.array_equal(tiled(memory(), empty=[(0, 1, 0)]).x[1].numpy(), expected)


@pytest.mark.parametrize("kind", ["plain", "lz4", "png"])
def test_appending_after_a_sample_in_tiles(kind):
    ds = tiled(memory(), kind)
    ds.x.append(SMALL)
    ds.x.extend([LARGE[:5], SMALL])
    again = load(ds._state.storage)
    assert np.array_equal(again.x[1].numpy(), LARGE)
    assert [one.shape for one in again.x.numpy(aslist=True)][3:] == [SMALL.shape, (5, 17, 3), SMALL.shape]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"tile": TILE, "shape": (22, 17, 3)}, r"tiles make a sample of \(22, 17, 3\), but none is larger than"),
        ({"tile": TILE, "shape": (40, 17, 3)}, r"expected 8 tiles \(grid \(4, 2, 1\)\), the table names 4"),
        ({"tile": TILE, "shape": (2**60, 2**60, 3)}, "expected .* tiles"),
        (
            {"tile": TILE, "shape": (20, 17, 3)},
            r"expected shape \(9, 9, 3\) of the tile at \(1, 0, 0\), got",
        ),
    ],
)
def test_tiles_that_do_not_fit_are_named(damage, message):
    ds = tiled(memory(), **damage)
    with pytest.raises(FormatError, match=f"tensor 'x' row 1: {message}"):
        ds.x[1].numpy()
    assert np.array_equal(ds.x[0].numpy(), SMALL)
    assert np.array_equal(ds.x[2].numpy(), SMALL)


def test_a_tile_that_is_missing_is_named():
    store = memory()
    ds = tiled(store)
    store.delete("x/chunks/3")
    with pytest.raises(FormatError, match="x/chunks/3 is missing"):
        ds.x[1].numpy()
    store.put("x/chunks/3", whole((11, 8, 3), b"short"))
    with pytest.raises(FormatError, match=r"tensor 'x' row 1: 5 bytes are no uint8 array of shape \(11, 8, 3\)"):
        load(store).x[1].numpy()


# ------------------------------------------------------------------ canvases


def canvas(store):
    """A tensor whose chunk is one picture of three."""
    ds = create(store)
    ds.create_tensor("x", htype="image", chunk_compression="png", create_shape_tensor=False,
                     create_id_tensor=False, create_sample_info_tensor=False)  # fmt: skip
    ds.close()
    arrays = [np.full((2 + at, 3, 3), 10 * at + 1, "uint8") for at in range(3)]
    whole_canvas = np.zeros((4, 9, 3), "uint8")
    for at, array in enumerate(arrays):
        whole_canvas[: len(array), 3 * at : 3 * at + 3] = array
    rows = [(*array.shape, at) for at, array in enumerate(arrays)]
    store.put("x/chunks/1", HEAD + struct.pack("<ii12Ii", 3, 4, *sum(rows, ()), 0) + png(whole_canvas))
    store.put("x/chunks_index/unsharded", ChunkIds(np.array([1], np.uint64), np.array([2])).encode())
    record = json.loads(bytes(store.get("x/tensor_meta.json")))
    record |= {"length": 3, "min_shape": [2, 3, 3], "max_shape": [4, 3, 3], "dtype": "uint8"}
    store.put("x/tensor_meta.json", json.dumps(record).encode())
    return load(store), arrays


def test_a_chunk_that_is_one_picture(monkeypatch):
    store = memory()
    ds, arrays = canvas(store)
    found = ds.x.numpy(aslist=True)
    assert all(np.array_equal(one, array) for one, array in zip(found, arrays, strict=True))
    assert np.array_equal(ds.x[2].numpy(), arrays[2])
    assert np.array_equal(ds.x[[1, 0]].numpy(aslist=True)[0], arrays[1])
    ds.x.append(arrays[0])
    ds.x[1] = arrays[2]
    ds.x.pop(0)
    expected = [arrays[2], arrays[2], arrays[0]]
    again = load(store)
    assert all(map(np.array_equal, again.x.numpy(aslist=True), expected))
    assert len(again._state.tables(again._state.tensors["x"]).ids.ids) == 1


def test_pictures_on_canvases_are_appended_changed_and_removed():
    store = memory()
    with create(store) as ds:
        for kind in ("png", "jpeg", "webp"):
            ds.create_tensor(kind, htype="image", chunk_compression=kind, max_chunk_size=4000)
    rng = np.random.default_rng(0)
    arrays = [np.full((2 + at % 5, 3 + at % 4, 3), rng.integers(256), "uint8") for at in range(300)]
    arrays[7] = arrays[50] = np.zeros((0, 0, 0), "uint8")
    arrays[9] = np.full((5, 4, 4), 9, "uint8")  # four channels: it needs a canvas of its own
    ds.png.extend([None if not one.size else one for one in arrays])
    ds.png.append(np.full((4, 4), 3, "uint8"))
    arrays.append(np.full((4, 4, 1), 3, "uint8"))
    for row in (0, 8, 9, 100, 299):
        ds.png[row] = arrays[row] = np.full((9, 2, 3), row % 250, "uint8")
    for row in (3, 200, 10):
        ds.png.pop(row)
        del arrays[row]
    for one in (ds, load(store)):
        assert [found.shape for found in one.png.numpy(aslist=True)] == [array.shape for array in arrays]
        assert all(map(np.array_equal, one.png.numpy(aslist=True), arrays))
    assert 10 < len(ds._state.tables(ds._state.tensors["png"]).ids.ids) < 100
    for kind in ("jpeg", "webp"):
        ds[kind].extend(np.full((5, 8, 8, 3), 200, "uint8"))
        stored = {name: data for name, data in store._objects.items() if name.startswith(f"{kind}/chunks/")}
        ds[kind].append(np.full((16, 16, 3), 100, "uint8"))
        assert stored.items() <= store._objects.items(), "what loses something is compressed once"
        assert np.abs(load(store)[kind][5].numpy().astype(int) - 100).max() < 4
    with pytest.raises(SampleError, match="cannot be stored in png pictures"):
        ds.png.append(np.zeros((3, 3, 5), "uint8"))


def test_a_picture_without_positions_where_none_belongs():
    store = memory()
    ds = create(store)
    ds.create_tensor("x", dtype="uint8").extend([np.ones((2, 2), "uint8"), np.ones((1, 2), "uint8")])
    (path,) = [entry.key for entry in store.list("x/chunks/")]
    store.put(path, whole((2, 2), bytes(4)))
    with pytest.raises(LakeError, match="without byte positions"):
        load(store).x.numpy(aslist=True)


# ------------------------------------------------------------------ bulk reads


@pytest.fixture
def local(tmp_path):
    return LocalStorage(parse(tmp_path / "ds"))


@pytest.mark.parametrize("dtype", ["uint8", "float32", "complex128"])
@pytest.mark.parametrize("shape", [(), (100,), (10, 20)])
def test_bulk_reads_give_what_small_ones_give(local, dtype, shape):
    count = 12_000_000 // (np.dtype(dtype).itemsize * math.prod(shape))
    array = np.arange(count * math.prod(shape)).astype(dtype).reshape(count, *shape)
    ds = create(local)
    ds.create_tensor("x", dtype=dtype, max_chunk_size=6_000_000).extend(array)
    expected = array if shape else array[:, None]
    again = load(local, read_only=True)
    assert len(again._state.tables(again.x._tensor).ids.ids) >= 4
    assert np.array_equal(again.x.numpy(), expected)
    start, stop = count // 7, count - count // 9
    assert np.array_equal(load(local).x[start:stop].numpy(), expected[start:stop])
    assert np.array_equal(again.x[stop - 1].numpy(), expected[stop - 1])
    assert np.array_equal(again.x[start : start + 10].numpy(), expected[start : start + 10])


@pytest.mark.parametrize("length", [10, 60, 3_000_000])
def test_bulk_reads_of_damaged_chunks_are_errors(local, length):
    array = np.zeros((100, 100_000), "uint8")
    ds = create(local)
    ds.create_tensor("x", dtype="uint8").extend(array)
    ds.close()
    path = keys.chunk(keys.FIRST_COMMIT, "x", keys.chunk_name(int(ds._state.tables(ds.x._tensor).ids.ids[0])))
    local.put(path, bytes(local.get(path))[:length])
    with pytest.raises(FormatError, match=path):
        load(local, read_only=True).x.numpy()
    local.delete(path)
    with pytest.raises(FormatError, match=f"{path} is missing"):
        deeplake.load(str(local.url), read_only=True).x.numpy()


@pytest.mark.filterwarnings("ignore:IM image format is deprecated")  # Pillow 15 will not have it
@pytest.mark.parametrize("which", ["sample_compression", "chunk_compression"])
@pytest.mark.parametrize("kind", [row.name for row in TABLE.values() if row.kind == "image"])
def test_pictures_of_any_size_are_taken_or_refused_at_once(kind, which):
    """Whatever is taken is stored: no flush fails for a picture, or for several of them on one canvas."""
    noise = np.random.default_rng(0).integers(0, 255, (20, 24, 4), "uint8")
    for picture in (noise[..., :3], noise, noise[..., :1], noise[..., 0] > 100, noise[:1, :1, :3], noise[..., 0]):
        store = memory()
        ds = create(store)
        ds.create_tensor("x", htype="image", dtype=picture.dtype.name, **{which: kind})
        taken = 0
        for _ in range(3):
            with suppress(SampleError, UnsupportedError):
                ds.x.append(picture)
                taken += 1
        ds.create_tensor("y").append(1)
        found = load(store).x.numpy(aslist=True)
        assert len(found) == taken
        assert taken in {0, 3}
        if not TABLE[kind].lossy:
            assert all(np.array_equal(one.reshape(picture.shape), picture) for one in found)
