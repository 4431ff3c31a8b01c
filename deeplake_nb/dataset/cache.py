"""Chunks in memory: parsed, and as arrays where all samples of a chunk are alike."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.format.htypes import htype_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.ranged import Head
    from deeplake_nb.format.chunk import Chunk
    from deeplake_nb.format.meta import TensorMeta

CACHE_NBYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class LoadedChunk:
    """A chunk in memory; ``array`` is ``(n, *shape)`` over its bytes when all its samples are alike."""

    chunk: Chunk
    array: NDArray[Any] | None


class ChunkCache:
    """Parsed chunks by object key, the least recently used thrown out beyond ``limit`` bytes. Thread-safe."""

    def __init__(self, limit: int = CACHE_NBYTES) -> None:
        self._limit = limit
        self._nbytes = 0
        self._chunks: OrderedDict[str, LoadedChunk] = OrderedDict()
        self._pinned: dict[str, LoadedChunk] = {}
        self._lock = threading.Lock()
        self.heads: dict[str, Head] = {}
        """Headers of chunks of which single rows are read; see `ranged`."""

    def get(self, key: str) -> LoadedChunk | None:
        """The chunk, if it is here."""
        with self._lock:
            pinned = self._pinned.get(key)
            if pinned is not None:
                return pinned
            found = self._chunks.get(key)
            if found is not None:
                self._chunks.move_to_end(key)
            return found

    def put(self, key: str, loaded: LoadedChunk) -> None:
        """Keep a chunk."""
        with self._lock:
            self._drop(key)
            self._chunks[key] = loaded
            self._nbytes += len(loaded.chunk.data)
            while self._nbytes > self._limit and len(self._chunks) > 1:
                self._drop(next(iter(self._chunks)))

    def pin(self, key: str, loaded: LoadedChunk) -> None:
        """Keep a chunk that is not stored yet, until it is dropped."""
        with self._lock:
            self._pinned[key] = loaded

    def clear(self) -> None:
        """Forget all chunks."""
        with self._lock:
            self._chunks.clear()
            self._pinned.clear()
            self.heads.clear()
            self._nbytes = 0

    def drop(self, key: str) -> None:
        """Forget a chunk that was rewritten, or is stored now."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._pinned.pop(key, None)
        self.heads.pop(key, None)
        found = self._chunks.pop(key, None)
        if found is not None:
            self._nbytes -= len(found.chunk.data)


def as_array(chunk: Chunk, meta: TensorMeta) -> NDArray[Any] | None:
    """The samples as one array over the chunk's bytes; None where they differ or need decoding.

    Raises:
        FormatError: samples whose bytes do not fill their shape.
    """
    if meta.is_link or meta.sample_compression or meta.dtype is None or htype_row(meta.htype).payload != "array":
        return None
    uniform = chunk.uniform()
    if uniform is None or not uniform[0]:
        return None
    nbytes, shape = uniform
    dtype = np.dtype(meta.dtype)
    if dtype.hasobject:
        return None
    if nbytes != dtype.itemsize * math.prod(shape):
        raise FormatError(f"{chunk.what}: samples of {nbytes} bytes are no {dtype} arrays of shape {shape}")
    start = int(chunk.positions[0, 1])
    array: NDArray[Any] = np.frombuffer(chunk.data[start : start + nbytes * len(chunk)], dtype)
    return array.reshape(len(chunk), *shape)
