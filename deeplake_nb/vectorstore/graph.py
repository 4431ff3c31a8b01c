"""An HNSW graph over vectors in memory, by faiss: what is near is found without looking at everything.

faiss was chosen among three: hnswlib has no wheels, usearch cannot search among chosen vectors only. Numbers of nodes
are what ``index`` knows; nothing here knows of rows or datasets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, MissingDependencyError
from deeplake_nb.vectorstore.products import dots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.vectorstore.metrics import Metric

    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]
    Mask = NDArray[np.bool_]

M, EF_CONSTRUCTION, EF_SEARCH = 16, 100, 96
"""Edges of a node, and how many candidates are held while building and searching."""
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
    """Nodes, numbered from 0 as they are added, and the edges between them. Searching is thread-safe."""

    def __init__(self, metric: Metric, width: int, params: dict[str, Any]) -> None:
        assert metric.faiss is not None  # callers have looked
        library = faiss()
        self._metric = metric
        self._hnsw = library.IndexHNSWFlat(width, int(params.get("M", M)), getattr(library, metric.faiss))
        self._hnsw.hnsw.efConstruction = int(params.get("efConstruction", EF_CONSTRUCTION))
        self._hnsw.hnsw.efSearch = self._ef = int(params.get("efSearch", EF_SEARCH))

    def __len__(self) -> int:
        return int(self._hnsw.ntotal)

    def add(self, vectors: Singles) -> None:
        """Add nodes, on all cores; of a metric by angle their length is lost."""
        self._hnsw.add(self._direction(vectors))

    def search(self, query: Singles, k: int, among: Mask | None = None) -> Ints:
        """The ``k`` nearest nodes, or fewer; of those in ``among``. In no order that counts.

        Where few are among, or many are asked for, all of these are looked at.
        """
        library = faiss()
        count = len(self) if among is None else int(among.sum())
        if not count:
            return np.empty(0, np.int64)
        chosen = None if among is None else library.IDSelectorBitmap(np.packbits(among, bitorder="little"))
        share = count / len(self)
        params: Any = None
        if share < _FEW or k > count * _FEW:
            index, k = self._hnsw.storage, min(k, count)
            if chosen is not None:
                params = library.SearchParameters(sel=chosen)
        else:
            index, ef = self._hnsw, int(max(self._ef, 2 * k) / share)
            if chosen is not None or ef != self._ef:  # what is usual the graph knows by itself
                params = library.SearchParametersHNSW(efSearch=ef, sel=chosen)
        nodes = index.search(self._direction(query[None]), k, params=params)[1][0]
        found: Ints = nodes[nodes >= 0]
        return found

    def vectors(self, nodes: Ints) -> Singles:
        """What was added; of a metric by angle, of length 1."""
        found: Singles = self._hnsw.storage.reconstruct_batch(nodes)
        return found

    def dump(self) -> bytes:
        """The edges alone: vectors are in the dataset."""
        library = faiss()
        out = library.VectorIOWriter()
        library.write_index(self._hnsw, out, library.IO_FLAG_SKIP_STORAGE)
        return bytes(library.vector_to_array(out.data))

    def restore(self, edges: bytes, vectors: Singles) -> None:
        """Become the graph that `dump` gave; ``vectors`` are those of its nodes, as they were added.

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
        old = self._hnsw
        if not isinstance(made, library.IndexHNSWFlat) or (made.d, made.ntotal) != (old.d, len(vectors)):
            raise FormatError("the stored index is of other vectors")
        storage = library.IndexFlat(old.d, old.metric_type)
        storage.add(self._direction(vectors))
        made.storage = storage
        made.own_fields = False
        made.hnsw.efConstruction, made.hnsw.efSearch = old.hnsw.efConstruction, self._ef
        self._hnsw, self._storage = made, storage  # the second keeps it alive

    def _direction(self, vectors: Singles) -> Singles:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if not self._metric.is_by_angle:
            return vectors
        exact = vectors.astype(np.float64)
        exact /= np.sqrt(dots(exact, exact))[:, None]
        directions: Singles = exact.astype(np.float32)
        return directions
