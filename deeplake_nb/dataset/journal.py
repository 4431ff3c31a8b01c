"""Several objects changed as one: see ``format.journal`` for what is written first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.errors import KeyNotFoundError, LakeError
from deeplake_nb.format import journal, keys
from deeplake_nb.storage.provider import delete_many, get_many, put_many, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.format.journal import Entry
    from deeplake_nb.storage.provider import StorageProvider

    Objects = dict[str, bytes | None]


def fetch(storage: StorageProvider, paths: Sequence[str]) -> dict[str, memoryview | None]:
    """Several small objects at once; None for one that is not there."""
    out: dict[str, memoryview | None] = {}
    for path, data in zip(paths, get_many(storage, [(path, None) for path in paths]), strict=True):
        if isinstance(data, LakeError) and not isinstance(data, KeyNotFoundError):
            raise data
        out[path] = None if isinstance(data, LakeError) else data
    return out


class AsOne:
    """Changes several objects of a version as one, for one writer, who knows what it wrote there itself."""

    def __init__(self) -> None:
        self._stored: dict[str, bytes] = {}  # digests

    def look(self, storage: StorageProvider, paths: Sequence[str]) -> None:
        """Find out what objects are before they are changed; one round of requests for those that are not known."""
        unknown = [path for path in paths if path not in self._stored]
        self._stored |= {path: journal.digest(data) for path, data in fetch(storage, unknown).items()}

    def forget(self) -> None:
        """Others may have changed them."""
        self._stored.clear()

    def lose(self, paths: Iterable[str]) -> None:
        """Objects are about to be written in another way."""
        for path in paths:
            self._stored.pop(path, None)

    def note(self, objects: Mapping[str, Buffer]) -> None:
        """Objects that were written in another way."""
        self._stored |= {path: journal.digest(data) for path, data in objects.items()}

    def change(self, storage: StorageProvider, commit: str, changes: Objects) -> None:
        """Announce what is to be written (None: deleted) to objects that were looked at, and do it."""
        entries = [journal.entry(path, self._stored[path], data) for path, data in changes.items()]
        storage.put(keys.journal(commit), journal.encode(entries))
        self.lose(changes)
        carry_out(storage, commit, changes)
        self._stored |= {path: journal.digest(data) for path, data in changes.items()}


def carry_out(storage: StorageProvider, commit: str, changes: Objects) -> None:
    """Do what a journal announces, in any order, and take it away."""
    gone = [key for key, data in changes.items() if data is None]
    side_by_side(
        storage,
        lambda: put_many(storage, [(key, data) for key, data in changes.items() if data is not None]),
        lambda: delete_many(storage, gone),
    )
    storage.delete(keys.journal(commit))


def announced(commit: str, data: Buffer | None) -> list[Entry]:
    """What the journal of a version (its content, if there is one) says."""
    return [] if data is None else journal.decode(data, keys.journal(commit))


def unfinished(entries: Sequence[Entry], stored: Mapping[str, Buffer | None]) -> Objects:
    """What is announced and not written for sure.

    Nothing of a journal that is out of date, because somebody has written since.
    """
    return {one.key: one.data for one in entries} if journal.is_current(entries, stored) else {}
