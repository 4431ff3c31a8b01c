"""Rows of a dataset as tiles: which tensor is the picture, and which are drawn over it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import LakeError, RowError, TensorNotFoundError, did_you_mean
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.preview import fields, overlays
from deeplake_nb.preview.preview import FailedTile, Tile
from deeplake_nb.preview.render import MASK_HTYPES, PICTURE_HTYPES, render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.fields import Field
    from deeplake_nb.preview.preview import Box, Label, Preview

    Stored = StoredSample | LakeError | Sequence[StoredSample | LakeError]


@dataclass(frozen=True, slots=True)
class _Row:
    """What is stored of one row: the picture and its annotations."""

    row: int
    picture: Stored
    labels: Stored | None
    boxes: Stored | None
    masks: Stored | None


class Source:
    """The rows of a dataset or of a view of it. Thread-safe, like the reading it does."""

    def __init__(self, ds: Dataset) -> None:
        self.ds = ds
        self.tensors = ds.tensors
        self.pictures = [name for name, tensor in self.tensors.items() if _is_picture(tensor)]
        words = [name for name in self.tensors if name not in self.pictures]
        self.names = self.pictures + words
        self._labels = self._first(lambda tensor: tensor.base_htype == "class_label")
        self._boxes = self._first(lambda tensor: tensor.base_htype == "bbox")
        self._masks = self._first(lambda tensor: tensor.base_htype in MASK_HTYPES)

    def __len__(self) -> int:
        return len(self.ds)

    @property
    def overlays(self) -> list[str]:
        """Kinds of annotations there are, for the page's switches."""
        there = {"boxes": self._boxes, "masks": self._masks, "labels": self._labels}
        return [name for name, tensor in there.items() if tensor is not None]

    def tensor(self, name: str) -> Tensor:
        """A tensor of the dataset.

        Raises:
            TensorNotFoundError: suggests the nearest.
        """
        found = self.tensors.get(name)
        if found is None:
            known = ", ".join(self.tensors) or "none yet"
            raise TensorNotFoundError(f"no tensor {name!r}{did_you_mean(name, self.tensors)}; tensors: {known}")
        return found

    def tiles(
        self, name: str, rows: Sequence[int], box_px: int, is_wanted: Callable[[], bool] = lambda: True
    ) -> list[Tile | FailedTile]:
        """Tiles of rows, in order; a row that cannot be shown stands as its error. Ends early once not wanted.

        Raises:
            TensorNotFoundError: no such tensor.
            RowError: no such row.
        """
        tensor = self.tensor(name)
        numbers = [self._number(row) for row in rows]
        annotations = [one if self._draws_on(tensor) else None for one in (self._labels, self._boxes, self._masks)]
        columns = [tensor.stored(numbers), *(one.stored(numbers) if one else [None] * len(rows) for one in annotations)]
        out: list[Tile | FailedTile] = []
        for row, picture, labels, boxes, masks in zip(rows, *columns, strict=True):
            if not is_wanted():
                break
            out.append(self._tile(_Row(row, picture, labels, boxes, masks), box_px))
        return out

    def fields(self, row: int) -> list[Field]:
        """All tensors of one row; one that cannot be read says why."""
        number = self._number(row)
        names: tuple[Label, ...] = ()
        if self._labels is not None:
            names = self._label_names(self._labels.stored([number])[0])
        out = []
        for name, tensor in self.tensors.items():
            try:
                stored = tensor.stored([number])[0]
                samples = [_readable(one) for one in (stored if isinstance(stored, (list, tuple)) else [stored])]
                out.append(fields.field(name, tensor.htype, samples, dict(tensor.info), names))
            except LakeError as error:
                out.append(fields.Field(name, tensor.htype, "", error=error))
        return out

    # ------------------------------------------------------------------ inside

    def _first(self, matches: Callable[[Tensor], bool]) -> Tensor | None:
        return next((tensor for tensor in self.tensors.values() if matches(tensor) and not tensor.is_sequence), None)

    def _draws_on(self, tensor: Tensor) -> bool:
        """Annotations belong to pictures, not to words."""
        return _is_picture(tensor) or not self.pictures

    def _number(self, row: int) -> int:
        """The row of the whole dataset that a row of this view is."""
        if not 0 <= row < len(self):
            raise RowError(f"row {row} is out of range; there are {len(self)} rows")
        rows = self.ds.index.rows
        return row if rows is None else int(rows[row])

    def _tile(self, stored: _Row, box_px: int) -> Tile | FailedTile:
        try:
            many = stored.picture if isinstance(stored.picture, (list, tuple)) else [stored.picture]
            if not many:
                return FailedTile(stored.row, RowError("an empty sequence"))
            sample = _readable(many[0])
            preview = render(sample, box_px)
        except LakeError as error:
            return FailedTile(stored.row, error)
        height, width = sample.shape[:2] if preview.is_picture and len(sample.shape) > 1 else (0, 0)
        tile = Tile(stored.row, preview, width, height, count=len(many))
        return self._annotated(tile, stored, box_px)

    def _annotated(self, tile: Tile, stored: _Row, box_px: int) -> Tile:
        notes = []
        labels: tuple[Label, ...] = ()
        boxes: tuple[Box, ...] = ()
        masks: tuple[Preview, ...] = ()
        ids: list[int] = []
        try:
            if stored.labels is not None:
                labels = self._label_names(stored.labels)
                ids = overlays.class_ids(_readable(stored.labels))
        except LakeError as error:
            notes.append(f"no label: {error}")
        try:
            if stored.boxes is not None and self._boxes is not None and tile.preview.is_picture:
                coords: Any = self._boxes.info.get("coords")
                boxes = overlays.boxes(_readable(stored.boxes), coords, tile.width, tile.height, labels)
        except LakeError as error:
            notes.append(f"no boxes: {error}")
        try:
            if stored.masks is not None and tile.preview.is_picture:
                masks = (overlays.mask(_readable(stored.masks), box_px, ids),)
        except LakeError as error:
            notes.append(f"no mask: {error}")
        return replace(tile, labels=_once(labels), boxes=boxes, masks=masks, notes=tuple(notes))

    def _label_names(self, stored: Stored) -> tuple[Label, ...]:
        assert self._labels is not None
        return overlays.labels(overlays.class_ids(_readable(stored)), self._labels.info.get("class_names") or ())


def _is_picture(tensor: Tensor) -> bool:
    file = tensor.sample_compression or tensor.chunk_compression
    is_image_file = file is not None and COMPRESSIONS[file].kind == "image"
    return tensor.base_htype in PICTURE_HTYPES or (is_image_file and tensor.base_htype not in MASK_HTYPES)


def _readable(stored: Any) -> StoredSample:
    if isinstance(stored, LakeError):
        raise stored
    return stored  # type: ignore[no-any-return]


def _once(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    """Each class once: an image with five cats is labelled cat."""
    return tuple(dict.fromkeys(labels))
