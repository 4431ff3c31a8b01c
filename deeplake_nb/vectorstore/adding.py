"""What ``add`` is given, in v3's many forms, as one column of values per tensor. Nothing is written here."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import SampleError, TensorNotFoundError, VectorStoreError, did_you_mean
from deeplake_nb.vectorstore import schema
from deeplake_nb.vectorstore.embedding import Embedder, limited
from deeplake_nb.vectorstore.searching import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.dataset.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Embedded:
    """A tensor whose values are made by an embedding function."""

    tensor: str
    embedder: Embedder
    data: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Addition:
    """Rows to add: columns as they were given, and columns to be made."""

    given: Mapping[str, Any]
    made: Sequence[Embedded]
    ids: Sequence[str]

    def columns(self, dataset: Dataset, batch: int, rate_limiter: Mapping[str, Any] | None) -> dict[str, Any]:
        """All columns; this is where embedding functions are called.

        Raises:
            VectorStoreError: embeddings of several widths, or of another width than those that are there.
        """
        columns = {name: _values(dataset, name, values, len(self.ids)) for name, values in self.given.items()}
        for one in self.made:
            columns[one.tensor] = one.embedder.documents(one.data, batch, rate_limiter, narrowing(dataset[one.tensor]))
        for name, values in columns.items():
            if schema.is_embedding(dataset[name]):
                check_width(dataset, name, values)
        return columns


def addition(
    dataset: Dataset,
    tensors: Mapping[str, Any],
    embedding: tuple[Any, Any, Any],
    default: Embedder | None,
    rate_limiter: Mapping[str, Any] | None,
) -> Addition:
    """What is to be added; ``embedding`` is the function, the data and the tensor of the call, each one or a list.

    Raises:
        TensorNotFoundError: a name that is no tensor's.
        VectorStoreError: a tensor without values, several numbers of values, or arguments that contradict each other.
    """
    limited(rate_limiter)
    function, data, target = embedding
    tensors = {name: listed(f"values of tensor {name!r}", values) for name, values in tensors.items()}
    data = [data] if isinstance(data, str) else listed("embedding_data", data)
    made = _embedded(dataset, tensors, function, data, target, default)
    if len({one.tensor for one in made}) < len(made):
        raise VectorStoreError(f"embedding_tensor names one tensor twice: {[one.tensor for one in made]}")
    paired = {one.tensor for one in made if isinstance(tensors.get(one.tensor), tuple)}
    given = {name: values for name, values in tensors.items() if name not in paired}
    known = dataset.tensors
    for name in given:
        if name not in known:
            raise TensorNotFoundError(
                f"no tensor {name!r} in {dataset.path}{did_you_mean(name, known)}; there are {', '.join(known)}"
            )
    for one in made:
        if given.get(one.tensor) is not None:
            raise VectorStoreError(f"tensor {one.tensor!r} is given values, and data to embed: leave one of them out")
        given.pop(one.tensor, None)
    id_tensor = schema.id_tensor(dataset)
    missing = sorted(set(known) - set(given) - {one.tensor for one in made} - {id_tensor})
    if missing:
        raise VectorStoreError(f"no values for tensor {missing[0]!r}: a row needs one for each of {', '.join(known)}")
    counts = {name: len(values) for name, values in given.items() if values is not None}
    counts |= {f"data of {one.tensor}": len(one.data) for one in made}
    if len(set(counts.values())) > 1:
        raise VectorStoreError(f"different numbers of values: {counts}; rows need one for each tensor")
    count = next(iter(counts.values()), 0)
    ids = given.get(id_tensor)
    given[id_tensor] = new_ids(count) if ids is None else [str(o) if isinstance(o, uuid.UUID) else o for o in ids]
    return Addition(given, made, given[id_tensor])


def listed(what: str, values: Any) -> Any:
    """Values that can be counted and taken in parts; those of an iterator as a list.

    Raises:
        VectorStoreError: not several values.
    """
    if values is None or isinstance(values, (list, tuple, str)):
        return values
    if hasattr(values, "__array__") and np.ndim(values):
        return np.asarray(values)
    if not isinstance(values, Iterable) or hasattr(values, "__array__"):
        raise VectorStoreError(f"{what}: expected a list with one for each row, got {values!r:.60}")
    return list(values)


def new_ids(count: int) -> list[str]:
    """Random ids, as ``uuid4`` makes them."""
    raw = np.frombuffer(os.urandom(16 * count), np.uint8).reshape(count, 16).copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    text = raw.tobytes().hex()
    each = (text[at : at + 32] for at in range(0, len(text), 32))
    return [f"{o[:8]}-{o[8:12]}-{o[12:16]}-{o[16:20]}-{o[20:]}" for o in each]


def _embedded(  # noqa: PLR0917 - one place calls it
    dataset: Dataset, tensors: Mapping[str, Any], function: Any, data: Any, tensor: Any, default: Embedder | None
) -> list[Embedded]:
    """The tensors to be made, of either way to say it: three arguments, or ``tensor=(function, data)``."""
    paired = {name: value for name, value in tensors.items() if _is_pair(value)}
    if paired:
        if function is not None or data is not None or tensor is not None:
            raise VectorStoreError(
                f"{next(iter(paired))}=(function, data) goes without embedding_function, embedding_data and "
                "embedding_tensor: use one of the two ways"
            )
        return [_one(name, function, data) for name, (function, data) in paired.items()]
    if data is None or not len(data):
        if function is not None:
            raise VectorStoreError("embedding_function is given without embedding_data, the texts to embed")
        if tensor is not None and default is None:
            raise VectorStoreError("embedding_tensor is given without embedding_data, the texts to embed")
        return []
    columns = list(data) if isinstance(data[0], (list, tuple)) else [data]
    functions = function if isinstance(function, list) else [function if function is not None else default]
    functions = functions * len(columns) if len(functions) == 1 else functions
    if any(one is None for one in functions):
        raise VectorStoreError(
            "embedding_data is given without an embedding_function, in this call or when the store was opened"
        )
    names = [tensor] if isinstance(tensor, str) else tensor or only_embedding(dataset)
    if not len(columns) == len(functions) == len(names):
        raise VectorStoreError(
            f"{len(columns)} lists of embedding_data, {len(functions)} embedding functions and {len(names)} embedding "
            "tensors: give as many of each"
        )
    return [_one(name, function, data) for name, function, data in zip(names, functions, columns, strict=True)]


def _one(name: str, function: Any, data: Any) -> Embedded:
    embedder = Embedder.of(function)
    assert embedder is not None  # callers have looked
    return Embedded(name, embedder, listed(f"data of tensor {name!r}", data))


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and callable(value[0])  # noqa: PLR2004 - a pair


def only_embedding(dataset: Dataset) -> list[str]:
    """The one tensor that holds embeddings.

    Raises:
        VectorStoreError: there are none, or several.
    """
    found = schema.embedding_tensors(dataset)
    if len(found) != 1:
        raise VectorStoreError(
            f"{dataset.path} has {len(found)} embedding tensors ({', '.join(found)}): say which one, "
            "with embedding_tensor"
        )
    return found


def _values(dataset: Dataset, name: str, values: Any, count: int) -> Any:
    """A column as a dataset takes it: none is many of none, embeddings are one array, paths of images are files."""
    if values is None:
        return [None] * count
    tensor = dataset[name]
    if schema.is_embedding(tensor):
        return _vectors(tensor, values)
    if tensor.base_htype == "image":
        from deeplake_nb import session

        return [session.default().read(one) if isinstance(one, str) else one for one in values]
    return values if isinstance(values, (list, np.ndarray)) else list(values)


def _vectors(tensor: Tensor, values: Any) -> Any:
    """Embeddings as one array of the tensor's numbers; as a list where some rows have none."""
    narrow = narrowing(tensor)
    if isinstance(values, np.ndarray):
        return narrow(values) if values.dtype.kind == "f" else values
    try:
        found = narrow(values)
        if found.ndim > 1 or not any(one is None for one in values):  # of which numpy makes NaN, where all are
            return found
        return list(values)
    except SampleError:
        raise
    except (TypeError, ValueError) as error:
        if any(one is None for one in values):
            return [None if one is None else narrow(one) for one in values]
        raise VectorStoreError(f"tensor {tensor.name!r}: embeddings are vectors of one width ({error})") from error


