"""Image samples: stored bytes or arrays to a small picture a browser can show."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.errors import FormatError
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.preview.preview import Preview

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from deeplake_nb.format.samples import StoredSample

# What every browser decodes; anything else is decoded here.
_MEDIA_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_BROWSER_MODES = {"1", "L", "LA", "P", "RGB", "RGBA"}
_SMALL_FILE_NBYTES = 64 * 1024
_LOSSLESS_PIXELS = 128 * 128
_ORIENTATION_TAG = 0x0112
_JPEG_QUALITY = 85


def picture(sample: StoredSample, box_px: int) -> Preview:
    """A picture of an image sample, at most ``box_px`` on its longest side unless the stored file suits as it is.

    A stored JPEG, PNG, WebP or GIF is passed through undecoded when its longest side is at most ``2 * box_px``, or
    when it is a small file of at most ``8 * box_px``. The rest is decoded and scaled down, never up: JPEG through the
    decoder's own reduced sizes, arrays through ``to_8bit``. Transparency is kept (PNG). EXIF orientation is not
    applied, as in ``Tensor.numpy()``: boxes and masks refer to the stored pixels.

    Raises:
        FormatError: bytes that cannot be decoded.
    """
    if 0 in sample.shape:
        return Preview("text/plain", f"empty image, shape {sample.shape}".encode(), 0, 0)
    if sample.compression is None or COMPRESSIONS[sample.compression].kind != "image":
        return encode(from_array(sample.array()), box_px)
    image = open_image(sample)
    if _suits_as_stored(image, sample.data.nbytes, box_px):
        return Preview(_MEDIA_TYPES[str(image.format)], sample.data, *image.size)
    return encode(load(image, sample, box_px), box_px)


def open_image(sample: StoredSample) -> Picture:
    """The stored file opened, its header read and its pixels not yet decoded.

    Raises:
        FormatError: no image file.
    """
    from PIL import Image

    try:
        return Image.open(io.BytesIO(sample.data))
    except Exception as error:  # decoders of foreign bytes raise whatever they like
        raise _undecodable(sample, error) from error


def load(image: Picture, sample: StoredSample, box_px: int) -> Picture:
    """The pixels of an opened image in a mode of 8 bits, reduced while decoding where the codec can.

    Raises:
        FormatError: truncated or corrupt pixels.
    """
    try:
        image.draft(None, (box_px, box_px))
        image.load()
        return _in_8bit_mode(image)
    except Exception as error:  # decoders of foreign bytes raise whatever they like
        raise _undecodable(sample, error) from error


def from_array(array: np.ndarray, window: tuple[float, float] | None = None) -> Picture:
    """An image of a ``(H, W)`` or ``(H, W, C)`` array: C of 1 is gray, 2 gray and alpha, 3 RGB, 4 RGBA, more: first 3.

    ``window`` are the values shown as black and as white; None: see ``to_8bit``.

    Raises:
        FormatError: another number of axes.
    """
    from PIL import Image

    match array.shape:
        case (_, _) | (_, _, 2 | 3 | 4):
            pass
        case (_, _, 1):
            array = array[:, :, 0]
        case (_, _, _):
            array = array[:, :, :3]
        case _:
            raise FormatError(f"a picture cannot be made of shape {array.shape}: expected (H, W) or (H, W, C)")
    return Image.fromarray(np.ascontiguousarray(to_8bit(array, window)))


def to_8bit(array: np.ndarray, window: tuple[float, float] | None = None) -> np.ndarray:
    """Values as uint8 for display, same shape.

    Without a ``window`` uint8 stays as it is, bool becomes 0 and 255, and everything else is stretched from
    ``natural_window``. Values beyond the window are clipped; NaN becomes 0.
    """
    if window is None and array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    low, high = window or natural_window(array)
    span = high - low
    with np.errstate(all="ignore"):
        scaled = (array.astype(np.float64) - low) * (255.0 / span) if span else (array > high) * 255.0
    return np.asarray(np.round(np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255)), dtype=np.uint8)


def natural_window(array: np.ndarray) -> tuple[float, float]:
    """The values shown as black and white unless a person says otherwise.

    0 to 255 for uint8, 0 to 1 for bool and for floats that lie there, else the smallest and largest finite value.
    """
    if array.dtype == np.uint8:
        return 0.0, 255.0
    low, high = finite_range(array)
    if array.dtype == np.bool_ or (array.dtype.kind == "f" and low >= 0.0 and high <= 1.0):
        return 0.0, 1.0
    return low, high


def finite_range(array: np.ndarray) -> tuple[float, float]:
    """The smallest and largest value that is a number; 0 and 0 when there is none."""
    values = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _suits_as_stored(image: Picture, nbytes: int, box_px: int) -> bool:
    longest = max(image.size)
    return (
        image.format in _MEDIA_TYPES
        and image.mode in _BROWSER_MODES
        and (longest <= 2 * box_px or (nbytes <= _SMALL_FILE_NBYTES and longest <= 8 * box_px))
        # A browser would turn the picture and not its boxes.
        and image.getexif().get(_ORIENTATION_TAG, 1) == 1
    )


def _in_8bit_mode(image: Picture) -> Picture:
    if image.mode in {"L", "LA", "RGB", "RGBA"}:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith(("I", "F")):
        return from_array(np.asarray(image))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def encode(image: Picture, box_px: int, *, lossless: bool = False) -> Preview:
    """An image as a file for the page, scaled down to at most ``box_px`` on its longest side."""
    out = io.BytesIO()
    profile = image.info.get("icc_profile")
    image.thumbnail((box_px, box_px), reducing_gap=2.0)
    # JPEG would smear the few pixels of a tiny image, which is shown magnified.
    if lossless or "A" in image.mode or image.width * image.height <= _LOSSLESS_PIXELS:
        image.save(out, "PNG", compress_level=1, icc_profile=profile)
        return Preview("image/png", out.getvalue(), *image.size)
    image.save(out, "JPEG", quality=_JPEG_QUALITY, icc_profile=profile)
    return Preview("image/jpeg", out.getvalue(), *image.size)


def _undecodable(sample: StoredSample, error: Exception) -> Exception:
    """Lack of memory is no fault of the bytes."""
    if isinstance(error, MemoryError):
        return error
    return FormatError(
        f"{sample.what}: {sample.data.nbytes:,} bytes cannot be decoded as {sample.compression} ({_reason(error)}); "
        "the stored file is truncated, corrupt, or of another kind"
    )


def _reason(error: Exception) -> str:
    # Pillow's "cannot identify image file <_io.BytesIO object at 0x...>" differs on every run.
    return "no image file" if "BytesIO" in str(error) else str(error) or type(error).__name__
