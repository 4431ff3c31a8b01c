"""Some rows of chunks that are not in memory, without reading the chunks whole: their headers first, then the rows.

Asking again and again for rows of one chunk costs more than reading it once, so that is done as soon as it would have
paid for itself. The last chunk is always read whole: a writer may give it a longer header between the two requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.dataset.cache import LoadedChunk, as_array
from deeplake_nb.errors import FormatError, KeyNotFoundError, LakeError
from deeplake_nb.format.chunk import Chunk, open_header
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.packing import packing
from deeplake_nb.format.plans import ChunkRead
from deeplake_nb.storage.parallel import get_many
from deeplake_nb.storage.provider import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.format.meta import TensorMeta

    Ints = NDArray[np.int64]
    Shape = tuple[int, ...]

_MOST_HEAD_NBYTES = 128 * 1024
"""A chunk whose header may be longer is read whole."""

_HEAD_OBJECTS_NBYTES = 1024
"""What a header in memory takes beside its tables."""

_SMALL_NBYTES = 256 * 1024
"""A chunk that is expected to be smaller is read whole."""

_SHARE = 4
"""A chunk of which a quarter is wanted is read whole."""

_LOCAL_ROWS, _REMOTE_ROUNDS = 64, 2
"""What reading a chunk whole costs, in single rows of a local file, and in rounds of requests elsewhere."""


@dataclass(slots=True)
class Head:
    """The header of a chunk that is not in memory.

    Attributes:
        chunk: its tables, without data.
        start: where in the object the data starts.
        spent: what was paid for single rows since.
    """

    chunk: Chunk
    start: int
    spent: int = 0
    alike: tuple[int, Shape] | None = None  # bytes and shape of every sample, the first of which is at ``first``
    first: int = 0
    last: int = -1


def is_few(state: State, tensor: TensorState, entry: int, count: int) -> bool:
    """Whether ``count`` rows of a chunk are better read by themselves."""
    ids, meta = state.tables(tensor).ids, tensor.meta
    rows = ids.count(entry)
    if packing(meta) is not None or entry >= len(ids.ids) - 1 or count * _SHARE > rows:
        return False
    if _head_nbytes(meta, rows) > _MOST_HEAD_NBYTES:
        return False
    if _is_uniform(meta):
        nbytes = float(np.prod(meta.max_shape, dtype=np.float64)) * np.dtype(meta.dtype).itemsize * rows
        if nbytes < _SMALL_NBYTES:
            return False
    path = state.chunk_key(tensor, int(ids.ids[entry]))
    if state.chunks.get(path) is not None:
        return False
    return _pays(state, state.chunks.heads.get(path), count)


def _cost(state: State, rows: int) -> int:
    """What single rows of a chunk cost, read together: each of them where no answer is waited for, else one round."""
    return rows if state.storage.concurrency == 1 else 1


def _pays(state: State, head: Head | None, rows: int) -> bool:
    """Whether single rows still cost less than what was paid for them and the whole chunk."""
    return (head.spent if head is not None else 0) + _cost(state, rows) <= _limit(state)


def _limit(state: State) -> int:
    """What is spent on single rows of a chunk before it is read whole."""
    return _LOCAL_ROWS if state.storage.concurrency == 1 else _REMOTE_ROUNDS


def _is_uniform(meta: TensorMeta) -> bool:
    """Whether all samples have the same number of bytes."""
    is_raw = htype_row(meta.htype).payload == "array" and not meta.sample_compression and not meta.is_link
    return is_raw and meta.is_fixed_shape and meta.dtype is not None


def _head_nbytes(meta: TensorMeta, rows: int) -> int:
    """Room for the header of a chunk of so many rows, each of which may need a line of its own in both tables."""
    return 1024 + (0 if _is_uniform(meta) else rows * 4 * (3 + (0 if meta.is_fixed_shape else len(meta.max_shape) + 1)))


def read(
    state: State, tensor: TensorState, few: list[ChunkRead]
) -> Iterator[tuple[ChunkRead, LoadedChunk | LakeError]]:
    """Chunks of nothing but the wanted rows, in two rounds of requests: one for headers not known yet, one for rows.

    A chunk that cannot be read so is read whole, which says what is wrong with it.
    """
    ids = state.tables(tensor).ids.ids
    paths = [state.chunk_key(tensor, int(ids[part.entry])) for part in few]
    known = _known(state, tensor, [(part.entry, path) for part, path in zip(few, paths, strict=True)])
    heads = [known.get(path) for path in paths]
    spans = [_spans(head, part.rows) for head, part in zip(heads, few, strict=True)]
    requests = [
        (path, ByteRange(start, stop))
        for path, found in zip(paths, spans, strict=True)
        if found is not None
        for start, stop in zip(*(column.tolist() for column in found), strict=True)
    ]
    answers = get_many(state.storage, requests)
    for part, head, found in zip(few, heads, spans, strict=True):
        answered = [] if found is None else [next(answers) for _ in range(len(part.rows))]
        payloads = [one for one in answered if not isinstance(one, LakeError)]
        chunk = None
        if head is not None and found is not None and len(payloads) == len(answered):
            head.spent += _cost(state, len(part.rows))
            chunk = _narrowed(head.chunk, part.rows, payloads)
        if chunk is None:
            yield part, state.load_chunks(tensor, [part.entry])[0]
        else:
            yield (
                ChunkRead(part.entry, np.arange(len(part.rows)), part.out),
                LoadedChunk(chunk, as_array(chunk, tensor.meta)),
            )


def read_row(state: State, tensor: TensorState, entry: int, path: str, inside: int) -> tuple[memoryview, Shape] | None:
    """The bytes and the shape of one row, as fast as it goes; None where the chunk is better read whole."""
    head = state.chunks.heads.get(path)
    if head is None:
        if not is_few(state, tensor, entry, 1):
            return None
        head = _known(state, tensor, [(entry, path)]).get(path)
        if head is None:
            return None
    if head.spent >= _limit(state) or head.chunk.is_whole:  # `_pays`, as one row costs one
        return None
    if head.alike is not None and inside <= head.last:
        nbytes, shape = head.alike
        start = head.first + inside * nbytes
    else:
        found = head.chunk.shape(inside)
        if found is None:
            return None
        shape, (start, stop) = found, head.chunk.span(inside)
        nbytes = stop - start
    head.spent += 1
    try:
        data = state.storage.get(path, ByteRange(head.start + start, head.start + start + nbytes))
    except KeyNotFoundError:
        return None  # whoever reads the chunk whole tells whether it was replaced or lost
    return (data, shape) if len(data) == nbytes else None


def header(state: State, tensor: TensorState, entry: int, path: str) -> Head | None:
    """The header of a chunk that is not compressed; None of one that cannot be read. One request at most."""
    return _known(state, tensor, [(entry, path)]).get(path)


def _known(state: State, tensor: TensorState, chunks: list[tuple[int, str]]) -> dict[str, Head]:
    """Headers, read in one round where they are not kept; none of a chunk whose header is longer, or unreadable."""
    ids, heads = state.tables(tensor).ids, state.chunks.heads
    out = {path: head for _, path in chunks if (head := heads.get(path)) is not None}
    sizes = {path: _head_nbytes(tensor.meta, ids.count(entry)) for entry, path in chunks if path not in out}
    answers = get_many(state.storage, [(path, ByteRange(0, nbytes)) for path, nbytes in sizes.items()])
    for path, data in zip(sizes, answers, strict=True):
        if isinstance(data, LakeError):
            continue
        try:
            chunk, start = open_header(data, path)
        except FormatError:
            continue
        alike = chunk.uniform()
        first = int(chunk.positions[0, 1]) if alike is not None else 0
        out[path] = Head(chunk, start, 0, alike, first, len(chunk) - 1)
        heads.put(path, out[path], chunk.shapes.nbytes + chunk.positions.nbytes + _HEAD_OBJECTS_NBYTES)
    return out


def _spans(head: Head | None, rows: Ints) -> tuple[Ints, Ints] | None:
    if head is None or head.chunk.is_whole:
        return None
    try:
        starts, stops = head.chunk.spans(rows)
    except FormatError:
        return None
    return starts + head.start, stops + head.start


def _narrowed(chunk: Chunk, rows: Ints, payloads: list[memoryview]) -> Chunk | None:
    """A chunk of some rows of another, with their bytes; None where those are not what the header says."""
    starts, stops = chunk.spans(rows)
    sizes = stops - starts
    at = np.searchsorted(chunk.shapes[:, -1], rows)
    is_short = [len(one) for one in payloads] != sizes.tolist()
    if is_short or not len(chunk.shapes) or int(at.max()) >= len(chunk.shapes):
        return None
    shapes, lasts = chunk.shapes[at], np.arange(len(rows))
    shapes[:, -1] = lasts
    positions = np.stack([sizes, np.cumsum(sizes) - sizes, lasts], axis=1)
    if (at == at[0]).all() and (sizes == sizes[0]).all():
        shapes, positions = shapes[-1:], positions[:1] + np.array([0, 0, len(rows) - 1])
    return Chunk(shapes, positions, memoryview(b"".join(payloads)), chunk.what)
