"""What the page's requests about rows are answered with: a function of a source for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.columns import class_counts
from deeplake_nb.dataset.expression import spelled
from deeplake_nb.preview import overlays
from deeplake_nb.widgets import messages, requests
from deeplake_nb.widgets.inspector import Inspector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.widgets.dispatch import Handler
    from deeplake_nb.widgets.messages import Buffers
    from deeplake_nb.widgets.source import Source

    Content = dict[str, Any]
    IsWanted = Callable[[], bool]

_PLAIN_DTYPES = {"uint8", "bool"}


def handlers(source: Source) -> Mapping[str, Handler]:
    """The handlers of requests that read a source, by kind."""
    answers = _Answers(source)
    return {
        "tiles": answers.tiles,
        "sample": answers.sample,
        "part": answers.part,
        "values": answers.values,
        "file": answers.file,
        "histogram": answers.histogram,
        "rows": answers.rows,
        "position": answers.position,
    }


class _Answers:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._inspector = Inspector(source)

    def tiles(self, content: Content, buffers: Buffers, is_wanted: IsWanted) -> Content:
        asked = requests.tiles_request(content)
        tiles = self._source.tiles(asked["tensor"], asked["rows"], asked["box"], is_wanted)
        pairs = zip(tiles, asked["rows"], strict=False)  # it ends early once not wanted
        return {"tiles": [messages.tile_message(tile, position, buffers) for tile, position in pairs]}

    def sample(self, content: Content, buffers: Buffers, is_wanted: IsWanted) -> Content:
        asked = requests.sample_request(content)
        position, item = asked["row"], asked["item"]
        (tile,) = self._source.tiles(asked["tensor"], [position], asked["box"], item=item)
        row = self._source.row(position)
        fields = self._source.fields(row, item) if is_wanted() else []
        answer: Content = {
            "tile": messages.tile_message(tile, position, buffers),
            "fields": [messages.field_message(field, buffers) for field in fields],
        }
        if answer["tile"].get("preview", {}).get("media") and asked["tensor"] in self._source.pictures:
            stored = self._source.item(asked["tensor"], row, item)
            answer["dtype"] = stored.dtype
            if stored.dtype not in _PLAIN_DTYPES:
                part = self._inspector.part(asked["tensor"], row, item, region=None, box_px=1, window=None)
                answer["window"], answer["extent"] = part.window, part.extent
        return answer

    def part(self, content: Content, buffers: Buffers, _: IsWanted) -> Content:
        asked = requests.part_request(content)
        row = self._source.row(asked["row"])
        part = self._inspector.part(
            asked["tensor"], row, asked["item"], region=asked["region"], box_px=asked["box"], window=asked["window"]
        )
        return {**messages.part_message(part, buffers)}

    def values(self, content: Content, _: Buffers, __: IsWanted) -> Content:
        asked = requests.values_request(content)
        row = self._source.row(asked["row"])
        return {"values": self._inspector.values(asked["tensor"], row, asked["item"], asked["x"], asked["y"])}

    def file(self, content: Content, buffers: Buffers, _: IsWanted) -> Content:
        asked = requests.item_request(content)
        media, data = self._inspector.file(asked["tensor"], self._source.row(asked["row"]), asked["item"])
        buffers.append(data)
        return {"media": media}

    def histogram(self, _: Content, __: Buffers, is_wanted: IsWanted) -> Content:
        tensor = self._source.annotations.labels
        if tensor is None:
            raise requests.RequestError("this dataset has no class labels")
        counts = class_counts(tensor, self._source.order, is_wanted)
        labels = overlays.labels([number for number, _ in counts], tensor.info.get("class_names") or ())
        classes = [
            (label.text, label.color, number, count) for label, (number, count) in zip(labels, counts, strict=True)
        ]
        name = next(name for name, one in self._source.tensors.items() if one is tensor)
        return {"tensor": spelled(name), "classes": classes}  # as a filter has it

    def rows(self, content: Content, _: Buffers, __: IsWanted) -> Content:
        asked = requests.span_request(content)
        return {"rows": [self._source.row(position) for position in range(asked["start"], asked["stop"])]}

    def position(self, content: Content, _: Buffers, __: IsWanted) -> Content:
        return {"position": self._source.position(requests.row_request(content))}
