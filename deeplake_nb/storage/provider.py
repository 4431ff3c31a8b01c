"""The seam between keys and bytes: one protocol, five verbs, and functions over it.

A provider is rooted at a url: its keys are relative to that, use ``/`` and never start with one. No part of a key is
empty, ``.`` or ``..``, on any storage, so that a key means the same everywhere and never leaves the root.
All verbs are synchronous and thread-safe; what does many things at once is in `parallel`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from deeplake_nb.errors import KeyNotFoundError, StorageError, UrlError
from deeplake_nb.storage.parallel import delete_many, get_many, in_parallel, most_workers, put_many, side_by_side
from deeplake_nb.storage.patches import Patched, PutsPatched, put_patched
from deeplake_nb.storage.ranges import ByteRange, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.urls import Url

__all__ = [
    "ByteRange",
    "Check",
    "Checkable",
    "DeletesAll",
    "Entry",
    "ListsDigests",
    "Patched",
    "PutsParts",
    "PutsPatched",
    "ReadsInto",
    "Request",
    "StorageProvider",
    "Stored",
    "delete_all",
    "delete_many",
    "digests",
    "exists",
    "get_into",
    "get_many",
    "get_rows",
    "in_parallel",
    "is_empty",
    "most_workers",
    "put_many",
    "put_parts",
    "put_patched",
    "side_by_side",
]


class Entry(NamedTuple):
    """One line of a listing: a key with its size, or, with a delimiter, a folder (``key`` ends in ``/``, no size)."""

    key: str
    nbytes: int | None


class Stored(NamedTuple):
    """One object with what its storage knows of its content: the MD5 digest, ``None`` if it keeps none."""

    key: str
    nbytes: int
    md5: bytes | None


class StorageProvider(Protocol):
    """Keys to bytes, at one url.

    Every verb raises `UrlError` for a key that leaves the root, `PermissionDeniedError` and the `CredentialsError`
    family where there are credentials, and `StorageError` for all else that fails.
    """

    @property
    def url(self) -> Url:
        """The root all keys are relative to."""
        ...

    @property
    def concurrency(self) -> int:
        """Requests worth having under way at once; 1 where an answer costs no waiting, and so no thread."""
        ...

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes, read-only; one request.

        A range is clipped to the object.

        Raises:
            KeyNotFoundError: no such object.
        """
        ...

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object atomically: a reader sees the old bytes or the new ones.

        ``data`` is one C-contiguous buffer, or several to be written one after the other (never joined in memory
        where the storage can avoid it).

        Raises:
            KeyExistsError: ``if_absent`` and the object exists; exactly one of several racing writers wins.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""
        ...

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects whose key starts with ``prefix``, sorted by key (by code points).

        With ``delimiter="/"`` keys below the next ``/`` are folded into one ``Entry`` per folder.
        """
        ...

    def size(self, key: str) -> int:
        """Bytes of the object.

        Raises:
            KeyNotFoundError: no such object.
        """
        ...


@runtime_checkable
class ReadsInto(Protocol):
    """A provider that reads straight into the caller's memory; call it through `get_into`."""

    def get_into(self, key: str, buffer: Buffer, start: int = 0) -> int:
        """As the function `get_into`."""
        ...


@runtime_checkable
class DeletesAll(Protocol):
    """A provider that deletes many objects at once; call it through `delete_all`."""

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """As the function `delete_all`."""
        ...


@runtime_checkable
class PutsParts(Protocol):
    """A provider that takes an object piece by piece; call it through `put_parts`."""

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """As the function `put_parts`."""
        ...


@runtime_checkable
class ListsDigests(Protocol):
    """A provider whose listing tells digests; call it through `digests`."""

    def list_digests(self, prefix: str = "") -> Iterator[Stored]:
        """As the function `digests`."""
        ...


class Check(NamedTuple):
    """One thing a storage can find out about itself.

    Attributes:
        name: what it is about: ``identity``, ``region``, ``CORS``.
        run: makes the request and says what it found, in a few words without secrets; raises a LakeError.
    """

    name: str
    run: Callable[[], str]


@runtime_checkable
class Checkable(Protocol):
    """A provider that knows more about its storage than the five verbs say; the doctor asks it."""

    def endpoint(self) -> str:
        """Where requests go, as ``https://host:port``; asks nothing but the credentials."""
        ...

    def checks(self) -> Sequence[Check]:
        """What can be found out: who the credentials say we are (first), the region, CORS and the like."""
        ...


def exists(provider: StorageProvider, key: str) -> bool:
    """Whether there is such an object; one request."""
    try:
        provider.size(key)
    except KeyNotFoundError:
        return False
    return True


def is_empty(provider: StorageProvider) -> bool:
    """Whether there is no object at all; one request."""
    return next(iter(provider.list()), None) is None


