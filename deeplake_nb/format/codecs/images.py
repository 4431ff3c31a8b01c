"""Image files through Pillow, and their shape from the first bytes alone.

Axes are ``(H, W, C)``, or ``(H, W)`` for one channel. Orientation tags are not applied and colours not converted
(a CMYK file keeps four channels), as the format prescribes.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeplake_nb.errors import FormatError, SampleError, UnsupportedError
from deeplake_nb.format.codecs import PILLOW_NAMES, TABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 0, 2: 3, 4: 2, 6: 4}
_JPEG_SIZES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_MODES = {"1": 0, "L": 0, "P": 0, "I": 0, "I;16": 0, "F": 0, "LA": 2, "RGB": 3, "YCbCr": 3, "RGBA": 4, "CMYK": 4}


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
    found = (
        _probe_jpeg(view) if bytes(view[:2]) == b"\xff\xd8" else _probe_png(view) if bytes(view[:8]) == _PNG else None
    )
    return found or _probe_pillow(view, what)


def _probe_jpeg(view: memoryview) -> Probe | None:
    at, end = 2, len(view) - 10
    while at < end and view[at] == 0xFF:  # noqa: PLR2004 - a marker
        marker = view[at + 1]
        if marker in _JPEG_SIZES:
            height, width, channels = struct.unpack_from(">HHB", view, at + 5)
            if not height or view[at + 4] != 8:  # noqa: PLR2004 - a height given later, or 12-bit samples
                return None
            return Probe("jpeg", (height, width) if channels == 1 else (height, width, channels), "uint8")
        if marker == 0xFF:  # noqa: PLR2004 - fill byte
            at += 1
            continue
        if marker == 0xE2 and bytes(view[at + 4 : at + 8]) == b"MPF\0":  # noqa: PLR2004 - several pictures: Pillow decides
            return None
        at += 2 + (view[at + 2] << 8 | view[at + 3])
    return None


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
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FormatError(f"{what}: an image file that cannot be opened ({error})") from error


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


def decode(data: Buffer, what: str) -> NDArray[Any]:
    """Pixels of an image file, in the file's own mode and dtype.

    Raises:
        FormatError: truncated or corrupt.
    """
    image = _open(data, what)
    try:
        return np.asarray(image)
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error) as error:
        raise FormatError(f"{what}: a corrupt image file ({error})") from error


def encode(array: NDArray[Any], name: str, what: str) -> bytes:
    """An image file of ``array``, with Pillow's defaults (JPEG quality 75).

    Raises:
        SampleError: an array this kind of file cannot hold.
    """
    from PIL import Image

    pixels = array
    if pixels.ndim == 3 and pixels.shape[2] == 1:  # noqa: PLR2004 - one channel is a plain grey picture
        pixels = pixels[:, :, 0]
    while pixels.ndim > 3 and pixels.shape[0] == 1:  # noqa: PLR2004
        pixels = pixels[0]
    out = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(pixels)).save(out, TABLE[name].pillow)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SampleError(
            f"{what}: an array of shape {array.shape} and dtype {array.dtype} cannot be stored as {name} ({error})"
        ) from error
    return out.getvalue()
