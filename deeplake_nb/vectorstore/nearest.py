"""The nearest of many vectors, which come block by block. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.vectorstore.metrics import Metric

    Ints = NDArray[np.int64]


class Nearest:
    """The ``k`` rows nearest to ``query`` among the blocks seen so far: by key, equal ones by row, NaN last.

    Memory holds ``k`` rows and one block. Not thread-safe: each thread has its own, and they are joined at the end.
    """

    def __init__(self, metric: Metric, query: NDArray[Any], k: int) -> None:
        self._metric = metric
        self._single = query.astype(np.float32)
        self._query = self._single.astype(np.float64)
        self._k = k
        self.rows = np.empty(0, np.int64)
        self.keys = np.empty(0, np.float64)

    def see(self, rows: Ints, block: NDArray[Any]) -> None:
        """Take in vectors ``(n, width)`` of any numbers; ``rows`` are theirs."""
        is_full = len(self.rows) == self._k and np.isfinite(self.keys[-1])
        if is_full and block.dtype.itemsize <= self._single.itemsize:  # wider ones would lose digits
            with np.errstate(all="ignore"):
                keys, slack = self._metric.bound(block.astype(np.float32, copy=False), self._single)
                lowest = keys - slack
            # What is not finite is nothing that single precision can tell.
            maybe = np.flatnonzero(~(np.isfinite(lowest) & (lowest > self.keys[-1])))
            if not len(maybe):
                return
            rows, block = rows[maybe], block[maybe]
        with np.errstate(all="ignore"):
            self._take(rows, self._metric.exact(block.astype(np.float64), self._query))

    def join(self, other: Nearest) -> None:
        """Take in what another one found."""
        self._take(other.rows, other.keys)

    def scores(self) -> NDArray[np.float64]:
        """The scores, nearest first."""
        return self._metric.score(self.keys)

    def _take(self, rows: Ints, keys: NDArray[np.float64]) -> None:
        rows, keys = np.concatenate([self.rows, rows]), np.concatenate([self.keys, keys])
        if len(keys) > 2 * self._k:
            kept = np.flatnonzero(keys <= np.partition(keys, self._k - 1)[self._k - 1])  # all that tie with the last
            if len(kept) >= self._k:  # else fewer than that are numbers
                rows, keys = rows[kept], keys[kept]
        order = np.lexsort((rows, keys))[: self._k]  # which has NaN last
        self.rows, self.keys = rows[order], keys[order]
