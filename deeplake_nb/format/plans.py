"""What to read and what to write, decided before anything is touched."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from deeplake_nb.format.encoders import ChunkIds

    Ints = NDArray[np.int64]


class ChunkRead(NamedTuple):
    """Samples ``rows`` (numbers inside the chunk) of the chunk in table entry ``entry`` go to places ``out``."""

    entry: int
    rows: Ints
    out: Ints

    @property
    def size(self) -> int:
        """How many samples."""
        return len(self.rows)

    @property
    def last(self) -> int:
        """The highest number inside the chunk."""
        return int(self.rows.max())


def read_plan(ids: ChunkIds, rows: Ints) -> list[ChunkRead]:
    """The chunks that hold ``rows``, each once, in order of the table; rows must be in range."""
    if not len(rows):
        return []
    entries, inside = ids.locate(rows)
    out = np.arange(len(rows))
    if len(ids.ids) == 1:
        return [ChunkRead(0, inside, out)]
    if len(rows) > 1 and bool((entries[1:] < entries[:-1]).any()):
        order = np.argsort(entries, kind="stable")
        entries, inside, out = entries[order], inside[order], out[order]
    starts = [0, *(np.flatnonzero(entries[1:] != entries[:-1]) + 1).tolist()]
    stops = [*starts[1:], len(entries)]
    return [
        ChunkRead(entry, inside[start:stop], out[start:stop])
        for entry, start, stop in zip(entries[starts].tolist(), starts, stops, strict=True)
    ]


class ChunkRun(NamedTuple):
    """Neighbouring samples of one chunk: ``rows`` (numbers inside the chunk) go to places ``out``."""

    entry: int
    rows: slice
    out: slice

    @property
    def size(self) -> int:
        """How many samples."""
        return int(self.rows.stop - self.rows.start)

    @property
    def last(self) -> int:
        """The highest number inside the chunk."""
        return int(self.rows.stop - 1)

    def as_read(self) -> ChunkRead:
        """The same with every number."""
        return ChunkRead(
            self.entry, np.arange(self.rows.start, self.rows.stop), np.arange(self.out.start, self.out.stop)
        )


def run_plan(ids: ChunkIds, rows: range) -> list[ChunkRun]:
    """`read_plan` of neighbouring rows, whose cost does not grow with them."""
    if not len(rows):
        return []
    first, last = ids.lasts.searchsorted([rows.start, rows.stop - 1]).tolist()
    firsts, lasts = ids.firsts()[first : last + 1].tolist(), ids.lasts[first : last + 1].tolist()
    runs = []
    for entry, begin, end in zip(range(first, last + 1), firsts, lasts, strict=True):
        start, stop = max(begin, rows.start), min(end + 1, rows.stop)
        runs.append(ChunkRun(entry, slice(start - begin, stop - begin), slice(start - rows.start, stop - rows.start)))
    return runs


class Phase(IntEnum):
    """The order in which a flush writes, so that whoever reads in between, or after a crash, finds whole rows.

    Samples first, then the tables that find them, then the metadata that says how many there are: a hidden companion
    tensor before the tensor it accompanies, the dataset's own last. Which items make rows of a sequence comes with the
    companions, which bound it, as the tensor's own metadata says nothing of rows without items.
    """

    CHUNKS = 0
    TABLES = 1
    COMPANIONS = 2
    TENSORS = 3
    DATASET = 4


@dataclass(frozen=True, slots=True)
class Put:
    """One object to write: its bytes, or, of a chunk, whatever else its storage makes an object of."""

    phase: Phase
    key: str
    data: Buffer | Sequence[Buffer] | Any


def write_plan(puts: list[Put], ends: Sequence[Phase]) -> list[list[Put]]:
    """The puts in rounds, which follow each other; within one they are made in any order.

    Each of ``ends`` is the last phase of a round; what comes after the last of them is a round of its own.
    """
    rounds: list[list[Put]] = [[] for _ in range(len(ends) + 1)]
    for put in sorted(puts, key=lambda put: put.phase):
        rounds[bisect_left(ends, put.phase)].append(put)
    return rounds
