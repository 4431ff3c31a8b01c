"""What the user writes in brackets: which rows, and which part of each sample.

The first axis is rows. Each further bracket or comma goes on where the last one stopped, as in numpy: ``t[2:9][0]``
is row 2, ``t[2:9, 0:4]`` takes the first four along the first axis of each sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import RowError, counted, there_are

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(slots=True, eq=False)  # nobody changes one, but a frozen one takes twice as long to make, for each row read
class Index:
    """A selection.

    ``rows`` is None for all rows of however many there are, a ``range``, or an int64 array. ``is_single`` drops the
    row axis. Each entry of ``sub`` is one bracket's index into a sample, applied one after the other. ``padded`` is how
    many rows there are at least: those beyond the end are empty.
    """

    rows: range | Ints | None = None
    is_single: bool = False
    sub: tuple[tuple[Any, ...], ...] = ()
    padded: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything is selected."""
        return self.rows is None and not self.sub and not self.padded

    def count(self, length: int) -> int:
        """How many rows are selected out of ``length``."""
        return max(length, self.padded) if self.rows is None else len(self.rows)

    def resolve(self, length: int) -> Ints:
        """Row numbers as an int64 array."""
        rows = range(max(length, self.padded)) if self.rows is None else self.rows
        if isinstance(rows, range):
            return np.arange(rows.start, rows.stop, rows.step, dtype=np.int64)
        return rows

    def run(self, length: int) -> range | Ints:
        """Row numbers; neighbouring ones, rising, as a range."""
        rows = range(max(length, self.padded)) if self.rows is None else self.rows
        return rows if isinstance(rows, range) and rows.step == 1 else self.resolve(length)

    def to_json(self) -> list[Any]:
        """The selection as a saved view has it: an entry per axis, a number, a list of them, or a slice as a dict."""
        if self.rows is None:
            first: Any = slice(None)
        elif self.is_single:
            first = int(self.rows[0])
        elif isinstance(self.rows, range):
            stop = self.rows.stop if self.rows.stop >= 0 else None
            first = slice(self.rows.start, stop, self.rows.step)
        else:
            first = self.rows
        return [_entry(first), *self.sub_to_json()]

    def sub_to_json(self) -> list[Any]:
        """The part of each sample that is selected, in the same form.

        Raises:
            RowError: several brackets, one after the other, have no such form.
        """
        if len(self.sub) > 1:
            raise RowError("parts of samples selected by several brackets cannot be saved; write one: [rows, a, b]")
        return [_entry(item) for items in self.sub for item in items]

    @staticmethod
    def sub_from_json(entries: list[Any] | None) -> tuple[tuple[Any, ...], ...]:
        """What `sub_to_json` gave, as ``sub``."""
        if not entries:
            return ()
        return (
            tuple(
                slice(one.get("start"), one.get("stop"), one.get("step")) if isinstance(one, dict) else one
                for one in entries
            ),
        )

    def narrowed(self, item: Any, length: int) -> Index:
        """This selection indexed once more; ``length`` is the number of rows of the unindexed tensor.

        Raises:
            RowError: out of range, a mask of another length, or something that is no index.
        """
        if type(item) is int and self.rows is None and 0 <= item < length and not self.sub:  # the usual, in a third
            return Index(range(item, item + 1), True, (), self.padded)
        items = item if isinstance(item, tuple) else (item,)
        if self.is_single:
            return replace(self, sub=(*self.sub, items))
        if not items:
            return self
        if items[0] is Ellipsis:  # in front it stands for the rows, and for axes of the sample
            return replace(self, sub=(*self.sub, items) if items[1:] else self.sub)
        rows, is_single = _select(self.rows if self.rows is not None else range(max(length, self.padded)), items[0])
        return Index(rows, is_single, (*self.sub, items[1:]) if items[1:] else self.sub, self.padded)


def _entry(item: Any) -> Any:
    if isinstance(item, slice):
        return {"start": item.start, "stop": item.stop, "step": item.step}
    if isinstance(item, (int, np.integer)):
        return int(item)
    if item is Ellipsis or item is None:
        raise RowError(f"{item!r} cannot be saved; select with numbers, slices and lists")
    return np.asarray(item).tolist()


def _select(rows: range | Ints, item: Any) -> tuple[range | Ints, bool]:
    count = len(rows)
    if isinstance(item, slice):
        try:
            return rows[item], False
        except (TypeError, ValueError) as error:
            raise RowError(f"cannot select rows with {item!r:.60}: {error}") from error
    if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
        at = int(item)
        if not -count <= at < count:
            raise RowError(f"row {at} is out of range; {there_are(count, 'row')}")
        chosen = int(rows[at])
        return range(chosen, chosen + 1), True
    wanted = _listed(item, count)
    return rows.start + rows.step * wanted if isinstance(rows, range) else rows[wanted], False


def _listed(item: Any, count: int) -> Ints:
    """A list of numbers, or a mask, as numbers of ``count`` rows counted from the front."""
    try:
        wanted = np.asarray(item)
    except ValueError:
        wanted = np.empty(0, object)
    if wanted.dtype == bool and wanted.ndim == 1:
        if len(wanted) != count:
            raise RowError(f"a mask of {counted(len(wanted), 'value')} cannot select from {counted(count, 'row')}")
        wanted = np.flatnonzero(wanted)
    if not wanted.size and wanted.dtype != object:
        wanted = wanted.astype(np.int64)
    if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
        raise RowError(f"cannot select rows with {item!r:.60}; use a number, a slice, a list of numbers or a mask")
    wanted = wanted.astype(np.int64)
    if wanted.size and wanted.min() >= 0 and wanted.max() < count:  # the usual, in a third
        return wanted
    outside = (wanted < -count) | (wanted >= count)
    if outside.any():
        raise RowError(f"row {int(wanted[outside][0])} is out of range; {there_are(count, 'row')}")
    return np.where(wanted < 0, wanted + count, wanted)
