"""A chunk: many samples in one object, behind a header that says how long and how shaped each of them is.

Layout, little-endian: version length (u1), version, rows and columns of the shape table (i4, i4), the shape table
(u4: dimensions and last sample), rows of the position table (i4), the position table (u4: bytes per sample, start,
last sample), data. Positions count from the start of the data, after decompression where the whole chunk is compressed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.format.encoders import split_version
from deeplake_nb.format.keys import FORMAT_VERSION
from deeplake_nb.format.runs import clipped, merged, run_ends

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    Ints = NDArray[np.int64]

_SMALL_NBYTES = 4096
"""Samples that are smaller on average are joined as they come: one piece is cheaper to keep and write than many."""

MAX_NBYTES = 2**32 - 1
"""Where a sample starts and how long it is are 4-byte numbers."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A parsed chunk.

    ``shapes`` is ``(R, rank + 1)`` and ``positions`` is ``(B, 3)``, both int64 with the last sample in the last column.
    ``data`` is a read-only view into the object (or the decompressed data); nothing is copied to parse a chunk.
    """

    shapes: Ints
    positions: Ints
    data: memoryview
    what: str

    @classmethod
    def parse(cls, buffer: Buffer, what: str, decompress: Callable[[memoryview], Buffer] | None = None) -> Chunk:
        """Parse one object; ``what`` names it in errors.

        Raises:
            FormatError: a header that is cut off, negative counts, or samples beyond the end of the data.
        """
        shapes, positions, data = _header(memoryview(buffer).cast("B"), what)
        if decompress is not None and len(data):
            data = memoryview(decompress(data)).cast("B").toreadonly()
        nbytes, starts, lasts = positions.T
        counts = np.diff(lasts, prepend=-1)
        room = len(data) - starts
        if bool(((room < 0) | (counts > room // np.maximum(nbytes, 1)) & (nbytes > 0)).any()):
            ends = [
                start + count * size
                for start, count, size in zip(starts.tolist(), counts.tolist(), nbytes.tolist(), strict=True)
            ]
            raise FormatError(f"{what}: expected {max(ends)} bytes of samples, got {len(data)}; the chunk is cut off")
        return cls(shapes, positions, data, what)

    def __len__(self) -> int:
        """Number of samples."""
        counted = self.shapes if len(self.shapes) else self.positions
        return int(counted[-1, -1]) + 1 if len(counted) else 0

    @property
    def rank(self) -> int | None:
        """Number of dimensions of the samples; None where all of them are missing ones."""
        return self.shapes.shape[1] - 1 if len(self.shapes) else None

    @property
    def is_whole(self) -> bool:
        """True when the data is one thing: a tile, or a canvas of an image-compressed chunk."""
        return not len(self.positions)

    def shape(self, sample: int) -> tuple[int, ...] | None:
        """Shape of one sample; None for a missing one whose rank this chunk does not know."""
        row = int(np.searchsorted(self.shapes[:, -1], sample)) if len(self.shapes) else 0
        return tuple(self.shapes[row, :-1].tolist()) if row < len(self.shapes) else None

    def spans(self, samples: Ints) -> tuple[Ints, Ints]:
        """Half-open byte spans ``(starts, stops)`` in ``data`` of each sample.

        Raises:
            FormatError: a sample this chunk does not hold.
        """
        if len(self.positions) == 1 and len(samples):
            size, first, last = self.positions[0].tolist()
            if int(samples.max()) <= last:
                starts = first + samples * size
                return starts, starts + size
        elif self._are_all(samples):
            return self._all_spans()
        lasts = self.positions[:, 2]
        rows = np.searchsorted(lasts, samples)
        if len(rows) and (not len(lasts) or int(rows.max()) >= len(lasts)):
            raise self._lacks(int(samples.max()))
        firsts = np.concatenate([[0], lasts[:-1] + 1])
        nbytes = self.positions[rows, 0]
        starts = self.positions[rows, 1] + (samples - firsts[rows]) * nbytes
        return starts, starts + nbytes

    def _are_all(self, samples: Ints) -> bool:
        """Whether these are the chunk's samples, in order, and its table is in order, too."""
        lasts = self.positions[:, 2]
        is_whole = len(lasts) > 1 and len(samples) == int(lasts[-1]) + 1
        return is_whole and int(samples[0]) == 0 and all(bool((np.diff(one) > 0).all()) for one in (samples, lasts))

    def _all_spans(self) -> tuple[Ints, Ints]:
        """`spans` of all samples, without a search for each."""
        sizes, offsets, lasts = self.positions.T
        counts = np.diff(lasts, prepend=-1)
        nbytes = np.repeat(sizes, counts)
        starts = np.repeat(offsets - sizes * (lasts + 1 - counts), counts) + np.arange(len(nbytes)) * nbytes
        return starts, starts + nbytes

    def span(self, sample: int) -> tuple[int, int]:
        """The byte span of one sample: ``spans`` for a single one, several times as fast.

        Raises:
            FormatError: a sample this chunk does not hold.
        """
        row = int(self.positions[:, 2].searchsorted(sample))
        if row >= len(self.positions):
            raise self._lacks(sample)
        nbytes, start, _ = self.positions[row].tolist()
        start += (sample - (int(self.positions[row - 1, 2]) + 1 if row else 0)) * nbytes
        return start, start + nbytes

    def _lacks(self, sample: int) -> FormatError:
        placed = int(self.positions[-1, 2]) + 1 if len(self.positions) else 0
        return FormatError(f"{self.what}: expected at least {sample + 1} samples, got {placed}")

    def uniform(self) -> tuple[int, tuple[int, ...]] | None:
        """``(bytes per sample, shape)`` when all samples are alike, so that the data is one contiguous array."""
        if len(self.shapes) == 1 and len(self.positions) == 1 and self.shapes[0, -1] == self.positions[0, -1]:
            return int(self.positions[0, 0]), tuple(self.shapes[0, :-1].tolist())
        return None


