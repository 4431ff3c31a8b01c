"""Commits and branches, made by hand as the original makes them: this package only reads closed commits so far."""

from __future__ import annotations

import secrets

from deeplake_nb.format import keys
from deeplake_nb.format.meta import DatasetMeta
from deeplake_nb.format.versions import Commit, VersionTree

COPIED = (keys.tensor_meta, keys.chunk_ids, keys.tiles, keys.sequences, keys.creds_keys, keys.tensor_info)


def _tree(storage):
    return VersionTree.decode(storage.get(keys.VERSION_CONTROL), "v")


def _copy(storage, source, target):
    """Everything but the chunks and the diffs; each tensor gets an empty list of its own chunks."""

    def copy(name, *key):
        try:
            storage.put(name(target, *key), bytes(storage.get(name(source, *key))))
        except KeyError:
            return

    copy(keys.dataset_meta)
    copy(keys.dataset_info)
    for key in DatasetMeta.decode(storage.get(keys.dataset_meta(source)), "d").tensors:
        for name in COPIED:
            copy(name, key)
        storage.put(keys.chunk_set(target, key), b"")


def commit(storage, branch="main", message="made by hand"):
    """Close the head of a branch; returns its id."""
    tree = _tree(storage)
    old = tree.commits[tree.branches[branch]]
    new = Commit(secrets.token_hex(20), branch, old.id)
    old.time, old.message, old.user = 1_700_000_000.5, message, "public"
    old.children.append(new.id)
    tree.commits[new.id] = new
    tree.branches[branch] = new.id
    _copy(storage, old.id, new.id)
    storage.put(keys.VERSION_CONTROL, tree.encode())
    return old.id


def branch(storage, name, start):
    """A new branch at a closed commit."""
    tree = _tree(storage)
    new = Commit(secrets.token_hex(20), name, start)
    tree.commits[start].children.append(new.id)
    tree.commits[new.id] = new
    tree.branches[name] = new.id
    _copy(storage, start, new.id)
    storage.put(keys.VERSION_CONTROL, tree.encode())
