"""One dataset, looked at from its objects up, and mended where that is asked for."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.below import Below
from deeplake_nb.dataset.fsck import history, leftovers
from deeplake_nb.dataset.fsck.findings import Findings
from deeplake_nb.dataset.fsck.overlay import Overlay
from deeplake_nb.dataset.fsck.rows import VersionCheck
from deeplake_nb.dataset.fsck.shelf import Shelf
from deeplake_nb.dataset.lock import write_lock
from deeplake_nb.dataset.nearby import meant
from deeplake_nb.dataset.state import State
from deeplake_nb.errors import DatasetNotFoundError, HtypeError, LakeError, counted
from deeplake_nb.format import keys
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.creation import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_nb.dataset.fsck.rows import Bounds
    from deeplake_nb.dataset.host import OpenLinks
    from deeplake_nb.format.meta import TensorMeta
    from deeplake_nb.format.versions import VersionTree
    from deeplake_nb.storage.provider import StorageProvider

_CREATION = ("htype", "dtype", "sample_compression", "chunk_compression")


def examine(
    storage: StorageProvider,
    open_links: OpenLinks,
    *,
    repair: bool = False,
    quick: bool = False,
    tensors: Mapping[str, Mapping[str, Any]] | None = None,
) -> Findings:
    """Check every object of a dataset and of its saved views; costs a listing, and reading all of it.

    Args:
        storage: where it is.
        open_links: opens linked files.
        repair: mend what can be mended without loss; what is taken away or replaced is kept below ``.fsck/``.
        quick: read metadata and tables only: no chunks, no linked files.
        tensors: by name, what ``create_tensor`` was given for tensors whose metadata are lost.

    Raises:
        HtypeError: ``tensors`` that could not be made so.
        DatasetNotFoundError: nothing there.
        LockedError: with ``repair``, somebody is writing.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    told = {name: _made_with(name, given) for name, given in (tensors or {}).items()}
    shelf = _examined(storage, open_links, stamp, "", told, repair=repair, quick=quick)
    checked = f"{counted(len(shelf.sizes), 'object')}, {'metadata and tables' if quick else 'all of them'}"
    return Findings(str(storage.url), tuple(shelf.found), checked)


def _made_with(name: str, given: Mapping[str, Any]) -> TensorMeta:
    """The metadata of a tensor made so.

    Raises:
        HtypeError: it could not be made so, or its dtype is not said.
    """
    options = dict(given)
    fields = {field: options.pop(field) for field in _CREATION if field in options}
    spec = TensorSpec(name, **fields, options=options)
    meta = spec.meta()
    if meta.dtype is None:
        packed = meta.sample_compression or meta.chunk_compression
        if not meta.is_link and (packed is None or COMPRESSIONS[packed].kind != "image"):
            raise HtypeError(f"tensor {name!r}: say the dtype of its numbers, too, such as 'float32'")
        meta = replace(meta, dtype="uint8", typestr="|u1")  # as the first sample gave it
    return replace(meta, htype=meta.htype or "generic")


def _examined(
    storage: StorageProvider,
    open_links: OpenLinks,
    stamp: str,
    prefix: str,
    told: Mapping[str, TensorMeta],
    *,
    repair: bool,
    quick: bool,
) -> Shelf:
    locks = Shelf(storage, stamp, prefix, repair=repair)
    leftovers.locks(locks)
    storage = storage if repair else Overlay(storage)
    shelf = Shelf(storage, stamp, prefix, repair=repair)
    shelf.found += locks.found
    if not any(key.endswith((keys.DATASET_META, keys.VERSION_CONTROL, "/tensor_meta.json")) for key in shelf.sizes):
        raise DatasetNotFoundError(f"no dataset at {storage.url}{meant(storage)}; check the path")
    tree = history.tree(shelf)
    with ExitStack() as held:
        if repair:
            for head in tree.branches.values():
                held.enter_context(write_lock(storage, head))
        metas = _metas(shelf, tree, told)
        creds = leftovers.creds(shelf)
    known: dict[str, set[str]] = {commit: set(found) for commit, found in metas.items()}
    used: set[str] = set()
    done: Bounds = {}
    for commit in metas:
        try:
            state = State.load(storage, commit, open_links)
        except LakeError as error:
            known.pop(commit)
            shelf.wrong(keys.root(commit) or keys.DATASET_META, f"version {commit[:12]} does not open: {error}")
            continue
        check = VersionCheck(shelf, state, done, None if creds is None else len(creds.creds_keys))
        if not check.check(quick=quick):
            known.pop(commit)
        used |= check.used
    leftovers.orphans(shelf, tree, known, used)
    for name in leftovers.views(shelf):
        inner, place = f"{keys.VIEWS}{name}/", f"{prefix}{keys.VIEWS}{name}/"
        try:
            shelf.found += _examined(
                Below(storage, inner), open_links, stamp, place, {}, repair=repair, quick=quick
            ).found
        except DatasetNotFoundError:
            shelf.note(inner, "there is no saved view in this folder")
    return shelf


def _metas(shelf: Shelf, tree: VersionTree, told: Mapping[str, TensorMeta]) -> dict[str, dict[str, TensorMeta]]:
    """The tensors of each version that can be understood."""
    out: dict[str, dict[str, TensorMeta]] = {}
    for commit, node in tree.commits.items():
        pending = leftovers.unfinished(shelf, commit)
        found = history.metas(shelf, tree, node, pending, told)
        if found is not None:
            out[commit] = found[1]
    for commit, tensors in out.items():
        node = tree.commits[commit]
        history.diffs(shelf, node, tensors, out.get(node.parent or ""))
    return out
