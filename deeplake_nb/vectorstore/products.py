"""Measures of many vectors by one, in single precision, on memory as it lies.

Samples stand behind the header of their chunk, mostly at an odd address, of which numpy's products make a copy first.
faiss's take them there. Without it they are copied a few at a time, which stays in the core's own cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Singles = NDArray[np.float32]
    Measure = Callable[[Singles, Singles, Singles], None]

_PART_NBYTES = 1 << 20
"""Two looks at as many vectors cost one way through memory."""
LEAST, MOST = np.float32(1e-15), np.float32(1e19)
"""Lengths between which products of vectors, and of each with itself, neither lose digits nor leave the range."""
FARTHEST = np.float32(float(MOST) ** 2 / 4)
"""Squared length of vectors whose distances from each other are numbers in single precision: faiss loses others."""
_NUMBERED = 1 << 14
"""Vectors that are told by numbers at once: 384 KB of these."""
_LIBRARY: dict[str, Any] = {}
"""faiss, once it is wanted and loaded."""


def dots(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Products of rows: ``(n, d)`` with ``(d,)`` or ``(n, d)``. One call of BLAS a row, on this thread alone.

    That is as fast as a product with a matrix where the rows are in the cache, and equal rows give equal numbers
    wherever they stand.
    """
    right = other[:, None] if other.ndim == 1 else other[:, :, None]
    product: NDArray[Any] = np.matmul(one[:, None, :], right)[:, 0, 0]
    return product


def products(vectors: Singles, query: Singles, out: Singles) -> None:
    """A measure: products with the query."""
    library = _LIBRARY.get("faiss")
    if library is None:
        out[:] = dots(vectors, query)
    else:
        library.fvec_inner_products_ny(*map(library.swig_ptr, (out, query, vectors)), *vectors.shape[::-1])


def lengths(vectors: Singles, query: Singles, out: Singles) -> None:
    """A measure: lengths, whatever the query is; NaN where single precision cannot multiply such vectors."""
    del query
    library = _LIBRARY.get("faiss")
    if library is None:
        out[:] = dots(vectors, vectors)
    else:
        library.fvec_norms_L2sqr(*map(library.swig_ptr, (out, vectors)), *vectors.shape[::-1])
    _root(out)


def _root(squares: Singles) -> None:
    np.sqrt(squares, out=squares)
    squares[~((squares >= LEAST) & (squares <= MOST))] = np.nan


def _products_and_lengths(vectors: Singles, query: Singles, out: Singles) -> None:
    """Both measures at one look, by faiss's products of vectors with others that are told by their numbers.

    A number is a distance in memory, in vectors: the query is copied to a place that is some vectors away.
    """
    library = _LIBRARY["faiss"]
    threads = library.omp_get_max_threads()
    library.omp_set_num_threads(1)  # of this thread, which is one of many already
    try:
        for start in range(0, len(vectors), _NUMBERED):
            part = vectors[start : start + _NUMBERED]
            near, away = _beside(part, query)
            numbers = np.empty((len(part), 2), np.int64)
            numbers[:, 0] = max(away, 0)
            numbers[:, 1] = np.arange(len(part)) - min(away, 0)
            first = part if away > 0 else near
            found = np.empty(numbers.shape, np.float32)
            pointers = map(library.swig_ptr, (found, part, first, numbers))
            library.fvec_inner_products_by_idx(*pointers, part.shape[1], *numbers.shape)
            out[:, start : start + _NUMBERED] = found.T
    finally:
        library.omp_set_num_threads(threads)
    _root(out[1])


def _beside(vectors: Singles, query: Singles) -> tuple[Singles, int]:
    """The query at a whole number of vectors from the first one, and that number."""
    room = np.empty(2 * query.nbytes, np.uint8)
    apart = _address(vectors) - _address(room)
    copy = np.frombuffer(room.data, np.float32, len(query), apart % query.nbytes)
    copy[:] = query
    return copy, -(apart // query.nbytes)


def _address(array: NDArray[Any]) -> int:
    found: int = array.__array_interface__["data"][0]
    return found


def is_plain(query: Singles) -> bool:
    """Whether products with a query neither lose digits nor leave the range of single precision."""
    with np.errstate(all="ignore"):
        return bool(LEAST <= np.sqrt(np.dot(query, query)) <= MOST)


def squares(vectors: Singles, query: Singles, out: Singles) -> None:
    """A measure: squared distances from the query."""
    library = _LIBRARY.get("faiss")
    if library is None:
        apart = vectors - query
        out[:] = dots(apart, apart)
    else:
        library.fvec_L2sqr_ny(*map(library.swig_ptr, (out, query, vectors)), *vectors.shape[::-1])


def measured(vectors: NDArray[Any], query: Singles, measures: Sequence[Measure], out: Singles) -> None:
    """Fill ``out`` ``(measures, n)`` with what each measure says of vectors ``(n, d)`` of any numbers.

    faiss gets all of them at once: threads that come back to Python more often wait for each other.
    """
    fits = vectors.dtype == np.float32 and vectors.flags.c_contiguous
    if fits and _LIBRARY and _BY_LIBRARY.issuperset(measures):
        if tuple(measures) == (products, lengths):
            _products_and_lengths(vectors, query, out)
            return
        for measure, row in zip(measures, out, strict=True):
            measure(vectors, query, row)
        return
    room = None
    for part in parts(*vectors.shape):
        some = vectors[part]
        if not (fits and vectors.flags.aligned):
            room = np.empty(some.shape, np.float32) if room is None else room[: len(some)]
            room[:] = some
            some = room
        for measure, row in zip(measures, out, strict=True):
            measure(some, query, row[part])


_BY_LIBRARY = frozenset((products, lengths, squares))


def parts(count: int, width: int) -> Iterator[slice]:
    """Vectors a few at a time, as many as stay in the core's own cache."""
    step = max(_PART_NBYTES // (4 * max(width, 1)), 1)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def load() -> Any:
    """Have faiss's products from now on, if it is installed: its loading pays where there is much to look at.

    Returns:
        The library; None without it.
    """
    if "faiss" not in _LIBRARY:
        try:
            import faiss
        except ImportError:
            return None
        _LIBRARY["faiss"] = faiss
    return _LIBRARY["faiss"]
