"""What is known of one version of a dataset: its metadata and tables, loaded lazily and kept in memory.

What it begins with is read by ``opening``. A tensor's tables come with its first read.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.cache import ChunkCache, LoadedChunk, as_array
from deeplake_nb.dataset.journal import fetch
from deeplake_nb.dataset.opening import open_version
from deeplake_nb.dataset.tables import Tables, TensorState, decode_tables, has_same_rows, is_alike, table_keys
from deeplake_nb.errors import (
    FormatError,
    KeyNotFoundError,
    LakeError,
    SampleError,
    StorageError,
    TensorNotFoundError,
    did_you_mean,
)
from deeplake_nb.format import keys, packing
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.meta import DatasetMeta, LinkedCreds, TensorMeta, decode_json
from deeplake_nb.format.versions import Commit, VersionTree, decode_chunk_set
from deeplake_nb.storage.provider import get_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Buffer

    from deeplake_nb.dataset.host import Host, OpenLinks
    from deeplake_nb.storage.provider import StorageProvider


class State:
    """One version (branch or commit) of the dataset at a storage provider."""

    def __init__(self, storage: StorageProvider, tree: VersionTree, commit: Commit, open_links: OpenLinks) -> None:
        self.storage = storage
        self.tree = tree
        self.commit = commit
        self.open_links = open_links
        self.host: Host | None = None
        """Whoever opened the dataset."""
        self.is_read_only = False
        """Whether it was asked not to write to any version."""
        self.lock = threading.RLock()
        self.chunks = ChunkCache()
        self.meta = DatasetMeta()
        self.info: dict[str, Any] | None = None
        self.tensors: dict[str, TensorState] = {}
        self.unfinished: dict[str, bytes | None] = {}
        """Objects that a writer who died was about to change, as they are to be (None: gone)."""
        self.has_journal = False
        self._chunk_sets: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}

    @classmethod
    def load(cls, storage: StorageProvider, address: str | None, open_links: OpenLinks) -> State:
        """Read a version; ``address`` is a branch or commit id, None the head of ``main``.

        Raises:
            DatasetNotFoundError: no dataset here.
            VersionNotFoundError: no such branch or commit.
            FormatError: objects that cannot be understood.
        """
        tree = VersionTree()
        state = cls(storage, tree, tree.commits[keys.FIRST_COMMIT], open_links)
        state._read(address)
        return state

    def at(self, address: str) -> State:
        """Another version of the same dataset, opened as this one was.

        Raises:
            VersionNotFoundError: no such branch or commit.
        """
        other = State.load(self.storage, address, self.open_links)
        other.host, other.is_read_only = self.host, self.is_read_only
        return other

    @property
    def address(self) -> str:
        """The branch, of its head; else the commit."""
        return self.commit.branch if self.commit.is_head else self.commit.id

    def __deepcopy__(self, _: dict[int, Any]) -> State:
        """Opened anew on the same storage."""
        return self.at(self.address)

    def refresh(self) -> None:
        """Read everything again, after another writer may have changed it; a head follows its branch."""
        with self.lock:
            self._read(self.address)

    def go(self, address: str) -> None:
        """Become another version; whoever holds this one, or tensors of it, follows.

        Raises:
            VersionNotFoundError: no such branch or commit.
        """
        with self.lock:
            self._read(address)

    def _read(self, address: str | None) -> None:
        found = open_version(self.storage, address)
        self.tree, self.commit, self.meta, self.info = found.tree, found.commit, found.meta, None
        self.unfinished, self.has_journal = found.unfinished, found.has_journal
        self._adopt(found.tensors)
        self._chunk_sets.clear()
        self.chunks.clear()

    def _fetch(self, paths: list[str]) -> dict[str, Buffer | None]:
        """Small objects of this version, as they are once everything begun is finished."""
        stored = fetch(self.storage, [path for path in paths if path not in self.unfinished])
        return {path: self.unfinished[path] if path in self.unfinished else stored[path] for path in paths}

    def _adopt(self, tensors: dict[str, TensorState]) -> None:
        """Take over what was read; a tensor that users hold already stays the same object."""
        for key, tensor in tensors.items():
            known = self.tensors.get(key)
            if known is not None:
                known.meta, known.info, known.tables, known.owners = tensor.meta, None, None, {}
                known.rows = tensor.rows
                tensors[key] = known
        self.tensors = tensors

    # ------------------------------------------------------------------ what there is

    def tensor(self, name: str) -> TensorState:
        """The tensor of this name, hidden ones too.

        Raises:
            TensorNotFoundError: suggests the nearest.
        """
        key = self.meta.tensor_names.get(name)
        if key is None:
            known = [n for n, k in self.meta.tensor_names.items() if k not in self.meta.hidden_tensors]
            raise TensorNotFoundError(
                f"no tensor {name!r} in {self.storage.url}{did_you_mean(name, known)}; "
                f"tensors: {', '.join(known) or 'none yet'}"
            )
        return self.tensors[key]

    def dataset_info(self) -> dict[str, Any]:
        """The dataset's info; read once."""
        with self.lock:
            if self.info is None:
                self.info = self._json_object(keys.dataset_info(self.commit.id))
            return self.info

    def tensor_info(self, tensor: TensorState) -> dict[str, Any]:
        """A tensor's info, with the properties of its htype filled in; read once."""
        with self.lock:
            if tensor.info is None:
                path = keys.tensor_info(self.commit.id, tensor.key)
                try:
                    tensor.info = self.described(tensor.meta, self._json_object(path))
                except SampleError as error:
                    raise FormatError(f"{path}: {error}") from error
            return tensor.info

    def described(self, meta: TensorMeta, info: dict[str, Any]) -> dict[str, Any]:
        """The info with the properties of the tensor's htype filled in.

        Raises:
            SampleError: one of them has an unfitting value.
        """
        info = {**{name: _mutable(value) for name, value in htype_row(meta.htype).info.items()}, **info}
        for name, value in htype_row(meta.htype).info.items():
            if value is not None and not isinstance(info[name], type(_mutable(value))):
                raise SampleError(f"field {name!r} has an unexpected value {info[name]!r:.80}")
        return info

    def linked_creds(self) -> LinkedCreds:
        """Names of the credentials that links mention; read each time, as other versions share it.

        Raises:
            FormatError: they cannot be understood. All that needs none of them goes on.
        """
        data = fetch(self.storage, [keys.LINKED_CREDS])[keys.LINKED_CREDS]
        try:
            return LinkedCreds() if data is None else LinkedCreds.decode(data, keys.LINKED_CREDS)
        except FormatError as error:
            raise FormatError(
                f"the names of the credentials keys of {self.storage.url} cannot be read: {error}; restore that file "
                "from a backup (ds.fsck() says whether links need it)"
            ) from error

    def _json_object(self, path: str) -> dict[str, Any]:
        data = self._fetch([path])[path]
        value = {} if data is None else decode_json(data, path)
        if not isinstance(value, dict):
            raise FormatError(f"{path}: expected a JSON object, got a {type(value).__name__}")
        return value

    # ------------------------------------------------------------------ where rows are

    def tables(self, tensor: TensorState) -> Tables:
        """A tensor's tables, loaded with one round of requests and cut to the length its metadata states.

        The same round brings what tells where its chunks are, in all commits that this version rests on.

        A writer that died between tables and metadata leaves longer tables; what they have more was never flushed.

        Raises:
            FormatError: tables shorter than the stated length.
            StorageError: another writer has removed rows, or items of rows, since the version was loaded.
        """
        if tensor.tables is not None:
            return tensor.tables
        with self.lock:
            if tensor.tables is None:
                (tensor.tables,) = self._load_tables([tensor], self._sets_wanted(tensor))
            return tensor.tables

    def _check_unchanged(self, tensor: TensorState, error: LakeError) -> None:
        """Tell what only looks like damage from rows that another writer has removed since the version was loaded.

        Raises:
            StorageError: that is what happened.
        """
        path = keys.tensor_meta(self.commit.id, tensor.key)
        now = self._fetch([path])[path]
        if now is None or TensorMeta.decode(now, path, tensor.key).encode() != tensor.meta.encode():
            raise self._overtaken(tensor) from error

    def _missing(self, tensor: TensorState, path: str) -> LakeError:
        """What to say of a chunk that is not there: that its rows were changed meanwhile, or that it is lost."""
        table = keys.chunk_ids(self.commit.id, tensor.key)
        try:
            now = self._fetch([table])[table]
            names = map(keys.chunk_name, ChunkIds.decode(now, table).ids.tolist() if now else [])
        except LakeError as error:
            return error
        if path.rpartition("/")[2] not in names:
            return self._overtaken(tensor)
        return FormatError(f"{self.storage.url}: {path} is missing, though the tensor's table names it")

    def _unfitting(self, tensor: TensorState, error: LakeError) -> LakeError:
        """What to say of a chunk that cannot be understood: it may be of a tensor that was made anew."""
        path = keys.tensor_meta(self.commit.id, tensor.key)
        try:
            now = self._fetch([path])[path]
            is_same = now is not None and is_alike(TensorMeta.decode(now, path, tensor.key), tensor.meta)
        except LakeError:
            return error  # that the metadata cannot be read says nothing of the chunk
        return error if is_same else self._overtaken(tensor)

    def _overtaken(self, tensor: TensorState) -> StorageError:
        return StorageError(
            f"{self.storage.url}: another writer has changed tensor {tensor.meta.name!r} since it was loaded; "
            "load the dataset again"
        )

    def load_all_tables(self) -> None:
        """The tables of every tensor, with one round of requests for those not loaded yet."""
        self._load_missing(self.tensors.values(), lambda _: {})

    def load_tables(self, tensors: Iterable[TensorState], *, are_added_to: bool) -> None:
        """The tables of tensors, and where their chunks are, with one round of requests for those not loaded yet.

        Whoever only adds rows needs to know of no chunk of older commits, of which there may be many.
        """
        self._load_missing(tensors, lambda tensor: self._sets_wanted(tensor, is_own=are_added_to))

    def _load_missing(
        self, tensors: Iterable[TensorState], wanted: Callable[[TensorState], dict[str, tuple[str, str]]]
    ) -> None:
        with self.lock:
            missing = [tensor for tensor in tensors if tensor.tables is None]
            sets = {path: place for tensor in missing for path, place in wanted(tensor).items()}
            for tensor, tables in zip(missing, self._load_tables(missing, sets), strict=True):
                tensor.tables = tables

    def bring(self, chunks: Mapping[str, TensorState]) -> None:
        """Read chunks of several tensors into the cache, in one round; errors are told when they are needed."""
        wanted = [path for path in chunks if self._cached(path, 0) is None]
        for path, data in zip(wanted, get_many(self.storage, [(path, None) for path in wanted]), strict=True):
            if not isinstance(data, LakeError):
                self._parse(chunks[path], path, data)

    def _sets_wanted(self, tensor: TensorState, *, is_own: bool = False) -> dict[str, tuple[str, str]]:
        """The lists of chunks that are not known yet: of this version, and of all commits below it."""
        if self.commit.id == keys.FIRST_COMMIT:
            return {}
        nodes = [self.commit] if is_own else self.tree.ancestry(self.commit.id)
        wanted = [(node.id, tensor.key) for node in nodes if node.id != keys.FIRST_COMMIT]
        return {keys.chunk_set(*one): one for one in wanted if one not in self._chunk_sets}

    def _load_tables(
        self, tensors: list[TensorState], sets: Mapping[str, tuple[str, str]] | None = None
    ) -> list[Tables]:
        wanted = [table_keys(self.commit.id, tensor.key, tensor.meta) for tensor in tensors]
        found = self._fetch([*(path for paths in wanted for path in paths.values()), *(sets or {})])
        for path, place in (sets or {}).items():
            data = found[path]
            self._chunk_sets[place] = {} if data is None else decode_chunk_set(data)
        loaded = []
        for tensor, paths in zip(tensors, wanted, strict=True):
            meta = keys.tensor_meta(self.commit.id, tensor.key)
            try:
                if not has_same_rows(tensor, meta, found, paths):
                    raise self._overtaken(tensor)
                loaded.append(decode_tables(tensor, meta, found, paths))
            except FormatError as error:
                self._check_unchanged(tensor, error)
                raise
        return loaded

    def chunk_key(self, tensor: TensorState, chunk_id: int) -> str:
        """Object key of a chunk: the nearest ancestor commit that wrote it has it."""
        found = tensor.owners.get(chunk_id)
        if found is None:
            self._know_sets(tensor)
            found = tensor.owners[chunk_id] = keys.chunk(*self.owner(tensor, chunk_id), keys.chunk_name(chunk_id))
        return found

    def is_own(self, tensor: TensorState, chunk_id: int) -> bool:
        """Whether a chunk was written in this version, which may write it again."""
        commit = self.commit.id
        if commit == keys.FIRST_COMMIT:
            return True
        entry = self.chunk_set(commit, tensor.key).get(keys.chunk_name(chunk_id))
        return entry is not None and (entry[0] or commit, entry[1] or tensor.key) == (commit, tensor.key)

    def owner(self, tensor: TensorState, chunk_id: int) -> tuple[str, str]:
        """The commit and tensor key that a chunk's object lies under."""
        return self.tree.owner(self.commit.id, tensor.key, keys.chunk_name(chunk_id), self.chunk_set)

    def _know_sets(self, tensor: TensorState) -> None:
        """Read the lists of chunks that are not known yet, in one round."""
        with self.lock:
            wanted = self._sets_wanted(tensor)
            for path, data in self._fetch(list(wanted)).items() if wanted else ():
                self._chunk_sets[wanted[path]] = {} if data is None else decode_chunk_set(data)

    def chunk_set(self, commit: str, tensor: str) -> dict[str, tuple[str, str]]:
        """Chunks that a commit (not the first) wrote for a tensor."""
        with self.lock:
            found = self._chunk_sets.get((commit, tensor))
            if found is None:
                path = keys.chunk_set(commit, tensor)
                data = self._fetch([path])[path]
                found = self._chunk_sets[commit, tensor] = {} if data is None else decode_chunk_set(data)
            return found

    def remember_chunk_set(self, commit: str, tensor: str, entries: dict[str, tuple[str, str]]) -> None:
        """Take over what a writer is about to store."""
        self._chunk_sets[commit, tensor] = entries

    # ------------------------------------------------------------------ chunks

    def load_chunks(self, tensor: TensorState, entries: list[int]) -> list[LoadedChunk | LakeError]:
        """Chunks by their place in the table, from the cache or with one concurrent round of requests.

        A chunk that cannot be read stands as its error, so that others are not lost with it.
        """
        ids = self.tables(tensor).ids
        paths = [self.chunk_key(tensor, int(ids.ids[entry])) for entry in entries]
        out: list[LoadedChunk | LakeError | None] = [
            self._cached(path, ids.count(entry)) for path, entry in zip(paths, entries, strict=True)
        ]
        missing = [place for place, found in enumerate(out) if found is None]
        if missing:
            fetched = get_many(self.storage, [(paths[place], None) for place in missing])
            for place, data in zip(missing, fetched, strict=True):
                out[place] = self._parse(tensor, paths[place], data)
        return [loaded for loaded in out if loaded is not None]

    def _cached(self, path: str, count: int) -> LoadedChunk | LakeError | None:
        """A chunk in memory; not one that was loaded before samples were added to it."""
        try:
            found = self.chunks.get(path)
        except LakeError as error:
            return error
        return found if found is None or len(found.chunk) >= count else None

    def _parse(self, tensor: TensorState, path: str, data: memoryview | LakeError) -> LoadedChunk | LakeError:
        if isinstance(data, KeyNotFoundError):
            return self._missing(tensor, path)
        if isinstance(data, LakeError):
            return data
        meta = tensor.meta
        try:
            chunk = packing.parse(data, meta, path)
            loaded = LoadedChunk(chunk, as_array(chunk, meta))
        except FormatError as error:
            return self._unfitting(tensor, error)
        self.chunks.put(path, loaded)
        return loaded


def _mutable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, dict) else value
