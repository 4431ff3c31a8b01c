"""Chunks compressed as one image: samples side by side on a canvas, top-aligned, in order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, LakeError
from deeplake_nb.format.codecs import images
from deeplake_nb.format.samples import StoredSample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.format.chunk import Chunk


def cut(chunk: Chunk, rows: NDArray[np.int64], dtype: str, htype: str, what: str) -> list[StoredSample | LakeError]:
    """The samples ``rows`` of the chunk, cut out of its canvas, as raw arrays.

    Raises nothing: a canvas that cannot be decoded, or is too small, gives its error for each of them.
    """
    try:
        canvas = images.decode(chunk.data, chunk.what) if len(chunk.data) else np.zeros((0, 0), dtype)
        if (chunk.rank or 0) < 2 or int(rows.max(initial=-1)) >= len(chunk):  # noqa: PLR2004 - height and width
            raise FormatError(f"{chunk.what}: {len(chunk)} samples of rank {chunk.rank} lie on no canvas")
    except LakeError as error:
        return [error] * len(rows)
    lasts, widths = chunk.shapes[:, -1], chunk.shapes[:, 1]
    counts = np.diff(lasts, prepend=-1)
    runs = np.searchsorted(lasts, rows)
    lefts = (np.cumsum(counts * widths) - counts * widths)[runs] + (rows - (lasts - counts + 1)[runs]) * widths[runs]
    name = f"{what} in {chunk.what}"
    return [
        _cut_one(canvas, tuple(shape), left, dtype, htype, name)
        for shape, left in zip(chunk.shapes[runs, :-1].tolist(), lefts.tolist(), strict=True)
    ]


def _cut_one(  # noqa: PLR0917 - one place calls it
    canvas: NDArray[Any], shape: tuple[int, ...], left: int, dtype: str, htype: str, what: str
) -> StoredSample | LakeError:
    if 0 in shape:
        return StoredSample(memoryview(b""), shape, dtype, None, htype, what)
    part = canvas[: shape[0], max(left, 0) : left + shape[1]]
    if part.size != math.prod(shape):
        return FormatError(f"{what}: the canvas of {canvas.shape} has no room for a sample of {shape}")
    flat = np.ascontiguousarray(part).astype(dtype, copy=False).reshape(-1)
    return StoredSample(flat.view(np.uint8).data, shape, dtype, None, htype, what)
