"""The nearest of many vectors, which come block by block. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.vectorstore.products import measured, norms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from deeplake_nb.vectorstore.metrics import Metric

    Ints = NDArray[np.int64]
    Doubles = NDArray[np.float64]
    Singles = NDArray[np.float32]

_EXACTLY_AT_ONCE = 1 << 17
"""Numbers computed in 64 bits at once: 1 MB."""
_WAITING = 256


class Nearest:
    """The ``k`` rows nearest to ``query`` among the blocks seen so far: by key, equal ones by row, NaN last.

    Memory holds ``k`` rows and some hundreds, and a few numbers of each row of a block. Not thread-safe: each thread
    has its own, and they are joined at the end.
    """

    def __init__(self, metric: Metric, query: NDArray[Any], k: int) -> None:
        self._metric = metric
        self._single = query.astype(np.float32)
        self._query = self._single.astype(np.float64)
        self._k = k
        self._found: list[tuple[Ints, Doubles]] = [(np.empty(0, np.int64), np.empty(0, np.float64))]
        self._waiting = 0
        self._limit = np.inf  # what is farther than that is none of them

    @property
    def rows(self) -> Ints:
        """The rows, nearest first."""
        return self._settled()[0]

    def scores(self) -> Doubles:
        """Their scores."""
        return self._metric.score(self._settled()[1])

    def see(self, rows: Ints, block: NDArray[Any], squared: Singles | None = None) -> Singles | None:
        """Take in vectors ``(n, width)`` of any numbers; ``rows`` are theirs, ``squared`` their squared lengths.

        Returns:
            The squared lengths where the metric wants them, for the next time these vectors are seen.
        """
        with np.errstate(all="ignore"):
            sizes = self._measured(block, squared)
            maybe = None if sizes is None else self._candidates(sizes)
            step = max(_EXACTLY_AT_ONCE // max(block.shape[1], 1), 1)
            for part in _parts(np.arange(len(block)) if maybe is None else maybe, step):
                self._take(rows[part], self._metric.exact(block[part].astype(np.float64), self._query))
        return sizes[1] if sizes is not None and len(sizes) > 1 else None

    def join(self, other: Nearest) -> None:
        """Take in what another one found."""
        self._take(*other._settled())

    def _measured(self, block: NDArray[Any], squared: Singles | None) -> Singles | None:
        """What the metric measures of vectors; None of wider numbers, which would lose digits."""
        if block.dtype.itemsize > self._single.itemsize:
            return None
        measures = self._metric.measures
        sizes = np.empty((len(measures), len(block)), np.float32)
        if squared is not None and measures[-1] is norms:
            sizes[-1] = squared
            measures = measures[:-1]
        measured(block, self._single, measures, sizes[: len(measures)])
        return sizes

    def _candidates(self, sizes: Singles) -> Ints:
        """Which vectors may be among the nearest, by what is measured of them."""
        keys, slack = self._metric.bound(sizes, self._single)
        lowest = keys - slack
        odd = ~np.isfinite(lowest)  # nothing that single precision can tell
        maybe = np.flatnonzero(odd | (lowest <= self._limit))
        if len(maybe) > 4 * self._k:  # the k-th of what they are at most is a limit, too
            highest = np.where(odd[maybe], np.inf, (keys + slack)[maybe])
            limit = np.partition(highest, self._k - 1)[self._k - 1]
            maybe = maybe[odd[maybe] | (lowest[maybe] <= limit)]
        return maybe

    def _take(self, rows: Ints, keys: Doubles) -> None:
        self._found.append((rows, keys))
        self._waiting += len(rows)
        if self._waiting > max(_WAITING, self._k) or self._limit == np.inf:
            self._settled()

    def _settled(self) -> tuple[Ints, Doubles]:
        if len(self._found) > 1:
            rows, keys = map(np.concatenate, zip(*self._found, strict=True))
            if len(keys) > 2 * self._k:
                kept = np.flatnonzero(
                    keys <= np.partition(keys, self._k - 1)[self._k - 1]
                )  # all that tie with the last
                if len(kept) >= self._k:  # else fewer than that are numbers
                    rows, keys = rows[kept], keys[kept]
            order = np.lexsort((rows, keys))[: self._k]  # which has NaN last
            self._found, self._waiting = [(rows[order], keys[order])], 0
            if len(order) == self._k and np.isfinite(keys[order[-1]]):
                self._limit = float(keys[order[-1]])
        return self._found[0]


def _parts(rows: Ints, step: int) -> Iterator[Ints]:
    return (rows[start : start + step] for start in range(0, len(rows), step))
