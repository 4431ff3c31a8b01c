"""One sample looked at closely: parts of its pixels, true values, the stored file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import LakeError, SampleError
from deeplake_nb.preview import pixels
from deeplake_nb.preview.fields import PLAYABLE
from deeplake_nb.preview.render import MASK_HTYPES
from deeplake_nb.widgets.pointer import Spot, boxes_at

if TYPE_CHECKING:
    import numpy as np

    from deeplake_nb.preview.pixels import Part, Region, Window
    from deeplake_nb.widgets.source import Source

    Key = tuple[str, int, int]

_KEPT = 3
MOST_FILE_NBYTES = 64_000_000


class Inspector:
    """Decodes samples of a source and keeps the last few, as a pointer that moves asks for one many times."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._arrays: dict[Key, np.ndarray] = {}
        self._lock = threading.Lock()

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
        return out + boxes_at(self._source, name, Spot(row, item, (width, height), (x, y)))

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

    def _array(self, name: str, row: int, item: int) -> np.ndarray:
        key = (name, row, item)
        with self._lock:
            found = self._arrays.pop(key, None)
        if found is None:
            found = self._source.item(name, row, item).array()
        with self._lock:
            self._arrays[key] = found
            for old in list(self._arrays)[:-_KEPT]:
                del self._arrays[old]
        return found
