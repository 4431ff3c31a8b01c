"""The nearest of many vectors, which come block by block. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.vectorstore.products import lengths, measured

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
_NONE = np.float32(np.inf)


class Asked(NamedTuple):
    """What is asked of vectors: the ``k`` nearest to ``query`` of ``rows`` (rising; None: of all)."""

    metric: Metric
    query: Singles
    k: int
    rows: Ints | None


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
        self._limit = _NONE  # what is farther than that is none of them

    @property
    def rows(self) -> Ints:
        """The rows, nearest first."""
        return self._settled()[0]

    @property
    def limit(self) -> np.float32:
        """What none of the nearest exceeds: a little more than the ``k``-th key; infinite while there are fewer."""
        self._settled()
        return self._limit

    def scores(self) -> Doubles:
        """Their scores."""
        return self._metric.score(self._settled()[1])

    def see(self, rows: Ints, block: NDArray[Any], known: Singles | None = None) -> Singles | None:
        """Take in vectors ``(n, width)`` of any numbers; ``rows`` are theirs, ``known`` their lengths.

        Returns:
            The lengths where the metric wants them, for the next time that these vectors are seen.
        """
        with np.errstate(all="ignore"):
            sizes = self._measured(block, known)
            maybe = np.arange(len(block)) if sizes is None else self._candidates(sizes)
            step = max(_EXACTLY_AT_ONCE // max(block.shape[1], 1), 1)
            for part in _parts(maybe, step):
                self._take(rows[part], self._metric.exact(block[part].astype(np.float64), self._query))
        return None if sizes is None or self._metric.measures[-1] is not lengths else sizes[-1]

    def join(self, other: Nearest) -> None:
        """Take in what another one found."""
        self._take(*other._settled())

    def _measured(self, block: NDArray[Any], known: Singles | None) -> Singles | None:
        """What the metric measures of vectors; None of wider numbers, which would lose digits."""
        if block.dtype.itemsize > self._single.itemsize:
            return None
        measures = self._metric.measures
        sizes = np.empty((len(measures), len(block)), np.float32)
        if known is not None and measures[-1] is lengths:
            sizes[-1] = known
            measures = measures[:-1]
        measured(block, self._single, measures, sizes[: len(measures)])
        return sizes

    def _candidates(self, sizes: Singles) -> Ints:
        """Which vectors may be among the nearest, by what is measured of them."""
        keys, slack = self._metric.bound(sizes, self._single)
        lowest = keys - slack
        maybe = np.flatnonzero(~(lowest > self._limit))
        if len(maybe) > 4 * self._k:  # the k-th of what they are at most is a limit, too
            lowest = lowest[maybe]
            highest = np.asarray(keys + slack)[maybe]
            highest[~np.isfinite(highest)] = np.inf
            limit = np.partition(highest, self._k - 1)[self._k - 1]
            maybe = maybe[~(lowest > _beyond(limit))]
        return maybe

    def _take(self, rows: Ints, keys: Doubles) -> None:
        self._found.append((rows, keys))
        self._waiting += len(rows)
        if self._waiting > max(_WAITING, self._k) or self._limit == _NONE:
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
                self._limit = _beyond(keys[order[-1]])
        return self._found[0]


def _beyond(key: Any) -> np.float32:
    """A key in single precision that is no nearer."""
    with np.errstate(over="ignore"):
        found: np.float32 = np.nextafter(np.float32(key), _NONE)
    return found


def _parts(rows: Ints, step: int) -> Iterator[Ints]:
    return (rows[start : start + step] for start in range(0, len(rows), step))
