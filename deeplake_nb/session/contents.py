"""Whether a dataset is at a place, and its end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from deeplake_nb.dataset.commits import read_tree
from deeplake_nb.dataset.journal import fetch
from deeplake_nb.errors import LakeError, ReadOnlyError
from deeplake_nb.format import keys
from deeplake_nb.format.meta import DatasetMeta
from deeplake_nb.progress import Progress
from deeplake_nb.storage.provider import delete_all, exists

if TYPE_CHECKING:
    from deeplake_nb.storage.provider import StorageProvider

_EMPTY = (keys.VERSION_CONTROL, keys.DATASET_META)  # what a dataset without tensors consists of


def is_dataset(store: StorageProvider) -> bool:
    """Whether a dataset is there; one request or two."""
    return exists(store, keys.DATASET_META) or exists(store, keys.VERSION_CONTROL)


def take_back(store: StorageProvider) -> None:
    """Remove a dataset whose making failed, if it is empty still; what fails here is not what its user must know."""
    with suppress(LakeError):
        if {entry.key for entry in store.list()} <= set(_EMPTY):
            for key in _EMPTY:
                store.delete(key)


def delete_dataset(store: StorageProvider, *, check: bool = True, is_shown: bool = True) -> None:
    """Delete everything there; ``is_shown`` shows how far it is, where that is far away.

    Raises:
        ReadOnlyError: with ``check``, the dataset's owner forbade it, in the first version or the newest of a branch.
    """
    if check:
        paths = {keys.DATASET_META, *map(keys.dataset_meta, read_tree(store).branches.values())}
        metas = [
            DatasetMeta.decode(data, path) for path, data in fetch(store, sorted(paths)).items() if data is not None
        ]
        if not all(meta.allow_delete for meta in metas):
            raise ReadOnlyError(f"the dataset at {store.url} is protected (allow_delete is false); nothing was deleted")
    undone = "a part of it is gone, so delete it again, with force=True"
    with Progress(f"delete {store.url}", "objects", undone=undone, is_shown=is_shown) as progress:
        if store.concurrency > 1:
            progress.total = sum(1 for _ in store.list())
        delete_all(store, progress=progress)
