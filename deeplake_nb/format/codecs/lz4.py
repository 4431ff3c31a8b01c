"""lz4 blocks with the raw size as a 4-byte prefix; frames, which old versions wrote, are read too."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from deeplake_nb.errors import FormatError, UnsupportedError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_FRAME = b"\x04\x22\x4d\x18"
MAX_NBYTES = 0x7E000000
"""No lz4 block holds more."""

_MAX_RATIO = 255
"""No lz4 block expands by more: one input byte can stand for 255 output bytes at the most."""


def compress(data: Buffer) -> bytes:
    """The block of ``data``; nothing stays nothing.

    Raises:
        UnsupportedError: more than a block can hold.
    """
    import lz4.block

    view = memoryview(data).cast("B")
    if len(view) > MAX_NBYTES:
        raise UnsupportedError(f"an lz4 block holds {MAX_NBYTES} bytes at the most, got {len(view)}")
    return bytes(lz4.block.compress(view)) if len(view) else b""


def decompress(data: memoryview, what: str) -> bytes:
    """The raw bytes of a block or frame.

    Raises:
        FormatError: not lz4, cut off, or a stated size that the block cannot reach (checked before allocating).
    """
    import lz4.block

    if not len(data) or bytes(data[:5]) == bytes(5):
        return b""
    try:
        if bytes(data[:4]) == _FRAME:
            import lz4.frame

            _check_size(lz4.frame.get_frame_info(data)["content_size"], data, what)
            return bytes(lz4.frame.decompress(data))
        if len(data) < 5:  # noqa: PLR2004 - the prefix and one byte
            raise FormatError(f"{what}: an lz4 block of {len(data)} bytes is cut off")
        (size,) = struct.unpack_from("<I", data)
        _check_size(size, data, what)
        return bytes(lz4.block.decompress(data))
    except (RuntimeError, ValueError, lz4.block.LZ4BlockError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{what}: corrupt lz4 data ({error})") from error


def _check_size(stated: int, data: memoryview, what: str) -> None:
    if stated > _MAX_RATIO * len(data):
        raise FormatError(f"{what}: an lz4 block of {len(data)} bytes cannot hold {stated}")
