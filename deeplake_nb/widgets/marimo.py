"""marimo, whose cells show widgets without IPython."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anywidget import AnyWidget


def mode() -> str:
    """How the cell that runs is run: ``"edit"``, ``"run"`` (an app, for anybody), or empty: it is no cell of marimo's.

    A notebook of marimo's that is run as a script is a plain program, and so empty, too.
    """
    marimo = sys.modules.get("marimo")
    if marimo is None or not marimo.running_in_notebook():
        return ""
    return str(marimo.app_meta().mode)


def show(widget: AnyWidget) -> None:
    """Show a widget below what the cell that runs has shown so far."""
    sys.modules["marimo"].output.append(widget)
