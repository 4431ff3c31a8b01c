"""Rows appended or changed one by one inside ``with ds:`` that wait to join their tensors many at a time.

A row waits only where it is certain to fit: its values are of the kinds that the row before it had, which went the
general way. Whoever looks at the dataset, and whatever else changes it, lets the waiting rows join first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.packing import packing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState

_MOST_ROWS = 1024
_MOST_NBYTES = 8 * 2**20
_LARGE_NBYTES = 2**20
"""A sample from which on there is nothing to gain."""

_MISFIT = object()


@dataclass(slots=True)
class Column:
    """The waiting values of one tensor, and what says whether another one fits, while that tensor is as it was."""

    tensor: TensorState
    info: dict[str, Any] | None
    fit: Callable[[Any], Any]
    nbytes: int
    values: list[Any] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)  # that are to have these values; none where they are new rows

    def batch(self) -> Any:
        """All values."""
        return _joined(self.values)

    def changes(self) -> tuple[NDArray[np.int64], Any]:
        """Rows, rising, and their values."""
        rows, values = in_order(np.array(self.rows, np.int64), self.values)
        return rows, _joined(values)


class Kind(Enum):
    """What waits: of several kinds at once the order would be lost."""

    ROWS = "new rows of a dataset"
    VALUES = "new rows of single tensors"
    CHANGES = "new values of rows that are there"


class Waiting:
    """What waits, of one kind; ``count`` of them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.count = 0
        self._nbytes = 0
        self.kind = Kind.ROWS
        self._group = ""
        self._names: dict[str, str] = {}  # of tensors a row has a value for, to their keys
        self._all_names: dict[str, str] = {}  # of all tensors there were
        self._columns: dict[str, Column] = {}  # by tensor key

    def expect(self, values: Mapping[str, Any], group: str = "", names: Mapping[str, str] | None = None) -> None:
        """Values like these, which went the general way, may wait from now on.

        Args:
            values: by tensor key.
            group: what the names of a row are relative to.
            names: of a row's tensors, to their keys.
        """
        columns = {}
        for key, value in values.items():
            tensor = self._state.tensors[key]
            fit = _fit(self._state, tensor, value)
            if fit is None:
                return
            columns[key] = Column(tensor, tensor.info, fit, value.nbytes if isinstance(value, np.ndarray) else 64)
        self._columns |= columns
        if names:
            self._group, self._names, self._all_names = group, dict(names), dict(self._state.meta.tensor_names)

    def take(self, group: str, sample: Mapping[str, Any]) -> bool:
        """Let a row wait; False where it must go the general way."""
        names = self._names
        if group != self._group or sample.keys() != names.keys() or self._all_names != self._state.meta.tensor_names:
            return False
        return self._take(Kind.ROWS, [(names[name], value) for name, value in sample.items()])

    def take_one(self, key: str, value: Any) -> bool:
        """Let a value of one tensor wait; False where it must go the general way."""
        return self._take(Kind.VALUES, [(key, value)])

    def take_change(self, key: str, row: int, value: Any) -> bool:
        """Let a new value of a row wait; False where it must go the general way."""
        if not self._take(Kind.CHANGES, [(key, value)]):
            return False
        self._columns[key].rows.append(row)
        return True

    def _take(self, kind: Kind, given: list[tuple[str, Any]]) -> bool:
        if (self.count and kind is not self.kind) or self.count >= _MOST_ROWS or self._nbytes >= _MOST_NBYTES:
            return False
        columns = self._columns
        fitting = []
        for key, value in given:
            column = columns.get(key)
            if column is None or self._state.tensors.get(key) is not column.tensor:
                return False
            if column.tensor.info is not column.info or (found := column.fit(value)) is _MISFIT:
                return False
            fitting.append((column, found))
        for column, found in fitting:
            column.values.append(found)
            self._nbytes += column.nbytes
        self.count += 1
        self.kind = kind
        return bool(given)

    def batches(self) -> dict[str, Any]:
        """The waiting values, by tensor key."""
        return {key: column.batch() for key, column in self._columns.items() if column.values}

    def changes(self) -> dict[str, tuple[NDArray[np.int64], Any]]:
        """Rows and their waiting values, by tensor key."""
        return {key: column.changes() for key, column in self._columns.items() if column.values}

    def clear(self) -> None:
        """Nothing waits any more."""
        self.count = self._nbytes = 0
        for column in self._columns.values():
            column.values, column.rows = [], []


