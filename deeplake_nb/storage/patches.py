"""Objects that are like others but for some bytes: what stays the same need not pass through this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from deeplake_nb.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.storage.provider import StorageProvider


class Patched(NamedTuple):
    """What an object is to hold: the content of ``source``, but from byte ``start`` on that of the patch.

    ``patches`` are ``(start, C-contiguous buffer)``; where two overlap the later one counts. None makes it longer.
    """

    source: str
    patches: Sequence[tuple[int, Buffer]]

    def within(self, nbytes: int) -> Iterator[tuple[int, memoryview]]:
        """The patches, as bytes, of a source of ``nbytes``.

        Raises:
            StorageError: one that ends beyond the object.
        """
        for start, data in self.patches:
            view = memoryview(data).cast("B")
            if start < 0 or start + len(view) > nbytes:
                raise StorageError(
                    f"a patch for bytes {start} to {start + len(view)} of {self.source!r}, which has {nbytes}: it may "
                    "have been changed meanwhile; nothing was written"
                )
            yield start, view


@runtime_checkable
class PutsPatched(Protocol):
    """A provider that copies objects by itself; call it through `put_patched`."""

    def put_patched(self, key: str, content: Patched) -> None:
        """As the function `put_patched`."""
        ...


def put_patched(provider: StorageProvider, key: str, content: Patched) -> None:
    """Replace the object by another one of the same storage with some bytes changed; atomic, as every put.

    Costs nothing but the changed bytes and a copy within the storage where that is possible; elsewhere the source is
    read and written, and held in memory for that long. ``key`` may be the source itself.

    Raises:
        KeyNotFoundError: the source is not there.
        StorageError: a patch beyond the end of the source, or the storage failed; the object is as it was.
    """
    if isinstance(provider, PutsPatched):
        provider.put_patched(key, content)
        return
    whole = bytearray(provider.get(content.source))
    for start, data in content.within(len(whole)):
        whole[start : start + len(data)] = data
    provider.put(key, whole)