UNIFORM_HEAD_NBYTES = 256
"""Holds the header of any chunk of uniform samples."""
_POSITION = struct.Struct("<3I")


def uniform_start(
    head: memoryview, what: str, nbytes: int, rows: slice, shape: tuple[int, ...] | None = None
) -> int | None:
    """Where in its object the samples ``rows`` of a chunk start, one after the other.

    ``head`` is the object, or its first `UNIFORM_HEAD_NBYTES`. None unless all samples of the chunk have ``nbytes``
    (and ``shape``, if it matters), and these rows are among them, so that the caller reads it whole.
    """
    head = head[:UNIFORM_HEAD_NBYTES]
    try:
        at = len(head) - len(split_version(head, what)[1])
        lines, columns = struct.unpack_from("<ii", head, at)
        at += 8 + 4 * lines * columns + 4
        if lines != 1 or columns < 1 or at + _POSITION.size > len(head):
            return None
        *dims, shaped, count = struct.unpack_from(f"<{columns + 1}I", head, at - 4 * columns - 4)
        size, first, last = _POSITION.unpack_from(head, at)
    except (FormatError, struct.error):
        return None  # cut off, longer, or of other samples: whoever reads the chunk whole will tell
    if count != 1 or shaped != last or size != nbytes or rows.stop > last + 1:
        return None
    if shape is not None and tuple(dims) != shape:
        return None
    return int(at + _POSITION.size + first + rows.start * nbytes)


def open_header(head: memoryview, what: str) -> tuple[Chunk, int]:
    """The tables of a chunk of which only the beginning is there, and where in the object its data starts.

    Raises:
        FormatError: damaged, or longer than the beginning.
    """
    shapes, positions, rest = _header(head.cast("B"), what)
    return Chunk(shapes, positions, memoryview(b""), what), len(head) - len(rest)


def _header(view: memoryview, what: str) -> tuple[Ints, Ints, memoryview]:
    _, rest = split_version(view, what)
    shapes, rest = _table(rest, None, what)
    positions, rest = _table(rest, 3, what)
    return shapes, positions, rest


