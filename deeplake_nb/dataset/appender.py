"""Appends to one tensor: values become payloads, payloads fill chunks, and the tables follow in memory.

The tables and metadata that make chunks count are written by a flush. Until then nobody else sees the new rows, and
``restore`` takes them back.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import companions
from deeplake_nb.dataset.encoded import Encoded
from deeplake_nb.dataset.facts import TensorFacts
from deeplake_nb.dataset.linked_creds import note_used
from deeplake_nb.dataset.links import resolve_links
from deeplake_nb.dataset.rewriter import Rewriter
from deeplake_nb.dataset.tail import Tail
from deeplake_nb.errors import SampleError
from deeplake_nb.format import keys
from deeplake_nb.format.encoders import CredsCodes, Sequences, encode_tiles
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.inference import inferred
from deeplake_nb.format.labels import label_numbers, plain_numbers
from deeplake_nb.format.meta import FLUSH, ROWS
from deeplake_nb.format.payloads import Encoder
from deeplake_nb.format.plans import Phase, Put
from deeplake_nb.format.samples import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.dataset.outgoing import Outgoing
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import Tables, TensorState
    from deeplake_nb.dataset.tail import TailMark
    from deeplake_nb.format.encoders import Tiling
    from deeplake_nb.format.meta import TensorMeta


@dataclass(slots=True)
class _Mark:
    meta: TensorMeta
    info: dict[str, Any] | None
    sequences: Sequences | None
    creds: CredsCodes | None
    tail: TailMark
    is_dirty: bool
    is_info_dirty: bool


class Appender:
    """The writing end of one tensor in one version of a dataset."""

    def __init__(self, state: State, tensor: TensorState, outgoing: Outgoing, *, is_new: bool = False) -> None:
        self.state = state
        self.tensor = tensor
        self.is_new = is_new  # no flush has written it
        self.is_dirty = is_new
        self.has_appended = False  # rows that no flush has written
        self.is_shorter = False  # than a writer that died has left it
        self.rewriter = Rewriter(state, tensor)
        self.is_info_dirty = False
        self.is_renamed = False
        self.tail = Tail(state, tensor, outgoing)
        self._stored_tiles: dict[int, Tiling] | None = {} if is_new else None
        """The table of tiles as it is stored, empty where there is none; None while nobody knows."""
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
            rows = [_items(row.given() if isinstance(row, TensorFacts) else row, tensor.meta.name) for row in values]
            counts = np.array([len(row) for row in rows], np.int64)
            values = [item for row in rows for item in row]
        elif tensor.meta.htype == "text" and (texts := Encoder(tensor.meta).texts(values)) is not None:
            self.forget_indexes()
            return Encoded(texts, None, None, None, None)
        if not isinstance(values, np.ndarray):
            values = _taken(values, tensor.meta)
        first = next((value for value in values if value is not None), None)
        tensor.meta = inferred(tensor.meta, first)
        self.forget_indexes()
        encoder = Encoder(tensor.meta)
        row = encoder.row
        if "class_names" in row.info and row.name == "class_label":
            values = self._numbered(values)
        codes = shapes = files = None
        infos = companions.file_infos(values) if row.has_sample_info and not tensor.meta.is_link else None
        if tensor.meta.is_link:
            values = list(values)
            codes, infos, shapes, files = resolve_links(self.state, tensor.meta, values)
        kept = (values if files is None else files) if companions.has_copies(tensor.meta) else None
        return Encoded(encoder.batch(values), counts, codes, infos, shapes, kept)

    def extend(
        self, values: Any, progress: Callable[[int], None] = lambda _: None, *, is_ours: bool = False
    ) -> companions.Added:
        """Append rows, telling how many as chunks take them; returns what hidden companion tensors need to know.

        ``is_ours`` says that nobody else can change the values afterwards.

        Raises:
            SampleError: a value that does not fit; the caller restores the mark it took before.
        """
        new = self.encoded(values)
        self.tail.add(new.batch, progress if new.counts is None else lambda _: None, is_ours=is_ours)
        self.count(new, new.items)
        if new.codes is not None:
            self.tables.creds = (self.tables.creds or CredsCodes()).extended(new.codes)
        if new.counts is not None:
            self.tables.sequences = (self.tables.sequences or Sequences()).extended(new.counts)
            progress(len(new.counts))
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

    # ------------------------------------------------------------------ flushing, and taking back

    @property
    def is_written(self) -> bool:
        """Whether the next flush writes its metadata."""
        return self.is_dirty or self.is_renamed

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
        if self.is_written:
            phase = Phase.COMPANIONS if tensor.meta.hidden else Phase.TENSORS
            puts.append(Put(phase, keys.tensor_meta(commit, tensor.key), tensor.meta.encode()))
        return puts

    def state_flush(self, flush: str | None) -> None:
        """State in the metadata by what its readers know that all they have read is of one moment.

        That is the flush that wrote several tensors, which all of them name, and how many rows a sequence has, as that
        is stored elsewhere. What a flush (None) writes of this tensor alone is of one moment anyway.
        """
        meta, sequences = self.tensor.meta, self.tables.sequences
        stated: dict[str, Any] = {} if flush is None else {FLUSH: flush}
        if sequences is not None:
            stated[ROWS] = len(sequences)
        if stated:
            self.tensor.meta = replace(meta, extra={**meta.extra, **stated})

    def _table_puts(self) -> list[Put]:
        """Chunks, and the tables that find their rows."""
        commit, tensor, tables = self.state.commit.id, self.tensor, self.tables
        puts = [*self.rewriter.puts(), *self.tail.puts()]
        if len(tables.ids) or self.rewriter.is_dirty:
            puts.append(Put(Phase.TABLES, keys.chunk_ids(commit, tensor.key), tables.ids.encode()))
        if (len(tables.ids) or self.rewriter.is_dirty) and self._stored_tiles != tables.tiles:
            self._stored_tiles = None  # until all puts have been made
            puts.append(Put(Phase.TABLES, keys.tiles(commit, tensor.key), encode_tiles(tables.tiles)))
        if tables.sequences is not None:
            puts.append(Put(Phase.COMPANIONS, keys.sequences(commit, tensor.key), tables.sequences.encode()))
        if tables.creds is not None:
            before = self.flushed_tensor.tables if self.flushed_tensor is not None else None
            known = before.creds.codes if before is not None and before.creds is not None else ()
            note_used(self.state, np.setdiff1d(tables.creds.codes, known))  # asked for only where there are others
            puts.append(Put(Phase.TABLES, keys.creds_keys(commit, tensor.key), tables.creds.encode()))
        return puts

    def flushed(self) -> set[str]:
        """All puts have been made; the objects that nothing names any more."""
        if self.rewriter.is_dirty or len(self.tables.ids):
            self._stored_tiles = self.tables.tiles
        gone = set[str]()
        if self.rewriter.is_dirty:
            self.tail.forget()
            gone = self.rewriter.flushed()
        self.is_new = self.is_dirty = self.is_info_dirty = self.has_appended = self.is_renamed = self.is_shorter = False
        self.tail.flushed()
        self.flushed_tensor = self.tensor.snapshot()
        self.shared = {}
        return gone

    def mark(self) -> _Mark:
        """A point to come back to."""
        tables = self.tables
        if self.flushed_tensor is None:
            self.flushed_tensor = self.tensor.snapshot()
            if not self.is_new and not self.is_shorter and not tables.is_cut:
                self._stored_tiles = tables.tiles
        return _Mark(
            self.tensor.meta,
            copy.copy(self.tensor.info),
            tables.sequences,
            tables.creds,
            self.tail.mark(),
            self.is_dirty,
            self.is_info_dirty,
        )

    def cut(self, length: int) -> None:
        """Forget rows beyond ``length``."""
        if self.tensor.meta.length > length:
            self.is_shorter = True
            self.tensor.meta = replace(self.tensor.meta, length=length)
            self.tables.ids = self.tables.ids.truncated(length)
            self.tail.forget()

    def restore(self, mark: _Mark) -> list[str]:
        """Forget everything since ``mark``; returns the keys of chunks that were written for nothing."""
        tables = self.tables
        self.tensor.meta, self.tensor.info = mark.meta, mark.info
        tables.sequences, tables.creds = mark.sequences, mark.creds
        self.is_dirty, self.is_info_dirty = mark.is_dirty, mark.is_info_dirty
        return self.tail.restore(mark.tail)


def _taken(values: Any, meta: TensorMeta) -> Any:
    """A batch with what its values stand for: files loaded, rows of other tensors, and None for an empty list.

    An empty list has neither a dtype nor a number of axes that a tensor could be held to ever after.
    """
    kinds = set(map(type, values))  # four times as fast as any()
    if Sample in kinds:
        values = [value.loaded() if isinstance(value, Sample) else value for value in values]
    if any(issubclass(kind, TensorFacts) for kind in kinds):
        values = [value.given() if isinstance(value, TensorFacts) else value for value in values]
    if not kinds.isdisjoint({list, tuple}) and htype_row(meta.htype).payload == "array":
        values = [None if isinstance(value, (list, tuple)) and not value else value for value in values]
    return values


def _items(row: Any, name: str) -> Any:
    """The items of one row of a sequence tensor."""
    if isinstance(row, (list, tuple)) or (isinstance(row, np.ndarray) and row.ndim):
        return row
    if row is None:
        return ()
    raise SampleError(f"tensor {name!r}: a row of a sequence is a list of samples, got a {type(row).__name__}")
