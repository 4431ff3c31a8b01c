"""A storage provider for one folder of another: a saved view is a dataset within a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from deeplake_nb.storage.provider import Entry, delete_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.storage.provider import StorageProvider
    from deeplake_nb.storage.ranges import ByteRange
    from deeplake_nb.urls import Url


class Below:
    """Everything in ``folder`` (which ends in ``/``) of another provider, by keys relative to that."""

    def __init__(self, outer: StorageProvider, folder: str) -> None:
        self._outer = outer
        self._folder = folder
        self.concurrency = outer.concurrency

    @property
    def url(self) -> Url:
        """The root all keys are relative to."""
        return self._outer.url.join(self._folder)

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes."""
        return self._outer.get(self._folder + key, byte_range)

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object."""
        self._outer.put(self._folder + key, data, if_absent=if_absent)

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._outer.delete(self._folder + key)

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove every object below the folder."""
        delete_all(self._outer, self._folder + folder, progress=progress)

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects whose key starts with the prefix."""
        for entry in self._outer.list(self._folder + prefix, delimiter=delimiter):
            yield Entry(entry.key.removeprefix(self._folder), entry.nbytes)

    def size(self, key: str) -> int:
        """Bytes of the object."""
        return self._outer.size(self._folder + key)
