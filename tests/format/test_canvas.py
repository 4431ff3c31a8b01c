"""Chunks that are one picture: samples are cut out where they lie, or none is."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deeplake_nb.errors import FormatError
from deeplake_nb.format.canvas import cut
from deeplake_nb.format.chunk import Chunk
from deeplake_nb.format.samples import StoredSample

from .fuzz import damaged, survives

HEAD = bytes.fromhex("06332e392e3532")


def canvas_of(arrays):
    """A chunk as the original makes it: samples side by side, top-aligned, the rest zero."""
    height = max((array.shape[0] for array in arrays), default=0)
    width = sum(array.shape[1] for array in arrays)
    tail = arrays[0].shape[2:] if arrays else ()
    canvas, at = np.zeros((height, width, *tail), "uint8"), 0
    for array in arrays:
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


@given(pictures(), st.data())
def test_samples_are_cut_out_of_the_canvas(arrays, data):
    if not any(array.size for array in arrays):
        arrays[0] = np.ones((2, 2, *(arrays[0].shape[2:] and (3,))), "uint8")
        arrays = [array if array.size else np.zeros((0,) * arrays[0].ndim, "uint8") for array in arrays]
    tail = next(array.shape[2:] for array in arrays if array.size)
    arrays = [array if array.size else np.zeros((0, 0, *tail), "uint8") for array in arrays]
    chunk = Chunk.parse(canvas_of(arrays), "c")
    rows = data.draw(st.lists(st.integers(0, len(arrays) - 1), max_size=6))
    found = cut(chunk, np.array(rows, np.int64), "uint8", "image", "tensor 'x'")
    assert [one.shape for one in found] == [arrays[row].shape for row in rows]
    assert all(np.array_equal(one.array(), arrays[row]) for one, row in zip(found, rows, strict=True))


def test_runs_of_equal_samples():
    arrays = [np.full((2, 3, 3), at, "uint8") for at in range(4)]
    data = canvas_of(arrays)
    table = struct.pack("<ii4Ii", 1, 4, 2, 3, 3, 3, 0)
    chunk = Chunk.parse(HEAD + table + data[len(HEAD) + 8 + 4 * 16 + 4 :], "c")
    assert [int(one.array()[0, 0, 0]) for one in cut(chunk, np.arange(4), "uint8", "image", "x")] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (struct.pack("<ii4Ii", 1, 4, 2, 9, 3, 0, 0), "the canvas of .* has no room for a sample of"),
        (struct.pack("<ii2Ii", 1, 2, 5, 0, 0), "1 samples of rank 1 lie on no canvas"),
        (struct.pack("<iii", 0, 0, 0), "0 samples of rank None lie on no canvas"),
        (struct.pack("<ii4Ii", 1, 4, 2, 2**32 - 1, 3, 2**32 - 1, 0), "has no room"),
    ],
)
def test_samples_beyond_the_canvas_are_named(table, message):
    picture = canvas_of([np.ones((2, 3, 3), "uint8")])[len(HEAD) + 8 + 16 + 4 :]
    chunk = Chunk.parse(HEAD + table + picture, "c")
    found = survives(lambda _: cut(chunk, np.array([0]), "uint8", "image", "x"), b"", 1_000_000)
    assert isinstance(found[0], FormatError)
    with pytest.raises(FormatError, match=message):
        raise found[0]


def test_a_row_that_the_chunk_does_not_have():
    chunk = Chunk.parse(canvas_of([np.ones((2, 3, 3), "uint8")]), "c")
    found = cut(chunk, np.array([0, 1]), "uint8", "image", "x")
    assert all(isinstance(one, FormatError) for one in found)


@given(damaged([canvas_of([np.full((2, 3, 3), at, "uint8") for at in range(3)])]))
def test_damage_gives_samples_or_errors_in_bounded_memory(data):
    chunk = survives(lambda raw: Chunk.parse(raw, "c"), data)
    if chunk is not None and chunk.is_whole:
        found = survives(lambda _: cut(chunk, np.arange(min(len(chunk), 5)), "uint8", "image", "x"), b"", 4_000_000)
        assert all(isinstance(one, (StoredSample, FormatError)) for one in found)
