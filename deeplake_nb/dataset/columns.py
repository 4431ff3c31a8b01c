"""Values of many rows of a tensor at once: what filters and histograms compute with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from deeplake_nb.errors import LakeError
from deeplake_nb.format.htypes import htype_row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.tensor import Tensor

    Part = int | slice | tuple[int | slice, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """Values of some rows, one after the other; ``counts`` says how many each row has, None that each has one.

    ``names`` are the class names that its numbers stand for, None where they stand for themselves.
    """

    values: NDArray[Any]
    counts: NDArray[np.int64] | None = None
    names: Sequence[str] | None = None

    def per_row(self, reduce: np.ufunc, empty: Any) -> NDArray[Any]:
        """One value per row: ``reduce`` of its values, ``empty`` for a row that has none."""
        if self.counts is None:
            return self.values
        out = np.full(len(self.counts), empty, dtype=np.result_type(self.values.dtype, np.min_scalar_type(empty)))
        there = self.counts > 0
        if there.any():
            starts = np.concatenate([[0], np.cumsum(self.counts[there])[:-1]])
            out[there] = reduce.reduceat(self.values, starts)
        return out

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many values each row has."""
        return np.ones(len(self.values), np.int64) if self.counts is None else self.counts

    def with_values(self, values: NDArray[Any]) -> Column:
        """Other values for the same rows."""
        return Column(values, self.counts)


class Columns(Protocol):
    """Where names get their values from, for the rows that are being looked at."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """Numbers of the rows."""

    @property
    def names(self) -> Collection[str]:
        """The names there are."""

    def column(self, name: str, parts: tuple[Part, ...] = ()) -> Column:
        """The values of a name; or of a part of each sample, a part of that, and so on."""

    def sizes(self, name: str) -> NDArray[np.int64]:
        """Number of values of each row."""

    def shapes(self, name: str) -> list[tuple[int, ...]]:
        """Shape of each row's sample."""

    def extents(self, name: str, axis: int | None) -> NDArray[np.int64]:
        """Length of an axis of each row's sample; its number of values along the first one for None."""

    def infos(self, name: str) -> list[Any]:
        """What is known of the file behind each row."""

    def sample(self, name: str, row: int) -> NDArray[Any]:
        """The values of one row, of all rows of the dataset."""

    def note(self, text: str) -> object:
        """Tell the user what is odd, and no error."""


def column(tensor: Tensor, start: int, stop: int, parts: tuple[Part, ...] = ()) -> Column:
    """All values of rows ``start`` to ``stop``, flattened: of an image its pixels, of a text the text.

    Args:
        tensor: whose.
        start: the first row.
        stop: one beyond the last.
        parts: which part of each sample, as indices one upon the other; a row that lacks it has no value.

    Raises:
        IndexError: no row can have that part.
        LakeError: a row cannot be read.
    """
    part = tensor[start:stop]
    payload = htype_row(tensor.meta.htype).payload
    if payload in {"text", "json"} and not tensor.is_sequence:
        for one in parts:
            np.empty(1)[one]  # a text is a sample of one value
        values = part.text() if payload == "text" else part.dict()
        return Column(objects(values))
    if payload in {"list", "tag"} and not tensor.is_sequence:
        rows = [_within(objects(row), parts) for row in part.list()]
        return Column(np.concatenate([objects([]), *rows]), np.array([len(row) for row in rows], np.int64))
    names = tensor.info.get("class_names") or () if tensor.base_htype == "class_label" else None
    if not tensor.whole_interval.is_dynamic and not tensor.is_sequence and payload == "array":
        array = part.numpy()
        for one in parts:
            array = array[(slice(None), *(one if isinstance(one, tuple) else (one,)))]
        flat, each = array.reshape(-1), array[:1].size
        return Column(flat, None if each == 1 else np.full(stop - start, each, np.int64), names)
    arrays = [_within(one, parts) for one in part.numpy(aslist=True)]
    counts = np.array([len(one) for one in arrays], np.int64)
    values = np.concatenate(arrays) if arrays else np.zeros(0)
    return Column(values, None if (counts == 1).all() else counts, names)


def shapes(tensor: Tensor, rows: NDArray[np.int64]) -> list[tuple[int, ...]]:
    """Shape of each row (numbers within the whole tensor); of a sequence the number of its items.

    Raises:
        LakeError: a row cannot be read.
    """
    if not tensor.whole_interval.is_dynamic and not tensor.is_sequence and not tensor.is_link:
        return [tuple(tensor.whole_interval[0][1:])] * len(rows)
    out = []
    for stored in tensor.stored(rows.tolist()):
        if isinstance(stored, LakeError):
            raise stored
        out.append(stored.shape if not isinstance(stored, (list, tuple)) else (len(stored),))  # type: ignore[union-attr]
    return out


def class_counts(
    tensor: Tensor, rows: NDArray[np.int64] | None, is_wanted: Callable[[], bool] = lambda: True, block: int = 65_536
) -> list[tuple[int, int]]:
    """How often each class number occurs in ``rows`` (all if None), most frequent first: ``(number, count)``.

    Ends early with what was counted once not wanted.

    Raises:
        LakeError: a row cannot be read.
    """
    total: dict[int, int] = {}
    shown = tensor if rows is None else tensor[rows.tolist()]
    for start in range(0, len(shown), block):
        if not is_wanted():
            break
        values = column(shown, start, min(start + block, len(shown))).values
        for number, count in zip(*np.unique(values, return_counts=True), strict=True):
            total[int(number)] = total.get(int(number), 0) + int(count)
    return sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))


def objects(values: Sequence[Any]) -> NDArray[Any]:
    """An array of them as they are, lists too."""
    return np.fromiter(values, object, len(values))


def _within(sample: Any, parts: tuple[Part, ...]) -> NDArray[Any]:
    """The values of a part of a sample, none where there is no such part."""
    try:
        for one in parts:
            sample = sample[one]
    except (IndexError, TypeError):
        return np.zeros(0)
    return _flat(sample)


def _flat(value: Any) -> NDArray[Any]:
    if isinstance(value, list):  # items of a sequence, or polygons
        return np.concatenate([_flat(one) for one in value]) if value else np.zeros(0)
    return np.asarray(value).reshape(-1)
