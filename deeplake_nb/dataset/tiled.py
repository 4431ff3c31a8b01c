"""Samples that are cut into tiles: read whole or in parts, and changed in parts; only the tiles a part touches move."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError, LakeError, RowError, SampleError
from deeplake_nb.format import packing
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.codecs import lz4
from deeplake_nb.format.payloads import Encoder
from deeplake_nb.format.samples import StoredSample, as_bytes
from deeplake_nb.format.tiles import bounds, box_of, pieces, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from deeplake_nb.dataset.cache import LoadedChunk
    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.format.chunk import ChunkBuilder
    from deeplake_nb.format.encoders import Tiling
    from deeplake_nb.format.tiles import Box, Piece

    Tiles = Callable[[Box], Iterator[tuple[Piece, NDArray[Any] | None]]]
    """Gives the tiles that a box touches, decoded; None for one that is all zeros."""

_AT_ONCE_NBYTES = 64 * 2**20
"""Tiles that are read side by side hold so many raw bytes at the most, or are one."""


class TiledSample(StoredSample):
    """A sample in tiles, which are read when its values are asked for."""

    __slots__ = ("_tiles",)

    _tiles: Tiles

    def __init__(self, tensor: TensorState, item: int, shape: tuple[int, ...], tiles: Tiles) -> None:
        meta = tensor.meta
        for name, value in {
            "_tiles": tiles,
            "shape": shape,
            "dtype": meta.dtype or "uint8",
            "compression": None,
            "htype": meta.htype or "generic",
            "what": f"tensor {meta.name!r} row {item}",
        }.items():
            object.__setattr__(self, name, value)

    @property
    def data(self) -> memoryview:
        """The raw bytes, all of them."""
        return as_bytes(self.array())

    def array(self) -> NDArray[Any]:
        """The whole sample.

        Raises:
            LakeError: a tile that cannot be read.
        """
        return self._read(whole(self.shape))

    def value(self) -> Any:
        """The same."""
        return self.array()

    def part(self, items: tuple[Any, ...]) -> NDArray[Any]:
        """What one bracket selects of the sample; reads the tiles it touches.

        Raises:
            LakeError: a tile that cannot be read.
            RowError: an index out of range.
        """
        try:
            found = bounds(self.shape, items)
            part: NDArray[Any] = self.array()[items] if found is None else self._read(found[0])[found[1]]
        except IndexError as error:
            raise RowError(f"{self.what}: {error}") from error
        return part

    def _read(self, box: Box) -> NDArray[Any]:
        shape = tuple(one.stop - one.start for one in box)
        try:
            out = np.zeros(shape, self.dtype)
        except (ValueError, MemoryError) as error:
            raise FormatError(f"{self.what}: no room for an array of {shape} ({error}); read parts of it") from error
        for piece, tile in self._tiles(box):
            if tile is not None:
                out[piece.within] = tile[piece.inside]
        return out


def tiled(state: State, tensor: TensorState, item: int) -> StoredSample | LakeError:
    """A sample in tiles; the table's error where it contradicts itself, before memory is taken."""
    meta, tables = tensor.meta, state.tables(tensor)
    tiling = tables.tiles[item]
    what = f"tensor {meta.name!r} row {item}"
    first, stop = np.searchsorted(tables.ids.lasts, [item, item + 1])
    count = math.prod(tiling.grid)
    if stop - first != count:
        return FormatError(f"{what}: expected {count} tiles (grid {tiling.grid}), the table names {stop - first}")
    if len(tiling.shape) != len(meta.max_shape) or any(map(operator.gt, tiling.shape, meta.max_shape)):
        return FormatError(f"{what}: tiles make a sample of {tiling.shape}, but none is larger than {meta.max_shape}")
    return TiledSample(tensor, item, tiling.shape, lambda box: _tiles(state, tensor, item, tiling, box))


def _tiles(
    state: State, tensor: TensorState, item: int, tiling: Tiling, box: Box
) -> Iterator[tuple[Piece, NDArray[Any] | None]]:
    """The tiles that a box touches, decoded; None for one that is all zeros."""
    first = int(np.searchsorted(state.tables(tensor).ids.lasts, item))
    found = list(pieces(tiling, box))
    nbytes = math.prod(tiling.tile) * np.dtype(tensor.meta.dtype or "uint8").itemsize
    step = max(_AT_ONCE_NBYTES // max(nbytes, 1), 1)
    for start in range(0, len(found), step):
        window = found[start : start + step]
        loaded = state.load_chunks(tensor, [first + piece.number for piece in window])
        for piece, chunk in zip(window, loaded, strict=True):
            if isinstance(chunk, LakeError):
                raise chunk
            yield piece, _decoded(tensor, chunk, tiling, piece.number, f"tensor {tensor.meta.name!r} row {item}")


def _decoded(tensor: TensorState, loaded: LoadedChunk, tiling: Tiling, number: int, what: str) -> NDArray[Any] | None:
    meta, chunk = tensor.meta, loaded.chunk
    shape = chunk.shape(0)
    if not len(chunk.data) or shape is None:
        return None
    expected = tuple(one.stop - one.start for one in box_of(tiling, number))
    if shape != expected:
        at = tuple(np.array(np.unravel_index(number, tiling.grid)).tolist())
        raise FormatError(f"{what}: expected shape {expected} of the tile at {at}, got {shape}")
    file = meta.sample_compression
    data = memoryview(lz4.decompress(chunk.data, what)) if file == "lz4" else chunk.data
    picture = file if file and COMPRESSIONS[file].kind == "image" else None
    return StoredSample(data, shape, meta.dtype or "uint8", picture, "generic", what).array()


def with_part(
    state: State, tensor: TensorState, item: int, items: tuple[Any, ...], value: Any
) -> dict[int, ChunkBuilder] | None:
    """New chunks of the tiles (by number) that an assignment to a part of a sample touches.

    None where the index is no plain one, so that the sample has to be changed as a whole.

    Raises:
        SampleError: a value that does not fit the part.
        LakeError: a tile that cannot be read.
    """
    meta = tensor.meta
    sample = tiled(state, tensor, item)
    if isinstance(sample, LakeError):
        raise sample
    tiling = state.tables(tensor).tiles[item]
    try:
        found = bounds(tiling.shape, items)
    except IndexError as error:
        raise RowError(f"{sample.what}: {error}") from error
    if found is None:
        return None
    box, inner = found
    encoder = Encoder(meta)
    out: dict[int, ChunkBuilder] = {}
    read = list(_tiles(state, tensor, item, tiling, box))
    part = np.zeros(tuple(one.stop - one.start for one in box), meta.dtype)
    for piece, tile in read:
        if tile is not None:
            part[piece.within] = tile[piece.inside]
    try:
        part[inner] = encoder.cast(np.asarray(value), exact=isinstance(value, np.ndarray))
    except (ValueError, TypeError) as error:
        if isinstance(error, SampleError):
            raise
        raise SampleError(f"{sample.what}: the part does not fit the sample ({error})") from error
    for piece, old in read:
        shape = tuple(one.stop - one.start for one in box_of(tiling, piece.number))
        tile = np.zeros(shape, meta.dtype) if old is None else old.copy()
        tile[piece.inside] = part[piece.within]
        builder = packing.new_builder(meta, len(shape))
        builder.add_tile(encoder.encoded(tile), shape)
        out[piece.number] = builder
    return out
