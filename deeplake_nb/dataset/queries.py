"""Queries in v3's words: ``SELECT * WHERE contains(labels, 'cat') ORDER BY score DESC LIMIT 10``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.clauses import bare, in_words, joined, parsed, parted
from deeplake_nb.dataset.expression import expression
from deeplake_nb.dataset.matching import blocks, matching, ordered
from deeplake_nb.errors import CommandError, SampleError, counted, there_are

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.expression import Expression
    from deeplake_nb.dataset.matching import Block
    from deeplake_nb.dataset.rows import Rows

    Rowed = NDArray[np.int64]
    Note = Callable[[str], object]

_WEIGHTED = re.compile(r"\s*(?P<way>max_weight|sum_weight)\s*\((?P<pairs>.*)\)\s*", re.IGNORECASE | re.DOTALL)
_JOINED: dict[str, Callable[[Rowed, Rowed], Rowed]] = {
    "union": lambda rows, others: np.concatenate([rows, others[~np.isin(others, rows)]]),
    "intersect": lambda rows, others: rows[np.isin(rows, others)],
    "except": lambda rows, others: rows[~np.isin(rows, others)],
}


def queried(ds: Rows, text: str, note: Note = lambda _: None) -> tuple[Rowed, tuple[str, ...]]:
    """Rows that a query gives, in its order, and the tensors it names (none: all); see ``clauses.HAVE``.

    Args:
        ds: a dataset or a view of one.
        text: the query.
        note: gets what is odd in it, and no error.

    Raises:
        CommandError: not understood, or it does not fit the tensors.
        SampleError: rows cannot be drawn by these weights.
    """
    text = bare(text)
    if (both := joined(text)) is not None:
        (rows, names), (others, _) = (queried(ds, one, note) for one in both[::2])
        return _JOINED[both[1]](rows, others), names
    query = parsed(text)
    if query.source.startswith("("):
        inner, names = queried(ds, query.source, note)
        ds = ds[inner][list(names)] if names else ds[inner]
    else:
        inner, names = np.arange(len(ds)), ()
    rows = np.arange(len(ds))
    if query.where is not None:
        rows = matching(ds, in_words(query.where, ds.tensors), note=note)
    if query.margins is not None:
        rows = _around(rows, *query.margins, len(ds))
    for value, is_descending in reversed(query.order):
        by = expression(in_words(value, ds.tensors))
        keys = np.concatenate([by.keys(block) for block in blocks(ds, by, note=note)])
        rows = rows[ordered(keys[rows], descending=is_descending)]
    end = None if query.limit is None else query.offset + query.limit
    if query.sample is not None:
        chances, replace = weights(ds, query.sample[0], note)[rows], query.sample[1]
        rows = rows[drawn(chances, len(rows), end, replace=replace)] if len(rows) else rows
    return inner[rows[query.offset : end]], query.names or names


def _around(rows: Rowed, before: int, after: int, count: int) -> Rowed:
    """These rows and those before and after each of them, in the order they are stored."""
    changes = np.zeros(count + 1, np.int64)
    np.add.at(changes, np.maximum(rows - min(before, count), 0), 1)
    np.subtract.at(changes, np.minimum(rows + min(after, count) + 1, count), 1)
    return np.flatnonzero(np.cumsum(changes[:-1]) > 0)


def weights(ds: Rows, text: str, note: Note = lambda _: None) -> NDArray[np.float64]:
    """A weight for each row: of an expression; or of ``max_weight(condition: weight, ...)``, or ``sum_weight``.

    Raises:
        CommandError: anything else, or it does not fit the tensors.
    """
    found = _WEIGHTED.fullmatch(text)
    if found is None:
        wanted = expression(in_words(text, ds.tensors))
        return np.concatenate([_numbers(wanted, block) for block in blocks(ds, wanted, note=note)])
    pairs = [_pair(pair, ds) for pair in parted(found["pairs"], ",")]
    combine = np.maximum if found["way"].lower() == "max_weight" else np.add
    each = [
        combine.reduce([np.zeros(block.count), *(np.where(one.mask(block), weight, 0.0) for one, weight in pairs)])
        for block in blocks(ds, *(one for one, _ in pairs), note=note)
    ]
    return np.concatenate(each)


def _pair(text: str, ds: Rows) -> tuple[Expression, float]:
    condition, *weight = parted(text, ":")
    try:
        (number,) = map(float, weight)
    except ValueError:
        raise CommandError(f"weights are pairs such as labels == 'cat': 2, got {text!r:.100}") from None
    return expression(in_words(condition, ds.tensors)), number


def _numbers(wanted: Expression, block: Block) -> NDArray[np.float64]:
    try:
        return wanted.mask(block).astype(np.float64)
    except CommandError:
        return wanted.keys(block).astype(np.float64)


def drawn(weights: Any, count: int, size: int | None, *, replace: bool) -> Rowed:
    """Numbers of rows, drawn at random, each as often as its weight says.

    Args:
        weights: one for each row, at least 0.
        count: number of rows there are.
        size: of rows to draw; as many as there are for None.
        replace: whether a row may be drawn again.

    Raises:
        SampleError: other weights than rows, none above 0, or more rows wanted than there are.
    """
    chances = np.asarray(weights).astype(np.float64)
    if chances.shape != (count,) or not np.isfinite(chances).all() or (chances < 0).any() or not chances.any():
        raise SampleError(f"{counted(count, 'weight')} from 0 on, not all 0, are needed; got {weights!r:.120}")
    wanted, most = count if size is None else size, np.count_nonzero(chances)
    if not replace and wanted > most:
        raise SampleError(f"{wanted} different rows are wanted, but {there_are(int(most), 'row')} with a weight")
    return np.random.default_rng().choice(count, wanted, replace=replace, p=chances / chances.sum())
