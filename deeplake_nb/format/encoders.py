"""The run-length tables that say where a row is: its chunk, its items, its credentials, its tiles.

All tables share one rule: the last column is the last index (inclusive) a row of the table covers, and rows are
sorted by it, so a look-up is one binary search. Whole batches of rows are looked up at once.
Layout of each object: length of the version string (u1), version, then the table, little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.format.keys import FORMAT_VERSION
from deeplake_nb.format.runs import run_ends

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    Ints = NDArray[np.int64]

_VERSION = bytes([len(FORMAT_VERSION)]) + FORMAT_VERSION.encode()
_U4_ITEMS = 2**32


def split_version(data: Buffer, what: str) -> tuple[tuple[int, ...], memoryview]:
    """Version and rest of a binary object that starts with a version string.

    Raises:
        FormatError: no dotted version at the start.
    """
    view = memoryview(data).cast("B")
    length = view[0] if len(view) else 0
    text = bytes(view[1 : 1 + length])
    try:
        version = tuple(int(part) for part in text.decode("ascii").split("."))
    except ValueError:
        version = ()
    if len(text) != length or not version:
        raise FormatError(f"{what}: expected a version string at the start, got {text[:20]!r}")
    return version, view[1 + length :]


def table(data: memoryview, dtype: str, columns: int, what: str) -> NDArray[Any]:
    """The table in ``data`` as an array of shape ``(rows, columns)``.

    Raises:
        FormatError: not a whole number of rows, or the last column does not rise.
    """
    width = np.dtype(dtype).itemsize * columns
    if len(data) % width:
        raise FormatError(f"{what}: {len(data)} bytes are no whole number of {width}-byte rows; the object is cut off")
    rows: NDArray[Any] = np.frombuffer(data, dtype).reshape(-1, columns)
    last = rows[:, -1]
    if len(last) > 1 and bool((last[1:] < last[:-1]).any()):
        raise FormatError(f"{what}: the last-index column does not rise")
    return rows


def _none() -> Ints:
    return np.empty(0, np.int64)


@dataclass(slots=True)
class ChunkIds:
    """Row to chunk: ``ids[k]`` holds rows up to and including ``lasts[k]``.

    Several entries with the same ``last`` are the tiles of one sample.
    """

    ids: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    lasts: Ints = field(default_factory=_none)

    @classmethod
    def decode(cls, data: Buffer, what: str) -> ChunkIds:
        """Read ``chunks_index/unsharded``; versions before 2.7.6 used 4-byte numbers and no width byte."""
        version, rest = split_version(data, what)
        width = 4
        if version >= (2, 7, 6):
            width = rest[0] if len(rest) else 8
            rest = rest[1:]
        if width not in (4, 8):
            raise FormatError(f"{what}: expected ids of 4 or 8 bytes, got {width}")
        rows = table(rest, f"<u{width}", 2, what)
        lasts = rows[:, 1].astype(np.int64)
        if len(lasts) and int(lasts.min()) < 0:
            raise FormatError(f"{what}: a row index is beyond 2**63")
        return cls(rows[:, 0].astype(np.uint64), lasts)

    def encode(self) -> bytes:
        """The object's bytes."""
        rows = np.empty((len(self.ids), 2), "<u8")
        rows[:, 0] = self.ids
        rows[:, 1] = self.lasts
        return _VERSION + b"\x08" + rows.tobytes()

    def __len__(self) -> int:
        return int(self.lasts[-1]) + 1 if len(self.lasts) else 0

    def locate(self, rows: Ints) -> tuple[Ints, Ints]:
        """``(entry, row inside the chunk)`` for each row; rows must be in range."""
        entries = np.searchsorted(self.lasts, rows)
        return entries, rows - self.firsts()[entries]

    def count(self, entry: int) -> int:
        """How many rows an entry covers."""
        last = int(self.lasts[entry])
        before = int(self.lasts[entry - 1]) if entry else -1
        return max(last - before, 1)

    def firsts(self) -> Ints:
        """The first row each entry covers."""
        firsts = np.empty_like(self.lasts)
        if len(firsts):
            firsts[0] = 0
            # the tiles of one sample share their last row, so each of them starts where the first one does
            firsts[1:] = np.where(self.lasts[1:] == self.lasts[:-1], self.lasts[1:], self.lasts[:-1] + 1)
        return firsts

    def truncated(self, length: int) -> ChunkIds:
        """The table for the first ``length`` rows only."""
        if length >= len(self):
            return self
        if length <= 0:
            return ChunkIds()
        count = int(np.searchsorted(self.lasts, length - 1, side="right"))
        cut = self.lasts[:count].copy()
        ids = self.ids[:count]
        if not count or cut[-1] < length - 1:
            ids = self.ids[: count + 1]
            cut = np.append(cut, length - 1)
        return ChunkIds(ids.copy(), cut)


