"""A long job as marimo shows it: the same bar as in Jupyter, in the output of the cell that runs.

Only marimo's own threads may write into a cell, and each is bound to the cell in which it was made. So one is made as
a job begins, and started if the job is ever shown. What a page says waits in marimo for the end of the cell: the button
that cancels is the one that stops the cell.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from deeplake_nb.widgets.progress_bar import bar_html, line_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.progress import Progress
    from deeplake_nb.progress.stand import Stand

_HOW_TO_CANCEL = "stop the cell to cancel"

_log = logging.getLogger(__name__)


class _Here(threading.local):
    """The cell that runs on a thread, and a bar that no job of it has needed yet."""

    cell: _Cell | None = None
    spare: CellBar | None = None


_HERE = _Here()


def display_in_cell() -> Callable[[Progress], CellBar] | None:
    """How the cell of marimo's that runs on this thread shows a job; None where there is none. Asked for each job."""
    try:
        from marimo._runtime.context import get_context, runtime_context_installed

        run = get_context().execution_context if runtime_context_installed() else None
    except (ImportError, AttributeError):
        _log.exception("this version of marimo does not say which cell runs: progress is not shown")
        return None
    if run is None:
        return None
    if _HERE.cell is None or _HERE.cell.run is not run:
        _HERE.cell, _HERE.spare = _Cell(run), None
    if _HERE.spare is None or _HERE.spare.is_used:
        _HERE.spare = CellBar(_HERE.cell)
    bar = _HERE.spare
    return bar.of


class _Cell:
    """A run of a cell, and where in its output the jobs of each name are shown."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self._places: dict[str, int] = {}

    def show(self, what: str, html: str) -> None:
        """Put it in the place of the jobs of that name, or at the end."""
        marimo: Any = sys.modules["marimo"]
        shown = len(self.run.output)
        place = self._places.get(what, shown)
        self._places[what] = place = min(place, shown)  # somebody may have cleared the cell
        marimo.output.replace_at_index(marimo.Html(html), place)


class CellBar:
    """A bar in the cell in which it was made. Jobs of a name take one place, one after the other."""

    def __init__(self, cell: _Cell) -> None:
        self.is_used = False
        self._what = ""
        self._cell = cell
        self._stand: Stand | None = None
        self._changed = threading.Event()
        marimo: Any = sys.modules["marimo"]
        self._thread = marimo.Thread(target=self._draw_all, name="deeplake-nb-marimo-bar", daemon=True)

    def of(self, job: Progress) -> CellBar:
        """Itself, for a job."""
        self._what = job.what
        return self

    def draw(self, stand: Stand) -> None:
        """Draw the bar anew."""
        self._stand = stand
        if not self.is_used:
            self.is_used = True
            self._thread.start()
        self._changed.set()

    def end(self, stand: Stand, *, is_passing: bool) -> None:
        """One line in its place, or nothing."""
        self._stand = None
        self._changed.set()
        self._thread.join()
        self._cell.show(self._what, "" if is_passing and not stand.ending else line_html(stand))

    def _draw_all(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            stand = self._stand
            if stand is None:
                return
            self._cell.show(self._what, bar_html(stand, _HOW_TO_CANCEL))
