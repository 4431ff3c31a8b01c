"""The gallery: a grid of a dataset's rows in the notebook, one of them large on demand."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from deeplake_nb.dataset.matching import warn
from deeplake_nb.errors import CommandError, RowError, there_are
from deeplake_nb.urls import redact
from deeplake_nb.widgets import answers, requests
from deeplake_nb.widgets.dispatch import Dispatcher
from deeplake_nb.widgets.messages import VERSION
from deeplake_nb.widgets.rows import View, code, rows_of
from deeplake_nb.widgets.source import Source
from deeplake_nb.widgets.subshell import answer_where_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.widgets.messages import Buffers

    Rows = NDArray[Any] | None

_STATIC = Path(__file__).parent.parent / "static"
_FIRST, _BOX_PX = 24, 256  # as js/src/gallery/index.ts asks


class Gallery(anywidget.AnyWidget):
    """A live grid of the rows of ``ds`` (or of a view of it), as pictures with their boxes, masks and class names.

    Traits hold only what describes the gallery; pictures travel as buffers of messages and are in no saved notebook.
    Rows are read on worker threads, so that it answers while a cell runs where the kernel lets it.

    Attributes:
        length: number of rows shown.
        tensors: names of the tensors that can be shown, pictures first.
        tensor: name of the one that is shown.
        selected: where the keyboard is; -1 before it is anywhere.
        selection: rows of ``ds`` that are selected, in the page or here: setting it marks them and shows the first.
        view: which rows are shown: ``{"where": 'labels == "cat"', "sort": "width(images)", "descending": True,
            "sample": 100, "seed": 0}``, each part optional, or a filter as a text. Set it here, or in the page.

    Raises:
        TensorNotFoundError: no tensor of that name.
    """

    _esm = _STATIC / "gallery.js"
    _css = _STATIC / "gallery.css"

    length = traitlets.Int(0).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    tensors = traitlets.List(traitlets.Unicode()).tag(sync=True)
    tensor = traitlets.Unicode("").tag(sync=True)
    overlays = traitlets.List(traitlets.Unicode()).tag(sync=True)
    has_classes = traitlets.Bool(False).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    selection = traitlets.List(traitlets.Int()).tag(sync=True)
    view = traitlets.Any().tag(sync=True)
    revision = traitlets.Int(0).tag(sync=True)
    tile_px = traitlets.Int(148).tag(sync=True)
    sheet = traitlets.List(traitlets.Int()).tag(sync=True)
    opened = traitlets.Bool(False).tag(sync=True)

    def __init__(self, ds: Dataset, tensor: str | None = None, **traits: Any) -> None:
        self._source = Source(ds)
        self._dispatcher = Dispatcher(self._reply, {**answers.handlers(self._source), **self._handlers()})
        self._computed: tuple[View, Rows] | None = None
        self._changing = threading.Lock()
        if tensor is not None:
            self._source.tensor(tensor)  # says what is wrong with the name
        names = self._source.names
        super().__init__(
            total=len(ds),
            tensors=names,
            tensor=tensor or (names[0] if names else ""),
            overlays=self._source.overlays,
            has_classes=self._source.annotations.labels is not None,
            **{"length": len(ds), "view": {}, **traits},
        )
        self.on_msg(lambda _, content, __: self._dispatcher.receive(content))
        answer_where_asked(self.comm)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """What a cell shows. The page, once it has started, finds the first tiles there: it need not ask for them."""
        if not self.opened and self.length:
            first = {"tensor": self.tensor, "rows": list(range(min(self.length, _FIRST))), "box": _BOX_PX}
            self._dispatcher.receive({"v": VERSION, "id": 0, "kind": "tiles", **first})
            self.opened = True
        return super()._repr_mimebundle_(**kwargs)

    def close(self) -> None:
        """End the widget and its threads."""
        self._dispatcher.close()
        super().close()

    @property
    def dataset(self) -> Dataset:
        """The rows shown, as a view of the dataset."""
        order = self._source.order
        return self._source.ds if order is None else self._source.ds[order.tolist()]

    def code(self) -> str:
        """Python that gives the selected rows again, or those shown when none is selected."""
        return self._code(list(self.selection) or None)

    # ------------------------------------------------------------------ rows shown

    @traitlets.validate("view")
    def _check_view(self, proposal: Any) -> dict[str, Any]:
        given = proposal["value"]
        parts = {"where": given} if isinstance(given, str) else given
        if not isinstance(parts, dict):
            raise CommandError(f"a view is a filter such as 'labels == \"cat\"' or a dict of parts, not {given!r:.80}")
        view = View.of(parts)
        if self._computed is None or self._computed[0] != view:
            notes = list[str]()
            self._computed = (view, rows_of(self._source.ds, view, note=notes.append))
            warn(notes)
        return view.parts()

    @traitlets.observe("view")
    def _show_view(self, _: Any) -> None:
        assert self._computed is not None
        self._source.order = self._computed[1]
        with self.hold_sync():  # the page acts on the revision, and finds the rest in place
            self.length = len(self._source)
            self.revision += 1

    @traitlets.validate("selection")
    def _check_selection(self, proposal: Any) -> list[int]:
        rows, count = list(dict.fromkeys(proposal["value"])), len(self._source.ds)
        for row in rows:
            if not 0 <= row < count:
                raise RowError(f"row {row} cannot be selected; {there_are(count, 'row')}")
        return rows

    # ------------------------------------------------------------------ requests

    def _reply(self, content: dict[str, Any], buffers: Buffers) -> None:
        self.send(content, buffers)

    def _handlers(self) -> dict[str, Any]:
        return {"view": self._change_view, "code": self._copy_code}

    def _change_view(self, content: dict[str, Any], _: Buffers, is_wanted: Callable[[], bool]) -> dict[str, Any]:
        view = View.of(requests.view_request(content))
        notes = list[str]()
        rows = rows_of(self._source.ds, view, is_wanted, notes.append)
        with self._changing:
            if is_wanted():
                self._computed = (view, rows)
                self.view = view.parts()
        return {"length": self.length, "notes": notes}

    def _copy_code(self, content: dict[str, Any], _: Buffers, __: Callable[[], bool]) -> dict[str, Any]:
        span = requests.span_request(content)
        rows = list(self.selection) or None
        if rows is None and self._source.order is None:
            rows = list(range(span["start"], min(span["stop"], self.length)))
        return {"code": self._code(rows)}

    def _code(self, rows: list[int] | None) -> str:
        ds = self._source.ds
        index = None if ds.index.rows is None else [int(row) for row in ds.index.rows]
        version = ds.branch if ds.is_head_node else ds.commit_id
        path = redact(ds.path) + (f"@{version}" if version and version != "main" else "")
        return code(path, index, View.of(self.view), rows)
