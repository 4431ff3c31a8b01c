"""Several processes that do the same, started anew when one dies, and stopped together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import SpawnProcess

_log = logging.getLogger(__name__)
_LEAVE_SECONDS = 15
_BREATH_SECONDS = 1.0


def run_several(work: Callable[..., None], arguments: tuple[Any, ...], count: int) -> None:
    """Run ``work`` in ``count`` processes until SIGINT or SIGTERM; each may take some seconds to finish."""
    context = multiprocessing.get_context("spawn")  # threads and connections of this process are not for them
    is_over = False

    def stop(*_: object) -> None:
        nonlocal is_over
        is_over = True
        for one in running:
            one.terminate()

    def started() -> SpawnProcess:
        one = context.Process(target=_worker, args=(work, arguments))
        one.start()
        return one

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    running: list[SpawnProcess] = []
    try:
        running += [started() for _ in range(count)]
        while not is_over:
            connection.wait([one.sentinel for one in running], timeout=_BREATH_SECONDS)
            dead = [one for one in running if not one.is_alive()]
            if dead and not is_over:
                _log.warning("%d of %d processes ended: %s", len(dead), count, [one.exitcode for one in dead])
                time.sleep(_BREATH_SECONDS)
                running = [one for one in running if one not in dead] + [started() for _ in dead]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _end(running)


def _worker(work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Work until told to stop, or until the process that would tell is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # it was started by `run_several`

    def follow() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="follow", daemon=True).start()
    work(*arguments)


def _end(running: list[SpawnProcess]) -> None:
    for one in running:
        one.terminate()
    until = time.monotonic() + _LEAVE_SECONDS
    for one in running:
        one.join(max(0.0, until - time.monotonic()))
        if one.is_alive():
            one.kill()
            one.join()
