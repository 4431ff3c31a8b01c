"""Operators and functions of filters, on columns of values."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from deeplake_nb.dataset.columns import Column, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Operation = Callable[[Any, Any], Any]


def _power(base: Any, exponent: Any) -> Any:
    return np.power(np.asarray(base, np.float64), exponent)  # whole numbers would overflow unseen


COMPARE: Final[Mapping[type, Operation]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
ARITHMETIC: Final[Mapping[type, Operation]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Mod: np.mod,
    ast.FloorDiv: np.floor_divide,
    ast.Pow: _power,
}
JOIN: Final[Mapping[type, np.ufunc]] = {
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
}
REDUCE: Final[Mapping[str, tuple[np.ufunc, Any]]] = {
    "min": (np.minimum, np.nan),
    "max": (np.maximum, np.nan),
    "sum": (np.add, 0),
    "any": (np.logical_or, False),
    "all": (np.logical_and, True),
    "all_strict": (np.logical_and, False),
}
PAIRED: Final[Mapping[str, Operation]] = {
    "min": np.minimum,
    "max": np.maximum,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
}
_EACH: Mapping[str, Callable[[Any], Any]] = {"abs": np.abs, "round": np.round, "int": np.trunc}
_NORM: Mapping[str, Callable[[Column], NDArray[Any]]] = {
    "l1_norm": lambda column: column.with_values(np.abs(column.values)).per_row(np.add, np.nan),
    "l2_norm": lambda column: np.sqrt(column.with_values(column.values**2).per_row(np.add, np.nan)),
    "linf_norm": lambda column: column.with_values(np.abs(column.values)).per_row(np.maximum, np.nan),
}
OF_ONE: Final = (*REDUCE, "mean", "lower", *_EACH, *_NORM)
"""Functions of one column, which ``computed`` gives."""


def computed(name: str, column: Column) -> Column:
    """A function of one column: a value for each of its own, or one for each row.

    Raises:
        TypeError, ValueError, OverflowError, AttributeError: values of another kind.
    """
    if name in _EACH:
        return column.with_values(_EACH[name](column.values))
    if name == "lower":
        return column.with_values(objects([one.lower() for one in column.values]))
    if name in _NORM:
        return Column(_NORM[name](column.with_values(column.values.astype(np.float64))))
    if name == "mean":
        with np.errstate(all="ignore"):
            total = column.with_values(column.values.astype(np.float64)).per_row(np.add, np.nan)
            return Column(total / column.sizes)
    if name == "sum" and column.values.dtype.kind in "biu":
        column = column.with_values(column.values.astype(np.int64))  # the sum of small numbers is a large one
    return Column(column.per_row(*REDUCE[name]))


def cosine(one: Any, other: Any, counts: NDArray[np.int64] | None) -> Column:
    """Cosine of the angle between the values of each row.

    Raises:
        TypeError, ValueError: values that are no numbers.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)

    def total(values: NDArray[np.float64]) -> NDArray[Any]:
        return Column(values, counts).per_row(np.add, np.nan)

    with np.errstate(all="ignore"):
        return Column(total(a * b) / np.sqrt(total(a * a) * total(b * b)))


def by_value(operate: Operation, a: Any, b: Any) -> NDArray[Any]:
    """``operate`` on arrays; objects (texts, members of JSON) one by one, and what cannot be compared is not so."""
    is_comparison = operate in COMPARE.values()
    if not any(isinstance(one, np.ndarray) and one.dtype == object for one in (a, b)):
        return np.asarray(operate(a, b))
    pairs = np.broadcast(np.asarray(a, object), np.asarray(b, object))
    out: list[Any] = []
    for left, right in pairs:
        try:
            found = operate(left, right)
            if np.ndim(found):
                raise TypeError  # noqa: TRY301 - a number and a list, which do not go together either
            out.append(found)
        except TypeError:
            if not is_comparison:
                raise
            out.append(False)
    return np.array(out, bool) if is_comparison else np.array(out)


def is_like(value: Any, wanted: tuple[Any, ...]) -> bool:
    """Whether a shape or a member of JSON is what was written as a list."""
    if isinstance(value, (list, tuple)):
        return tuple(value) == wanted
    return bool(wanted) and all(value == one for one in wanted)


def member(value: Any, key: Any) -> Any:
    """A member of JSON, None where there is none."""
    if isinstance(value, dict):
        return value.get(key) if isinstance(key, str) else None
    try:
        return value[key] if isinstance(value, (list, tuple)) and isinstance(key, (int, slice)) else None
    except IndexError:
        return None
