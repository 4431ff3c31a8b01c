"""Updates and removals in one tensor: chunks whose samples change are written anew, under new names.

No stored chunk is touched: the table that names the new ones makes them count, in one step. Until a flush they are in
memory, or what is new of them is, where whoever writes reads them; only when they become many are they stored before.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.dataset import ranged
from deeplake_nb.dataset.amended import Amended
from deeplake_nb.errors import LakeError
from deeplake_nb.format import keys, packing
from deeplake_nb.format.batch import Apart, Varied, alike
from deeplake_nb.format.chunk import Chunk
from deeplake_nb.format.edits import Edit, rebuilt
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.plans import Phase, Put
from deeplake_nb.format.regions import Piece, rewritten
from deeplake_nb.storage.provider import put_many

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from deeplake_nb.dataset.cache import LoadedChunk
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.format.batch import Batch, Uniform
    from deeplake_nb.format.chunk import ChunkBuilder
    from deeplake_nb.format.edits import Region
    from deeplake_nb.format.encoders import Tiling
    from deeplake_nb.storage.provider import Patched

    Ints = NDArray[np.int64]
    Loaded = list[tuple[Region, list[LoadedChunk | None] | "Overwriting"]]

_HELD_NBYTES = 2**30
"""So many bytes of changed chunks of a tensor wait in memory for a flush: half of what the original keeps."""


class Overwriting(NamedTuple):
    """Samples ``rows`` of a chunk are to be others, as many, as long and as shaped."""

    amended: Amended
    rows: Ints


class Rewriter:
    """Changes chunks of one tensor. ``written`` are the new ones that its chunk set does not list yet."""

    def __init__(self, state: State, tensor: TensorState) -> None:
        self._state = state
        self._tensor = tensor
        self.is_dirty = False
        self.written: set[int] = set()
        self.replaced: set[str] = set()  # objects of this version that nothing names after the next flush
        self._held: dict[int, Amended] = {}  # not stored yet

    def load(self, edit: Edit, batch: Batch | None) -> Loaded:
        """What an edit will rewrite; the only part that reads, so that the rest cannot fail half-way.

        Raises:
            LakeError: a chunk that cannot be read.
        """
        tables, new = self._state.tables(self._tensor), alike(batch)
        regions = edit.regions(tables.ids, tables.tiles)
        unread = [self._overwriting(edit, one, new) for one in regions]
        entries = [at for one, is_done in zip(regions, unread, strict=True) if not is_done for at in one.entries]
        wanted = [entry for entry in entries if int(tables.ids.lasts[entry]) not in tables.tiles]  # tiles go as a whole
        chunks: dict[int, LoadedChunk] = {}
        for entry, chunk in zip(wanted, self._state.load_chunks(self._tensor, wanted), strict=True):
            if isinstance(chunk, LakeError):
                raise chunk
            chunks[entry] = chunk
        out: Loaded = []
        for one, overwriting in zip(regions, unread, strict=True):
            loaded = [chunks.get(at) for at in one.entries]
            out.append((one, overwriting or self._overwriting(edit, one, new, loaded) or loaded))
        return out

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
            places = taken[part.start : part.stop + 1]
            entries = ids.ids[region.first : region.stop].tolist()
            if isinstance(chunks, Overwriting):
                assert uniform is not None
                start, stop = (int(place) * uniform.nbytes for place in (places[0], places[-1]))
                chunks.amended.assign(chunks.rows, uniform.payload[start:stop])
                is_held = self._held.get(entries[0]) is chunks.amended
                number = entries[0] if is_held else self._keep(chunks.amended)
                new.append([(number, len(chunks.amended))])
                gone += [] if number == entries[0] else entries
                continue
            first = int(ids.lasts[region.first - 1]) + 1 if region.first else 0
            numbers = range(region.first, region.stop)
            pieces = [
                Piece(None if one is None else one.chunk, ids.count(at), int(ids.lasts[at]))
                for at, one in zip(numbers, chunks, strict=True)
            ]
            new.append(self._rebuilt(pieces, edit.starts[part] - first, edit.stops[part] - first, places, batch))
            gone += entries
        tables.ids = rebuilt(ids, [region for region, _ in loaded], new)
        tables.tiles = edit.tiles(tables.tiles, _tilings(batch))
        for chunk in gone:
            self._forget(chunk)
        self._store_much()

    # ------------------------------------------------------------------ samples in the place of others

    def _overwriting(
        self, edit: Edit, region: Region, new: Uniform | None, loaded: list[LoadedChunk | None] | None = None
    ) -> Overwriting | None:
        """What a region's changes are to its only chunk, which need not be loaded; None where they are more.

        Raises:
            LakeError: a chunk that cannot be read.
        """
        tables, part = self._state.tables(self._tensor), region.changes
        starts, stops, counts = edit.starts[part], edit.stops[part], edit.counts[part]
        is_other = new is None or len(region.entries) != 1 or int(tables.ids.lasts[region.first]) in tables.tiles
        if is_other or not np.array_equal(stops - starts, counts) or not counts.any():
            return None
        amended = self._amended(region.first) if loaded is None else Amended.of(loaded[0], self._tensor.meta)
        if amended is None or len(amended) != tables.ids.count(region.first):
            return None
        first = int(tables.ids.lasts[region.first - 1]) + 1 if region.first else 0
        rows = Edit(starts - first, stops - first, counts).removed
        if new is None or not amended.fits(rows, new):
            return None
        amended.prepare(len(counts))
        return Overwriting(amended, rows)

    def _amended(self, entry: int) -> Amended | None:
        """A chunk that is to be changed, unread; None where it is better read."""
        state, meta = self._state, self._tensor.meta
        number = int(state.tables(self._tensor).ids.ids[entry])
        held = self._held.get(number)
        if held is not None or state.storage.concurrency > 1 or packing.packing(meta) is not None:
            return held  # where answers are waited for, a chunk is read as soon as its header
        path = state.chunk_key(self._tensor, number)
        head = ranged.header(state, self._tensor, entry, path)
        return Amended.stored(head, state.storage, path, meta) if head is not None else None

    # ------------------------------------------------------------------ chunks

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
        self._store_much()

    def _built(self, builder: ChunkBuilder) -> int:
        """A new chunk, in memory as it will be read."""
        parsed = Chunk.parse(b"".join(builder.build()), f"a new chunk of tensor {self._tensor.meta.name!r}")
        return self._keep(Amended(parsed, self._tensor.meta, None))

    def _keep(self, amended: Amended) -> int:
        """A new chunk, which waits for a flush."""
        chunk = secrets.randbits(64) or 1
        self.written.add(chunk)
        self._tensor.owners[chunk] = self._path(chunk)
        self._held[chunk] = amended
        self._state.chunks.pin(self._path(chunk), amended.loaded)
        return chunk

    def _path(self, chunk: int) -> str:
        return keys.chunk(self._state.commit.id, self._tensor.key, keys.chunk_name(chunk))

    def _forget(self, chunk: int) -> None:
        """A chunk that the table names no more."""
        path = self._state.chunk_key(self._tensor, chunk)
        if self._held.pop(chunk, None) is not None:
            self._state.chunks.drop(path)
            self.written.discard(chunk)
        elif path == self._path(chunk):  # an object of an older commit stays
            self.replaced.add(path)

    # ------------------------------------------------------------------ storing

    def puts(self) -> list[Put]:
        """The chunks that are not stored yet."""
        return [Put(Phase.CHUNKS, self._path(number), self._content(one)) for number, one in self._held.items()]

    def _content(self, amended: Amended) -> list[Buffer] | Patched:
        patched = amended.patched()
        if patched is not None:
            return patched
        chunk, meta = amended.loaded().chunk, self._tensor.meta
        return packing.build(packing.resumed(chunk, len(chunk), meta, chunk.rank), meta)

    def _store_much(self) -> None:
        if sum(one.nbytes for one in self._held.values()) <= _HELD_NBYTES:
            return
        puts = self.puts()
        put_many(self._state.storage, [(put.key, put.data) for put in puts])
        for put in puts:
            self._state.chunks.drop(put.key)
        self._held.clear()

    def flushed(self) -> set[str]:
        """All puts have been made; the objects that nothing names any more."""
        gone = self.replaced
        self.is_dirty = False
        self.written, self.replaced = set(), set()
        self._held.clear()
        return gone


def _tilings(batch: Batch | None) -> dict[int, Tiling]:
    """Those of a batch's samples that are cut into tiles, by their number."""
    if not isinstance(batch, Varied):
        return {}
    return {at: one.tiling for at, one in enumerate(batch.payloads) if isinstance(one, Apart)}
