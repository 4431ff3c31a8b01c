"""Rows of a dataset as tiles: which tensor is the picture, and which are drawn over it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.together import stored_of
from deeplake_nb.errors import LakeError, RowError, TensorNotFoundError, did_you_mean, there_are
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.preview import fields, text
from deeplake_nb.preview.preview import FailedTile, Tile
from deeplake_nb.preview.render import MASK_HTYPES, PICTURE_HTYPES, render
from deeplake_nb.urls import redact
from deeplake_nb.widgets.annotations import Annotations
from deeplake_nb.widgets.drawing import names_of, readable
from deeplake_nb.widgets.recent_files import RecentFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.dataset.together import Stored
    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.fields import Field
    from deeplake_nb.preview.preview import Label, Preview


class Source:
    """The rows of a dataset or of a view of it. Thread-safe, like the reading it does.

    A *position* is where a row stands on the page, a *row* its number within the dataset given; they differ once
    ``order`` filters or sorts. Nothing else knows of the whole dataset's own numbers.
    """

    def __init__(self, ds: Dataset) -> None:
        self.ds = ds
        self.order: NDArray[np.int64] | None = None
        self.tensors = ds.tensors
        self.pictures = [name for name, tensor in self.tensors.items() if _is_picture(tensor)]
        words = [name for name in self.tensors if name not in self.pictures]
        self.names = self.pictures + words
        self.annotations = Annotations(self.tensors, self.pictures)
        self._files = RecentFiles(ds._state.open_links)  # noqa: SLF001 - it has no other name

    def __len__(self) -> int:
        return len(self.ds) if self.order is None else len(self.order)

    @property
    def overlays(self) -> list[str]:
        """Kinds of annotations there are, for the page's switches."""
        return self.annotations.kinds

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

    def row(self, position: int) -> int:
        """The row at a position.

        Raises:
            RowError: no such position.
        """
        order = self.order
        count = len(self.ds) if order is None else len(order)
        if not 0 <= position < count:
            raise RowError(f"row {position} is out of range; {there_are(count, 'row')}")
        return position if order is None else int(order[position])

    def position(self, row: int) -> int:
        """Where a row stands; -1 where it is filtered out."""
        if self.order is None:
            return row if 0 <= row < len(self.ds) else -1
        found = np.flatnonzero(self.order == row)
        return int(found[0]) if len(found) else -1

    def number(self, row: int) -> int:
        """The number within the whole dataset, which tensors are read by."""
        rows = self.ds.index.rows
        return row if rows is None else int(rows[row])

    def tiles(
        self,
        name: str,
        positions: Sequence[int],
        box_px: int,
        is_wanted: Callable[[], bool] = lambda: True,
        item: int = 0,
    ) -> list[Tile | FailedTile]:
        """Tiles of rows, in order; a row that cannot be shown stands as its error. Ends early once not wanted.

        Of a sequence the ``item``-th is shown, or the last one there is.

        Raises:
            TensorNotFoundError: no such tensor.
            RowError: no such position.
        """
        tensor = self.tensor(name)
        rows = [self.row(position) for position in positions]
        numbers = [self.number(row) for row in rows]
        is_annotated = _is_picture(tensor) or not self.pictures  # annotations belong to pictures, not to words
        stored = stored_of([tensor, *(self.annotations.read_for(name) if is_annotated else ())], numbers, self._files)
        out: list[Tile | FailedTile] = []
        for index, row in enumerate(rows):
            if not is_wanted():
                break
            tile = self._tile(tensor, row, stored[name][index], box_px, item)
            if isinstance(tile, Tile) and is_annotated:
                of_row = {other: samples[index] for other, samples in stored.items()}
                tile = self.annotations.drawn(tile, name, of_row, box_px, item)
            out.append(replace(tile, origin=origin(tensor, row)) if tensor.is_link else tile)
        return out

    def item(self, name: str, row: int, item: int) -> StoredSample:
        """One stored sample; of a sequence its ``item``-th.

        Raises:
            RowError: no such item.
            LakeError: it cannot be read.
        """
        stored: Any = self.tensor(name).stored([self.number(row)], self._files)[0]
        if isinstance(stored, (list, tuple)):
            if not 0 <= item < len(stored):
                raise RowError(f"item {item} of row {row} is out of range; it has {len(stored)}")
            stored = stored[item]
        return readable(stored)

    def fields(self, row: int, item: int = 0) -> list[Field]:
        """All tensors of one row; one that cannot be read says why."""
        stored = stored_of(list(self.tensors.values()), [self.number(row)], self._files)
        out = []
        for name, tensor in self.tensors.items():
            place, found = origin(tensor, row), stored[name][0]
            try:
                samples = [readable(one) for one in (found if isinstance(found, (list, tuple)) else [found])]
                names = self._class_names(name, {other: samples[0] for other, samples in stored.items()}, item)
                out.append(fields.field(name, tensor.htype, samples, dict(tensor.info), names, item=item, origin=place))
            except LakeError as error:
                out.append(fields.Field(name, tensor.htype, "", error=error, origin=place))
        return out

    def _class_names(self, name: str, row: Mapping[str, Stored], item: int) -> tuple[Label, ...]:
        """Of the boxes of a tensor; none where they cannot be read, which the field of the labels says."""
        labels = self.annotations.labels_for(name)
        if labels is None:
            return ()
        try:
            return names_of(labels, row[labels.name], item)
        except LakeError:
            return ()

    def _tile(self, tensor: Tensor, row: int, stored: Stored, box_px: int, item: int) -> Tile | FailedTile:
        try:
            many = stored if isinstance(stored, (list, tuple)) else [stored]
            if not many:
                return FailedTile(row, RowError("an empty sequence"))
            sample = readable(many[min(item, len(many) - 1)])
            preview = _classes(tensor, sample) if tensor.base_htype == "class_label" else render(sample, box_px)
        except LakeError as error:
            return FailedTile(row, error)
        shape = sample.shape[1:] if tensor.base_htype == "video" else sample.shape
        is_image = _is_picture(tensor) or tensor.base_htype in MASK_HTYPES | {"video"}
        height, width = shape[:2] if is_image and len(shape) > 1 else (preview.height, preview.width)
        return Tile(row, preview, width, height, count=len(many))


def _classes(tensor: Tensor, sample: StoredSample) -> Preview:
    """The names of a row's classes, in words; their numbers alone say nothing."""
    return text.note(", ".join(label.text for label in names_of(tensor, sample)) or "no class")


def origin(tensor: Tensor, row: int) -> str:
    """Where a linked row comes from, redacted; empty for a tensor that holds its samples."""
    if not tensor.is_link:
        return ""
    try:
        found = (tensor if tensor.index.is_single else tensor[row]).path()
    except LakeError:
        return ""  # the sample itself fails with the same error, and says so
    paths = [one if isinstance(one, str) else one[0] for one in found]  # an array of one path for each link
    shown = ", ".join(redact(str(path)) for path in paths[:1] if path)
    return shown + (f" and {len(paths) - 1:,} more" if len(paths) > 1 else "")


def _is_picture(tensor: Tensor) -> bool:
    file = tensor.sample_compression or tensor.chunk_compression
    is_image_file = file is not None and COMPRESSIONS[file].kind == "image"
    return tensor.base_htype in PICTURE_HTYPES or (is_image_file and tensor.base_htype not in MASK_HTYPES)
