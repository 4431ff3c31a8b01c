"""What the page asks, checked: each reader gives the fields of its kind of request or says which one is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from deeplake_nb.preview.pixels import Region, Window

MAX_ROWS = 256
MAX_RANGE = 10_000
_MAX_BOX_PX = 4096
_SIDES = 4


class TilesRequest(TypedDict):
    """Positions in the gallery, as pictures of at most about ``box`` pixels."""

    tensor: str
    rows: list[int]
    box: int


class ItemRequest(TypedDict):
    """One item of one row (item 0 where it is no sequence)."""

    tensor: str
    row: int
    item: int


class SampleRequest(ItemRequest):
    """One row with all its tensors."""

    box: int


class PartRequest(SampleRequest):
    """A part of an image, ``region`` in its pixels, shown from ``window[0]`` as black to ``window[1]`` as white."""

    region: Region | None
    window: Window | None


class ValuesRequest(ItemRequest):
    """One pixel."""

    x: int
    y: int


class SpanRequest(TypedDict):
    """Positions from ``start`` to before ``stop``."""

    start: int
    stop: int


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


def item_request(content: dict[str, Any]) -> ItemRequest:
    """The request in ``content``, checked.

    Raises:
        RequestError: a field is missing or of the wrong type.
    """
    item = _number(content, "item") if "item" in content else 0
    return {"tensor": _text(content, "tensor"), "row": _number(content, "row"), "item": item}


def sample_request(content: dict[str, Any]) -> SampleRequest:
    """The request in ``content``, checked.

    Raises:
        RequestError: a field is missing or of the wrong type.
    """
    return {**item_request(content), "box": _box(content)}


def part_request(content: dict[str, Any]) -> PartRequest:
    """The request in ``content``, checked.

    Raises:
        RequestError: a field is missing or of the wrong type.
    """
    region, window = content.get("region"), content.get("window")
    if region is not None and not (
        isinstance(region, list) and len(region) == _SIDES and all(type(edge) is int for edge in region)
    ):
        raise RequestError("region must be left, top, right and bottom in pixels")
    if window is not None and not (
        isinstance(window, list) and len(window) == _SIDES // 2 and all(type(end) in {int, float} for end in window)
    ):
        raise RequestError("window must be the values shown as black and as white")
    return {
        **sample_request(content),
        "region": None if region is None else (region[0], region[1], region[2], region[3]),
        "window": None if window is None else (float(window[0]), float(window[1])),
    }


def values_request(content: dict[str, Any]) -> ValuesRequest:
    """The request in ``content``, checked.

    Raises:
        RequestError: a field is missing or of the wrong type.
    """
    return {**item_request(content), "x": _number(content, "x"), "y": _number(content, "y")}


def span_request(content: dict[str, Any]) -> SpanRequest:
    """The request in ``content``, checked.

    Raises:
        RequestError: a field is missing or of the wrong type, or there are too many rows.
    """
    start, stop = _number(content, "start"), _number(content, "stop")
    if not 0 <= start <= stop or stop - start > MAX_RANGE:
        raise RequestError(f"start and stop must be positions, at most {MAX_RANGE:,} apart")
    return {"start": start, "stop": stop}


def row_request(content: dict[str, Any]) -> int:
    """The row asked for, checked.

    Raises:
        RequestError: it is missing or of the wrong type.
    """
    return _number(content, "row")


def view_request(content: dict[str, Any]) -> dict[str, Any]:
    """The parts of a view asked for; what is in them is checked by ``View.of``.

    Raises:
        RequestError: there are none.
    """
    view = content.get("view")
    if not isinstance(view, dict):
        raise RequestError("view must have parts such as where and sort")
    return view


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a text")
    return value


def _number(content: dict[str, Any], name: str) -> int:
    value = content.get(name)
    if type(value) is not int:
        raise RequestError(f"{name} must be a number")
    return value


def _box(content: dict[str, Any]) -> int:
    value = content.get("box")
    if type(value) is not int or not 1 <= value <= _MAX_BOX_PX:
        raise RequestError(f"box must be a number of pixels from 1 to {_MAX_BOX_PX}")
    return value
