"""Neighbouring chunks written anew, with some samples replaced, removed or put between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deeplake_nb.format import packing
from deeplake_nb.format.batch import Apart, Uniform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.format.batch import Batch
    from deeplake_nb.format.chunk import Chunk, ChunkBuilder
    from deeplake_nb.format.meta import TensorMeta

    Changes = tuple[list[int], list[int], list[int]]

_SLACK = 1.25
"""A chunk may be so much larger than its target before it is cut in two."""


class Piece(NamedTuple):
    """A chunk that holds ``width`` samples of the region; None for a tile of a sample that goes, number ``last``."""

    chunk: Chunk | None
    width: int
    last: int


class Rewritten(NamedTuple):
    """A chunk in the place of others, and how many samples it adds to the table: further tiles add none."""

    builder: ChunkBuilder
    width: int


def rewritten(pieces: list[Piece], changes: Changes, batch: Batch | None, meta: TensorMeta) -> list[Rewritten]:
    """The chunks that take the pieces' place, none of them empty.

    Args:
        pieces: the chunks, in order; the tiles of one sample count it once.
        changes: ``(starts, stops, places)``: samples ``[starts[k], stops[k])`` of the region give way to samples
            ``[places[k], places[k + 1])`` of the batch.
        batch: the new samples.
        meta: of the tensor, with the rank of its samples, once that is known.
    """
    region = _Region(pieces, batch, meta)
    at = 0
    for start, stop, first, last in zip(changes[0], changes[1], changes[2], changes[2][1:], strict=False):
        region.keep(at, start)
        region.add(first, last)
        at = stop
    region.keep(at, region.length)
    return [
        Rewritten(one, one.count) if width is None else Rewritten(one, width) for one, width in region.out if one.count
    ]


class _Region:
    def __init__(self, pieces: list[Piece], batch: Batch | None, meta: TensorMeta) -> None:
        self.out: list[tuple[ChunkBuilder, int | None]] = []
        self._batch, self._meta = batch, meta
        self._rank, self._limit = packing.rank_of(meta), int(packing.limit(meta) * _SLACK)
        self._spans: list[tuple[int, int, Chunk]] = []
        self.length = 0
        tiled = None
        for chunk, width, last in pieces:
            if chunk is not None:
                self._spans.append((self.length, self.length + width, chunk))
                self.length += width
            elif tiled != last:
                self.length += 1
                tiled = last

    def keep(self, start: int, stop: int) -> None:
        """Old samples of the region, but for those in tiles, which are never kept."""
        for first, end, chunk in self._spans:
            for low, high in self._parts(max(start, first) - first, min(stop, end) - first):
                nbytes, shape = _nbytes(chunk, low, high), chunk.shape(low)
                self._open(nbytes, chunk.rank, shape)[0].add_part(chunk, low, high)

    def _parts(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Samples that stay together: all of them, but one by one where a picture may have no room for them."""
        if start < stop and not packing.is_canvas(self._meta):
            yield start, stop
        elif start < stop:
            yield from zip(range(start, stop), range(start + 1, stop + 1), strict=True)

    def add(self, start: int, stop: int) -> None:
        """New samples: numbers ``[start, stop)`` of the batch."""
        batch = self._batch
        while start < stop and isinstance(batch, Uniform):
            builder, room = self._open(batch.nbytes, self._rank, batch.shape)
            count = min(room, stop - start)
            taken = bytes(batch.payload[start * batch.nbytes : (start + count) * batch.nbytes])
            builder.add_uniform(taken, count, batch.shape, batch.nbytes)
            start += count
        for at in range(start, stop):
            assert batch is not None
            assert not isinstance(batch, Uniform)
            payload, shape = batch.payloads[at], batch.shapes[at]
            if isinstance(payload, Apart):
                chunks = payload.chunks(lambda: packing.new_builder(self._meta, self._rank))
                self.out += [(chunk, int(not number)) for number, chunk in enumerate(chunks)]
            else:
                owned = payload if isinstance(payload, bytes) else bytes(payload)  # that nobody else can change
                self._open(len(owned), self._rank, shape)[0].add_uniform(owned, 1, shape, len(owned))

    def _open(self, nbytes: int, rank: int | None, shape: tuple[int, ...] | None) -> tuple[ChunkBuilder, int]:
        """The chunk to go on in, or a new one where that is full or has samples of another rank; how many it takes."""
        last = self.out[-1][0] if self.out else None
        is_other = last is not None and None not in {rank, last.rank} and rank != last.rank
        room = 0 if last is None or is_other else last.takes(shape, nbytes, self._limit)
        if last is None or not room:
            last = packing.new_builder(self._meta, self._rank if rank is None else rank)
            self.out.append((last, None))
            room = max(last.takes(shape, nbytes, self._limit), 1)
        return last, room


def _nbytes(chunk: Chunk, start: int, stop: int) -> int:
    starts, stops = chunk.spans(np.array([start, stop - 1]))
    return int(stops[1] - starts[0])
