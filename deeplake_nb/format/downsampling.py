"""Smaller copies of pictures and masks, as hidden tensors hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import UnsupportedError
from deeplake_nb.format.samples import PartialSample, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

HTYPES = ("image", "image.rgb", "image.gray", "binary_mask", "segment_mask")
"""What has smaller copies."""

_LEAST = 100
"""Pixels of a copy: a sample that would have no more of them gets an empty one."""


def smaller(value: Any, factor: int, htype: str) -> Any:
    """A sample about to be stored, reduced by a factor along both axes; an empty array where it is too small for that.

    Pictures are averaged as Pillow's bilinear filter does, masks keep the values they have.

    Raises:
        UnsupportedError: a grid of linked files, which would all have to be read.
    """
    if value is None:
        return None
    if isinstance(value, PartialSample):
        height, width, *rest = value.shape
        return PartialSample((height // factor, width // factor, *rest), value.tile_shape, value.dtype)
    if not isinstance(value, (Sample, np.ndarray, list, tuple)) and not hasattr(value, "__array__"):
        raise UnsupportedError(f"there are no smaller copies of a {type(value).__name__}; make the tensor without them")
    array = value.array if isinstance(value, Sample) else np.asarray(value)
    height, width = (*array.shape, 0, 0)[:2]
    if height * width <= _LEAST * factor * factor or not (height // factor and width // factor and array.size):
        return np.empty((0,) * max(array.ndim, 1), array.dtype)
    if array.dtype == bool:
        return array[::factor, ::factor]  # the first of each, as the original does it
    if "mask" in htype or array.dtype != np.uint8:
        return array[_nearest(height, factor)][:, _nearest(width, factor)]
    return _averaged(array, (width // factor, height // factor))


def _nearest(size: int, factor: int) -> NDArray[np.int64]:
    """The rows, or columns, in the middle of those that become one."""
    count = size // factor
    return ((np.arange(count) + 0.5) * size / count).astype(np.int64)


def _averaged(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    from PIL import Image

    planes = array if array.ndim == 3 else array[..., None]  # noqa: PLR2004 - (H, W, C)
    kinds = {3: "RGB", 4: "RGBA"}
    if planes.shape[2] in kinds:  # all at once; the result is the same
        return np.asarray(Image.fromarray(np.ascontiguousarray(planes)).resize(size, Image.Resampling.BILINEAR))
    each = [
        np.asarray(Image.fromarray(np.ascontiguousarray(planes[..., at])).resize(size, Image.Resampling.BILINEAR))
        for at in range(planes.shape[2])
    ]
    return np.stack(each, axis=2).reshape(*each[0].shape, *array.shape[2:])
