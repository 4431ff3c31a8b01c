"""Chunks that are one picture: samples are cut out where they lie, or none is."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deeplake_nb.errors import FormatError, SampleError
from deeplake_nb.format import packing
from deeplake_nb.format.canvas import opened
from deeplake_nb.format.chunk import Chunk
from deeplake_nb.format.codecs import TABLE, images
from deeplake_nb.format.meta import TensorMeta
from deeplake_nb.format.samples import as_bytes

from .fuzz import damaged, survives

HEAD = bytes.fromhex("06332e392e3532")


def canvas_of(arrays):
    """A chunk as the original makes it: samples side by side, top-aligned, the rest zero."""
    height = max((array.shape[0] for array in arrays), default=0)
    width = sum(array.shape[1] for array in arrays)
    tail = next((array.shape[2:] for array in arrays if array.size), ())
    canvas, at = np.zeros((height, width, *tail), "uint8"), 0
    for array in arrays:
        if array.size:
            canvas[: array.shape[0], at : at + array.shape[1]] = array
        at += array.shape[1]
    out = io.BytesIO()
    if canvas.size:
        Image.fromarray(canvas[..., 0] if tail == (1,) else canvas).save(out, "PNG")
    rows = [(*array.shape, at) for at, array in enumerate(arrays)]
    columns = len(rows[0]) if rows else 0
    return HEAD + struct.pack(f"<ii{len(rows) * columns}Ii", len(rows), columns, *sum(rows, ()), 0) + out.getvalue()


@st.composite
def pictures(draw):
    channels = draw(st.sampled_from([(), (1,), (3,)]))
    sizes = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)) | st.just((0, 0)), min_size=1, max_size=5))
    fill = draw(st.integers(1, 200))
    return [
        np.full((*size, *(channels if any(size) else [0] * len(channels))), fill + at, "uint8")
        for at, size in enumerate(sizes)
    ]


def samples(chunk, dtype="uint8"):
    """The samples of an opened chunk."""
    out = []
    for at in range(len(chunk)):
        start, stop = chunk.span(at)
        out.append(np.frombuffer(chunk.data[start:stop], dtype).reshape(chunk.shape(at)))
    return out


def alike(arrays):
    """With empty pictures of the rank, and channels, that the others have; one picture at least."""
    if not any(array.size for array in arrays):
        arrays[0] = np.ones((2, 2, *(arrays[0].shape[2:] and (3,))), "uint8")
    rank = next(array.ndim for array in arrays if array.size)
    return [array if array.size else np.zeros((0,) * rank, "uint8") for array in arrays]


@given(pictures())
def test_samples_are_cut_out_of_the_canvas(arrays):
    arrays = alike(arrays)
    found = samples(opened(Chunk.parse(canvas_of(arrays), "c"), "uint8"))
    assert [one.shape for one in found] == [one.shape for one in arrays]
    assert all(map(np.array_equal, found, arrays))


def test_runs_of_equal_samples():
    arrays = [np.full((2, 3, 3), at, "uint8") for at in range(4)]
    data = canvas_of(arrays)
    table = struct.pack("<ii4Ii", 1, 4, 2, 3, 3, 3, 0)
    chunk = opened(Chunk.parse(HEAD + table + data[len(HEAD) + 8 + 4 * 16 + 4 :], "c"), "int32")
    assert [int(one[0, 0, 0]) for one in samples(chunk, "int32")] == [0, 1, 2, 3]


DROPPED = {"im"}  # Pillow warns that it will drop it
WRITTEN = sorted(
    name
    for name, row in TABLE.items()
    if row.kind == "image" and not row.lossy and name not in DROPPED and images._holds(name, (3,), "|u1")
)


def test_kinds_of_canvases():
    assert {"png", "bmp", "tiff", "ppm", "tga", "sgi", "dib"} <= set(WRITTEN)


@given(pictures(), st.sampled_from(WRITTEN), st.data())
def test_what_is_painted_is_opened(arrays, kind, data):
    """A chunk built in several steps, as its samples come, gives them back; the original reads the same picture."""
    arrays = alike(arrays)
    meta = TensorMeta("x", "image", "uint8", max_shape=arrays[0].shape, chunk_compression=kind)
    builder = packing.new_builder(meta, arrays[0].ndim)
    added = []
    for array in arrays:
        if builder.takes(array.shape, array.nbytes, 10_000):
            builder.add_varied([as_bytes(array)], np.array([array.shape]), np.array([array.nbytes]))
            added.append(array)
            mark = builder.mark()
            if data.draw(st.booleans()):
                builder.add_uniform(bytes(3 * 5 * 7), 1, (5, 7, 3), 105)
                builder.takes((1, 1, 3), 3, 10_000)
                builder.restore(mark)
    stored = b"".join(packing.build(builder, meta))
    plain = Chunk.parse(stored, "c")
    assert plain.is_whole
    chunk = packing.parse(stored, meta, "c")
    assert all(map(np.array_equal, samples(chunk), added))
    again = packing.resumed(chunk, len(chunk), meta, chunk.rank)
    assert b"".join(packing.build(again, meta)) == stored


def test_a_canvas_is_full_before_its_kind_of_file_is():
    meta = TensorMeta("x", "image", "uint8", max_shape=(2, 9000, 3), chunk_compression="webp")
    builder = packing.new_builder(meta, 3)
    assert builder.takes((2, 9000, 3), 54_000, 10**9) > 0
    builder.add_uniform(bytes(54_000), 1, (2, 9000, 3), 54_000)
    assert builder.takes((2, 9000, 3), 54_000, 10**9) == 0
    assert builder.takes((2, 7000, 3), 42_000, 10**9) == 1
    assert builder.takes((2, 10, 4), 80, 10**9) == 0, "other channels"
    assert builder.takes((20_000, 10, 3), 600_000, 10**8) == 0, "the gaps beside it count"
    with pytest.raises(SampleError, match="cannot be stored in webp pictures"):
        images.check_holds(np.zeros((2, 20_000, 3), "uint8"), "webp", "x")


NOT_HELD = [
    ("gif", "uint8", (4, 4, 3)),
    ("png", "float32", (4, 4)),
    ("jpeg", "uint8", (4, 4, 5)),
    ("png", "uint8", (4,)),
]


@pytest.mark.parametrize(("kind", "dtype", "shape"), NOT_HELD)
def test_what_no_canvas_gives_back_is_refused(kind, dtype, shape):
    with pytest.raises(SampleError, match=f"cannot be stored in {kind} pictures; use png or lz4"):
        images.check_holds(np.zeros(shape, dtype), kind, "x")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (struct.pack("<ii4Ii", 1, 4, 2, 9, 3, 0, 0), "expected an image of 54 numbers"),
        (struct.pack("<ii4Ii", 1, 4, 3, 2, 3, 0, 0), "expected a canvas of .3, 2, 3. for its samples"),
        (struct.pack("<ii2Ii", 1, 2, 5, 0, 0), "1 samples of rank 1 lie on no canvas"),
        (struct.pack("<iii", 0, 0, 0), "0 samples of rank None lie on no canvas"),
        (struct.pack("<ii4Ii", 1, 4, 2, 2**32 - 1, 3, 2**32 - 1, 0), "expected an image of"),
        (struct.pack("<ii4Ii3I", 1, 4, 2, 3, 3, 0, 1, 18, 0, 0), "got samples with positions"),
    ],
)
def test_samples_beyond_the_canvas_are_named(table, message):
    picture = canvas_of([np.ones((2, 3, 3), "uint8")])[len(HEAD) + 8 + 16 + 4 :]
    with pytest.raises(FormatError, match=message):
        opened(Chunk.parse(HEAD + table + picture, "c"), "uint8")


def test_a_tile_without_data_stays_one():
    chunk = Chunk.parse(HEAD + struct.pack("<ii4Ii", 1, 4, 2, 3, 3, 0, 0), "c")
    assert opened(chunk, "uint8") is chunk
    assert chunk.is_whole


def test_a_chunk_of_nothing_but_missing_pictures():
    found = opened(Chunk.parse(canvas_of([np.zeros((0, 0, 0), "uint8")] * 3), "c"), "uint8")
    assert [one.shape for one in samples(found)] == [(0, 0, 0)] * 3


@given(damaged([canvas_of([np.full((2, 3, 3), at, "uint8") for at in range(3)])]))
def test_damage_gives_samples_or_errors_in_bounded_memory(data):
    meta = TensorMeta("x", "image", "uint8", max_shape=(2, 3, 3), chunk_compression="png")
    chunk = survives(lambda raw: packing.parse(raw, meta, "c"), data, 4_000_000)
    if chunk is not None and not chunk.is_whole:
        assert all(one.dtype == np.uint8 for one in samples(chunk)[:50])
