"""Every message between the kernel and the page; ``js/src/messages.ts`` is its mirror.

A request is ``{v, id, kind, ...}``; its reply is ``{v, id, kind: "<kind>.ok", ...}`` with image files as buffers, or
``{v, id, kind: "<kind>.error", error: {code, message}}``. ``{v, id, kind: "cancel"}`` takes request ``id`` back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

if TYPE_CHECKING:
    from deeplake_nb.preview.fields import Field
    from deeplake_nb.preview.preview import FailedTile, Preview, Tile

    Buffers = list[bytes | memoryview]

VERSION = 1


class PreviewMessage(TypedDict):
    """An image file, as the number of its buffer, or a text."""

    buffer: NotRequired[int]
    media: NotRequired[str]
    text: NotRequired[str]


class TileMessage(TypedDict):
    """One row of the gallery. Boxes are left, top, right, bottom in fractions of the picture, label, colour."""

    row: int
    preview: NotRequired[PreviewMessage]
    width: int
    height: int
    boxes: list[tuple[float, float, float, float, str, str]]
    masks: list[PreviewMessage]
    labels: list[tuple[str, str]]
    notes: list[str]
    count: int
    error: NotRequired[str]


class FieldMessage(TypedDict):
    """One tensor of one row, in the viewer."""

    name: str
    htype: str
    about: str
    text: str
    labels: list[tuple[str, str]]
    columns: list[str]
    table: list[list[str]]
    picture: NotRequired[PreviewMessage]
    error: NotRequired[str]


class TilesRequest(TypedDict):
    """Rows of the gallery, as pictures of at most about ``box`` pixels."""

    tensor: str
    rows: list[int]
    box: int


class SampleRequest(TypedDict):
    """One row with all its tensors."""

    tensor: str
    row: int
    box: int


class RequestError(Exception):
    """A request that does not have the form of its kind."""


def tiles_request(content: dict[str, Any]) -> TilesRequest:
    """The request in ``content``, checked.

    Raises:
        RequestError: a field is missing or of the wrong type, or there are too many rows.
    """
    rows = content.get("rows")
    if not isinstance(rows, list) or len(rows) > MAX_ROWS or not all(type(row) is int for row in rows):
        raise RequestError(f"rows must be a list of at most {MAX_ROWS} numbers")
    return {"tensor": _text(content, "tensor"), "rows": rows, "box": _box(content)}


def sample_request(content: dict[str, Any]) -> SampleRequest:
    """The request in ``content``, checked.

    Raises:
        RequestError: a field is missing or of the wrong type.
    """
    row = content.get("row")
    if type(row) is not int:
        raise RequestError("row must be a number")
    return {"tensor": _text(content, "tensor"), "row": row, "box": _box(content)}


MAX_ROWS = 256
_MAX_BOX_PX = 4096


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a text")
    return value


def _box(content: dict[str, Any]) -> int:
    value = content.get("box")
    if type(value) is not int or not 1 <= value <= _MAX_BOX_PX:
        raise RequestError(f"box must be a number of pixels from 1 to {_MAX_BOX_PX}")
    return value


def preview_message(preview: Preview, buffers: Buffers) -> PreviewMessage:
    """A preview for the wire; a picture's file is added to ``buffers``."""
    if not preview.is_picture:
        return {"text": preview.text}
    buffers.append(preview.data)
    return {"buffer": len(buffers) - 1, "media": preview.media_type}


def tile_message(tile: Tile | FailedTile, buffers: Buffers) -> TileMessage:
    """A tile for the wire."""
    from deeplake_nb.preview.preview import FailedTile

    if isinstance(tile, FailedTile):
        return {
            "row": tile.row,
            "width": 0,
            "height": 0,
            "boxes": [],
            "masks": [],
            "labels": [],
            "notes": [],
            "count": 1,
            "error": str(tile.error),
        }
    return {
        "row": tile.row,
        "preview": preview_message(tile.preview, buffers),
        "width": tile.width,
        "height": tile.height,
        "boxes": [(box.left, box.top, box.right, box.bottom, box.label, box.color) for box in tile.boxes],
        "masks": [preview_message(mask, buffers) for mask in tile.masks if mask.is_picture],
        "labels": [(label.text, label.color) for label in tile.labels],
        "notes": list(tile.notes),
        "count": tile.count,
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
    }
    if field.picture is not None:
        message["picture"] = preview_message(field.picture, buffers)
    if field.error is not None:
        message["error"] = str(field.error)
    return message
