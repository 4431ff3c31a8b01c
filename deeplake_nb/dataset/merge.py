"""Two versions joined: what another one has changed since both were one is done here too, and committed.

Rows are known by their ids, which a companion tensor keeps; names of tensors are followed by their keys. Everything
that can stand in the way is looked for before anything changes. Then there are at most three steps, each of which a
flush makes whole, in all tensors or in none: new rows; names, changed rows and new tensors; deleted ones. Whoever is
killed between two of them merges again, which does the rest: what was taken over is known by its id or its value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import schema, updates
from deeplake_nb.dataset.changes import read_diffs
from deeplake_nb.dataset.companions import Known
from deeplake_nb.dataset.selection import Selection
from deeplake_nb.dataset.values import values_of
from deeplake_nb.errors import MergeError, VersionNotFoundError
from deeplake_nb.format.index import Index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.dataset.writer import Writer

    Ints = NDArray[np.int64]

_Joined = tuple["TensorState", "TensorState", "_Rows"]
"""A tensor here and there, and its rows to take over."""
RESOLUTIONS = (None, "ours", "theirs")


@dataclass(frozen=True, slots=True)
class _Names:
    """What becomes of tensors, by name: theirs to take over, to join with ours, ours to delete, ours to rename."""

    new: list[str]
    common: list[str]
    deleted: list[str]
    renamed: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Of one tensor in both versions: rows of theirs to append, and pairs ``(ours, theirs)`` to update.

    Rows that were removed here are back where they were changed there, and else ``gone``.
    """

    new: Ints
    back: Ints
    gone: Ints
    updated: list[tuple[int, int]]
    conflicts: list[tuple[int, int]]


def merge(
    writer: Writer, theirs: State, base: State, resolution: str | None, *, delete_removed: bool, force: bool
) -> None:
    """Do in the writer's version what ``theirs`` has changed since ``base``, which both rest on.

    Raises:
        MergeError: names or kinds of tensors contradict each other, or both changed a row and no ``resolution``
            (``"ours"``, ``"theirs"``) says whose value stays.
    """
    ours = writer.state
    names = _names(ours, theirs, base, force=force)
    before = {new: old for old, new in names.renamed.items()}
    plan: dict[str, _Rows] = {}
    for name in names.common:
        pair = ours.tensor(before.get(name, name)), theirs.tensor(name)
        _check_alike(*pair)
        plan[name] = _rows(ours, theirs, base, *pair)
    back = np.concatenate([np.empty(0, np.int64), *(rows.back for rows in plan.values())])
    conflicting = [name for name, rows in plan.items() if rows.conflicts]
    if conflicting and resolution is None:
        raise MergeError(
            f"both versions have changed the same rows of {', '.join(map(repr, conflicting))}; "
            "merge with conflict_resolution='ours' or 'theirs'"
        )
    joined = [
        (
            ours.tensor(before.get(name, name)),
            theirs.tensor(name),
            replace(
                rows,
                new=np.union1d(rows.new, np.intersect1d(back, np.union1d(rows.back, rows.gone))),  # in all tensors
                updated=rows.updated + (rows.conflicts if resolution == "theirs" else []),
            ),
        )
        for name, rows in plan.items()
    ]
    _append(writer, theirs, joined)
    if names.renamed:
        schema.rename(writer, names.renamed)
    _update(writer, theirs, joined)
    schema.adopt(writer, theirs, names.new)
    if delete_removed:
        schema.delete(writer, [name for name in names.deleted if name in ours.meta.tensor_names])


# ------------------------------------------------------------------ tensors


def _visible(state: State) -> dict[str, str]:
    """Names to keys."""
    meta = state.meta
    return {name: key for name, key in meta.tensor_names.items() if key not in meta.hidden_tensors}


