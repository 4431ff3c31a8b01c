"""A chunk that differs from another in the bytes of some samples, none of which got longer or moved."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.dataset.cache import LoadedChunk, as_array
from deeplake_nb.format.chunk import Chunk
from deeplake_nb.storage.provider import Patched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.ranged import Head
    from deeplake_nb.format.batch import Uniform
    from deeplake_nb.format.meta import TensorMeta
    from deeplake_nb.storage.provider import StorageProvider

    Ints = NDArray[np.int64]

_PATCH_NBYTES = 4096
"""A patch costs as much as so many bytes of a chunk that is read and written whole."""


class Amended:
    """A chunk, and what some of its samples are to be.

    Of a stored one only the new bytes are kept, and the storage copies the rest of it. It is read when somebody looks
    at it, or has changed so much that it is better stored whole. Thread-safe: others may look while a writer goes on.

    Args:
        tables: the chunk; of a stored one its tables are enough.
        meta: of the tensor.
        source: where it is stored, and where in the object its data starts; None for a chunk in memory.
    """

    def __init__(self, tables: Chunk, meta: TensorMeta, source: tuple[StorageProvider, str, int] | None) -> None:
        self._tables, self._meta, self._source = tables, meta, source
        self._alike = tables.uniform()
        self._patches: list[tuple[int, memoryview]] = []  # by where in the data
        self._patches_nbytes = 0
        self._data: bytearray | None = None
        self._loaded: LoadedChunk | None = None
        self._lock = threading.Lock()
        if source is None:
            self._loaded = LoadedChunk(tables, as_array(tables, meta))

    @classmethod
    def of(cls, loaded: LoadedChunk | None, meta: TensorMeta) -> Amended | None:
        """A chunk in memory, if it is one."""
        return cls(loaded.chunk, meta, None) if loaded is not None else None

    @classmethod
    def stored(cls, head: Head, storage: StorageProvider, path: str, meta: TensorMeta) -> Amended | None:
        """A stored chunk that is not compressed; None for one that is cut off, which reading it whole will tell."""
        sizes, starts, lasts = head.chunk.positions.T
        end = head.start + int((starts + sizes * np.diff(lasts, prepend=-1)).max(initial=0))
        return cls(head.chunk, meta, (storage, path, head.start)) if end <= storage.size(path) else None

    def __len__(self) -> int:
        return len(self._tables)

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self._patches_nbytes + (0 if self._loaded is None else len(self._loaded.chunk.data))

    def fits(self, rows: Ints, new: Uniform) -> bool:
        """Whether samples ``rows`` (rising) are as long and as shaped as new ones."""
        tables, alike = self._tables, self._alike
        if alike is not None:
            return bool(new.nbytes) and alike == (new.nbytes, new.shape) and int(rows[-1]) < len(tables)
        if tables.is_whole or not new.nbytes or new.shape is None or tables.rank != len(new.shape):
            return False
        at = np.searchsorted(tables.shapes[:, -1], rows)
        if int(at[-1]) >= len(tables.shapes) or bool((tables.shapes[at, :-1] != new.shape).any()):
            return False
        starts, stops = tables.spans(rows)
        return bool((stops - starts == new.nbytes).all())

    def prepare(self, count: int) -> None:
        """Read the chunk, where that is better than ``count`` patches more.

        Raises:
            LakeError: it cannot be read.
        """
        whole = int((self._tables.positions[:, 0] * np.diff(self._tables.positions[:, 2], prepend=-1)).sum())
        if self._source is not None and (len(self._patches) + count) * _PATCH_NBYTES > whole:
            self.loaded()
            self._source, self._patches, self._patches_nbytes = None, [], 0

    def assign(self, rows: Ints, payload: memoryview) -> None:
        """Give samples that fit new bytes, one after the other in ``payload``."""
        starts, stops = self._tables.spans(rows)
        own = memoryview(bytes(payload))  # that nobody else can change
        with self._lock:
            if self._source is not None:
                self._patches += _runs(starts, stops, own)
                self._patches_nbytes += len(own)
            if self._loaded is not None:
                _assign(self._data or self._hold(self._loaded.chunk.data), starts, stops, own)

    def loaded(self) -> LoadedChunk:
        """The chunk to read from; later changes show in it.

        Raises:
            LakeError: it cannot be read.
        """
        with self._lock:
            if self._loaded is None:
                assert self._source is not None
                storage, path, _ = self._source
                data = self._hold(Chunk.parse(storage.get(path), path).data)
                for start, patch in self._patches:
                    data[start : start + len(patch)] = patch
            assert self._loaded is not None
            return self._loaded

    def patched(self) -> Patched | None:
        """What to store; None where that is the whole chunk."""
        if self._source is None:
            return None
        _, path, first = self._source
        return Patched(path, [(first + start, patch) for start, patch in self._patches])

    def _hold(self, content: memoryview) -> bytearray:
        """Read from a copy from now on, which can be changed."""
        self._data = data = bytearray(content)
        chunk = replace(self._tables, data=memoryview(data).toreadonly())
        self._loaded = LoadedChunk(chunk, as_array(chunk, self._meta))
        return data


def _runs(starts: Ints, stops: Ints, payload: memoryview) -> list[tuple[int, memoryview]]:
    """Where to put which parts of a payload, with what goes side by side in one."""
    firsts = np.flatnonzero(np.append(True, starts[1:] != stops[:-1]))
    edges = np.append(firsts, len(starts)) * int(stops[0] - starts[0])
    cuts = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [(start, payload[cut:end]) for start, (cut, end) in zip(starts[firsts].tolist(), cuts, strict=True)]


def _assign(data: bytearray, starts: Ints, stops: Ints, payload: memoryview) -> None:
    nbytes = int(stops[0] - starts[0])
    first = int(starts[0]) % nbytes
    places, beside = np.divmod(starts - first, nbytes)
    if beside.any():  # samples of other lengths lie between
        for start, patch in _runs(starts, stops, payload):
            data[start : start + len(patch)] = patch
        return
    samples = np.frombuffer(data, np.uint8, (len(data) - first) // nbytes * nbytes, first).reshape(-1, nbytes)
    samples[places] = np.frombuffer(payload, np.uint8).reshape(-1, nbytes)
