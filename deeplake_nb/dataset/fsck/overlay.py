"""A storage whose changes stay in memory: a check tries repairs on it, and so knows what they would lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from deeplake_nb.errors import KeyExistsError, KeyNotFoundError
from deeplake_nb.storage.provider import Entry, parts
from deeplake_nb.storage.ranges import ByteRange, clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.storage.provider import StorageProvider
    from deeplake_nb.urls import Url


class Overlay:
    """What ``inner`` holds, but for the changes; no lock of anybody is seen through it."""

    def __init__(self, inner: StorageProvider) -> None:
        self._inner = inner
        self._changes: dict[str, bytes | None] = {}  # None: deleted
        self.concurrency = inner.concurrency

    @property
    def url(self) -> Url:
        """The root all keys are relative to."""
        return self._inner.url

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes."""
        if key not in self._changes and not key.endswith(".lock"):
            return self._inner.get(key, byte_range)
        view = memoryview(self._changed(key))
        return view if byte_range is None else view[slice(*clip(byte_range, len(view)))]

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object, in memory."""
        if if_absent:
            try:
                self.size(key)
            except KeyNotFoundError:
                pass
            else:
                raise KeyExistsError(f"{self.url.join(key)} exists already")
        self._changes[key] = b"".join(parts(data))

    def delete(self, key: str) -> None:
        """Remove the object, in memory."""
        self._changes[key] = None

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects whose key starts with the prefix."""
        changed = [key for key, data in self._changes.items() if key.startswith(prefix) and data is not None]
        for entry in self._inner.list(prefix, delimiter=delimiter):
            if entry.key not in self._changes and not entry.key.endswith(".lock"):
                yield entry
        for key in sorted(changed):
            yield Entry(key, len(self._changed(key)))

    def size(self, key: str) -> int:
        """Bytes of the object."""
        if key not in self._changes and not key.endswith(".lock"):
            return self._inner.size(key)
        return len(self._changed(key))

    def _changed(self, key: str) -> bytes:
        data = self._changes.get(key)
        if data is None:
            raise KeyNotFoundError(f"no object {self.url.join(key)}")
        return data
