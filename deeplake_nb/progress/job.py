"""A long job: what work reports to."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from deeplake_nb.errors import CancelledError
from deeplake_nb.progress.stand import Stand
from deeplake_nb.progress.ticker import SHOWN_AFTER_SECONDS, Display, default_display, ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

_WINDOW = 40
"""So many looks back the rate is measured over: ten seconds."""


class _Here(threading.local):
    job: Progress | None = None
    display: Callable[[Progress], Display | None] | None = None


_HERE = _Here()


class Progress:
    """Counts what is done of a job, from any thread; a call of it reports. Shown once it has lasted a second.

    A job within another one, on the same thread, is part of that: it is shown in its place where the outer one does
    not know how much there is to do, and what it does of the same kind counts for the outer one then.

    Args:
        what: is done, as ``copy to s3://bucket/cars``; holds no secret.
        unit: of what is counted, as ``samples``; ``B`` are bytes.
        total: how much there is to do, where that is known; may be set later.
        undone: what becomes of the work when it is cancelled, as a clause.
        is_shown: False shows nothing of it, nor of what is within it; it does not count, and is not cancelled.
        is_waiting: it is not shown before something is counted.
        is_passing: nothing is left to see once it is done.

    Example:
        >>> with Progress("count", "numbers", 3) as told:
        ...     for number in range(3):
        ...         told(1)
    """

    done = 0
    began = 0.0
    is_cancelled = False  # defaults stand here, as many jobs are over at once
    root: Progress | None = None  # the outermost that it is within; None: it is that itself
    outer: Progress | None = None
    inner: Progress | None = None
    _outcome = ""
    _marks: deque[tuple[float, int]] | None = None

    def __init__(
        self,
        what: str,
        unit: str,
        total: int | None = None,
        undone: str = "",
        *,
        is_shown: bool = True,
        is_waiting: bool = False,
        is_passing: bool = False,
    ) -> None:
        self.what = what
        self.unit = unit
        self.total = total
        self.undone = undone
        self.is_shown = is_shown
        self.is_waiting = is_waiting
        self.is_passing = is_passing
        self._lock = threading.Lock()

    def __call__(self, count: int = 1) -> None:
        """So much more is done.

        Raises:
            CancelledError: somebody has cancelled the job.
        """
        with self._lock:
            self.done += count
        self.check()

    def check(self) -> None:
        """Raise `CancelledError` if somebody has cancelled the job."""
        root = self.root or self
        if root.is_cancelled and self.is_shown:
            root.stop()

    def cancel(self) -> None:
        """Let the next report raise `CancelledError`; from any thread."""
        (self.root or self).is_cancelled = True

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        outer = _HERE.job
        if outer is None:
            choose = _HERE.display or default_display()
            if self.is_shown and choose is not None:
                ticker().add(self, choose)
        else:
            self.root, self.outer = outer.root or outer, outer
            self.check()
            outer.inner = self
        _HERE.job = self
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        outer = _HERE.job = self.outer
        if isinstance(error, KeyboardInterrupt) and not self.is_waiting:  # that is a block of its user's own code
            line = f"KeyboardInterrupt: {self._ended('interrupted')}"
            error._render_traceback_ = partial(str.splitlines, line)  # type: ignore[attr-defined]  # for IPython
        if outer is not None:
            outer.inner = None
            if kind is None and self.is_shown and outer.total is None and outer.unit == self.unit:
                outer.done += self.done
        elif self.is_shown:
            self._outcome = "" if kind is None else _OUTCOMES.get(kind, "failed")
            ticker().remove(self)

    def stop(self) -> None:
        """Raise `CancelledError`, once: what is undone then may be a job, too."""
        self.is_cancelled = False
        raise CancelledError(self._ended("cancelled"))

    def _ended(self, how: str) -> str:
        return f"{self.what}: {how}{f'; {self.undone}' if self.undone else ''}"

    # ------------------------------------------------------------------ as it is seen

    def age(self, now: float) -> float:
        """Seconds since it began."""
        return now - self.began

    def stand(self, now: float) -> Stand | None:
        """How far it is, or what is within it; None where there is nothing to tell. Each call is a look at its rate."""
        job, inner = self, self.inner
        while job.total is None and inner is not None and inner.age(now) > SHOWN_AFTER_SECONDS:
            job, inner = inner, inner.inner
        if job.is_waiting and not job.done:
            return None
        rate = job.looked(now)
        ending = "cancelling" if self.is_cancelled else ""
        return Stand(job.what, job.unit, job.done, job.total, rate, self.age(now), ending)

    def looked(self, now: float) -> float:
        """What is done in a second, since the oldest of the last looks."""
        marks = self._marks = self._marks or deque([(self.began, 0)], maxlen=_WINDOW)
        marks.append((now, self.done))
        seconds = now - marks[0][0]
        return (self.done - marks[0][1]) / seconds if seconds > 0 else 0.0

    def whole(self, now: float) -> Stand:
        """How far it has come now that it is over."""
        seconds = self.age(now)
        return Stand(self.what, self.unit, self.done, self.total, self.done / seconds, seconds, self._outcome)


_OUTCOMES: dict[type[BaseException], str] = {CancelledError: "cancelled", KeyboardInterrupt: "cancelled"}


@contextmanager
def followed_by(display: Callable[[Progress], Display | None]) -> Iterator[None]:
    """Show jobs of this thread in another way, or not at all."""
    before, _HERE.display = _HERE.display, display
    try:
        yield
    finally:
        _HERE.display = before
