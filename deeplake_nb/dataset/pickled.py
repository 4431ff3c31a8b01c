"""Datasets and tensors in pickles: whoever takes one out opens the dataset anew, by its path and version.

Credentials are in no pickle: each process finds its own. What was written but not flushed is flushed first; rows that
are added later are not in what was pickled before. A deep copy is opened anew, too, on the storage of the first.
"""

from __future__ import annotations

import copyreg
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.dataset.state import State
from deeplake_nb.dataset.tensor import Tensor
from deeplake_nb.dataset.writer import Writer
from deeplake_nb.errors import CredentialsError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.format.index import Index

    Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


def _of_state(state: State) -> Reduced:
    url = state.storage.url
    if state.host is None:
        raise UnsupportedError(f"{url} was not opened by its path and cannot be pickled; pickle the dataset it is of")
    path = str(Path(url.path).absolute()) if url.scheme == "file" else str(url)
    if url.scheme != "file" and url.reveal() != path:
        raise CredentialsError(f"the address of {url} holds a secret, which no pickle takes: load it in each process")
    return _opened, (state.host.again, path, state.address, state.is_read_only)


def _opened(again: Callable[..., Dataset], path: str, address: str, is_read_only: bool) -> State:
    return again(f"{path}@{address}", read_only=is_read_only or None)._held  # noqa: SLF001 - of this package


def _of_writer(writer: Writer) -> Reduced:
    return Writer, (writer.state,)


def _of_dataset(ds: Dataset) -> Reduced:
    ds.flush()
    return _dataset, (ds._held, ds._writer, (ds.index, ds._group, ds._only), ds._asked, ds._query)  # noqa: SLF001 - as above


def _dataset(state: State, writer: Writer | None, chosen: tuple[Any, ...], asked: Any, query: str | None) -> Dataset:
    made = Dataset(state, writer, *chosen, asked=asked)
    made._query = query  # noqa: SLF001 - as above
    return made


def _of_tensor(tensor: Tensor) -> Reduced:
    if tensor._writer is not None:  # noqa: SLF001 - as above
        tensor._writer.flush()  # noqa: SLF001 - as above
    return _tensor, (tensor._held, tensor._writer, tensor.name, tensor.index)  # noqa: SLF001 - as above


def _tensor(state: State, writer: Writer | None, name: str, index: Index) -> Tensor:
    return Tensor(state, state.tensor(name), writer, index)


copyreg.pickle(State, _of_state)
copyreg.pickle(Writer, _of_writer)
copyreg.pickle(Dataset, _of_dataset)
copyreg.pickle(Tensor, _of_tensor)
