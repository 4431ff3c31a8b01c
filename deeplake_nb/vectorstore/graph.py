"""An HNSW graph over vectors in memory, by faiss: what is near is found without looking at everything.

faiss was chosen among three: hnswlib has no wheels, usearch cannot search among chosen vectors only. Numbers of nodes
are what ``index`` knows; nothing here knows of rows or datasets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, MissingDependencyError
from deeplake_nb.vectorstore.products import LEAST, MOST, dots, parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.vectorstore.metrics import Metric

    Ints = NDArray[np.int64]
    Doubles = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Mask = NDArray[np.bool_]

M, EF_CONSTRUCTION, EF_SEARCH = 32, 100, 96
"""Edges of a node, and how many candidates are held while building and searching.

With half the edges a graph is built in four fifths of the time and takes 128 bytes less a node, but finds as much only
in a quarter more: measured on 150,000 x 768 in clusters of 5,000."""
_EF_NODES = 100_000
"""From here on the candidates grow with the root of the number of nodes, as the way to the nearest becomes longer."""
_FEW = 0.1
"""Below this share of the nodes looking at each of them is as fast, and finds all."""


def faiss() -> Any:
    """The library.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import faiss as module
    except ImportError as error:
        raise MissingDependencyError(
            'searching by an index needs faiss: pip install "deeplake-nb[vectors]", or search with exec_option="python"'
        ) from error
    return module


class Graph:
    """Nodes, numbered from 0 as they are added, and the edges between them.

    Searches may run at once, but none while something is added.
    """

    def __init__(self, metric: Metric, width: int, params: dict[str, Any]) -> None:
        assert metric.faiss is not None  # callers have looked
        library = faiss()
        self._metric = metric
        self._hnsw = library.IndexHNSWFlat(width, int(params.get("M", M)), getattr(library, metric.faiss))
        self._hnsw.hnsw.efConstruction = int(params.get("efConstruction", EF_CONSTRUCTION))
        self._params = params
        self._has(np.empty((0, width), np.float32))

    def __len__(self) -> int:
        return int(self._hnsw.ntotal)

    def add(self, vectors: Singles) -> None:
        """Add nodes, on all cores; of a metric by angle their length is lost."""
        self._hnsw.add(self._direction(vectors))
        self._has(_content(self._hnsw.storage))

    def search(self, query: Singles, k: int, among: Mask | None = None) -> tuple[Ints, Singles]:
        """The ``k`` nearest nodes, or fewer, nearest first, of those in ``among``; and their keys, in 32 bits.

        Where few are among, or many are asked for, all of these are looked at.
        """
        library, chosen, share = faiss(), None, 1.0
        count = nodes = len(self._stored)
        if among is not None:
            count = int(among.sum())
            chosen, share = library.IDSelectorBitmap(np.packbits(among, bitorder="little")), count / max(nodes, 1)
        if not count:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        params: Any = None
        if share < _FEW or k > count * _FEW:
            index, k = self._hnsw.storage, min(k, count)
            if chosen is not None:
                params = library.SearchParameters(sel=chosen)
        else:
            index, ef = self._hnsw, int(max(self._ef, 2 * k) / share)
            if chosen is not None or ef != self._ef:  # what is usual the graph knows by itself
                params = library.SearchParametersHNSW(efSearch=ef, sel=chosen)
        if self._metric.is_by_angle:
            ((keys,), (found,)) = index.search((query / np.float32(_length(query)))[None], k, params=params)
            np.negative(keys, out=keys)
        else:
            ((keys,), (found,)) = index.search(query[None], k, params=params)
        if found[-1] < 0:
            keys, found = keys[found >= 0], found[found >= 0]
        return found, keys

    def keys(self, query: Singles, nodes: Ints) -> Doubles:
        """The exact keys of nodes: of equal ones the same."""
        exact, vectors = query.astype(np.float64), self._stored.take(nodes, axis=0).astype(np.float64)
        if self._metric.is_by_angle:
            return -dots(vectors, exact / np.sqrt(np.dot(exact, exact)))
        return self._metric.exact(vectors, exact)

    def vectors(self, nodes: Ints) -> Singles:
        """What was added; of a metric by angle, of length 1."""
        return self._stored[nodes]

    def dump(self) -> bytes:
        """The edges alone: vectors are in the dataset."""
        library = faiss()
        out = library.VectorIOWriter()
        library.write_index(self._hnsw, out, library.IO_FLAG_SKIP_STORAGE)
        return bytes(library.vector_to_array(out.data))

    def room(self, count: int) -> Singles:
        """Where the vectors of so many nodes go before `restore`: the graph has no other copy of them."""
        library = faiss()
        self._room = library.IndexFlat(self._hnsw.d, self._hnsw.metric_type)
        self._room.codes.resize(count * self._room.code_size)
        self._room.ntotal = count
        return _content(self._room)

    def restore(self, edges: bytes) -> None:
        """Become the graph that `dump` gave, of the vectors in its `room`, which are as they were added.

        Raises:
            FormatError: it is none, or of other vectors.
        """
        library = faiss()
        data = library.VectorIOReader()
        library.copy_array_to_vector(np.frombuffer(edges, np.uint8), data.data)
        try:
            made = library.read_index(data)
        except RuntimeError as error:
            raise FormatError(f"the stored index cannot be read ({error})") from error
        old, storage = self._hnsw, self._room
        if not isinstance(made, library.IndexHNSWFlat) or (made.d, made.ntotal) != (old.d, storage.ntotal):
            raise FormatError("the stored index is of other vectors")
        vectors = _content(storage)
        for part in parts(*vectors.shape):
            vectors[part] = self._direction(vectors[part])
        made.storage = storage
        made.own_fields = False
        made.hnsw.efConstruction = old.hnsw.efConstruction
        self._hnsw = made
        self._has(vectors)

    def _has(self, vectors: Singles) -> None:
        """Note where the vectors lie, and how many candidates a search holds among so many."""
        self._stored = vectors
        grown = int(EF_SEARCH * math.sqrt(max(len(vectors) / _EF_NODES, 1)))
        self._hnsw.hnsw.efSearch = self._ef = int(self._params.get("efSearch", grown))

    def _direction(self, vectors: Singles) -> Singles:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if not self._metric.is_by_angle:
            return vectors
        exact = vectors.astype(np.float64)
        exact /= np.sqrt(dots(exact, exact))[:, None]
        directions: Singles = exact.astype(np.float32)
        return directions


def _length(query: Singles) -> float:
    """In single precision where that holds it."""
    with np.errstate(over="ignore"):
        found = float(np.dot(query, query))
    if not LEAST**2 <= found <= MOST**2:
        exact = query.astype(np.float64)
        found = float(np.dot(exact, exact))
    return math.sqrt(found)


def _content(storage: Any) -> Singles:
    """The vectors of an index that keeps them as they are, where they lie: until more are added."""
    count, width = storage.ntotal, storage.d
    library = faiss()
    place = library.downcast_index(storage).get_xb()
    found: Singles = library.rev_swig_ptr(place, count * width).reshape(count, width)
    return found
