"""The end of a tensor: the chunk that new samples go into, and what is stored once it is full.

A full chunk begins to be written at once, so that memory stays bounded. One that counts already is put off to the next
flush: before that, nothing that others read is touched.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import LakeError, UnsupportedError
from deeplake_nb.format import keys, packing
from deeplake_nb.format.batch import Apart, Joined, Uniform, Varied
from deeplake_nb.format.encoders import ChunkIds
from deeplake_nb.format.grids import Grid
from deeplake_nb.format.plans import Phase, Put
from deeplake_nb.format.tiles import Tiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from deeplake_nb.dataset.outgoing import Outgoing
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import Tables, TensorState
    from deeplake_nb.format.batch import Batch
    from deeplake_nb.format.chunk import ChunkBuilder
    from deeplake_nb.format.encoders import Tiling


@dataclass(slots=True)
class TailMark:
    """A point to come back to."""

    ids: ChunkIds
    tiles: dict[int, Tiling]
    builder: ChunkBuilder | None
    built: Any
    chunk_id: int
    held: Put | None
    written: int


class Tail:
    """The open chunk of one tensor. ``written`` are chunks of this commit that its chunk set does not list yet."""

    def __init__(self, state: State, tensor: TensorState, outgoing: Outgoing) -> None:
        self._state = state
        self._tensor = tensor
        self._outgoing = outgoing
        self._builder: ChunkBuilder | None = None
        self._chunk_id = 0
        self._flushed_id = 0  # the chunk of flushed rows that further ones may join
        self._held: Put | None = None  # it, full, until the next flush
        self.written: list[int] = []

    @property
    def _tables(self) -> Tables:
        return self._state.tables(self._tensor)

    # ------------------------------------------------------------------ filling

    def add(self, batch: Batch | Joined, progress: Callable[[int], None], *, is_ours: bool = False) -> None:
        """Put samples into chunks, and let the table cover them; ``progress`` is told how many, chunk by chunk.

        What stays in memory is copied, but for what ``is_ours``.
        """
        if isinstance(batch, Uniform):
            done = 0
            while done < batch.count:
                builder, room = self._open(batch.shape, batch.nbytes)
                take = min(room, batch.count - done)
                part = batch.payload[done * batch.nbytes : (done + take) * batch.nbytes]
                builder.add_uniform(part, take, batch.shape, batch.nbytes)
                self._cover(take)
                done += take
                progress(take)
        elif isinstance(batch, Joined):
            self._add_joined(batch, progress)
        else:
            self._add_varied(batch, progress)
        if self._builder is not None:
            self._builder.own(is_copied=not is_ours)

    def _add_varied(self, batch: Varied, progress: Callable[[int], None]) -> None:
        """Samples in runs that a chunk takes together; those with chunks of their own stand between runs."""
        if not {Tiles, Grid} & set(map(type, batch.payloads)):
            self._add_run(batch.payloads, batch.shapes, progress)  # type: ignore[arg-type]
            return
        run: list[Buffer] = []
        for at, payload in enumerate(batch.payloads):
            if isinstance(payload, Apart):
                self._add_run(run, batch.shapes[at - len(run) : at], progress)
                self._add_apart(payload)
                progress(1)
                run = []
            else:
                run.append(payload)
        self._add_run(run, batch.shapes[len(batch.shapes) - len(run) :], progress)

    def _add_run(
        self, payloads: list[Buffer], shapes: list[tuple[int, ...] | None], progress: Callable[[int], None]
    ) -> None:
        nbytes: Callable[[Any], int] = len if set(map(type, payloads)) <= {bytes, memoryview} else _nbytes
        sizes = np.fromiter(map(nbytes, payloads), np.int64, len(payloads))
        one_by_one = packing.is_canvas(self._tensor.meta)
        done = 0
        while done < len(sizes):
            builder, _ = self._open(shapes[done], int(sizes[done]))
            room = packing.limit(self._tensor.meta) - builder.nbytes
            take = 1 if one_by_one else max(int(np.searchsorted(np.cumsum(sizes[done:]), room, side="right")), 1)
            part = slice(done, done + take)
            shape = shapes[done]
            if shape is not None and shapes.count(shape) == len(shapes):
                builder.add_varied(payloads[part], np.array([shape], np.int64), sizes[part])
            elif None in shapes[part]:
                builder.add_uniform(b"", take, None, 0)  # only missing samples, of no known rank
            else:
                builder.add_varied(payloads[part], np.array(shapes[part], np.int64), sizes[part])
            self._cover(take)
            done += take
            progress(take)

    def _add_joined(self, batch: Joined, progress: Callable[[int], None]) -> None:
        stops, payload, shape = np.cumsum(batch.sizes), memoryview(batch.payload), np.array([batch.shape], np.int64)
        done = start = 0
        while done < len(stops):
            builder, _ = self._open(batch.shape, int(batch.sizes[done]))
            room = packing.limit(self._tensor.meta) - builder.nbytes
            take = max(int(np.searchsorted(stops, start + room, side="right")) - done, 1)
            stop = int(stops[done + take - 1])
            builder.add_varied([payload[start:stop]], shape, batch.sizes[done : done + take])
            self._cover(take)
            done, start = done + take, stop
            progress(take)

    def _add_apart(self, sample: Apart) -> None:
        """A sample in chunks of its own; they begin to be written as they are made."""
        self._close()
        tables, meta = self._tables, self._tensor.meta
        item, ids = len(tables.ids), []
        for chunk in sample.chunks(lambda: packing.new_builder(meta, packing.rank_of(meta))):
            self._new_id()
            ids.append(self._chunk_id)
            self._outgoing.put(self._path(), packing.build(chunk, meta), chunk.nbytes)
        self._chunk_id = 0
        lasts = np.full(len(ids), item, np.int64)
        tables.ids = ChunkIds(
            np.concatenate([tables.ids.ids, np.array(ids, np.uint64)]), np.concatenate([tables.ids.lasts, lasts])
        )
        tables.tiles = {**tables.tiles, item: sample.tiling}

    def _open(self, shape: tuple[int, ...] | None, nbytes: int) -> tuple[ChunkBuilder, int]:
        """A chunk that takes a sample, and how many alike it takes."""
        meta = self._tensor.meta
        limit, most = packing.limit(meta), packing.most(meta)
        if nbytes > most:
            raise UnsupportedError(
                f"tensor {meta.name!r}: a sample of {nbytes} bytes; the format allows {most} in one chunk. Make the "
                "tensor without tiling_threshold=-1, so that larger arrays are cut into tiles"
            )
        if self._builder is None:
            self._resume()
        room = self._builder.takes(shape, nbytes, limit) if self._builder is not None else 0
        if not room:
            self._close()
            self._builder = packing.new_builder(meta, packing.rank_of(meta))
            self._new_id()
            room = max(self._builder.takes(shape, nbytes, limit), 1)
        assert self._builder is not None
        return self._builder, room

    @property
    def end(self) -> str | None:
        """The stored chunk that samples may join: the last one, if it belongs to this commit, and is no tile.

        Nor one that loses something each time it is compressed.
        """
        ids = self._tables.ids
        if self._builder is not None or not len(ids) or packing.is_lossy(self._tensor.meta):
            return None
        chunk_id = int(ids.ids[-1])
        if len(ids) - 1 in self._tables.tiles or not self._state.is_own(self._tensor, chunk_id):
            return None
        return self._path(chunk_id)

    def _resume(self) -> None:
        """Go on in the last chunk, if it has room."""
        path = self.end
        if path is None:
            return
        ids, meta = self._tables.ids, self._tensor.meta
        last, chunk_id = len(ids) - 1, int(ids.ids[-1])
        self._tensor.owners[chunk_id] = path
        (loaded,) = self._state.load_chunks(self._tensor, [len(ids.ids) - 1])
        if isinstance(loaded, LakeError):
            raise loaded
        chunk, rank = loaded.chunk, packing.rank_of(meta)
        if chunk.is_whole or len(chunk.data) >= meta.chunk_target:
            return
        if None not in {rank, chunk.rank} and rank != chunk.rank:
            return  # old versions left (H, W) pictures among (H, W, C) ones
        self._builder = packing.resumed(chunk, last + 1 - int(ids.firsts()[-1]), meta, rank)
        self._chunk_id = self._flushed_id = chunk_id

    def _new_id(self) -> None:
        self._chunk_id = secrets.randbits(64) or 1
        self.written.append(self._chunk_id)
        self._tensor.owners[self._chunk_id] = self._path()

    def _path(self, chunk_id: int | None = None) -> str:
        name = keys.chunk_name(self._chunk_id if chunk_id is None else chunk_id)
        return keys.chunk(self._state.commit.id, self._tensor.key, name)

    def _cover(self, count: int) -> None:
        """Let the open chunk's entry in the table cover ``count`` more rows."""
        ids = self._tables.ids
        if len(ids.ids) and int(ids.ids[-1]) == self._chunk_id:
            lasts = ids.lasts.copy()  # a reader in another thread may hold the old ones
            lasts[-1] += count
            self._tables.ids = ChunkIds(ids.ids, lasts)
            return
        last = len(ids) + count - 1
        self._tables.ids = ChunkIds(np.append(ids.ids, np.uint64(self._chunk_id)), np.append(ids.lasts, last))

    def _close(self) -> None:
        """Begin to store the open chunk, if it holds anything."""
        if self._builder is not None and self._builder.count:
            if self._chunk_id == self._flushed_id:
                self._held = self._put()
            else:
                data = packing.build(self._builder, self._tensor.meta)
                self._outgoing.put(self._path(), data, self._builder.nbytes)
        self._builder = None

    def _put(self) -> Put:
        assert self._builder is not None
        path = self._state.chunk_key(self._tensor, self._chunk_id)
        return Put(Phase.CHUNKS, path, packing.build(self._builder, self._tensor.meta))

    # ------------------------------------------------------------------ flushing, and taking back

    def puts(self) -> list[Put]:
        """Chunks that are not stored yet."""
        held = [self._held] if self._held is not None else []
        return [*held, self._put()] if self._builder is not None and self._builder.count else held

    def flushed(self) -> None:
        """All puts have been made."""
        self._held = None
        self._flushed_id = self._chunk_id
        self.written.clear()
        if packing.is_lossy(self._tensor.meta):
            self._builder = None

    def forget(self) -> None:
        """The chunk may have been rewritten, or cut: look at what is stored before the next sample."""
        self._builder, self._chunk_id = None, 0

    def mark(self) -> TailMark:
        """A point to come back to."""
        built = self._builder.mark() if self._builder is not None else None
        return TailMark(
            self._tables.ids, self._tables.tiles, self._builder, built, self._chunk_id, self._held, len(self.written)
        )

    def restore(self, mark: TailMark) -> list[str]:
        """Forget everything since ``mark``; returns the keys of chunks that were written for nothing."""
        orphans = [self._tensor.owners.pop(chunk_id) for chunk_id in self.written[mark.written :]]
        del self.written[mark.written :]
        self._tables.ids, self._tables.tiles = mark.ids, mark.tiles
        self._builder, self._chunk_id, self._held = mark.builder, mark.chunk_id, mark.held
        if self._builder is not None:
            self._builder.restore(mark.built)
        return orphans


def _nbytes(payload: Buffer) -> int:
    return memoryview(payload).nbytes
