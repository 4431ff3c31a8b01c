"""Large samples that are grids of linked files: a part of one opens the files that it touches, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.linked_files import linked, open_all
from deeplake_nb.dataset.tiled import TiledSample
from deeplake_nb.errors import FormatError, LakeError, LinkError
from deeplake_nb.format.grids import decode_grid, encode_grid
from deeplake_nb.format.tiles import pieces

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.format.grids import Grid
    from deeplake_nb.format.meta import TensorMeta
    from deeplake_nb.format.samples import LinkTiled, StoredSample
    from deeplake_nb.format.tiles import Box, Piece

_AT_ONCE = 16
"""Files that are opened side by side."""


def resolved(state: State, meta: TensorMeta, value: LinkTiled, managed: Collection[str]) -> Grid:
    """A grid about to be appended, as it is stored; opens all its files, or the first where links are not verified.

    Raises:
        LinkError: a file that cannot be read, or of another shape than the first.
    """
    what = f"tensor {meta.name!r}"
    wanted = value.links if meta.verify else value.links[:1]
    tile: tuple[int, ...] | None = None
    for start in range(0, len(wanted), _AT_ONCE):
        window = wanted[start : start + _AT_ONCE]
        for link, data in zip(window, open_all(state.open_links, window, managed), strict=True):
            found = linked(link, data if data is not None else memoryview(b""), meta, what)
            if isinstance(found, LakeError):
                raise found
            tile = tile or found.shape
            if found.shape != tile:
                raise LinkError(f"{found.what}: expected the shape of the first tile, {tile}, got {found.shape}")
    return encode_grid(value, tile or (), what)


def stored(sample: StoredSample, creds_key: str | None) -> LinkTiled | LakeError:
    """The files of a stored grid, or what is wrong with it."""
    try:
        return decode_grid(sample.data, creds_key, sample.what)
    except FormatError as error:
        return error


def sample(
    state: State, tensor: TensorState, item: int, value: LinkTiled, managed: Collection[str]
) -> StoredSample | LakeError:
    """The pixels of a grid, of which no more is opened than is asked for."""
    tiling, meta = state.tables(tensor).tiles[item], tensor.meta
    what = f"tensor {meta.name!r} row {item}"
    if tiling.grid != value.paths.shape:
        return FormatError(f"{what}: tiles in a grid of {tiling.grid}, linked files in one of {value.paths.shape}")

    def tiles(box: Box) -> Iterator[tuple[Piece, NDArray[Any]]]:
        found = list(pieces(tiling, box))
        for start in range(0, len(found), _AT_ONCE):
            window = found[start : start + _AT_ONCE]
            wanted = [value.links[piece.number] for piece in window]
            for piece, link, data in zip(window, wanted, open_all(state.open_links, wanted, managed), strict=True):
                tile = linked(link, data if data is not None else memoryview(b""), meta, what)
                if isinstance(tile, LakeError):
                    raise tile
                if tile.shape != tiling.tile:
                    raise LinkError(f"{tile.what}: expected a tile of {tiling.tile}, got {tile.shape}")
                yield piece, tile.array()

    return TiledSample(tensor, item, tiling.shape, tiles)
