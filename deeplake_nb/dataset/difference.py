"""What commits changed, for people: ``ds.diff()`` and whether there is anything to commit."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.changes import read_dataset_diff, read_diffs
from deeplake_nb.errors import VersionNotFoundError, counted
from deeplake_nb.format import keys
from deeplake_nb.format.diffs import CommitDiff
from deeplake_nb.format.meta import DatasetMeta

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deeplake_nb.format.versions import Commit, VersionTree
    from deeplake_nb.storage.provider import StorageProvider

    Change = dict[str, Any]


def has_changes(storage: StorageProvider, head: Commit) -> bool:
    """Whether a version differs from the commit before; the first one always counts, as it is not committed yet."""
    if head.parent is None:
        return True
    meta, before = _meta(storage, head.id), _meta(storage, head.parent)
    if meta.groups != before.groups or meta.tensor_names != before.tensor_names:
        return True
    diffs = read_diffs(storage, head.id, meta.tensors).values()
    return read_dataset_diff(storage, head.id).has_changes or any(diff.has_changes for diff in diffs if diff)


def changes_in(storage: StorageProvider, commit: Commit) -> tuple[Change, Change]:
    """What one commit changed: ``(of the dataset, of its tensors by name)``, in the original's words."""
    own = read_dataset_diff(storage, commit.id)
    of_dataset = {
        "commit_id": commit.id,
        "author": commit.user,
        "message": commit.message,
        "date": commit.when,
        "info_updated": own.info_updated,
        "renamed": dict(own.renamed),
        "deleted": list(own.deleted),
    }
    meta = _meta(storage, commit.id)
    names = {name: key for name, key in meta.tensor_names.items() if key not in meta.hidden_tensors}
    diffs = read_diffs(storage, commit.id, names.values())
    of_tensors: Change = {"commit_id": commit.id}
    for name, key in names.items():
        diff = diffs[key] or CommitDiff()
        of_tensors[name] = {
            "created": diff.created,
            "cleared": diff.cleared,
            "info_updated": diff.info_updated,
            "data_added": [diff.added_first, diff.added_stop],
            "data_updated": set(diff.updated),
            "data_deleted": set(diff.deleted),
            "data_transformed_in_place": diff.data_transformed,
        }
    return of_dataset, of_tensors


def since(storage: StorageProvider, tree: VersionTree, commit: str, ancestor: str) -> tuple[list[Change], list[Change]]:
    """What the commits from ``commit`` back to ``ancestor`` (left out) changed, newest first."""
    nodes = takewhile(lambda node: node.id != ancestor, tree.ancestry(commit))
    found = [changes_in(storage, node) for node in nodes]
    return [one for one, _ in found], [other for _, other in found]


def difference(
    storage: StorageProvider, tree: VersionTree, here: Commit, one: str | None, other: str | None
) -> tuple[dict[str, Any], str]:
    """``(as a dict, as text)`` of what ``diff(one, other)`` asks for, seen from version ``here``.

    Raises:
        VersionNotFoundError: no such branch or commit, or only the second is given.
    """
    if one is None:
        if other is not None:
            raise VersionNotFoundError("diff(id_2=...) needs id_1 too: which versions shall be compared?")
        dataset, tensors = changes_in(storage, here)
        title = f"Diff in {_title(here)} relative to the previous commit:"
        return {"dataset": [dataset], "tensor": [tensors]}, _text("", (title, [dataset], [tensors]))
    first = here if other is None else tree.resolve(one)
    second = tree.resolve(one if other is None else other)
    ancestor = tree.common_ancestor(first.id, second.id)
    left, right = (since(storage, tree, node.id, ancestor) for node in (first, second))
    text = _text(
        f"Both sides are compared with {ancestor}, the newest commit they share.",
        (f"Diff in {_title(first)}:", *left),
        (f"Diff in {_title(second)}:", *right),
    )
    return {"dataset": (left[0], right[0]), "tensor": (left[1], right[1])}, text


def _title(commit: Commit) -> str:
    return f"HEAD of {commit.branch}" if commit.is_head else commit.id


def _text(intro: str, *sides: tuple[str, list[Change], list[Change]]) -> str:
    lines = ["## Deep Lake Diff", *([intro] if intro else [])]
    for title, datasets, tensors in sides:
        lines += ["-" * 80, title]
        for dataset, changed in zip(datasets, tensors, strict=True):
            name = dataset["commit_id"] if dataset["date"] else "UNCOMMITTED HEAD"
            lines += ["*" * 80, f"commit {name}"]
            lines += [f"{label}: {dataset[label.lower()]}" for label in ("Author", "Date", "Message")]
            lines += ["", *(_of_commit(dataset, changed) or ["No changes were made in this commit."])]
        if not datasets:
            lines.append("No changes were made.")
    return "\n".join([*lines, "-" * 80])


def _of_commit(dataset: Change, tensors: Change) -> list[str]:
    lines = ["- Updated dataset info"] if dataset["info_updated"] else []
    lines += [f"- Deleted: {name}" for name in dataset["deleted"]]
    lines += [f"- Renamed: {old} -> {new}" for old, new in dataset["renamed"].items()]
    for name in sorted(tensors.keys() - {"commit_id"}):
        change = tensors[name]
        first, stop = change["data_added"]
        what = ["* Created tensor"] if change["created"] else []
        what += ["* Cleared tensor"] if change["cleared"] else []
        what += [f"* Added {counted(stop - first, 'sample')}: [{first}-{stop}]"] if stop > first else []
        for verb in ("updated", "deleted"):
            rows = change[f"data_{verb}"]
            what += [f"* {verb.capitalize()} {counted(len(rows), 'sample')}: [{ranges(rows)}]"] if rows else []
        what += ["* Updated tensor info"] if change["info_updated"] else []
        lines += [name, *what, ""] if what else []
    return lines


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in ascending order, neighbours as one range: ``1-3, 5``."""
    every = np.array(sorted(numbers), np.int64)
    runs = np.split(every, np.flatnonzero(np.diff(every) != 1) + 1)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs if len(run))


def _meta(storage: StorageProvider, commit: str) -> DatasetMeta:
    path = keys.dataset_meta(commit)
    return DatasetMeta.decode(storage.get(path), path)
