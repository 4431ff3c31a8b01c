"""Rows to stored samples, or straight to arrays: runs read plans against the storage.

Samples of one shape without their own compression are copied chunk by chunk into the result, with no work per row.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from deeplake_nb.dataset import ranged
from deeplake_nb.dataset.mapped import mapped
from deeplake_nb.dataset.tiled import tiled
from deeplake_nb.errors import FormatError, KeyNotFoundError, LakeError
from deeplake_nb.format.chunk import UNIFORM_HEAD_NBYTES, uniform_start
from deeplake_nb.format.codecs import lz4
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.packing import packing
from deeplake_nb.format.plans import ChunkRead, ChunkRun, read_plan, run_plan
from deeplake_nb.format.samples import StoredSample, as_bytes, raw_array
from deeplake_nb.progress import Progress
from deeplake_nb.storage.provider import ByteRange, ReadsInto, get_rows, in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from deeplake_nb.dataset.cache import LoadedChunk
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.storage.provider import StorageProvider

    Ints = NDArray[np.int64]
    Stored = StoredSample | LakeError

Part = TypeVar("Part", ChunkRead, ChunkRun)

_STRAIGHT_NBYTES = 1 << 20
"""From here on reading straight into the result beats keeping the chunk for later."""

_ROW_NBYTES = 64 << 10
"""Reading a row by itself costs as much as bringing in so many bytes of a mapped chunk."""

_WINDOW = 16
"""Chunks asked for at once: bounds the memory of a large read and still fills the line."""


def stored_items(state: State, tensor: TensorState, items: Ints) -> list[Stored]:
    """The stored bytes of items, in order; an item that cannot be read stands as its error."""
    out: list[Stored | None] = [None] * len(items)
    tables = state.tables(tensor)
    plan = read_plan(tables.ids, items)
    with _reading(tensor, plan, items) as progress:
        if tables.tiles and not tensor.meta.is_link:
            for place, item in enumerate(items.tolist()):
                if item in tables.tiles:
                    out[place] = tiled(state, tensor, item)
                    progress(1)
            plan = [part for part in plan if out[int(part.out[0])] is None]
        for part, loaded in chunks(state, tensor, plan):
            if isinstance(loaded, LakeError):
                found: list[Stored] = [loaded] * len(part.rows)
            else:
                found = _samples(tensor, loaded, part, items)
            for place, sample in zip(part.out.tolist(), found, strict=True):
                out[place] = sample
            progress(len(part.rows))
    return [sample for sample in out if sample is not None]


def _reading(
    tensor: TensorState, plan: list[Part], items: range | Ints
) -> AbstractContextManager[Callable[[int], object]]:
    """What is told how many samples are there; of a single chunk there is nothing to tell on the way."""
    if len(plan) < 2:  # noqa: PLR2004
        return nullcontext(lambda _: None)
    return Progress(f"read tensor {tensor.meta.name!r}", "samples", len(items), is_passing=True)


def chunks(
    state: State, tensor: TensorState, plan: list[ChunkRead]
) -> Iterator[tuple[ChunkRead, LoadedChunk | LakeError]]:
    """The parts of a plan and their chunks: those of which few rows are wanted with nothing but these, first."""
    few, rest = _split(state, tensor, plan)
    if few and 0 < len(rest) <= _WINDOW and state.storage.concurrency > 1:  # side by side: one wait less
        ways = [partial(ranged.read, state, tensor, few), partial(_whole, state, tensor, rest)]
        for found in in_parallel(lambda way: list(way()), ways, len(ways)):
            yield from found
        return
    yield from ranged.read(state, tensor, few)
    yield from _whole(state, tensor, rest)


def _split(state: State, tensor: TensorState, plan: list[Part]) -> tuple[list[Part], list[Part]]:
    """Parts whose rows are better read by themselves, and all others."""
    few: list[Part] = []
    rest: list[Part] = []
    for part in plan:
        (few if ranged.is_few(state, tensor, part.entry, part.size) else rest).append(part)
    return few, rest


def _whole(state: State, tensor: TensorState, plan: list[Part]) -> Iterator[tuple[Part, LoadedChunk | LakeError]]:
    for start in range(0, len(plan), _WINDOW):
        window = plan[start : start + _WINDOW]
        yield from zip(window, state.load_chunks(tensor, [part.entry for part in window]), strict=True)


def _samples(tensor: TensorState, loaded: LoadedChunk, part: ChunkRead, items: Ints) -> list[Stored]:
    meta, chunk = tensor.meta, loaded.chunk
    htype = meta.htype or "generic"
    dtype = meta.dtype or "uint8"
    rank = len(meta.max_shape)
    compression = meta.sample_compression if not meta.is_link else None
    what = f"tensor {meta.name!r}"
    if chunk.is_whole:
        return [FormatError(f"{chunk.what}: a chunk of {len(chunk)} samples without byte positions")] * len(part.rows)
    try:
        starts, stops = chunk.spans(part.rows)
    except FormatError as error:
        return [error] * len(part.rows)
    unpack = compression == "lz4"
    file = compression if compression and not unpack else None
    data = chunk.data
    shapes = _shapes(chunk.shapes, part.rows, rank)
    out: list[Stored] = []
    numbers = items[part.out].tolist()
    for item, start, stop, shape in zip(numbers, starts.tolist(), stops.tolist(), shapes, strict=True):
        payload = data[start:stop]
        name = f"{what} row {item}"
        try:
            if unpack:
                payload = memoryview(lz4.decompress(payload, name))
            out.append(StoredSample(payload, shape, dtype, file, htype, name))
        except FormatError as error:
            out.append(error)
    return out


def _shapes(table: Ints, rows: Ints, rank: int) -> list[tuple[int, ...]]:
    empty = (0,) * (rank or 1)
    if not len(table):
        return [empty] * len(rows)
    dims = [tuple(row) for row in table[:, :-1].tolist()]
    dims.append(empty)  # rows beyond the table are missing samples
    if len(dims) == 2 and len(rows) and int(rows.max()) <= int(table[0, -1]):  # noqa: PLR2004 - one shape for all
        return dims[:1] * len(rows)
    return [dims[at] for at in np.searchsorted(table[:, -1], rows).tolist()]


def read_uniform(state: State, tensor: TensorState, items: range | Ints) -> NDArray[Any] | None:
    """Items of one shape as one array ``(n, *shape)``; None where they have several shapes or need decoding."""
    meta = tensor.meta
    if meta.is_link or not meta.is_fixed_shape or meta.dtype is None or htype_row(meta.htype).payload != "array":
        return None
    if meta.sample_compression or state.tables(tensor).tiles:
        return None
    try:
        out = np.empty((len(items), *meta.max_shape), meta.dtype)
    except ValueError as error:
        raise FormatError(f"tensor {meta.name!r}: samples cannot have shape {meta.max_shape} ({error})") from error
    ids = state.tables(tensor).ids
    found = items if isinstance(items, range) else _run(items)
    if found is None:
        plan = read_plan(ids, np.asarray(items))
        with _reading(tensor, plan, items) as progress:
            heads: list[memoryview] = []
            rest = [part for part in plan if not _gathered(state, tensor, part, out, heads, progress)]
            return out if _fill(chunks(state, tensor, rest), out, progress) else None
    runs = run_plan(ids, found)
    with _reading(tensor, runs, items) as progress:
        left = []
        for run in runs:
            if _read_straight(state, tensor, run, out):
                progress(run.size)
            else:
                left.append(run)
        few, whole = _split(state, tensor, left)
        is_filled = _fill(ranged.read(state, tensor, [run.as_read() for run in few]), out, progress)
        return out if is_filled and _fill(_whole(state, tensor, whole), out, progress) else None


def _gathered(  # noqa: PLR0917 - one place calls it
    state: State,
    tensor: TensorState,
    part: ChunkRead,
    out: NDArray[Any],
    heads: list[memoryview],
    progress: Callable[[int], object],
) -> bool:
    """Read some samples of a chunk to their places, with a single copy; False where that does not apply."""
    ids, nbytes = state.tables(tensor).ids, out[:1].nbytes
    if not nbytes or state.chunks.get(state.chunk_key(tensor, int(ids.ids[part.entry]))) is not None:
        return False
    if part.size * _ROW_NBYTES < ids.count(part.entry) * nbytes:
        is_done = _row_by_row(state, tensor, part, out, heads)
    else:
        with mapped(state, tensor, part.entry, slice(0, part.last + 1), out.shape[1:]) as found:
            if is_done := found is not None:
                out[part.out] = found.array[part.rows]
    if is_done:
        progress(part.size)
    return is_done


def _row_by_row(state: State, tensor: TensorState, part: ChunkRead, out: NDArray[Any], heads: list[memoryview]) -> bool:
    """Read few samples of a local file, each by itself; ``heads`` has the header of the chunk before, if any.

    The header comes along with the samples: full chunks of a tensor mostly have the same, so that it need not be read
    first, and a writer may give the last one a longer one in between.
    """
    storage, nbytes, last = state.storage, out[:1].nbytes, part.last
    if storage.concurrency > 1 or packing(tensor.meta) is not None:
        return False
    path = state.chunk_key(tensor, int(state.tables(tensor).ids.ids[part.entry]))
    table, shifts = out.reshape(len(out), -1), part.rows * nbytes

    def read(head: memoryview) -> bool:
        begin = uniform_start(head, path, nbytes, slice(0, last + 1), out.shape[1:])
        if begin is None:
            return False
        rows, starts = [table[at] for at in part.out.tolist()], (begin + shifts).tolist()
        return _are_read(storage, path, rows, starts, len(rows) * nbytes, head[:begin])

    try:
        if heads and read(heads[0]):
            return True
        heads[:] = [storage.get(path, ByteRange(0, UNIFORM_HEAD_NBYTES))]
        return read(heads[0])
    except KeyNotFoundError:
        return False


def _are_read(  # noqa: PLR0917 - two places call it
    storage: StorageProvider, path: str, rows: list[Any], starts: list[int], nbytes: int, head: memoryview
) -> bool:
    """Read rows of a local file, ``nbytes`` in all, if it still begins with ``head``, which comes along."""
    again = bytearray(len(head))
    return get_rows(storage, path, [again, *rows], [0, *starts]) == len(head) + nbytes and again == head


def _fill(
    parts: Iterator[tuple[Part, LoadedChunk | LakeError]], out: NDArray[Any], progress: Callable[[int], object]
) -> bool:
    """Copy samples of chunks to their places; False where one has another shape, or several."""
    for part, loaded in parts:
        array = _array(loaded, part.last, out.shape[1:])
        if array is None:
            return False
        out[part.out] = array[part.rows]
        progress(part.size)
    return True


def _array(loaded: LoadedChunk | LakeError, last: int, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """The samples of a chunk up to ``last``; None where they have another shape, or several."""
    if isinstance(loaded, LakeError):
        raise loaded
    array = loaded.array
    if array is None or array.shape[1:] != shape:
        return None
    if len(array) <= last:
        raise FormatError(f"{loaded.chunk.what}: expected {last + 1} samples, got {len(array)}")
    return array


def _read_straight(state: State, tensor: TensorState, run: ChunkRun, out: NDArray[Any]) -> bool:
    """Read many neighbouring samples of an uncompressed chunk from the storage into ``out``, with a single copy.

    False where that does not apply; the chunk is then loaded. A writer may give the last chunk a longer header between
    two requests: of a local file it is read once more with the samples, of others the chunk is loaded.
    """
    ids, storage, target = state.tables(tensor).ids.ids, state.storage, as_bytes(out[run.out])
    is_last = run.entry == len(ids) - 1
    is_short = len(target) < _STRAIGHT_NBYTES
    if is_short or not isinstance(storage, ReadsInto) or (is_last and storage.concurrency > 1):
        return False
    path, nbytes = state.chunk_key(tensor, int(ids[run.entry])), len(target) // run.size
    if tensor.meta.chunk_compression or state.chunks.get(path) is not None:
        return False
    try:
        head = storage.get(path, ByteRange(0, UNIFORM_HEAD_NBYTES))
        start = uniform_start(head, path, nbytes, run.rows, out.shape[1:])
        if start is None:
            return False
        if not is_last:
            return storage.get_into(path, target, start) == len(target)
        return _are_read(storage, path, [target], [start], len(target), head)
    except KeyNotFoundError:
        return False


def _run(numbers: Ints) -> range | None:
    """Neighbouring numbers as a range, which numpy copies in one piece."""
    first, last = int(numbers[0]), int(numbers[-1])
    is_run = last - first + 1 == len(numbers) and (len(numbers) < 3 or bool((np.diff(numbers) == 1).all()))  # noqa: PLR2004
    return range(first, last + 1) if is_run else None


def read_one(state: State, tensor: TensorState, item: int) -> NDArray[Any] | None:
    """One numeric item, as fast as it goes; None where the general way is needed."""
    meta, tables = tensor.meta, tensor.tables
    if tables is None or tables.tiles or meta.is_link:
        return None
    lasts = tables.ids.lasts
    entry = int(lasts.searchsorted(item))
    path = state.chunk_key(tensor, int(tables.ids.ids[entry]))
    loaded = state.chunks.get(path)
    inside = item - (int(lasts[entry - 1]) + 1 if entry else 0)
    if loaded is None:
        if meta.dtype is None or meta.sample_compression == "lz4" or htype_row(meta.htype).payload != "array":
            return None
        found = ranged.read_row(state, tensor, entry, path, inside)
        return found and _numeric(tensor, item, *found)
    if loaded.array is not None:
        return np.array(loaded.array[inside]) if inside < len(loaded.array) else None
    chunk, file = loaded.chunk, meta.sample_compression
    if chunk.is_whole or file is None or file == "lz4" or meta.dtype is None or inside >= len(chunk):
        return None
    start, stop = chunk.span(inside)
    return _numeric(tensor, item, chunk.data[start:stop], chunk.shape(inside) or (0,) * (len(meta.max_shape) or 1))


def _numeric(tensor: TensorState, item: int, payload: memoryview, shape: tuple[int, ...]) -> NDArray[Any]:
    meta = tensor.meta
    what = f"tensor {meta.name!r} row {item}"
    dtype = meta.dtype or "uint8"
    if meta.sample_compression is None:
        return raw_array(payload, shape, dtype, what)
    return StoredSample(payload, shape, dtype, meta.sample_compression, meta.htype or "generic", what).array()
