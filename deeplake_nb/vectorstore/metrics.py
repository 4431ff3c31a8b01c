"""How near two vectors are: the five metrics, as a table. Pure.

A metric gives *keys*, of which the smallest is the nearest: twice, once fast and with a bound of the error (32-bit
products by BLAS), once exact to the last bit or so (64 bits). Only vectors whose fast key could still be among the
nearest are computed exactly, so that the answer is that of the exact keys at the price of the fast ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import VectorStoreError, did_you_mean
from deeplake_nb.vectorstore.products import LEAST, MOST, dots, lengths, products, squares

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from deeplake_nb.vectorstore.products import Measure

    Singles = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Keys = tuple[Singles, Singles | np.float32]

_UNIT = 2.0**-24
"""Largest relative error of one operation on 32-bit numbers."""
_LOST = 16
"""Sums that a cosine by a sketch is made of, with their parts: each is of numbers of length 4 at most."""
_TINY = np.float32(1e-30)
"""Below this 32-bit squares lose digits."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Each of ``measures`` says one number of every 32-bit vector, of which ``bound`` makes ``(keys, slack)``: the exact
    key lies between ``keys - slack`` and ``keys + slack``, and beyond all that single precision has where ``keys`` are
    infinite. Where either is NaN nothing is known.
    """

    name: str
    measures: tuple[Measure, ...]
    bound: Callable[[Singles, Singles], Keys]
    exact: Callable[[Doubles, Doubles], Doubles]
    tql: str
    """Its function in a query."""
    score: Callable[[Any], NDArray[Any]] = np.positive
    """What v3 calls the score, of keys in either precision."""
    is_similarity: bool = False
    """Whether a larger score is nearer."""
    of_cosines: Callable[[Keys, Singles, Singles], Keys] | None = None
    """As ``bound``, of cosines with the query and how far they may be off, and of the vectors' lengths."""
    faiss: str | None = None
    """The metric of an index that finds the same neighbours."""

    @property
    def is_by_angle(self) -> bool:
        """Whether only the direction of vectors counts."""
        return self.exact is _cos


def _error(width: int, factor: float) -> np.float32:
    """Relative error of a sum of ``width`` products, at most (Higham, Accuracy and Stability, 3.1), so many times.

    Some units more are for what is done with the sum, in single precision too.
    """
    return np.float32(factor * (width * _UNIT / (1 - min(width * _UNIT, 0.5)) + 8 * _UNIT))


def _sum_bound(measured: Singles, query: Singles) -> Keys:
    keys = measured[0]
    return keys, keys * _error(len(query), 2) + _TINY


def _l2(block: Doubles, query: Doubles) -> Doubles:
    apart = block - query
    return dots(apart, apart)


def _dot_bound(measured: Singles, query: Singles) -> Keys:
    found, sizes = measured
    return -found, sizes * (_error(len(query), 2) * _length(query)) + _TINY


def _length(query: Singles) -> np.float32:
    found: np.float32 = np.sqrt(np.dot(query, query))
    return found if LEAST <= found <= MOST else np.float32(np.nan)


def _dot(block: Doubles, query: Doubles) -> Doubles:
    return -dots(block, query)


def _cos_bound(measured: Singles, query: Singles) -> Keys:
    found, sizes = measured
    return found / (sizes * -_length(query)), _error(len(query), 4)


def _cos(block: Doubles, query: Doubles) -> Doubles:
    lengths: Doubles = -np.sqrt(dots(block, block)) * np.sqrt(np.dot(query, query))
    keys: Doubles = dots(block, query) / lengths
    return keys


def _l2_of_cosines(cosines: Keys, sizes: Singles, query: Singles) -> Keys:
    found, slack = _rounded(cosines, query)
    length = _length(query)
    squares, twice = sizes * sizes + length * length, sizes * (2 * length)
    return squares - twice * found, twice * slack + squares * _error(len(query), _LOST)


def _dot_of_cosines(cosines: Keys, sizes: Singles, query: Singles) -> Keys:
    found, slack = _rounded(cosines, query)
    products = sizes * _length(query)
    return -found * products, slack * products


def _cos_of_cosines(cosines: Keys, sizes: Singles, query: Singles) -> Keys:
    del sizes
    found, slack = _rounded(cosines, query)
    return -found, slack


def _rounded(cosines: Keys, query: Singles) -> Keys:
    """With what single precision loses of them, and of the lengths that they are multiplied with."""
    found, slack = cosines
    return found, slack + _error(len(query), _LOST)


def _sums(block: Singles, query: Singles, out: Singles) -> None:
    np.abs(block - query).sum(axis=1, out=out)


def _l1(block: Doubles, query: Doubles) -> Doubles:
    distances: Doubles = np.abs(block - query).sum(axis=1)
    return distances


def _largest(block: Singles, query: Singles, out: Singles) -> None:
    np.abs(block - query).max(axis=1, initial=0, out=out)


def _max_bound(measured: Singles, query: Singles) -> Keys:
    del query
    keys = measured[0]
    return keys, keys * np.float32(8 * _UNIT) + _TINY


def _max(block: Doubles, query: Doubles) -> Doubles:
    distances: Doubles = np.abs(block - query).max(axis=1, initial=0)
    return distances


_LIKENESS: Mapping[str, Any] = {"score": np.negative, "is_similarity": True}

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("l2", (squares,), _sum_bound, _l2, "L2_NORM", np.sqrt, of_cosines=_l2_of_cosines, faiss="METRIC_L2"),
        Metric("l1", (_sums,), _sum_bound, _l1, "L1_NORM"),
        Metric("max", (_largest,), _max_bound, _max, "LINF_NORM"),
        Metric(
            "cos",
            (products, lengths),
            _cos_bound,
            _cos,
            "COSINE_SIMILARITY",
            **_LIKENESS,
            of_cosines=_cos_of_cosines,
            faiss="METRIC_INNER_PRODUCT",
        ),
        Metric("dot", (products, lengths), _dot_bound, _dot, "DOT_PRODUCT", **_LIKENESS, of_cosines=_dot_of_cosines),
    )
}
DEFAULT = "cos"


def metric_named(name: str | None) -> Metric:
    """The metric of a name, in any case; cosine similarity for None, as in v3.

    Raises:
        VectorStoreError: no such metric.
    """
    wanted = DEFAULT if name is None else str(name).lower()
    if wanted not in METRICS:
        raise VectorStoreError(
            f"no distance metric {name!r:.40}{did_you_mean(wanted, METRICS)}; there are {', '.join(METRICS)}"
        )
    return METRICS[wanted]
