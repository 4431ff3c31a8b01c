"""Codecs: how the bytes of one sample become an array and back.

``TABLE`` maps a compression name to its codec. Two kinds: *byte* codecs (lz4) pack any bytes and know nothing of
shapes; *image* codecs hold shape and pixels in a file of their own, so that a file of the right kind is stored as it
is. *Media* are such files too, which nothing is encoded as; each kind is read by a library of its own, imported at its
first use (``files`` knows which), and named by the error where it is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from deeplake_nb.errors import HtypeError, MissingDependencyError, did_you_mean

Kind = Literal["byte", "image", "media"]


@dataclass(frozen=True, slots=True)
class Compression:
    """One row: the name used in tensor metas, what kind it is, and Pillow's name for image files.

    ``side`` is the longest that a picture of the kind can be, in pixels.
    """

    name: str
    kind: Kind
    pillow: str = ""
    lossy: bool = False
    side: int = 2**31 - 1


def _image(*names: str, **pillow: str) -> list[Compression]:
    return [
        Compression(name, "image", pillow.get(name, name.upper()), name in _LOSSY, _SIDES.get(name, 2**31 - 1))
        for name in names
    ]


_SIDES = {"jpeg": 65_500, "webp": 16_383, "ico": 256, **dict.fromkeys(("gif", "pcx", "sgi", "tga", "msp"), 65_535)}
_LOSSY = {"jpeg", "jpeg2000", "webp", "mpo"}

TABLE: dict[str, Compression] = {
    row.name: row
    for row in [
        Compression("lz4", "byte"),
        *_image("png", "jpeg", "bmp", "dib", "gif", "ico", "jpeg2000", "mpo", "pcx", "ppm", "sgi", "tga", "tiff"),
        *_image("webp", "xbm", "eps", "fli", "im", "msp", "wmf"),
        *[Compression(name, "media") for name in ("dcm", "mp4", "mkv", "avi", "mp3", "flac", "wav")],
        *[Compression(name, "media") for name in ("las", "ply", "stl", "nii", "nii.gz")],
    ]
}

ALIASES = {"jpg": "jpeg", "tif": "tiff", "jp2": "jpeg2000"}

PILLOW_NAMES: dict[str, str] = {row.pillow: row.name for row in TABLE.values() if row.pillow}
"""Pillow's format name to ours."""


def compression(name: str | None) -> Compression | None:
    """The row of a compression name or alias; None for None.

    Raises:
        HtypeError: no such compression; suggests the nearest.
    """
    if name is None:
        return None
    lower = str(name).lower()
    row = TABLE.get(ALIASES.get(lower, lower))
    if row is None:
        raise HtypeError(f"unknown compression {name!r}{did_you_mean(str(name), TABLE)}; known: {', '.join(TABLE)}")
    return row


def library(name: str, extra: str) -> Any:
    """An optional package.

    Raises:
        MissingDependencyError: it is not installed; the message has the command.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{extra.replace('_', ' ')} files need {name}: run `pip install 'deeplake_nb[{extra}]'`"
        ) from error
