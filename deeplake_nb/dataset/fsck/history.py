"""What versions are made of: the commit tree, each version's metadata, lists of chunks and diffs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.fsck.rebuilding import Rebuilding
from deeplake_nb.errors import FormatError, LakeError
from deeplake_nb.format import keys
from deeplake_nb.format.diffs import CommitDiff, DatasetDiff
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.meta import DatasetMeta, TensorMeta, decode_json, encode_json
from deeplake_nb.format.versions import MAIN, Commit, VersionTree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.dataset.fsck.shelf import Shelf

_RESET = "go back to the last commit: checkout(branch, reset=True)"


def tree(shelf: Shelf) -> VersionTree:
    """The commit tree as it is, or as it must have been."""
    nodes = _nodes(shelf)
    data = shelf.read(keys.VERSION_CONTROL)
    if data is None:
        if not any(key.startswith("versions/") for key in shelf.sizes):
            return VersionTree()
        return _rebuilt(shelf, nodes, "the commit tree is missing, though there are versions")
    try:
        found = VersionTree.decode(data, keys.VERSION_CONTROL)
    except FormatError as error:
        return _rebuilt(shelf, nodes, str(error))
    if not _is_rooted(found):
        return _rebuilt(shelf, nodes, "the parents of versions form a circle")
    _check_tree(shelf, found)
    for commit, node in found.commits.items():
        key = keys.commit_info(commit)
        has_history = len(found.commits) > 1
        if commit not in nodes and has_history:
            how = "write the copy that the commit tree has"
            said = "this copy of a version's node is missing or cannot be read"
            shelf.mendable(key, said, how, partial(shelf.put, key, node.encode()), is_harmless=True)
    return found


def _nodes(shelf: Shelf) -> dict[str, Commit]:
    """The copies of nodes that lie with each version."""
    out = {}
    for key in shelf.sizes:
        if key.rpartition("/")[2] == "commit_info.json" and (key.startswith("versions/") or "/" not in key):
            commit = key.split("/")[1] if "/" in key else keys.FIRST_COMMIT
            try:
                record = decode_json(shelf.read(key) or b"", key)
                text = encode_json({"commits": {commit: {**record, "parent": None}}, "branches": {MAIN: commit}})
                node = VersionTree.decode(_with_first(text, commit), key).commits[commit]
                node.parent = record.get("parent")
                out[commit] = node
            except (FormatError, TypeError):
                continue
    return out


def _with_first(data: bytes, commit: str) -> bytes:
    record: Any = decode_json(data, "")
    record["commits"].setdefault(keys.FIRST_COMMIT, Commit(keys.FIRST_COMMIT).record() if commit else {})
    return encode_json(record)


def _rebuilt(shelf: Shelf, nodes: dict[str, Commit], message: str) -> VersionTree:
    """The tree that the copies of its nodes give."""
    commits = {keys.FIRST_COMMIT: Commit(keys.FIRST_COMMIT)} | nodes
    named = {
        key.split("/")[1] for key in shelf.sizes if key.startswith("versions/") and key.endswith(keys.DATASET_META)
    }
    lost = sorted((named | {str(node.parent) for node in nodes.values() if node.parent}) - set(commits))
    found = VersionTree(commits, {})
    _relink(found)
    if lost or MAIN not in found.branches or not _is_rooted(found):
        shelf.wrong(keys.VERSION_CONTROL, message, "the nodes of some versions are lost, too: restore it from a backup")
        return VersionTree(
            {one: commits[one] for one in commits if one not in lost}, found.branches or {MAIN: keys.FIRST_COMMIT}
        )
    how = "build it from the copies of its nodes"
    shelf.mendable(keys.VERSION_CONTROL, message, how, lambda: shelf.put(keys.VERSION_CONTROL, found.encode()))
    return found


def _is_rooted(found: VersionTree) -> bool:
    """Whether each version's ancestors end somewhere."""
    rooted = set[str]()
    for commit in found.commits:
        path = []
        try:
            for node in found.ancestry(commit):
                if node.id in rooted:
                    break
                path.append(node.id)
        except FormatError:
            return False
        rooted.update(path)
    return True


def _relink(found: VersionTree) -> None:
    """Children as their parents, and branches as their heads."""
    for node in found.commits.values():
        node.children = [child.id for child in found.commits.values() if child.parent == node.id]
    found.branches = {node.branch: node.id for node in found.commits.values() if node.is_head}


def _check_tree(shelf: Shelf, found: VersionTree) -> None:
    problems = []
    for commit, node in found.commits.items():
        children = {child.id for child in found.commits.values() if child.parent == commit}
        if children != set(node.children):
            problems.append(f"the children of version {commit[:12]} are not those that call it their parent")
        if node.is_head and found.branches.get(node.branch) != commit:
            problems.append(f"version {commit[:12]} is open, but not the head of its branch {node.branch!r}")
    problems += [
        f"the head of branch {name!r} is closed"
        for name, head in found.branches.items()
        if not found.commits[head].is_head
    ]
    if not problems:
        return
    heads = [node.branch for node in found.commits.values() if node.is_head]
    branches = {node.branch for node in found.commits.values()} | set(found.branches)
    if sorted(heads) != sorted(branches):
        shelf.wrong(keys.VERSION_CONTROL, problems[0], "each branch needs one open version: restore it from a backup")
        return
    _relink(found)
    how = "link versions as their parents say"
    shelf.mendable(keys.VERSION_CONTROL, problems[0], how, lambda: shelf.put(keys.VERSION_CONTROL, found.encode()))


