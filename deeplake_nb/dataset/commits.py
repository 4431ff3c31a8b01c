"""New versions of a dataset: commits, branches, heads started anew.

A version is complete before the commit tree mentions it, and the tree is one object: whoever dies in between leaves
objects that nothing refers to. The tree is changed under its own lock, as it is shared by all branches.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from deeplake_nb.dataset.lock import short_lock, write_lock
from deeplake_nb.errors import KeyNotFoundError, LakeError, LockedError, ReadOnlyError, SampleError
from deeplake_nb.format import keys
from deeplake_nb.format.meta import DatasetMeta
from deeplake_nb.format.versions import VersionTree, decode_chunk_set, encode_chunk_set, stamp
from deeplake_nb.storage.provider import delete_all, get_many, put_many

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from deeplake_nb.storage.provider import StorageProvider

USER = "public"
"""Who commits, as the original calls those who have not signed in."""

_OF_DATASET = (keys.dataset_meta, keys.dataset_info)
_OF_TENSOR = (keys.tensor_meta, keys.tensor_info, keys.chunk_ids, keys.tiles, keys.sequences, keys.creds_keys)


def commit(storage: StorageProvider, head: str, message: str | None, clock: Callable[[], float] = time.time) -> str:
    """Close a head, whose writer the caller is; gives the id of the head that goes on.

    Raises:
        LockedError: somebody else has closed it.
    """
    with _tree(storage) as tree:
        if head not in tree.commits or not tree.commits[head].is_head:
            raise LockedError(f"{storage.url}: another writer has closed version {head[:12]}; nothing was committed")
        new = _new_id()
        _copy_version(storage, head, new)
        tree.close(head, new, message, time=stamp(clock()), user=USER)
        _store(storage, tree, head, new)
    return new


def fork(storage: StorageProvider, branch: str, start: str) -> str:
    """Start a branch at a closed commit; gives the id of its head.

    Raises:
        SampleError: the name is no name, or taken.
    """
    check_branch_name(branch)
    with _tree(storage) as tree:
        check_new_branch(tree, branch)
        new = _new_id()
        _copy_version(storage, start, new)
        tree.fork(start, new, branch)
        _store(storage, tree, start, new)
    return new


def restart(storage: StorageProvider, head: str) -> str:
    """Replace a head, whose writer the caller is, by one without changes; gives its id."""
    with _tree(storage) as tree:
        parent = tree.commits[head].parent
        if parent is None:
            _empty(storage, head)
            return head
        new = _new_id()
        _copy_version(storage, parent, new)
        tree.replace_head(head, new)
        _store(storage, tree, parent, new)
    delete_all(storage, keys.root(head))
    return new


def revive(storage: StorageProvider, address: str | None) -> None:
    """Start the head of a branch (None: the main one) anew, as what it holds cannot be read.

    Raises:
        VersionNotFoundError: no such branch.
        ReadOnlyError: a closed commit.
        LockedError: somebody writes to it.
    """
    tree = read_tree(storage)
    head = tree.resolve(address or ("main" if "main" in tree.branches else keys.FIRST_COMMIT))
    if not head.is_head:
        raise ReadOnlyError(f"version {address!r} of {storage.url} is closed, and cannot be reset")
    with write_lock(storage, head.id):
        restart(storage, head.id)


def delete_branch(storage: StorageProvider, branch: str) -> None:
    """Delete a branch and the commits that only it has.

    Raises:
        VersionNotFoundError: no such branch.
        ReadOnlyError: it is the main one, or other branches need its commits.
        LockedError: somebody writes to it.
    """
    with _tree(storage) as tree:
        head = tree.branches.get(branch)
        gone = tree.drop_branch(branch)
        for commit in tree.commits:
            _check_not_merged(storage, commit, branch, set(gone))
        with write_lock(storage, str(head)):
            storage.put(keys.VERSION_CONTROL, tree.encode())
    for commit in gone:
        delete_all(storage, keys.root(commit))


def _check_not_merged(storage: StorageProvider, commit: str, branch: str, gone: set[str]) -> None:
    if commit == keys.FIRST_COMMIT:
        return
    tensors = DatasetMeta.decode(storage.get(keys.dataset_meta(commit)), keys.dataset_meta(commit)).tensors
    for data in get_many(storage, [(keys.chunk_set(commit, tensor), None) for tensor in tensors]):
        if isinstance(data, LakeError):
            if not isinstance(data, KeyNotFoundError):
                raise data
        elif any(owner in gone for owner, _ in decode_chunk_set(data).values()):
            raise ReadOnlyError(f"branch {branch!r} stays: it was merged, and commit {commit[:12]} has chunks of it")


def check_branch_name(name: object) -> None:
    """Refuse what is no name of a branch.

    Raises:
        SampleError: it is none.
    """
    if not isinstance(name, str) or not name.strip():
        raise SampleError(f"a branch needs a name, got {name!r:.60}")


def check_new_branch(tree: VersionTree, name: str) -> None:
    """Refuse a name that means something already.

    Raises:
        SampleError: a branch or commit has it.
    """
    if name in tree.branches or name in tree.commits:
        raise SampleError(f"{name!r} exists already; check it out without create=True, or choose another name")


def read_tree(storage: StorageProvider) -> VersionTree:
    """The commit tree as it is now."""
    try:
        return VersionTree.decode(storage.get(keys.VERSION_CONTROL), keys.VERSION_CONTROL)
    except KeyNotFoundError:
        return VersionTree()


def _tree(storage: StorageProvider) -> AbstractContextManager[VersionTree]:
    return short_lock(storage, keys.VERSION_CONTROL_LOCK, lambda: read_tree(storage))


def _store(storage: StorageProvider, tree: VersionTree, *changed: str) -> None:
    """The tree, which makes the change count, and the copies of its nodes."""
    storage.put(keys.VERSION_CONTROL, tree.encode())
    put_many(storage, [(keys.commit_info(one), tree.commits[one].encode()) for one in changed])


def _new_id() -> str:
    return secrets.token_hex(20)


def _copy_version(storage: StorageProvider, source: str, target: str) -> None:
    """Everything of a version but its chunks and what it changed; each tensor gets an empty list of own chunks."""
    meta = storage.get(keys.dataset_meta(source))
    tensors = DatasetMeta.decode(meta, keys.dataset_meta(source)).tensors
    paths = [(name(source), name(target)) for name in _OF_DATASET]
    paths += [(name(source, tensor), name(target, tensor)) for tensor in tensors for name in _OF_TENSOR]
    found = get_many(storage, [(old, None) for old, _ in paths])
    puts: list[tuple[str, bytes]] = [(keys.chunk_set(target, tensor), encode_chunk_set({})) for tensor in tensors]
    for (_, new), data in zip(paths, found, strict=True):
        if not isinstance(data, LakeError):
            puts.append((new, bytes(data)))
        elif not isinstance(data, KeyNotFoundError):
            raise data
    put_many(storage, puts)


def _empty(storage: StorageProvider, first: str) -> None:
    """Take everything out of a first commit that nothing rests on."""
    tensors = DatasetMeta.decode(storage.get(keys.dataset_meta(first)), keys.dataset_meta(first)).tensors
    storage.put(keys.dataset_meta(first), DatasetMeta().encode())
    for key in (keys.dataset_info(first), keys.dataset_diff(first)):
        storage.delete(key)
    for tensor in tensors:
        delete_all(storage, keys.tensor_root(first, tensor))
