"""All of a tensor, a block at a time, for who scans it: no more of it in memory than the blocks under way.

A block of numbers fits into a core's own cache. Of a large tensor on this machine it is a larger part of the file, as
it lies in memory, or is read straight into the same megabyte again and again, so that the samples cross the memory
once; anything else comes chunk by chunk, through the cache. Of texts and JSON a block is what a chunk holds, as it is
stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.dataset.mapped import mapped, stamp
from deeplake_nb.dataset.reader import read_uniform
from deeplake_nb.dataset.selection import Selection
from deeplake_nb.errors import DynamicShapeError, KeyNotFoundError, LakeError, StorageError
from deeplake_nb.format.chunk import UNIFORM_HEAD_NBYTES, uniform_start
from deeplake_nb.format.index import Index
from deeplake_nb.format.samples import as_bytes
from deeplake_nb.storage.provider import ByteRange, ReadsInto

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.format.samples import StoredSample

BLOCK_NBYTES = 1 << 20
_CACHED_NBYTES = 128 << 20
"""Tensors up to this are kept as chunks: the next scan of them reads nothing."""


_FEW = 16
"""One row out of so many costs as much to read as all of them together."""


class Span(NamedTuple):
    """Neighbouring rows ``[first, stop)`` that lie in one chunk, whose own first row is ``origin``."""

    entry: int
    origin: int
    first: int
    stop: int

    @property
    def rows(self) -> slice:
        """The rows, as the chunk counts them."""
        return slice(self.first - self.origin, self.stop - self.origin)


class Block(NamedTuple):
    """Neighbouring rows of one chunk.

    Attributes:
        first: the number of the first one.
        vectors: all of them, ``(n, width)``; only to be read, and perhaps at an address that suits no number.
        stamp: tells them from what stands there at another time; None where nothing does.
    """

    first: int
    vectors: NDArray[Any]
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class Blocks:
    """The rows of one tensor at one moment, as flat vectors of ``width`` numbers."""

    state: State
    tensor: TensorState
    width: int

    @classmethod
    def of(cls, tensor: Tensor, width: int | None = None) -> Blocks:
        """Of a whole tensor, rows appended so far included; by default its vectors are as wide as any it ever had."""
        selection = tensor._selection()  # noqa: SLF001 - the reading end of the same package
        meta = selection.tensor.meta
        selection.state.tables(selection.tensor)
        return cls(selection.state, selection.tensor, math.prod(meta.max_shape) if width is None else width)

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.tensor.length

    @property
    def row_nbytes(self) -> int:
        """Bytes of a sample."""
        return self.width * np.dtype(self.tensor.meta.dtype or "float32").itemsize

    @property
    def is_local(self) -> bool:
        """Whether reading costs no waiting, so that no more threads than cores pay."""
        return self.state.storage.concurrency == 1

    def spans(self) -> list[Span]:
        """Where the rows lie, chunk by chunk, in order."""
        ids = self.state.tables(self.tensor).ids
        stops = (ids.lasts + 1).tolist()
        firsts = [0, *stops]
        cut = zip(range(len(stops)), firsts, stops, strict=False)  # of which one is more
        return [Span(entry, first, first, stop) for entry, first, stop in cut if first < stop]

    def read(self, span: Span) -> Iterator[Block]:
        """The vectors of a span, in order. Each is good until the next one is asked for.

        A row without a sample is all NaN. Thread-safe.

        Raises:
            DynamicShapeError: a vector of another length.
            LakeError: a chunk that cannot be read.
        """
        if (yield from self._straight(span)):
            return
        (loaded,) = self.state.load_chunks(self.tensor, [span.entry])
        if isinstance(loaded, LakeError):
            raise loaded
        array = loaded.array
        inside = span.rows
        if array is None or int(np.prod(array.shape[1:])) != self.width or len(array) < inside.stop:
            array, inside = self._one_by_one(np.arange(span.first, span.stop)), slice(None)
        flat = array[inside].reshape(-1, self.width)
        step = max(BLOCK_NBYTES // max(self.row_nbytes, 1), 1)
        for start in range(0, len(flat), step):
            yield Block(span.first + start, flat[start : start + step])

    def stamp(self, span: Span) -> str | None:
        """The stamp that the span's block had, if it is still the same; a look at the file."""
        return stamp(self.state, self.tensor, span.entry, span.rows)

    def are_few(self, span: Span, count: int) -> bool:
        """Whether so many rows of a span are better read by themselves: of large tensors that are at hand."""
        is_large = self.is_local and self.rows * self.row_nbytes > _CACHED_NBYTES
        return is_large and count * _FEW < span.stop - span.first

    def chosen(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Vectors ``(n, width)`` of rising rows, each read by itself; of those without a sample all is NaN.

        Raises:
            DynamicShapeError: a vector of another length.
            LakeError: they cannot be read.
        """
        found = read_uniform(self.state, self.tensor, rows)
        if found is None or found.size != len(rows) * self.width:
            return self._one_by_one(rows)
        return found.reshape(len(rows), self.width)

    def _straight(self, span: Span) -> Generator[Block, None, bool]:
        """The span as its file lies in memory, or read into one block's; False, and nothing, where that does not apply.

        The last chunk, which may soon be another file, has no stamp, and is not read so: a writer may give it a longer
        header between two requests.
        """
        state, meta = self.state, self.tensor.meta
        storage = state.storage
        ids = state.tables(self.tensor).ids
        path = state.chunk_key(self.tensor, int(ids.ids[span.entry]))
        is_last = span.entry == len(ids.ids) - 1
        if (
            not self.is_local
            or meta.chunk_compression
            or meta.sample_compression
            or self.rows * self.row_nbytes <= _CACHED_NBYTES
            or state.chunks.get(path) is not None
        ):
            return False
        with mapped(state, self.tensor, span.entry, span.rows, (self.width,), of_any_shape=True) as found:
            if found is not None:
                yield Block(span.first, found.array, None if is_last else found.stamp)
                del found
                return True
        if is_last or not isinstance(storage, ReadsInto):
            return False
        try:
            start = uniform_start(
                storage.get(path, ByteRange(0, UNIFORM_HEAD_NBYTES)), path, self.row_nbytes, span.rows
            )
        except KeyNotFoundError:
            return False  # loading it says why
        if start is not None:
            try:
                yield from self._copied(storage, path, start, span)
            except KeyNotFoundError as error:  # others may delete a chunk between two blocks of it
                (loaded,) = state.load_chunks(self.tensor, [span.entry])
                raise loaded if isinstance(loaded, LakeError) else self._cut_off(path) from error
        return start is not None

    def _copied(self, storage: ReadsInto, path: str, start: int, span: Span) -> Iterator[Block]:
        step = max(BLOCK_NBYTES // self.row_nbytes, 1)
        block = np.empty((step, self.width), self.tensor.meta.dtype)
        for first in range(span.first, span.stop, step):
            part = block[: min(step, span.stop - first)]
            target = as_bytes(part)
            if storage.get_into(path, target, start + (first - span.first) * self.row_nbytes) != len(target):
                raise self._cut_off(path)
            yield Block(first, part)

    def _cut_off(self, path: str) -> StorageError:
        return StorageError(f"{self.state.storage.url}: {path} became shorter while it was read; search again")

    def _one_by_one(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Samples that differ: missing ones become NaN."""
        what = f"tensor {self.tensor.meta.name!r}"
        out = np.full((len(rows), self.width), np.nan, np.float64)
        arrays = Selection(self.state, self.tensor, Index(rows)).numpy(aslist=True)
        for at, (row, array) in enumerate(zip(rows.tolist(), arrays, strict=True)):
            if array.size not in {0, self.width}:
                raise DynamicShapeError(
                    f"{what} row {row}: a vector of {array.size} numbers among those of {self.width}"
                )
            out[at] = array.reshape(-1) if array.size else np.nan
        return out


def payloads(tensor: Tensor) -> Iterator[list[bytes]]:
    """The stored bytes of every sample of a text or JSON tensor, in order; chunk by chunk.

    Raises:
        LakeError: a chunk that cannot be read.
    """
    selection = tensor._selection()  # noqa: SLF001 - the reading end of the same package
    state, known = selection.state, selection.tensor
    for span in Blocks(state, known, 0).spans():
        rows = np.arange(span.stop - span.first)
        if known.meta.sample_compression or known.meta.is_link:
            yield [bytes(sample.data) for sample in _stored(selection, rows + span.first)]
            continue
        (loaded,) = state.load_chunks(known, [span.entry])
        if isinstance(loaded, LakeError):
            raise loaded
        data = bytes(loaded.chunk.data)
        starts, stops = loaded.chunk.spans(rows)
        yield [data[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]


def _stored(selection: Selection, rows: NDArray[np.int64]) -> Iterator[StoredSample]:
    for sample in selection.stored(rows):
        if isinstance(sample, LakeError):
            raise sample
        assert not isinstance(sample, list)  # rows of sequences are not asked for
        yield sample
