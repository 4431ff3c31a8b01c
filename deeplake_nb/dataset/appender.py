"""Appends to one tensor: values become payloads, payloads fill chunks, and the tables follow in memory.

A full chunk is written at once, so that memory stays bounded; the tables and metadata that make it count are
written by a flush. Until then nobody else sees the new rows, and ``restore`` takes them back.
"""

from __future__ import annotations

import copy
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import companions
from deeplake_nb.dataset.encoded import Encoded
from deeplake_nb.dataset.linked_creds import note_used
from deeplake_nb.dataset.links import resolve_links
from deeplake_nb.dataset.rewriter import Rewriter
from deeplake_nb.errors import LakeError, SampleError, UnsupportedError
from deeplake_nb.format import keys
from deeplake_nb.format.chunk import MAX_NBYTES, ChunkBuilder
from deeplake_nb.format.codecs import lz4
from deeplake_nb.format.encoders import ChunkIds, CredsCodes, Sequences, Tiling, encode_tiles
from deeplake_nb.format.payloads import Encoder, Uniform, Varied, check_writable, inferred, label_numbers, plain_numbers
from deeplake_nb.format.plans import Phase, Put
from deeplake_nb.format.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import Tables, TensorState
    from deeplake_nb.format.meta import TensorMeta
    from deeplake_nb.format.payloads import Batch


@dataclass(slots=True)
class _Mark:
    meta: TensorMeta
    info: dict[str, Any] | None
    ids: ChunkIds
    tiles: dict[int, Tiling]
    sequences: Sequences | None
    creds: CredsCodes | None
    builder: ChunkBuilder | None
    built: Any
    chunk_id: int
    held: Put | None
    written: int
    is_dirty: bool
    is_info_dirty: bool


