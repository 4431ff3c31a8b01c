"""Changes to a dataset: new tensors, appended rows, info; and the flush that makes them count.

Nothing is visible to others before a flush. A flush writes chunks, then tables, then companions' metadata, then
tensors' metadata, then the dataset's own, so that a reader or a crash in between finds only whole rows.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import companions
from deeplake_nb.dataset.appender import Appender
from deeplake_nb.dataset.lock import WriteLock
from deeplake_nb.dataset.state import Tables, TensorState
from deeplake_nb.errors import (
    FormatError,
    KeyNotFoundError,
    LakeError,
    LockedError,
    ReadOnlyError,
    SampleError,
    TensorExistsError,
    UnsupportedError,
)
from deeplake_nb.format import keys
from deeplake_nb.format.diffs import CommitDiff
from deeplake_nb.format.encoders import ChunkIds, CredsCodes, Sequences
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.meta import TensorMeta
from deeplake_nb.format.plans import Phase, Put, write_plan
from deeplake_nb.format.samples import Link, Sample
from deeplake_nb.format.versions import encode_chunk_set
from deeplake_nb.storage.provider import get_many, put_many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.dataset.state import State
    from deeplake_nb.format.creation import TensorSpec

_FILES_AT_ONCE = 64
_VALUES_AT_ONCE = 8192


class Writer:
    """The one writing end of a dataset version. Every method takes the dataset's lock."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._appenders: dict[str, Appender] = {}
        self._info_dirty = False
        self._meta_dirty = False
        self._diffs: dict[str, CommitDiff] = {}  # by tensor key, once it is about to change
        self._open = 0
        self._is_extending = False
        self._thread = 0  # that wrote last
        self._writing = threading.RLock()
        self._lock = self._new_lock()

    def _new_lock(self) -> WriteLock:
        itself = weakref.ref(self)
        key = keys.write_lock(self.state.commit.id)
        lock = WriteLock(self.state.storage, key, lambda: (writer := itself()) is not None and writer.is_busy)
        weakref.finalize(self, lock.abandon)
        return lock

    @property
    def is_busy(self) -> bool:
        """Whether something is appended or changed that no flush has written."""
        appenders = list(self._appenders.values())  # the thread that renews the lock asks too, at any time
        return self._info_dirty or self._meta_dirty or any(one.is_dirty or one.is_info_dirty for one in appenders)

    # ------------------------------------------------------------------ when to flush

    def begin(self) -> None:
        """Hold flushes back until the matching ``end`` (``with ds:``)."""
        with self._writing:
            self._open += 1

    def end(self) -> None:
        """Flush, when the outermost ``begin`` ends."""
        with self._writing:
            self._open -= 1
            self.flush(held=True)

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._writing:
            self._thread = threading.get_ident()
            self._lock_for_writing()
            yield
            self.flush(held=True)

    def _lock_for_writing(self) -> None:
        """Hold the write lock; what others have written since this dataset was loaded is read first.

        Raises:
            LockedError: another writer holds it, or had it while rows here were unwritten.
            ReadOnlyError: a closed commit.
        """
        while self._lock.acquire():
            if self.is_busy:
                self._lock.release()
                raise LockedError(
                    f"{self.state.storage.url}: the write lock ran out while rows were unwritten, and another writer "
                    "may have gone on; load the dataset again and append them anew"
                )
            commit = self.state.commit.id
            try:
                self.state.refresh()
            except BaseException:  # what is known stays old, so it must be read again before anything is written
                self._lock.release()
                raise
            self._appenders.clear()
            self._diffs.clear()
            if self.state.commit.id != commit:  # another writer has committed: the branch goes on in a new head
                self._lock.release()
                self._lock = self._new_lock()
        if not self.state.commit.is_head:
            self._lock.release()
            raise ReadOnlyError(
                f"commit {self.state.commit.id[:12]} of {self.state.storage.url} is closed; "
                "check out a branch to write to"
            )

    def flush(self, *, held: bool = False) -> None:
        """Write everything that is not written yet; with ``held``, only outside ``with ds:``.

        Raises:
            StorageError: the storage failed; everything stays in memory and the next flush tries again.
            SampleError: an ``extend`` is under way, whose values ask for this.
        """
        with self._writing:
            if (held and (self._open or self._is_extending)) or not self.is_busy:
                return
            if self._is_extending:
                raise SampleError("values of an extend cannot flush the dataset while it is being extended")
            self._lock_for_writing()
            puts = [put for appender in self._appenders.values() for put in appender.puts()]
            puts += self._bookkeeping()
            for _, phase in groupby(write_plan(puts), key=attrgetter("phase")):
                put_many(self.state.storage, [(put.key, put.data) for put in phase])
            for put in puts:
                self.state.chunks.drop(put.key)
            for appender in self._appenders.values():
                appender.flushed()
            self._info_dirty = self._meta_dirty = False

    def close(self) -> None:
        """Flush and give the write lock up; a later write takes it again."""
        self.flush()
        self._lock.release()

    def settled(self, tensor: TensorState) -> TensorState:
        """The tensor as a reader should see it: with all its rows, which are flushed first if need be.

        While another thread is writing, and within an ``extend``, it is as the last flush left it.
        """
        self.state.tables(tensor)  # so that the snapshot has them, and they are read once
        seen = tensor.snapshot()
        appender = self._appenders.get(tensor.key)
        if appender is None or appender.flushed_tensor is None:
            return seen
        if self._writing.acquire(blocking=self._thread == threading.get_ident()):
            try:
                if appender.is_dirty and not self._is_extending:
                    self.flush()
            finally:
                self._writing.release()
        return appender.flushed_tensor

    def _bookkeeping(self) -> list[Put]:
        state, commit = self.state, self.state.commit.id
        puts = []
        for key, appender in self._appenders.items():
            if commit != keys.FIRST_COMMIT and appender.written:
                entries = dict(state.chunk_set(commit, key))
                entries.update((name, ("", "")) for name in map(keys.chunk_name, appender.written))
                state.remember_chunk_set(commit, key, entries)
                puts.append(Put(Phase.TABLES, keys.chunk_set(commit, key), encode_chunk_set(entries)))
        if self._info_dirty:
            puts.append(Put(Phase.TABLES, keys.dataset_info(commit), companions.stored_info(state.dataset_info())))
        for key, appender in self._appenders.items():
            diff = self._diffs[key]
            if appender.is_dirty:
                diff.added_stop = state.tensors[key].length
            if appender.is_info_dirty and not diff.created:
                diff.info_updated = True
            if appender.is_dirty or appender.is_info_dirty:
                puts.append(Put(Phase.TABLES, keys.commit_diff(commit, key), diff.encode()))
        if self._meta_dirty:
            puts.append(Put(Phase.DATASET, keys.dataset_meta(commit), state.meta.encode()))
        return puts

    def _load_diffs(self, tensors: Iterable[str]) -> None:
        wanted = [key for key in tensors if key not in self._diffs]
        paths = [keys.commit_diff(self.state.commit.id, key) for key in wanted]
        found = get_many(self.state.storage, [(path, None) for path in paths])
        for key, path, data in zip(wanted, paths, found, strict=True):
            if isinstance(data, LakeError):
                if not isinstance(data, KeyNotFoundError):
                    raise data
                rows = self.state.tensors[key].length
                self._diffs[key] = CommitDiff(added_first=rows, added_stop=rows)
            else:
                self._diffs[key] = CommitDiff.decode(bytes(data), path)

    # ------------------------------------------------------------------ new tensors

    def create_tensor(self, spec: TensorSpec) -> TensorState:
        """Add an empty tensor with its companions.

        Raises:
            TensorExistsError: the name is taken.
            HtypeError: unknown htype, dtype, compression or option.
        """
        name, meta, info = spec.name, spec.meta(), spec.info()
        state = self.state
        with self._change():
            if name in state.meta.tensor_names or name in state.meta.groups:
                raise TensorExistsError(f"{name!r} exists already in {state.storage.url}; choose another name")
            if any(name.startswith(f"{other}/") for other in state.meta.tensor_names):
                raise TensorExistsError(f"{name!r} lies below a tensor; a group cannot have a tensor's name")
            wanted = companions.wanted(name, htype_row(meta.htype), **spec.companions())
            for companion in wanted:
                if companion.name in state.meta.tensor_names:
                    raise TensorExistsError(
                        f"{name!r} needs the hidden tensor {companion.name!r}, a name already taken"
                    )
            for companion in wanted:
                self._add_tensor(TensorMeta(companion.name, hidden=True, **companion.fields), None)
            links = {self.state.meta.tensor_names[companion.name]: companion.link for companion in wanted}
            tensor = self._add_tensor(replace(meta, links=links), info)
            for parent in _parents(name):
                if parent not in state.meta.groups:
                    state.meta.groups.append(parent)
        return tensor

    def _add_tensor(self, meta: TensorMeta, info: dict[str, Any] | None) -> TensorState:
        state = self.state
        key = meta.name
        while key in state.tensors:
            key = f"{meta.name}_{np.random.default_rng().integers(16**4):04x}"
        self._clear_leftovers(key)
        tensor = TensorState(key, meta, info)
        sequences = Sequences() if meta.is_sequence else None
        tensor.tables = Tables(ChunkIds(), {}, sequences, CredsCodes() if meta.is_link else None)
        state.tensors[key] = tensor
        state.meta.tensors.append(key)
        state.meta.tensor_names[meta.name] = key
        if meta.hidden:
            state.meta.hidden_tensors.append(key)
        appender = self._appenders[key] = Appender(state, tensor, is_new=True)
        appender.is_info_dirty = bool(info)
        self._diffs[key] = CommitDiff(created=True)
        self._meta_dirty = True
        return tensor

    def _clear_leftovers(self, key: str) -> None:
        """Delete what a writer that died, or a deleted tensor, left under a key: it would pass for the new tensor's."""
        storage, commit = self.state.storage, self.state.commit.id
        names = (keys.chunk_ids, keys.tiles, keys.sequences, keys.creds_keys, keys.tensor_info, keys.commit_diff)
        for path in [name(commit, key) for name in (*names, keys.chunk_set)] if self._has_leftovers(key) else []:
            storage.delete(path)

    def _has_leftovers(self, key: str) -> bool:
        found = self.state.storage.list(keys.tensor_root(self.state.commit.id, key), delimiter="/")
        return next(iter(found), None) is not None

    # ------------------------------------------------------------------ rows

    def extend(self, columns: Mapping[str, Any], *, in_step: bool = False) -> None:
        """Append rows to tensors (by key), to all of them or to none; ``in_step`` only if all are as long.

        Large batches are taken in slabs, so that memory holds a chunk per tensor and one slab.

        Raises:
            SampleError: a value that does not fit; the dataset is as it was.
        """
        with self._change():
            if self._is_extending:
                raise SampleError("values of an extend cannot append to the dataset while it is being extended")
            if not all(isinstance(values, (Sequence, np.ndarray)) for values in columns.values()):
                self.flush()  # an iterator may read from this dataset
            rows = {self.state.tensors[key].meta.name: self.state.tensors[key].length for key in columns}
            if in_step and len(set(rows.values())) > 1:
                raise SampleError(f"tensors have different numbers of rows already: {rows}; append to them one by one")
            touched = self._touch(self._with_companions(columns))
            marks = {key: appender.mark() for key, appender in touched.items()}
            self._is_extending = True
            try:
                for key, values in columns.items():
                    self._align_companions(key)
                    for slab in _slabs(values, self.state.tensors[key].meta):
                        self._extend_one(touched[key], slab)
            except BaseException:
                orphans = [path for key, appender in touched.items() for path in appender.restore(marks[key])]
                for path in orphans:
                    with suppress(LakeError):  # nothing refers to it; the first error is the one to see
                        self.state.storage.delete(path)
                raise
            finally:
                self._is_extending = False

    def _extend_one(self, appender: Appender, values: Any) -> None:
        links = appender.tensor.meta.links
        added = appender.extend(values)
        for key, link in links.items():
            self._appenders[key].extend(companions.FUNCTIONS[link["extend"]](added))

    def _align_companions(self, key: str) -> None:
        """Cut companions to the length of their tensor: a writer that died may have left them longer.

        Raises:
            FormatError: one is shorter.
        """
        tensor = self.state.tensors[key]
        for companion, link in tensor.meta.links.items():
            length = tensor.meta.length if link.get("flatten_sequence") else tensor.length
            if self.state.tensors[companion].length < length:
                raise FormatError(
                    f"tensor {tensor.meta.name!r} has {length} samples, its companion {companion!r} only "
                    f"{self.state.tensors[companion].length}; the dataset is damaged"
                )
            self._appenders[companion].cut(length)

    def _with_companions(self, columns: Mapping[str, Any]) -> list[str]:
        out = []
        for key in columns:
            meta = self.state.tensors[key].meta
            for companion, link in meta.links.items():
                if link.get("extend") not in companions.FUNCTIONS or companion not in self.state.tensors:
                    raise UnsupportedError(
                        f"tensor {meta.name!r} has a companion {companion!r} kept by {link.get('extend')!r}, "
                        "which cannot be kept up yet; appending would leave it behind"
                    )
                out.append(companion)
            out.append(key)
        return out

    def _touch(self, tensors: Sequence[str]) -> dict[str, Appender]:
        """Appenders of tensors (by key) that are about to change."""
        self._load_diffs(tensors)
        for key in tensors:
            if key not in self._appenders:
                self._appenders[key] = Appender(self.state, self.state.tensors[key])
        return {key: self._appenders[key] for key in tensors}

    # ------------------------------------------------------------------ info

    def set_info(self, key: str | None, info: dict[str, Any]) -> None:
        """Replace the info of a tensor (by key), or of the dataset."""
        with self._change():
            if key is None:
                self.state.info = info
                self._info_dirty = True
            else:
                tensor = self.state.tensors[key]
                info = self.state.described(tensor.meta, info)
                self._touch([key])[key].is_info_dirty = True
                tensor.info = info


def _slabs(values: Any, meta: TensorMeta) -> Iterator[Any]:
    """A batch in pieces whose payloads fit into memory; arrays stay whole, as their bytes are there already."""
    if isinstance(values, (str, bytes, Mapping, Sample, Link)) or not isinstance(values, Iterable):
        raise SampleError(f"tensor {meta.name!r}: extend takes a sequence of samples, got a {type(values).__name__}")
    if isinstance(values, np.ndarray):
        if values.ndim == 0:
            raise SampleError(f"tensor {meta.name!r}: extend takes a sequence of samples, got a single number")
        if len(values):
            yield values
        return
    heavy = meta.is_link or htype_row(meta.htype).payload == "array"
    if isinstance(values, Sequence):
        if len(values) and heavy and isinstance(values[0], (int, float, np.number)):
            yield values
            return
        size = _FILES_AT_ONCE if heavy else _VALUES_AT_ONCE
        yield from (values[start : start + size] for start in range(0, len(values), size))
        return
    rest = iter(values)
    while slab := list(islice(rest, _FILES_AT_ONCE if heavy else _VALUES_AT_ONCE)):
        yield slab


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
