"""Image files through Pillow, common JPEGs faster, and their shape from the first bytes alone.

Axes are ``(H, W, C)``, or ``(H, W)`` for one channel. Orientation tags are not applied and colours not converted
(a CMYK file keeps four channels), as the format prescribes.
"""

from __future__ import annotations

import io
import math
import struct
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.errors import FormatError, SampleError, UnsupportedError
from deeplake_nb.format.codecs import PILLOW_NAMES, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from typing_extensions import Buffer

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 0, 2: 3, 4: 2, 6: 4}
_JPEG_SIZES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_MOST_NUMBERS = 1 << 27
"""Larger pictures go the general way, which looks out for files that claim more than they hold."""
_MODES = {"1": 0, "L": 0, "P": 0, "I": 0, "I;16": 0, "F": 0, "LA": 2, "RGB": 3, "YCbCr": 3, "RGBA": 4, "CMYK": 4}


_OPTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "gif": lambda _: {"optimize": False},
    "ico": lambda picture: {"sizes": [picture.size]},
}
"""Where Pillow's defaults lose values: a GIF of grey tones would get a palette, whose numbers are read as tones; an ICO
would hold smaller pictures of the usual sizes instead."""

_WIDEST = {"png": "uint16", "tiff": "int32"}
"""What holds the numbers of a mask, where they fit."""


class Probe(NamedTuple):
    """What a file's head says: our compression name, array shape and dtype name."""

    compression: str
    shape: tuple[int, ...]
    dtype: str


def probe(data: Buffer, what: str) -> Probe:
    """Shape and dtype of an image file without decoding it; JPEG and PNG heads are parsed here, others by Pillow.

    Raises:
        FormatError: not an image that can be read.
    """
    view = memoryview(data).cast("B")
    return glanced(view) or _probe_pillow(view, what)


def glanced(view: memoryview) -> Probe | None:
    """`probe` of the common JPEG and PNG files; None of others, and of those that are not what they begin as."""
    head = view[:8].tobytes()
    return _probe_jpeg(view) if head.startswith(b"\xff\xd8") else _probe_png(view) if head == _PNG else None


def _probe_jpeg(view: memoryview) -> Probe | None:
    at, end = 2, len(view) - 10
    while at < end and view[at] == 0xFF:  # noqa: PLR2004 - a marker
        marker = view[at + 1]
        if marker in _JPEG_SIZES:
            height, width, channels = struct.unpack_from(">HHB", view, at + 5)
            if not height or view[at + 4] != 8:  # noqa: PLR2004 - a height given later, or 12-bit samples
                return None
            return _jpeg(height, width, channels)
        if marker == 0xFF:  # noqa: PLR2004 - fill byte
            at += 1
            continue
        if marker == 0xE2 and bytes(view[at + 4 : at + 8]) == b"MPF\0":  # noqa: PLR2004 - several pictures: Pillow decides
            return None
        at += 2 + (view[at + 2] << 8 | view[at + 3])
    return None


@lru_cache(4096)  # pictures of one collection have few sizes
def _jpeg(height: int, width: int, channels: int) -> Probe:
    return Probe("jpeg", (height, width) if channels == 1 else (height, width, channels), "uint8")


def _probe_png(view: memoryview) -> Probe | None:
    if len(view) < 33 or bytes(view[12:16]) != b"IHDR":  # noqa: PLR2004 - signature and first chunk
        return None
    width, height, depth, kind = struct.unpack_from(">IIBB", view, 16)
    if depth != 8 or kind not in _PNG_CHANNELS:  # noqa: PLR2004 - palettes, bits and 16-bit depend on Pillow
        return None
    channels = _PNG_CHANNELS[kind]
    return Probe("png", (height, width, channels) if channels else (height, width), "uint8")


def _open(data: Buffer, what: str) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        raise FormatError(
            f"{what}: not an image file, or cut off (starts with {bytes(memoryview(data)[:8])!r})"
        ) from None
    except Exception as error:
        raise _corrupt(what, error) from error


def _corrupt(what: str, error: Exception) -> Exception:
    """Pillow's readers raise whatever damaged bytes make them stumble over; only lack of memory is something else."""
    return error if isinstance(error, MemoryError) else FormatError(f"{what}: a corrupt image file ({error})")


def _probe_pillow(view: memoryview, what: str) -> Probe:
    image = _open(view, what)
    name = PILLOW_NAMES.get(image.format or "")
    if name is None:
        raise UnsupportedError(f"{what}: image files of kind {image.format} have no name in the format")
    channels = _MODES.get(image.mode)
    width, height = image.size
    if channels is None or image.mode in {"1", "P", "I", "I;16", "F"}:
        array = decode(view, what)
        return Probe(name, array.shape, array.dtype.name)
    return Probe(name, (height, width, channels) if channels else (height, width), "uint8")


def decode(data: Buffer, what: str, mode: str | None = None, *, size: int | None = None) -> NDArray[Any]:
    """Pixels of an image file, in the file's own mode and dtype, or converted to Pillow's ``mode``.

    With ``size``, numbers it must hold, a file of another size is refused before memory is taken for it.

    Raises:
        FormatError: truncated or corrupt.
    """
    pixels = _decode_jpeg(memoryview(data).cast("B"), mode, size)
    if pixels is not None:
        return pixels
    image = _open(data, what)
    found = image.width * image.height * len(image.getbands())
    if size is not None and found != size:
        raise FormatError(f"{what}: expected an image of {size} numbers, the file has {image.size} {image.mode}")
    try:
        pixels = np.asarray(image if mode is None else image.convert(mode))
    except Exception as error:
        raise _corrupt(what, error) from error
    if size is not None and pixels.size != size:
        raise FormatError(f"{what}: expected an image of {size} numbers, the file has shape {pixels.shape}")
    return pixels


