"""The ways to search, and which one a search goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import VectorStoreError
from deeplake_nb.vectorstore import managed
from deeplake_nb.vectorstore.filters import checked, matching
from deeplake_nb.vectorstore.part import nearest, whole
from deeplake_nb.vectorstore.products import FARTHEST
from deeplake_nb.vectorstore.querying import names_of, queried
from deeplake_nb.vectorstore.searching import Found, embeddings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.vectorstore.index import Place, VectorIndex
    from deeplake_nb.vectorstore.searching import Search

LEAST_ROWS = 10_000
"""Below this looking at every vector takes a few milliseconds, and needs no index."""


class Engines:
    """Runs the searches of one store, and keeps its indexes.

    With ``patience`` a search waits for so many rows to be taken into an index, and for more it looks at every vector
    while that goes on elsewhere.
    """

    def __init__(
        self, params: Mapping[str, Any], find_hub: Callable[[], Any] = lambda: None, patience: int | None = None
    ) -> None:
        self._params = params
        self._find_hub = find_hub
        self._patience = patience
        self._is_managed: bool | None = None
        self._indexes: dict[tuple[str, str, int], VectorIndex] = {}

    def find(self, option: str, dataset: Dataset, search: Search | None, wanted: Any) -> Found:
        """The rows that pass the filter ``wanted``: all of them, or the nearest.

        Raises:
            VectorStoreError: a vector of another width, or no such filter.
            TensorNotFoundError: no such tensor.
        """
        if search is not None and wanted is not None:  # before rows are looked at for nothing
            search.check_width(embeddings(dataset, search.tensor))
        wanted = checked(dataset, wanted)
        hub = self._hub(option, dataset, is_plain=not callable(wanted))
        if hub is not None:
            if search is not None:
                search.check_width(embeddings(dataset, search.tensor))
            return managed.run(hub, dataset, managed.written(search, wanted))
        rows, dataset = matching(dataset, wanted), whole(dataset)
        if search is None:
            return Found(np.arange(len(dataset)) if rows is None else rows)
        return nearest(search._replace(rows=rows), lambda asked: self.run(option, dataset, asked))

    def query(self, option: str, dataset: Dataset, text: str) -> tuple[Found, list[str]]:
        """The rows that a query means, and the tensors it names.

        Raises:
            VectorStoreError: it cannot be read, or carried out.
            TensorNotFoundError: no such tensor.
        """
        hub = self._hub(option, dataset)
        if hub is not None:
            names = names_of(dataset, text)  # what is wrong with it is said here
            return managed.run(hub, dataset, text), names
        return queried(dataset, text, lambda search: self.run(option, whole(dataset), search))

    def run(self, option: str, dataset: Dataset, search: Search, place: Place | None = None) -> Found:
        """The rows nearest to a vector, of a dataset that is no selection, found in this process.

        ``place`` is as of ``VectorIndex.search``.

        ``python`` looks at every vector; ``compute_engine`` takes an index where one pays; ``auto`` does where
        ``index_params`` ask for one, and else looks at every vector.

        Raises:
            VectorStoreError: a vector of another width.
            MissingDependencyError: an index pays, and its library is not installed.
        """
        tensor = embeddings(dataset, search.tensor)
        search.check_width(tensor)
        if search.rows is None and len(tensor) > (rows := len(dataset)):  # of which other tensors have none yet
            search = search._replace(rows=np.arange(rows))
        if search.metric.faiss is None or not self._takes_index(option, len(tensor)):
            return search.exact(tensor)
        exact = search.query.astype(np.float64)
        if not search.metric.is_by_angle and exact.dot(exact) > FARTHEST:
            return search.exact(tensor)  # whose distances an index cannot tell apart
        of = tensor.key, search.metric.name, len(search.query)
        index = self._indexes.get(of)
        if index is None:
            from deeplake_nb.vectorstore.index import VectorIndex

            made = VectorIndex(tensor, search, dict(self._params["additional_params"]))
            index = self._indexes.setdefault(of, made)  # searches may begin at once
        if self._patience is not None and not index.is_ready(tensor, self._patience):
            index.follow_soon(tensor, place)
            return search.exact(tensor)
        return index.search(tensor, search, place)

    def _hub(self, option: str, dataset: Dataset, *, is_plain: bool = True) -> managed.RunsQueries | None:
        """The hub that is to run a search, where one is; ``is_plain`` says whether it can be told what is asked.

        A hub in this process leaves it to us.

        Raises:
            VectorStoreError: ``tensor_db`` for a dataset that is of no hub, or for a selection of rows.
        """
        is_part = not dataset.index.is_whole
        if option == "auto" and is_plain and not is_part:
            if self._is_managed is None:
                self._is_managed = managed.is_managed(dataset)
            option = "tensor_db" if self._is_managed else option
        if option != "tensor_db":
            return None
        managed.place_of(dataset)
        if is_part:
            raise VectorStoreError("the hub searches all rows: a selection of them with 'python' or 'compute_engine'")
        hub = self._find_hub()
        return hub if isinstance(hub, managed.RunsQueries) else None

    def _takes_index(self, option: str, rows: int) -> bool:
        threshold = self._params["threshold"]
        if option == "python" or (option == "auto" and threshold is None):
            return False
        least = LEAST_ROWS if threshold is None else threshold
        return 0 <= least <= rows
