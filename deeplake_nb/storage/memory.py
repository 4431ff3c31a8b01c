"""Objects in this process's memory, shared by name: for tests, examples and scratch work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from deeplake_nb.errors import KeyExistsError, KeyNotFoundError
from deeplake_nb.storage.provider import Entry, check_key, check_prefix, parts
from deeplake_nb.storage.ranges import ByteRange, clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.urls import Url

_lock = threading.Lock()
_stores: dict[str, dict[str, bytes]] = {}  # name to objects: a store lives as long as the process, as a folder would


class MemoryStorage:
    """``mem://name/folder``: the same name is the same store, wherever in the process it is opened."""

    concurrency = 1

    def __init__(self, url: Url, credentials: CredentialProvider | None = None) -> None:
        del credentials  # every storage is opened alike; memory asks for none
        self.url = url
        self._prefix = f"{url.path}/" if url.path else ""
        with _lock:
            self._objects = _stores.setdefault(url.authority, {})

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes; no copy."""
        view = memoryview(self._object(key))
        return view if byte_range is None else view[slice(*clip(byte_range, len(view)))]

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object by a copy of the data."""
        key = self._prefix + check_key(key)
        content = b"".join(parts(data))
        with _lock:
            if if_absent and key in self._objects:
                raise KeyExistsError(f"{self.url.join(key[len(self._prefix) :])} exists already")
            self._objects[key] = content

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        with _lock:
            self._objects.pop(self._prefix + check_key(key), None)

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """A sorted snapshot of the matching objects."""
        start, skip = self._prefix + check_prefix(prefix), len(self._prefix)
        with _lock:
            found = {key[skip:]: len(content) for key, content in self._objects.items() if key.startswith(start)}
        folder = ""
        for key in sorted(found):
            if folder and key.startswith(folder):
                continue
            below, slash, _ = key[len(prefix) :].partition("/")
            folder = f"{prefix}{below}/" if delimiter and slash else ""
            yield Entry(folder, None) if folder else Entry(key, found[key])

    def size(self, key: str) -> int:
        """Bytes of the object."""
        return len(self._object(key))

    def _object(self, key: str) -> bytes:
        try:
            return self._objects[self._prefix + check_key(key)]
        except KeyError:
            raise KeyNotFoundError(f"no object {self.url.join(key)}") from None
