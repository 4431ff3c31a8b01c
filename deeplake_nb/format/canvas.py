"""Chunks compressed as one image: samples side by side on a canvas, top-aligned, in order.

In memory such a chunk is like any other, raw arrays one after the other; only what is stored is a picture.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.format.chunk import Chunk, ChunkBuilder
from deeplake_nb.format.codecs import TABLE, images
from deeplake_nb.format.samples import as_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_RANKS = (2, 3)  # (H, W) and (H, W, C)


class CanvasBuilder(ChunkBuilder):
    """Collects raw arrays that one canvas can hold: of one number of channels, and within the picture's bounds."""

    def __init__(self, rank: int | None, compression: str, itemsize: int) -> None:
        super().__init__(rank)
        self._compression, self._itemsize = compression, itemsize
        self._seen = self._height = self._width = 0
        self._channels: tuple[int, ...] | None = None

    def takes(self, shape: Sequence[int] | None, nbytes: int, limit: int) -> int:
        """How many more samples of a shape and size go in; the canvas, gaps included, counts as so many bytes."""
        count = super().takes(shape, nbytes, limit)
        if not self.count or shape is None or not any(shape):
            return count
        self._look()
        if self._channels not in {None, tuple(shape[2:])}:
            return 0
        height, width = max(self._height, shape[0]), max(shape[1], 1)
        most = min(TABLE[self._compression].side, limit // max(height * math.prod(shape[2:]) * self._itemsize, 1))
        return max(min(count, (most - self._width) // width), 0)

    def _look(self) -> None:
        """Take note of shapes that were added, or taken back."""
        if self._seen > len(self._shapes):
            self._seen = self._height = self._width = 0
            self._channels = None
        for table in self._shapes[self._seen :]:
            dims = table[table[:, :-1].any(axis=1)]
            if len(dims):
                self._height = max(self._height, int(dims[:, 0].max()))
                self._width += int((dims[:, 1] * dims[:, -1]).sum())
                self._channels = tuple(dims[0, 2:-1].tolist())
        self._seen = len(self._shapes)


def opened(chunk: Chunk, dtype: str) -> Chunk:
    """The chunk with its canvas taken apart: raw arrays of ``dtype``, one after the other, with positions.

    A tile without data stays as it is. Costs the canvas, and a copy of its samples.

    Raises:
        FormatError: a canvas that cannot be decoded, or has no room for a sample.
    """
    if not len(chunk.data) and bool(chunk.shapes[:, :-1].all()):
        return chunk  # a tile of zeros, or nothing at all
    if chunk.rank not in _RANKS:
        raise FormatError(f"{chunk.what}: {len(chunk)} samples of rank {chunk.rank} lie on no canvas")
    if not chunk.is_whole:
        raise FormatError(f"{chunk.what}: expected one picture, got samples with positions")
    dims, runs = chunk.shapes[:, :-1], np.diff(chunk.shapes[:, -1], prepend=-1)
    widths = dims[:, 1] * dims.any(axis=1)
    height, *channels = dims.max(axis=0)[[0, *range(2, dims.shape[1])]].tolist()
    width = sum(map(math.prod, zip(runs.tolist(), widths.tolist(), strict=True)))
    canvas: NDArray[Any] = np.zeros((0, 0), dtype)
    if len(chunk.data):
        canvas = images.decode(chunk.data, chunk.what, size=height * width * math.prod(channels))
    is_full = dims.all(axis=1)
    found = (*canvas.shape[:2], *(canvas.shape[2:] or (1,))[: len(channels)])
    expected = (height, width, *channels)
    if is_full.any() and (found != expected or not np.array_equal(dims[is_full, 2:].min(axis=0), channels)):
        raise FormatError(
            f"{chunk.what}: expected a canvas of {(height, width, *channels)} for its samples, got {canvas.shape}"
        )
    positions, pieces, at, left = [], [], 0, 0
    itemsize = np.dtype(dtype).itemsize
    for shape, count, width, last in zip(
        dims.tolist(), runs.tolist(), widths.tolist(), chunk.shapes[:, -1], strict=True
    ):
        nbytes = math.prod(shape) * itemsize
        positions.append((nbytes, at, last))
        if nbytes:
            part = canvas[: shape[0], left : left + count * width].astype(dtype, copy=False)
            rows = part.reshape(shape[0], count, width, *part.shape[2:])
            pieces.append(as_bytes(np.ascontiguousarray(np.moveaxis(rows, 1, 0))))
        at, left = at + nbytes * count, left + width * count
    data = memoryview(b"".join(pieces))
    return Chunk(chunk.shapes, np.array(positions, np.int64).reshape(-1, 3), data, chunk.what)


def painted(shapes: Ints, data: bytes, dtype: str, compression: str, what: str) -> bytes:
    """The canvas as a file: raw arrays of ``dtype``, one after the other, with the chunk's table of shapes.

    Raises:
        SampleError: pictures that this kind of file cannot hold.
    """
    dims, runs = shapes[:, :-1], np.diff(shapes[:, -1], prepend=-1)
    full = dims[dims.any(axis=1)]
    if not len(data) or not len(full):
        return b""
    widths = dims[:, 1] * dims.any(axis=1)
    canvas = np.zeros((int(full[:, 0].max()), int((widths * runs).sum()), *full[0, 2:].tolist()), dtype)
    flat = np.frombuffer(data, dtype)
    at = left = 0
    for shape, count, width in zip(dims.tolist(), runs.tolist(), widths.tolist(), strict=True):
        size = math.prod(shape) * count
        if size:
            part = np.moveaxis(flat[at : at + size].reshape(count, *shape), 0, 1)
            canvas[: shape[0], left : left + count * width] = part.reshape(shape[0], count * width, *shape[2:])
        at, left = at + size, left + count * width
    return images.encode(canvas, compression, what)
