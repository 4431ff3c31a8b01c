"""Changing rows that were found: they are numbered as they are when they are changed, whoever else writes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from deeplake_nb.errors import LockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deeplake_nb.dataset.dataset import Dataset

_ATTEMPTS = 3

T = TypeVar("T")


def change(dataset: Dataset, plan: Callable[[], T], do: Callable[[T], None]) -> None:
    """Do what is planned by numbers of rows, under the write lock.

    What others have written is read first. The lock may run out while a model makes embeddings: if others have written
    by then, it is planned anew.

    Raises:
        ReadOnlyError: opened for reading, or a selection of rows.
        LockedError: another writer holds the lock, or goes on writing meanwhile.
    """
    writer = dataset._write()  # noqa: SLF001 - whose lock is held from the plan on
    for _ in range(_ATTEMPTS):
        with writer.changing():
            before = numbering(dataset, dataset.tensors)
            planned = plan()
            with writer.changing():
                if numbering(dataset, dataset.tensors) == before:
                    do(planned)
                    return
    raise LockedError(
        f"{dataset.path}: other writers changed it {_ATTEMPTS} times while rows were found and embedded; nothing was "
        "changed here, so try again"
    )


def numbering(dataset: Dataset, names: Iterable[str]) -> str:
    """What tells the rows of tensors, and so their numbers, from those of other versions: by where they are stored."""
    digest = hashlib.sha256()
    for name in sorted(names):
        selection = dataset[name]._selection()  # noqa: SLF001 - as `Blocks` have it
        ids = selection.state.tables(selection.tensor).ids
        digest.update(f"{name} {selection.tensor.length} {len(ids.ids)} ".encode())
        digest.update(ids.ids.astype("<u8").tobytes() + ids.lasts.astype("<i8").tobytes())
    return digest.hexdigest()
