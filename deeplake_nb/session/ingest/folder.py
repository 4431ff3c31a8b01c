"""Files below a place, of any storage."""

from __future__ import annotations

import random
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import KeyNotFoundError, SampleError
from deeplake_nb.format.codecs import ALIASES, TABLE
from deeplake_nb.format.samples import Link, Sample

if TYPE_CHECKING:
    from deeplake_nb.storage.provider import StorageProvider

_PICTURES = {name: ALIASES.get(name, name) for name in (*TABLE, *ALIASES) if TABLE[ALIASES.get(name, name)].pillow}


class Folder:
    """What lies in one folder and below it.

    Args:
        storage: where.
        creds_key: credentials of links to its files.
    """

    def __init__(self, storage: StorageProvider, creds_key: str | None = None) -> None:
        self.storage = storage
        self._creds_key = creds_key

    def __str__(self) -> str:
        return str(self.storage.url)

    @cached_property
    def names(self) -> list[str]:
        """All files, in order; one listing."""
        return sorted(entry.key for entry in self.storage.list())

    @cached_property
    def pictures(self) -> list[str]:
        """Those whose names end as files of images do.

        Raises:
            SampleError: there are none.
        """
        found = [name for name in self.names if _ending(name) in _PICTURES]
        if not found:
            raise SampleError(f"there are no images in {self}: expected files such as a.jpg, a.png; see the path again")
        return found

    def shuffled(self, *, shuffle: bool) -> list[str]:
        """The pictures, in order or in a random one."""
        return random.sample(self.pictures, len(self.pictures)) if shuffle else self.pictures

    @property
    def compression(self) -> str:
        """What most of the pictures are."""
        return Counter(_PICTURES[_ending(name)] for name in self.pictures).most_common(1)[0][0]

    def text(self, name: str) -> str:
        """A file as text.

        Raises:
            SampleError: no such file, or no text.
        """
        try:
            return str(self.storage.get(name), "utf-8")
        except KeyNotFoundError:
            raise SampleError(f"there is no file {name} in {self}") from None
        except UnicodeDecodeError as error:
            raise SampleError(f"{self}/{name} is no UTF-8 text ({error})") from error

    def picture(self, name: str, *, is_link: bool) -> Sample | Link:
        """A file to append: itself, or a link to it."""
        if is_link:
            return Link(self.storage.url.join(name).reveal(), self._creds_key)
        return Sample(path=str(self.storage.url.join(name)), load=lambda _: self.storage.get(name))

    def images(self, given: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """Name and arguments of the tensor that these pictures go into."""
        arguments = {"htype": "image", **(given or {})}
        name = str(arguments.pop("name", "images"))
        if not arguments.get("sample_compression") and "chunk_compression" not in arguments:
            arguments["sample_compression"] = self.compression
        return name, arguments


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""
