"""Samples where they lie in memory: those of an uncompressed chunk in a file that this machine lends."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.format.chunk import uniform_start
from deeplake_nb.storage.leases import LENT_NBYTES, lent, stamped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState


class MappedSamples(NamedTuple):
    """Neighbouring samples of one chunk.

    Attributes:
        array: ``(n, *shape)``; only to be read, and perhaps at an address that suits no number.
        stamp: tells them from what stands there at another time; None where nothing does.
    """

    array: NDArray[Any]
    stamp: str | None


@contextmanager
def mapped(
    state: State, tensor: TensorState, entry: int, rows: slice, shape: tuple[int, ...], *, of_any_shape: bool = False
) -> Iterator[MappedSamples | None]:
    """The samples ``rows`` of a chunk, until the context is left; None where that does not apply: read them instead.

    All samples of the chunk must have ``shape``, or as many numbers with ``of_any_shape``. Costs some ten microseconds,
    and what it takes to bring the file into memory if it is not there.
    """
    meta = tensor.meta
    path = state.chunk_key(tensor, int(state.tables(tensor).ids.ids[entry]))
    if meta.chunk_compression or meta.sample_compression or meta.dtype is None or state.storage.concurrency > 1:
        yield None
        return
    count = math.prod(shape)
    nbytes = count * np.dtype(meta.dtype).itemsize
    with lent(state.storage, path, LENT_NBYTES) as found:
        start = found and uniform_start(found.data, path, nbytes, rows, None if of_any_shape else shape)
        if found is None or start is None or start + (rows.stop - rows.start) * nbytes > len(found.data):
            yield None  # a file that is shorter than it says is for whoever reads it to tell
            return
        array = np.frombuffer(found.data, meta.dtype, (rows.stop - rows.start) * count, start).reshape(-1, *shape)
        yield MappedSamples(array, _of(found.stamp, rows))


def stamp(state: State, tensor: TensorState, entry: int, rows: slice) -> str | None:
    """The stamp that `mapped` gave of these rows, if nobody has changed them since; a look at the file."""
    path = state.chunk_key(tensor, int(state.tables(tensor).ids.ids[entry]))
    return _of(stamped(state.storage, path), rows)


def _of(file: str | None, rows: slice) -> str | None:
    return file and f"{file}:{rows.start}:{rows.stop}"
