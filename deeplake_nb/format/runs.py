"""Runs of equal rows, as tables whose last column says how long each is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def run_ends(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where runs of equal rows end: a mask over axis 0 of ``values`` (``(n,)`` or ``(n, k)``)."""
    ends = np.zeros(len(values), dtype=bool)
    for column in values.T if values.ndim > 1 else values[None]:  # few: one by one takes half the time of all at once
        ends[:-1] |= column[1:] != column[:-1]
    ends[-1:] = True
    return ends


def clipped(lasts: Ints, start: int, stop: int) -> tuple[Ints, Ints]:
    """Of each run: how many samples lie before ``start``, and how many in ``[start, stop)``."""
    firsts = np.concatenate([[0], lasts[:-1] + 1])
    skipped = np.maximum(start - firsts, 0)
    return skipped, np.maximum(np.minimum(lasts + 1, stop) - firsts - skipped, 0)


def merged(tables: list[Ints], columns: int) -> Ints:
    """One table of runs; neighbours that agree in all but the run length (the last column) are joined."""
    if not tables:
        return np.empty((0, columns), np.int64)
    table = np.concatenate(tables)
    borders = np.cumsum([len(one) for one in tables[:-1]], dtype=np.int64)  # within a table, neighbours differ
    begins = np.ones(len(table), bool)
    begins[borders] = (table[borders, :-1] != table[borders - 1, :-1]).any(axis=1)
    if begins.all():
        return table
    firsts = np.flatnonzero(begins)
    out: Ints = table[firsts]
    out[:, -1] = np.add.reduceat(table[:, -1], firsts)
    return out
