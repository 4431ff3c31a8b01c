"""The ways to search, and which one a search goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.vectorstore.searching import embeddings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.vectorstore.index import VectorIndex
    from deeplake_nb.vectorstore.searching import Found, Search

LEAST_ROWS = 10_000
"""Below this looking at every vector takes a few milliseconds, and needs no index."""


class Engines:
    """Runs the searches of one store, and keeps its indexes."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._indexes: dict[tuple[str, str], VectorIndex] = {}

    def run(self, option: str, dataset: Dataset, search: Search) -> Found:
        """The rows nearest to a vector.

        ``python`` looks at every vector; ``compute_engine`` takes an index where one pays; ``auto`` does where
        ``index_params`` ask for one, and else looks at every vector.

        Raises:
            VectorStoreError: a vector of another width.
            MissingDependencyError: an index pays, and its library is not installed.
        """
        if not self._takes_index(option, len(dataset)) or search.metric.faiss is None:
            return search.exact(dataset)
        from deeplake_nb.vectorstore.index import VectorIndex

        tensor = embeddings(dataset, search.tensor)
        search.check_width(tensor)
        place = tensor.key, search.metric.name
        if place not in self._indexes:
            self._indexes[place] = VectorIndex(tensor, search, dict(self._params["additional_params"]))
        return self._indexes[place].search(tensor, search)

    def _takes_index(self, option: str, rows: int) -> bool:
        threshold = self._params["threshold"]
        if option == "python" or (option == "auto" and threshold is None):
            return False
        least = LEAST_ROWS if threshold is None else threshold
        return 0 <= least <= rows
