"""Behaviour added by wrapping: each of these is a provider in front of any other."""

from __future__ import annotations

import sys
import threading
from collections import Counter, OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from deeplake_nb.errors import ReadOnlyError
from deeplake_nb.storage import provider as seam
from deeplake_nb.storage.leases import lent, stamped
from deeplake_nb.storage.provider import StorageProvider, flat, parts
from deeplake_nb.storage.ranges import ByteRange, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from typing_extensions import Buffer

    from deeplake_nb.storage.leases import Mapped
    from deeplake_nb.storage.provider import Entry, Patched, Stored
    from deeplake_nb.urls import Url

_WHOLE = ByteRange(0, sys.maxsize)


class Wrapper:
    """Forwards everything to ``inner``."""

    def __init__(self, inner: StorageProvider) -> None:
        self.inner = inner

    @property
    def url(self) -> Url:
        """The root all keys are relative to."""
        return self.inner.url

    @property
    def concurrency(self) -> int:
        """Requests worth having under way at once."""
        return self.inner.concurrency

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes."""
        return self.inner.get(key, byte_range)

    def get_into(self, key: str, buffer: Buffer, start: int = 0) -> int:
        """Fill memory with the object's bytes."""
        return seam.get_into(self.inner, key, buffer, start)

    def get_rows(self, key: str, rows: Sequence[Buffer], starts: Sequence[int]) -> int:
        """Fill rows of memory from places in the object."""
        return seam.get_rows(self.inner, key, rows, starts)

    def lend(self, key: str, most: int) -> AbstractContextManager[Mapped | None]:
        """The object's bytes as they lie in memory, if they do."""
        return lent(self.inner, key, most)

    def stamp(self, key: str) -> str | None:
        """What tells the object from what it was at another time, if that is known."""
        return stamped(self.inner, key)

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object."""
        self.inner.put(key, data, if_absent=if_absent)

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Replace the object by pieces."""
        seam.put_parts(self.inner, key, data, nbytes, progress=progress)

    def put_patched(self, key: str, content: Patched) -> None:
        """Replace the object by another one with some bytes changed."""
        seam.put_patched(self.inner, key, content)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self.inner.delete(key)

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove every object below the folder."""
        seam.delete_all(self.inner, folder, progress=progress)

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects whose key starts with the prefix."""
        return self.inner.list(prefix, delimiter=delimiter)

    def list_digests(self, prefix: str = "") -> Iterator[Stored]:
        """Objects with what the storage knows of their content."""
        return seam.digests(self.inner, prefix)

    def size(self, key: str) -> int:
        """Bytes of the object."""
        return self.inner.size(key)


def innermost(provider: StorageProvider) -> StorageProvider:
    """The provider behind all wrappers."""
    while isinstance(provider, Wrapper):
        provider = provider.inner
    return provider


class ReadOnly(Wrapper):
    """Refuses every change with `ReadOnlyError`."""

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Refused."""
        del data, if_absent
        raise self._refusal("write", key)

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Refused."""
        del data, nbytes, progress
        raise self._refusal("write", key)

    def put_patched(self, key: str, content: Patched) -> None:
        """Refused."""
        del content
        raise self._refusal("write", key)

    def delete(self, key: str) -> None:
        """Refused."""
        raise self._refusal("delete", key)

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Refused."""
        del progress
        raise self._refusal("delete", folder)

    def _refusal(self, verb: str, key: str) -> ReadOnlyError:
        return ReadOnlyError(f"cannot {verb} {key!r}: {self.url} was opened for reading; open it with read_only=False")


class Counting(Wrapper):
    """Counts requests and the bytes they carried.

    Attributes:
        requests: verb to number of calls, the failed ones too; what fills or lends memory counts as ``get``.
        nbytes: ``get`` and ``put`` to payload bytes.
    """

    def __init__(self, inner: StorageProvider) -> None:
        super().__init__(inner)
        self.requests: Counter[str] = Counter()
        self.nbytes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Start counting anew."""
        with self._lock:
            self.requests.clear()
            self.nbytes.clear()

    def _count(self, verb: str) -> None:
        with self._lock:
            self.requests[verb] += 1

    def _carried(self, verb: str, nbytes: int) -> None:
        with self._lock:
            self.nbytes[verb] += nbytes

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes, counted."""
        self._count("get")
        data = self.inner.get(key, byte_range)
        self._carried("get", len(data))
        return data

    def get_into(self, key: str, buffer: Buffer, start: int = 0) -> int:
        """Fill memory, counted as a get."""
        self._count("get")
        nbytes = super().get_into(key, buffer, start)
        self._carried("get", nbytes)
        return nbytes

    def get_rows(self, key: str, rows: Sequence[Buffer], starts: Sequence[int]) -> int:
        """Fill rows of memory, counted as one get."""
        self._count("get")
        nbytes = super().get_rows(key, rows, starts)
        self._carried("get", nbytes)
        return nbytes

    @contextmanager
    def lend(self, key: str, most: int) -> Iterator[Mapped | None]:
        """The object's bytes in memory, counted as a get if they are."""
        with super().lend(key, most) as found:
            if found is not None:
                self._count("get")
                self._carried("get", len(found.data))
            yield found

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object, counted."""
        self._count("put")
        self.inner.put(key, data, if_absent=if_absent)
        self._carried("put", sum(len(part) for part in parts(data)))

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Replace the object by pieces, counted as one put."""
        self._count("put")
        super().put_parts(key, data, nbytes, progress=progress)
        self._carried("put", nbytes)

    def put_patched(self, key: str, content: Patched) -> None:
        """Replace the object by a patched one, counted as a put of the patches."""
        self._count("put")
        super().put_patched(key, content)
        self._carried("put", sum(len(flat(data)) for _, data in content.patches))

    def delete(self, key: str) -> None:
        """Remove the object, counted."""
        self._count("delete")
        self.inner.delete(key)

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove every object below the folder, counted once."""
        self._count("delete_all")
        super().delete_all(folder, progress=progress)

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects whose key starts with the prefix, counted once."""
        self._count("list")
        return self.inner.list(prefix, delimiter=delimiter)

    def list_digests(self, prefix: str = "") -> Iterator[Stored]:
        """Objects with what the storage knows of their content, counted as one list."""
        self._count("list")
        return super().list_digests(prefix)

    def size(self, key: str) -> int:
        """Bytes of the object, counted."""
        self._count("size")
        return self.inner.size(key)


