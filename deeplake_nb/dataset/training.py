"""Rows for training: a dataset as a ``DataLoader`` of PyTorch, and each row as it gives them.

Torch asks for the rows of a batch at once, so each tensor is read once for each batch: chunks, ranges and links side by
side. A worker process opens the version for itself, as locks and caches of the process it was forked from are not its
own; forked, because the credentials that opened it are in no pickle.
"""

from __future__ import annotations

import io
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.selecting import listed
from deeplake_nb.errors import HtypeError, LakeError, MissingDependencyError, SampleError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deeplake_nb.dataset.dataset import Dataset

INDEX = "index"
_SIGNED = {"uint16": "int32", "uint32": "int64", "uint64": "int64"}
"""What torch has no dtype for, or no arithmetic, and what v3 gives instead."""


def loader(
    ds: Dataset,
    *,
    transform: Callable[..., Any] | Mapping[str, Callable[[Any], Any] | None] | None,
    transform_kwargs: Mapping[str, Any] | None,
    tensors: Sequence[str] | None,
    decode_method: Mapping[str, str] | None,
    return_index: bool,
    pad_tensors: bool,
    batch_size: int | None,
    num_workers: int,
    collate_fn: Callable[[list[Any]], Any] | None,
    **options: Any,
) -> Any:
    """A ``torch.utils.data.DataLoader``; see ``Dataset.pytorch``."""
    try:
        from torch.utils import data
    except ImportError as error:
        raise MissingDependencyError("pytorch() needs torch: run `pip install 'deeplake_nb[torch]'`") from error
    ds.flush()
    rows = samples(
        ds.max_view if pad_tensors else ds,
        transform=partial(transform, **transform_kwargs) if callable(transform) and transform_kwargs else transform,
        tensors=tensors,
        decode_method=decode_method,
        return_index=return_index,
    )
    if num_workers:
        if not hasattr(os, "fork"):
            raise UnsupportedError("workers are forked, which this system cannot do: pass num_workers=0")
        options["multiprocessing_context"] = "fork"
    collate_fn = collate_fn or (collate if batch_size is not None else _as_it_is)
    return data.DataLoader(rows, batch_size=batch_size, num_workers=num_workers, collate_fn=collate_fn, **options)


def samples(
    ds: Dataset,
    *,
    transform: Any,
    tensors: Sequence[str] | None,
    decode_method: Mapping[str, str] | None,
    return_index: bool,
) -> Samples:
    """The rows of a dataset, each as ``Dataset.pytorch`` gives it."""
    chosen = _chosen(ds, transform, tensors)
    return Samples(listed(ds), chosen, dict(decode_method or {}), transform=transform, return_index=return_index)


def _chosen(ds: Dataset, transform: Any, tensors: Sequence[str] | None) -> list[str]:
    by_tensor = [] if transform is None or callable(transform) else [name for name in transform if name != INDEX]
    chosen = list(tensors if tensors is not None else by_tensor or ds.tensors)
    if INDEX in chosen:
        raise SampleError(f"{INDEX!r} is no tensor: return_index=True gives the numbers of rows")
    for name in (*chosen, *by_tensor):
        _ = ds[name]
        if name not in chosen:
            raise SampleError(f"transform is for {name!r}, which is not among the tensors to read: {', '.join(chosen)}")
    return chosen


