"""Full chunks on their way to the storage, while further samples are made ready."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from typing_extensions import Buffer

    from deeplake_nb.storage.provider import StorageProvider

_MOST_NBYTES = 64 << 20
"""What is under way holds so many bytes at the most."""
_SMALL_NBYTES = 1 << 20
"""Less is written sooner than a thread begins, where nothing is waited for."""


class Outgoing:
    """Objects that are being written side by side, in no order, until somebody waits for them.

    Their buffers must stay as they are until then. For one thread at a time.
    """

    def __init__(self, storage: StorageProvider) -> None:
        self._storage = storage
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: dict[Future[None], int] = {}

    def put(self, key: str, data: Sequence[Buffer], nbytes: int) -> None:
        """Begin to write an object of about so many bytes, as soon as there is room for it.

        Raises:
            LakeError: an earlier one could not be written.
        """
        if nbytes < _SMALL_NBYTES and self._storage.concurrency == 1:
            self._storage.put(key, data)
            return
        from concurrent.futures import ThreadPoolExecutor

        while self._under_way and sum(self._under_way.values()) + nbytes > _MOST_NBYTES:
            self._wait_for_one()
        if self._pool is None:
            workers = max(self._storage.concurrency, os.cpu_count() or 1)
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="outgoing")
        self._under_way[self._pool.submit(self._storage.put, key, data)] = nbytes

    def wait(self) -> None:
        """Until all of them are there.

        Raises:
            LakeError: the first that could not be written; others may still be under way, until `stop`.
        """
        while self._under_way:
            self._wait_for_one()
        self.stop()

    def stop(self) -> None:
        """Leave out what has not begun, and wait for the rest, whatever becomes of it."""
        self._under_way.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _wait_for_one(self) -> None:
        from concurrent.futures import FIRST_COMPLETED, wait

        done = wait(self._under_way, return_when=FIRST_COMPLETED).done
        for one in done:
            del self._under_way[one]
        while done:  # without keeping one: an error's traceback would hold it, and it the error
            done.pop().result()
