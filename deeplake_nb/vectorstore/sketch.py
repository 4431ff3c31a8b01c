"""Vectors by four bits a number: enough to tell of most of them that they are none of the nearest.

A vector is its length times its direction u. Of u the part along the middle m of a block's directions is kept as it
is, m.u; all of u is kept as u', one of 16 levels for each number, with the length of what that misses, |u - u'|. A
query is q = a m + r, where r is at a right angle to m, and

    q.u = a (m.u) + r.u' + r.(u - u'),    whose last part is at most |r| |u - u'| (Cauchy and Schwarz).

So an interval is known in which the product lies. The products r.u' are faiss's: its "fast scan" adds numbers of 8 bits
out of a table of 16 a dimension, in registers (Andre, Kermarrec, Le Scouarnec: Quicker ADC, 2019), which goes over them
several times as fast as memory gives the vectors. What rounding the table loses is bounded, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.vectorstore.products import lengths, load, parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.vectorstore.metrics import Keys, Metric

    Singles = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Digits = NDArray[np.uint8]

_LEVELS = 16
_REACH = 2.7
"""The levels lie within so many standard deviations: the least error of numbers that spread as a bell does."""
_SAMPLE = 256
"""Vectors of a block from which the levels are learnt."""
_LIST_NBYTES, _GROUP = 1 << 20, 32
"""Digits in a list of faiss's, and how many vectors it has side by side."""
_MOST_ENTRY, _MOST_SUM = 255, 65535
"""Of the table, and of the sum of one entry a dimension."""
_ROW_NBYTES = 20
"""Its number in faiss, and what is kept of it beside its digits."""


