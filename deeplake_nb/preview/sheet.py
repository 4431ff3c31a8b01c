"""The contact sheet: a static picture of the first rows, for every place where no live gallery can run."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deeplake_nb.errors import FormatError, counted
from deeplake_nb.preview.overlays import MASK_ALPHA
from deeplake_nb.preview.preview import FailedTile, Preview, Tile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw as Pen
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

    from deeplake_nb.preview.preview import Shape

    Font = FreeTypeFont | BitmapFont

MAX_TILES = 24
MAX_NBYTES = 200_000

# Logical pixels; the picture is drawn at SCALE times that, for dense screens.
_WIDTH = 960
_HEIGHT = 440
_GAP = 8
_CAPTION = 20
_LARGEST_TILE = 300
_MOST_COLUMNS = 8
_SCALE = 1.5
_MAGNIFIED = 2
_FEW_BOXES = 6
_QUALITIES = (88, 80, 72, 64, 54, 44, 34)

_PAPER = "#ffffff"
_MAT = "#f1f3f6"
_INK = "#24292f"
_FAINT = "#8a929d"
_CHIP_INK = "#101418"
_ALARM = "#b42318"


@dataclass(frozen=True, slots=True)
class Grid:
    """How many tiles of which size fill the sheet; logical pixels."""

    columns: int
    rows: int
    tile: int

    @property
    def width(self) -> int:
        """Of the sheet."""
        return self.columns * (self.tile + _GAP) - _GAP

    @property
    def height(self) -> int:
        """Of the sheet."""
        return self.rows * (self.tile + _CAPTION + _GAP) - _GAP


def grid(count: int) -> Grid:
    """The grid with the largest tiles that holds ``count`` tiles within the sheet's size."""
    best = Grid(1, max(count, 1), 1)
    for columns in range(1, _MOST_COLUMNS + 1):
        rows = max(1, -(-count // columns))
        tile = min((_WIDTH + _GAP) // columns - _GAP, (_HEIGHT + _GAP) // rows - _GAP - _CAPTION, _LARGEST_TILE)
        if tile > best.tile:
            best = Grid(columns, rows, tile)
    return best


def room(layout: Grid) -> Preview:
    """A picture of nothing, as large as the sheet will be: what keeps its place until it is drawn. About 200 bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("P", (layout.width, layout.height)).save(out, "PNG", bits=1, transparency=0)
    return Preview("image/png", out.getvalue(), layout.width, layout.height)


def contact_sheet(tiles: Sequence[Tile | FailedTile]) -> Preview:
    """The first 24 tiles on one JPEG of at most about 200 kB, with their boxes, masks and labels burnt in.

    The same tiles give the same bytes. Width and height are logical pixels: the JPEG itself has 1.5 times as many.
    A row that failed is drawn as a tile with its message.

    Raises:
        ValueError: no tiles.
    """
    if not tiles:
        raise ValueError("a contact sheet needs at least one tile")
    shown = tiles[:MAX_TILES]
    layout = grid(len(shown))
    sheet = _Sheet(layout)
    for index, tile in enumerate(shown):
        sheet.draw(tile, index)
    return Preview("image/jpeg", sheet.jpeg(), layout.width, layout.height)


def _px(logical: float) -> int:
    return round(logical * _SCALE)


def _fonts() -> tuple[Font, Font]:
    from PIL import ImageFont

    return ImageFont.load_default(_px(11.5)), ImageFont.load_default(_px(10))


class _Sheet:
    """A sheet being drawn."""

    def __init__(self, layout: Grid) -> None:
        from PIL import Image, ImageDraw

        self._layout = layout
        self._image: Picture = Image.new("RGB", (_px(layout.width), _px(layout.height)), _PAPER)
        self._pen: Pen = ImageDraw.Draw(self._image)
        self._font, self._small = _fonts()
        side = _px(layout.tile)
        corners = Image.new("L", (side * 4, side * 4), 0)
        ImageDraw.Draw(corners).rounded_rectangle((0, 0, side * 4 - 1, side * 4 - 1), _px(6) * 4, fill=255)
        self._rounded = corners.resize((side, side), Image.Resampling.LANCZOS)

    def draw(self, tile: Tile | FailedTile, index: int) -> None:
        layout = self._layout
        x = _px(index % layout.columns * (layout.tile + _GAP))
        y = _px(index // layout.columns * (layout.tile + _CAPTION + _GAP))
        self._image.paste(self._face(tile), (x, y), self._rounded)
        caption = y + _px(layout.tile + 4)
        number = f"{tile.row:,}"
        room = _px(layout.tile)
        width = self._font.getlength(number)
        self._pen.text((x + room - width - _px(2), caption), number, _FAINT, self._font)
        if isinstance(tile, Tile) and tile.labels:
            words = ", ".join(label.text for label in tile.labels)
            dot = _px(7)
            self._pen.ellipse(
                (x + _px(2), caption + _px(4), x + _px(2) + dot, caption + _px(4) + dot), tile.labels[0].color
            )
            left = _px(2) + dot + _px(4)
            text = _fitted(words, self._font, room - left - width - _px(10))
            self._pen.text((x + left, caption), text, _INK, self._font)

    def jpeg(self) -> bytes:
        for quality in _QUALITIES:
            out = io.BytesIO()
            self._image.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= MAX_NBYTES:
                break
        return out.getvalue()

    def _face(self, tile: Tile | FailedTile) -> Picture:
        from PIL import Image, ImageDraw

        side = _px(self._layout.tile)
        face = Image.new("RGB", (side, side), _MAT)
        draw = ImageDraw.Draw(face)
        if isinstance(tile, FailedTile):
            self._words(draw, side, str(tile.error), _ALARM)
        elif not tile.preview.is_picture:
            self._words(draw, side, tile.preview.text, _INK)
        else:
            try:
                self._picture(face, tile)
            except FormatError as error:
                draw.rectangle((0, 0, side, side), _MAT)
                self._words(draw, side, str(error), _ALARM)
        return face

    def _picture(self, face: Picture, tile: Tile) -> None:
        from PIL import Image, ImageDraw

        side = face.width
        decoded = decoded_preview(tile.preview, side)
        zoom = min(side / decoded.width, side / decoded.height)
        size = (max(1, round(decoded.width * zoom)), max(1, round(decoded.height * zoom)))
        left, top = (side - size[0]) // 2, (side - size[1]) // 2
        # A few pixels stay squares when magnified, as in the live gallery.
        resampling = Image.Resampling.NEAREST if zoom >= _MAGNIFIED else Image.Resampling.LANCZOS
        resized = decoded.resize(size, resampling)
        face.paste(resized, (left, top), resized if "A" in resized.mode else None)
        for mask in tile.masks:
            if mask.is_picture:
                layer = decoded_preview(mask, side).convert("RGBA").resize(size, Image.Resampling.NEAREST)
                face.paste(layer, (left, top), layer.getchannel("A").point(lambda alpha: alpha * MASK_ALPHA // 255))
        draw = ImageDraw.Draw(face)
        line = _px(1.5)
        for shape in tile.shapes:
            self._shape(draw, shape, (left, top, *size))
        for box in tile.boxes:
            edges = (
                left + box.left * size[0],
                top + box.top * size[1],
                left + box.right * size[0],
                top + box.bottom * size[1],
            )
            outer = (edges[0] - 1, edges[1] - 1, edges[2] + 1, edges[3] + 1)
            draw.rectangle(outer, outline=_CHIP_INK, width=line + 2)
            draw.rectangle(edges, outline=box.color, width=line)
        for box in tile.boxes:
            # Of many boxes only those are named that are wide enough for it, as in the live gallery.
            room = (box.right - box.left) * size[0] if len(tile.boxes) > _FEW_BOXES else side
            if box.label and self._small.getlength(box.label) <= room:
                self._chip(draw, box.label, box.color, (left + box.left * size[0], top + box.top * size[1]), side)
        if tile.count > 1:
            words = counted(tile.count, "item")
            self._chip(draw, words, _PAPER, (side - self._small.getlength(words), side), side)

    @staticmethod
    def _shape(draw: Pen, shape: Shape, at: tuple[int, int, int, int]) -> None:
        left, top, width, height = at
        points = [
            (left + x * width, top + y * height) for x, y in zip(shape.points[::2], shape.points[1::2], strict=True)
        ]
        if shape.kind == "points":
            radius = _px(2)
            for x, y in points:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), shape.color, _CHIP_INK)
            return
        outline = [*points, points[0]] if shape.kind == "polygon" else points
        draw.line(outline, _CHIP_INK, _px(1.5) + 2)
        draw.line(outline, shape.color, _px(1.5))

    def _chip(self, draw: Pen, words: str, fill: str, at: tuple[float, float], side: int) -> None:
        """A label on a filled ground, above the point if there is room, and never out of the tile."""
        height, pad = _px(14), _px(3)
        words = _fitted(words, self._small, side - 2 * pad)
        width = self._small.getlength(words) + 2 * pad
        x = min(max(at[0], 0), side - width)
        y = min(at[1] - height if at[1] >= height else at[1], side - height)
        draw.rectangle((x, y, x + width, y + height), fill)
        draw.text((x + pad, y + height / 2), words, _CHIP_INK, self._small, anchor="lm")

    def _words(self, draw: Pen, side: int, words: str, ink: str) -> None:
        pad, line = _px(8), _px(14)
        room, lines = side - 2 * pad, max(1, (side - 2 * pad) // line)
        wrapped = _wrapped(words, self._font, room)
        if len(wrapped) > lines:
            wrapped = [*wrapped[: lines - 1], _fitted(wrapped[lines - 1] + " …", self._font, room)]
        for index, text in enumerate(wrapped):
            draw.text((pad, pad + index * line), text, ink, self._font)


def decoded_preview(preview: Preview, box_px: int) -> Picture:
    """The pixels of a preview, RGB or RGBA, reduced while decoding where possible.

    Raises:
        FormatError: truncated or corrupt bytes (a stored file that was passed through).
    """
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(preview.data))
        image.draft("RGB", (box_px, box_px))
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    except MemoryError:
        raise
    except Exception as error:  # decoders of foreign bytes raise whatever they like
        raise FormatError(f"this picture cannot be decoded: {error}") from error


def _fitted(words: str, font: Font, room: float) -> str:
    """The words, cut with an ellipsis to the room they have."""
    words = words.replace("\n", " ")
    if font.getlength(words) <= room:
        return words
    while words and font.getlength(words + "…") > room:
        words = words[:-1]
    return words + "…"


def _wrapped(words: str, font: Font, room: float) -> list[str]:
    lines: list[str] = []
    for paragraph in words.splitlines():
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= room:
                line = longer
                continue
            if line:
                lines.append(line)
            line = _fitted(word, font, room)
        lines.append(line)
    return lines
