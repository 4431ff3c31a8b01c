"""One search: its arguments checked, the rows it finds, and the form they are given in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.dataset.blocks import Blocks
from deeplake_nb.dataset.columns import shapes
from deeplake_nb.dataset.tensor import Tensor
from deeplake_nb.errors import TensorNotFoundError, UnsupportedError, VectorStoreError, counted, did_you_mean
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.vectorstore.metrics import metric_named
from deeplake_nb.vectorstore.scan import scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.vectorstore.metrics import Metric

    Ints = NDArray[np.int64]

_FEW = 4
_ROWS = 1000
EXEC_OPTIONS = ("auto", "python", "compute_engine", "tensor_db")


class Found(NamedTuple):
    """Rows in the order in which they are given; ``scores`` where they were found by an embedding.

    They are rows of ``dataset``, if that is not the one that was asked: others may have changed it since.
    """

    rows: Ints
    scores: list[float] | None = None
    dataset: Dataset | None = None

    def view(self, asked: Dataset) -> Dataset:
        """The rows themselves, of the one that was ``asked`` where it is no other."""
        found: Dataset = (asked if self.dataset is None else self.dataset)[self.rows]
        return found


class Search(NamedTuple):
    """What is asked of one dataset: the nearest ``k`` of ``rows`` (None: all of them) to a vector."""

    tensor: str
    query: NDArray[np.float32]
    k: int
    metric: Metric
    rows: Ints | None = None

    def exact(self, tensor: Tensor) -> Found:
        """By looking at every vector."""
        found = scan(Blocks.of(tensor, len(self.query)), self.metric, self.query, self.k, self.rows)
        return Found(found.rows, found.scores().tolist())

    def check_width(self, tensor: Tensor) -> None:
        """Refuse a vector that cannot be compared with those of the tensor.

        Raises:
            VectorStoreError: it is of another width.
        """
        width = math.prod(tensor.meta.max_shape)
        if len(self.query) != width:
            width = math.prod(shape_of(tensor))
        if len(self.query) != width:
            raise VectorStoreError(
                f"the embedding to search for has {counted(len(self.query), 'number')}, but those of tensor "
                f"{self.tensor!r} have {width}; make it with the model that made them"
            )


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """The shape of the vectors.

    The tensor's bounds are of all rows that it ever had, in v3 also of those that were changed or removed since. Where
    they differ, the first row that has a vector tells.
    """
    most = tensor.meta.max_shape
    if most != tensor.meta.min_shape:
        for start in range(0, len(tensor), _ROWS):
            for shape in shapes(tensor, np.arange(start, min(start + _ROWS, len(tensor)))):
                if math.prod(shape):
                    return shape
    return most


def check_exec_option(option: str) -> str:
    """The option itself.

    Raises:
        VectorStoreError: there is no such way to search.
    """
    if option not in EXEC_OPTIONS:
        raise VectorStoreError(
            f"no exec_option {option!r:.40}{did_you_mean(str(option), EXEC_OPTIONS)}; there are "
            f"{', '.join(EXEC_OPTIONS)}"
        )
    return option


def check_k(k: Any, rows: int) -> int:
    """The number of rows to find among so many; four (as in v3) or all of them where it is not said.

    Raises:
        VectorStoreError: less than one, no whole number, or more than there are.
    """
    if k is None:
        return min(_FEW, rows)
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise VectorStoreError(f"k is how many rows to find, 1 or more, got {k!r:.40}")
    if k > rows:
        raise VectorStoreError(f"k={k} is more than the {counted(rows, 'row')} of the store: ask for {rows} at most")
    return int(k)


def check_not_empty(dataset: Dataset) -> int:
    """The number of rows. Refuses to search where nothing is; the message is v3's, which clients know.

    Raises:
        VectorStoreError: no rows.
    """
    count = len(dataset)
    if not count:
        error = VectorStoreError("specified dataset is empty")
        error.add_note(f"{dataset.path} has no rows yet: add() some, then search")
        raise error
    return count


def check_asked(*ways: Any) -> None:
    """Refuse to search for nothing.

    Raises:
        VectorStoreError: none of the ways to ask is taken.
    """
    if all(one is None for one in ways):
        raise VectorStoreError("search for something: give an embedding, embedding_data, a filter or a query")


def check_query(option: str, *others: Any) -> None:
    """Refuse a query with arguments that it stands in place of (an embedding, a filter, tensors), or in ``python``.

    Raises:
        VectorStoreError: so it is.
    """
    if any(one is not None for one in others):
        raise VectorStoreError("a query says all: give no embedding, filter or return_tensors with it")
    if option == "python":
        raise VectorStoreError("a query is not for exec_option='python': leave that out, or take 'compute_engine'")


def embeddings(dataset: Dataset, name: str) -> Tensor:
    """The tensor to search in.

    Raises:
        TensorNotFoundError: no such tensor.
        VectorStoreError: it holds no vectors.
    """
    try:
        tensor = dataset[str(name)]
    except TensorNotFoundError:
        tensor = None
    if not isinstance(tensor, Tensor):
        tensors = dataset.tensors
        raise TensorNotFoundError(
            f"no embedding tensor {name!r} in {dataset.path}{did_you_mean(str(name), tensors)}; "
            f"there are {', '.join(tensors)}"
        )
    meta = tensor.meta
    if meta.is_sequence or meta.is_link or not _are_numbers(meta.htype, meta.dtype):
        raise VectorStoreError(f"tensor {name!r} of htype {tensor.htype} holds no vectors that could be compared")
    return tensor


@cache
def _are_numbers(htype: str | None, dtype: str | None) -> bool:
    return dtype is not None and htype_row(htype).payload in {"array", "polygon"} and np.dtype(dtype).kind in "fiub"


def returned_tensors(dataset: Dataset, wanted: Any, embedding_tensor: str) -> list[str]:
    """The tensors of the answer: those named, ``"*"`` for all, or all but the embeddings.

    Raises:
        TensorNotFoundError: no such tensor.
    """
    if wanted == "*":
        return list(dataset.tensors)
    if not wanted:
        return [name for name in dataset.tensors if name != embedding_tensor]
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in dataset:
            known = dataset.tensors
            raise TensorNotFoundError(
                f"no tensor {name!r} in {dataset.path}{did_you_mean(name, known)}; there are {', '.join(known)}"
            )
    return names


def answer(view: Dataset, found: Found, tensors: list[str]) -> dict[str, Any]:
    """The rows, of which there is a view, as v3 gives them: ``score``, then each tensor's values."""
    out: dict[str, Any] = {} if found.scores is None else {"score": found.scores}
    return out | {name: view[name].data(aslist=True)["value"] for name in tensors}


