"""The gallery: a grid of a dataset's rows in the notebook, one of them large on demand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from deeplake_nb.widgets import messages
from deeplake_nb.widgets.dispatch import Dispatcher
from deeplake_nb.widgets.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.widgets.messages import Buffers

_STATIC = Path(__file__).parent.parent / "static"


class Gallery(anywidget.AnyWidget):
    """A live grid of the rows of ``ds`` (or of a view of it), as pictures with their boxes, masks and class names.

    Traits hold only what describes the gallery; pictures travel as buffers of messages and are in no saved notebook.
    Rows are read on worker threads, so that it answers while a cell runs where the kernel lets it.

    Attributes:
        length: number of rows.
        tensors: names of the tensors that can be shown, pictures first.
        tensor: name of the one that is shown.
        selected: the row that the keyboard is on; -1 before it is on any.

    Raises:
        TensorNotFoundError: no tensor of that name.
    """

    _esm = _STATIC / "gallery.js"
    _css = _STATIC / "gallery.css"

    length = traitlets.Int(0).tag(sync=True)
    tensors = traitlets.List(traitlets.Unicode()).tag(sync=True)
    tensor = traitlets.Unicode("").tag(sync=True)
    overlays = traitlets.List(traitlets.Unicode()).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    tile_px = traitlets.Int(148).tag(sync=True)
    sheet = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, ds: Dataset, tensor: str | None = None, **traits: Any) -> None:
        self._source = Source(ds)
        names = self._source.names
        super().__init__(
            length=len(self._source),
            tensors=names,
            tensor=tensor or (names[0] if names else ""),
            overlays=self._source.overlays,
            **traits,
        )
        if tensor is not None and tensor not in names:
            super().close()
            self._source.tensor(tensor)  # says what is wrong with the name
        self._dispatcher = Dispatcher(self._reply, {"tiles": self._tiles, "sample": self._sample})
        self.on_msg(lambda _, content, __: self._dispatcher.receive(content))
        _answer_where_asked(self.comm)

    def close(self) -> None:
        """End the widget and its threads."""
        self._dispatcher.close()
        super().close()

    def _reply(self, content: dict[str, Any], buffers: Buffers) -> None:
        self.send(content, buffers)

    def _tiles(self, content: dict[str, Any], buffers: Buffers, is_wanted: Callable[[], bool]) -> dict[str, Any]:
        request = messages.tiles_request(content)
        tiles = self._source.tiles(request["tensor"], request["rows"], request["box"], is_wanted)
        return {"tiles": [messages.tile_message(tile, buffers) for tile in tiles]}

    def _sample(self, content: dict[str, Any], buffers: Buffers, is_wanted: Callable[[], bool]) -> dict[str, Any]:
        request = messages.sample_request(content)
        (tile,) = self._source.tiles(request["tensor"], [request["row"]], request["box"])
        fields = self._source.fields(request["row"]) if is_wanted() else []
        return {
            "tile": messages.tile_message(tile, buffers),
            "fields": [messages.field_message(field, buffers) for field in fields],
        }


def _answer_where_asked(comm: Any) -> None:
    """Keep requests on the subshell that the page chose, so that they are answered while a cell runs.

    ipykernel 7.4 sends the page's next request to the main thread once the kernel itself has sent a message from a
    running cell, where it waits for the end of the cell. A hook of its comm decides that.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _, default: default  # noqa: SLF001 - there is no other way
