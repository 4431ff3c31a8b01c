"""Rows on their way into a tensor: what they are stored as, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.companions import Added, Infos
from deeplake_nb.format.batch import Joined, Uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from deeplake_nb.format.batch import Batch


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows ready to be stored. For items of links ``codes`` of their credentials, and what is known of the files."""

    batch: Batch | Joined
    counts: NDArray[np.int64] | None  # items of each row of a sequence
    codes: NDArray[np.uint32] | None
    infos: Infos | None
    linked: list[tuple[int, ...] | None] | None
    values: Any = None  # as they came, where there are smaller copies of them

    @property
    def items(self) -> int:
        """How many samples."""
        if isinstance(self.batch, Joined):
            return len(self.batch.sizes)
        return self.batch.count if isinstance(self.batch, Uniform) else len(self.batch.payloads)

    def known_shapes(self) -> Sequence[tuple[int, ...] | None]:
        """Shapes of samples; of links, those of the files they point to."""
        if self.codes is not None:
            return self.linked or []
        return [self.batch.shape] if isinstance(self.batch, (Uniform, Joined)) else self.batch.shapes

    def added(self) -> Added:
        """For the companions."""
        shapes: Any = self.linked
        if shapes is None:
            shapes = self.batch.shape if isinstance(self.batch, (Uniform, Joined)) else self.batch.shapes
        return Added(
            self.items if self.counts is None else len(self.counts), self.items, shapes, self.infos, self.values
        )
