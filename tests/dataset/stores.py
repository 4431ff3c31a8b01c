"""Storages that fail, and what a storage holds."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from itertools import count

from deeplake_nb.dataset.dataset import Dataset
from deeplake_nb.errors import StorageError
from deeplake_nb.session import default
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.wrappers import Wrapper
from deeplake_nb.urls import parse
from tests.eventually import collected

LOCK = "dataset_lock.lock"


class Killed(BaseException):
    """The process is gone: nobody catches this, and what cleans up behind it changes nothing any more."""


class Dying(Wrapper):
    """As what a killed process leaves: from the n-th change on, a put or the deletion of an object, none is made."""

    left = None

    def kill_at(self, change):
        self.left = change

    def put(self, key, data, *, if_absent=False):
        self._live()
        super().put(key, data, if_absent=if_absent)

    def put_patched(self, key, content):
        self._live()
        super().put_patched(key, content)

    def delete(self, key):
        self._live()
        super().delete(key)

    def delete_all(self, folder="", *, progress=None):
        for entry in list(self.list(folder)):
            self.delete(entry.key)

    def _live(self):
        if self.left is not None:
            self.left = max(self.left - 1, 0)
            if not self.left:
                raise Killed


class Failing(Wrapper):
    """Fails at the n-th put from now on: only that one, or all that follow as well, deletes included.

    Or, scattered, every other one of them for a while, as of many that are under way at once some get through.
    """

    def __init__(self, inner, concurrency=1):
        super().__init__(inner)
        self.countdown = None
        self.for_good = False
        self.puts = []
        self._scattered = 0
        self._concurrency = concurrency
        self._counting = threading.Lock()  # objects are put by several threads

    @property
    def concurrency(self):
        return self._concurrency

    def fail_at(self, put, *, for_good=False, scattered=False):
        self.countdown, self.for_good, self._scattered = put, for_good, 12 * scattered

    def put(self, key, data, *, if_absent=False):
        if self._is_over():
            raise StorageError(f"no space left for {key}")
        super().put(key, data, if_absent=if_absent)
        self.puts.append(key)

    def put_patched(self, key, content):
        if self._is_over():
            raise StorageError(f"no space left for {key}")
        super().put_patched(key, content)
        self.puts.append(key)

    def delete(self, key):
        if self.for_good and self.countdown == 0:
            raise StorageError(f"cannot delete {key}")
        super().delete(key)

    def _is_over(self):
        with self._counting:
            if self.countdown is None:
                return False
            self.countdown = max(self.countdown - 1, 0)
            if self.countdown:
                return False
            if not self.for_good:
                self.countdown = None
            self._scattered = max(self._scattered - 1, 0)
            return self._scattered % 2 == 0 or not self.for_good


class Inline(Executor):
    """In place of a pool of threads: what is submitted is done at once, so that what a test finds it finds again."""

    def __init__(self, *_, **__):
        pass

    def submit(self, work, /, *args, **options):
        future = Future()
        try:
            future.set_result(work(*args, **options))
        except BaseException as error:  # noqa: BLE001 - as a pool does
            future.set_exception(error)
        return future


def dies(storage, put, change):
    """Whether a writer that makes a change dies at that put."""
    failing = Failing(storage)
    ds = load(failing)
    failing.fail_at(put, for_good=True)
    try:
        change(ds)
    except StorageError:
        return True
    finally:
        del ds
        collected()
    return False


_numbers = count()


def memory():
    """A memory store of its own."""
    return MemoryStorage(parse(f"mem://test-dataset-{next(_numbers)}"))


def create(storage):
    return Dataset.create(storage, default().open_links)


def load(storage, **options):
    return Dataset.open(storage, default().open_links, **options)


def objects(storage):
    """Everything that is stored, but for the write lock."""
    return {entry.key: bytes(storage.get(entry.key)) for entry in storage.list() if not entry.key.endswith(LOCK)}


def counting(storage):
    """What is stored and mentioned: chunks that no table names do not count."""
    ds = load(storage, read_only=True)
    named = set()
    for tensor in ds._state.tensors.values():
        ids = ds._state.tables(tensor).ids
        named |= {ds._state.chunk_key(tensor, int(one)) for one in ids.ids}
    return {key: data for key, data in objects(storage).items() if "/chunks/" not in key or key in named}


def lengths(ds):
    return {key: tensor.length for key, tensor in ds._state.tensors.items()}