def _renamed(base: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    names = {key: name for name, key in now.items()}
    return {old: names[key] for old, key in base.items() if names.get(key, old) != old}


def _names(ours: State, theirs: State, base: State, *, force: bool) -> _Names:
    mine, other, old = _visible(ours), _visible(theirs), _visible(base)
    new, common = other.keys() - mine.keys(), other.keys() & mine.keys()
    gone_there, gone_here = old.keys() - other.keys(), old.keys() - mine.keys()
    my_renames, renamed = _renamed(old, mine), {}
    for before, name in _renamed(old, other).items():
        if name in new and before in mine:
            renamed[before] = name
            new, common = new - {name}, common | {name}
        elif name in new and not force:
            what = f"renamed to {my_renames[before]!r}" if before in my_renames else "gone"
            raise MergeError(
                f"tensor {before!r} was renamed to {name!r} there and is {what} here; rename it, or merge with "
                f"force=True, which makes {name!r} a new tensor here"
            )
        elif name in common and my_renames.get(before) != name and not force:
            raise MergeError(
                f"tensor {before!r} was renamed to {name!r} there, and another {name!r} is here; rename one, or merge "
                "with force=True, which joins them"
            )
        gone_there, gone_here = gone_there - {before}, gone_here - {before}
    changed = _changed_tensors(theirs, base)
    new -= {name for name in gone_here if other.get(name) not in changed}  # deleted here, and untouched there
    gone_there -= renamed.keys()
    in_order = [name for name in other if name in new], [name for name in other if name in common]
    return _Names(*in_order, sorted(gone_there), renamed)


def _changed_tensors(state: State, base: State) -> set[str]:
    """Keys of tensors that have changed since ``base``."""
    found = set()
    for commit in _since(state, base):
        diffs = read_diffs(state.storage, commit, state.meta.tensors)
        found |= {key for key, diff in diffs.items() if diff is not None and diff.has_changes}
    return found


def _since(state: State, base: State) -> list[str]:
    nodes = takewhile(lambda node: node.id != base.commit.id, state.tree.ancestry(state.commit.id))
    return [node.id for node in nodes]


def _check_alike(mine: TensorState, other: TensorState) -> None:
    for field in ("full_htype", "sample_compression", "chunk_compression"):
        here, there = getattr(mine.meta, field), getattr(other.meta, field)
        if here != there:
            what = field.removeprefix("full_")
            raise MergeError(f"tensor {mine.meta.name!r}: its {what} is {here} here and {there} there")


# ------------------------------------------------------------------ rows


def _ids(state: State, tensor: TensorState) -> NDArray[np.uint64]:
    """What rows are known by."""
    for key, link in tensor.meta.links.items():
        if link.get("extend") == "extend_id" and key in state.tensors:
            found = Selection(state, state.tensors[key], Index()).numpy(aslist=False)
            ids: NDArray[np.uint64] = np.asarray(found).astype(np.uint64).reshape(-1)[: tensor.length]
            return ids
    raise MergeError(f"tensor {tensor.meta.name!r} was made without ids of its rows: versions of it cannot be merged")


def _changed_ids(state: State, base: State, key: str) -> set[int]:
    """Ids of rows that got other values since ``base``."""
    found = set[int]()
    for commit in _since(state, base):
        diff = read_diffs(state.storage, commit, [key])[key]
        if diff is not None and diff.updated:
            version = state if commit == state.commit.id else state.at(commit)
            ids = _ids(version, version.tensors[key])
            found |= set(ids[[row for row in diff.updated if row < len(ids)]].tolist())
    return found


def _removed_ids(state: State, base: State, key: str) -> NDArray[np.uint64]:
    """Ids of rows that were removed since ``base``."""
    diffs = [read_diffs(state.storage, commit, [key])[key] for commit in _since(state, base)]
    return np.concatenate([np.empty(0, np.uint64), *(diff.removed_ids for diff in diffs if diff is not None)])


def modified_rows(state: State, tensor: TensorState, since: str | None) -> list[int]:
    """Numbers of the rows that were added or changed since a version, the last commit if none is named.

    Raises:
        VersionNotFoundError: no such version, or none that this one goes back to.
        MergeError: the tensor has no ids of its rows.
    """
    commit = state.commit
    start = (commit.parent if since is None else state.tree.resolve(since).id) or ""
    if start and start not in {node.id for node in state.tree.ancestry(commit.id)}:
        raise VersionNotFoundError(f"version {since!r} of {state.storage.url} does not lead to this one")
    if not start:
        return list(range(tensor.length))
    base, ids = state.at(start), _ids(state, tensor)
    before = base.tensors.get(tensor.key)
    known = np.empty(0, np.uint64) if before is None else _ids(base, before)
    changed = np.array(sorted(_changed_ids(state, base, tensor.key)), np.uint64)
    rows: list[int] = np.flatnonzero(~np.isin(ids, known) | np.isin(ids, changed)).tolist()
    return rows


def _rows(ours: State, theirs: State, base: State, mine: TensorState, other: TensorState) -> _Rows:
    here, there = _ids(ours, mine), _ids(theirs, other)
    old = base.tensors.get(other.key)
    known = np.empty(0, np.uint64) if old is None else _ids(base, old)
    changed_there, changed_here = _changed_ids(theirs, base, other.key), _changed_ids(ours, base, mine.key)
    is_changed = np.isin(there, np.array(sorted(changed_there), np.uint64))
    lost = np.isin(there, np.concatenate([known, _removed_ids(ours, base, mine.key)]))  # those may be of a merge
    missing = ~np.isin(there, here)
    new, back, gone = (np.flatnonzero(missing & one) for one in (~lost, lost & is_changed, lost & ~is_changed))
    my_rows = {one: row for row, one in enumerate(here.tolist())} if changed_there else {}
    both = [(my_rows[one], row) for row, one in enumerate(there.tolist()) if one in changed_there and one in my_rows]
    different = _different(ours, theirs, mine, other, both)
    updated = [pair for pair in different if int(there[pair[1]]) not in changed_here]
    return _Rows(new, back, gone, updated, [pair for pair in different if int(there[pair[1]]) in changed_here])


def _different(
    ours: State, theirs: State, mine: TensorState, other: TensorState, pairs: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Those pairs of rows whose values are not the same: what was merged before is no conflict."""
    here = values_of(ours, mine, np.array([row for row, _ in pairs], np.int64))
    there = values_of(theirs, other, np.array([row for _, row in pairs], np.int64))
    return [pair for pair, one, two in zip(pairs, here, there, strict=True) if not _is_same(one, two)]


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if hasattr(one, "buffer") and hasattr(other, "buffer"):
        return bool(one.buffer == other.buffer)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and one.tobytes() == other.tobytes()
    return type(one) is type(other) and bool(one == other)


def _append(writer: Writer, theirs: State, joined: list[_Joined]) -> None:
    """Append what is new there, to all tensors or to none."""
    columns, known = {}, {}
    for mine, other, rows in joined:
        if len(rows.new):
            columns[mine.key] = values_of(theirs, other, rows.new)
            known[mine.key] = Known(_ids(theirs, other)[rows.new], _infos(theirs, other, rows.new))
    if columns:
        writer.extend(columns, known=known)


def _update(writer: Writer, theirs: State, joined: list[_Joined]) -> None:
    """Take the values over that were changed there, in all tensors or in none."""
    columns, infos = {}, {}
    for mine, other, rows in joined:
        if rows.updated:
            places = np.array([row for row, _ in rows.updated], np.int64)
            taken = np.array([row for _, row in rows.updated], np.int64)
            order = np.argsort(places)
            columns[mine.key] = places[order], list(values_of(theirs, other, taken[order]))
            infos[mine.key] = _infos(theirs, other, taken[order])
    if columns:
        updates.update(writer, columns, infos={key: info for key, info in infos.items() if info is not None})


def _infos(state: State, tensor: TensorState, rows: Ints) -> list[dict[str, Any]] | None:
    """What is known of the files behind items."""
    found = Selection(state, tensor, Index(rows)).sample_infos()
    if found is not None and tensor.meta.is_sequence:
        return [info for row in found for info in row]
    infos: list[dict[str, Any]] | None = found
    return infos
