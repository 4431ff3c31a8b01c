"""Chunks in memory: parsed, and as arrays where all samples of a chunk are alike."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.format.htypes import htype_row

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.ranged import Head
    from deeplake_nb.format.chunk import Chunk
    from deeplake_nb.format.meta import TensorMeta

Value = TypeVar("Value")

CACHE_NBYTES = 256 * 2**20
HEADS_NBYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class LoadedChunk:
    """A chunk in memory; ``array`` is ``(n, *shape)`` over its bytes when all its samples are alike."""

    chunk: Chunk
    array: NDArray[Any] | None


class Recent(Generic[Value]):
    """Values by key, the least recently used thrown out beyond ``limit`` bytes, but for one. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._nbytes = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value, if it is here."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Value, nbytes: int) -> None:
        """Keep a value that takes so much memory."""
        with self._lock:
            self._drop(key)
            self._values[key] = value, nbytes
            self._nbytes += nbytes
            while self._nbytes > self._limit and len(self._values) > 1:
                self._drop(next(iter(self._values)))

    def drop(self, key: Hashable) -> None:
        """Forget a value."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()
            self._nbytes = 0

    def _drop(self, key: Hashable) -> None:
        found = self._values.pop(key, None)
        if found is not None:
            self._nbytes -= found[1]


class ChunkCache:
    """Parsed chunks by object key, and headers of chunks that are not here. Thread-safe.

    Args:
        limit: bytes of chunks.
        heads_limit: bytes of headers.
    """

    def __init__(self, limit: int = CACHE_NBYTES, heads_limit: int = HEADS_NBYTES) -> None:
        self._recent: Recent[LoadedChunk] = Recent(limit)
        self._pinned: dict[str, Callable[[], LoadedChunk]] = {}
        self.heads: Recent[Head] = Recent(heads_limit)
        """Headers of chunks of which single rows are read; see `ranged`."""

    def get(self, key: str) -> LoadedChunk | None:
        """The chunk, if it is here.

        Raises:
            LakeError: one that is pinned and could not be read.
        """
        pinned = self._pinned.get(key)
        return self._recent.get(key) if pinned is None else pinned()

    def put(self, key: str, loaded: LoadedChunk) -> None:
        """Keep a chunk."""
        self._recent.put(key, loaded, len(loaded.chunk.data))
        self._pinned.pop(key, None)
        self.heads.drop(key)

    def pin(self, key: str, load: Callable[[], LoadedChunk]) -> None:
        """Know of a chunk that is not stored yet, until it is dropped."""
        self._pinned[key] = load

    def clear(self) -> None:
        """Forget all chunks."""
        self._recent.clear()
        self._pinned.clear()
        self.heads.clear()

    def drop(self, key: str) -> None:
        """Forget a chunk that was rewritten, or is stored now."""
        self._recent.drop(key)
        self._pinned.pop(key, None)
        self.heads.drop(key)


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
