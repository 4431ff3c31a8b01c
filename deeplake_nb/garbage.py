"""What is left to do for objects that are gone: at once where the last name of one goes, else on a thread of its own.

Python collects garbage in the middle of anything, on any thread and with any lock held. What it calls then must wait
for nothing: neither for a lock, which that very thread may hold, nor for a storage, which takes locks of its own. So it
only leaves word, and this thread, which holds nothing, does the rest.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import threading
import weakref
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Sweeper:
    """Does what objects leave to be done, one thing after the other, until the process ends."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], object]] = SimpleQueue()  # whose put may interrupt another one
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_collecting = self._is_ending = False

    def when_gone(self, owner: object, task: Callable[..., object], *args: object) -> None:
        """Have a task done as soon as ``owner`` is gone, or when the process ends. It must not hold ``owner``."""
        with self._starting:
            if self._thread is None:  # never from a collection: starting waits for the thread
                gc.callbacks.append(self._collecting)
                self._thread = threading.Thread(target=self._run, name="deeplake-nb-garbage", daemon=True)
                self._thread.start()
        weakref.finalize(owner, self._leave, partial(task, *args))

    def settled(self, seconds: float = _PATIENCE_SECONDS) -> bool:
        """Wait until all that a collection left so far is done; False if it takes longer."""
        done = threading.Event()
        self._tasks.put(done.set)
        return self._thread is None or done.wait(seconds)

    def end(self) -> None:
        """From now on, as the process ends, things are done at once."""
        self._is_ending = True
        self.settled()
        while True:
            try:
                _do(self._tasks.get_nowait())
            except Empty:
                return

    def _collecting(self, phase: str, _: object) -> None:
        self._is_collecting = phase == "start"

    def _leave(self, task: Callable[[], object]) -> None:
        if self._is_collecting and not self._is_ending:
            self._tasks.put(task)
        else:
            _do(task)

    def _run(self) -> None:
        while True:
            _do(self._tasks.get())


def _do(task: Callable[[], object]) -> None:
    try:
        task()
    except Exception as error:  # noqa: BLE001 - nobody is left to be told
        _log.warning("what an object left to be done failed: %s", error)


_sweeper = Sweeper()


def when_gone(owner: object, task: Callable[..., object], *args: object) -> None:
    """As `Sweeper.when_gone`, of this process."""
    _sweeper.when_gone(owner, task, *args)


def settled() -> bool:
    """As `Sweeper.settled`, of this process."""
    return _sweeper.settled()


def _anew() -> None:
    """In a forked process, which has not this one's threads, and whose objects are not its own to clear up."""
    global _sweeper  # noqa: PLW0603
    _sweeper = Sweeper()


atexit.register(lambda: _sweeper.end())  # noqa: PLW0108 - the one of that moment
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_anew)