class Row(dict[str, Any]):
    """Values by tensor, of one row or of a batch.

    Iterating gives the values, not the names: ``for images, labels in loader`` works in programs of v3.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())


class Samples:
    """Rows of a dataset as torch wants them: numbered, and many at once.

    Args:
        ds: the rows.
        tensors: which tensors; each row is a dictionary of them.
        methods: by tensor ``numpy`` (the default), ``data``, ``tobytes`` or ``pil``.
        transform: of each row, or by tensor of its value.
        return_index: whether a row has its number in the dataset, too.

    Raises:
        SampleError: no such method, or one for a tensor that is not asked for.
        HtypeError: ``pil`` of a tensor without pictures.
    """

    def __init__(
        self, ds: Dataset, tensors: list[str], methods: dict[str, str], *, transform: Any, return_index: bool
    ) -> None:
        for name, method in methods.items():
            if method not in _METHODS or name not in tensors:
                raise SampleError(
                    f"decode_method {method!r} of tensor {name!r}: there are {', '.join(_METHODS)}, "
                    f"for {', '.join(tensors)}"
                )
            if method == "pil" and (ds[name].base_htype or "").partition(".")[0] != "image":
                raise HtypeError(f"tensor {name!r} has htype {ds[name].htype}; decode_method 'pil' is for images")
        self._ds = ds
        self._tensors = tensors
        self._methods = methods
        self._transform = transform
        self._return_index = return_index
        self._process = os.getpid()

    def __len__(self) -> int:
        return len(self._ds)

    def __getitem__(self, row: int) -> Any:
        """One row."""
        return self.__getitems__([row])[0]

    def __getitems__(self, rows: list[int]) -> list[Any]:
        """Rows; each tensor is read once for all of them.

        Raises:
            LakeError: a row that cannot be read.
        """
        if self._process != os.getpid():
            self._ds, self._process = _reopened(self._ds), os.getpid()
        view = self._ds[rows]
        columns = {name: _METHODS[self._methods.get(name, "numpy")](view[name]) for name in self._tensors}
        for values in columns.values():
            for value in values:
                if isinstance(value, LakeError):
                    raise value
        if self._return_index:
            columns[INDEX] = [np.array([row]) for row in view.sample_indices]
        return [self._made(Row(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]

    def _made(self, sample: Row) -> Any:
        if self._transform is None or callable(self._transform):
            return sample if self._transform is None else self._transform(sample)
        works = self._transform.items()
        return Row((name, sample[name] if work is None else work(sample[name])) for name, work in works)


def _reopened(ds: Dataset) -> Dataset:
    """The same rows, read by this process alone."""
    state = ds._state  # noqa: SLF001 - of this package
    return type(ds)(state.at(state.commit.id), None, ds.index, ds._group, ds._only)  # noqa: SLF001


def _pictures(tensor: Any) -> list[Any]:
    from PIL import Image

    return [Image.open(io.BytesIO(data)) for data in _files(tensor)]


def _files(tensor: Any) -> list[bytes]:
    found = tensor.stored(tensor.index.resolve(max(tensor._tensor.length, tensor.index.padded)))  # noqa: SLF001
    for one in found:
        if isinstance(one, LakeError):
            raise one
    return [bytes(one.data) for one in found]


def _described(tensor: Any) -> list[Any]:
    return [tensor[at].data() for at in range(len(tensor))]


_METHODS: dict[str, Callable[[Any], list[Any]]] = {
    "numpy": lambda tensor: tensor.numpy(aslist=True),
    "data": _described,
    "tobytes": _files,
    "pil": _pictures,
}


# ------------------------------------------------------------------ batches


def collate(samples: list[Any]) -> Any:
    """A batch: numbers stacked as tensors; text, JSON, bytes and pictures as lists.

    Raises:
        RuntimeError: numbers of several shapes, from torch: a transform makes them alike, or ``collate_fn`` a list.
    """
    first = samples[0]
    if isinstance(first, dict):
        return Row((name, collate([one[name] for one in samples])) for name in first.keys())  # noqa: SIM118 - of a Row
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "OSU":
            return [one.item() if one.size == 1 else one.tolist() for one in samples]
        signed = _SIGNED.get(first.dtype.name)
        samples = samples if signed is None else [one.astype(signed) for one in samples]
    elif isinstance(first, str | bytes) or type(first).__module__.startswith("PIL."):
        return samples
    from torch.utils.data import default_collate

    return default_collate(samples)


def _as_it_is(sample: Any) -> Any:
    return sample
