"""Single files, by their addresses: to append as they are, or to link to."""

from __future__ import annotations

import os
import threading
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import LakeError, LinkError
from deeplake_nb.format.samples import Sample
from deeplake_nb.urls import DiscreetText, Url, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.storage.provider import StorageProvider

    Path = str | os.PathLike[str] | Url


class Files:
    """Opens files for one session, many of which share a storage. Thread-safe.

    Args:
        storage: opens the storage at a url, with what a user gave as ``creds=``.
    """

    def __init__(self, storage: Callable[[Url, Any], StorageProvider]) -> None:
        self._storage = storage
        self._stores: dict[Url, StorageProvider] = {}
        self._lock = threading.Lock()

    def sample(self, path: Path, creds: Any, compression: str | None) -> Sample:
        """A file to append, opened when it is needed; a relative path means the working folder of this moment."""
        plain = _plain(path)
        if plain is not None:
            return Sample(path=plain, load=self._from_disk, compression=compression)
        url = parse(path)
        if url.scheme == "file" and not os.path.isabs(url.path):  # noqa: PTH117 - three times as fast
            url = Url("file", path=os.path.abspath(os.path.expanduser(url.path)))  # noqa: PTH100, PTH111 - likewise
        shown = str(url)
        return Sample(path=shown, load=partial(self._load, url, creds), compression=compression)

    @cached_property
    def _from_disk(self) -> Callable[[str], memoryview]:
        return partial(_from_root, self._storage(Url("file", path="/"), None))  # made once, and can be pickled

    def _load(self, url: Url, creds: Any, shown: str) -> memoryview:
        try:
            root, key = rooted(url)
            return (self.opened(root, creds) if creds is not None else self.store(root)).get(key)
        except LakeError as error:
            raise _unreadable(shown, error) from error

    def store(self, root: Url) -> StorageProvider:
        """The storage of many files, opened without credentials of its own, and kept."""
        found = self._stores.get(root)
        if found is None:
            with self._lock:
                found = self._stores.setdefault(root, self.opened(root, None))
        return found

    def opened(self, root: Url, creds: Any) -> StorageProvider:
        """The storage that a file's address names."""
        if root.scheme in ("http", "https"):  # a file's address counts as it is written: its quoting, its query
            from deeplake_nb.credentials.chain import credentials_from
            from deeplake_nb.storage.http import HttpFiles

            return HttpFiles(root, credentials_from(root, creds, environ={}))
        return self._storage(root, creds)


def _from_root(disk: StorageProvider, path: str) -> memoryview:
    try:
        return disk.get(path[1:])
    except LakeError as error:
        raise _unreadable(path, error) from error


def _unreadable(shown: str, error: LakeError) -> LinkError:
    return LinkError(f"the file {shown} cannot be read: {error}")


def rooted(url: Url) -> tuple[Url, str]:
    """The storage a file's address names (a bucket, a container, a host), and the file's key there."""
    if url.scheme == "file":  # a relative path means something else once the working directory has changed
        path = url.path
        if path[:1] != "/" or "/." in path or "//" in path:
            path = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - three times as fast
        drive, rest = os.path.splitdrive(path)
        return Url("file", path=f"{drive}/"), rest.replace(os.sep, "/")[1:]
    container, path = "", url.path
    if url.scheme == "azure":  # an account is no storage, a container is one
        container, _, path = path.partition("/")
    return Url(url.scheme, url.authority, container), DiscreetText(f"{path}?{url.query}".rstrip("?"))


def _plain(path: Path) -> str | None:
    """An absolute local path as it stands; most files have one, and then nothing need be parsed per file."""
    text = path if isinstance(path, str) else os.fspath(path) if isinstance(path, os.PathLike) else None
    if not isinstance(text, str) or text[:1] != "/" or text[-1:] == "/":
        return None
    return None if "//" in text or "/." in text or "\0" in text else text
