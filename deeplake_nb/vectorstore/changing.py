"""Rows are found by their numbers, and then changed or read: both of the same rows, whoever else writes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from deeplake_nb.errors import LockedError, TensorNotFoundError, UnsupportedError, VectorStoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.format.encoders import ChunkIds

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


def steadily(dataset: Dataset, ask: Callable[[], T]) -> T:
    """What is asked of rows, which other threads may remove meanwhile: then it is asked again, at last while none may.

    Rows are found in one moment and read in another.
    """
    writer = dataset._writer  # noqa: SLF001 - without one nobody changes what this one knows
    if writer is None:
        return ask()
    for _ in range(_ATTEMPTS):
        before = _tables(dataset)
        if before is None:
            break
        try:
            found = ask()
        except (VectorStoreError, TensorNotFoundError, UnsupportedError):
            raise  # of what was asked
        except Exception:  # noqa: BLE001 - perhaps of rows that went meanwhile: if not, it comes again
            break
        if _is_same(before, _tables(dataset)):
            return found
    with writer.still():
        return ask()


def _tables(dataset: Dataset) -> list[ChunkIds] | None:
    """What tells that rows went, which go from one tensor after the other: where those of the first and the last are.

    None while one has more than the other. Nobody changes a table, but makes another.
    """
    first, *_, last = [*dataset.tensors.values()] * 2
    found = [tensor._selection() for tensor in (first, last)]  # noqa: SLF001 - as `Blocks` have it
    if found[0].tensor.length != found[1].tensor.length:
        return None
    return [one.state.tables(one.tensor).ids for one in found]


def _is_same(one: list[ChunkIds], other: list[ChunkIds] | None) -> bool:
    return other is not None and all(a is b for a, b in zip(one, other, strict=True))


def numbering(dataset: Dataset, names: Iterable[str]) -> str:
    """What tells the rows of tensors, and so their numbers, from those of other versions: by where they are stored."""
    digest = hashlib.sha256()
    for name in sorted(names):
        selection = dataset[name]._selection()  # noqa: SLF001 - as `Blocks` have it
        ids = selection.state.tables(selection.tensor).ids
        digest.update(f"{name} {selection.tensor.length} {len(ids.ids)} ".encode())
        digest.update(ids.ids.astype("<u8").tobytes() + ids.lasts.astype("<i8").tobytes())
    return digest.hexdigest()