def delete_all(provider: StorageProvider, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
    """Delete every object below ``folder`` (text that ends in ``/``; ``""`` is the root), leaving nothing behind.

    ``progress`` is told the number of objects as they go, where they go one by one or in batches.
    """
    if folder and not folder.endswith("/"):
        raise UrlError(f"cannot delete {folder!r} of {provider.url}: a folder ends in '/'")
    if isinstance(provider, DeletesAll):
        provider.delete_all(folder, progress=progress)
        return
    for entry in list(provider.list(folder)):
        provider.delete(entry.key)
        if progress is not None:
            progress(1)


def get_into(provider: StorageProvider, key: str, buffer: Buffer, start: int = 0) -> int:
    """Fill writable memory with the object's bytes from ``start`` on; one request, one copy where that is possible.

    Returns:
        How many bytes were written: fewer than the buffer has if the object ends before.

    Raises:
        KeyNotFoundError: no such object.
    """
    if isinstance(provider, ReadsInto):
        return provider.get_into(key, buffer, start)
    target = flat(buffer)
    data = provider.get(key, ByteRange(start, start + len(target)))
    target[: len(data)] = data
    return len(data)


def get_rows(provider: StorageProvider, key: str, rows: Sequence[Buffer], starts: Sequence[int]) -> int:
    """Fill each of ``rows`` with the object's bytes from its own start on, of one version of a local file.

    Costs a request for each row where the provider knows no better.

    Returns:
        How many bytes were written: fewer than the rows have if one of them ends beyond the object.

    Raises:
        KeyNotFoundError: no such object.
    """
    read = getattr(provider, "get_rows", None)  # asked again and again, and isinstance takes longer than some rows
    if read is not None:
        return int(read(key, rows, starts))
    return sum(get_into(provider, key, row, start) for row, start in zip(rows, starts, strict=True))


def put_parts(
    provider: StorageProvider,
    key: str,
    data: Iterable[Buffer],
    nbytes: int,
    *,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Replace the object by a long one that comes in pieces; atomic, and in bounded memory where that is possible.

    Args:
        provider: where to.
        key: the object.
        data: its content, in order, in pieces of any size.
        nbytes: how much that is.
        progress: told the number of bytes as they are written, by whichever thread wrote them.

    Raises:
        StorageError: the pieces are not ``nbytes``, or the storage failed; the object is as it was, and no part of
            the new one is left behind.
    """
    if isinstance(provider, PutsParts):
        provider.put_parts(key, data, nbytes, progress=progress)
        return
    pieces = [flat(piece) for piece in data]
    check_length(key, sum(map(len, pieces)), nbytes)
    provider.put(key, pieces)
    if progress is not None:
        progress(nbytes)


def digests(provider: StorageProvider, prefix: str = "") -> Iterator[Stored]:
    """Every object below the prefix with its size, and its MD5 digest where the storage keeps one; costs a listing."""
    if isinstance(provider, ListsDigests):
        yield from provider.list_digests(prefix)
        return
    for entry in provider.list(prefix):
        yield Stored(entry.key, entry.nbytes or 0, None)


_BAD_PART = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|\0")


def check_key(key: str) -> str:
    """The key itself, if it is one.

    Raises:
        UrlError: a part of it is empty, ``.`` or ``..``, or it has a NUL character.
    """
    maybe = "/." in key or "//" in key or "\0" in key or key[:1] in "./" or key[-1:] == "/"  # sooner than the pattern
    if maybe and _BAD_PART.search(key):
        raise UrlError(f"{key!r} is no key: expected parts joined by '/', none of them empty, '.' or '..'")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself, if a key can start with it (the last part may be incomplete).

    Raises:
        UrlError: as `check_key`.
    """
    folder = prefix.rpartition("/")[0]
    if folder or prefix.startswith("/"):
        check_key(folder)
    return prefix


def check_length(key: str, nbytes: int, expected: int) -> None:
    """Refuse pieces that are not what was announced.

    Raises:
        StorageError: they are more or fewer.
    """
    if nbytes != expected:
        raise StorageError(f"{key!r} came in pieces of {nbytes} bytes instead of {expected}: nothing was written")


def flat(buffer: Buffer) -> memoryview:
    """A C-contiguous buffer as bytes; its length is its number of bytes."""
    view = memoryview(buffer)
    if view.ndim == 1 and view.format == "B":
        return view
    return view.cast("B") if view.nbytes else memoryview(bytearray())  # empty shapes cannot be cast


def parts(data: Buffer | Sequence[Buffer]) -> list[memoryview]:
    """What ``put`` was given, as flat buffers."""
    if isinstance(data, list | tuple):
        return [flat(part) for part in data]
    return [flat(data)]  # type: ignore[arg-type]  # any other sequence of buffers fails here, with a TypeError