def metas(
    shelf: Shelf,
    found_tree: VersionTree,
    commit: Commit,
    unfinished: dict[str, bytes | None],
    told: Mapping[str, TensorMeta],
) -> tuple[DatasetMeta, dict[str, TensorMeta]] | None:
    """A version's metadata; None where it cannot be understood. ``told`` is what tensors (by name) were made with."""
    key = keys.dataset_meta(commit.id)
    data = unfinished.get(key) or shelf.read(key)
    try:
        meta = DatasetMeta.decode(b"" if data is None else data, key)
    except FormatError as error:
        said = "the list of this version's tensors is missing" if data is None else str(error)
        meta = _dataset_meta(shelf, commit.id)
        if not meta.tensors and commit.parent and _dataset_meta(shelf, commit.parent).tensors:
            remedy = f"restore it from a backup, or {_RESET}" if commit.is_head else "restore it from a backup"
            shelf.wrong(key, f"{said}, and so is what it says of each", remedy)
            return None
        how = "build it from the tensors that are there (empty groups are not among them)"
        shelf.mendable(key, said, how, lambda: shelf.put(key, meta.encode()))
    tensors: dict[str, TensorMeta] = {}
    lost: dict[str, str] = {}
    for tensor in meta.tensors:
        path = keys.tensor_meta(commit.id, tensor)
        found = unfinished.get(path) or shelf.read(path)
        try:
            tensors[tensor] = TensorMeta.decode(b"" if found is None else found, path, tensor)
        except FormatError as error:
            lost[tensor] = str(error) if found is not None else "it is missing, though the dataset names its tensor"
    for tensor, said in lost.items():
        path = keys.tensor_meta(commit.id, tensor)
        try:
            anew = Rebuilding(shelf, found_tree, commit, told).meta(tensor, meta, tensors)
        except LakeError as error:
            remedy = "say what it was made with: as it was said, its samples cannot be read"
            shelf.wrong(path, f"{said}; {error}", remedy)
            continue
        if anew is None:
            remedy = _RESET if commit.is_head and commit.parent else "restore it from a backup"
            remedy += f"; or say what it was made with: fsck(..., tensors={{{tensor!r}: {{'htype': ..., ...}}}})"
            shelf.wrong(path, f"{said}; what the tensor is (htype, dtype, compression) stands nowhere else", remedy)
            continue
        tensors[tensor], source = anew
        shelf.mendable(path, said, f"build it from {source}", partial(shelf.put, path, tensors[tensor].encode()))
    if len(tensors) < len(meta.tensors):
        return None
    for tensor in tensors:
        _table(shelf, found_tree, commit, tensor, tensors)
    return meta, tensors


def _table(shelf: Shelf, found_tree: VersionTree, commit: Commit, tensor: str, known: dict[str, TensorMeta]) -> None:
    """Build a lost table of chunks, if it can be; else whoever opens the version says what is wrong."""
    path, length = keys.chunk_ids(commit.id, tensor), known[tensor].length
    data = shelf.read(path)
    try:
        rows = 0 if data is None else len(ChunkIds.decode(data, path))
        said = f"the table of chunks ends at row {rows}, but there are {length}"
    except FormatError as error:
        rows, said = -1, str(error)
    anew = Rebuilding(shelf, found_tree, commit, {}).ids(tensor, known) if rows < length else None
    if anew is not None:
        shelf.mendable(path, said, "build it from the chunks", lambda: shelf.put(path, anew.encode()))


def _dataset_meta(shelf: Shelf, commit: str) -> DatasetMeta:
    root, ending = keys.root(commit), "/tensor_meta.json"
    meta = DatasetMeta()
    for key in shelf.sizes:
        inner = key.removeprefix(root)
        if key.startswith(root) and key.endswith(ending) and not inner.startswith(("versions/", keys.VIEWS)):
            tensor = inner.removesuffix(ending)
            try:
                found = TensorMeta.decode(shelf.read(key) or b"", key, tensor)
            except FormatError:
                continue
            meta.tensors.append(tensor)
            meta.tensor_names[found.name] = tensor
            if found.hidden:
                meta.hidden_tensors.append(tensor)
            parts = found.name.split("/")[:-1]
            meta.groups += [one for at in range(len(parts)) if (one := "/".join(parts[: at + 1])) not in meta.groups]
    return meta


def diffs(shelf: Shelf, commit: Commit, tensors: dict[str, TensorMeta], before: dict[str, TensorMeta] | None) -> None:
    """What a version says it has changed: whether that can be read."""
    for tensor, meta in tensors.items():
        key = keys.commit_diff(commit.id, tensor)
        old = (before or {}).get(tensor)
        rows = 0 if old is None else min(old.length, meta.length)
        anew = CommitDiff(created=old is None, added_first=rows, added_stop=max(rows, meta.length))

        _check(shelf, key, partial(CommitDiff.decode, what=key), partial(shelf.put, key, anew.encode()))
    key = keys.dataset_diff(commit.id)
    _check(shelf, key, partial(DatasetDiff.decode, what=key), partial(shelf.set_aside, key))


def _check(shelf: Shelf, key: str, decode: Callable[[bytes], object], mend: Callable[[], None]) -> None:
    data = shelf.read(key)
    if data is None:
        return
    try:
        decode(bytes(data))
    except LakeError as error:
        how = "write what the lengths say; which rows were changed in this version is not known any more"
        shelf.mendable(key, f"what this version has changed cannot be read: {error}", how, mend)
