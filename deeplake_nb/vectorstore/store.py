"""``VectorStore``: a dataset of texts and their embeddings, with v3's names and arguments."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb import session
from deeplake_nb.credentials.provider import Secret, sealed
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.errors import UnsupportedError, VectorStoreError
from deeplake_nb.urls import DiscreetText
from deeplake_nb.vectorstore import schema, searching
from deeplake_nb.vectorstore.adding import addition
from deeplake_nb.vectorstore.changing import change, steadily
from deeplake_nb.vectorstore.embedding import Embedder, query_vector
from deeplake_nb.vectorstore.engines import Engines
from deeplake_nb.vectorstore.filters import checked, having_ids, matching, numbered
from deeplake_nb.vectorstore.metrics import metric_named
from deeplake_nb.vectorstore.opening import Making, emptied, opened
from deeplake_nb.vectorstore.part import whole
from deeplake_nb.vectorstore.searching import Search
from deeplake_nb.vectorstore.updating import update

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Path = str | os.PathLike[str]

_log = logging.getLogger(__name__)


class VectorStore:
    """Texts, metadata and embeddings, kept as a dataset and found by nearness.

    Example:
        >>> import numpy as np
        >>> store = VectorStore("mem://vector-store-example", verbose=False)
        >>> _ = store.add(text=["cat", "dog"], metadata=[{"n": 1}, {"n": 2}], embedding=np.eye(2, dtype="float32"))
        >>> store.search(embedding=[0.9, 0.1], k=1)["text"]
        ['cat']
    """

    def __init__(  # noqa: PLR0917 - v3's signature
        self,
        path: Path | None = None,
        dataset: Dataset | None = None,
        tensor_params: Sequence[Mapping[str, Any]] | None = None,
        embedding_function: Any = None,
        read_only: bool | None = None,
        ingestion_batch_size: int = 1000,
        index_params: Mapping[str, Any] | None = None,
        exec_option: str | None = "auto",
        token: str | Secret | None = None,
        overwrite: bool = False,
        verbose: bool = True,
        runtime: Mapping[str, Any] | None = None,
        creds: Any = None,
        org_id: str | None = None,
        logger: logging.Logger = _log,
        branch: str = "main",
        indra: bool = False,
        **kwargs: Any,
    ) -> None:
        """Open the store at ``path``, or make one where there is none.

        Args:
            path: a folder, ``s3://``, ``gcs://``, ``azure://`` or ``hub://org/name``; at ``mem://`` a new one is made
                each time, as in v3.
            dataset: in place of that, an open dataset which is a vector store.
            tensor_params: arguments of ``create_tensor`` for each tensor of a new store; by default ``text``,
                ``metadata`` (JSON), ``embedding`` (float32) and ``id``.
            embedding_function: what makes embeddings of texts: a function of a list of texts (and of a single one,
                which a search has, as in v3), or an object with ``embed_documents`` and ``embed_query``.
            read_only: refuse to write.
            ingestion_batch_size: texts that the embedding function gets at once.
            index_params: ``threshold`` (rows from which on searches take an index; -1 for never), ``distance_metric``
                (also of searches that name none) and ``additional_params`` (``M``, ``efConstruction``, ``efSearch``).
            exec_option: how to search unless a call says so: ``auto``, ``python``, ``compute_engine``, ``tensor_db``.
            token: of the hub's server, where not the usual one.
            overwrite: replace the store that is there.
            verbose: print a summary after each ``add``.
            runtime: ``{"tensor_db": True}`` makes a new store in a hub one that the hub's server searches.
            creds: as of ``load``.
            org_id: as of ``load``.
            logger: what is told that a store was there already.
            branch: the branch to work on; a new store is made with it.
            indra: changes nothing.
            kwargs: further arguments of ``load`` and ``empty``; ``num_workers`` changes nothing.

        Raises:
            VectorStoreError: both or neither of ``path`` and ``dataset``, ``tensor_params`` of a store that is there,
                or a dataset that is none.
        """
        creds, token = sealed(creds), Secret(token) if isinstance(token, str) else token
        path = DiscreetText(path) if isinstance(path, str) else path
        kwargs = sealed(kwargs)  # one of them may be a token with a letter wrong
        del indra
        kwargs.pop("num_workers", None)
        if (path is None) == (dataset is None):
            raise VectorStoreError("give a path, or a dataset that is open: one of the two")
        if type(ingestion_batch_size) is not int or ingestion_batch_size < 1:
            raise VectorStoreError(f"ingestion_batch_size is 1 or more, got {ingestion_batch_size!r:.40}")
        self.verbose = verbose
        self.index_params = searching.index_params(index_params)
        self.embedding_function = Embedder.of(embedding_function)
        self.ingestion_batch_size = ingestion_batch_size
        self._exec_option = searching.check_exec_option(exec_option or "auto")
        if dataset is None:
            where = {"creds": creds, "token": token, "org_id": org_id, **kwargs}
            making = Making(tensor_params, embedding_function, runtime)
            dataset = opened(path, where, making, read_only, overwrite, branch, logger)
        elif tensor_params is not None or not isinstance(dataset, Dataset):
            raise VectorStoreError("give an open dataset, which has its tensors: tensor_params are for a new store")
        schema.check(dataset)
        self._dataset = dataset
        self._engines = Engines(self.index_params, lambda: session.default().hub(token))

    # ------------------------------------------------------------------ what it is

    @property
    def dataset(self) -> Dataset:
        """The dataset behind it, with all that datasets can do."""
        return self._dataset

    @property
    def dataset_handler(self) -> VectorStore:
        """The store itself: v3 has one object more, which its clients ask for ``path``."""
        return self

    @property
    def path(self) -> str:
        """Where it lies."""
        return str(self._dataset.path)

    @property
    def exec_option(self) -> str:
        """How it searches unless a call says so."""
        return self._exec_option

    def tensors(self) -> Any:
        """The tensors, by name."""
        return self._dataset.tensors

    def summary(self) -> None:
        """Print path, branch and tensors."""
        self._dataset.summary()

    def __len__(self) -> int:
        return len(self._dataset)

    def __repr__(self) -> str:
        if "_dataset" not in vars(self):  # in a traceback of its making
            return "VectorStore(not open)"
        return f"VectorStore({self.path!r}, rows={len(self)}, tensors={list(self.tensors())})"

    def __reduce__(self) -> str:
        raise UnsupportedError(f"the vector store {self.path!r} goes to no other process: open it there, by its path")

    # ------------------------------------------------------------------ adding

    def add(
        self,
        embedding_function: Any = None,
        embedding_data: Any = None,
        embedding_tensor: Any = None,
        return_ids: bool = False,
        rate_limiter: Mapping[str, Any] | None = None,
        **tensors: Any,
    ) -> list[str] | None:
        """Add rows, all or none; when it returns they are stored.

        Args:
            embedding_function: makes embeddings of ``embedding_data``; by default the store's own. A list of them for
                several tensors.
            embedding_data: texts to embed, or one; a list of lists for several tensors.
            embedding_tensor: where the embeddings go; needed if there are several such tensors.
            return_ids: give back the ids of the rows.
            rate_limiter: ``{"enabled": True, "bytes_per_minute": ..., "batch_byte_size": ...}`` spreads the calls of
                the embedding function over time.
            tensors: the values, by tensor; ``tensor=(function, data)`` embeds as well. Ids are made if none are given.

        Raises:
            VectorStoreError: a tensor without values, several numbers of values, embeddings of another width than
                those that are there, or arguments that contradict each other; nothing was added.
            TensorNotFoundError: no such tensor.
            SampleError: a value that does not fit its tensor; nothing was added.
            ReadOnlyError: opened for reading.
        """
        embedding = embedding_function, embedding_data, embedding_tensor
        new = addition(self._dataset, tensors, embedding, self.embedding_function, rate_limiter)
        if new.ids:
            self._dataset.extend(new.columns(self._dataset, self.ingestion_batch_size, rate_limiter))
        if self.verbose:
            self.summary()
        return list(new.ids) if return_ids else None

    # ------------------------------------------------------------------ searching

    def search(  # noqa: PLR0917 - v3's signature
        self,
        embedding_data: str | list[str] | None = None,
        embedding_function: Any = None,
        embedding: Any = None,
        k: int | None = None,
        distance_metric: str | None = None,
        query: str | None = None,
        filter: Any = None,  # noqa: A002 - v3's name
        exec_option: str | None = None,
        embedding_tensor: str = "embedding",
        return_tensors: Any = None,
        return_view: bool = False,
        deep_memory: bool = False,
        return_tql: bool = False,
    ) -> Any:
        """The rows nearest to an embedding, those that pass a filter, or both; nearest first.

        Rows that are as near come in the order of the dataset; rows without an embedding, or with NaN in it, come
        last. Fewer than ``k`` rows come where a filter lets no more through.

        Args:
            embedding_data: a text to embed and search for.
            embedding_function: what embeds it; by default the store's own.
            embedding: in place of a text, a vector.
            k: how many rows to find: 4 unless said otherwise, or all of fewer. With a filter alone all come.
            distance_metric: ``COS`` (by default), ``L2``, ``L1``, ``MAX`` or ``DOT``.
            query: in place of all of these, as ``SELECT * WHERE metadata['page'] > 3 ORDER BY
                COSINE_SIMILARITY(embedding, ARRAY[...]) DESC LIMIT 4``; not with ``python``.
            filter: ``{"metadata": {"key": value}}``, ``{"id": [...]}``, or a function of a row.
            exec_option: how to search; the store's own by default. ``python`` looks at every vector;
                ``compute_engine`` asks an index (from 10,000 rows on, for ``COS`` and ``L2``) that is kept with the
                dataset, may miss some, and scores in 32 bits, by which different vectors that are as near may come in
                another order; ``tensor_db`` asks the hub to do that. ``auto`` is ``tensor_db`` for a store made so,
                asks an index where ``index_params`` has a threshold, and else looks at every vector.
            embedding_tensor: where to search.
            return_tensors: tensors to give; all but the embeddings by default, ``"*"`` for all.
            return_view: give the rows as a view of the dataset.
            deep_memory: not possible.
            return_tql: not possible.

        Returns:
            ``{"score": [...], tensor: [...], ...}``, or the view. A score is a similarity for ``COS`` and ``DOT``, and
            else a distance.

        Raises:
            VectorStoreError: no rows, fewer than ``k``, a vector of another width, or arguments that contradict each
                other.
            TensorNotFoundError: no such tensor.
        """
        searching.refuse(deep_memory=deep_memory, return_tql=return_tql)
        option = searching.check_exec_option(exec_option or self._exec_option)
        tensors = searching.returned_tensors(self._dataset, return_tensors, embedding_tensor)
        wanted = query_vector(embedding, embedding_data, embedding_function, self.embedding_function)
        searching.check_asked(wanted, filter, query)

        def ask() -> Any:
            count = searching.check_not_empty(self._dataset)
            if query is not None:
                searching.check_query(option, wanted, filter, return_tensors)
                found, names = self._engines.query(option, self._dataset, query)
            else:
                metric = metric_named(distance_metric or self.index_params["distance_metric"])
                most = self._rows_wanted(k, count) if wanted is not None else 0
                search = None if wanted is None else Search(embedding_tensor, wanted, most, metric)
                found, names = self._engines.find(option, self._dataset, search, filter), tensors
            view = found.view(whole(self._dataset))
            return view if return_view else searching.answer(view, found, names)

        return steadily(self._dataset, ask)

    def nearest(self, words: str, k: Any = None, embedding_tensor: str = "embedding") -> tuple[Dataset, list[float]]:
        """The ``k`` rows nearest to a text as a view, nearest first, with their scores.

        Raises:
            VectorStoreError: no rows, fewer than ``k``, or no embedding function.
        """
        wanted = query_vector(None, words, None, self.embedding_function)
        metric = metric_named(self.index_params["distance_metric"])
        assert wanted is not None  # there are words

        def ask() -> tuple[Dataset, list[float]]:
            rows = searching.check_not_empty(self._dataset)
            search = Search(embedding_tensor, wanted, self._rows_wanted(k, rows), metric)
            found = self._engines.find(self._exec_option, self._dataset, search, None)
            return found.view(whole(self._dataset)), found.scores or []

        return steadily(self._dataset, ask)

    def _rows_wanted(self, k: Any, rows: int) -> int:
        """How many rows to find among so many."""
        return searching.check_k(k, rows)

    # ------------------------------------------------------------------ changing

    def delete(  # noqa: PLR0917 - v3's signature
        self,
        row_ids: Sequence[int] | None = None,
        ids: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - v3's name
        query: str | None = None,
        exec_option: str | None = None,
        delete_all: bool | None = None,
    ) -> bool:
        """Remove rows: by number, by id, by a filter or query, or all of them with all older versions.

        Raises:
            VectorStoreError: it is not said which.
            RowError: no such row.
            ReadOnlyError: opened for reading.
        """
        if delete_all:
            self._dataset = emptied(self._dataset)
            return True
        chosen = partial(self._chosen, row_ids, ids, filter, query, exec_option)
        change(self._dataset, chosen, lambda rows: self._dataset.pop(rows.tolist()) if len(rows) else None)
        return True

    def update_embedding(  # noqa: PLR0917 - v3's signature
        self,
        row_ids: Sequence[int] | None = None,
        ids: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002 - v3's name
        query: str | None = None,
        exec_option: str | None = None,
        embedding_function: Any = None,
        embedding_source_tensor: str | Sequence[str] = "text",
        embedding_tensor: str | Sequence[str] | None = None,
    ) -> None:
        """Make the embeddings of rows anew, in all tensors named or in none.

        Args:
            row_ids: the rows, by number.
            ids: by id.
            filter: by a filter, as of ``search``.
            query: by a query.
            exec_option: as of ``search``.
            embedding_function: what makes them; by default the store's own. A list of them for several tensors.
            embedding_source_tensor: what they are made of; a list for several tensors.
            embedding_tensor: where they go; needed if there are several such tensors.

        Raises:
            VectorStoreError: it is not said which rows, or arguments that contradict each other; nothing changed.
            ReadOnlyError: opened for reading.
        """
        functions = self.embedding_function if embedding_function is None else embedding_function
        chosen = partial(self._chosen, row_ids, ids, filter, query, exec_option)
        names = embedding_source_tensor, embedding_tensor
        update(whole(self._dataset), chosen, functions, *names, self.ingestion_batch_size)

    def _chosen(self, row_ids: Any, ids: Any, filter: Any, query: str | None, exec_option: str | None) -> Ints:  # noqa: A002
        """Numbers in the whole dataset of the rows that one of the four ways names."""
        option = searching.check_exec_option(exec_option or self._exec_option)
        ways = {"row_ids": row_ids, "ids": ids, "filter": filter, "query": query}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) != 1:
            raise VectorStoreError(
                f"say which rows, by one of row_ids, ids, filter or query; got {' and '.join(given) or 'none of them'}"
            )
        if row_ids is not None:
            return numbered(self._dataset, row_ids)
        if ids is not None:
            return having_ids(self._dataset, schema.id_tensor(self._dataset), ids)
        searching.check_not_empty(self._dataset)
        if query is not None:
            return np.sort(self._engines.query(option, self._dataset, query)[0].rows)
        rows = matching(self._dataset, checked(self._dataset, filter))
        assert rows is not None  # there is a filter
        return rows

    # ------------------------------------------------------------------ versions, and the end

    def commit(self, allow_empty: bool = True) -> None:
        """Keep this version under an id."""
        self._dataset.commit(allow_empty=allow_empty)

    def checkout(self, branch: str = "main", create: bool = False) -> None:
        """Go to a branch; with ``create`` to a new one, which starts here.

        Raises:
            VersionNotFoundError: no such branch.
        """
        self._dataset.checkout(branch, create=create)

    @staticmethod
    def delete_by_path(path: Path, token: str | Secret | None = None, force: bool = False, creds: Any = None) -> None:
        """Remove the store at ``path`` with everything below it.

        Raises:
            DatasetNotFoundError: none is there.
        """
        creds, token = sealed(creds), Secret(token) if isinstance(token, str) else token
        path = DiscreetText(path) if isinstance(path, str) else path
        session.default().delete(path, force=force, large_ok=True, creds=creds, token=token)
