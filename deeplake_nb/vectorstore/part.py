"""A store that is a selection of rows: searched in the dataset that it is of, of which these rows are wanted.

Columns, blocks and indexes are of whole tensors. So whatever finds rows gives the dataset's own numbers of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.vectorstore.searching import Found

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.vectorstore.searching import Search

    Ints = NDArray[np.int64]


def whole(dataset: Dataset) -> Dataset:
    """The dataset with all its rows."""
    return dataset if dataset.index.is_whole else dataset.all_rows


def count(dataset: Dataset) -> int:
    """How many rows all tensors have, as they are read: without those that another thread is just adding."""
    lengths = [tensor._selection().tensor.length for tensor in dataset.tensors.values()]  # noqa: SLF001 - as of blocks
    return min(lengths, default=0)


def selected(dataset: Dataset) -> Ints | None:
    """Numbers of the rows that are selected, in their order, some perhaps several times; None for all."""
    if dataset.index.is_whole:
        return None
    length = dataset.num_samples
    rows = dataset.index.resolve(length)
    return rows[rows < length]


def passing(mask: NDArray[np.bool_], among: Ints | None) -> Ints:
    """The rows of which a mask is true, of all of them or of those ``among``, in their order."""
    return np.flatnonzero(mask) if among is None else among[mask[among]]


def nearest(search: Search, run: Callable[[Search], Found]) -> Found:
    """What ``run`` finds, which wants rising rows, for rows in any order; those as near come in that order."""
    rows = search.rows
    if rows is None or (np.diff(rows) > 0).all():
        return run(search)
    found = run(search._replace(rows=np.unique(rows)))
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows, found.rows, sorter=order)
    stops = np.searchsorted(rows, found.rows, side="right", sorter=order)
    spans = [order[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
    places = np.concatenate([np.empty(0, np.int64), *spans])
    scores = np.repeat(np.array(found.scores, np.float64), stops - starts)
    rank = np.append(0, np.cumsum(scores[1:] != scores[:-1]))[: len(scores)]
    best = np.lexsort((places, rank))[: search.k]
    return Found(rows[places[best]], scores[best].tolist())
