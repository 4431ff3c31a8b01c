"""Links opened anew: which files cannot be had any more, and which are others than when they were linked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import updates
from deeplake_nb.dataset.links import linked_items, stored_links
from deeplake_nb.dataset.selection import Selection
from deeplake_nb.errors import LakeError, counted
from deeplake_nb.format.index import Index
from deeplake_nb.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.dataset.writer import Writer

    Ints = NDArray[np.int64]

_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Revalidated:
    """What became of links. True when every file can be had.

    Attributes:
        checked: number of links that were opened.
        broken: by row, why a file cannot be had; the message names its url.
        changed: rows whose file has another shape than was known; it is known now, where the dataset may be written.
    """

    checked: int
    broken: dict[int, LakeError]
    changed: list[int]

    def __bool__(self) -> bool:
        return not self.broken

    def __repr__(self) -> str:
        found = f"{len(self.broken)} broken, {len(self.changed)} with another shape than before"
        lines = [f"{counted(self.checked, 'link')}: {found}"]
        return "\n".join([*lines, *(f"  row {row}: {error}" for row, error in self.broken.items())])


def revalidate(state: State, tensor: TensorState, writer: Writer | None, rows: Ints) -> Revalidated:
    """Open the linked files of rows, many at a time; what is known of their shapes is put right.

    Raises:
        LakeError: the dataset itself cannot be read or written.
    """
    items, owners = _items(state, tensor, rows)
    known = known_shapes(state, tensor, items)
    broken: dict[int, LakeError] = {}
    changed: list[int] = []
    with Progress(f"revalidate links of tensor {tensor.meta.name!r}", "links", len(items), is_passing=True) as told:
        for start in range(0, len(items), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found = linked_items(state, tensor, items[part])
            before = [None] * len(found) if known is None else known[part]
            for row, one, shape in zip(owners[part].tolist(), found, before, strict=True):
                if isinstance(one, LakeError):
                    broken.setdefault(row, one)
                elif shape is not None and one.data.nbytes and tuple(shape) != one.shape and row not in changed[-1:]:
                    changed.append(row)
            told(len(found))
    renewed = [row for row in changed if row not in broken]
    if renewed and writer is not None:
        values = [_links(state, tensor, np.array([row])) for row in renewed]
        if not tensor.meta.is_sequence:
            values = [one for (one,) in values]
        updates.update(writer, {tensor.key: (np.array(renewed, np.int64), values)})
    return Revalidated(len(items), broken, changed)


def known_shapes(state: State, tensor: TensorState, items: Ints) -> list[tuple[int, ...]] | None:
    """Shapes of items, as the companion tensor has them; None where there is none."""
    for key, link in tensor.meta.links.items():
        companion = state.tensors.get(key)
        if link.get("extend") == "extend_shape" and companion is not None and companion.length >= tensor.meta.length:
            found = Selection(state, companion, Index(items)).numpy(aslist=True)
            return [tuple(one.tolist()) for one in found]
    return None


def _items(state: State, tensor: TensorState, rows: Ints) -> tuple[Ints, Ints]:
    """Items of rows, and the row of each."""
    sequences = state.tables(tensor).sequences if tensor.meta.is_sequence else None
    if sequences is None:
        return rows, rows
    starts, stops = sequences.spans(rows)
    return np.concatenate([np.arange(0), *map(np.arange, starts, stops)]), np.repeat(rows, stops - starts)


def _links(state: State, tensor: TensorState, row: Ints) -> list[Any]:
    return stored_links(state, tensor, _items(state, tensor, row)[0])
