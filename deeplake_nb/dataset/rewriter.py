"""Updates and removals in one tensor: chunks whose samples change are written anew, under new names.

No stored chunk is touched: the table that names the new ones makes them count, in one step. Until a flush they are in
memory, where whoever writes reads them; only when they become many are they stored before.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.cache import LoadedChunk, as_array
from deeplake_nb.errors import LakeError
from deeplake_nb.format import keys, packing
from deeplake_nb.format.batch import Apart, Varied, alike
from deeplake_nb.format.chunk import Chunk
from deeplake_nb.format.edits import rebuilt
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.plans import Phase, Put
from deeplake_nb.format.regions import Piece, rewritten
from deeplake_nb.format.samples import as_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.format.batch import Batch, Uniform
    from deeplake_nb.format.chunk import ChunkBuilder
    from deeplake_nb.format.edits import Edit, Region
    from deeplake_nb.format.encoders import Tiling

    Loaded = list[tuple[Region, list[LoadedChunk | None]]]

_HELD_NBYTES = 2**30
"""So many bytes of changed chunks of a tensor wait in memory for a flush: half of what the original keeps."""


class Rewriter:
    """Changes chunks of one tensor. ``written`` are the new ones that its chunk set does not list yet."""

    def __init__(self, state: State, tensor: TensorState) -> None:
        self._state = state
        self._tensor = tensor
        self.is_dirty = False
        self.written: set[int] = set()
        self.replaced: set[str] = set()  # objects of this version that nothing names after the next flush
        self._held: dict[int, LoadedChunk] = {}  # in memory only
        self._held_nbytes = 0
        self._writable: dict[int, NDArray[Any]] = {}  # the same bytes, for those of uniform samples

    def load(self, edit: Edit) -> Loaded:
        """What an edit will rewrite; the only part that reads, so that the rest cannot fail half-way.

        Raises:
            LakeError: a chunk that cannot be read.
        """
        tables = self._state.tables(self._tensor)
        regions = edit.regions(tables.ids, tables.tiles)
        entries = [entry for one in regions for entry in range(one.first, one.stop)]
        wanted = [entry for entry in entries if int(tables.ids.lasts[entry]) not in tables.tiles]  # tiles go as a whole
        found = dict(zip(wanted, self._state.load_chunks(self._tensor, wanted), strict=True))
        for chunk in found.values():
            if isinstance(chunk, LakeError):
                raise chunk
        return [(one, [found.get(at) for at in range(one.first, one.stop)]) for one in regions]  # type: ignore[misc]

    def apply(self, edit: Edit, batch: Batch | None, loaded: Loaded) -> None:
        """Carry out an edit whose chunks are loaded; ``batch`` has the new samples, in order."""
        self.is_dirty = True
        tables = self._state.tables(self._tensor)
        ids, uniform = tables.ids, alike(batch)
        taken = np.concatenate([[0], np.cumsum(edit.counts)])
        new = []
        gone: list[int] = []  # named no more once all is done: until then nothing is lost by an interrupt
        for region, chunks in loaded:
            part = region.changes
            first = int(ids.lasts[region.first - 1]) + 1 if region.first else 0
            starts, stops = edit.starts[part] - first, edit.stops[part] - first
            places = taken[part.start : part.stop + 1]
            entries = ids.ids[region.first : region.stop].tolist()
            done = None
            if len(chunks) == 1 and len(chunks[0].chunk if chunks[0] else ()) == ids.count(region.first):
                done = self._assigned(entries[0], chunks[0], starts, stops, places, uniform)
                gone += [] if done is None or done[0][0] == entries[0] else entries
            if done is None:
                numbers = range(region.first, region.stop)
                pieces = [
                    Piece(None if one is None else one.chunk, ids.count(at), int(ids.lasts[at]))
                    for at, one in zip(numbers, chunks, strict=True)
                ]
                done = self._rebuilt(pieces, starts, stops, places, batch)
                gone += entries
            new.append(done)
        tables.ids = rebuilt(ids, [region for region, _ in loaded], new)
        tables.tiles = edit.tiles(tables.tiles, _tilings(batch))
        for chunk in gone:
            self._forget(chunk)
        if self._held_nbytes > _HELD_NBYTES:
            self._store()

    # ------------------------------------------------------------------ chunks

    def _assigned(  # noqa: PLR0917 - one place calls it
        self, chunk: int, old: LoadedChunk | None, starts: Any, stops: Any, places: Any, batch: Uniform | None
    ) -> list[tuple[int, int]] | None:
        """Write samples over others of the same shape, all at once; None where they are not alike."""
        if old is None or old.array is None or batch is None or batch.shape != old.array.shape[1:]:
            return None
        if not np.array_equal(stops - starts, np.diff(places)) or batch.nbytes == 0:
            return None
        array = self._writable.get(chunk)
        if array is None:
            array, chunk = old.array.copy(), self._new()
            self._writable[chunk] = array
            positions = old.chunk.positions.copy()
            positions[0, 1] = 0
            view = array.view()
            view.flags.writeable = False
            what = self._path(chunk)
            self._keep(chunk, LoadedChunk(Chunk(old.chunk.shapes, positions, as_bytes(view).toreadonly(), what), view))
        values = np.frombuffer(batch.payload, array.dtype).reshape(batch.count, *array.shape[1:])
        counts = stops - starts
        rows = np.arange(places[0], places[-1]) + np.repeat(starts - places[:-1], counts)
        array[rows] = values[places[0] : places[-1]]
        return [(chunk, len(array))]

    def _rebuilt(
        self, pieces: list[Piece], starts: Any, stops: Any, places: Any, batch: Batch | None
    ) -> list[tuple[int, int]]:
        meta = self._tensor.meta
        changes = starts.tolist(), stops.tolist(), places.tolist()
        return [(self._built(one.builder), one.width) for one in rewritten(pieces, changes, batch, meta)]

    def retile(self, item: int, new: Mapping[int, ChunkBuilder]) -> None:
        """Give tiles (by number) of one sample new chunks; the table names them in the place of the old ones."""
        self.is_dirty = True
        tables = self._state.tables(self._tensor)
        first = int(np.searchsorted(tables.ids.lasts, item))
        ids = tables.ids.ids.copy()  # a reader in another thread may hold the old ones
        for number, builder in new.items():
            self._forget(int(ids[first + number]))
            ids[first + number] = self._built(builder)
        tables.ids = ChunkIds(ids, tables.ids.lasts)
        if self._held_nbytes > _HELD_NBYTES:
            self._store()

    def _built(self, builder: ChunkBuilder) -> int:
        """A new chunk, in memory as it will be read."""
        chunk = self._new()
        parsed = Chunk.parse(b"".join(builder.build()), self._path(chunk))
        self._keep(chunk, LoadedChunk(parsed, as_array(parsed, self._tensor.meta)))
        return chunk

    def _new(self) -> int:
        chunk = secrets.randbits(64) or 1
        self.written.add(chunk)
        self._tensor.owners[chunk] = self._path(chunk)
        return chunk

    def _path(self, chunk: int) -> str:
        return keys.chunk(self._state.commit.id, self._tensor.key, keys.chunk_name(chunk))

    def _keep(self, chunk: int, loaded: LoadedChunk) -> None:
        self._held[chunk] = loaded
        self._held_nbytes += len(loaded.chunk.data)
        self._state.chunks.pin(self._path(chunk), loaded)

    def _forget(self, chunk: int) -> None:
        """A chunk that the table names no more."""
        path = self._state.chunk_key(self._tensor, chunk)
        held = self._held.pop(chunk, None)
        if held is not None:
            self._held_nbytes -= len(held.chunk.data)
            self._writable.pop(chunk, None)
            self._state.chunks.drop(path)
            self.written.discard(chunk)
        elif path == self._path(chunk):  # an object of an older commit stays
            self.replaced.add(path)

    # ------------------------------------------------------------------ storing

    def puts(self) -> list[Put]:
        """The chunks that are in memory only."""
        meta = self._tensor.meta
        puts = []
        for number, loaded in self._held.items():
            builder = packing.resumed(loaded.chunk, len(loaded.chunk), meta, loaded.chunk.rank)
            puts.append(Put(Phase.CHUNKS, self._path(number), packing.build(builder, meta)))
        return puts

    def _store(self) -> None:
        for put in self.puts():
            self._state.storage.put(put.key, put.data)
            self._state.chunks.drop(put.key)
        self._let_go()

    def flushed(self) -> set[str]:
        """All puts have been made; the objects that nothing names any more."""
        gone = self.replaced
        self.is_dirty = False
        self.written, self.replaced = set(), set()
        self._let_go()
        return gone

    def _let_go(self) -> None:
        self._held.clear()
        self._writable.clear()
        self._held_nbytes = 0


def _tilings(batch: Batch | None) -> dict[int, Tiling]:
    """Those of a batch's samples that are cut into tiles, by their number."""
    if not isinstance(batch, Varied):
        return {}
    return {at: one.tiling for at, one in enumerate(batch.payloads) if isinstance(one, Apart)}
