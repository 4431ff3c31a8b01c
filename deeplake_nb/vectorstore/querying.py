"""Carrying out a query of ``tql`` on a dataset: conditions on whole columns, nearness by the search."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import TensorNotFoundError, VectorStoreError, did_you_mean
from deeplake_nb.vectorstore.changing import numbering
from deeplake_nb.vectorstore.embedding import vector
from deeplake_nb.vectorstore.filters import json_values, texts
from deeplake_nb.vectorstore.metrics import METRICS
from deeplake_nb.vectorstore.part import count, nearest, passing, selected, whole
from deeplake_nb.vectorstore.searching import Found, Search
from deeplake_nb.vectorstore.tql import Condition, Distance, Path, Query, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset

    Mask = NDArray[np.bool_]
    Run = Callable[[Search], Found]

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, listed: value in listed,
    "contains": lambda value, part: part in value,
}


class _Missing:
    """What is not there: it is not null, nor is it something."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return other is not None


_MISSING = _Missing()


def queried(dataset: Dataset, text: str, run: Run) -> tuple[Found, list[str]]:
    """The rows that a query means, and the tensors it names; nearness by ``run``.

    Raises:
        VectorStoreError: it cannot be read, or orders by distance the wrong way round.
        TensorNotFoundError: no such tensor.
    """
    query = parse(text)
    names = names_of(dataset, text)
    rows, dataset = selected(dataset), whole(dataset)
    if query.where is not None:
        rows = passing(_Columns(dataset).mask(query.where), rows)
    scores = None
    if isinstance(query.order, Distance):
        found = _nearest(dataset, query, query.order, rows, run)
        rows, scores = found.rows, found.scores if query.has_score else None
    else:
        if query.has_score:
            raise VectorStoreError("a query that selects a score orders by it: add ORDER BY score")
        rows = np.arange(len(dataset)) if rows is None else rows
        if query.order is not None:
            rows = _sorted(dataset, query.order, rows, is_descending=query.is_descending)
    part = slice(query.offset, None if query.limit is None else query.offset + query.limit)
    return Found(rows[part], None if scores is None else scores[part]), names


def names_of(dataset: Dataset, text: str) -> list[str]:
    """The tensors that a query selects.

    Raises:
        VectorStoreError: it cannot be read.
        TensorNotFoundError: it names one that is none, anywhere.
    """
    query = parse(text)
    names = list(dataset.tensors) if query.tensors is None else list(query.tensors)
    for name in (*names, *_mentioned(query.where), *_mentioned(query.order)):
        _known(dataset, name)
    return names


def numbered_by(dataset: Dataset, text: str) -> str:
    """What tells whether a query, carried out elsewhere, found rows of the same version: see ``changing.numbering``.

    Raises:
        VectorStoreError: it cannot be read.
        TensorNotFoundError: it names one that is none.
    """
    query = parse(text)
    selected = dataset.tensors if query.tensors is None else query.tensors
    return numbering(dataset, {*selected, *_mentioned(query.where), *_mentioned(query.order)})


def _mentioned(part: Any) -> Iterator[str]:
    """The tensors that a part of a query asks."""
    if isinstance(part, Condition):
        for one in part.operands:
            yield from _mentioned(one)
    elif isinstance(part, (Path, Distance)):
        yield part.tensor


def _known(dataset: Dataset, name: str) -> Any:
    tensors = dataset.tensors
    if name not in tensors:
        raise TensorNotFoundError(
            f"the query names {name!r}, which is no tensor of {dataset.path}{did_you_mean(name, tensors)}; "
            f"there are {', '.join(tensors)}"
        )
    return tensors[name]


def _nearest(dataset: Dataset, query: Query, by: Distance, rows: Any, run: Run) -> Found:
    metric = METRICS[by.metric]
    if query.is_descending != metric.is_similarity:
        way = "DESC" if metric.is_similarity else "ASC"
        raise VectorStoreError(f"{metric.tql} is nearest first with {way}: the farthest rows cannot be asked for")
    most = len(dataset) if query.limit is None else query.limit + query.offset
    if not most:
        return Found(np.empty(0, np.int64), [])
    return nearest(Search(by.tensor, vector(by.vector), most, metric, rows), run)


def _sorted(dataset: Dataset, by: Path, rows: NDArray[np.int64], *, is_descending: bool) -> NDArray[np.int64]:
    values = _Columns(dataset).values(by)
    try:
        order = sorted(rows.tolist(), key=lambda row: values[row], reverse=is_descending)
    except TypeError as error:
        raise VectorStoreError(f"the query orders by {by.tensor!r}, whose values have no order ({error})") from error
    return np.array(order, np.int64)


class _Columns:
    """Values of all rows, each column read once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._count = count(dataset)
        self._columns: dict[str, list[Any]] = {}

    def mask(self, condition: Condition) -> Mask:
        """Which rows a condition lets through; a row without a value that it asks for is none of them."""
        if condition.operator in {"and", "or", "not"}:
            parts = [self.mask(one) for one in condition.operands]
            if condition.operator == "not":
                return ~parts[0]
            join = np.logical_and if condition.operator == "and" else np.logical_or
            whole: Mask = join.reduce(parts)
            return whole
        compare = _COMPARE[condition.operator]
        left, right = condition.operands
        lefts = self.values(left) if isinstance(left, Path) else [left] * self._count
        rights = self.values(right) if isinstance(right, Path) else [right] * self._count
        return np.array([_holds(compare, one, other) for one, other in zip(lefts, rights, strict=True)], bool)

    def values(self, path: Path) -> list[Any]:
        """The value of a path in each row; `_MISSING` where it leads nowhere."""
        if path.tensor not in self._columns:
            self._columns[path.tensor] = _column(_known(self._dataset, path.tensor))[: self._count]
        values = self._columns[path.tensor]
        for key in path.keys:
            values = [_member(value, key) for value in values]
        return values


def _column(tensor: Any) -> list[Any]:
    if tensor.htype in {"json", "text"}:
        return json_values(tensor) if tensor.htype == "json" else list(texts(tensor))
    return [one.item() if one.size == 1 else one.tolist() for one in map(np.asarray, tensor.numpy(aslist=True))]


def _member(value: Any, key: Any) -> Any:
    if isinstance(value, dict):
        return value.get(key, _MISSING)
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return _MISSING


def _holds(compare: Callable[[Any, Any], Any], one: Any, other: Any) -> bool:
    try:
        return bool(compare(one, other))
    except TypeError:
        return False  # values of kinds that do not compare
