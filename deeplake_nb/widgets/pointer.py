"""The boxes under the pointer: which they are, their stored numbers, and how sure who found them was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.preview import overlays, pixels
from deeplake_nb.widgets.belonging import nearest, words
from deeplake_nb.widgets.drawing import names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.preview import Label
    from deeplake_nb.widgets.drawing import Layer
    from deeplake_nb.widgets.source import Source

_SCORE_WORDS = {"score", "confidence", "conf", "probability", "prob"}


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of a layer over one picture, read once for all places the pointer comes to.

    Attributes:
        stored: ``(n, 4)``, as they are.
        edges: ``(n, 4)``: left, top, right, bottom in fractions of the picture.
        mode: what the stored numbers mean.
        names: class names; as many as boxes, or none count.
        scores: how sure somebody was of each; the same.
        scored_by: the tensor that these come from.
    """

    stored: np.ndarray
    edges: np.ndarray
    mode: str
    names: Sequence[Label]
    scores: np.ndarray
    scored_by: str

    @classmethod
    def of(cls, source: Source, layer: Layer, row: int, item: int, size: tuple[int, int]) -> Boxes:
        """The boxes of a row of a source (and of an item of a sequence) over a picture of ``size``, width and height.

        Raises:
            LakeError: they, their class names or their scores cannot be read.
        """

        def read(tensor: Tensor) -> StoredSample:
            return source.item(tensor.name, row, item if tensor.is_sequence else 0)

        sample, labels, scored_by = read(layer.tensor), layer.labels, _scored_by(source, layer)
        coords: Any = layer.tensor.info.get("coords")
        edges = overlays.edges(sample, coords, *size)  # which refuses other shapes
        return cls(
            np.asarray(sample.array()).reshape(edges.shape),
            edges,
            (coords or {}).get("mode") or overlays.DEFAULT_MODE,
            () if labels is None else names_of(labels, read(labels)),
            np.ravel(read(source.tensors[scored_by]).array()) if scored_by else np.empty(0),
            scored_by,
        )

    def at(self, across: float, down: float) -> list[str]:
        """The boxes at a place, in fractions of the picture, smallest first: class name, stored numbers, score."""
        return [self._words(box) for box in overlays.at(self.edges, across, down)]

    def _words(self, box: int) -> str:
        count = len(self.stored)
        name = [self.names[box].text] if len(self.names) == count else []
        numbers = f"{self.mode} {', '.join(map(pixels.exact, self.stored[box]))}"
        score = [f"{self.scored_by} {pixels.exact(self.scores[box])}"] if len(self.scores) == count else []
        return " ".join([*name, numbers, *score])


def _scored_by(source: Source, layer: Layer) -> str:
    """Of the tensors named as scores the one whose name is nearest to that of the boxes; empty if there is none."""
    named = [name for name, tensor in source.tensors.items() if words(name) & _SCORE_WORDS and not tensor.is_link]
    return next(iter(nearest(layer.tensor.name, named)), "")
