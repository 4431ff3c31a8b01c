"""Annotations drawn over a picture: boxes, masks and class names, and the one palette they are coloured with."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.preview.preview import Box, Label, Preview

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.format.samples import StoredSample

# Bright enough for a dark text on them, apart from each other in hue, and visible on photographs.
PALETTE = (
    "#4cc9f0",
    "#ffd166",
    "#ff8fa3",
    "#7ae582",
    "#c8a6ff",
    "#ffa552",
    "#5eead4",
    "#f49ad9",
    "#d4e157",
    "#9bb8ff",
    "#ffb4a2",
    "#b9f2a1",
)
MASK_ALPHA = 120  # in the static picture; the page has a slider

# The coordinates of the original when a bbox tensor has none set.
_DEFAULT_TYPE = "pixel"
DEFAULT_MODE = "LTWH"
COLUMNS = {
    "LTRB": ("left", "top", "right", "bottom"),
    "LTWH": ("left", "top", "width", "height"),
    "CCWH": ("center x", "center y", "width", "height"),
}


def color(index: int) -> str:
    """The palette's colour of a class, ``#rrggbb``; the same class has the same colour everywhere."""
    return PALETTE[index % len(PALETTE)]


def class_ids(sample: StoredSample) -> list[int]:
    """The numbers of a class_label sample, flattened."""
    return [int(value) for value in np.ravel(sample.array())]


def labels(ids: Sequence[int], class_names: Sequence[str]) -> tuple[Label, ...]:
    """The class names of some numbers; a number without a name is its own name."""
    return tuple(Label(_name(index, class_names), color(index)) for index in ids)


def boxes(
    sample: StoredSample,
    coords: Mapping[str, Any] | None,
    width: int,
    height: int,
    names: Sequence[Label] = (),
    *,
    number: int = 0,
) -> tuple[Box, ...]:
    """The boxes of a bbox sample, in fractions of a picture of ``width`` x ``height`` pixels.

    Args:
        sample: ``(n, 4)``, or ``(4,)`` for a single box.
        coords: ``{"type": "pixel" | "fractional", "mode": "LTRB" | "LTWH" | "CCWH"}``; absent means pixel and LTWH.
        width: of the image the boxes belong to.
        height: of the image the boxes belong to.
        names: one label per box; any other number of labels names none of them.
        number: of the colour that boxes without names have.

    Raises:
        FormatError: another shape, type or mode. A box with a NaN or infinite edge is left out.
    """
    found = edges(sample, coords, width, height)
    named = names if len(names) == len(found) else [Label("", color(number))] * len(found)
    return tuple(
        Box(left, top, right, bottom, label.text, label.color)
        for (left, top, right, bottom), label in zip(found.tolist(), named, strict=True)
        if all(map(math.isfinite, (left, top, right, bottom)))
    )


def at(edges: np.ndarray, across: float, down: float) -> list[int]:
    """Numbers of the boxes, by their ``edges``, that a place of the picture lies in, the smallest box first."""
    left, top, right, bottom = edges.T
    hit = np.flatnonzero((left <= across) & (across < right) & (top <= down) & (down < bottom))
    areas = ((right - left) * (bottom - top))[hit]
    return [int(box) for box in hit[np.argsort(areas, kind="stable")]]


def box_rows(sample: StoredSample) -> np.ndarray:
    """The numbers of a bbox sample, float64 ``(n, columns)``; a single box is one row, no boxes are ``(0, 4)``.

    Raises:
        FormatError: more than two axes.
    """
    values = np.asarray(sample.array(), dtype=np.float64)
    if values.size == 0:
        return np.zeros((0, len(COLUMNS[DEFAULT_MODE])))
    match values.shape:
        case (_,):
            return values[None]
        case (_, _):
            return values
    raise FormatError(f"{sample.what}: boxes of shape {sample.shape}, expected (n, 4)")


