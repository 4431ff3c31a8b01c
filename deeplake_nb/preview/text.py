"""Samples and datasets in words: excerpts, fields of one sample, numbers a person reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.preview.preview import Preview

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.format.samples import StoredSample

_EXCERPT_CHARS = 280
_FULL_CHARS = 20_000
_FEW_VALUES = 64
_KILO = 1000

TIMES = " \N{MULTIPLICATION SIGN} "


def excerpt(sample: StoredSample) -> Preview:
    """The beginning of a sample as text, at most a few lines."""
    return note(words(sample))


def note(said: str) -> Preview:
    """Words, at most a few lines of them."""
    return Preview("text/plain", shortened(said, _EXCERPT_CHARS).encode(), 0, 0)


def full(sample: StoredSample) -> str:
    """A sample as text to be read: at most 20,000 characters, then how many more there are."""
    return shortened(words(sample, indent=2), _FULL_CHARS)


def words(sample: StoredSample, indent: int | None = None) -> str:
    """A sample as text, whole, except for arrays of more than 64 values: those are described."""
    payload = htype_row(sample.htype).payload
    if payload == "text":
        return str(sample.value())
    if payload != "array":
        return json.dumps(sample.value(), indent=indent, ensure_ascii=False, default=_plain)
    if sample.compression is not None and COMPRESSIONS[sample.compression].kind == "media":
        return f"{sample.compression} file, {byte_count(sample.data.nbytes)}"
    return array_words(sample.array())


def array_words(array: np.ndarray) -> str:
    """The values of a small array; shape, dtype and range of a large one."""
    if array.size <= _FEW_VALUES:
        return np.array2string(array, threshold=_FEW_VALUES, precision=6, separator=", ")
    described = f"{array.dtype} {shape_words(array.shape)}"
    if array.dtype.kind in "biuf":
        finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
        if finite.size:
            mean = finite.mean(dtype=np.float64)
            described += f"\nmin {finite.min():.6g}, mean {mean:.6g}, max {finite.max():.6g}"
        if finite.size < array.size:
            described += f"\n{array.size - finite.size:,} not finite"
    start = np.array2string(array.ravel()[:8], precision=6, separator=", ")
    return f"{described}\n{start[:-1]}, ...]"


def shortened(text: str, limit: int) -> str:
    """The text, cut at ``limit`` characters with a note of what is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()} … {len(text) - limit:,} more characters"


def shape_words(shape: Sequence[int]) -> str:
    """A shape as people write it, ``480 x 640 x 3`` with times signs; ``scalar`` without axes."""
    return TIMES.join(f"{extent:,}" for extent in shape) or "scalar"


def byte_count(nbytes: int) -> str:
    """Bytes in decimal units, three digits: ``1.23 MB``."""
    size, unit = float(nbytes), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if size < _KILO:
            break
        size, unit = size / _KILO, larger
    return f"{nbytes} B" if unit == "B" else f"{size:.3g} {unit}"


def _plain(value: Any) -> Any:
    """JSON of what the json htype also holds: arrays, numpy numbers."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
