"""What to read and what to write, decided before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

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


def read_plan(ids: ChunkIds, rows: Ints) -> list[ChunkRead]:
    """The chunks that hold ``rows``, each once, in order of the table; rows must be in range."""
    if not len(rows):
        return []
    entries, inside = ids.locate(rows)
    out = np.arange(len(rows))
    if len(rows) > 1 and bool((entries[1:] < entries[:-1]).any()):
        order = np.argsort(entries, kind="stable")
        entries, inside, out = entries[order], inside[order], out[order]
    starts = np.flatnonzero(np.diff(entries, prepend=-1))
    stops = np.append(starts[1:], len(entries))
    return [
        ChunkRead(entry, inside[start:stop], out[start:stop])
        for entry, start, stop in zip(entries[starts].tolist(), starts.tolist(), stops.tolist(), strict=True)
    ]


class Phase(IntEnum):
    """The order in which a flush writes, so that whoever reads in between, or after a crash, finds whole rows.

    Samples first, then the tables that find them, then the metadata that says how many there are: a hidden companion
    tensor before the tensor it accompanies, the dataset's own last.
    """

    CHUNKS = 0
    TABLES = 1
    COMPANIONS = 2
    TENSORS = 3
    DATASET = 4


@dataclass(frozen=True, slots=True)
class Put:
    """One object to write."""

    phase: Phase
    key: str
    data: Buffer | Sequence[Buffer]


def write_plan(puts: list[Put]) -> list[Put]:
    """The puts in the order that is safe to interrupt anywhere."""
    return sorted(puts, key=lambda put: put.phase)
