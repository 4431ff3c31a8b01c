"""The values a gallery is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from deeplake_nb.errors import LakeError


@dataclass(frozen=True, slots=True)
class Preview:
    """Something small to look at: encoded bytes, their media type, and their size in pixels (0 x 0 for text).

    ``words`` say what a picture is of that was made of something else, to those who do not see it.
    """

    media_type: str
    data: bytes | memoryview
    width: int
    height: int
    words: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether the bytes are an image file."""
        return self.media_type.startswith("image/")

    @property
    def text(self) -> str:
        """The text of a ``text/plain`` preview."""
        return bytes(self.data).decode()


@dataclass(frozen=True, slots=True)
class Label:
    """A class name, with its colour as ``#rrggbb``."""

    text: str
    color: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions of the picture's width and height; a negative or > 1 edge lies outside of it."""

    left: float
    top: float
    right: float
    bottom: float
    label: str
    color: str


@dataclass(frozen=True, slots=True)
class Shape:
    """Points in fractions of the picture, ``x0, y0, x1, y1, ...``: a closed outline, a line, or single points."""

    kind: Literal["polygon", "line", "points"]
    points: tuple[float, ...]
    label: str
    color: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One row of a gallery: a picture (or a text) and what is drawn over it.

    ``width`` and ``height`` are those of the sample in pixels (0 when it is no picture). ``notes`` say what could not
    be drawn and why. ``count`` is the number of items when the row is a sequence, of which the first is shown.
    ``origin`` is where a linked sample comes from, redacted.
    """

    row: int
    preview: Preview
    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    masks: tuple[Preview, ...] = ()
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    count: int = 1
    shapes: tuple[Shape, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class FailedTile:
    """A row that cannot be shown, and why."""

    row: int
    error: LakeError
    origin: str = ""