class Cached(Wrapper):
    """Keeps what was read last, up to ``capacity_nbytes``.

    Whole objects and ranges are kept as they were asked for; a later range inside one of them needs no request.
    Writes and deletes through this wrapper are seen at once, those of other processes not until an entry is dropped:
    do not put it in front of objects that others change under you, such as a lock. Listings are never kept, and
    `get_into` and `get_rows` pass bulk reads by. Thread-safe; two threads that miss the same object both ask for it.
    """

    def __init__(self, inner: StorageProvider, capacity_nbytes: int) -> None:
        super().__init__(inner)
        self._capacity = capacity_nbytes
        self._nbytes = 0
        self._entries: OrderedDict[tuple[str, ByteRange], memoryview] = OrderedDict()  # least recently used first
        self._ranges: dict[str, set[ByteRange]] = {}
        self._changes = 0  # a read that overlaps a change must not be kept: it may hold the old bytes
        self._lock = threading.Lock()

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes, from memory if they are kept."""
        with self._lock:
            if (found := self._find(key, byte_range or _WHOLE)) is not None:
                return found
            changes = self._changes
        data = self.inner.get(key, byte_range)
        with self._lock:
            if changes == self._changes and len(data) <= self._capacity:
                self._keep(key, byte_range or _WHOLE, data)
        return data

    def get_into(self, key: str, buffer: Buffer, start: int = 0) -> int:
        """Fill memory from what is kept, or straight from the storage."""
        target = flat(buffer)
        with self._lock:
            found = self._find(key, ByteRange(start, start + len(target)))
        if found is None:
            return super().get_into(key, target, start)
        target[: len(found)] = found
        return len(found)

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object and forget the old one."""
        with self._changing(key):
            super().put(key, data, if_absent=if_absent)

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Replace the object by pieces and forget the old one."""
        with self._changing(key):
            super().put_parts(key, data, nbytes, progress=progress)

    def put_patched(self, key: str, content: Patched) -> None:
        """Replace the object by a patched one and forget the old one."""
        with self._changing(key):
            super().put_patched(key, content)

    def delete(self, key: str) -> None:
        """Remove the object, here too."""
        with self._changing(key):
            super().delete(key)

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove every object below the folder, here too."""
        try:
            super().delete_all(folder, progress=progress)
        finally:
            with self._lock:
                self._forget(*[key for key in self._ranges if key.startswith(folder)])

    def size(self, key: str) -> int:
        """Bytes of the object; no request if it is kept whole."""
        with self._lock:
            whole = self._entries.get((key, _WHOLE))
        return self.inner.size(key) if whole is None else len(whole)

    @contextmanager
    def _changing(self, key: str) -> Iterator[None]:
        """Forget an object that is changed, whether that goes well or not."""
        try:
            yield
        finally:
            with self._lock:
                self._forget(key)

    def _find(self, key: str, wanted: ByteRange) -> memoryview | None:
        for kept in self._ranges.get(key, ()):
            if kept.start <= wanted.start and wanted.stop <= kept.stop:
                self._entries.move_to_end((key, kept))
                return cut(self._entries[key, kept], kept, wanted)
        return None

    def _keep(self, key: str, byte_range: ByteRange, data: memoryview) -> None:
        self._drop(key, byte_range)
        self._entries[key, byte_range] = data
        self._ranges.setdefault(key, set()).add(byte_range)
        self._nbytes += len(data)
        while self._nbytes > self._capacity:
            self._drop(*next(iter(self._entries)))

    def _drop(self, key: str, byte_range: ByteRange) -> None:
        data = self._entries.pop((key, byte_range), None)
        if data is not None:
            self._nbytes -= len(data)
            self._ranges[key].discard(byte_range)
            if not self._ranges[key]:
                del self._ranges[key]

    def _forget(self, *keys: str) -> None:
        self._changes += 1
        for key in keys:
            for byte_range in list(self._ranges.get(key, ())):
                self._drop(key, byte_range)
