"""Many requests at once: the only threads below the widgets, but for the one that renews a lock."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from deeplake_nb.errors import LakeError
from deeplake_nb.storage.patches import Patched, put_patched
from deeplake_nb.storage.ranges import Request, coalesce, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from typing_extensions import Buffer

    from deeplake_nb.storage.provider import StorageProvider

T = TypeVar("T")
R = TypeVar("R")

_AHEAD_NBYTES = 128 << 20
"""No request begins while this much is read and not consumed yet."""
LARGE_NBYTES = 1 << 20
"""Copying that much to the system takes longer than a thread to begin, and needs no lock of Python's."""


def get_many(
    provider: StorageProvider, requests: Sequence[Request], *, max_workers: int | None = None
) -> Iterator[memoryview | LakeError]:
    """The answers to many requests, in their order; a request that fails yields its error in its place.

    Where the provider waits for its answers, near ranges are joined and ``max_workers`` (default: the provider's
    ``concurrency``) requests are under way at once. Reading runs ahead of the consumer by twice that and by 128 MB,
    whichever is less, so that memory stays bounded; a consumer that stops early cancels the rest.
    """
    workers = provider.concurrency if max_workers is None else max_workers
    if workers <= 1:
        for request in requests:
            yield _attempt(provider, request)
        return
    from concurrent.futures import ThreadPoolExecutor

    reads, owner = coalesce(requests)
    last_use = {number: index for index, number in enumerate(owner)}
    under_way: dict[int, Future[memoryview | LakeError]] = {}
    started = 0
    ahead = _Ahead(provider)
    pool = ThreadPoolExecutor(min(workers, len(reads)) or 1, thread_name_prefix="get_many")
    try:
        for index, number in enumerate(owner):
            limit = min(len(reads), number + 1 + 2 * workers)
            for following in range(started, limit):
                under_way[following] = pool.submit(ahead.read, following, reads[following])
            started = max(started, limit)
            ahead.need(number)
            answer = under_way[number].result()
            if last_use[number] == index:
                del under_way[number]
                ahead.consumed(answer)
            yield answer if isinstance(answer, LakeError) else cut(answer, reads[number][1], requests[index][1])
    finally:
        ahead.end()
        pool.shutdown(wait=False, cancel_futures=True)


class _Ahead:
    """Reads begin in order, and wait while too much is read and not consumed, but for the one that is needed now."""

    def __init__(self, provider: StorageProvider) -> None:
        self._provider = provider
        self._nbytes = 0
        self._needed = 0
        self._is_over = False
        self._room = threading.Condition()

    def read(self, number: int, request: Request) -> memoryview | LakeError:
        with self._room:
            self._room.wait_for(lambda: self._nbytes < _AHEAD_NBYTES or number <= self._needed or self._is_over)
        answer = _attempt(self._provider, request)
        self._add(answer, 1)
        return answer

    def need(self, number: int) -> None:
        with self._room:
            self._needed = number
            self._room.notify_all()

    def consumed(self, answer: memoryview | LakeError) -> None:
        self._add(answer, -1)

    def end(self) -> None:
        with self._room:
            self._is_over = True
            self._room.notify_all()

    def _add(self, answer: memoryview | LakeError, sign: int) -> None:
        if isinstance(answer, memoryview):
            with self._room:
                self._nbytes += sign * len(answer)
                self._room.notify_all()


def put_many(
    provider: StorageProvider,
    puts: Sequence[tuple[str, Buffer | Sequence[Buffer] | Patched]],
    *,
    max_workers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write many objects, in no order; when it returns all of them are there.

    Where the provider waits for its answers, ``max_workers`` (default: the provider's ``concurrency``) puts are under
    way at once, and as many as there are cores of large objects, which others copy for us. What has an order is
    written in several calls. ``progress`` is told of each object that is there.

    Raises:
        LakeError: the first that failed, when nothing is under way any more; puts that had not begun are left out.
    """

    def write(put: tuple[str, Buffer | Sequence[Buffer] | Patched]) -> None:
        key, data = put
        if isinstance(data, Patched):
            put_patched(provider, key, data)
        else:
            provider.put(key, data)

    workers = max_workers
    if workers is None:
        large = provider.concurrency == 1 and sum(_is_large(data) for _, data in puts)
        workers = min(large, most_workers(provider)) if large > 1 else provider.concurrency
    for _ in in_parallel(write, puts, min(workers, len(puts))):
        progress(1)


def _is_large(data: Buffer | Sequence[Buffer] | Patched) -> bool:
    """Whether writing it takes longer than another thread does to begin."""
    if isinstance(data, Patched):
        return True
    buffers: Any = data if isinstance(data, (list, tuple)) else [data]
    return sum(memoryview(one).nbytes for one in buffers) >= LARGE_NBYTES


def delete_many(provider: StorageProvider, keys: Sequence[str]) -> None:
    """Remove several objects, in no order; those that are not there are no error.

    Raises:
        LakeError: the first that failed, when nothing is under way any more.
    """
    for _ in in_parallel(provider.delete, keys, min(provider.concurrency, len(keys))):
        pass


def side_by_side(provider: StorageProvider, *tasks: Callable[[], Any]) -> list[Any]:
    """What each task gives: at once where the provider waits for its answers, else one after the other.

    The first error, in their order, is raised when nothing is under way any more.
    """
    return list(in_order(lambda task: task(), tasks, len(tasks) if provider.concurrency > 1 else 1))


def most_workers(provider: StorageProvider) -> int:
    """Threads for what keeps the system busy as well: so many answers are waited for, or there are so many cores."""
    return max(provider.concurrency, os.cpu_count() or 1)


def in_parallel(task: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R]:
    """What ``task`` gives for each item, ``workers`` at once, as they are done; no threads for fewer than two.

    An item is taken when a worker is about to be free. The first error is raised, and when this generator ends, for
    whatever reason, nothing is under way any more.
    """
    if workers <= 1:
        yield from map(task, items)
        return
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

    pool = ThreadPoolExecutor(workers, thread_name_prefix="in_parallel")
    under_way: set[Future[R]] = set()
    try:
        for item in items:
            under_way.add(pool.submit(task, item))
            while len(under_way) > workers:  # one more waits for the next that is free
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from _results(done)
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from _results(done)
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(task: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R]:
    """What ``task`` gives for each item, in their order, ``workers`` at once; no threads for fewer than two.

    Work runs ahead of the consumer by twice as many items as there are workers. The first error, in order, is raised,
    and when this generator ends, for whatever reason, nothing is under way any more.
    """
    if workers <= 1:
        yield from map(task, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers, thread_name_prefix="in_order")
    under_way: deque[Future[R]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(task, item))
            if len(under_way) > 2 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        under_way.clear()
        pool.shutdown(cancel_futures=True)


def _results(done: set[Future[R]]) -> Iterator[R]:
    """Without keeping a future: an error's traceback would hold it, and it the error, and so all that these hold."""
    while done:
        yield done.pop().result()


def _attempt(provider: StorageProvider, request: Request) -> memoryview | LakeError:
    try:
        return provider.get(*request)
    except LakeError as error:
        return error
