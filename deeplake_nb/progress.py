"""How far a long job has come: one line that is rewritten in place, in a notebook and in a terminal."""

from __future__ import annotations

import sys
import threading
import time
from html import escape
from typing import TYPE_CHECKING, Any

from deeplake_nb.preview.text import byte_count

if TYPE_CHECKING:
    from typing import Self, TextIO

_PAUSE_SECONDS = 0.2
_WIDTH = 20


class ProgressBar:
    """Counts bytes from any thread; is drawn by the thread that made it, a few times a second at most.

    Draws into the cell of a notebook, or into a terminal; into nothing else, so that no log fills with it.

    Args:
        title: what is done.
        nbytes: how much there is to do.
        stream: where a terminal is.
    """

    def __init__(self, title: str, nbytes: int, stream: TextIO | None = None) -> None:
        self._title = title
        self._nbytes = nbytes
        self._stream = stream or sys.stderr
        self._done = 0
        self._began = time.monotonic()
        self._drawn = 0.0
        self._owner = threading.get_ident()
        self._lock = threading.Lock()
        self._display: Any = _notebook_display(self)

    def __call__(self, nbytes: int) -> None:
        """So much more is done."""
        with self._lock:
            self._done += nbytes
        if threading.get_ident() == self._owner and time.monotonic() - self._drawn > _PAUSE_SECONDS:
            self._draw()

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._draw()
        if self._display is None and self._stream.isatty():
            self._stream.write("\n")

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        if self._display is not None:
            self._display.update(self)
        elif self._stream.isatty():
            self._stream.write(f"\r\x1b[K{self!r}")
            self._stream.flush()

    @property
    def _share(self) -> float:
        return min(self._done / self._nbytes, 1.0) if self._nbytes else 1.0

    def _numbers(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-3)
        speed = byte_count(int(self._done / seconds))
        return f"{self._share:.0%} of {byte_count(self._nbytes)}, {speed}/s"

    def __repr__(self) -> str:
        full = int(self._share * _WIDTH)
        return f"{self._title} [{'=' * full}{' ' * (_WIDTH - full)}] {self._numbers()}"

    def _repr_html_(self) -> str:
        bar = f'<progress value="{self._share:.3f}" max="1"></progress>'
        return f"<div>{escape(self._title)} {bar} {escape(self._numbers())}</div>"


def _notebook_display(bar: ProgressBar) -> Any:
    """A place in the running cell that can be redrawn; ``None`` where there is no notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    return display(bar, display_id=True)  # type: ignore[no-untyped-call]