def edges(sample: StoredSample, coords: Mapping[str, Any] | None, width: int, height: int) -> np.ndarray:
    """Left, top, right and bottom of the boxes of a bbox sample, ``(n, 4)``, in fractions of the picture.

    Raises:
        FormatError: as ``boxes``.
    """
    values, coords = box_rows(sample), coords or {}
    if len(values) and values.shape[1] != len(COLUMNS[DEFAULT_MODE]):
        raise FormatError(f"{sample.what}: boxes of shape {sample.shape} cannot be drawn, expected (n, 4)")
    kind, mode = coords.get("type") or _DEFAULT_TYPE, coords.get("mode") or DEFAULT_MODE
    a, b, c, d = values.T
    corners = {
        "LTRB": lambda: (a, b, c, d),
        "LTWH": lambda: (a, b, a + c, b + d),
        "CCWH": lambda: (a - c / 2, b - d / 2, a + c / 2, b + d / 2),
    }
    if mode not in corners:
        raise FormatError(f"{sample.what}: unknown mode {mode!r} of boxes, expected one of {', '.join(corners)}")
    if kind not in {"pixel", "fractional"}:
        raise FormatError(f"{sample.what}: unknown type {kind!r} of boxes, expected pixel or fractional")
    found = np.stack(corners[mode](), axis=1)
    if kind == "pixel":
        found = found / [max(width, 1), max(height, 1), max(width, 1), max(height, 1)]
    x, y = np.sort(found[:, 0::2], axis=1), np.sort(found[:, 1::2], axis=1)
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


def mask(sample: StoredSample, box_px: int) -> Preview:
    """A mask as a small palette PNG: transparent where it is 0, the colour of its class elsewhere.

    Raises:
        FormatError: see ``mask_colors``.
    """
    return mask_picture([mask_colors(sample, box_px)]) or Preview("text/plain", b"empty mask", 0, 0)


def mask_colors(sample: StoredSample, box_px: int, ids: Sequence[int] = (), number: int = 0) -> np.ndarray:
    """A mask as ``(h, w)`` uint8, about ``box_px`` large: 0 where there is nothing, else 1 + the number of a colour.

    A binary mask is ``(H, W)`` or ``(H, W, n)``: the n layers have the colours of the classes ``ids`` when there are
    n of them or just one class, else n different ones from ``number`` on; later layers lie on earlier ones. A segment
    mask (or an instance label) is ``(H, W)`` or ``(H, W, 1)`` of class numbers, 0 being the background.

    Raises:
        FormatError: another number of axes.
    """
    return _palette_indices(_layers(sample, box_px), sample.htype, ids, number)


def mask_picture(masks: Sequence[np.ndarray]) -> Preview | None:
    """Masks of one picture as one palette PNG, later ones on earlier ones; None where there is nothing of any.

    All of them are sent and decoded as one, however many there are. Those of fewer pixels are magnified, with sharp
    edges.
    """
    from PIL import Image

    masks = [one for one in masks if one.size]
    if not masks:
        return None
    height, width = max(one.shape[0] for one in masks), max(one.shape[1] for one in masks)
    indices = _magnified(masks[0], height, width)
    for one in masks[1:]:
        above = _magnified(one, height, width)
        indices = np.where(above != 0, above, indices)
    image = Image.fromarray(indices)
    image.putpalette(bytes(3) + b"".join(bytes.fromhex(entry[1:]) for entry in PALETTE))
    out = io.BytesIO()
    image.save(out, "PNG", transparency=b"\0", bits=4, compress_level=6)
    return Preview("image/png", out.getvalue(), *image.size)


def _magnified(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    if mask.shape == (height, width):
        return mask
    rows, columns = np.arange(height) * mask.shape[0] // height, np.arange(width) * mask.shape[1] // width
    return np.asarray(mask[rows[:, None], columns])


def _layers(sample: StoredSample, box_px: int) -> np.ndarray:
    """``(h, w, n)``, every k-th pixel, the fewest that still fill the box: class numbers must not be averaged."""
    array = sample.array()
    match array.shape:
        case (_, _):
            array = array[:, :, None]
        case (_, _, _):
            pass
        case _:
            raise FormatError(f"{sample.what}: a mask of shape {array.shape}, expected (H, W) or (H, W, n)")
    step = max(1, max(array.shape[:2]) // max(box_px, 1))
    return array[::step, ::step]


def _palette_indices(layers: np.ndarray, htype: str, ids: Sequence[int], first: int) -> np.ndarray:
    result = np.zeros(layers.shape[:2], np.uint8)
    if htype != "binary_mask":
        for index in range(layers.shape[2]):
            classes = layers[:, :, index].astype(np.int64)
            result = np.where(classes != 0, classes % len(PALETTE) + 1, result).astype(np.uint8)
        return result
    if len(set(ids)) == 1:
        ids = [ids[0]] * layers.shape[2]  # many things of one class
    for index in range(layers.shape[2]):
        number = ids[index] if len(ids) == layers.shape[2] else first + index
        result[layers[:, :, index] != 0] = number % len(PALETTE) + 1
    return result


def _name(index: int, class_names: Sequence[str]) -> str:
    return class_names[index] if 0 <= index < len(class_names) else str(index)