def _table(data: memoryview, columns: int | None, what: str) -> tuple[Ints, memoryview]:
    head = 8 if columns is None else 4
    if len(data) < head:
        raise FormatError(f"{what}: the header is cut off")
    if columns is None:
        rows, columns = struct.unpack_from("<ii", data)
    else:
        (rows,) = struct.unpack_from("<i", data)
    size = 4 * rows * columns
    if rows < 0 or columns < 0 or head + size > len(data) or (rows and not columns):
        raise FormatError(f"{what}: a header of {rows} x {columns} entries does not fit into {len(data)} bytes")
    if not rows:
        return np.empty((0, max(columns, 1)), np.int64), data[head:]
    table = np.frombuffer(data, "<u4", count=rows * columns, offset=head).reshape(rows, columns).astype(np.int64)
    if rows > 1 and bool((table[1:, -1] <= table[:-1, -1]).any()):
        raise FormatError(f"{what}: the last-sample column of the header does not rise")
    return table, data[head + size :]


_Mark = tuple[int | None, int, int, int, tuple[int, int, int]]


class ChunkBuilder:
    """Collects samples until a chunk is full, then gives its bytes; sample bytes are kept as views, never joined."""

    def __init__(self, rank: int | None = None) -> None:
        self.rank = rank
        self.nbytes = 0
        self.count = 0
        self.is_closed = False  # its sample must stay alone
        self._payloads: list[Buffer] = []
        self._owned = 0  # so many of them nobody else can change
        self._shapes: list[Ints] = []  # tables of dimensions and run length
        self._sizes: list[Ints] = []  # tables of bytes per sample and run length
        self._unshaped = 0  # leading samples whose rank is not known yet

    def takes(self, shape: Sequence[int] | None, nbytes: int, limit: int) -> int:  # noqa: ARG002 - others ask for it
        """How many samples of a shape and size go in before ``limit`` bytes are reached; one into an empty chunk."""
        if self.is_closed:
            return 0
        return max((limit - self.nbytes) // max(nbytes, 1), 0 if self.count else 1)

    def add_tile(self, payload: Buffer, shape: Sequence[int]) -> None:
        """Make this the chunk of one tile: its data has no positions. Without data it is all zeros."""
        self._know_rank(len(shape))
        self._shapes.append(np.array([[*shape, 1]], np.int64))
        self._payloads.append(payload)
        self.nbytes += memoryview(payload).nbytes
        self.count += 1
        self.is_closed = True

    def add_alone(self, payload: Buffer, shape: Sequence[int]) -> None:
        """Make this the chunk of one sample that must not share it."""
        self.add_uniform(payload, 1, shape, memoryview(payload).nbytes)
        self.is_closed = True

    def add_part(self, chunk: Chunk, start: int, stop: int) -> None:
        """Add samples ``[start, stop)`` of a stored chunk; their bytes are not copied.

        Raises:
            FormatError: the chunk holds fewer samples.
        """
        if stop <= start:
            return
        chunk.spans(np.array([stop - 1]))
        sizes, offsets, lasts = chunk.positions.T
        skipped, runs = clipped(lasts, start, stop)
        sizes, starts = sizes[runs > 0], (offsets + sizes * skipped)[runs > 0]
        runs = runs[runs > 0]
        self._sizes.append(np.stack([sizes, runs], axis=1))
        stops = starts + sizes * runs
        gaps = np.flatnonzero(starts[1:] != stops[:-1])  # none as a rule: all samples follow each other
        pieces = zip(starts[np.append(0, gaps + 1)].tolist(), stops[np.append(gaps, -1)].tolist(), strict=True)
        self._payloads.extend(chunk.data[first:end] for first, end in pieces)
        self.nbytes += int((sizes * runs).sum())
        self.count += stop - start
        shaped = 0
        if len(chunk.shapes):
            _, runs = clipped(chunk.shapes[:, -1], start, stop)
            shaped = int(runs.sum())
            if shaped:
                self._know_rank(chunk.shapes.shape[1] - 1)
                table = chunk.shapes.copy()
                table[:, -1] = runs
                self._shapes.append(table[runs > 0])
        missing = stop - start - shaped
        if missing and self.rank is not None:
            self._shapes.append(np.array([[0] * self.rank + [missing]], np.int64))
        else:
            self._unshaped += missing

    def add_uniform(self, payload: Buffer, count: int, shape: Sequence[int] | None, nbytes: int) -> None:
        """Add ``count`` samples of one shape whose bytes follow each other in ``payload``."""
        self._sizes.append(np.array([[nbytes, count]], np.int64))
        if shape is not None:
            self._know_rank(len(shape))
            self._shapes.append(np.array([[*shape, count]], np.int64))
        elif self.rank is not None:
            self._shapes.append(np.array([[0] * self.rank + [count]], np.int64))
        else:
            self._unshaped += count
        self._payloads.append(payload)
        self.nbytes += nbytes * count
        self.count += count

    def add_varied(self, payloads: Sequence[Buffer], shapes: Ints, sizes: Ints) -> None:
        """Add samples with a size in bytes each, and a row of ``shapes`` ``(n, rank)``, or ``(1, rank)`` of all."""
        self._know_rank(shapes.shape[1])
        for values, tables in ((sizes[:, None], self._sizes), (shapes, self._shapes)):
            ends = np.flatnonzero(run_ends(values))
            counts = np.diff(ends, prepend=-1) if len(values) > 1 else len(sizes)
            table = np.empty((len(ends), values.shape[1] + 1), np.int64)
            table[:, :-1], table[:, -1] = values[ends], counts
            tables.append(table)
        total = int(sizes.sum())
        if len(payloads) == 1 or total > _SMALL_NBYTES * len(sizes):
            self._payloads.extend(payloads)
        else:
            self._payloads.append(b"".join(payloads))
        self.nbytes += total
        self.count += len(sizes)

    def _know_rank(self, rank: int) -> None:
        if self.rank is None and self._unshaped:
            self._shapes.append(np.array([[0] * rank + [self._unshaped]], np.int64))
            self._unshaped = 0
        self.rank = rank

    def own(self, *, is_copied: bool = True) -> None:
        """Copy bytes that still belong to the caller, who may change them after an append; or take them over."""
        for place in range(self._owned, len(self._payloads)) if is_copied else ():
            payload = self._payloads[place]
            if isinstance(payload, memoryview) and not isinstance(payload.obj, bytes):
                self._payloads[place] = bytes(payload)
        self._owned = len(self._payloads)

    def mark(self) -> _Mark:
        """A point to come back to; costs the same however much the chunk holds."""
        lengths = len(self._payloads), len(self._shapes), len(self._sizes)
        return self.rank, self.nbytes, self.count, self._unshaped, lengths

    def restore(self, mark: _Mark) -> None:
        """Forget what was added since ``mark``."""
        self.rank, self.nbytes, self.count, self._unshaped, lengths = mark
        del self._payloads[lengths[0] :], self._shapes[lengths[1] :], self._sizes[lengths[2] :]
        self._owned = min(self._owned, len(self._payloads))

    def build(self, compress: Callable[[bytes], bytes] | None = None) -> list[Buffer]:
        """The object as header and payloads, in order.

        Raises:
            FormatError: more than 4 GiB in one chunk, which the header cannot express.
        """
        if self.nbytes > MAX_NBYTES:
            raise FormatError(f"a chunk of {self.nbytes} bytes: the format allows {MAX_NBYTES}")
        sizes = merged(self._sizes, 2)
        positions = np.empty((len(sizes), 3), np.int64)
        totals = sizes[:, 0] * sizes[:, 1]
        positions[:, 0] = sizes[:, 0]
        positions[:, 1] = np.cumsum(totals) - totals
        positions[:, 2] = np.cumsum(sizes[:, 1]) - 1
        header = encode_header(self.shapes(), positions)
        if compress is None:
            return [header, *self._payloads]
        return [header, compress(b"".join(self._payloads))]

    def shapes(self) -> Ints:
        """The table of shapes, dimensions and last sample; without leading samples of unknown rank."""
        shapes = merged(self._shapes, (self.rank or 0) + 1)
        shapes[:, -1] = np.cumsum(shapes[:, -1]) - 1
        return shapes

    def data(self) -> bytes:
        """All payloads in one piece."""
        return b"".join(self._payloads)


def encode_header(shapes: Ints, positions: Ints) -> bytes:
    """What precedes the data of a chunk."""
    columns = shapes.shape[1] if len(shapes) else 0
    return b"".join(
        (
            bytes([len(FORMAT_VERSION)]) + FORMAT_VERSION.encode(),
            struct.pack("<ii", len(shapes), columns),
            shapes.astype("<u4").tobytes(),
            struct.pack("<i", len(positions)),
            positions.astype("<u4").tobytes(),
        )
    )
