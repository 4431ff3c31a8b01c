"""Sketches of the vectors in files, kept in memory for the next exact search: it then looks at few of them.

A search that finds the files as they were leaves out every vector that its sketch tells to be none of the nearest, so
that the answer is the same to the last bit. Sketches are made after a search, from a tensor's second one on and a few
at a time, as making one takes as long as some ten looks at its vectors: each search takes a little longer until they
are made, and a third of the time from then on. What finds no room is looked at as ever.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deeplake_nb.dataset.cache import Recent
from deeplake_nb.vectorstore.sketch import Sketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.blocks import Blocks, Span

    Ints = NDArray[np.int64]

NBYTES = 418_000_000
"""For sketches, and for the files that are mapped beside them: nearly all of a million vectors of 768 numbers."""
_AT_ONCE_NBYTES = 64 << 20
"""Vectors sketched after one search: a tenth of a second, on this thread, one chunk in memory after the other."""
_REST = 100
"""Searches until a sketch that no search used gives way to another, and what was given up is tried again."""
_NOT_WORTH = 4
"""A search in which one of so many has to be looked at gained nothing."""
_POOR = 3
"""So many such searches one after the other, and the sketches are given up."""
_NOTED = 1 << 16


class Sketched(NamedTuple):
    """A span as it was when its sketch was made."""

    span: Span
    stamp: str
    sketch: Sketch


@dataclass(slots=True)
class _Kept:
    sketch: Sketch
    used: int


class Sketches:
    """Sketches of spans by their stamps. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[str, _Kept] = {}
        self._searches = 0
        self._looks: Recent[int] = Recent(_NOTED)  # at what has no sketch; below 0 while it is not to have one
        self._poor: Recent[int] = Recent(_NOTED)  # searches one after the other, by the first stamp
        self._lock = threading.Lock()
        self._making = threading.Lock()

    @property
    def room(self) -> int:
        """Bytes that are left beside them."""
        with self._lock:
            return self._limit - self._nbytes()

    def of(self, blocks: Blocks) -> list[Sketched]:
        """What is known of a tensor's files, as they are now."""
        if not self._kept or not _is_for(blocks):
            return []
        stamps = [(span, blocks.stamp(span)) for span in blocks.spans()]
        found = []
        with self._lock:
            self._searches += 1
            for span, stamp in stamps:
                kept = None if stamp is None else self._kept.get(stamp)
                if stamp is not None and kept is not None and kept.sketch.width == blocks.width:
                    kept.used = self._searches
                    found.append(Sketched(span, stamp, kept.sketch))
        return found

    def learn(self, blocks: Blocks) -> None:
        """Note that a search looked at all of a tensor, and sketch some of what the last one looked at, too."""
        if not _is_for(blocks) or not self._making.acquire(blocking=False):
            return
        try:
            room = _AT_ONCE_NBYTES
            for span in blocks.spans():
                stamp = blocks.stamp(span)
                if stamp is None or stamp in self._kept:
                    continue
                looks, count = self._looks.get(stamp) or 0, span.stop - span.first
                nbytes = count * blocks.row_nbytes
                if looks > 0 and room > 0 and self._has_room(Sketch.nbytes(count, blocks.width) + nbytes):
                    room -= nbytes
                    self._sketch(blocks, span, stamp)
                    looks = -_REST
                self._looks.put(stamp, looks + 1, 1)
        finally:
            self._making.release()

    def judge(self, used: list[Sketched], left: int) -> None:
        """Give sketches up that spare nothing, after a few searches of which ``left`` rows had to be looked at."""
        key, count = used[0].stamp, sum(len(one.sketch) for one in used)
        poor = (self._poor.get(key) or 0) + 1 if left * _NOT_WORTH > count else 0
        self._poor.put(key, poor % _POOR, 1)
        if poor == _POOR:
            with self._lock:
                for one in used:
                    self._kept.pop(one.stamp, None)

    def _sketch(self, blocks: Blocks, span: Span, stamp: str) -> None:
        for block in blocks.read(span):
            if block.stamp == stamp:  # else it is not lent, or another one by now
                sketch = Sketch(block.vectors)
                with self._lock:
                    self._kept[stamp] = _Kept(sketch, self._searches)
            del block

    def _has_room(self, nbytes: int) -> bool:
        """Whether there is room for so much, made by dropping what no search used for long."""
        with self._lock:
            while self._nbytes() + nbytes > self._limit:
                oldest = min(self._kept, key=lambda stamp: self._kept[stamp].used, default=None)
                if oldest is None or self._searches - self._kept[oldest].used < _REST:
                    return False
                del self._kept[oldest]
            return True

    def _nbytes(self) -> int:
        return sum(kept.sketch.size for kept in self._kept.values())


def _is_for(blocks: Blocks) -> bool:
    return blocks.is_local and np.dtype(blocks.tensor.meta.dtype or "float64") == np.float32
