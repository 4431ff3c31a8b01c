"""Names of a hub: what ``hub://org/name`` says, and the storage behind it, which goes by that name."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal

from deeplake_nb.errors import LakeError, UrlError
from deeplake_nb.storage.wrappers import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from typing_extensions import Buffer

    from deeplake_nb.hub.protocol import Lent, Resolved
    from deeplake_nb.storage.provider import Entry, Patched, StorageProvider, Stored
    from deeplake_nb.storage.ranges import ByteRange
    from deeplake_nb.urls import Url


def org_and_name(url: Url) -> tuple[str, str]:
    """What a path of a hub names.

    Raises:
        UrlError: it is no ``hub://organisation/name``.
    """
    if url.scheme != "hub" or not url.path or "/" in url.path:
        raise UrlError(f"{url} names no dataset of a hub: write hub://organisation/name")
    return url.authority, url.path


class NamedStorage(Wrapper):
    """A storage that goes by its name in a hub: in ``url``, and in what errors say."""

    def __init__(self, inner: StorageProvider, name: Url) -> None:
        super().__init__(inner)
        self._name = name
        self._naming = _Naming(str(inner.url), str(name))

    @property
    def url(self) -> Url:
        """``hub://org/name``."""
        return self._name

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes."""
        with self._naming:
            return self.inner.get(key, byte_range)

    def get_into(self, key: str, buffer: Buffer, start: int = 0) -> int:
        """Fill memory with the object's bytes."""
        with self._naming:
            return super().get_into(key, buffer, start)

    def get_rows(self, key: str, rows: Sequence[Buffer], starts: Sequence[int]) -> int:
        """Fill rows of memory from places in the object."""
        with self._naming:
            return super().get_rows(key, rows, starts)

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object."""
        with self._naming:
            self.inner.put(key, data, if_absent=if_absent)

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Replace the object by pieces."""
        with self._naming:
            super().put_parts(key, data, nbytes, progress=progress)

    def put_patched(self, key: str, content: Patched) -> None:
        """Replace the object by another one with some bytes changed."""
        with self._naming:
            super().put_patched(key, content)

    def delete(self, key: str) -> None:
        """Remove the object."""
        with self._naming:
            self.inner.delete(key)

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove every object below the folder."""
        with self._naming:
            super().delete_all(folder, progress=progress)

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects whose key starts with the prefix."""
        with self._naming:
            yield from self.inner.list(prefix, delimiter=delimiter)

    def list_digests(self, prefix: str = "") -> Iterator[Stored]:
        """Objects with what the storage knows of their content."""
        with self._naming:
            yield from super().list_digests(prefix)

    def size(self, key: str) -> int:
        """Bytes of the object."""
        with self._naming:
            return self.inner.size(key)


class _Naming(AbstractContextManager[None]):
    """Errors that pass through here say the name instead of the place."""

    def __init__(self, place: str, name: str) -> None:
        self._place = place
        self._name = name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, LakeError):
            error.args = tuple(
                part.replace(self._place, self._name) if isinstance(part, str) else part for part in error.args
            )


class Lending:
    """What a hub lends, as ``creds=`` takes a function: called anew before what it gave ends.

    Args:
        name: what it is called in messages.
        ask: asks the hub; its argument says whether what it remembers will not do.
        first: what the hub has said already.
    """

    def __init__(self, name: str, ask: Callable[[bool], Resolved | Lent], first: Resolved | Lent | None = None) -> None:
        self.name = name
        self._ask = ask
        self._first = first
        self._is_asked = first is not None

    def __call__(self) -> Mapping[str, Any] | None:
        """The credentials, with ``expires_at`` if they end."""
        answer = self._first or self._ask(self._is_asked)
        self._first, self._is_asked = None, True
        if not answer.creds:
            return None
        return {**answer.creds, "expires_at": answer.expires_at} if answer.expires_at else answer.creds
