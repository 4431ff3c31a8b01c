"""What is drawn over the pictures of a dataset: which tensors it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deeplake_nb.preview.render import MASK_HTYPES
from deeplake_nb.preview.shapes import SHAPE_HTYPES
from deeplake_nb.widgets.belonging import nearest
from deeplake_nb.widgets.drawing import Drawing, Layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.dataset.together import Stored
    from deeplake_nb.preview.preview import Tile

_KINDS = {"bbox": "boxes", **dict.fromkeys(MASK_HTYPES, "masks"), **dict.fromkeys(SHAPE_HTYPES, "shapes")}
_THINGS_AXIS = {"bbox": 0, "polygon": 0, "keypoints_coco": 1, "binary_mask": 2}
"""The axis of a sample that has one thing after another, each with a class of its own."""


class Belonging(NamedTuple):
    """What belongs to the pictures of one tensor: class names, its own first; and what is drawn over them."""

    labels: list[Tensor]
    layers: list[Layer]


class Annotations:
    """What belongs to which pictures, by names, groups, and how many things there are."""

    def __init__(self, tensors: Mapping[str, Tensor], pictures: Sequence[str]) -> None:
        self._tensors = tensors
        self._pictures = pictures
        self._labels = [name for name, tensor in tensors.items() if tensor.base_htype == "class_label"]
        plain = [name for name in self._labels if not tensors[name].is_sequence]
        self.labels = tensors[plain[0]] if plain else None
        self._layers: list[Layer] = []
        numbers = dict.fromkeys(_KINDS.values(), 0)
        for name, tensor in tensors.items():
            kind = _KINDS.get(tensor.base_htype)
            belongs = self._pictures_of(name)
            if kind is None or name in pictures or (pictures and not belongs):
                continue  # the last are items of sequences, where no picture is one
            self._layers.append(Layer(tensor, kind, self._labels_of(name, tensor), belongs, numbers[kind]))
            numbers[kind] += 1
        self._known: dict[str, Belonging] = {}

    @property
    def kinds(self) -> list[str]:
        """Kinds that are drawn on some picture, for the page's switches."""
        is_new = not any(map(len, self._tensors.values()))  # rows may come while it is looked at
        masks = [name for name, tensor in self._tensors.items() if tensor.base_htype in MASK_HTYPES]
        layers = [layer for name in self._pictures or masks for layer in self.of(name).layers]
        there = {layer.kind for layer in layers if is_new or len(layer.tensor)}
        if self.labels is not None and (is_new or len(self.labels)):
            there.add("labels")
        return [kind for kind in ("boxes", "masks", "shapes", "labels") if kind in there]

    def of(self, name: str) -> Belonging:
        """What belongs to a tensor's pictures; where a dataset has none, all that is drawn belongs to any tensor."""
        if name not in self._known:  # asked for each tile
            layers = [
                one for one in self._layers if name in one.pictures or not (one.pictures or one.tensor.name == name)
            ]
            labels = [one for one in self._labels if name in self._pictures_of(one) or not self._pictures]
            own = nearest(name, [one for one in labels if self._goes(one, self._tensors[name])])[:1]
            found = [*(self._tensors[one] for one in own), *(one.labels for one in layers if one.labels is not None)]
            self._known[name] = Belonging(list({one.name: one for one in found}.values()), layers)
        return self._known[name]

    def labels_for(self, name: str) -> Tensor | None:
        """The class names of the things in a tensor that is drawn."""
        return next((one.labels for one in self._layers if one.tensor.name == name), None)

    def read_for(self, name: str) -> list[Tensor]:
        """All that is read to draw over a tensor's pictures."""
        labels, layers = self.of(name)
        made_on = [self._tensors[one.pictures[0]] for one in layers if one.pictures]
        return [*labels, *(one.tensor for one in layers), *made_on]

    def drawn(self, tile: Tile, name: str, row: Mapping[str, Stored], box_px: int, item: int = 0) -> Tile:
        """The tile of a tensor with its annotations; what cannot be drawn is a note on it.

        Args:
            tile: as it is without.
            name: of the tensor.
            row: what is stored in that row of all that ``read_for`` names.
            box_px: about the size of the picture.
            item: of a sequence.
        """
        drawing = Drawing(tile, row, box_px, item)
        labels, layers = self.of(name)
        for tensor in labels:
            drawing.label(tensor)
        for layer in layers if tile.preview.is_picture else ():
            drawing.draw(layer)
        return drawing.done()

    def _pictures_of(self, name: str) -> tuple[str, ...]:
        return tuple(nearest(name, [one for one in self._pictures if self._goes(name, self._tensors[one])]))

    def _labels_of(self, name: str, tensor: Tensor) -> Tensor | None:
        """Of the class labels nearest by name those of which there are as many, or else the first."""
        axis = _THINGS_AXIS.get(tensor.base_htype)
        if axis is None:
            return None  # its values are its classes, or it has none
        near = [self._tensors[one] for one in nearest(name, [one for one in self._labels if self._goes(one, tensor)])]
        things = _extent(tensor, axis)
        return next((one for one in near if things and _extent(one, 0) == things), next(iter(near), None))

    def _goes(self, name: str, tensor: Tensor) -> bool:
        """Whether a tensor has one sample for each of another's: items of a sequence belong to those of another."""
        return tensor.is_sequence or not self._tensors[name].is_sequence


def _extent(tensor: Tensor, axis: int) -> tuple[int, int] | None:
    """The fewest and the most that a sample has."""
    interval, at = tensor.whole_interval, 1 + tensor.is_sequence + axis
    return (interval.lower[at], interval.upper[at]) if len(interval.upper) > at else None
