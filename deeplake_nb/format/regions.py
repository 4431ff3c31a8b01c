"""Neighbouring chunks written anew, with some samples replaced, removed or put between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deeplake_nb.format.chunk import Chunk, ChunkBuilder
from deeplake_nb.format.payloads import Uniform

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from deeplake_nb.format.payloads import Batch

    Changes = tuple[list[int], list[int], list[int]]

_SLACK = 1.25
"""A chunk may be so much larger than its target before it is cut in two."""


class Piece(NamedTuple):
    """A chunk that holds ``width`` samples of the region; None for a tile of a sample that goes, number ``last``."""

    chunk: Chunk | None
    width: int
    last: int


def rewritten(
    pieces: list[Piece], changes: Changes, batch: Batch | None, rank: int | None, limit: int
) -> list[ChunkBuilder]:
    """The chunks that take the pieces' place, none of them empty.

    Args:
        pieces: the chunks, in order; the tiles of one sample count it once.
        changes: ``(starts, stops, places)``: samples ``[starts[k], stops[k])`` of the region give way to samples
            ``[places[k], places[k + 1])`` of the batch.
        batch: the new samples.
        rank: of the tensor's samples, once it is known.
        limit: bytes of samples at which a chunk is full.
    """
    region = _Region(pieces, batch, rank, int(limit * _SLACK))
    at = 0
    for start, stop, first, last in zip(changes[0], changes[1], changes[2], changes[2][1:], strict=False):
        region.keep(at, start)
        region.add(first, last)
        at = stop
    region.keep(at, region.length)
    return [one for one in region.out if one.count]


class _Region:
    def __init__(self, pieces: list[Piece], batch: Batch | None, rank: int | None, limit: int) -> None:
        self.out: list[ChunkBuilder] = []
        self._batch, self._rank, self._limit = batch, rank, limit
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
            low, high = max(start, first), min(stop, end)
            if low < high:
                self._open(_nbytes(chunk, low - first, high - first), chunk.rank).add_part(
                    chunk, low - first, high - first
                )

    def add(self, start: int, stop: int) -> None:
        """New samples: numbers ``[start, stop)`` of the batch."""
        batch = self._batch
        while start < stop and isinstance(batch, Uniform):
            builder = self._open(batch.nbytes, self._rank)
            room = (self._limit - builder.nbytes) // max(batch.nbytes, 1)
            count = min(max(room, 1), stop - start)
            payload = bytes(batch.payload[start * batch.nbytes : (start + count) * batch.nbytes])
            builder.add_uniform(payload, count, batch.shape, batch.nbytes)
            start += count
        for at in range(start, stop):
            assert batch is not None
            assert not isinstance(batch, Uniform)
            payload, shape = _owned(batch.payloads[at]), batch.shapes[at]
            self._open(len(payload), self._rank).add_uniform(payload, 1, shape, len(payload))

    def _open(self, nbytes: int, rank: int | None) -> ChunkBuilder:
        """The chunk to go on in, or a new one where that is full, or has samples of another rank."""
        last = self.out[-1] if self.out else None
        is_full = last is not None and last.count and last.nbytes + nbytes > self._limit
        is_other = last is not None and None not in {rank, last.rank} and rank != last.rank
        if last is None or is_full or is_other:
            self.out.append(ChunkBuilder(self._rank if rank is None else rank))
        return self.out[-1]


def _nbytes(chunk: Chunk, start: int, stop: int) -> int:
    starts, stops = chunk.spans(np.array([start, stop - 1]))
    return int(stops[1] - starts[0])


def _owned(payload: Buffer) -> bytes:
    """Bytes that nobody else can change."""
    return payload if isinstance(payload, bytes) else bytes(payload)
