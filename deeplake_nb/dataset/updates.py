"""Rows changed and removed, in several tensors at once: all of them, or none.

What can fail comes first: values are encoded and chunks loaded for all tensors; then the edits are carried out in
memory, and the next flush writes them as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import companions
from deeplake_nb.dataset.rewriter import Overwriting
from deeplake_nb.dataset.selection import Selection
from deeplake_nb.dataset.tiled import with_part
from deeplake_nb.dataset.waiting import in_order
from deeplake_nb.errors import SampleError
from deeplake_nb.format.batch import Joined
from deeplake_nb.format.edits import Edit
from deeplake_nb.format.index import Index
from deeplake_nb.storage.provider import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.appender import Appender
    from deeplake_nb.dataset.encoded import Encoded
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.dataset.writer import Writer
    from deeplake_nb.storage.provider import StorageProvider

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Job:
    """An edit of one tensor; ``rows`` is the same in rows of a sequence tensor.

    ``shapes_of`` is the tensor (by key) whose shapes this one holds.
    """

    appender: Appender
    items: Edit
    rows: Edit | None
    new: Encoded | None
    shapes_of: str | None = None


def update(writer: Writer, columns: Mapping[str, tuple[Ints, Any]], *, infos: Mapping[str, Any] | None = None) -> None:
    """Give rows of tensors (by key) new values: ``(rows, values)``, as many values as rows; the last one counts.

    ``infos`` are what is known of samples (by key) that were changed in parts, where that is not to be lost.

    Raises:
        SampleError: a value that does not fit, or another number of values; nothing changed.
    """
    with writer.editing(list(columns)) as touched:
        jobs: list[_Job] = []
        for key, (rows, values) in columns.items():
            name = writer.state.tensors[key].meta.name
            if len(values) != len(rows):
                raise SampleError(f"tensor {name!r}: {len(values)} values for {len(rows)} rows; give one for each")
            known = infos.get(key) if infos else None
            if len(rows):
                jobs += _replacements(writer, touched, key, *in_order(rows, values), known)
        _carry_out(writer.state.storage, jobs)
        for job in jobs:
            key = job.appender.tensor.key
            writer.changes.tensors[key].update(job.items.removed if job.rows is None else job.rows.removed)


def update_part(writer: Writer, key: str, row: int, items: tuple[Any, ...], value: Any) -> bool:
    """Assign to a part of a sample that is cut into tiles, by rewriting those it touches.

    False, and nothing is changed, where the sample is not cut, there are smaller copies of it, or the index is no plain
    one.

    Raises:
        SampleError: a value that does not fit.
    """
    tensor = writer.state.tensors[key]
    is_other = tensor.meta.is_link or tensor.meta.is_sequence or companions.has_copies(tensor.meta)
    if is_other or row not in writer.state.tables(tensor).tiles:
        return False
    with writer.editing([key]) as touched:
        new = with_part(writer.state, tensor, row, items, value)
        if new is None:
            return False
        jobs: list[_Job] = []
        edit = Edit.replacing(np.array([row]))
        for companion, link in tensor.meta.links.items():
            if link.get("extend") == "extend_info":
                (info,) = Selection(writer.state, writer.state.tensors[companion], Index(np.array([row]))).values()
                info = {**info, "modified": True} if "modified" in info else info
                jobs.append(_Job(touched[companion], edit, None, touched[companion].encoded([info])))
        _carry_out(writer.state.storage, jobs)
        touched[key].rewriter.retile(row, new)
        touched[key].is_dirty = True
        writer.changes.tensors[key].update(edit.removed)
    return True


def remove(writer: Writer, rows: Mapping[str, Ints]) -> None:
    """Take rows (rising, none twice) out of tensors (by key)."""
    with writer.editing(list(rows)) as touched:
        jobs: list[_Job] = []
        removed: dict[str, tuple[Ints, NDArray[np.uint64] | None]] = {}
        for key, wanted in rows.items():
            tensor = writer.state.tensors[key]
            ids = _ids(writer, tensor, wanted)
            edit = Edit.removing(wanted, wanted + 1)
            items = _items_of(writer, tensor, wanted, None) if tensor.meta.is_sequence else edit
            jobs.append(_Job(touched[key], items, edit if tensor.meta.is_sequence else None, None))
            removed[key] = wanted, ids
            for companion, link in companions.tree(writer.state, key):
                own = items if link.get("flatten_sequence") else edit
                jobs.append(_Job(touched[companion], own, None, None))
                removed[companion] = own.removed, None
        _carry_out(writer.state.storage, [job for job in jobs if len(job.items.starts) or job.rows is not None])
        for key, (gone, ids) in removed.items():
            writer.changes.tensors[key].remove(gone, ids)


def clear(writer: Writer, tensors: Sequence[str]) -> None:
    """Take all rows out of tensors (by key)."""
    rows = {key: np.arange(writer.state.tensors[key].length) for key in tensors}
    remove(writer, rows)
    for key in tensors:
        for one in companions.with_companions(writer.state, [key]):
            writer.changes.tensors[one].clear()


def _replacements(  # noqa: PLR0917 - one place calls it
    writer: Writer, touched: Mapping[str, Appender], key: str, rows: Ints, values: Any, infos: Any
) -> list[_Job]:
    tensor = writer.state.tensors[key]
    new = touched[key].encoded(values)
    edit = Edit.replacing(rows)
    items = _items_of(writer, tensor, rows, new.counts) if tensor.meta.is_sequence else edit
    jobs = [_Job(touched[key], items, edit if tensor.meta.is_sequence else None, new)]
    added = new.added()
    if infos is not None:
        added = replace(added, infos=infos)
    return [*jobs, *_copies(writer, touched, tensor, items, added)]


def _copies(
    writer: Writer, touched: Mapping[str, Appender], tensor: TensorState, items: Edit, added: companions.Added
) -> Iterator[_Job]:
    """What companions, and theirs, have to change along with items."""
    for key, link in tensor.meta.links.items():
        if link.get("flatten_sequence"):
            own = touched[key].encoded(companions.told(writer.state, key, link, added, tensor.meta.htype))
            shapes_of = tensor.key if link["extend"] == "extend_shape" else None
            yield _Job(touched[key], items, None, own, shapes_of)
            yield from _copies(writer, touched, writer.state.tensors[key], items, own.added())


def _items_of(writer: Writer, tensor: TensorState, rows: Ints, counts: Ints | None) -> Edit:
    """The edit of items that gives rows of a sequence tensor ``counts`` new ones each."""
    sequences = writer.state.tables(tensor).sequences
    assert sequences is not None
    starts, stops = sequences.spans(rows)
    edit = Edit(starts, stops, np.zeros(len(rows), np.int64) if counts is None else counts)
    kept = (edit.starts < edit.stops) | (edit.counts > 0)  # rows without items, then and now
    return Edit(edit.starts[kept], edit.stops[kept], edit.counts[kept]).joined()


def _ids(writer: Writer, tensor: TensorState, rows: Ints) -> NDArray[np.uint64] | None:
    """What the companion knows rows by."""
    for key, link in tensor.meta.links.items():
        if link.get("extend") == "extend_id":
            found = Selection(writer.state, writer.state.tensors[key], Index(rows)).numpy(aslist=False)
            ids: NDArray[np.uint64] = np.asarray(found, np.uint64).reshape(-1)
            return ids
    return None


def _carry_out(storage: StorageProvider, jobs: list[_Job]) -> None:
    given = [None if job.new is None else job.new.batch for job in jobs]
    batches = [batch.separate() if isinstance(batch, Joined) else batch for batch in given]
    loads = [partial(job.appender.rewriter.load, job.items, batch) for job, batch in zip(jobs, batches, strict=True)]
    soon = [at for at, job in enumerate(jobs) if job.shapes_of is None or storage.concurrency > 1]
    loaded = dict(zip(soon, side_by_side(storage, *(loads[at] for at in soon)), strict=True))
    as_shaped = {
        jobs[at].appender.tensor.key
        for at, chunks in loaded.items()
        if all(isinstance(one, Overwriting) for _, one in chunks) and not jobs[at].appender.tensor.meta.is_link
    }
    wanted = [at for at, job in enumerate(jobs) if job.shapes_of not in as_shaped]
    loaded |= {at: loads[at]() for at in wanted if at not in loaded}  # before anything is changed
    for at in wanted:
        job, batch = jobs[at], batches[at]
        appender, new = job.appender, job.new
        tables = appender.tables
        appender.rewriter.apply(job.items, batch, loaded[at])
        if new is not None:
            appender.count(new, job.items.growth)
        else:
            appender.shrink(job.items.growth)
        if tables.creds is not None:
            codes = new.codes if new is not None and new.codes is not None else np.empty(0, np.uint32)
            tables.creds = job.items.creds(tables.creds, codes)
        if tables.sequences is not None and job.rows is not None:
            counts = new.counts if new is not None and new.counts is not None else np.empty(0, np.int64)
            tables.sequences = job.rows.sequences(tables.sequences, counts)
        appender.is_dirty = True
