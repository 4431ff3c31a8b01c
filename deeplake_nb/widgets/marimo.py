"""marimo, whose cells show widgets without IPython."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anywidget import AnyWidget

    from deeplake_nb.dataset.dataset import Dataset


def mode() -> str:
    """How the cell that runs is run: ``"edit"``, ``"run"`` (an app, for anybody), or empty: it is no cell of marimo's.

    A notebook of marimo's that is run as a script is a plain program, and so empty, too.
    """
    marimo = sys.modules.get("marimo")
    if marimo is None or not marimo.running_in_notebook():
        return ""
    return str(marimo.app_meta().mode)


def shown(ds: Dataset) -> Any:
    """The summary of a dataset, and its gallery if there are pictures, as marimo shows them at the end of a cell."""
    from deeplake_nb.dataset.summary import summary
    from deeplake_nb.preview.summary import summary_html
    from deeplake_nb.widgets.gallery import Gallery
    from deeplake_nb.widgets.source import Source

    marimo = sys.modules["marimo"]
    words = marimo.Html(summary_html(*summary(ds)))
    source = Source(ds)
    return marimo.vstack([words, Gallery(ds)]) if source.names and len(source) else words


def show(widget: AnyWidget) -> None:
    """Show a widget below what the cell that runs has shown so far."""
    sys.modules["marimo"].output.append(widget)