def refuse(*, deep_memory: Any, return_tql: Any) -> None:
    """Deep Memory was a service of the makers of Deep Lake, and the original's searches were queries.

    Raises:
        UnsupportedError: one of them is asked for.
    """
    if deep_memory:
        raise UnsupportedError(
            "deep_memory needs a model that a service of Activeloop's trained, and is not here: search without it"
        )
    if return_tql:
        raise UnsupportedError("return_tql: a search here is no query; leave it out, or give a query of your own")


_INDEX_PARAMS: Mapping[str, Any] = {"threshold": None, "distance_metric": "COS", "additional_params": {}}


def index_params(given: Any) -> dict[str, Any]:
    """``index_params`` with what they do not say.

    Raises:
        VectorStoreError: something else in them.
    """
    given = _mapping("index_params", given)
    for name in given:
        if name not in _INDEX_PARAMS:
            raise VectorStoreError(
                f"index_params has no {name!r}{did_you_mean(name, _INDEX_PARAMS)}; there are {', '.join(_INDEX_PARAMS)}"
            )
    params = {**_INDEX_PARAMS, **given}
    threshold = params["threshold"]
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < -1):
        raise VectorStoreError(f"threshold is how many rows to make an index from, or -1, got {threshold!r:.40}")
    metric_named(params["distance_metric"])
    params["additional_params"] = _mapping("additional_params", params["additional_params"])
    for name, value in params["additional_params"].items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise VectorStoreError(f"additional_params: {name} is a whole number, 1 or more, got {value!r:.40}")
    return params


def _mapping(name: str, given: Any) -> dict[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise VectorStoreError(f"{name} is a dictionary, got {given!r:.40}")
    return dict(given or {})
