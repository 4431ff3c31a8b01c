"""What the kernel answers the page; ``js/src/messages.ts`` mirrors it and ``requests``.

A request is ``{v, id, kind, ...}``; its reply is ``{v, id, kind: "<kind>.ok", ...}`` with image files as buffers, or
``{v, id, kind: "<kind>.error", error: {code, message}}``. ``{v, id, kind: "cancel"}`` takes request ``id`` back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from deeplake_nb.preview.fields import Field
    from deeplake_nb.preview.pixels import Part
    from deeplake_nb.preview.preview import FailedTile, Preview, Tile

    Buffers = list[bytes | memoryview]

VERSION = 1


class PreviewMessage(TypedDict):
    """An image file, as the number of its buffer, with a text that says what it is of; or a text."""

    buffer: NotRequired[int]
    media: NotRequired[str]
    text: NotRequired[str]


class TileMessage(TypedDict):
    """One row of the gallery: where it stands there, and its number in the dataset.

    Boxes are left, top, right, bottom in fractions of the picture, label, colour; shapes their kind, points, label,
    colour.
    """

    row: int
    number: int
    origin: str
    shapes: list[tuple[str, list[float], str, str]]
    preview: NotRequired[PreviewMessage]
    width: int
    height: int
    boxes: list[tuple[float, float, float, float, str, str]]
    masks: list[PreviewMessage]
    labels: list[tuple[str, str]]
    notes: list[str]
    count: int
    error: NotRequired[str]


class PartMessage(TypedDict):
    """A part of an image: see ``preview.pixels.Part``."""

    preview: PreviewMessage
    region: tuple[int, int, int, int]
    window: tuple[float, float]
    extent: tuple[float, float]


class FieldMessage(TypedDict):
    """One tensor of one row, in the viewer."""

    name: str
    htype: str
    about: str
    text: str
    labels: list[tuple[str, str]]
    columns: list[str]
    table: list[list[str]]
    count: int
    origin: str
    media: str
    picture: NotRequired[PreviewMessage]
    error: NotRequired[str]


def preview_message(preview: Preview, buffers: Buffers) -> PreviewMessage:
    """A preview for the wire; a picture's file is added to ``buffers``."""
    if not preview.is_picture:
        return {"text": preview.text}
    buffers.append(preview.data)
    message: PreviewMessage = {"buffer": len(buffers) - 1, "media": preview.media_type}
    return {**message, "text": preview.words} if preview.words else message


def tile_message(tile: Tile | FailedTile, position: int, buffers: Buffers) -> TileMessage:
    """A tile for the wire."""
    from deeplake_nb.preview.preview import FailedTile

    message: TileMessage = {
        "row": position,
        "number": tile.row,
        "origin": tile.origin,
        "width": 0,
        "height": 0,
        "boxes": [],
        "shapes": [],
        "masks": [],
        "labels": [],
        "notes": [],
        "count": 1,
    }
    if isinstance(tile, FailedTile):
        message["error"] = str(tile.error)
        return message
    return {
        **message,
        "preview": preview_message(tile.preview, buffers),
        "width": tile.width,
        "height": tile.height,
        "boxes": [(box.left, box.top, box.right, box.bottom, box.label, box.color) for box in tile.boxes],
        "shapes": [(shape.kind, list(shape.points), shape.label, shape.color) for shape in tile.shapes],
        "masks": [preview_message(mask, buffers) for mask in tile.masks if mask.is_picture],
        "labels": [(label.text, label.color) for label in tile.labels],
        "notes": list(tile.notes),
        "count": tile.count,
    }


def part_message(part: Part, buffers: Buffers) -> PartMessage:
    """A part of an image for the wire."""
    return {
        "preview": preview_message(part.preview, buffers),
        "region": part.region,
        "window": part.window,
        "extent": part.extent,
    }


def field_message(field: Field, buffers: Buffers) -> FieldMessage:
    """A field for the wire."""
    message: FieldMessage = {
        "name": field.name,
        "htype": field.htype,
        "about": field.about,
        "text": field.text,
        "labels": [(label.text, label.color) for label in field.labels],
        "columns": list(field.columns),
        "table": [list(row) for row in field.table],
        "count": field.count,
        "origin": field.origin,
        "media": field.media,
    }
    if field.picture is not None:
        message["picture"] = preview_message(field.picture, buffers)
    if field.error is not None:
        message["error"] = str(field.error)
    return message