def _decode_jpeg(view: memoryview, mode: str | None, size: int | None) -> NDArray[Any] | None:
    """A common JPEG, the same pixels in half of Pillow's time; None for all others, and where anything is wrong."""
    head = _probe_jpeg(view) if bytes(view[:2]) == b"\xff\xd8" else None
    if head is None or math.prod(head.shape) > _MOST_NUMBERS or size not in {None, math.prod(head.shape)}:
        return None
    space = "RGB" if head.shape[2:] == (3,) else "GRAY" if len(head.shape) == 2 else None  # noqa: PLR2004 - (H, W)
    if space is None or mode not in {None, "RGB" if space == "RGB" else "L"}:
        return None
    import simplejpeg

    try:
        pixels: NDArray[Any] = simplejpeg.decode_jpeg(view, space)
    except ValueError:
        return None  # Pillow decides what can be made of it
    return pixels.reshape(head.shape)


def converted(array: NDArray[Any], mode: str, what: str) -> NDArray[Any]:
    """A picture in Pillow's ``mode``, ``"RGB"`` or ``"L"``.

    Raises:
        SampleError: an array that is no picture.
    """
    return np.asarray(_picture(array, what).convert(mode)) if array.size else array


def _picture(array: NDArray[Any], what: str) -> Any:
    from PIL import Image

    pixels = array
    while pixels.ndim > 3 and pixels.shape[0] == 1:  # noqa: PLR2004
        pixels = pixels[0]
    if pixels.ndim == 3 and pixels.shape[2] == 1:  # noqa: PLR2004 - one channel is a plain grey picture
        pixels = pixels[:, :, 0]
    try:
        return Image.fromarray(np.ascontiguousarray(pixels))
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise SampleError(f"{what}: an array of shape {array.shape} and dtype {array.dtype} is no picture") from error


def encode(array: NDArray[Any], name: str, what: str) -> bytes:
    """An image file of ``array``, with Pillow's defaults (JPEG quality 75).

    Raises:
        SampleError: an array that this kind of file cannot hold, or would not give back.
    """
    refusal = f"{what}: an array of shape {array.shape} and dtype {array.dtype} cannot be stored as {name}"
    array = _narrowed(array, name, refusal)
    picture = _picture(array, what)
    out = io.BytesIO()
    try:
        picture.save(out, TABLE[name].pillow, **_OPTIONS.get(name, lambda _: {})(picture))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SampleError(f"{refusal} ({error})") from error
    data = out.getvalue()
    try:
        is_kept = _gives_back(data, name, array, what)
    except FormatError as error:
        raise SampleError(f"{refusal}: it cannot be read back here ({error})") from error
    if not is_kept:
        raise SampleError(f"{refusal}: such a file gives other values back; use png or lz4")
    return data


def _narrowed(array: NDArray[Any], name: str, refusal: str) -> NDArray[Any]:
    """Numbers of 32 bits as a PNG or TIFF has them: of 16, or with a sign. The original cuts off what is larger."""
    kind = _WIDEST.get(name) if array.dtype.kind in "iu" and array.dtype.itemsize == 4 else None  # noqa: PLR2004
    if kind is None:
        return array
    bounds = np.iinfo(kind)
    if array.size and not bounds.min <= int(array.min()) <= int(array.max()) <= bounds.max:
        raise SampleError(f"{refusal}: it holds numbers from {bounds.min} to {bounds.max}; use lz4 for others")
    return array.astype(kind)


def depends_on_values(dtype: np.dtype[Any], name: str) -> bool:
    """Whether a picture of this dtype, in such a file, may be refused for what is in it."""
    return not TABLE[name].lossy and (name != "png" or dtype.itemsize > 2)  # noqa: PLR2004


def check_holds(array: NDArray[Any], name: str, what: str) -> None:
    """Refuse a picture that would not come back from a file of this kind, whatever its pixels are.

    Raises:
        SampleError: its size, its number of channels, or its dtype.
    """
    side = TABLE[name].side
    if array.ndim not in {2, 3} or max(array.shape[:2]) > side or not _holds(name, array.shape[2:], array.dtype.str):
        raise SampleError(
            f"{what}: an array of shape {array.shape} and dtype {array.dtype} cannot be stored in {name} pictures; "
            "use png or lz4"
        )


@cache
def _holds(name: str, channels: tuple[int, ...], dtype: str) -> bool:
    """Whether noise comes back."""
    kind = np.dtype(dtype)
    if kind.kind not in "biu":
        return False
    noise = np.random.default_rng(0).integers(0, np.iinfo(kind).max if kind.kind != "b" else 1, (33, 35, *channels))
    try:
        encode(noise.astype(kind), name, "")
    except SampleError:
        return False
    return True


def _gives_back(data: bytes, name: str, array: NDArray[Any], what: str) -> bool:
    """Whether a file holds what it was made of. Pillow itself cuts off values, or turns colours into palettes."""
    found = probe(data, what)
    if math.prod(found.shape) != array.size or found.dtype != array.dtype.name:
        return False
    if TABLE[name].lossy or name == "png":
        return True
    return np.array_equal(decode(data, what).reshape(array.shape), array)
