"""One thread that draws what lasts long enough, a few times a second, and ends when there is nothing to draw."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.progress.job import Progress
    from deeplake_nb.progress.stand import Stand

SHOWN_AFTER_SECONDS = 1.0
_PAUSE_SECONDS = 0.25
_OFF = {"0", "no", "off", "false"}
_IN_SHELLS = "deeplake_nb.widgets.progress_bar"
_IN_MARIMO = "deeplake_nb.widgets.marimo_bar"
"""Named, not imported: what notebooks show is the business of a layer above."""

_log = logging.getLogger(__name__)


class Display(Protocol):
    """Where one job is seen; asked by one thread at a time."""

    def draw(self, stand: Stand) -> None:
        """Show how far it is."""

    def end(self, stand: Stand, *, is_passing: bool) -> None:
        """Show how it ended, or leave nothing behind if ``is_passing``."""


class _Watch:
    """One job that may come to be seen."""

    def __init__(self, job: Progress, choose: Callable[[Progress], Display | None]) -> None:
        self.job = job
        self.lock = threading.Lock()
        self._choose: Callable[[Progress], Display | None] | None = choose
        self._display: Display | None = None
        self._is_over = False

    def draw(self, now: float) -> None:
        """Show it, if it has lasted long enough and there is anything to tell."""
        with self.lock:
            if self._is_over or self.job.age(now) < SHOWN_AFTER_SECONDS:
                return
            stand = self.job.stand(now)
            if stand is None:
                return
            self._quietly(lambda: self._show(stand))

    def end(self) -> None:
        """Show how it ended, if it was ever seen."""
        with self.lock:
            self._is_over = True
            display = self._display
            if display is not None:
                whole = self.job.whole(time.monotonic())
                self._quietly(lambda: display.end(whole, is_passing=self.job.is_passing))

    def _show(self, stand: Stand) -> None:
        if self._choose is not None:
            choose, self._choose = self._choose, None
            self._display = choose(self.job)
        if self._display is not None:
            self._display.draw(stand)

    def _quietly(self, show: Callable[[], None]) -> None:
        """Show it; what cannot be drawn to (a closed terminal, a page that has gone) is no reason to end the work."""
        try:
            show()
        except Exception:  # noqa: BLE001 - whatever a front end makes of it
            self._display = None
            _log.exception("progress cannot be shown")


class Ticker:
    """Watches jobs. Thread-safe."""

    def __init__(self) -> None:
        self._watches: dict[Progress, _Watch] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, job: Progress, choose: Callable[[Progress], Display | None]) -> None:
        """Watch a job that begins; ``choose`` gives its display once it has lasted long enough."""
        with self._lock:
            self._watches[job] = _Watch(job, choose)
            if self._thread is None or not self._thread.is_alive():  # as in a process that was forked
                self._thread = threading.Thread(target=self._run, name="deeplake-nb-progress", daemon=True)
                self._thread.start()

    def remove(self, job: Progress) -> None:
        """The job is over."""
        with self._lock:
            watch = self._watches.pop(job, None)
        if watch is not None:
            watch.end()

    def _run(self) -> None:
        idle = 0.0
        while idle < SHOWN_AFTER_SECONDS:
            time.sleep(_PAUSE_SECONDS)
            with self._lock:
                watches = list(self._watches.values())
            idle = 0.0 if watches else idle + _PAUSE_SECONDS
            now = time.monotonic()
            for watch in watches:
                watch.draw(now)
        with self._lock:
            if self._watches:  # one was added meanwhile
                self._thread = threading.Thread(target=self._run, name="deeplake-nb-progress", daemon=True)
                self._thread.start()
            else:
                self._thread = None


@cache
def ticker() -> Ticker:
    """This process's."""
    return Ticker()


def default_display() -> Callable[[Progress], Display | None] | None:
    """How jobs of this thread are shown where nobody has said otherwise; None where they cannot be: asked often."""
    if "marimo" in sys.modules and not _is_off():
        in_cell: Callable[[Progress], Display | None] | None = import_module(_IN_MARIMO).display_in_cell()
        if in_cell is not None:
            return in_cell
    if threading.get_ident() != threading.main_thread().ident:
        return None  # what works for a page, or beside the user's work, has no place in a cell or on a line
    if "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty()):
        return _display
    return None


def _display(job: Progress) -> Display | None:
    if _is_off():
        return None
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        found: Display | None = import_module(_IN_SHELLS).display_in(shell, job)
        return found
    from deeplake_nb.progress.terminal import TerminalLine

    return TerminalLine(sys.stderr)


def _is_off() -> bool:
    return os.environ.get("DEEPLAKE_NB_PROGRESS", "").strip().lower() in _OFF
