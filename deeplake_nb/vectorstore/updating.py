"""Embeddings made anew, of what the rows hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import TensorNotFoundError, VectorStoreError, did_you_mean
from deeplake_nb.vectorstore.adding import check_width, narrowing, only_embedding
from deeplake_nb.vectorstore.changing import change
from deeplake_nb.vectorstore.embedding import Embedder

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset

    Ints = NDArray[np.int64]


def update(  # noqa: PLR0917 - one place calls it
    dataset: Dataset, chosen: Callable[[], Ints], functions: Any, sources: Any, tensors: Any, batch: int
) -> None:
    """Make embeddings of the rows ``chosen`` anew; each of ``functions``, ``sources``, ``tensors`` is one or a list.

    Raises:
        VectorStoreError: no function, different numbers of the three, or embeddings of another width; nothing changed.
        TensorNotFoundError: no such tensor.
    """

    def made() -> tuple[Ints, dict[str, Any]]:
        rows = chosen()
        return rows, _updated(dataset, rows, functions, sources, tensors, batch)

    change(dataset, made, lambda new: dataset[new[0]].update(new[1]) if len(new[0]) else None)


def _updated(  # noqa: PLR0917 - one place calls it
    dataset: Dataset, rows: Ints, functions: Any, sources: Any, tensors: Any, batch: int
) -> dict[str, Any]:
    """New values of embedding tensors for ``rows``.

    Raises:
        VectorStoreError: no function, different numbers of the three, or embeddings of another width.
        TensorNotFoundError: no such tensor.
    """
    targets = only_embedding(dataset) if tensors is None else _listed(tensors)
    origins, makers = _listed(sources), _listed(functions)
    makers = makers * len(targets) if len(makers) == 1 else makers
    if any(one is None for one in makers):
        raise VectorStoreError("there is no embedding_function, in this call or from when the store was opened")
    if not len(targets) == len(origins) == len(makers):
        raise VectorStoreError(
            f"{len(origins)} embedding_source_tensor, {len(makers)} embedding_function and {len(targets)} "
            "embedding_tensor: give as many of each"
        )
    out = {}
    known = dataset.tensors
    for origin, maker, target in zip(origins, makers, targets, strict=True):
        for name in (origin, target):
            if name not in known:
                raise TensorNotFoundError(
                    f"no tensor {name!r} in {dataset.path}{did_you_mean(name, known)}; there are {', '.join(known)}"
                )
        embedder = Embedder.of(maker)
        assert embedder is not None  # looked at above
        if len(rows):
            texts = dataset[rows][origin].data(aslist=True)["value"]
            out[target] = embedder.documents(texts, batch, None, narrowing(known[target]))
            check_width(dataset, target, out[target], is_all=len(np.unique(rows)) == len(dataset[target]))
    return out


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
