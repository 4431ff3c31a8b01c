"""What a dataset asks of the session that opened it: all that needs other storages, credentials or a hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from deeplake_nb.errors import LakeError
    from deeplake_nb.format.samples import Link
    from deeplake_nb.storage.cors import Cors
    from deeplake_nb.storage.provider import StorageProvider


class OpenLinks(Protocol):
    """Opens linked files."""

    def __call__(self, links: Sequence[Link], managed: Collection[str]) -> list[memoryview | LakeError]:
        """Their bytes, in order, each failing for itself; ``managed`` are the credentials keys that a hub has."""
        ...


class Host(Protocol):
    """The session, as one dataset sees it. Where it gives a storage, the dataset goes on there."""

    @property
    def again(self) -> Callable[..., Any]:
        """Loads a path in whatever process calls it, as this dataset was; can be pickled, and holds no secret."""
        ...

    def copy(
        self,
        storage: StorageProvider,
        dest: Any,
        *,
        overwrite: bool,
        creds: Any,
        progressbar: bool,
        options: dict[str, Any],
        tensors: Sequence[str] | None = None,
    ) -> Any:
        """Copy a storage, or some tensors of all its versions, to another path; the dataset there."""
        ...

    def empty(self, dest: Any, *, overwrite: bool, creds: Any, options: dict[str, Any]) -> Any:
        """A new dataset at another path."""
        ...

    def delete(self) -> None:
        """Delete the dataset."""
        ...

    def connect(
        self, *, creds_key: str | None, dest_path: Any, org_id: str | None, ds_name: str | None, token: Any
    ) -> StorageProvider:
        """Give the dataset a name in a hub."""
        ...

    def rename(self, name: Any) -> StorageProvider:
        """Give the dataset another name in its hub."""
        ...

    def set_public(self, is_public: bool) -> None:
        """Let everybody who has a token of the hub read it, or members only."""
        ...

    def allow_origin(self, origin: str) -> Cors:
        """Let pages of an origin read the dataset's storage; what was done."""
        ...

    def populate(self, name: str, creds: Any, prefix: str | None) -> None:
        """Credentials for links of a key below a prefix, for this session; None: what the session has of its own."""
        ...

    def rename_key(self, old: str, new: str | None) -> None:
        """What was given for a key counts for another; None: for none."""
        ...

    def try_key(self, name: str) -> None:
        """Make sure that the hub lends a key."""
        ...
