"""What died writers leave, and saved views: locks, journals, objects that nothing refers to."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from deeplake_nb.dataset import journal
from deeplake_nb.dataset.lock import Holder, is_gone
from deeplake_nb.errors import FormatError, counted
from deeplake_nb.format import journal as journals
from deeplake_nb.format import keys
from deeplake_nb.format.meta import LinkedCreds, decode_json, encode_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from deeplake_nb.dataset.fsck.shelf import Shelf
    from deeplake_nb.format.versions import VersionTree

_OWN = {
    keys.DATASET_META,
    keys.VERSION_CONTROL,
    keys.LINKED_CREDS,
    keys.VIEWS_LIST,
    "dataset_info.json",
    "dataset_diff",
    "commit_info.json",
    "dataset_journal",
}
_FILES = {"tensor_meta.json", "tensor_info.json", "commit_diff", "chunk_set"}
_FOLDERS = ("chunks_index/", "tiles_index/", "sequence_index/", "creds_index/", "pad_index/", "vdb_indexes/")


def locks(shelf: Shelf) -> None:
    """Locks whose holder is gone, or still there."""

    def take_away(key: str) -> None:
        if shelf.repair:
            shelf.set_aside(key)

    for key in [key for key in shelf.sizes if key.endswith(".lock")]:
        holder = Holder.decode(shelf.read(key) or memoryview(b""))
        if holder is None:
            shelf.mendable(key, "this is no lock", "take it away", partial(take_away, key), is_harmless=True)
        elif holder.until < time.time() or is_gone(shelf.storage, holder):
            reason = "it has run out" if holder.until < time.time() else "it has ended"
            said = f"process {holder.process} left its lock behind; {reason}"
            shelf.mendable(key, said, "take it away", partial(take_away, key), is_harmless=True)
        elif not holder.is_same(Holder.here(0)):
            shelf.note(key, f"process {holder.process} on machine {holder.machine[::-1].hex(':')} is writing")


def unfinished(shelf: Shelf, commit: str) -> dict[str, bytes | None]:
    """What a writer who died was about to change; finished by a repair."""
    key = keys.journal(commit)
    data = shelf.read(key)
    if data is None:
        return {}
    try:
        entries = journals.decode(data, key)
    except FormatError as error:
        shelf.mendable(key, f"a journal that cannot be read: {error}", "take it away", lambda: shelf.set_aside(key))
        return {}
    stored = {one.key: shelf.read(one.key) for one in entries}
    if not journals.is_current(entries, stored):
        said = "a journal that is out of date: somebody who knows no journals has written since"
        shelf.mendable(key, said, "take it away", lambda: shelf.set_aside(key), is_harmless=True)
        return {}
    changes = {one.key: one.data for one in entries}

    def finish() -> None:
        journal.carry_out(shelf.storage, commit, changes)
        shelf.sizes.pop(key)
        for path, found in changes.items():
            shelf.sizes.pop(path, None)
            if found is not None:
                shelf.sizes[path] = len(found)

    said = "a writer died in the middle of a change; readers see all of it, and the next writer finishes it"
    shelf.mendable(key, said, "finish the change", finish, is_harmless=True)
    return {}


def creds(shelf: Shelf) -> LinkedCreds | None:
    """Names of credentials that links use; None where they cannot be read."""
    data = shelf.read(keys.LINKED_CREDS)
    try:
        return LinkedCreds() if data is None else LinkedCreds.decode(data, keys.LINKED_CREDS)
    except FormatError as error:
        shelf.wrong(keys.LINKED_CREDS, str(error), "restore it from a backup: links name their credentials by number")
        return None


def views(shelf: Shelf) -> list[str]:
    """Folders of saved views; the list of views and these say the same after a repair."""
    folders = {
        key[len(keys.VIEWS) :].split("/")[0] for key in shelf.sizes if key.startswith(keys.VIEWS) and key.count("/") > 1
    }
    described = {name: info for name in sorted(folders) if (info := _described(shelf, name)) is not None}
    data = shelf.read(keys.VIEWS_LIST)
    try:
        found = [] if data is None else decode_json(data, keys.VIEWS_LIST)
        if not isinstance(found, list) or not all(isinstance(one, dict) and "id" in one for one in found):
            raise FormatError("expected a list of views")  # noqa: TRY301 - the same as any other damage
    except FormatError as error:
        text = encode_json(list(described.values()))
        how = "build it from the views that are there"
        shelf.mendable(keys.VIEWS_LIST, str(error), how, lambda: shelf.put(keys.VIEWS_LIST, text))
        return sorted(folders)
    listed = {str(one.get("path") or one["id"]) for one in found}
    gone = [one for one in found if str(one.get("path") or one["id"]) not in folders]
    new = [info for name, info in described.items() if name not in listed]
    if gone or new:
        names = ", ".join(str(one["id"]) for one in (*gone, *new))
        said = f"views are listed that are not there, or are there and not listed: {names}"
        text = encode_json([*(one for one in found if one not in gone), *new])
        how = "list those that are there"
        shelf.mendable(keys.VIEWS_LIST, said, how, lambda: shelf.put(keys.VIEWS_LIST, text))
    return sorted(folders)


def _described(shelf: Shelf, name: str) -> dict[str, Any] | None:
    key = f"{keys.VIEWS}{name}/dataset_info.json"
    data = shelf.read(key)
    try:
        info = None if data is None else decode_json(data, key)
    except FormatError:
        return None
    return info if isinstance(info, dict) and {"id", "virtual-datasource"} <= set(info) else None


def orphans(shelf: Shelf, tree: VersionTree, tensors: Mapping[str, Collection[str]], used: Collection[str]) -> None:
    """Objects that nothing refers to.

    Args:
        shelf: the objects.
        tree: the versions.
        tensors: keys of each version's tensors, by version; without one that cannot be understood.
        used: keys of chunks that some version's rows lie in.
    """
    if set(tensors) != set(tree.commits):
        shelf.note("versions", "not all versions can be understood, so nothing is said of objects that none refers to")
        return
    lost: dict[str, list[str]] = {}
    for key in shelf.sizes:
        if key in used or key.startswith((keys.VIEWS, keys.BESIDE)) or key.endswith(".lock"):
            continue
        commit, inner = keys.FIRST_COMMIT, key
        if key.startswith("versions/"):
            _, commit, inner = key.split("/", 2)
        if commit not in tree.commits:
            lost.setdefault(f"versions/{commit}/ belongs to no version", []).append(key)
        elif "/chunks/" in inner:
            lost.setdefault("chunks that no version's rows lie in", []).append(key)
        elif inner not in _OWN and not any(_is_of(inner, tensor) for tensor in tensors[commit]):
            lost.setdefault("objects of no tensor", []).append(key)
    for what, found in lost.items():
        nbytes = sum(shelf.sizes[key] for key in found)
        size = f"{counted(len(found), 'object')}, {nbytes:,} bytes"
        said = f"{what}: {size}, left by a writer that died or by a deleted tensor"
        shelf.mendable(found[0], said, "take them away", partial(shelf.set_aside, *found), is_harmless=True)


def _is_of(inner: str, tensor: str) -> bool:
    rest = inner.removeprefix(f"{tensor}/")
    return rest != inner and (rest in _FILES or rest.startswith(_FOLDERS))
