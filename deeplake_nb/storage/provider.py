"""The seam between keys and bytes: one protocol, five verbs, and functions over it.

A provider is rooted at a url: its keys are relative to that, use ``/`` and never start with one.
All verbs are synchronous and thread-safe. Threads live here, in ``get_many``, and nowhere else below the widgets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from deeplake_nb.urls import Url


class ByteRange(NamedTuple):
    """Half-open range of bytes ``[start, stop)`` of an object."""

    start: int
    stop: int


class Entry(NamedTuple):
    """One line of a listing: a key with its size, or, with a delimiter, a folder (``key`` ends in ``/``, no size)."""

    key: str
    nbytes: int | None


class StorageProvider(Protocol):
    """Keys to bytes, at one url."""

    @property
    def url(self) -> Url:
        """The root all keys are relative to."""
        ...

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes, read-only; one request.

        A local file comes as a memory map, so that bulk reads copy once. A range is clipped to the object.

        Raises:
            KeyNotFoundError: no such object.
        """
        ...

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object atomically: a reader sees the old bytes or the new ones.

        ``data`` is one buffer or several to be written one after the other (never joined in memory where the
        storage can avoid it).

        Raises:
            KeyExistsError: ``if_absent`` and the object exists; exactly one of several racing writers wins.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""
        ...

    def list(self, prefix: str = "", *, delimiter: str = "") -> Iterator[Entry]:
        """Objects whose key starts with ``prefix``, sorted by key.

        With ``delimiter="/"`` keys below the next ``/`` are folded into one ``Entry`` per folder.
        """
        ...

    def size(self, key: str) -> int:
        """Bytes of the object.

        Raises:
            KeyNotFoundError: no such object.
        """
        ...
