"""What the version being written differs in from the commit before: kept in memory, stored with each flush."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.errors import KeyNotFoundError, LakeError
from deeplake_nb.format import keys
from deeplake_nb.format.diffs import CommitDiff, DatasetDiff
from deeplake_nb.format.plans import Phase, Put
from deeplake_nb.storage.provider import get_many

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deeplake_nb.dataset.state import State
    from deeplake_nb.storage.provider import StorageProvider


class Changes:
    """The diffs of one version that its writer is about to change."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.tensors: dict[str, CommitDiff] = {}  # by key
        self.dataset: DatasetDiff | None = None  # None until it changes

    def load(self, tensors: Iterable[str]) -> None:
        """Read the diffs of tensors that are about to change; those that have none start with no rows added."""
        wanted = [key for key in tensors if key not in self.tensors]
        for key, diff in read_diffs(self._state.storage, self._state.commit.id, wanted).items():
            rows = self._state.tensors[key].length
            self.tensors[key] = diff or CommitDiff(added_first=rows, added_stop=rows)

    def of_dataset(self) -> DatasetDiff:
        """The dataset's own diff, which the caller is about to change."""
        if self.dataset is None:
            self.dataset = read_dataset_diff(self._state.storage, self._state.commit.id)
        return self.dataset

    def puts(self, tensors: Iterable[str]) -> list[Put]:
        """The diffs of the tensors (by key), and the dataset's if it changed."""
        commit = self._state.commit.id
        puts = [Put(Phase.TABLES, keys.commit_diff(commit, key), self.tensors[key].encode()) for key in tensors]
        if self.dataset is not None:
            puts.append(Put(Phase.TABLES, keys.dataset_diff(commit), self.dataset.encode()))
        return puts

    def clear(self) -> None:
        """Forget everything: another version, or another writer's changes."""
        self.tensors.clear()
        self.dataset = None


def read_diffs(storage: StorageProvider, commit: str, tensors: Iterable[str]) -> dict[str, CommitDiff | None]:
    """What a commit changed in tensors (by key), with one round of requests; None where nothing is stored."""
    paths = {key: keys.commit_diff(commit, key) for key in tensors}
    found = get_many(storage, [(path, None) for path in paths.values()])
    out: dict[str, CommitDiff | None] = {}
    for (key, path), data in zip(paths.items(), found, strict=True):
        if isinstance(data, LakeError) and not isinstance(data, KeyNotFoundError):
            raise data
        out[key] = None if isinstance(data, LakeError) else CommitDiff.decode(bytes(data), path)
    return out


def read_dataset_diff(storage: StorageProvider, commit: str) -> DatasetDiff:
    """What a commit changed in the dataset itself."""
    path = keys.dataset_diff(commit)
    try:
        return DatasetDiff.decode(bytes(storage.get(path)), path)
    except KeyNotFoundError:
        return DatasetDiff()
