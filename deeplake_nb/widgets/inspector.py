"""One sample looked at closely: parts of its pixels, true values, the stored file."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from deeplake_nb.errors import LakeError, SampleError
from deeplake_nb.preview import pixels
from deeplake_nb.preview.fields import PLAYABLE
from deeplake_nb.preview.render import MASK_HTYPES
from deeplake_nb.widgets.pointer import Boxes

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import numpy as np

    from deeplake_nb.preview.pixels import Part, Region, Window
    from deeplake_nb.widgets.drawing import Layer
    from deeplake_nb.widgets.source import Source


Value = TypeVar("Value")

_KEPT = 3
MOST_FILE_NBYTES = 64_000_000


class _Last(Generic[Value]):
    """The last few values that were asked for. Thread-safe."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Value] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value, made if it is not here; what fails is made again."""
        with self._lock:
            found = self._values.pop(key, None)
        if found is None:
            found = make()
        with self._lock:
            self._values[key] = found
            for old in list(self._values)[:-_KEPT]:
                del self._values[old]
        return found


class Inspector:
    """Decodes samples of a source and keeps the last few, as a pointer that moves asks for one many times."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._arrays: _Last[np.ndarray] = _Last()
        self._boxes: _Last[Boxes] = _Last()

    def part(
        self, name: str, row: int, item: int, *, region: Region | None, box_px: int, window: Window | None
    ) -> Part:
        """A part of an image as a picture.

        Raises:
            LakeError: it cannot be read, or is no image.
        """
        return pixels.part(self._array(name, row, item), region, box_px, window)

    def values(self, name: str, row: int, item: int, x: int, y: int) -> list[tuple[str, str]]:
        """What is stored under a pixel, by names of tensors: of the picture, of the masks of its size, of the boxes.

        Raises:
            LakeError: the picture cannot be read, or has no such pixel.
        """
        picture = self._array(name, row, item)
        out = [(name, pixels.value(picture, x, y))]
        for other, tensor in self._source.tensors.items():
            if other == name or tensor.base_htype not in MASK_HTYPES or tensor.is_sequence:
                continue
            names: Any = tensor.info.get("class_names") or ()
            try:
                mask = self._array(other, row, 0)
                if mask.shape[:2] == picture.shape[:2]:
                    out.append((other, pixels.mask_value(mask, tensor.base_htype, x, y, names)))
            except LakeError as error:
                out.append((other, str(error)))
        height, width = picture.shape[:2]
        for layer in self._source.annotations.of(name).layers:
            if layer.kind != "boxes" or (layer.pictures and layer.pictures[0] != name):
                continue  # the last were made on another picture
            try:
                boxes = self._over(layer, name, row, item, (width, height))
                found = boxes.at((x + 0.5) / width, (y + 0.5) / height)
            except LakeError as error:
                found = [str(error)]
            out += [(layer.tensor.name, one) for one in found]
        return out

    def file(self, name: str, row: int, item: int) -> tuple[str, memoryview]:
        """Media type and bytes of a stored file that browsers play.

        Raises:
            SampleError: another kind of file, or one too large to be sent to a page.
            LakeError: it cannot be read.
        """
        sample = self._source.item(name, row, item)
        media = PLAYABLE.get(sample.compression or "")
        if media is None:
            raise SampleError(f"{sample.what}: browsers do not play {sample.compression or 'raw'} samples")
        if sample.data.nbytes > MOST_FILE_NBYTES:
            raise SampleError(
                f"{sample.what}: {sample.data.nbytes:,} bytes are more than the {MOST_FILE_NBYTES:,} that are sent to "
                "a page; write tobytes() of it to a file and play that"
            )
        return media, sample.data

    def _over(self, layer: Layer, name: str, row: int, item: int, size: tuple[int, int]) -> Boxes:
        make = partial(Boxes.of, self._source, layer, row, item, size)
        return self._boxes.get((name, layer.tensor.name, row, item), make)

    def _array(self, name: str, row: int, item: int) -> np.ndarray:
        return self._arrays.get((name, row, item), lambda: self._source.item(name, row, item).array())
