"""What is in a place, one level deep: the value of ``%lake ls``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deeplake_nb.errors import KeyNotFoundError, LakeError, PermissionDeniedError
from deeplake_nb.format import keys
from deeplake_nb.preview.text import byte_count
from deeplake_nb.storage.provider import get_many
from deeplake_nb.storage.ranges import ByteRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.hub.protocol import Hub
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
    """What is at the root of ``storage``; costs one listing, and one byte of each folder to mark the datasets.

    Raises:
        PermissionDeniedError: the place may not be listed.
        StorageError: the storage failed.
    """
    entries = list(storage.list(delimiter="/"))
    folders = [entry.key for entry in entries if entry.key.endswith("/")]
    heads = get_many(storage, [(folder + keys.DATASET_META, ByteRange(0, 1)) for folder in folders])
    kinds = {folder: _kind(head) for folder, head in zip(folders, heads, strict=True)}
    items = tuple(Item(entry.key, kinds.get(entry.key, "file"), entry.nbytes) for entry in entries)
    return Listing(str(storage.url), items, is_dataset=any(entry.key == keys.DATASET_META for entry in entries))


def named(hub: Hub, org: str) -> Listing:
    """The datasets of an organisation in a hub, or with ``""`` the organisations one belongs to.

    Raises:
        HubError: the hub cannot be reached, or failed.
    """
    if not org:
        return Listing("hub://", tuple(Item(f"{one}/", "folder") for one in hub.orgs()), is_dataset=False)
    from deeplake_nb.session.hubs import datasets

    return Listing(
        f"hub://{org}", tuple(Item(f"{one.name}/", "dataset") for one in datasets(hub, org)), is_dataset=False
    )


def _kind(head: memoryview | LakeError) -> Kind:
    """A folder by what was found of a dataset in it; what may not be read is listed like any folder."""
    if isinstance(head, KeyNotFoundError | PermissionDeniedError):
        return "folder"
    if isinstance(head, LakeError):
        raise head
    return "dataset"
