"""Opening a store, making one where there is none, and making one anew."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_nb import session
from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.dataset.lock import write_lock
from deeplake_nb.errors import DatasetNotFoundError, VectorStoreError
from deeplake_nb.session.contents import delete_dataset
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.urls import parse
from deeplake_nb.vectorstore import schema
from deeplake_nb.vectorstore.managed import is_managed, mark

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Making:
    """What a new store is made with; ``tensors`` is None for v3's four."""

    tensors: Sequence[Mapping[str, Any]] | None
    embedding_function: Any
    runtime: Mapping[str, Any] | None


def opened(  # noqa: PLR0917 - one place calls it
    path: Any,
    where: dict[str, Any],
    making: Making,
    read_only: bool | None,
    overwrite: bool,
    branch: str,
    logger: logging.Logger,
) -> Dataset:
    """The store at a path, made if there is none; ``where`` are arguments of ``load``.

    Raises:
        VectorStoreError: tensors are given for a store that has its own.
        HtypeError: tensors that cannot be made; nothing changed, with ``overwrite`` neither.
        DatasetNotFoundError: there is none, and it was to be read only.
        VersionNotFoundError: it has no such branch.
    """
    here = session.default()
    overwrite = overwrite or parse(path).scheme == "mem"  # v3 forgets these
    if not overwrite and here.exists(path, **where):
        if schema.described(making.tensors) != schema.described(None):
            raise VectorStoreError(f"a store is at {path} already, with its own tensors: open it without tensor_params")
        dataset = here.load(path, read_only=read_only, **where)
        logger.info("%s exists already and was loaded", dataset.path)
        if branch != dataset.branch:
            dataset.checkout(branch)
        return dataset
    if read_only:
        raise DatasetNotFoundError(f"no vector store at {path}: with read_only none is made; check the path")
    tensors = schema.described(making.tensors)
    is_hubs = _is_hubs(making.runtime)
    if is_hubs and parse(path).scheme != "hub":
        raise VectorStoreError("runtime={'tensor_db': True} is for stores of a hub: hub://org/name")
    _rehearse(tensors, making, branch)  # before anything is there, or what is there goes
    dataset = here.empty(path, overwrite=overwrite, **where)
    _fill(dataset, tensors, making, branch)
    if is_hubs:
        mark(dataset)
    return dataset


def _is_hubs(runtime: Any) -> bool:
    """Whether the hub is to search a new store.

    Raises:
        VectorStoreError: no runtime.
    """
    if runtime is not None and not isinstance(runtime, Mapping):
        raise VectorStoreError(f"runtime is a dictionary such as {{'tensor_db': True}}, got {runtime!r:.40}")
    return bool((runtime or {}).get("tensor_db"))


def _rehearse(tensors: list[dict[str, Any]], making: Making, branch: str) -> None:
    """Make it in memory, and forget that.

    Raises:
        LakeError: a tensor that cannot be made, or no name of a branch.
    """
    storage = MemoryStorage(parse(f"mem://rehearsals/{uuid.uuid4()}"))
    made = Dataset.create(storage, lambda *_: [])  # nothing is read
    try:
        _fill(made, tensors, making, branch)
    finally:
        made.close()
        delete_dataset(storage, is_shown=False)


def _fill(dataset: Dataset, tensors: list[dict[str, Any]], making: Making, branch: str) -> None:
    schema.create(dataset, tensors, making.embedding_function)
    if branch != dataset.branch:  # the one that it starts from is a store, too
        dataset.checkout(branch, create=True)


def emptied(dataset: Dataset) -> Dataset:
    """A new dataset in place of one: the same tensors, no rows, and no history.

    Raises:
        ReadOnlyError: opened for reading, or its owner forbade deletion.
        LockedError: someone else is writing.
    """
    dataset._write()  # noqa: SLF001 - refuses where nothing may be written
    state = dataset._state  # noqa: SLF001 - where it lies, which only the session knows otherwise
    is_marked = is_managed(dataset)
    tensors = dict(dataset.tensors)
    for tensor in tensors.values():
        dict(tensor.info)  # is read at first use, and gone by then
    dataset.close()
    with write_lock(state.storage, state.commit.id):
        delete_dataset(state.storage)
    made = Dataset.create(state.storage, state.open_links)
    if state.host is not None:
        made.hosted_by(state.host)
    with made:
        for name, tensor in tensors.items():
            made.create_tensor_like(name, tensor)
    if is_marked:
        mark(made)
    return made
