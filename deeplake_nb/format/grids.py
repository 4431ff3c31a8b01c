"""Samples that are grids of linked files: their paths as bytes, and the chunk of its own that each has.

Layout: version length (u1), version, axes of the grid (u1), files along each of them (u4, little-endian), then the
paths in C order, ASCII, each with a zero byte behind it.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.errors import FormatError, SampleError
from deeplake_nb.format.encoders import Tiling, split_version
from deeplake_nb.format.keys import FORMAT_VERSION
from deeplake_nb.format.samples import LinkTiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deeplake_nb.format.chunk import ChunkBuilder

Shape = tuple[int, ...]
_MOST_AXES = 32


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A sample that is a grid of linked files, on its way into a chunk of its own: ``payload`` has their paths."""

    tiling: Tiling
    payload: bytes

    @property
    def shape(self) -> Shape:
        """Shape of the whole sample."""
        return self.tiling.shape

    def __len__(self) -> int:
        """Number of chunks."""
        return 1

    def chunks(self, new: Callable[[], ChunkBuilder]) -> Iterator[ChunkBuilder]:
        """Its one chunk, whose shape is the whole sample's."""
        builder = new()
        builder.rank = None  # other links have the shape of a path
        builder.add_alone(self.payload, self.shape)
        yield builder


def encode_grid(value: LinkTiled, tile: Shape, what: str) -> Grid:
    """A grid of files, each of shape ``tile``, as it is stored.

    Raises:
        SampleError: more axes than a file has, or a path that is no ASCII.
    """
    if value.paths.ndim > len(tile):
        raise SampleError(f"{what}: a grid with {value.paths.ndim} axes of files with {len(tile)}")
    grid = (*value.paths.shape, *(1,) * (len(tile) - value.paths.ndim))
    try:
        paths = "".join(f"{path}\0" for path in value.paths.reshape(-1).tolist()).encode("ascii")
    except UnicodeEncodeError:
        paths = b""
    if paths.count(b"\0") != value.paths.size:
        raise SampleError(f"{what}: the format holds ASCII paths of tiles only; give the files other names")
    head = bytes([len(FORMAT_VERSION)]) + FORMAT_VERSION.encode() + struct.pack(f"<B{len(grid)}I", len(grid), *grid)
    return Grid(Tiling((tuple(map(math.prod, zip(grid, tile, strict=True))), tile)), head + paths)


def decode_grid(data: memoryview, creds_key: str | None, what: str) -> LinkTiled:
    """The files of a stored sample.

    Raises:
        FormatError: cut off, or another number of paths than the grid has.
    """
    _, rest = split_version(data, what)
    axes = rest[0] if len(rest) else 0
    if not 0 < axes <= _MOST_AXES or len(rest) < 1 + 4 * axes:
        raise FormatError(f"{what}: the grid of linked files is cut off")
    grid = struct.unpack_from(f"<{axes}I", rest, 1)
    try:
        paths = str(rest[1 + 4 * axes :], "ascii").split("\0")
    except UnicodeDecodeError as error:
        raise FormatError(f"{what}: no ASCII paths of linked files ({error})") from error
    if paths.pop() or len(paths) != math.prod(grid):
        raise FormatError(f"{what}: expected {math.prod(grid)} linked files (grid {grid}), got {len(paths)}")
    return LinkTiled(np.array(paths, object).reshape(grid), creds_key)