def narrowing(tensor: Tensor) -> Callable[[Any], NDArray[Any]]:
    """Makes the tensor's numbers of others."""
    return partial(_narrowed, tensor, dtype=np.dtype(tensor.meta.dtype or np.float32))


def _narrowed(tensor: Tensor, values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Numbers as a tensor has them: of fractions so many digits, of whole numbers those that fit.

    Raises:
        SampleError: a number that is larger than any the tensor can have.
    """
    if dtype.kind != "f":
        whole = np.asarray(values)
        fits = whole.dtype.kind in "iu" and dtype.kind in "iu" and whole.size
        fits = fits and np.iinfo(dtype).min <= whole.min() and whole.max() <= np.iinfo(dtype).max
        return whole.astype(dtype) if fits else whole
    with np.errstate(over="ignore"):
        found = np.asarray(values, dtype)
    infinite = np.isinf(found)
    if infinite.any() and np.isfinite(np.asarray(values, np.float64)[infinite]).any():
        raise SampleError(f"tensor {tensor.name!r}: numbers beyond {np.finfo(dtype).max:.3g}, the largest of {dtype}")
    return found


def check_width(dataset: Dataset, name: str, values: Any, *, is_all: bool = False) -> None:
    """Refuse what no search could compare, with each other or, unless they are all, with those that are there.

    Raises:
        VectorStoreError: vectors of several shapes.
    """
    meta = dataset[name].meta
    shapes = {np.shape(one) for one in values if one is not None}
    if meta.length and meta.max_shape and not is_all:
        shapes.add(shape_of(dataset[name]))
    if len(shapes) > 1:
        raise VectorStoreError(
            f"tensor {name!r}: embeddings of several shapes, {' and '.join(map(str, sorted(shapes)))}; "
            "they are compared with each other, so use one model for all"
        )