def in_order(rows: NDArray[np.int64], values: Any) -> tuple[NDArray[np.int64], Any]:
    """Rows rising, each once, with its last value."""
    if len(rows) < 2 or bool((np.diff(rows) > 0).all()):  # noqa: PLR2004 - nothing to order
        return rows, values
    unique, places = np.unique(rows[::-1], return_index=True)
    order = len(rows) - 1 - places
    return unique, values[order] if isinstance(values, np.ndarray) else [values[at] for at in order.tolist()]


def _joined(values: list[Any]) -> Any:
    return np.stack(values) if isinstance(values[0], np.ndarray) else values


def _fit(state: State, tensor: TensorState, value: Any) -> Callable[[Any], Any] | None:
    """What makes a value that fits the tensor out of one like ``value``, and `_MISFIT` out of others.

    None where values of this kind have to go the general way.
    """
    meta = tensor.meta
    row = htype_row(meta.htype)
    is_packed = meta.is_link or meta.is_sequence or meta.sample_compression or packing(meta) is not None
    if is_packed or row.mode is not None or meta.dtype is None:
        return None
    if row.payload == "text":
        return _fitting_text if type(value) is str else None
    if row.payload != "array":
        return None
    if type(value) is np.ndarray:
        dtype = np.dtype(meta.dtype)
        return _fitting_array(dtype, value.shape) if _is_plain(value, dtype, len(meta.max_shape)) else None
    return _fit_single(state, tensor, value) if len(meta.max_shape) == 1 else None


def _fit_single(state: State, tensor: TensorState, value: Any) -> Callable[[Any], Any] | None:
    """`_fit` of single numbers, and of names that stand for them."""
    dtype = np.dtype(tensor.meta.dtype)
    if type(value) is str and dtype.kind in "iu":
        names = state.tensor_info(tensor).get("class_names") or []
        return _fitting_name(dict(zip(reversed(names), range(len(names) - 1, -1, -1), strict=True)))
    if type(value) is int and dtype.kind in "iu":
        return _fitting_int(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return _fitting_float(float(np.finfo(dtype).max)) if type(value) is float and dtype.kind == "f" else None


def _is_plain(value: np.ndarray[Any, Any], dtype: np.dtype[Any], rank: int) -> bool:
    return value.dtype == dtype and value.ndim == rank > 0 < value.nbytes < _LARGE_NBYTES


def _fitting_text(value: Any) -> Any:
    if type(value) is not str:
        return _MISFIT
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        return _MISFIT
    return value


def _fitting_array(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Callable[[Any], Any]:
    def fit(value: Any) -> Any:
        is_like = type(value) is np.ndarray and value.dtype == dtype and value.shape == shape
        return value.copy() if is_like else _MISFIT

    return fit


def _fitting_name(numbers: dict[str, int]) -> Callable[[Any], Any]:
    def fit(value: Any) -> Any:
        return numbers.get(value, _MISFIT) if type(value) is str else _MISFIT

    return fit


def _fitting_int(least: int, most: int) -> Callable[[Any], Any]:
    def fit(value: Any) -> Any:
        return value if type(value) is int and least <= value <= most else _MISFIT

    return fit


def _fitting_float(most: float) -> Callable[[Any], Any]:
    def fit(value: Any) -> Any:
        return value if type(value) is float and (-most <= value <= most or value != value) else _MISFIT  # noqa: PLR0124

    return fit
