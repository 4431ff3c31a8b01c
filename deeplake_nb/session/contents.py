"""Whether a dataset is at a place, and its end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from deeplake_nb.dataset.journal import fetch
from deeplake_nb.errors import LakeError, ReadOnlyError, StorageError
from deeplake_nb.format import keys
from deeplake_nb.format.meta import DatasetMeta
from deeplake_nb.format.versions import BEING_DELETED, VersionTree
from deeplake_nb.progress import Progress
from deeplake_nb.storage.provider import delete_all, exists, in_parallel

if TYPE_CHECKING:
    from deeplake_nb.storage.provider import StorageProvider

_EMPTY = (keys.VERSION_CONTROL, keys.DATASET_META)  # what a dataset without tensors consists of


def is_dataset(store: StorageProvider) -> bool:
    """Whether a dataset is there; one request or two."""
    return exists(store, keys.DATASET_META) or exists(store, keys.VERSION_CONTROL)


def is_being_deleted(store: StorageProvider) -> bool:
    """Whether a dataset goes there, or its deletion or replacement broke off; one request."""
    tree = fetch(store, [keys.VERSION_CONTROL])[keys.VERSION_CONTROL]
    return tree is not None and bytes(tree) == BEING_DELETED


def take_back(store: StorageProvider) -> None:
    """Remove a dataset whose making failed, if it is empty still; what fails here is not what its user must know."""
    with suppress(LakeError):
        if {entry.key for entry in store.list()} <= set(_EMPTY):
            for key in _EMPTY:
                store.delete(key)


def delete_dataset(store: StorageProvider, *, check: bool = True, is_shown: bool = True) -> None:
    """Delete everything there; ``is_shown`` shows how far it is, where that is far away.

    Whoever is stopped in the middle leaves what opens no more, and says so: the commit tree is replaced by a mark
    first, and that goes last.

    Raises:
        ReadOnlyError: with ``check``, the dataset's owner forbade it, in the first version or the newest of a branch.
    """
    tree = fetch(store, [keys.VERSION_CONTROL])[keys.VERSION_CONTROL]
    if check and (tree is None or bytes(tree) != BEING_DELETED):
        _check_allowed(store, VersionTree() if tree is None else VersionTree.decode(tree, keys.VERSION_CONTROL))
    undone = "a part of it is gone: delete it again"
    with Progress(f"delete {store.url}", "objects", undone=undone, is_shown=is_shown) as progress:
        if store.concurrency > 1:
            progress.total = sum(1 for _ in store.list())
        store.delete(keys.write_lock(keys.FIRST_COMMIT))  # which tells, where nothing may be deleted
        if tree is not None or exists(store, keys.DATASET_META):
            with suppress(StorageError):  # the disk is full, which is why it is deleted
                store.put(keys.VERSION_CONTROL, BEING_DELETED)
            store.delete(keys.DATASET_META)  # which alone the original would open, as the first version
        places = [entry.key for entry in store.list("", delimiter="/") if entry.key != keys.VERSION_CONTROL]
        for _ in in_parallel(lambda place: _delete(store, place, progress), places, store.concurrency):
            pass
        delete_all(store, progress=progress)


def _delete(store: StorageProvider, place: str, progress: Progress) -> None:
    """Delete a folder, or a single object."""
    if place.endswith("/"):
        delete_all(store, place, progress=progress)
        return
    store.delete(place)
    progress()


def _check_allowed(store: StorageProvider, tree: VersionTree) -> None:
    paths = {keys.DATASET_META, *map(keys.dataset_meta, tree.branches.values())}
    metas = [DatasetMeta.decode(data, path) for path, data in fetch(store, sorted(paths)).items() if data is not None]
    if not all(meta.allow_delete for meta in metas):
        raise ReadOnlyError(f"the dataset at {store.url} is protected (allow_delete is false); nothing was deleted")