@dataclass(slots=True)
class Sequences:
    """Row to items: rows up to and including ``lasts[k]`` have ``counts[k]`` items each, from ``starts[k]`` on.

    Kept in runs, as it is stored: a few bytes can stand for billions of rows without items.
    """

    counts: Ints = field(default_factory=_none)
    starts: Ints = field(default_factory=_none)
    lasts: Ints = field(default_factory=_none)

    @classmethod
    def decode(cls, data: Buffer, what: str) -> Sequences:
        """Read ``sequence_index/unsharded``."""
        _, rest = split_version(data, what)
        found = cls(*table(rest, "<u4", 3, what).astype(np.int64).T)
        follows = not len(found.starts) or (
            not found.starts[0] and np.array_equal(found.starts[1:], found._stops()[:-1])
        )
        if not follows or found.items > _U4_ITEMS:
            raise FormatError(f"{what}: items of the rows do not follow each other")
        return found

    def encode(self) -> bytes:
        """The object's bytes."""
        return _VERSION + np.stack([self.counts, self.starts, self.lasts], axis=1).astype("<u4").tobytes()

    def __len__(self) -> int:
        return int(self.lasts[-1]) + 1 if len(self.lasts) else 0

    @property
    def items(self) -> int:
        """Items of all rows together."""
        return self.span(len(self) - 1)[1] if len(self) else 0

    def span(self, row: int) -> tuple[int, int]:
        """The items ``[start, stop)`` of a row; it must be in range."""
        run = int(self.lasts.searchsorted(row))
        first = int(self.lasts[run - 1]) + 1 if run else 0
        count = int(self.counts[run])
        start = int(self.starts[run]) + (row - first) * count
        return start, start + count

    def spans(self, rows: Ints) -> tuple[Ints, Ints]:
        """The items ``[starts, stops)`` of each row; rows must be in range."""
        runs = np.searchsorted(self.lasts, rows)
        firsts = np.concatenate([[0], self.lasts[:-1] + 1])[runs]
        starts = self.starts[runs] + (rows - firsts) * self.counts[runs]
        return starts, starts + self.counts[runs]

    def sizes(self) -> Ints:
        """How many items each row has."""
        return np.repeat(self.counts, np.diff(self.lasts, prepend=-1))

    def extended(self, counts: Ints) -> Sequences:
        """The table with rows of ``counts`` items added."""
        ends = np.flatnonzero(run_ends(counts))
        firsts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        before = np.cumsum(counts) - counts
        runs = Sequences(counts[ends], self.items + before[firsts], len(self) + ends)
        kept = len(self.lasts)
        if kept and len(ends) and runs.counts[0] == self.counts[-1]:
            kept -= 1
            runs.starts[0] = self.starts[-1]
        return Sequences(
            np.concatenate([self.counts[:kept], runs.counts]),
            np.concatenate([self.starts[:kept], runs.starts]),
            np.concatenate([self.lasts[:kept], runs.lasts]),
        )

    def truncated(self, items: int, rows: int | None = None) -> Sequences:
        """The table for the rows that lie within the first ``items`` items; empty ones beyond ``rows`` do not count."""
        if rows is not None and rows < len(self):
            lasts = np.minimum(self.lasts, max(rows, 1) - 1)
            used = np.diff(lasts, prepend=-1) > 0
            fewer = Sequences(self.counts[used], self.starts[used], lasts[used]) if rows else Sequences()
            return (fewer if fewer.items >= items else self).truncated(items)
        whole = int(np.searchsorted(self._stops(), items, side="right"))
        if whole == len(self.lasts):
            return self
        first = int(self.lasts[whole - 1]) + 1 if whole else 0
        last = first + (items - int(self.starts[whole])) // int(self.counts[whole]) - 1
        lasts = np.append(self.lasts[:whole], last)
        kept = whole + (last >= first)
        return Sequences(self.counts[:kept], self.starts[:kept], lasts[:kept])

    def _stops(self) -> Ints:
        return self.starts + self.counts * np.diff(self.lasts, prepend=-1)


