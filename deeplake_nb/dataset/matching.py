"""Rows of a dataset that an expression fits."""

from __future__ import annotations

import math
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.columns import Column, column, shapes
from deeplake_nb.dataset.expression import expression
from deeplake_nb.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from numpy.typing import NDArray

    from deeplake_nb.dataset.columns import Part
    from deeplake_nb.dataset.expression import Expression
    from deeplake_nb.dataset.rows import Rows
    from deeplake_nb.dataset.tensor import Tensor

BLOCK, _BLOCK_NBYTES = 16_384, 32 << 20
"""So many rows are looked at together, if no tensor has more than so much in them."""


def matching(
    ds: Rows, text: str, told: Callable[[int], object] = lambda _: None, note: Callable[[str], object] = lambda _: None
) -> NDArray[np.int64]:
    """Numbers, within ``ds``, of the rows that an expression fits; reads the tensors that it names, block by block.

    Args:
        ds: a dataset or a view of one.
        text: the expression.
        told: gets the number of rows looked at, again and again.
        note: gets what is odd in the expression, once each; see ``warn``.

    Raises:
        CommandError: not well-formed, or it does not fit the tensors.
        LakeError: a row cannot be read.
    """
    wanted = expression(text)
    found: list[NDArray[np.int64]] = []
    for block in blocks(ds, wanted, note=note):
        found.append(block.rows[wanted.mask(block)])
        told(block.count)
    return np.concatenate(found)


def blocks(ds: Rows, *wanted: Expression, note: Callable[[str], object] = lambda _: None) -> Iterator[Block]:
    """All rows, some at a time: few where an expression asks for large samples.

    Of no rows there is one block, too, so that an expression is tried. What is odd in it is noted once, not by block.
    """
    large = [_nbytes(one) for name, one in ds.tensors.items() if any(each.reads(name) for each in wanted)]
    step, once = max(min(BLOCK, _BLOCK_NBYTES // max(large, default=1)), 1), cache(note)
    return (Block(ds, start, min(start + step, len(ds)), once) for start in range(0, len(ds) or 1, step))


def warn(notes: Iterable[str]) -> None:
    """Warn whoever called the function that calls this."""
    for note in notes:
        warnings.warn(note, stacklevel=3)


def _nbytes(tensor: Tensor) -> int:
    """What the largest sample takes; 1 of what is no array, whose size nobody knows."""
    dtype = tensor.dtype
    if dtype is None or dtype.kind not in "biufc":
        return 1
    return max(math.prod(tensor.whole_interval[1][1:]) * dtype.itemsize, 1)


def ordered(keys: NDArray[Any], *, descending: bool = False) -> NDArray[np.int64]:
    """A stable order of values, one per row; rows without a value come last."""
    if keys.dtype == object:
        _, keys = np.unique(np.array([str(key) for key in keys]), return_inverse=True)
    values = keys.astype(np.float64)
    return np.argsort(-values if descending else values, kind="stable")


class Block:
    """Columns of some rows, each read once."""

    def __init__(self, ds: Rows, start: int, stop: int, note: Callable[[str], object]) -> None:
        self.note = note
        self._tensors = ds.tensors
        self._span = (start, stop)
        whole = ds.index.rows
        self._numbers = np.arange(start, stop) if whole is None else np.asarray(whole[start:stop])
        self._read: dict[str, Column] = {}

    @property
    def count(self) -> int:
        """Number of rows."""
        return self._span[1] - self._span[0]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Numbers of the rows."""
        return np.arange(*self._span)

    @property
    def names(self) -> Collection[str]:
        """Tensors, and ``row``."""
        return {**self._tensors, "row": None}

    def column(self, name: str, parts: tuple[Part, ...] = ()) -> Column:
        """All values of a tensor in these rows, or of a part of each sample."""
        if name not in self._tensors and parts:
            raise CommandError(f"{name!r} is a number of a row and has no parts")
        key = f"{name} {parts}"  # a slice is no key
        if key not in self._read:
            is_row = name not in self._tensors
            self._read[key] = Column(self.rows) if is_row else column(self._tensors[name], *self._span, parts)
        return self._read[key]

    def shapes(self, name: str) -> list[tuple[int, ...]]:
        """Shape of each row's sample."""
        return shapes(self._tensor(name), self._numbers)

    def infos(self, name: str) -> list[Any]:
        """What is known of the file behind each row."""
        found = self._tensor(name)[slice(*self._span)].sample_info
        return [None] * self.count if found is None else list(found)

    def sample(self, name: str, row: int) -> NDArray[Any]:
        """The values of one row, of all rows of the dataset."""
        return np.asarray(self._tensor(name)[row].numpy()).reshape(-1)

    def sizes(self, name: str) -> NDArray[np.int64]:
        """Number of values of each row."""
        return np.array([math.prod(shape) for shape in self.shapes(name)], np.int64)

    def extents(self, name: str, axis: int | None) -> NDArray[np.int64]:
        """Length of an axis of each row's sample; its number of values along the first one for None."""
        tensor = self._tensor(name)
        if axis is None and tensor.base_htype in {"text", "list", "tag", "json"} and not tensor.is_sequence:
            values = self.column(name)
            if values.counts is not None:
                return values.counts
            return np.array([len(one) if hasattr(one, "__len__") else 1 for one in values.values], np.int64)
        at = axis or 0
        return np.array([shape[at] if -len(shape) <= at < len(shape) else 1 for shape in self.shapes(name)], np.int64)

    def _tensor(self, name: str) -> Tensor:
        if name not in self._tensors:
            raise CommandError(f"{name!r} is a number of a row and has no length; len() takes the name of a tensor")
        return self._tensors[name]
