"""Exact search: every vector is looked at, or its sketch; none is kept."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.cache import Recent
from deeplake_nb.storage.provider import in_parallel
from deeplake_nb.vectorstore import products
from deeplake_nb.vectorstore.narrowing import left
from deeplake_nb.vectorstore.nearest import Asked, Nearest
from deeplake_nb.vectorstore.sketches import NBYTES, Sketches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from deeplake_nb.dataset.blocks import Block, Blocks, Span
    from deeplake_nb.vectorstore.metrics import Metric
    from deeplake_nb.vectorstore.sketches import Sketched

    Ints = NDArray[np.int64]

_LARGE_NBYTES = 128 << 20
"""From here on more than one thread pays, and loading a library for its products."""
_LENGTHS: Recent[NDArray[np.float32]] = Recent(64 << 20)
"""Lengths of vectors in files by the stamp of their block: half of what the next search by angle would do."""
SKETCHES = Sketches(NBYTES)
"""By which the next searches look at few vectors of files."""
_SHARE = 16
"""If one of so many rows is to be found, no sketch tells them apart."""
_AT_ONCE = 1024
"""Vectors read one by one before they are looked at."""
_CLOUD_THREADS = 4
"""Each holds one chunk (64 MB) of a storage that is waited for."""


def scan(blocks: Blocks, metric: Metric, query: NDArray[Any], k: int, rows: Ints | None = None) -> Nearest:
    """The ``k`` rows nearest to ``query``, of all or of ``rows`` (rising). Reads every chunk that has any of them.

    Of a large tensor in local files that is searched again and again, by a metric of products, sketches are kept
    (of all tensors 418 MB at most, with the blocks below): only what they leave is looked at, the answer is the same.

    Beside that, memory holds a block per core (32 MB of a file, which the system has in memory anyway; else 1 MB), or
    a chunk per thread where the storage is waited for.

    Raises:
        LakeError: a chunk that cannot be read.
    """
    asked = Asked(metric, query.astype(np.float32), k, rows)
    of = blocks.rows if rows is None else len(rows)
    is_large = of * blocks.row_nbytes >= _LARGE_NBYTES
    if not is_large or products.load() is None or metric.of_cosines is None:
        return _looked(blocks, asked)
    known = SKETCHES.of(blocks) if k * _SHARE < of and products.is_plain(asked.query) else []
    found = _looked(blocks, asked._replace(rows=_left(blocks, known, asked))) if known else None
    if found is None or any(blocks.stamp(span) != stamp for span, stamp, _ in known):
        found = _looked(blocks, asked)  # a file is not the one that was sketched
    if rows is None:
        SKETCHES.learn(blocks)
    return found


def _left(blocks: Blocks, known: list[Sketched], asked: Asked) -> Ints:
    """The rows that may be among the nearest; those of no sketch may all be."""
    few = left(known, asked, lambda near: _looked(blocks, asked._replace(rows=near)).limit, _cores())
    if asked.rows is None:
        SKETCHES.judge(known, sum(map(len, few)))
    of = {one.span.first: part for one, part in zip(known, few, strict=True)}
    return np.concatenate(
        [
            of[span.first] if span.first in of else _wanted(asked.rows, span.first, span.stop)
            for span in _spans(blocks, asked.rows)
        ]
    )


def _looked(blocks: Blocks, asked: Asked) -> Nearest:
    """The nearest by looking at all that is asked for."""
    metric, query, k, rows = asked
    few, spans = _few(blocks, rows)

    def search(part: Iterator[Span]) -> Nearest:
        found = Nearest(metric, query, k)
        try:
            for span in part:
                for block in blocks.read(span):
                    _see(found, block, rows)
                    del block  # before the storage takes its memory back
        except BaseException:
            deque(part, maxlen=0)  # nobody takes more of it
            raise
        return found

    out = Nearest(metric, query, k)
    for start in range(0, len(few), _AT_ONCE):  # on this thread: who reads little waits for others more than for files
        some = few[start : start + _AT_ONCE]
        out.see(some, blocks.chosen(some))
    for found in in_parallel(search, *_parts(blocks, spans)):
        out.join(found)
    return out


def _few(blocks: Blocks, rows: Ints | None) -> tuple[Ints, list[Span]]:
    """Of the rows those that are better read by themselves, and the spans that have the others."""
    spans, few = _spans(blocks, rows), [np.empty(0, np.int64)]
    if rows is None:
        return few[0], spans
    whole = []
    for span in spans:
        wanted = _wanted(rows, span.first, span.stop)
        if blocks.are_few(span, len(wanted)):
            few.append(wanted)
        else:
            whole.append(span)
    return np.concatenate(few), whole


def _wanted(rows: Ints | None, first: int, stop: int) -> Ints:
    """Those of the rows from ``first`` to ``stop``."""
    return np.arange(first, stop) if rows is None else rows[slice(*np.searchsorted(rows, [first, stop]))]


def _see(found: Nearest, block: Block, rows: Ints | None) -> None:
    first, vectors, stamp = block
    count = len(vectors)
    wanted = _wanted(rows, first, first + count)
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


def _parts(blocks: Blocks, spans: list[Span]) -> tuple[list[Iterator[Span]], int]:
    """The spans as work for threads, and how many threads: of local files each takes the next one when it is free."""
    if not blocks.is_local:
        return [iter([span]) for span in spans], min(_CLOUD_THREADS, len(spans))
    workers = 1
    if sum(span.stop - span.first for span in spans) * blocks.row_nbytes >= _LARGE_NBYTES:
        largest = max((span.stop - span.first for span in spans), default=1) * blocks.row_nbytes
        workers = max(min(_cores(), SKETCHES.room // largest), 1)
    return [iter(spans)] * workers, workers


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
