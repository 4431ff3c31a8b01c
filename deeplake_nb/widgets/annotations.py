"""What is drawn over the pictures of a dataset: which tensors it comes from, and one row of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import LakeError
from deeplake_nb.preview import overlays
from deeplake_nb.preview.render import MASK_HTYPES
from deeplake_nb.preview.shapes import SHAPE_HTYPES, shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.preview import Box, Label, Preview, Shape, Tile

    Stored = StoredSample | LakeError | Sequence[StoredSample | LakeError]


@dataclass(frozen=True, slots=True)
class StoredAnnotations:
    """What is stored of the annotations of one row; None where there is no such tensor."""

    labels: Stored | None = None
    boxes: Stored | None = None
    masks: Stored | None = None
    shapes: tuple[Stored, ...] = ()


class Annotations:
    """The first tensor of each kind of annotation; of points the first of each htype."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        def first(matches: Callable[[Tensor], bool]) -> Tensor | None:
            return next((tensor for tensor in tensors.values() if matches(tensor) and not tensor.is_sequence), None)

        self.labels = first(lambda tensor: tensor.base_htype == "class_label")
        self.boxes = first(lambda tensor: tensor.base_htype == "bbox")
        self.masks = first(lambda tensor: tensor.base_htype in MASK_HTYPES)
        points = [tensor for tensor in tensors.values() if tensor.base_htype in SHAPE_HTYPES and not tensor.is_sequence]
        self.shapes = [*{tensor.base_htype: tensor for tensor in reversed(points)}.values()][::-1]

    @property
    def kinds(self) -> list[str]:
        """Kinds that there are, for the page's switches."""
        there = {"boxes": self.boxes, "masks": self.masks, "shapes": self.shapes or None, "labels": self.labels}
        return [name for name, found in there.items() if found is not None]

    def stored(self, rows: Sequence[int]) -> list[StoredAnnotations]:
        """What is stored of some rows (numbers within the whole tensors)."""
        tensors = (self.labels, self.boxes, self.masks)
        labels, boxes, masks = (one.stored(rows) if one is not None else [None] * len(rows) for one in tensors)
        points = zip(*[tensor.stored(rows) for tensor in self.shapes], strict=True) if self.shapes else [()] * len(rows)
        return [StoredAnnotations(*row) for row in zip(labels, boxes, masks, points, strict=True)]

    def drawn(self, tile: Tile, stored: StoredAnnotations, box_px: int, size: tuple[int, int] | None = None) -> Tile:
        """The tile with its annotations; what cannot be drawn is a note on it.

        ``size`` is that of the image that the annotations were made on, in pixels, where the tile shows another one.
        """
        notes: list[str] = []

        def tried(kind: str, draw: Callable[[], Any], otherwise: Any) -> Any:
            try:
                return draw()
            except LakeError as error:
                notes.append(f"no {kind}: {error}")
                return otherwise

        labels: tuple[Label, ...] = ()
        boxes: tuple[Box, ...] = ()
        masks: tuple[Preview, ...] = ()
        points: tuple[Shape, ...] = ()
        ids: list[int] = []
        if stored.labels is not None:
            labels = tried("label", lambda: self.names(stored.labels), ())
            ids = tried("label", lambda: overlays.class_ids(readable(stored.labels)), []) if labels else []
        size = size or (tile.width, tile.height)
        if tile.preview.is_picture and not _is_alike(size, (tile.width, tile.height)):
            notes.append(f"annotations are of an image of {size[0]} x {size[1]} pixels and do not fit this one")
        elif tile.preview.is_picture:
            if stored.boxes is not None and self.boxes is not None:
                coords: Any = self.boxes.info.get("coords")
                boxes = tried("boxes", lambda: overlays.boxes(readable(stored.boxes), coords, *size, labels), ())
            if stored.masks is not None:
                masks = tried("mask", lambda: (overlays.mask(readable(stored.masks), box_px, ids),), ())
            for tensor, one in zip(self.shapes, stored.shapes, strict=False):
                draw = partial(_points, one, tensor, size, labels)
                points += tried("points", draw, ())
        once = tuple(dict.fromkeys(labels))  # an image with five cats is labelled cat
        return replace(tile, labels=once, boxes=boxes, masks=masks, shapes=points, notes=tuple(notes))

    def names(self, stored: Any) -> tuple[Label, ...]:
        """The class names of a row.

        Raises:
            LakeError: it cannot be read.
        """
        assert self.labels is not None
        return overlays.labels(overlays.class_ids(readable(stored)), self.labels.info.get("class_names") or ())


def _points(stored: Stored, tensor: Tensor, size: tuple[int, int], labels: Sequence[Label]) -> tuple[Shape, ...]:
    info: Any = tensor.info
    return shapes(readable(stored), info, *size, labels)


def _is_alike(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two images have the same proportions, but for the rounding of a smaller one."""
    across, down = size[0] * other[1], size[1] * other[0]
    return abs(across - down) <= max(*size, *other)


def readable(stored: Any) -> StoredSample:
    """The sample, if it was not an error.

    Raises:
        LakeError: it was one.
    """
    if isinstance(stored, LakeError):
        raise stored
    return stored  # type: ignore[no-any-return]
