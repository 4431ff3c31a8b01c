"""The boxes under the pointer: which they are, their stored numbers, and how sure who found them was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.errors import LakeError
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


class Spot(NamedTuple):
    """A pixel of a picture of ``size``, width and height: of a row of a source, and of an item of a sequence."""

    row: int
    item: int
    size: tuple[int, int]
    pixel: tuple[int, int]


def boxes_at(source: Source, name: str, spot: Spot) -> list[tuple[str, str]]:
    """The boxes of a picture that a pixel lies in, smallest first: pairs of their tensor's name and words.

    The words are the class name, the numbers as they are stored with what they mean, and the score, where there is a
    tensor with one for each box. Boxes that were made on another picture are left out.
    ``name`` is that of the picture's tensor.
    """
    out: list[tuple[str, str]] = []
    for layer in source.annotations.of(name).layers:
        if layer.kind == "boxes" and (not layer.pictures or layer.pictures[0] == name):
            try:
                found = _found(source, layer, spot)
            except LakeError as error:
                found = [str(error)]
            out += [(layer.tensor.name, one) for one in found]
    return out


def _found(source: Source, layer: Layer, spot: Spot) -> list[str]:
    sample = _stored(source, layer.tensor, spot)
    coords: Any = layer.tensor.info.get("coords")
    stored = np.asarray(sample.array()).reshape(-1, 4)
    hit = overlays.boxes_at(sample, coords, spot.size, spot.pixel)
    names, scores = _names(source, layer, spot), _scores(source, layer, spot)
    mode = (coords or {}).get("mode") or overlays.DEFAULT_MODE
    return [
        " ".join(
            [
                *([names[box].text] if len(names) == len(stored) else []),
                f"{mode} {', '.join(pixels.exact(one) for one in stored[box])}",
                *([f"{scores[0]} {pixels.exact(scores[1][box])}"] if scores and len(scores[1]) == len(stored) else []),
            ]
        )
        for box in hit
    ]


def _names(source: Source, layer: Layer, spot: Spot) -> Sequence[Label]:
    return () if layer.labels is None else names_of(layer.labels, _stored(source, layer.labels, spot))


def _scores(source: Source, layer: Layer, spot: Spot) -> tuple[str, np.ndarray] | None:
    """Of the numbers named as scores are those whose name is nearest to that of the boxes."""
    named = [one for one, tensor in source.tensors.items() if words(one) & _SCORE_WORDS and not tensor.is_link]
    for one in nearest(layer.tensor.name, named)[:1]:
        return one, np.ravel(_stored(source, source.tensors[one], spot).array())
    return None


def _stored(source: Source, tensor: Tensor, spot: Spot) -> StoredSample:
    return source.item(tensor.name, spot.row, spot.item if tensor.is_sequence else 0)
