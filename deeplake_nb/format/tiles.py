"""Samples cut into tiles: how large these are, which of them a part of a sample touches, and their chunks.

Tiles lie on a grid that starts at the origin, numbered in C order; those at the far edges are smaller. Each has a chunk
of its own, without positions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from deeplake_nb.format.chunk import ChunkBuilder
    from deeplake_nb.format.encoders import Tiling

Shape = tuple[int, ...]
Box = tuple[slice, ...]

RATIO = 0.5
"""What a sample is taken to shrink to under any compression, when it is decided whether to cut it."""


def tile_shape(shape: Shape, nbytes: float, limit: int, *, keep_last: bool) -> Shape:
    """The shape of tiles of ``limit`` bytes at the most: the longest axis is halved until that is reached.

    Args:
        shape: of the whole sample.
        nbytes: it is taken to need, stored.
        limit: bytes of a tile.
        keep_last: whether the last axis, of colours as a rule, stays whole.
    """
    sides = np.array(shape, np.float32)
    movable = len(shape) - (keep_last and len(shape) > 1)
    while nbytes > limit and sides[:movable].max() >= 2:  # noqa: PLR2004 - there is something to halve
        sides[int(sides[:movable].argmax())] /= 2
        nbytes /= 2
    return tuple(int(side) for side in np.ceil(sides))


class Piece(NamedTuple):
    """A tile that a box touches: its number, the part of it inside the box, and where that lies within the box."""

    number: int
    inside: Box
    within: Box


def pieces(tiling: Tiling, box: Box) -> Iterator[Piece]:
    """The tiles that a box (half-open, by axis) of the sample touches, in order."""
    axes = [
        [
            (
                at,
                slice(max(one.start - at * step, 0), min(one.stop - at * step, step)),
                slice(max(at * step - one.start, 0), min((at + 1) * step, one.stop) - one.start),
            )
            for at in range(one.start // step, -(-one.stop // step) if one.start < one.stop else one.start // step)
        ]
        for one, step in zip(box, tiling.tile, strict=True)
    ]
    strides = [math.prod(tiling.grid[axis + 1 :]) for axis in range(len(tiling.grid))]
    for found in product(*axes):
        number = sum(at * stride for (at, _, _), stride in zip(found, strides, strict=True))
        yield Piece(number, tuple(inside for _, inside, _ in found), tuple(within for _, _, within in found))


def box_of(tiling: Tiling, number: int) -> Box:
    """Where a tile lies within the sample."""
    at = np.unravel_index(number, tiling.grid)
    return tuple(
        slice(int(place) * step, min((int(place) + 1) * step, size))
        for place, step, size in zip(at, tiling.tile, tiling.shape, strict=True)
    )


def whole(shape: Shape) -> Box:
    """The box that is all of a sample."""
    return tuple(slice(0, size) for size in shape)


def bounds(shape: Shape, items: tuple[Any, ...]) -> tuple[Box, tuple[Any, ...]] | None:
    """The smallest box that holds what an index selects of a sample, and the same index within that box.

    None for an index whose axes are not plain ones (masks, new axes, lists for several axes): it needs the whole.
    """
    if Ellipsis in [one for one in items if not isinstance(one, (np.ndarray, list))]:
        at = next(place for place, one in enumerate(items) if one is Ellipsis)
        items = (*items[:at], *[slice(None)] * (len(shape) - len(items) + 1), *items[at + 1 :])
    if len(items) > len(shape) or sum(not isinstance(one, (int, np.integer, slice)) for one in items):
        return None
    box: list[slice] = []
    inner: list[Any] = []
    for item, size in zip((*items, *[slice(None)] * (len(shape) - len(items))), shape, strict=True):
        if isinstance(item, slice):
            chosen = range(*item.indices(size))
            low, high = (min(chosen), max(chosen) + 1) if chosen else (0, 0)
            stop = chosen.stop - low
            inner.append(
                slice(chosen.start - low if chosen else 0, stop if chosen and stop >= 0 else None, chosen.step)
            )
        else:
            if not -size <= item < size:
                raise IndexError(f"index {item} is out of bounds for axis of size {size}")
            low = int(item) % size
            high = low + 1
            inner.append(0)  # drops the axis
        box.append(slice(low, high))
    return tuple(box), tuple(inner)


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """A sample on its way into chunks of its own.

    ``array`` is None where all is zero, and nothing is stored; ``encode`` makes a tile's bytes.
    """

    tiling: Tiling
    array: NDArray[Any] | None
    encode: Callable[[NDArray[Any]], Buffer]

    @property
    def shape(self) -> Shape:
        """Shape of the whole sample."""
        return self.tiling.shape

    def __len__(self) -> int:
        """Number of chunks."""
        return math.prod(self.tiling.grid)

    def encoded_tile(self, number: int) -> Buffer:
        """The bytes of one tile."""
        if self.array is None:
            return b""
        return self.encode(np.ascontiguousarray(self.array[box_of(self.tiling, number)]))

    def chunks(self, new: Callable[[], ChunkBuilder]) -> Iterator[ChunkBuilder]:
        """Its chunks, one after the other, so that memory holds a few; ``new`` makes an empty one."""
        for number in range(len(self)):
            builder, box = new(), box_of(self.tiling, number)
            builder.add_tile(self.encoded_tile(number), tuple(one.stop - one.start for one in box))
            yield builder
