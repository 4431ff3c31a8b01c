"""What is read when a version is opened: which commit it is, and the metadata of its tensors, as of one moment.

Four rounds of requests at most, however many tensors there are: the dataset's own objects; those of the version, if it
is not the first; the metadata of all tensors, with what says how many rows a sequence has; and, where tensors differ in
length or in the flush that wrote them, what tells these once more. A writer may be adding rows to all of them
meanwhile, and what was read counts only if nothing has changed since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deeplake_nb.dataset import journal
from deeplake_nb.dataset.nearby import meant
from deeplake_nb.dataset.tables import TensorState, decode_rows
from deeplake_nb.errors import DatasetNotFoundError, FormatError, UnsupportedError
from deeplake_nb.format import keys
from deeplake_nb.format.meta import FLUSH, ROWS, DatasetMeta, TensorMeta
from deeplake_nb.format.versions import Commit, VersionTree
from deeplake_nb.storage.provider import exists

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    from deeplake_nb.dataset.journal import Objects
    from deeplake_nb.storage.provider import StorageProvider

    Read = dict[str, memoryview | None]

_MOST_READS = 50  # of a version that is written to all the time


@dataclass(frozen=True, slots=True)
class Opened:
    """A version as it was found.

    Attributes:
        tree: all versions.
        commit: this one.
        meta: which tensors there are.
        tensors: by key; without tables.
        unfinished: objects that a writer who died was about to change, as they are to be (None: gone).
        has_journal: whether there is one, up to date or not.
    """

    tree: VersionTree
    commit: Commit
    meta: DatasetMeta
    tensors: dict[str, TensorState]
    unfinished: Objects
    has_journal: bool

    @property
    def is_settled(self) -> bool:
        """Whether it is of one moment for sure: a closed commit, or all tensors name one flush and are equally long.

        Half an append would leave some of them longer, or of another flush; the original keeps the names that it finds,
        and appends to one tensor after the other. A journal that is out of date may be one whose writer goes on.
        """
        if not self.commit.is_head:
            return True
        shown = [one for one in self.tensors.values() if not one.meta.hidden]
        flushes, lengths = {str(one.meta.extra.get(FLUSH)) for one in shown}, {one.length for one in shown}
        is_as_stated = all(one.meta.extra.get(ROWS, one.length) == one.length for one in shown if one.meta.is_sequence)
        is_one = len(flushes) <= 1 and len(lengths) <= 1 and is_as_stated
        return is_one and (bool(self.unfinished) or not self.has_journal)

    def telling(self) -> list[str]:
        """The objects that tell how many rows there are."""
        commit = self.commit.id
        telling = [keys.journal(commit), keys.dataset_meta(commit)]
        for key, one in self.tensors.items():
            if not one.meta.hidden:
                telling.append(keys.tensor_meta(commit, key))
            if one.meta.is_sequence:
                counting = _counting(one.meta, self.tensors)
                telling += [keys.sequences(commit, key), *(keys.tensor_meta(commit, other.key) for other in counting)]
        return telling


def open_version(storage: StorageProvider, address: str | None) -> Opened:
    """Read a version; ``address`` is a branch or commit id, None the head of ``main``.

    Raises:
        DatasetNotFoundError: no dataset here.
        VersionNotFoundError: no such branch or commit.
        UnsupportedError: its history is a pickle.
        FormatError: objects that cannot be understood.
    """
    for _ in range(_MOST_READS):
        seen: Read = {}
        try:
            found = _read(storage, address, seen)
        except FormatError:
            if journal.fetch(storage, list(seen)) == seen:
                raise
            continue  # it was changed between two requests
        if found.is_settled or all(seen[path] == now for path, now in journal.fetch(storage, found.telling()).items()):
            return found
    return _read(storage, address, {})


def _read(storage: StorageProvider, address: str | None, seen: Read) -> Opened:
    """``seen`` gets all objects that were asked for, as they were found."""
    seen |= journal.fetch(storage, [keys.VERSION_CONTROL, keys.DATASET_META, keys.journal(keys.FIRST_COMMIT)])
    tree = _tree(storage, seen)
    commit = tree.resolve(address or ("main" if "main" in tree.branches else keys.FIRST_COMMIT))
    path, journal_path = keys.dataset_meta(commit.id), keys.journal(commit.id)
    if path not in seen:
        seen |= journal.fetch(storage, [path, journal_path])
    announced = journal.announced(commit.id, seen[journal_path])
    possible = [seen[path], *(one.data for one in announced if one.key == path)]
    metas = {bytes(data): DatasetMeta.decode(data, path) for data in possible if data is not None}
    wanted = [name for meta in metas.values() for name in _wanted(storage, commit.id, meta)]
    wanted += [one.key for one in announced]
    seen |= journal.fetch(storage, [one for one in dict.fromkeys(wanted) if one not in seen])
    unfinished = journal.unfinished(announced, seen)
    objects = {**seen, **unfinished}
    if (data := objects[path]) is None:
        raise FormatError(f"{storage.url}: {path} is missing, though the commit tree names its commit")
    tensors = _tensors(storage, commit.id, metas[bytes(data)], objects)
    late = {keys.sequences(commit.id, key) for key, one in tensors.items() if one.meta.is_sequence} - set(objects)
    if late:
        seen |= (found := journal.fetch(storage, sorted(late)))
        objects |= found
    for key, tensor in tensors.items():
        if tensor.meta.is_sequence:
            places = keys.sequences(commit.id, key), keys.tensor_meta(commit.id, key)
            most = min((one.meta.length for one in _counting(tensor.meta, tensors)), default=None)
            tensor.rows = decode_rows(tensor.meta, objects[places[0]], places, most)
    return Opened(tree, commit, metas[bytes(data)], tensors, unfinished, seen[journal_path] is not None)


def _tree(storage: StorageProvider, seen: Read) -> VersionTree:
    data = seen[keys.VERSION_CONTROL]
    if data is not None:
        return VersionTree.decode(data, keys.VERSION_CONTROL)
    if exists(storage, keys.PICKLED_VERSION_CONTROL):
        raise UnsupportedError(
            f"{storage.url}: its history is a Python pickle, written before 2022, which is not safe to open; "
            "open and commit it once with deeplake 3.9.52, which rewrites it as JSON"
        )
    if seen[keys.DATASET_META] is None:
        raise DatasetNotFoundError(
            f"no dataset at {storage.url}{meant(storage)}: neither {keys.DATASET_META} nor {keys.VERSION_CONTROL} "
            "is there; check the path, or make one with empty()"
        )
    return VersionTree()


def _wanted(storage: StorageProvider, commit: str, meta: DatasetMeta) -> list[str]:
    """The objects that tell of a version's tensors.

    Which of them are sequences is not known yet. Where answers are waited for, all that may be are asked for their
    rows at once, as another round costs more than an answer that there are none.
    """
    paths = [keys.tensor_meta(commit, key) for key in meta.tensors]
    if storage.concurrency > 1:
        paths += [keys.sequences(commit, key) for key in meta.tensors if key not in meta.hidden_tensors]
    return paths


def _tensors(
    storage: StorageProvider, commit: str, meta: DatasetMeta, objects: Mapping[str, Buffer | None]
) -> dict[str, TensorState]:
    tensors = {}
    for key in meta.tensors:
        path = keys.tensor_meta(commit, key)
        if (data := objects[path]) is None:
            where = keys.dataset_meta(commit)
            raise FormatError(f"{storage.url}: {path} is missing, though {where} names its tensor")
        tensors[key] = TensorState(key, TensorMeta.decode(data, path, key))
    return tensors


def _counting(meta: TensorMeta, tensors: Mapping[str, TensorState]) -> list[TensorState]:
    """Companions with one sample per row: they say how many rows there are at most, as empty ones leave no trace."""
    links = meta.links.items()
    return [tensors[key] for key, link in links if not link.get("flatten_sequence") and key in tensors]
