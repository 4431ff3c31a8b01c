"""Which items of a tensor give way to others: updates and removals, and what they do to the tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.format.encoders import ChunkIds, CredsCodes, Sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from deeplake_nb.format.encoders import Tiling

    Ints = NDArray[np.int64]


class Region(NamedTuple):
    """Neighbouring entries ``[first, stop)`` of a table that ``changes`` (numbers of an edit's changes) touch."""

    first: int
    stop: int
    changes: slice

    @property
    def entries(self) -> range:
        """Their numbers."""
        return range(self.first, self.stop)


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes in order: items ``[starts[k], stops[k])`` give way to the next ``counts[k]`` new ones."""

    starts: Ints
    stops: Ints
    counts: Ints

    @classmethod
    def replacing(cls, items: Ints) -> Edit:
        """Each of ``items`` (rising, none twice) by one new one."""
        return cls(items, items + 1, np.ones(len(items), np.int64)).joined()

    @classmethod
    def removing(cls, starts: Ints, stops: Ints) -> Edit:
        """Items ``[starts[k], stops[k])`` by none."""
        return cls(starts, stops, np.zeros(len(starts), np.int64)).joined()

    def joined(self) -> Edit:
        """The same with changes that follow each other without a gap made one."""
        if len(self.starts) < 2:  # noqa: PLR2004 - nothing to join
            return self
        begins = np.concatenate([[True], self.starts[1:] != self.stops[:-1]])
        at = np.flatnonzero(begins)
        ends = np.append(at[1:], len(begins)) - 1
        return Edit(self.starts[at], self.stops[ends], np.add.reduceat(self.counts, at))

    @property
    def growth(self) -> int:
        """By how many items the tensor gets longer; negative where it gets shorter."""
        return int(self.counts.sum() - (self.stops - self.starts).sum())

    @property
    def is_in_place(self) -> bool:
        """Whether every item that goes is replaced by one, so that no other item moves."""
        return bool((self.stops - self.starts == self.counts).all())

    @property
    def removed(self) -> Ints:
        """The items that go."""
        return _ranges(self.starts, self.stops)

    def spliced(self, values: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
        """``values`` (one for each item) after the edit."""
        if self.is_in_place:
            out = values.copy()
            out[self.removed] = new
            return out
        gone = np.cumsum(self.stops - self.starts) - (self.stops - self.starts)
        kept = np.delete(values, self.removed)
        return np.insert(kept, np.repeat(self.starts - gone, self.counts), new)

    def moved(self, items: Ints) -> Ints:
        """Where items that stay are afterwards."""
        growth = np.cumsum(self.counts - (self.stops - self.starts))
        before = np.searchsorted(self.stops, items, side="right")
        return items + np.where(before > 0, np.concatenate([[0], growth])[before], 0)

    def places(self) -> Ints:
        """Where the new items are afterwards, in order."""
        growth = np.cumsum(self.counts - (self.stops - self.starts)) - (self.counts - (self.stops - self.starts))
        starts = self.starts + growth
        return _ranges(starts, starts + self.counts)

    def tiles(self, tiles: dict[int, Tiling], new: dict[int, Tiling]) -> dict[int, Tiling]:
        """The table of tiles after the edit; ``new`` are those among the new items, by their number."""
        gone = set(np.intersect1d(self.removed, np.fromiter(tiles, np.int64, len(tiles))).tolist()) if tiles else set()
        kept = [item for item in tiles if item not in gone]
        places = self.moved(np.array(kept, np.int64)).tolist()
        out = {place: tiles[item] for place, item in zip(places, kept, strict=True)}
        if new:
            at = self.places()
            out |= {int(at[number]): tiling for number, tiling in new.items()}
        return dict(sorted(out.items()))

    def creds(self, table: CredsCodes, new: NDArray[np.uint32]) -> CredsCodes:
        """The table of credentials after the edit."""
        codes = np.repeat(table.codes, np.diff(table.lasts, prepend=-1))
        return CredsCodes().extended(self.spliced(codes, new))

    def sequences(self, table: Sequences, new: Ints) -> Sequences:
        """The table of sequences after an edit of rows; ``new`` are the numbers of items of the new rows."""
        return Sequences().extended(self.spliced(table.sizes(), new))

    def regions(self, ids: ChunkIds, tiles: dict[int, Tiling]) -> list[Region]:
        """The entries to rewrite; none is in two regions. A region without entries is a place to insert at."""
        firsts, stops = _touched(self, ids, tiles)
        if not len(firsts):
            return []
        reach = np.maximum.accumulate(stops)
        begins = np.flatnonzero(np.append(True, firsts[1:] >= reach[:-1]))
        ends = np.append(begins[1:], len(firsts))
        columns = firsts[begins].tolist(), reach[ends - 1].tolist(), begins.tolist(), ends.tolist()
        return [Region(first, stop, slice(begin, end)) for first, stop, begin, end in zip(*columns, strict=True)]


def _touched(edit: Edit, ids: ChunkIds, tiles: dict[int, Tiling]) -> tuple[Ints, Ints]:
    """For each change the first entry it touches, and the one after the last."""
    lasts, length = ids.lasts, len(ids)
    firsts = np.searchsorted(lasts, edit.starts)
    ends = edit.stops - 1
    stops = np.maximum(np.searchsorted(lasts, ends), np.searchsorted(lasts, ends, side="right") - 1) + 1
    for at in np.flatnonzero(edit.starts == edit.stops).tolist():  # new items between old ones: next to either
        item = int(edit.starts[at])
        firsts[at], stops[at] = _beside(item, int(firsts[at]), ids, tiles, length)
    return firsts, stops


def _beside(item: int, entry: int, ids: ChunkIds, tiles: dict[int, Tiling], length: int) -> tuple[int, int]:
    if item < length and int(ids.lasts[entry]) not in tiles:
        return entry, entry + 1
    if entry and int(ids.lasts[entry - 1]) not in tiles:
        return entry - 1, entry
    return entry, entry


def rebuilt(ids: ChunkIds, regions: Sequence[Region], new: Sequence[Sequence[tuple[int, int]]]) -> ChunkIds:
    """The table with each region's entries replaced by ``(chunk id, number of items)``; further tiles count none."""
    widths = np.diff(ids.lasts, prepend=-1)  # the further tiles of a sample have none
    parts: list[tuple[NDArray[np.uint64], Ints]] = []
    at = 0
    for region, entries in zip(regions, new, strict=True):
        parts.append((ids.ids[at : region.first], widths[at : region.first]))
        parts.append(
            (
                np.array([chunk for chunk, _ in entries], np.uint64),
                np.array([count for _, count in entries], np.int64),
            )
        )
        at = region.stop
    parts.append((ids.ids[at:], widths[at:]))
    return ChunkIds(
        np.concatenate([part for part, _ in parts]), np.cumsum(np.concatenate([part for _, part in parts])) - 1
    )


def _ranges(starts: Ints, stops: Ints) -> Ints:
    """All numbers of half-open ranges, one after the other."""
    counts = stops - starts
    if not len(counts) or not counts.sum():
        return np.empty(0, np.int64)
    ranges: Ints = np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return ranges
