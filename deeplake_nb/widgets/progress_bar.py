"""A long job as IPython shows it: a bar in the cell with a button that cancels it, a line in a terminal.

The bar is plain HTML that is drawn anew in its place, which every notebook can show; only the button is a widget, in
an output of its own. In the end one line of text stands there, and that is what a saved notebook keeps.
"""

from __future__ import annotations

import sys
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from deeplake_nb.progress.terminal import TerminalLine
from deeplake_nb.widgets.settings import settings
from deeplake_nb.widgets.subshell import answer_where_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from deeplake_nb.progress import Progress
    from deeplake_nb.progress.stand import Stand
    from deeplake_nb.progress.ticker import Display

_ROW = "display: flex; flex-wrap: wrap; align-items: center; gap: 0.2em 0.8em; font-variant-numeric: tabular-nums"
_BAR = "width: 12em; height: 0.9em; accent-color: var(--jp-brand-color1, #1976d2); color-scheme: light dark"
_INTERRUPT = "Cancel what is under way. Where nothing happens, interrupt the kernel: that does the same."


def display_in(shell: InteractiveShell, job: Progress) -> Display | None:
    """Where this shell shows a job; None after ``%config Lake.progress = False``."""
    if not settings(shell).progress:
        return None
    return TerminalLine(sys.stderr) if getattr(shell, "kernel", None) is None else NotebookBar(shell, job)


class NotebookBar:
    """A bar in the cell that runs. Several jobs of a name in one cell, as in a loop, take one place after the other."""

    def __init__(self, shell: InteractiveShell, job: Progress) -> None:
        self._publish = shell.display_pub.publish
        self._job = job
        self._place = _place(shell.execution_count, job.what)
        self._button: Any = None
        self._button_place = uuid4().hex

    def draw(self, stand: Stand) -> None:
        """Draw the bar anew; the first time with its button."""
        self._show(bar_html(stand), f"{stand.what}: {stand.now()}")
        if self._button is None:
            self._button = self._cancel_button()

    def end(self, stand: Stand, *, is_passing: bool) -> None:
        """One line in its place, or nothing."""
        if is_passing and not stand.ending:
            self._publish({}, transient={"display_id": self._place.name}, update=True)
        else:
            self._show(line_html(stand), f"{stand.what}: {stand.end()}")
        if self._button is not None:
            self._publish({}, transient={"display_id": self._button_place}, update=True)
            self._button.close()

    def _show(self, html: str, words: str) -> None:
        where = {"display_id": self._place.name}
        self._publish({"text/html": html, "text/plain": words}, transient=where, update=self._place.is_taken)
        self._place.is_taken = True

    def _cancel_button(self) -> Any:
        import ipywidgets

        button = ipywidgets.Button(description="Cancel", icon="times", tooltip=_INTERRUPT)
        answer_where_asked(button.comm)

        def cancel(_: Any) -> None:
            button.disabled = True
            self._job.cancel()

        button.on_click(cancel)
        data: Any = button._repr_mimebundle_()
        view = {kind: content for kind, content in data.items() if kind != "text/plain"}
        self._publish(view, transient={"display_id": self._button_place})
        return button


class PushedBar:
    """A job that a page draws by itself, such as a form.

    Args:
        tell: is given the words, and the share from 0 to 1, if that is known.
    """

    def __init__(self, tell: Callable[[str, float | None], None]) -> None:
        self._tell = tell

    def draw(self, stand: Stand) -> None:
        """Tell how far it is."""
        self._tell(f"{stand.what}: {stand.now()}", stand.share)

    def end(self, stand: Stand, *, is_passing: bool) -> None:
        """What came of it is told by whoever began it."""


class _Place:
    """An output of a cell."""

    def __init__(self) -> None:
        self.name = uuid4().hex
        self.is_taken = False


@cache
def _places() -> dict[tuple[int, str], _Place]:
    return {}


def _place(cell: int, what: str) -> _Place:
    """The one for jobs of this name in this run of a cell; those of earlier cells are forgotten."""
    places = _places()
    for known in [known for known in places if known[0] != cell]:
        del places[known]
    return places.setdefault((cell, what), _Place())


def bar_html(stand: Stand, hint: str = "") -> str:
    """A bar, with words that say how far it is; needs no style sheet."""
    share = stand.share
    value = "" if share is None else f' value="{share:.3f}" max="1"'
    bar = f'<progress{value} aria-label="{escape(stand.what)}" style="{_BAR}"></progress>'
    more = f"<small>{escape(hint)}</small>" if hint else ""
    return f'<div style="{_ROW}"><span>{escape(stand.what)}</span>{bar}<span>{escape(stand.now())}</span>{more}</div>'


def line_html(stand: Stand) -> str:
    """How it ended."""
    return f'<div style="{_ROW}">{escape(f"{stand.what}: {stand.end()}")}</div>'
