"""Numbers in a row, such as an embedding, as a spark bar: a picture of bars around zero."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.errors import counted
from deeplake_nb.preview import text
from deeplake_nb.preview.preview import Preview

if TYPE_CHECKING:
    from deeplake_nb.format.samples import StoredSample

    Color = tuple[int, int, int, int]

_BARS = 64
_WIDTH = 256
_HEIGHT = 96
_LEAST = 9
_POSITIVE, _NEGATIVE, _AXIS = (0x2F, 0x8F, 0xD8, 255), (0xE0, 0x6C, 0x4F, 255), (0x80, 0x88, 0x92, 160)


def spark(sample: StoredSample, box_px: int) -> Preview:
    """A picture of the values of a sample of one axis; up to 64 bars, each the mean of its share of the values.

    A sample of another shape, or of few values, is shown as text. Values that are no numbers are left out.

    Raises:
        FormatError: bytes that cannot be decoded.
    """
    values = np.asarray(sample.array())
    if values.ndim != 1 or values.size < _LEAST or values.dtype.kind not in "iuf":
        return text.excerpt(sample)
    made = _picture(bars(values), min(box_px, _WIDTH))
    return replace(made, words=f"{counted(values.size, 'number')}, {values.dtype}")


def bars(values: np.ndarray) -> np.ndarray:
    """At most 64 heights between -1 and 1: means of equal shares, divided by the largest of them."""
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    edges = np.linspace(0, len(finite), min(_BARS, len(finite)) + 1).astype(int)
    means = np.add.reduceat(finite, edges[:-1]) / np.diff(edges)
    largest = np.abs(means).max()
    return np.asarray(means / largest if largest else means)


def _picture(heights: np.ndarray, width: int) -> Preview:
    height = width * _HEIGHT // _WIDTH
    columns = np.arange(width) * len(heights) // width
    is_gap = (np.arange(width) > 0) & (columns != np.roll(columns, 1)) & (width >= 3 * len(heights))
    low, high = min(0.0, float(heights.min())), max(0.0, float(heights.max()))
    scale = (height - 1) / ((high - low) or 1.0)
    zero = round(high * scale)
    ends = np.where(is_gap, zero, np.round((high - heights[columns]) * scale).astype(int))
    return around_zero(np.minimum(ends, zero), np.maximum(ends, zero), zero, height, _NEGATIVE)


def around_zero(tops: np.ndarray, bottoms: np.ndarray, zero: int, height: int, below: Color = _POSITIVE) -> Preview:
    """A picture with a bar in each column, from its row of ``tops`` to that of ``bottoms``, and a line at ``zero``.

    Nothing but the bars is painted, so that any ground of the page is seen.
    """
    from PIL import Image

    rows = np.arange(height)[:, None]
    is_bar = (rows >= tops) & (rows <= bottoms)
    pixels = np.zeros((height, len(tops), 4), np.uint8)
    pixels[is_bar & (rows < zero)], pixels[is_bar & (rows > zero)], pixels[zero] = _POSITIVE, below, _AXIS
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=6)
    return Preview("image/png", out.getvalue(), len(tops), height)
