"""What a session does for one dataset that it opened."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import CredentialsError, MissingCredentialsError
from deeplake_nb.session import naming
from deeplake_nb.session.arguments import access_of
from deeplake_nb.session.links import LinkedFiles
from deeplake_nb.session.places import Access
from deeplake_nb.urls import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from deeplake_nb.credentials.provider import Secret
    from deeplake_nb.errors import LakeError
    from deeplake_nb.format.samples import Link
    from deeplake_nb.hub.protocol import Lent
    from deeplake_nb.session.files import Files
    from deeplake_nb.session.places import Place, Places
    from deeplake_nb.storage.cors import Cors
    from deeplake_nb.storage.provider import StorageProvider
    from deeplake_nb.urls import Url

_log = logging.getLogger(__name__)


class Home:
    """The session as one dataset sees it: the host that `deeplake_nb.dataset.host` describes.

    Args:
        place: where the dataset is.
        places: opens others.
        files: opens the files it links to.
        copy: copies a storage to a path.
        make: makes an empty dataset at a path.
    """

    def __init__(
        self, place: Place, places: Places, files: Files, copy: Callable[..., Any], make: Callable[..., Any]
    ) -> None:
        self._place = place
        self._places = places
        self._copy = copy
        self._make = make
        self._links = LinkedFiles(files, self._lend, self._sign)

    @property
    def again(self) -> Callable[..., Any]:
        """Loads a path in whatever process calls it, by the session there: a managed key's name goes with it."""
        return partial(loaded_again, self._place.access.org, self._place.creds_key)

    # ------------------------------------------------------------------ its links

    def open_links(self, links: Sequence[Link], managed: Collection[str]) -> list[memoryview | LakeError]:
        """The linked files' bytes, each failing for itself."""
        return self._links.open(links, managed)

    def populate(self, name: str, creds: Any, prefix: str | None) -> None:
        """Credentials for links of a key, in this session."""
        self._links.populate(name, creds, None if prefix is None else parse(prefix))

    def rename_key(self, old: str, new: str | None) -> None:
        """What was given for a key counts for another; None: for none."""
        self._links.rename(old, new)

    def try_key(self, name: str) -> None:
        """Make sure that the hub has a key."""
        try:
            self._links.try_managed(name)
        except MissingCredentialsError:
            raise
        except CredentialsError as error:  # it lends the key for a place only, and which is said by the first link
            _log.debug("key %s is not lent without a place: %s", name, error)

    def _lend(self, key: str, bucket: Url | None, fresh: bool) -> Lent | None:
        """A managed key of the dataset's organisation; None where it belongs to none.

        One that is bound to prefixes is lent for these. Of one that is not, the hub is asked whether it is for this
        bucket: a dataset's author may link to anything.
        """
        org, hub = self._place.access.org, self._places.hub
        if org is None:
            return None
        try:
            lent = hub(self._place.access.token).lend(org, key, fresh=fresh)
            if lent.prefixes or bucket is None:
                return lent
        except MissingCredentialsError:
            raise
        except CredentialsError:
            if bucket is None:
                raise
        return hub(self._place.access.token).lend(org, key, url=bucket.reveal(), fresh=fresh)

    def _sign(self, key: str, url: Url) -> str:
        """An address of one linked file."""
        access = self._place.access
        return self._places.hub(access.token).presign_link(access.org or "", key, url.reveal())

    # ------------------------------------------------------------------ its place

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
        """Copy a storage to another path."""
        is_public = bool(options.pop("public", False))
        return self._copy(
            storage,
            dest,
            overwrite=overwrite,
            creds=creds,
            progressbar=progressbar,
            access=self._as(access_of(options)),
            tensors=tensors,
            is_public=is_public,
        )

    def empty(self, dest: Any, *, overwrite: bool, creds: Any, options: dict[str, Any]) -> Any:
        """A new dataset at another path."""
        is_public = bool(options.pop("public", False))
        access = self._as(access_of(options))
        return self._make(dest, overwrite=overwrite, creds=creds, public=is_public, **access.options())

    def delete(self) -> None:
        """Delete the dataset."""
        naming.delete(self._places, self._place, force=False)

    def _as(self, asked: Access) -> Access:
        """Who asks a hub: as this dataset was opened, where the call does not say."""
        mine = self._place.access
        return Access(asked.org or mine.org, asked.token or mine.token)

    def connect(
        self,
        *,
        creds_key: str | None,
        dest_path: Any,
        org_id: str | None,
        ds_name: str | None,
        token: Secret | None,
    ) -> StorageProvider:
        """Give the dataset a name in a hub; what it was loaded with counts where nothing is said, as in v3."""
        access = self._place.access
        if dest_path is None and org_id is None and creds_key is None and self._place.creds_key is not None:
            org_id = access.org
        wanted = naming.wanted(dest_path, org_id, ds_name)
        key = creds_key if creds_key is not None else self._place.creds_key
        self._place = naming.connect(
            self._places, self._place.url, key, wanted, Access(wanted[0], token or access.token)
        )
        return self._place.storage

    def rename(self, name: str) -> StorageProvider:
        """Another name in its hub."""
        self._place = naming.rename(self._places, self._place, name)
        return self._place.storage

    def set_public(self, is_public: bool) -> None:
        """Let everybody who has a token read it, or members only."""
        naming.set_public(self._places, self._place, is_public=is_public)

    def allow_origin(self, origin: str) -> Cors:
        """Let pages of an origin read its storage."""
        from deeplake_nb.storage.cors import cors

        return cors(self._place.storage, origin, apply=True)


def loaded_again(org: str | None, creds_key: str | None, path: str, **options: Any) -> Any:
    """Load a path by this process's own session."""
    from deeplake_nb import session

    creds = None if creds_key is None else {"creds_key": creds_key}
    return session.default().load(path, creds=creds, org_id=org, **options)