@dataclass(slots=True)
class CredsCodes:
    """Item to credentials: 0 is none, ``k`` the ``k``-th name of ``linked_creds.json``."""

    codes: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    lasts: Ints = field(default_factory=_none)

    @classmethod
    def none(cls, length: int) -> CredsCodes:
        """The table of ``length`` items that need no credentials."""
        return cls(np.zeros(min(length, 1), np.uint32), np.full(min(length, 1), length - 1, np.int64))

    @classmethod
    def decode(cls, data: Buffer, what: str) -> CredsCodes:
        """Read ``creds_index/unsharded``."""
        _, rest = split_version(data, what)
        rows = table(rest, "<u4", 2, what)
        return cls(rows[:, 0].copy(), rows[:, 1].astype(np.int64))

    def encode(self) -> bytes:
        """The object's bytes."""
        rows = np.stack([self.codes, self.lasts], axis=1).astype("<u4")
        return _VERSION + rows.tobytes()

    def __len__(self) -> int:
        return int(self.lasts[-1]) + 1 if len(self.lasts) else 0

    def at(self, items: Ints) -> NDArray[np.uint32]:
        """The code of each item; items must be in range."""
        return self.codes[np.searchsorted(self.lasts, items)]

    def extended(self, codes: NDArray[np.uint32]) -> CredsCodes:
        """The table with the codes of further items added."""
        ends = np.flatnonzero(run_ends(codes))
        lasts = ends + len(self)
        merged_codes = np.concatenate([self.codes, codes[ends].astype(np.uint32)])
        merged_lasts = np.concatenate([self.lasts, lasts])
        keep = run_ends(merged_codes)
        return CredsCodes(merged_codes[keep], merged_lasts[keep])

    def truncated(self, length: int) -> CredsCodes:
        """The table for the first ``length`` items only."""
        cut = ChunkIds(self.codes.astype(np.uint64), self.lasts).truncated(length)
        return CredsCodes(cut.ids.astype(np.uint32), cut.lasts)


class Tiling(tuple[tuple[int, ...], tuple[int, ...]]):
    """Shape of a sample that is cut into tiles, and shape of its tiles."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole sample."""
        return self[0]

    @property
    def tile(self) -> tuple[int, ...]:
        """Shape of one tile; those at the far edges are smaller."""
        return self[1]

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of tiles along each axis."""
        return tuple(-(-size // step) for size, step in zip(self.shape, self.tile, strict=True))


def decode_tiles(data: Buffer, what: str) -> dict[int, Tiling]:
    """Read ``tiles_index/unsharded``: sample index to its tiling. The object ends at once when there is none."""
    _, rest = split_version(data, what)
    if len(rest) < 8:  # noqa: PLR2004 - one u8
        raise FormatError(f"{what}: expected a count of tiled samples, got {len(rest)} bytes")
    (count,) = struct.unpack_from("<Q", rest)
    if not count:
        return {}
    if len(rest) < 16:  # noqa: PLR2004 - two u8
        raise FormatError(f"{what}: expected the rank of the tiled samples, got {len(rest)} bytes")
    (rank,) = struct.unpack_from("<Q", rest, 8)
    if not rank or len(rest) - 16 != count * (1 + 2 * rank) * 8:
        raise FormatError(f"{what}: {count} entries of rank {rank} do not fit into {len(rest)} bytes")
    rows = np.frombuffer(rest, "<u8", offset=16).reshape(count, 1 + 2 * rank).tolist()
    tilings = {row[0]: Tiling((tuple(row[1 : 1 + rank]), tuple(row[1 + rank :]))) for row in rows}
    for index, tiling in tilings.items():
        if 0 in tiling.tile:
            raise FormatError(f"{what}: sample {index} has tiles of shape {tiling.tile}")
    return tilings


def encode_tiles(tiles: dict[int, Tiling]) -> bytes:
    """The object's bytes; it ends after the count where there is none."""
    out = [_VERSION, struct.pack("<Q", len(tiles))]
    ranks = {len(tiling.shape) for tiling in tiles.values()}
    if len(ranks) > 1:
        raise FormatError(f"tiled samples of one tensor have one rank, got {sorted(ranks)}")
    if tiles:
        out.append(struct.pack("<Q", ranks.pop()))
    for item, tiling in sorted(tiles.items()):
        out.append(np.array([item, *tiling.shape, *tiling.tile], "<u8").tobytes())
    return b"".join(out)


EMPTY_TILES = encode_tiles({})
"""What a tensor without tiled samples stores."""
