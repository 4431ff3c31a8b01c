"""A whole dataset, all its versions, from one storage to another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deeplake_nb.dataset.excerpt import Excerpt
from deeplake_nb.errors import DatasetExistsError, UrlError
from deeplake_nb.format import keys
from deeplake_nb.progress import Progress
from deeplake_nb.storage.provider import Checkable, exists, put_many
from deeplake_nb.storage.transfer import check_unchanged, plan, transfer
from deeplake_nb.storage.wrappers import innermost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.storage.provider import StorageProvider

_LAST = (keys.VERSION_CONTROL, keys.DATASET_META)  # without these nothing opens
_LOCK = keys.write_lock(keys.FIRST_COMMIT)
_MARK = "deeplake_nb-copy.txt"
"""Stands in a place while it is copied to: what is strange there was left by an attempt before."""


def copy_dataset(
    source: StorageProvider, target: StorageProvider, *, progressbar: bool, tensors: Sequence[str] | None = None
) -> None:
    """Copy what the target lacks; the objects that make it a dataset come last, when all else is there and checked.

    Args:
        source: from where.
        target: where to.
        progressbar: show how far it is.
        tensors: names of tensors or groups that some version has; only these are copied, and no saved views.

    Raises:
        DatasetExistsError: the target holds other files.
        TensorNotFoundError: a name that no version has.
        StorageError: something failed, or the source was written to meanwhile; copying again goes on from there.
    """
    excerpt = Excerpt() if tensors is None else Excerpt.of(source, tensors)

    def is_left_out(key: str) -> bool:
        return _is_left_out(key) or excerpt.leaves_out(key)

    undone = "what is there already is kept: copying again goes on from there"
    with Progress(f"copy to {target.url}", "B", undone=undone, is_shown=progressbar) as progress:
        todo = plan(source, target, leave_out=is_left_out)
        is_resumed = exists(target, _MARK)
        if todo.foreign and not is_resumed:
            raise DatasetExistsError(
                f"{target.url} holds other files (such as {todo.foreign[0]!r}), which a dataset would be mixed with; "
                "choose a new path"
            )
        mark = f"a copy of {source.url} to this place is under way, or broke off: copy again\n"
        target.put(_MARK, mark.encode())
        for key in todo.foreign:
            target.delete(key)
        last = [one for key in _LAST for one in (*todo.missing, *todo.present) if one.key == key]
        first = [one for one in todo.missing if one not in last]
        progress.total = sum(one.nbytes for one in first)
        transfer(source, target, first, progress=progress)
        check_unchanged(source, todo, leave_out=is_left_out)
        target.delete(_MARK)
        put_many(target, [(key, data) for key, data in excerpt.metas.items() if key not in _LAST])
        for one in last:
            transfer(source, target, [one], progress=lambda _: progress.check())
        put_many(target, [(key, data) for key, data in excerpt.metas.items() if key in _LAST])


def check_apart(source: StorageProvider, target: StorageProvider) -> None:
    """Refuse to copy a dataset into itself.

    Raises:
        UrlError: one place is the other, or lies below it.
    """
    one, other = _place(source), _place(target)
    if one.startswith(other) or other.startswith(one):
        raise UrlError(
            f"{source.url} and {target.url} are one place, or one is in the other: choose another to copy to"
        )


def _place(storage: StorageProvider) -> str:
    storage = innermost(storage)
    path = os.path.realpath(storage.url.path) if storage.url.scheme == "file" else storage.url.path
    endpoint = storage.endpoint() if isinstance(storage, Checkable) else ""
    return f"{endpoint} {storage.url.scheme}://{storage.url.authority}/{path}".rstrip("/") + "/"


def _is_left_out(key: str) -> bool:
    return key == _MARK or key.rpartition("/")[2] == _LOCK
