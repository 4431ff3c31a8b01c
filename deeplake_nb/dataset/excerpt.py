"""Some tensors of all versions of a dataset: which of its objects they are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from deeplake_nb.dataset.commits import read_tree
from deeplake_nb.dataset.journal import fetch
from deeplake_nb.errors import StorageError, TensorNotFoundError, did_you_mean
from deeplake_nb.format import keys
from deeplake_nb.format.meta import DatasetMeta, TensorMeta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.storage.provider import StorageProvider


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some tensors of all versions; everything there is, where it says nothing.

    Attributes:
        metas: what ``dataset_meta.json`` of each version becomes, by key.
        kept: keys of tensors.
        known: keys of all tensors, by the root of each version.
    """

    metas: dict[str, bytes] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    known: dict[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, source: StorageProvider, names: Sequence[str]) -> Excerpt:
        """The tensors of these names, or in groups of these names, in any version, with their companions.

        Raises:
            TensorNotFoundError: a name that no version has.
            StorageError: a writer died in the middle of a change.
        """
        commits = list(read_tree(source).commits)
        paths = [keys.dataset_meta(commit) for commit in commits]
        found = fetch(source, [*paths, *map(keys.journal, commits)])
        if any(found[keys.journal(commit)] is not None for commit in commits):
            raise StorageError(
                f"{source.url}: a writer died in the middle of a change; load the dataset for writing and flush() it, "
                "then copy"
            )
        metas = {path: DatasetMeta.decode(data, path) for path in paths if (data := found[path]) is not None}
        all_names = {name for meta in metas.values() for name in (*meta.tensor_names, *meta.groups)}
        for name in names:
            if name not in all_names:
                raise TensorNotFoundError(f"no tensor or group {name!r} in {source.url}{did_you_mean(name, all_names)}")
        below = tuple(f"{name}/" for name in names)
        kept = {
            key
            for meta in metas.values()
            for name, key in meta.tensor_names.items()
            if f"{name}/".startswith(below) and key not in meta.hidden_tensors
        }
        described = fetch(source, [keys.tensor_meta(one, key) for one in commits for key in sorted(kept)])
        links = [TensorMeta.decode(data, path, "").links for path, data in described.items() if data is not None]
        kept |= {companion for link in links for companion in link}
        known = {keys.root(one): frozenset(metas[path].tensors) for one, path in zip(commits, paths, strict=True)}
        return cls({path: _narrowed(meta, kept).encode() for path, meta in metas.items()}, frozenset(kept), known)

    def leaves_out(self, key: str) -> bool:
        """Whether an object is not copied as it is."""
        if not self.metas:
            return False
        root = next((root for root in self.known if root and key.startswith(root)), "")
        inner = key.removeprefix(root)
        owner = max((one for one in self.known[root] if inner.startswith(f"{one}/")), key=len, default=None)
        is_view = key == keys.VIEWS_LIST or key.startswith(keys.VIEWS)
        return key in self.metas or is_view or (owner is not None and owner not in self.kept)


def _narrowed(meta: DatasetMeta, kept: set[str]) -> DatasetMeta:
    names = {name: key for name, key in meta.tensor_names.items() if key in kept}
    return replace(
        meta,
        tensors=[key for key in meta.tensors if key in kept],
        tensor_names=names,
        hidden_tensors=[key for key in meta.hidden_tensors if key in kept],
        groups=[group for group in meta.groups if any(name.startswith(f"{group}/") for name in names)],
    )
