"""Chunks as objects: taken apart and put together under a tensor's chunk compression.

In memory every chunk is raw samples with their positions, whatever it is stored as; ``lz4`` packs all of its data,
an image format paints its samples on a canvas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.format import canvas
from deeplake_nb.format.chunk import MAX_NBYTES, Chunk, ChunkBuilder, encode_header
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.codecs import lz4

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from deeplake_nb.format.meta import TensorMeta


def packing(meta: TensorMeta) -> str | None:
    """How chunks of a tensor are compressed; links are not, whatever their tensor says."""
    return None if meta.is_link else meta.chunk_compression


def is_canvas(meta: TensorMeta) -> bool:
    """Whether chunks are pictures."""
    packed = packing(meta)
    return packed is not None and COMPRESSIONS[packed].kind == "image"


def parse(buffer: Buffer, meta: TensorMeta, what: str) -> Chunk:
    """The chunk of an object, raw; ``what`` names it in errors.

    Raises:
        FormatError: damaged.
    """
    packed = packing(meta)
    if packed is None:
        return Chunk.parse(buffer, what)
    if COMPRESSIONS[packed].kind == "byte":
        return Chunk.parse(buffer, what, lambda block: lz4.decompress(block, what))
    return canvas.opened(Chunk.parse(buffer, what), meta.dtype or "uint8")


def build(builder: ChunkBuilder, meta: TensorMeta) -> list[Buffer]:
    """The object of a chunk, in pieces.

    Raises:
        FormatError: more than the format can express.
        SampleError: pictures that the tensor's kind of file cannot hold.
    """
    if not is_canvas(meta):
        return builder.build(lz4.compress if packing(meta) else None)
    shapes = builder.shapes()
    picture = canvas.painted(shapes, builder.data(), meta.dtype or "uint8", str(packing(meta)), meta.name)
    return [encode_header(shapes, shapes[:0, :3]), picture]


def new_builder(meta: TensorMeta, rank: int | None) -> ChunkBuilder:
    """An empty chunk of a tensor, for samples of ``rank``."""
    if not is_canvas(meta):
        return ChunkBuilder(rank)
    return canvas.CanvasBuilder(rank, str(packing(meta)), np.dtype(meta.dtype or "uint8").itemsize)


def resumed(chunk: Chunk, count: int, meta: TensorMeta, rank: int | None) -> ChunkBuilder:
    """A builder that goes on after the first ``count`` samples of a stored chunk; none can follow a tile.

    A writer that died may have left more samples in the chunk than the tensor knows of: these are cut away.

    Raises:
        FormatError: the chunk holds fewer samples.
    """
    builder = new_builder(meta, rank)
    if chunk.is_whole and count:
        builder.add_tile(chunk.data, chunk.shape(0) or ())
    else:
        builder.add_part(chunk, 0, count)
    return builder


def rank_of(meta: TensorMeta) -> int | None:
    """Rank of what is stored, once it is known: of a link, its path."""
    return 1 if meta.is_link else len(meta.max_shape) or None


def limit(meta: TensorMeta) -> int:
    """Bytes of samples at which a chunk is full: compressed ones are taken to shrink to half."""
    return meta.chunk_target * (2 if packing(meta) else 1)


def most(meta: TensorMeta) -> int:
    """Bytes of one sample that a chunk can hold."""
    return lz4.MAX_NBYTES if packing(meta) == "lz4" else MAX_NBYTES


def is_lossy(meta: TensorMeta) -> bool:
    """Whether chunks lose something each time they are compressed."""
    packed = packing(meta)
    return packed is not None and COMPRESSIONS[packed].lossy