class Appender:
    """The writing end of one tensor in one version of a dataset."""

    def __init__(self, state: State, tensor: TensorState, *, is_new: bool = False) -> None:
        self.state = state
        self.tensor = tensor
        self.is_dirty = is_new
        self.has_appended = False  # rows that no flush has written
        self.rewriter = Rewriter(state, tensor)
        self.is_info_dirty = False
        self.is_renamed = False
        self._builder: ChunkBuilder | None = None
        self._chunk_id = 0
        self._flushed_id = 0  # the chunk of flushed rows that further ones may join
        self._held: Put | None = None  # it, full, until the next flush: before that nothing that counts is touched
        self._has_tiles = False  # whether the (empty) table of tiles is known to be stored
        self.written: list[int] = []  # chunks of this commit that its chunk set does not list yet
        self.shared: dict[str, tuple[str, str]] = {}  # chunk names that its chunk set leads to other commits' objects
        self.flushed_tensor: TensorState | None = None  # as the last flush left it; None before the first change

    @property
    def tables(self) -> Tables:
        """The tensor's tables."""
        return self.state.tables(self.tensor)

    # ------------------------------------------------------------------ appending

    def encoded(self, values: Any) -> Encoded:
        """Rows as they are stored; what the tensor does not know yet (dtype, class names) is found out from them.

        Raises:
            SampleError: a value that does not fit; the caller restores the mark it took before.
        """
        tensor = self.tensor
        counts = None
        if tensor.meta.is_sequence:
            rows = [_items(row, tensor.meta.name) for row in values]
            counts = np.array([len(row) for row in rows], np.int64)
            values = [item for row in rows for item in row]
        if not isinstance(values, np.ndarray) and Sample in set(map(type, values)):  # four times as fast as any()
            values = [value.loaded() if isinstance(value, Sample) else value for value in values]
        check_writable(tensor.meta)
        first = next((value for value in values if value is not None), None)
        tensor.meta = inferred(tensor.meta, first)
        self.forget_indexes()
        encoder = Encoder(tensor.meta)
        row = encoder.row
        if "class_names" in row.info and row.name == "class_label":
            values = self._numbered(values)
        codes = infos = shapes = None
        if tensor.meta.is_link:
            codes, infos, shapes = resolve_links(self.state, tensor.meta, values)
        elif row.has_sample_info:
            infos = companions.file_infos(values)
        return Encoded(encoder.batch(values), counts, codes, infos, shapes)

    def extend(self, values: Any) -> companions.Added:
        """Append rows; returns what the hidden companion tensors need to know of them.

        Raises:
            SampleError: a value that does not fit; the caller restores the mark it took before.
        """
        new = self.encoded(values)
        self._add(new.batch)
        self.count(new, new.items)
        if new.codes is not None:
            self.tables.creds = (self.tables.creds or CredsCodes()).extended(new.codes)
        if new.counts is not None:
            self.tables.sequences = (self.tables.sequences or Sequences()).extended(new.counts)
        self.is_dirty = self.has_appended = True
        return new.added()

    def forget_indexes(self) -> None:
        """Similarity indexes know nothing of a change, and others would search them."""
        meta = self.tensor.meta
        if meta.extra.get("vdb_indexes"):
            self.tensor.meta = replace(meta, extra={**meta.extra, "vdb_indexes": []})

    def _numbered(self, values: Any) -> Any:
        numbers = plain_numbers(values)
        if numbers is not None:
            return numbers
        info = self.state.tensor_info(self.tensor)
        names = list(info["class_names"])
        numbers = label_numbers(list(values), names)
        if len(names) > len(info["class_names"]):
            self.tensor.info = {**info, "class_names": names}
            self.is_info_dirty = True
        return numbers

    def _add(self, batch: Batch) -> None:
        if isinstance(batch, Uniform):
            done = 0
            while done < batch.count:
                room = self._open(batch.nbytes)
                take = min(max(room // max(batch.nbytes, 1), 1), batch.count - done)
                part = batch.payload[done * batch.nbytes : (done + take) * batch.nbytes]
                self._fill().add_uniform(part, take, batch.shape, batch.nbytes)
                self._cover(take)
                done += take
        else:
            self._add_varied(batch)
        if self._builder is not None:
            self._builder.own()

    def _add_varied(self, batch: Varied) -> None:
        sizes = np.array([len(payload) for payload in _views(batch.payloads)], np.int64)
        done = 0
        while done < len(sizes):
            room = self._open(int(sizes[done]))
            take = max(int(np.searchsorted(np.cumsum(sizes[done:]), room, side="right")), 1)
            part = slice(done, done + take)
            shapes = batch.shapes[part]
            self._fill_varied(batch.payloads[part], shapes, sizes[part])
            done += take

    def _fill_varied(self, payloads: list[Buffer], shapes: list[tuple[int, ...] | None], sizes: Any) -> None:
        builder = self._fill()
        if any(shape is None for shape in shapes):
            builder.add_uniform(b"", len(shapes), None, 0)  # only missing samples, of no known rank
        else:
            builder.add_varied(payloads, np.array(shapes, np.int64), sizes)
        self._cover(len(shapes))

    def _fill(self) -> ChunkBuilder:
        if self._builder is None:
            self._builder = ChunkBuilder(self._rank)
        return self._builder

    @property
    def _rank(self) -> int | None:
        """Rank of what is stored, once it is known: of a link, its path."""
        return 1 if self.tensor.meta.is_link else len(self.tensor.meta.max_shape) or None

    def _open(self, nbytes: int) -> int:
        """Make sure a chunk is open that takes a sample of ``nbytes``; returns the room left in it."""
        meta = self.tensor.meta
        limit = meta.chunk_target * (2 if meta.chunk_compression else 1)
        most = lz4.MAX_NBYTES if meta.chunk_compression else MAX_NBYTES
        if nbytes > most:
            raise UnsupportedError(
                f"tensor {meta.name!r}: a sample of {nbytes} bytes; the format allows {most} in one chunk, and samples "
                "cannot be cut into tiles yet"
            )
        if self._builder is None:
            self._resume()
        if self._builder is not None and self._builder.count and self._builder.nbytes + nbytes > limit:
            self._write_chunk()
            self._builder = None
        if self._builder is None:
            self._start()
        return limit - self._fill().nbytes

    def _resume(self) -> None:
        """Go on in the last chunk, if it belongs to this commit, has room, and is no tile."""
        ids, tiles = self.tables.ids, self.tables.tiles
        if not len(ids):
            return
        last = len(ids) - 1
        chunk_id = int(ids.ids[-1])
        path = self.state.chunk_key(self.tensor, chunk_id)
        if last in tiles or path != keys.chunk(self.state.commit.id, self.tensor.key, keys.chunk_name(chunk_id)):
            return
        (loaded,) = self.state.load_chunks(self.tensor, [len(ids.ids) - 1])
        if isinstance(loaded, LakeError):
            raise loaded
        chunk = loaded.chunk
        if chunk.is_whole or len(chunk.data) >= self.tensor.meta.chunk_target:
            return
        if None not in {self._rank, chunk.rank} and self._rank != chunk.rank:
            return  # old versions left (H, W) pictures among (H, W, C) ones
        count = last + 1 - int(ids.firsts()[-1])
        self._builder = ChunkBuilder.resumed(chunk, count, self._rank)
        self._chunk_id = self._flushed_id = chunk_id

    def _start(self) -> None:
        check_writable(self.tensor.meta)
        self._fill()
        self._chunk_id = secrets.randbits(64) or 1
        self.written.append(self._chunk_id)
        path = keys.chunk(self.state.commit.id, self.tensor.key, keys.chunk_name(self._chunk_id))
        self.tensor.owners[self._chunk_id] = path

    def _cover(self, count: int) -> None:
        """Let the open chunk's entry in the table cover ``count`` more rows."""
        ids = self.tables.ids
        if len(ids.ids) and int(ids.ids[-1]) == self._chunk_id:
            lasts = ids.lasts.copy()  # a reader in another thread may hold the old ones
            lasts[-1] += count
            self.tables.ids = ChunkIds(ids.ids, lasts)
            return
        last = len(ids) + count - 1
        self.tables.ids = ChunkIds(np.append(ids.ids, np.uint64(self._chunk_id)), np.append(ids.lasts, last))

    def count(self, new: Encoded, growth: int) -> None:
        """Widen the shape bounds to new samples, and the length. Links bound what they point to, where known."""
        meta = self.tensor.meta
        shapes = {shape for shape in new.known_shapes() if shape is not None}
        if not shapes:
            self.tensor.meta = replace(meta, length=meta.length + growth)
            return
        rank = max(map(len, shapes))
        padded = [shape + (0,) * (rank - len(shape)) for shape in shapes]
        low = tuple(min(dims) for dims in zip(*padded, strict=True))
        high = tuple(max(dims) for dims in zip(*padded, strict=True))
        if not meta.max_shape and meta.length + growth > new.items:
            low = (0,) * len(low)  # the samples before had no shape
        self.tensor.meta = meta.widened(low, high, growth)

    def shrink(self, growth: int) -> None:
        """Count fewer samples; shape bounds go with the last of them."""
        self.forget_indexes()
        meta = replace(self.tensor.meta, length=self.tensor.meta.length + growth)
        self.tensor.meta = meta if meta.length else replace(meta, min_shape=(), max_shape=())

    def _write_chunk(self) -> None:
        put = self._chunk_put()
        if self._chunk_id == self._flushed_id:
            self._held = put
        else:
            self.state.storage.put(put.key, put.data)

    def _chunk_put(self) -> Put:
        pack = lz4.compress if self.tensor.meta.chunk_compression and not self.tensor.meta.is_link else None
        path = self.state.chunk_key(self.tensor, self._chunk_id)
        return Put(Phase.CHUNKS, path, self._fill().build(pack))

    # ------------------------------------------------------------------ flushing, and taking back

    def puts(self) -> list[Put]:
        """The objects that make everything appended so far count."""
        if not self.is_dirty and not self.is_info_dirty and not self.is_renamed:
            return []
        commit, tensor = self.state.commit.id, self.tensor
        puts = []
        if self.is_info_dirty:
            info = companions.stored_info(self.state.tensor_info(tensor))
            puts.append(Put(Phase.TABLES, keys.tensor_info(commit, tensor.key), info))
        if self.is_dirty:
            puts += self._table_puts()
        if self.is_dirty or self.is_renamed:
            phase = Phase.COMPANIONS if tensor.meta.hidden else Phase.TENSORS
            puts.append(Put(phase, keys.tensor_meta(commit, tensor.key), tensor.meta.encode()))
        return puts

    def _table_puts(self) -> list[Put]:
        """Chunks, and the tables that find their rows."""
        commit, tensor, tables = self.state.commit.id, self.tensor, self.tables
        puts = self.rewriter.puts()
        if self._held is not None:
            puts.append(self._held)
        if self._builder is not None and self._builder.count:
            puts.append(self._chunk_put())
        if len(tables.ids) or self.rewriter.is_dirty:
            puts.append(Put(Phase.TABLES, keys.chunk_ids(commit, tensor.key), tables.ids.encode()))
        if self.rewriter.is_dirty or (len(tables.ids) and not tables.tiles and not self._has_tiles):
            puts.append(Put(Phase.TABLES, keys.tiles(commit, tensor.key), encode_tiles(tables.tiles)))
        if tables.sequences is not None:
            puts.append(Put(Phase.TABLES, keys.sequences(commit, tensor.key), tables.sequences.encode()))
        if tables.creds is not None:
            note_used(self.state, tables.creds.codes)
            puts.append(Put(Phase.TABLES, keys.creds_keys(commit, tensor.key), tables.creds.encode()))
        return puts

    def flushed(self) -> set[str]:
        """All puts have been made; the objects that nothing names any more."""
        self._has_tiles = bool(len(self.tables.ids))
        gone = set[str]()
        if self.rewriter.is_dirty:
            self._builder, self._chunk_id = None, 0  # it may have been rewritten
            gone = self.rewriter.flushed()
        self.is_dirty = self.is_info_dirty = self.has_appended = self.is_renamed = False
        self._held = None
        self._flushed_id = self._chunk_id
        self.flushed_tensor = self.tensor.snapshot()
        self.written.clear()
        self.shared = {}
        return gone

    def mark(self) -> _Mark:
        """A point to come back to."""
        tables = self.tables
        if self.flushed_tensor is None:
            self.flushed_tensor = self.tensor.snapshot()
        return _Mark(
            self.tensor.meta,
            copy.copy(self.tensor.info),
            tables.ids,
            tables.tiles,
            tables.sequences,
            tables.creds,
            self._builder,
            self._builder.mark() if self._builder is not None else None,
            self._chunk_id,
            self._held,
            len(self.written),
            self.is_dirty,
            self.is_info_dirty,
        )

    def cut(self, length: int) -> None:
        """Forget rows beyond ``length``."""
        if self.tensor.meta.length > length:
            self.tensor.meta = replace(self.tensor.meta, length=length)
            self.tables.ids = self.tables.ids.truncated(length)
            self._builder = None

    def restore(self, mark: _Mark) -> list[str]:
        """Forget everything since ``mark``; returns the keys of chunks that were written for nothing."""
        orphans = [self.tensor.owners.pop(chunk_id) for chunk_id in self.written[mark.written :]]
        del self.written[mark.written :]
        tables = self.tables
        self.tensor.meta, self.tensor.info = mark.meta, mark.info
        tables.ids, tables.tiles = mark.ids, mark.tiles
        tables.sequences, tables.creds = mark.sequences, mark.creds
        self._builder, self._chunk_id, self._held = mark.builder, mark.chunk_id, mark.held
        if self._builder is not None:
            self._builder.restore(mark.built)
        self.is_dirty, self.is_info_dirty = mark.is_dirty, mark.is_info_dirty
        return orphans


def _items(row: Any, name: str) -> Any:
    """The items of one row of a sequence tensor."""
    if isinstance(row, (list, tuple)) or (isinstance(row, np.ndarray) and row.ndim):
        return row
    if row is None:
        return ()
    raise SampleError(f"tensor {name!r}: a row of a sequence is a list of samples, got a {type(row).__name__}")


def _views(payloads: Sequence[Buffer]) -> list[memoryview]:
    return [payload if isinstance(payload, memoryview) else memoryview(payload) for payload in payloads]
