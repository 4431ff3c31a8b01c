"""Samples as they are stored, on their way into chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.format.grids import Grid
from deeplake_nb.format.tiles import Tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

Shape = tuple[int, ...]
Apart = Tiles | Grid
"""Samples with chunks of their own."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """``count`` samples of one shape, ``nbytes`` each, one after the other in ``payload``."""

    payload: memoryview
    count: int
    shape: Shape | None
    nbytes: int


@dataclass(frozen=True, slots=True)
class Varied:
    """Samples with a payload each; a shape of None is a missing sample of unknown rank.

    ``shapes`` are those of the samples as they lie in chunks. A payload may be one that has chunks of its own.
    """

    payloads: list[Buffer | Apart]
    shapes: list[Shape | None]


@dataclass(frozen=True, slots=True)
class Joined:
    """Samples of one shape and of ``sizes`` bytes, one after the other in ``payload``: no work per sample."""

    payload: bytes
    sizes: NDArray[np.int64]
    shape: Shape

    def separate(self) -> Varied:
        """The same, one by one."""
        stops = np.cumsum(self.sizes)
        spans = zip((stops - self.sizes).tolist(), stops.tolist(), strict=True)
        return Varied([self.payload[start:stop] for start, stop in spans], [self.shape] * len(self.sizes))


Batch = Uniform | Varied


def alike(batch: Batch | None) -> Uniform | None:
    """The batch as one of samples that are alike, if they are."""
    if not isinstance(batch, Varied):
        return batch
    payloads = [one for one in batch.payloads if not isinstance(one, Apart)]
    shapes, sizes = set(batch.shapes), {len(memoryview(one)) for one in payloads}
    if len(shapes) != 1 or len(sizes) != 1 or None in shapes or len(payloads) < len(batch.payloads):
        return None
    return Uniform(memoryview(b"".join(payloads)), len(payloads), batch.shapes[0], sizes.pop())