class Sketch:
    """Vectors of a block, and how near each of them may be. Immutable, so thread-safe.

    Making one takes three microseconds of a core for a vector of 768 numbers, and six megabytes for the time.
    """

    def __init__(self, vectors: Singles) -> None:
        library = load()
        assert library is not None  # callers have looked
        count, width = vectors.shape
        wide = width + width % 2  # two digits are a byte
        self._lengths = np.empty(count, np.float32)
        lengths(vectors, vectors[0], self._lengths)
        with np.errstate(all="ignore"):
            centre, spread = _shape(vectors, self._lengths)
            self._middle = (centre / (np.sqrt(centre @ centre) or 1)).astype(np.float32)
            self._step = np.zeros(wide, np.float32)
            self._step[:width] = spread * (2 * _REACH / _LEVELS)
            self._lowest = np.zeros(wide, np.float32)
            self._lowest[:width] = centre - spread * (_REACH * (_LEVELS - 1) / _LEVELS)
            self._along, self._missed = np.empty((2, count), np.float32)
            self._directions = self._searchable(vectors)

    def __len__(self) -> int:
        return len(self._lengths)

    @staticmethod
    def nbytes(count: int, width: int) -> int:
        """What the sketch of so many vectors takes, but for some levels."""
        return count * ((width + 1) // 2 + _ROW_NBYTES)

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return len(self._middle)

    @property
    def size(self) -> int:
        """What it takes, in bytes, but for some levels."""
        return self.nbytes(len(self), self.width)

    def keys(self, metric: Metric, query: Singles) -> Keys:
        """What is known of each vector, as of ``Metric.bound``; the query ``is_plain``."""
        assert metric.of_cosines is not None  # callers have looked
        with np.errstate(all="ignore"):
            return metric.of_cosines(self._cosines(query), self._lengths, query)

    def _cosines(self, query: Singles) -> Keys:
        """Cosines with each vector, and how far they may be off, but for plain rounding."""
        direction = query / np.sqrt(np.dot(query, query), dtype=np.float64)
        along = np.dot(direction, self._middle)
        rest = np.zeros(len(self._step), np.float32)
        rest[: len(query)] = direction - along * self._middle
        cosines, error = self._added(rest)
        cosines += self._along * np.float32(along)
        slack = self._missed * np.sqrt(np.dot(rest, rest))
        slack += np.float32(error)
        return cosines, slack

    def _added(self, rest: Singles) -> tuple[Singles, float]:
        """Products with the directions as they are kept, NaN where they are not known, and how far they may be off.

        The table has its least number of each dimension taken off, and is rounded to whole units of one size.
        """
        ends = np.array([self._lowest, self._lowest + self._step * np.float32(_LEVELS - 1)], np.float64) * rest
        spans, least = np.abs(ends[1] - ends[0]), float(ends.min(axis=0).sum())
        unit = max(float(spans.max()) / _MOST_ENTRY, float(spans.sum()) / _MOST_SUM)
        if not unit > 0:  # all directions are one
            return np.full(len(self), least, np.float32), 0.0
        found = np.full(len(self), np.nan, np.float32)
        _, values, rows = self._directions.range_search(rest[None], least + unit / 4)
        found[rows] = values
        found[found < least + len(rest) * unit] = np.nan  # a sum of the largest, rounded up, may begin anew from 0
        return found, unit * len(rest) / 2

    def _searchable(self, vectors: Singles) -> Any:
        """An index of faiss that adds up what a query makes of digits.

        It keeps them in lists, whose memory is rounded up to a power of two: these fill theirs.
        """
        library = load()
        count, wide = len(vectors), len(self._step)
        starts = range(0, count, max(_LIST_NBYTES // (wide // 2 * _GROUP), 1) * _GROUP)
        nothing = library.IndexFlatIP(wide)
        nothing.add(np.zeros((len(starts), wide), np.float32))
        plain = library.IndexIVFPQ(nothing, wide, len(starts), wide, 4, library.METRIC_INNER_PRODUCT)
        plain.by_residual, plain.is_trained, plain.ntotal = False, True, count
        levels = self._lowest[:, None] + self._step[:, None] * np.arange(_LEVELS, dtype=np.float32)
        library.copy_array_to_vector(levels.ravel(), plain.pq.centroids)
        for at, start in enumerate(starts):
            numbers = np.arange(start, min(start + starts.step, count))
            digits = self._digits(vectors, start, len(numbers))
            plain.invlists.add_entries(at, len(numbers), library.swig_ptr(numbers), library.swig_ptr(digits))
        made = library.IndexIVFPQFastScan(plain)
        made.nprobe = len(starts)
        made.referenced_objects = [nothing]  # and no more the one that it is a copy of
        return made

    def _digits(self, vectors: Singles, first: int, count: int) -> Digits:
        """The levels of some directions, two a byte; what else is kept of them is noted on the way."""
        width, wide = vectors.shape[1], len(self._step)
        step, lowest = self._step[:width], self._lowest[:width]
        scale = np.where(step > 0, 1 / step, 0).astype(np.float32)
        shift = (step / 2 - lowest) * scale
        out = np.empty((count, wide // 2), np.uint8)
        room = np.empty((2, next(parts(count, width)).stop, width), np.float32)
        numbers = np.zeros((room.shape[1], wide), np.uint8)
        for part in parts(count, width):
            some = slice(first + part.start, first + part.stop)
            size = part.stop - part.start
            directions, work, digits = room[0, :size], room[1, :size], numbers[:size]
            np.multiply(vectors[some], (1 / self._lengths[some])[:, None], out=directions)
            np.dot(directions, self._middle, out=self._along[some])
            np.multiply(directions, scale, out=work)
            work += shift
            np.fmax(work, 0, out=work)  # of NaN, too
            np.fmin(work, _LEVELS - 1, out=work)
            np.copyto(digits[:, :width], work, casting="unsafe")
            pairs = digits.view("<u2")
            np.copyto(out[part], pairs | pairs >> 4, casting="unsafe")
            np.copyto(work, digits[:, :width])
            work *= step
            work += lowest
            directions -= work
            np.sqrt(np.einsum("ij,ij->i", directions, directions), out=self._missed[some])
        return out


def _shape(vectors: Singles, sizes: Singles) -> tuple[Doubles, Doubles]:
    """The middle of a block's directions, and how far each number strays from that."""
    some = slice(None, None, max(len(vectors) // _SAMPLE, 1))
    directions = vectors[some] / sizes[some, None]
    good = directions[np.isfinite(directions).all(axis=1)]
    if not len(good):
        return np.zeros(vectors.shape[1]), np.zeros(vectors.shape[1])
    return good.mean(axis=0, dtype=np.float64), good.std(axis=0, dtype=np.float64)
