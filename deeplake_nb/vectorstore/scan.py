"""Exact search: every vector is looked at, none is kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.cache import Recent
from deeplake_nb.storage.provider import in_parallel
from deeplake_nb.vectorstore import products
from deeplake_nb.vectorstore.nearest import Nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.blocks import Block, Blocks, Span
    from deeplake_nb.vectorstore.metrics import Metric

    Ints = NDArray[np.int64]

_LARGE_NBYTES = 128 << 20
"""From here on more than one thread pays, and loading a library for its products."""
_LENGTHS: Recent[NDArray[np.float32]] = Recent(64 << 20)
"""Lengths of vectors in files by the stamp of their block: half of what the next search by angle would do."""
_CLOUD_THREADS = 4
"""Each holds one chunk (64 MB) of a storage that is waited for."""


def scan(blocks: Blocks, metric: Metric, query: NDArray[Any], k: int, rows: Ints | None = None) -> Nearest:
    """The ``k`` rows nearest to ``query``, of all or of ``rows`` (rising). Reads every chunk that has any of them.

    Memory holds a block per core (32 MB of a file, which the system has in memory anyway; else 1 MB), or a chunk per
    thread where the storage is waited for.

    Raises:
        LakeError: a chunk that cannot be read.
    """

    def search(part: list[Span]) -> Nearest:
        found = Nearest(metric, query, k)
        for span in part:
            for block in blocks.read(span):
                _see(found, block, rows)
                del block  # before the storage takes its memory back
        return found

    if blocks.rows * blocks.row_nbytes >= _LARGE_NBYTES:
        products.load()
    out = Nearest(metric, query, k)
    for found in in_parallel(search, *_parts(blocks, _spans(blocks, rows))):
        out.join(found)
    return out


def _see(found: Nearest, block: Block, rows: Ints | None) -> None:
    first, vectors, stamp = block
    count = len(vectors)
    wanted = (
        np.arange(first, first + count) if rows is None else rows[slice(*np.searchsorted(rows, [first, first + count]))]
    )
    if 0 < len(wanted) < count:
        found.see(wanted, vectors[wanted - first])
    elif len(wanted):
        known = _LENGTHS.get(stamp) if stamp is not None else None
        lengths = found.see(wanted, vectors, known)
        if stamp is not None and known is None and lengths is not None:
            _LENGTHS.put(stamp, lengths.copy(), lengths.nbytes)


def _spans(blocks: Blocks, rows: Ints | None) -> list[Span]:
    """The spans that have any of the rows."""
    spans = blocks.spans()
    if rows is None:
        return spans
    bounds = np.searchsorted(rows, [bound for span in spans for bound in (span.first, span.stop)])
    return [span for span, low, high in zip(spans, bounds[::2], bounds[1::2], strict=True) if low < high]


def _parts(blocks: Blocks, spans: list[Span]) -> tuple[list[list[Span]], int]:
    """The spans as work for threads, and how many threads: neighbours together, so that each keeps its nearest."""
    count = sum(span.stop - span.first for span in spans)
    if not blocks.is_local:
        return [[span] for span in spans], min(_CLOUD_THREADS, len(spans))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = cores if count * blocks.row_nbytes >= _LARGE_NBYTES else 1
    halves = [_cut(spans, count, at, workers) for at in range(workers)]
    return [part for part in halves if part], workers


def _cut(spans: list[Span], count: int, at: int, of: int) -> list[Span]:
    """The ``at``-th of ``of`` equal parts; a span that lies across a border is cut there."""
    low, high = count * at // of, count * (at + 1) // of
    out, passed = [], 0
    for span in spans:
        size = span.stop - span.first
        start, stop = max(low - passed, 0), min(high - passed, size)
        if start < stop:
            out.append(span._replace(first=span.first + start, stop=span.first + stop))
        passed += size
    return out
