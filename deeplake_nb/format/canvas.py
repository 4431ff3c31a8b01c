"""Chunks compressed as one image: samples side by side on a canvas, top-aligned, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.format.codecs import images
from deeplake_nb.format.samples import StoredSample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.errors import LakeError
    from deeplake_nb.format.chunk import Chunk


def cut(chunk: Chunk, rows: NDArray[np.int64], dtype: str, htype: str, what: str) -> list[StoredSample | LakeError]:
    """The samples ``rows`` of the chunk, cut out of its canvas, as raw arrays.

    Raises nothing: a canvas that cannot be decoded, or is too small, gives its error for each of them.
    """
    lasts = chunk.shapes[:, -1]
    shapes = chunk.shapes[np.searchsorted(lasts, np.arange(len(chunk))), :-1]
    rights = np.cumsum(shapes[:, 1]) if shapes.shape[1] > 1 else np.zeros(len(shapes), np.int64)
    try:
        canvas = images.decode(chunk.data, chunk.what) if len(chunk.data) else np.zeros((0, 0), dtype)
    except FormatError as error:
        return [error] * len(rows)
    return [
        _cut_one(canvas, tuple(shapes[row].tolist()), int(rights[row]), dtype, htype, f"{what} in {chunk.what}")
        for row in rows
    ]


def _cut_one(  # noqa: PLR0917 - one place calls it
    canvas: NDArray[Any], shape: tuple[int, ...], right: int, dtype: str, htype: str, what: str
) -> StoredSample | LakeError:
    if 0 in shape:
        return StoredSample(memoryview(b""), shape, dtype, None, htype, what)
    height, width = shape[:2]
    part = canvas[:height, right - width : right]
    if part.size != int(np.prod(shape)):
        return FormatError(f"{what}: the canvas of {canvas.shape} has no room for a sample of {shape}")
    flat = np.ascontiguousarray(part).astype(dtype, copy=False).reshape(-1)
    return StoredSample(flat.view(np.uint8).data, shape, dtype, None, htype, what)
