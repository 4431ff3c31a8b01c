"""What is in a place, one level deep: the value of ``%lake ls``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deeplake_nb.errors import KeyNotFoundError
from deeplake_nb.format import keys
from deeplake_nb.preview.text import byte_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.storage.provider import StorageProvider

Kind = Literal["dataset", "folder", "file"]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a listing: a name (a folder's or dataset's ends in ``/``), what it is, and a file's size."""

    name: str
    kind: Kind
    nbytes: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A place and what is in it, sorted by name; prints as a table."""

    url: str
    items: tuple[Item, ...]
    is_dataset: bool
    """The place itself holds a dataset: the items are its parts."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        title = f"{self.url} is a dataset: %lake load opens it" if self.is_dataset else self.url
        if not self.items:
            return f"{title}: nothing here"
        notes = [item.kind if item.nbytes is None else byte_count(item.nbytes) for item in self.items]
        width = max(map(len, notes))
        return "\n".join(
            (title, *(f"  {note:>{width}}  {item.name}" for note, item in zip(notes, self.items, strict=True)))
        )


def listing(storage: StorageProvider) -> Listing:
    """What is at the root of ``storage``: one listing, and one small request per folder to mark the datasets."""
    entries = list(storage.list(delimiter="/"))
    items = tuple(
        Item(entry.key, "file", entry.nbytes)
        if entry.nbytes is not None
        else Item(entry.key, "dataset" if _holds_dataset(storage, entry.key) else "folder")
        for entry in entries
    )
    return Listing(str(storage.url), items, any(entry.key == keys.DATASET_META for entry in entries))


def _holds_dataset(storage: StorageProvider, folder: str) -> bool:
    try:
        storage.size(folder + keys.DATASET_META)
    except KeyNotFoundError:
        return False
    return True
