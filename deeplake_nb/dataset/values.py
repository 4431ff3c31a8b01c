"""Stored rows as values that can be appended elsewhere: files and links stay what they are, nothing is encoded anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.links import linked_items, stored_links
from deeplake_nb.dataset.reader import stored_items
from deeplake_nb.dataset.selection import Selection
from deeplake_nb.errors import LakeError
from deeplake_nb.format.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.format.index import Index
    from deeplake_nb.format.samples import StoredSample

    Ints = NDArray[np.int64]

_AT_ONCE = 256


def selected(state: State, tensor: TensorState, index: Index, *, unlink: bool = False) -> Iterator[Any]:
    """The rows of a tensor that an index selects, as `values_of`; of parts of samples the parts.

    Rows beyond the end are None.

    Raises:
        LakeError: a row that cannot be read.
    """
    rows = index.resolve(tensor.length)
    if index.sub:
        return iter(Selection(state, tensor, replace(index, rows=rows, is_single=False)).numpy(aslist=True))
    found = values_of(state, tensor, rows[rows < tensor.length], unlink=unlink)
    return (next(found) if row < tensor.length else None for row in rows.tolist()) if index.padded else found


def values_of(state: State, tensor: TensorState, rows: Ints, *, unlink: bool = False) -> Iterator[Any]:
    """Rows of a tensor, read in batches; class labels by name where they have one; ``unlink`` gives linked files.

    Raises:
        LakeError: a row that cannot be read.
    """
    names = state.tensor_info(tensor).get("class_names") if tensor.meta.htype == "class_label" else None
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        sequences = state.tables(tensor).sequences if tensor.meta.is_sequence else None
        if sequences is None:
            yield from _items(state, tensor, part, names, unlink=unlink)
            continue
        starts, stops = sequences.spans(part)
        items = np.concatenate([np.arange(0), *map(np.arange, starts, stops)])
        found = _items(state, tensor, items, names, unlink=unlink)
        for count in (stops - starts).tolist():
            yield [next(found) for _ in range(count)]


def _items(state: State, tensor: TensorState, items: Ints, names: list[str] | None, *, unlink: bool) -> Iterator[Any]:
    read: Any = stored_items
    if tensor.meta.is_link:
        read = linked_items if unlink else stored_links
    found: Any = read(state, tensor, items)
    for one in found:
        if isinstance(one, LakeError):
            raise one
        if not tensor.meta.is_link:
            yield _value(one, names)
        elif unlink:
            yield _value(one, names) if one.shape != (0,) else None  # which is no link
        else:
            yield one


def _value(stored: StoredSample, names: list[str] | None) -> Any:
    if stored.compression is not None and 0 not in stored.shape:
        return Sample(stored.data, compression=stored.compression)
    value = stored.value()
    if names and value.ndim == 1 and value.size and int(value.max()) < len(names):
        return [names[at] for at in value.tolist()]
    return value
