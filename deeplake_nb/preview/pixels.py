"""An image to be looked at closely: any part of it, at any window, and the stored value of a single pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.preview import images, overlays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.preview.preview import Preview

    Region = tuple[int, int, int, int]
    Window = tuple[float, float]

_PLANE, _VOLUME = 2, 3
_MOST_VALUES = 8


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an image as a picture: left, top, right, bottom in pixels, and what its values are shown as.

    ``window`` are the values shown black and white, ``extent`` the smallest and largest value of the whole image.
    """

    preview: Preview
    region: Region
    window: Window
    extent: Window


def part(array: np.ndarray, region: Region | None, box_px: int, window: Window | None) -> Part:
    """A part of an image (all of it for None) as a picture of at most ``box_px`` pixels on its longest side.

    Not scaled up: the page magnifies, with sharp edges. Parts that fit are sent without loss.

    Raises:
        FormatError: no ``(H, W)`` or ``(H, W, C)`` array, or nothing of it in the region.
    """
    if array.ndim not in {_PLANE, _VOLUME} or 0 in array.shape:
        raise FormatError(f"an array of shape {array.shape} is no image")
    height, width = array.shape[:2]
    left, top, right, bottom = region or (0, 0, width, height)
    left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
    if left >= right or top >= bottom:
        raise FormatError(f"region {region} lies outside of an image of {width} x {height} pixels")
    shown = window or images.natural_window(array)
    is_stored = array.dtype == np.uint8 and shown == (0.0, 255.0)
    picture = images.from_array(array[top:bottom, left:right], None if is_stored else shown)
    preview = images.encode(picture, box_px, lossless=max(picture.size) <= box_px)
    return Part(preview, (left, top, right, bottom), shown, images.finite_range(array))


def value(array: np.ndarray, x: int, y: int) -> str:
    """The stored value of a pixel, in the stored dtype, as text: ``uint16 41235`` or ``uint8 220 20 30``.

    Raises:
        FormatError: no such pixel.
    """
    if array.ndim < _PLANE or not (0 <= y < array.shape[0] and 0 <= x < array.shape[1]):
        raise FormatError(f"no pixel {x}, {y} in an array of shape {array.shape}")
    values = np.ravel(array[y, x])
    shown = " ".join(exact(one) for one in values[:_MOST_VALUES])
    more = f" and {values.size - _MOST_VALUES} more" if values.size > _MOST_VALUES else ""
    return f"{array.dtype} {shown}{more}"


def mask_value(array: np.ndarray, htype: str, x: int, y: int, class_names: Sequence[str]) -> str:
    """The same of a mask, with the class that a number stands for.

    Raises:
        FormatError: no such pixel.
    """
    words = value(array, x, y)
    if htype != "segment_mask" or not class_names:
        return words
    ids = [int(one) for one in np.ravel(array[y, x])]
    return f"{words} ({', '.join(label.text for label in overlays.labels(ids, class_names))})"


def exact(one: Any) -> str:
    """All digits that tell the value from its neighbours of the same dtype."""
    return np.format_float_positional(one, trim="0") if one.dtype.kind == "f" else str(one)
