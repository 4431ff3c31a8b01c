"""The annotations of one row, drawn over its picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import LakeError
from deeplake_nb.preview import overlays
from deeplake_nb.preview.shapes import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.dataset.together import Stored
    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.preview import Label, Tile

    Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layer:
    """A tensor that is drawn over pictures.

    Attributes:
        tensor: of boxes, masks or points.
        kind: ``boxes``, ``masks`` or ``shapes``.
        labels: the tensor that its class names come from.
        pictures: names of the tensors it belongs to; it was made on the first of them.
        number: among those of its kind.
    """

    tensor: Tensor
    kind: str
    labels: Tensor | None
    pictures: tuple[str, ...]
    number: int


class Drawing:
    """A tile that is being drawn over; what cannot be drawn becomes a note on it.

    Args:
        tile: as it is without.
        row: what is stored in that row, by names of tensors.
        box_px: about the size of the picture.
        item: of a sequence.
    """

    def __init__(self, tile: Tile, row: Mapping[str, Stored], box_px: int, item: int) -> None:
        self._tile = tile
        self._row = row
        self._box_px = box_px
        self._item = item
        self._notes: dict[str, None] = {}
        self._ids: dict[str, list[int]] = {}
        self._labels: dict[str, tuple[Label, ...]] = {}
        self._drawn: dict[str, list[Any]] = {"boxes": [], "masks": [], "shapes": []}

    def label(self, tensor: Tensor) -> None:
        """Give it the class names of a tensor."""
        ids = self._ids[tensor.name] = (
            self._tried("label", partial(_class_ids, self._row[tensor.name], self._item)) or []
        )
        self._labels[tensor.name] = _names(tensor, ids)

    def draw(self, layer: Layer) -> None:
        """Draw a layer over it, once the layer's class names are there."""
        shown = (self._tile.width, self._tile.height)
        made_on = self._size(layer.pictures[0]) if layer.pictures else None
        size = made_on or shown
        if not _is_alike(size, shown):
            note = f"annotations are of an image of {size[0]} x {size[1]} pixels and do not fit this one"
            self._notes[note] = None
            return
        sample = self._tried(layer.kind, partial(self._sample, layer.tensor.name))
        if sample is not None:
            self._drawn[layer.kind] += self._tried(layer.kind, partial(self._made, layer, sample, size)) or ()

    def done(self) -> Tile:
        """The tile with all of it."""
        mask = overlays.mask_picture(self._drawn["masks"])
        return replace(
            self._tile,
            labels=tuple(dict.fromkeys(one for many in self._labels.values() for one in many)),  # five cats are a cat
            boxes=tuple(self._drawn["boxes"]),
            shapes=tuple(self._drawn["shapes"]),
            masks=() if mask is None else (mask,),
            notes=tuple(self._notes),
        )

    def _made(self, layer: Layer, sample: StoredSample, size: Size) -> Any:
        key = "" if layer.labels is None else layer.labels.name
        names, info = self._labels.get(key, ()), layer.tensor.info
        if layer.kind == "masks":
            return [overlays.mask_colors(sample, self._box_px, self._ids.get(key, ()), layer.number)]
        if layer.kind == "boxes":
            coords: Any = info.get("coords")
            return overlays.boxes(sample, coords, *size, names, number=layer.number)
        return shapes(sample, info, *size, names, number=layer.number)

    def _sample(self, name: str) -> StoredSample | None:
        return _item(self._row[name], self._item)

    def _size(self, name: str) -> Size | None:
        """Width and height of the image that annotations were made on; None where that cannot be told."""
        try:
            sample = self._sample(name)
        except LakeError:
            return None
        return None if sample is None or len(sample.shape) < 2 else (sample.shape[1], sample.shape[0])  # noqa: PLR2004

    def _tried(self, kind: str, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except LakeError as error:
            self._notes[f"no {kind}: {error}"] = None
            return None


def names_of(labels: Tensor, stored: Stored, item: int = 0) -> tuple[Label, ...]:
    """The class names of a row of a tensor of class labels.

    Raises:
        LakeError: it cannot be read.
    """
    return _names(labels, _class_ids(stored, item))


def readable(stored: Any) -> StoredSample:
    """The sample, if it was not an error.

    Raises:
        LakeError: it was one.
    """
    if isinstance(stored, LakeError):
        raise stored
    return stored  # type: ignore[no-any-return]


def _names(labels: Tensor, ids: Sequence[int]) -> tuple[Label, ...]:
    return overlays.labels(ids, labels.info.get("class_names") or ())


def _class_ids(stored: Stored, item: int) -> list[int]:
    sample = _item(stored, item)
    return [] if sample is None else overlays.class_ids(sample)


def _item(stored: Stored, item: int) -> StoredSample | None:
    """The sample, or of a sequence its ``item``-th; None where it has none."""
    if isinstance(stored, (list, tuple)):
        return readable(stored[item]) if item < len(stored) else None
    return readable(stored)


def _is_alike(size: Size, other: Size) -> bool:
    """Whether two images have the same proportions, but for the rounding of a smaller one."""
    across, down = size[0] * other[1], size[1] * other[0]
    return abs(across - down) <= max(*size, *other)
