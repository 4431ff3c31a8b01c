"""What a graph finds, as rows in the order of an exact search.

A graph knows nodes, and their keys in single precision. Equal vectors are to come in the order of their rows, and the
first of them where not all can; vectors that have no node are to stand where an exact search has them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deeplake_nb.vectorstore.searching import Found

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.vectorstore.graph import Graph
    from deeplake_nb.vectorstore.metrics import Metric
    from deeplake_nb.vectorstore.searching import Search

    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

GONE = -1
_CLOSE = 1e-5
"""Apart of the largest key, or of 1 by angle: sums of thousands of numbers in single precision are better than that."""
_WIDER = 4
"""So many times as many nodes are asked for, where the last one is as near as one that was left out."""


class Nodes(NamedTuple):
    """A graph, with the row and the digest of each node's vector; the row is `GONE` where that is no more.

    ``lost`` are rows whose vectors are near to nothing, ``far`` those that single precision cannot tell the distance
    of; both rise.
    """

    graph: Graph
    rows: Ints
    digests: NDArray[np.uint64]
    lost: Ints
    far: Ints
    has_gone: bool

    def nearest(self, search: Search, tensor: Tensor) -> Found:
        """The rows nearest to a vector, of all or of ``search.rows``; those that are far are looked at in the tensor.

        Scores are computed in 32 bits, in 64 where some are too close to be told apart by that: equal rows are to come
        in their order, and faiss adds up four vectors at once in another order than one.

        Raises:
            LakeError: a chunk that cannot be read.
        """
        among, lost, far = None, self.lost, self.far
        if (wanted := search.rows) is not None:
            count = len(self.rows) + len(lost) + len(far)
            mask = np.zeros(max(count, wanted.max(initial=0) + 1) + 1, bool)
            mask[wanted] = True
            among = mask[self.rows] & (self.rows != GONE)
            lost, far = lost[mask[lost]], far[mask[far]]
        elif self.has_gone:
            among = self.rows != GONE
        found = self._placed(search, among)
        if len(far):
            found = _merged(search, found, search._replace(rows=far).exact(tensor))
        more = lost[: search.k - len(found.rows)]
        if not len(more):
            return found
        return _merged(search, found, Found(more, [math.nan] * len(more)))

    def _placed(self, search: Search, among: Mask | None) -> Found:
        """Of the rows that have a node. One node more is asked for, which tells whether the last one is one of many."""
        k, metric = search.k, search.metric
        nodes, keys = self.graph.search(search.query, k + 1, among)
        if are_apart(keys.tolist(), metric):
            return Found(self.rows[nodes[:k]], metric.score(keys[:k]).tolist())
        nodes, exact = self._ordered(search, nodes)
        if (tied := np.append(False, exact[1:] == exact[:-1])).any():
            more = [self._equal(search, among, nodes[tied])]
            if tied[k:].any():
                more.append(self.graph.search(search.query, _WIDER * k, among)[0])
            nodes, exact = self._ordered(search, np.unique(np.concatenate([nodes, *more])))
        return Found(self.rows[nodes[:k]], metric.score(exact[:k]).tolist())

    def _ordered(self, search: Search, nodes: Ints) -> tuple[Ints, NDArray[np.float64]]:
        exact = self.graph.keys(search.query, nodes)
        order = np.lexsort((self.rows[nodes], exact))
        return nodes[order], exact[order]

    def _equal(self, search: Search, among: Mask | None, tied: Ints) -> Ints:
        """Nodes whose vectors equal those of some, nearest first: of these those of the first rows, as many as count.

        A graph shows few of many equal vectors, as all that they lead to may be each other.
        """
        digests, nearness = np.unique(self.digests[tied], return_index=True)
        is_equal = np.isin(self.digests, digests)
        equal = np.flatnonzero(is_equal if among is None else is_equal & among)
        order = nearness[np.searchsorted(digests, self.digests[equal])]
        return equal[np.lexsort((self.rows[equal], order))[: search.k]]


def are_apart(keys: list[float], metric: Metric) -> bool:
    """Whether rising keys are farther from each other than single precision may get them wrong; none is infinite."""
    least = _CLOSE if metric.is_by_angle or not keys else _CLOSE * keys[-1]
    before = -math.inf
    for key in keys:
        if not key - before > least:
            return False
        before = key
    return before < math.inf


def _merged(search: Search, one: Found, other: Found) -> Found:
    """The nearest of both, as an exact search has them: rows that are as near in their order, and NaN last."""
    rows = np.concatenate([one.rows, other.rows])
    scores = np.array([*(one.scores or ()), *(other.scores or ())])
    order = np.lexsort((rows, -scores if search.metric.is_similarity else scores))[: search.k]
    return Found(rows[order], scores[order].tolist())
