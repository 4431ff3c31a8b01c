"""A batch of values in pieces, so that memory holds one piece and not the whole batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import SampleError
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.samples import Link, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.format.meta import TensorMeta

_FILES_AT_ONCE, _SMALL_FILES_AT_ONCE = 64, 512
_SLAB_NBYTES = 4 * 2**20
_VALUES_AT_ONCE, _SHORT_TEXTS_AT_ONCE = 8192, 16_384
_SHORT_LENGTH, _LOOKS = 256, 256
"""Texts are short where those that are looked at are, some in each slab."""


def total(columns: Mapping[str, Any]) -> int | None:
    """How many values these are; None where an iterator does not say."""
    try:
        return sum(len(values) for values in columns.values())
    except TypeError:
        return None


def slabs(values: Any, meta: TensorMeta) -> Iterator[Any]:
    """A batch in pieces whose payloads fit into memory; raw arrays stay whole, as their bytes are there already."""
    if isinstance(values, (str, bytes, Mapping, Sample, Link)) or not isinstance(values, Iterable):
        raise SampleError(f"tensor {meta.name!r}: extend takes a sequence of samples, got a {type(values).__name__}")
    heavy = meta.is_link or htype_row(meta.htype).payload == "array"
    if isinstance(values, np.ndarray):
        if values.ndim == 0:
            raise SampleError(f"tensor {meta.name!r}: extend takes a sequence of samples, got a single number")
        size = _FILES_AT_ONCE if heavy and meta.sample_compression else max(len(values), 1)
        yield from (values[start : start + size] for start in range(0, len(values), size))
        return
    if isinstance(values, Sequence) and len(values) and heavy and isinstance(values[0], (int, float, np.number)):
        yield values
        return
    if heavy:
        yield from _heavy(values, meta)
        return
    if isinstance(values, (list, tuple)):
        start = 0
        while start < len(values):
            slab = values[start : start + _SHORT_TEXTS_AT_ONCE]
            slab = slab if _are_short(slab) else slab[:_VALUES_AT_ONCE]
            start += len(slab)
            yield slab
        return
    rest = iter(values)
    while slab := list(islice(rest, _VALUES_AT_ONCE)):
        yield slab


def _are_short(values: Sequence[Any]) -> bool:
    looked_at = values[:: len(values) // _LOOKS + 1]
    return set(map(type, looked_at)) == {str} and max(map(len, looked_at)) <= _SHORT_LENGTH


def _heavy(values: Iterable[Any], meta: TensorMeta) -> Iterator[list[Any]]:
    """Files that are stored as they are, loaded, up to `_SLAB_NBYTES`; of values whose bytes nobody knows, a few."""
    slab: list[Any] = []
    left = _SLAB_NBYTES
    for given in values:
        nbytes = _SLAB_NBYTES // _FILES_AT_ONCE
        value = given.loaded() if type(given) is Sample else given
        if type(value) is Sample and value.compression == meta.sample_compression:
            nbytes = len(value.buffer)
        slab.append(value)
        left -= max(nbytes, _SLAB_NBYTES // _SMALL_FILES_AT_ONCE)
        if left <= 0:
            yield slab
            slab, left = [], _SLAB_NBYTES
    if slab:
        yield slab
